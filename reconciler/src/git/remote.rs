//! A remote that can be talked to: settings made ready, with a time limit and a way to stop.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Certificate, redirect};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::error::TransportError;
use super::settings::{Access, Proxy, Settings, Ssh, Tls};
use super::ssh::connection::Kept;
use super::url::{Address, SshAddress};

/// Some hosts only serve clients whose name begins with `git/`.
const USER_AGENT: &str = concat!("git/imgauto-", env!("CARGO_PKG_VERSION"));

/// A remote ready to be used; clones share connections.
#[derive(Clone)]
pub struct Remote {
    inner: Arc<Inner>,
    timeout: Duration,
    cancel: Cancel,
}

struct Inner {
    address: Address,
    way: Way,
    runtime: Handle,
}

/// How a remote is reached.
pub(super) enum Way {
    Http(reqwest::Client),
    Ssh(Box<SshWay>),
    Local,
}

/// What it takes to open an SSH connection.
pub(super) struct SshWay {
    pub(super) address: SshAddress,
    pub(super) access: Ssh,
    pub(super) proxy: Option<Proxy>,
    pub(super) kept: Kept,
}

impl Remote {
    /// Makes a remote ready; `runtime` drives its connections and must outlive it.
    ///
    /// Every operation on a remote blocks: call it from a thread that may block, such as `spawn_blocking` gives,
    /// never from a task of an async runtime.
    ///
    /// # Errors
    ///
    /// When a CA, client certificate or proxy cannot be used.
    pub fn new(settings: Settings, runtime: Handle) -> Result<Self, TransportError> {
        let Settings {
            address,
            access,
            tls,
            proxy,
            timeout,
        } = settings;
        let way = match (&address, access) {
            (Address::Local(_), _) => Way::Local,
            (Address::Http(_), access) => Way::Http(http_client(&access, &tls, proxy.as_ref())?),
            (Address::Ssh(ssh), Access::Ssh(access)) => Way::Ssh(Box::new(SshWay {
                address: ssh.clone(),
                access,
                proxy,
                kept: Kept::default(),
            })),
            (Address::Ssh(ssh), _) => {
                return Err(TransportError::KeyRefused {
                    host: ssh.host_and_port(),
                    user: ssh.user.clone().unwrap_or_default(),
                    keys: "no key".to_owned(),
                });
            }
        };
        Ok(Self {
            inner: Arc::new(Inner {
                address,
                way,
                runtime,
            }),
            timeout,
            cancel: Cancel::default(),
        })
    }

    /// Returns the same remote, whose operations stop when `cancel` says so.
    #[must_use]
    pub fn with_cancel(&self, cancel: Cancel) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            timeout: self.timeout,
            cancel,
        }
    }

    /// Returns the same remote, whose fetches and pushes may each take this long.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            timeout,
            cancel: self.cancel.clone(),
        }
    }

    /// Returns the address, which holds no secret.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.inner.address
    }

    pub(super) fn way(&self) -> &Way {
        &self.inner.way
    }

    /// Starts the clock of one operation.
    pub(super) fn limit(&self) -> Limit {
        Limit {
            started: Instant::now(),
            timeout: self.timeout,
            cancel: self.cancel.clone(),
            runtime: self.inner.runtime.clone(),
        }
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Remote({})", self.inner.address)
    }
}

fn http_client(
    access: &Access,
    tls: &Tls,
    proxy: Option<&Proxy>,
) -> Result<reqwest::Client, TransportError> {
    let failed = |what| move |source| TransportError::Client { what, source };
    let mut builder = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .redirect(redirect::Policy::none())
        .connect_timeout(Duration::from_secs(30));
    if let Some(value) = authorization(access)? {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, value);
        builder = builder.default_headers(headers);
    }
    if let Some(pem) = &tls.ca {
        let authorities = Certificate::from_pem_bundle(pem).map_err(failed("CA"))?;
        if authorities.is_empty() {
            return Err(TransportError::EmptyCa);
        }
        builder = builder.tls_certs_only(authorities);
    }
    if let Some(identity) = &tls.identity {
        let mut pem = identity.certificates.clone();
        pem.push(b'\n');
        pem.extend_from_slice(identity.key.expose_secret().as_bytes());
        let identity = reqwest::Identity::from_pem(&pem).map_err(failed("client certificate"))?;
        builder = builder.identity(identity);
    }
    if let Some(proxy) = proxy {
        builder = builder.proxy(http_proxy(proxy).map_err(failed("proxy"))?);
    }
    builder.build().map_err(failed("TLS settings"))
}

