//! Commits what a run changed: in the checkout's own repository, or on top of the remote branch and pushed.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::branch::{self, CheckoutRef, Gates, PlanError, Refspec, RefspecError};
use git2::Oid;

use super::Progress;
use super::access::AccessError;
use super::automation::Automation;
use super::run::{Committed, Planned, Report, Run, RunError, failed};
use super::signers::Signers;
use crate::chain::Chain;
use crate::git::{
    Checkout, CheckoutError, DEFAULT_ATTEMPTS, GitError, Head, Job, Outcome, Repository,
    SigningError, Upstream, WriteError,
};
use crate::resources::ObjectKey;
use crate::update::{Problem, ScanCache};
use crate::writers::{newest_in_range, pause};

/// Why commits cannot be made or pushed.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The checkout is in the way.
    #[error(transparent)]
    Checkout(#[from] CheckoutError),
    /// The root of the run is not the root of the checkout.
    #[error("{path} is not the root of its checkout; commits are made from the root, {root}")]
    NotTheRoot {
        /// Where the run began.
        path: String,
        /// The root.
        root: String,
    },
    /// Nothing says which branch to push to.
    #[error("ImageUpdateAutomation {automation}")]
    Plan {
        /// The automation.
        automation: ObjectKey,
        /// Why.
        #[source]
        source: PlanError,
    },
    /// The refspec cannot be used.
    #[error("ImageUpdateAutomation {automation}: spec.git.push.refspec")]
    Refspec {
        /// The automation.
        automation: ObjectKey,
        /// Why.
        #[source]
        source: RefspecError,
    },
    /// The commits have to be signed, and there is no key for it.
    #[error("ImageUpdateAutomation {automation}: spec.git.commit.signingKey")]
    Signing {
        /// The automation.
        automation: ObjectKey,
        /// Why.
        #[source]
        source: SigningError,
    },
    /// A commit cannot be made.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The remote cannot be used.
    #[error(transparent)]
    Remote(Arc<GitError>),
    /// The remote cannot be reached with what is at hand.
    #[error(transparent)]
    Access(#[from] AccessError),
}

/// Automations that write to the same place.
struct Group<'a> {
    plan: branch::Plan,
    options: BTreeMap<String, String>,
    refspec: Option<Refspec>,
    automations: Vec<&'a Automation>,
}

/// What became of one automation.
struct Done<'a> {
    automation: &'a Automation,
    planned: Planned,
}

