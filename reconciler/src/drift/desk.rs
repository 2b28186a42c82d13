//! What is to be written and told of each workload: decided here, done elsewhere.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use engine::drift::Label;
use tokio::time::Instant;

use super::bucket::Bucket;
use super::object::Key;
use super::quarrel::{Quarrel, Reaction};
use super::world::Look;

/// How many patches a second go out in the long run.
pub(super) const RATE: u32 = 20;
/// How many may go out at once.
pub(super) const BURST: u32 = 50;
/// How many are under way at a time.
const AT_ONCE: usize = 8;
/// How often a mark is tried to be taken away.
const TRIES: u32 = 5;
/// How long a workload waits after its first patch failed; doubled with every failure.
const FIRST_WAIT: Duration = Duration::from_secs(2);
/// The longest it waits.
const LONGEST_WAIT: Duration = Duration::from_secs(10 * 60);

/// What is remembered of all workloads, and what is to be done.
pub(super) struct Desk {
    states: HashMap<Key, State>,
    /// What is to be written, by workload: however often it changed its mind, it is written once.
    jobs: HashMap<Key, Job>,
    order: VecDeque<Key>,
    under_way: HashSet<Key>,
    retries: BTreeSet<(Instant, Key)>,
    bucket: Bucket,
}

/// What is remembered of a workload.
struct State {
    uid: Arc<str>,
    /// The label it should carry.
    label: Label,
    /// The label people know of.
    told: Label,
    written: Option<Written>,
    quarrel: Quarrel,
    failures: u32,
    retry_at: Option<Instant>,
}

/// A mark that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) label: Label,
    /// The version of the object that has it.
    pub(super) version: u64,
    /// The generation of that.
    pub(super) generation: i64,
}

/// What is to be written to a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Job {
    /// The label it should carry.
    Mark(Label),
    /// No label: what is written there is taken away.
    Clear {
        /// How often that failed.
        failures: u32,
        /// The UID of the workload.
        uid: Arc<str>,
    },
}

/// A patch that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Patch {
    pub(super) key: Key,
    pub(super) uid: Arc<str>,
    pub(super) job: Job,
}

/// How a patch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// It is written.
    Written(Written),
    /// The label is taken away.
    Cleared,
    /// There is no such workload any more.
    Gone,
    /// The API server did not do it.
    Failed,
}

/// Something people are told of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// Its images stand differently.
    Became(Label),
    /// Somebody is against its mark, which is left alone from now on.
    GaveIn,
}

