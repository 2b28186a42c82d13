//! When an image repository is scanned, and why.

use std::fmt;
use std::time::{Duration, SystemTime};

#[cfg(test)]
mod tests;

/// A scan is due when less than this is left of the interval.
const SLACK: Duration = Duration::from_secs(1);

/// The shortest time a scan may take, whatever the object says.
const SHORTEST_TIMEOUT: Duration = Duration::from_secs(1);

/// The longest time a scan may take where only the interval bounds it: a day's interval must not hold a worker for a day.
const LONGEST_DEFAULT_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// The longest time a scan may take, whatever the object says.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(60 * 60);

/// Over how long scans that are overdue when a process begins are spread at most.
const LONGEST_SPREAD: Duration = Duration::from_secs(30);

/// What is known of an `ImageRepository` when somebody asks whether to scan it.
#[derive(Clone, Copy, Debug)]
pub struct ScanState<'a> {
    /// `lastScanResult.scanTime`; `None` before the first scan.
    pub scanned_at: Option<SystemTime>,
    /// A request for a reconcile that has not been answered.
    pub request: Option<&'a str>,
    /// The canonical name of `spec.image`, and of the image that was scanned last.
    pub image: (&'a str, Option<&'a str>),
    /// The exclusion list in force, and that of the last scan.
    pub exclusions: (&'a [&'a str], &'a [String]),
    /// What became of the last reconcile.
    pub last: LastReconcile,
    /// Whether the tags are in the store.
    pub tags: StoredTags,
    /// `spec.interval`; zero stands for "when something happens".
    pub interval: Duration,
    /// Before this time the interval alone makes no scan due: see [`spread`].
    pub not_before: Option<SystemTime>,
}

/// What became of the last reconcile, as the condition Ready tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastReconcile {
    /// It reached what it was to reach, or there was none.
    Done,
    /// It failed, and what it was to do is still to be done.
    Failed,
}

/// Whether the tags of a repository are in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredTags {
    /// They are, be they none.
    Held,
    /// They are not, and nobody waits for them: they come with the next scan.
    Lost,
    /// They are not, and a policy waits for them.
    Missed,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanPlan {
    /// Scan.
    Scan(ScanReason),
    /// Do nothing until this time has passed; for good if it is `None`.
    Wait(Option<Duration>),
}

/// Why a scan is due. Prints as Flux writes it behind `scanning: `.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanReason {
    /// There was none before.
    First,
    /// Somebody asked, or a scan somebody asked for has failed.
    Requested,
    /// The image is another one.
    NewImage,
    /// The exclusion list is another one.
    NewExclusions,
    /// A policy needs tags that are not in the store.
    NoTags,
    /// The interval is over.
    Interval,
}

impl fmt::Display for ScanReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::First => "first scan",
            Self::Requested => "reconcile requested",
            Self::NewImage => "new image name",
            Self::NewExclusions => "updated exclusion list",
            Self::NoTags => "no tags in database",
            Self::Interval => "triggered by interval",
        })
    }
}

/// Decides whether a repository is to be scanned.
///
/// The reasons are Flux's, in Flux's order. Two things differ: a scan that failed stays due, also when only a request
/// made it so; and tags missing in the store are no reason unless somebody waits for them.
pub fn plan_scan(state: &ScanState<'_>, now: SystemTime) -> ScanPlan {
    let Some(scanned_at) = state.scanned_at else {
        return ScanPlan::Scan(ScanReason::First);
    };
    let (image, scanned_image) = state.image;
    let (exclusions, scanned_exclusions) = state.exclusions;
    if state.request.is_some() {
        ScanPlan::Scan(ScanReason::Requested)
    } else if scanned_image != Some(image) {
        ScanPlan::Scan(ScanReason::NewImage)
    } else if differ(exclusions, scanned_exclusions) {
        ScanPlan::Scan(ScanReason::NewExclusions)
    } else if state.tags == StoredTags::Missed {
        ScanPlan::Scan(ScanReason::NoTags)
    } else {
        let left = left(scanned_at, state.interval, now);
        let held_back = state
            .not_before
            .and_then(|time| time.duration_since(now).ok());
        match (left < SLACK, state.last, held_back) {
            (true, _, Some(held_back)) if !held_back.is_zero() => ScanPlan::Wait(Some(held_back)),
            (true, ..) => ScanPlan::Scan(ScanReason::Interval),
            (false, LastReconcile::Failed, _) => ScanPlan::Scan(ScanReason::Requested),
            (false, LastReconcile::Done, _) => ScanPlan::Wait(Some(left)),
        }
    }
}

/// How long to wait after a scan for the next one; `None` for good, as an interval of zero wants it.
pub fn next_scan(interval: Duration) -> Option<Duration> {
    (!interval.is_zero()).then_some(interval)
}

/// How long a scan may take: `spec.timeout`, else the interval, within bounds.
pub fn scan_timeout(timeout: Option<Duration>, interval: Duration) -> Duration {
    match timeout {
        Some(timeout) => timeout.clamp(SHORTEST_TIMEOUT, LONGEST_TIMEOUT),
        None => interval.clamp(SHORTEST_TIMEOUT, LONGEST_DEFAULT_TIMEOUT),
    }
}

/// How long after the start of a process a scan is held back that was due by then, so that not all come at once.
///
/// `share` is where in the order an object stands, anything that differs between objects. Never more than the interval.
pub fn spread(interval: Duration, share: u32) -> Duration {
    let whole = interval.min(LONGEST_SPREAD);
    whole.mul_f64(f64::from(share) / f64::from(u32::MAX))
}

/// What is left of the interval. A scan in the future is one of a clock that was wrong, and counts as one of just now.
fn left(scanned_at: SystemTime, interval: Duration, now: SystemTime) -> Duration {
    let passed = now.duration_since(scanned_at).unwrap_or_default();
    interval.saturating_sub(passed)
}

/// Whether the lists differ as Flux sees it: in length, or by an entry that is new. The order does not matter.
fn differ(new: &[&str], old: &[String]) -> bool {
    new.len() != old.len() || new.iter().any(|one| old.iter().all(|known| known != one))
}
