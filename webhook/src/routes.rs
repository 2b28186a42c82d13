//! What is served to the API server: bodies in, answers out, and when there is none.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request as HttpRequest, State};
use axum::http::header::{CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use engine::admission::Mode;
use tracing::{error, info};

use crate::body::{Room, Unread};
use crate::chain::Chain;
use crate::checks::check;
use crate::metrics::{Answer, Metrics, Word};
use crate::policies::{Policies, Snapshot};
use crate::review::{Answered, Decision, Guard, Known, Setup, mutate, validate};
use crate::trace::trace_id;
use crate::wire::{self, Malformed, Reply, Request};

#[cfg(test)]
mod tests;

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
    room: Room,
}

impl Service {
    /// Makes a service that has answered nothing yet.
    pub fn new(setup: Setup, policies: Policies, metrics: Metrics) -> Self {
        Self {
            setup,
            policies,
            metrics,
            room: Room::default(),
        }
    }
}

/// The paths that the API server asks, and one by which the program asks whether it can be asked.
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
        .route("/livez", get(|| async { "ok" }))
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
    #[error(transparent)]
    Body(#[from] Unread),
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("policies are not known yet")]
    NotSynced,
    #[error("there was no time left")]
    Late,
    #[error("the request of the review cannot be read")]
    Unreadable,
    #[error("the answer failed")]
    Panicked,
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::Body(Unread::MediaType) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Body(Unread::TooLong) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Body(Unread::Broken(_)) | Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::Body(Unread::Busy | Unread::Late) | Self::NotSynced | Self::Late => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Unreadable | Self::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Body(Unread::MediaType) => "media-type",
            Self::Body(Unread::TooLong) => "too-long",
            Self::Body(Unread::Broken(_)) => "broken",
            Self::Body(Unread::Busy) => "busy",
            Self::Malformed(_) => "malformed",
            Self::NotSynced => "not-synced",
            Self::Body(Unread::Late) | Self::Late => "late",
            Self::Unreadable => "unreadable",
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
        if matches!(self, Self::Body(_) | Self::NotSynced | Self::Late) {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// What is asked, beside the review.
#[derive(Debug)]
struct Asked<'a> {
    hook: Hook,
    /// The trace it is part of.
    trace: Option<&'a str>,
    began: Instant,
    deadline: Instant,
}

/// Does something that must not take the connection with it if it fails. What has happened is told by the panic hook.
fn guarded<T>(act: impl FnOnce() -> T) -> Result<T, Refusal> {
    catch_unwind(AssertUnwindSafe(act)).map_err(|_| Refusal::Panicked)
}

impl Service {
    async fn serve(&self, hook: Hook, request: HttpRequest) -> Response {
        let _under_way = self.metrics.begin();
        match self.answer(hook, request, Instant::now()).await {
            Ok(body) => ([(CONTENT_TYPE, "application/json")], body).into_response(),
            Err(refusal) => {
                self.metrics.rejected(refusal.reason());
                refusal.response()
            }
        }
    }

    async fn answer(
        &self,
        hook: Hook,
        request: HttpRequest,
        began: Instant,
    ) -> Result<Vec<u8>, Refusal> {
        let (head, body) = request.into_parts();
        let deadline = began + time(&head.uri);
        let body = self.room.read(&head.headers, body, deadline).await?;
        self.metrics.received(body.bytes.len());
        let asked = Asked {
            hook,
            trace: trace_id(&head.headers),
            began,
            deadline,
        };
        // Whatever fails, the connection stays for the requests that do not.
        guarded(|| self.decide(&asked, &body.bytes, Hook::answer))?
    }

    /// Makes the answer to a body; `decide` decides.
    fn decide(
        &self,
        asked: &Asked<'_>,
        body: &[u8],
        decide: impl FnOnce(Hook, &Request<'_>, &Known<'_>) -> Answered,
    ) -> Result<Vec<u8>, Refusal> {
        let hook = asked.hook;
        let incoming = wire::read(body)?;
        let uid = incoming.uid.as_ref();
        let newest = self.policies.newest();
        let snapshot = newest.as_ref().ok_or(Refusal::NotSynced)?;
        let request = match &incoming.request {
            Ok(request) => request,
            Err(error) => {
                // Nobody knows what is asked, so nothing speaks against it but a rule that nothing passes unseen. The
                // error quotes what was sent, which is nobody else's business.
                error!(
                    hook = hook.as_str(),
                    trace_id = asked.trace,
                    column = error.column(),
                    "request cannot be read"
                );
                return match hook {
                    Hook::Validate(Guard::Enforced) => Err(Refusal::Unreadable),
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
        let answered = if now > asked.deadline {
            Err(Refusal::Late)
        } else {
            guarded(|| decide(hook, request, &known))
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
        self.tell(asked, request, &answered);
        Ok(wire::write(uid, &answered.reply))
    }

    /// Counts an answer, and logs a refusal.
    fn tell(&self, asked: &Asked<'_>, request: &Request<'_>, answered: &Answered) {
        let resource = request.resource.resource();
        let counted = COUNTED.iter().find(|counted| **counted == resource);
        let answer = Answer {
            hook: Word(asked.hook.as_str()),
            kind: Word(counted.copied().unwrap_or("other")),
            operation: Word(request.operation.as_str()),
            dry_run: Word(if request.is_dry_run() {
                "true"
            } else {
                "false"
            }),
            decision: Word(answered.decision.as_str()),
        };
        self.metrics.answered(answer, asked.began.elapsed());
        if matches!(answered.decision, Decision::Denied | Decision::Overridden) {
            let denial = answered.reply.denial.as_ref();
            info!(
                hook = asked.hook.as_str(),
                trace_id = asked.trace,
                decision = answered.decision.as_str(),
                resource,
                namespace = request.namespace(),
                name = request.name(),
                user = request.user_info.username(),
                denial = denial.map(|denial| denial.message.as_str()),
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