fn authorization(access: &Access) -> Result<Option<HeaderValue>, TransportError> {
    let text: SecretString = match access {
        Access::Basic { username, password } => {
            let pair = format!("{username}:{}", password.expose_secret());
            format!("Basic {}", BASE64.encode(pair)).into()
        }
        Access::Bearer(token) => format!("Bearer {}", token.expose_secret()).into(),
        Access::Anonymous | Access::Ssh(_) => return Ok(None),
    };
    let mut value = HeaderValue::from_bytes(text.expose_secret().as_bytes())
        .map_err(|_| TransportError::Token)?;
    value.set_sensitive(true);
    Ok(Some(value))
}

fn http_proxy(proxy: &Proxy) -> reqwest::Result<reqwest::Proxy> {
    if proxy.address.scheme() != "socks5" {
        let made = reqwest::Proxy::all(proxy.address.clone())?;
        return Ok(match &proxy.login {
            Some((user, password)) => made.basic_auth(user, password.expose_secret()),
            None => made,
        });
    }
    // As in Go, the proxy resolves names; it takes its login from the URL only.
    let mut url = proxy.address.clone();
    if let Some((user, password)) = &proxy.login {
        // Both fail only for URLs without a host, which no proxy address is.
        let _ = url.set_username(user);
        let _ = url.set_password(Some(password.expose_secret()));
    }
    reqwest::Proxy::all(url.as_str().replacen("socks5:", "socks5h:", 1))
}

/// A switch that stops running operations; clones are the same switch.
#[derive(Clone, Debug)]
pub struct Cancel(Arc<watch::Sender<bool>>);

impl Default for Cancel {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Cancel {
    /// Stops everything that was given this switch.
    pub fn cancel(&self) {
        self.0.send_replace(true);
    }

    /// Returns whether [`Cancel::cancel`] was called.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        *self.0.borrow()
    }

    async fn cancelled(&self) {
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = self.0.subscribe().wait_for(|stopped| *stopped).await;
    }
}

/// The clock and the switch of one operation.
#[derive(Clone)]
pub(super) struct Limit {
    started: Instant,
    timeout: Duration,
    cancel: Cancel,
    runtime: Handle,
}

impl Limit {
    /// Fails when time is over or somebody cancelled.
    pub(super) fn check(&self) -> Result<(), TransportError> {
        if self.cancel.is_cancelled() {
            return Err(TransportError::Cancelled);
        }
        if self.started.elapsed() >= self.timeout {
            return Err(TransportError::Timeout(self.timeout));
        }
        Ok(())
    }

    /// Blocks until `future` is done, time is over, or somebody cancelled.
    pub(super) fn wait<T>(
        &self,
        future: impl Future<Output = Result<T, TransportError>>,
    ) -> Result<T, TransportError> {
        self.check()?;
        let left = self.timeout.saturating_sub(self.started.elapsed());
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.cancel.cancelled() => Err(TransportError::Cancelled),
                done = tokio::time::timeout(left, future) => {
                    done.unwrap_or(Err(TransportError::Timeout(self.timeout)))
                }
            }
        })
    }

    /// Blocks for `pause`; time and cancelling count.
    pub(super) fn pause(&self, pause: Duration) -> Result<(), TransportError> {
        self.wait(async {
            tokio::time::sleep(pause).await;
            Ok(())
        })
    }
}
