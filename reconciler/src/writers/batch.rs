//! One batch: tasks of one remote become commits and pushes. Blocks.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use engine::branch::{self, Refspec, RefspecError, Target};
use git2::Oid;

use super::journal::Journal;
use super::pace::{newest_in_range, pause};
use super::task::{Done, Failure, Task, Tips, revision};
use crate::chain::Chain;
use crate::git::{
    GitError, Job, Listing, Mirror, Outcome, Remote, Repository, Tip, Watch, WriteError, Written,
};
use crate::source::GitTree;
use crate::update::{Built, MarkedFile, OrderError, ScanCache, marked_files};

/// Tasks that go to the same place in the same way.
struct Group<'a> {
    plan: &'a branch::Plan,
    options: &'a BTreeMap<String, String>,
    text: Option<&'a str>,
    extra: Result<Option<Extra>, RefspecError>,
    tasks: Vec<usize>,
}

/// A second place to push to.
struct Extra {
    refspec: Refspec,
    /// The full name of the ref there.
    destination: String,
}

/// What the last attempt made of one task.
struct Attempt {
    /// What it was built on, and what the whole group was built on.
    parent: Oid,
    start: Oid,
    listing: Arc<Listing>,
    result: Result<Built, OrderError>,
}

/// Carries out tasks; the results are in their order.
pub(super) fn run(
    mirror: &mut Mirror,
    remote: &Remote,
    tasks: &[Task],
    cache: &ScanCache,
    attempts: u32,
    watch: &Watch<'_>,
) -> Vec<Result<Done, Failure>> {
    let mut journal = Journal::open(mirror.directory());
    let groups = groups(tasks);
    let jobs: Vec<Job<'_>> = groups
        .iter()
        .map(|group| Job {
            remote,
            plan: group.plan,
            choose: &newest_in_range,
            options: group.options.clone(),
            refspec: group.extra().map(|extra| &extra.refspec),
            attempts,
            pause: &pause,
        })
        .collect();
    let mut made: Vec<Option<Attempt>> = Vec::new();
    made.resize_with(tasks.len(), || None);
    let written = mirror.write_all(&jobs, watch, |group, tip| {
        let commits = build(tasks, &groups[group].tasks, tip, cache, &mut made);
        let ids = groups[group].tasks.iter().map(|task| &tasks[*task].id);
        let commits_of = ids.cloned().zip(&groups[group].tasks);
        let pairs = commits_of.filter_map(|(id, task)| Some((id, commit_of(&made[*task])?)));
        if let Err(error) = journal.record(pairs) {
            tracing::warn!(error = %Chain(&error), "cannot write down which commits were made");
        }
        Ok::<_, Infallible>(commits)
    });
    let mut results: Vec<Option<Result<Done, Failure>>> = Vec::new();
    results.resize_with(tasks.len(), || None);
    for ((group, job), written) in groups.iter().zip(&jobs).zip(written) {
        let finish = Finish {
            group,
            job,
            repository: mirror,
            journal: &journal,
            cache,
        };
        finish.finish(tasks, &mut made, written, &mut results);
    }
    results
        .into_iter()
        .map(|result| result.unwrap_or(Err(Failure::Stopped)))
        .collect()
}

fn groups(tasks: &[Task]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for (index, task) in tasks.iter().enumerate() {
        let text = task.refspec.as_deref().filter(|text| !text.is_empty());
        let same = |group: &&mut Group<'_>| {
            *group.plan == task.plan && *group.options == task.options && group.text == text
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.tasks.push(index),
            None => groups.push(Group {
                plan: &task.plan,
                options: &task.options,
                text,
                extra: text.map(|text| extra(text, &task.plan)).transpose(),
                tasks: vec![index],
            }),
        }
    }
    groups
}

fn extra(text: &str, plan: &branch::Plan) -> Result<Extra, RefspecError> {
    let refspec = Refspec::parse(text)?;
    let destination = refspec.destination(&plan.push_ref())?;
    Ok(Extra {
        refspec,
        destination,
    })
}

impl Group<'_> {
    fn extra(&self) -> Option<&Extra> {
        self.extra.as_ref().ok().and_then(Option::as_ref)
    }
}

/// Builds the commits of a group, each on the one before; a task that fails leaves the others alone.
fn build(
    tasks: &[Task],
    group: &[usize],
    tip: &Tip<'_>,
    cache: &ScanCache,
    made: &mut [Option<Attempt>],
) -> Vec<Oid> {
    let mut parent = tip.commit;
    let mut commits = Vec::new();
    for index in group {
        let result = tasks[*index].order.carry_out(tip.repository, parent, cache);
        let attempt = Attempt {
            parent,
            start: tip.commit,
            listing: Arc::clone(&tip.fetched.listing),
            result,
        };
        let attempt = made[*index].insert(attempt);
        if let Ok(Built {
            commit: Some(commit),
            ..
        }) = &attempt.result
        {
            parent = *commit;
            commits.push(*commit);
        }
    }
    commits
}

fn commit_of(attempt: &Option<Attempt>) -> Option<Oid> {
    attempt.as_ref()?.result.as_ref().ok()?.commit
}

/// Turns what became of a group into what became of its tasks.
struct Finish<'a> {
    group: &'a Group<'a>,
    job: &'a Job<'a>,
    repository: &'a Repository,
    journal: &'a Journal,
    cache: &'a ScanCache,
}

