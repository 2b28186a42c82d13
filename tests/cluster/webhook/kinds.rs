//! Every kind that runs containers is looked at, by whichever way it is written.

use std::time::{Duration, Instant};

use harness::program::{output, run};
use harness::webhook::{LABEL, NAME, NAMESPACE};
use harness::{ControlPlane, Namespace, Webhook, wait};
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use kube::api::ListParams;
use serde_json::{Value, json};

use super::ground::{
    BEHIND, CURRENT, DEPLOYMENTS, FOREIGN, PODS, deployment, guarded, label, namespace, wait_for,
    wait_until_guarded,
};
use super::sender::{Sender, drift};

const REPLICA_SETS: &str = "apps/v1/replicasets";

/// Whether the image of an object can be changed once it is there.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Template {
    Mutable,
    Immutable,
}

/// An object of each built-in kind, and the path of its image.
fn objects(image: &str) -> Vec<(&'static str, Value, &'static str, Template)> {
    let spec = json!({ "containers": [{ "name": "web", "image": image }] });
    let labels = json!({ "app": "web" });
    let template = json!({ "metadata": { "labels": labels }, "spec": spec });
    let mut once = template.clone();
    once["spec"]["restartPolicy"] = json!("Never");
    let selected =
        json!({ "replicas": 0, "selector": { "matchLabels": labels }, "template": template });
    let mut daemons = selected.clone();
    daemons.as_object_mut().unwrap().remove("replicas");
    let mut stateful = selected.clone();
    stateful["serviceName"] = json!("web");
    let controller = json!({ "replicas": 0, "selector": labels, "template": template });
    let job = json!({ "suspend": true, "template": once });
    let cron = json!({ "schedule": "0 0 1 1 *", "jobTemplate": { "spec": { "template": once } } });
    let of = |spec: &Value| json!({ "metadata": { "name": "web" }, "spec": spec });
    let (pod, mutable) = ("/spec/containers/0/image", Template::Mutable);
    let templated = "/spec/template/spec/containers/0/image";
    let plain = "/template/spec/containers/0/image";
    let nested = "/spec/jobTemplate/spec/template/spec/containers/0/image";
    vec![
        ("v1/pods", of(&spec), pod, mutable),
        (
            "v1/podtemplates",
            json!({ "metadata": { "name": "web" }, "template": template }),
            plain,
            mutable,
        ),
        (
            "v1/replicationcontrollers",
            of(&controller),
            templated,
            mutable,
        ),
        ("apps/v1/daemonsets", of(&daemons), templated, mutable),
        ("apps/v1/deployments", of(&selected), templated, mutable),
        ("apps/v1/replicasets", of(&selected), templated, mutable),
        ("apps/v1/statefulsets", of(&stateful), templated, mutable),
        ("batch/v1/jobs", of(&job), templated, Template::Immutable),
        ("batch/v1/cronjobs", of(&cron), nested, mutable),
    ]
}

#[test]
fn every_kind_of_kubernetes_is_marked_and_guarded() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "kinds", &[]);
    let namespace = guarded(plane, "kinds", "enforce");
    let sender = Sender::new(&namespace);
    for (kind, mut object, image, template) in objects(FOREIGN) {
        sender.create(kind, &object).refused();
        *object.pointer_mut(image).unwrap() = json!(BEHIND);
        let mut created = sender.create(kind, &object).taken();
        assert_eq!(drift(&created), Some("drift"), "{kind}");
        let resolved = &created["metadata"]["annotations"]["resolved.imgauto.dev/web"];
        assert_eq!(*resolved, format!("{}/web", namespace.name()), "{kind}");
        let place = format!("{kind}/web");
        if kind == PODS {
            scheduled(&namespace);
            created = sender.get(&place);
        }
        created["metadata"]["managedFields"] = Value::Null;
        created["metadata"]["resourceVersion"] = Value::Null;
        *created.pointer_mut(image).unwrap() = json!(FOREIGN);
        let refused = sender.replace(&place, &created);
        if template == Template::Immutable {
            assert!(matches!(refused.code, 403 | 422), "{kind} {refused:#?}");
            continue;
        }
        refused.refused();
        *created.pointer_mut(image).unwrap() = json!(CURRENT);
        let taken = sender.replace(&place, &created).taken();
        assert_eq!(drift(&taken), Some("none"), "{kind}");
    }
}

