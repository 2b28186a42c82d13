use std::cell::Cell;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use engine::branch::{CheckoutRef, Gates, Plan, Refspec, plan};
use git2::Oid;

use super::super::*;
use super::fixture::{Fixture, branch, git, last_tag, on_main, set_image, somebody_commits};

const REPLACING: Gates = Gates {
    all_branch_references: false,
    force_push_branch: true,
};

fn job<'a>(remote: &'a Remote, plan: &'a Plan) -> Job<'a> {
    Job {
        remote,
        plan,
        choose: &last_tag,
        options: BTreeMap::new(),
        refspec: None,
        attempts: 4,
        pause: &|_| Duration::from_millis(1),
    }
}

fn to_updates(gates: Gates) -> Plan {
    plan(Some(&branch("main")), Some("updates"), gates).unwrap()
}

fn image_two(tip: &Tip<'_>) -> Result<Vec<Oid>, Infallible> {
    Ok(vec![set_image(tip.repository, tip.commit, "2")])
}

fn write(fixture: &Fixture, plan: &Plan) -> Result<Written, WriteError<Infallible>> {
    let remote = fixture.remote();
    fixture.mirror().write(&job(&remote, plan), image_two)
}

#[test]
fn a_chain_of_commits_goes_out_in_one_push() {
    let fixture = Fixture::with_repository();
    let (remote, plan) = (fixture.remote(), on_main());
    let written = fixture
        .mirror()
        .write(&job(&remote, &plan), |tip| {
            let first = set_image(tip.repository, tip.commit, "2");
            let second = set_image(tip.repository, first, "3");
            Ok::<_, Infallible>(vec![first, second])
        })
        .unwrap();
    assert_eq!(written.attempts, 1);
    assert_eq!(fixture.subjects("main"), ["image 3", "image 2", "first"]);
    let posts = fixture.requests().into_iter();
    let pushes = posts.filter(|request| request == "POST /a.git/git-receive-pack");
    assert_eq!(pushes.count(), 1);
    fixture.fsck();
}

#[test]
fn a_broken_chain_is_not_pushed() {
    let fixture = Fixture::with_repository();
    let (remote, plan) = (fixture.remote(), on_main());
    let result = fixture.mirror().write(&job(&remote, &plan), |tip| {
        let first = set_image(tip.repository, tip.commit, "2");
        let second = set_image(tip.repository, tip.commit, "3");
        Ok::<_, Infallible>(vec![first, second])
    });
    assert!(matches!(
        result,
        Err(WriteError::Git(error)) if matches!(*error, GitError::BrokenChain(_))
    ));
    assert_eq!(fixture.subjects("main"), ["first"]);
}

#[test]
fn row_118_nothing_to_do_pushes_nothing() {
    let fixture = Fixture::with_repository();
    let (remote, plan) = (fixture.remote(), on_main());
    let written = fixture
        .mirror()
        .write(&job(&remote, &plan), |_| Ok::<_, Infallible>(Vec::new()))
        .unwrap();
    assert!(written.commits.is_empty());
    assert!(
        fixture
            .requests()
            .iter()
            .all(|request| !request.contains("receive-pack"))
    );
}

#[test]
fn row_121_a_commit_of_somebody_else_is_kept_and_ours_goes_on_top() {
    let fixture = Fixture::with_repository();
    let (remote, plan) = (fixture.remote(), on_main());
    let calls = Cell::new(0);
    let written = fixture
        .mirror()
        .write(&job(&remote, &plan), |tip| {
            calls.set(calls.get() + 1);
            if calls.get() < 3 {
                fixture.somebody_commits("main", &format!("theirs {}", calls.get()));
            }
            image_two(tip)
        })
        .unwrap();
    assert_eq!(written.attempts, 3);
    assert_eq!(
        fixture.subjects("main"),
        ["image 2", "theirs 2", "theirs 1", "first"]
    );
    fixture.fsck();
}

#[test]
fn a_race_inside_the_push_ends_the_same_way() {
    let fixture = Fixture::with_repository();
    let bare = fixture.bare();
    let mut raced = false;
    fixture.before(move |method, uri| {
        if method == "POST" && uri.path().ends_with("git-receive-pack") && !raced {
            raced = true;
            somebody_commits(&bare, "main", "theirs");
        }
        None
    });
    let written = write(&fixture, &on_main()).unwrap();
    assert_eq!(written.attempts, 2);
    assert_eq!(fixture.subjects("main"), ["image 2", "theirs", "first"]);
}

