//! From start to end: listen, connect, know, serve, and end without losing a request.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use kube::config::{InClusterError, KubeConfigOptions, KubeconfigError};
use kube::{Client, Config};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::{JoinError, JoinHandle, JoinSet};
use tokio::time::sleep;
use tracing::{error, info};

use crate::certificates::{Files, Issuer, Tending};
use crate::chain::Chain;
use crate::metrics::Metrics;
use crate::policies::{Policies, watch};
use crate::reach::Reach;
use crate::review::Setup;
use crate::routes::{Service, router};
use crate::server::{Ending, Limits, Server};
use crate::tls::Leaf;

/// How this program calls itself.
const AGENT: &str = concat!("imgauto-webhook/", env!("CARGO_PKG_VERSION"));
/// Longer than the API server keeps a watch open, so that only dead connections end.
const READ_TIMEOUT: Duration = Duration::from_secs(90);
/// How many ask for health or metrics at a time.
const OBSERVERS: usize = 64;
/// The media type of the text metrics are written in.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Everything the program is told when it starts.
#[derive(Debug)]
pub struct Settings {
    /// Where reviews are answered.
    pub listen: SocketAddr,
    /// Where health is told.
    pub health: SocketAddr,
    /// Where metrics are told.
    pub metrics: SocketAddr,
    /// Where the certificate comes from.
    pub certificate: Source,
    /// How answers are made.
    pub setup: Setup,
    /// How long requests are still taken after the end was asked for: endpoints are removed late.
    pub drain: Duration,
    /// How long requests that are under way may take after that.
    pub grace: Duration,
}

/// Where the certificate that is served comes from.
#[derive(Debug)]
pub enum Source {
    /// Somebody puts it into this directory.
    Directory(PathBuf),
    /// It is signed by an authority that the replicas share.
    Authority(Issuer),
}

/// Why the program ends with an error.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Signals cannot be received.
    #[error("cannot listen for signals")]
    Signals(#[source] io::Error),
    /// An address cannot be listened on.
    #[error("cannot listen on {0}")]
    Listen(SocketAddr, #[source] io::Error),
    /// A kubeconfig cannot be used.
    #[error("kubeconfig cannot be used")]
    Kubeconfig(#[source] Box<KubeconfigError>),
    /// There is no kubeconfig, and no Pod around the program.
    #[error("there is no kubeconfig, and this is no Pod with a ServiceAccount")]
    InCluster(#[source] Box<InClusterError>),
    /// No client can be made.
    #[error("no client can be made for the API server")]
    Client(#[source] Box<kube::Error>),
    /// A part of the program ended by itself.
    #[error("a part of the program ended by itself")]
    Ended(#[source] Option<JoinError>),
}

/// Runs the program until it is told to end by SIGTERM or SIGINT; a second signal ends it at once.
///
/// # Errors
///
/// When the program cannot go on: see [`RunError`].
pub async fn run(settings: Settings) -> Result<(), RunError> {
    let listen = |kind| signal(kind).map_err(RunError::Signals);
    let mut signals = (
        listen(SignalKind::terminate())?,
        listen(SignalKind::interrupt())?,
    );
    info!(version = env!("CARGO_PKG_VERSION"), "starting");
    let listener = bind(settings.listen).await?;
    let parts = Parts::default();
    let mut tasks = JoinSet::new();
    for (address, router) in [
        (settings.health, parts.health()),
        (settings.metrics, parts.told()),
    ] {
        tasks.spawn(observed(router).serve(bind(address).await?, settings.grace));
    }
    let client = connect().await?;
    tasks.spawn(watch(client.clone(), parts.policies.clone()));
    let (leaf, metrics, reach) = (
        parts.leaf.clone(),
        parts.metrics.clone(),
        parts.reach.clone(),
    );
    match settings.certificate {
        Source::Directory(directory) => {
            tasks.spawn(Files::new(directory, leaf, metrics, reach).tend());
        }
        Source::Authority(issuer) => {
            tasks.spawn(Tending::new(client, issuer, leaf, metrics, reach).tend());
        }
    }
    let address = listener.local_addr();
    let address = address.map_err(|source| RunError::Listen(settings.listen, source))?;
    tasks.spawn(parts.reach.clone().probe(address, parts.leaf.clone()));
    let serving = tokio::spawn(parts.server(settings.setup).serve(listener, settings.grace));
    let failed = tokio::select! {
        ended = tasks.join_next() => {
            // Another replica is better, but there is no reason to cut off who is connected.
            let failed = RunError::Ended(ended.and_then(Result::err));
            error!(error = %Chain(&failed), "ending");
            Some(failed)
        }
        name = next(&mut signals) => {
            info!(signal = name, "ending");
            None
        }
    };
    tokio::select! {
        ended = end(&parts.ending, settings.drain, serving) => ended?,
        name = next(&mut signals) => info!(signal = name, "ending at once"),
    }
    info!("ended");
    failed.map_or(Ok(()), Err)
}

/// Serves health or metrics, which are asked for until the program is gone; what comes of it is counted nowhere.
fn observed(router: Router) -> Server {
    Server {
        router,
        security: None,
        metrics: Metrics::new(),
        ending: Ending::default(),
        limits: Limits {
            connections: OBSERVERS,
            ..Limits::default()
        },
    }
}

/// Has panics logged like everything else, by their places. What they say may quote what is nobody's business.
pub fn tell_of_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        error!(place, "panicked");
    }));
}

/// Ends in order: for a while connections are given up one by one, then none is taken any more.
async fn end(ending: &Ending, drain: Duration, serving: JoinHandle<()>) -> Result<(), RunError> {
    ending.drain.cancel();
    sleep(drain).await;
    ending.stop.cancel();
    serving.await.map_err(|error| RunError::Ended(Some(error)))
}

async fn bind(address: SocketAddr) -> Result<TcpListener, RunError> {
    let bound = TcpListener::bind(address).await;
    let listener = bound.map_err(|source| RunError::Listen(address, source))?;
    info!(%address, "listening");
    Ok(listener)
}

async fn next((terminate, interrupt): &mut (Signal, Signal)) -> &'static str {
    tokio::select! {
        Some(()) = terminate.recv() => "SIGTERM",
        Some(()) = interrupt.recv() => "SIGINT",
        else => pending().await,
    }
}

