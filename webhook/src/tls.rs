//! The certificate that is served, which can be exchanged at any moment.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use jiff::Timestamp;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::{Error as PemError, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// The certificate that is served, shared by all connections. Clones share it.
#[derive(Clone, Default)]
pub struct Leaf(Arc<ArcSwapOption<CertifiedKey>>);

/// A certificate and a key that cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum LeafError {
    /// One of them is no PEM, or holds nothing.
    #[error("certificate or key cannot be read")]
    Pem(#[source] PemError),
    /// They do not belong together, or are of a kind that is not known.
    #[error("certificate and key cannot be used together")]
    Pair(#[source] rustls::Error),
    /// The certificate does not say until when it counts.
    #[error("the end of the certificate cannot be read")]
    End,
}

impl Leaf {
    /// Serves a certificate with what it is signed by, in PEM, and its key, from now on; returns when it ends.
    /// Connections that are up stay.
    ///
    /// # Errors
    ///
    /// When the two do not fit; then the certificate that was served stays.
    pub fn serve(&self, chain: &[u8], key: &[u8]) -> Result<Timestamp, LeafError> {
        let pair = pair(chain, key)?;
        let end = not_after(&pair.cert)?;
        self.0.store(Some(Arc::new(pair)));
        Ok(end)
    }

    /// Whether there is one to serve.
    pub fn is_there(&self) -> bool {
        self.0.load().is_some()
    }

    /// The certificate that is served, and after it those it is signed by; empty if there is none.
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        let pair = self.0.load();
        pair.as_ref()
            .map(|pair| pair.cert.clone())
            .unwrap_or_default()
    }

    /// How connections are taken.
    pub fn config(&self) -> Arc<ServerConfig> {
        let provider = Arc::new(ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring knows the versions that are the default");
        let mut config = config
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(self.clone()));
        // What the API server speaks to a Service, whatever else is offered.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Arc::new(config)
    }
}

/// Reads certificates and a key, in PEM, that belong together.
pub(crate) fn pair(chain: &[u8], key: &[u8]) -> Result<CertifiedKey, LeafError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(chain)
        .collect::<Result<_, _>>()
        .map_err(LeafError::Pem)?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(LeafError::Pem)?;
    CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(LeafError::Pair)
}

/// When the first certificate of a chain ends.
pub(crate) fn not_after(chain: &[CertificateDer<'_>]) -> Result<Timestamp, LeafError> {
    let first = chain.first().ok_or(LeafError::End)?;
    let (_, certificate) =
        x509_parser::parse_x509_certificate(first).map_err(|_| LeafError::End)?;
    let end = certificate.validity().not_after.timestamp();
    Timestamp::from_second(end).map_err(|_| LeafError::End)
}

impl ResolvesServerCert for Leaf {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.load_full()
    }
}

impl fmt::Debug for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Leaf").field(&self.is_there()).finish()
    }
}
