use super::*;
use crate::delivery::facts::{Stray, StrayFault, Waiting};

mod above;
mod cluster;
mod git;

/// A world in which something is wrong, and what is said of it.
#[derive(Clone)]
pub(super) struct Case {
    reason: Reason,
    pub(super) state: State,
    world: World,
    message: &'static str,
}

fn case(reason: Reason, state: State, world: World, message: &'static str) -> Case {
    Case {
        reason,
        state,
        world,
        message,
    }
}

pub(super) fn waiting(reason: &str, message: &str) -> Waiting {
    Waiting {
        reason: reason.to_owned(),
        message: message.to_owned(),
        image: "ghcr.io/acme/web:1.9.0".to_owned(),
        pods: 1,
    }
}

fn stray(setter: &str, fault: StrayFault) -> MarkerFacts {
    MarkerFacts {
        strays: vec![Stray {
            file: "clusters/my-cluster/web.yaml".to_owned(),
            line: Some(21),
            setter: setter.to_owned(),
            automation: Some(name("apps")),
            fault,
        }],
        ..MarkerFacts::default()
    }
}

fn unscanned(reason: &str, message: &str) -> World {
    World::behind().with(|world| world.repository().ready = refused(reason, message))
}

fn unchosen(reason: &str, message: &str) -> World {
    World::behind().with(|world| world.policy().ready = refused(reason, message))
}

fn astray(setter: &str, fault: StrayFault) -> World {
    World::behind().with(|world| world.markers = Seen::Present(stray(setter, fault)))
}

fn stuck(reason: &str, message: &str) -> World {
    World::behind().with(|world| world.automation().ready = refused(reason, message))
}

pub(super) fn cases() -> Vec<Case> {
    [above::cases(), git::cases(), cluster::cases()].concat()
}

#[test]
fn each_reason_has_its_state_and_its_words() {
    for case in cases() {
        check(&case.world, case.state, case.reason, case.message);
    }
}

#[test]
fn every_reason_is_reached() {
    let reached: Vec<Reason> = cases().into_iter().map(|case| case.reason).collect();
    for reason in Reason::ALL {
        assert!(reached.contains(reason), "{reason}");
    }
}

#[test]
fn the_first_broken_link_decides() {
    let broken = World::behind().with(|world| {
        world.workload().waiting = vec![waiting("ErrImagePull", "")];
        world.automation().is_suspended = true;
        world.markers().live.clear();
        world.policy().is_suspended = true;
    });
    let judgement = broken.judge();
    assert_eq!(judgement.reason, Some(Reason::PolicySuspended));
    let verdicts: Vec<CheckVerdict> = judgement.checks.iter().map(|check| check.verdict).collect();
    assert_eq!(verdicts[0], CheckVerdict::Holds);
    assert_eq!(verdicts[1], CheckVerdict::Broken(Reason::PolicySuspended));
    assert_eq!(verdicts[2..], [CheckVerdict::NotReached; 5]);
}

#[test]
fn an_applier_that_is_not_known_may_write_under_any_name() {
    for manager in ["kubectl-client-side-apply", "argocd-controller", "keel"] {
        let world = World::unapplied().with(|world| {
            world.applier = Seen::Absent;
            world.workload().setter = setter(manager);
        });
        check(
            &world,
            State::Committed,
            Reason::SourceOutdated,
            "1.9.0 is committed and not applied yet, the workload has 1.8.4; pushed 2m ago",
        );
    }
    let by_hand = World::unapplied().with(|world| {
        world.applier = Seen::Absent;
        world.workload().setter = setter("kubectl-edit");
    });
    assert_eq!(by_hand.judge().reason, Some(Reason::ManualChange));
}

#[test]
fn a_push_branch_that_was_merged_or_is_the_checkout_branch_is_no_matter() {
    let merged = World::new().with(|world| {
        world.automation().push_branch = Some("image-updates".to_owned());
    });
    check(&merged, State::Synced, None, "");
    let same = World::unapplied().with(|world| {
        world.automation().push_branch = Some("main".to_owned());
    });
    assert_eq!(same.judge().reason, Some(Reason::SourceOutdated));
}
