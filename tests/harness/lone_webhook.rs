//! The built webhook as a process that no API server calls: whoever measures it asks it directly.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::program::{Leash, Server, clean, webhook};
use crate::reconciler::free_addresses;
use crate::serve::wait;
use crate::tls::Authority;

/// How long the start may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often is looked whether it is ready.
const PERIOD: Duration = Duration::from_millis(2);

/// A webhook that runs until this is dropped.
pub struct LoneWebhook {
    server: Server,
    _leash: Leash,
    listen: SocketAddr,
    authority: Authority,
    started_within: Duration,
    _home: TempDir,
}

impl LoneWebhook {
    /// Starts a webhook that watches the cluster of a kubeconfig, and waits until it is ready.
    ///
    /// `cores` are the processor cores it may use, as `taskset` names them; all if it is `None`.
    ///
    /// # Panics
    ///
    /// If it is not ready within a minute; the message holds its log.
    pub fn start(kubeconfig: &Path, cores: Option<&str>) -> Self {
        let home = TempDir::new().expect("the temporary folder is writable");
        let authority = Authority::new();
        authority.server().write(home.path(), "tls");
        let [listen, health, metrics] = free_addresses();
        let mut command = match cores {
            Some(cores) => {
                let mut command = Command::new("taskset");
                command.args(["--cpu-list", cores]).arg(webhook());
                command
            }
            None => Command::new(webhook()),
        };
        clean(&mut command, home.path());
        command
            .env("KUBECONFIG", kubeconfig)
            .arg(format!("--listen-addr={listen}"))
            .arg(format!("--health-addr={health}"))
            .arg(format!("--metrics-addr={metrics}"))
            .arg(format!("--tls-dir={}", home.path().display()));
        let began = Instant::now();
        let mut server = Server::start(&mut command);
        wait_until_ready(&mut server, health, began);
        Self {
            started_within: began.elapsed(),
            _leash: Leash::new(server.id()),
            server,
            listen,
            authority,
            _home: home,
        }
    }

    /// Where it answers reviews.
    pub fn address(&self) -> SocketAddr {
        self.listen
    }

    /// The certificate of whom its own is signed by, PEM.
    pub fn authority(&self) -> &str {
        self.authority.pem()
    }

    /// How long it took from its start until it was ready.
    pub fn started_within(&self) -> Duration {
        self.started_within
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.server.id()
    }

    /// The lines of its log.
    pub fn logs(&self) -> Vec<String> {
        self.server.log()
    }
}

fn wait_until_ready(server: &mut Server, health: SocketAddr, began: Instant) {
    let url = format!("http://{health}/readyz");
    loop {
        let request = url.clone();
        if wait(async move { reqwest::get(request).await?.error_for_status() }).is_ok() {
            return;
        }
        let alive = server.ended().is_none() && began.elapsed() < PATIENCE;
        assert!(
            alive,
            "the webhook is not ready:\n{}",
            server.log().join("\n")
        );
        std::thread::sleep(PERIOD);
    }
}
