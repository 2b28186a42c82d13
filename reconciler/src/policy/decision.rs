//! What a policy decides, and the words for it. Pure.

use std::time::{Duration, Instant};

use api::condition::{self, Outcome};
use api::keys::READY;
use api::policy::{DigestReflectionPolicy, ImagePolicySpec, ImagePolicyStatus, ImageRef};
use api::reason::Reason;
use engine::change::LatestRef;
use engine::duration::GoDuration;
use engine::policy::{DigestPlan, DigestReflection, ObservedRefs, Policy, PolicyError, Selected};

use crate::chain::Chain;
use crate::cluster::{Announce, Report, Requeue};

/// How long a policy waits without a word for tags that are about to come.
const PATIENCE: Duration = Duration::from_millis(4750);

/// How often a digest is refreshed by a policy that says "always" and "every 0 seconds".
const DEFAULT_REFRESH: Duration = Duration::from_secs(600);

/// Why a policy has no result. `Ok` of nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Nothing helps but a change of the policy or the repository.
    Stalled(Reason, String),
    /// It is tried again, each time after a longer while.
    Failed(Reason, String),
    /// There are no tags to choose from; it is tried again after the time set for it.
    NoTags,
}

impl Refusal {
    /// The repository is not there.
    pub(super) fn missing(name: &str) -> Self {
        Self::unreferred(
            Reason::DependencyNotReady,
            &format!(
                "referenced ImageRepository does not exist: ImageRepository.image.toolkit.fluxcd.io \"{name}\" not found"
            ),
        )
    }

    /// The repository may not be used.
    pub(super) fn denied(why: &str) -> Self {
        Self::unreferred(Reason::AccessDenied, why)
    }

    /// The repository cannot be used, for whatever reason.
    pub(super) fn unreferred(reason: Reason, why: &str) -> Self {
        Self::Failed(
            reason,
            format!("failed to get the referred ImageRepository: {why}"),
        )
    }

    /// The repository would need a gate that is closed.
    pub(super) fn gated() -> Self {
        let message = "to use spec.serviceAccountName in the ImageRepository for provider authentication please enable the ObjectLevelWorkloadIdentity feature gate in the controller";
        Self::Stalled(Reason::FeatureGateDisabled, message.to_owned())
    }

    /// The rule cannot work.
    fn invalid(error: &PolicyError) -> Self {
        let message = match error {
            PolicyError::Pattern { .. } => format!("failed to filter tags: {}", Chain(error)),
            PolicyError::Range(range) => format!("invalid policy: {}", range.flux()),
            PolicyError::NoRule | PolicyError::Order { .. } => format!("invalid policy: {error}"),
        };
        Self::Stalled(Reason::InvalidPolicy, message)
    }
}

/// Checks what can be checked without knowing anything else.
pub(super) fn check_interval(spec: &ImagePolicySpec) -> Result<(), Refusal> {
    let always = spec.digest_reflection_policy == Some(DigestReflectionPolicy::Always);
    if always && spec.interval.is_none() {
        let message =
            "spec.interval must be set when spec.digestReflectionPolicy is set to 'Always'";
        return Err(Refusal::Stalled(
            Reason::IntervalNotConfigured,
            message.to_owned(),
        ));
    }
    Ok(())
}

/// Reads the rule. What is wrong with a filter is told once there are tags to filter, as Flux does.
pub(super) fn rule(spec: &ImagePolicySpec) -> Result<Result<Policy, Refusal>, Refusal> {
    match Policy::try_from(spec) {
        Ok(policy) => Ok(Ok(policy)),
        Err(error @ PolicyError::Pattern { .. }) => Ok(Err(Refusal::invalid(&error))),
        Err(error) => Err(Refusal::invalid(&error)),
    }
}

/// What a policy does when there are no tags to choose from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Without {
    /// It keeps what it has: nothing was decided anew.
    Stay,
    /// It waits so long without a word.
    Wait(Duration),
    /// It says so.
    Tell,
}

/// Why there are no tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lack {
    /// The repository has not been scanned yet.
    NotScanned,
    /// The store has lost them, or has those of another image still.
    Lost,
}

/// Decides about a policy that lacks tags since `since`.
///
/// A cache that was lost makes nothing unready: a policy whose result still stands keeps it. Else tags are about to
/// come, and there is a while before that is worth telling; not for a policy that could not use its repository before.
pub(super) fn without(
    lack: Lack,
    status: &ImagePolicyStatus,
    news: News,
    since: Instant,
    now: Instant,
) -> Without {
    let waited = now.saturating_duration_since(since);
    let failing = condition::find(&status.conditions, READY).is_some_and(|c| c.status == "False");
    if condition::is_ready(&status.conditions) && status.latest_ref.is_some() && news == News::None
    {
        Without::Stay
    } else if waited >= PATIENCE || (failing && lack == Lack::NotScanned) {
        Without::Tell
    } else {
        Without::Wait(PATIENCE - waited)
    }
}

