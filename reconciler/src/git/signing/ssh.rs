//! SSH signatures, as `ssh-keygen -Y sign -n git` makes them.

use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::public::KeyData;
use russh::keys::{HashAlg, PrivateKey};
use thiserror::Error;

use super::super::private_key::{self, KeyError};
use super::{SignError, SigningError};
use crate::secret::SecretData;

/// What Git calls its signatures among those of other programs.
const NAMESPACE: &str = "git";

/// Shorter RSA keys sign what OpenSSH then refuses to verify.
const MIN_RSA_BITS: u32 = 2048;

/// Why an SSH key cannot sign commits; the texts are Flux's.
#[derive(Debug, Error)]
pub enum SshKeyError {
    /// It cannot be read or decrypted.
    #[error("could not parse SSH signing key")]
    Parse(#[source] KeyError),
    /// It is an RSA key that is too short.
    #[error(
        "RSA key size {bits} bits is below the minimum supported by NewSSHSigner; must be at least {MIN_RSA_BITS}"
    )]
    Short {
        /// Its length.
        bits: u32,
    },
    /// It is of a kind that cannot sign here, such as one that lives in a token.
    #[error("unsupported SSH signing key algorithm: {0}")]
    Algorithm(String),
}

pub(super) fn from_secret(secret: &str, data: &SecretData) -> Result<PrivateKey, SigningError> {
    let identity = data
        .get("identity")
        .ok_or_else(|| SigningError::NoSshKey(secret.to_owned()))?;
    let password = data.get("password").filter(|value| !value.is_empty());
    let text = String::from_utf8_lossy(identity);
    let key = private_key::parse(&text, password.map(Vec::as_slice));
    let key = key.map_err(SshKeyError::Parse).and_then(|key| {
        check(&key)?;
        Ok(key)
    });
    key.map_err(|source| match source {
        SshKeyError::Parse(KeyError::Encrypted) => SigningError::Locked {
            secret: secret.to_owned(),
            field: "password",
        },
        source => SigningError::Ssh {
            secret: secret.to_owned(),
            source,
        },
    })
}

fn check(key: &PrivateKey) -> Result<(), SshKeyError> {
    match key.public_key().key_data() {
        KeyData::Ed25519(_) | KeyData::Ecdsa(_) => Ok(()),
        KeyData::Rsa(public) if public.key_size() >= MIN_RSA_BITS => Ok(()),
        KeyData::Rsa(public) => Err(SshKeyError::Short {
            bits: public.key_size(),
        }),
        _ => Err(SshKeyError::Algorithm(key.algorithm().to_string())),
    }
}

pub(super) fn sign(key: &PrivateKey, commit: &[u8]) -> Result<String, SignError> {
    let signature = key
        .sign(NAMESPACE, HashAlg::Sha512, commit)
        .map_err(SignError::Ssh)?;
    signature.to_pem(LineEnding::LF).map_err(SignError::Ssh)
}
