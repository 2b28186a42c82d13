use std::collections::BTreeMap;

use axum::body::{Body, to_bytes};
use axum::http::HeaderMap;
use engine::admission::Wishes;
use engine::admission::keys::MODE;
use serde_json::{Value, json};

use super::*;
use crate::body::MAX_BODY;
use crate::wire::{API_VERSION, KIND};

fn service(mode: Option<&str>) -> Service {
    let policies = Policies::default();
    if let Some(mode) = mode {
        let labels = [(MODE.to_owned(), mode.to_owned())].into();
        let wishes = Arc::new(Wishes::new(labels, &BTreeMap::new()));
        policies.publish(Snapshot {
            namespaces: [("apps".to_owned(), wishes)].into(),
            ..Snapshot::default()
        });
    }
    Service::new(Setup::default(), policies, Metrics::new())
}

fn review() -> Vec<u8> {
    let object =
        json!({ "metadata": {}, "spec": { "containers": [{ "name": "a", "image": "No image" }] } });
    let review = json!({
        "apiVersion": API_VERSION, "kind": KIND,
        "request": {
            "uid": "7", "operation": "CREATE", "namespace": "apps", "object": object,
            "resource": { "group": "", "version": "v1", "resource": "pods" },
        },
    });
    serde_json::to_vec(&review).unwrap()
}

fn asked(hook: Hook) -> Asked<'static> {
    let began = Instant::now();
    Asked {
        hook,
        trace: None,
        began,
        deadline: began + DEFAULT_TIME,
    }
}

/// A request with these headers, and the length of its body if that is to be said.
fn request(headers: &[(&str, &str)], body: Body) -> HttpRequest {
    let mut request = HttpRequest::post("/mutate?timeout=2s");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body).unwrap()
}

const JSON: (&str, &str) = ("content-type", "application/json");

async fn post(service: &Service, hook: Hook, body: Vec<u8>) -> (StatusCode, HeaderMap, Value) {
    answer(service, hook, request(&[JSON], body.into())).await
}

