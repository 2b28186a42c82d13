//! Two replicas: one works, and the other takes over.

use std::time::{Duration, Instant};

use harness::git_server::GitServerOptions;
use harness::reconciler::ReconcilerOptions;
use harness::registry::RegistryOptions;
use harness::{ControlPlane, Forge, GitServer, Namespace, Reconciler, Registry, git, wait};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Event;
use kube::Api;
use kube::api::ListParams;
use reconciler::process::leader::lease_name;

/// The namespace of the manifests, which holds the leases.
const HOME: &str = "imgauto-system";

/// The flags of the election; short, so that the test is.
const ELECTION: [&str; 4] = [
    "--enable-leader-election",
    "--leader-election-lease-duration=6s",
    "--leader-election-renew-deadline=4s",
    "--leader-election-retry-period=1s",
];

/// The lease, the longest wait of one who wants it, and what a busy machine adds.
const TAKEOVER: Duration = Duration::from_secs(6 + 3 + 6);

/// How long a commit may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The one marked file.
const FILE: &str = "deployment.yaml";

/// A job in a namespace of its own, with a lease of its own.
struct Job {
    namespace: Namespace<'static>,
    selector: String,
    registry: Registry,
    repository: git::Repository,
    _forge: Forge,
    server: GitServer,
}

impl Job {
    fn new() -> Self {
        let plane = ControlPlane::shared();
        plane.install_manifests();
        let namespace = plane.namespace("leader");
        let registry = Registry::start(RegistryOptions::default());
        registry.push_tag("app", "1.0.0");
        let forge = Forge::new();
        let repository = forge.create("fleet.git");
        let server = GitServer::start(&forge, GitServerOptions::default());
        let job = Self {
            selector: format!("imgauto-test={}", namespace.name()),
            namespace,
            registry,
            repository,
            _forge: forge,
            server,
        };
        let marked = job.marked("1.0.0");
        job.repository.commit("main", "Begin", &[(FILE, &marked)]);
        job.namespace.apply(&job.objects());
        job
    }

    fn marked(&self, tag: &str) -> String {
        let (image, namespace) = (self.registry.image("app"), self.namespace.name());
        format!("image: {image}:{tag} # {{\"$imagepolicy\": \"{namespace}:app\"}}\n")
    }

    fn objects(&self) -> String {
        let (name, value) = self.selector.split_once('=').unwrap();
        let metadata = format!("metadata: {{name: app, labels: {{{name}: {value}}}}}");
        let (image, url) = (self.registry.image("app"), self.server.url("fleet.git"));
        let api = "apiVersion: image.toolkit.fluxcd.io/v1";
        format!(
            "apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
{metadata}
spec: {{url: \"{url}\", interval: 1h, ref: {{branch: main}}}}
---
{api}
kind: ImageRepository
{metadata}
spec: {{image: {image}, interval: 1s, insecure: true}}
---
{api}
kind: ImagePolicy
{metadata}
spec: {{imageRepositoryRef: {{name: app}}, policy: {{semver: {{range: 1.x}}}}}}
---
{api}
kind: ImageUpdateAutomation
{metadata}
spec:
  interval: 1h
  sourceRef: {{kind: GitRepository, name: app}}
  git: {{commit: {{author: {{name: bot, email: bot@example.org}}}}}}
"
        )
    }

    /// Starts a replica and waits until it is ready: to work, or to take over.
    fn replica(&self) -> Reconciler {
        let selector = format!("--watch-label-selector={}", self.selector);
        let flags = [&ELECTION[..], &[&selector, "--quiet-period=100ms"]].concat();
        let options = ReconcilerOptions {
            flags: &flags,
            ..ReconcilerOptions::default()
        };
        Reconciler::start(self.namespace.plane(), options)
    }

    /// Who holds the lease; nobody if it is empty.
    fn holder(&self) -> String {
        let leases: Api<Lease> = Api::namespaced(self.namespace.plane().client(), HOME);
        let name = lease_name(Some(&self.selector));
        let lease = wait(async move { leases.get(&name).await }).unwrap();
        lease.spec.unwrap().holder_identity.unwrap_or_default()
    }

    /// Waits until somebody else than `before` holds the lease, and returns how long that took.
    fn change_of_holder(&self, before: &str) -> Duration {
        let begun = Instant::now();
        loop {
            let holder = self.holder();
            if !holder.is_empty() && holder != before {
                return begun.elapsed();
            }
            assert!(begun.elapsed() < PATIENCE, "{holder} holds the lease still");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until a tag is committed.
    fn is_committed(&self, tag: &str, replicas: [&Reconciler; 2]) {
        let (begun, marked) = (Instant::now(), self.marked(tag));
        while self.repository.read("main", FILE) != marked {
            let logs = || {
                replicas
                    .map(|replica| replica.logs().join("\n"))
                    .join("\n\n")
            };
            assert!(
                begun.elapsed() < PATIENCE,
                "no commit of {tag}:\n{}",
                logs()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The commits on the branch, beside the first.
    fn commits(&self) -> usize {
        let count = git(self.repository.path(), &["rev-list", "--count", "main"]);
        count.parse::<usize>().unwrap() - 1
    }

    /// Waits until it was told so often that something was pushed: who is killed before can tell nothing any more.
    fn is_told(&self, pushes: i32) {
        let begun = Instant::now();
        while self.pushes_told() != pushes {
            assert!(begun.elapsed() < PATIENCE, "a push is not told");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// How often it was told that something was pushed.
    fn pushes_told(&self) -> i32 {
        let events: Api<Event> = self.namespace.api();
        let events = wait(async move { events.list(&ListParams::default()).await }).unwrap();
        let pushed = events.items.iter().filter(|event| {
            let message = event.message.as_deref().unwrap_or_default();
            message.starts_with("pushed commit")
        });
        pushed.map(|event| event.count.unwrap_or(1)).sum()
    }
}

#[test]
fn a_leader_that_is_gone_is_followed_and_nothing_is_done_twice() {
    let job = Job::new();
    let mut first = job.replica();
    let mut second = job.replica();
    job.registry.push_tag("app", "1.1.0");
    job.is_committed("1.1.0", [&first, &second]);
    job.is_told(1);
    let leader = job.holder();

    first.kill();
    job.registry.push_tag("app", "1.2.0");
    let took = job.change_of_holder(&leader);
    assert!(took <= TAKEOVER, "taken over after {took:?}");
    job.is_committed("1.2.0", [&first, &second]);

    // Back again, it waits; a leader that ends in order is followed before its lease runs out.
    first.start_again();
    let leader = job.holder();
    assert!(second.terminate().success());
    let took = job.change_of_holder(&leader);
    assert!(took <= Duration::from_secs(5), "taken over after {took:?}");
    job.registry.push_tag("app", "1.3.0");
    job.is_committed("1.3.0", [&first, &second]);

    assert_eq!(job.commits(), 3);
    assert!(first.terminate().success());
    assert_eq!(job.pushes_told(), 3);
    assert_eq!(job.holder(), "");
}
