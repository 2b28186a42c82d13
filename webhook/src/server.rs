//! Connections: taken one by one, kept as long as the API server likes, and given up in order when the program ends.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::metrics::{Handshake, Metrics};

#[cfg(test)]
mod tests;

/// The most connections at a time. The API server keeps 25 to each host.
const CONNECTIONS: usize = 1000;
/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// How long the first request may be away.
const FIRST_REQUEST: Duration = Duration::from_secs(5);
/// How long a connection may be without a request. The API server gives one up after 90 seconds, and must be the one
/// that does: a request on a connection that was just closed is not sent again.
const IDLE: Duration = Duration::from_secs(150);
/// How long nothing is taken after that failed.
const RECOVERY: Duration = Duration::from_millis(100);

/// How the program ends, in three steps.
#[derive(Clone, Debug, Default)]
pub struct Ending {
    /// No connection is kept for another request, and new ones are still taken: endpoints are removed late.
    pub drain: CancellationToken,
    /// None is taken any more.
    pub stop: CancellationToken,
}

/// Serves until the end, and then until all connections are done, but no longer than `grace`.
pub async fn serve(
    listener: TcpListener,
    config: Arc<ServerConfig>,
    router: Router,
    metrics: Metrics,
    ending: Ending,
    grace: Duration,
) {
    let acceptor = TlsAcceptor::from(config);
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let graceful = GracefulShutdown::new();
    loop {
        let taken = tokio::select! {
            () = ending.stop.cancelled() => break,
            taken = take(&listener, &room) => taken,
        };
        match taken {
            Ok((stream, permit)) => {
                let connection = Connection {
                    acceptor: acceptor.clone(),
                    router: router.clone(),
                    metrics: metrics.clone(),
                    watcher: graceful.watcher(),
                    _permit: permit,
                };
                tokio::spawn(connection.run(stream, ending.stop.clone()));
            }
            Err(error) => {
                // Mostly the kernel has no more descriptors; connections that end give some back.
                warn!(%error, "cannot take a connection");
                sleep(RECOVERY).await;
            }
        }
    }
    drop(listener);
    if timeout(grace, graceful.shutdown()).await.is_err() {
        warn!("some connections did not end in time");
    }
}

/// Takes the next connection once there is room for it.
async fn take(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let permit = Arc::clone(room).acquire_owned().await;
    let permit = permit.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, permit))
}

struct Connection {
    acceptor: TlsAcceptor,
    router: Router,
    metrics: Metrics,
    watcher: Watcher,
    _permit: OwnedSemaphorePermit,
}

impl Connection {
    async fn run(self, stream: TcpStream, stop: CancellationToken) {
        // An answer is one small write, which must not wait for an acknowledgement.
        let _ = stream.set_nodelay(true);
        let shaken = tokio::select! {
            // Nobody has asked anything yet.
            () = stop.cancelled() => return,
            shaken = timeout(HANDSHAKE, self.acceptor.accept(stream)) => shaken,
        };
        let handshake = match &shaken {
            Ok(Ok(_)) => Handshake::Done,
            Ok(Err(_)) => Handshake::Failed,
            Err(_) => Handshake::Late,
        };
        self.metrics.handshake(handshake);
        match shaken {
            Ok(Ok(stream)) => self.speak(stream).await,
            Ok(Err(error)) => debug!(%error, "handshake failed"),
            Err(_) => debug!("handshake took too long"),
        }
    }

    async fn speak(self, stream: TlsStream<TcpStream>) {
        let asked = Arc::new(AtomicBool::new(false));
        let service = TowerToHyperService::new(self.router);
        let seen = Arc::clone(&asked);
        let service = service_fn(move |request| {
            seen.store(true, Ordering::Relaxed);
            service.call(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(IDLE)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(self.watcher.watch(connection));
        let patience = sleep(FIRST_REQUEST);
        let ended = tokio::select! {
            ended = &mut connection => ended,
            () = patience => {
                if !asked.load(Ordering::Relaxed) {
                    debug!("nothing was asked");
                    return;
                }
                connection.await
            }
        };
        if let Err(error) = ended {
            debug!(%error, "connection failed");
        }
    }
}
