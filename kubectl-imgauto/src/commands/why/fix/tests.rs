use std::process::Command;

use api::WorkloadKind;
use engine::change::LatestRef;
use engine::delivery::{
    self, Admission, ApplierFacts, AutomationFacts, Condition, ConditionStatus, Known, Marker,
    MarkerFacts, PolicyFacts, RepositoryFacts, RunningFacts, Seen, Selects, Setter, Site,
    SourceFacts, Stray, StrayFault, Waiting, WorkloadFacts, judge,
};
use engine::policy::{Policy, PolicySpec};

use super::*;

/// What the facts borrow from: 1.9.0 is wanted, committed and runs.
struct World {
    care: Care,
    repository: Seen<RepositoryFacts>,
    policy: Seen<PolicyFacts>,
    markers: MarkerFacts,
    automations: Vec<AutomationFacts>,
    committed: Option<delivery::Committed>,
    applier: Seen<ApplierFacts>,
    workload: Option<WorkloadFacts>,
    kind: WorkloadKind,
    role: Role,
}

fn name(name: &str) -> Name {
    Name::new("flux-system", name)
}

fn refused(reason: &str, message: &str) -> Option<Condition> {
    Some(Condition {
        status: ConditionStatus::False,
        reason: reason.to_owned(),
        message: message.to_owned(),
        is_outdated: false,
    })
}

fn policy() -> PolicyFacts {
    let reference = |tag: &str| {
        Some(LatestRef {
            name: "ghcr.io/acme/web".to_owned(),
            tag: tag.to_owned(),
            digest: None,
        })
    };
    PolicyFacts {
        name: name("web"),
        repository: name("web"),
        is_suspended: false,
        ready: None,
        latest: reference("1.9.0"),
        previous: reference("1.8.4"),
        age: None,
        rule: Policy::new(&PolicySpec {
            semver_range: Some("^1.8"),
            ..PolicySpec::default()
        }),
    }
}

fn automation() -> AutomationFacts {
    AutomationFacts {
        name: name("apps"),
        selects: Selects::Takes,
        selector: Vec::new(),
        source: name("fleet"),
        source_secret: None,
        is_suspended: false,
        path: "./clusters/staging".to_owned(),
        ready: None,
        stalled: None,
        checkout_branch: Some("main".to_owned()),
        push_branch: None,
        last_push: None,
        last_run: None,
        observed: None,
    }
}

fn applier(kind: &str) -> ApplierFacts {
    ApplierFacts {
        name: format!("{kind} flux-system/apps"),
        managers: vec!["kustomize-controller".to_owned()],
        is_suspended: false,
        ready: None,
        revision: None,
        source: Seen::Absent,
    }
}

fn stray(setter: &str, fault: StrayFault) -> MarkerFacts {
    MarkerFacts {
        strays: vec![Stray {
            file: "clusters/prod/web.yaml".to_owned(),
            line: Some(21),
            setter: setter.to_owned(),
            automation: Some(name("apps")),
            fault,
        }],
        ..MarkerFacts::default()
    }
}

