//! Telling people what happened: what is to be told is queued here, so that no reconcile waits for it.
//!
//! A [`Delivery`] takes it from the queue to the API server, and what is more than a trace to notification-controller.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Resource;
use tokio::sync::mpsc;

mod delivery;
mod post;
mod record;
mod series;
#[cfg(test)]
mod tests;

pub use delivery::Delivery;

/// Annotations that go along with events begin with this.
const METADATA_PREFIX: &str = "event.toolkit.fluxcd.io/";

/// Something to tell.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// The object it happened to.
    pub regarding: ObjectReference,
    /// The controller that reports it, by the name alerts match on.
    pub controller: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Why, in one word.
    pub reason: &'static str,
    /// What happened.
    pub message: String,
    /// What the object's annotations say is to go along.
    pub metadata: BTreeMap<String, String>,
}

/// How bad an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// For those who look closely: a Kubernetes event and nothing else.
    Trace,
    /// Good news.
    Info,
    /// Bad news.
    Error,
}

/// The queue of what is to be told. A full queue loses what comes: nothing waits for it.
#[derive(Clone, Debug)]
pub struct Events {
    queue: mpsc::Sender<Notice>,
    lost: Arc<AtomicU64>,
}

impl Events {
    /// Makes a queue that holds `capacity` notices, and its other end.
    pub fn new(capacity: usize) -> (Self, mpsc::Receiver<Notice>) {
        let (queue, receiver) = mpsc::channel(capacity);
        let lost = Arc::default();
        (Self { queue, lost }, receiver)
    }

    /// Queues a notice.
    pub fn send(&self, notice: Notice) {
        if self.queue.try_send(notice).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns how many notices were lost that no delivery has counted yet.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

/// Returns what of an object's annotations goes along with its events.
pub fn metadata<K: Resource>(object: &K) -> BTreeMap<String, String> {
    let annotations = object.meta().annotations.iter().flatten();
    annotations
        .filter(|(key, _)| key.starts_with(METADATA_PREFIX))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}
