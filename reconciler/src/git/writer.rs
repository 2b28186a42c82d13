//! Fetch, build, push, and again on the new tip when somebody else was faster.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

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

/// What a writer spends time on with a remote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// A fetch, well or badly.
    Fetch,
    /// A push, well or badly.
    Push,
    /// A push that came too late: the branch had moved.
    Conflict,
}

/// Is told how long each stage took.
pub type Watch<'a> = dyn Fn(Stage, Duration) + 'a;

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
    /// All refs of the remote, as they were before the push.
    pub listing: Arc<Listing>,
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
    Git(Arc<GitError>),
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

impl<E> From<GitError> for WriteError<E> {
    fn from(error: GitError) -> Self {
        Self::Git(Arc::new(error))
    }
}

impl<E> WriteError<E> {
    fn is_damage(&self) -> bool {
        matches!(self, Self::Git(error) if error.is_damage())
    }
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
        let jobs = std::slice::from_ref(job);
        let mut written = self.write_all(jobs, &|_, _| {}, |_, tip| build(tip));
        written.pop().unwrap_or_else(|| Err(busy(job, 0)))
    }

    /// Writes to several branches of one remote: one fetch for all, then a push for each; `build` is told which job it
    /// builds for. Jobs for one branch go one after another, each on what the one before pushed.
    ///
    /// The results are in the order of the jobs; what goes wrong with one does not stop the others.
    pub fn write_all<E>(
        &mut self,
        jobs: &[Job<'_>],
        watch: &Watch<'_>,
        mut build: impl FnMut(usize, &Tip<'_>) -> Result<Vec<Oid>, E>,
    ) -> Vec<Result<Written, WriteError<E>>> {
        let all: Vec<usize> = (0..jobs.len()).collect();
        let mut results = drive(jobs, &all, self, watch, &mut build);
        let is_damage = |result: &Option<Result<Written, WriteError<E>>>| matches!(result, Some(Err(error)) if error.is_damage());
        let damaged: Vec<usize> = all
            .into_iter()
            .filter(|index| results.get(*index).is_some_and(is_damage))
            .collect();
        if !damaged.is_empty() && self.reset().is_ok() {
            let again = drive(jobs, &damaged, self, watch, &mut build);
            for (result, again) in results.iter_mut().zip(again) {
                *result = again.or_else(|| result.take());
            }
        }
        let results = results.into_iter().zip(jobs);
        results
            .map(|(result, job)| result.unwrap_or_else(|| Err(busy(job, 0))))
            .collect()
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
        let jobs = std::slice::from_ref(job);
        let mut build = |_, tip: &Tip<'_>| build(tip);
        let mut results = drive(jobs, &[0], &mut &*self, &|_, _| {}, &mut build);
        let result = results.pop().flatten();
        result.unwrap_or_else(|| Err(busy(job, 0)))
    }
}

/// Something that is a repository or holds one, and knows how it is brought up to date.
trait Holder {
    fn refresh(&mut self, jobs: &[&Job<'_>]) -> Result<Vec<Result<Fetched, GitError>>, GitError>;
    fn repository(&self) -> &Repository;
}

impl Holder for Mirror {
    fn refresh(&mut self, jobs: &[&Job<'_>]) -> Result<Vec<Result<Fetched, GitError>>, GitError> {
        let Some(first) = jobs.first() else {
            return Ok(Vec::new());
        };
        let plans: Vec<&Plan> = jobs.iter().map(|job| job.plan).collect();
        self.fetch_all(first.remote, &plans, first.choose)
    }

    fn repository(&self) -> &Repository {
        self
    }
}

impl Holder for &Repository {
    fn refresh(&mut self, jobs: &[&Job<'_>]) -> Result<Vec<Result<Fetched, GitError>>, GitError> {
        let Some(first) = jobs.first() else {
            return Ok(Vec::new());
        };
        let plans: Vec<&Plan> = jobs.iter().map(|job| job.plan).collect();
        Repository::fetch_all(self, first.remote, &plans, first.choose, History::AsBefore)
    }

    fn repository(&self) -> &Repository {
        self
    }
}

/// A job that is not finished.
struct Open {
    index: usize,
    attempt: u32,
    /// What the branch was when the server blamed a race.
    blamed: Option<(Oid, Option<Oid>)>,
}

type Build<'a, E> = dyn FnMut(usize, &Tip<'_>) -> Result<Vec<Oid>, E> + 'a;

/// Carries out those of `jobs` that `chosen` names; the others have no result.
fn drive<H: Holder, E>(
    jobs: &[Job<'_>],
    chosen: &[usize],
    holder: &mut H,
    watch: &Watch<'_>,
    build: &mut Build<'_, E>,
) -> Vec<Option<Result<Written, WriteError<E>>>> {
    let mut results: Vec<Option<Result<Written, WriteError<E>>>> = Vec::new();
    results.resize_with(jobs.len(), || None);
    let mut open: Vec<Open> = Vec::new();
    for index in chosen.iter().copied() {
        open.push(Open {
            index,
            attempt: 1,
            blamed: None,
        });
    }
    while !open.is_empty() {
        let mut branches = BTreeSet::new();
        let (now, later): (Vec<Open>, Vec<Open>) = open
            .into_iter()
            .partition(|one| branches.insert(jobs[one.index].plan.push_ref()));
        open = later;
        let round: Vec<&Job<'_>> = now.iter().map(|one| &jobs[one.index]).collect();
        let began = Instant::now();
        let fetched = holder.refresh(&round);
        watch(Stage::Fetch, began.elapsed());
        let fetched = match fetched {
            Ok(fetched) => fetched,
            Err(error) => {
                let error = Arc::new(error);
                for one in now.iter().chain(&open) {
                    results[one.index] = Some(Err(WriteError::Git(Arc::clone(&error))));
                }
                return results;
            }
        };
        let mut longest: Option<(Duration, &Job<'_>)> = None;
        for (mut one, fetched) in now.into_iter().zip(fetched) {
            let job = &jobs[one.index];
            match round_of(job, &mut one, holder.repository(), fetched, watch, build) {
                Ok(Some(written)) => results[one.index] = Some(Ok(written)),
                Ok(None) => {
                    let pause = (job.pause)(one.attempt);
                    if longest.is_none_or(|(longest, _)| pause > longest) {
                        longest = Some((pause, job));
                    }
                    open.push(one);
                }
                Err(error) => results[one.index] = Some(Err(error)),
            }
        }
        if let Some((pause, job)) = longest
            && let Err(source) = job.remote.limit().pause(pause)
        {
            let error = Arc::new(GitError::Remote {
                address: job.remote.address().to_string(),
                source: Box::new(source),
            });
            for one in &open {
                results[one.index] = Some(Err(WriteError::Git(Arc::clone(&error))));
            }
            return results;
        }
    }
    results
}

/// One attempt; nothing comes back when the branch moved and the next one may succeed.
fn round_of<E>(
    job: &Job<'_>,
    open: &mut Open,
    repository: &Repository,
    fetched: Result<Fetched, GitError>,
    watch: &Watch<'_>,
    build: &mut Build<'_, E>,
) -> Result<Option<Written>, WriteError<E>> {
    let destination = job
        .refspec
        .map(|refspec| refspec.destination(&job.plan.push_ref()))
        .transpose()
        .map_err(WriteError::Refspec)?;
    let fetched = fetched?;
    let state = (fetched.start, fetched.push_tip);
    let tip = Tip {
        repository,
        commit: fetched.start,
        fetched: &fetched,
    };
    let commits = build(open.index, &tip).map_err(WriteError::Build)?;
    check_chain(repository, fetched.start, &commits)?;
    let began = Instant::now();
    let is_push = !commits.is_empty();
    let pushed = push_once(job, repository, &fetched, commits, open.attempt);
    let took = began.elapsed();
    if is_push {
        watch(Stage::Push, took);
    }
    match pushed? {
        Round::Done(mut written) => {
            if let (Some(last), Some(destination)) = (written.commits.last(), &destination) {
                let listing = &fetched.listing;
                let pushed = repository.push_extra(job, *last, destination, listing);
                written.refspec = Some(pushed);
            }
            return Ok(Some(written));
        }
        // The server blames a race for the second time, but nobody has pushed: it means something else.
        Round::Moved(text) if !text.is_empty() && open.blamed == Some(state) => {
            return Err(WriteError::Refused {
                text: format!("command error on {}: {text}", job.plan.push_ref()),
                messages: String::new(),
            });
        }
        Round::Moved(_) => {
            watch(Stage::Conflict, took);
            open.blamed = Some(state);
        }
    }
    if open.attempt >= job.attempts {
        return Err(busy(job, open.attempt));
    }
    open.attempt += 1;
    Ok(None)
}

fn busy<E>(job: &Job<'_>, attempts: u32) -> WriteError<E> {
    WriteError::Busy {
        branch: job.plan.push_branch.clone(),
        attempts,
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
        listing: Arc::clone(&fetched.listing),
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
