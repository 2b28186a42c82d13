use k8s_openapi::jiff::Timestamp;

use super::*;

fn at(second: i64) -> Time {
    Time(Timestamp::from_second(second).unwrap())
}

fn ready(message: &str) -> Outcome {
    Outcome::Ready {
        message: message.to_owned(),
    }
}

fn failed(message: &str) -> Outcome {
    Outcome::Failed {
        reason: Reason::ReadOperationFailed,
        message: message.to_owned(),
        progress: "scanning: first scan".to_owned(),
    }
}

fn stalled(message: &str) -> Outcome {
    Outcome::Stalled {
        reason: Reason::ImageUrlInvalid,
        message: message.to_owned(),
    }
}

fn shown(conditions: &[Condition]) -> Vec<String> {
    let line = |condition: &Condition| {
        let Condition {
            type_,
            status,
            reason,
            message,
            ..
        } = condition;
        format!("{type_}={status} {reason}: {message}")
    };
    conditions.iter().map(line).collect()
}

#[test]
fn success_leaves_ready_alone() {
    let before = concluded(&[], &failed("no"), 1, &at(1));
    let after = concluded(&before, &ready("yes"), 2, &at(2));
    assert_eq!(shown(&after), ["Ready=True Succeeded: yes"]);
    assert_eq!(after[0].observed_generation, Some(2));
}

#[test]
fn a_failure_that_may_pass_says_what_is_tried_again() {
    let after = concluded(&[], &failed("no"), 1, &at(1));
    let expected = [
        "Ready=False ReadOperationFailed: no",
        "Reconciling=True ProgressingWithRetry: scanning: first scan",
    ];
    assert_eq!(shown(&after), expected);
}

#[test]
fn ready_follows_stalled_also_after_another_failure() {
    let before = concluded(&[], &failed("no"), 1, &at(1));
    let after = concluded(&before, &stalled("bad image"), 1, &at(2));
    let expected = [
        "Ready=False ImageURLInvalid: bad image",
        "Stalled=True ImageURLInvalid: bad image",
    ];
    assert_eq!(shown(&after), expected);
}

#[test]
fn the_time_moves_when_something_is_said_anew() {
    let first = concluded(&[], &ready("one"), 1, &at(1));
    let same = concluded(&first, &ready("one"), 2, &at(2));
    assert_eq!(same[0].last_transition_time, at(1));
    let other = concluded(&same, &ready("two"), 2, &at(3));
    assert_eq!(other[0].last_transition_time, at(3));
}

#[test]
fn progress_keeps_what_ready_says() {
    let unknown = progressing(&[], "scanning", 1, &at(1));
    let expected = [
        "Reconciling=True Progressing: scanning",
        "Ready=Unknown Progressing: scanning",
    ];
    assert_eq!(shown(&unknown), expected);
    let known = concluded(&[], &ready("one"), 1, &at(1));
    let expected = [
        "Ready=True Succeeded: one",
        "Reconciling=True Progressing: scanning",
    ];
    assert_eq!(shown(&progressing(&known, "scanning", 2, &at(2))), expected);
}

#[test]
fn conditions_of_others_are_kept() {
    let mut before = concluded(&[], &ready("one"), 1, &at(1));
    before[0].type_ = "Healthy".to_owned();
    let after = concluded(&before, &ready("one"), 1, &at(2));
    assert_eq!(after.len(), 2);
    assert_eq!(after[1].type_, "Healthy");
}

#[test]
fn an_event_tells_changes_only() {
    assert_eq!(notice(&[], &ready("one")), Notice::Normal);
    assert_eq!(notice(&[], &failed("no")), Notice::Warning);
    let known = concluded(&[], &ready("one"), 1, &at(1));
    assert_eq!(notice(&known, &ready("one")), Notice::Unchanged);
    assert_eq!(notice(&known, &ready("two")), Notice::Normal);
    let broken = concluded(&known, &failed("no"), 1, &at(2));
    assert_eq!(notice(&broken, &failed("no")), Notice::Unchanged);
    assert_eq!(notice(&broken, &failed("still no")), Notice::Warning);
    assert_eq!(notice(&broken, &stalled("no")), Notice::Warning);
    assert_eq!(notice(&broken, &ready("one")), Notice::Normal);
}

#[test]
fn ready_while_reconciling_is_not_ready() {
    let known = concluded(&[], &ready("one"), 1, &at(1));
    assert!(is_ready(&known));
    assert!(!is_ready(&progressing(&known, "scanning", 2, &at(2))));
}

#[test]
fn a_message_is_cut_at_a_character_where_the_api_server_would_refuse_it() {
    let long = "é".repeat(20_000);
    let after = concluded(&[], &ready(&long), 1, &at(1));
    let message = &after[0].message;
    assert!(message.ends_with("é...") && message.len() <= 32_768 && message.len() > 32_760);
    assert_eq!(notice(&after, &ready(&long)), Notice::Unchanged);
}
