use std::time::Instant;

use axum::Router;
use axum::routing::get;
use jiff::Timestamp;
use tokio::net::TcpListener;

use super::*;
use crate::certificates::{Authority, Lifetimes};
use crate::metrics::Metrics;
use crate::server::{Ending, Limits, Server};

const NAME: &str = "a.b.svc";

async fn server(leaf: &Leaf) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server {
        router: Router::new().route("/livez", get(|| async { "ok" })),
        security: Some(leaf.config()),
        metrics: Metrics::new(),
        ending: Ending::default(),
        limits: Limits::default(),
    };
    tokio::spawn(server.serve(listener, PATIENCE));
    address
}

fn authority() -> Authority {
    Authority::new(Timestamp::now(), &Lifetimes::DEFAULT).unwrap()
}

fn serve(leaf: &Leaf, authority: &Authority) {
    let names = [NAME.to_owned()];
    let issued = authority.issue(&names, Timestamp::now(), &Lifetimes::DEFAULT);
    let issued = issued.unwrap();
    let (chain, key) = (issued.certificate.as_bytes(), issued.key.as_bytes());
    leaf.serve(chain, key).unwrap();
}

/// Waits until something is missing, or nothing is.
async fn misses(reach: &Reach, word: Option<&str>) {
    let begun = Instant::now();
    loop {
        let missing = reach.missing();
        if missing.is_some() == word.is_some() && missing.unwrap_or("").contains(word.unwrap_or(""))
        {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{missing:?}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn callers_have_to_trust_and_the_server_to_answer() {
    let (reach, leaf, first) = (Reach::default(), Leaf::default(), authority());
    let address = server(&leaf).await;
    tokio::spawn(reach.clone().probe(address, leaf.clone()));
    assert!(reach.missing().unwrap().contains("no certificate"));
    serve(&leaf, &first);
    reach.served(&first.certificate);
    assert!(reach.missing().unwrap().contains("do not trust"));
    reach.trusted(&first.certificate, Some(&NAME.to_owned()));
    misses(&reach, None).await;

    // Another authority signs that nobody trusts yet.
    let second = authority();
    serve(&leaf, &second);
    reach.served(&second.certificate);
    assert!(reach.missing().unwrap().contains("that signs"));
    let both = format!("{}{}", first.certificate, second.certificate);
    reach.trusted(&both, Some(&NAME.to_owned()));
    misses(&reach, None).await;
}

#[tokio::test]
async fn a_server_that_serves_what_nobody_trusts_does_not_answer_itself() {
    let (reach, leaf, mine) = (Reach::default(), Leaf::default(), authority());
    let address = server(&leaf).await;
    serve(&leaf, &authority());
    reach.served(&mine.certificate);
    reach.trusted(&mine.certificate, Some(&NAME.to_owned()));
    let asked = reach.ask(address, &leaf).await.unwrap();
    assert!(asked.unwrap_err().is_final());
    serve(&leaf, &mine);
    assert!(reach.ask(address, &leaf).await.unwrap().is_ok());
    reach.trusted(&mine.certificate, Some(&"other.svc".to_owned()));
    let asked = reach.ask(address, &leaf).await.unwrap();
    assert!(asked.unwrap_err().is_final(), "that is not its name");
}

#[tokio::test]
async fn what_somebody_else_has_given_is_known_by_itself() {
    let (reach, leaf) = (Reach::default(), Leaf::default());
    let address = server(&leaf).await;
    tokio::spawn(reach.clone().probe(address, leaf.clone()));
    serve(&leaf, &authority());
    reach.given();
    misses(&reach, None).await;
    serve(&leaf, &authority());
    reach.given();
    misses(&reach, None).await;
    let other = Leaf::default();
    serve(&other, &authority());
    let asked = reach.ask(address, &other).await.unwrap();
    assert!(asked.unwrap_err().is_final(), "it serves another one");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_only_slow() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = address.local_addr().unwrap();
    let (reach, leaf) = (Reach::default(), Leaf::default());
    serve(&leaf, &authority());
    assert!(reach.ask(address, &leaf).await.is_none(), "nobody trusts");
    reach.given();
    let asked = reach.ask(address, &leaf).await.unwrap();
    assert!(!asked.unwrap_err().is_final());
}

#[test]
fn what_is_listened_on_everywhere_is_called_at_home() {
    let reachable = |text: &str| reachable(text.parse().unwrap()).to_string();
    assert_eq!(reachable("0.0.0.0:1"), "127.0.0.1:1");
    assert_eq!(reachable("[::]:2"), "[::1]:2");
    assert_eq!(reachable("10.0.0.7:3"), "10.0.0.7:3");
}
