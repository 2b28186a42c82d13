//! Ways around the mode of a namespace.

use harness::program::run;
use harness::{ControlPlane, Webhook};
use serde_json::json;

use super::ground::{
    CURRENT, DEPLOYMENTS, FOREIGN, deployment, guarded, label, namespace, wait_for,
};
use super::sender::Sender;

#[test]
fn a_namespace_that_was_made_without_a_label_is_guarded_from_when_it_has_one() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "late", &[]);
    let namespace = namespace(plane, "late", &[]);
    let sender = Sender::new(&namespace);
    let created = sender.create(DEPLOYMENTS, &deployment(FOREIGN));
    assert!(created.drift().is_none() && created.warnings.is_empty());
    created.taken();
    label(&namespace, &["imgauto.dev/mode=enforce"]);
    let mut other = deployment(FOREIGN);
    other["metadata"]["name"] = json!("other");
    wait_for(&namespace, &other, |answer| answer.code == 403).refused();
    // What was there before may be scaled and labelled, and must not get worse.
    let place = format!("{DEPLOYMENTS}/web");
    sender
        .merge(&place, &json!({ "metadata": { "labels": { "a": "b" } } }))
        .taken();
    let image = json!({ "spec": { "template": { "spec": { "containers": [
        { "name": "web", "image": "ghcr.io/acme/web:2.0.1" },
    ] } } } });
    sender.merge(&place, &image).refused();
}

#[test]
fn whoever_takes_the_label_away_is_let_go_only_once_the_api_server_knows() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "leave", &[]);
    let namespace = guarded(plane, "leave", "enforce");
    let sender = Sender::new(&namespace);
    // A creation at the very moment is judged by one label or the other, never by none of the webhooks' own lag.
    label(&namespace, &["imgauto.dev/mode-"]);
    let at_once = sender.would_create(DEPLOYMENTS, &deployment(FOREIGN));
    match at_once.code {
        201 => {}
        _ => assert!(at_once.refused().starts_with("container web (foreign): ")),
    }
    // The limit: who may label namespaces may leave; that right is guarded elsewhere.
    wait_for(&namespace, &deployment(FOREIGN), |answer| {
        answer.code == 201 && answer.drift().is_none()
    });
    label(&namespace, &["imgauto.dev/mode=enforce"]);
    wait_for(&namespace, &deployment(FOREIGN), |answer| {
        answer.code == 403
    });
}

#[test]
fn namespaces_of_the_system_are_left_alone_whatever_they_are_labelled() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "exempt", &["--exempt-namespace=webhook-exempt"]);
    let guarded = guarded(plane, "exempt", "enforce");
    let exempt = json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": { "name": "webhook-exempt", "labels": { harness::webhook::LABEL: "exempt", "imgauto.dev/mode": "enforce" } },
    });
    guarded.apply(&exempt.to_string());
    let mut object = deployment(FOREIGN);
    object["metadata"]["namespace"] = json!("webhook-exempt");
    let file = guarded.home().join("object.json");
    std::fs::write(&file, object.to_string()).unwrap();
    let mut create = guarded.kubectl();
    let create = create
        .args(["create", "--output=json", "--filename"])
        .arg(&file);
    let created: serde_json::Value = serde_json::from_str(&run(create)).unwrap();
    assert!(created["metadata"]["labels"].is_null(), "it is not marked");
    run(guarded
        .kubectl()
        .args(["delete", "namespace", "webhook-exempt", "--wait=false"]));
    wait_for(&guarded, &deployment(CURRENT), |answer| {
        answer.drift() == Some("none")
    });
}
