//! What a scan, or none, comes to: the status and its words. Pure.

use std::time::{Duration, SystemTime};

use api::ImageRepository;
use api::condition::{self, Outcome};
use api::keys::READY;
use api::reason::Reason;
use api::repository::{ImageRepositorySpec, ImageRepositoryStatus, Provider, ScanResult};
use engine::duration::GoDuration;
use engine::schedule::{LastReconcile, ScanReason};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::cluster::{Announce, Gates, Report, Requeue};
use crate::registry::{InFluxWords, RegistryError};

/// The exclusion list of an object that gives none.
const DEFAULT_EXCLUSIONS: &str = r"^.*\.sig$";

/// How many tags a status shows.
const LATEST_TAGS: usize = 10;

/// What the store has of a scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scanned {
    pub(super) revision: String,
    pub(super) count: usize,
    pub(super) latest: Vec<String>,
}

impl Scanned {
    /// What the last scan came to, as the status has it.
    pub(super) fn again(status: &ImageRepositoryStatus) -> Self {
        let result = status.last_scan_result.as_ref();
        Self {
            revision: result
                .and_then(|result| result.revision.clone())
                .unwrap_or_default(),
            count: result
                .and_then(|result| usize::try_from(result.tag_count).ok())
                .unwrap_or_default(),
            latest: result
                .map(|result| result.latest_tags.clone())
                .unwrap_or_default(),
        }
    }

    /// Sums up tags in stored order.
    pub(super) fn new<'a>(revision: String, tags: impl Iterator<Item = &'a str> + Clone) -> Self {
        Self {
            revision,
            count: tags.clone().count(),
            latest: tags.take(LATEST_TAGS).map(str::to_owned).collect(),
        }
    }
}

/// The exclusion list in force.
pub(super) fn exclusions(spec: &ImageRepositorySpec) -> Vec<&str> {
    let list = spec.exclusion_list.as_deref().unwrap_or_default();
    match list {
        [] => vec![DEFAULT_EXCLUSIONS],
        list => list.iter().map(String::as_str).collect(),
    }
}

/// Whether an object may not do what it wants, because a gate is closed.
pub(crate) fn is_gated(spec: &ImageRepositorySpec, gates: Gates) -> bool {
    let account = spec.service_account_name.as_deref().unwrap_or_default();
    let cloud = spec.provider.unwrap_or_default() != Provider::Generic;
    cloud && !account.is_empty() && !gates.object_level_workload_identity
}

/// What is said of an object whose gate is closed.
pub(super) fn gated() -> Outcome {
    Outcome::Stalled {
        reason: Reason::FeatureGateDisabled,
        message: "to use spec.serviceAccountName for provider authentication please enable the ObjectLevelWorkloadIdentity feature gate in the controller".to_owned(),
    }
}

/// What became of the last reconcile: only one that failed to scan, or to get at credentials, left something to do.
pub(super) fn last_reconcile(status: &ImageRepositoryStatus) -> LastReconcile {
    let ready = condition::find(&status.conditions, READY);
    let failed = ready.is_some_and(|ready| {
        let reasons = [Reason::ReadOperationFailed, Reason::AuthenticationFailed];
        ready.status == "False" && reasons.iter().any(|reason| reason.as_str() == ready.reason)
    });
    if failed {
        LastReconcile::Failed
    } else {
        LastReconcile::Done
    }
}

/// What Reconciling says of a scan.
pub(super) fn progress(reason: ScanReason) -> String {
    format!("scanning: {reason}")
}

/// The message of Ready.
fn found(result: &ScanResult) -> String {
    let revision = result.revision.as_deref().unwrap_or_default();
    format!(
        "successful scan: found {} tags with checksum {revision}",
        result.tag_count
    )
}

/// A scan that reached its end at `now`.
pub(super) fn scanned(
    mut status: ImageRepositoryStatus,
    canonical: &str,
    exclusions: &[&str],
    scanned: Scanned,
    now: Timestamp,
    next: Option<Duration>,
) -> Report<ImageRepositoryStatus> {
    let before = status
        .last_scan_result
        .as_ref()
        .and_then(|result| result.revision.as_ref());
    let what = if before == Some(&scanned.revision) {
        "tags did not change"
    } else {
        "successful scan"
    };
    let trace = format!("{what}, next scan in {}", go(next));
    let seconds = Timestamp::from_second(now.as_second()).unwrap_or(now);
    status.last_scan_result = Some(ScanResult {
        revision: Some(scanned.revision),
        tag_count: i64::try_from(scanned.count).unwrap_or(i64::MAX),
        scan_time: Some(Time(seconds)),
        latest_tags: scanned.latest,
    });
    ready(status, canonical, exclusions, trace, next)
}

