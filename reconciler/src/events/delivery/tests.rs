//! What comes to an API server and to a server for events.

use std::sync::Mutex;

use axum::Router;
use axum::body::Bytes;
use axum::http::{Method, StatusCode, Uri};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::*;
use crate::events::tests::notice;

/// The requests to an API server: method, path, body.
type Requests = Arc<Mutex<Vec<(Method, String, Value)>>>;

/// An API server that answers with one status after another, the last for ever.
fn api_server(statuses: &[u16]) -> (Client, Requests) {
    let requests = Requests::default();
    let (log, statuses) = (Arc::clone(&requests), statuses.to_vec());
    let answer = move |method: Method, uri: Uri, body: Bytes| {
        let mut requests = log.lock().unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        let status = statuses[requests.len().min(statuses.len() - 1)];
        let text = match status {
            200 => json!({"metadata": {}, "involvedObject": {}}),
            409 => {
                json!({"kind": "Status", "status": "Failure", "metadata": {}, "message": "there",
                "reason": "AlreadyExists", "code": 409})
            }
            code => json!({"kind": "Status", "status": "Failure", "metadata": {}, "message": "no",
                "reason": "Test", "code": code}),
        };
        requests.push((method, uri.path().to_owned(), body));
        async move { (StatusCode::from_u16(status).unwrap(), text.to_string()) }
    };
    let client = Client::new(Router::new().fallback(answer), "here");
    (client, requests)
}

/// Delivers to an API server until all is told.
async fn deliver(client: Client, notices: &[Notice]) -> Metrics {
    let metrics = Metrics::new("1.2.3");
    let (events, queue) = Events::new(100);
    let delivery = begin(&events, queue, client, None, metrics.clone());
    for notice in notices {
        events.send(notice.clone());
    }
    delivery.finish(Duration::from_secs(3600)).await;
    metrics
}

fn begin(
    events: &Events,
    queue: Receiver<Notice>,
    client: Client,
    post_to: Option<Url>,
    metrics: Metrics,
) -> Delivery {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    Delivery::begin(events, queue, client, post_to, "pod-1".to_owned(), metrics).unwrap()
}

fn dropped(metrics: &Metrics, sink: &str) -> Option<String> {
    let text = metrics.text().unwrap();
    let start = format!("imgauto_events_dropped_total{{sink=\"{sink}\"}} ");
    text.lines()
        .find_map(|line| line.strip_prefix(&start).map(str::to_owned))
}