impl Finish<'_> {
    fn finish(
        &self,
        tasks: &[Task],
        made: &mut [Option<Attempt>],
        written: Result<Written, WriteError<Infallible>>,
        results: &mut [Option<Result<Done, Failure>>],
    ) {
        let (written, extra, refused) = match written {
            Ok(mut written) => {
                let extra = self.extra(!written.commits.is_empty(), written.refspec.take());
                (Some(written), extra, None)
            }
            Err(error) => (None, None, Some(Failure::Write(Arc::new(error)))),
        };
        let marked = self.marked(made, written.as_ref());
        for index in &self.group.tasks {
            let attempt = made[*index].take();
            results[*index] = Some(match (attempt, &written, &refused) {
                (Some(attempt), written, refused) => {
                    let refused = refused.as_ref();
                    let done = self.one(
                        &tasks[*index],
                        attempt,
                        written.as_ref(),
                        refused,
                        extra.as_ref(),
                    );
                    done.map(|done| Done {
                        marked: marked.clone(),
                        ..done
                    })
                }
                (None, _, Some(refused)) => Err(refused.clone()),
                (None, _, None) => Err(Failure::Stopped),
            });
        }
    }

    /// Lists the marked files of the branch as it now is, once for all tasks. Nothing is pushed later because of it.
    fn marked(
        &self,
        made: &[Option<Attempt>],
        written: Option<&Written>,
    ) -> Option<Arc<[MarkedFile]>> {
        let mut attempts = self
            .group
            .tasks
            .iter()
            .filter_map(|task| made[*task].as_ref());
        let start = attempts.find(|attempt| attempt.result.is_ok())?.start;
        let last = written.and_then(|written| written.commits.last().copied());
        let source = GitTree::new(self.repository, last.unwrap_or(start));
        match marked_files(&source, self.cache) {
            Ok(files) => Some(files.into()),
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "cannot look for markers outside of update paths");
                None
            }
        }
    }

    fn one(
        &self,
        task: &Task,
        attempt: Attempt,
        written: Option<&Written>,
        refused: Option<&Failure>,
        extra: Option<&Failure>,
    ) -> Result<Done, Failure> {
        let built = attempt.result.map_err(|error| match error {
            OrderError::Git(error) if error.is_damage() => Failure::Git(Arc::new(error)),
            error => Failure::Order(Arc::new(error)),
        })?;
        let untouched = built.commit.is_none() && attempt.parent == attempt.start;
        // Somebody else's push branch may be refused; who has nothing to push does not care.
        if let Some(refused) = refused.filter(|_| !untouched) {
            return Err(refused.clone());
        }
        if let Some(extra) = extra.filter(|_| built.commit.is_some()) {
            return Err(extra.clone());
        }
        let tip = written
            .and_then(|written| written.commits.last().copied())
            .unwrap_or(attempt.start);
        let (commit, message) = match (built.commit, built.message) {
            (Some(commit), message) => (Some(commit), message.unwrap_or_default()),
            (None, _) => self.earlier(task, tip, &attempt.listing)?,
        };
        let same = self.group.plan.target == Target::SameBranch;
        let seen = Tips::of(self.group.plan, &attempt.listing);
        let pushed = written.is_some_and(|written| !written.commits.is_empty());
        let tips = Tips {
            checkout: if same { Some(tip) } else { seen.checkout },
            push: if same || pushed { Some(tip) } else { seen.push },
        };
        let on_branch = same.then(|| built.commit.unwrap_or(attempt.parent));
        Ok(Done {
            commit,
            message,
            revision: revision(self.group.plan, &attempt.listing, on_branch),
            tips,
            plan: built.plan,
            marked: None,
            options_ignored: written.is_some_and(|written| written.options_ignored),
        })
    }

    /// Finds a commit of an earlier run whose push nobody was told of, and makes up for its extra push.
    fn earlier(
        &self,
        task: &Task,
        tip: Oid,
        listing: &Listing,
    ) -> Result<(Option<Oid>, String), Failure> {
        let Some(commit) = self.journal.made(&task.id) else {
            return Ok((None, String::new()));
        };
        let told = task.last_push.as_deref() == Some(commit.to_string().as_str());
        if told || !self.repository.descends(tip, commit).unwrap_or(false) {
            return Ok((None, String::new()));
        }
        let pushed = self.group.extra().map(|extra| {
            let destination = &extra.destination;
            self.repository
                .push_extra(self.job, tip, destination, listing)
        });
        if let Some(failure) = self.extra(true, pushed) {
            return Err(failure);
        }
        let message = self.repository.message(commit).unwrap_or_default();
        Ok((Some(commit), message))
    }

    /// Says what is wrong with the extra push, if there was one to make because commits went out.
    fn extra(&self, went_out: bool, pushed: Option<Result<Outcome, GitError>>) -> Option<Failure> {
        let branch = self.group.plan.push_branch.clone();
        if let (Err(source), true) = (&self.group.extra, went_out) {
            let source = source.clone();
            return Some(Failure::Refspec { branch, source });
        }
        match pushed? {
            Ok(Outcome::Pushed | Outcome::UpToDate) => None,
            Ok(Outcome::Refused { text }) => Some(Failure::ExtraRefused { branch, text }),
            Ok(Outcome::Moved { text }) => {
                let text = match text.is_empty() {
                    true => "the ref moved meanwhile".to_owned(),
                    false => text,
                };
                Some(Failure::ExtraRefused { branch, text })
            }
            Err(source) => Some(Failure::Extra {
                branch,
                source: Arc::new(source),
            }),
        }
    }
}
