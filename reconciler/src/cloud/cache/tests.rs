//! What is kept, for how long, and who waits for whom.

use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use tokio::sync::Notify;
use tokio::time::advance;

use super::*;
use crate::cloud::error::AppError;

fn key(name: &str) -> Key {
    Key::new([("name", name.as_bytes())])
}

fn limits(size: usize, minutes: u64) -> CacheLimits {
    CacheLimits {
        size,
        duration: Duration::from_secs(60 * minutes),
    }
}

/// A grant that ends this many seconds from now.
fn grant(token: &str, seconds: i64) -> Grant {
    Grant::token(token, Timestamp::now() + SignedDuration::from_secs(seconds))
}

const ROBOT: Beneficiary<'_> = Beneficiary {
    kind: "ImageRepository",
    namespace: "apps",
    name: "web",
};

fn cache_of(limits: CacheLimits) -> Arc<TokenCache> {
    TokenCache::new(limits, Metrics::new("0"))
}

fn cache() -> Arc<TokenCache> {
    cache_of(CacheLimits::default())
}

/// What monitoring is told of a cache: the sum of its metrics in whose line `part` is.
fn counted(cache: &TokenCache, part: &str) -> u64 {
    let text = cache.metrics.text().unwrap();
    let lines = text
        .lines()
        .filter(|line| line.starts_with("gotk_token_cache") && line.contains(part));
    lines
        .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
        .sum()
}

/// Asks for a key; a fetch would bring a grant of this many seconds. Returns whether it was fetched.
async fn is_fetched(cache: &Arc<TokenCache>, name: &str, seconds: i64) -> bool {
    let mut fetched = false;
    let fetch = || {
        fetched = true;
        std::future::ready(Ok(grant(name, seconds))).boxed()
    };
    let found = cache.get_or_fetch(key(name), ROBOT, fetch).await.unwrap();
    assert_eq!(found.secret.expose_secret(), name);
    fetched
}

#[tokio::test(start_paused = true)]
async fn a_grant_is_kept_for_most_of_its_lifetime() {
    let cache = cache();
    assert!(is_fetched(&cache, "a", 1000).await);
    advance(Duration::from_secs(798)).await;
    assert!(!is_fetched(&cache, "a", 1000).await);
    advance(Duration::from_secs(3)).await;
    assert!(is_fetched(&cache, "a", 1000).await);
}

#[tokio::test(start_paused = true)]
async fn no_grant_is_kept_longer_than_the_limit_nor_than_an_hour() {
    let twelve_hours = 12 * 3600;
    for (minutes, kept) in [(5, 300), (60, 3600), (600, 3600)] {
        let cache = cache_of(limits(10, minutes));
        assert!(is_fetched(&cache, "a", twelve_hours).await);
        advance(Duration::from_secs(kept - 1)).await;
        assert!(!is_fetched(&cache, "a", twelve_hours).await);
        advance(Duration::from_secs(1)).await;
        assert!(is_fetched(&cache, "a", twelve_hours).await);
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_ended_already_is_not_kept() {
    let cache = cache();
    assert!(is_fetched(&cache, "a", -1).await);
    assert!(is_fetched(&cache, "a", -1).await);
}

#[tokio::test(start_paused = true)]
async fn the_least_recently_used_makes_room() {
    let cache = cache_of(limits(2, 60));
    for name in ["a", "b"] {
        assert!(is_fetched(&cache, name, 1000).await);
    }
    assert!(!is_fetched(&cache, "a", 1000).await);
    assert!(is_fetched(&cache, "c", 1000).await);
    assert!(!is_fetched(&cache, "a", 1000).await);
    assert!(is_fetched(&cache, "b", 1000).await);
    for (part, count) in [
        ("cache_hit", 2),
        ("cache_miss", 4),
        (r#"kind="ImageRepository",name="web",namespace="apps""#, 6),
        ("success", 6),
        ("evictions_total", 2),
        ("cached_items", 2),
    ] {
        assert_eq!(counted(&cache, part), count, "{part}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cache_of_size_zero_keeps_nothing() {
    let cache = cache_of(limits(0, 60));
    assert!(is_fetched(&cache, "a", 1000).await);
    assert!(is_fetched(&cache, "a", 1000).await);
    assert_eq!(counted(&cache, "cached_items"), 0);
    assert_eq!(counted(&cache, "evictions_total"), 0);
}

#[tokio::test]
async fn callers_share_one_fetch_and_do_not_wait_for_others() {
    let cache = cache();
    let (fetches, go) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let fetch = || {
        let (fetches, go) = (Arc::clone(&fetches), Arc::clone(&go));
        async move {
            fetches.fetch_add(1, Ordering::SeqCst);
            go.notified().await;
            Ok(grant("slow", 1000))
        }
        .boxed()
    };
    let callers =
        futures::future::join_all((0..20).map(|_| cache.get_or_fetch(key("slow"), ROBOT, fetch)));
    let elsewhere = async {
        // Somebody else's login ends while this one has not.
        assert!(is_fetched(&cache, "quick", 1000).await);
        go.notify_one();
    };
    let (grants, ()) = futures::future::join(callers, elsewhere).await;
    assert!(grants.iter().all(Result::is_ok));
    assert_eq!(fetches.load(Ordering::SeqCst), 1);
    assert_eq!(counted(&cache, "cache_miss"), 2);
    assert_eq!(counted(&cache, "cache_hit"), 19);
}

#[tokio::test]
async fn a_failure_is_told_to_all_who_wait_and_to_nobody_later() {
    let cache = cache();
    let fail = || {
        async {
            tokio::task::yield_now().await;
            Err(CloudError::from(AppError::NoKey))
        }
        .boxed()
    };
    let one = cache.get_or_fetch(key("a"), ROBOT, fail);
    let other = cache.get_or_fetch(key("a"), ROBOT, || unreachable!("it is being fetched"));
    let (one, other) = futures::future::join(one, other).await;
    assert!(one.is_err() && other.is_err());
    assert_eq!(counted(&cache, "failure"), 2);
    assert!(is_fetched(&cache, "a", 1000).await);
}

#[tokio::test]
async fn a_fetch_outlives_the_caller_who_began_it() {
    let cache = cache();
    let go = Arc::new(Notify::new());
    let wait = || {
        let go = Arc::clone(&go);
        async move {
            go.notified().await;
            Ok(grant("a", 1000))
        }
        .boxed()
    };
    let mut first = Box::pin(cache.get_or_fetch(key("a"), ROBOT, wait));
    assert!(futures::poll!(&mut first).is_pending());
    let mut second =
        Box::pin(cache.get_or_fetch(key("a"), ROBOT, || unreachable!("it is being fetched")));
    assert!(futures::poll!(&mut second).is_pending());
    drop(first);
    go.notify_one();
    assert!(second.await.is_ok());
    // Nobody waits any more, so what was begun is dropped and begun anew.
    let mut third =
        Box::pin(cache.get_or_fetch(key("b"), ROBOT, || std::future::pending().boxed()));
    assert!(futures::poll!(&mut third).is_pending());
    drop(third);
    assert!(is_fetched(&cache, "b", 1000).await);
}

#[test]
fn keys_differ_wherever_their_parts_do() {
    let keys = [
        Key::new([("a", b"b".as_slice())]),
        Key::new([("a", b"".as_slice()), ("b", b"")]),
        Key::new([("ab", b"".as_slice())]),
        Key::new([("", b"ab".as_slice())]),
    ];
    for (at, one) in keys.iter().enumerate() {
        assert!(keys[at + 1..].iter().all(|other| other != one));
    }
}