impl Run<'_> {
    /// Commits in the checkout's own repository: on the branch that is checked out, or on another one beside it.
    pub(super) fn commit(
        &self,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Report, RunError> {
        let signers = self.signers()?;
        let checkout = self.checkout()?;
        let head = checkout.head().map_err(CommitError::from)?;
        let mut report = Report::default();
        let cache = ScanCache::default();
        let mut tips: BTreeMap<String, Oid> = BTreeMap::new();
        for automation in self.automations {
            progress(Progress::Updating {
                path: automation.shown_path(),
            });
            let branch = self.local_branch(automation, &head)?;
            let tip = match tips.get(&branch) {
                Some(tip) => *tip,
                None => start_of(&checkout, &head, &branch)?,
            };
            let built = self.build(checkout.repository(), tip, &[automation], &signers, &cache)?;
            for built in built {
                if let Some(commit) = built.planned.built.commit {
                    tips.insert(branch.clone(), commit);
                }
                report.add_built(built, &branch);
            }
        }
        for (branch, commit) in tips {
            move_branch(&checkout, &head, &branch, commit)?;
        }
        Ok(report)
    }

    /// Commits on top of the remote branch and pushes; the checkout follows where nothing of the user's is in the way.
    pub(super) fn push(&self, progress: &mut dyn FnMut(Progress<'_>)) -> Result<Report, RunError> {
        let signers = self.signers()?;
        let mut checkout = self.checkout()?;
        let head = checkout.head().map_err(CommitError::from)?;
        let upstream = checkout.upstream(head.branch.as_deref());
        let upstream = upstream.map_err(CommitError::from)?;
        let remote = self
            .access
            .remote(&upstream.url, self.resources)
            .map_err(CommitError::from)?;
        let groups = self.groups(&upstream)?;
        let mut report = Report::default();
        let cache = ScanCache::default();
        for group in groups {
            progress(Progress::Fetching {
                remote: &remote.address().to_string(),
            });
            let job = Job {
                remote: &remote,
                plan: &group.plan,
                choose: &newest_in_range,
                options: group.options.clone(),
                refspec: group.refspec.as_ref(),
                attempts: DEFAULT_ATTEMPTS,
                pause: &pause,
            };
            let mut built = Vec::new();
            let written = checkout.repository().write(&job, |tip| {
                let (repository, commit) = (tip.repository, tip.commit);
                built = self.build(repository, commit, &group.automations, &signers, &cache)?;
                let commits = built.iter();
                Ok(commits
                    .filter_map(|done| done.planned.built.commit)
                    .collect())
            });
            let written = match written {
                Ok(written) => written,
                Err(WriteError::Build(error)) => return Err(error),
                Err(WriteError::Git(error)) => return Err(CommitError::Remote(error).into()),
                Err(other) => {
                    let reason = format!("{}: {}", group.names(), Chain(&other));
                    report.problems.push(Problem::nowhere(reason));
                    continue;
                }
            };
            if let Some(problem) = refspec_problem(written.refspec.as_ref(), &group) {
                report.problems.push(problem);
            }
            if written.options_ignored {
                progress(Progress::Note {
                    text: "the server takes no push options; they were not sent",
                });
            }
            for built in built {
                report.add_built(built, &written.branch);
            }
            if upstream.branch.as_deref() == Some(written.branch.as_str()) {
                match written.commits.last() {
                    Some(last) => follow(&checkout, *last, progress),
                    // A run that was killed after its push left that to the next one; nobody waits for it here.
                    None => catch_up(&checkout, written.base).unwrap_or_default(),
                }
            }
        }
        Ok(report)
    }

    fn checkout(&self) -> Result<Checkout, CommitError> {
        let checkout = Checkout::discover(self.root)?;
        let real = |path: &std::path::Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if real(checkout.work_tree()) != real(self.root) {
            return Err(CommitError::NotTheRoot {
                path: self.root.display().to_string(),
                root: checkout.work_tree().display().to_string(),
            });
        }
        Ok(checkout)
    }

    fn local_branch(&self, automation: &Automation, head: &Head) -> Result<String, CommitError> {
        let branch = automation
            .push_branch()
            .map(str::to_owned)
            .or_else(|| head.branch.clone());
        let branch = branch.ok_or(CheckoutError::Detached)?;
        if branch::is_branch_name(&branch) {
            Ok(branch)
        } else {
            Err(CommitError::Plan {
                automation: automation.key.clone(),
                source: PlanError::BranchName(branch),
            })
        }
    }

    /// Plans the automations one after another, each on the commit of the one before.
    fn build<'a>(
        &self,
        repository: &Repository,
        tip: Oid,
        automations: &[&'a Automation],
        signers: &Signers,
        cache: &ScanCache,
    ) -> Result<Vec<Done<'a>>, RunError> {
        let mut parent = tip;
        let mut all = Vec::with_capacity(automations.len());
        for automation in automations {
            let mut order = automation.order(self.choices);
            order.signer = signers.get(&automation.key).cloned();
            let built = order.carry_out(repository, parent, cache);
            let built = built.map_err(|error| failed(automation, error))?;
            parent = built.commit.unwrap_or(parent);
            let wanted = order.wanted;
            all.push(Done {
                automation,
                planned: Planned { wanted, built },
            });
        }
        Ok(all)
    }

    /// Puts automations that write to the same place together; without a ref of its own an automation follows the checkout.
    fn groups(&self, upstream: &Upstream) -> Result<Vec<Group<'_>>, CommitError> {
        let mut groups: Vec<Group<'_>> = Vec::new();
        for automation in self.automations {
            let checkout = match (automation.checkout_ref(self.resources), &upstream.branch) {
                (Some(own), _) => own,
                (None, Some(branch)) => CheckoutRef {
                    branch: Some(branch.clone()),
                    ..CheckoutRef::default()
                },
                (None, None) => return Err(CheckoutError::Detached.into()),
            };
            let plan = branch::plan(Some(&checkout), automation.push_branch(), Gates::default());
            let plan = plan.map_err(|source| CommitError::Plan {
                automation: automation.key.clone(),
                source,
            })?;
            let push = automation.git.as_ref().and_then(|git| git.push.as_ref());
            let refspec = push
                .and_then(|push| push.refspec.as_deref())
                .filter(|text| !text.is_empty());
            let refspec =
                refspec
                    .map(Refspec::parse)
                    .transpose()
                    .map_err(|source| CommitError::Refspec {
                        automation: automation.key.clone(),
                        source,
                    })?;
            let options = push.map(|push| push.options.clone()).unwrap_or_default();
            let same = |group: &&mut Group<'_>| {
                group.plan == plan && group.options == options && group.refspec == refspec
            };
            match groups.iter_mut().find(same) {
                Some(group) => group.automations.push(automation),
                None => groups.push(Group {
                    plan,
                    options,
                    refspec,
                    automations: vec![automation],
                }),
            }
        }
        Ok(groups)
    }
}

