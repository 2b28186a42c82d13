//! One accept loop for all servers of the harness.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock, mpsc};

use axum::Router;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinHandle, JoinSet};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("harness")
        .enable_all()
        .build()
        .expect("the system gives threads to the harness")
});

/// Runs a future on the harness's runtime and waits for it; works inside other runtimes too.
pub fn wait<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
    let (sender, receiver) = mpsc::sync_channel(1);
    RUNTIME.spawn(async move { sender.send(future.await) });
    receiver
        .recv()
        .expect("the harness's own work does not panic")
}

/// Has a future run on the harness's runtime, until its end or until it is aborted.
pub(crate) fn spawn(future: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    RUNTIME.spawn(future)
}

/// A socket on loopback whose connections end when this is dropped.
pub(crate) struct Listening {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Listening {
    /// Hands every connection to `handle`.
    pub(crate) fn start<F, Fut>(handle: F) -> Self
    where
        F: Fn(TcpStream) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let listener = wait(TcpListener::bind("127.0.0.1:0")).expect("loopback has a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let accepting = RUNTIME.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                        // As all servers do: held back, the end of an answer waits for a delayed acknowledgement.
                        stream.set_nodelay(true).ok();
                        connections.spawn(handle(stream));
                    },
                    Some(_) = connections.join_next() => {}
                }
            }
        });
        Self { address, accepting }
    }

    /// Serves HTTP/1.1, or HTTPS if `tls` is given.
    pub(crate) fn http(router: Router, tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        Self::start(move |stream| {
            let (router, tls) = (router.clone(), tls.clone());
            async move {
                let Some(tls) = tls else {
                    return serve_connection(stream, router).await;
                };
                if let Ok(stream) = tokio_rustls::TlsAcceptor::from(tls).accept(stream).await {
                    serve_connection(stream, router).await;
                }
            }
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.accepting.abort();
        // The port must be closed for good when the test goes on.
        while !self.accepting.is_finished() {
            std::thread::yield_now();
        }
    }
}

async fn serve_connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
) {
    let service = TowerToHyperService::new(router);
    // A client that goes away in the middle is what some tests are about.
    hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await
        .ok();
}
