//! Requests to the clouds: bounded in time and size, tried again when a server is busy, and silent about secrets.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode, Url, redirect};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::cache::Key;
use super::refusal;
use crate::git;
use crate::registry::{ProxyChoice, ProxyOptions, TlsOptions};

/// The longest one request may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The longest the connection to a metadata server may take: it is on the node, or it does not exist.
const METADATA_CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The longest answer that is read, in bytes.
const ANSWER_LIMIT: usize = 1 << 20;

/// The waits before a request is sent again to a server that is busy.
const WAITS: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(800)];

/// Why a request brought nothing.
#[derive(Clone, Debug, thiserror::Error)]
pub enum HttpError {
    /// Certificates or proxy are refused by the HTTP library.
    #[error("cannot set up the HTTP client")]
    Client(#[source] Arc<reqwest::Error>),
    /// The CA is text without a certificate in it.
    #[error("cannot use the CA: there is no certificate in it")]
    EmptyCa,
    /// No answer came.
    #[error("{request}: no answer")]
    Unreachable {
        /// Method and address.
        request: String,
        /// Why.
        #[source]
        source: Arc<reqwest::Error>,
    },
    /// The answer is a refusal.
    #[error("{request}: {status}{}", explained(text))]
    Refused {
        /// Method and address.
        request: String,
        /// The status of the answer.
        status: StatusCode,
        /// What the server says, without what changes from one answer to the next.
        text: String,
    },
    /// The answer is too long or is not what it should be; nothing of it is repeated.
    #[error("{request}: {what}")]
    Garbage {
        /// Method and address.
        request: String,
        /// What is wrong.
        what: &'static str,
    },
}

fn explained(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!(": {text}")
    }
}

/// The way to the clouds that an object asks for.
#[derive(Clone)]
pub(super) struct Route {
    trust: Trust,
    proxy: ProxyChoice,
}

#[derive(Clone)]
enum Trust {
    /// As for the object's registry: authorities besides the system's.
    Registry(TlsOptions),
    /// As for the object's Git remote: authorities instead of the system's.
    Git(git::Tls),
}

impl Route {
    /// The way to an object's registry.
    pub(super) fn of_registry(tls: &TlsOptions, proxy: &ProxyChoice) -> Self {
        Self {
            trust: Trust::Registry(tls.clone()),
            proxy: proxy.clone(),
        }
    }

    /// The way to an object's Git remote.
    pub(super) fn of_git(tls: &git::Tls, proxy: Option<&git::Proxy>) -> Self {
        let proxy =
            proxy.map(|proxy| ProxyOptions::new(proxy.address.clone(), proxy.login.clone()));
        Self {
            trust: Trust::Git(tls.clone()),
            proxy: proxy.map_or(ProxyChoice::Environment, ProxyChoice::Through),
        }
    }

    /// Digests what makes this way another one.
    pub(super) fn key(&self) -> Key {
        let none: &[u8] = &[];
        let proxy = self.proxy.fingerprint();
        match &self.trust {
            Trust::Registry(tls) => Key::new([
                ("registry", tls.fingerprint().as_slice()),
                ("proxy", &proxy),
            ]),
            Trust::Git(tls) => {
                let (chain, key) = tls.identity.as_ref().map_or((none, none), |identity| {
                    let key = identity.key.expose_secret().as_bytes();
                    (identity.certificates.as_slice(), key)
                });
                let ca = tls.ca.as_deref().unwrap_or(none);
                Key::new([
                    ("ca", ca),
                    ("chain", chain),
                    ("key", key),
                    ("proxy", &proxy),
                ])
            }
        }
    }
}

/// An HTTP client for one way.
#[derive(Clone)]
pub(super) struct Http(reqwest::Client);

impl Http {
    /// A client for the way of an object.
    pub(super) fn new(route: &Route) -> Result<Self, HttpError> {
        Self::build(|| {
            let builder = match &route.trust {
                Trust::Registry(tls) => tls.apply(base()),
                Trust::Git(tls) => return git_trust(base(), tls).and_then(|b| proxied(b, route)),
            };
            proxied(builder.map_err(client_fault)?, route)
        })
    }

