//! Which statuses are taken for the end of a reconcile.

use serde_json::{Value, json};

use super::*;

/// A policy of generation 2 with these conditions: type, status, reason, and the generation they are of.
fn policy(observed: i64, conditions: &[(&str, &str, &str, i64)]) -> ImagePolicy {
    let conditions: Vec<Value> = conditions
        .iter()
        .map(|(type_, status, reason, generation)| {
            json!({
                "type": type_, "status": status, "reason": reason, "message": format!("{type_} says"),
                "observedGeneration": generation, "lastTransitionTime": "2026-01-01T00:00:00Z",
            })
        })
        .collect();
    serde_json::from_value(json!({
        "apiVersion": "image.toolkit.fluxcd.io/v1",
        "kind": "ImagePolicy",
        "metadata": {"name": "podinfo", "generation": 2},
        "spec": {"imageRepositoryRef": {"name": "podinfo"}, "policy": {}},
        "status": {"observedGeneration": observed, "conditions": conditions},
    }))
    .unwrap()
}

#[test]
fn only_a_status_of_this_generation_counts() {
    let ready = ("Ready", "True", "Succeeded", 2);
    assert_eq!(policy(2, &[ready]).progress(), Progress::Done);
    assert_eq!(policy(2, &[]).progress(), Progress::UnderWay);
    let earlier = ("Ready", "True", "Succeeded", 1);
    assert_eq!(policy(1, &[earlier]).progress(), Progress::UnderWay);
    let without = ("Ready", "True", "Succeeded", 0);
    assert_eq!(policy(2, &[without]).progress(), Progress::Done);
    assert_eq!(policy(1, &[without]).progress(), Progress::UnderWay);
}

#[test]
fn a_stalled_object_has_failed_until_it_is_changed() {
    let stalled = |generation| {
        [
            ("Ready", "False", "InvalidPolicy", generation),
            ("Stalled", "True", "InvalidPolicy", generation),
        ]
    };
    assert_eq!(
        policy(2, &stalled(2)).progress(),
        Progress::Failed("Ready says")
    );
    assert_eq!(policy(1, &stalled(1)).progress(), Progress::UnderWay);
}

#[test]
fn a_failure_that_is_tried_again_is_told_apart_from_work_under_way() {
    let ready = ("Ready", "False", "ReadOperationFailed", 2);
    let again = ("Reconciling", "True", "ProgressingWithRetry", 2);
    let retrying = Progress::Retrying {
        reason: "ReadOperationFailed",
        message: "Ready says",
    };
    for observed in [1, 2] {
        assert_eq!(policy(observed, &[ready, again]).progress(), retrying);
    }
    let working = ("Reconciling", "True", "Progressing", 2);
    assert_eq!(policy(2, &[ready, working]).progress(), Progress::UnderWay);
    assert_eq!(
        policy(2, &[ready]).progress(),
        Progress::Failed("Ready says")
    );
}

#[test]
fn an_object_that_is_going_is_not_waited_for() {
    let mut going = policy(2, &[("Ready", "True", "Succeeded", 2)]);
    going.metadata.deletion_timestamp =
        Some(serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap());
    assert_eq!(
        going.progress(),
        Progress::Failed("Resource scheduled for deletion")
    );
}
