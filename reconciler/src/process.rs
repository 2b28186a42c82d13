//! The program around the controllers: what it serves, when it works, and how it ends.

use std::time::Duration;

use url::Url;

use crate::cloud::CacheLimits;
use crate::cluster::Options;

pub mod connect;
mod health;
pub mod leader;
pub mod listen;
pub mod logs;
mod probe;
mod run;
mod signals;

pub use health::Sync;
pub use run::{Ending, RunError, Work, run};

/// Everything the program is told when it starts.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where metrics are served.
    pub metrics_addr: listen::ListenAddress,
    /// Where health is served.
    pub health_addr: listen::ListenAddress,
    /// Whom events are posted to, beside the API server.
    pub events_addr: Option<Url>,
    /// How the API server is found.
    pub access: connect::Access,
    /// The namespace the program runs in, as its environment says.
    pub runtime_namespace: Option<String>,
    /// How one of several instances is chosen; without it each of them works.
    pub election: Option<leader::Election>,
    /// Time that work under way is given to finish when the program ends.
    pub graceful_shutdown_timeout: Duration,
    /// What is kept of cloud logins.
    pub token_cache: CacheLimits,
    /// What controllers read.
    pub options: Options,
}

/// The name of this machine, which in a Pod is the Pod's.
///
/// Empty where the kernel does not tell it.
#[must_use]
pub fn hostname() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}
