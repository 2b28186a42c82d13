use proptest::prelude::*;

use super::*;

const ALL_OFF_FORCE_ON: Gates = Gates {
    all_branch_references: false,
    force_push_branch: true,
};
const BOTH_OFF: Gates = Gates {
    all_branch_references: false,
    force_push_branch: false,
};

fn branch(name: &str) -> CheckoutRef {
    CheckoutRef {
        branch: Some(name.to_owned()),
        ..CheckoutRef::default()
    }
}

fn named(name: &str) -> CheckoutRef {
    CheckoutRef {
        name: Some(name.to_owned()),
        ..CheckoutRef::default()
    }
}

fn tag(name: &str) -> CheckoutRef {
    CheckoutRef {
        tag: Some(name.to_owned()),
        ..CheckoutRef::default()
    }
}

#[test]
fn push_branch_follows_the_checkout_branch() {
    let plan = plan(Some(&branch("main")), None, Gates::default()).unwrap();
    assert_eq!(plan.push_ref(), "refs/heads/main");
    assert_eq!(plan.target, Target::SameBranch);
    assert_eq!(plan.course(PushBranch::Present), Ok(Course::Continue));
}

#[test]
fn without_any_ref_master_is_checked_out_but_not_pushed_to_by_default() {
    assert_eq!(
        plan(None, None, Gates::default()),
        Err(PlanError::NoPushBranch)
    );
    let to_master = plan(None, Some("master"), Gates::default()).unwrap();
    assert_eq!(to_master.checkout, Reference::Branch("master".to_owned()));
    assert_eq!(to_master.target, Target::SameBranch);
    let other = plan(None, Some("main"), Gates::default()).unwrap();
    assert_eq!(other.target, Target::OtherBranch);
}

#[test]
fn row_115_a_new_push_branch_starts_at_the_checkout_tip() {
    for gates in [Gates::default(), ALL_OFF_FORCE_ON, BOTH_OFF] {
        let plan = plan(Some(&branch("main")), Some("updates"), gates).unwrap();
        assert_eq!(plan.course(PushBranch::Absent), Ok(Course::Create));
    }
}

#[test]
fn row_116_an_existing_push_branch_is_continued() {
    let plan = plan(Some(&branch("main")), Some("updates"), Gates::default()).unwrap();
    assert_eq!(plan.course(PushBranch::Present), Ok(Course::Continue));
}

#[test]
fn row_117_without_all_branches_it_is_recreated_from_the_checkout_tip() {
    let replaced = plan(Some(&branch("main")), Some("updates"), ALL_OFF_FORCE_ON).unwrap();
    assert_eq!(replaced.course(PushBranch::Present), Ok(Course::Replace));
    let stuck = plan(Some(&branch("main")), Some("updates"), BOTH_OFF).unwrap();
    assert_eq!(
        stuck.course(PushBranch::Present),
        Err(PlanError::NeitherContinuedNorReplaced("updates".to_owned()))
    );
}

#[test]
fn row_120_a_ref_name_of_the_push_branch_is_no_switch_and_is_never_forced() {
    for gates in [Gates::default(), ALL_OFF_FORCE_ON] {
        let plan = plan(Some(&named("refs/heads/main")), Some("main"), gates).unwrap();
        assert_eq!(plan.target, Target::SameBranch);
        assert_eq!(plan.course(PushBranch::Present), Ok(Course::Continue));
        let refspec = Refspec::parse("+refs/heads/main:refs/heads/main").unwrap();
        assert!(!plan.forces(&refspec, "refs/heads/main"));
    }
}

#[test]
fn row_122_a_refspec_may_name_the_branch_itself() {
    let refspec = Refspec::parse("refs/heads/main:refs/heads/main").unwrap();
    assert_eq!(
        refspec.destination("refs/heads/main"),
        Ok("refs/heads/main".to_owned())
    );
}

#[test]
fn row_124_a_pinned_checkout_cannot_be_pushed_to_its_own_branch() {
    let pinned = CheckoutRef {
        tag: Some("v1".to_owned()),
        ..branch("main")
    };
    let expected = Err(PlanError::Pinned {
        pinned: "tag 'v1'".to_owned(),
        branch: "main".to_owned(),
    });
    assert_eq!(plan(Some(&pinned), None, Gates::default()), expected);
    assert_eq!(
        plan(Some(&pinned), Some("main"), Gates::default()),
        expected
    );
    let elsewhere = plan(Some(&pinned), Some("updates"), Gates::default()).unwrap();
    assert_eq!(elsewhere.target, Target::OtherBranch);
}

#[test]
fn row_125_a_tag_alone_needs_a_push_branch() {
    assert_eq!(
        plan(Some(&tag("v1")), None, Gates::default())
            .unwrap_err()
            .to_string(),
        "push spec not provided, and cannot be inferred from .spec.git.checkout.ref or GitRepository .spec.ref"
    );
}

#[test]
fn a_ref_name_alone_needs_a_push_branch_even_if_it_names_a_branch() {
    assert_eq!(
        plan(Some(&named("refs/heads/main")), None, Gates::default()),
        Err(PlanError::NoPushBranch)
    );
}

#[test]
fn row_126_a_tag_wins_over_a_range() {
    let both = CheckoutRef {
        semver: Some(">=1".to_owned()),
        ..tag("v1")
    };
    assert_eq!(Reference::of(Some(&both)), Reference::Tag("v1".to_owned()));
}

