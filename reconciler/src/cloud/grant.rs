//! What a login yields.

use std::fmt;

use jiff::Timestamp;
use secrecy::SecretString;

/// A name with its secret, good until it expires: AWS keys, a bearer token, or a user with a password.
///
/// `Debug` shows when it ends and nothing else.
#[derive(Clone)]
pub(super) struct Grant {
    /// The access key of AWS, or a user name; empty for bearer tokens.
    pub(super) name: String,
    /// The secret key, token or password.
    pub(super) secret: SecretString,
    /// The session token that goes with temporary keys of AWS.
    pub(super) session: Option<SecretString>,
    /// When it ends.
    pub(super) expires: Timestamp,
}

impl Grant {
    /// A user name with its password.
    pub(super) fn login(name: &str, password: impl Into<SecretString>, expires: Timestamp) -> Self {
        Self {
            name: name.to_owned(),
            secret: password.into(),
            session: None,
            expires,
        }
    }

    /// A bearer token.
    pub(super) fn token(token: impl Into<SecretString>, expires: Timestamp) -> Self {
        Self::login("", token, expires)
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Grant(until {})", self.expires)
    }
}