#[test]
fn a_branch_that_never_stands_still_ends_in_one_error() {
    let fixture = Fixture::with_repository();
    let (remote, plan) = (fixture.remote(), on_main());
    let calls = Cell::new(0);
    let error = fixture
        .mirror()
        .write(&job(&remote, &plan), |tip| {
            calls.set(calls.get() + 1);
            fixture.somebody_commits("main", &format!("theirs {}", calls.get()));
            image_two(tip)
        })
        .unwrap_err();
    assert_eq!(calls.get(), 4);
    assert_eq!(
        error.to_string(),
        "failed to push to remote: 'main' moved during each of 4 attempts"
    );
}

#[test]
fn a_server_that_blames_a_race_which_is_none_is_believed_once() {
    let fixture = Fixture::with_repository();
    // A directory in the place of the lock file fails every update of the ref.
    std::fs::create_dir(fixture.bare().join("refs/heads/main.lock")).unwrap();
    let error = write(&fixture, &on_main()).unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("failed to push to remote: command error on refs/heads/main: "),
        "{text}"
    );
    let pushes = fixture.requests().into_iter();
    let pushes = pushes.filter(|request| request == "POST /a.git/git-receive-pack");
    assert_eq!(pushes.count(), 2);
}

#[test]
fn row_133_a_refusal_is_one_error_with_the_hooks_words() {
    let fixture = Fixture::with_repository();
    fixture.refusing_hook("update", "tickets only");
    let error = write(&fixture, &on_main()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "failed to push to remote: command error on refs/heads/main: hook declined\ntickets only\nerror: hook declined to update refs/heads/main"
    );
}

#[test]
fn row_115_a_new_push_branch_starts_at_the_checkout_tip() {
    let fixture = Fixture::with_repository();
    write(&fixture, &to_updates(Gates::default())).unwrap();
    assert_eq!(fixture.subjects("updates"), ["image 2", "first"]);
    assert_eq!(fixture.subjects("main"), ["first"]);
}

#[test]
fn row_116_an_existing_push_branch_is_continued() {
    let fixture = Fixture::with_repository();
    git(&fixture.bare(), &["branch", "updates", "main"]);
    fixture.somebody_commits("updates", "on updates");
    fixture.somebody_commits("main", "on main");
    write(&fixture, &to_updates(Gates::default())).unwrap();
    assert_eq!(
        fixture.subjects("updates"),
        ["image 2", "on updates", "first"]
    );
}

#[test]
fn row_117_without_all_branches_the_push_branch_is_recreated() {
    let fixture = Fixture::with_repository();
    git(&fixture.bare(), &["branch", "updates", "main"]);
    fixture.somebody_commits("updates", "on updates");
    fixture.somebody_commits("main", "on main");
    write(&fixture, &to_updates(REPLACING)).unwrap();
    assert_eq!(fixture.subjects("updates"), ["image 2", "on main", "first"]);
    fixture.fsck();
}

#[test]
fn a_branch_that_is_replaced_may_move_meanwhile() {
    let fixture = Fixture::with_repository();
    git(&fixture.bare(), &["branch", "updates", "main"]);
    let bare = fixture.bare();
    let mut races = 0;
    fixture.before(move |method, uri| {
        if method == "POST" && uri.path().ends_with("git-receive-pack") && races < 2 {
            races += 1;
            somebody_commits(&bare, "updates", &format!("theirs {races}"));
        }
        None
    });
    let written = write(&fixture, &to_updates(REPLACING)).unwrap();
    assert_eq!(written.attempts, 3);
    assert_eq!(fixture.subjects("updates"), ["image 2", "first"]);
}

#[test]
fn row_119_a_human_commit_on_the_push_branch_is_kept() {
    let fixture = Fixture::with_repository();
    git(&fixture.bare(), &["branch", "updates", "main"]);
    let (remote, plan) = (fixture.remote(), to_updates(Gates::default()));
    let raced = Cell::new(false);
    let written = fixture
        .mirror()
        .write(&job(&remote, &plan), |tip| {
            if !raced.replace(true) {
                fixture.somebody_commits("updates", "human");
            }
            image_two(tip)
        })
        .unwrap();
    assert_eq!(written.attempts, 2);
    assert_eq!(fixture.subjects("updates"), ["image 2", "human", "first"]);
}

#[test]
fn row_120_a_ref_name_of_the_push_branch_never_forces_it() {
    let fixture = Fixture::with_repository();
    let named = CheckoutRef {
        name: Some("refs/heads/main".to_owned()),
        ..CheckoutRef::default()
    };
    let plan = plan(Some(&named), Some("main"), REPLACING).unwrap();
    let remote = fixture.remote();
    let raced = Cell::new(false);
    fixture
        .mirror()
        .write(&job(&remote, &plan), |tip| {
            if !raced.replace(true) {
                fixture.somebody_commits("main", "human");
            }
            image_two(tip)
        })
        .unwrap();
    assert_eq!(fixture.subjects("main"), ["image 2", "human", "first"]);
}

