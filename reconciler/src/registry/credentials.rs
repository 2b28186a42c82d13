//! What a registry is shown, and the keychain that chooses it for an image.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::secret::SecretData;

use super::auth_key::{AuthKey, Reading};

/// One credential of a registry. `Debug` shows nothing of it.
#[derive(Clone)]
pub struct Credential {
    pub(super) login: Option<(String, SecretString)>,
    pub(super) identity_token: Option<SecretString>,
    pub(super) registry_token: Option<SecretString>,
}

impl Credential {
    /// A user name with its password.
    pub fn login(username: impl Into<String>, password: impl Into<String>) -> Self {
        let password = SecretString::from(password.into());
        Self {
            login: Some((username.into(), password)),
            identity_token: None,
            registry_token: None,
        }
    }

    /// An OAuth2 refresh token, exchanged for access tokens at the registry's token server.
    pub fn identity_token(token: impl Into<String>) -> Self {
        let token = Some(SecretString::from(token.into()));
        Self {
            login: None,
            identity_token: token,
            registry_token: None,
        }
    }

    /// A bearer token the registry takes as it is.
    pub fn registry_token(token: impl Into<String>) -> Self {
        let token = Some(SecretString::from(token.into()));
        Self {
            login: None,
            identity_token: None,
            registry_token: token,
        }
    }

    /// A digest that differs between credentials and tells nothing about them.
    pub(super) fn fingerprint(&self) -> [u8; 32] {
        let (username, password) = match &self.login {
            Some((username, password)) => (username.as_str(), Some(password)),
            None => ("", None),
        };
        let mut hash = Sha256::new();
        let secrets = [
            password,
            self.identity_token.as_ref(),
            self.registry_token.as_ref(),
        ];
        let parts = secrets
            .into_iter()
            .map(|secret| secret.map_or("", |s| s.expose_secret()));
        for part in std::iter::once(username).chain(parts) {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(..)")
    }
}

/// Why a docker configuration cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// The text is not JSON, or not of the expected shape. Nothing of it is quoted.
    #[error("{origin} is not a docker configuration: invalid JSON at line {line} column {column}")]
    Malformed {
        /// The Secret or file.
        origin: String,
        /// Line of the fault, from 1.
        line: usize,
        /// Column of the fault, from 1; 0 when the fault is the end of a line.
        column: usize,
    },
    /// An entry's `auth` is not base64 of `user:password`.
    #[error("{origin}: auth of \"{key}\" is not base64 of user:password")]
    Auth {
        /// The Secret or file.
        origin: String,
        /// The key in `auths`.
        key: String,
    },
    /// A Secret of a docker type lacks the key that goes with its type.
    #[error("{origin}: key '{key}' not found")]
    Missing {
        /// The Secret.
        origin: String,
        /// The key looked for.
        key: &'static str,
    },
}

/// Every credential at hand, ordered as they are tried.
#[derive(Clone, Debug, Default)]
pub struct Keychain {
    entries: Vec<Entry>,
    warnings: Vec<String>,
}

#[derive(Clone, Debug)]
struct Entry {
    key: AuthKey,
    credential: Credential,
}

impl Keychain {
    /// A keychain without credentials: everything is asked anonymously.
    pub fn anonymous() -> Self {
        Self::default()
    }

    /// Adds one credential under a key of `auths` form, such as `ghcr.io/acme`.
    ///
    /// Keys that compare equal keep the order in which they were added.
    pub fn add(&mut self, key: &str, credential: Credential) {
        let key = AuthKey::new(key);
        let at = self
            .entries
            .partition_point(|entry| entry.key.order(&key).is_le());
        self.entries.insert(at, Entry { key, credential });
    }

    /// Adds what a Secret holds; `name` is `namespace/name`, for messages.
    ///
    /// Only the types `kubernetes.io/dockerconfigjson` and `kubernetes.io/dockercfg`
    /// contribute. Any other is noted in [`Self::warnings`] and gives nothing.
    ///
    /// # Errors
    ///
    /// When the Secret lacks its key, or what it holds cannot be read.
    pub fn add_secret(
        &mut self,
        name: &str,
        kind: &str,
        data: &SecretData,
    ) -> Result<(), CredentialError> {
        let origin = format!("secret '{name}'");
        let key = match kind {
            "kubernetes.io/dockerconfigjson" => ".dockerconfigjson",
            "kubernetes.io/dockercfg" => ".dockercfg",
            _ => {
                self.warnings.push(format!(
                    "{origin} has type '{kind}' and gives no registry credentials; \
                     use kubernetes.io/dockerconfigjson"
                ));
                return Ok(());
            }
        };
        let text = data.get(key).ok_or_else(|| CredentialError::Missing {
            origin: origin.clone(),
            key,
        })?;
        let problems = match key {
            ".dockercfg" => self.add_auths(&origin, parse(&origin, text)?),
            _ => self.add_docker_config(&origin, text)?.problems,
        };
        problems.into_iter().next().map_or(Ok(()), Err)
    }

    /// Adds the `auths` of a docker or podman configuration and returns the rest of it.
    pub(super) fn add_docker_config(
        &mut self,
        origin: &str,
        text: &[u8],
    ) -> Result<DockerConfig, CredentialError> {
        let mut config: DockerConfig = parse(origin, text)?;
        let auths = std::mem::take(&mut config.auths).unwrap_or_default();
        config.hosts = auths.keys().cloned().collect();
        config.problems = self.add_auths(origin, auths);
        Ok(config)
    }

