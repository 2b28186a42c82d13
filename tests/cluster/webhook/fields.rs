//! Every field that holds an image is looked at, whatever stands beside it.

use harness::{ControlPlane, Webhook};
use serde_json::{Value, json};

use super::ground::{
    BEHIND, CURRENT, DEPLOYMENTS, FOREIGN, PODS, deployment, deployment_of, guarded, pod,
};
use super::sender::{Sender, drift};

/// Specs of pods with an image in each field there is, and what a refusal calls the field.
fn specs(image: &str) -> Vec<(Value, &'static str)> {
    let app = json!([{ "name": "app", "image": CURRENT }]);
    let one = json!({ "name": "odd", "image": image });
    let mut sidecar = one.clone();
    sidecar["restartPolicy"] = json!("Always");
    let volume =
        json!({ "name": "odd", "image": { "reference": image, "pullPolicy": "IfNotPresent" } });
    vec![
        (json!({ "containers": [app[0], one] }), "container odd"),
        (
            json!({ "containers": app, "initContainers": [one] }),
            "init container odd",
        ),
        (
            json!({ "containers": app, "initContainers": [sidecar] }),
            "init container odd",
        ),
        (
            json!({ "containers": app, "volumes": [volume] }),
            "volume odd",
        ),
    ]
}

#[test]
fn an_image_is_found_in_every_field() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "fields", &[]);
    let namespace = guarded(plane, "fields", "enforce");
    let sender = Sender::new(&namespace);
    for (spec, field) in specs(FOREIGN) {
        let bare = json!({ "metadata": { "name": "odd" }, "spec": spec });
        for answer in [
            sender.create(DEPLOYMENTS, &deployment_of(&spec)),
            sender.create(PODS, &bare),
        ] {
            let said = answer.refused();
            assert!(said.starts_with(&format!("{field} (foreign): ")), "{said}");
        }
    }
    for (spec, _) in specs(BEHIND) {
        let object = deployment_of(&spec);
        let created = sender.would_create(DEPLOYMENTS, &object).taken();
        assert_eq!(drift(&created), Some("drift"), "one of two is behind");
        let resolved = created["metadata"]["annotations"].as_object().unwrap();
        assert_eq!(resolved.len(), 2, "{resolved:?}");
    }
}

#[test]
fn a_name_that_two_lists_share_hides_nothing() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "twice", &[]);
    let namespace = guarded(plane, "twice", "enforce");
    let sender = Sender::new(&namespace);
    // The API server lets no two containers of a pod have one name, but a container and a volume may.
    let twice = json!([{ "name": "web", "image": CURRENT }, { "name": "web", "image": FOREIGN }]);
    let refused = sender.create(
        PODS,
        &json!({ "metadata": { "name": "a" }, "spec": { "containers": twice } }),
    );
    assert!(matches!(refused.code, 403 | 422), "{refused:?}");
    let volume = json!([{ "name": "web", "image": { "reference": FOREIGN } }]);
    let mut object = deployment(CURRENT);
    sender.create(DEPLOYMENTS, &object).taken();
    object["spec"]["template"]["spec"]["volumes"] = volume;
    let place = format!("{DEPLOYMENTS}/web");
    let refused = sender.replace(&place, &object);
    assert!(refused.refused().starts_with("volume web (foreign): "));
    object["spec"]["template"]["spec"]["volumes"][0]["image"]["reference"] = json!(BEHIND);
    let taken = sender.replace(&place, &object).taken();
    let name = namespace.name();
    assert_eq!(
        taken["metadata"]["annotations"],
        json!({ "resolved.imgauto.dev/web": format!("{name}/web"), "volume-resolved.imgauto.dev/web": format!("{name}/web") })
    );
}

#[test]
fn the_image_of_a_pod_that_runs_is_guarded() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "running", &[]);
    let namespace = guarded(plane, "running", "enforce");
    let sender = Sender::new(&namespace);
    let created = sender.create(PODS, &pod("web", BEHIND)).taken();
    assert_eq!(drift(&created), Some("drift"));
    let image =
        |image: &str| json!({ "spec": { "containers": [{ "name": "web", "image": image }] } });
    let patch = |text: &str| {
        let place = format!("{PODS}/web");
        sender.strategic(&place, &image(text))
    };
    patch(FOREIGN).refused();
    assert_eq!(drift(&patch(CURRENT).taken()), Some("none"));
}
