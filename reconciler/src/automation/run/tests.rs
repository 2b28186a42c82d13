use api::keys::READY;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::super::report;
use super::*;
use crate::cluster::Report;

fn time(second: i64) -> Time {
    Time(Timestamp::from_second(second).unwrap())
}

fn image(tag: &str) -> BTreeMap<String, ImageRef> {
    let image = ImageRef {
        name: "app".into(),
        tag: tag.into(),
        digest: None,
    };
    [("app".to_owned(), image)].into()
}

/// The status of an automation that is ready.
fn ready() -> ImageUpdateAutomationStatus {
    let condition = Condition {
        type_: READY.into(),
        status: "True".into(),
        reason: "Succeeded".into(),
        message: UP_TO_DATE.into(),
        observed_generation: Some(1),
        last_transition_time: time(1),
    };
    ImageUpdateAutomationStatus {
        conditions: vec![condition],
        last_automation_run_time: Some(time(1)),
        observed_generation: Some(1),
        observed_policies: image("1"),
        observed_source_revision: Some("main@sha1:1".into()),
        ..ImageUpdateAutomationStatus::default()
    }
}

/// Of all automations here.
const INTERVAL: Duration = Duration::from_secs(60);

fn ended(result: Result<Found, Trouble>) -> Ended {
    Ended {
        result,
        next: Instant::now().checked_add(INTERVAL),
        by_source: false,
    }
}

fn looked(tag: &str, revision: &str, push: Option<Pushed>) -> Found {
    Found::Looked(Looked {
        observed: image(tag),
        revision: Some(revision.into()),
        by_policies: false,
        push,
    })
}

fn reported(
    before: &ImageUpdateAutomationStatus,
    result: Result<Found, Trouble>,
    asked: bool,
) -> Report<ImageUpdateAutomationStatus> {
    report(before, ended(result), asked, time(9), "working".into())
}

#[test]
fn an_idle_run_writes_nothing_and_tells_only_who_asked() {
    let before = ready();
    for found in [Found::Nothing(NO_CHANGE), looked("1", "main@sha1:1", None)] {
        let report = reported(&before, Ok(found), false);
        assert_eq!(report.status, before);
        assert!(matches!(report.announce, Announce::OrTrace(_)));
        assert!(matches!(report.requeue, Requeue::After(wait) if wait <= INTERVAL));
    }
}

#[test]
fn a_run_that_was_asked_for_leaves_its_time_and_word() {
    let report = reported(&ready(), Ok(Found::Nothing(NO_CHANGE)), true);
    assert_eq!(report.status.last_automation_run_time, Some(time(9)));
    assert!(matches!(report.announce, Announce::OrTrace(text) if text == NO_CHANGE));
}

#[test]
fn a_push_is_recorded_and_told() {
    let push = Pushed {
        commit: "2".into(),
        at: time(8),
        told: "pushed commit '2' to branch 'main'".into(),
    };
    let report = reported(&ready(), Ok(looked("2", "main@sha1:2", Some(push))), false);
    let status = report.status;
    assert_eq!(status.last_push_commit.as_deref(), Some("2"));
    assert_eq!(status.last_push_time, Some(time(8)));
    assert_eq!(status.observed_policies, image("2"));
    assert_eq!(
        status.observed_source_revision.as_deref(),
        Some("main@sha1:2")
    );
    assert_eq!(status.last_automation_run_time, Some(time(9)));
    assert!(matches!(report.announce, Announce::News(text) if text.starts_with("pushed commit")));
}

#[test]
fn a_failed_run_keeps_what_was_observed_and_backs_off() {
    let trouble = || Trouble::Passing(Reason::GitOperationFailed, "no".into());
    let before = ready();
    let report = reported(&before, Err(trouble()), false);
    assert_eq!(report.status.observed_policies, before.observed_policies);
    assert_eq!(report.status.last_automation_run_time, Some(time(9)));
    assert_eq!(report.requeue, Requeue::BACKOFF);
    assert!(
        matches!(report.outcome, Outcome::Failed { ref progress, .. } if progress == "working")
    );

    let mut failing = before;
    failing.conditions[0].status = "False".into();
    failing.conditions[0].reason = "GitOperationFailed".into();
    failing.conditions[0].message = "no".into();
    let again = reported(&failing, Err(trouble()), false);
    assert_eq!(
        again.status, failing,
        "the same failure is not written again"
    );
}

#[test]
fn what_stalls_waits_for_a_change() {
    let trouble = Trouble::Lasting(Reason::AccessDenied, "no".into());
    let report = reported(&ready(), Err(trouble), false);
    assert_eq!(report.requeue, Requeue::OnChange);
    assert!(matches!(report.outcome, Outcome::Stalled { .. }));
}

#[test]
fn a_run_that_went_well_is_due_again_at_a_moment_and_no_other_is() {
    let now = Instant::now();
    let mut well = ended(Ok(Found::Nothing(NO_CHANGE)));
    well.next = now.checked_add(INTERVAL);
    assert_eq!(well.next(), well.next);
    assert_eq!(well.requeue(now), Requeue::After(INTERVAL));
    let late = now + 2 * INTERVAL;
    assert_eq!(well.requeue(late), Requeue::After(Duration::ZERO));
    let trouble = Trouble::Passing(Reason::AccessDenied, "no".into());
    assert_eq!(ended(Err(trouble)).next(), None);
}

#[test]
fn without_an_interval_an_automation_only_runs_when_something_happens() {
    let mut ended = ended(Ok(Found::Nothing(NO_CHANGE)));
    ended.next = None;
    assert_eq!(ended.requeue(Instant::now()), Requeue::OnChange);
}

#[test]
fn a_changed_source_or_policy_is_worth_a_word_even_if_nothing_came_of_it() {
    let mut by_source = ended(Ok(Found::Nothing(NO_CHANGE)));
    by_source.by_source = true;
    assert!(matches!(by_source.announce(), Announce::OrTraceAlways(text) if text == NO_CHANGE));
    let by_policies = Looked {
        observed: image("2"),
        revision: None,
        by_policies: true,
        push: None,
    };
    let announce = ended(Ok(Found::Looked(by_policies))).announce();
    assert!(matches!(announce, Announce::OrTraceAlways(text) if text == UP_TO_DATE));
}
