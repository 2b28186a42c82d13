//! One request and its answer: tries, waits, limits, and what a failure means.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode, Url};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::Instant;

use super::answer::Answer;
use super::error::{RegistryError, Sent};
use super::hosts::{Host, Hosts, retry_after};

/// How much of the body of a failure is read, in bytes.
const FAILURE_LIMIT: usize = 64 << 10;

/// How often a request is sent and how long it is waited in between.
#[derive(Clone, Debug)]
pub struct Pace {
    /// The wait before each further try; its length is the number of further tries.
    pub waits: Vec<Duration>,
    /// How long one second of `Retry-After` lasts. Tests shorten it.
    pub retry_after_second: Duration,
    /// How long plain HTTP waits for HTTPS to answer, where both are allowed.
    pub plain_http_delay: Duration,
}

impl Default for Pace {
    /// Three tries, with 1 s and 3 s in between; plain HTTP after 300 ms.
    fn default() -> Self {
        Self {
            waits: vec![Duration::from_secs(1), Duration::from_secs(3)],
            retry_after_second: Duration::from_secs(1),
            plain_http_delay: Duration::from_millis(300),
        }
    }
}

/// When a call must have ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    pub(super) at: Instant,
    started: Instant,
}

impl Deadline {
    /// A call that starts now and ends at `at`.
    pub(super) fn new(at: Instant) -> Self {
        Self {
            at,
            started: Instant::now(),
        }
    }

    /// Whether there is time left after `wait`.
    pub(super) fn allows(&self, wait: Duration) -> bool {
        Instant::now()
            .checked_add(wait)
            .is_some_and(|then| then < self.at)
    }

    /// The error of a call that was asking `request` when its time was over.
    pub(super) fn exceeded(&self, request: Sent) -> RegistryError {
        RegistryError::Timeout {
            request,
            after: self.at.saturating_duration_since(self.started),
        }
    }
}

/// What is put into the `Authorization` header.
#[derive(Clone)]
pub(super) struct Authorization {
    /// The header's value.
    header: SecretString,
    /// What must not come back in a message.
    secrets: Vec<SecretString>,
}

impl Authorization {
    /// User name and password.
    pub(super) fn basic(username: &str, password: &SecretString) -> Self {
        use base64::Engine as _;
        let encoded = base64::engine::general_purpose::STANDARD
            .encode(format!("{username}:{}", password.expose_secret()));
        let header = SecretString::from(format!("Basic {encoded}"));
        Self {
            header,
            secrets: vec![SecretString::from(encoded), password.clone()],
        }
    }

    /// A token.
    pub(super) fn bearer(token: &SecretString) -> Self {
        let header = SecretString::from(format!("Bearer {}", token.expose_secret()));
        Self {
            header,
            secrets: vec![token.clone()],
        }
    }
}

/// A request as it is sent, perhaps several times.
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) authorization: Option<Authorization>,
    /// An URL-encoded form to post. Its secrets are in `form_secrets`.
    pub(super) form: Option<SecretString>,
    pub(super) form_secrets: Vec<SecretString>,
    /// The longest body of a success that is read, in bytes.
    pub(super) body_limit: usize,
}

impl Request {
    /// A request without headers and body.
    pub(super) fn new(method: Method, url: Url, body_limit: usize) -> Self {
        let (headers, form_secrets) = (HeaderMap::new(), Vec::new());
        Self {
            method,
            url,
            headers,
            authorization: None,
            form: None,
            form_secrets,
            body_limit,
        }
    }

    pub(super) fn sent(&self) -> Sent {
        Sent::new(&self.method, &self.url)
    }

    fn secrets(&self) -> Vec<SecretString> {
        let shown = self
            .authorization
            .iter()
            .flat_map(|authorization| &authorization.secrets);
        shown.chain(&self.form_secrets).cloned().collect()
    }
}

/// A complete answer that is not worth another try.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) request: Sent,
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// Where the answer came from, behind redirects.
    pub(super) url: Url,
    /// Empty unless the answer is a success.
    pub(super) body: Vec<u8>,
    failure: Option<Answer>,
}

impl Reply {
    /// The answer if its status is one of success or 304, an error otherwise.
    pub(super) fn into_success(mut self) -> Result<Self, RegistryError> {
        match self.failure.take() {
            None => Ok(self),
            Some(answer) => Err(answer.into_error(None)),
        }
    }
}

