//! When automations run by themselves: together with the others of their remote.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

/// Returns the time until the next run: never longer than `interval`, and at the same moments for all automations of one
/// remote that have this interval.
///
/// `now` is the time since any fixed moment that all agree on, such as the Unix epoch.
pub(super) fn until_next(now: Duration, interval: Duration, remote: &str) -> Duration {
    let (now, interval) = (now.as_millis(), interval.as_millis().max(1));
    let mut hasher = DefaultHasher::new();
    remote.hash(&mut hasher);
    let phase = u128::from(hasher.finish()) % interval;
    let since = (now + interval - phase) % interval;
    Duration::from_millis(u64::try_from(interval - since).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn automations_of_one_remote_run_at_the_same_moments() {
        let interval = Duration::from_secs(600);
        let at = |seconds| {
            let now = Duration::from_secs(1_780_000_000 + seconds);
            now + until_next(now, interval, "https://git/a.git")
        };
        let next = at(0);
        let window = (next - Duration::from_secs(1_780_000_000)).as_secs();
        for seconds in 0..=window {
            assert_eq!(at(seconds), next);
        }
        assert_eq!(at(window + 1), next + interval);
    }

    #[test]
    fn remotes_are_spread_over_the_interval() {
        let now = Duration::from_secs(1_780_000_000);
        let late = (0..1000)
            .map(|remote| {
                until_next(
                    now,
                    Duration::from_secs(600),
                    &format!("https://git/{remote}"),
                )
            })
            .filter(|wait| *wait > Duration::from_secs(300))
            .count();
        assert!((400..600).contains(&late), "{late}");
    }

    proptest! {
        #[test]
        fn nobody_waits_longer_than_the_interval(now in any::<u32>(), interval in 1_u64..10_000_000, remote in ".{0,8}") {
            let interval = Duration::from_millis(interval);
            let wait = until_next(Duration::from_millis(now.into()), interval, &remote);
            prop_assert!(wait > Duration::ZERO && wait <= interval);
        }
    }
}
