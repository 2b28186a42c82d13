use expect_test::{Expect, expect};

use super::*;

fn show(world: &World, expected: &Expect) {
    let judgement = world.judge();
    let mut text = String::new();
    for check in &judgement.checks {
        let mark = match check.verdict {
            CheckVerdict::Holds => "√",
            CheckVerdict::UnderWay => "…",
            CheckVerdict::Broken(_) => "×",
            CheckVerdict::Unknown => "?",
            CheckVerdict::NotReached => "-",
        };
        text.push_str(&format!("{mark} {:<10} {}\n", check.link, check.text));
    }
    expected.assert_eq(&text);
}

#[test]
fn everything_in_place_is_synced() {
    let world = World::new();
    check(&world, State::Synced, None, "");
    show(
        &world,
        &expect![[r"
            √ scan       ImageRepository flux-system/web: 42 tags, 30s ago
            √ selection  ImagePolicy flux-system/web: 1.9.0 (semver ^1.8)
            √ marker     clusters/my-cluster/web.yaml:21 names flux-system:web
            √ automation ImageUpdateAutomation flux-system/apps updates ./clusters/my-cluster, ran 60s ago
            √ push       1.9.0 is committed at main@3f9c2ab, 2m ago
            √ apply      Kustomization flux-system/apps at main@0000000
            √ rollout    2 of 2 ready
        "]],
    );
}

#[test]
fn one_exact_version_is_pinned() {
    let pinned = World::new().with(|world| world.policy().rule = rule(&semver("1.9.0")));
    check(&pinned, State::Pinned, None, "pinned to 1.9.0");
    let not_there = World::behind().with(|world| world.policy().rule = rule(&semver("1.9.0")));
    check(
        &not_there,
        State::UpdateAvailable,
        None,
        "1.9.0 is not committed yet, 1.8.4 is",
    );
}

#[test]
fn what_is_not_committed_yet_is_available() {
    let world = World::behind();
    check(
        &world,
        State::UpdateAvailable,
        None,
        "1.9.0 is not committed yet, 1.8.4 is",
    );
    show(
        &world,
        &expect![[r"
            √ scan       ImageRepository flux-system/web: 42 tags, 30s ago
            √ selection  ImagePolicy flux-system/web: 1.9.0 (semver ^1.8)
            √ marker     clusters/my-cluster/web.yaml:21 names flux-system:web
            √ automation ImageUpdateAutomation flux-system/apps updates ./clusters/my-cluster, ran 60s ago
            … push       1.9.0 is not committed yet, 1.8.4 is
            √ apply      Kustomization flux-system/apps at main@0000000
            √ rollout    2 of 2 ready
        "]],
    );
    let without_inventory = World::behind().with(|world| {
        world.markers = Seen::Absent;
        world.committed = None;
    });
    check(
        &without_inventory,
        State::UpdateAvailable,
        None,
        "1.9.0 is wanted and not applied",
    );
}

#[test]
fn what_is_committed_is_not_applied_at_once() {
    let text = "1.9.0 is committed and not applied yet, Kustomization flux-system/apps is at main@0000000, \
        the workload has 1.8.4; pushed 2m ago";
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    check(
        &World::unapplied(),
        State::Committed,
        Reason::SourceOutdated,
        &text,
    );
    let alone = World::new().with(|world| world.workload = None);
    check(
        &alone,
        State::Committed,
        None,
        "1.9.0 is committed at main@3f9c2ab, 2m ago",
    );
}

#[test]
fn what_is_applied_rolls_out() {
    let counted = World::new().with(|world| {
        world.workload().rollout = rollout(Ending::UnderWay, "1 of 2 updated");
        world.workload().running =
            Seen::Present(vec![running("1.8.4", None), running("1.9.0", None)]);
    });
    check(
        &counted,
        State::RollingOut,
        None,
        "rolling out, 1 of 2 updated",
    );
    let crashing = counted.with(|world| {
        world.workload().waiting = vec![reasons::waiting("CrashLoopBackOff", "")];
    });
    check(
        &crashing,
        State::RollingOut,
        None,
        "rolling out, 1 of 2 updated, 1 pod waits: CrashLoopBackOff",
    );
    let uncounted = World::new().with(|world| {
        world.workload().rollout = None;
        world.workload().running =
            Seen::Present(vec![running("1.8.3", None), running("1.8.4", None)]);
    });
    check(
        &uncounted,
        State::RollingOut,
        None,
        "rolling out, pods still run 1.8.3, 1.8.4",
    );
    let on_delete = uncounted.with(|world| {
        world.workload().rollout = rollout(Ending::Refused, "0 of 2 updated");
    });
    check(
        &on_delete,
        State::RollingOut,
        None,
        "rolling out, 0 of 2 updated",
    );
}

#[test]
fn a_workload_without_pods_has_what_its_spec_says() {
    for running in [Seen::Absent, Seen::Present(Vec::new())] {
        let world = World::new().with(|world| {
            world.workload().running = running;
            world.workload().rollout = None;
        });
        check(&world, State::Synced, None, "");
    }
}

#[test]
fn without_a_policy_it_is_unmanaged_or_unknown() {
    for (care, state, message) in [
        (Care::Nobody, State::Unmanaged, "no policy looks after it"),
        (
            Care::OptedOut,
            State::Unmanaged,
            "the workload wants no policy for it",
        ),
        (
            Care::Ambiguous(vec![name("a"), name("b")]),
            State::Unknown,
            "2 policies fit, and none is named: flux-system/a, flux-system/b",
        ),
    ] {
        let world = World::new().with(|world| world.care = care);
        check(&world, state, None, message);
    }
    let failing = World::new().with(|world| {
        world.care = Care::Nobody;
        world.workload().waiting = vec![reasons::waiting("ErrImagePull", "")];
    });
    check(
        &failing,
        State::Unmanaged,
        Reason::ImagePullFailed,
        "1 pod cannot pull ghcr.io/acme/web:1.9.0 (ErrImagePull)",
    );
}

#[test]
fn what_cannot_be_seen_is_unknown_and_never_broken() {
    let why = || "nobody may look".to_owned();
    let blind = World {
        repository: Seen::Hidden(why()),
        policy: Seen::Hidden(why()),
        markers: Seen::Hidden(why()),
        automations: Seen::Hidden(why()),
        committed: None,
        applier: Seen::Hidden(why()),
        workload: None,
        ..World::new()
    };
    check(&blind, State::Unknown, None, "nobody may look");
    let no_pods = World::new().with(|world| world.workload().running = Seen::Hidden(why()));
    check(&no_pods, State::Unknown, None, "nobody may look");
    let half_blind = World {
        repository: Seen::Hidden(why()),
        markers: Seen::Hidden(why()),
        automations: Seen::Hidden(why()),
        committed: None,
        applier: Seen::Hidden(why()),
        ..World::new()
    };
    // It is chosen and it runs.
    check(&half_blind, State::Synced, None, "");
    let behind = half_blind.with(|world| world.workload = Some(workload("1.8.4")));
    check(
        &behind,
        State::Unknown,
        None,
        "the workload has 1.8.4, 1.9.0 is wanted, and it is not known what is committed; image set by \"kustomize-controller\" 3m ago",
    );
}

#[test]
fn a_marker_that_may_have_been_missed_is_unknown() {
    let gap = World::behind().with(|world| {
        world.markers().live.clear();
        world.markers().gaps =
            vec!["the ImageInventory flux-system/apps leaves out 12 entries".into()];
    });
    let judgement = gap.judge();
    assert_eq!(judgement.checks[2].verdict, CheckVerdict::Unknown);
    assert_eq!(
        judgement.checks[2].text,
        "no line was seen that names flux-system:web; there may be more: the ImageInventory flux-system/apps leaves out 12 entries"
    );
    // The automation is at a standstill: that is what has to be mended, whatever it has not seen.
    let standstill = World::behind().with(|world| {
        world.markers().live.clear();
        world.automation().is_suspended = true;
    });
    check(
        &standstill,
        State::Suspended,
        Reason::AutomationSuspended,
        "ImageUpdateAutomation flux-system/apps is suspended",
    );
}

#[test]
fn what_has_not_happened_yet_is_under_way() {
    let fresh = World::new().with(|world| {
        world.repository().ready = None;
        world.repository().scan = None;
        world.policy().ready = refused(
            "DependencyNotReady",
            "retrying in 30s error: no tags in database",
        );
        world.policy().latest = None;
        world.automation().ready = None;
        world.automation().last_run = None;
        world.markers = Seen::Absent;
        world.committed = None;
    });
    check(
        &fresh,
        State::Unknown,
        None,
        "ImageRepository flux-system/web has not been scanned yet",
    );
    show(
        &fresh,
        &expect![[r"
            … scan       ImageRepository flux-system/web has not been scanned yet
            … selection  ImagePolicy flux-system/web waits for the first scan
            ? marker     no ImageInventory tells which line is marked
            … automation ImageUpdateAutomation flux-system/apps has not run yet
            ? push       it is not known what is to be committed
            ? apply      it cannot be told whether ghcr.io/acme/web:1.9.0 is what is wanted
            √ rollout    2 of 2 ready
        "]],
    );
    let outdated = World::new().with(|world| {
        let mut stale = refused("ReadOperationFailed", "of the spec before").unwrap();
        stale.is_outdated = true;
        world.repository().ready = Some(stale.clone());
        world.policy().ready = Some(stale.clone());
        world.automation().ready = Some(stale.clone());
        world.automation().stalled = Some(stale);
    });
    let judgement = outdated.judge();
    assert_eq!(judgement.first_broken(), None);
    assert_eq!(judgement.checks[0].verdict, CheckVerdict::UnderWay);
    assert_eq!(judgement.checks[1].verdict, CheckVerdict::UnderWay);
    assert_eq!(
        judgement.checks[3].text,
        "ImageUpdateAutomation flux-system/apps has not looked at its new spec yet"
    );
}

#[test]
fn digests_decide_where_tags_do_not() {
    let by_digest = World::new().with(|world| {
        world.policy().latest = latest("1.9.0", Some(DIGEST));
        world.committed = Some(Committed {
            digest: Some(DIGEST.to_owned()),
            ..committed("1.9.0")
        });
        world.workload().image = format!("ghcr.io/acme/web:1.9.0@{DIGEST}");
        world.workload().running = Seen::Present(vec![running("other", Some(DIGEST))]);
    });
    // A runtime may show another tag of the same image.
    check(&by_digest, State::Synced, None, "");
    let new_digest = by_digest.with(|world| {
        world.policy().latest = latest("1.9.0", Some(OTHER_DIGEST));
    });
    check(
        &new_digest,
        State::UpdateAvailable,
        None,
        "1.9.0 with sha256:2222222 is not committed yet, sha256:1111111 is",
    );
}

#[test]
fn markers_of_a_kustomization_stand_behind_any_container() {
    let values = World::new().with(|world| world.markers().live[0].site = Site::Values);
    check(&values, State::Synced, None, "");
    let checkout = World::new().with(|world| world.markers().live[0].automation = None);
    check(&checkout, State::Synced, None, "");
}

#[test]
fn of_several_automations_the_one_that_writes_the_line_counts() {
    let two = World::new().with(|world| {
        let idle = AutomationFacts {
            is_suspended: true,
            ..automation("aaa")
        };
        there(&mut world.automations).insert(0, idle);
    });
    check(&two, State::Synced, None, "");
    let unknown_writer = two.with(|world| world.markers = Seen::Absent);
    // One of them goes on.
    check(&unknown_writer, State::Synced, None, "");
}

#[test]
fn a_commit_that_was_applied_and_did_not_reach_the_workload_is_a_riddle() {
    let world = World::unapplied().with(|world| {
        world.applier().revision = Some(format!("main@sha1:{COMMIT}"));
    });
    check(
        &world,
        State::Unknown,
        None,
        "Kustomization flux-system/apps applied main@3f9c2ab, which has 1.9.0, and the workload has 1.8.4",
    );
}

#[test]
fn a_refusal_nobody_has_a_word_for_is_told_as_it_is() {
    let world = World::new().with(|world| {
        world.policy().ready = refused("Failure", "failed to read tags from database: no space");
        world.policy().latest = None;
    });
    check(
        &world,
        State::Unknown,
        None,
        "ImagePolicy flux-system/web: failed to read tags from database: no space",
    );
}

#[test]
fn every_state_is_reached() {
    let reached: Vec<State> = reasons::cases()
        .into_iter()
        .map(|case| case.state)
        .chain([
            World::new().judge().state,
            World::behind().judge().state,
            World::unapplied().judge().state,
            World::new()
                .with(|world| world.workload().rollout = rollout(Ending::UnderWay, "1 of 2"))
                .judge()
                .state,
            World::new()
                .with(|world| world.policy().rule = rule(&semver("1.9.0")))
                .judge()
                .state,
            World::new()
                .with(|world| world.care = Care::Nobody)
                .judge()
                .state,
            World::new()
                .with(|world| world.policy = Seen::Hidden("no".to_owned()))
                .judge()
                .state,
        ])
        .collect();
    for state in State::ALL {
        assert!(reached.contains(&state), "{state}");
    }
}
