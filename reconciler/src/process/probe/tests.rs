//! An API server that is not ready at first.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{StatusCode, Uri};
use serde_json::json;
use tokio::time::Instant;

use super::*;

/// Answers each question with the next status, the last one for ever, and notes what was asked.
fn server(statuses: &[u16]) -> (Client, Arc<Mutex<Vec<String>>>) {
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let (log, statuses) = (Arc::clone(&asked), statuses.to_vec());
    let answer = move |uri: Uri| {
        let mut asked = log.lock().unwrap();
        asked.push(uri.to_string());
        let status = statuses[(asked.len() - 1).min(statuses.len() - 1)];
        async move {
            let body = match status {
                200 => json!({"kind": "List", "apiVersion": "v1", "metadata": {}, "items": []}),
                code => {
                    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "metadata": {},
                    "message": format!("answer {code}"), "reason": "Test", "code": code})
                }
            };
            (StatusCode::from_u16(status).unwrap(), body.to_string())
        }
    };
    let client = Client::new(Router::new().fallback(answer), "here");
    (client, asked)
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_is_waited_for() {
    let (client, asked) = server(&[404, 403, 500, 200]);
    let begun = Instant::now();
    wait_for_kinds(&client, &Options::default()).await.unwrap();
    assert_eq!(begun.elapsed().as_secs(), 1 + 2 + 4);
    let asked = asked.lock().unwrap();
    assert_eq!(asked.len(), 3 + 3);
    assert!(
        asked[0].starts_with("/apis/image.toolkit.fluxcd.io/v1/imagerepositories?"),
        "{}",
        asked[0]
    );
    assert!(
        asked[5].starts_with("/apis/image.toolkit.fluxcd.io/v1/imageupdateautomations?"),
        "{}",
        asked[5]
    );
    assert!(asked.iter().all(|uri| uri.contains("limit=1")), "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn waits_are_bounded() {
    let mut statuses = vec![404; 10];
    statuses.push(200);
    let (client, _) = server(&statuses);
    let begun = Instant::now();
    wait_for_kinds(&client, &Options::default()).await.unwrap();
    assert_eq!(begun.elapsed().as_secs(), 1 + 2 + 4 + 8 + 16 + 5 * 30);
}

#[tokio::test(start_paused = true)]
async fn only_what_is_watched_is_asked_for() {
    let (client, asked) = server(&[200]);
    let options = Options {
        watch_namespace: Some("apps".to_owned()),
        label_selector: Some("shard=1".to_owned()),
        ..Options::default()
    };
    wait_for_kinds(&client, &options).await.unwrap();
    let asked = asked.lock().unwrap();
    for uri in asked.iter() {
        assert!(
            uri.starts_with("/apis/image.toolkit.fluxcd.io/v1/namespaces/apps/image"),
            "{uri}"
        );
        assert!(uri.contains("labelSelector=shard%3D1"), "{uri}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_label_selector_that_is_none_is_an_error() {
    let (client, _) = server(&[400]);
    let options = Options {
        label_selector: Some("!!".to_owned()),
        ..Options::default()
    };
    let error = wait_for_kinds(&client, &options).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the API server refuses --watch-label-selector=!!: answer 400"
    );
}

#[test]
fn a_missing_kind_is_told_with_what_helps() {
    let status = kube::core::Status {
        code: 404,
        ..kube::core::Status::failure("404 page not found", "NotFound")
    };
    let finding = judge(&kube::Error::Api(Box::new(status)), false, "imagepolicies");
    let expected = "imagepolicies.image.toolkit.fluxcd.io is not installed: apply its CustomResourceDefinition";
    assert_eq!(finding, Finding::Missing(expected.to_owned()));
}
