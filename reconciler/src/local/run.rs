//! Carries out the automations on a checkout.

use std::collections::BTreeSet;
use std::path::Path;

use engine::change::ObjectId;
use engine::marker::Wanted;
use engine::template::TemplateError;
use serde::Serialize;

use super::Progress;
use super::access::Access;
use super::automation::Automation;
use super::choice::Choices;
use super::commits::CommitError;
use super::merge::Shared;
use crate::resources::{ObjectKey, Resources};
use crate::source::{SourceError, WorkTree};
use crate::update::{Built, EditedFile, OrderError, Problem, ScanCache, Severity, UpdateError};

/// What becomes of the edits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Nothing: they are only reported.
    Nowhere,
    /// They are written to the files.
    WorkTree,
    /// They are committed in the checkout's own repository.
    Commit,
    /// They are committed on top of the remote branch and pushed.
    Push,
}

/// One run.
pub struct Run<'a> {
    /// The root of the tree that update paths are relative to.
    pub root: &'a Path,
    /// The objects.
    pub resources: &'a Resources,
    /// What to carry out.
    pub automations: &'a [Automation],
    /// What their policies want.
    pub choices: &'a Choices,
    /// What becomes of the edits.
    pub destination: Destination,
    /// How to log in to the remote.
    pub access: Access<'a>,
    /// Whether commits of automations that name a signing key may go without a signature.
    pub signatures: Signatures,
}

/// What becomes of commits of automations that name a signing key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signatures {
    /// They are signed with the key of the Secret in the files, or not made.
    Required,
    /// They are made without a signature.
    LeftOut,
}

/// What a run did, or would do.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// One for each automation, also those with nothing to change.
    pub updates: Vec<UpdateReport>,
    /// What could not be used, and what failed.
    pub problems: Vec<Problem>,
    /// What each automation looked at, until the problems of all of them are told apart.
    #[serde(skip)]
    shared: Shared,
}

/// What one automation did, or would do.
#[derive(Debug, Serialize)]
pub struct UpdateReport {
    /// `namespace/name`.
    pub automation: String,
    /// The branch the commit is on.
    pub branch: Option<String>,
    /// The commit message; absent when nothing changes.
    pub message: Option<String>,
    /// The changes, ordered by file and position.
    pub changes: Vec<ChangeReport>,
    /// The commit's id.
    pub commit: Option<String>,
    /// The files before and after.
    #[serde(skip)]
    pub files: Vec<EditedFile>,
}

/// One changed scalar.
#[derive(Debug, Serialize)]
pub struct ChangeReport {
    /// The file, relative to the root.
    pub file: String,
    /// 1-based line.
    pub line: usize,
    /// The Kubernetes object the line belongs to.
    pub object: ObjectId,
    /// The value before.
    pub old: String,
    /// The value after.
    pub new: String,
    /// The marker's value.
    pub setter: String,
}

/// Why a run failed as a whole.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Files could not be listed, read or written.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// An update could not be planned.
    #[error("ImageUpdateAutomation {automation}")]
    Update {
        /// The automation.
        automation: ObjectKey,
        /// Why.
        #[source]
        source: UpdateError,
    },
    /// The commit message could not be made.
    #[error("ImageUpdateAutomation {automation}: spec.git.commit.messageTemplate")]
    Message {
        /// The automation.
        automation: ObjectKey,
        /// Why.
        #[source]
        source: TemplateError,
    },
    /// Commits could not be made or pushed.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl Run<'_> {
    /// Does it. Everything is planned before anything is written.
    ///
    /// # Errors
    /// When nothing can be planned, or the result cannot be written; what was written by then is complete in itself.
    pub fn carry_out(&self, progress: &mut dyn FnMut(Progress<'_>)) -> Result<Report, RunError> {
        let mut report = match self.destination {
            Destination::Nowhere => self.on_files(progress)?.0,
            Destination::WorkTree => {
                let (report, mut tree) = self.on_files(progress)?;
                tree.write()?;
                report
            }
            Destination::Commit => self.commit(progress)?,
            Destination::Push => self.push(progress)?,
        };
        let faults = self.resources.faults.iter().map(|fault| fault.as_problem());
        let nowhere = std::mem::take(&mut report.problems);
        let mut problems: Vec<Problem> = faults
            .chain(self.choices.problems.iter().cloned())
            .chain(std::mem::take(&mut report.shared).settle())
            .chain(nowhere)
            .collect();
        let mut known = BTreeSet::new();
        problems.retain(|problem| known.insert(problem.clone()));
        report.problems = problems;
        Ok(report)
    }

    /// Plans all automations one after another, each on what those before it staged.
    fn on_files(
        &self,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<(Report, WorkTree), RunError> {
        let mut tree = WorkTree::new(self.root);
        let mut report = Report::default();
        let cache = ScanCache::default();
        for automation in self.automations {
            progress(Progress::Updating {
                path: automation.shown_path(),
            });
            let order = automation.order(self.choices);
            let built = order.plan(&tree, &cache);
            let built = built.map_err(|error| failed(automation, error))?;
            for file in &built.plan.files {
                tree.stage(file.path.clone(), &file.before, file.after.clone());
            }
            let wanted = order.wanted;
            report.add(automation, Planned { wanted, built }, None);
        }
        Ok((report, tree))
    }
}

/// What became of one automation.
pub(super) struct Planned {
    pub(super) wanted: Wanted,
    pub(super) built: Built,
}

/// Says which automation an order failed for.
pub(super) fn failed(automation: &Automation, error: OrderError) -> RunError {
    let automation = automation.key.clone();
    match error {
        OrderError::Update(source) => RunError::Update { automation, source },
        OrderError::Message(source) => RunError::Message { automation, source },
        OrderError::Git(source) => RunError::Commit(source.into()),
    }
}

/// Where a commit went.
pub(super) struct Committed {
    pub(super) branch: String,
    pub(super) id: String,
}

impl Report {
    /// Whether something that was asked for could not be done.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.problems
            .iter()
            .any(|problem| problem.severity == Severity::Error)
    }

    pub(super) fn add(
        &mut self,
        automation: &Automation,
        planned: Planned,
        committed: Option<Committed>,
    ) {
        let Planned { wanted, built } = planned;
        let mut plan = built.plan;
        let mut changes = Vec::new();
        for file in &plan.files {
            changes.extend(file.changes.iter().map(|change| ChangeReport {
                file: file.path.clone(),
                line: change.line,
                object: change.object.clone(),
                old: change.old.clone(),
                new: change.new.clone(),
                setter: change.setter.clone(),
            }));
        }
        let (branch, commit) = committed
            .map(|committed| (committed.branch, committed.id))
            .unzip();
        self.updates.push(UpdateReport {
            automation: automation.key.to_string(),
            branch,
            message: built.message,
            changes,
            commit,
            files: std::mem::take(&mut plan.files),
        });
        self.shared.add(wanted, plan);
    }
}
