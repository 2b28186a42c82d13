//! Which notices are new events, which repeat one, and which are one too many.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::Notice;
use super::record::{Key, key};

/// How many events are remembered, so that their repetitions are known.
const REMEMBERED: usize = 4096;

/// How many events of one object may come at once.
const BURST: f64 = 25.0;

/// The time after which one more of them may come.
const REFILL: Duration = Duration::from_secs(60);

/// What has been told.
#[derive(Debug, Default)]
pub(super) struct Memory {
    series: HashMap<Key, Series>,
    budgets: HashMap<String, Budget>,
}

/// An event that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Series {
    /// Its name.
    pub(super) name: String,
    /// How often it happened.
    pub(super) count: i32,
    /// When it happened first.
    pub(super) first: Timestamp,
    /// When it happened last.
    pub(super) last: Timestamp,
}

/// How many more events an object may have.
#[derive(Debug)]
struct Budget {
    left: f64,
    since: Instant,
}

impl Memory {
    /// Whether an object may have one more event now. It counts as had if so.
    pub(super) fn allows(&mut self, notice: &Notice, now: Instant) -> bool {
        let object = &notice.regarding;
        let name = match (&object.uid, &object.namespace, &object.name) {
            (Some(uid), ..) => uid.clone(),
            (None, namespace, name) => format!("{namespace:?}/{name:?}"),
        };
        if self.budgets.len() >= REMEMBERED && !self.budgets.contains_key(&name) {
            // Whoever has all of it is like one who was never seen.
            self.budgets.retain(|_, budget| budget.at(now) < BURST);
        }
        let budget = self.budgets.entry(name).or_insert(Budget {
            left: BURST,
            since: now,
        });
        *budget = Budget {
            left: budget.at(now),
            since: now,
        };
        let allowed = budget.left >= 1.0;
        if allowed {
            budget.left -= 1.0;
        }
        allowed
    }

    /// The event a notice repeats, with the repetition counted in.
    pub(super) fn repeated(&self, notice: &Notice, time: Timestamp) -> Option<Series> {
        let known = self.series.get(&key(notice))?;
        Some(Series {
            count: known.count.saturating_add(1),
            last: time,
            ..known.clone()
        })
    }

    /// Remembers the event that told a notice.
    pub(super) fn remember(&mut self, notice: &Notice, series: Series) {
        if self.series.len() >= REMEMBERED {
            let mut times: Vec<_> = self.series.values().map(|series| series.last).collect();
            let (_, median, _) = times.select_nth_unstable(REMEMBERED / 2);
            let median = *median;
            self.series.retain(|_, series| series.last > median);
        }
        self.series.insert(key(notice), series);
    }
}

impl Budget {
    fn at(&self, now: Instant) -> f64 {
        let earned = now
            .saturating_duration_since(self.since)
            .div_duration_f64(REFILL);
        (self.left + earned).min(BURST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Severity;
    use crate::events::tests::notice;

    fn time(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn series(second: i64) -> Series {
        let (first, last) = (time(second), time(second));
        Series {
            name: "web.1".to_owned(),
            count: 1,
            first,
            last,
        }
    }

    #[test]
    fn a_notice_that_was_told_repeats_its_event() {
        let mut memory = Memory::default();
        let failed = notice(Severity::Error, "scan failed");
        assert_eq!(memory.repeated(&failed, time(1)), None);
        memory.remember(&failed, series(1));
        let again = memory.repeated(&failed, time(5)).unwrap();
        assert_eq!(
            again,
            Series {
                count: 2,
                last: time(5),
                ..series(1)
            }
        );
        memory.remember(&failed, again);
        assert_eq!(memory.repeated(&failed, time(9)).unwrap().count, 3);
        assert_eq!(
            memory.repeated(&notice(Severity::Error, "other"), time(9)),
            None
        );
    }

    #[test]
    fn what_happened_long_ago_is_forgotten_first() {
        let mut memory = Memory::default();
        let told = |number: i64| notice(Severity::Error, &number.to_string());
        let all = i64::try_from(REMEMBERED).unwrap();
        for number in 0..=all {
            memory.remember(&told(number), series(number));
        }
        assert!(memory.series.len() <= REMEMBERED);
        assert!(memory.repeated(&told(0), time(all)).is_none());
        assert!(memory.repeated(&told(all), time(all)).is_some());
        assert!(memory.repeated(&told(all - 1), time(all)).is_some());
    }

    #[test]
    fn an_object_has_a_budget_that_refills() {
        let mut memory = Memory::default();
        let (failed, now) = (notice(Severity::Error, "scan failed"), Instant::now());
        let allowed = (0..100).filter(|_| memory.allows(&failed, now)).count();
        assert_eq!(allowed, 25);
        let mut other = failed.clone();
        other.regarding.uid = Some("5678".to_owned());
        assert!(memory.allows(&other, now), "each object has its own");
        let later = now + REFILL.mul_f64(1.5);
        assert!(memory.allows(&failed, later));
        assert!(!memory.allows(&failed, later));
        assert!(memory.allows(&failed, now + REFILL * 2), "halves add up");
    }

    #[test]
    fn budgets_that_are_full_need_no_memory() {
        let mut memory = Memory::default();
        let (mut failed, now) = (notice(Severity::Error, "scan failed"), Instant::now());
        for number in 0..REMEMBERED {
            failed.regarding.uid = Some(number.to_string());
            assert!(memory.allows(&failed, now));
        }
        failed.regarding.uid = Some("late".to_owned());
        assert!(memory.allows(&failed, now + REFILL * 2));
        assert_eq!(memory.budgets.len(), 1);
    }
}
