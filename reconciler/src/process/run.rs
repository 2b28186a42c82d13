//! From start to end: serve, connect, wait for what is needed and for the lease, work, end in order.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

use super::connect::{ConnectError, connect};
use super::health::{Readiness, Sync, serve_health, serve_metrics};
use super::leader::{Candidate, LeadershipLost, identity, lease_name};
use super::listen::ListenAddress;
use super::probe::{SelectorError, wait_for_kinds};
use super::signals::Signals;
use super::{Settings, hostname};
use crate::cluster::Shared;
use crate::events::{Delivery, Events};
use crate::metrics::Metrics;

#[cfg(test)]
mod tests;

/// The version of the program.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How many notices wait to be told.
const NOTICES: usize = 1000;

/// How long work that was abandoned may take to let go.
const LETTING_GO: Duration = Duration::from_secs(2);

/// How long the last events may take.
const LAST_EVENTS: Duration = Duration::from_secs(3);

/// How work is told to end.
#[derive(Clone, Debug, Default)]
pub struct Ending {
    /// Nothing new is begun, and what is under way is finished; the work returns after that.
    pub stop: CancellationToken,
    /// The time for that is over: what is under way is dropped.
    pub abandon: CancellationToken,
}

/// What the controllers are given.
#[derive(Debug)]
pub struct Work {
    /// To be told by the controllers of repositories, policies and automations when they know all objects.
    pub synced: [Sync; 3],
    /// How it ends.
    pub ending: Ending,
}

