//! The built webhook as a process, which an API server calls by URL.

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::control_plane::ControlPlane;
use crate::program::{Leash, Server, clean, run, webhook};
use crate::reconciler::free_addresses;
use crate::serve::wait;

/// How long a start and an end may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The label by which namespaces are given to a webhook; its value is the webhook's suffix.
pub const LABEL: &str = "webhook.test";

/// What runs containers, as rules of webhooks name it.
const WORKLOADS: [(&str, &[&str]); 3] = [
    ("", &["pods", "podtemplates", "replicationcontrollers"]),
    (
        "apps",
        &["daemonsets", "deployments", "replicasets", "statefulsets"],
    ),
    ("batch", &["cronjobs", "jobs"]),
];

/// A webhook that an API server calls until this is dropped.
pub struct Webhook<'a> {
    plane: &'a ControlPlane,
    server: Server,
    leash: Option<Leash>,
    listen: SocketAddr,
    health: SocketAddr,
    metrics: SocketAddr,
    /// The end of the names of its configurations.
    suffix: String,
    _home: TempDir,
}

impl<'a> Webhook<'a> {
    /// Starts a webhook that looks after namespaces with a mode and the [`LABEL`], and waits until it is ready.
    ///
    /// `suffix` tells its configurations and its Secret from those of other tests.
    pub fn start(plane: &'a ControlPlane, suffix: &str, flags: &[&str]) -> Self {
        plane.install_manifests();
        let home = TempDir::new().expect("the temporary folder is writable");
        let [listen, health, metrics] = free_addresses();
        let mut command = Command::new(webhook());
        clean(&mut command, home.path());
        command
            .env("KUBECONFIG", plane.kubeconfig())
            .arg(format!("--listen-addr={listen}"))
            .arg(format!("--health-addr={health}"))
            .arg(format!("--metrics-addr={metrics}"))
            .arg(format!("--tls-name={}", listen.ip()))
            .arg(format!("--tls-secret=ca-{suffix}"))
            .arg(format!("--mutating-configuration=mark-{suffix}"))
            .arg(format!("--validating-configuration=guard-{suffix}"))
            .args(["--drain-delay=100ms"])
            .args(flags);
        apply_configurations(plane, suffix, listen);
        let server = Server::start(&mut command);
        let mut started = Self {
            plane,
            leash: Some(Leash::new(server.id())),
            server,
            listen,
            health,
            metrics,
            suffix: suffix.to_owned(),
            _home: home,
        };
        started.wait_until_ready();
        started
    }

    /// The text of its metrics.
    pub fn metrics(&self) -> String {
        let url = format!("http://{}/metrics", self.metrics);
        let answer = wait(async move { reqwest::get(url).await?.error_for_status()?.text().await });
        answer.unwrap_or_else(|error| panic!("no metrics: {error}"))
    }

    /// The lines of its log.
    pub fn logs(&self) -> Vec<String> {
        self.server.log()
    }

    /// Where it answers reviews.
    pub fn address(&self) -> SocketAddr {
        self.listen
    }

    /// Asks it to end with SIGTERM and waits until it did.
    ///
    /// # Panics
    ///
    /// If it takes more than a minute, or does not end well.
    pub fn terminate(&mut self) {
        let id = self.server.id().to_string();
        run(Command::new("kill").args(["-TERM", &id]));
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.server.ended() {
                self.leash = None;
                self.expect(status.success(), "it does not end well");
                return;
            }
            self.expect(Instant::now() < deadline, "it does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn wait_until_ready(&mut self) {
        let url = format!("http://{}/readyz", self.health);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let request = url.clone();
            let answer = wait(async move { reqwest::get(request).await?.error_for_status() });
            if answer.is_ok() {
                return;
            }
            let ended = self.server.ended();
            self.expect(ended.is_none(), "it ended before it was ready");
            self.expect(Instant::now() < deadline, "it does not become ready");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn expect(&self, holds: bool, otherwise: &str) {
        let log = self.logs().join("\n");
        assert!(holds, "the webhook fails: {otherwise}\n{log}");
    }
}

impl Drop for Webhook<'_> {
    fn drop(&mut self) {
        let (plane, suffix) = (self.plane, &self.suffix);
        delete::<MutatingWebhookConfiguration>(plane, &format!("mark-{suffix}"));
        delete::<ValidatingWebhookConfiguration>(plane, &format!("guard-{suffix}"));
    }
}

/// A configuration that outlives its test would refuse what others write, so it goes whatever happens.
fn delete<K>(plane: &ControlPlane, name: &str)
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned + Send + 'static,
{
    let (api, name) = (Api::<K>::all(plane.client()), name.to_owned());
    let _ = wait(async move { api.delete(&name, &DeleteParams::default()).await.map(drop) });
}

fn apply_configurations(plane: &ControlPlane, suffix: &str, listen: SocketAddr) {
    let hook = |name: &str, path: &str, rules: Value, modes: &[&str], policy: &str| {
        json!({
            "name": format!("{name}.{suffix}.imgauto.dev"),
            "clientConfig": { "url": format!("https://{listen}{path}") },
            "rules": rules,
            "namespaceSelector": {
                "matchLabels": { LABEL: suffix },
                "matchExpressions": [
                    { "key": "imgauto.dev/mode", "operator": "In", "values": modes },
                ],
            },
            "failurePolicy": policy,
            "timeoutSeconds": 5,
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
        })
    };
    let rule = |group: &str, resources: Vec<&str>| {
        json!({ "apiGroups": [group], "apiVersions": ["v1"], "resources": resources,
                "operations": ["CREATE", "UPDATE"], "scope": "Namespaced" })
    };
    let workloads = WORKLOADS.map(|(group, resources)| rule(group, resources.to_vec()));
    let mut guarded = workloads.to_vec();
    guarded.push(rule("", vec!["pods/ephemeralcontainers"]));
    let ours = vec![
        "imagepolicies",
        "imagerepositories",
        "imageupdateautomations",
    ];
    let ours = json!([rule("image.toolkit.fluxcd.io", ours)]);
    let all = &["audit", "warn", "enforce"][..];
    let mut mark = hook("mark", "/mutate", json!(workloads), all, "Ignore");
    mark["reinvocationPolicy"] = json!("IfNeeded");
    let guards = [
        hook(
            "guard",
            "/validate",
            json!(guarded),
            &["audit", "warn"],
            "Ignore",
        ),
        hook(
            "enforce",
            "/validate/enforce",
            json!(guarded),
            &["enforce"],
            "Fail",
        ),
        hook("policies", "/validate-policies", ours, all, "Fail"),
    ];
    apply::<MutatingWebhookConfiguration>(plane, &format!("mark-{suffix}"), &json!([mark]));
    apply::<ValidatingWebhookConfiguration>(plane, &format!("guard-{suffix}"), &json!(guards));
}

fn apply<K>(plane: &ControlPlane, name: &str, hooks: &Value)
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned + Send + 'static,
{
    let object = json!({
        "apiVersion": K::api_version(&()),
        "kind": K::kind(&()),
        "metadata": { "name": name },
        "webhooks": hooks,
    });
    let (api, name) = (Api::<K>::all(plane.client()), name.to_owned());
    let params = PatchParams::apply("harness").force();
    let applied = wait(async move { api.patch(&name, &params, &Patch::Apply(object)).await });
    applied.expect("an administrator may configure webhooks");
}
