//! The servers of all clouds, on loopback: one that speaks HTTPS behind a proxy, and a plain one for the node and Kubernetes.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, Response};
use axum::serve::Listener;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use reqwest::Url;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::cloud::{CacheLimits, CloudLogins, Environment, ServiceAccounts};
use crate::git;
use crate::metrics::Metrics;
use crate::registry::{ProxyChoice, ProxyOptions, TlsOptions};
use crate::secret::SecretData;

/// The hosts the HTTPS server has a certificate for.
const HOSTS: [&str; 17] = [
    "127.0.0.1",
    "sts.eu-central-1.amazonaws.com",
    "sts.eu-west-1.amazonaws.com",
    "sts.us-east-1.amazonaws.com",
    "sts.cn-north-1.amazonaws.com.cn",
    "api.ecr.eu-central-1.amazonaws.com",
    "api.ecr.eu-west-1.amazonaws.com",
    "api.ecr.cn-north-1.amazonaws.com.cn",
    "api.ecr-public.us-east-1.amazonaws.com",
    "login.microsoftonline.com",
    "acme.azurecr.io",
    "acme.azurecr.private",
    "sts.googleapis.com",
    "iamcredentials.googleapis.com",
    "oauth2.googleapis.com",
    "api.github.com",
    "github.acme.example",
];

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(in crate::cloud) struct Seen {
    pub(in crate::cloud) method: String,
    /// The host it was for.
    pub(in crate::cloud) host: String,
    pub(in crate::cloud) path: String,
    pub(in crate::cloud) query: String,
    pub(in crate::cloud) headers: HeaderMap,
    pub(in crate::cloud) body: String,
}

impl Seen {
    /// Method, host and path.
    pub(in crate::cloud) fn line(&self) -> String {
        format!("{} {}{}", self.method, self.host, self.path)
    }

    pub(in crate::cloud) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The fields of the form that was posted.
    pub(in crate::cloud) fn form(&self) -> BTreeMap<String, String> {
        assert_eq!(
            self.header("content-type"),
            "application/x-www-form-urlencoded"
        );
        fields(&self.body)
    }

    pub(in crate::cloud) fn parameters(&self) -> BTreeMap<String, String> {
        fields(&self.query)
    }

    pub(in crate::cloud) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

fn fields(text: &str) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(text.as_bytes())
        .into_owned()
        .collect()
}

/// An answer: status and body.
pub(in crate::cloud) type Answer = (u16, String);

pub(in crate::cloud) fn ok(body: impl ToString) -> Answer {
    (200, body.to_string())
}

pub(in crate::cloud) fn nothing() -> Answer {
    (404, r#"{"message":"Not Found"}"#.to_owned())
}

/// All the servers. They stop with the test.
pub(in crate::cloud) struct World {
    seen: Arc<Mutex<Vec<Seen>>>,
    ca: String,
    proxy: SocketAddr,
    plain: SocketAddr,
    servers: [JoinHandle<()>; 2],
}

impl World {
    /// Starts them; `act` answers whatever they are asked.
    pub(in crate::cloud) async fn start(
        act: impl Fn(&Seen) -> Answer + Send + Sync + 'static,
    ) -> Self {
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let (log, act) = (Arc::clone(&seen), Arc::new(act));
        let router = Router::new().fallback(move |request: Request| {
            let (log, act) = (Arc::clone(&log), Arc::clone(&act));
            async move {
                let request = read(request).await;
                log.lock().unwrap().push(request.clone());
                let (status, body) = act(&request);
                let kind = if body.starts_with('{') {
                    "application/json"
                } else {
                    "text/xml"
                };
                let answer = Response::builder()
                    .status(status)
                    .header("content-type", kind)
                    .header("www-authenticate", "Basic realm=\"registry\"");
                answer.body(Body::from(body)).unwrap()
            }
        });
        let (acceptor, ca) = certificate();
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = tcp.local_addr().unwrap();
        let plain_tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let plain = plain_tcp.local_addr().unwrap();
        let behind = router.clone();
        let servers = [
            tokio::spawn(
                async move { axum::serve(Proxy { tcp, acceptor }, behind).await.unwrap() },
            ),
            tokio::spawn(async move { axum::serve(plain_tcp, router).await.unwrap() }),
        ];
        Self {
            seen,
            ca,
            proxy,
            plain,
            servers,
        }
    }

    /// The address of the plain server.
    pub(in crate::cloud) fn plain(&self) -> String {
        format!("http://{}", self.plain)
    }

    /// Host and port of the plain server.
    pub(in crate::cloud) fn plain_host(&self) -> String {
        self.plain.to_string()
    }

    /// Logins in this world, whose Kubernetes is the plain server too.
    pub(in crate::cloud) fn logins(&self, environment: &[(&str, &str)]) -> CloudLogins {
        let config = kube::Config::new(self.plain().parse().unwrap());
        let client = kube::Client::try_from(config).unwrap();
        let environment: Environment = environment.iter().copied().collect();
        let accounts = Some(ServiceAccounts::new(client));
        CloudLogins::new(
            environment,
            accounts,
            CacheLimits::default(),
            Metrics::new("0"),
        )
        .unwrap()
    }

    pub(in crate::cloud) fn tls(&self) -> TlsOptions {
        let data = SecretData::from([("ca.crt".to_owned(), self.ca.clone().into_bytes())]);
        TlsOptions::from_secret_data("apps/ca", &data).unwrap()
    }

    pub(in crate::cloud) fn proxy(&self) -> ProxyChoice {
        ProxyChoice::Through(ProxyOptions::new(self.proxy_url(), None))
    }

    pub(in crate::cloud) fn git_tls(&self) -> git::Tls {
        git::Tls {
            ca: Some(self.ca.clone().into_bytes()),
            identity: None,
        }
    }

    pub(in crate::cloud) fn git_proxy(&self) -> git::Proxy {
        git::Proxy {
            address: self.proxy_url(),
            login: None,
        }
    }

    fn proxy_url(&self) -> Url {
        Url::parse(&format!("http://{}", self.proxy)).unwrap()
    }

    /// All requests since this was last called.
    pub(in crate::cloud) fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }

    /// The lines of all requests since this was last called.
    pub(in crate::cloud) fn lines(&self) -> Vec<String> {
        self.seen().iter().map(Seen::line).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for server in &self.servers {
            server.abort();
        }
    }
}

async fn read(request: Request) -> Seen {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let host = head
        .headers
        .get("host")
        .map(|host| host.to_str().unwrap().to_owned());
    // HTTP/2 has the host in the address.
    let host = host.or_else(|| head.uri.authority().map(ToString::to_string));
    Seen {
        method: head.method.to_string(),
        host: host.unwrap_or_default(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    }
}

/// A certificate for all hosts, and the authority to be trusted.
fn certificate() -> (TlsAcceptor, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(HOSTS.map(str::to_owned)).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), authority.pem())
}

/// A proxy that leads to one server, whatever host is asked for.
struct Proxy {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
}

impl Proxy {
    async fn connect(&self, mut stream: TcpStream) -> Option<TlsStream<TcpStream>> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.ok()?);
        }
        if !head.starts_with(b"CONNECT ") {
            return None;
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok()?;
        // A client that does not trust us hangs up here.
        self.acceptor.accept(stream).await.ok()
    }
}

impl Listener for Proxy {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = self.tcp.accept().await.unwrap();
            if let Some(stream) = self.connect(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}
