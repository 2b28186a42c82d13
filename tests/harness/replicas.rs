//! Several replicas of the built webhook behind one address, which an API server calls by URL.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::balancer::Balancer;
use crate::control_plane::ControlPlane;
use crate::program::{Leash, Server, clean, run, webhook};
use crate::reconciler::free_addresses;
use crate::serve::wait;

/// How long a start and an end may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The label by which namespaces are given to replicas; its value is their suffix.
pub const LABEL: &str = "replicas.test";

/// Replicas that share an authority and are called at one address until this is dropped. What they say of Deployments
/// counts: without an answer, none is written.
pub struct Replicas<'a> {
    plane: &'a ControlPlane,
    suffix: String,
    flags: Vec<String>,
    kubeconfig: PathBuf,
    balancer: Balancer,
    running: Vec<Replica>,
    home: TempDir,
}

/// One of them.
pub struct Replica {
    server: Server,
    leash: Option<Leash>,
    listen: SocketAddr,
    health: SocketAddr,
    metrics: SocketAddr,
}

/// How replicas are started.
#[derive(Clone, Copy, Debug)]
pub struct ReplicasOptions<'a> {
    /// Tells their configurations and their Secret from those of other tests.
    pub suffix: &'a str,
    /// How many there are.
    pub count: usize,
    /// Flags besides those for addresses and names.
    pub flags: &'a [&'a str],
    /// The kubeconfig of another way to the API server.
    pub kubeconfig: Option<&'a std::path::Path>,
}

impl<'a> Replicas<'a> {
    /// Starts replicas that look after Deployments of namespaces with a mode and the [`LABEL`], and waits until all are
    /// called.
    pub fn start(plane: &'a ControlPlane, options: ReplicasOptions<'_>) -> Self {
        plane.install_manifests();
        let kubeconfig = options.kubeconfig.unwrap_or(plane.kubeconfig());
        let mut replicas = Self {
            plane,
            suffix: options.suffix.to_owned(),
            flags: options.flags.iter().map(ToString::to_string).collect(),
            kubeconfig: kubeconfig.to_owned(),
            balancer: Balancer::start(),
            running: Vec::new(),
            home: TempDir::new().expect("the temporary folder is writable"),
        };
        replicas.configure();
        for _ in 0..options.count {
            replicas.add();
        }
        replicas
    }

    /// The Secret of their authority.
    pub fn secret(&self) -> String {
        format!("ca-{}", self.suffix)
    }

    /// The name of the configuration by which the API server asks for marks.
    pub fn mark(&self) -> String {
        format!("mark-{}", self.suffix)
    }

    /// The name of the configuration by which the API server asks for permission.
    pub fn guard(&self) -> String {
        format!("guard-{}", self.suffix)
    }

    /// Writes the configurations as they were at the beginning, as an upgrade does: with nobody to trust.
    pub fn configure(&self) {
        let listen = self.balancer.address();
        let hook = |name: &str, path: &str, policy: &str| {
            json!({
                "name": format!("{name}.{}.imgauto.dev", self.suffix),
                "clientConfig": { "url": format!("https://{listen}{path}"), "caBundle": "" },
                "rules": [{ "apiGroups": ["apps"], "apiVersions": ["v1"], "resources": ["deployments"],
                            "operations": ["CREATE", "UPDATE"], "scope": "Namespaced" }],
                "namespaceSelector": { "matchLabels": { LABEL: self.suffix } },
                "failurePolicy": policy,
                "timeoutSeconds": 10,
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
            })
        };
        let mark = json!([hook("mark", "/mutate", "Ignore")]);
        let guard = json!([hook("enforce", "/validate/enforce", "Fail")]);
        apply::<MutatingWebhookConfiguration>(self.plane, &self.mark(), &mark);
        apply::<ValidatingWebhookConfiguration>(self.plane, &self.guard(), &guard);
    }

    /// Starts one more, and waits until connections go there.
    pub fn add(&mut self) {
        let [listen, health, metrics] = free_addresses();
        let mut command = Command::new(webhook());
        clean(&mut command, self.home.path());
        command
            .env("KUBECONFIG", &self.kubeconfig)
            .arg(format!("--listen-addr={listen}"))
            .arg(format!("--health-addr={health}"))
            .arg(format!("--metrics-addr={metrics}"))
            .arg(format!("--tls-name={}", listen.ip()))
            .arg(format!("--tls-secret={}", self.secret()))
            .arg(format!("--mutating-configuration={}", self.mark()))
            .arg(format!("--validating-configuration={}", self.guard()))
            .args(&self.flags);
        let server = Server::start(&mut command);
        self.balancer.add(listen, health);
        self.running.push(Replica {
            leash: Some(Leash::new(server.id())),
            server,
            listen,
            health,
            metrics,
        });
        self.wait_until_called(self.running.len() - 1);
    }

