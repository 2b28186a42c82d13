//! Bodies, over the wire.

use serde_json::{Value, json};

use super::*;
use crate::body::MAX_BODY;
use crate::wire::{API_VERSION, KIND};

/// A review of so many bytes.
fn review(length: usize) -> Vec<u8> {
    let review = json!({
        "apiVersion": API_VERSION, "kind": KIND,
        "request": {
            "uid": "7", "operation": "CREATE", "namespace": "apps",
            "object": { "metadata": {}, "spec": { "containers": [{ "name": "a", "image": "b" }] } },
            "resource": { "group": "", "version": "v1", "resource": "pods" },
        },
    });
    let mut bytes = serde_json::to_vec(&review).unwrap();
    bytes.resize(length.max(bytes.len()), b' ');
    bytes
}

async fn post(stream: &mut ClientStream<TcpStream>, headers: &str, body: &[u8]) -> String {
    let length = body.len();
    let head = format!(
        "POST /validate?timeout=30s HTTP/1.1\r\nhost: a\r\n{headers}content-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    stream.flush().await.unwrap();
    hear(stream).await.unwrap()
}

const JSON: &str = "content-type: application/json\r\n";

#[tokio::test]
async fn the_largest_review_is_answered_and_a_byte_more_is_refused() {
    let server = Running::webhook(Limits::default()).await;
    let mut stream = server.connect().await;
    let answer = post(&mut stream, JSON, &review(MAX_BODY)).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["response"]["uid"], "7");
    // Who has sent all of it hears why it is refused, instead of a connection that breaks.
    let answer = post(&mut stream, JSON, &review(MAX_BODY + 1)).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
    server.rejects("too-long").await;
    server.is_well().await;
}

#[tokio::test]
async fn what_is_not_plain_json_is_refused() {
    let server = Running::webhook(Limits::default()).await;
    for headers in [
        "",
        "content-type: text/plain\r\n",
        "content-type: application/json\r\ncontent-encoding: gzip\r\n",
    ] {
        let mut stream = server.connect().await;
        let answer = post(&mut stream, headers, &review(0)).await;
        assert!(answer.starts_with("HTTP/1.1 415"), "{answer}");
        assert!(answer.contains("connection: close"), "{answer}");
    }
    server
        .counts(r#"imgauto_admission_rejected_total{reason="media-type"} 3"#)
        .await;
    server.is_well().await;
}

#[tokio::test]
async fn a_body_that_breaks_off_or_drips_ends_its_request_only() {
    let server = Running::webhook(Limits::default()).await;
    let head = |timeout| {
        format!(
            "POST /mutate?timeout={timeout} HTTP/1.1\r\nhost: a\r\n{JSON}content-length: 1000\r\n\r\n{{"
        )
    };
    let mut gone = server.connect().await;
    gone.write_all(head("30s").as_bytes()).await.unwrap();
    gone.flush().await.unwrap();
    drop(gone);
    server.rejects("broken").await;
    let mut slow = server.connect().await;
    slow.write_all(head("1s").as_bytes()).await.unwrap();
    let answer = hear(&mut slow).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("retry-after: 1") && answer.contains("connection: close"));
    server.rejects("late").await;
    ends(slow).await;
    server.is_well().await;
}

#[tokio::test]
async fn a_body_in_chunks_is_read_like_any_other() {
    let server = Running::webhook(Limits::default()).await;
    let mut stream = server.connect().await;
    let mut request =
        format!("POST /validate HTTP/1.1\r\nhost: a\r\n{JSON}transfer-encoding: chunked\r\n\r\n")
            .into_bytes();
    for piece in review(0).chunks(100) {
        request.extend(format!("{:x}\r\n", piece.len()).bytes());
        request.extend(piece);
        request.extend(b"\r\n");
    }
    request.extend(b"0\r\n\r\n");
    stream.write_all(&request).await.unwrap();
    let answer = hear(&mut stream).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    server.is_well().await;
}
