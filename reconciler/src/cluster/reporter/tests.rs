use api::condition::Outcome;

use super::*;

fn ready() -> Outcome {
    Outcome::Ready {
        message: "done".to_owned(),
    }
}

fn failed() -> Outcome {
    Outcome::Failed {
        reason: Reason::Failed,
        message: "no".to_owned(),
        progress: "reconciliation in progress".to_owned(),
    }
}

fn trace() -> Announce {
    Announce::OrTrace("nothing new".to_owned())
}

#[test]
fn nothing_is_written_when_nothing_changed() {
    let status = json!({ "conditions": [{ "type": "Ready" }], "tagCount": 3 });
    assert_eq!(difference(&status, &status), None);
}

#[test]
fn only_what_changed_is_written() {
    let before = json!({ "a": 1, "scan": { "tags": 2, "time": "t1" }, "gone": "x", "list": [1] });
    let after = json!({ "a": 1, "scan": { "tags": 2, "time": "t2" }, "new": true, "list": [1, 2] });
    let expected = json!({ "scan": { "time": "t2" }, "new": true, "list": [1, 2], "gone": null });
    assert_eq!(difference(&before, &after), Some(expected));
}

#[test]
fn a_change_is_told_as_it_is() {
    let told = announced(trace(), Change::Normal, &ready(), false);
    assert_eq!(told, Some((Severity::Info, "done".to_owned())));
    let told = announced(trace(), Change::Warning, &failed(), false);
    assert_eq!(told, Some((Severity::Error, "no".to_owned())));
}

#[test]
fn that_nothing_changed_is_told_to_those_who_asked_only() {
    let told = announced(trace(), Change::Unchanged, &ready(), true);
    assert_eq!(told, Some((Severity::Trace, "nothing new".to_owned())));
    assert_eq!(announced(trace(), Change::Unchanged, &ready(), false), None);
    assert_eq!(announced(trace(), Change::Unchanged, &failed(), true), None);
    let told = announced(Announce::Outcome, Change::Unchanged, &ready(), true);
    assert_eq!(told, None);
}

#[test]
fn news_is_told_in_any_case() {
    let news = Announce::News("pushed".to_owned());
    let told = announced(news, Change::Unchanged, &ready(), false);
    assert_eq!(told, Some((Severity::Info, "pushed".to_owned())));
}