    /// A client for the metadata server of the node, which no proxy leads to.
    pub(super) fn of_node() -> Result<Self, HttpError> {
        Self::build(|| Ok(base().no_proxy().connect_timeout(METADATA_CONNECT_TIMEOUT)))
    }

    fn build(
        configure: impl Fn() -> Result<reqwest::ClientBuilder, HttpError>,
    ) -> Result<Self, HttpError> {
        let built = configure()?.build();
        // A machine without any authority can reach its metadata server still, and tell whom it does not trust.
        let built = match built {
            Err(fault) => configure()?.tls_certs_only([]).build().map_err(|_| fault),
            built => built,
        };
        built.map(Self).map_err(client_fault)
    }

    /// Sends a request and returns the body of its success.
    pub(super) async fn send(&self, call: &Call) -> Result<Reply, HttpError> {
        let mut waits = WAITS.into_iter();
        loop {
            let reply = self.send_once(call).await?;
            let busy =
                reply.status.is_server_error() || reply.status == StatusCode::TOO_MANY_REQUESTS;
            match waits.next() {
                Some(wait) if busy => tokio::time::sleep(wait).await,
                _ => return reply.into_success(call),
            }
        }
    }

    async fn send_once(&self, call: &Call) -> Result<Reply, HttpError> {
        let unreachable = |source: reqwest::Error| HttpError::Unreachable {
            request: call.to_string(),
            source: Arc::new(source.without_url()),
        };
        let mut request = self.0.request(call.method.clone(), call.url.clone());
        request = request.headers(call.headers.clone());
        if let Some(body) = &call.body {
            request = request.body(body.expose_secret().to_owned());
        }
        let mut answer = request.send().await.map_err(unreachable)?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > ANSWER_LIMIT {
                return Err(call.garbage("the answer is too long"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Reply {
            request: call.to_string(),
            status: answer.status(),
            body: SecretString::from(String::from_utf8_lossy(&body).into_owned()),
        })
    }
}

fn client_fault(fault: reqwest::Error) -> HttpError {
    HttpError::Client(Arc::new(fault))
}

fn base() -> reqwest::ClientBuilder {
    // No token service redirects, and none of our secrets is for whoever is redirected to.
    reqwest::Client::builder()
        .user_agent(concat!("imgauto/", env!("CARGO_PKG_VERSION")))
        .timeout(TIMEOUT)
        .referer(false)
        .redirect(redirect::Policy::none())
}

fn proxied(
    builder: reqwest::ClientBuilder,
    route: &Route,
) -> Result<reqwest::ClientBuilder, HttpError> {
    route.proxy.apply(builder).map_err(client_fault)
}

fn git_trust(
    mut builder: reqwest::ClientBuilder,
    tls: &git::Tls,
) -> Result<reqwest::ClientBuilder, HttpError> {
    if let Some(pem) = &tls.ca {
        let authorities = reqwest::Certificate::from_pem_bundle(pem).map_err(client_fault)?;
        if authorities.is_empty() {
            return Err(HttpError::EmptyCa);
        }
        builder = builder.tls_certs_only(authorities);
    }
    if let Some(identity) = &tls.identity {
        let key = identity.key.expose_secret().as_bytes();
        let pem = [identity.certificates.as_slice(), b"\n", key].concat();
        builder = builder.identity(reqwest::Identity::from_pem(&pem).map_err(client_fault)?);
    }
    Ok(builder)
}

/// A request to be sent, perhaps several times. `Display` shows method and address, without the query.
pub(super) struct Call {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Option<SecretString>,
    /// What must not come back in a message.
    secrets: Vec<SecretString>,
}

impl Call {
    pub(super) fn get(url: Url) -> Self {
        Self::new(Method::GET, url)
    }

    pub(super) fn put(url: Url) -> Self {
        Self::new(Method::PUT, url)
    }

    pub(super) fn post(url: Url) -> Self {
        Self::new(Method::POST, url)
    }

    fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: None,
            secrets: Vec::new(),
        }
    }

