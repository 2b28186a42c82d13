//! What arrives at a server that answers as it is told.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderMap;
use tokio::net::TcpListener;

use super::*;
use crate::events::tests::notice;

/// The bodies that arrived.
type Arrived = Arc<Mutex<Vec<Value>>>;

/// A server that answers with one status after another, the last for ever.
async fn server(statuses: &[u16]) -> (Poster, Arrived) {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let arrived = Arrived::default();
    let (log, statuses) = (Arc::clone(&arrived), statuses.to_vec());
    let answer = move |headers: HeaderMap, body: Bytes| {
        assert_eq!(headers["content-type"], "application/json");
        let mut arrived = log.lock().unwrap();
        arrived.push(serde_json::from_slice(&body).unwrap());
        let status = statuses[(arrived.len() - 1).min(statuses.len() - 1)];
        async move { StatusCode::from_u16(status).unwrap() }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "http://{}/?token=planted-secret",
        listener.local_addr().unwrap()
    );
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    (impatient(&url), arrived)
}

fn impatient(url: &str) -> Poster {
    let poster = Poster::new(url.parse().unwrap(), "pod-1".to_owned()).unwrap();
    Poster {
        waits: WAITS.map(|wait| wait / 1000),
        ..poster
    }
}

fn time() -> Timestamp {
    "2026-11-25T13:00:00.5Z".parse().unwrap()
}

async fn post(poster: &Poster) -> Result<(), PostError> {
    poster.post(&notice(Severity::Info, "done"), time()).await
}

#[tokio::test]
async fn an_event_arrives_as_notification_controller_reads_it() {
    let (poster, arrived) = server(&[202]).await;
    let mut told = notice(Severity::Error, "scan failed");
    let (key, value) = ("event.toolkit.fluxcd.io/team", "web");
    told.metadata.insert(key.to_owned(), value.to_owned());
    poster.post(&told, time()).await.unwrap();
    let expected = json!({
        "involvedObject": {
            "apiVersion": "image.toolkit.fluxcd.io/v1",
            "kind": "ImageRepository",
            "name": "web",
            "namespace": "apps",
            "resourceVersion": "7",
            "uid": "1234",
        },
        "severity": "error",
        "timestamp": "2026-11-25T13:00:00Z",
        "message": "scan failed",
        "reason": "ReadOperationFailed",
        "metadata": {"event.toolkit.fluxcd.io/team": "web"},
        "reportingController": "image-reflector-controller",
        "reportingInstance": "pod-1",
    });
    assert_eq!(*arrived.lock().unwrap(), [expected]);
}

#[tokio::test]
async fn a_server_that_fails_is_tried_again() {
    let (poster, arrived) = server(&[503, 500, 200]).await;
    post(&poster).await.unwrap();
    assert_eq!(arrived.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn a_server_that_goes_on_failing_is_left_alone_after_five_tries() {
    let (poster, arrived) = server(&[502]).await;
    let error = post(&poster).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the address of --events-addr answered 502 Bad Gateway"
    );
    assert_eq!(arrived.lock().unwrap().len(), 5);
}

#[tokio::test]
async fn too_many_means_known_already() {
    let (poster, arrived) = server(&[429]).await;
    post(&poster).await.unwrap();
    assert_eq!(arrived.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_refusal_is_final() {
    for status in [400, 401, 404, 501] {
        let (poster, arrived) = server(&[status]).await;
        let error = post(&poster).await.unwrap_err();
        assert!(
            matches!(error, PostError::Refused(refused) if refused.as_u16() == status),
            "{error}"
        );
        assert_eq!(arrived.lock().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn an_address_nobody_listens_on_is_told_without_its_secrets() {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "http://{}/?token=planted-secret",
        listener.local_addr().unwrap()
    );
    drop(listener);
    let error = post(&impatient(&url)).await.unwrap_err();
    let text = crate::chain::Chain(&error).to_string();
    assert!(text.contains("onnection refused"), "{text}");
    assert!(!text.contains("planted-secret"), "{text}");
    assert!(
        !format!("{error:?}").contains("planted-secret"),
        "{error:?}"
    );
}

#[test]
fn the_waits_double() {
    assert_eq!(WAITS.map(|wait| wait.as_secs()), [1, 2, 4, 8]);
}
