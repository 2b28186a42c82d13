//! What is served to the API server: bodies in, answers out, and when there is none.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request as HttpRequest, State};
use axum::http::header::{
    CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER,
};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use engine::admission::Mode;
use futures::StreamExt as _;
use tokio::sync::Semaphore;
use tokio::time::{Instant as Deadline, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::chain::Chain;
use crate::checks::check;
use crate::metrics::{Answer, Metrics, Word};
use crate::policies::{Policies, Snapshot};
use crate::review::{Answered, Decision, Guard, Known, Setup, mutate, validate};
use crate::wire::{self, Malformed, Reply, Request};

#[cfg(test)]
mod tests;

/// The longest body: an object may have 1.5 MiB, and a review holds two of them as JSON.
pub const MAX_BODY: usize = 10 * 1024 * 1024;

/// All bodies that are in memory at a time, in KiB.
const BODIES: usize = 64 * 1024;
/// What a request counts for at least, in KiB, so that there are never too many.
const LEAST: usize = 64;
/// How much is made room for before it has come, in bytes.
const FIRST_PIECE: usize = 64 * 1024;
/// The time there is for an answer if the API server does not say.
const DEFAULT_TIME: Duration = Duration::from_secs(10);
/// How much of the time is kept back, for the way.
const RESERVE: Duration = Duration::from_millis(200);

/// The resources that are counted by their names.
const COUNTED: [&str; 12] = [
    "cronjobs",
    "daemonsets",
    "deployments",
    "imagepolicies",
    "imagerepositories",
    "imageupdateautomations",
    "jobs",
    "pods",
    "podtemplates",
    "replicasets",
    "replicationcontrollers",
    "statefulsets",
];

/// All that answers are made from.
#[derive(Debug)]
pub struct Service {
    setup: Setup,
    policies: Policies,
    metrics: Metrics,
    /// The program ends: connections are given up one by one.
    ending: CancellationToken,
    load: Semaphore,
}

impl Service {
    /// Makes a service; `ending` is told when no connection is to be kept.
    pub fn new(
        setup: Setup,
        policies: Policies,
        metrics: Metrics,
        ending: CancellationToken,
    ) -> Self {
        Self {
            setup,
            policies,
            metrics,
            ending,
            load: Semaphore::new(BODIES),
        }
    }
}

/// The paths that the API server asks.
pub fn router(service: Arc<Service>) -> Router {
    let of = |hook: Hook| {
        post(
            move |State(service): State<Arc<Service>>, request| async move {
                service.serve(hook, request).await
            },
        )
    };
    Router::new()
        .route("/mutate", of(Hook::Mutate))
        .route("/validate", of(Hook::Validate(Guard::ByNamespace)))
        .route("/validate/enforce", of(Hook::Validate(Guard::Enforced)))
        .route("/validate-policies", of(Hook::Policies))
        .with_state(service)
}

/// Who is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hook {
    Mutate,
    Validate(Guard),
    Policies,
}

impl Hook {
    fn as_str(self) -> &'static str {
        match self {
            Self::Mutate => "mutate",
            Self::Validate(_) => "validate",
            Self::Policies => "validate-policies",
        }
    }

    fn answer(self, request: &Request<'_>, known: &Known<'_>) -> Answered {
        match self {
            Self::Mutate => mutate(request, known),
            Self::Validate(guard) => validate(request, known, guard),
            Self::Policies => check(request, known.snapshot),
        }
    }

    /// Whether a request must not pass without having been looked at.
    fn is_strict(self, request: &Request<'_>, snapshot: &Snapshot) -> bool {
        match self {
            Self::Mutate | Self::Policies => false,
            Self::Validate(Guard::Enforced) => true,
            Self::Validate(Guard::ByNamespace) => {
                let wishes = snapshot.namespaces.get(request.namespace());
                wishes.is_some_and(|wishes| wishes.mode == Mode::Enforce)
            }
        }
    }
}

