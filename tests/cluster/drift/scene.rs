//! A namespace with a policy, and what people do in it.

use std::time::{Duration, Instant};

use harness::control_plane::Write;
use harness::population::wait_until;
use harness::program::run;
use harness::reconciler::ReconcilerOptions;
use harness::webhook::{apply, manifests};
use harness::{ControlPlane, Namespace, Reconciler, wait};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Event;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

/// How soon the label has to tell the truth.
pub(super) const SOON: Duration = Duration::from_secs(5);

/// How long what must come may take on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// The label.
pub(super) const DRIFT: &str = "imgauto.dev/drift";

/// The repository of the policy.
pub(super) const IMAGE: &str = "ghcr.io/acme/web";

/// Gives the reconciler the rights that come with the webhook.
fn grant(plane: &ControlPlane) {
    plane.install_manifests();
    let rights = manifests().iter();
    let rights = rights.filter(|object| object["metadata"]["name"] == "imgauto-drift");
    rights.for_each(|object| apply(plane, object.clone()));
}

/// A namespace in which a policy for `ghcr.io/acme/web` has chosen 1.9.0 from 1.x.
pub(super) struct Scene<'a> {
    pub(super) namespace: Namespace<'a>,
}

impl<'a> Scene<'a> {
    pub(super) fn new(plane: &'a ControlPlane) -> Self {
        grant(plane);
        let scene = Self {
            namespace: plane.namespace("drift"),
        };
        let api_version = "image.toolkit.fluxcd.io/v1";
        scene.namespace.apply(
            &json!({
                "apiVersion": api_version, "kind": "ImageRepository", "metadata": { "name": "web" },
                // Nobody scans it: what the policy chose is what the test says.
                "spec": { "image": IMAGE, "interval": "1h", "suspend": true },
            })
            .to_string(),
        );
        scene.namespace.apply(
            &json!({
                "apiVersion": api_version, "kind": "ImagePolicy", "metadata": { "name": "web" },
                "spec": { "imageRepositoryRef": { "name": "web" }, "suspend": true,
                          "policy": { "semver": { "range": "1.x" } } },
            })
            .to_string(),
        );
        scene.choose("1.9.0", None);
        scene
    }

    pub(super) fn label(&self, label: &str) {
        let mut kubectl = self.namespace.kubectl();
        kubectl.args(["label", "--overwrite", "namespace", self.namespace.name()]);
        run(kubectl.arg(label));
    }

    /// The policy moves.
    pub(super) fn choose(&self, tag: &str, digest: Option<&str>) {
        let latest = json!({ "name": IMAGE, "tag": tag, "digest": digest });
        let patch = json!({ "status": { "latestRef": latest } }).to_string();
        let mut kubectl = self.namespace.kubectl();
        kubectl.args(["patch", "imagepolicy", "web", "--subresource=status"]);
        run(kubectl.args(["--type=merge", "--patch", &patch]));
    }

    /// Starts a reconciler that looks after the namespace alone.
    pub(super) fn reconciler(&self) -> Reconciler {
        let options = ReconcilerOptions {
            namespace: Some(self.namespace.name()),
            ..ReconcilerOptions::default()
        };
        Reconciler::start(self.namespace.plane(), options)
    }

    pub(super) fn apply(&self, object: &Value) {
        self.namespace.apply(&object.to_string());
    }

    pub(super) fn set_image(&self, image: &str) {
        let mut kubectl = self.namespace.kubectl();
        kubectl.args(["set", "image", "deployment/web"]);
        run(kubectl.arg(format!("web={image}")));
    }

    /// Waits until the Deployment `web` carries a label, and returns how long that took.
    pub(super) fn carries(&self, label: Option<&str>) -> Duration {
        let begun = Instant::now();
        self.namespace.settles::<Deployment, ()>("web", |object| {
            let carried = object.labels().get(DRIFT).map(String::as_str);
            (carried == label).then_some(())
        });
        begun.elapsed()
    }

    /// The same, and it has to be soon.
    pub(super) fn soon_carries(&self, label: &str) {
        let took = self.carries(Some(label));
        assert!(took <= SOON, "{label} after {took:?}");
    }

    /// The reasons of the events of a workload by the drift controller, the oldest first, and how often each was told.
    pub(super) fn events(&self, name: &str) -> Vec<String> {
        let api: Api<Event> = self.namespace.api();
        let selected = ListParams::default().fields(&format!("involvedObject.name={name}"));
        let events = wait(async move { api.list(&selected).await }).unwrap();
        let own = events
            .items
            .into_iter()
            .filter(|event| event.reporting_component.as_deref() == Some("imgauto-drift"));
        // Times are whole seconds; within one the later write has the greater version.
        let version = |event: &Event| event.resource_version().unwrap().parse::<u64>().unwrap();
        let mut own: Vec<_> = own.collect();
        own.sort_by_key(|event| (event.first_timestamp.clone(), version(event)));
        own.into_iter()
            .map(|event| format!("{} {}", event.reason.unwrap(), event.count.unwrap()))
            .collect()
    }

    pub(super) fn wait_for_events(&self, name: &str, expected: &[&str]) {
        wait_until(
            PATIENCE,
            || self.events(name) == expected,
            || format!("{:?} instead of {expected:?}", self.events(name)),
        );
    }

    /// What the reconciler wrote to workloads of the namespace.
    pub(super) fn written(&self) -> Vec<Write> {
        let user = Reconciler::user();
        self.namespace.plane().audit_writes(|write| {
            write.user == user
                && write.namespace == self.namespace.name()
                && !write.resource.starts_with("image")
                && write.resource != "events"
        })
    }
}

pub(super) fn deployment(name: &str, image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": name },
        "spec": {
            "replicas": 0,
            "selector": { "matchLabels": { "app": name } },
            "template": {
                "metadata": { "labels": { "app": name } },
                "spec": { "containers": [{ "name": "web", "image": image }] },
            },
        },
    })
}

pub(super) fn tag(tag: &str) -> String {
    format!("{IMAGE}:{tag}")
}

/// Somebody writes the label of the Deployment `web`.
pub(super) fn overwrite(namespace: &Namespace<'_>, value: Option<&str>) {
    let api: Api<Deployment> = namespace.api();
    let patch = Patch::Merge(json!({ "metadata": { "labels": { DRIFT: value } } }));
    wait(async move { api.patch("web", &PatchParams::default(), &patch).await }).unwrap();
}
