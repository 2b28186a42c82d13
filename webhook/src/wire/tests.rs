use api::pod_spec::PodPaths;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn review(request: &Value) -> Vec<u8> {
    let review = json!({ "apiVersion": API_VERSION, "kind": KIND, "request": request });
    serde_json::to_vec(&review).unwrap()
}

fn request() -> Value {
    json!({
        "uid": "0-1", "operation": "UPDATE", "name": "web", "namespace": "apps", "dryRun": true,
        "kind": { "group": "apps", "version": "v1", "kind": "Deployment" },
        "resource": { "group": "apps", "version": "v1", "resource": "deployments" },
        "userInfo": { "username": "jane", "groups": ["a", "b\"c"], "extra": { "token": ["x"] } },
        "object": { "metadata": {}, "spec": {} },
        "oldObject": null,
        "options": { "fieldManager": "kubectl" },
    })
}

#[test]
fn a_request_is_read() {
    let body = review(&request());
    let incoming = read(&body).unwrap();
    assert_eq!(incoming.uid.as_ref(), "0-1");
    let request = incoming.request.unwrap();
    assert_eq!((request.name(), request.namespace()), ("web", "apps"));
    assert_eq!(request.resource.group(), "apps");
    assert_eq!(request.resource.resource(), "deployments");
    assert_eq!(request.sub_resource(), "");
    assert_eq!(request.operation, Operation::Update);
    assert_eq!(request.user_info.username(), "jane");
    assert_eq!(request.user_info.groups(), ["a", "b\"c"]);
    assert!(request.is_dry_run() && request.object.is_some() && request.old_object.is_none());
    let shown = format!("{request:?}");
    assert!(!shown.contains("token"), "what may be secret is not read");
}

#[test]
fn whatever_is_wrong_with_a_request_its_uid_is_known() {
    for (field, value) in [
        ("operation", json!("PATCH")),
        ("operation", Value::Null),
        ("userInfo", json!("jane")),
        ("resource", json!("deployments")),
        ("dryRun", json!("yes")),
    ] {
        let mut broken = request();
        broken[field] = value;
        let body = review(&broken);
        let incoming = read(&body).unwrap();
        assert_eq!(incoming.uid.as_ref(), "0-1");
        assert!(incoming.request.is_err(), "{field}");
    }
}

#[test]
fn stages_see_what_is_seen_at_once() {
    let whole = review(&request());
    let (at_once, in_stages) = (read_at_once(&whole), read_in_stages(&whole));
    let shown = |incoming: Incoming<'_>| format!("{incoming:?}");
    assert_eq!(shown(at_once.unwrap()), shown(in_stages.unwrap()));
    let mut broken = request();
    broken["operation"] = json!("PATCH");
    assert!(read_at_once(&review(&broken)).is_none());
}

#[test]
fn an_object_is_not_looked_at_before_it_is_needed() {
    let mut odd = request();
    odd["object"] = json!([1]);
    let body = review(&odd);
    let request = read(&body).unwrap().request.unwrap();
    let paths = PodPaths::built_in("apps", "deployments").unwrap();
    assert!(read_object(request.object.unwrap(), paths).is_err());
}

#[test]
fn without_a_uid_there_is_no_answer() {
    let no_uid = review(&json!({ "operation": "CREATE" }));
    let no_request = review(&Value::Null);
    for body in [&b""[..], b"{", b"1", b"\xff", &no_uid, &no_request] {
        assert!(matches!(read(body), Err(Malformed::Body(_))), "{body:?}");
    }
}

#[test]
fn other_versions_are_not_answered() {
    for (version, kind) in [
        ("admission.k8s.io/v1beta1", KIND),
        (API_VERSION, "Review"),
        ("", ""),
    ] {
        let body = json!({ "apiVersion": version, "kind": kind, "request": request() });
        let body = serde_json::to_vec(&body).unwrap();
        assert!(matches!(read(&body), Err(Malformed::Version { .. })));
    }
    let long = json!({ "apiVersion": "v".repeat(1000), "kind": KIND });
    let error = read(&serde_json::to_vec(&long).unwrap()).unwrap_err();
    assert!(error.to_string().len() < 300);
}

