//! What whoever writes a workload also writes, and which therefore excuses nothing: owners, mirrors, marks, annotations.

use harness::{ControlPlane, Namespace, Webhook, wait};
use k8s_openapi::api::core::v1::{Node, ServiceAccount};
use kube::Api;
use kube::api::ListParams;
use serde_json::{Value, json};

use super::ground::{
    BEHIND, CURRENT, DEPLOYMENTS, FOREIGN, PODS, annotated, deployment, guarded, pod, policy,
    wait_for,
};
use super::sender::{MASTERS, Sender, drift};

const NODES: &str = "system:nodes";

/// The name of a node.
pub(super) fn node(namespace: &Namespace<'_>) -> String {
    let nodes: Api<Node> = Api::all(namespace.plane().client());
    let nodes = wait(async move { nodes.list(&ListParams::default()).await }).unwrap();
    nodes.items[0].metadata.name.clone().unwrap()
}

#[test]
fn an_owner_that_somebody_wrote_by_hand_excuses_nothing() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "owners", &[]);
    let namespace = guarded(plane, "owners", "enforce");
    namespace.settles("default", |_: &ServiceAccount| Some(()));
    let sender = Sender::new(&namespace);
    let mut set = deployment(CURRENT);
    set["kind"] = json!("ReplicaSet");
    let uid = sender.create("apps/v1/replicasets", &set).taken()["metadata"]["uid"].clone();
    let mut owned = pod("forged", FOREIGN);
    owned["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": uid, "controller": true,
    }]);
    let users = [
        ("jane", &[MASTERS][..]),
        ("system:admin", &[MASTERS]),
        (
            "system:serviceaccount:default:replicaset-controller",
            &[MASTERS],
        ),
        // It writes what StatefulSets own, and nothing else.
        (
            "system:serviceaccount:kube-system:statefulset-controller",
            &[MASTERS],
        ),
        // The reconciler's own writes are not marked again, which lets no image in.
        (
            "system:serviceaccount:imgauto-system:imgauto-reconciler",
            &[MASTERS],
        ),
    ];
    for (user, groups) in users {
        let forger = sender.named(user, groups);
        forger.create(PODS, &owned).refused();
    }
    let controller = "system:serviceaccount:kube-system:replicaset-controller";
    let controller = sender.named(controller, &[MASTERS]);
    assert_eq!(
        controller.would_create(PODS, &owned).taken()["metadata"]["labels"],
        Value::Null
    );
    controller.create(PODS, &pod("bare", FOREIGN)).refused();
}

#[test]
fn a_mirror_is_one_if_a_node_says_so() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "mirrors", &[]);
    let namespace = guarded(plane, "mirrors", "enforce");
    namespace.settles("default", |_: &ServiceAccount| Some(()));
    let (sender, node) = (Sender::new(&namespace), node(&namespace));
    let mut mirror = annotated(
        pod("mirror", FOREIGN),
        &[("kubernetes.io/config.mirror", "abc")],
    );
    mirror["spec"]["nodeName"] = json!(node);
    sender.create(PODS, &mirror).refused();
    sender
        .named("jane", &[MASTERS, "system:masters:nodes"])
        .create(PODS, &mirror)
        .refused();
    let kubelet = sender.named(&format!("system:node:{node}"), &[NODES, MASTERS]);
    let created = kubelet.would_create(PODS, &mirror).taken();
    assert_eq!(drift(&created), None, "it is not touched");
}

