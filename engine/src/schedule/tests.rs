//! When scans are due.

use super::*;

const HOUR: Duration = Duration::from_secs(3600);
const EXCLUSIONS: [&str; 1] = [r"^.*\.sig$"];

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds)
}

/// Plans for a repository scanned at second 0 with an interval of an hour, changed by `change`, at second `now`.
fn plan(now: u64, change: impl FnOnce(&mut ScanState<'_>)) -> ScanPlan {
    let observed = EXCLUSIONS.map(str::to_owned);
    let mut state = ScanState {
        scanned_at: Some(at(0)),
        request: None,
        image: ("r.io/app", Some("r.io/app")),
        exclusions: (&EXCLUSIONS, &observed),
        last: LastReconcile::Done,
        tags: StoredTags::Held,
        interval: HOUR,
        not_before: None,
    };
    change(&mut state);
    plan_scan(&state, at(now))
}

fn wait(seconds: u64) -> ScanPlan {
    ScanPlan::Wait(Some(Duration::from_secs(seconds)))
}

#[test]
fn nothing_is_due_before_the_interval_is_over() {
    assert_eq!(plan(0, |_| {}), wait(3600));
    assert_eq!(plan(3599, |_| {}), wait(1));
    let due = ScanPlan::Scan(ScanReason::Interval);
    assert_eq!(plan(3600, |_| {}), due);
    assert_eq!(plan(100_000, |_| {}), due);
}

#[test]
fn less_than_a_second_left_is_due() {
    let almost = |state: &mut ScanState<'_>| state.interval = Duration::from_millis(3_600_999);
    assert_eq!(plan(3600, almost), ScanPlan::Scan(ScanReason::Interval));
}

#[test]
fn a_repository_without_a_scan_is_due_whatever_else() {
    let first = plan(0, |state| {
        state.scanned_at = None;
        state.request = Some("now");
        state.image.1 = None;
    });
    assert_eq!(first, ScanPlan::Scan(ScanReason::First));
}

#[test]
fn row_105_a_request_makes_a_scan_due() {
    let requested = plan(1, |state| state.request = Some("now"));
    assert_eq!(requested, ScanPlan::Scan(ScanReason::Requested));
}

#[test]
fn row_104_another_image_makes_a_scan_due() {
    let moved = plan(1, |state| state.image.0 = "r.io/other");
    assert_eq!(moved, ScanPlan::Scan(ScanReason::NewImage));
}

#[test]
fn row_102_another_order_of_exclusions_does_not() {
    let scanned = ["a".to_owned(), "b".to_owned()];
    assert!(!differ(&["b", "a"], &scanned));
    assert!(differ(&["a"], &scanned));
    assert!(differ(&["a", "c"], &scanned));
    // Flux does not notice this one either: what is excluded less shows at the next interval.
    assert!(!differ(&["a", "a"], &scanned));
    let changed = plan(1, |state| state.exclusions.0 = &["x"]);
    assert_eq!(changed, ScanPlan::Scan(ScanReason::NewExclusions));
}

#[test]
fn row_106_a_requested_scan_that_failed_stays_due() {
    let failed = plan(1, |state| state.last = LastReconcile::Failed);
    assert_eq!(failed, ScanPlan::Scan(ScanReason::Requested));
}

#[test]
fn row_107_lost_tags_are_no_reason_unless_a_policy_waits_for_them() {
    assert_eq!(plan(600, |state| state.tags = StoredTags::Lost), wait(3000));
    let missed = plan(600, |state| state.tags = StoredTags::Missed);
    assert_eq!(missed, ScanPlan::Scan(ScanReason::NoTags));
}

#[test]
fn an_interval_of_zero_scans_when_something_happens_and_plans_no_more() {
    let zero = |state: &mut ScanState<'_>| state.interval = Duration::ZERO;
    assert_eq!(plan(0, zero), ScanPlan::Scan(ScanReason::Interval));
    assert_eq!(next_scan(Duration::ZERO), None);
    assert_eq!(next_scan(HOUR), Some(HOUR));
}

#[test]
fn a_scan_in_the_future_counts_as_one_of_just_now() {
    let skewed = plan(0, |state| state.scanned_at = Some(at(500_000)));
    assert_eq!(skewed, wait(3600));
}

#[test]
fn overdue_scans_are_held_back_after_a_start_and_nothing_else_is() {
    let later = |state: &mut ScanState<'_>| state.not_before = Some(at(5010));
    assert_eq!(plan(5000, later), wait(10));
    assert_eq!(plan(5010, later), ScanPlan::Scan(ScanReason::Interval));
    let requested = plan(5000, |state| {
        later(state);
        state.request = Some("now");
    });
    assert_eq!(requested, ScanPlan::Scan(ScanReason::Requested));
    assert_eq!(plan(600, later), wait(3000));
}

#[test]
fn the_spread_is_never_longer_than_the_interval() {
    for share in [0, 1, u32::MAX / 2, u32::MAX] {
        assert!(spread(HOUR, share) <= LONGEST_SPREAD);
        assert!(spread(Duration::from_secs(3), share) <= Duration::from_secs(3));
    }
    assert_eq!(spread(HOUR, 0), Duration::ZERO);
    assert_eq!(spread(HOUR, u32::MAX), LONGEST_SPREAD);
}

#[test]
fn a_timeout_is_the_interval_s_unless_given_and_has_bounds() {
    let seconds = Duration::from_secs;
    assert_eq!(scan_timeout(None, seconds(60)), seconds(60));
    assert_eq!(scan_timeout(None, Duration::ZERO), seconds(1));
    assert_eq!(scan_timeout(None, seconds(86_400)), seconds(300));
    assert_eq!(scan_timeout(Some(seconds(30)), seconds(60)), seconds(30));
    assert_eq!(scan_timeout(Some(seconds(900)), seconds(60)), seconds(900));
    assert_eq!(scan_timeout(Some(Duration::ZERO), seconds(60)), seconds(1));
    assert_eq!(scan_timeout(Some(seconds(90_000)), HOUR), HOUR);
}

#[test]
fn the_reasons_are_flux_s_words() {
    let words = [
        (ScanReason::First, "first scan"),
        (ScanReason::Requested, "reconcile requested"),
        (ScanReason::NewImage, "new image name"),
        (ScanReason::NewExclusions, "updated exclusion list"),
        (ScanReason::NoTags, "no tags in database"),
        (ScanReason::Interval, "triggered by interval"),
    ];
    for (reason, text) in words {
        assert_eq!(reason.to_string(), text);
    }
}