    /// Adds a header that is no secret.
    pub(super) fn header(mut self, name: HeaderName, value: &str) -> Self {
        // A value that no header can hold is refused by the server as a missing one, whose message says more.
        self.headers
            .extend(HeaderValue::from_str(value).ok().map(|value| (name, value)));
        self
    }

    /// Adds a header whose value is a secret.
    pub(super) fn secret_header(
        mut self,
        name: HeaderName,
        value: &SecretString,
    ) -> Result<Self, HttpError> {
        let mut header = HeaderValue::from_str(value.expose_secret().trim())
            .map_err(|_| self.garbage("the token has characters that cannot be sent"))?;
        header.set_sensitive(true);
        self.headers.insert(name, header);
        self.secrets.push(value.clone());
        Ok(self)
    }

    /// Adds a bearer token.
    pub(super) fn bearer(mut self, token: &SecretString) -> Result<Self, HttpError> {
        let value = SecretString::from(format!("Bearer {}", token.expose_secret().trim()));
        self.secrets.push(token.clone());
        self.secret_header(AUTHORIZATION, &value)
    }

    /// Posts a form; the values of `secret` fields are kept out of messages.
    pub(super) fn form(mut self, plain: &[(&str, &str)], secret: &[(&str, &SecretString)]) -> Self {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(plain);
        form.extend_pairs(
            secret
                .iter()
                .map(|(name, value)| (name, value.expose_secret())),
        );
        for value in secret.iter().map(|(_, value)| value.expose_secret()) {
            // Whoever quotes a form quotes what it was encoded to.
            let encoded: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
            self.secrets.extend([value.into(), encoded.into()]);
        }
        self.body = Some(form.finish().into());
        self.header(CONTENT_TYPE, "application/x-www-form-urlencoded")
    }

    /// Sends a body of a type.
    pub(super) fn body(mut self, kind: &str, body: String) -> Self {
        self.body = Some(body.into());
        self.header(CONTENT_TYPE, kind)
    }

    /// Sets the headers a signature was made with.
    pub(super) fn signed(mut self, headers: HeaderMap, secret: Option<&SecretString>) -> Self {
        self.headers.extend(headers);
        self.secrets.extend(secret.cloned());
        self
    }

    pub(super) fn garbage(&self, what: &'static str) -> HttpError {
        HttpError::Garbage {
            request: self.to_string(),
            what,
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.url.host_str().unwrap_or_default();
        write!(f, "{} {}://{host}", self.method, self.url.scheme())?;
        if let Some(port) = self.url.port() {
            write!(f, ":{port}")?;
        }
        f.write_str(self.url.path())
    }
}

/// The answer to a request. Whatever is in it may be secret.
pub(super) struct Reply {
    request: String,
    status: StatusCode,
    body: SecretString,
}

impl Reply {
    fn into_success(self, call: &Call) -> Result<Self, HttpError> {
        if self.status.is_success() {
            return Ok(self);
        }
        Err(HttpError::Refused {
            text: refusal::explain(self.body.expose_secret(), &call.secrets),
            request: self.request,
            status: self.status,
        })
    }

    pub(super) fn text(&self) -> &str {
        self.body.expose_secret()
    }

    /// Reads the body as JSON.
    pub(super) fn json(&self) -> Result<Value, HttpError> {
        // What is wrong with it stays untold: the parser may quote a token.
        serde_json::from_str(self.text()).map_err(|_| self.garbage("the answer is no JSON"))
    }

    pub(super) fn garbage(&self, what: &'static str) -> HttpError {
        HttpError::Garbage {
            request: self.request.clone(),
            what,
        }
    }
}

/// A text field of an answer, as a secret; an empty one counts as absent.
pub(super) fn secret(value: &Value, name: &str) -> Option<SecretString> {
    let text = value.get(name)?.as_str()?;
    (!text.is_empty()).then(|| text.into())
}
