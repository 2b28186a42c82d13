//! What a candidate knows of the lease, and what it may do next. No clock is read here.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use tokio::time::Instant;

/// A lease as one candidate sees it.
#[derive(Debug)]
pub(super) struct View {
    identity: String,
    duration: Duration,
    seen: Option<Seen>,
}

/// The lease as it was read or written last.
#[derive(Debug)]
struct Seen {
    lease: Lease,
    /// When what it says was seen first, by our own clock.
    since: Instant,
}

/// What may be done about the lease.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    /// Nothing: somebody else holds it.
    Wait,
    /// There is none: it may be made.
    Create(Lease),
    /// It may be taken or renewed.
    Replace(Lease),
}

impl View {
    /// Knows nothing yet, and would hold the lease for `duration`.
    pub(super) fn new(identity: String, duration: Duration) -> Self {
        Self {
            identity,
            duration,
            seen: None,
        }
    }

    /// Takes note of the lease there is, or that there is none.
    pub(super) fn saw(&mut self, lease: Option<Lease>, now: Instant) {
        self.seen = lease.map(|lease| {
            let known = self
                .seen
                .take()
                .filter(|seen| seen.lease.spec == lease.spec);
            Seen {
                lease,
                since: known.map_or(now, |seen| seen.since),
            }
        });
    }

    /// Who holds the lease, as far as is known.
    pub(super) fn holder(&self) -> Option<&str> {
        let spec = self.seen.as_ref()?.lease.spec.as_ref()?;
        let holder = spec.holder_identity.as_deref()?;
        (!holder.is_empty()).then_some(holder)
    }

    /// The lease with a new sign of life, if it is ours and has not run out.
    pub(super) fn renewed(&self, time: Timestamp, now: Instant) -> Option<Lease> {
        let seen = self.seen.as_ref()?;
        let held = self.is_ours() && !seen.has_run_out(now);
        held.then(|| self.claimed(seen, time))
    }

    /// What may be done after what was seen.
    pub(super) fn next(&self, name: &str, time: Timestamp, now: Instant) -> Step {
        let Some(seen) = &self.seen else {
            return Step::Create(self.first(name, time));
        };
        if self.holder().is_some() && !self.is_ours() && !seen.has_run_out(now) {
            return Step::Wait;
        }
        Step::Replace(self.claimed(seen, time))
    }

    /// The lease without a holder, if it is ours.
    pub(super) fn released(&self, time: Timestamp) -> Option<Lease> {
        let seen = self.seen.as_ref().filter(|_| self.is_ours())?;
        let spec = LeaseSpec {
            acquire_time: Some(MicroTime(time)),
            holder_identity: Some(String::new()),
            lease_duration_seconds: Some(1),
            renew_time: Some(MicroTime(time)),
            ..seen.lease.spec.clone().unwrap_or_default()
        };
        Some(seen.with(spec))
    }

    fn is_ours(&self) -> bool {
        self.holder() == Some(&self.identity)
    }

    fn first(&self, name: &str, time: Timestamp) -> Lease {
        Lease {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                ..ObjectMeta::default()
            },
            spec: Some(LeaseSpec {
                acquire_time: Some(MicroTime(time)),
                holder_identity: Some(self.identity.clone()),
                lease_duration_seconds: Some(self.seconds()),
                lease_transitions: Some(0),
                renew_time: Some(MicroTime(time)),
                ..LeaseSpec::default()
            }),
        }
    }

    /// The lease that was seen, as ours from now on: its version goes along, so that a newer one is not overwritten.
    fn claimed(&self, seen: &Seen, time: Timestamp) -> Lease {
        let before = seen.lease.spec.clone().unwrap_or_default();
        let transitions = before.lease_transitions.unwrap_or(0);
        let (acquired, transitions) = match self.is_ours() {
            true => (before.acquire_time.clone(), transitions),
            false => (Some(MicroTime(time)), transitions.saturating_add(1)),
        };
        let spec = LeaseSpec {
            acquire_time: acquired,
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: Some(self.seconds()),
            lease_transitions: Some(transitions),
            renew_time: Some(MicroTime(time)),
            ..before
        };
        seen.with(spec)
    }

    fn seconds(&self) -> i32 {
        i32::try_from(self.duration.as_secs())
            .unwrap_or(i32::MAX)
            .max(1)
    }
}

impl Seen {
    /// Whether the lease has not changed for the time its holder asked for.
    fn has_run_out(&self, now: Instant) -> bool {
        let spec = self.lease.spec.as_ref();
        let seconds = spec.and_then(|spec| spec.lease_duration_seconds);
        let seconds = u64::try_from(seconds.unwrap_or(0)).unwrap_or(0);
        now.saturating_duration_since(self.since) >= Duration::from_secs(seconds)
    }

