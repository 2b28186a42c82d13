//! Elections on an API server in memory, in time that passes only when all wait.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::*;

pub(in crate::process) const ELECTION: Election = Election {
    lease_duration: Duration::from_secs(35),
    renew_deadline: Duration::from_secs(30),
    retry_period: Duration::from_secs(5),
    release_on_cancel: true,
};

/// An API server that knows one Lease, and no object of any other kind.
#[derive(Clone, Default)]
pub(in crate::process) struct Server(Arc<Mutex<Stored>>);

#[derive(Default)]
struct Stored {
    lease: Option<Value>,
    version: u64,
    mode: Mode,
    reads: usize,
    writes: usize,
}

/// How it answers.
#[derive(Clone, Copy, Default, PartialEq)]
pub(in crate::process) enum Mode {
    #[default]
    Fine,
    Failing,
    Silent,
}

type Answer = (StatusCode, String);

impl Server {
    /// A client of it, in the namespace `here`.
    pub(in crate::process) fn client(&self) -> Client {
        let router = Router::new()
            .route(
                "/apis/coordination.k8s.io/v1/namespaces/here/leases",
                post(create),
            )
            .route(
                "/apis/coordination.k8s.io/v1/namespaces/here/leases/{name}",
                get(read).put(replace),
            )
            .fallback(list)
            .with_state(self.clone());
        Client::new(router, "here")
    }

    fn candidate(&self, identity: &str) -> Candidate {
        let metrics = Metrics::new("1.2.3");
        let (name, identity) = ("lease".to_owned(), identity.to_owned());
        Candidate::new(self.client(), "here", name, identity, ELECTION, metrics)
    }

    /// Answers so from now on.
    pub(in crate::process) fn set(&self, mode: Mode) {
        self.0.lock().unwrap().mode = mode;
    }

    /// Who holds the lease; empty if it was given away.
    pub(in crate::process) fn holder(&self) -> String {
        let stored = self.0.lock().unwrap();
        let lease = stored.lease.as_ref().unwrap();
        lease["spec"]["holderIdentity"].as_str().unwrap().to_owned()
    }

    async fn respond(&self, answer: impl FnOnce(&mut Stored) -> Answer) -> Answer {
        let mode = self.0.lock().unwrap().mode;
        match mode {
            Mode::Fine => answer(&mut self.0.lock().unwrap()),
            Mode::Failing => refusal(StatusCode::INTERNAL_SERVER_ERROR, "InternalError"),
            Mode::Silent => std::future::pending().await,
        }
    }
}

