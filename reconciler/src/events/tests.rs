//! Something to tell, and the queue for it.

use super::*;

/// A notice of a repository called `web`.
pub(super) fn notice(severity: Severity, message: &str) -> Notice {
    Notice {
        regarding: ObjectReference {
            api_version: Some("image.toolkit.fluxcd.io/v1".to_owned()),
            kind: Some("ImageRepository".to_owned()),
            namespace: Some("apps".to_owned()),
            name: Some("web".to_owned()),
            uid: Some("1234".to_owned()),
            resource_version: Some("7".to_owned()),
            field_path: None,
        },
        controller: "image-reflector-controller",
        severity,
        reason: "ReadOperationFailed",
        message: message.to_owned(),
        metadata: BTreeMap::new(),
    }
}

#[tokio::test]
async fn a_full_queue_loses_what_comes_and_counts_it() {
    let (events, mut queue) = Events::new(1);
    for message in ["first", "second", "third"] {
        events.send(notice(Severity::Info, message));
    }
    assert_eq!(events.lost(), 2);
    assert_eq!(queue.recv().await.unwrap().message, "first");
}

#[test]
fn annotations_for_events_go_along_under_their_full_names() {
    let mut object = k8s_openapi::api::core::v1::ConfigMap::default();
    let annotations = [
        ("event.toolkit.fluxcd.io/team", "web"),
        ("event.toolkit.fluxcd.io.example.org/x", "no"),
        ("reconcile.fluxcd.io/requestedAt", "now"),
    ];
    let annotations = annotations.map(|(key, value)| (key.to_owned(), value.to_owned()));
    object.metadata.annotations = Some(BTreeMap::from(annotations));
    let expected = ("event.toolkit.fluxcd.io/team".to_owned(), "web".to_owned());
    assert_eq!(metadata(&object), BTreeMap::from([expected]));
}