    /// Waits until new connections go to a replica.
    pub fn wait_until_called(&mut self, index: usize) {
        let deadline = Instant::now() + PATIENCE;
        while !self.balancer.serves(self.running[index].listen) {
            let ended = self.running[index].server.ended();
            let log = || self.running[index].logs().join("\n");
            assert!(ended.is_none(), "it ended before it was ready\n{}", log());
            assert!(Instant::now() < deadline, "it is not ready\n{}", log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until no new connection goes to a replica.
    pub fn wait_until_left_alone(&self, index: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.balancer.serves(self.running[index].listen) {
            assert!(Instant::now() < deadline, "it is called still");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Replaces all, one after another: first the new one, then the end of the old one, as a Deployment with a surge does.
    pub fn roll(&mut self) {
        for _ in 0..self.running.len() {
            self.add();
            let mut old = self.running.remove(0);
            let status = old.terminate();
            assert!(status.success(), "{status}\n{}", old.logs().join("\n"));
            self.balancer.remove(old.listen);
        }
    }

    /// Kills one with SIGKILL, and forgets it once that is known everywhere.
    pub fn kill(&mut self, index: usize) {
        self.running[index].leash = None;
        self.running[index].server.kill();
        self.wait_until_left_alone(index);
        let gone = self.running.remove(index);
        self.balancer.remove(gone.listen);
    }

    /// Those that run.
    pub fn running(&self) -> &[Replica] {
        &self.running
    }
}

impl Drop for Replicas<'_> {
    fn drop(&mut self) {
        delete::<MutatingWebhookConfiguration>(self.plane, &self.mark());
        delete::<ValidatingWebhookConfiguration>(self.plane, &self.guard());
    }
}

impl Replica {
    /// Where it answers reviews.
    pub fn address(&self) -> SocketAddr {
        self.listen
    }

    /// The lines of its log.
    pub fn logs(&self) -> Vec<String> {
        self.server.log()
    }

    /// Stops it with SIGSTOP, until [`Self::thaw`].
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    /// What it says of its readiness; empty if it says nothing.
    pub fn readiness(&self) -> String {
        let url = format!("http://{}/readyz", self.health);
        let answer = wait(async move { reqwest::get(url).await?.text().await });
        answer.unwrap_or_default()
    }

    /// The text of its metrics.
    pub fn metrics(&self) -> String {
        let url = format!("http://{}/metrics", self.metrics);
        let answer = wait(async move { reqwest::get(url).await?.error_for_status()?.text().await });
        answer.unwrap_or_else(|error| panic!("no metrics: {error}"))
    }

    /// A number of its metrics; 0 if there is none, as of what was never counted.
    pub fn counted(&self, name: &str) -> f64 {
        let text = self.metrics();
        let mut lines = text.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.map_or(0.0, |value| value.parse().expect("metrics are numbers"))
    }

    /// The memory it has, in bytes: now, and at most so far.
    pub fn memory(&self) -> (u64, u64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.server.id()));
        let status = status.expect("the process is there");
        let of = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|line| line.split_whitespace().next());
            number
                .and_then(|text| text.parse::<u64>().ok())
                .expect("the kernel says")
                * 1024
        };
        (of("VmRSS:"), of("VmHWM:"))
    }

    /// Asks it to end with SIGTERM.
    pub fn begin_to_end(&self) {
        self.signal("TERM");
    }

    /// Asks it to end with SIGTERM, waits until it did, and says how.
    pub fn terminate(&mut self) -> ExitStatus {
        self.begin_to_end();
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.server.ended() {
                self.leash = None;
                return status;
            }
            let is_late = Instant::now() >= deadline;
            assert!(!is_late, "it does not end\n{}", self.logs().join("\n"));
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn signal(&self, name: &str) {
        let id = self.server.id().to_string();
        run(Command::new("kill").args([&format!("-{name}"), &id]));
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