fn write_refspec(fixture: &Fixture, plan: &Plan, refspec: &str) -> Written {
    let refspec = Refspec::parse(refspec).unwrap();
    let remote = fixture.remote();
    let job = Job {
        refspec: Some(&refspec),
        ..job(&remote, plan)
    };
    fixture.mirror().write(&job, image_two).unwrap()
}

#[test]
fn row_122_a_refspec_equal_to_the_branch_is_success() {
    let fixture = Fixture::with_repository();
    let written = write_refspec(&fixture, &on_main(), "refs/heads/main:refs/heads/main");
    assert_eq!(written.refspec.unwrap().unwrap(), Outcome::UpToDate);
}

#[test]
fn row_123_a_refspec_that_fails_is_told_apart_and_can_be_retried() {
    let fixture = Fixture::with_repository();
    git(&fixture.bare(), &["branch", "review", "main"]);
    let theirs = fixture.somebody_commits("review", "on review");
    let text = "refs/heads/main:refs/heads/review";
    let written = write_refspec(&fixture, &on_main(), text);
    let refused = written.refspec.unwrap().unwrap();
    assert!(matches!(refused, Outcome::Refused { .. }), "{refused:?}");
    assert_eq!(fixture.subjects("main"), ["image 2", "first"]);
    assert_eq!(git(&fixture.bare(), &["rev-parse", "review"]), theirs);

    git(&fixture.bare(), &["update-ref", "-d", "refs/heads/review"]);
    let (remote, plan) = (fixture.remote(), on_main());
    let refspec = Refspec::parse(text).unwrap();
    let job = Job {
        refspec: Some(&refspec),
        ..job(&remote, &plan)
    };
    let mirror = fixture.mirror();
    let listing = remote.list().unwrap();
    let outcome = mirror.push_extra(&job, written.commits[0], "refs/heads/review", &listing);
    assert_eq!(outcome.unwrap(), Outcome::Pushed);
    assert_eq!(fixture.subjects("review"), ["image 2", "first"]);
}

#[test]
fn a_refspec_of_a_switch_replaces_its_destination_with_a_lease() {
    let fixture = Fixture::with_repository();
    git(&fixture.bare(), &["branch", "review", "main"]);
    fixture.somebody_commits("review", "on review");
    let plan = to_updates(Gates::default());
    let written = write_refspec(&fixture, &plan, "HEAD:refs/heads/review");
    assert_eq!(written.refspec.unwrap().unwrap(), Outcome::Pushed);
    assert_eq!(fixture.subjects("review"), ["image 2", "first"]);
}

#[test]
fn a_refspec_for_another_ref_stops_before_the_branch_is_pushed() {
    let fixture = Fixture::with_repository();
    let refspec = Refspec::parse("refs/heads/x:refs/heads/y").unwrap();
    let (remote, plan) = (fixture.remote(), on_main());
    let job = Job {
        refspec: Some(&refspec),
        ..job(&remote, &plan)
    };
    let error = fixture.mirror().write(&job, image_two).unwrap_err();
    assert!(matches!(error, WriteError::Refspec(_)));
    assert_eq!(fixture.subjects("main"), ["first"]);
}

#[test]
fn rows_131_and_132_ignored_files_and_modules_stay_as_they_are() {
    let fixture = Fixture::with_repository();
    let blob = super::fixture::git_with_input(
        &fixture.bare(),
        &["hash-object", "-w", "--stdin"],
        "*.yaml filter=lfs\n",
    );
    let ignore = super::fixture::git_with_input(
        &fixture.bare(),
        &["hash-object", "-w", "--stdin"],
        "deploy.yaml\n",
    );
    let tree = git(&fixture.bare(), &["ls-tree", "main"]);
    let tree =
        format!("{tree}\n100644 blob {blob}\t.gitattributes\n100644 blob {ignore}\t.gitignore\n");
    let tree = super::fixture::git_with_input(&fixture.bare(), &["mktree"], &tree);
    let tip = git(&fixture.bare(), &["commit-tree", "-m", "attributes", &tree]);
    git(&fixture.bare(), &["update-ref", "refs/heads/main", &tip]);
    write(&fixture, &on_main()).unwrap();
    let changed = git(&fixture.bare(), &["diff", "--name-only", &tip, "main"]);
    assert_eq!(changed, "clusters/a/deploy.yaml");
    assert_eq!(
        git(&fixture.bare(), &["show", "main:clusters/a/deploy.yaml"]),
        "image: app:2"
    );
}
