//! What a controller remembers of each object between its reconciles.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kube::{Resource, ResourceExt as _};

/// The consecutive failures of each object of one controller, and the status that was written last, by UID.
#[derive(Debug)]
pub struct Memory<S> {
    first: Duration,
    longest: Duration,
    objects: Mutex<HashMap<String, Remembered<S>>>,
}

#[derive(Debug)]
struct Remembered<S> {
    failures: u32,
    written: Option<(u64, S)>,
}

impl<S> Default for Remembered<S> {
    fn default() -> Self {
        Self {
            failures: 0,
            written: None,
        }
    }
}

impl<S: Clone> Memory<S> {
    /// Makes one whose objects wait `first` after a first failure, twice as long after each further one, and never
    /// longer than `longest`.
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            objects: Mutex::default(),
        }
    }

    /// Counts a failure and returns how long to wait.
    pub fn failed(&self, uid: &str) -> Duration {
        self.with(uid, |object| {
            let delay = delay(self.first, self.longest, object.failures);
            object.failures = object.failures.saturating_add(1);
            delay
        })
    }

    /// Forgets an object's failures: it succeeded or stalled.
    pub fn recovered(&self, uid: &str) {
        self.with(uid, |object| object.failures = 0);
    }

    /// Forgets an object: it went.
    pub fn forget(&self, uid: &str) {
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        objects.remove(uid);
    }

    /// Forgets what was written to `object`, which comes from a cache, if the cache has that.
    pub fn caught_up<K: Resource>(&self, object: &K) {
        self.newer(object);
    }

    /// Remembers a status and the version of the object that has it.
    pub(super) fn wrote<K: Resource>(&self, object: &K, status: S) {
        let Some(version) = version(object) else {
            return;
        };
        let uid = object.uid().unwrap_or_default();
        self.with(&uid, |known| known.written = Some((version, status)));
    }

    /// Returns the status that was written last, if it is newer than `object`, which comes from a cache.
    pub(super) fn newer<K: Resource>(&self, object: &K) -> Option<S> {
        let uid = object.uid().unwrap_or_default();
        let seen = version(object)?;
        self.with(&uid, |known| {
            if known.written.as_ref().is_some_and(|(own, _)| *own <= seen) {
                known.written = None;
            }
            known.written.as_ref().map(|(_, status)| status.clone())
        })
    }

    fn with<T>(&self, uid: &str, act: impl FnOnce(&mut Remembered<S>) -> T) -> T {
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        act(objects.entry(uid.to_owned()).or_default())
    }
}

/// Versions are numbers that grow with each write of the API server.
fn version<K: Resource>(object: &K) -> Option<u64> {
    object.resource_version()?.parse().ok()
}

fn delay(first: Duration, longest: Duration, failures: u32) -> Duration {
    let factor = 1_u32.checked_shl(failures).unwrap_or(u32::MAX);
    first.saturating_mul(factor).min(longest)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;

    use super::*;

    fn memory() -> Memory<&'static str> {
        Memory::new(Duration::from_millis(750), Duration::from_secs(4))
    }

    fn object(version: &str) -> ConfigMap {
        let mut object = ConfigMap::default();
        object.metadata.uid = Some("uid".to_owned());
        object.metadata.resource_version = Some(version.to_owned());
        object
    }

    #[test]
    fn delays_double_up_to_the_longest_and_begin_anew_after_success() {
        let memory = memory();
        let failed = || memory.failed("uid").as_millis();
        let delays = [failed(), failed(), failed(), failed(), failed()];
        assert_eq!(delays, [750, 1500, 3000, 4000, 4000]);
        assert_eq!(memory.failed("another").as_millis(), 750);
        memory.recovered("uid");
        assert_eq!(failed(), 750);
    }

    #[test]
    fn no_number_of_failures_overflows() {
        for failures in [31, 32, 33, u32::MAX] {
            let longest = Duration::from_secs(900);
            assert_eq!(
                delay(Duration::from_millis(750), longest, failures),
                longest
            );
        }
    }

    #[test]
    fn a_cache_that_lags_behind_does_not_undo_what_was_written() {
        let memory = memory();
        assert_eq!(memory.newer(&object("9")), None);
        memory.wrote(&object("10"), "written");
        assert_eq!(memory.newer(&object("9")), Some("written"));
        assert_eq!(memory.newer(&object("10")), None);
        assert_eq!(memory.newer(&object("9")), None);
    }
}
