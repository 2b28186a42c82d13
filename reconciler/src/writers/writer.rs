//! The writer of one remote: who asks waits here, one batch at a time runs on a thread that may block.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::batch;
use super::queue::Queue;
use super::task::{Done, Failure, Task};
use super::{Shared, lock, mirrors};
use crate::git::{GitError, Listing, Mirror, Remote, Stage};
use crate::update::ScanCache;

/// The one who writes to a remote.
pub struct Writer {
    shared: Arc<Shared>,
    directory: PathBuf,
    remote: Mutex<Remote>,
    mirror: Mutex<Option<Mirror>>,
    cache: ScanCache,
    queue: Mutex<Queue<Waiting>>,
    listed: tokio::sync::Mutex<Option<Listed>>,
}

struct Waiting {
    task: Box<dyn FnOnce() -> Task + Send>,
    begun: oneshot::Sender<()>,
    reply: oneshot::Sender<Result<Done, Failure>>,
}

/// A task that was handed over. To drop it before its batch begins takes it back.
#[must_use]
pub struct Submission {
    begun: Option<oneshot::Receiver<()>>,
    answer: oneshot::Receiver<Result<Done, Failure>>,
}

impl Submission {
    /// Waits until its batch begins, or is given up.
    pub async fn begun(&mut self) {
        if let Some(begun) = self.begun.take() {
            // A sender that is gone means the same: the waiting is over.
            let _ = begun.await;
        }
    }

    /// Waits until it is done.
    ///
    /// # Errors
    ///
    /// When the task cannot be done; others of its batch may be.
    pub async fn done(self) -> Result<Done, Failure> {
        self.answer.await.unwrap_or(Err(Failure::Stopped))
    }
}

/// The last listing, or why there was none.
struct Listed {
    began: Instant,
    result: Result<Arc<Listing>, Failure>,
}

impl Writer {
    pub(super) fn new(directory: PathBuf, remote: Remote, shared: Arc<Shared>) -> Self {
        Self {
            shared,
            directory,
            remote: Mutex::new(remote),
            mirror: Mutex::default(),
            cache: ScanCache::default(),
            queue: Mutex::default(),
            listed: tokio::sync::Mutex::default(),
        }
    }

    pub(super) fn set_remote(&self, remote: Remote) {
        *lock(&self.remote) = remote;
    }

    fn remote(&self, timeout: Duration) -> Remote {
        lock(&self.remote).with_timeout(timeout)
    }

    /// Returns the address of the remote, without secrets.
    #[must_use]
    pub fn address(&self) -> String {
        lock(&self.remote).address().to_string()
    }

    fn host(&self) -> String {
        let remote = lock(&self.remote);
        remote.address().host().unwrap_or_default().to_owned()
    }

    /// Lists the remote's refs. A listing that began at or after `not_before` is good enough, whoever asked for it.
    ///
    /// # Errors
    ///
    /// When the remote cannot be asked; all who share the listing are told.
    pub async fn list(
        self: &Arc<Self>,
        not_before: Instant,
        timeout: Duration,
    ) -> Result<Arc<Listing>, Failure> {
        let mut listed = self.listed.lock().await;
        if let Some(listed) = listed.as_ref().filter(|one| one.began >= not_before) {
            return listed.result.clone();
        }
        let permit = self.shared.permits.acquire().await;
        let _permit = permit.map_err(|_| Failure::Stopped)?;
        let began = Instant::now();
        let remote = self.remote(timeout);
        let asked = tokio::task::spawn_blocking(move || remote.list()).await;
        let result = match asked {
            Ok(Ok(listing)) => Ok(Arc::new(listing)),
            Ok(Err(error)) => Err(Failure::Git(Arc::new(error))),
            Err(_) => Err(Failure::Stopped),
        };
        self.shared.metrics.git_fetch(&self.host(), began.elapsed());
        *listed = Some(Listed {
            began,
            result: result.clone(),
        });
        result
    }