    fn with(&self, spec: LeaseSpec) -> Lease {
        Lease {
            metadata: self.lease.metadata.clone(),
            spec: Some(spec),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DURATION: Duration = Duration::from_secs(35);

    fn time(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn held_by(holder: &str, renewed: i64) -> Lease {
        let mut lease = View::new(holder.to_owned(), DURATION).first("lease", time(0));
        lease.metadata.resource_version = Some("7".to_owned());
        let spec = lease.spec.as_mut().unwrap();
        spec.renew_time = Some(MicroTime(time(renewed)));
        spec.lease_transitions = Some(3);
        lease
    }

    fn view(lease: Option<Lease>, now: Instant) -> View {
        let mut view = View::new("us".to_owned(), DURATION);
        view.saw(lease, now);
        view
    }

    #[test]
    fn a_lease_nobody_made_is_made() {
        let now = Instant::now();
        let Step::Create(lease) = view(None, now).next("lease", time(9), now) else {
            panic!("there is no lease")
        };
        assert_eq!(lease.metadata.name.as_deref(), Some("lease"));
        let spec = lease.spec.unwrap();
        assert_eq!(spec.holder_identity.as_deref(), Some("us"));
        assert_eq!(spec.lease_duration_seconds, Some(35));
        assert_eq!(spec.lease_transitions, Some(0));
        assert_eq!(spec.acquire_time, Some(MicroTime(time(9))));
    }

    #[test]
    fn a_lease_is_free_after_its_duration_by_our_own_clock() {
        let now = Instant::now();
        // Renewed in a past long gone, or in a far future, by the other's clock.
        for renewed in [0, 1 << 33] {
            let mut view = view(Some(held_by("other", renewed)), now);
            let late = now + DURATION - Duration::from_millis(1);
            assert_eq!(view.next("lease", time(9), late), Step::Wait);
            // Read again without a change: the time goes on.
            view.saw(Some(held_by("other", renewed)), late);
            let Step::Replace(lease) = view.next("lease", time(9), now + DURATION) else {
                panic!("the lease has run out")
            };
            assert_eq!(lease.metadata.resource_version.as_deref(), Some("7"));
            let spec = lease.spec.unwrap();
            assert_eq!(spec.holder_identity.as_deref(), Some("us"));
            assert_eq!(spec.lease_transitions, Some(4));
            assert_eq!(spec.acquire_time, Some(MicroTime(time(9))));
        }
    }

    #[test]
    fn a_sign_of_life_begins_the_time_anew() {
        let now = Instant::now();
        let mut view = view(Some(held_by("other", 1)), now);
        let late = now + Duration::from_secs(30);
        view.saw(Some(held_by("other", 2)), late);
        assert_eq!(view.next("lease", time(9), now + DURATION), Step::Wait);
        assert!(matches!(
            view.next("lease", time(9), late + DURATION),
            Step::Replace(_)
        ));
    }

    #[test]
    fn a_lease_without_holder_is_taken_at_once() {
        let now = Instant::now();
        assert!(matches!(
            view(Some(held_by("", 1)), now).next("lease", time(9), now),
            Step::Replace(_)
        ));
        let bare = Lease {
            spec: None,
            ..held_by("", 1)
        };
        assert!(matches!(
            view(Some(bare), now).next("lease", time(9), now),
            Step::Replace(_)
        ));
    }

    #[test]
    fn ours_is_renewed_and_stays_the_same_term() {
        let now = Instant::now();
        let view = view(Some(held_by("us", 1)), now);
        let lease = view.renewed(time(9), now).unwrap();
        let spec = lease.spec.as_ref().unwrap();
        assert_eq!(spec.lease_transitions, Some(3));
        assert_eq!(spec.acquire_time, Some(MicroTime(time(0))));
        assert_eq!(spec.renew_time, Some(MicroTime(time(9))));
        assert_eq!(view.next("lease", time(9), now), Step::Replace(lease));
        assert_eq!(view.renewed(time(9), now + DURATION), None);
    }

    #[test]
    fn only_ours_is_given_away() {
        let now = Instant::now();
        assert_eq!(view(Some(held_by("other", 1)), now).released(time(9)), None);
        assert_eq!(view(None, now).released(time(9)), None);
        let lease = view(Some(held_by("us", 1)), now).released(time(9)).unwrap();
        let spec = lease.spec.as_ref().unwrap();
        assert_eq!(spec.holder_identity.as_deref(), Some(""));
        assert_eq!(spec.lease_duration_seconds, Some(1));
        assert_eq!(spec.lease_transitions, Some(3));
        assert!(matches!(
            view(Some(lease), now).next("lease", time(9), now),
            Step::Replace(_)
        ));
    }
}
