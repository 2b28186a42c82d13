//! Registry errors in the words that Flux's users know, for conditions and events.
//!
//! Flux reports what Go's HTTP client and go-containerregistry say; alerts and people match on that.
//! Errors that Flux has no words for keep ours.

use std::fmt;

use reqwest::Url;

use super::answer::Answer;
use super::error::{RegistryError, Sent};

/// Prints an error as Flux would.
pub struct InFluxWords<'a>(pub &'a RegistryError);

impl fmt::Display for InFluxWords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            RegistryError::Unauthorized(answer)
            | RegistryError::Forbidden(answer)
            | RegistryError::NotFound(answer)
            | RegistryError::Refused(answer)
            | RegistryError::RateLimited { answer, .. }
            | RegistryError::Server { answer, .. } => write_answer(f, answer),
            RegistryError::Unreachable { https, http } => {
                write!(f, "{}; {}", InFluxWords(https), InFluxWords(http))
            }
            RegistryError::Timeout { request, .. } => {
                write!(f, "{}: context deadline exceeded", quoted(request))
            }
            RegistryError::ConnectionRefused { request } => {
                let address = address(request);
                write!(
                    f,
                    "{}: dial tcp {address}: connect: connection refused",
                    quoted(request)
                )
            }
            RegistryError::Unresolved { request, .. } => {
                let address = address(request);
                let host = address.rsplit_once(':').map_or("", |(host, _)| host);
                write!(
                    f,
                    "{}: dial tcp: lookup {host}: no such host",
                    quoted(request)
                )
            }
            RegistryError::Tls { request, cause } => {
                write!(f, "{}: {}", quoted(request), tls(cause))
            }
            RegistryError::CutOff { request, .. } => {
                write!(f, "{}: unexpected EOF", quoted(request))
            }
            RegistryError::Network { request, cause } => {
                write!(f, "{}: {cause}", quoted(request))
            }
            RegistryError::Paused { .. }
            | RegistryError::Garbage { .. }
            | RegistryError::EndlessPages { .. }
            | RegistryError::TooLarge { .. }
            | RegistryError::ForeignLink { .. }
            | RegistryError::UntrustedRedirect { .. }
            | RegistryError::PlainTextRealm { .. }
            | RegistryError::Address { .. }
            | RegistryError::UnsendableCredential { .. } => self.0.fmt(f),
        }
    }
}

fn write_answer(f: &mut fmt::Formatter<'_>, answer: &Answer) -> fmt::Result {
    let request = answer.request();
    write!(f, "{} {}: ", request.method(), sorted(request.url()))?;
    answer.write_said(f)
}

/// `Get "<url>"`.
fn quoted(request: &Sent) -> String {
    request.with_url(&sorted(request.url())).as_transport()
}

/// The URL with its query in the order of names, as Go writes it.
fn sorted(url: &str) -> String {
    let Some((address, query)) = url.split_once('?') else {
        return url.to_owned();
    };
    let mut pairs: Vec<&str> = query.split('&').collect();
    pairs.sort_by_key(|pair| pair.split('=').next());
    format!("{address}?{}", pairs.join("&"))
}

/// Host and port.
fn address(request: &Sent) -> String {
    let url = Url::parse(request.url()).ok();
    let parts = url.as_ref().and_then(|url| {
        let port = url.port_or_known_default()?;
        Some(format!("{}:{port}", url.host_str()?))
    });
    parts.unwrap_or_default()
}

/// What went wrong with TLS.
fn tls(cause: &str) -> String {
    // The texts of rustls' errors.
    if cause.contains("UnknownIssuer") {
        let what = "x509: certificate signed by unknown authority";
        format!("tls: failed to verify certificate: {what}")
    } else if cause.contains("InvalidContentType") {
        "http: server gave HTTP response to HTTPS client".to_owned()
    } else if cause.contains("invalid peer certificate") {
        format!("tls: failed to verify certificate: {cause}")
    } else {
        format!("tls: {cause}")
    }
}