/// Waits until the pod has its node, which is written to its spec.
fn scheduled(namespace: &Namespace<'_>) {
    namespace.settles("web", |pod: &Pod| pod.spec.as_ref()?.node_name.clone());
}

#[test]
fn a_list_is_as_good_as_its_items() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "lists", &[]);
    let namespace = guarded(plane, "lists", "enforce");
    let mut good = deployment(CURRENT);
    good["metadata"]["name"] = json!("good");
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": [good, deployment(FOREIGN)] });
    let file = namespace.home().join("list.json");
    std::fs::write(&file, list.to_string()).unwrap();
    for verb in ["create", "apply"] {
        let written = output(namespace.kubectl().args([verb, "--filename"]).arg(&file));
        let said = String::from_utf8_lossy(&written.stderr);
        assert!(
            !written.status.success() && said.contains("container web (foreign): "),
            "{said}"
        );
    }
    let there = run(namespace
        .kubectl()
        .args(["get", "deployments", "--output=name"]));
    assert_eq!(there, "deployment.apps/good\n");
}

#[test]
fn what_a_controller_makes_of_an_admitted_template_is_always_let_in() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "owned", &[]);
    // The Deployment is older than the rule.
    let namespace = namespace(plane, "owned", &[]);
    namespace.settles("default", |_: &ServiceAccount| Some(()));
    let mut object = deployment(FOREIGN);
    object["spec"]["replicas"] = json!(1);
    let sender = Sender::new(&namespace);
    sender.create(DEPLOYMENTS, &object).taken();
    let first = pod_of(&namespace, None);
    label(
        &namespace,
        &[
            "imgauto.dev/mode=enforce",
            "imgauto.dev/require-policy=true",
        ],
    );
    wait_until_guarded(&namespace, "enforce");

    // A pod that is lost comes back, a workload that grows gets more of them, whatever their image is.
    sender.delete(&format!("{PODS}/{first}")).taken();
    let second = pod_of(&namespace, Some(&first));
    assert!(
        drift(&sender.get(&format!("{PODS}/{second}"))).is_none(),
        "it is not marked"
    );
    let place = format!("{DEPLOYMENTS}/web");
    // A restart makes another ReplicaSet of the same image.
    let at = json!({ "spec": { "template": { "metadata": { "annotations": { "restarted": "now" } } } } });
    sender.merge(&place, &at).taken();
    let third = pod_of(&namespace, Some(&second));
    assert_ne!(third, first);
    // Whoever is not that controller is refused the same pod.
    let mut copy = sender.get(&format!("{PODS}/{third}"));
    let metadata = copy["metadata"].take();
    copy["metadata"] = json!({ "name": "copy", "ownerReferences": metadata["ownerReferences"], "labels": metadata["labels"] });
    copy["status"] = Value::Null;
    copy["spec"]["nodeName"] = Value::Null;
    sender.create(PODS, &copy).refused();
}

/// The pod of the Deployment that is there once `before` is gone.
fn pod_of(namespace: &Namespace<'_>, before: Option<&str>) -> String {
    let deadline = Instant::now() + Duration::from_secs(60);
    let selected = ListParams::default().labels("app=web");
    loop {
        let (pods, selected) = (namespace.api::<Pod>(), selected.clone());
        let pods: Vec<Pod> = wait(async move { pods.list(&selected).await })
            .unwrap()
            .items;
        let names: Vec<_> = pods
            .iter()
            .filter_map(|pod| pod.metadata.name.clone())
            .collect();
        match names.as_slice() {
            [name] if Some(name.as_str()) != before => return name.clone(),
            _ => assert!(Instant::now() < deadline, "pods: {names:?}"),
        }
        std::thread::sleep(Duration::from_millis(25));
    }
}

#[test]
fn a_replica_set_is_guarded_when_it_is_made_and_let_alone_when_it_is_adopted() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "adopted", &[]);
    let namespace = guarded(plane, "adopted", "enforce");
    let sender = Sender::new(&namespace);
    let made = |image: &str| {
        let mut set = deployment(image);
        set["kind"] = json!("ReplicaSet");
        set["metadata"]["labels"] = json!({ "app": "web" });
        set
    };
    sender.create(REPLICA_SETS, &made(FOREIGN)).refused();
    let created = sender.create(REPLICA_SETS, &made(BEHIND)).taken();
    assert_eq!(drift(&created), Some("drift"));
    sender.create(DEPLOYMENTS, &deployment(BEHIND)).taken();
    let owner = namespace.settles("web", |set: &ReplicaSet| {
        let owners = set.metadata.owner_references.as_ref()?;
        owners.first().map(|owner| owner.name.clone())
    });
    assert_eq!(owner, "web");
    // The limit: it keeps the label it had when nobody owned it.
    let adopted = sender.get(&format!("{REPLICA_SETS}/web"));
    assert_eq!(drift(&adopted), Some("drift"));
    let place = format!("{REPLICA_SETS}/web");
    let image = json!({ "spec": { "template": { "spec": { "containers": [{ "name": "web", "image": FOREIGN }] } } } });
    sender.strategic(&place, &image).refused();
}