#[tokio::test(start_paused = true)]
async fn what_happens_again_is_counted_up() {
    let (client, requests) = api_server(&[200]);
    let failed = notice(Severity::Error, "scan failed");
    let other = notice(Severity::Error, "other");
    deliver(client, &[failed.clone(), failed.clone(), other, failed]).await;
    let requests = requests.lock().unwrap();
    let path = "/api/v1/namespaces/apps/events";
    let (method, first, body) = &requests[0];
    assert_eq!((method, first.as_str()), (&Method::POST, path));
    assert_eq!(
        (&body["count"], &body["message"]),
        (&json!(1), &json!("scan failed"))
    );
    let patched = format!("{path}/{}", body["metadata"]["name"].as_str().unwrap());
    for (place, count) in [(1, 2), (3, 3)] {
        let (method, path, body) = &requests[place];
        assert_eq!((method, path), (&Method::PATCH, &patched));
        assert_eq!(body["count"], count);
        assert!(body["lastTimestamp"].is_string());
    }
    assert_eq!(requests[2].2["message"], "other");
    assert_eq!(requests.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_gone_begins_again() {
    let (client, requests) = api_server(&[200, 404, 200]);
    let failed = notice(Severity::Error, "scan failed");
    deliver(client, &[failed.clone(), failed]).await;
    let requests = requests.lock().unwrap();
    let methods: Vec<_> = requests
        .iter()
        .map(|(method, ..)| method.as_str())
        .collect();
    assert_eq!(methods, ["POST", "PATCH", "POST"]);
    assert_eq!(requests[2].2["count"], 2);
    assert_eq!(
        requests[2].2["firstTimestamp"],
        requests[0].2["firstTimestamp"]
    );
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_comes_back_is_told_in_order() {
    let (client, requests) = api_server(&[500, 503, 429, 200]);
    let notices = ["first", "second"].map(|message| notice(Severity::Info, message));
    let metrics = deliver(client, &notices).await;
    let requests = requests.lock().unwrap();
    let messages: Vec<_> = requests
        .iter()
        .map(|(.., body)| body["message"].clone())
        .collect();
    assert_eq!(messages, ["first", "first", "first", "first", "second"]);
    let names: Vec<_> = requests
        .iter()
        .map(|(.., body)| &body["metadata"]["name"])
        .collect();
    assert_eq!(names[0], names[3], "a retry is the same event");
    assert_ne!(names[0], names[4]);
    assert_eq!(dropped(&metrics, "kubernetes"), None);
}

#[tokio::test(start_paused = true)]
async fn what_arrived_before_its_answer_was_lost_is_told() {
    let (client, requests) = api_server(&[500, 409, 200]);
    let failed = notice(Severity::Error, "scan failed");
    let metrics = deliver(client, &[failed.clone(), failed]).await;
    let requests = requests.lock().unwrap();
    assert_eq!(requests.len(), 3);
    assert_eq!(requests[2].0, Method::PATCH);
    assert_eq!(dropped(&metrics, "kubernetes"), None);
}

#[tokio::test(start_paused = true)]
async fn what_the_api_server_refuses_is_dropped_and_counted() {
    let (client, requests) = api_server(&[403, 200]);
    let notices = ["first", "second"].map(|message| notice(Severity::Info, message));
    let metrics = deliver(client, &notices).await;
    assert_eq!(requests.lock().unwrap().len(), 2);
    assert_eq!(dropped(&metrics, "kubernetes").as_deref(), Some("1"));
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_stays_away_is_not_waited_for_for_ever() {
    let (client, requests) = api_server(&[500]);
    let metrics = deliver(client, &[notice(Severity::Info, "done")]).await;
    assert_eq!(requests.lock().unwrap().len(), 12);
    assert_eq!(dropped(&metrics, "kubernetes").as_deref(), Some("1"));
}

#[tokio::test(start_paused = true)]
async fn one_object_cannot_flood_the_api_server() {
    let (client, requests) = api_server(&[200]);
    let notices = (0..40).map(|number| notice(Severity::Info, &number.to_string()));
    let metrics = deliver(client, &notices.collect::<Vec<_>>()).await;
    assert_eq!(requests.lock().unwrap().len(), 25);
    assert_eq!(dropped(&metrics, "kubernetes").as_deref(), Some("15"));
}

#[tokio::test(start_paused = true)]
async fn the_end_does_not_wait_for_what_cannot_be_told() {
    let (client, _) = api_server(&[500]);
    let (events, queue) = Events::new(100);
    let delivery = begin(&events, queue, client, None, Metrics::new("1.2.3"));
    events.send(notice(Severity::Info, "done"));
    let begun = Instant::now();
    delivery.finish(Duration::from_secs(5)).await;
    assert!(begun.elapsed() < Duration::from_secs(6));
}

#[tokio::test]
async fn a_trace_is_for_kubernetes_alone() {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let posted: Arc<Mutex<Vec<Value>>> = Arc::default();
    let log = Arc::clone(&posted);
    let take = move |body: Bytes| {
        log.lock()
            .unwrap()
            .push(serde_json::from_slice(&body).unwrap());
        async { StatusCode::ACCEPTED }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(take)).await });

    let (client, requests) = api_server(&[200]);
    let (events, queue) = Events::new(100);
    let delivery = begin(
        &events,
        queue,
        client,
        Some(url.parse().unwrap()),
        Metrics::new("1.2.3"),
    );
    events.send(notice(Severity::Trace, "nothing new"));
    events.send(notice(Severity::Info, "done"));
    delivery.finish(Duration::from_secs(60)).await;

    let posted = posted.lock().unwrap();
    let messages: Vec<_> = posted.iter().map(|body| body["message"].clone()).collect();
    assert_eq!(messages, ["done"]);
    let requests = requests.lock().unwrap();
    let messages: Vec<_> = requests
        .iter()
        .map(|(.., body)| body["message"].clone())
        .collect();
    assert_eq!(messages, ["nothing new", "done"]);
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_is_full_loses_what_comes_and_counts_it() {
    let metrics = Metrics::new("1.2.3");
    let (queue, mut waiting) = mpsc::channel(1);
    let mut exit = Exit::new(queue, EventSink::Notification, metrics.clone());
    for message in ["first", "second", "third"] {
        exit.pass((
            Arc::new(notice(Severity::Info, message)),
            Timestamp::UNIX_EPOCH,
        ));
    }
    assert_eq!(waiting.recv().await.unwrap().0.message, "first");
    assert_eq!(dropped(&metrics, "notification").as_deref(), Some("2"));
}
