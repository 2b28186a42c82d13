//! What this process remembers of each automation between its runs.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::writers::Tips;

/// Timers fire a little late, and automations of one remote not at the very same instant: a listing that is this much
/// older than one of them is as good.
const TOLERANCE: Duration = Duration::from_millis(50);

/// The memory of all automations, by UID.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<HashMap<String, One>>);

#[derive(Clone, Debug, Default)]
struct One {
    /// Where the refs stood after the last run that succeeded.
    tips: Option<Tips>,
    /// When it is due by itself.
    next: Option<Instant>,
    /// The generation of its source at the last run.
    source: Option<i64>,
}

impl Known {
    /// Returns where the refs stood after the last run, if that succeeded.
    pub(super) fn tips(&self, uid: &str) -> Option<Tips> {
        self.with(uid, |one| one.tips)
    }

    /// Remembers where the refs stand, or that nobody knows.
    pub(super) fn set_tips(&self, uid: &str, tips: Option<Tips>) {
        self.with(uid, |one| one.tips = tips);
    }

    /// Remembers when the next run is due by itself.
    pub(super) fn plan(&self, uid: &str, next: Instant) {
        self.with(uid, |one| one.next = Some(next));
    }

    /// Returns since when a run that begins now has been due: by the clock, or because something happened just now.
    pub(super) fn due(&self, uid: &str, asked: bool, now: Instant) -> Instant {
        let next = self.with(uid, |one| one.next.take());
        match next {
            Some(next) if !asked && next <= now + TOLERANCE => {
                next.checked_sub(TOLERANCE).unwrap_or(next)
            }
            _ => now,
        }
    }

    /// Remembers the generation of the source and returns whether it is another one than at the last run.
    pub(super) fn source_changed(&self, uid: &str, generation: Option<i64>) -> bool {
        self.with(uid, |one| {
            let before = std::mem::replace(&mut one.source, generation);
            before.is_some() && generation.is_some() && before != generation
        })
    }

    /// Forgets an automation that went.
    pub(super) fn forget(&self, uid: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(uid);
    }

    fn with<T>(&self, uid: &str, act: impl FnOnce(&mut One) -> T) -> T {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        act(all.entry(uid.to_owned()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_due_by_the_clock_takes_a_listing_of_that_moment() {
        let known = Known::default();
        let now = Instant::now();
        let second = Duration::from_secs(1);
        assert_eq!(known.due("a", false, now), now, "the first run");
        known.plan("a", now);
        assert_eq!(known.due("a", false, now + second), now - TOLERANCE);
        known.plan("a", now);
        assert_eq!(
            known.due("a", true, now + second),
            now + second,
            "asked for"
        );
        known.plan("a", now + 10 * second);
        assert_eq!(
            known.due("a", false, now + second),
            now + second,
            "woken early"
        );
    }

    #[test]
    fn only_a_changed_source_is_one() {
        let known = Known::default();
        assert!(!known.source_changed("a", Some(1)), "the first run");
        assert!(!known.source_changed("a", Some(1)));
        assert!(known.source_changed("a", Some(2)));
        assert!(!known.source_changed("a", None));
        assert!(!known.source_changed("a", Some(2)));
    }
}
