//! The parts of objects that are written on their own: none brings in an image, and some take marks away.

use harness::{ControlPlane, Webhook};
use serde_json::{Value, json};

use super::forgery::node;
use super::ground::{BEHIND, CURRENT, DEPLOYMENTS, FOREIGN, PODS, deployment, guarded, pod};
use super::sender::{Sender, drift};

const RESOLVED: &str = "resolved.imgauto.dev/web";

#[test]
fn scaling_is_nobodys_business() {
    let plane = ControlPlane::shared();
    let webhook = Webhook::start(plane, "scale", &["--override-group=on-call"]);
    let namespace = guarded(plane, "scale", "enforce");
    let sender = Sender::new(&namespace);
    sender.create(DEPLOYMENTS, &deployment(BEHIND)).taken();
    let place = format!("{DEPLOYMENTS}/web/scale");
    let scaled = sender
        .merge(&place, &json!({ "spec": { "replicas": 2 } }))
        .taken();
    assert_eq!(scaled["spec"]["replicas"], 2);
    let metrics = webhook.metrics();
    assert!(!metrics.contains("kind=\"scale\""), "{metrics}");
    assert_eq!(
        drift(&sender.get(&format!("{DEPLOYMENTS}/web"))),
        Some("drift")
    );
}

#[test]
fn a_status_brings_in_no_image_and_marks_lost_with_it_come_back_with_the_next_image() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "status", &[]);
    let namespace = guarded(plane, "status", "enforce");
    let sender = Sender::new(&namespace);
    let created = sender.create(DEPLOYMENTS, &deployment(BEHIND)).taken();
    assert_eq!(drift(&created), Some("drift"));
    let mut stripped = sender.get(&format!("{DEPLOYMENTS}/web"));
    stripped["metadata"]["annotations"] = json!({ "policy.imgauto.dev/web": "none" });
    stripped["metadata"]["labels"] = json!({ "imgauto.dev/drift": "none" });
    stripped["spec"]["template"]["spec"]["containers"][0]["image"] = json!(FOREIGN);
    stripped["metadata"]["resourceVersion"] = Value::Null;
    let written = sender
        .replace(&format!("{DEPLOYMENTS}/web/status"), &stripped)
        .taken();
    let image = &written["spec"]["template"]["spec"]["containers"][0]["image"];
    assert_eq!(image, BEHIND, "the API server keeps the template");
    assert_eq!(drift(&written), Some("drift"), "and the labels");
    // The limit: annotations go through. What they declare counts from the next image on.
    assert_eq!(
        written["metadata"]["annotations"],
        json!({ "policy.imgauto.dev/web": "none" })
    );

    let mut next = deployment(CURRENT);
    next["metadata"]["annotations"] = json!({});
    let marked = sender.replace(&format!("{DEPLOYMENTS}/web"), &next).taken();
    assert_eq!(drift(&marked), Some("none"));
    assert!(marked["metadata"]["annotations"][RESOLVED].is_string());
}

#[test]
fn the_status_of_a_pod_brings_in_no_image() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "podstatus", &[]);
    let namespace = guarded(plane, "podstatus", "enforce");
    let sender = Sender::new(&namespace);
    sender.create(PODS, &waiting(CURRENT)).taken();
    let mut written = sender.get(&format!("{PODS}/web"));
    written["spec"]["containers"][0]["image"] = json!(FOREIGN);
    written["metadata"]["annotations"] = json!({});
    written["metadata"]["resourceVersion"] = Value::Null;
    let stored = sender
        .replace(&format!("{PODS}/web/status"), &written)
        .taken();
    assert_eq!(stored["spec"]["containers"][0]["image"], CURRENT);
    // The limit, as with Deployments.
    assert!(stored["metadata"]["annotations"][RESOLVED].is_null());
    let image = json!({ "spec": { "containers": [{ "name": "web", "image": BEHIND }] } });
    let marked = sender.strategic(&format!("{PODS}/web"), &image).taken();
    assert!(marked["metadata"]["annotations"][RESOLVED].is_string());
}

#[test]
fn a_pod_that_is_bound_or_resized_keeps_its_image() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "bound", &[]);
    let namespace = guarded(plane, "bound", "enforce");
    let sender = Sender::new(&namespace);
    sender.create(PODS, &waiting(BEHIND)).taken();
    let binding = json!({
        "apiVersion": "v1", "kind": "Binding",
        "metadata": { "name": "web", "annotations": {
            "policy.imgauto.dev/web": "gone", "imgauto.dev/override": "let me in", RESOLVED: "forged/policy",
        } },
        "target": { "kind": "Node", "name": node(&namespace) },
    });
    sender
        .create(&format!("{PODS}/web/binding"), &binding)
        .taken();
    let bound = sender.get(&format!("{PODS}/web"));
    assert_eq!(bound["spec"]["containers"][0]["image"], BEHIND);
    // The limit: whoever may bind pods writes annotations past the webhook. They let no image in.
    assert_eq!(
        bound["metadata"]["annotations"]["policy.imgauto.dev/web"],
        "gone"
    );
    let image =
        |image: &str| json!({ "spec": { "containers": [{ "name": "web", "image": image }] } });
    let place = format!("{PODS}/web");
    sender
        .merge(
            &place,
            &json!({ "metadata": { "annotations": { "policy.imgauto.dev/web": null } } }),
        )
        .taken();
    sender.strategic(&place, &image(FOREIGN)).refused();

    let resize = sender.strategic(&format!("{PODS}/web/resize"), &image(FOREIGN));
    assert_ne!(resize.code, 500, "{resize:#?}");
    let kept = sender.get(&format!("{PODS}/web"));
    assert_eq!(kept["spec"]["containers"][0]["image"], BEHIND);
}

/// A pod that no scheduler looks after.
fn waiting(image: &str) -> Value {
    let mut pod = pod("web", image);
    pod["spec"]["schedulerName"] = json!("nobody");
    pod
}