/// Sends requests. `Debug` leaves the HTTP client out, which may know a proxy's password.
#[derive(Clone)]
pub(super) struct Wire {
    pub(super) http: reqwest::Client,
    pub(super) hosts: Hosts,
    pub(super) pace: Arc<Pace>,
}

impl Wire {
    /// Sends a request until it is answered, tries are used up, or the deadline is near.
    ///
    /// Answers such as 401 and 404 are replies; 408, 429, 499 and 5xx are errors in the end.
    pub(super) async fn send(
        &self,
        request: &Request,
        deadline: Deadline,
    ) -> Result<Reply, RegistryError> {
        let host = self.hosts.host(&request.url);
        let mut waits = self.pace.waits.iter();
        loop {
            let fault = match self.try_once(request, &host, deadline).await {
                Ok(reply) => return Ok(reply),
                Err(fault) => fault,
            };
            if !fault.is_worth_another_try() {
                return Err(fault);
            }
            let Some(wait) = waits.next() else {
                return Err(fault);
            };
            let wait = fault
                .retry_after()
                .map_or(*wait, |asked| self.scaled(asked));
            if !deadline.allows(wait) {
                return Err(fault);
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// Waits until the host may be asked, and asks it once.
    async fn try_once(
        &self,
        request: &Request,
        host: &Host,
        deadline: Deadline,
    ) -> Result<Reply, RegistryError> {
        while let Some(wait) = host.pause() {
            if !deadline.allows(wait) {
                return Err(RegistryError::Paused {
                    request: request.sent(),
                    wait,
                });
            }
            tokio::time::sleep(wait).await;
        }
        let exchange = async {
            let _permit = host.permit().await;
            self.exchange(request).await
        };
        let answered = tokio::time::timeout_at(deadline.at, exchange).await;
        let reply = answered.unwrap_or_else(|_| Err(deadline.exceeded(request.sent())))?;
        let Some(answer) = reply
            .failure
            .as_ref()
            .filter(|_| is_temporary(reply.status))
        else {
            return Ok(reply);
        };
        let asked = retry_after(&reply.headers, Timestamp::now());
        if let Some(asked) = asked {
            host.leave_alone(self.scaled(asked));
        }
        Err(answer.clone().into_error(asked))
    }

    /// Sends the request and reads the whole answer.
    async fn exchange(&self, request: &Request) -> Result<Reply, RegistryError> {
        let failed = |fault: reqwest::Error| RegistryError::from_transport(request.sent(), &fault);
        let mut headers = request.headers.clone();
        if let Some(authorization) = &request.authorization {
            let value = HeaderValue::from_str(authorization.header.expose_secret());
            let mut value = value.map_err(|_| RegistryError::UnsendableCredential {
                request: request.sent(),
            })?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let mut builder = self
            .http
            .request(request.method.clone(), request.url.clone());
        if let Some(form) = &request.form {
            headers.insert(
                CONTENT_TYPE,
                HeaderValue::from_static("application/x-www-form-urlencoded"),
            );
            builder = builder.body(form.expose_secret().to_owned());
        }
        let mut response = builder.headers(headers).send().await.map_err(failed)?;
        let status = response.status();
        let good = status.is_success() || status == StatusCode::NOT_MODIFIED;
        let mut body = Vec::new();
        loop {
            let chunk = match response.chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break,
                Err(fault) if good => return Err(failed(fault)),
                // The status says enough.
                Err(_) => break,
            };
            if good && body.len() + chunk.len() > request.body_limit {
                let (request, limit) = (request.sent(), request.body_limit);
                return Err(RegistryError::TooLarge {
                    request,
                    limit,
                    unit: "bytes",
                });
            }
            body.extend_from_slice(&chunk);
            if !good && body.len() > FAILURE_LIMIT {
                break;
            }
        }
        let failure =
            (!good).then(|| Answer::new(request.sent(), status, &body, &request.secrets()));
        Ok(Reply {
            request: request.sent(),
            status,
            headers: response.headers().clone(),
            url: response.url().clone(),
            body: if good { body } else { Vec::new() },
            failure,
        })
    }

    fn scaled(&self, asked: Duration) -> Duration {
        self.pace
            .retry_after_second
            .saturating_mul(u32::try_from(asked.as_secs()).unwrap_or(u32::MAX))
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire")
            .field("hosts", &self.hosts)
            .field("pace", &self.pace)
            .finish_non_exhaustive()
    }
}

/// The statuses worth another try.
fn is_temporary(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        408 | 429 | 499 | 500 | 502 | 503 | 504 | 522
    )
}
