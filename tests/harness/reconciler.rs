//! The built reconciler as a process, with the rights its manifests give it.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::control_plane::{ControlPlane, Credentials};
use crate::program::{Leash, Server, clean, reconciler, run};
use crate::serve::wait;

/// The ServiceAccount of the manifests: its namespace and its name.
const ACCOUNT: (&str, &str) = ("imgauto-system", "imgauto-reconciler");

/// How long a start and a graceful end may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A reconciler that works in a cluster until this is dropped.
pub struct Reconciler {
    server: Server,
    leash: Option<Leash>,
    command: Command,
    health: SocketAddr,
    metrics: SocketAddr,
    storage: TempDir,
    _credentials: Credentials,
}

/// How a reconciler is started; the default watches the whole cluster with the program's own defaults.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReconcilerOptions<'a> {
    /// The one namespace it watches.
    ///
    /// A test that shares its cluster has to name one, or reconcilers of different tests meet on the same objects.
    pub namespace: Option<&'a str>,
    /// Flags besides those for addresses and storage.
    pub flags: &'a [&'a str],
    /// Environment variables.
    pub environment: &'a [(&'a str, &'a str)],
}

impl Reconciler {
    /// Starts a reconciler with the token of its ServiceAccount and waits until it is ready.
    ///
    /// The manifests are installed if they are not there yet.
    pub fn start(plane: &ControlPlane, options: ReconcilerOptions<'_>) -> Self {
        plane.install_manifests();
        let (namespace, name) = ACCOUNT;
        let credentials = plane.service_account_kubeconfig(namespace, name);
        let storage =
            TempDir::with_prefix("imgauto-storage-").expect("the temporary folder is writable");
        let [health, metrics] = free_addresses();
        let mut command = Command::new(reconciler());
        clean(&mut command, storage.path());
        command
            .env("KUBECONFIG", credentials.path())
            .env("RUNTIME_NAMESPACE", options.namespace.unwrap_or(namespace))
            .envs(options.environment.iter().copied())
            .arg("--storage-path")
            .arg(storage.path())
            .arg(format!("--health-addr={health}"))
            .arg(format!("--metrics-addr={metrics}"));
        if options.namespace.is_some() {
            command.arg("--watch-all-namespaces=false");
        }
        command.args(options.flags);
        let server = Server::start(&mut command);
        let mut reconciler = Self {
            leash: Some(Leash::new(server.id())),
            server,
            command,
            health,
            metrics,
            storage,
            _credentials: credentials,
        };
        reconciler.wait_until_ready();
        reconciler
    }

    /// Ends it with SIGKILL, of which it learns nothing.
    pub fn kill(&mut self) {
        self.leash = None;
        self.server.kill();
    }

    /// Asks it to end with SIGTERM, waits until it did, and says how.
    ///
    /// # Panics
    ///
    /// If it takes more than a minute; the message holds its log.
    pub fn terminate(&mut self) -> ExitStatus {
        let id = self.server.id().to_string();
        run(Command::new("kill").args(["-TERM", &id]));
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.server.ended() {
                self.leash = None;
                return status;
            }
            self.expect(Instant::now() < deadline, "it does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Starts it again with the same flags, addresses and storage, after [`Self::kill`] or [`Self::terminate`].
    pub fn start_again(&mut self) {
        self.server = Server::start(&mut self.command);
        self.leash = Some(Leash::new(self.server.id()));
        self.wait_until_ready();
    }

    /// Who it is to the API server, as the audit log has it.
    pub fn user() -> String {
        let (namespace, name) = ACCOUNT;
        format!("system:serviceaccount:{namespace}:{name}")
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.server.ended().is_none()
    }

    /// The lines of its log since it was last started.
    pub fn logs(&self) -> Vec<String> {
        self.server.log()
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.server.id()
    }

    /// The folder it stores what it may lose in.
    pub fn storage(&self) -> &std::path::Path {
        self.storage.path()
    }

    /// The text of its metrics.
    pub fn metrics(&self) -> String {
        let url = format!("http://{}/metrics", self.metrics);
        let answer = wait(async move { reqwest::get(url).await?.error_for_status()?.text().await });
        answer.unwrap_or_else(|error| panic!("no metrics: {error}"))
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
        assert!(
            holds,
            "the reconciler fails: {otherwise}\n{}",
            self.logs().join("\n")
        );
    }
}

/// Ports below those that the system gives to connections, which would otherwise take one before its server does.
const FIRST_PORT: u32 = 20_000;
/// How many of them there are.
const PORTS: u32 = 10_000;

/// Addresses on loopback that nobody listens at.
pub(crate) fn free_addresses<const N: usize>() -> [SocketAddr; N] {
    // No two of one process are the same, and other processes begin elsewhere.
    static TRIED: AtomicU32 = AtomicU32::new(0);
    let begin = std::process::id().wrapping_mul(97);
    [(); N].map(|()| {
        loop {
            let place = begin.wrapping_add(TRIED.fetch_add(1, Ordering::Relaxed));
            let port = u16::try_from(FIRST_PORT + place % PORTS).expect("it is a port");
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            if TcpListener::bind(address).is_ok() {
                return address;
            }
        }
    })
}
