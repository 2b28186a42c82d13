//! Which of several instances works: the holder of a Lease.
//!
//! Works as Kubernetes' own components do. Nobody trusts another machine's clock: a lease is free once it has not
//! changed for its duration by the clock of the one who wants it. Every write names the version that was read, so
//! that of two writers one fails. Git is not protected by the lease but by its own compare-and-swap.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::PostParams;
use kube::{Api, Client};
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{debug, info, warn};

use crate::chain::Chain;
use crate::metrics::Metrics;

mod record;
#[cfg(test)]
pub(super) mod tests;

use record::{Step, View};

/// The name of the lease of an instance that works on all objects.
const LEASE: &str = "imgauto-reconciler-leader-election";

/// Waits for the next try are up to this much longer than the period, so that instances do not go in step.
const JITTER: f64 = 1.2;

/// How many answers may be lost before the deadline of a holder.
const TRIES: u32 = 3;

/// The times of an election.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Election {
    /// Time without a sign of its holder after which a lease is free.
    pub lease_duration: Duration,
    /// Time without success after which a holder gives up; shorter than the lease's.
    pub renew_deadline: Duration,
    /// Time between two tries.
    pub retry_period: Duration,
    /// Whether a holder that ends gives the lease away.
    pub release_on_cancel: bool,
}

/// The lease is not held any more: whatever is done as its holder must stop at once.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum LeadershipLost {
    /// It may run out before the API server takes a renewal.
    #[error("leader election lost: lease {lease} could not be renewed for {renew_deadline:?}")]
    Expired {
        /// The name of the lease.
        lease: String,
        /// The time for which it was tried.
        renew_deadline: Duration,
    },
    /// Another instance holds it.
    #[error("leader election lost: lease {lease} was taken by {holder}")]
    Taken {
        /// The name of the lease.
        lease: String,
        /// Who holds it.
        holder: String,
    },
}

/// Why a try did not end with the lease.
#[derive(Debug, Error)]
enum TryError {
    /// The API server did not do it.
    #[error("cannot {verb} lease {lease}")]
    Api {
        verb: &'static str,
        lease: String,
        #[source]
        source: kube::Error,
    },
    /// The API server did not answer within the time there is.
    #[error("no answer about lease {lease} within {limit:?}")]
    Silence { lease: String, limit: Duration },
}

/// One who wants the lease, and holds it at times.
#[derive(Debug)]
pub struct Candidate {
    api: Api<Lease>,
    name: String,
    identity: String,
    election: Election,
    metrics: Metrics,
    view: View,
}

/// The name of the lease for the objects a label selector picks; all objects have the plain name.
#[must_use]
pub fn lease_name(label_selector: Option<&str>) -> String {
    match label_selector {
        None => LEASE.to_owned(),
        Some(selector) => {
            let digest = Sha256::digest(selector);
            let digits = digest.iter().take(4).map(|byte| format!("{byte:02x}"));
            format!("{LEASE}-{}", digits.collect::<String>())
        }
    }
}

/// A name for this process that no other one has, also not its successor on the same machine.
#[must_use]
pub fn identity(hostname: &str) -> String {
    // Each `RandomState` has keys of its own.
    let random = || RandomState::new().build_hasher().finish();
    format!("{hostname}_{:016x}{:016x}", random(), random())
}

impl Candidate {
    /// Somebody of this identity who wants the lease of this name in a namespace.
    #[must_use]
    pub fn new(
        client: Client,
        namespace: &str,
        name: String,
        identity: String,
        election: Election,
        metrics: Metrics,
    ) -> Self {
        metrics.lease_free(&name);
        Self {
            api: Api::namespaced(client, namespace),
            view: View::new(identity.clone(), election.lease_duration),
            name,
            identity,
            election,
            metrics,
        }
    }

    /// Waits until the lease is held. Tries for ever, and survives being dropped at any time: a lease that was taken
    /// just then runs out.
    pub async fn acquire(&mut self) {
        info!(
            lease = self.name,
            identity = self.identity,
            "waiting for the lease"
        );
        let mut told = None;
        loop {
            match self.attempt(self.election.renew_deadline).await {
                Ok(true) => break,
                Ok(false) => {
                    let holder = self.view.holder().map(str::to_owned);
                    if told != holder {
                        info!(
                            lease = self.name,
                            holder, "another instance holds the lease"
                        );
                        told = holder;
                    }
                }
                Err(error) => warn!(error = %Chain(&error), "cannot take the lease"),
            }
            sleep(jittered(self.election.retry_period)).await;
        }
        info!(
            lease = self.name,
            identity = self.identity,
            "the lease is ours"
        );
        self.metrics.lease_won(&self.name);
    }

