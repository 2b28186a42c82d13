//! What can go wrong between this client and a registry.

use std::fmt;
use std::time::Duration;

use reqwest::{Method, Url};

use super::answer::Answer;
use super::redact;

/// Why a registry gave no usable answer. The text names request and cause, and never a secret.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RegistryError {
    /// 401: credentials are missing or wrong.
    #[error("{0}")]
    Unauthorized(Answer),
    /// 403: the credentials do not suffice.
    #[error("{0}")]
    Forbidden(Answer),
    /// 404: no such repository or tag.
    #[error("{0}")]
    NotFound(Answer),
    /// 429: too many requests.
    #[error("{answer}{}", Wait(*retry_after))]
    RateLimited {
        /// What the registry said.
        answer: Answer,
        /// How long it asked to be left alone.
        retry_after: Option<Duration>,
    },
    /// 408, 499 or 5xx: the registry cannot serve now.
    #[error("{answer}{}", Wait(*retry_after))]
    Server {
        /// What the registry said.
        answer: Answer,
        /// How long it asked to be left alone.
        retry_after: Option<Duration>,
    },
    /// An earlier answer asked to be left alone for longer than the deadline allows.
    #[error("{request}: not sent, the host asked to wait {}s more", wait.as_secs())]
    Paused {
        /// What would have been sent.
        request: Sent,
        /// How long it asks to be left alone still.
        wait: Duration,
    },
    /// Any other status than 200.
    #[error("{0}")]
    Refused(Answer),
    /// The answer is not what the protocol says.
    #[error("{request}: unexpected answer: {what}")]
    Garbage {
        /// What was asked.
        request: Sent,
        /// What is wrong with it.
        what: String,
    },
    /// A next page that was listed already, or pages without end.
    #[error("{request}: endless listing: {what}")]
    EndlessPages {
        /// The last page asked for.
        request: Sent,
        /// What shows it.
        what: String,
    },
    /// More bytes or tags than this client is ready to hold.
    #[error("{request}: answer exceeds {limit} {unit}")]
    TooLarge {
        /// What was asked.
        request: Sent,
        /// The limit.
        limit: usize,
        /// What is counted.
        unit: &'static str,
    },
    /// The next page is said to be at another origin, where our credentials must not go.
    #[error("{request}: next page leaves the registry: {target}")]
    ForeignLink {
        /// The page that names the next one.
        request: Sent,
        /// Where the next page is said to be.
        target: String,
    },
    /// A redirect from HTTPS to plain HTTP, or one of too many.
    #[error("{}: untrusted redirect: {what}", request.as_transport())]
    UntrustedRedirect {
        /// What was asked.
        request: Sent,
        /// Why it is not followed.
        what: String,
    },
    /// The registry wants credentials sent to a token server in plain text.
    #[error("{request}: credentials are not sent to {realm}, which is plain HTTP")]
    PlainTextRealm {
        /// The request that was answered with the challenge.
        request: Sent,
        /// The token server.
        realm: String,
    },
    /// The connection ended in the middle of the answer.
    #[error("{}: answer was cut off: {cause}", request.as_transport())]
    CutOff {
        /// What was asked.
        request: Sent,
        /// What the transport says.
        cause: String,
    },
    /// No whole answer before the deadline.
    #[error("{}: no answer within {}", request.as_transport(), Rounded(*after))]
    Timeout {
        /// What was asked last.
        request: Sent,
        /// The time the whole call had.
        after: Duration,
    },
    /// The TLS handshake failed: unknown authority, wrong name, refused client certificate.
    #[error("{}: tls: {cause}", request.as_transport())]
    Tls {
        /// What was asked.
        request: Sent,
        /// What TLS says.
        cause: String,
    },
    /// Nothing listens there.
    #[error("{}: connection refused", request.as_transport())]
    ConnectionRefused {
        /// What was asked.
        request: Sent,
    },
    /// The host's name has no address.
    #[error("{}: cannot resolve host: {cause}", request.as_transport())]
    Unresolved {
        /// What was asked.
        request: Sent,
        /// What the resolver says.
        cause: String,
    },
    /// The registry answers neither HTTPS nor plain HTTP, which is allowed there.
    #[error("{}", self.telling())]
    Unreachable {
        /// What HTTPS met.
        https: Box<Self>,
        /// What plain HTTP met.
        http: Box<Self>,
    },
    /// Any other failure of the transport.
    #[error("{}: {cause}", request.as_transport())]
    Network {
        /// What was asked.
        request: Sent,
        /// What the transport says.
        cause: String,
    },
    /// No URL can be made of the name.
    #[error("\"{name}\" is no name a registry can be asked for")]
    Address {
        /// The image, or the tag.
        name: String,
    },
    /// A credential holds characters that no header can carry.
    #[error("{request}: credential holds characters that cannot be sent")]
    UnsendableCredential {
        /// What was asked.
        request: Sent,
    },
}

