//! Events for notification-controller, or whoever else understands its form.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use reqwest::{Client, StatusCode, Url};
use serde_json::{Value, json};
use thiserror::Error;
use tokio::time::sleep;

use super::{Notice, Severity};

#[cfg(test)]
mod tests;

/// How long one try may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The waits before the second and each further try.
pub(super) const WAITS: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];

/// Posts notices to one address.
pub(super) struct Poster {
    client: Client,
    url: Url,
    instance: String,
    waits: [Duration; 4],
}

/// Why a notice was not taken. The address is not named: it may hold a secret.
#[derive(Debug, Error)]
pub(super) enum PostError {
    /// There is no answer.
    #[error("cannot reach the address of --events-addr")]
    Unreachable(#[source] reqwest::Error),
    /// The answer is no.
    #[error("the address of --events-addr answered {0}")]
    Refused(StatusCode),
}

impl Poster {
    /// Would post to `url`, as the process on machine `instance`.
    ///
    /// # Errors
    ///
    /// When no HTTP client can be made.
    pub(super) fn new(url: Url, instance: String) -> Result<Self, reqwest::Error> {
        let client = Client::builder().timeout(TIMEOUT).build()?;
        Ok(Self {
            client,
            url,
            instance,
            waits: WAITS,
        })
    }

    /// Posts a notice of something that happened at `time`.
    ///
    /// Tries again where the address cannot be reached or fails. That there are too many is an answer to a
    /// repetition, and all is well then.
    pub(super) async fn post(&self, notice: &Notice, time: Timestamp) -> Result<(), PostError> {
        let body = body(notice, time, &self.instance).to_string();
        let mut waits = self.waits.iter();
        loop {
            let failure = match self.attempt(body.clone()).await {
                Ok(status) if status.is_success() => return Ok(()),
                Ok(StatusCode::TOO_MANY_REQUESTS) => return Ok(()),
                Ok(status) if !is_worth_a_retry(status) => return Err(PostError::Refused(status)),
                Ok(status) => PostError::Refused(status),
                Err(error) => PostError::Unreachable(error.without_url()),
            };
            match waits.next() {
                Some(wait) => sleep(*wait).await,
                None => return Err(failure),
            }
        }
    }

    async fn attempt(&self, body: String) -> Result<StatusCode, reqwest::Error> {
        let request = self.client.post(self.url.clone());
        let request = request.header("content-type", "application/json");
        Ok(request.body(body).send().await?.status())
    }
}

fn is_worth_a_retry(status: StatusCode) -> bool {
    status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED
}

/// A notice in the form of `event.toolkit.fluxcd.io/v1beta1`.
fn body(notice: &Notice, time: Timestamp, instance: &str) -> Value {
    let severity = match notice.severity {
        Severity::Trace => "trace",
        Severity::Info => "info",
        Severity::Error => "error",
    };
    let mut body = json!({
        "involvedObject": notice.regarding,
        "severity": severity,
        "timestamp": Time(time),
        "message": notice.message,
        "reason": notice.reason,
    });
    if !notice.metadata.is_empty() {
        body["metadata"] = json!(notice.metadata);
    }
    body["reportingController"] = json!(notice.controller);
    if !instance.is_empty() {
        body["reportingInstance"] = json!(instance);
    }
    body
}
