//! Rows for tests: the containers of the manual, and some that are harder to show.

use api::WorkloadKind;
use engine::delivery::{Judgement, Reason, State};
use engine::drift::Label;
use jiff::Timestamp;
use reconciler::resources::ObjectKey;

use crate::observe::{
    Applied, Certainty, Committed, Ending, Origin, Progress, Report, Role, Row, Running, Scan, Tie,
    Wanted, Workload,
};

/// The moment at which everything here is seen.
pub(crate) fn now() -> Timestamp {
    "2026-08-22T10:00:00Z".parse().unwrap()
}

fn ago(seconds: i64) -> Timestamp {
    Timestamp::from_second(now().as_second() - seconds).unwrap()
}

/// A report of these rows, complete.
pub(crate) fn report(rows: Vec<Row>) -> Report {
    Report {
        rows,
        policies: Vec::new(),
        updates: Vec::new(),
        missing: Vec::new(),
        at: now(),
    }
}

/// Pods that are ready and run the same.
pub(crate) fn pods(tag: &str, digest: &str, pods: u32) -> Running {
    Running {
        image: format!("ghcr.io/acme/app:{tag}"),
        tag: Some(tag.to_owned()),
        digest: Some(digest.to_owned()),
        pods,
        ready: pods,
        owner: None,
    }
}

/// A workload of which nothing is known but its image.
pub(crate) fn unmanaged(namespace: &str, kind: WorkloadKind, name: &str, image: &str) -> Row {
    Row {
        workload: Workload {
            namespace: namespace.to_owned(),
            kind,
            name: name.to_owned(),
        },
        container: name.to_owned(),
        role: Role::Main,
        image: image.to_owned(),
        drift: Label::Unmanaged,
        policy: None,
        wanted: None,
        git: None,
        applied: None,
        running: Vec::new(),
        rollout: None,
        judgement: judgement(State::Unmanaged, None, ""),
        next: None,
    }
}

/// What was found of a container.
pub(crate) fn judgement(state: State, reason: Option<Reason>, message: &str) -> Judgement {
    Judgement {
        state,
        reason,
        message: message.to_owned(),
        checks: Vec::new(),
    }
}

/// A workload that a policy of `flux-system` looks after.
pub(crate) fn managed(
    namespace: &str,
    kind: WorkloadKind,
    name: &str,
    wanted: &str,
    applied: &str,
) -> Row {
    let image = format!("ghcr.io/acme/{name}");
    Row {
        drift: match wanted == applied {
            true => Label::None,
            false => Label::Drift,
        },
        policy: Some(Tie {
            policy: ObjectKey::new("flux-system", name),
            certainty: Certainty::Stated,
        }),
        wanted: Some(Wanted {
            image: image.clone(),
            tag: wanted.to_owned(),
            digest: None,
            previous: None,
            since: None,
            rule: String::new(),
            scan: None,
        }),
        git: Some(committed(applied, Origin::Inventory)),
        ..unmanaged(namespace, kind, name, &format!("{image}:{applied}"))
    }
}

/// A tag that is committed.
pub(crate) fn committed(tag: &str, origin: Origin) -> Committed {
    Committed {
        tag: Some(tag.to_owned()),
        digest: None,
        commit: None,
        branch: None,
        file: None,
        line: None,
        pushed_at: None,
        automation: None,
        origin,
    }
}

/// A rollout.
pub(crate) fn progress(desired: i32, updated: i32, available: i32, end: Ending) -> Progress {
    Progress {
        desired,
        updated,
        available,
        end,
    }
}

/// The Deployment of the guide, of which everything is known.
pub(crate) fn podinfo() -> Row {
    let mut row = managed(
        "default",
        WorkloadKind::Deployment,
        "podinfo",
        "5.0.3",
        "5.0.3",
    );
    row.container = "podinfod".to_owned();
    row.image = "ghcr.io/stefanprodan/podinfo:5.0.3".to_owned();
    row.wanted = row.wanted.map(|wanted| Wanted {
        image: "ghcr.io/stefanprodan/podinfo".to_owned(),
        previous: Some("5.0.0".to_owned()),
        since: Some(ago(400)),
        rule: "semver >=5.0.0".to_owned(),
        scan: Some(Scan {
            tags: 13,
            at: Some(ago(41)),
        }),
        ..wanted
    });
    row.git = Some(Committed {
        commit: Some("3f9c2ab0123456789abcdef0123456789abcdef0".to_owned()),
        branch: Some("main".to_owned()),
        file: Some("clusters/my-cluster/podinfo-deployment.yaml".to_owned()),
        line: Some(18),
        pushed_at: Some(ago(320)),
        automation: Some(ObjectKey::new("flux-system", "flux-system")),
        ..committed("5.0.3", Origin::Inventory)
    });
    row.applied = Some(Applied {
        by: "Kustomization flux-system/flux-system".to_owned(),
        revision: Some("main@3f9c2ab".to_owned()),
    });
    row.running = vec![Running {
        image: row.image.clone(),
        owner: Some("ReplicaSet podinfo-6c9d7f".to_owned()),
        ..pods("5.0.3", "sha256:8704da9123456789", 2)
    }];
    row.rollout = Some(progress(2, 2, 2, Ending::Complete));
    row.judgement = judgement(State::Synced, None, "");
    row
}