impl Group<'_> {
    fn names(&self) -> String {
        let keys = self
            .automations
            .iter()
            .map(|automation| automation.key.to_string());
        let keys: Vec<String> = keys.collect();
        format!("ImageUpdateAutomation {}", keys.join(", "))
    }
}

impl Report {
    fn add_built(&mut self, done: Done<'_>, branch: &str) {
        let committed = done.planned.built.commit.map(|id| Committed {
            branch: branch.to_owned(),
            id: id.to_string(),
        });
        self.add(done.automation, done.planned, committed);
    }
}

/// Where work on a local branch starts: at its tip, or where the checkout is if there is no such branch yet.
fn start_of(checkout: &Checkout, head: &Head, branch: &str) -> Result<Oid, CommitError> {
    if head.branch.as_deref() == Some(branch) {
        return Ok(head.commit);
    }
    let tip = checkout
        .repository()
        .ref_id(&format!("refs/heads/{branch}"))?;
    Ok(tip.unwrap_or(head.commit))
}

fn move_branch(
    checkout: &Checkout,
    head: &Head,
    branch: &str,
    commit: Oid,
) -> Result<(), CommitError> {
    if head.branch.as_deref() == Some(branch) {
        checkout.advance(head.commit, commit)?;
        return Ok(());
    }
    let before = checkout
        .repository()
        .ref_id(&format!("refs/heads/{branch}"))?;
    checkout.move_branch(branch, before, commit)?;
    Ok(())
}

/// Lets the checkout follow what was pushed, unless something of the user's is in the way.
fn follow(checkout: &Checkout, pushed: Oid, progress: &mut dyn FnMut(Progress<'_>)) {
    if let Err(error) = catch_up(checkout, pushed) {
        let text = format!(
            "pushed, but the checkout stays behind ({}); git pull brings it up to date",
            Chain(&error)
        );
        progress(Progress::Note { text: &text });
    }
}

/// Moves the checkout forward to `tip`, if it has nothing that `tip` lacks.
fn catch_up(checkout: &Checkout, tip: Oid) -> Result<(), CheckoutError> {
    let head = checkout.head()?;
    if checkout.repository().descends(tip, head.commit)? {
        checkout.advance(head.commit, tip)
    } else {
        Err(CheckoutError::BranchMoved(head.branch.unwrap_or_default()))
    }
}

fn refspec_problem(
    outcome: Option<&Result<Outcome, GitError>>,
    group: &Group<'_>,
) -> Option<Problem> {
    let why = match outcome? {
        Ok(Outcome::Pushed | Outcome::UpToDate) => return None,
        Ok(Outcome::Moved { text } | Outcome::Refused { text }) => text.clone(),
        Err(error) => Chain(error).to_string(),
    };
    let branch = &group.plan.push_branch;
    Some(Problem::nowhere(format!(
        "branch '{branch}' is pushed, its extra refspec is not: {why}; the next run tries again"
    )))
}