impl World {
    fn new() -> Self {
        Self {
            care: Care::Policy(name("web")),
            repository: Seen::Present(RepositoryFacts {
                name: name("web"),
                image: "ghcr.io/acme/web".to_owned(),
                is_suspended: false,
                ready: None,
                scan: None,
                secret: None,
                is_shared: false,
            }),
            policy: Seen::Present(policy()),
            markers: MarkerFacts {
                live: vec![Marker {
                    file: "clusters/prod/web.yaml".to_owned(),
                    line: 21,
                    site: Site::ThisContainer,
                    automation: Some(name("apps")),
                }],
                ..MarkerFacts::default()
            },
            automations: vec![automation()],
            committed: Some(delivery::Committed {
                tag: Some("1.9.0".to_owned()),
                digest: None,
                commit: None,
                branch: None,
                known: Known::Read,
            }),
            applier: Seen::Absent,
            workload: Some(WorkloadFacts {
                image: "ghcr.io/acme/web:1.9.0".to_owned(),
                setter: None,
                running: Seen::Absent,
                waiting: Vec::new(),
                rollout: None,
                admission: Admission::NotAsked,
            }),
            kind: WorkloadKind::Deployment,
            role: Role::Main,
        }
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn repository(&mut self) -> &mut RepositoryFacts {
        match &mut self.repository {
            Seen::Present(repository) => repository,
            Seen::Absent | Seen::Hidden(_) => panic!("it is there"),
        }
    }

    fn policy(&mut self) -> &mut PolicyFacts {
        match &mut self.policy {
            Seen::Present(policy) => policy,
            Seen::Absent | Seen::Hidden(_) => panic!("it is there"),
        }
    }

    fn workload(&mut self) -> &mut WorkloadFacts {
        self.workload.as_mut().unwrap()
    }

    fn runs(mut self, image: &str) -> Self {
        self.workload().image = image.to_owned();
        self
    }

    /// Reason and command.
    fn fix(&self) -> (Option<Reason>, Option<String>) {
        let facts = Facts {
            care: self.care.clone(),
            repository: self.repository.as_ref(),
            policy: self.policy.as_ref(),
            markers: Seen::Present(self.markers.clone()),
            automations: Seen::Present(&self.automations),
            committed: self.committed.clone(),
            applier: self.applier.as_ref(),
            workload: self.workload.clone(),
        };
        let judgement = judge(&facts);
        let workload = Workload {
            namespace: "apps".to_owned(),
            kind: self.kind,
            name: "web".to_owned(),
        };
        let subject = Subject {
            workload: &workload,
            container: "web",
            role: self.role,
        };
        let subject = self.workload.is_some().then_some(&subject);
        (judgement.reason, command(&facts, &judgement, subject))
    }
}

#[track_caller]
fn check(world: &World, reason: impl Into<Option<Reason>>, fix: &str) {
    let (found, command) = world.fix();
    assert_eq!(command.as_deref(), Some(fix));
    assert_eq!(found, reason.into());
    assert!(parses(fix), "no shell takes it: {fix}");
}

/// Whether a shell can read it.
fn parses(line: &str) -> bool {
    let shell = Command::new("sh").args(["-n", "-c", line]).status();
    shell.unwrap().success()
}

mod git;
mod objects;

#[test]
fn every_reason_has_advice() {
    for reason in Reason::ALL {
        let advice = advice(*reason);
        assert!(!advice.is_empty() && !advice.ends_with('.'), "{reason}");
    }
}

#[test]
fn what_takes_its_time_is_waited_for_or_hurried() {
    let available = World::new().with(|world| {
        world.committed.as_mut().unwrap().tag = Some("1.8.4".to_owned());
        world.workload().image = "ghcr.io/acme/web:1.8.4".to_owned();
    });
    check(
        &available,
        None,
        "kubectl imgauto reconcile update apps -n flux-system",
    );
    let rolling = World::new().with(|world| {
        world.workload().running = Seen::Present(vec![RunningFacts {
            tag: Some("1.8.4".to_owned()),
            digest: None,
            pods: 1,
            ready: 1,
        }]);
    });
    check(
        &rolling,
        None,
        "kubectl imgauto verify deploy/web -n apps --wait",
    );
    assert_eq!(World::new().fix(), (None, None));
}

#[test]
fn of_several_policies_one_is_named() {
    let ambiguous = World::new().with(|world| {
        world.care = Care::Ambiguous(vec![name("web-a"), name("web-b")]);
    });
    check(
        &ambiguous,
        None,
        "kubectl annotate deploy/web -n apps policy.imgauto.dev/web=flux-system/web-a",
    );
    let volume = ambiguous.with(|world| world.role = Role::Volume);
    check(
        &volume,
        None,
        "kubectl annotate deploy/web -n apps volume-policy.imgauto.dev/web=flux-system/web-a",
    );
    let nobody = World::new().with(|world| world.care = Care::Nobody);
    assert_eq!(nobody.fix(), (None, None));
}

#[test]
fn words_reach_a_program_as_they_are() {
    for text in [
        "plain",
        "it's",
        "",
        "a b",
        "$HOME",
        "*",
        "{\"a\": 'b'}",
        "a|b;c&d",
    ] {
        let line = format!("printf %s {}", word(text));
        let output = Command::new("sh").args(["-c", &line]).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), text);
    }
}

#[test]
fn sed_changes_what_is_meant_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("it's here.yaml");
    let path = file.to_str().unwrap();
    let run = |line: &str| {
        let status = Command::new("sh").args(["-c", line]).status().unwrap();
        assert!(status.success(), "{line}");
        std::fs::read_to_string(&file).unwrap()
    };
    std::fs::write(&file, "a: \"a.b:web\"\na: \"a.b:web\"\nb: \"axb:web\"\n").unwrap();
    let edited = run(&shell::replace(path, 2, "\"a.b:web", "\"c|d&e:web"));
    assert_eq!(edited, "a: \"a.b:web\"\na: \"c|d&e:web\"\nb: \"axb:web\"\n");
    assert_eq!(run(&shell::replace(path, 3, "\"a.b:web", "\"z")), edited);
    std::fs::write(&file, "image: a:1\nimage: a:2 # note\n").unwrap();
    run(&shell::append(
        path,
        1,
        "# {\"k\": \"a:b\"}",
        shell::Ending::Plain,
    ));
    assert_eq!(
        run(&shell::append(
            path,
            2,
            "# {\"k\": \"a:b\"}",
            shell::Ending::Comment
        )),
        "image: a:1 # {\"k\": \"a:b\"}\nimage: a:2 # {\"k\": \"a:b\"}\n"
    );
}
