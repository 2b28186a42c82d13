use std::time::Duration;

use super::*;
use crate::change::LatestRef;
use crate::delivery::facts::{
    Admission, ApplierFacts, AutomationFacts, Committed, Condition, ConditionStatus, Known, Marker,
    MarkerFacts, PolicyFacts, Push, RepositoryFacts, RunningFacts, ScanFacts, Seen, Selects,
    Setter, Site, SourceFacts, WorkloadFacts,
};
use crate::policy::{Policy, PolicySpec};
use crate::rollout::{Ending, Rollout};

mod properties;
mod reasons;
mod states;

/// What the facts borrow from, with everything in its place: 1.9.0 is wanted, committed and runs.
#[derive(Clone, Debug)]
struct World {
    care: Care,
    repository: Seen<RepositoryFacts>,
    policy: Seen<PolicyFacts>,
    markers: Seen<MarkerFacts>,
    automations: Seen<Vec<AutomationFacts>>,
    committed: Option<Committed>,
    applier: Seen<ApplierFacts>,
    workload: Option<WorkloadFacts>,
}

const COMMIT: &str = "3f9c2ab8f1e2d3c4b5a697887766554433221100";
const DIGEST: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
const OTHER_DIGEST: &str =
    "sha256:2222222222222222222222222222222222222222222222222222222222222222";

impl World {
    fn new() -> Self {
        Self {
            care: Care::Policy(name("web")),
            repository: Seen::Present(repository()),
            policy: Seen::Present(policy()),
            markers: Seen::Present(MarkerFacts {
                live: vec![marker()],
                ..MarkerFacts::default()
            }),
            automations: Seen::Present(vec![automation("apps")]),
            committed: Some(committed("1.9.0")),
            applier: Seen::Present(applier()),
            workload: Some(workload("1.9.0")),
        }
    }

    /// 1.8.4 runs, and 1.9.0 is wanted and not committed.
    fn behind() -> Self {
        Self {
            committed: Some(committed("1.8.4")),
            workload: Some(workload("1.8.4")),
            ..Self::new()
        }
    }

    /// 1.8.4 runs, and 1.9.0 is committed.
    fn unapplied() -> Self {
        Self {
            workload: Some(workload("1.8.4")),
            ..Self::new()
        }
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn judge(&self) -> Judgement {
        judge(&Facts {
            care: self.care.clone(),
            repository: self.repository.as_ref(),
            policy: self.policy.as_ref(),
            markers: self.markers.clone(),
            automations: match &self.automations {
                Seen::Present(automations) => Seen::Present(automations),
                Seen::Absent => Seen::Absent,
                Seen::Hidden(why) => Seen::Hidden(why.clone()),
            },
            committed: self.committed.clone(),
            applier: self.applier.as_ref(),
            workload: self.workload.clone(),
        })
    }

    fn repository(&mut self) -> &mut RepositoryFacts {
        there(&mut self.repository)
    }

    fn policy(&mut self) -> &mut PolicyFacts {
        there(&mut self.policy)
    }

    fn markers(&mut self) -> &mut MarkerFacts {
        there(&mut self.markers)
    }

    fn automation(&mut self) -> &mut AutomationFacts {
        &mut there(&mut self.automations)[0]
    }

    fn applier(&mut self) -> &mut ApplierFacts {
        there(&mut self.applier)
    }

    fn workload(&mut self) -> &mut WorkloadFacts {
        self.workload.as_mut().unwrap()
    }
}

fn there<T>(seen: &mut Seen<T>) -> &mut T {
    match seen {
        Seen::Present(found) => found,
        Seen::Absent | Seen::Hidden(_) => panic!("it is there"),
    }
}

fn name(name: &str) -> Name {
    Name::new("flux-system", name)
}

fn seconds(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds))
}

fn ready() -> Option<Condition> {
    condition(ConditionStatus::True, "Succeeded", "fine")
}

fn refused(reason: &str, message: &str) -> Option<Condition> {
    condition(ConditionStatus::False, reason, message)
}

fn condition(status: ConditionStatus, reason: &str, message: &str) -> Option<Condition> {
    Some(Condition {
        status,
        reason: reason.to_owned(),
        message: message.to_owned(),
        is_outdated: false,
    })
}

