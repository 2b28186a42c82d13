//! Certificate authorities and client certificates of a registry.

use std::fmt;

use rustls::RootCertStore;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use secrecy::{ExposeSecret as _, SecretSlice};
use sha2::{Digest as _, Sha256};

use crate::secret::SecretData;

/// What TLS connections trust and show. `Debug` shows no key.
#[derive(Clone, Default)]
pub struct TlsOptions {
    authorities: Vec<CertificateDer<'static>>,
    /// Certificate chain and key in one PEM text.
    identity: Option<SecretSlice<u8>>,
    warnings: Vec<String>,
}

/// Why the TLS part of a Secret cannot be used. Texts are those users know from Flux.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// Certificate without key, or key without certificate.
    #[error("secret '{secret}' contains '{present}' but missing '{absent}'")]
    Unpaired {
        /// Namespace and name.
        secret: String,
        /// The key that is there.
        present: &'static str,
        /// The key that is not.
        absent: &'static str,
    },
    /// None of the keys is there.
    #[error("secret '{secret}' must contain either 'ca.crt' or both 'tls.crt' and 'tls.key'")]
    Empty {
        /// Namespace and name.
        secret: String,
    },
    /// No certificate can be read from the authority's text.
    #[error("failed to parse CA certificate")]
    Authority,
    /// Certificate and key cannot be read, or do not belong together.
    #[error("failed to parse TLS certificate and key: {0}")]
    Pair(String),
}

impl TlsOptions {
    /// Reads `ca.crt`, `tls.crt` and `tls.key` (or `caFile`, `certFile`, `keyFile`) of a Secret.
    ///
    /// `secret` is `namespace/name`, for messages. Empty values count as absent, and
    /// the standard key wins over the legacy one.
    ///
    /// # Errors
    ///
    /// When neither authority nor pair is there, the pair is incomplete, or nothing can be parsed.
    pub fn from_secret_data(secret: &str, data: &SecretData) -> Result<Self, TlsError> {
        let mut options = Self::default();
        let mut read = |standard: &str, legacy: &str| {
            let value = |key: &str| data.get(key).filter(|value| !value.is_empty());
            if value(standard).is_none() && value(legacy).is_some() {
                options.warnings.push(format!(
                    "secret '{secret}': '{legacy}' is a legacy key, use '{standard}'"
                ));
            }
            value(standard).or_else(|| value(legacy))
        };
        let authority = read("ca.crt", "caFile");
        let certificate = read("tls.crt", "certFile");
        let key = read("tls.key", "keyFile");
        let unpaired = |present, absent| TlsError::Unpaired {
            secret: secret.to_owned(),
            present,
            absent,
        };
        match (certificate, key) {
            (Some(certificate), Some(key)) => {
                options.identity = Some(read_identity(certificate, key)?);
            }
            (Some(_), None) => return Err(unpaired("tls.crt", "tls.key")),
            (None, Some(_)) => return Err(unpaired("tls.key", "tls.crt")),
            (None, None) if authority.is_none() => {
                return Err(TlsError::Empty {
                    secret: secret.to_owned(),
                });
            }
            (None, None) => {}
        }
        if let Some(authority) = authority {
            options.authorities = read_authorities(authority)?;
        }
        Ok(options)
    }

    /// What is odd about the Secret, one sentence each.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Trusts the authorities besides the system's, and shows the client certificate.
    ///
    /// # Errors
    ///
    /// Passes on what reqwest refuses; what this type holds has been parsed before.
    pub fn apply(
        &self,
        mut builder: reqwest::ClientBuilder,
    ) -> reqwest::Result<reqwest::ClientBuilder> {
        let roots = self
            .authorities
            .iter()
            .map(|root| reqwest::Certificate::from_der(root));
        let roots = roots.collect::<reqwest::Result<Vec<_>>>()?;
        if !roots.is_empty() {
            builder = builder.tls_certs_merge(roots);
        }
        if let Some(identity) = &self.identity {
            builder = builder.identity(reqwest::Identity::from_pem(identity.expose_secret())?);
        }
        Ok(builder)
    }

    /// A digest that tells options apart and tells nothing about the key.
    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for authority in &self.authorities {
            hash.update((authority.len() as u64).to_le_bytes());
            hash.update(authority);
        }
        hash.update([u8::from(self.identity.is_some())]);
        if let Some(identity) = &self.identity {
            hash.update(identity.expose_secret());
        }
        hash.finalize().into()
    }
}

impl fmt::Debug for TlsOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsOptions")
            .field("authorities", &self.authorities.len())
            .field("identity", &self.identity.as_ref().map(|_| "(..)"))
            .finish_non_exhaustive()
    }
}

/// Reads a bundle. As in Go, parts that are no certificates are passed over while one is left.
fn read_authorities(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let mut store = RootCertStore::empty();
    let sections = CertificateDer::pem_slice_iter(pem).filter_map(Result::ok);
    let usable: Vec<_> = sections
        .filter(|one| store.add(one.clone()).is_ok())
        .collect();
    if usable.is_empty() {
        Err(TlsError::Authority)
    } else {
        Ok(usable)
    }
}

/// Checks that both texts parse and belong together, and joins them.
fn read_identity(certificate: &[u8], key: &[u8]) -> Result<SecretSlice<u8>, TlsError> {
    let pair = |fault: &dyn fmt::Display| TlsError::Pair(fault.to_string());
    let chain = CertificateDer::pem_slice_iter(certificate).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|fault| pair(&format_args!("certificate: {fault}")))?;
    if chain.is_empty() {
        return Err(pair(
            &"tls: failed to find any PEM data in certificate input",
        ));
    }
    // The fault of a key may quote it, so it is not passed on.
    let private = PrivateKeyDer::from_pem_slice(key)
        .map_err(|_| pair(&"tls: failed to find any PEM data in key input"))?;
    CertifiedKey::from_der(
        chain.clone(),
        private.clone_key(),
        &ring::default_provider(),
    )
    .map_err(|fault| pair(&fault))?;
    Ok(SecretSlice::from([certificate, b"\n", key].concat()))
}
