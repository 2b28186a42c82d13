//! Argo CD's Application.

use engine::delivery::{ApplierFacts, Condition, ConditionStatus, Seen, SourceFacts};
use reconciler::resources::ObjectKey;
use serde::Deserialize;

use super::AppliedBy;
use crate::observe::Workload;
use crate::observe::wire::{self, Meta};

/// The annotation that names the Application and the object itself.
pub(super) const TRACKING: &str = "argocd.argoproj.io/tracking-id";
/// The label that may stand in for it.
pub(super) const LABEL: &str = "argocd.argoproj.io/instance";

#[derive(Debug, Deserialize)]
pub(super) struct Application {
    #[serde(default)]
    pub(super) metadata: Meta,
    #[serde(default)]
    spec: Spec,
    #[serde(default)]
    status: Status,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    source: Option<Origin>,
    sync_policy: Option<SyncPolicy>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Origin {
    #[serde(rename = "repoURL")]
    repo_url: String,
    path: Option<String>,
    target_revision: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SyncPolicy {
    automated: Option<Automated>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Automated {
    enabled: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    sync: Sync,
    operation_state: Option<Operation>,
    conditions: Vec<wire::Condition>,
    resources: Vec<Managed>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Sync {
    status: String,
    revision: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Operation {
    phase: String,
    message: String,
    sync_result: Option<SyncResult>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SyncResult {
    revision: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Managed {
    group: String,
    kind: String,
    namespace: String,
    name: String,
}

/// The Application in a tracking annotation: `name:group/kind:namespace/name`.
pub(super) fn application_of(tracking: &str) -> &str {
    tracking.split(':').next().unwrap_or(tracking)
}

/// Whether an Application goes by a name; outside Argo CD's own namespace its namespace stands before it.
pub(super) fn goes_by(key: &ObjectKey, name: &str) -> bool {
    key.name == name
        || name
            .split_once('_')
            .is_some_and(|(namespace, rest)| key.namespace == namespace && key.name == rest)
}

impl Application {
    /// Whether a workload is among what it manages.
    pub(super) fn manages(&self, workload: &Workload) -> bool {
        self.status.resources.iter().any(|managed| {
            managed.name == workload.name
                && managed.namespace == workload.namespace
                && managed.kind == workload.kind.kind()
                && managed.group == workload.kind.group()
        })
    }

    /// What it says of what it applies.
    pub(super) fn applied_by(&self, key: &ObjectKey) -> AppliedBy {
        let automated = self.spec.sync_policy.as_ref();
        let automated = automated.and_then(|policy| policy.automated.as_ref());
        let syncs_itself = automated.is_some_and(|automated| automated.enabled != Some(false));
        let operation = self.status.operation_state.as_ref();
        let applied = operation.and_then(|operation| operation.sync_result.as_ref());
        let applied = applied.and_then(|result| result.revision.as_deref());
        let seen = self.status.sync.revision.as_deref();
        // What is in sync with a commit is at it, whichever one the last operation was for.
        let applied = match self.status.sync.status.as_str() {
            "Synced" => seen.or(applied),
            _ => applied,
        };
        let origin = self.spec.source.as_ref();
        AppliedBy {
            facts: ApplierFacts {
                name: format!("Application {key}"),
                managers: ["argocd-controller", "argocd-application-controller"]
                    .map(str::to_owned)
                    .to_vec(),
                is_suspended: !syncs_itself,
                ready: self.ready(),
                revision: applied.map(|commit| self.revision(commit)),
                source: origin.map_or(Seen::Absent, |origin| {
                    Seen::Present(SourceFacts {
                        name: format!("repository {}", origin.repo_url),
                        is_suspended: false,
                        ready: None,
                        revision: seen.map(|commit| self.revision(commit)),
                    })
                }),
            },
            path: origin
                .and_then(|origin| origin.path.as_deref())
                .map(engine::path::clamp),
        }
    }

    /// The last operation, or what keeps the next one from coming to pass.
    fn ready(&self) -> Option<Condition> {
        let error = self
            .status
            .conditions
            .iter()
            .find(|condition| condition.name.ends_with("Error"));
        if let Some(error) = error {
            return Some(Condition {
                status: ConditionStatus::False,
                reason: error.name.clone(),
                message: error.message.clone(),
                is_outdated: false,
            });
        }
        let operation = self.status.operation_state.as_ref()?;
        Some(Condition {
            status: match operation.phase.as_str() {
                "Succeeded" => ConditionStatus::True,
                "Failed" | "Error" => ConditionStatus::False,
                _ => ConditionStatus::Unknown,
            },
            reason: operation.phase.clone(),
            message: operation.message.clone(),
            is_outdated: false,
        })
    }

    /// Writes a commit as Flux writes revisions; a chart's version stays what it is.
    fn revision(&self, commit: &str) -> String {
        let origin = self.spec.source.as_ref();
        let target = origin.and_then(|origin| origin.target_revision.as_deref());
        let is_commit = commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
        match target.filter(|target| *target != commit) {
            _ if !is_commit => commit.to_owned(),
            Some(target) => format!("{target}@sha1:{commit}"),
            None => format!("sha1:{commit}"),
        }
    }
}