impl Stored {
    fn write(&mut self, body: &Bytes) -> Answer {
        let mut lease: Value = serde_json::from_slice(body).unwrap();
        self.version += 1;
        self.writes += 1;
        lease["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let text = lease.to_string();
        self.lease = Some(lease);
        (StatusCode::OK, text)
    }
}

async fn create(State(server): State<Server>, body: Bytes) -> Answer {
    let answer = server.respond(|stored| match stored.lease {
        None => stored.write(&body),
        Some(_) => refusal(StatusCode::CONFLICT, "AlreadyExists"),
    });
    answer.await
}

async fn read(State(server): State<Server>) -> Answer {
    let answer = server.respond(|stored| {
        stored.reads += 1;
        match &stored.lease {
            Some(lease) => (StatusCode::OK, lease.to_string()),
            None => refusal(StatusCode::NOT_FOUND, "NotFound"),
        }
    });
    answer.await
}

async fn replace(State(server): State<Server>, body: Bytes) -> Answer {
    let answer = server.respond(|stored| {
        let lease: Value = serde_json::from_slice(&body).unwrap();
        let current = json!(stored.version.to_string());
        match lease["metadata"]["resourceVersion"] == current {
            true => stored.write(&body),
            false => refusal(StatusCode::CONFLICT, "Conflict"),
        }
    });
    answer.await
}

async fn list(State(server): State<Server>) -> Answer {
    let list = json!({"kind": "List", "apiVersion": "v1", "metadata": {}, "items": []});
    server.respond(|_| (StatusCode::OK, list.to_string())).await
}

fn refusal(status: StatusCode, reason: &str) -> Answer {
    let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason,
        "message": reason, "code": status.as_u16()});
    (status, body.to_string())
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_dies_is_followed_within_the_lease() {
    let server = Server::default();
    let mut first = server.candidate("first");
    first.acquire().await;
    assert_eq!(server.holder(), "first");
    let keeper = tokio::spawn(async move { first.keep().await });

    let mut second = server.candidate("second");
    let waiting = tokio::spawn(async move {
        second.acquire().await;
        Instant::now()
    });
    sleep(Duration::from_secs(600)).await;
    assert!(!waiting.is_finished(), "the first one lives");
    assert_eq!(server.holder(), "first");

    keeper.abort();
    let died = Instant::now();
    let followed = waiting.await.unwrap().duration_since(died);
    assert_eq!(server.holder(), "second");
    // The lease, counted from the last renewal, and one wait of the follower.
    let longest = ELECTION.lease_duration + ELECTION.retry_period.mul_f64(1.0 + JITTER);
    assert!(
        followed >= ELECTION.lease_duration - ELECTION.retry_period,
        "{followed:?}"
    );
    assert!(followed <= longest, "{followed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_given_away_is_taken_with_the_next_try() {
    let server = Server::default();
    let mut first = server.candidate("first");
    first.acquire().await;
    let mut second = server.candidate("second");
    let waiting = tokio::spawn(async move {
        second.acquire().await;
        Instant::now()
    });
    sleep(Duration::from_secs(20)).await;
    first.release().await;
    let released = Instant::now();
    let followed = waiting.await.unwrap().duration_since(released);
    assert!(
        followed <= ELECTION.retry_period.mul_f64(1.0 + JITTER),
        "{followed:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_kept_where_nobody_wants_it_given_away() {
    let server = Server::default();
    let mut leader = server.candidate("first");
    leader.election.release_on_cancel = false;
    leader.acquire().await;
    leader.release().await;
    assert_eq!(server.holder(), "first");
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_cannot_renew_gives_up_before_anyone_follows() {
    for mode in [Mode::Failing, Mode::Silent] {
        let server = Server::default();
        let mut leader = server.candidate("first");
        leader.acquire().await;
        let won = Instant::now();
        server.set(mode);
        let lost = leader.keep().await;
        let held = won.elapsed();
        assert!(
            held < ELECTION.renew_deadline + Duration::from_secs(1),
            "{held:?}"
        );
        assert_eq!(
            lost.to_string(),
            "leader election lost: lease lease could not be renewed for 30s"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_short_failure_costs_nothing() {
    let server = Server::default();
    let mut leader = server.candidate("first");
    leader.acquire().await;
    let keeper = tokio::spawn(async move { leader.keep().await });
    for mode in [Mode::Failing, Mode::Silent] {
        server.set(mode);
        sleep(Duration::from_secs(20)).await;
        server.set(Mode::Fine);
        sleep(Duration::from_secs(40)).await;
    }
    assert!(!keeper.is_finished());
    keeper.abort();
}

#[tokio::test(start_paused = true)]
async fn a_leader_whose_lease_was_taken_is_not_one_any_more() {
    let server = Server::default();
    let mut leader = server.candidate("first");
    leader.acquire().await;
    let thief = json!({"metadata": {"name": "lease"}, "spec": {"holderIdentity": "thief", "leaseDurationSeconds": 35}});
    server
        .0
        .lock()
        .unwrap()
        .write(&Bytes::from(thief.to_string()));
    let lost = leader.keep().await;
    assert_eq!(
        lost.to_string(),
        "leader election lost: lease lease was taken by thief"
    );
    leader.release().await;
    assert_eq!(server.holder(), "thief");
}

#[tokio::test(start_paused = true)]
async fn one_of_two_who_want_a_new_lease_gets_it() {
    let server = Server::default();
    let (mut first, mut second) = (server.candidate("first"), server.candidate("second"));
    let (one, other) = tokio::join!(first.step(), second.step());
    let won = [&one, &other].map(|result| matches!(result, Ok(true)));
    assert_eq!(
        won.iter().filter(|won| **won).count(),
        1,
        "{one:?} {other:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn renewing_reads_nothing() {
    let server = Server::default();
    let mut leader = server.candidate("first");
    leader.acquire().await;
    for _ in 0..3 {
        assert!(leader.step().await.unwrap());
    }
    let stored = server.0.lock().unwrap();
    assert_eq!((stored.reads, stored.writes), (1, 4));
}

#[test]
fn shards_have_leases_of_their_own() {
    assert_eq!(lease_name(None), "imgauto-reconciler-leader-election");
    assert_eq!(
        lease_name(Some("sharding.fluxcd.io/key=shard1")),
        "imgauto-reconciler-leader-election-73fdc1be"
    );
}

#[test]
fn no_two_processes_have_one_name() {
    let (first, second) = (identity("pod"), identity("pod"));
    assert!(first.starts_with("pod_"), "{first}");
    assert_ne!(first, second);
}
