//! What it takes to reach a remote, as plain data, from Secrets or by hand.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use russh::keys::PrivateKey;
use secrecy::{ExposeSecret as _, SecretString};
use thiserror::Error;
use url::Url;

use crate::secret::SecretData;

use super::known_hosts::KnownHosts;
use super::private_key::{self, KeyError};
use super::url::{Address, AddressError, UserInfo, split_user_info};

/// How long one fetch or push may take when nothing else is said; `GitRepository.spec.timeout`'s default.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// The user SSH remotes are asked as when their URL names none.
const DEFAULT_SSH_USER: &str = "git";

/// Where a remote is and how it is reached.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The remote's address.
    pub address: Address,
    /// What the remote is shown to let us in.
    pub access: Access,
    /// Certificates for HTTPS.
    pub tls: Tls,
    /// The proxy to use; without one, HTTP follows the proxy variables of the environment.
    pub proxy: Option<Proxy>,
    /// The longest one fetch or push may take.
    pub timeout: Duration,
}

/// What a remote is shown to let us in.
#[derive(Clone, Debug)]
pub enum Access {
    /// Nothing.
    Anonymous,
    /// HTTP basic authentication.
    Basic {
        /// May be any text but must not be empty.
        username: String,
        /// May be empty.
        password: SecretString,
    },
    /// An HTTP bearer token.
    Bearer(SecretString),
    /// SSH keys.
    Ssh(Ssh),
}

/// How an SSH server is checked and satisfied.
#[derive(Clone, Debug)]
pub struct Ssh {
    /// The user to log in as.
    pub user: String,
    /// Keys, tried in this order.
    pub identities: Vec<Identity>,
    /// Host keys that are trusted; nothing else is.
    pub known_hosts: KnownHosts,
}

/// A source of SSH keys.
#[derive(Clone)]
pub enum Identity {
    /// A private key, decrypted.
    Key(Arc<PrivateKey>),
    /// The keys of the agent that listens on this socket.
    Agent(PathBuf),
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => write!(f, "Key({})", key.algorithm()),
            Self::Agent(socket) => write!(f, "Agent({})", socket.display()),
        }
    }
}

/// Certificates for HTTPS remotes, as PEM.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// The authorities to trust instead of the system's.
    pub ca: Option<Vec<u8>>,
    /// The client's certificate chain and private key.
    pub identity: Option<ClientCertificate>,
}

/// A client certificate with its private key, as PEM.
#[derive(Clone, Debug)]
pub struct ClientCertificate {
    /// The chain, leaf first.
    pub certificates: Vec<u8>,
    /// The private key.
    pub key: SecretString,
}

/// A proxy for the connection to a remote.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// `http`, `https` or `socks5`, without user info.
    pub address: Url,
    /// User name and password.
    pub login: Option<(String, SecretString)>,
}

