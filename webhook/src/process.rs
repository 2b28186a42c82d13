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
use tracing::{info, warn};

use crate::certificates::{Files, Issuer, tend};
use crate::metrics::Metrics;
use crate::policies::{Policies, watch};
use crate::review::Setup;
use crate::routes::{Service, router};
use crate::server::{Ending, serve};
use crate::tls::Leaf;

/// How this program calls itself.
const AGENT: &str = concat!("imgauto-webhook/", env!("CARGO_PKG_VERSION"));
/// Longer than the API server keeps a watch open, so that only dead connections end.
const READ_TIMEOUT: Duration = Duration::from_secs(90);
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
    let parts = Parts {
        policies: Policies::default(),
        metrics: Metrics::new(),
        leaf: Leaf::default(),
        ending: Ending::default(),
    };
    let mut tasks = JoinSet::new();
    for (address, router) in [
        (settings.health, parts.health()),
        (settings.metrics, parts.told()),
    ] {
        let listener = bind(address).await?;
        tasks.spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                warn!(%error, "health and metrics cannot be told any more");
            }
        });
    }
    let client = connect().await?;
    tasks.spawn(watch(client.clone(), parts.policies.clone()));
    match settings.certificate {
        Source::Directory(directory) => {
            tasks.spawn(Files::new(directory).tend(parts.leaf.clone()));
        }
        Source::Authority(issuer) => {
            let (leaf, metrics) = (parts.leaf.clone(), parts.metrics.clone());
            tasks.spawn(tend(client, issuer, leaf, metrics));
        }
    }
    let Parts {
        policies,
        metrics,
        leaf,
        ending,
    } = parts;
    let drain = ending.drain.clone();
    let service = Service::new(settings.setup, policies, metrics.clone(), drain);
    let router = router(Arc::new(service));
    let serving = serve(
        listener,
        leaf.config(),
        router,
        metrics,
        ending.clone(),
        settings.grace,
    );
    let serving = tokio::spawn(serving);
    tokio::select! {
        ended = tasks.join_next() => return Err(RunError::Ended(ended.and_then(Result::err))),
        name = next(&mut signals) => info!(signal = name, "ending"),
    }
    tokio::select! {
        ended = end(&ending, settings.drain, serving) => ended?,
        name = next(&mut signals) => info!(signal = name, "ending at once"),
    }
    info!("ended");
    Ok(())
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
#[derive(Clone)]
struct Parts {
    policies: Policies,
    metrics: Metrics,
    leaf: Leaf,
    ending: Ending,
}

impl Parts {
    /// What the program is not ready for, or `None` if it is ready.
    fn reason(&self) -> Option<&'static str> {
        if self.ending.drain.is_cancelled() {
            Some("not ready: ending")
        } else if self.policies.newest().is_none() {
            Some("not ready: policies and namespaces are not known yet")
        } else if !self.leaf.is_there() {
            Some("not ready: there is no certificate yet")
        } else {
            None
        }
    }

    fn health(&self) -> Router {
        let parts = self.clone();
        let ready = move || async move {
            match parts.reason() {
                None => (StatusCode::OK, "ok"),
                Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, reason),
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
    use jiff::Timestamp;

    use super::*;
    use crate::certificates::Authority;
    use crate::policies::Snapshot;

    #[test]
    fn the_program_is_ready_when_it_can_answer() {
        let parts = Parts {
            policies: Policies::default(),
            metrics: Metrics::new(),
            leaf: Leaf::default(),
            ending: Ending::default(),
        };
        assert!(parts.reason().unwrap().contains("policies"));
        parts.policies.publish(Snapshot::default());
        assert!(parts.reason().unwrap().contains("certificate"));
        let now = Timestamp::now();
        let issued = Authority::new(now).unwrap().issue(&["a".to_owned()], now);
        let issued = issued.unwrap();
        let (chain, key) = (issued.certificate.as_bytes(), issued.key.as_bytes());
        parts.leaf.serve(chain, key).unwrap();
        assert_eq!(parts.reason(), None);
        parts.ending.drain.cancel();
        assert_eq!(parts.reason(), Some("not ready: ending"));
    }
}
