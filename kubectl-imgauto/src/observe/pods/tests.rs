//! Pods as API servers write them.

use serde_json::{Value, json};

use super::*;

const OLD: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
const NEW: &str = "sha256:2222222222222222222222222222222222222222222222222222222222222222";

fn pod(owner: (&str, &str), image: &str, status: Value) -> SeenPod {
    let (kind, name) = owner;
    let object = json!({
        "metadata": {
            "name": "p", "uid": "own", "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": { "controller-revision-hash": "5d8f" },
            "ownerReferences": [{ "kind": kind, "name": name, "uid": name, "controller": true }],
        },
        "spec": { "containers": [{ "name": "web", "image": image }], "volumes": [{ "name": "model", "image": { "reference": "model:1" } }] },
        "status": status,
    });
    SeenPod::of(
        serde_json::from_value(object).unwrap(),
        &mut Texts::default(),
    )
}

fn runs(image: &str, digest: &str) -> Value {
    json!({
        "phase": "Running",
        "containerStatuses": [{
            "name": "web", "image": image, "imageID": format!("docker.io/library/web@{digest}"), "ready": true,
            "state": { "running": { "startedAt": "2026-01-01T00:00:00Z" } },
        }],
    })
}

fn seen(batches: &[(i64, Vec<SeenPod>)], name: &str) -> RunningImages {
    let batches = batches.iter().map(|(revision, pods)| Batch {
        revision: *revision,
        pods,
    });
    running(&batches.collect::<Vec<_>>(), name, Counting::Living)
}

#[test]
fn old_and_new_pods_are_counted_apart_the_oldest_first() {
    let of = |owner, image: &str, digest| pod(("ReplicaSet", owner), image, runs(image, digest));
    let batches = [
        (2, vec![of("web-b", "web:2", NEW)]),
        (
            1,
            vec![of("web-a", "web:1", OLD), of("web-a", "web:1", OLD)],
        ),
    ];
    let seen = seen(&batches, "web");
    let told = seen.running.iter().map(|running| {
        let (tag, digest) = (running.tag.as_deref(), running.digest.as_deref());
        (
            running.owner.as_deref(),
            tag,
            digest,
            running.pods,
            running.ready,
        )
    });
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            (Some("ReplicaSet web-a"), Some("1"), Some(OLD), 2, 2),
            (Some("ReplicaSet web-b"), Some("2"), Some(NEW), 1, 1),
        ]
    );
    assert_eq!(seen.waiting, []);
}

#[test]
fn an_image_that_cannot_be_pulled_waits_and_does_not_run() {
    let waits = json!({
        "phase": "Pending",
        "containerStatuses": [{
            "name": "web", "image": "web:3", "imageID": "", "ready": false,
            "state": { "waiting": { "reason": "ImagePullBackOff", "message": "Back-off" } },
        }],
    });
    let of = || pod(("ReplicaSet", "web-c"), "web:3", waits.clone());
    let seen = seen(&[(1, vec![of(), of()])], "web");
    assert_eq!(seen.running, []);
    let waiting = &seen.waiting[0];
    assert_eq!(
        (waiting.reason.as_str(), waiting.pods),
        ("ImagePullBackOff", 2)
    );
    assert_eq!(
        (waiting.image.as_str(), waiting.message.as_str()),
        ("web:3", "Back-off")
    );
}

#[test]
fn a_container_that_starts_over_and_over_runs_its_image() {
    let mut status = runs("web:1", OLD);
    status["containerStatuses"][0]["ready"] = false.into();
    status["containerStatuses"][0]["state"] =
        json!({ "waiting": { "reason": "CrashLoopBackOff" } });
    let seen = seen(
        &[(1, vec![pod(("ReplicaSet", "a"), "web:1", status)])],
        "web",
    );
    assert_eq!((seen.running[0].pods, seen.running[0].ready), (1, 0));
    assert_eq!(seen.waiting[0].reason, "CrashLoopBackOff");
}

#[test]
fn a_runtime_that_tells_an_id_leaves_the_name_to_the_spec() {
    let status = runs(OLD, NEW);
    let seen = seen(
        &[(0, vec![pod(("StatefulSet", "web"), "web:1", status)])],
        "web",
    );
    let running = &seen.running[0];
    assert_eq!(
        (running.image.as_str(), running.tag.as_deref()),
        ("web:1", Some("1"))
    );
    assert_eq!(running.digest.as_deref(), Some(NEW));
    assert_eq!(running.owner.as_deref(), Some("ControllerRevision 5d8f"));
    let mut bare = runs("web:1", OLD);
    bare["containerStatuses"][0]["imageID"] = OLD.into();
    let bare = pod(("DaemonSet", "web"), "web:1", bare);
    let seen = super::running(
        &[Batch {
            revision: 0,
            pods: &[bare],
        }],
        "web",
        Counting::Living,
    );
    assert_eq!(
        seen.running[0].digest, None,
        "that is the id of a local copy"
    );
    assert_eq!(
        seen.running[0].owner.as_deref(),
        Some("ControllerRevision web-5d8f")
    );
}

#[test]
fn what_is_mounted_is_there_when_something_runs() {
    let pods = |status| vec![pod(("ReplicaSet", "a"), "web:1", status)];
    let mounted = seen(&[(1, pods(runs("web:1", OLD)))], "model");
    assert_eq!(mounted.running[0].tag.as_deref(), Some("1"));
    assert_eq!((mounted.running[0].pods, mounted.running[0].ready), (1, 1));
    let none = seen(&[(1, pods(json!({ "phase": "Pending" })))], "model");
    assert_eq!(none.running, []);
}

#[test]
fn pods_that_ended_count_where_that_is_their_purpose() {
    let mut status = runs("web:1", OLD);
    status["phase"] = "Succeeded".into();
    status["containerStatuses"][0]["state"] = json!({ "terminated": { "exitCode": 0 } });
    let pods = [pod(("Job", "a"), "web:1", status)];
    let batch = [Batch {
        revision: 0,
        pods: &pods,
    }];
    assert_eq!(running(&batch, "web", Counting::Living).running, []);
    assert_eq!(
        running(&batch, "web", Counting::AlsoEnded).running[0].pods,
        1
    );
    let by_owner = Pods::new(Vec::from(pods));
    assert_eq!(by_owner.of("a").len(), 1);
    assert!(by_owner.of("b").is_empty());
}