    /// Keeps the lease, and returns when it is lost. Dropping this keeps what is held.
    pub async fn keep(&mut self) -> LeadershipLost {
        let mut renewed = Instant::now();
        let mut begun = renewed;
        loop {
            // A try that took longer than the period is followed by the next at once.
            sleep_until(begun + self.election.retry_period).await;
            // From before the write: others count from when they see it, which cannot be earlier.
            begun = Instant::now();
            let left = self
                .election
                .renew_deadline
                .saturating_sub(renewed.elapsed());
            match self.attempt(left).await {
                Ok(true) => renewed = begun,
                Ok(false) => {
                    self.metrics.lease_free(&self.name);
                    return LeadershipLost::Taken {
                        lease: self.name.clone(),
                        holder: self.view.holder().unwrap_or_default().to_owned(),
                    };
                }
                Err(error) => warn!(error = %Chain(&error), "cannot renew the lease"),
            }
            if renewed.elapsed() >= self.election.renew_deadline {
                self.metrics.lease_free(&self.name);
                return LeadershipLost::Expired {
                    lease: self.name.clone(),
                    renew_deadline: self.election.renew_deadline,
                };
            }
        }
    }

    /// Gives the lease away if it is held and if that is wanted, so that the next instance need not wait.
    pub async fn release(&mut self) {
        self.metrics.lease_free(&self.name);
        if !self.election.release_on_cancel {
            return;
        }
        let Some(lease) = self.view.released(Timestamp::now()) else {
            return;
        };
        let write = self.replace(&lease);
        match timeout(self.election.retry_period, write).await {
            Ok(Ok(_)) => info!(lease = self.name, "the lease is free for the next instance"),
            Ok(Err(error)) => warn!(error = %Chain(&error), "cannot give the lease away"),
            Err(_) => warn!(lease = self.name, "the lease runs out by itself: no answer"),
        }
    }

    /// Tries once to take or renew the lease, and returns whether it is held.
    ///
    /// No try takes all the time there is: one answer that is lost must not cost the lease.
    async fn attempt(&mut self, longest: Duration) -> Result<bool, TryError> {
        let limit = longest.min(self.election.renew_deadline / TRIES);
        match timeout(limit, self.step()).await {
            Ok(held) => held,
            Err(_) => Err(TryError::Silence {
                lease: self.name.clone(),
                limit,
            }),
        }
    }

    async fn step(&mut self) -> Result<bool, TryError> {
        // Whoever holds the lease knows what is written there, and saves the reading.
        if let Some(lease) = self.view.renewed(Timestamp::now(), Instant::now()) {
            match self.replace(&lease).await {
                Ok(written) => {
                    self.view.saw(Some(written), Instant::now());
                    return Ok(true);
                }
                Err(error) => debug!(error = %Chain(&error), "cannot renew the lease unread"),
            }
        }
        let read = self.api.get_opt(&self.name).await;
        let read = read.map_err(|source| self.failed("read", source))?;
        self.view.saw(read, Instant::now());
        let written = match self.view.next(&self.name, Timestamp::now(), Instant::now()) {
            Step::Wait => return Ok(false),
            Step::Create(lease) => {
                let created = self.api.create(&PostParams::default(), &lease).await;
                created.map_err(|source| self.failed("create", source))?
            }
            Step::Replace(lease) => self.replace(&lease).await?,
        };
        self.view.saw(Some(written), Instant::now());
        Ok(true)
    }

    async fn replace(&self, lease: &Lease) -> Result<Lease, TryError> {
        let written = self
            .api
            .replace(&self.name, &PostParams::default(), lease)
            .await;
        written.map_err(|source| self.failed("update", source))
    }

    fn failed(&self, verb: &'static str, source: kube::Error) -> TryError {
        TryError::Api {
            verb,
            lease: self.name.clone(),
            source,
        }
    }
}

/// A time from `period` on, up to [`JITTER`] times more than it.
fn jittered(period: Duration) -> Duration {
    let chance = RandomState::new().build_hasher().finish();
    #[expect(
        clippy::cast_precision_loss,
        reason = "a few bits of chance are enough"
    )]
    let share = chance as f64 / u64::MAX as f64;
    period.mul_f64(1.0 + JITTER * share)
}
