//! Authorities, and the certificates they sign.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

use super::{Lifetimes, SKEW};
use crate::tls::{LeafError, not_after, pair};

#[cfg(test)]
mod tests;

/// What authorities call themselves.
const NAME: &str = "imgauto-webhook-ca";

/// A certificate that signs others, with its key.
#[derive(Clone, PartialEq, Eq)]
pub struct Authority {
    /// The certificate, in PEM.
    pub certificate: String,
    /// The key, in PEM.
    pub key: String,
    /// When the certificate ends.
    pub not_after: Timestamp,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority")
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

/// A certificate that is served, with its key.
#[derive(Clone)]
pub struct Issued {
    /// The certificate, in PEM.
    pub certificate: String,
    /// The key, in PEM.
    pub key: String,
    /// When the certificate ends.
    pub not_after: Timestamp,
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued")
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

/// No certificate can be made.
#[derive(Debug, thiserror::Error)]
#[error("no certificate can be made")]
pub struct AuthorityError(#[from] rcgen::Error);

impl Authority {
    /// Makes a new one that lives as long as `lives` says.
    ///
    /// # Errors
    ///
    /// When there is no randomness.
    pub fn new(now: Timestamp, lives: &Lifetimes) -> Result<Self, AuthorityError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        // Two of them stand beside each other in a bundle, and are told apart by their names.
        params
            .distinguished_name
            .push(DnType::CommonName, format!("{NAME} {}", now.as_second()));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let not_after = end(now, lives.authority);
        valid(&mut params, now, not_after);
        Ok(Self {
            certificate: params.self_signed(&key)?.pem(),
            key: key.serialize_pem(),
            not_after,
        })
    }

    /// Reads one that was written down.
    ///
    /// # Errors
    ///
    /// When one of the two cannot be read, or the key is another one's.
    pub fn read(certificate: String, key: String) -> Result<Self, LeafError> {
        let pair = pair(certificate.as_bytes(), key.as_bytes())?;
        Ok(Self {
            not_after: not_after(&pair.cert)?,
            certificate,
            key,
        })
    }

    /// Signs a certificate for a server of these names. Its key is new, and is nowhere else; it does not outlive the
    /// authority.
    ///
    /// # Errors
    ///
    /// When the authority cannot be read, or a name is none.
    pub fn issue(
        &self,
        names: &[String],
        now: Timestamp,
        lives: &Lifetimes,
    ) -> Result<Issued, AuthorityError> {
        let issuer = Issuer::from_ca_cert_pem(&self.certificate, KeyPair::from_pem(&self.key)?)?;
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(names.to_vec())?;
        let name = names.first().cloned().unwrap_or_default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let not_after = end(now, lives.leaf).min(self.not_after);
        valid(&mut params, now, not_after);
        Ok(Issued {
            certificate: params.signed_by(&key, &issuer)?.pem(),
            key: key.serialize_pem(),
            not_after,
        })
    }
}

/// When what is made now ends, to the second.
fn end(now: Timestamp, life: Duration) -> Timestamp {
    let life = i64::try_from(life.as_secs()).unwrap_or(i64::MAX);
    let end = now.as_second().saturating_add(life);
    Timestamp::from_second(end).unwrap_or(Timestamp::MAX)
}

/// Makes a certificate count from a little before `now` until `not_after`.
fn valid(params: &mut CertificateParams, now: Timestamp, not_after: Timestamp) {
    let epoch = date_time_ymd(1970, 1, 1);
    let since_epoch = |time: Timestamp| {
        let seconds = u64::try_from(time.as_second()).unwrap_or_default();
        Duration::from_secs(seconds)
    };
    params.not_before = epoch + since_epoch(now).saturating_sub(SKEW);
    params.not_after = epoch + since_epoch(not_after);
}
