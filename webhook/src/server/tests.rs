use std::net::SocketAddr;

use axum::routing::get;
use jiff::Timestamp;
use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream as ClientStream;

use super::*;
use crate::certificates::Authority;
use crate::policies::Policies;
use crate::tls::Leaf;

const NAME: &str = "imgauto-webhook.imgauto-system.svc";

struct Running {
    address: SocketAddr,
    ending: Ending,
    metrics: Metrics,
    leaf: Leaf,
    authority: Authority,
    served: tokio::task::JoinHandle<()>,
}

impl Running {
    async fn start(router: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (ending, metrics, leaf) = (Ending::default(), Metrics::new(), Leaf::default());
        let authority = Authority::new(Timestamp::now()).unwrap();
        let served = serve(
            listener,
            leaf.config(),
            router,
            metrics.clone(),
            ending.clone(),
            Duration::from_secs(5),
        );
        let running = Self {
            address,
            ending,
            metrics,
            leaf,
            authority,
            served: tokio::spawn(served),
        };
        running.serve_signed_by(&running.authority);
        running
    }

    fn serve_signed_by(&self, authority: &Authority) {
        let issued = authority
            .issue(&[NAME.to_owned()], Timestamp::now())
            .unwrap();
        let (chain, key) = (issued.certificate.as_bytes(), issued.key.as_bytes());
        self.leaf.serve(chain, key).unwrap();
    }

    /// Connects as the API server does.
    async fn connect(&self, trusted: &Authority) -> std::io::Result<ClientStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        let certificate = CertificateDer::from_pem_slice(trusted.certificate.as_bytes());
        roots.add(certificate.unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from(NAME).unwrap();
        TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
    }

    fn counted(&self, line: &str) -> bool {
        let text = self
            .metrics
            .text(&Policies::default(), std::time::Instant::now());
        text.unwrap().lines().any(|found| found == line)
    }
}

/// Sends a request and reads the answer to its end, which is its body.
async fn ask(stream: &mut ClientStream<TcpStream>, body: &str) -> std::io::Result<String> {
    let request = format!(
        "GET / HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await?;
    let (mut answer, mut piece) = (String::new(), [0; 1024]);
    while !answer.ends_with("ok") {
        match stream.read(&mut piece).await? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            length => answer.push_str(&String::from_utf8_lossy(&piece[..length])),
        }
    }
    Ok(answer)
}

fn router() -> Router {
    Router::new().route("/", get(|| async { "ok" }))
}

#[tokio::test]
async fn connections_are_kept_while_certificates_change() {
    let server = Running::start(router()).await;
    let mut first = server.connect(&server.authority).await.unwrap();
    assert!(
        ask(&mut first, "")
            .await
            .unwrap()
            .starts_with("HTTP/1.1 200")
    );
    let next = Authority::new(Timestamp::now()).unwrap();
    server.serve_signed_by(&next);
    ask(&mut first, "").await.expect("it stays");
    let mut second = server.connect(&next).await.unwrap();
    ask(&mut second, "").await.unwrap();
    assert!(
        server.connect(&server.authority).await.is_err(),
        "it is another certificate"
    );
    assert!(server.counted(r#"imgauto_tls_handshakes_total{result="ok"} 2"#));
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
    let server = Running::start(Router::new().route("/", slow)).await;
    let mut stream = server.connect(&server.authority).await.unwrap();
    let mut idle = server.connect(&server.authority).await.unwrap();
    let asked = tokio::spawn(async move { ask(&mut stream, "").await });
    begun.notified().await;
    server.ending.stop.cancel();
    assert_eq!(
        idle.read(&mut [0; 8]).await.unwrap_or(0),
        0,
        "nothing is under way there"
    );
    finish.notify_one();
    assert!(asked.await.unwrap().unwrap().starts_with("HTTP/1.1 200"));
    server.served.await.unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn who_does_not_speak_tls_or_says_nothing_is_let_go() {
    let server = Running::start(router()).await;
    let mut plain = TcpStream::connect(server.address).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    while !server.counted(r#"imgauto_tls_handshakes_total{result="failed"} 1"#) {
        tokio::task::yield_now().await;
    }
    let mut silent = server.connect(&server.authority).await.unwrap();
    let begun = std::time::Instant::now();
    assert_eq!(silent.read(&mut [0; 8]).await.unwrap_or(0), 0);
    assert!(begun.elapsed() >= FIRST_REQUEST - Duration::from_millis(500));
}
