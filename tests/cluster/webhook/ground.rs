//! Namespaces that a webhook looks after, with a policy, and workloads for them.

use std::time::{Duration, Instant};

use harness::program::run;
use harness::webhook::LABEL;
use harness::{ControlPlane, Namespace};
use serde_json::{Value, json};

use super::sender::{Answer, Sender};

/// Deployments, as [`Sender`] names kinds.
pub(crate) const DEPLOYMENTS: &str = "apps/v1/deployments";
/// Pods.
pub(crate) const PODS: &str = "v1/pods";
/// Policies.
pub(crate) const POLICIES: &str = "image.toolkit.fluxcd.io/v1/imagepolicies";
/// Repositories.
pub(crate) const REPOSITORIES: &str = "image.toolkit.fluxcd.io/v1/imagerepositories";

/// What the policy of [`namespace`] chose from 1.x.
pub(crate) const CURRENT: &str = "ghcr.io/acme/web:1.9.0";
/// What it could choose.
pub(crate) const BEHIND: &str = "ghcr.io/acme/web:1.8.0";
/// What it would never choose.
pub(crate) const FOREIGN: &str = "ghcr.io/acme/web:2.0.0";

/// How long a webhook may take to hear of something.
const PATIENCE: Duration = Duration::from_secs(60);

/// A namespace of one webhook, with these labels and the policy `web`, which has chosen 1.9.0 of `ghcr.io/acme/web`.
pub(crate) fn namespace<'a>(
    plane: &'a ControlPlane,
    webhook: &str,
    labels: &[&str],
) -> Namespace<'a> {
    let namespace = plane.namespace("webhook");
    let ours = format!("{LABEL}={webhook}");
    label(&namespace, &[&[&*ours], labels].concat());
    policy(&namespace, "web", "ghcr.io/acme/web", "1.x", "1.9.0");
    namespace
}

/// A namespace of a mode, once the webhook knows it and the API server asks the webhook.
pub(crate) fn guarded<'a>(plane: &'a ControlPlane, webhook: &str, mode: &str) -> Namespace<'a> {
    let namespace = namespace(plane, webhook, &[&format!("imgauto.dev/mode={mode}")]);
    wait_until_guarded(&namespace, mode);
    namespace
}

/// Sets labels of a namespace.
pub(crate) fn label(namespace: &Namespace<'_>, labels: &[&str]) {
    let mut kubectl = namespace.kubectl();
    kubectl.args(["label", "--overwrite", "namespace", namespace.name()]);
    run(kubectl.args(labels));
}

/// Makes a policy with its repository, both of a name, that has chosen a tag from a range.
pub(crate) fn policy(
    namespace: &Namespace<'_>,
    name: &str,
    image: &str,
    range: &str,
    latest: &str,
) {
    let sender = Sender::new(namespace);
    sender
        .create(REPOSITORIES, &repository(name, image))
        .taken();
    sender.create(POLICIES, &semver(name, range)).taken();
    chooses(namespace, name, &json!({ "name": image, "tag": latest }));
}

/// Makes a policy choose something.
pub(crate) fn chooses(namespace: &Namespace<'_>, policy: &str, latest: &Value) {
    let status = json!({ "status": { "latestRef": latest } });
    let sender = Sender::new(namespace);
    sender
        .merge(&format!("{POLICIES}/{policy}/status"), &status)
        .taken();
}

/// An ImageRepository.
pub(crate) fn repository(name: &str, image: &str) -> Value {
    json!({
        "apiVersion": "image.toolkit.fluxcd.io/v1", "kind": "ImageRepository", "metadata": { "name": name },
        "spec": { "image": image, "interval": "1h" },
    })
}

/// An ImagePolicy for the ImageRepository of its name.
pub(crate) fn semver(name: &str, range: &str) -> Value {
    json!({
        "apiVersion": "image.toolkit.fluxcd.io/v1", "kind": "ImagePolicy", "metadata": { "name": name },
        "spec": { "imageRepositoryRef": { "name": name }, "policy": { "semver": { "range": range } } },
    })
}

/// The Deployment `web` of one container, without pods.
pub(crate) fn deployment(image: &str) -> Value {
    deployment_of(&json!({ "containers": [{ "name": "web", "image": image }] }))
}

/// The Deployment `web` with pods of a spec.
pub(crate) fn deployment_of(spec: &Value) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" },
        "spec": {
            "replicas": 0,
            "selector": { "matchLabels": { "app": "web" } },
            "template": { "metadata": { "labels": { "app": "web" } }, "spec": spec },
        },
    })
}

/// A pod of one container.
pub(crate) fn pod(name: &str, image: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": name },
        "spec": { "containers": [{ "name": "web", "image": image }] },
    })
}

/// An object with more annotations.
pub(crate) fn annotated(mut object: Value, annotations: &[(&str, &str)]) -> Value {
    for (key, value) in annotations {
        object["metadata"]["annotations"][*key] = json!(value);
    }
    object
}

/// Waits until the webhook knows the policy, and the API server asks the webhook as a mode wants it.
pub(crate) fn wait_until_guarded(namespace: &Namespace<'_>, mode: &str) {
    wait_for(namespace, &deployment(CURRENT), |answer| {
        answer.drift() == Some("none")
    });
    wait_for(namespace, &deployment(FOREIGN), |answer| match mode {
        "enforce" => answer.code == 403,
        "warn" => !answer.warnings.is_empty(),
        _ => answer.drift() == Some("drift"),
    });
}

/// Waits until the creation of an object would be answered in some way.
pub(crate) fn wait_for(
    namespace: &Namespace<'_>,
    object: &Value,
    holds: impl Fn(&Answer) -> bool,
) -> Answer {
    let (sender, kind) = (Sender::new(namespace), kind(object));
    // One of the name may be there.
    let mut object = object.clone();
    object["metadata"]["name"] = Value::Null;
    object["metadata"]["generateName"] = json!("probe-");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = sender.would_create(&kind, &object);
        if holds(&answer) {
            return answer;
        }
        assert!(Instant::now() < deadline, "it stays as it is: {answer:#?}");
        std::thread::sleep(Duration::from_millis(25));
    }
}

fn kind(object: &Value) -> String {
    let text = |field: &str| object[field].as_str().expect("it says what it is");
    let plural = format!("{}s", text("kind").to_lowercase()).replace("ys", "ies");
    format!("{}/{plural}", text("apiVersion"))
}
