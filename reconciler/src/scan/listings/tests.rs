//! One listing does for all who want the same.

use std::sync::atomic::AtomicUsize;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use engine::image::Repository;

use super::*;
use crate::registry::{Client, ClientOptions, ProxyChoice};

/// A registry that counts its listings, and answers them with an ETag.
struct Registry {
    repository: Repository,
    connection: Connection,
    listings: Arc<AtomicUsize>,
    metrics: Metrics,
}

impl Registry {
    async fn start(answer: impl Fn(usize) -> Response + Clone + Send + Sync + 'static) -> Self {
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let listings = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&listings);
        let router = Router::new().fallback(move |request: Request| {
            let (count, answer) = (Arc::clone(&count), answer.clone());
            async move {
                if request.uri().path() == "/v2/" {
                    return "{}".into_response();
                }
                if request.headers().contains_key("if-none-match") {
                    return StatusCode::NOT_MODIFIED.into_response();
                }
                let number = count.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(50)).await;
                answer(number)
            }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let options = ClientOptions {
            proxy: ProxyChoice::Direct,
            ..ClientOptions::default()
        };
        let fingerprint = options.fingerprint();
        Self {
            repository: Repository::parse(&format!("{address}/app")).unwrap(),
            connection: Connection {
                client: Client::new(options).unwrap(),
                fingerprint,
            },
            listings,
            metrics: Metrics::new("0"),
        }
    }

    fn ask<'a>(&'a self, due: SystemTime, seen: Option<&'a Seen>) -> Ask<'a> {
        Ask {
            connection: &self.connection,
            repository: &self.repository,
            due,
            seen,
            deadline: tokio::time::Instant::now() + Duration::from_secs(20),
            metrics: &self.metrics,
        }
    }

    fn count(&self) -> usize {
        self.listings.load(Ordering::SeqCst)
    }
}

fn tags(_: usize) -> Response {
    ([("etag", "\"1\"")], r#"{"tags":["1.0","1.1"]}"#).into_response()
}

fn fingerprint_of(listed: &Listed) -> Fingerprint {
    match listed {
        Listed::Other { fingerprint, .. } => *fingerprint,
        Listed::Same => panic!("the tags are not there"),
    }
}

fn seen(listing: Fingerprint) -> Seen {
    Seen {
        listing,
        exclusions: Vec::new(),
        revision: "r".to_owned(),
    }
}

#[tokio::test]
async fn all_who_are_due_share_one_listing() {
    let registry = Registry::start(tags).await;
    let listings = Listings::default();
    let due = SystemTime::now();
    let asks = (0..20).map(|_| listings.list(registry.ask(due, None)));
    for listed in futures::future::join_all(asks).await {
        listed.unwrap();
    }
    assert_eq!(registry.count(), 1);
}

#[tokio::test]
async fn who_becomes_due_after_a_listing_began_has_another() {
    let registry = Registry::start(tags).await;
    let listings = Listings::default();
    listings
        .list(registry.ask(SystemTime::now(), None))
        .await
        .unwrap();
    listings
        .list(registry.ask(SystemTime::now(), None))
        .await
        .unwrap();
    assert_eq!(registry.count(), 2);
}

#[tokio::test]
async fn a_failure_is_shared_as_well() {
    let registry = Registry::start(|_| StatusCode::FORBIDDEN.into_response()).await;
    let listings = Listings::default();
    let due = SystemTime::now();
    let asks = (0..5).map(|_| listings.list(registry.ask(due, None)));
    for listed in futures::future::join_all(asks).await {
        assert!(matches!(listed, Err(RegistryError::Forbidden(_))));
    }
    assert_eq!(registry.count(), 1);
}

#[tokio::test]
async fn who_has_seen_the_tags_is_not_sent_them_again() {
    let registry = Registry::start(tags).await;
    let listings = Listings::default();
    let first = listings
        .list(registry.ask(SystemTime::now(), None))
        .await
        .unwrap();
    let known = seen(fingerprint_of(&first));
    let again = listings.list(registry.ask(SystemTime::now(), Some(&known)));
    assert!(matches!(again.await, Ok(Listed::Same)));
    assert_eq!(
        registry.count(),
        1,
        "the registry said that nothing changed"
    );
    let other = seen([0; 32]);
    let all = listings.list(registry.ask(SystemTime::now(), Some(&other)));
    assert_eq!(fingerprint_of(&all.await.unwrap()), known.listing);
    assert_eq!(registry.count(), 2);
}

#[tokio::test]
async fn what_is_kept_for_nobody_goes() {
    let registry = Registry::start(tags).await;
    let listings = Listings::default();
    listings
        .list(registry.ask(SystemTime::now(), None))
        .await
        .unwrap();
    assert_eq!(listings.kept.load(Ordering::Relaxed), 2);
    let known = listings.lock().values().next().cloned().unwrap();
    known.lock().await.last.as_mut().unwrap().ended -= FRESH;
    listings.prune();
    assert_eq!(listings.kept.load(Ordering::Relaxed), 0);
    assert_eq!(listings.lock().len(), 1, "the mark is kept");
}
