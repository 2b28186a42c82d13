//! A whole life, on an API server in memory, in time that passes only when all wait.

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::*;
use crate::cloud::CacheLimits;
use crate::cluster::Options;
use crate::process::connect::Access;
use crate::process::leader::Election;
use crate::process::leader::tests::{ELECTION, Mode, Server};
use crate::process::listen::ListenAddress;

const GRACE: Duration = Duration::from_secs(20);

fn settings(election: Option<Election>) -> Settings {
    Settings {
        metrics_addr: ListenAddress::Nowhere,
        health_addr: ListenAddress::Nowhere,
        events_addr: None,
        access: Access::InCluster,
        runtime_namespace: None,
        election,
        graceful_shutdown_timeout: GRACE,
        token_cache: CacheLimits {
            size: 0,
            duration: Duration::ZERO,
        },
        options: Options::default(),
    }
}

/// A life under way.
struct Running {
    stop: CancellationToken,
    ended: JoinHandle<Result<(), RunError>>,
    /// How its work is told to end.
    ending: Ending,
    readiness: Readiness,
}

fn life(server: &Server) -> Life {
    Life {
        client: server.client(),
        metrics: Metrics::new("1.2.3"),
        readiness: Readiness::default(),
        stop: CancellationToken::new(),
    }
}

/// Begins a life whose work takes so long to finish what is under way, and waits until it works.
async fn start(server: &Server, election: Option<Election>, finishing: Duration) -> Running {
    let life = life(server);
    let (stop, readiness) = (life.stop.clone(), life.readiness.clone());
    let (began, working) = oneshot::channel();
    let work = move |_shared: Arc<Shared>, work: Work| async move {
        work.synced.into_iter().for_each(Sync::done);
        began.send(work.ending.clone()).unwrap();
        work.ending.stop.cancelled().await;
        tokio::select! {
            () = sleep(finishing) => {}
            () = work.ending.abandon.cancelled() => {}
        }
    };
    let ended = tokio::spawn(life.live(settings(election), work));
    let ending = working.await.unwrap();
    Running {
        stop,
        ended,
        ending,
        readiness,
    }
}

#[tokio::test(start_paused = true)]
async fn work_under_way_is_finished() {
    let life = start(&Server::default(), None, Duration::from_secs(10)).await;
    assert!(life.readiness.is_ready());
    let asked = Instant::now();
    life.stop.cancel();
    life.ended.await.unwrap().unwrap();
    assert_eq!(asked.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn work_that_takes_too_long_is_abandoned() {
    let life = start(&Server::default(), None, Duration::from_secs(100)).await;
    let asked = Instant::now();
    life.stop.cancel();
    life.ending.abandon.cancelled().await;
    assert_eq!(asked.elapsed(), GRACE);
    life.ended.await.unwrap().unwrap();
    assert!(asked.elapsed() < GRACE + LETTING_GO);
}

#[tokio::test(start_paused = true)]
async fn the_lease_is_kept_while_work_finishes_and_given_away_after() {
    let server = Server::default();
    let life = start(&server, Some(ELECTION), Duration::from_secs(10)).await;
    // Long enough to lose a lease that is not kept.
    sleep(Duration::from_secs(120)).await;
    assert!(!server.holder().is_empty());
    life.stop.cancel();
    sleep(Duration::from_secs(9)).await;
    assert!(!server.holder().is_empty());
    life.ended.await.unwrap().unwrap();
    assert_eq!(server.holder(), "");
}

#[tokio::test(start_paused = true)]
async fn the_loss_of_the_lease_stops_all_work_and_is_an_error() {
    let server = Server::default();
    let life = start(&server, Some(ELECTION), Duration::from_secs(10)).await;
    let holder = server.holder();
    server.set(Mode::Failing);
    let error = life.ended.await.unwrap().unwrap_err();
    assert!(matches!(error, RunError::Leadership(_)), "{error}");
    assert!(life.ending.abandon.is_cancelled());
    assert_eq!(server.holder(), holder, "a lost lease is left alone");
}

#[tokio::test(start_paused = true)]
async fn the_second_waits_ready_and_takes_over() {
    let server = Server::default();
    let first = start(&server, Some(ELECTION), Duration::ZERO).await;
    let mut second = Box::pin(start(&server, Some(ELECTION), Duration::ZERO));
    assert!(
        timeout(Duration::from_secs(300), &mut second)
            .await
            .is_err()
    );
    first.stop.cancel();
    first.ended.await.unwrap().unwrap();
    let second = second.await;
    assert!(second.readiness.is_ready());
    second.stop.cancel();
    second.ended.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_the_lease_ends_at_once() {
    let server = Server::default();
    let _leader = start(&server, Some(ELECTION), Duration::ZERO).await;
    let life = life(&server);
    let (stop, readiness) = (life.stop.clone(), life.readiness.clone());
    let never = |_shared, _work| async { panic!("there is a leader") };
    let ended = tokio::spawn(life.live(settings(Some(ELECTION)), never));
    sleep(Duration::from_secs(60)).await;
    assert!(readiness.is_ready(), "it waits to take over");
    stop.cancel();
    ended.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_the_kinds_ends_at_once_and_is_not_ready() {
    let server = Server::default();
    server.set(Mode::Failing);
    let life = life(&server);
    let (stop, readiness) = (life.stop.clone(), life.readiness.clone());
    let never = |_shared, _work| async { panic!("there are no kinds") };
    let ended = tokio::spawn(life.live(settings(None), never));
    sleep(Duration::from_secs(60)).await;
    assert!(!readiness.is_ready());
    stop.cancel();
    ended.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn controllers_that_end_by_themselves_are_an_error() {
    let brief = |_shared, _work| async {};
    let error = life(&Server::default())
        .live(settings(None), brief)
        .await
        .unwrap_err();
    assert!(matches!(error, RunError::WorkEnded), "{error}");
}

#[tokio::test(start_paused = true)]
async fn controllers_that_fail_are_an_error() {
    let broken = |_shared, _work| async { panic!("a fault in a controller") };
    let error = life(&Server::default()).live(settings(None), broken).await;
    let error = error.unwrap_err();
    assert!(matches!(error, RunError::WorkFailed(_)), "{error}");
}