/// Makes a client for the API server, by `KUBECONFIG` where that is set, else as a Pod.
async fn connect() -> Result<Client, RunError> {
    let mut config = match std::env::var_os("KUBECONFIG") {
        Some(_) => Config::from_kubeconfig(&KubeConfigOptions::default())
            .await
            .map_err(|error| RunError::Kubeconfig(Box::new(error)))?,
        None => Config::incluster().map_err(|error| RunError::InCluster(Box::new(error)))?,
    };
    config.read_timeout = Some(READ_TIMEOUT);
    let agent = header::HeaderValue::from_static(AGENT);
    config.headers.push((header::USER_AGENT, agent));
    Client::try_from(config).map_err(|error| RunError::Client(Box::new(error)))
}

/// What the parts of the program share.
#[derive(Clone, Default)]
struct Parts {
    policies: Policies,
    metrics: Metrics,
    leaf: Leaf,
    reach: Reach,
    ending: Ending,
}

impl Parts {
    fn server(&self, setup: Setup) -> Server {
        let service = Service::new(setup, self.policies.clone(), self.metrics.clone());
        Server {
            router: router(Arc::new(service)),
            security: Some(self.leaf.config()),
            metrics: self.metrics.clone(),
            ending: self.ending.clone(),
            limits: Limits::default(),
        }
    }

    /// What the program is not ready for, or `None` if it is ready.
    fn missing(&self) -> Option<&'static str> {
        if self.ending.drain.is_cancelled() {
            Some("ending")
        } else if self.policies.newest().is_none() {
            Some("policies and namespaces are not known yet")
        } else {
            self.reach.missing()
        }
    }

    fn health(&self) -> Router {
        let parts = self.clone();
        let ready = move || async move {
            match parts.missing() {
                None => (StatusCode::OK, "ok".to_owned()),
                Some(missing) => {
                    let why = format!("not ready: {missing}");
                    (StatusCode::SERVICE_UNAVAILABLE, why)
                }
            }
        };
        Router::new()
            .route("/livez", get(|| async { "ok" }))
            .route("/readyz", get(ready))
    }

    fn told(&self) -> Router {
        let parts = self.clone();
        let text = move || async move { parts.text() };
        Router::new().route("/metrics", get(text))
    }

    fn text(&self) -> Response {
        match self.metrics.text(&self.policies, Instant::now()) {
            Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policies::Snapshot;

    #[test]
    fn the_program_is_ready_when_it_can_answer() {
        let parts = Parts::default();
        assert!(parts.missing().unwrap().contains("policies"));
        parts.policies.publish(Snapshot::default());
        assert_eq!(parts.missing(), parts.reach.missing());
        assert!(parts.missing().is_some(), "nobody can reach it");
        parts.ending.drain.cancel();
        assert_eq!(parts.missing(), Some("ending"));
    }
}
