//! The proxy in front of a registry.

use reqwest::{NoProxy, Url};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use super::redact;
use crate::secret::SecretData;

/// The longest address that is accepted, in bytes.
const ADDRESS_LIMIT: usize = 2048;

/// How a client reaches registries.
#[derive(Clone, Debug, Default)]
pub enum ProxyChoice {
    /// As `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` of the environment say; loopback always directly.
    #[default]
    Environment,
    /// Directly, whatever the environment says.
    Direct,
    /// Through this proxy, whatever the environment says.
    Through(ProxyOptions),
}

impl ProxyChoice {
    /// Configures an HTTP client.
    ///
    /// # Errors
    ///
    /// When the environment names a proxy that is no URL.
    pub fn apply(
        &self,
        builder: reqwest::ClientBuilder,
    ) -> reqwest::Result<reqwest::ClientBuilder> {
        match self {
            Self::Environment => from_environment(builder, |name| std::env::var(name).ok()),
            Self::Direct => Ok(builder.no_proxy()),
            Self::Through(proxy) => proxy.apply(builder),
        }
    }

    /// A digest that tells choices apart and tells nothing about the password.
    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        match self {
            Self::Environment => [0; 32],
            Self::Direct => [1; 32],
            Self::Through(proxy) => proxy.fingerprint(),
        }
    }
}

/// A proxy for all traffic of a client. `Debug` shows no password.
#[derive(Clone)]
pub struct ProxyOptions {
    address: Url,
    login: Option<(String, SecretString)>,
}

/// Why the proxy of a Secret cannot be used. Texts are those users know from Flux.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// The key `address` is not there.
    #[error("secret '{secret}': key 'address' not found")]
    Absent {
        /// Namespace and name.
        secret: String,
    },
    /// The address is empty.
    #[error("secret '{secret}': proxy address is empty")]
    Empty {
        /// Namespace and name.
        secret: String,
    },
    /// The address is longer than 2048 characters.
    #[error("secret '{secret}': proxy URL exceeds maximum length of 2048 characters")]
    TooLong {
        /// Namespace and name.
        secret: String,
    },
    /// The address is not a URL with a host.
    #[error("secret '{secret}': proxy address is not a URL with a host")]
    Malformed {
        /// Namespace and name.
        secret: String,
    },
    /// The address has a scheme no proxy is spoken to with.
    #[error(
        "secret '{secret}': proxy URL must use one of the supported schemes (http, https, socks5), got '{scheme}'"
    )]
    Scheme {
        /// Namespace and name.
        secret: String,
        /// The scheme found.
        scheme: String,
    },
}

impl ProxyOptions {
    /// A proxy whose address has been checked before: `http`, `https` or `socks5`, without user info.
    pub(crate) fn new(address: Url, login: Option<(String, SecretString)>) -> Self {
        Self { address, login }
    }

    /// Reads `address`, `username` and `password` of a Secret; `secret` is `namespace/name`.
    ///
    /// A user name may stand alone; a password without one is ignored.
    ///
    /// # Errors
    ///
    /// When the address is missing or is not one of an HTTP or SOCKS5 proxy.
    pub fn from_secret_data(secret: &str, data: &SecretData) -> Result<Self, ProxyError> {
        let secret_name = || secret.to_owned();
        let text = |key: &str| {
            data.get(key)
                .map(|value| String::from_utf8_lossy(value).into_owned())
        };
        let address = text("address").ok_or_else(|| ProxyError::Absent {
            secret: secret_name(),
        })?;
        let login = text("username")
            .filter(|username| !username.is_empty())
            .map(|username| {
                (
                    username,
                    SecretString::from(text("password").unwrap_or_default()),
                )
            });
        if address.is_empty() {
            return Err(ProxyError::Empty {
                secret: secret_name(),
            });
        }
        if address.len() > ADDRESS_LIMIT {
            return Err(ProxyError::TooLong {
                secret: secret_name(),
            });
        }
        let address = Url::parse(&address).map_err(|fault| match fault {
            url::ParseError::RelativeUrlWithoutBase => ProxyError::Scheme {
                secret: secret_name(),
                scheme: String::new(),
            },
            _ => ProxyError::Malformed {
                secret: secret_name(),
            },
        })?;
        if !matches!(address.scheme(), "http" | "https" | "socks5") {
            let scheme = address.scheme().to_owned();
            return Err(ProxyError::Scheme {
                secret: secret_name(),
                scheme,
            });
        }
        if !address.has_host() {
            return Err(ProxyError::Malformed {
                secret: secret_name(),
            });
        }
        Ok(Self { address, login })
    }

    /// Sends everything through the proxy; `NO_PROXY` and its kin no longer apply.
    fn apply(&self, builder: reqwest::ClientBuilder) -> reqwest::Result<reqwest::ClientBuilder> {
        // Flux leaves the resolution of names to a SOCKS proxy, which reqwest calls socks5h.
        let address = match self.address.as_str().strip_prefix("socks5:") {
            Some(rest) => format!("socks5h:{rest}"),
            None => self.address.to_string(),
        };
        let mut proxy = reqwest::Proxy::all(address)?;
        if let Some((username, password)) = &self.login {
            proxy = proxy.basic_auth(username, password.expose_secret());
        }
        Ok(builder.no_proxy().proxy(proxy))
    }

    fn fingerprint(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        let (username, password) = match &self.login {
            Some((username, password)) => (username.as_str(), password.expose_secret()),
            None => ("", ""),
        };
        for part in [self.address.as_str(), username, password] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }
}

/// Names that are never reached through a proxy of the environment, as in Go programs.
const LOOPBACK: &str = "localhost,127.0.0.0/8,::1";

/// Uses `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, in either case, as `variable` reads them.
pub(super) fn from_environment(
    mut builder: reqwest::ClientBuilder,
    variable: impl Fn(&str) -> Option<String>,
) -> reqwest::Result<reqwest::ClientBuilder> {
    let read = |name: &str| {
        let value = variable(name).or_else(|| variable(&name.to_lowercase()));
        value.filter(|value| !value.is_empty())
    };
    let direct = read("NO_PROXY").map_or_else(
        || LOOPBACK.to_owned(),
        |names| format!("{names},{LOOPBACK}"),
    );
    builder = builder.no_proxy();
    if let Some(address) = read("HTTP_PROXY") {
        let proxy = reqwest::Proxy::http(address)?;
        builder = builder.proxy(proxy.no_proxy(NoProxy::from_string(&direct)));
    }
    if let Some(address) = read("HTTPS_PROXY") {
        let proxy = reqwest::Proxy::https(address)?;
        builder = builder.proxy(proxy.no_proxy(NoProxy::from_string(&direct)));
    }
    Ok(builder)
}

impl std::fmt::Debug for ProxyOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ProxyOptions")
            .field(&redact::url(&self.address))
            .finish()
    }
}