fn repository() -> RepositoryFacts {
    RepositoryFacts {
        name: name("web"),
        image: "ghcr.io/acme/web".to_owned(),
        is_suspended: false,
        ready: ready(),
        scan: Some(ScanFacts {
            tags: 42,
            age: seconds(30),
        }),
        secret: None,
        is_shared: false,
    }
}

fn rule(spec: &PolicySpec<'_>) -> Result<Policy, crate::policy::PolicyError> {
    Policy::new(spec)
}

fn semver(range: &str) -> PolicySpec<'_> {
    PolicySpec {
        semver_range: Some(range),
        ..PolicySpec::default()
    }
}

fn latest(tag: &str, digest: Option<&str>) -> Option<LatestRef> {
    Some(LatestRef {
        name: "ghcr.io/acme/web".to_owned(),
        tag: tag.to_owned(),
        digest: digest.map(str::to_owned),
    })
}

fn policy() -> PolicyFacts {
    PolicyFacts {
        name: name("web"),
        repository: name("web"),
        is_suspended: false,
        ready: ready(),
        latest: latest("1.9.0", None),
        previous: latest("1.8.4", None),
        age: seconds(300),
        rule: rule(&semver("^1.8")),
    }
}

fn marker() -> Marker {
    Marker {
        file: "clusters/my-cluster/web.yaml".to_owned(),
        line: 21,
        site: Site::ThisContainer,
        automation: Some(name("apps")),
    }
}

fn automation(called: &str) -> AutomationFacts {
    AutomationFacts {
        name: name(called),
        selects: Selects::Takes,
        selector: Vec::new(),
        source: name("flux-system"),
        source_secret: None,
        is_suspended: false,
        path: "./clusters/my-cluster".to_owned(),
        ready: ready(),
        stalled: None,
        checkout_branch: Some("main".to_owned()),
        push_branch: None,
        last_push: Some(Push {
            commit: COMMIT.to_owned(),
            age: seconds(120),
        }),
        last_run: seconds(60),
        observed: latest("1.9.0", None),
    }
}

fn committed(tag: &str) -> Committed {
    Committed {
        tag: Some(tag.to_owned()),
        digest: None,
        commit: Some(COMMIT.to_owned()),
        branch: Some("main".to_owned()),
        known: Known::Read,
    }
}

fn applier() -> ApplierFacts {
    ApplierFacts {
        name: "Kustomization flux-system/apps".to_owned(),
        managers: vec!["kustomize-controller".to_owned()],
        is_suspended: false,
        ready: ready(),
        revision: Some("main@sha1:0000000000000000000000000000000000000000".to_owned()),
        source: Seen::Present(SourceFacts {
            name: "GitRepository flux-system/flux-system".to_owned(),
            is_suspended: false,
            ready: ready(),
            revision: None,
        }),
    }
}

fn setter(manager: &str) -> Option<Setter> {
    Some(Setter {
        manager: manager.to_owned(),
        age: seconds(180),
    })
}

fn running(tag: &str, digest: Option<&str>) -> RunningFacts {
    RunningFacts {
        tag: Some(tag.to_owned()),
        digest: digest.map(str::to_owned),
        pods: 2,
        ready: 2,
    }
}

fn rollout(ending: Ending, text: &str) -> Option<Rollout> {
    Some(Rollout {
        desired: 2,
        updated: 2,
        available: 2,
        ending,
        text: text.to_owned(),
    })
}

fn workload(tag: &str) -> WorkloadFacts {
    WorkloadFacts {
        image: format!("ghcr.io/acme/web:{tag}"),
        setter: setter("kustomize-controller"),
        running: Seen::Present(vec![running(tag, None)]),
        waiting: Vec::new(),
        rollout: rollout(Ending::Complete, "2 of 2 ready"),
        admission: Admission::NotAsked,
    }
}

/// State, reason, the first broken link and the message.
#[track_caller]
fn check(world: &World, state: State, reason: impl Into<Option<Reason>>, message: &str) {
    let judgement = world.judge();
    assert_eq!(judgement.message, message);
    assert_eq!((judgement.state, judgement.reason), (state, reason.into()));
    let links: Vec<Link> = judgement.checks.iter().map(|check| check.link).collect();
    assert_eq!(links, Link::ALL);
    if let Some(broken) = judgement.first_broken() {
        assert_eq!(Some(broken.link), judgement.reason.map(Reason::link));
    }
}
