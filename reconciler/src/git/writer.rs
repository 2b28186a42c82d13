//! Fetch, build, push, and again on the new tip when somebody else was faster.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::branch::{Course, Plan, Refspec, RefspecError};
use git2::Oid;
use thiserror::Error;

use super::fetch::{ChooseTags, Fetched, History, Listing};
use super::mirror::Mirror;
use super::push::{Expect, Outcome, Push, Update};
use super::remote::Remote;
use super::repository::{GitError, Repository};

/// How often a push is tried by default before the branch counts as too busy.
pub const DEFAULT_ATTEMPTS: u32 = 10;

/// What is written where.
pub struct Job<'a> {
    /// The remote to fetch from and push to.
    pub remote: &'a Remote,
    /// Which refs.
    pub plan: &'a Plan,
    /// Chooses tags for version ranges.
    pub choose: &'a ChooseTags<'a>,
    /// Push options, as given by the user.
    pub options: BTreeMap<String, String>,
    /// A second place to push to, as given by the user.
    pub refspec: Option<&'a Refspec>,
    /// How often a push is tried.
    pub attempts: u32,
    /// How long to wait before attempt number two and so on; jitter is the caller's.
    pub pause: &'a dyn Fn(u32) -> Duration,
}

/// The commit to build on.
pub struct Tip<'a> {
    /// Where it is; also makes commits.
    pub repository: &'a Repository,
    /// Its id.
    pub commit: Oid,
    /// What was fetched.
    pub fetched: &'a Fetched,
}

/// What was written.
#[derive(Debug)]
pub struct Written {
    /// The commits now on the branch, oldest first; empty when there was nothing to do.
    pub commits: Vec<Oid>,
    /// The commit they were built on.
    pub base: Oid,
    /// The branch, without `refs/heads/`.
    pub branch: String,
    /// How many attempts it took.
    pub attempts: u32,
    /// What the server printed.
    pub messages: String,
    /// Whether options were given and the server does not take any.
    pub options_ignored: bool,
    /// What became of the extra refspec, if there is one: its failure leaves the branch pushed.
    pub refspec: Option<Result<Outcome, GitError>>,
}

/// Why nothing, or not all, was written.
#[derive(Debug, Error)]
pub enum WriteError<E> {
    /// Fetching or pushing failed.
    #[error(transparent)]
    Git(#[from] GitError),
    /// Building the commits failed.
    #[error(transparent)]
    Build(E),
    /// The extra refspec cannot be used.
    #[error(transparent)]
    Refspec(RefspecError),
    /// The server does not take the commit.
    #[error("failed to push to remote: {text}{}", said(.messages))]
    Refused {
        /// Its reason.
        text: String,
        /// What hooks and the server itself printed.
        messages: String,
    },
    /// Somebody else was faster every time.
    #[error("failed to push to remote: '{branch}' moved during each of {attempts} attempts")]
    Busy {
        /// The branch.
        branch: String,
        /// How often it was tried.
        attempts: u32,
    },
}

fn said(messages: &str) -> String {
    match messages.is_empty() {
        true => String::new(),
        false => format!("\n{messages}"),
    }
}

impl Mirror {
    /// Writes to a branch: fetches, lets `build` make commits on the tip, pushes them.
    ///
    /// `build` returns its commits oldest first, each with the one before as its only parent, or none when there is
    /// nothing to do. It is called again, with the new tip, whenever the branch moved meanwhile: what somebody else
    /// pushed is kept and ours goes on top.
    ///
    /// # Errors
    ///
    /// When the remote cannot be used or refuses, the branch never stands still, or `build` fails.
    pub fn write<E>(
        &mut self,
        job: &Job<'_>,
        mut build: impl FnMut(&Tip<'_>) -> Result<Vec<Oid>, E>,
    ) -> Result<Written, WriteError<E>> {
        match drive(job, self, &mut build) {
            Err(WriteError::Git(error)) if error.is_damage() => {
                self.reset()?;
                drive(job, self, &mut build)
            }
            other => other,
        }
    }
}

impl Repository {
    /// As [`Mirror::write`], in a repository that is not ours alone: history is fetched as far as it has it already.
    ///
    /// # Errors
    ///
    /// As [`Mirror::write`].
    pub fn write<E>(
        &self,
        job: &Job<'_>,
        mut build: impl FnMut(&Tip<'_>) -> Result<Vec<Oid>, E>,
    ) -> Result<Written, WriteError<E>> {
        drive(job, &mut &*self, &mut build)
    }
}

/// Something that is a repository or holds one, and knows how it is brought up to date.
trait Holder {
    fn refresh(&mut self, job: &Job<'_>) -> Result<Fetched, GitError>;
    fn repository(&self) -> &Repository;
}

impl Holder for Mirror {
    fn refresh(&mut self, job: &Job<'_>) -> Result<Fetched, GitError> {
        self.fetch(job.remote, job.plan, job.choose)
    }

    fn repository(&self) -> &Repository {
        self
    }
}

impl Holder for &Repository {
    fn refresh(&mut self, job: &Job<'_>) -> Result<Fetched, GitError> {
        self.fetch(job.remote, job.plan, job.choose, History::AsBefore)
    }