/// Why a request is not answered with a review.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("the body has to be application/json, as it is")]
    MediaType,
    #[error("the body is longer than {MAX_BODY} bytes")]
    TooLong,
    #[error("the body ended before its end")]
    Broken(#[source] axum::Error),
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("there are too many requests")]
    Busy,
    #[error("policies are not known yet")]
    NotSynced,
    #[error("there was no time left")]
    Late,
    #[error("the answer failed")]
    Panicked,
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Broken(_) | Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::Busy | Self::NotSynced | Self::Late => StatusCode::SERVICE_UNAVAILABLE,
            Self::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::MediaType => "media-type",
            Self::TooLong => "too-long",
            Self::Broken(_) => "broken",
            Self::Malformed(_) => "malformed",
            Self::Busy => "busy",
            Self::NotSynced => "not-synced",
            Self::Late => "late",
            Self::Panicked => "panic",
        }
    }

    /// The answer. Where another replica may do better, the API server is asked to try again, on another connection.
    fn response(&self) -> Response {
        let status = self.status();
        let mut response = (status, Chain(self).to_string()).into_response();
        let headers = response.headers_mut();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if !matches!(self, Self::Malformed(_) | Self::Panicked) {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

impl Service {
    async fn serve(&self, hook: Hook, request: HttpRequest) -> Response {
        let _under_way = self.metrics.begin();
        let began = Instant::now();
        let mut response = match self.answer(hook, request, began).await {
            Ok(body) => ([(CONTENT_TYPE, "application/json")], body).into_response(),
            Err(refusal) => {
                self.metrics.rejected(refusal.reason());
                refusal.response()
            }
        };
        if self.ending.is_cancelled() {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
        }
        response
    }

    async fn answer(
        &self,
        hook: Hook,
        request: HttpRequest,
        began: Instant,
    ) -> Result<Vec<u8>, Refusal> {
        let deadline = began + time(request.uri());
        let length = length(request.headers())?;
        let weight = u32::try_from(length.div_ceil(1024).max(LEAST)).unwrap_or(u32::MAX);
        let _weight = self
            .load
            .try_acquire_many(weight)
            .map_err(|_| Refusal::Busy)?;
        let body = read(request.into_body(), length);
        let body = timeout_at(Deadline::from_std(deadline), body);
        let body = body.await.map_err(|_| Refusal::Late)??;
        self.metrics.received(body.len());
        self.decide(hook, &body, began, deadline)
    }

    fn decide(
        &self,
        hook: Hook,
        body: &[u8],
        began: Instant,
        deadline: Instant,
    ) -> Result<Vec<u8>, Refusal> {
        let incoming = wire::read(body)?;
        let uid = incoming.uid.as_ref();
        let newest = self.policies.newest();
        let snapshot = newest.as_ref().ok_or(Refusal::NotSynced)?;
        let request = match &incoming.request {
            Ok(request) => request,
            Err(error) => {
                // Nobody knows what is asked, so nothing speaks against it but a rule that nothing passes unseen.
                error!(hook = hook.as_str(), error = %error, "request cannot be read");
                return match hook {
                    Hook::Validate(Guard::Enforced) => Err(Refusal::Panicked),
                    _ => Ok(wire::write(uid, &Reply::default())),
                };
            }
        };
        let now = Instant::now();
        let known = Known {
            setup: &self.setup,
            snapshot,
            knowledge: self.policies.knowledge(now),
        };
        let answered = if now > deadline {
            Err(Refusal::Late)
        } else {
            catch_unwind(AssertUnwindSafe(|| hook.answer(request, &known)))
                .map_err(|_| Refusal::Panicked)
        };
        let answered = match answered {
            Ok(answered) => answered,
            Err(refusal) if hook.is_strict(request, snapshot) => return Err(refusal),
            Err(refusal) => {
                self.metrics.rejected(refusal.reason());
                Answered {
                    reply: Reply::default(),
                    decision: Decision::Skipped,
                }
            }
        };
        self.tell(hook, request, &answered, began);
        Ok(wire::write(uid, &answered.reply))
    }

    /// Counts an answer, and logs a refusal.
    fn tell(&self, hook: Hook, request: &Request<'_>, answered: &Answered, began: Instant) {
        let resource = request.resource.resource();
        let counted = COUNTED.iter().find(|counted| **counted == resource);
        let answer = Answer {
            hook: Word(hook.as_str()),
            kind: Word(counted.copied().unwrap_or("other")),
            operation: Word(request.operation.as_str()),
            dry_run: Word(if request.is_dry_run() {
                "true"
            } else {
                "false"
            }),
            decision: Word(answered.decision.as_str()),
        };
        self.metrics.answered(answer, began.elapsed());
        if matches!(answered.decision, Decision::Denied | Decision::Overridden) {
            let denial = answered.reply.denial.as_ref();
            info!(
                hook = hook.as_str(),
                decision = answered.decision.as_str(),
                resource,
                namespace = request.namespace(),
                name = request.name(),
                user = request.user_info.username(),
                message = denial.map(|denial| denial.message.as_str()),
                "decided"
            );
        }
    }
}

/// The time there is for an answer: what the API server says, less a reserve.
fn time(uri: &Uri) -> Duration {
    let mut pairs = uri.query().unwrap_or_default().split('&');
    let said = pairs.find_map(|pair| pair.strip_prefix("timeout="));
    let seconds = said.and_then(|text| text.strip_suffix('s')?.parse().ok());
    let time = seconds.map_or(DEFAULT_TIME, Duration::from_secs);
    time.min(Duration::from_secs(30)).saturating_sub(RESERVE)
}

/// The length of a body that can be read; the longest there is if it does not say.
fn length(headers: &HeaderMap) -> Result<usize, Refusal> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let media = text(CONTENT_TYPE).and_then(|text| text.split(';').next());
    if !media.is_some_and(|media| media.trim().eq_ignore_ascii_case("application/json")) {
        return Err(Refusal::MediaType);
    }
    let encoding = headers.get(CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| encoding != "identity") {
        return Err(Refusal::MediaType);
    }
    let said = text(CONTENT_LENGTH).and_then(|text| text.parse::<usize>().ok());
    match said {
        Some(length) if length > MAX_BODY => Err(Refusal::TooLong),
        Some(length) => Ok(length),
        None => Ok(MAX_BODY),
    }
}

async fn read(body: Body, length: usize) -> Result<Vec<u8>, Refusal> {
    let mut whole = Vec::with_capacity(length.min(FIRST_PIECE));
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(Refusal::Broken)?;
        if whole.len() + piece.len() > MAX_BODY {
            return Err(Refusal::TooLong);
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole)
}
