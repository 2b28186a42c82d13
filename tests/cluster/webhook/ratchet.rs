//! What is there already is let alone, and excuses nothing that is new.

use harness::program::{output, run};
use harness::{ControlPlane, Namespace, Webhook};
use serde_json::{Value, json};

use super::ground::{
    BEHIND, CURRENT, DEPLOYMENTS, FOREIGN, PODS, POLICIES, chooses, deployment, deployment_of,
    guarded, label, namespace, policy, semver, wait_for, wait_until_guarded,
};
use super::sender::{Sender, drift};

const PLACE: &str = "apps/v1/deployments/web";

/// A Deployment that is older than the rule it breaks, in a namespace that enforces by now.
fn older<'a>(plane: &'a ControlPlane, webhook: &str, object: &Value) -> Namespace<'a> {
    let namespace = namespace(plane, webhook, &[]);
    Sender::new(&namespace).create(DEPLOYMENTS, object).taken();
    label(&namespace, &["imgauto.dev/mode=enforce"]);
    wait_until_guarded(&namespace, "enforce");
    namespace
}

fn images(images: &[(&str, &str)]) -> Value {
    let containers = images.iter();
    let containers: Vec<_> = containers
        .map(|(name, image)| json!({ "name": name, "image": image }))
        .collect();
    json!({ "spec": { "template": { "spec": { "containers": containers } } } })
}

#[test]
fn one_image_does_not_excuse_another() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "ratchet", &[]);
    let old = [("web", FOREIGN), ("side", CURRENT)];
    let object = deployment_of(&images(&old)["spec"]["template"]["spec"]);
    let namespace = older(plane, "ratchet", &object);
    let sender = Sender::new(&namespace);
    for patch in [
        json!({ "spec": { "replicas": 2 } }),
        json!({ "metadata": { "labels": { "a": "b" }, "annotations": { "c": "d" } } }),
        json!({ "spec": { "template": { "metadata": { "annotations": { "restarted": "now" } } } } }),
        images(&[("side", BEHIND)]),
        // The same image, spelled otherwise.
        images(&[("web", "GHCR.IO/acme/web:2.0.0")]),
        images(&[("web", FOREIGN)]),
    ] {
        let answer = sender.strategic(PLACE, &patch);
        assert!(answer.warnings.is_empty(), "{answer:#?}");
        answer.taken();
    }
    for (patch, container) in [
        (images(&[("side", FOREIGN)]), "side"),
        (images(&[("web", "ghcr.io/acme/web:2.0.1")]), "web"),
        (images(&[("third", FOREIGN)]), "third"),
    ] {
        let refused = sender.strategic(PLACE, &patch);
        let said = refused.refused();
        assert!(
            said.starts_with(&format!("container {container} (foreign): ")),
            "{said}"
        );
        assert!(
            !said.contains(" | "),
            "the old one is not told again: {said}"
        );
    }
    // Another policy is another question.
    let policy = json!({ "metadata": { "annotations": { "policy.imgauto.dev/web": "web" } } });
    sender.merge(PLACE, &policy).refused();
    sender
        .strategic(PLACE, &images(&[("web", CURRENT)]))
        .taken();
    sender
        .strategic(PLACE, &images(&[("web", FOREIGN)]))
        .refused();
}

#[test]
fn what_was_deleted_is_new_when_it_comes_back() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "anew", &[]);
    let namespace = older(plane, "anew", &deployment(FOREIGN));
    let sender = Sender::new(&namespace);
    let file = namespace.home().join("object.json");
    std::fs::write(&file, deployment(FOREIGN).to_string()).unwrap();
    // The same as it is passes, and the limit: with --force kubectl deletes before it asks.
    run(namespace
        .kubectl()
        .args(["replace", "--filename"])
        .arg(&file));
    let forced = output(
        namespace
            .kubectl()
            .args(["replace", "--force", "--filename"])
            .arg(&file),
    );
    let said = String::from_utf8_lossy(&forced.stderr);
    assert!(
        !forced.status.success() && said.contains("container web (foreign): "),
        "{said}"
    );
    let left = run(namespace
        .kubectl()
        .args(["get", "deployments", "--output=name"]));
    assert_eq!(left, "");
    sender.create(DEPLOYMENTS, &deployment(FOREIGN)).refused();
    sender.create(DEPLOYMENTS, &deployment(BEHIND)).taken();
    std::fs::write(&file, deployment(CURRENT).to_string()).unwrap();
    run(namespace
        .kubectl()
        .args(["replace", "--force", "--filename"])
        .arg(&file));
    assert_eq!(drift(&sender.get(PLACE)), Some("none"));
}