const ROLLOUTS: &str = "webhook.test/v1/rollouts";

#[test]
fn kinds_of_others_are_guarded_once_they_are_configured() {
    let plane = ControlPlane::shared();
    let webhook = Webhook::start(
        plane,
        "custom",
        &["--kind=rollouts.webhook.test=spec.template.spec,spec.stages[*].podSpec"],
    );
    let namespace = guarded(plane, "custom", "enforce");
    for kind in ["Rollout", "Canary"] {
        namespace.apply(&definition(kind).to_string());
    }
    let established = ["wait", "--for=condition=Established", "crd"];
    let names = ["rollouts.webhook.test", "canaries.webhook.test"];
    run(namespace.kubectl().args(established).args(names));
    for (kind, name, path, policy) in [
        (
            "mutatingwebhookconfiguration",
            "imgauto-mark-custom",
            "/mutate",
            "Ignore",
        ),
        (
            "validatingwebhookconfiguration",
            "imgauto-guard-custom",
            "/validate/enforce",
            "Fail",
        ),
    ] {
        let hook = hook(&webhook, path, policy);
        let patch = json!([{ "op": "add", "path": "/webhooks/-", "value": hook }]).to_string();
        let patch = ["patch", kind, name, "--type=json", "--patch", &patch];
        run(namespace.kubectl().args(patch));
    }

    let pods = |image: &str| json!({ "containers": [{ "name": "web", "image": image }] });
    let object = |kind: &str, image: &str, stage: &str| {
        json!({
            "apiVersion": "webhook.test/v1", "kind": kind, "metadata": { "name": "web" },
            "spec": { "template": { "spec": pods(image) }, "stages": [{ "podSpec": pods(stage) }] },
        })
    };
    let marked = wait_for(&namespace, &object("Rollout", CURRENT, BEHIND), |answer| {
        answer.drift().is_some()
    });
    assert_eq!(marked.drift(), Some("drift"));
    let sender = Sender::new(&namespace);
    for (image, stage) in [(FOREIGN, CURRENT), (CURRENT, FOREIGN)] {
        sender
            .create(ROLLOUTS, &object("Rollout", image, stage))
            .refused();
    }
    let canary = object("Canary", FOREIGN, FOREIGN);
    let unknown = sender.create("webhook.test/v1/canaries", &canary).taken();
    assert_eq!(drift(&unknown), None, "nobody said where its pods are");
}

/// A kind of somebody else.
fn definition(kind: &str) -> Value {
    let plural = match kind {
        "Canary" => "canaries".to_owned(),
        kind => format!("{}s", kind.to_lowercase()),
    };
    let schema = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("{plural}.webhook.test") },
        "spec": {
            "group": "webhook.test", "scope": "Namespaced",
            "names": { "kind": kind, "plural": plural, "singular": kind.to_lowercase() },
            "versions": [{ "name": "v1", "served": true, "storage": true,
                           "schema": { "openAPIV3Schema": schema } }],
        },
    })
}

/// What an administrator adds so that the webhook is asked about the kinds of [`definition`].
fn hook(webhook: &Webhook<'_>, path: &str, policy: &str) -> Value {
    let service = json!({ "name": format!("{NAME}-custom"), "namespace": NAMESPACE,
                          "path": path, "port": webhook.address().port() });
    json!({
        "name": "rollouts.webhook.imgauto.dev",
        "clientConfig": { "service": service },
        "rules": [{ "apiGroups": ["webhook.test"], "apiVersions": ["v1"], "resources": ["*"],
                    "operations": ["CREATE", "UPDATE"], "scope": "Namespaced" }],
        "namespaceSelector": { "matchLabels": { LABEL: "custom" } },
        "failurePolicy": policy, "sideEffects": "None", "admissionReviewVersions": ["v1"],
    })
}
