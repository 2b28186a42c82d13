//! The three kinds of image automation, as commands speak of them.

use std::fmt::Debug;

use api::condition::CommonStatus;
use api::reason::Reason;
use api::{ImagePolicy, ImageRepository, ImageUpdateAutomation, condition};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta};
use kube::Resource;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::noun::Noun;

/// One of the three kinds.
pub(crate) trait ImageKind:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Clone
    + Debug
    + DeserializeOwned
    + Serialize
    + Send
    + Sync
    + 'static
{
    /// The word of the command line for it.
    const NOUN: Noun;
    /// The kind, as objects name it.
    const KIND: &'static str;
    /// What flux calls it in its messages.
    const HUMAN: &'static str;

    /// The status, if there is one yet.
    fn status(&self) -> Option<&dyn CommonStatus>;

    /// Whether it is suspended.
    fn is_suspended(&self) -> bool;

    /// What flux says of a reconcile that went well.
    fn result(&self) -> String;

    /// The conditions; none if there is no status yet.
    fn conditions(&self) -> &[Condition] {
        self.status().map_or(&[], |status| status.conditions())
    }

    /// The condition Ready.
    fn ready(&self) -> Option<&Condition> {
        condition::find(self.conditions(), api::keys::READY)
    }

    /// The last request for a reconcile that was answered.
    fn answered_request(&self) -> Option<&str> {
        self.status()?.last_handled_reconcile_at()
    }

    /// How the last reconcile of the object as it now is ended.
    fn progress(&self) -> Progress<'_> {
        let observed = self.status().and_then(CommonStatus::observed_generation);
        progress(self.meta(), observed, self.conditions())
    }
}

/// How far a reconcile is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress<'a> {
    /// It has not come to an end.
    UnderWay,
    /// It went well.
    Done,
    /// It failed, nothing helps but a change, and this is what the object says.
    Failed(&'a str),
    /// It failed in a way that may pass, and is tried again.
    Retrying {
        /// The reason the object gives.
        reason: &'a str,
        /// What it says.
        message: &'a str,
    },
}

/// Reads from a status how the last reconcile of the object, as it now is, ended.
///
/// `observed` is the generation the status speaks of. Agrees with kstatus, by which flux waits, on what is done and
/// what is under way; what is tried again is told apart here, for which flux waits until its time is up.
pub(crate) fn progress<'a>(
    meta: &ObjectMeta,
    observed: Option<i64>,
    conditions: &'a [Condition],
) -> Progress<'a> {
    if meta.deletion_timestamp.is_some() {
        return Progress::Failed("Resource scheduled for deletion");
    }
    let Some(ready) = condition::find(conditions, api::keys::READY) else {
        return Progress::UnderWay;
    };
    // Flux's automation controller once left the generation of a condition out, which reads as zero.
    let of = ready
        .observed_generation
        .filter(|generation| *generation != 0);
    if of.or(observed) != meta.generation {
        return Progress::UnderWay;
    }
    let reconciling = condition::find(conditions, api::keys::RECONCILING)
        .filter(|reconciling| reconciling.status == "True");
    let retried = reconciling
        .is_some_and(|reconciling| reconciling.reason == Reason::ProgressingWithRetry.as_str());
    if ready.status == "False" && retried {
        return Progress::Retrying {
            reason: &ready.reason,
            message: &ready.message,
        };
    }
    // A failure that is tried again does not count as observed, so this comes after it.
    if observed != meta.generation || reconciling.is_some() {
        return Progress::UnderWay;
    }
    let stalled = condition::is_true(conditions, api::keys::STALLED);
    match ready.status.as_str() {
        "True" if !stalled => Progress::Done,
        "True" | "False" => Progress::Failed(&ready.message),
        _ => Progress::UnderWay,
    }
}

impl ImageKind for ImageRepository {
    const NOUN: Noun = Noun::Repository;
    const KIND: &'static str = "ImageRepository";
    const HUMAN: &'static str = "image repository";

    fn status(&self) -> Option<&dyn CommonStatus> {
        self.status.as_ref().map(|status| status as _)
    }

    fn is_suspended(&self) -> bool {
        self.spec.suspend
    }

    fn result(&self) -> String {
        let scan = self
            .status
            .as_ref()
            .and_then(|status| status.last_scan_result.as_ref());
        let tags = scan.map_or(0, |scan| scan.tag_count);
        format!("scan fetched {tags} tags")
    }
}

impl ImageKind for ImagePolicy {
    const NOUN: Noun = Noun::Policy;
    const KIND: &'static str = "ImagePolicy";
    const HUMAN: &'static str = "image policy";

    fn status(&self) -> Option<&dyn CommonStatus> {
        self.status.as_ref().map(|status| status as _)
    }

    fn is_suspended(&self) -> bool {
        self.spec.suspend
    }

    fn result(&self) -> String {
        let status = self.status.as_ref();
        let latest = status
            .and_then(|status| status.latest_ref.clone())
            .unwrap_or_default();
        let digest = latest
            .digest
            .map(|digest| format!("@{digest}"))
            .unwrap_or_default();
        format!("selected ref {}:{}{digest}", latest.name, latest.tag)
    }
}

impl ImageKind for ImageUpdateAutomation {
    const NOUN: Noun = Noun::Update;
    const KIND: &'static str = "ImageUpdateAutomation";
    const HUMAN: &'static str = "image update automation";

    fn status(&self) -> Option<&dyn CommonStatus> {
        self.status.as_ref().map(|status| status as _)
    }

    fn is_suspended(&self) -> bool {
        self.spec.suspend
    }

    fn result(&self) -> String {
        if let Some(ready) = self.ready() {
            return ready.message.clone();
        }
        let run = self
            .status
            .as_ref()
            .and_then(|status| status.last_automation_run_time.as_ref());
        match run {
            Some(time) => format!("last run {}", time.0),
            None => "automation not yet run".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