#[test]
fn a_workload_is_read_from_an_object() {
    let object = json!({
        "apiVersion": "apps/v1",
        "metadata": {
            "labels": { "app": "web", "imgauto.dev/drift": "none" },
            "annotations": { "kubernetes.io/config.mirror": "a", "policy.imgauto.dev/web": "\u{e9}\"" },
            "ownerReferences": [
                { "apiVersion": "v1", "kind": "Other", "name": "x" },
                { "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "controller": true },
            ],
            "managedFields": [{}],
        },
        "spec": { "template": { "spec": { "containers": [{ "name": "web", "image": "a:1" }] } } },
        "status": {},
    });
    let text = object.to_string();
    let raw: &RawValue = serde_json::from_str(&text).unwrap();
    let paths = PodPaths::built_in("apps", "deployments").unwrap();
    let object = read_object(raw, paths).unwrap();
    let slots = object.slots();
    let workload = object.workload(&slots);
    assert_eq!(workload.labels.get("imgauto.dev/drift"), Some("none"));
    assert_eq!(
        workload.annotations.get("policy.imgauto.dev/web"),
        Some("\u{e9}\"")
    );
    let owner = workload.owner.unwrap();
    assert_eq!(
        (owner.group, owner.kind, owner.name),
        ("apps", "ReplicaSet", "web-1")
    );
    assert!(workload.is_mirror && object.has_labels() && object.has_annotations());
    assert_eq!(slots.len(), 1);
    let sizes = workload.labels.size();
    assert_eq!(sizes, "appweb".len() + "imgauto.dev/driftnone".len());
}

#[test]
fn maps_that_are_not_there_are_known() {
    let paths = PodPaths::built_in("", "pods").unwrap();
    for (metadata, labels) in [
        (json!({}), false),
        (json!({ "labels": null }), false),
        (json!({ "labels": {} }), true),
    ] {
        let text = json!({ "metadata": metadata }).to_string();
        let raw: &RawValue = serde_json::from_str(&text).unwrap();
        let object = read_object(raw, paths).unwrap();
        assert_eq!(
            (object.has_labels(), object.has_annotations()),
            (labels, false)
        );
    }
    for object in [
        json!({}),
        json!({ "metadata": null }),
        json!({ "metadata": { "labels": { "a": 1 } } }),
    ] {
        let text = object.to_string();
        let raw: &RawValue = serde_json::from_str(&text).unwrap();
        assert!(read_object(raw, paths).is_err(), "{text}");
    }
}

#[test]
fn an_answer_holds_what_the_api_server_reads() {
    let patch = serde_json::from_value(json!([{ "op": "add", "path": "/a", "value": 1 }])).unwrap();
    let reply = Reply {
        patch: Some(patch),
        warnings: vec!["a".to_owned()],
        audit: vec![("decision", "allowed".to_owned())],
        ..Reply::default()
    };
    let answer: Value = serde_json::from_slice(&write("0-1", &reply)).unwrap();
    assert_eq!(answer["apiVersion"], API_VERSION);
    assert_eq!(answer["kind"], KIND);
    let response = &answer["response"];
    assert_eq!(response["uid"], "0-1");
    assert_eq!(response["allowed"], true);
    assert_eq!(response["patchType"], "JSONPatch");
    assert_eq!(response["warnings"], json!(["a"]));
    assert_eq!(
        response["auditAnnotations"],
        json!({ "decision": "allowed" })
    );
    let patch = STANDARD
        .decode(response["patch"].as_str().unwrap())
        .unwrap();
    assert_eq!(patch, br#"[{"op":"add","path":"/a","value":1}]"#);
}

#[test]
fn an_answer_with_nothing_to_say_says_nothing() {
    let answer = write("a\"b", &Reply::default());
    let expected = r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"a\"b","allowed":true}}"#;
    assert_eq!(String::from_utf8(answer).unwrap(), expected);
    let empty = Reply {
        patch: Some(json_patch::Patch(Vec::new())),
        ..Reply::default()
    };
    assert_eq!(write("a\"b", &empty), write("a\"b", &Reply::default()));
}

#[test]
fn a_refusal_has_no_patch() {
    let patch = serde_json::from_value(json!([{ "op": "add", "path": "/a", "value": 1 }])).unwrap();
    let reply = Reply {
        denial: Some(Denial {
            code: 403,
            reason: "Forbidden",
            message: "no".to_owned(),
        }),
        patch: Some(patch),
        ..Reply::default()
    };
    let answer: Value = serde_json::from_slice(&write("1", &reply)).unwrap();
    let status = json!({ "code": 403, "reason": "Forbidden", "message": "no" });
    assert_eq!(
        answer["response"],
        json!({ "uid": "1", "allowed": false, "status": status })
    );
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&body);
    }

    #[test]
    fn any_uid_comes_back(uid in any::<String>()) {
        let body = review(&json!({ "uid": uid, "nonsense": [1] }));
        let incoming = read(&body).unwrap();
        let answer: Value = serde_json::from_slice(&write(incoming.uid.as_ref(), &Reply::default())).unwrap();
        prop_assert_eq!(&answer["response"]["uid"], &json!(uid));
    }
}
