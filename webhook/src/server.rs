//! Connections: taken one by one, kept as long as the API server likes, and given up in order when the program ends.
//!
//! A connection costs one of a fixed number of places, so whoever holds one without using it has to go: see [`Limits`].

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use crate::metrics::{Handshake, Metrics};

mod pulse;
#[cfg(test)]
mod tests;

use pulse::{Phase, Pulse, Pulsing};

/// How long nothing is taken after that failed.
const RECOVERY: Duration = Duration::from_millis(100);
/// Places are scarce when one of so many is left.
const SCARCE: usize = 8;
/// The longest head of a request, in bytes. The API server's have a few hundred.
const HEAD: usize = 16 * 1024;
/// The most that is read at once, in bytes.
const BUFFER: usize = 32 * 1024;

/// What one caller may use of what others need too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most connections at a time; the next ones wait until one ends. The API server keeps 25 to each host.
    pub connections: usize,
    /// How long a handshake may take; twice that where places are not scarce, since a busy API server gives up after 10
    /// seconds.
    pub handshake: Duration,
    /// How long the head of a request may take from its first byte. Where places are scarce, also how long nothing may
    /// be asked at first.
    pub head: Duration,
    /// How long a connection may be without a request. The API server gives one up after 90 seconds, and must be the
    /// one that does: a request on a connection that was just closed is not sent again. It also dials connections that
    /// it has no use for yet.
    pub idle: Duration,
    /// How long a request may take from the end of its head to its answer. The API server waits for 30 seconds at most.
    pub request: Duration,
    /// How long it may take until an answer is taken.
    pub answer: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1000,
            handshake: Duration::from_secs(5),
            head: Duration::from_secs(5),
            idle: Duration::from_secs(150),
            request: Duration::from_secs(35),
            answer: Duration::from_secs(5),
        }
    }
}

impl Limits {
    fn are_scarce(&self, room: &Semaphore) -> bool {
        room.available_permits() <= self.connections / SCARCE
    }

    fn of(&self, phase: Phase, room: &Semaphore) -> Duration {
        match phase {
            Phase::Fresh if self.are_scarce(room) => self.head,
            Phase::Fresh | Phase::Idle => self.idle,
            Phase::Head => self.head,
            Phase::Request => self.request,
            Phase::Answer => self.answer,
        }
    }
}

/// How the program ends, in three steps.
#[derive(Clone, Debug, Default)]
pub struct Ending {
    /// No connection is kept for another request, and new ones are still taken: endpoints are removed late.
    pub drain: CancellationToken,
    /// None is taken any more.
    pub stop: CancellationToken,
}

impl Ending {
    fn has_begun(&self) -> bool {
        self.drain.is_cancelled() || self.stop.is_cancelled()
    }
}

/// What is served, and how.
#[derive(Clone, Debug)]
pub struct Server {
    /// What is asked.
    pub router: Router,
    /// How connections are secured; `None` if they are not.
    pub security: Option<Arc<ServerConfig>>,
    /// What is counted.
    pub metrics: Metrics,
    /// When it ends.
    pub ending: Ending,
    /// What one caller may use.
    pub limits: Limits,
}

impl Server {
    /// Serves until the end, and then until all connections are done, but no longer than `grace`.
    pub async fn serve(self, listener: TcpListener, grace: Duration) {
        let acceptor = self.security.clone().map(TlsAcceptor::from);
        let room = Arc::new(Semaphore::new(self.limits.connections));
        let connections = TaskTracker::new();
        loop {
            let taken = tokio::select! {
                () = self.ending.stop.cancelled() => break,
                taken = take(&listener, &room) => taken,
            };
            match taken {
                Ok((stream, permit)) => {
                    let place = Place {
                        room: Arc::clone(&room),
                        _permit: permit,
                    };
                    connections.spawn(self.clone().run(stream, acceptor.clone(), place));
                }
                Err(error) if is_of_one(&error) => debug!(%error, "a connection was gone"),
                Err(error) => {
                    // Mostly the kernel has no more descriptors; connections that end give some back.
                    warn!(%error, "cannot take a connection");
                    sleep(RECOVERY).await;
                }
            }
        }
        drop(listener);
        connections.close();
        if timeout(grace, connections.wait()).await.is_err() {
            warn!(
                left = connections.len(),
                "some connections did not end in time"
            );
        }
    }

