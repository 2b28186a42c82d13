//! Authorities, and the certificates they sign.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

use super::{AUTHORITY_LIFE, LEAF_LIFE, SKEW};

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
    /// Makes a new one.
    ///
    /// # Errors
    ///
    /// When there is no randomness.
    pub fn new(now: Timestamp) -> Result<Self, AuthorityError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        // Two of them stand beside each other in a bundle, and are told apart by their names.
        params
            .distinguished_name
            .push(DnType::CommonName, format!("{NAME} {}", now.as_second()));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let not_after = valid(&mut params, now, AUTHORITY_LIFE);
        Ok(Self {
            certificate: params.self_signed(&key)?.pem(),
            key: key.serialize_pem(),
            not_after,
        })
    }

    /// Signs a certificate for a server of these names. Its key is new, and is nowhere else.
    ///
    /// # Errors
    ///
    /// When the authority cannot be read, or a name is none.
    pub fn issue(&self, names: &[String], now: Timestamp) -> Result<Issued, AuthorityError> {
        let issuer = Issuer::from_ca_cert_pem(&self.certificate, KeyPair::from_pem(&self.key)?)?;
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(names.to_vec())?;
        let name = names.first().cloned().unwrap_or_default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let not_after = valid(&mut params, now, LEAF_LIFE);
        Ok(Issued {
            certificate: params.signed_by(&key, &issuer)?.pem(),
            key: key.serialize_pem(),
            not_after,
        })
    }
}

/// Makes a certificate count from a little before `now`, and returns until when.
fn valid(params: &mut CertificateParams, now: Timestamp, life: Duration) -> Timestamp {
    let epoch = date_time_ymd(1970, 1, 1);
    let seconds = u64::try_from(now.as_second()).unwrap_or_default();
    let now = Duration::from_secs(seconds);
    params.not_before = epoch + now.saturating_sub(SKEW);
    params.not_after = epoch + now + life;
    let end = i64::try_from((now + life).as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_second(end).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::Leaf;

    #[test]
    fn what_is_issued_can_be_served() {
        let now = Timestamp::now();
        let authority = Authority::new(now).unwrap();
        let issued = authority.issue(&["a.b.svc".to_owned()], now).unwrap();
        let leaf = Leaf::default();
        leaf.serve(issued.certificate.as_bytes(), issued.key.as_bytes())
            .unwrap();
        assert!(leaf.is_there());
        let other = Authority::new(now).unwrap();
        let error = leaf.serve(issued.certificate.as_bytes(), other.key.as_bytes());
        assert!(error.is_err(), "another key");
        assert!(!format!("{authority:?}{issued:?}").contains("PRIVATE"));
    }

    #[test]
    fn an_authority_that_cannot_be_read_issues_nothing() {
        let mut authority = Authority::new(Timestamp::now()).unwrap();
        authority.certificate = "nonsense".to_owned();
        assert!(authority.issue(&[], Timestamp::now()).is_err());
    }
}
