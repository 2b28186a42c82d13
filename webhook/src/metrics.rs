//! What the program counts. No label holds the name of a namespace or of a workload.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::policies::{Policies, Watched};

#[cfg(test)]
mod tests;

/// From 50 µs to a second, each about twice the one before.
const DURATIONS: [f64; 14] = [
    0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0,
];
/// From 1 KiB to the largest body there is.
const SIZES: [f64; 8] = [
    1024.0,
    4096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    10_485_760.0,
];

/// The decisions by which nothing is changed and nobody is told anything.
const QUIET: [&str; 3] = ["allowed", "skipped", "unchanged"];

/// A word that never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Word(pub &'static str);

impl EncodeLabelValue for Word {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        self.0.encode(encoder)
    }
}

/// What an answered review is counted by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Answer {
    /// The hook that was asked.
    pub hook: Word,
    /// The resource, if it is a known one.
    pub kind: Word,
    /// What is done to it.
    pub operation: Word,
    /// Whether nothing will be stored.
    pub dry_run: Word,
    /// What was answered.
    pub decision: Word,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Hook {
    hook: Word,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: Word,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    result: Word,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: Word,
}

/// How a TLS handshake ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handshake {
    /// The connection is up.
    Done,
    /// The other side does not speak TLS, or does not trust us.
    Failed,
    /// The other side went away before it was done, as one does that only looks whether somebody listens.
    GivenUp,
    /// It took too long.
    Late,
}

/// What the program counts. Clones share it.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    registry: Registry,
    answers: Family<Answer, Counter>,
    durations: Family<Hook, Histogram, fn() -> Histogram>,
    in_flight: Gauge,
    bodies: Histogram,
    rejected: Family<Reason, Counter>,
    overrides: Counter,
    /// All answers, and those that changed and said nothing.
    quiet: (Counter, Counter),
    quiet_ratio: Gauge<f64, AtomicU64>,
    handshakes: Family<Outcome, Counter>,
    leaf_not_after: Gauge,
    age: Gauge<f64, AtomicU64>,
    objects: Family<Kind, Gauge>,
    connected: Family<Kind, Gauge>,
}

impl Metrics {
    /// Nothing has been counted yet.
    pub fn new() -> Self {
        let mut shared = Shared {
            registry: Registry::with_prefix("imgauto"),
            answers: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(DURATIONS)),
            in_flight: Gauge::default(),
            bodies: Histogram::new(SIZES),
            rejected: Family::default(),
            overrides: Counter::default(),
            quiet: Default::default(),
            quiet_ratio: Gauge::default(),
            handshakes: Family::default(),
            leaf_not_after: Gauge::default(),
            age: Gauge::default(),
            objects: Family::default(),
            connected: Family::default(),
        };
        shared.register();
        Self(Arc::new(shared))
    }

    /// A review was answered.
    pub fn answered(&self, answer: Answer, took: Duration) {
        let hook = Hook { hook: answer.hook };
        if answer.decision == Word("overridden") {
            self.0.overrides.inc();
        }
        let (all, quiet) = &self.0.quiet;
        all.inc();
        if QUIET.contains(&answer.decision.0) {
            quiet.inc();
        }
        self.0.answers.get_or_create(&answer).inc();
        self.0
            .durations
            .get_or_create(&hook)
            .observe(took.as_secs_f64());
    }

    /// A request was not answered, for a reason of which there are few.
    pub fn rejected(&self, reason: &'static str) {
        let reason = Word(reason);
        self.0.rejected.get_or_create(&Reason { reason }).inc();
    }

    /// A body was received.
    pub fn received(&self, bytes: usize) {
        // No body is so long that this would be inexact.
        self.0.bodies.observe(bytes as f64);
    }

    /// A request is under way until what is returned is dropped.
    pub fn begin(&self) -> InFlight {
        self.0.in_flight.inc();
        InFlight(self.0.in_flight.clone())
    }

    /// A handshake ended.
    pub fn handshake(&self, handshake: Handshake) {
        let result = Word(match handshake {
            Handshake::Done => "ok",
            Handshake::Failed => "failed",
            Handshake::GivenUp => "aborted",
            Handshake::Late => "timeout",
        });
        self.0.handshakes.get_or_create(&Outcome { result }).inc();
    }

    /// Another certificate is served, until this second since 1970.
    pub fn leaf(&self, not_after: i64) {
        self.0.leaf_not_after.set(not_after);
    }

    /// Everything, in the text format of OpenMetrics.
    ///
    /// # Errors
    ///
    /// Never in practice: writing to a text does not fail.
    pub fn text(&self, policies: &Policies, now: Instant) -> Result<String, fmt::Error> {
        self.0.age.set(policies.age(now).as_secs_f64());
        let (all, quiet) = &self.0.quiet;
        // No count is so high that this would be inexact where it matters.
        let ratio = quiet.get() as f64 / all.get().max(1) as f64;
        self.0.quiet_ratio.set(ratio);
        for watched in Watched::ALL {
            let kind = Kind {
                kind: Word(watched.kind()),
            };
            let connected = i64::from(policies.lost_for(watched, now).is_none());
            self.0.connected.get_or_create(&kind).set(connected);
            let newest = policies.newest();
            let count = newest.as_ref().map_or(0, |snapshot| match watched {
                Watched::Namespaces => snapshot.namespaces.len(),
                Watched::Policies => snapshot.catalog.len(),
                Watched::Repositories => snapshot.repositories.len(),
            });
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.0.objects.get_or_create(&kind).set(count);
        }
        let mut text = String::new();
        encode(&mut text, &self.0.registry)?;
        Ok(text)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Shared {
    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "admission_requests",
            "Reviews that were answered",
            self.answers.clone(),
        );
        registry.register_with_unit(
            "admission_duration",
            "Time from the first byte of a review's body to its answer",
            Unit::Seconds,
            self.durations.clone(),
        );
        registry.register(
            "admission_inflight",
            "Reviews that are being answered",
            self.in_flight.clone(),
        );
        registry.register_with_unit(
            "admission_body",
            "Size of reviews",
            Unit::Bytes,
            self.bodies.clone(),
        );
        registry.register(
            "admission_rejected",
            "Requests that were not answered with a review",
            self.rejected.clone(),
        );
        registry.register(
            "admission_noop_ratio",
            "Share of reviews whose answer changes nothing and tells nobody anything",
            self.quiet_ratio.clone(),
        );
        registry.register(
            "overrides",
            "Workloads that were let in against the rules",
            self.overrides.clone(),
        );
        registry.register(
            "tls_handshakes",
            "TLS handshakes by how they ended",
            self.handshakes.clone(),
        );
        registry.register_with_unit(
            "tls_leaf_not_after",
            "When the certificate that is served ends, since 1970",
            Unit::Seconds,
            self.leaf_not_after.clone(),
        );
        registry.register_with_unit(
            "policy_snapshot_age",
            "For how long what is known may not be all there is",
            Unit::Seconds,
            self.age.clone(),
        );
        registry.register(
            "policy_snapshot_objects",
            "Objects that are known",
            self.objects.clone(),
        );
        registry.register(
            "watch_connected",
            "Whether a watch is heard",
            self.connected.clone(),
        );
    }
}

/// A request that is under way.
#[derive(Debug)]
pub struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}