    /// Adds entries in the order they are written; returns those that cannot be read.
    fn add_auths(&mut self, origin: &str, auths: Map<String, Value>) -> Vec<CredentialError> {
        let mut problems = Vec::new();
        for (key, entry) in auths {
            let credential = AuthEntry::deserialize(entry)
                .ok()
                .and_then(AuthEntry::into_credential);
            match credential {
                None => problems.push(CredentialError::Auth {
                    origin: origin.to_owned(),
                    key,
                }),
                Some(None) => {}
                Some(Some(credential)) => {
                    self.note_oddity(origin, &key, &credential);
                    self.add(&key, credential);
                }
            }
        }
        problems
    }

    /// Records what other tools read differently from this one.
    fn note_oddity(&mut self, origin: &str, key: &str, credential: &Credential) {
        let read = AuthKey::new(key);
        let (host, _) = read.as_str().split_once('/').unwrap_or((read.as_str(), ""));
        let hub_alias = matches!(host, "docker.io" | "registry-1.docker.io");
        if hub_alias || matches!(read.as_str().strip_prefix(host), Some("/v1" | "/v2")) {
            let better = if hub_alias {
                "https://index.docker.io/v1/"
            } else {
                host
            };
            self.warnings.push(format!(
                "{origin}: key \"{key}\" is read as \"{better}\", which other tools do not do"
            ));
        }
        let mut same = self.entries.iter().filter(|entry| entry.key == read);
        if same.any(|entry| entry.credential.fingerprint() != credential.fingerprint()) {
            self.warnings.push(format!(
                "{origin}: key \"{key}\" means \"{}\", for which there is another credential; both are tried in order",
                read.as_str()
            ));
        }
    }

    /// Adds all of `other` behind what is there.
    pub(super) fn append(&mut self, other: Self) {
        for entry in other.entries {
            let at = self
                .entries
                .partition_point(|own| own.key.order(&entry.key).is_le());
            self.entries.insert(at, entry);
        }
        self.warnings.extend(other.warnings);
    }

    /// Records something the user should know.
    pub(super) fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }

    /// What is odd about the credentials at hand, one sentence each, without secrets.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The credentials for an image, in the order in which they are tried.
    ///
    /// More specific keys come first; keys that match only by an alias come last.
    pub fn matching(&self, registry: &str, repository: &str) -> Vec<&Credential> {
        let read = |wanted: Reading| {
            let fits =
                move |entry: &&Entry| entry.key.reading(registry, repository) == Some(wanted);
            self.entries.iter().filter(fits)
        };
        let mut seen = Vec::new();
        let mut found = Vec::new();
        for entry in read(Reading::Exact).chain(read(Reading::Widened)) {
            let fingerprint = entry.credential.fingerprint();
            if !seen.contains(&fingerprint) {
                seen.push(fingerprint);
                found.push(&entry.credential);
            }
        }
        found
    }

    /// A digest over keys and credentials, to tell keychains apart.
    pub(super) fn fingerprint(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for entry in &self.entries {
            hash.update((entry.key.as_str().len() as u64).to_le_bytes());
            hash.update(entry.key.as_str());
            hash.update(entry.credential.fingerprint());
        }
        hash.finalize().into()
    }
}

/// A docker or podman configuration beside its credentials.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DockerConfig {
    auths: Option<Map<String, Value>>,
    /// Credential helper by registry.
    #[serde(default)]
    pub(super) cred_helpers: Option<BTreeMap<String, String>>,
    /// Credential helper for all registries without one of their own.
    #[serde(default)]
    pub(super) creds_store: Option<String>,
    /// The keys of `auths`, also of the empty ones a credential store leaves behind.
    #[serde(skip)]
    pub(super) hosts: Vec<String>,
    /// Entries that cannot be read.
    #[serde(skip)]
    pub(super) problems: Vec<CredentialError>,
}

/// One value of `auths`.
#[derive(Deserialize)]
struct AuthEntry {
    username: Option<String>,
    password: Option<String>,
    auth: Option<String>,
    #[serde(rename = "identitytoken")]
    identity_token: Option<String>,
    #[serde(rename = "registrytoken")]
    registry_token: Option<String>,
    #[serde(rename = "email")]
    _email: Option<IgnoredAny>,
}

impl AuthEntry {
    /// `None` when `auth` is malformed, `Some(None)` when the entry holds nothing.
    fn into_credential(self) -> Option<Option<Credential>> {
        let present = |text: Option<String>| text.filter(|text| !text.is_empty());
        let login = match present(self.auth) {
            Some(auth) => Some(decode_auth(&auth)?),
            None => present(self.username).map(|name| (name, self.password.unwrap_or_default())),
        };
        let credential = Credential {
            login: login.map(|(username, password)| (username, SecretString::from(password))),
            identity_token: present(self.identity_token).map(SecretString::from),
            registry_token: present(self.registry_token).map(SecretString::from),
        };
        let holds = credential.login.is_some()
            || credential.identity_token.is_some()
            || credential.registry_token.is_some();
        Some(holds.then_some(credential))
    }
}

/// Decodes base64 of `user:password`, padded or not. Old dockers padded the password with NULs.
fn decode_auth(auth: &str) -> Option<(String, String)> {
    let auth = auth.trim();
    let bytes = STANDARD
        .decode(auth)
        .or_else(|_| STANDARD_NO_PAD.decode(auth))
        .ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (username, password) = text.split_once(':')?;
    Some((
        username.to_owned(),
        password.trim_end_matches('\0').to_owned(),
    ))
}

fn parse<T: for<'a> Deserialize<'a>>(origin: &str, text: &[u8]) -> Result<T, CredentialError> {
    serde_json::from_slice(text).map_err(|fault| CredentialError::Malformed {
        origin: origin.to_owned(),
        line: fault.line(),
        column: fault.column(),
    })
}
