//! JSON web tokens, signed with RSA and SHA-256.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::SignatureScheme;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::sign::SigningKey;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::error::CloudError;

/// An RSA key that signs tokens. `Debug` shows nothing of it.
#[derive(Clone)]
pub(super) struct RsaKey(Arc<dyn SigningKey>);

impl RsaKey {
    /// Reads a private key in PEM, PKCS#1 or PKCS#8.
    pub(super) fn parse(pem: &[u8]) -> Result<Self, CloudError> {
        // The fault of a key may quote it, so it is not passed on.
        let key = PrivateKeyDer::from_pem_slice(pem)
            .map_err(|_| CloudError::PrivateKey("no PEM of a private key found"))?;
        let key = any_supported_type(&key)
            .map_err(|_| CloudError::PrivateKey("no RSA key of 2048 to 8192 bits found"))?;
        match key.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]) {
            Some(_) => Ok(Self(key)),
            None => Err(CloudError::PrivateKey("not an RSA key")),
        }
    }

    /// Makes a token of claims; `key_id` goes into its header.
    pub(super) fn sign(
        &self,
        key_id: Option<&str>,
        claims: &Value,
    ) -> Result<SecretString, CloudError> {
        let mut header = json!({"alg": "RS256", "typ": "JWT"});
        if let Some(id) = key_id {
            header["kid"] = id.into();
        }
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(&header), encode(claims));
        let unable = CloudError::PrivateKey("it cannot sign with RSA and SHA-256");
        let signer = self.0.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]);
        let signature = signer.and_then(|signer| signer.sign(signed.as_bytes()).ok());
        let signature = signature.ok_or(unable)?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)).into())
    }
}

impl fmt::Debug for RsaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RsaKey(..)")
    }
}
