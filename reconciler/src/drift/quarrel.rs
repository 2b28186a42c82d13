//! When to give in: somebody else takes a mark away again and again.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// How often a mark is reverted until no more is written.
const REVERTS: usize = 3;

/// Within which time.
const WITHIN: Duration = Duration::from_secs(10 * 60);

/// How long nothing is written then, unless the workload is changed.
const PAUSE: Duration = Duration::from_secs(24 * 60 * 60);

/// What is remembered of one workload's mark and of who is against it.
#[derive(Debug, Default)]
pub(super) struct Quarrel {
    reverts: VecDeque<Instant>,
    given_in: Option<GivenIn>,
}

#[derive(Clone, Copy, Debug)]
struct GivenIn {
    until: Instant,
    /// The generation of the workload.
    generation: i64,
}

/// What a revert led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reaction {
    /// The mark is written again.
    GoOn,
    /// It is left as it is from now on.
    GiveIn,
}

impl Quarrel {
    /// Somebody took the mark away, or put another one in its place, from a workload of this generation.
    pub(super) fn reverted(&mut self, generation: i64, now: Instant) -> Reaction {
        self.reverts.push_back(now);
        while self
            .reverts
            .front()
            .is_some_and(|first| now.duration_since(*first) > WITHIN)
        {
            self.reverts.pop_front();
        }
        if self.reverts.len() < REVERTS {
            return Reaction::GoOn;
        }
        self.reverts.clear();
        self.given_in = Some(GivenIn {
            until: now + PAUSE,
            generation,
        });
        Reaction::GiveIn
    }

    /// Whether the mark of a workload of this generation is left alone. It is not for ever: whoever changes the workload
    /// may have changed their mind.
    pub(super) fn is_over(&mut self, generation: i64, now: Instant) -> bool {
        let holds = self
            .given_in
            .is_none_or(|given_in| given_in.generation != generation || now >= given_in.until);
        if holds {
            self.given_in = None;
        }
        holds
    }

    /// Whether no mark is written now.
    pub(super) fn has_given_in(&self) -> bool {
        self.given_in.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn given_in(start: Instant) -> Quarrel {
        let mut quarrel = Quarrel::default();
        assert!(quarrel.is_over(1, start));
        assert_eq!(quarrel.reverted(1, start), Reaction::GoOn);
        assert_eq!(quarrel.reverted(1, start + MINUTE), Reaction::GoOn);
        assert_eq!(quarrel.reverted(1, start + MINUTE * 10), Reaction::GiveIn);
        assert!(quarrel.has_given_in());
        quarrel
    }

    #[test]
    fn three_reverts_in_ten_minutes_are_enough() {
        let start = Instant::now();
        let mut quarrel = given_in(start);
        assert!(!quarrel.is_over(1, start + MINUTE * 11));
    }

    #[test]
    fn reverts_now_and_then_are_put_up_with() {
        let start = Instant::now();
        let mut quarrel = Quarrel::default();
        for time in 0..20 {
            let now = start + MINUTE * 6 * time;
            assert_eq!(quarrel.reverted(1, now), Reaction::GoOn);
            assert!(quarrel.is_over(1, now));
        }
    }

    #[test]
    fn it_begins_anew_when_the_workload_changes_or_after_a_day() {
        let start = Instant::now();
        assert!(given_in(start).is_over(2, start + MINUTE * 11));
        let day = MINUTE * 60 * 24;
        assert!(!given_in(start).is_over(1, start + day));
        let mut quarrel = given_in(start);
        assert!(quarrel.is_over(1, start + MINUTE * 10 + day));
        assert!(!quarrel.has_given_in());
        assert_eq!(quarrel.reverted(1, start + day), Reaction::GoOn);
    }
}
