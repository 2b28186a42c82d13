//! Signatures of commits, by an OpenPGP or an SSH key of a Secret.

mod openpgp;
mod ssh;

use std::fmt;

use api::automation::SigningKeyType;
use jiff::Timestamp;
use pgp::composed::SignedSecretKey;
use pgp::types::KeyDetails as _;
use russh::keys::{HashAlg, PrivateKey};
use thiserror::Error;

use super::repository::BoxError;
use crate::secret::SecretData;

pub use openpgp::OpenPgpError;
pub use ssh::SshKeyError;

/// A private key that signs commits, decrypted.
pub struct SigningKey(Key);

enum Key {
    OpenPgp(Box<SignedSecretKey>),
    Ssh(Box<PrivateKey>),
}

/// Why a Secret gives no signing key; the texts are Flux's. None holds anything of the key.
#[derive(Debug, Error)]
pub enum SigningError {
    /// There is no such Secret.
    #[error("could not find signing key secret '{secret}'")]
    NoSecret {
        /// Its name.
        secret: String,
        /// Who says so.
        #[source]
        source: BoxError,
    },
    /// It has no OpenPGP key.
    #[error("signing key secret '{0}' does not contain a 'git.asc' key")]
    NoOpenPgpKey(String),
    /// It has no SSH key.
    #[error("signing key secret '{0}' does not contain an 'identity' key")]
    NoSshKey(String),
    /// What should be an OpenPGP key is none.
    #[error("could not read signing key from secret '{secret}'")]
    OpenPgp {
        /// The Secret's name.
        secret: String,
        /// Why.
        #[source]
        source: OpenPgpError,
    },
    /// There are several OpenPGP keys.
    #[error(
        "multiple entities read from secret '{0}', could not determine which signing key to use"
    )]
    SeveralKeys(String),
    /// The key is encrypted, and there is nothing to decrypt it with.
    #[error(
        "can not use passphrase protected signing key without '{field}' field present in secret {secret}"
    )]
    Locked {
        /// The Secret's name.
        secret: String,
        /// The key that is missing in it: `passphrase` or `password`.
        field: &'static str,
    },
    /// The OpenPGP key cannot be decrypted.
    #[error("could not decrypt private key of the signing key present in secret {secret}")]
    Unlock {
        /// The Secret's name.
        secret: String,
        /// Why.
        #[source]
        source: OpenPgpError,
    },
    /// The SSH key cannot be used.
    #[error("could not parse SSH signing key from secret '{secret}'")]
    Ssh {
        /// The Secret's name.
        secret: String,
        /// Why.
        #[source]
        source: SshKeyError,
    },
}

/// Why a commit could not be signed.
#[derive(Debug, Error)]
pub enum SignError {
    /// The OpenPGP key has no part that may sign now.
    #[error("openpgp: invalid argument: no valid signing keys: {0}")]
    NoValidKey(&'static str),
    /// The OpenPGP key cannot do it.
    #[error("openpgp: cannot sign")]
    OpenPgp(#[source] Box<pgp::errors::Error>),
    /// The SSH key cannot do it.
    #[error("ssh: cannot sign")]
    Ssh(#[source] russh::keys::ssh_key::Error),
}

impl SigningKey {
    /// Takes the key out of the data of a Secret called `secret`.
    ///
    /// Decrypting an OpenPGP key may take a second of CPU time by the will of who made it: async callers use
    /// `spawn_blocking`.
    ///
    /// # Errors
    ///
    /// When there is no key, or more than one, or it cannot be read or decrypted.
    pub fn from_secret(
        kind: SigningKeyType,
        secret: &str,
        data: &SecretData,
    ) -> Result<Self, SigningError> {
        let key = match kind {
            SigningKeyType::Gpg => Key::OpenPgp(Box::new(openpgp::from_secret(secret, data)?)),
            SigningKeyType::Ssh => Key::Ssh(Box::new(ssh::from_secret(secret, data)?)),
        };
        Ok(Self(key))
    }

    /// Signs a commit at the given time, which is now; returns the armored signature.
    ///
    /// # Errors
    ///
    /// When an OpenPGP key has expired or was revoked, or the key is of a kind that cannot sign.
    pub fn sign(&self, commit: &[u8], time: Timestamp) -> Result<String, SignError> {
        match &self.0 {
            Key::OpenPgp(key) => openpgp::sign(key, commit, time),
            Key::Ssh(key) => ssh::sign(key, commit),
        }
    }

    /// Returns what [`NewCommit::signer`](super::NewCommit::signer) takes, for a commit made at the given time.
    pub fn signer(&self, time: Timestamp) -> impl Fn(&[u8]) -> Result<String, BoxError> + '_ {
        move |commit| Ok(self.sign(commit, time)?)
    }
}

/// Names the key by its fingerprint, without anything secret.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Key::OpenPgp(key) => write!(f, "OpenPgp({})", key.primary_key.fingerprint()),
            Key::Ssh(key) => write!(f, "Ssh({})", key.fingerprint(HashAlg::Sha256)),
        }
    }
}