/// No scan was due; the next one is after `next`.
pub(super) fn not_due(
    status: ImageRepositoryStatus,
    canonical: &str,
    exclusions: &[&str],
    next: Option<Duration>,
) -> Report<ImageRepositoryStatus> {
    let trace = format!(
        "no change in repository configuration since last scan, next scan in {}",
        go(next)
    );
    ready(status, canonical, exclusions, trace, next)
}

fn ready(
    mut status: ImageRepositoryStatus,
    canonical: &str,
    exclusions: &[&str],
    trace: String,
    next: Option<Duration>,
) -> Report<ImageRepositoryStatus> {
    let message = status.last_scan_result.as_ref().map(found);
    status.canonical_image_name = Some(canonical.to_owned());
    status.observed_exclusion_list = exclusions.iter().map(|one| (*one).to_owned()).collect();
    Report {
        status,
        outcome: Outcome::Ready {
            message: message.unwrap_or_default(),
        },
        announce: Announce::OrTrace(trace),
        requeue: next.map_or(Requeue::OnChange, Requeue::After),
    }
}

/// Something failed that is tried again.
pub(super) fn failed(
    status: ImageRepositoryStatus,
    reason: Reason,
    message: String,
    progress: String,
) -> Report<ImageRepositoryStatus> {
    Report {
        status,
        outcome: Outcome::Failed {
            reason,
            message,
            progress,
        },
        announce: Announce::Outcome,
        requeue: Requeue::BACKOFF,
    }
}

/// The registry did not list the tags.
pub(super) fn unlisted(
    status: ImageRepositoryStatus,
    error: &RegistryError,
    reason: ScanReason,
) -> Report<ImageRepositoryStatus> {
    let message = format!("scan failed: {}", InFluxWords(error));
    let report = failed(
        status,
        Reason::ReadOperationFailed,
        message,
        progress(reason),
    );
    let at_least = error.retry_after().unwrap_or_default();
    Report {
        requeue: Requeue::Retry { at_least },
        ..report
    }
}

/// How long a scan is put off of a host that asked to be left alone.
///
/// That is no failure of an object that is well: others have met the host's refusal, and told of it.
pub(super) fn put_off(status: &ImageRepositoryStatus, error: &RegistryError) -> Option<Duration> {
    let RegistryError::Paused { wait, .. } = error else {
        return None;
    };
    condition::is_ready(&status.conditions).then_some(*wait)
}

/// Nothing helps but a change of the object.
pub(super) fn stalled(
    status: ImageRepositoryStatus,
    outcome: Outcome,
) -> Report<ImageRepositoryStatus> {
    Report {
        status,
        outcome,
        announce: Announce::Outcome,
        requeue: Requeue::OnChange,
    }
}

/// Whether policies on a repository have to look again.
pub(super) fn matters(before: Option<&ImageRepository>, now: &ImageRepository) -> bool {
    let Some(before) = before else {
        return true;
    };
    let facts = |object: &ImageRepository| {
        let status = object.status.as_ref();
        let result = status.and_then(|status| status.last_scan_result.as_ref());
        (
            object.metadata.uid.clone(),
            object.spec.image.clone(),
            result.map(|result| result.revision.clone()),
            status.and_then(|status| status.canonical_image_name.clone()),
        )
    };
    facts(before) != facts(now)
}

/// When the last scan was.
pub(super) fn scanned_at(status: &ImageRepositoryStatus) -> Option<SystemTime> {
    let result = status.last_scan_result.as_ref()?;
    // A result without a time is one of a scan long ago.
    let time = result.scan_time.as_ref().map(|time| time.0.into());
    Some(time.unwrap_or(SystemTime::UNIX_EPOCH))
}

/// A duration as Go writes it.
fn go(duration: Option<Duration>) -> GoDuration {
    let duration = duration.unwrap_or_default();
    GoDuration::try_from(duration).unwrap_or_default()
}