    fn repository(&self) -> &Repository {
        self
    }
}

fn drive<H: Holder, E>(
    job: &Job<'_>,
    holder: &mut H,
    build: &mut dyn FnMut(&Tip<'_>) -> Result<Vec<Oid>, E>,
) -> Result<Written, WriteError<E>> {
    let destination = job
        .refspec
        .map(|refspec| refspec.destination(&job.plan.push_ref()))
        .transpose()
        .map_err(WriteError::Refspec)?;
    let mut blamed = None;
    let mut attempt = 1;
    loop {
        let fetched = holder.refresh(job)?;
        let repository = holder.repository();
        let state = (fetched.start, fetched.push_tip);
        let tip = Tip {
            repository,
            commit: fetched.start,
            fetched: &fetched,
        };
        let commits = build(&tip).map_err(WriteError::Build)?;
        check_chain(repository, fetched.start, &commits)?;
        match push_once(job, repository, &fetched, commits, attempt)? {
            Round::Done(mut written) => {
                if let (Some(last), Some(destination)) = (written.commits.last(), &destination) {
                    let listing = &fetched.listing;
                    let pushed = repository.push_extra(job, *last, destination, listing);
                    written.refspec = Some(pushed);
                }
                return Ok(written);
            }
            // The server blames a race for the second time, but nobody has pushed: it means something else.
            Round::Moved(text) if !text.is_empty() && blamed == Some(state) => {
                return Err(WriteError::Refused {
                    text: format!("command error on {}: {text}", job.plan.push_ref()),
                    messages: String::new(),
                });
            }
            Round::Moved(_) => blamed = Some(state),
        }
        if attempt >= job.attempts {
            return Err(WriteError::Busy {
                branch: job.plan.push_branch.clone(),
                attempts: attempt,
            });
        }
        attempt += 1;
        job.remote
            .limit()
            .pause((job.pause)(attempt))
            .map_err(|source| GitError::Remote {
                address: job.remote.address().to_string(),
                source: Box::new(source),
            })?;
    }
}

fn check_chain(repository: &Repository, start: Oid, commits: &[Oid]) -> Result<(), GitError> {
    let mut before = start;
    for id in commits {
        let commit = repository.find_commit(*id)?;
        if commit.parent_count() != 1 || commit.parent_id(0).ok() != Some(before) {
            return Err(GitError::BrokenChain(*id));
        }
        before = *id;
    }
    Ok(())
}

enum Round {
    Done(Written),
    /// With the server's words, if it was the server that noticed.
    Moved(String),
}

fn push_once<E>(
    job: &Job<'_>,
    repository: &Repository,
    fetched: &Fetched,
    commits: Vec<Oid>,
    attempt: u32,
) -> Result<Round, WriteError<E>> {
    let mut written = Written {
        base: fetched.start,
        branch: job.plan.push_branch.clone(),
        attempts: attempt,
        messages: String::new(),
        options_ignored: false,
        refspec: None,
        commits,
    };
    let Some(last) = written.commits.last().copied() else {
        return Ok(Round::Done(written));
    };
    let expect = match (fetched.course, fetched.push_tip) {
        (Course::Continue, _) => Expect::ForwardFrom(fetched.start),
        (Course::Replace, Some(tip)) => Expect::Lease(tip),
        (Course::Create | Course::Replace, _) => Expect::New,
    };
    let update = Update {
        commit: last,
        reference: job.plan.push_ref(),
        expect,
    };
    let pushed = repository.push(job.remote, &[update], &job.push())?;
    written.options_ignored = pushed.options_ignored;
    written.messages = pushed.messages;
    match pushed.outcomes.into_iter().next() {
        Some(Outcome::Pushed | Outcome::UpToDate) => {}
        Some(Outcome::Moved { text }) => return Ok(Round::Moved(text)),
        Some(Outcome::Refused { text }) => {
            return Err(WriteError::Refused {
                text,
                messages: written.messages,
            });
        }
        None => return Ok(Round::Moved(String::new())),
    }
    Ok(Round::Done(written))
}

impl Repository {
    /// Pushes `commit`, the tip of the push branch, to the destination of the job's extra refspec.
    ///
    /// For callers whose earlier push of it failed after the branch was pushed; [`Mirror::write`] does it by itself.
    ///
    /// # Errors
    ///
    /// When the remote cannot be reached. A refusal is no error here.
    pub fn push_extra(
        &self,
        job: &Job<'_>,
        commit: Oid,
        destination: &str,
        seen: &Listing,
    ) -> Result<Outcome, GitError> {
        if destination == job.plan.push_ref() {
            return Ok(Outcome::UpToDate);
        }
        let forced = job
            .refspec
            .is_some_and(|refspec| job.plan.forces(refspec, destination));
        let expect = match seen.id(destination) {
            None => Expect::New,
            Some(current) if forced => Expect::Lease(current),
            Some(current) => Expect::ForwardFrom(current),
        };
        let update = Update {
            commit,
            reference: destination.to_owned(),
            expect,
        };
        let pushed = self.push(job.remote, &[update], &job.push())?;
        pushed
            .outcomes
            .into_iter()
            .next()
            .ok_or_else(|| GitError::Unpack(pushed.messages))
    }
}

impl Job<'_> {
    fn push(&self) -> Push {
        Push {
            options: self.options.clone(),
            checkout_branch: self.plan.checkout_branch_ref(),
        }
    }
}
