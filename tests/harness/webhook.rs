//! The built webhook as a process with the rights its manifests give it, which an API server calls through its Service.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::checkout;
use crate::control_plane::{ControlPlane, Credentials};
use crate::program::{Leash, Server, clean, kubectl, run, webhook};
use crate::reconciler::free_addresses;
use crate::serve::wait;

/// How long a start and an end may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The label by which namespaces are given to a webhook; its value is the webhook's suffix.
pub const LABEL: &str = "webhook.test";

/// The namespace of the manifests.
pub const NAMESPACE: &str = "imgauto-system";
/// The name of the manifests' ServiceAccount, Service and Deployment.
pub const NAME: &str = "imgauto-webhook";

/// The names of the manifests that webhooks with a suffix have for themselves.
const NAMES: [&str; 5] = [
    NAME,
    "imgauto-webhook-ca",
    "imgauto-webhook-certificates",
    "imgauto-mark",
    "imgauto-guard",
];

/// What of the manifests a process needs around it. Its Service is another one: there is no network of pods.
const AROUND: [&str; 7] = [
    "ServiceAccount",
    "ClusterRole",
    "ClusterRoleBinding",
    "Role",
    "RoleBinding",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
];

/// How long the API server waits for an answer, in seconds, where several webhooks share a busy machine.
const TIMEOUT: u32 = 10;

/// A webhook that an API server calls until this is dropped.
pub struct Webhook<'a> {
    plane: &'a ControlPlane,
    server: Server,
    leash: Option<Leash>,
    listen: SocketAddr,
    health: SocketAddr,
    metrics: SocketAddr,
    names: Names,
    _home: TempDir,
    _credentials: Credentials,
}

impl<'a> Webhook<'a> {
    /// Starts a webhook that looks after namespaces with a mode and the [`LABEL`], and waits until it is ready.
    ///
    /// It has the manifests' rights and configurations under names that end with `suffix`, so that several may run.
    pub fn start(plane: &'a ControlPlane, suffix: &str, flags: &[&str]) -> Self {
        Self::begin(plane, Names(Some(suffix.to_owned())), flags, |it| it)
    }

    /// Starts a webhook as it is installed: it looks after all namespaces with a mode. For a private cluster only.
    pub fn start_as_installed(plane: &'a ControlPlane, flags: &[&str]) -> Self {
        Self::begin(plane, Names(None), flags, |it| it)
    }

    /// Starts a webhook as it is installed, which reaches the API server by the kubeconfig that `way` makes of its own.
    pub fn start_by_way_of(
        plane: &'a ControlPlane,
        way: impl FnOnce(Credentials) -> Credentials,
    ) -> Self {
        Self::begin(plane, Names(None), &[], way)
    }

    fn begin(
        plane: &'a ControlPlane,
        names: Names,
        flags: &[&str],
        way: impl FnOnce(Credentials) -> Credentials,
    ) -> Self {
        plane.install_manifests();
        let home = TempDir::new().expect("the temporary folder is writable");
        let [listen, health, metrics] = free_addresses();
        names.apply(plane, listen);
        let account = names.of(NAME);
        let credentials = way(plane.service_account_kubeconfig(NAMESPACE, &account));
        let mut command = Command::new(webhook());
        clean(&mut command, home.path());
        command
            .env("KUBECONFIG", credentials.path())
            .env("RUNTIME_NAMESPACE", NAMESPACE)
            .arg(format!("--listen-addr={listen}"))
            .arg(format!("--health-addr={health}"))
            .arg(format!("--metrics-addr={metrics}"))
            .arg("--drain-delay=100ms")
            .args(names.flags())
            .args(flags);
        let server = Server::start(&mut command);
        let mut started = Self {
            plane,
            leash: Some(Leash::new(server.id())),
            server,
            listen,
            health,
            metrics,
            names,
            _home: home,
            _credentials: credentials,
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
        let plane = self.plane;
        delete::<MutatingWebhookConfiguration>(plane, &self.names.of("imgauto-mark"));
        delete::<ValidatingWebhookConfiguration>(plane, &self.names.of("imgauto-guard"));
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

/// The objects of `manifests/webhook`, as kustomize builds them.
pub fn manifests() -> &'static [Value] {
    static OBJECTS: LazyLock<Vec<Value>> =
        LazyLock::new(|| built(&checkout().join("manifests/webhook")));
    &OBJECTS
}

fn built(folder: &Path) -> Vec<Value> {
    let home = TempDir::new().expect("the temporary folder is writable");
    let text = run(kubectl(home.path()).arg("kustomize").arg(folder));
    serde_saphyr::from_multiple(&text).expect("kustomize writes YAML")
}

/// The names of a webhook's objects: those of the manifests, or those with a suffix.
struct Names(Option<String>);

impl Names {
    fn of(&self, name: &str) -> String {
        match &self.0 {
            Some(suffix) => format!("{name}-{suffix}"),
            None => name.to_owned(),
        }
    }

    /// The flags by which the program knows the names.
    fn flags(&self) -> Vec<String> {
        if self.0.is_none() {
            return Vec::new();
        }
        vec![
            format!("--service={}", self.of(NAME)),
            format!("--tls-secret={}", self.of("imgauto-webhook-ca")),
            format!("--mutating-configuration={}", self.of("imgauto-mark")),
            format!("--validating-configuration={}", self.of("imgauto-guard")),
        ]
    }

    /// Applies what a process at an address needs around it.
    fn apply(&self, plane: &ControlPlane, listen: SocketAddr) {
        let service = json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": { "name": self.of(NAME), "namespace": NAMESPACE },
            "spec": { "type": "ExternalName", "externalName": listen.ip().to_string() },
        });
        apply(plane, service);
        let around = manifests().iter();
        for object in around.filter(|object| AROUND.iter().any(|kind| object["kind"] == *kind)) {
            let mut object = object.clone();
            self.rename(&mut object);
            let hooks = object.get_mut("webhooks").and_then(Value::as_array_mut);
            for hook in hooks.into_iter().flatten() {
                hook["clientConfig"]["service"]["port"] = json!(listen.port());
                if let Some(suffix) = &self.0 {
                    hook["namespaceSelector"]["matchLabels"] = json!({ LABEL: suffix });
                    hook["timeoutSeconds"] = json!(TIMEOUT);
                }
            }
            apply(plane, object);
        }
    }

    fn rename(&self, value: &mut Value) {
        match value {
            Value::Object(fields) => fields.values_mut().for_each(|field| self.rename(field)),
            Value::Array(items) => items.iter_mut().for_each(|item| self.rename(item)),
            Value::String(text) if NAMES.contains(&text.as_str()) => *text = self.of(text),
            Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => {}
        }
    }
}

/// Applies an object as an administrator.
///
/// # Panics
///
/// If the API server refuses it.
pub fn apply(plane: &ControlPlane, object: Value) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let version = text(&object["apiVersion"]);
    let (group, version) = version.split_once('/').unwrap_or(("", &version));
    let kind = GroupVersionKind::gvk(group, version, &text(&object["kind"]));
    let resource = ApiResource::from_gvk(&kind);
    let (client, name) = (plane.client(), text(&object["metadata"]["name"]));
    let api: Api<DynamicObject> = match object["metadata"]["namespace"].as_str() {
        Some(namespace) => Api::namespaced_with(client, namespace, &resource),
        None => Api::all_with(client, &resource),
    };
    let params = PatchParams::apply("harness").force();
    let applied = wait(async move { api.patch(&name, &params, &Patch::Apply(object)).await });
    applied.unwrap_or_else(|error| panic!("{} is refused: {error}", kind.kind));
}