#[test]
fn precedence_is_commit_name_tag_semver_branch() {
    let mut checkout = CheckoutRef {
        branch: Some("b".to_owned()),
        tag: Some("t".to_owned()),
        semver: Some("s".to_owned()),
        name: Some("refs/pull/1/head".to_owned()),
        commit: Some("c".to_owned()),
    };
    assert_eq!(
        Reference::of(Some(&checkout)),
        Reference::Commit {
            id: "c".to_owned(),
            branch: Some("b".to_owned())
        }
    );
    checkout.commit = Some(String::new());
    assert_eq!(
        Reference::of(Some(&checkout)),
        Reference::Name("refs/pull/1/head".to_owned())
    );
    checkout.name = None;
    assert_eq!(
        Reference::of(Some(&checkout)),
        Reference::Tag("t".to_owned())
    );
    checkout.tag = None;
    assert_eq!(
        Reference::of(Some(&checkout)),
        Reference::Semver("s".to_owned())
    );
    checkout.semver = None;
    assert_eq!(
        Reference::of(Some(&checkout)),
        Reference::Branch("b".to_owned())
    );
}

#[test]
fn refspecs_are_checked_as_go_git_does() {
    for (text, error) in [
        ("refs/heads/a", RefspecError::Separators),
        ("refs/heads/a:", RefspecError::Separators),
        ("a:b:c", RefspecError::Separators),
        ("refs/heads/*:refs/heads/a", RefspecError::Wildcards),
        ("refs/*/*:refs/*/*", RefspecError::Wildcards),
        (
            ":refs/heads/a",
            RefspecError::Deletes("refs/heads/a".to_owned()),
        ),
        (
            "refs/heads/a:main",
            RefspecError::Destination("main".to_owned()),
        ),
        (
            "refs/heads/a:refs/heads/a..b",
            RefspecError::Destination("refs/heads/a..b".to_owned()),
        ),
    ] {
        assert_eq!(Refspec::parse(text), Err(error), "{text}");
    }
}

#[test]
fn refspecs_map_the_pushed_branch() {
    let pushed = "refs/heads/x";
    let to = |text: &str| Refspec::parse(text).unwrap().destination(pushed);
    assert_eq!(
        to("refs/heads/x:refs/for/main"),
        Ok("refs/for/main".to_owned())
    );
    assert_eq!(to("HEAD:refs/for/main"), Ok("refs/for/main".to_owned()));
    assert_eq!(
        to("+refs/heads/*:refs/mirror/*"),
        Ok("refs/mirror/x".to_owned())
    );
    assert!(matches!(
        to("refs/heads/y:refs/heads/z"),
        Err(RefspecError::Source { .. })
    ));
}

#[test]
fn a_wildcard_that_makes_no_ref_name_is_refused() {
    for (spec, pushed, made) in [
        ("refs/heads/x*:refs/for/*", "refs/heads/x", "refs/for/"),
        ("refs/heads/x*:refs/for/*", "refs/heads/x.y", "refs/for/.y"),
        ("refs/heads/*:refs/*k", "refs/heads/a.loc", "refs/a.lock"),
    ] {
        assert_eq!(
            Refspec::parse(spec).unwrap().destination(pushed),
            Err(RefspecError::Destination(made.to_owned())),
            "{spec}"
        );
    }
}

#[test]
fn a_switch_forces_the_refspec_too_but_never_the_checkout_branch() {
    let refspec = Refspec::parse("refs/heads/updates:refs/heads/review").unwrap();
    let switched = plan(Some(&branch("main")), Some("updates"), Gates::default()).unwrap();
    assert!(switched.forces(&refspec, "refs/heads/review"));
    assert!(!switched.forces(&refspec, "refs/heads/main"));
    let same = plan(Some(&branch("updates")), None, Gates::default()).unwrap();
    assert!(!same.forces(&refspec, "refs/heads/review"));
}

#[test]
fn branch_names_follow_git() {
    for name in ["main", "a/b", "feature-1", "ünïcode", "@"] {
        assert!(is_branch_name(name), "{name}");
    }
    for name in [
        "", "-x", "a..b", "a b", "a~1", "a^", "a:b", "a*", "/a", "a/", "a//b", ".a", "a/.b",
        "a.lock", "a.lock/b", "a.", "a@{1}", "HEAD", "a\\b", "a\u{7f}",
    ] {
        assert!(!is_branch_name(name), "{name}");
    }
}

proptest! {
    #[test]
    fn the_checkout_branch_is_never_replaced_nor_forced(
        checkout in "[a-c]", push in "[a-c]", all: bool, force: bool, spec in "\\+?refs/heads/[a-c]:refs/heads/[a-c]"
    ) {
        let gates = Gates { all_branch_references: all, force_push_branch: force };
        let plan = plan(Some(&branch(&checkout)), Some(&push), gates).unwrap();
        for present in [PushBranch::Present, PushBranch::Absent] {
            if plan.course(present) == Ok(Course::Replace) {
                prop_assert_ne!(&checkout, &push);
            }
        }
        let refspec = Refspec::parse(&spec).unwrap();
        let checked_out = format!("refs/heads/{checkout}");
        prop_assert!(!plan.forces(&refspec, &checked_out));
    }

    #[test]
    fn parsing_never_panics(text in ".{0,40}", pushed in ".{0,20}") {
        if let Ok(refspec) = Refspec::parse(&text) {
            let _ = refspec.destination(&pushed);
        }
        let _ = is_branch_name(&text);
    }
}
