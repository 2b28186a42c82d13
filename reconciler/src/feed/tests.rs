//! What a watch tells, and what of it concerns a controller.

use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::json;

use super::*;

type Guard = DeserializeGuard<ConfigMap>;

fn read(object: serde_json::Value) -> Guard {
    serde_json::from_value(object).unwrap()
}

fn object(name: &str, uid: &str) -> Guard {
    read(json!({ "metadata": { "name": name, "namespace": "n", "uid": uid } }))
}

/// An object that its kind cannot be read from.
fn broken(name: &str) -> Guard {
    read(json!({ "metadata": { "name": name, "namespace": "n" }, "data": 5 }))
}

/// What changed, in words, in no order.
fn told(changes: &[Change<ConfigMap>]) -> Vec<String> {
    let mut words: Vec<String> = changes
        .iter()
        .map(|change| match change {
            Change::Applied { before, now } => {
                let before = before.as_ref().and_then(|object| object.uid());
                let uid = now.uid().unwrap();
                format!("{} {}>{uid}", now.name_any(), before.unwrap_or_default())
            }
            Change::Gone(object) => format!("{} gone", object.name_any()),
            Change::Listed => "listed".to_owned(),
        })
        .collect();
    words.sort();
    words
}

fn list(feed: &mut Feed<ConfigMap>, objects: Vec<Guard>) -> Vec<String> {
    assert!(feed.take(Event::Init).is_empty());
    for object in objects {
        assert!(feed.take(Event::InitApply(object)).is_empty());
    }
    told(&feed.take(Event::InitDone))
}

#[test]
fn a_list_tells_what_is_there_and_what_went_unseen() {
    let mut feed = Feed::default();
    let first = list(&mut feed, vec![object("a", "1"), object("b", "2")]);
    assert_eq!(first, ["a >1", "b >2", "listed"]);
    let again = list(&mut feed, vec![object("b", "2"), object("c", "3")]);
    assert_eq!(again, ["a gone", "b 2>2", "c >3", "listed"]);
    assert_eq!(feed.cache().len(), 2);
}

#[test]
fn changes_come_with_what_was_before() {
    let mut feed = Feed::default();
    list(&mut feed, vec![object("a", "1")]);
    let applied = feed.take(Event::Apply(object("a", "2")));
    assert_eq!(told(&applied), ["a 1>2"]);
    assert_eq!(
        told(&feed.take(Event::Delete(object("a", "2")))),
        ["a gone"]
    );
    assert!(feed.take(Event::Delete(object("a", "2"))).is_empty());
}

#[test]
fn an_object_that_cannot_be_read_stops_nothing() {
    let mut feed = Feed::default();
    let listed = list(&mut feed, vec![broken("x"), object("a", "1")]);
    assert_eq!(listed, ["a >1", "listed"]);
    assert!(feed.take(Event::Apply(broken("a"))).is_empty());
    assert_eq!(told(&feed.take(Event::Delete(broken("a")))), ["a gone"]);
}

#[test]
fn what_nobody_reads_is_not_kept() {
    let mut feed = Feed::default();
    let fat = read(json!({ "metadata": {
        "name": "a", "namespace": "n", "uid": "1",
        "managedFields": [{ "manager": "m" }],
        "annotations": { LAST_APPLIED: "{}", "kept": "yes" },
    }}));
    list(&mut feed, vec![fat]);
    let kept = feed.cache().state().pop().unwrap();
    assert!(kept.metadata.managed_fields.is_none());
    assert_eq!(kept.annotations().keys().collect::<Vec<_>>(), ["kept"]);
}

#[test]
fn only_spec_request_deletion_and_identity_concern_a_controller() {
    let base = json!({ "name": "a", "namespace": "n", "uid": "1", "generation": 1 });
    let with = |key: &str, value: serde_json::Value| {
        let mut metadata = base.clone();
        metadata[key] = value;
        let object = json!({ "metadata": metadata });
        serde_json::from_value::<ConfigMap>(object).unwrap()
    };
    let before = with("resourceVersion", json!("1"));
    let concerned = |now: &ConfigMap| concerns(Some(&before), now);
    assert!(concerns(None, &before));
    assert!(!concerned(&with("resourceVersion", json!("2"))));
    assert!(!concerned(&with("labels", json!({ "a": "b" }))));
    assert!(concerned(&with("generation", json!(2))));
    assert!(concerned(&with("uid", json!("2"))));
    assert!(concerned(&with(
        "annotations",
        json!({ RECONCILE_REQUESTED_AT: "now" })
    )));
    assert!(concerned(&with(
        "deletionTimestamp",
        json!("2026-01-01T00:00:00Z")
    )));
}
