//! Lets callers who want the same thing at the same time share one piece of work.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared, WeakShared};

use super::error::{RegistryError, Sent};
use super::wire::Deadline;

type Work<T> = BoxFuture<'static, Result<T, RegistryError>>;

/// Work under way, by what it is for. It is dropped when the last caller loses interest.
pub(super) struct Flights<K, T: Clone> {
    running: Mutex<HashMap<K, WeakShared<Work<T>>>>,
}

impl<K: Clone + Eq + Hash, T: Clone> Flights<K, T> {
    /// Awaits the work for `key` that is under way, or starts it.
    ///
    /// The work keeps the deadline of whoever started it. A caller with more time
    /// starts it anew when that is over. `request` names the work when it is late.
    pub(super) async fn share(
        &self,
        key: K,
        deadline: Deadline,
        request: Sent,
        start: impl Fn() -> Work<T>,
    ) -> Result<T, RegistryError> {
        loop {
            let flight = self.join(key.clone(), &start);
            let Ok(outcome) = tokio::time::timeout_at(deadline.at, flight).await else {
                return Err(deadline.exceeded(request));
            };
            match outcome {
                Err(RegistryError::Timeout { .. }) if deadline.allows(Duration::ZERO) => {}
                Err(RegistryError::Paused { wait, .. }) if deadline.allows(wait) => {}
                outcome => return outcome,
            }
        }
    }

    /// Joins the work for `key` that is under way, or starts it.
    fn join(&self, key: K, start: impl FnOnce() -> Work<T>) -> Shared<Work<T>> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let flying = running.get(&key).and_then(WeakShared::upgrade);
        // Finished work is not joined: its result was true when it was asked for.
        if let Some(shared) = flying.filter(|shared| shared.peek().is_none()) {
            return shared;
        }
        running.retain(|_, flight| {
            flight
                .upgrade()
                .is_some_and(|shared| shared.peek().is_none())
        });
        let shared = start().shared();
        if let Some(weak) = shared.downgrade() {
            running.insert(key, weak);
        }
        shared
    }
}

impl<K, T: Clone> Default for Flights<K, T> {
    fn default() -> Self {
        Self {
            running: Mutex::new(HashMap::new()),
        }
    }
}

impl<K, T: Clone> fmt::Debug for Flights<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Flights(..)")
    }
}
