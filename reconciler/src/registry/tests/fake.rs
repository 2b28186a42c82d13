//! A registry that answers what a test tells it to, or does not.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, Method, Response, StatusCode};
use axum::serve::Listener;
use base64::Engine as _;
use engine::image::Repository;
use futures::{StreamExt as _, stream};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// Whether the request shows this user name and password.
    pub(super) fn shows(&self, username: &str, password: &str) -> bool {
        self.header("authorization") == basic(username, password)
    }
}

pub(super) fn basic(username: &str, password: &str) -> String {
    let encoded =
        base64::engine::general_purpose::STANDARD.encode(format!("{username}:{password}"));
    format!("Basic {encoded}")
}

/// What the registry does with a request.
pub(super) enum Act {
    Answer(Response<Body>),
    /// Sends the head and half of the body, then hangs up.
    CutOff(&'static str),
    /// Hangs up without a word.
    HangUp,
    /// Never answers.
    Silence,
}

/// An answer with a status, headers and a body.
pub(super) fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Act {
    let builder = headers.iter().fold(
        Response::builder().status(status),
        |builder, (name, value)| builder.header(*name, *value),
    );
    Act::Answer(builder.body(Body::from(body.to_owned())).unwrap())
}

pub(super) fn ok(body: &str) -> Act {
    answer(200, &[], body)
}

/// A running registry. It stops with the test.
pub(super) struct Fake {
    pub(super) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    server: JoinHandle<()>,
}

impl Fake {
    /// Serves plain HTTP. `/v2/` is answered 200 unless `act` is told to see it: see [`Self::start_raw`].
    pub(super) async fn start(act: impl Fn(&Seen) -> Act + Send + Sync + 'static) -> Self {
        Self::start_raw(move |seen| {
            if seen.path == "/v2/" {
                ok("{}")
            } else {
                act(seen)
            }
        })
        .await
    }

    /// As [`Self::start`], at an address that does not look local.
    pub(super) async fn start_far(act: impl Fn(&Seen) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.2:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        Self::serve(listener, address, act)
    }

    /// Serves plain HTTP; `act` sees the ping too.
    pub(super) async fn start_raw(act: impl Fn(&Seen) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        Self::serve(listener, address, act)
    }

    /// Serves HTTPS with what the acceptor shows and demands.
    pub(super) async fn start_tls(
        acceptor: TlsAcceptor,
        act: impl Fn(&Seen) -> Act + Send + Sync + 'static,
    ) -> Self {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        Self::serve(TlsListener { tcp, acceptor }, address, act)
    }

    /// As [`Self::start_tls`], at an address that does not look local.
    pub(super) async fn start_far_tls(
        acceptor: TlsAcceptor,
        act: impl Fn(&Seen) -> Act + Send + Sync + 'static,
    ) -> Self {
        let tcp = TcpListener::bind("127.0.0.2:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        Self::serve(TlsListener { tcp, acceptor }, address, act)
    }

    fn serve<L>(
        listener: L,
        address: SocketAddr,
        act: impl Fn(&Seen) -> Act + Send + Sync + 'static,
    ) -> Self
    where
        L: Listener,
        L::Addr: std::fmt::Debug,
    {
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let (log, act) = (Arc::clone(&seen), Arc::new(act));
        let router = Router::new().fallback(move |request: Request| {
            let (log, act) = (Arc::clone(&log), Arc::clone(&act));
            async move {
                let request = read(request).await;
                log.lock().unwrap().push(request.clone());
                match act(&request) {
                    Act::Answer(response) => response,
                    Act::CutOff(half) => cut_off(half),
                    Act::HangUp => hang_up(),
                    Act::Silence => std::future::pending().await,
                }
            }
        });
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            address,
            seen,
            server,
        }
    }

    /// `path` at this registry, as an image names it.
    pub(super) fn repository(&self, path: &str) -> Repository {
        Repository::parse(&format!("{}/{path}", self.address)).unwrap()
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// All requests so far.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Method, path and query of all requests so far.
    pub(super) fn lines(&self) -> Vec<String> {
        let line = |seen: &Seen| {
            let mark = if seen.query.is_empty() { "" } else { "?" };
            format!("{} {}{mark}{}", seen.method, seen.path, seen.query)
        };
        self.seen().iter().map(line).collect()
    }

    /// How many requests so far were for this path.
    pub(super) fn count(&self, path: &str) -> usize {
        self.seen().iter().filter(|seen| seen.path == path).count()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn read(request: Request) -> Seen {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    Seen {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    }
}

fn hang_up() -> Response<Body> {
    // The fault comes before the head is sent.
    Response::new(Body::from_stream(stream::once(std::future::ready(Err::<
        &str,
        _,
    >(
        std::io::Error::other("hang up"),
    )))))
}

fn cut_off(half: &'static str) -> Response<Body> {
    let hang_up = async {
        // The half has to be on its way before the connection goes.
        tokio::time::sleep(Duration::from_millis(20)).await;
        Err(std::io::Error::other("hang up"))
    };
    let pieces = stream::once(std::future::ready(Ok(half))).chain(stream::once(hang_up));
    Response::builder()
        .status(StatusCode::OK)
        .body(Body::from_stream(pieces))
        .unwrap()
}

struct TlsListener {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = self.tcp.accept().await.unwrap();
            // A client that does not trust us hangs up here.
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}