/// One row for each thing that a list can tell.
pub(crate) fn fleet() -> Vec<Row> {
    let web = Row {
        running: vec![pods("1.8.4", "sha256:1", 3)],
        rollout: Some(progress(3, 3, 3, Ending::Complete)),
        judgement: judgement(State::UpdateAvailable, None, ""),
        ..managed("default", WorkloadKind::Deployment, "web", "1.9.0", "1.8.4")
    };
    let tool = unmanaged("default", WorkloadKind::Pod, "tool", "busybox");
    let api = Row {
        running: vec![pods("2.3.9", "sha256:2", 5)],
        rollout: Some(progress(5, 5, 5, Ending::Complete)),
        judgement: judgement(
            State::Drifted,
            Some(Reason::ManualChange),
            "running 2.3.9 differs from Git; image set by \"kubectl-set\" 3m ago",
        ),
        next: Some("kubectl imgauto why deploy/api -n prod".to_owned()),
        ..managed("prod", WorkloadKind::Deployment, "api", "2.4.0", "2.4.0")
    };
    let mut report = Row {
        wanted: None,
        git: Some(committed("0.9", Origin::Status)),
        running: vec![pods("0.9", "sha256:3", 1)],
        judgement: judgement(
            State::Blocked,
            Some(Reason::NoTagMatches),
            "none of 41 tags fits ^prod-(?P<n>\\d+)$",
        ),
        next: Some("kubectl imgauto tags policy/report -n prod".to_owned()),
        ..managed("prod", WorkloadKind::CronJob, "report", "-", "0.9")
    };
    report.policy = report.policy.map(|tie| Tie {
        certainty: Certainty::Guessed,
        ..tie
    });
    let queue = Row {
        running: vec![pods("7.2.0", "sha256:4", 2), pods("7.2.1", "sha256:5", 1)],
        rollout: Some(progress(3, 1, 2, Ending::UnderWay)),
        judgement: judgement(State::RollingOut, None, "1 of 3 pods are new"),
        ..managed(
            "staging",
            WorkloadKind::StatefulSet,
            "queue",
            "7.2.1",
            "7.2.1",
        )
    };
    vec![podinfo(), web, tool, api, report, queue]
}

/// A workload with an init container, a sidecar and a container that is not looked after.
pub(crate) fn crowded() -> Vec<Row> {
    let base = || Row {
        workload: Workload {
            namespace: "prod".to_owned(),
            kind: WorkloadKind::Deployment,
            name: "shop".to_owned(),
        },
        ..managed("prod", WorkloadKind::Deployment, "shop", "1.1", "1.1")
    };
    let migrate = Row {
        container: "migrate".to_owned(),
        role: Role::Init,
        running: vec![pods("1.1", "sha256:66666666", 2)],
        judgement: judgement(State::Synced, None, ""),
        ..base()
    };
    let shop = Row {
        container: "shop".to_owned(),
        running: vec![Running {
            ready: 0,
            ..pods("1.1", "sha256:77777777", 2)
        }],
        rollout: Some(progress(2, 2, 0, Ending::Failed)),
        judgement: judgement(
            State::Degraded,
            Some(Reason::ImagePullFailed),
            "2 pods cannot pull ghcr.io/acme/shop:1.1",
        ),
        next: Some("kubectl imgauto why deploy/shop -n prod".to_owned()),
        ..base()
    };
    let mesh = format!("ghcr.io/mesh/proxy@sha256:{}", "8".repeat(64));
    let proxy = Row {
        workload: base().workload,
        role: Role::Sidecar,
        running: vec![Running {
            tag: None,
            ..pods("", "sha256:8888888888", 2)
        }],
        ..unmanaged("prod", WorkloadKind::Deployment, "proxy", &mesh)
    };
    vec![migrate, shop, proxy]
}
