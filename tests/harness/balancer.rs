//! One address for several servers, as a Service has it: new connections go to those that are ready, and who is not ready
//! any more still gets some until that is known everywhere.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::serve::{Listening, spawn};

/// How often readiness is asked for.
const PERIOD: Duration = Duration::from_millis(100);

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long after it was found unready a server still gets connections.
pub const LAG: Duration = Duration::from_millis(500);

/// A balancer on loopback. Connections that are up stay with their server, whatever becomes of it.
pub struct Balancer {
    listening: Listening,
    shared: Arc<Shared>,
    asking: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    endpoints: Mutex<Vec<Endpoint>>,
    turn: AtomicUsize,
}

struct Endpoint {
    server: SocketAddr,
    health: SocketAddr,
    /// Since when it has not been ready, if it ever was.
    state: State,
}

#[derive(Clone, Copy)]
enum State {
    Unknown,
    Ready,
    UnreadySince(Instant),
}

impl Balancer {
    /// Starts a balancer that knows of no server yet; whoever connects then is let go.
    pub fn start() -> Self {
        let shared = Arc::new(Shared::default());
        let state = Arc::clone(&shared);
        let listening = Listening::start(move |mut client| {
            let state = Arc::clone(&state);
            async move {
                let Some(server) = state.next() else { return };
                // A side that goes away ends the other; there is nobody to tell.
                if let Ok(mut server) = TcpStream::connect(server).await {
                    server.set_nodelay(true).ok();
                    copy_bidirectional(&mut client, &mut server).await.ok();
                }
            }
        });
        let state = Arc::clone(&shared);
        let asking = spawn(async move { state.ask().await });
        Self {
            listening,
            shared,
            asking,
        }
    }

    /// The one address.
    pub fn address(&self) -> SocketAddr {
        self.listening.address()
    }

    /// Sends connections to a server too, once `health` says at `/readyz` that it is ready.
    pub fn add(&self, server: SocketAddr, health: SocketAddr) {
        let mut endpoints = self.shared.endpoints.lock().expect("no holder panics");
        endpoints.push(Endpoint {
            server,
            health,
            state: State::Unknown,
        });
    }

    /// Forgets a server.
    pub fn remove(&self, server: SocketAddr) {
        let mut endpoints = self.shared.endpoints.lock().expect("no holder panics");
        endpoints.retain(|endpoint| endpoint.server != server);
    }

    /// Whether new connections may go to a server.
    pub fn serves(&self, server: SocketAddr) -> bool {
        self.shared.open().contains(&server)
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.asking.abort();
    }
}

impl Shared {
    fn open(&self) -> Vec<SocketAddr> {
        let endpoints = self.endpoints.lock().expect("no holder panics");
        let open = endpoints.iter().filter(|endpoint| match endpoint.state {
            State::Unknown => false,
            State::Ready => true,
            State::UnreadySince(since) => since.elapsed() < LAG,
        });
        open.map(|endpoint| endpoint.server).collect()
    }

    fn next(&self) -> Option<SocketAddr> {
        let open = self.open();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        (!open.is_empty()).then(|| open[turn % open.len()])
    }

    /// Asks all servers for their readiness, for ever.
    async fn ask(&self) {
        let client = reqwest::Client::builder().timeout(PATIENCE).build();
        let client = client.expect("a client without TLS can be made");
        loop {
            let known: Vec<_> = {
                let endpoints = self.endpoints.lock().expect("no holder panics");
                endpoints.iter().map(|endpoint| endpoint.health).collect()
            };
            let answers = known.into_iter().map(|health| {
                let request = client.get(format!("http://{health}/readyz")).send();
                async move {
                    let answer = request.await;
                    (
                        health,
                        answer.is_ok_and(|answer| answer.status().is_success()),
                    )
                }
            });
            for (health, is_ready) in futures::future::join_all(answers).await {
                let mut endpoints = self.endpoints.lock().expect("no holder panics");
                let found = endpoints
                    .iter_mut()
                    .find(|endpoint| endpoint.health == health);
                if let Some(endpoint) = found {
                    endpoint.state = endpoint.state.after(is_ready);
                }
            }
            tokio::time::sleep(PERIOD).await;
        }
    }
}

impl State {
    fn after(self, is_ready: bool) -> Self {
        match (self, is_ready) {
            (_, true) => Self::Ready,
            (Self::Ready, false) => Self::UnreadySince(Instant::now()),
            (before, false) => before,
        }
    }
}
