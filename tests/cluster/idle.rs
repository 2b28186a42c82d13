//! At rest: a reconciler does what is due, and nothing else.

use std::time::Duration;

use harness::idle::{Size, observe};

const INTERVAL: Duration = Duration::from_secs(5);

#[test]
fn nothing_is_written_or_asked_for_besides_due_scans_and_one_listing_of_each_remote() {
    let observed = observe(Size {
        repositories: 100,
        automations: 20,
        remotes: 4,
        interval: INTERVAL,
    });
    // Neither an event, nor the status of a policy or automation.
    assert_eq!(observed.other_writes, []);
    assert_eq!(observed.other_git_requests, []);
    assert_eq!(observed.scans.len(), 100);
    let most = times_due(observed.life);
    for (name, scans) in &observed.scans {
        assert_eq!(scans.listings, scans.writes, "{name}");
        assert!(
            scans.writes <= most,
            "{name}: {scans:?} in {:?}",
            observed.life
        );
    }
    let most = times_due(observed.window);
    for (remote, listings) in &observed.listings {
        assert!(
            *listings <= most,
            "{remote}: {listings} in {:?}",
            observed.window
        );
    }
}

/// How often something may become due in that time.
fn times_due(time: Duration) -> usize {
    let whole = time.as_millis() / INTERVAL.as_millis();
    usize::try_from(whole).unwrap() + 1
}