/// Why the program ends with an error.
#[derive(Debug, Error)]
pub enum RunError {
    /// Signals cannot be received.
    #[error("cannot listen for signals")]
    Signals(#[source] io::Error),
    /// An address of a flag cannot be listened on.
    #[error("cannot listen on {flag}")]
    Listen {
        /// The flag.
        flag: &'static str,
        /// What the kernel says.
        #[source]
        source: io::Error,
    },
    /// Health or metrics can no longer be served.
    #[error("cannot serve health and metrics any more")]
    Serve(#[source] io::Error),
    /// The API server cannot be found.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The label selector is none.
    #[error(transparent)]
    Selector(#[from] SelectorError),
    /// Events cannot be posted.
    #[error("no HTTP client can be made for --events-addr")]
    Events(#[source] reqwest::Error),
    /// Another instance may work now.
    #[error(transparent)]
    Leadership(#[from] LeadershipLost),
    /// The controllers ended without being told to.
    #[error("the controllers ended by themselves")]
    WorkEnded,
    /// The controllers panicked.
    #[error("the controllers failed")]
    WorkFailed(#[source] JoinError),
    /// A second signal came before all was over.
    #[error("ended at once by a second {0}")]
    Interrupted(&'static str),
}

/// Runs the program until it is told to end by SIGTERM or SIGINT.
///
/// `work` is called when all is there and this instance leads. The second signal drops everything at once; so does
/// the loss of the lease. Whoever gets an error back should end the process without waiting for threads.
///
/// # Errors
///
/// When the program cannot go on: see [`RunError`].
pub async fn run<W, F>(settings: Settings, work: W) -> Result<(), RunError>
where
    W: FnOnce(Arc<Shared>, Work) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let mut signals = Signals::new().map_err(RunError::Signals)?;
    let (metrics, readiness) = (Metrics::new(VERSION), Readiness::default());
    info!(version = VERSION, "starting");
    let mut servers = serve(&settings, &metrics, &readiness).await?;
    let client = connect(&settings.access).await?;
    let stop = CancellationToken::new();
    let life = Life {
        client,
        metrics,
        readiness: readiness.clone(),
        stop: stop.clone(),
    };
    let mut life = pin!(life.live(settings, work));
    loop {
        tokio::select! {
            ended = &mut life => return ended,
            signal = signals.next() => {
                if stop.is_cancelled() {
                    return Err(RunError::Interrupted(signal));
                }
                info!(signal, "ending");
                readiness.end();
                stop.cancel();
            }
            Some(served) = servers.join_next() => {
                let served = served.map_err(io::Error::other).flatten();
                return Err(RunError::Serve(served.err().unwrap_or_else(|| io::ErrorKind::Other.into())));
            }
        }
    }
}

/// Begins to serve health and metrics, and logs where.
async fn serve(
    settings: &Settings,
    metrics: &Metrics,
    readiness: &Readiness,
) -> Result<JoinSet<io::Result<()>>, RunError> {
    let mut servers = JoinSet::new();
    if let Some(listener) = listen("--health-addr", &settings.health_addr).await? {
        servers.spawn(serve_health(listener, readiness.clone()));
    }
    if let Some(listener) = listen("--metrics-addr", &settings.metrics_addr).await? {
        servers.spawn(serve_metrics(listener, metrics.clone()));
    }
    Ok(servers)
}

async fn listen(
    flag: &'static str,
    address: &ListenAddress,
) -> Result<Option<TcpListener>, RunError> {
    let failed = |source| RunError::Listen { flag, source };
    let listener = address.bind().await.map_err(failed)?;
    if let Some(listener) = &listener {
        let address = listener.local_addr().map_err(failed)?;
        info!(flag, %address, "listening");
    }
    Ok(listener)
}

/// The part of the program that talks to the API server.
struct Life {
    client: Client,
    metrics: Metrics,
    readiness: Readiness,
    /// The end was asked for.
    stop: CancellationToken,
}

impl Life {
    async fn live<W, F>(self, settings: Settings, work: W) -> Result<(), RunError>
    where
        W: FnOnce(Arc<Shared>, Work) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        tokio::select! {
            found = wait_for_kinds(&self.client, &settings.options) => found?,
            () = self.stop.cancelled() => return Ok(()),
        }
        let mut candidate = self.candidate(&settings);
        if let Some(candidate) = &mut candidate {
            self.readiness.wait_for_leadership();
            tokio::select! {
                () = candidate.acquire() => {}
                () = self.stop.cancelled() => return Ok(()),
            }
        }
        let (events, queue) = Events::new(NOTICES);
        let (client, metrics) = (self.client.clone(), self.metrics.clone());
        let address = settings.events_addr;
        let delivery = Delivery::begin(&events, queue, client, address, hostname(), metrics);
        let delivery = delivery.map_err(RunError::Events)?;
        let shared = Shared {
            client: self.client.clone(),
            options: Arc::new(settings.options),
            events,
            metrics: self.metrics.clone(),
        };
        let grace = settings.graceful_shutdown_timeout;
        let working = self.supervise(Arc::new(shared), grace, work);
        let worked = match &mut candidate {
            None => working.await,
            Some(candidate) => tokio::select! {
                lost = candidate.keep() => Err(RunError::Leadership(lost)),
                worked = working => worked,
            },
        };
        // A lease that was lost is not given away, and there is no time then.
        worked?;
        let release = async {
            if let Some(candidate) = &mut candidate {
                candidate.release().await;
            }
        };
        // Together, so that neither takes time from the other.
        tokio::join!(release, delivery.finish(LAST_EVENTS));
        info!("ended");
        Ok(())
    }

    fn candidate(&self, settings: &Settings) -> Option<Candidate> {
        let namespace = settings.runtime_namespace.as_deref();
        let namespace = namespace.unwrap_or(self.client.default_namespace());
        Some(Candidate::new(
            self.client.clone(),
            namespace,
            lease_name(settings.options.label_selector.as_deref()),
            identity(&hostname()),
            settings.election?,
            self.metrics.clone(),
        ))
    }

    /// Works until the end was asked for, and gives what is under way its time.
    async fn supervise<W, F>(
        &self,
        shared: Arc<Shared>,
        grace: Duration,
        work: W,
    ) -> Result<(), RunError>
    where
        W: FnOnce(Arc<Shared>, Work) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        let ending = Ending {
            stop: self.stop.clone(),
            abandon: CancellationToken::new(),
        };
        // Whatever drops this future abandons the work, also what runs on other tasks and threads.
        let abandon = ending.abandon.clone().drop_guard();
        let synced = self.readiness.begin();
        // On a task of its own, so that a busy controller does not keep the lease from being renewed.
        let working = tokio::spawn(work(shared, Work { synced, ending }));
        let mut working = AbortOnDropHandle::new(working);
        tokio::select! {
            ended = &mut working => {
                ended.map_err(RunError::WorkFailed)?;
                return match self.stop.is_cancelled() {
                    true => Ok(()),
                    false => Err(RunError::WorkEnded),
                };
            }
            () = self.stop.cancelled() => {}
        }
        if let Ok(ended) = timeout(grace, &mut working).await {
            return ended.map_err(RunError::WorkFailed);
        }
        warn!("work under way is abandoned: it took longer than --graceful-shutdown-timeout");
        drop(abandon);
        if timeout(LETTING_GO, working).await.is_err() {
            warn!("abandoned work did not let go");
        }
        Ok(())
    }
}