/// Why settings cannot be made of the given data.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// The URL is wrong.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The URL is a path or `file://`, which only local runs may use.
    #[error("repository URLs must begin with https://, http:// or ssh://")]
    LocalAddress,
    /// A password came without a user. The text is Flux's.
    #[error("invalid '{scheme}' auth option: 'password' requires 'username' to be set")]
    PasswordWithoutUsername {
        /// `http` or `https`.
        scheme: String,
    },
    /// Both ways at once. The text is Flux's.
    #[error("basic auth and bearer token cannot be set at the same time")]
    BasicAndBearer,
    /// Something SSH needs is missing. The text is Flux's.
    #[error("invalid 'ssh' auth option: '{0}' is required")]
    SshRequires(&'static str),
    /// No line of the known hosts can be used.
    #[error("invalid 'ssh' auth option: 'known_hosts' has no usable line")]
    KnownHosts,
    /// The private key cannot be used. The text is Flux's.
    #[error("unable to construct auth method with options")]
    Key(#[source] KeyError),
    /// Only one half of a client certificate was given.
    #[error("'tls.crt' and 'tls.key' must be given together")]
    HalfCertificate,
    /// A value that must be text is not.
    #[error("key '{0}' is not UTF-8 text")]
    NotText(&'static str),
    /// A proxy Secret without an address. The text is Flux's.
    #[error("secret '{secret}': key 'address' not found")]
    ProxyWithoutAddress {
        /// `namespace/name` of the Secret.
        secret: String,
    },
    /// The proxy's address is no URL, is too long, or has another scheme.
    #[error("the proxy address must be an http, https or socks5 URL of at most 2048 characters")]
    ProxyAddress,
    /// A key or known-hosts file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl Settings {
    /// Makes the settings of a remote of the cluster: the URL of a `GitRepository` and the data of its Secret, if it has one.
    ///
    /// # Errors
    ///
    /// When the URL is local, or keys are missing or contradict each other.
    pub fn from_secret(url: &str, secret: Option<&SecretData>) -> Result<Self, SettingsError> {
        let (address, info) = Address::parse(url)?;
        let nothing = SecretData::new();
        let secret = secret.unwrap_or(&nothing);
        let (access, tls) = match &address {
            Address::Local(_) => return Err(SettingsError::LocalAddress),
            Address::Ssh(ssh) => (
                Access::Ssh(ssh_from_secret(ssh.user.as_deref(), secret)?),
                Tls::default(),
            ),
            Address::Http(url) => (
                http_access(url.scheme(), secret, info)?,
                tls_from_secret(secret)?,
            ),
        };
        Ok(Self {
            address,
            access,
            tls,
            proxy: None,
            timeout: DEFAULT_TIMEOUT,
        })
    }

    /// Makes the settings of any remote a local run may use; SSH remotes need `ssh`, whose user is that of the URL if it names one.
    ///
    /// # Errors
    ///
    /// When the URL is wrong, or it is an SSH URL and `ssh` is absent.
    pub fn local(url: &str, ssh: Option<Ssh>) -> Result<Self, SettingsError> {
        let (address, info) = Address::parse(url)?;
        let access = match &address {
            Address::Local(_) => Access::Anonymous,
            Address::Http(url) => http_access(url.scheme(), &SecretData::new(), info)?,
            Address::Ssh(address) => {
                let mut ssh = ssh.ok_or(SettingsError::SshRequires("identity"))?;
                if let Some(user) = &address.user {
                    ssh.user.clone_from(user);
                }
                Access::Ssh(ssh)
            }
        };
        Ok(Self {
            address,
            access,
            tls: Tls::default(),
            proxy: None,
            timeout: DEFAULT_TIMEOUT,
        })
    }
}

impl Ssh {
    /// Makes the access of a local run: an agent's socket, key files, and a known-hosts file.
    ///
    /// Encrypted key files need `password`.
    ///
    /// # Errors
    ///
    /// When a file cannot be read or a key not be used, or there is nothing to log in with.
    pub fn local(
        agent: Option<PathBuf>,
        keys: &[PathBuf],
        password: Option<&SecretString>,
        known_hosts: &Path,
    ) -> Result<Self, SettingsError> {
        let mut identities: Vec<Identity> = agent.map(Identity::Agent).into_iter().collect();
        for path in keys {
            let text = SecretString::from(read(path)?);
            identities
                .push(Identity::parse(text.expose_secret(), password).map_err(SettingsError::Key)?);
        }
        if identities.is_empty() {
            return Err(SettingsError::SshRequires("identity"));
        }
        let known_hosts = KnownHosts::parse(&read(known_hosts)?);
        if known_hosts.is_empty() {
            return Err(SettingsError::KnownHosts);
        }
        Ok(Self {
            user: DEFAULT_SSH_USER.to_owned(),
            identities,
            known_hosts,
        })
    }
}

fn read(path: &Path) -> Result<String, SettingsError> {
    std::fs::read_to_string(path).map_err(|source| SettingsError::Read {
        path: path.to_owned(),
        source,
    })
}

impl Identity {
    /// Parses a private key: OpenSSH's form, PKCS#1, PKCS#8 or SEC 1, all also encrypted.
    ///
    /// # Errors
    ///
    /// When there is no key, or the password is missing or wrong.
    pub fn parse(pem: &str, password: Option<&SecretString>) -> Result<Self, KeyError> {
        let password = password.map(|password| password.expose_secret().as_bytes());
        Ok(Self::Key(Arc::new(private_key::parse(pem, password)?)))
    }
}

fn http_access(scheme: &str, secret: &SecretData, info: UserInfo) -> Result<Access, SettingsError> {
    let in_url = !info.username.is_empty() || info.password.is_some();
    if let Some(token) = text(secret, "bearerToken")? {
        if in_url {
            return Err(SettingsError::BasicAndBearer);
        }
        return Ok(Access::Bearer(token.trim().into()));
    }
    let username = text(secret, "username")?
        .map(str::to_owned)
        .filter(|name| !name.is_empty())
        .unwrap_or(info.username);
    let password = match text(secret, "password")?.filter(|text| !text.is_empty()) {
        Some(password) => Some(password.into()),
        None => info.password,
    };
    match (username.is_empty(), password) {
        (true, None) => Ok(Access::Anonymous),
        (true, Some(_)) => Err(SettingsError::PasswordWithoutUsername {
            scheme: scheme.to_owned(),
        }),
        (false, password) => Ok(Access::Basic {
            username,
            password: password.unwrap_or_default(),
        }),
    }
}

fn tls_from_secret(secret: &SecretData) -> Result<Tls, SettingsError> {
    let bytes = |key: &str| secret.get(key).filter(|value| !value.is_empty()).cloned();
    let identity = match (bytes("tls.crt"), text(secret, "tls.key")?) {
        (Some(certificates), Some(key)) => Some(ClientCertificate {
            certificates,
            key: key.into(),
        }),
        (None, None) => None,
        _ => return Err(SettingsError::HalfCertificate),
    };
    Ok(Tls {
        ca: bytes("ca.crt").or_else(|| bytes("caFile")),
        identity,
    })
}

fn ssh_from_secret(user: Option<&str>, secret: &SecretData) -> Result<Ssh, SettingsError> {
    let given = |key| text(secret, key).map(|found| found.filter(|value| !value.is_empty()));
    let identity = given("identity")?.ok_or(SettingsError::SshRequires("identity"))?;
    let known_hosts = given("known_hosts")?.ok_or(SettingsError::SshRequires("known_hosts"))?;
    let password: Option<SecretString> = given("password")?.map(Into::into);
    let identity = Identity::parse(identity, password.as_ref()).map_err(SettingsError::Key)?;
    let known_hosts = KnownHosts::parse(known_hosts);
    if known_hosts.is_empty() {
        return Err(SettingsError::KnownHosts);
    }
    Ok(Ssh {
        user: user.unwrap_or(DEFAULT_SSH_USER).to_owned(),
        identities: vec![identity],
        known_hosts,
    })
}

fn text<'a>(secret: &'a SecretData, key: &'static str) -> Result<Option<&'a str>, SettingsError> {
    secret
        .get(key)
        .map(|value| std::str::from_utf8(value).map_err(|_| SettingsError::NotText(key)))
        .transpose()
}

impl Proxy {
    /// Parses a proxy URL; user info in it becomes the login.
    ///
    /// # Errors
    ///
    /// When it is no URL of a known scheme or too long.
    pub fn parse(address: &str) -> Result<Self, SettingsError> {
        if address.len() > 2048 {
            return Err(SettingsError::ProxyAddress);
        }
        let url = Url::parse(address)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https" | "socks5"))
            .filter(|url| url.host_str().is_some_and(|host| !host.is_empty()))
            .ok_or(SettingsError::ProxyAddress)?;
        let (address, info) = split_user_info(url);
        let login =
            (!info.username.is_empty()).then(|| (info.username, info.password.unwrap_or_default()));
        Ok(Self { address, login })
    }

    /// Makes the proxy of a `proxySecretRef`; `name` is the Secret's `namespace/name`.
    ///
    /// # Errors
    ///
    /// When the address is missing or wrong.
    pub fn from_secret(name: &str, secret: &SecretData) -> Result<Self, SettingsError> {
        let address = text(secret, "address")?
            .filter(|address| !address.is_empty())
            .ok_or_else(|| SettingsError::ProxyWithoutAddress {
                secret: name.to_owned(),
            })?;
        let mut proxy = Self::parse(address.trim())?;
        if let Some(username) = text(secret, "username")?.filter(|name| !name.is_empty()) {
            let password = text(secret, "password")?.unwrap_or_default();
            proxy.login = Some((username.to_owned(), password.into()));
        }
        Ok(proxy)
    }
}

#[cfg(test)]
mod tests;
