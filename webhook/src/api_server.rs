//! The API server, as far as it reads answers: the rules by which it takes one, calls the webhook broken, or fails the
//! request of whoever sent it. For tests.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::admission::keys::DRIFT;
use engine::admission::{ANNOTATION_LIMIT, MAX_WARNING, MAX_WARNINGS};
use serde_json::{Map, Value};

/// Whose answer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// A mutating webhook's.
    Mutating,
    /// A validating webhook's.
    Validating,
}

/// What comes of a request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Outcome {
    /// Why it is refused, if it is.
    pub(crate) denial: Option<String>,
    /// The object after what the webhook changed of it.
    pub(crate) object: Value,
    /// What whoever sent it is told.
    pub(crate) warnings: Vec<String>,
}

/// Takes the answer to a review.
///
/// # Panics
///
/// If the API server would not take it, would drop a part of it, or would fail the request for it.
pub(crate) fn take(phase: Phase, review: &Value, answer: &[u8]) -> Outcome {
    let answer: Value = serde_json::from_slice(answer).expect("an answer is JSON");
    assert_eq!(answer["apiVersion"], "admission.k8s.io/v1");
    assert_eq!(answer["kind"], "AdmissionReview");
    let (request, response) = (&review["request"], &answer["response"]);
    assert_eq!(
        response["uid"], request["uid"],
        "the answer is to this request"
    );
    let allowed = response["allowed"].as_bool().expect("it says yes or no");
    let patched = patched(phase, request, response);
    assert!(
        allowed || patched.is_none(),
        "what is refused is not changed"
    );
    let denial = (!allowed).then(|| denial(&response["status"]));
    for (key, text) in entries(&response["auditAnnotations"]) {
        assert!(is_name(key), "{key:?} is part of a qualified name");
        assert!(text.is_string());
    }
    Outcome {
        denial,
        object: patched.unwrap_or_else(|| request["object"].clone()),
        warnings: warnings(&response["warnings"]),
    }
}

fn denial(status: &Value) -> String {
    let code = status["code"].as_u64().expect("a refusal has a status");
    assert!((400..500).contains(&code), "{code} is raised or retried");
    let message = status["message"].as_str().expect("a refusal has a message");
    assert!(
        !message.is_empty() && !message.contains(char::is_control),
        "{message:?}"
    );
    message.to_owned()
}

fn warnings(warnings: &Value) -> Vec<String> {
    let warnings = warnings.as_array().map(Vec::as_slice).unwrap_or_default();
    let texts = warnings.iter().map(|warning| {
        let text = warning.as_str().expect("a warning is a text");
        assert!(
            !text.is_empty() && !text.contains(char::is_control),
            "{text:?} is dropped"
        );
        assert!(text.chars().count() <= MAX_WARNING, "{text:?} is too long");
        text.to_owned()
    });
    let texts: Vec<_> = texts.collect();
    assert!(texts.len() <= MAX_WARNINGS, "{texts:?} are too many");
    texts
}

/// The object after the patch; `None` if there is none.
fn patched(phase: Phase, request: &Value, response: &Value) -> Option<Value> {
    let (patch, kind) = (&response["patch"], &response["patchType"]);
    assert_eq!(patch.is_null(), kind.is_null(), "both or neither");
    if patch.is_null() {
        return None;
    }
    assert_eq!(phase, Phase::Mutating, "nobody else may change anything");
    assert_eq!(kind, "JSONPatch");
    let operation = request["operation"].as_str().unwrap_or_default();
    assert!(
        matches!(operation, "CREATE" | "UPDATE"),
        "{operation} has no object to change"
    );
    let bytes = STANDARD.decode(patch.as_str().expect("a patch is a text"));
    let bytes = bytes.expect("a patch is base64");
    let operations: Vec<Value> = serde_json::from_slice(&bytes).expect("a patch is a list");
    assert!(!operations.is_empty(), "no patch says it shorter");
    for operation in &operations {
        assert!(
            matches!(operation["op"].as_str(), Some("add" | "remove")),
            "{operation}"
        );
    }
    let patch: json_patch::Patch = serde_json::from_slice(&bytes).expect("it is a JSON Patch");
    let mut object = request["object"].clone();
    json_patch::patch(&mut object, &patch).expect("a patch applies to the object that was sent");
    assert_ne!(object, request["object"], "a patch changes something");
    decodes(&object["metadata"]);
    assert_eq!(
        others(&object),
        others(&request["object"]),
        "what is not ours is not touched"
    );
    Some(object)
}

/// Whether labels and annotations are what they must be.
fn decodes(metadata: &Value) {
    for (key, value) in entries(&metadata["labels"]) {
        let value = value.as_str().expect("labels are texts");
        assert!(key != DRIFT || is_name(value), "{key}: {value}");
    }
    let mut size = 0;
    for (key, value) in entries(&metadata["annotations"]) {
        let value = value.as_str().expect("annotations are texts");
        assert!(
            !key.contains("resolved.imgauto.dev/") || is_key(key),
            "{key:?} is no key"
        );
        size += key.len() + value.len();
    }
    assert!(
        size <= ANNOTATION_LIMIT,
        "annotations of {size} bytes are refused"
    );
}

