//! What probes and scrapers get, over real connections.

use super::*;

async fn bind() -> (TcpListener, String) {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    (listener, base)
}

async fn get_text(url: &str) -> (u16, String) {
    let answer = reqwest::get(url).await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn readiness_follows_what_the_program_does() {
    let (listener, base) = bind().await;
    let readiness = Readiness::default();
    let server = serve_health(listener, readiness.clone());
    tokio::spawn(server);
    let ready = format!("{base}/readyz");

    let (status, text) = get_text(&ready).await;
    assert_eq!(status, 503);
    assert!(text.contains("API server"), "{text}");

    readiness.wait_for_leadership();
    assert_eq!(get_text(&ready).await, (200, "ok".to_owned()));

    let [first, second] = readiness.begin();
    let (status, text) = get_text(&ready).await;
    assert_eq!(
        (status, text.as_str()),
        (503, "not ready: watches have not synced")
    );
    first.done();
    assert_eq!(get_text(&ready).await.0, 503);
    second.done();
    assert_eq!(get_text(&ready).await, (200, "ok".to_owned()));

    readiness.end();
    assert_eq!(
        get_text(&ready).await,
        (503, "not ready: ending".to_owned())
    );
    assert_eq!(
        get_text(&format!("{base}/healthz")).await,
        (200, "ok".to_owned())
    );
}

#[test]
fn nothing_brings_back_a_program_that_ends() {
    let readiness = Readiness::default();
    let [late] = readiness.begin();
    readiness.end();
    late.done();
    readiness.wait_for_leadership();
    let [_] = readiness.begin();
    assert_eq!(readiness.reason(), Some("not ready: ending"));
}

#[tokio::test]
async fn metrics_are_open_metrics() {
    let (listener, base) = bind().await;
    tokio::spawn(serve_metrics(listener, Metrics::new("1.2.3")));
    let answer = reqwest::get(format!("{base}/metrics")).await.unwrap();
    assert_eq!(answer.headers()["content-type"], OPEN_METRICS);
    let text = answer.text().await.unwrap();
    assert!(text.ends_with("# EOF\n"), "{text}");
}
