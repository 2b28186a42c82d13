//! Workloads as API servers write them.

use serde_json::{Value, json};

use super::*;
use crate::observe::Progress;

fn seen(kind: WorkloadKind, object: Value) -> SeenWorkload {
    SeenWorkload::of(kind, serde_json::from_value(object).unwrap())
}

fn progress(kind: WorkloadKind, spec: Value, status: Value) -> (i32, i32, i32, rollout::Ending) {
    let object = json!({ "metadata": { "generation": 2 }, "spec": spec, "status": status });
    let progress = Progress::from(&seen(kind, object).numbers.rollout());
    (
        progress.desired,
        progress.updated,
        progress.available,
        progress.end,
    )
}

#[test]
fn all_images_of_a_pod_are_found_with_what_they_are_for() {
    let pods = json!({
        "initContainers": [
            { "name": "migrate", "image": "migrate:1" },
            { "name": "proxy", "image": "proxy:1", "restartPolicy": "Always" },
        ],
        "containers": [{ "name": "web", "image": "web:1" }, { "name": "none" }],
        "volumes": [
            { "name": "config", "configMap": { "name": "x" } },
            { "name": "model", "image": { "reference": "model:1", "pullPolicy": "Always" } },
        ],
    });
    let expected = [
        ("migrate", Role::Init, "migrate:1"),
        ("proxy", Role::Sidecar, "proxy:1"),
        ("web", Role::Main, "web:1"),
        ("model", Role::Volume, "model:1"),
    ];
    let template = json!({ "template": { "spec": pods } });
    let specs = [
        (WorkloadKind::Deployment, template.clone()),
        (
            WorkloadKind::CronJob,
            json!({ "schedule": "@daily", "jobTemplate": { "spec": template } }),
        ),
    ];
    for (kind, spec) in specs {
        let seen = seen(kind, json!({ "metadata": { "name": "web" }, "spec": spec }));
        let images = seen.images.iter();
        let images = images.map(|image| (image.name.as_str(), image.role, image.image.as_str()));
        assert_eq!(images.collect::<Vec<_>>(), expected, "{kind}");
    }
}

#[test]
fn each_kind_says_in_its_own_fields_how_far_it_is() {
    use rollout::Ending::{Complete, Failed, UnderWay};
    let status = json!({
        "observedGeneration": 2, "replicas": 3, "updatedReplicas": 2, "readyReplicas": 3, "availableReplicas": 3,
    });
    assert_eq!(
        progress(
            WorkloadKind::Deployment,
            json!({ "replicas": 3 }),
            status.clone()
        ),
        (3, 2, 3, UnderWay)
    );
    let condition =
        json!([{ "type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded" }]);
    let mut late = status.clone();
    late["conditions"] = condition;
    let (.., end) = progress(WorkloadKind::Deployment, json!({ "replicas": 3 }), late);
    assert_eq!(end, Failed);
    let rolling = json!({ "replicas": 3, "updateStrategy": { "type": "RollingUpdate", "rollingUpdate": { "partition": 1 } } });
    let (.., end) = progress(WorkloadKind::StatefulSet, rolling, status);
    assert_eq!(end, Complete, "the first pod keeps what it has");
    let status = json!({
        "observedGeneration": 2, "desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 2,
    });
    assert_eq!(
        progress(WorkloadKind::DaemonSet, json!({}), status),
        (2, 2, 2, Complete)
    );
    let status = json!({ "active": 1, "ready": 0, "succeeded": 1 });
    let (desired, .., end) = progress(WorkloadKind::Job, json!({ "completions": 2 }), status);
    assert_eq!((desired, end), (2, UnderWay));
}
