//! Events as the API server keeps them.
//!
//! They are written in the older of the two forms, the one of `core/v1` without `eventTime`: it keeps messages of any
//! length, which commit messages need, and it is the one Flux writes.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, EventSource};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Notice, Severity};

/// The longest name of an object.
const NAME_LIMIT: usize = 253;

/// A new event of this name that tells a notice, for the `count`th time since `first`.
pub(super) fn event(
    notice: &Notice,
    name: String,
    count: i32,
    first: Timestamp,
    last: Timestamp,
) -> Event {
    Event {
        metadata: ObjectMeta {
            name: Some(name),
            namespace: notice.regarding.namespace.clone(),
            ..ObjectMeta::default()
        },
        involved_object: notice.regarding.clone(),
        type_: Some(event_type(notice.severity).to_owned()),
        reason: Some(notice.reason.to_owned()),
        message: Some(notice.message.clone()),
        count: Some(count),
        first_timestamp: Some(Time(first)),
        last_timestamp: Some(Time(last)),
        source: Some(EventSource {
            component: Some(notice.controller.to_owned()),
            host: None,
        }),
        reporting_component: Some(notice.controller.to_owned()),
        reporting_instance: Some(String::new()),
        ..Event::default()
    }
}

fn event_type(severity: Severity) -> &'static str {
    match severity {
        Severity::Trace | Severity::Info => "Normal",
        Severity::Error => "Warning",
    }
}

/// The merge patch that tells that an event has happened again.
pub(super) fn repetition(count: i32, last: Timestamp) -> Value {
    json!({"count": count, "lastTimestamp": Time(last)})
}

/// A name for an event of an object: that of the object, and the time to the nanosecond.
pub(super) fn event_name(object: &str, time: Timestamp) -> String {
    let suffix = format!(".{:x}", time.as_nanosecond());
    // Names of objects are ASCII, and may be as long as those of events.
    let length = object.len().min(NAME_LIMIT - suffix.len());
    let object = object.get(..length).unwrap_or_default();
    format!("{}{suffix}", object.trim_end_matches(['.', '-']))
}

/// What two notices have in common that are one event: everything but the time and the object's version.
pub(super) type Key = [u8; 32];

/// The key of a notice.
pub(super) fn key(notice: &Notice) -> Key {
    let object = &notice.regarding;
    let parts = [
        notice.controller,
        object.api_version.as_deref().unwrap_or_default(),
        object.kind.as_deref().unwrap_or_default(),
        object.namespace.as_deref().unwrap_or_default(),
        object.name.as_deref().unwrap_or_default(),
        object.uid.as_deref().unwrap_or_default(),
        event_type(notice.severity),
        notice.reason,
        &notice.message,
    ];
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
        hash.update([0]);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ObjectReference;

    use super::*;
    use crate::events::tests::notice;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn an_event_is_written_as_flux_writes_it() {
        let (first, last) = (time("2026-11-25T13:00:00Z"), time("2026-11-25T13:05:00Z"));
        let event = event(
            &notice(Severity::Error, "scan failed"),
            "web.1".to_owned(),
            2,
            first,
            last,
        );
        let expected = json!({
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": "web.1", "namespace": "apps"},
            "involvedObject": {
                "apiVersion": "image.toolkit.fluxcd.io/v1",
                "kind": "ImageRepository",
                "name": "web",
                "namespace": "apps",
                "resourceVersion": "7",
                "uid": "1234",
            },
            "type": "Warning",
            "reason": "ReadOperationFailed",
            "message": "scan failed",
            "count": 2,
            "firstTimestamp": "2026-11-25T13:00:00Z",
            "lastTimestamp": "2026-11-25T13:05:00Z",
            "source": {"component": "image-reflector-controller"},
            "reportingComponent": "image-reflector-controller",
            "reportingInstance": "",
        });
        assert_eq!(serde_json::to_value(event).unwrap(), expected);
    }

    #[test]
    fn good_news_and_details_are_normal() {
        for severity in [Severity::Info, Severity::Trace] {
            let now = time("2026-11-25T13:00:00Z");
            let event = event(&notice(severity, "done"), "web.1".to_owned(), 1, now, now);
            assert_eq!(event.type_.as_deref(), Some("Normal"));
        }
    }

    #[test]
    fn a_repetition_says_how_often_and_when() {
        let patch = repetition(3, time("2026-11-25T13:05:00Z"));
        assert_eq!(
            patch,
            json!({"count": 3, "lastTimestamp": "2026-11-25T13:05:00Z"})
        );
    }

    #[test]
    fn names_of_events_are_names_of_objects() {
        let now = time("2026-11-25T13:00:00Z");
        assert_eq!(
            event_name("web", now),
            format!("web.{:x}", now.as_nanosecond())
        );
        let long = event_name(&format!("{}.{}", "a".repeat(235), "b".repeat(17)), now);
        assert!(long.len() <= 253, "{long}");
        assert!(!long.contains(".."), "{long}");
        assert!(
            long.ends_with(&format!("a.{:x}", now.as_nanosecond())),
            "{long}"
        );
    }

    #[test]
    fn a_new_version_of_an_object_is_the_same_event_and_a_new_object_is_not() {
        let base = notice(Severity::Error, "scan failed");
        let with = |change: fn(&mut ObjectReference)| {
            let mut other = base.clone();
            change(&mut other.regarding);
            key(&other)
        };
        assert_eq!(
            key(&base),
            with(|object| object.resource_version = Some("8".to_owned()))
        );
        assert_ne!(
            key(&base),
            with(|object| object.uid = Some("5678".to_owned()))
        );
        assert_ne!(
            key(&base),
            key(&notice(Severity::Error, "scan failed again"))
        );
        assert_ne!(key(&base), key(&notice(Severity::Info, "scan failed")));
        assert_eq!(
            key(&notice(Severity::Trace, "done")),
            key(&notice(Severity::Info, "done"))
        );
    }
}