    /// Hands a task over.
    ///
    /// `task` is called when the batch begins, so that what changed while it waited is in it.
    pub fn submit(self: &Arc<Self>, task: impl FnOnce() -> Task + Send + 'static) -> Submission {
        let (begun, begins) = oneshot::channel();
        let (reply, answer) = oneshot::channel();
        let waiting = Waiting {
            task: Box::new(task),
            begun,
            reply,
        };
        let attended = {
            let mut queue = lock(&self.queue);
            queue.push(waiting, Instant::now());
            std::mem::replace(&mut queue.attended, true)
        };
        if !attended {
            self.shared.runtime.spawn(Arc::clone(self).attend());
        }
        Submission {
            begun: Some(begins),
            answer,
        }
    }

    /// Sends out batch after batch until nobody waits.
    async fn attend(self: Arc<Self>) {
        while let Some(wait) = self.next_wait() {
            if !wait.is_zero() {
                tokio::select! {
                    () = self.shared.stopped.cancelled() => {}
                    () = tokio::time::sleep(wait) => continue,
                }
            }
            let Ok(permit) = self.shared.permits.acquire().await else {
                let mut queue = lock(&self.queue);
                queue.attended = false;
                // Their senders go with them, which tells who waits.
                drop(queue.take());
                return;
            };
            let here = Arc::clone(&self);
            let batch = tokio::task::spawn_blocking(move || here.run());
            // A panic has been reported by its thread; who waits is told that the task is gone.
            let _ = batch.await;
            drop(permit);
            // What was listed before the push says nothing now.
            *self.listed.lock().await = None;
        }
    }

    /// Returns how long the next batch waits; without one, nobody looks after the queue any more.
    fn next_wait(&self) -> Option<Duration> {
        let options = &self.shared.options;
        let mut queue = lock(&self.queue);
        let wait = queue.wait(Instant::now(), options.quiet, options.longest);
        queue.attended = wait.is_some();
        wait
    }

    /// Carries out the batch that is due; blocks.
    fn run(&self) {
        let waiting = lock(&self.queue).take();
        let (tasks, replies): (Vec<Task>, Vec<_>) = waiting
            .into_iter()
            .filter(|one| !one.reply.is_closed())
            .map(|one| {
                // Who has stopped waiting need not know.
                let _ = one.begun.send(());
                ((one.task)(), one.reply)
            })
            .unzip();
        let Some(timeout) = tasks.iter().map(|task| task.timeout).max() else {
            return;
        };
        let mut mirror = lock(&self.mirror);
        let results = match self.open(&mut mirror) {
            Err(error) => {
                let failure = Failure::Git(Arc::new(error));
                tasks.iter().map(|_| Err(failure.clone())).collect()
            }
            Ok(mirror) => {
                let remote = self.remote(timeout);
                let host = self.host();
                let metrics = &self.shared.metrics;
                let watch = |stage, took| match stage {
                    Stage::Fetch => metrics.git_fetch(&host, took),
                    Stage::Push => metrics.git_push(&host, took),
                    Stage::Conflict => metrics.push_conflict(&host),
                };
                batch::run(
                    mirror,
                    &remote,
                    &tasks,
                    &self.cache,
                    self.shared.options.attempts,
                    &watch,
                )
            }
        };
        for (reply, result) in replies.into_iter().zip(results) {
            // Who does not wait any more finds it on the branch.
            let _ = reply.send(result);
        }
    }

    fn open<'a>(&self, mirror: &'a mut Option<Mirror>) -> Result<&'a mut Mirror, GitError> {
        match mirror {
            Some(mirror) => Ok(mirror),
            none => {
                mirrors::touch(&self.directory);
                Ok(none.insert(Mirror::open(&self.directory)?))
            }
        }
    }

    /// Removes the mirror from the disk.
    pub(super) fn remove(&self) {
        *lock(&self.mirror) = None;
        mirrors::remove(&self.directory);
    }
}
