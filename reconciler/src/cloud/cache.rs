//! Grants that are good still: kept by what they are for, fetched once however many ask.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared, WeakShared};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::error::CloudError;
use super::grant::Grant;
use crate::metrics::{Metrics, TokenLookup, TokenRequest};

/// The longest a grant is ever kept.
const LONGEST: Duration = Duration::from_secs(3600);

/// The share of its lifetime for which a grant is kept.
const KEPT_SHARE: f64 = 0.8;

type Flight = BoxFuture<'static, Result<Grant, CloudError>>;

/// How many grants are kept, and for how long; the flags `--token-cache-max-size` and `--token-cache-max-duration`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheLimits {
    /// How many grants are kept; with 0, none.
    pub size: usize,
    /// The longest a grant is kept; an hour at most.
    pub duration: Duration,
}

impl Default for CacheLimits {
    fn default() -> Self {
        Self {
            size: 100,
            duration: LONGEST,
        }
    }
}

/// The object a login is for, by which its lookups are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beneficiary<'a> {
    /// Its kind, such as `ImageRepository`.
    pub kind: &'static str,
    /// Its namespace.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
}

/// What a grant is for, as a digest that tells nothing of the secrets that went into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key([u8; 32]);

impl Key {
    /// Digests named parts, in their order.
    pub(super) fn new<'a>(parts: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        let mut hash = Sha256::new();
        for piece in parts
            .into_iter()
            .flat_map(|(name, value)| [name.as_bytes(), value])
        {
            hash.update((piece.len() as u64).to_le_bytes());
            hash.update(piece);
        }
        Self(hash.finalize().into())
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The grants of one program, least recently used going first.
pub(super) struct TokenCache {
    limits: CacheLimits,
    metrics: Metrics,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    kept: HashMap<Key, Kept>,
    flights: HashMap<Key, WeakShared<Flight>>,
    /// Grows with every use, so that it orders them.
    clock: u64,
}

struct Kept {
    grant: Grant,
    until: Instant,
    used: u64,
}

/// How a request is answered.
enum Answer {
    Kept(Grant),
    Joined(Shared<Flight>),
    Started(Shared<Flight>),
}

impl TokenCache {
    pub(super) fn new(limits: CacheLimits, metrics: Metrics) -> Arc<Self> {
        let duration = limits.duration.min(LONGEST);
        Arc::new(Self {
            limits: CacheLimits { duration, ..limits },
            metrics,
            state: Mutex::default(),
        })
    }

    /// Returns what is kept under `key`, joins whoever fetches it, or fetches it.
    ///
    /// Nothing is locked while a cloud is asked, and a fetch goes on as long as one of its callers waits.
    pub(super) async fn get_or_fetch(
        self: &Arc<Self>,
        key: Key,
        whose: Beneficiary<'_>,
        fetch: impl FnOnce() -> Flight,
    ) -> Result<Grant, CloudError> {
        let (lookup, outcome) = match self.answer(key, fetch) {
            Answer::Kept(grant) => (TokenLookup::Hit, Ok(grant)),
            Answer::Joined(flight) => (TokenLookup::Hit, flight.await),
            Answer::Started(flight) => (TokenLookup::Miss, flight.await),
        };
        let Beneficiary {
            kind,
            namespace,
            name,
        } = whose;
        self.metrics.token_lookup(lookup, kind, namespace, name);
        self.metrics.token_request(match &outcome {
            Ok(_) => TokenRequest::Success,
            Err(_) => TokenRequest::Failure,
        });
        outcome
    }

    fn answer(self: &Arc<Self>, key: Key, fetch: impl FnOnce() -> Flight) -> Answer {
        let mut state = self.lock();
        state.forget_old();
        self.metrics.tokens_cached(state.kept.len());
        if let Some(grant) = state.take_note(key) {
            return Answer::Kept(grant);
        }
        let flying = state.flights.get(&key).and_then(WeakShared::upgrade);
        if let Some(flight) = flying.filter(|flight| flight.peek().is_none()) {
            return Answer::Joined(flight);
        }
        let (cache, work) = (Arc::clone(self), fetch());
        let flight = async move {
            let outcome = work.await;
            cache.land(key, outcome.as_ref().ok());
            outcome
        };
        let flight = flight.boxed().shared();
        // Work that everybody has lost interest in is dropped; what is left of it here goes with the next.
        state.flights.retain(|_, flight| flight.upgrade().is_some());
        state
            .flights
            .extend(flight.downgrade().map(|weak| (key, weak)));
        Answer::Started(flight)
    }

    /// Ends a flight and keeps what it brought for its share of its lifetime.
    fn land(&self, key: Key, grant: Option<&Grant>) {
        let mut state = self.lock();
        state.flights.remove(&key);
        let Some(grant) = grant.filter(|_| self.limits.size > 0) else {
            return;
        };
        let lifetime = grant.expires.duration_since(Timestamp::now());
        let Ok(lifetime) = Duration::try_from(lifetime) else {
            return;
        };
        let keep = lifetime.mul_f64(KEPT_SHARE).min(self.limits.duration);
        state.clock += 1;
        let kept = Kept {
            grant: grant.clone(),
            until: Instant::now() + keep,
            used: state.clock,
        };
        state.kept.insert(key, kept);
        while state.kept.len() > self.limits.size {
            state.evict();
            self.metrics.token_evicted();
        }
        self.metrics.tokens_cached(state.kept.len());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn forget_old(&mut self) {
        let now = Instant::now();
        self.kept.retain(|_, kept| kept.until > now);
    }

    /// Returns what is kept and notes its use.
    fn take_note(&mut self, key: Key) -> Option<Grant> {
        self.clock += 1;
        let kept = self.kept.get_mut(&key)?;
        kept.used = self.clock;
        Some(kept.grant.clone())
    }

    fn evict(&mut self) {
        let oldest = self.kept.iter().min_by_key(|(_, kept)| kept.used);
        if let Some(key) = oldest.map(|(key, _)| *key) {
            self.kept.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests;
