//! The report as a document: the names of its fields are a contract.

use api::WorkloadKind;
use jiff::Timestamp;
use serde::Serialize;

use super::cells;
use crate::observe::{
    Certainty, Committed, Ending, Origin, Progress, Report, Row, Running, Wanted,
};

/// Group and version of the documents that commands print.
pub(crate) const API_VERSION: &str = "cli.imgauto.dev/v1alpha1";

/// What `status -o json` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StatusReport<'a> {
    api_version: &'static str,
    kind: &'static str,
    generated_at: String,
    /// Whether everything could be looked at.
    complete: bool,
    /// What could not, each in a sentence.
    missing_permissions: &'a [String],
    items: Vec<Item<'a>>,
}

impl<'a> StatusReport<'a> {
    /// Tells of some rows of a report.
    pub(super) fn new(report: &'a Report, rows: &[&'a Row]) -> Self {
        Self {
            api_version: API_VERSION,
            kind: "StatusReport",
            generated_at: moment(report.at),
            complete: report.missing.is_empty(),
            missing_permissions: &report.missing,
            items: rows.iter().map(|row| Item::new(row)).collect(),
        }
    }
}

/// One container. Every field is always there; what is not known is null.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Item<'a> {
    namespace: &'a str,
    workload: Named<'a>,
    container: &'a str,
    role: &'static str,
    policy: Option<String>,
    /// How the policy is known: `stated` by somebody, or `guessed` from names.
    policy_certainty: Option<&'static str>,
    image: &'a str,
    /// What it comes to in the label `imgauto.dev/drift`, whether the workload carries it or not.
    drift: &'static str,
    wanted: Option<Choice<'a>>,
    git: Option<Commit<'a>>,
    running: Vec<Pods<'a>>,
    rollout: Option<Rollout>,
    state: &'static str,
    reason: Option<&'static str>,
    message: &'a str,
    next: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Named<'a> {
    kind: &'static str,
    name: &'a str,
}

#[derive(Debug, Serialize)]
struct Choice<'a> {
    tag: &'a str,
    digest: Option<&'a str>,
    since: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Commit<'a> {
    tag: Option<&'a str>,
    digest: Option<&'a str>,
    commit: Option<&'a str>,
    branch: Option<&'a str>,
    file: Option<&'a str>,
    line: Option<i64>,
    pushed_at: Option<String>,
    /// Who says so: `checkout`, `inventory`, or the `status` of an automation.
    source: &'static str,
}

#[derive(Debug, Serialize)]
struct Pods<'a> {
    tag: Option<&'a str>,
    digest: Option<&'a str>,
    pods: u32,
    ready: u32,
}

#[derive(Debug, Serialize)]
struct Rollout {
    desired: i32,
    updated: i32,
    available: i32,
    done: bool,
}

impl<'a> Item<'a> {
    /// Tells of a container.
    pub(crate) fn new(row: &'a Row) -> Self {
        let judgement = &row.judgement;
        Self {
            namespace: &row.workload.namespace,
            workload: Named {
                kind: row.workload.kind.kind(),
                name: &row.workload.name,
            },
            container: &row.container,
            role: cells::role(row.role).unwrap_or("container"),
            policy: row.policy.as_ref().map(|tie| tie.policy.to_string()),
            policy_certainty: row.policy.as_ref().map(|tie| match tie.certainty {
                Certainty::Stated => "stated",
                Certainty::Guessed => "guessed",
            }),
            image: &row.image,
            drift: row.drift.as_str(),
            wanted: row.wanted.as_ref().map(Choice::new),
            git: row.git.as_ref().map(Commit::new),
            running: row.running.iter().map(Pods::new).collect(),
            rollout: row
                .rollout
                .as_ref()
                .filter(|_| row.workload.kind != WorkloadKind::CronJob)
                .map(Rollout::new),
            state: judgement.state.as_str(),
            reason: judgement.reason.map(|reason| reason.as_str()),
            message: &judgement.message,
            next: row.next.as_deref(),
        }
    }
}

impl<'a> Choice<'a> {
    fn new(wanted: &'a Wanted) -> Self {
        Self {
            tag: &wanted.tag,
            digest: wanted.digest.as_deref(),
            since: wanted.since.map(moment),
        }
    }
}

impl<'a> Commit<'a> {
    fn new(git: &'a Committed) -> Self {
        Self {
            tag: git.tag.as_deref(),
            digest: git.digest.as_deref(),
            commit: git.commit.as_deref(),
            branch: git.branch.as_deref(),
            file: git.file.as_deref(),
            line: git.line,
            pushed_at: git.pushed_at.map(moment),
            source: match git.origin {
                Origin::Checkout => "checkout",
                Origin::Inventory => "inventory",
                Origin::Status => "status",
            },
        }
    }
}

impl<'a> Pods<'a> {
    fn new(running: &'a Running) -> Self {
        Self {
            tag: running.tag.as_deref(),
            digest: running.digest.as_deref(),
            pods: running.pods,
            ready: running.ready,
        }
    }
}

impl Rollout {
    fn new(progress: &Progress) -> Self {
        Self {
            desired: progress.desired,
            updated: progress.updated,
            available: progress.available,
            done: progress.end == Ending::Complete,
        }
    }
}

/// A moment as Kubernetes writes it: to the second, in UTC.
pub(crate) fn moment(at: Timestamp) -> String {
    format!("{at:.0}")
}