impl Desk {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            states: HashMap::new(),
            jobs: HashMap::new(),
            order: VecDeque::new(),
            under_way: HashSet::new(),
            retries: BTreeSet::new(),
            bucket: Bucket::new(RATE, BURST, now),
        }
    }

    /// A workload was looked at.
    pub(super) fn look(&mut self, key: &Key, look: &Look, now: Instant) -> Vec<Word> {
        let carried = label_of(look.marked.label());
        let fresh = || State {
            uid: Arc::clone(&look.uid),
            label: look.label,
            told: carried.unwrap_or(look.label),
            written: None,
            quarrel: Quarrel::default(),
            failures: 0,
            retry_at: None,
        };
        let state = self.states.entry(key.clone()).or_insert_with(fresh);
        if state.uid != look.uid {
            *state = fresh();
        }
        state.label = look.label;
        let mut words = Vec::new();
        let marked = &look.marked;
        let label = match state.written {
            // What the watch tells is older than what was written.
            Some(written) if marked.version < written.version => Some(written.label),
            Some(written) if marked.version > written.version => {
                let is_other = marked.label() != Some(written.label.as_str());
                if is_other || marked.generation != written.generation {
                    state.written = None;
                }
                let is_reverted = is_other && marked.generation == written.generation;
                if is_reverted
                    && carried != Some(look.label)
                    && state.quarrel.reverted(marked.generation, now) == Reaction::GiveIn
                {
                    words.push(Word::GaveIn);
                }
                carried
            }
            _ => carried,
        };
        let is_over = state.quarrel.is_over(marked.generation, now);
        if label == Some(look.label) || !is_over {
            words.extend(state.tell());
            self.jobs.remove(key);
        } else if state.retry_at.is_none_or(|at| at <= now) {
            self.enqueue(key, Job::Mark(look.label));
        }
        words
    }

    /// A workload is gone, or is not marked any more.
    pub(super) fn forget(&mut self, key: &Key) {
        self.states.remove(key);
        if matches!(self.jobs.get(key), Some(Job::Mark(_))) {
            self.jobs.remove(key);
        }
    }

    /// The namespace of a workload does not ask for marks any more: what is written there is taken away.
    pub(super) fn clear(&mut self, key: Key, uid: Arc<str>) {
        self.states.remove(&key);
        self.enqueue(&key, Job::Clear { failures: 0, uid });
    }

    /// Forgets all workloads but those for which something holds.
    pub(super) fn retain(&mut self, mut holds: impl FnMut(&Key) -> bool) {
        let gone = self.states.keys().filter(|key| !holds(key));
        let gone: Vec<_> = gone.cloned().collect();
        for key in gone {
            self.forget(&key);
        }
    }

    fn enqueue(&mut self, key: &Key, job: Job) {
        let is_new = self.jobs.insert(key.clone(), job).is_none();
        // What is under way comes back to the queue when it ended.
        if is_new && !self.under_way.contains(key) {
            self.order.push_back(key.clone());
        }
    }

    /// The next patch that may go out, which is under way from now on.
    pub(super) fn next(&mut self, now: Instant) -> Option<Patch> {
        if self.under_way.len() >= AT_ONCE {
            return None;
        }
        // What has been written or has gone meanwhile is passed over.
        while self
            .order
            .front()
            .is_some_and(|key| !self.jobs.contains_key(key))
        {
            self.order.pop_front();
        }
        self.order.front()?;
        self.bucket.take(now)?;
        let key = self.order.pop_front()?;
        let job = self.jobs.remove(&key)?;
        let uid = match &job {
            Job::Clear { uid, .. } => Arc::clone(uid),
            Job::Mark(_) => Arc::clone(&self.states.get(&key)?.uid),
        };
        self.under_way.insert(key.clone());
        Some(Patch { key, uid, job })
    }

    /// When there may be something to do without any news.
    pub(super) fn due(&self) -> Option<Instant> {
        let has_room = self.under_way.len() < AT_ONCE && !self.order.is_empty();
        let next = has_room.then(|| self.bucket.ready_at());
        let retry = self.retries.first().map(|(at, _)| *at);
        next.into_iter().chain(retry).min()
    }

    /// The workloads whose patches failed and that are to be looked at again now.
    pub(super) fn retries(&mut self, now: Instant) -> Vec<Key> {
        let mut due = Vec::new();
        while let Some((at, key)) = self.retries.pop_first() {
            if at > now {
                self.retries.insert((at, key));
                break;
            }
            match self.jobs.contains_key(&key) {
                true => self.order.push_back(key),
                false => due.push(key),
            }
        }
        due
    }

    /// A patch ended.
    pub(super) fn ended(&mut self, patch: &Patch, ended: Ended, now: Instant) -> Option<Word> {
        self.under_way.remove(&patch.key);
        if self.jobs.contains_key(&patch.key) {
            self.order.push_back(patch.key.clone());
        }
        match (&patch.job, ended) {
            (Job::Mark(_), Ended::Written(written)) => {
                let state = self.state(patch)?;
                state.written = Some(written);
                state.failures = 0;
                state.retry_at = None;
                (state.label == written.label)
                    .then(|| state.tell())
                    .flatten()
            }
            (Job::Mark(_), Ended::Failed) => {
                let state = self.state(patch)?;
                let at = now + wait(state.failures);
                state.failures = state.failures.saturating_add(1);
                state.retry_at = Some(at);
                self.retries.insert((at, patch.key.clone()));
                None
            }
            (Job::Clear { failures, uid }, Ended::Failed) if *failures < TRIES => {
                let (failures, uid) = (failures + 1, Arc::clone(uid));
                // Who asks for marks again meanwhile has another job there.
                if let Entry::Vacant(job) = self.jobs.entry(patch.key.clone()) {
                    job.insert(Job::Clear { failures, uid });
                    self.retries
                        .insert((now + wait(failures), patch.key.clone()));
                }
                None
            }
            _ => None,
        }
    }

    fn state(&mut self, patch: &Patch) -> Option<&mut State> {
        let state = self.states.get_mut(&patch.key);
        state.filter(|state| state.uid == patch.uid)
    }

    /// How many workloads there are of each label.
    pub(super) fn counts(&self) -> impl Iterator<Item = (Label, usize)> {
        Label::ALL.into_iter().map(|label| {
            let states = self.states.values();
            (label, states.filter(|state| state.label == label).count())
        })
    }

    /// How many workloads are left alone since somebody is against their marks.
    pub(super) fn given_in(&self) -> usize {
        let states = self.states.values();
        states.filter(|state| state.quarrel.has_given_in()).count()
    }
}

impl State {
    /// What people do not know yet.
    fn tell(&mut self) -> Option<Word> {
        let is_new = std::mem::replace(&mut self.told, self.label) != self.label;
        is_new.then_some(Word::Became(self.label))
    }
}

fn label_of(text: Option<&str>) -> Option<Label> {
    Label::ALL
        .into_iter()
        .find(|label| Some(label.as_str()) == text)
}

fn wait(failures: u32) -> Duration {
    let factor = 1_u32.checked_shl(failures).unwrap_or(u32::MAX);
    FIRST_WAIT.saturating_mul(factor).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests;