#[test]
fn marks_that_were_copied_say_nothing() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "copied", &[]);
    let namespace = guarded(plane, "copied", "enforce");
    let sender = Sender::new(&namespace);
    // A paused one has nothing written to it by its controller.
    let mut object = deployment(CURRENT);
    object["spec"]["paused"] = json!(true);
    let compliant = sender.create(DEPLOYMENTS, &object).taken();
    for (image, label) in [(BEHIND, Some("drift")), (FOREIGN, None)] {
        let mut copy = deployment(image);
        copy["metadata"]["name"] = json!("copy");
        copy["metadata"]["labels"] = compliant["metadata"]["labels"].clone();
        copy["metadata"]["annotations"] = compliant["metadata"]["annotations"].clone();
        copy["metadata"]["annotations"]["resolved.imgauto.dev/gone"] = json!("some/policy");
        let answer = sender.would_create(DEPLOYMENTS, &copy);
        match label {
            None => assert!(answer.refused().contains("(foreign)")),
            Some(label) => {
                let created = answer.taken();
                assert_eq!(drift(&created), Some(label));
                assert_eq!(
                    created["metadata"]["annotations"],
                    compliant["metadata"]["annotations"]
                );
            }
        }
    }
    // What is there keeps its marks, whoever takes them off or paints them over.
    let place = format!("{DEPLOYMENTS}/web");
    let marks = |object: &Value| {
        (
            object["metadata"]["labels"].clone(),
            object["metadata"]["annotations"].clone(),
        )
    };
    for patch in [
        json!({ "labels": null, "annotations": null }),
        json!({ "labels": { "imgauto.dev/drift": "unmanaged" } }),
        json!({ "annotations": { "resolved.imgauto.dev/web": "forged/policy", "resolved.imgauto.dev/x": "a/b" } }),
    ] {
        let written = sender.merge(&place, &json!({ "metadata": patch })).taken();
        assert_eq!(marks(&written), marks(&compliant), "{patch}");
    }
}

#[test]
fn an_object_that_is_being_deleted_is_guarded_all_the_same() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "deleted", &[]);
    let namespace = guarded(plane, "deleted", "enforce");
    let sender = Sender::new(&namespace);
    let place = format!("{DEPLOYMENTS}/web");
    let mut object = deployment(CURRENT);
    object["metadata"]["finalizers"] = json!(["webhook.test/hold"]);
    sender.create(DEPLOYMENTS, &object).taken();
    assert!(sender.delete(&place).taken()["metadata"]["deletionTimestamp"].is_string());
    let image = json!({ "spec": { "template": { "spec": { "containers": [{ "name": "web", "image": FOREIGN }] } } } });
    sender.strategic(&place, &image).refused();
    sender
        .merge(&place, &json!({ "metadata": { "finalizers": null } }))
        .taken();
    let mut born = deployment(FOREIGN);
    born["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    sender.create(DEPLOYMENTS, &born).refused();
}

#[test]
fn annotations_name_policies_and_nothing_more() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "named", &[]);
    let other = guarded(plane, "named", "audit");
    policy(&other, "lax", "ghcr.io/acme/web", ">=0", "2.0.0");
    let namespace = guarded(plane, "named", "enforce");
    policy(&namespace, "api", "ghcr.io/acme/api", "1.x", "1.0.0");
    let sender = Sender::new(&namespace);
    let with = |key: &str, value: &str| {
        let object = annotated(deployment(CURRENT), &[(key, value)]);
        sender.would_create(DEPLOYMENTS, &object)
    };
    let web = "policy.imgauto.dev/web";
    wait_for(
        &namespace,
        &annotated(deployment(CURRENT), &[(web, "api")]),
        |answer| answer.code == 403,
    );
    assert_eq!(with(web, "web").drift(), Some("none"));
    let missing = with(web, "gone");
    assert_eq!(missing.drift(), Some("unknown"));
    let name = namespace.name();
    let line = format!(
        "container web (missing-policy): no policy {name}/gone; create it or correct {web}"
    );
    assert_eq!(missing.warnings, [line]);
    // Of a container that is not there nothing follows.
    assert_eq!(with("policy.imgauto.dev/gone", "api").drift(), Some("none"));
    assert_eq!(
        with("volume-policy.imgauto.dev/web", "api").drift(),
        Some("none")
    );

    // A policy of another namespace that grants nothing says nothing of what it would choose.
    let foreign = format!("{}/lax", other.name());
    for image in [CURRENT, FOREIGN] {
        let object = annotated(deployment(image), &[(web, &foreign)]);
        let told = sender.would_create(DEPLOYMENTS, &object).warnings;
        assert!(
            told.len() == 1 && told[0].starts_with("container web (not granted): "),
            "{told:?}"
        );
    }
    for odd in [
        "",
        " ",
        "a/b/c",
        "../web",
        "web\u{200b}",
        &"x".repeat(100_000),
    ] {
        let answer = with(web, odd);
        assert!(answer.code == 201, "{odd:.20} {answer:#?}");
        assert!(answer.warnings[0].chars().count() <= 120, "{answer:#?}");
    }
}