    async fn run(self, stream: TcpStream, acceptor: Option<TlsAcceptor>, place: Place) {
        // An answer is one small write, which must not wait for an acknowledgement.
        let _ = stream.set_nodelay(true);
        let Some(acceptor) = acceptor else {
            return self.speak(stream, place).await;
        };
        // Also at the end: whoever dials has something to ask.
        let mut accepting = pin!(acceptor.accept(stream));
        let mut shaken = timeout(self.limits.handshake, &mut accepting).await;
        if shaken.is_err() && !self.limits.are_scarce(&place.room) {
            shaken = timeout(self.limits.handshake, accepting).await;
        }
        let handshake = match &shaken {
            Ok(Ok(_)) => Handshake::Done,
            Ok(Err(error)) if is_of_one(error) => Handshake::GivenUp,
            Ok(Err(_)) => Handshake::Failed,
            Err(_) => Handshake::Late,
        };
        self.metrics.handshake(handshake);
        match shaken {
            Ok(Ok(stream)) => self.speak(stream, place).await,
            Ok(Err(error)) => debug!(%error, "handshake failed"),
            Err(_) => debug!("handshake took too long"),
        }
    }

    async fn speak<S: AsyncRead + AsyncWrite + Unpin>(self, stream: S, place: Place) {
        let pulse = Arc::new(Pulse::new());
        let service = TowerToHyperService::new(self.router);
        let (seen, ending) = (Arc::clone(&pulse), self.ending.clone());
        let service = service_fn(move |request| {
            seen.enter(Phase::Request);
            let (seen, ending) = (Arc::clone(&seen), ending.clone());
            let answer = service.call(request);
            async move {
                let mut answer = answer.await?;
                if ending.has_begun() {
                    let close = HeaderValue::from_static("close");
                    answer.headers_mut().insert(CONNECTION, close);
                }
                seen.enter(Phase::Answer);
                Ok::<_, std::convert::Infallible>(answer)
            }
        });
        let stream = Pulsing::new(stream, Arc::clone(&pulse));
        let connection = http1::Builder::new()
            // Who has said all and listens still gets the answer.
            .half_close(true)
            .max_header_size(HEAD)
            .max_buf_size(BUFFER)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        let mut look = pin!(sleep_until(Instant::now() + self.limits.head));
        let mut is_stopped = false;
        let ended = loop {
            tokio::select! {
                ended = &mut connection => break ended,
                () = &mut look => {
                    let (phase, passed) = pulse.read();
                    let left = self.limits.of(phase, &place.room).saturating_sub(passed);
                    if left.is_zero() {
                        if phase != Phase::Idle {
                            self.metrics.rejected("slow");
                        }
                        return debug!(?phase, "connection took too long");
                    }
                    // It may begin with something shorter in the meantime.
                    look.as_mut().reset(Instant::now() + left.min(self.limits.head));
                }
                () = self.ending.stop.cancelled(), if !is_stopped => {
                    is_stopped = true;
                    // Of one that has begun to ask, or was dialled just now and will, the answer is the end.
                    let (phase, passed) = pulse.read();
                    let will_ask = phase == Phase::Fresh && passed < self.limits.head;
                    if phase != Phase::Head && !will_ask {
                        connection.as_mut().graceful_shutdown();
                    }
                }
            }
        };
        if let Err(error) = ended {
            debug!(%error, "connection failed");
        }
    }
}

/// What a connection takes from others.
struct Place {
    room: Arc<Semaphore>,
    _permit: OwnedSemaphorePermit,
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

/// Whether a connection failed because its caller went away, which says nothing of others.
fn is_of_one(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(
        error.kind(),
        BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof
    )
}
