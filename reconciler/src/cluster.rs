//! What the controllers share: settings, the way to the API server, and how a reconcile is told.

mod finalizer;
mod memory;
mod options;
mod reporter;
mod secrets;

use std::sync::Arc;

pub use finalizer::release;
pub use memory::Memory;
pub use options::{CrossNamespace, Gates, Options};
pub use reporter::{Announce, Report, Reported, Reporter, Requeue};
pub use secrets::{LookupError, Secrets};

use crate::events::Events;
use crate::metrics::Metrics;

/// What every controller is given.
#[derive(Clone)]
pub struct Shared {
    /// The API server.
    pub client: kube::Client,
    /// What the user set.
    pub options: Arc<Options>,
    /// Where events go.
    pub events: Events,
    /// What is counted.
    pub metrics: Metrics,
}

/// Field manager of everything that is written to objects.
pub const FIELD_MANAGER: &str = "imgauto-reconciler";