#[test]
fn a_rollback_goes_to_whatever_the_policy_could_have_chosen() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "rollback", &[]);
    let namespace = older(plane, "rollback", &deployment(FOREIGN));
    let sender = Sender::new(&namespace);
    for image in ["ghcr.io/acme/web:1.0.0", CURRENT] {
        sender.strategic(PLACE, &images(&[("web", image)])).taken();
        let mut status = namespace.kubectl();
        // A revision is there once its ReplicaSet is.
        run(status.args(["rollout", "status", "--timeout=60s", "deployment/web"]));
    }
    let undo = |revision: &str| {
        let mut kubectl = namespace.kubectl();
        let done = output(kubectl.args(["rollout", "undo", "deployment/web", revision]));
        (
            done.status.success(),
            String::from_utf8_lossy(&done.stderr).into_owned(),
        )
    };
    let (done, said) = undo("--to-revision=2");
    assert!(done && !said.contains("Warning"), "{said}");
    assert_eq!(drift(&sender.get(PLACE)), Some("drift"));
    let (done, said) = undo("--to-revision=1");
    assert!(
        !done && said.contains("container web (foreign): "),
        "{said}"
    );
}

#[test]
fn several_appliers_share_an_object_and_none_owns_its_marks() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "appliers", &[]);
    let namespace = guarded(plane, "appliers", "enforce");
    let sender = Sender::new(&namespace);
    // A paused one has nothing written to it by its controller.
    let mut object = deployment(BEHIND);
    object["spec"]["paused"] = json!(true);
    let created = sender.apply(PLACE, "one", &object).taken();
    let labels = json!({ "apiVersion": "apps/v1", "kind": "Deployment",
                         "metadata": { "name": "web", "labels": { "team": "a" } } });
    let shared = sender.apply(PLACE, "two", &labels).taken();
    assert_eq!(drift(&shared), Some("drift"));
    let owned = shared["metadata"]["managedFields"].to_string();
    assert!(!owned.contains("imgauto.dev"), "{owned}");
    // One that gives up its label takes away no mark, and one that brings in an image is judged.
    let nothing =
        json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" } });
    let given_up = sender.apply(PLACE, "two", &nothing).taken();
    for field in ["labels", "annotations"] {
        assert_eq!(given_up["metadata"][field], created["metadata"][field]);
    }
    let mut stealing = nothing;
    stealing["spec"] = images(&[("web", FOREIGN)])["spec"].clone();
    let place = format!("{PLACE}?force=true");
    let stolen = sender.apply(&place, "two", &stealing);
    stolen.refused();
}

#[test]
fn policies_come_and_go() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "time", &[]);
    let namespace = guarded(plane, "time", "enforce");
    let sender = Sender::new(&namespace);
    sender.create(DEPLOYMENTS, &deployment(BEHIND)).taken();
    // A policy that has not chosen yet refuses nothing.
    let unborn = "ghcr.io/acme/unborn:9.9.9";
    policy(&namespace, "unborn", "ghcr.io/acme/unborn", "1.x", "1.0.0");
    chooses(&namespace, "unborn", &Value::Null);
    let answer = wait_for(&namespace, &deployment(unborn), |answer| {
        answer.drift() == Some("unknown")
    });
    let line = format!(
        "container web (not-ready): policy {}/unborn has no choice to go by; its status says why",
        namespace.name()
    );
    assert_eq!(answer.warnings, [line]);
    // A policy that is gone refuses nothing, and what it let in lives on.
    sender.delete(&format!("{POLICIES}/web")).taken();
    wait_for(&namespace, &deployment(FOREIGN), |answer| {
        answer.drift() == Some("unmanaged")
    });
    sender
        .merge(PLACE, &json!({ "spec": { "replicas": 1 } }))
        .taken();
    label(&namespace, &["imgauto.dev/require-policy=true"]);
    wait_for(&namespace, &deployment(FOREIGN), |answer| {
        answer.code == 403
    });
    let same = sender.merge(PLACE, &json!({ "spec": { "replicas": 0 } }));
    assert!(same.warnings.is_empty());
    assert_eq!(drift(&same.taken()), Some("drift"), "it keeps what it had");
    sender.create(POLICIES, &semver("web", "2.x")).taken();
    chooses(
        &namespace,
        "web",
        &json!({ "name": "ghcr.io/acme/web", "tag": "2.0.0" }),
    );
    wait_for(&namespace, &deployment(FOREIGN), |answer| {
        answer.drift() == Some("none")
    });
}

#[test]
fn a_name_that_is_tried_again_is_no_other_question() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "generated", &[]);
    let namespace = guarded(plane, "generated", "enforce");
    let sender = Sender::new(&namespace);
    let pod = |image: &str| {
        json!({ "metadata": { "generateName": "web-" },
                "spec": { "containers": [{ "name": "web", "image": image }] } })
    };
    sender.create(PODS, &pod(FOREIGN)).refused();
    let [one, two] = [(); 2].map(|()| sender.create(PODS, &pod(BEHIND)).taken());
    assert_ne!(one["metadata"]["name"], two["metadata"]["name"]);
    for field in ["labels", "annotations"] {
        assert_eq!(one["metadata"][field], two["metadata"][field]);
    }
}