/// Whether the object says something that has not been looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// It does not.
    None,
    /// It has another spec, or a request.
    Some,
}

/// Chooses a tag. The one chosen before stays when nothing is better.
pub(super) fn choose(
    policy: &Policy,
    tags: &[&str],
    status: &ImagePolicyStatus,
) -> Result<Selected, Refusal> {
    let current = status.latest_ref.as_ref();
    policy
        .select(tags, current.map(|latest| latest.tag.as_str()))
        .map_err(|error| Refusal::Failed(Reason::Failure, Chain(&error).to_string()))
}

/// Where the digest of `name:tag` comes from.
pub(super) fn digest_plan(
    spec: &ImagePolicySpec,
    status: &ImagePolicyStatus,
    name: &str,
    tag: &str,
) -> DigestPlan {
    let reflection: DigestReflection = spec.digest_reflection_policy.unwrap_or_default().into();
    let latest = status.latest_ref.as_ref().map(reference);
    reflection.plan(latest.as_ref(), name, tag)
}

/// The digest cannot be had. The new tag is withheld until it can.
pub(super) fn undigested(name: &str, tag: &str, why: &str) -> Refusal {
    Refusal::Failed(
        Reason::Failed,
        format!("failed fetching digest of {name}:{tag}: {why}"),
    )
}

/// The policy chose.
pub(super) fn resolved(
    spec: &ImagePolicySpec,
    mut status: ImagePolicyStatus,
    chosen: LatestRef,
) -> Report<ImagePolicyStatus> {
    let observed = ObservedRefs {
        latest: status.latest_ref.as_ref().map(reference),
        previous: status.observed_previous_ref.as_ref().map(reference),
    };
    let observed = observed.advance(chosen.clone());
    let message = message(&chosen, observed.previous.as_ref());
    status.latest_ref = observed.latest.map(image_ref);
    status.observed_previous_ref = observed.previous.map(image_ref);
    Report {
        status,
        announce: Announce::OrTrace(message.clone()),
        outcome: Outcome::Ready { message },
        requeue: refresh(spec).map_or(Requeue::OnChange, Requeue::After),
    }
}

/// How long until the digest is to be refreshed, if it is at all.
pub(super) fn refresh(spec: &ImagePolicySpec) -> Option<Duration> {
    if spec.digest_reflection_policy != Some(DigestReflectionPolicy::Always) {
        return None;
    }
    let interval = spec.interval.as_ref()?.value();
    let interval = Duration::try_from(interval)
        .ok()
        .filter(|interval| !interval.is_zero());
    Some(interval.unwrap_or(DEFAULT_REFRESH))
}

/// The policy has no result. What it had is kept.
pub(super) fn refused(
    status: ImagePolicyStatus,
    refusal: Refusal,
    progress: String,
    requeue_dependency: Duration,
) -> Report<ImagePolicyStatus> {
    let (outcome, requeue) = match refusal {
        Refusal::Stalled(reason, message) => {
            (Outcome::Stalled { reason, message }, Requeue::OnChange)
        }
        Refusal::Failed(reason, message) => {
            let outcome = Outcome::Failed {
                reason,
                message,
                progress,
            };
            (outcome, Requeue::BACKOFF)
        }
        Refusal::NoTags => {
            let outcome = Outcome::Failed {
                reason: Reason::DependencyNotReady,
                message: format!(
                    "retrying in {} error: no tags in database",
                    rounded(requeue_dependency)
                ),
                progress,
            };
            (outcome, Requeue::After(requeue_dependency))
        }
    };
    Report {
        status,
        outcome,
        announce: Announce::Outcome,
        requeue,
    }
}

/// A duration in whole seconds, as Go writes it.
fn rounded(duration: Duration) -> GoDuration {
    let seconds = Duration::from_secs((duration + Duration::from_millis(500)).as_secs());
    GoDuration::try_from(seconds).unwrap_or_default()
}

fn message(chosen: &LatestRef, previous: Option<&LatestRef>) -> String {
    let LatestRef { name, tag, digest } = chosen;
    let mut message = format!("Latest image tag for {name} resolved to {tag}");
    if let Some(digest) = digest {
        message += &format!(" with digest {digest}");
    }
    if let Some(previous) = previous.filter(|previous| *previous != chosen) {
        message += &format!(" (previously {previous})");
    }
    message
}

fn reference(image: &ImageRef) -> LatestRef {
    LatestRef {
        name: image.name.clone(),
        tag: image.tag.clone(),
        digest: image.digest.clone().filter(|digest| !digest.is_empty()),
    }
}

fn image_ref(reference: LatestRef) -> ImageRef {
    ImageRef {
        name: reference.name,
        tag: reference.tag,
        digest: reference.digest,
    }
}