async fn answer(
    service: &Service,
    hook: Hook,
    request: HttpRequest,
) -> (StatusCode, HeaderMap, Value) {
    let response = service.serve(hook, request).await;
    let (head, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    (head.status, head.headers, body)
}

#[tokio::test]
async fn each_path_has_its_hook() {
    let service = service(Some("enforce"));
    let (status, headers, marked) = post(&service, Hook::Mutate, review()).await;
    assert_eq!(
        (status, &headers["content-type"]),
        (
            StatusCode::OK,
            &HeaderValue::from_static("application/json")
        )
    );
    assert!(!headers.contains_key("connection"));
    assert_eq!(marked["response"]["uid"], "7");
    assert!(marked["response"]["patch"].is_string());
    let by_namespace = Hook::Validate(Guard::ByNamespace);
    let (_, _, denied) = post(&service, by_namespace, review()).await;
    assert_eq!(denied["response"]["allowed"], false);
    let (_, _, checked) = post(&service, Hook::Policies, review()).await;
    assert_eq!(checked["response"], json!({ "uid": "7", "allowed": true }));
    let text = service
        .metrics
        .text(&service.policies, Instant::now())
        .unwrap();
    assert!(
        text.contains(
            r#"hook="validate",kind="pods",operation="create",dry_run="false",decision="denied"} 1"#
        ),
        "{text}"
    );
}

#[tokio::test]
async fn the_path_says_that_a_namespace_enforces() {
    let service = service(Some("audit"));
    for (guard, allowed) in [(Guard::ByNamespace, true), (Guard::Enforced, false)] {
        let (_, _, answer) = post(&service, Hook::Validate(guard), review()).await;
        assert_eq!(answer["response"]["allowed"], allowed);
    }
}

#[tokio::test]
async fn what_is_no_review_is_refused() {
    let service = service(Some("audit"));
    let other = json!({ "apiVersion": "admission.k8s.io/v1beta1", "kind": KIND, "request": { "uid": "1" } });
    for body in [&b""[..], b"{}", b"{\"a\"", other.to_string().as_bytes()] {
        let (status, ..) = post(&service, Hook::Mutate, body.to_vec()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let service = service(Some("audit"));
    let never = futures::stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let slow = request(&[JSON], Body::from_stream(never));
    let (status, headers, _) = answer(&service, Hook::Mutate, slow).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        (&headers["retry-after"], &headers["connection"]),
        (
            &HeaderValue::from_static("1"),
            &HeaderValue::from_static("close")
        )
    );
}

#[tokio::test]
async fn too_much_at_once_and_too_early_is_for_another_replica() {
    let early = service(None);
    let (status, headers, _) = post(&early, Hook::Mutate, review()).await;
    assert_eq!(
        (status, &headers["retry-after"]),
        (
            StatusCode::SERVICE_UNAVAILABLE,
            &HeaderValue::from_static("1")
        )
    );
    let busy = service(Some("audit"));
    let pieces = |_| request(&[JSON], vec![b' '; MAX_BODY].into()).into_body();
    let mut bodies = Vec::new();
    let headers = request(&[JSON], Body::empty()).into_parts().0.headers;
    let deadline = Instant::now() + DEFAULT_TIME;
    while let Ok(body) = busy.room.read(&headers, pieces(()), deadline).await {
        bodies.push(body);
    }
    let large = request(&[JSON], pieces(()));
    let (status, ..) = answer(&busy, Hook::Mutate, large).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    drop(bodies);
    let (status, ..) = post(&busy, Hook::Mutate, review()).await;
    assert_eq!(status, StatusCode::OK);
}

#[test]
fn without_time_nothing_passes_unseen() {
    let began = Instant::now();
    let late = began.checked_sub(Duration::from_secs(1)).unwrap();
    let decide = |mode, hook| {
        let asked = Asked {
            began: late,
            deadline: late,
            ..asked(hook)
        };
        service(Some(mode)).decide(&asked, &review(), Hook::answer)
    };
    let by_namespace = Hook::Validate(Guard::ByNamespace);
    for (mode, hook, answered) in [
        ("enforce", Hook::Mutate, true),
        ("warn", by_namespace, true),
        ("enforce", by_namespace, false),
        ("warn", Hook::Validate(Guard::Enforced), false),
    ] {
        let answer = decide(mode, hook);
        assert_eq!(answer.is_ok(), answered, "{mode} {hook:?}");
        if let Ok(answer) = answer {
            let answer: Value = serde_json::from_slice(&answer).unwrap();
            assert_eq!(answer["response"], json!({ "uid": "7", "allowed": true }));
        }
    }
}

#[test]
fn a_request_that_cannot_be_read_is_answered_with_its_uid() {
    let odd = json!({ "apiVersion": API_VERSION, "kind": KIND, "request": { "uid": "9", "operation": 1 } });
    let odd = serde_json::to_vec(&odd).unwrap();
    let decide = |hook| service(Some("audit")).decide(&asked(hook), &odd, Hook::answer);
    let answer: Value = serde_json::from_slice(&decide(Hook::Mutate).unwrap()).unwrap();
    assert_eq!(answer["response"], json!({ "uid": "9", "allowed": true }));
    let strict = decide(Hook::Validate(Guard::Enforced));
    assert!(matches!(strict, Err(Refusal::Unreadable)));
}

#[test]
fn our_own_failure_lets_in_what_no_rule_keeps_out() {
    let by_namespace = Hook::Validate(Guard::ByNamespace);
    for (mode, hook, passes) in [
        ("enforce", Hook::Mutate, true),
        ("enforce", Hook::Policies, true),
        ("audit", by_namespace, true),
        ("warn", by_namespace, true),
        ("enforce", by_namespace, false),
        ("audit", Hook::Validate(Guard::Enforced), false),
    ] {
        let service = service(Some(mode));
        let answer = service.decide(&asked(hook), &review(), |_, _, _| panic!("on purpose"));
        let counted = service
            .metrics
            .text(&service.policies, Instant::now())
            .unwrap();
        match answer {
            Ok(answer) => {
                let answer: Value = serde_json::from_slice(&answer).unwrap();
                assert_eq!(answer["response"], json!({ "uid": "7", "allowed": true }));
                assert!(counted.contains(r#"imgauto_admission_rejected_total{reason="panic"} 1"#));
                assert!(passes, "{mode} {hook:?}");
            }
            Err(refusal) => {
                let answer = refusal.response();
                assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
                assert!(!answer.headers().contains_key("retry-after"));
                assert!(!passes, "{mode} {hook:?}");
            }
        }
    }
    assert!(matches!(
        guarded(|| panic!("on purpose")),
        Err::<(), _>(Refusal::Panicked)
    ));
}

#[test]
fn the_time_for_an_answer_is_what_the_api_server_says() {
    let time = |query: &str| time(&format!("/mutate{query}").parse().unwrap()).as_millis();
    assert_eq!(time("?timeout=2s"), 1800);
    assert_eq!(time("?a=b&timeout=30s"), 29_800);
    assert_eq!(time("?timeout=99999999999s"), 29_800);
    assert_eq!(time("?timeout=0s"), 0);
    for unknown in ["", "?timeout=", "?timeout=1m", "?timeout=-1s"] {
        assert_eq!(time(unknown), 9800, "{unknown}");
    }
}