/// The object without what a webhook of ours writes.
fn others(object: &Value) -> Value {
    let mut object = object.clone();
    for map in ["labels", "annotations"] {
        let Some(texts) = object["metadata"][map].as_object_mut() else {
            object["metadata"][map] = Value::Object(Map::new());
            continue;
        };
        texts.retain(|key, _| key != DRIFT && !key.contains("resolved.imgauto.dev/"));
    }
    object
}

fn entries(map: &Value) -> impl Iterator<Item = (&String, &Value)> {
    map.as_object().into_iter().flatten()
}

/// Whether a text is a qualified name with a domain.
fn is_key(key: &str) -> bool {
    let Some((domain, name)) = key.split_once('/') else {
        return false;
    };
    let is_label = |label: &str| {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !label.is_empty() && label.bytes().all(plain)
    };
    domain.len() <= 253 && domain.split('.').all(is_label) && is_name(name)
}

/// Whether a text can stand in a qualified name, or be the value of a label.
fn is_name(text: &str) -> bool {
    let is_end = |letter: char| letter.is_ascii_alphanumeric();
    (1..=63).contains(&text.len())
        && text.starts_with(is_end)
        && text.ends_with(is_end)
        && text
            .chars()
            .all(|letter| is_end(letter) || "-_.".contains(letter))
}

mod tests {
    use serde_json::json;

    use super::*;

    fn review() -> Value {
        let object = json!({ "metadata": { "labels": { "a": "b" } }, "spec": {} });
        json!({ "request": { "uid": "1", "operation": "CREATE", "object": object } })
    }

    fn answer(response: &Value) -> Vec<u8> {
        let mut response = response.clone();
        if let Some(patch) = response.get("patch").filter(|patch| patch.is_array()) {
            response["patch"] = json!(STANDARD.encode(patch.to_string()));
        }
        json!({ "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response })
            .to_string()
            .into_bytes()
    }

    fn is_taken(phase: Phase, review: &Value, response: &Value) -> bool {
        std::panic::catch_unwind(|| take(phase, review, &answer(response))).is_ok()
    }

    #[test]
    fn a_good_answer_is_taken() {
        let patch = json!([{ "op": "add", "path": "/metadata/labels/imgauto.dev~1drift", "value": "none" }]);
        let response =
            json!({ "uid": "1", "allowed": true, "patch": patch, "patchType": "JSONPatch" });
        let outcome = take(Phase::Mutating, &review(), &answer(&response));
        assert_eq!(
            outcome.object["metadata"]["labels"]["imgauto.dev/drift"],
            "none"
        );
        let denied =
            json!({ "uid": "1", "allowed": false, "status": { "code": 403, "message": "no" } });
        let outcome = take(Phase::Validating, &review(), &answer(&denied));
        assert_eq!(outcome.denial.as_deref(), Some("no"));
    }

    #[test]
    fn a_bad_answer_is_found() {
        let good = json!({ "uid": "1", "allowed": true });
        assert!(is_taken(Phase::Mutating, &review(), &good));
        let label = |value: &Value| json!([{ "op": "add", "path": "/metadata/labels/imgauto.dev~1drift", "value": value }]);
        let broken =
            json!([{ "op": "add", "path": "/metadata/annotations/imgauto.dev~1a", "value": "b" }]);
        let image = json!([{ "op": "add", "path": "/spec/image", "value": "b" }]);
        let test = json!([{ "op": "test", "path": "/spec", "value": {} }]);
        for (field, value) in [
            ("uid", json!("2")),
            ("allowed", Value::Null),
            ("allowed", json!(false)),
            ("warnings", json!(["a\nb"])),
            ("warnings", json!(["a".repeat(121)])),
            ("warnings", json!(vec!["a"; 6])),
            ("auditAnnotations", json!({ "a/b": "c" })),
            ("patch", label(&json!("a b"))),
            ("patch", label(&json!(1))),
            ("patch", broken),
            ("patch", image),
            ("patch", test),
            ("patch", json!("[")),
        ] {
            let mut response = good.clone();
            response[field] = value.clone();
            if field == "patch" {
                response["patchType"] = json!("JSONPatch");
            }
            assert!(
                !is_taken(Phase::Mutating, &review(), &response),
                "{field}: {value}"
            );
        }
        let patch = json!({ "uid": "1", "allowed": true, "patchType": "JSONPatch", "patch": label(&json!("none")) });
        assert!(!is_taken(Phase::Validating, &review(), &patch));
        let mut deleted = review();
        deleted["request"]["operation"] = json!("DELETE");
        assert!(!is_taken(Phase::Mutating, &deleted, &patch));
        let mut alone = patch;
        alone["patchType"] = Value::Null;
        assert!(!is_taken(Phase::Mutating, &review(), &alone));
    }
}
