//! The controller that keeps the label `imgauto.dev/drift` of workloads fresh after they were admitted.
//!
//! Only namespaces that ask for it cost anything: without one, nothing but namespaces is watched. What a workload gets
//! is decided by the same functions of the engine that the webhook asks; here inventories tell of markers, too, and pods
//! of what runs.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use engine::admission::Rules;
use futures::StreamExt as _;
use futures::stream::{self, ReadyChunks};
use jiff::Timestamp;

use tokio::task::JoinSet;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{error, info};

use crate::chain::Chain;
use crate::cluster::Shared;
use crate::metrics::MarkResult;

mod bucket;
mod desk;
mod kind;
mod object;
mod policies;
mod quarrel;
mod seen;
mod tell;
mod watches;
mod world;
mod write;

use desk::{Desk, Ended, Job, Patch, Word};
use object::Key;
use watches::{Missing, News, Newsfeed};
use world::{Moves, World};

/// How often everything is looked at again, whatever was heard: choices that cannot be renewed get old.
const RESYNC: Duration = Duration::from_secs(10 * 60);
/// How much news is taken up at a time, if so much waits.
const AT_ONCE: usize = 512;
/// How long it takes to begin anew after a panic.
const RECOVERY: Duration = Duration::from_secs(60);

/// Keeps marks fresh until the token stops it. Whatever goes wrong here disturbs nobody else.
pub async fn run(shared: Arc<Shared>, stop: CancellationToken) {
    let keep = async {
        loop {
            let task = tokio::spawn(Keeper::new(Arc::clone(&shared)).keep());
            if let Err(panic) = AbortOnDropHandle::new(task).await {
                error!(error = %Chain(&panic), "marking workloads failed and is begun anew");
            }
            sleep(RECOVERY).await;
        }
    };
    tokio::select! {
        () = keep => {}
        () = stop.cancelled() => {}
    }
}

/// The controller under way.
struct Keeper {
    shared: Arc<Shared>,
    rules: Arc<Rules>,
    /// What may not be watched.
    missing: Missing,
    /// What may not be written.
    refusals: Missing,
    world: World,
    desk: Desk,
    namespaces: ReadyChunks<Newsfeed>,
    /// All other watches; silent as long as no namespace asks for marks.
    everything: ReadyChunks<Newsfeed>,
    patches: JoinSet<(Patch, Ended)>,
    resync: Interval,
}

impl Keeper {
    fn new(shared: Arc<Shared>) -> Self {
        let mut rules = Rules::default();
        rules
            .exempt_namespaces
            .extend(shared.options.own_namespace.clone());
        let rules = Arc::new(rules);
        let mut resync = interval(RESYNC);
        resync.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let missing = Missing::default();
        Self {
            namespaces: watches::namespaces(&shared, &missing).ready_chunks(AT_ONCE),
            missing,
            refusals: Missing::default(),
            everything: silence(),
            world: World::new(Arc::clone(&rules)),
            desk: Desk::new(Instant::now()),
            patches: JoinSet::new(),
            resync,
            rules,
            shared,
        }
    }

    async fn keep(mut self) {
        loop {
            let due = self.desk.due();
            let due = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            let concerned = tokio::select! {
                Some(news) = self.namespaces.next() => {
                    self.heard_of_namespaces(news);
                    BTreeSet::new()
                }
                Some(news) = self.everything.next() => {
                    for news in news {
                        self.world.take(news);
                    }
                    BTreeSet::new()
                }
                Some(ended) = self.patches.join_next() => self.ended(ended),
                _ = self.resync.tick() => {
                    self.world.concern_all();
                    BTreeSet::new()
                }
                () = due => self.desk.retries(Instant::now()).into_iter().collect(),
            };
            self.look(concerned);
            while let Some(patch) = self.desk.next(Instant::now()) {
                let (client, refusals) = (self.shared.client.clone(), self.refusals.clone());
                self.patches.spawn(async move {
                    let ended = write::write(client, &refusals, &patch).await;
                    (patch, ended)
                });
            }
        }
    }

    /// Begins to watch when the first namespace asks for marks, and ends when none does any more.
    fn heard_of_namespaces(&mut self, news: Vec<News>) {
        let was_asked = self.world.is_asked();
        let mut has_come = false;
        for news in news {
            let News::Namespace(event) = news else {
                continue;
            };
            let Moves { came, left } = self.world.namespace(event);
            has_come |= !came.is_empty();
            for (key, uid) in left {
                self.desk.clear(key, uid);
            }
        }
        if !self.world.is_asked() {
            if was_asked {
                info!("no namespace asks for marks any more");
                self.everything = silence();
                self.world.begin_anew();
                self.desk.retain(|_| false);
                self.count();
            }
        } else if has_come {
            info!("namespaces ask for marks");
            // Their objects were dropped until now, so that all are listed anew.
            self.everything =
                watches::everything(&self.shared, &self.missing, &self.rules).ready_chunks(AT_ONCE);
            self.world.begin_anew();
        }
    }

    /// Looks at these workloads and at those that are concerned by what was heard.
    fn look(&mut self, mut keys: BTreeSet<Key>) {
        if !self.world.is_whole() {
            return;
        }
        if self.world.is_new() {
            self.desk.retain(|key| self.world.has(key));
        }
        keys.extend(self.world.concerned(Timestamp::now()));
        if keys.is_empty() {
            return;
        }
        let now = Instant::now();
        for key in keys {
            let Some(look) = self.world.look(&key) else {
                self.desk.forget(&key);
                continue;
            };
            for word in self.desk.look(&key, &look, now) {
                self.tell(&key, &look.uid, word);
            }
        }
        self.count();
    }

    fn count(&self) {
        let marks = self.shared.metrics.marks();
        for (label, count) in self.desk.counts() {
            marks.workloads(label.as_str(), count);
        }
        marks.suspended(self.desk.given_in());
    }

    fn ended(&mut self, ended: Result<(Patch, Ended), tokio::task::JoinError>) -> BTreeSet<Key> {
        let (patch, ended) = match ended {
            Ok(ended) => ended,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        let result = match ended {
            Ended::Written(_) => MarkResult::Written,
            Ended::Cleared => MarkResult::Cleared,
            Ended::Gone => MarkResult::Gone,
            Ended::Failed => MarkResult::Failed,
        };
        self.shared.metrics.marks().patched(result);
        if let Some(word) = self.desk.ended(&patch, ended, Instant::now()) {
            self.tell(&patch.key, &patch.uid, word);
        }
        match patch.job {
            Job::Mark(_) => [patch.key].into(),
            Job::Clear { .. } => BTreeSet::new(),
        }
    }

    fn tell(&self, key: &Key, uid: &str, word: Word) {
        self.shared.events.send(tell::notice(key, uid, word));
    }
}

fn silence() -> ReadyChunks<Newsfeed> {
    stream::pending().boxed().ready_chunks(AT_ONCE)
}