impl RegistryError {
    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } => self.telling().is_transient(),
            Self::RateLimited { .. }
            | Self::Server { .. }
            | Self::Paused { .. }
            | Self::CutOff { .. }
            | Self::Timeout { .. }
            | Self::ConnectionRefused { .. }
            | Self::Unresolved { .. }
            | Self::Network { .. }
            // Usually the page of a proxy in front of a registry that is down.
            | Self::Garbage { .. } => true,
            Self::Unauthorized(_)
            | Self::Forbidden(_)
            | Self::NotFound(_)
            | Self::Refused(_)
            | Self::EndlessPages { .. }
            | Self::TooLarge { .. }
            | Self::ForeignLink { .. }
            | Self::UntrustedRedirect { .. }
            | Self::PlainTextRealm { .. }
            | Self::Tls { .. }
            | Self::Address { .. }
            | Self::UnsendableCredential { .. } => false,
        }
    }

    /// How long the host asked to be left alone, if it said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after, .. } | Self::Server { retry_after, .. } => {
                *retry_after
            }
            Self::Unreachable { .. } => self.telling().retry_after(),
            Self::Paused { wait, .. } => Some(*wait),
            _ => None,
        }
    }

    /// Sorts a failure of the transport by what somebody can do about it.
    pub(super) fn from_transport(request: Sent, fault: &reqwest::Error) -> Self {
        let mut tls = false;
        let mut refused = false;
        let mut root: &(dyn std::error::Error + 'static) = fault;
        while let Some(cause) = cause_of(root) {
            root = cause;
            tls |= root.is::<rustls::Error>();
            let io = root.downcast_ref::<std::io::Error>();
            refused |= io.is_some_and(|io| io.kind() == std::io::ErrorKind::ConnectionRefused);
        }
        let text = root.to_string();
        let text = text.split(" (os error").next().unwrap_or_default();
        let cause = redact::excerpt(text, &[]);
        if fault.is_redirect() {
            Self::UntrustedRedirect {
                request,
                what: cause,
            }
        } else if tls {
            Self::Tls { request, cause }
        } else if fault.is_dns() {
            Self::Unresolved { request, cause }
        } else if refused {
            Self::ConnectionRefused { request }
        } else if fault.is_body() || fault.is_decode() {
            Self::CutOff { request, cause }
        } else {
            Self::Network { request, cause }
        }
    }

    /// Whether the request is worth sending again at once.
    pub(super) fn is_worth_another_try(&self) -> bool {
        matches!(
            self,
            Self::Network { .. }
                | Self::CutOff { .. }
                | Self::RateLimited { .. }
                | Self::Server { .. }
        )
    }

    /// The error itself, or the more telling one of what HTTPS and plain HTTP met: that of HTTPS, unless the host listens to plain HTTP.
    pub fn telling(&self) -> &Self {
        match self {
            Self::Unreachable { http, .. } if http.is_from_a_listener() => http,
            Self::Unreachable { https, .. } => https,
            other => other,
        }
    }

    /// Whether the host did take the request, so that this says more than that it could not be reached.
    fn is_from_a_listener(&self) -> bool {
        !matches!(
            self,
            Self::Network { .. }
                | Self::ConnectionRefused { .. }
                | Self::Unresolved { .. }
                | Self::Tls { .. }
        )
    }

    /// Whether another credential may do better.
    pub(super) fn is_about_credentials(&self) -> bool {
        matches!(self, Self::Unauthorized(_) | Self::Forbidden(_))
    }
}

/// The next error down the chain. Those wrapped in an I/O error are no sources of it.
fn cause_of<'a>(
    fault: &'a (dyn std::error::Error + 'static),
) -> Option<&'a (dyn std::error::Error + 'static)> {
    let wrapped = fault
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::get_ref);
    match wrapped {
        Some(wrapped) => Some(wrapped),
        None => fault.source(),
    }
}

/// A request, for messages: its method, and its URL without secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    method: Method,
    url: String,
}

impl Sent {
    /// Describes a request.
    pub(super) fn new(method: &Method, url: &Url) -> Self {
        Self {
            method: method.clone(),
            url: redact::url(url),
        }
    }

    /// The method.
    pub(super) fn method(&self) -> &Method {
        &self.method
    }

    /// The URL without secrets.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The same request with its URL in another spelling.
    pub(super) fn with_url(&self, url: &str) -> Self {
        Self {
            method: self.method.clone(),
            url: url.to_owned(),
        }
    }

    /// The form Go programs use when no answer came, which alerts match on: `Get "<url>"`.
    pub(super) fn as_transport(&self) -> String {
        let method = self.method.as_str();
        let (first, rest) = method.split_at(1.min(method.len()));
        format!("{first}{} \"{}\"", rest.to_ascii_lowercase(), self.url)
    }
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.url)
    }
}

/// Prints a time to a tenth of a second: a deadline of a minute leaves a call a moment less.
struct Rounded(Duration);

impl fmt::Display for Rounded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = (self.0.as_millis() + 50) / 100;
        match (tenths / 10, tenths % 10) {
            (seconds, 0) => write!(f, "{seconds}s"),
            (seconds, tenths) => write!(f, "{seconds}.{tenths}s"),
        }
    }
}

/// Adds the wait a host asked for to a message.
struct Wait(Option<Duration>);

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(wait) => write!(f, " (retry after {}s)", wait.as_secs()),
            None => Ok(()),
        }
    }
}
