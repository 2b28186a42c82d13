use std::net::SocketAddr;
use std::time::Instant as Moment;

use axum::routing::get;
use jiff::Timestamp;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream as ClientStream;

use super::*;
use crate::certificates::{Authority, Lifetimes};
use crate::policies::{Policies, Snapshot};
use crate::review::Setup;
use crate::routes::{Service, router};
use crate::tls::Leaf;

mod abuse;
mod bodies;

const NAME: &str = "imgauto-webhook.imgauto-system.svc";

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server in this process, over TLS.
struct Running {
    address: SocketAddr,
    ending: Ending,
    metrics: Metrics,
    leaf: Leaf,
    authority: Authority,
    served: tokio::task::JoinHandle<()>,
}

impl Running {
    async fn start(router: Router, metrics: Metrics, limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (ending, leaf) = (Ending::default(), Leaf::default());
        let server = Server {
            router,
            security: Some(leaf.config()),
            metrics: metrics.clone(),
            ending: ending.clone(),
            limits,
        };
        let running = Self {
            address,
            ending,
            metrics,
            leaf,
            authority: authority(),
            served: tokio::spawn(server.serve(listener, PATIENCE)),
        };
        running.serve_signed_by(&running.authority);
        running
    }

    /// The real service, which knows that there are no policies.
    async fn webhook(limits: Limits) -> Self {
        let (policies, metrics) = (Policies::default(), Metrics::new());
        policies.publish(Snapshot::default());
        let service = Service::new(Setup::default(), policies, metrics.clone());
        Self::start(router(Arc::new(service)), metrics, limits).await
    }

    fn serve_signed_by(&self, authority: &Authority) {
        let names = [NAME.to_owned(), "127.0.0.1".to_owned()];
        let issued = authority.issue(&names, Timestamp::now(), &Lifetimes::DEFAULT);
        let issued = issued.unwrap();
        let (chain, key) = (issued.certificate.as_bytes(), issued.key.as_bytes());
        self.leaf.serve(chain, key).unwrap();
    }

    /// Connects as the API server does.
    async fn connect(&self) -> ClientStream<TcpStream> {
        self.connect_trusting(&self.authority).await.unwrap()
    }

    async fn connect_trusting(&self, authority: &Authority) -> io::Result<ClientStream<TcpStream>> {
        self.shake(NAME, client(authority)).await
    }

    async fn shake(
        &self,
        name: &'static str,
        config: ClientConfig,
    ) -> io::Result<ClientStream<TcpStream>> {
        let stream = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from(name).unwrap();
        TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
    }

    /// Waits until a line stands in the metrics.
    async fn counts(&self, line: &str) {
        let begun = Moment::now();
        loop {
            let text = self.metrics.text(&Policies::default(), Moment::now());
            let text = text.unwrap();
            if text.lines().any(|found| found == line) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{line}\n{text}");
            tokio::task::yield_now().await;
        }
    }

    async fn rejects(&self, reason: &str) {
        let line = format!("imgauto_admission_rejected_total{{reason=\"{reason}\"}} 1");
        self.counts(&line).await;
    }

    async fn shakes(&self, result: &str) {
        let line = format!("imgauto_tls_handshakes_total{{result=\"{result}\"}} 1");
        self.counts(&line).await;
    }

    /// Whatever has happened: who asks in order gets an answer.
    async fn is_well(&self) {
        let mut stream = self.connect().await;
        let answer = ask(&mut stream, "/livez", "").await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

fn authority() -> Authority {
    Authority::new(Timestamp::now(), &Lifetimes::DEFAULT).unwrap()
}

fn client(trusted: &Authority) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(trusted.certificate.as_bytes());
    roots.add(certificate.unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// Sends a request and reads its answer.
async fn ask<S>(stream: &mut S, path: &str, headers: &str) -> io::Result<String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await?;
    hear(stream).await
}

/// Reads one answer: its head, and as much of a body as that says.
async fn hear<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<String> {
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&answer).to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).await?;
    answer.extend(body);
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Waits for the end of a connection on which nothing is said.
async fn ends<S: AsyncRead + Unpin>(mut stream: S) {
    let mut rest = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
    // With or without a farewell.
    let _ = read.expect("it ends");
    assert!(!rest.starts_with(b"HTTP/1.1 200"), "{rest:?}");
}

fn plain() -> Router {
    Router::new().route("/", get(|| async { "ok" }))
}

#[tokio::test]
async fn connections_are_kept_while_certificates_change() {
    let server = Running::start(plain(), Metrics::new(), Limits::default()).await;
    let mut first = server.connect().await;
    let answer = ask(&mut first, "/", "").await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"));
    let next = authority();
    server.serve_signed_by(&next);
    ask(&mut first, "/", "").await.expect("it stays");
    let mut second = server.connect_trusting(&next).await.unwrap();
    ask(&mut second, "/", "").await.unwrap();
    let old = server.connect_trusting(&server.authority).await;
    assert!(old.is_err(), "it is another certificate");
    server
        .counts(r#"imgauto_tls_handshakes_total{result="ok"} 2"#)
        .await;
}

#[tokio::test]
async fn while_it_drains_each_answer_is_the_last_of_its_connection() {
    let server = Running::start(plain(), Metrics::new(), Limits::default()).await;
    let mut kept = server.connect().await;
    let answer = ask(&mut kept, "/", "").await.unwrap();
    assert!(!answer.contains("connection: close"), "{answer}");
    server.ending.drain.cancel();
    for mut stream in [kept, server.connect().await] {
        let answer = ask(&mut stream, "/", "").await.unwrap();
        assert!(answer.contains("connection: close"), "{answer}");
        ends(stream).await;
    }
    let mut lost = server.connect().await;
    let answer = ask(&mut lost, "/nothing", "").await.unwrap();
    assert!(answer.contains("404") && answer.contains("connection: close"));
}

#[tokio::test]
async fn what_is_under_way_is_finished_at_the_end() {
    let begun = Arc::new(tokio::sync::Notify::new());
    let finish = Arc::new(tokio::sync::Notify::new());
    let (told, wait) = (Arc::clone(&begun), Arc::clone(&finish));
    let slow = get(move || async move {
        told.notify_one();
        wait.notified().await;
        "ok"
    });
    let router = plain().route("/slow", slow);
    let server = Running::start(router, Metrics::new(), Limits::default()).await;
    let (mut stream, mut idle) = (server.connect().await, server.connect().await);
    let mut fresh = server.connect().await;
    ask(&mut idle, "/", "").await.unwrap();
    let asked = tokio::spawn(async move { ask(&mut stream, "/slow", "").await });
    begun.notified().await;
    server.ending.stop.cancel();
    ends(idle).await;
    let answer = ask(&mut fresh, "/", "").await.unwrap();
    assert!(answer.contains("connection: close"), "who dialled may ask");
    ends(fresh).await;
    finish.notify_one();
    assert!(asked.await.unwrap().unwrap().starts_with("HTTP/1.1 200"));
    server.served.await.unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}
