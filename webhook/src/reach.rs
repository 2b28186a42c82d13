//! Whether callers reach this server: they trust whoever signed what it serves, and it has answered itself as it would
//! answer them.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, InvalidDnsNameError, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tracing::{debug, info, warn};

use crate::chain::Chain;
use crate::tls::Leaf;

#[cfg(test)]
mod tests;

/// How long the server may take to answer itself.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long after a failure it is asked again.
const AGAIN: Duration = Duration::from_millis(250);
/// How long after an answer it is asked again, if nothing has changed.
const ROUND: Duration = Duration::from_secs(30);
/// What it is asked.
const QUESTION: &[u8] = b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
/// What it has to answer.
const ANSWER: &[u8] = b"HTTP/1.1 200 ";

/// What is known of the way from callers to this server. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Reach(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    known: Mutex<Known>,
    has_answered: AtomicBool,
    changed: Notify,
}

#[derive(Clone, Debug, Default)]
struct Known {
    trust: Option<Trust>,
    /// The certificate of the authority that signed what is served, in PEM; empty if somebody else looks after that.
    signer: Option<String>,
}

/// How a caller knows that it talks to this server.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Trust {
    /// By these authorities, in PEM, and this name.
    Bundle(String, String),
    /// Somebody else tells callers, so only the certificate itself is known here.
    Given,
}

/// Why the server has not answered itself.
#[derive(Debug, thiserror::Error)]
enum ProbeError {
    #[error("it took too long")]
    Late,
    #[error("connection failed")]
    Connection(#[from] io::Error),
    #[error("no authority can be read that is trusted")]
    Roots(#[source] rustls::server::VerifierBuilderError),
    #[error("its name is none")]
    Name(#[from] InvalidDnsNameError),
    #[error("it answered something else")]
    Answer,
}

impl ProbeError {
    /// Whether callers would fare no better; a server that is slow is only slow.
    fn is_final(&self) -> bool {
        match self {
            Self::Late => false,
            Self::Connection(error) => error.kind() == io::ErrorKind::InvalidData,
            Self::Roots(_) | Self::Name(_) | Self::Answer => true,
        }
    }
}

impl Reach {
    /// Whoever calls trusts these authorities, and calls the server by this name.
    pub fn trusted(&self, bundle: &str, name: Option<&String>) {
        let name = name.map_or("localhost", String::as_str);
        let trust = Trust::Bundle(bundle.to_owned(), name.to_owned());
        self.change(|known| known.trust = Some(trust));
    }

    /// Another certificate is served, which this authority signed.
    pub fn served(&self, signer: &str) {
        self.change(|known| known.signer = Some(signer.to_owned()));
        // Whatever was known of the one before says nothing of this one.
        self.0.changed.notify_one();
    }

    /// Another certificate is served, which somebody else has given, and looks after whom callers trust.
    pub fn given(&self) {
        self.change(|known| {
            *known = Known {
                trust: Some(Trust::Given),
                signer: Some(String::new()),
            };
        });
        self.0.changed.notify_one();
    }

    fn change(&self, change: impl FnOnce(&mut Known)) {
        let mut known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut known);
    }

    fn known(&self) -> Known {
        let known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.clone()
    }

    /// What is missing, or `None` if callers reach the server.
    pub fn missing(&self) -> Option<&'static str> {
        let known = self.known();
        let Some(signer) = known.signer else {
            return Some("there is no certificate yet");
        };
        match known.trust {
            None => Some("webhook configurations do not trust the authority yet"),
            Some(Trust::Bundle(bundle, _)) if !bundle.contains(&signer) => {
                Some("webhook configurations do not trust the authority that signs")
            }
            _ if !self.0.has_answered.load(Ordering::Relaxed) => {
                Some("the server has not answered itself over TLS yet")
            }
            _ => None,
        }
    }

    /// Has the server at `address` answer itself again and again, for ever.
    pub async fn probe(self, address: SocketAddr, leaf: Leaf) {
        loop {
            let wait = match self.ask(address, &leaf).await {
                None => AGAIN,
                Some(Ok(())) => {
                    if !self.0.has_answered.swap(true, Ordering::Relaxed) {
                        info!("the server answers itself over TLS");
                    }
                    ROUND
                }
                Some(Err(error)) if error.is_final() => {
                    if self.0.has_answered.swap(false, Ordering::Relaxed) {
                        warn!(error = %Chain(&error), "the server does not answer itself over TLS any more");
                    }
                    AGAIN
                }
                Some(Err(error)) => {
                    debug!(error = %Chain(&error), "the server is slow to answer itself");
                    AGAIN
                }
            };
            tokio::select! {
                () = sleep(wait) => {}
                () = self.0.changed.notified() => {}
            }
        }
    }

    /// Asks once, as callers do; `None` if it is not known yet how they do.
    async fn ask(&self, address: SocketAddr, leaf: &Leaf) -> Option<Result<(), ProbeError>> {
        let trust = self.known().trust?;
        let asked = match &trust {
            Trust::Bundle(bundle, name) => match verifier(bundle) {
                Ok(verifier) => exchange(address, verifier, name).await,
                Err(error) => Err(error),
            },
            Trust::Given => {
                let expected = leaf.chain().into_iter().next()?;
                exchange(address, Arc::new(Exactly::new(expected)), "localhost").await
            }
        };
        Some(asked)
    }
}

/// Trusts the authorities of a bundle, in PEM.
fn verifier(bundle: &str) -> Result<Arc<dyn ServerCertVerifier>, ProbeError> {
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_slice_iter(bundle.as_bytes());
    roots.add_parsable_certificates(certificates.filter_map(Result::ok));
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
    Ok(verifier.map_err(ProbeError::Roots)?)
}

async fn exchange(
    address: SocketAddr,
    verifier: Arc<dyn ServerCertVerifier>,
    name: &str,
) -> Result<(), ProbeError> {
    let name = ServerName::try_from(name.to_owned())?;
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring knows the versions that are the default")
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    let talk = async {
        let stream = TcpStream::connect(reachable(address)).await?;
        let connector = TlsConnector::from(Arc::new(config));
        let mut stream = connector.connect(name, stream).await?;
        stream.write_all(QUESTION).await?;
        let mut answer = [0; ANSWER.len()];
        stream.read_exact(&mut answer).await?;
        match answer == ANSWER {
            true => Ok(()),
            false => Err(ProbeError::Answer),
        }
    };
    timeout(PATIENCE, talk)
        .await
        .map_err(|_| ProbeError::Late)?
}

/// An address that can be called, of one that is listened on.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Trusts one certificate and no other. Whether the server has its key, the handshake tells.
#[derive(Debug)]
struct Exactly {
    expected: CertificateDer<'static>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Exactly {
    fn new(expected: CertificateDer<'static>) -> Self {
        Self {
            expected,
            algorithms: ring::default_provider().signature_verification_algorithms,
        }
    }
}

impl ServerCertVerifier for Exactly {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match *end_entity == self.expected {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(CertificateError::ApplicationVerificationFailure.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
