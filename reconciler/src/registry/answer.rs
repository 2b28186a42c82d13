//! What a registry says when it does not give what was asked for.

use std::fmt;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;

use super::error::{RegistryError, Sent};
use super::redact;

/// How many errors of one document are repeated.
const DIAGNOSTICS_LIMIT: usize = 5;

/// An answer of a registry or token server that is not a success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    request: Sent,
    status: StatusCode,
    diagnostics: Vec<Diagnostic>,
    excerpt: String,
}

/// One error of a registry's error document.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Diagnostic {
    code: String,
    text: String,
}

/// The error document of the distribution protocol.
#[derive(Deserialize)]
struct Envelope {
    errors: Vec<EnvelopeEntry>,
}

#[derive(Deserialize)]
struct EnvelopeEntry {
    #[serde(default)]
    code: Value,
    #[serde(default)]
    message: Value,
    #[serde(default)]
    detail: Value,
}

impl Answer {
    /// Keeps what is worth telling of an answer. `secrets` are removed from the registry's words.
    pub(super) fn new(
        request: Sent,
        status: StatusCode,
        body: &[u8],
        secrets: &[SecretString],
    ) -> Self {
        let envelope = serde_json::from_slice(body).unwrap_or(Envelope { errors: Vec::new() });
        let diagnostics: Vec<Diagnostic> = envelope
            .errors
            .into_iter()
            .take(DIAGNOSTICS_LIMIT)
            .map(|entry| {
                let word = |value: &Value| redact::excerpt(&plain(value), secrets);
                let (message, detail) = (word(&entry.message), word(&entry.detail));
                let text = if detail.is_empty() {
                    message
                } else {
                    format!("{message}; {detail}")
                };
                Diagnostic {
                    code: word(&entry.code),
                    text,
                }
            })
            .collect();
        let excerpt = redact::excerpt(&String::from_utf8_lossy(body), secrets);
        Self {
            request,
            status,
            diagnostics,
            excerpt,
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// Whether the registry names this error, such as `NAME_INVALID`.
    pub fn has_code(&self, code: &str) -> bool {
        self.diagnostics
            .iter()
            .any(|diagnostic| diagnostic.code == code)
    }

    /// Makes an error of the answer.
    pub(super) fn into_error(self, retry_after: Option<Duration>) -> RegistryError {
        match self.status.as_u16() {
            401 => RegistryError::Unauthorized(self),
            403 => RegistryError::Forbidden(self),
            404 => RegistryError::NotFound(self),
            429 => RegistryError::RateLimited {
                answer: self,
                retry_after,
            },
            408 | 499 | 500.. => RegistryError::Server {
                answer: self,
                retry_after,
            },
            _ => RegistryError::Refused(self),
        }
    }
}

impl Answer {
    /// What was asked.
    pub(super) fn request(&self) -> &Sent {
        &self.request
    }

    /// Writes what the answer says, without the request.
    pub(super) fn write_said(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.diagnostics.as_slice() {
            [] => {
                let text = self.status.canonical_reason().unwrap_or_default();
                let line = format!("unexpected status code {} {text}", self.status.as_u16());
                f.write_str(line.trim_end())?;
                match self.excerpt.as_str() {
                    "" if *self.request.method() == Method::HEAD => {
                        f.write_str(" (HEAD responses have no body, use GET for details)")
                    }
                    "" => Ok(()),
                    body => write!(f, ": {body}"),
                }
            }
            [one] => write!(f, "{one}"),
            several => {
                let texts: Vec<String> = several.iter().map(Diagnostic::to_string).collect();
                write!(f, "multiple errors returned: {}", texts.join("; "))
            }
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.request)?;
        self.write_said(f)
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code.as_str(), self.text.as_str()) {
            ("", text) => f.write_str(text),
            (code, text) => write!(f, "{code}: {text}"),
        }
    }
}

/// Prints a JSON value as Go programs do, whose messages users know: nothing for `null`, `map[a:1 b:2]`, `[a b]`.
fn plain(value: &Value) -> String {
    let element = |value: &Value| {
        if value.is_null() {
            "<nil>".to_owned()
        } else {
            plain(value)
        }
    };
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(element).collect();
            format!("[{}]", values.join(" "))
        }
        Value::Object(values) => {
            let mut pairs: Vec<_> = values.iter().collect();
            pairs.sort_by_key(|(key, _)| *key);
            let pairs: Vec<String> = pairs
                .into_iter()
                .map(|(key, value)| format!("{key}:{}", element(value)))
                .collect();
            format!("map[{}]", pairs.join(" "))
        }
    }
}
