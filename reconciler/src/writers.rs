//! One writer for each remote: it lists refs for all who ask, and carries out what automations want in batches.
//!
//! Automations of one remote wait for one another a moment ([`Options::quiet`]), then go out together: one fetch, the
//! commits of each built on those before in memory, one push for each branch.

mod batch;
mod journal;
mod mirrors;
mod pace;
mod queue;
mod task;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::git::{Cancel, DEFAULT_ATTEMPTS, Remote, Settings, TransportError};
use crate::metrics::Metrics;

pub(crate) use pace::{newest_in_range, pause};
pub(crate) use task::revision;
pub use task::{Done, Failure, Task, Tips};
pub use writer::{Submission, Writer};

/// How writers work.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How long nobody else must have come before a batch goes out.
    pub quiet: Duration,
    /// How long the first of a batch waits at most.
    pub longest: Duration,
    /// How often a push is tried before the branch counts as too busy.
    pub attempts: u32,
    /// How many batches and listings run at a time, over all remotes.
    pub concurrent: usize,
    /// How many mirrors are kept.
    pub mirrors: usize,
    /// How long a mirror is kept that nobody uses.
    pub unused: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            quiet: Duration::from_secs(2),
            longest: Duration::from_secs(15),
            attempts: DEFAULT_ATTEMPTS,
            concurrent: 4,
            mirrors: 64,
            unused: Duration::from_secs(24 * 60 * 60),
        }
    }
}

/// What tells remotes apart: users of equal ones share a mirror, a queue and connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteId {
    /// Names the mirror; a digest of where the remote is and who asks.
    mirror: String,
    /// A digest of all that is shown to it; for passing tokens it changes while the mirror stays.
    access: String,
}

impl RemoteId {
    /// Makes the id of a remote: `who` is what says who asks, such as the keys and values of a Secret, and never
    /// changes while that stays the same; `token` is what is shown for it only for a while.
    #[must_use]
    pub fn new<'a>(
        url: &str,
        who: impl IntoIterator<Item = (&'a str, &'a [u8])>,
        token: &[u8],
    ) -> Self {
        let mut digest = Sha256::new();
        let mut add = |text: &[u8]| {
            digest.update(text.len().to_le_bytes());
            digest.update(text);
        };
        add(url.as_bytes());
        for (key, value) in who {
            add(key.as_bytes());
            add(value);
        }
        let mirror = hex(&digest.clone().finalize()[..20]);
        digest.update(token);
        let access = hex(&digest.finalize());
        Self { mirror, access }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// All writers of this process; clones are the same.
#[derive(Clone)]
pub struct Writers {
    inner: Arc<Inner>,
}

struct Inner {
    root: Root,
    shared: Arc<Shared>,
    writers: Mutex<HashMap<String, Held>>,
}

/// Where mirrors are kept.
enum Root {
    Kept(PathBuf),
    /// Gone with the process.
    Passing(TempDir),
}

impl Root {
    fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Passing(directory) => directory.path(),
        }
    }
}

/// What all writers share.
struct Shared {
    options: Options,
    runtime: Handle,
    permits: Semaphore,
    stopped: CancellationToken,
    cancel: Cancel,
    metrics: Metrics,
}

/// A writer, what its remote was made of, and when it was asked for last.
struct Held {
    writer: Arc<Writer>,
    access: String,
    used: Instant,
}

impl Writers {
    /// Makes writers that keep their mirrors in `storage`, or in a temporary directory; `runtime` drives connections.
    ///
    /// # Errors
    ///
    /// When the directory cannot be made.
    pub fn new(
        storage: Option<&Path>,
        options: Options,
        runtime: Handle,
        metrics: Metrics,
    ) -> io::Result<Self> {
        let root = match storage {
            Some(path) => {
                let path = path.join("git");
                std::fs::create_dir_all(&path)?;
                mirrors::tidy(&path, options.mirrors, options.unused);
                Root::Kept(path)
            }
            None => Root::Passing(tempfile::Builder::new().prefix("imgauto-git-").tempdir()?),
        };
        Ok(Self {
            inner: Arc::new(Inner {
                root,
                shared: Arc::new(Shared {
                    permits: Semaphore::new(options.concurrent.max(1)),
                    options,
                    stopped: CancellationToken::new(),
                    cancel: Cancel::default(),
                    metrics,
                    runtime,
                }),
                writers: Mutex::default(),
            }),
        })
    }

    /// Returns the writer of a remote. `settings` are used when there is none yet, or what is shown to it has changed.
    ///
    /// # Errors
    ///
    /// When no connection can be made of the settings.
    pub fn writer(
        &self,
        id: &RemoteId,
        settings: impl FnOnce() -> Settings,
    ) -> Result<Arc<Writer>, TransportError> {
        let inner = &self.inner;
        let mut writers = lock(&inner.writers);
        let ready = |settings| {
            let remote = Remote::new(settings, inner.shared.runtime.clone())?;
            Ok(remote.with_cancel(inner.shared.cancel.clone()))
        };
        let writer = match writers.entry(id.mirror.clone()) {
            Entry::Occupied(mut entry) => {
                let held = entry.get_mut();
                if held.access != id.access {
                    held.writer.set_remote(ready(settings())?);
                    held.access.clone_from(&id.access);
                }
                held.used = Instant::now();
                Arc::clone(&held.writer)
            }
            Entry::Vacant(entry) => {
                let directory = inner.root.path().join(&id.mirror);
                let shared = Arc::clone(&inner.shared);
                let writer = Arc::new(Writer::new(directory, ready(settings())?, shared));
                entry.insert(Held {
                    writer: Arc::clone(&writer),
                    access: id.access.clone(),
                    used: Instant::now(),
                });
                writer
            }
        };
        let dropped = drop_unused(&mut writers, &inner.shared.options);
        drop(writers);
        if !dropped.is_empty() {
            inner.shared.runtime.spawn_blocking(move || {
                for writer in dropped {
                    writer.remove();
                }
            });
        }
        Ok(writer)
    }

    /// Stops everything under way; waiting and later tasks fail with [`Failure::Stopped`].
    pub fn stop(&self) {
        let shared = &self.inner.shared;
        // First of all nothing new begins.
        shared.permits.close();
        shared.cancel.cancel();
        shared.stopped.cancel();
    }
}

/// Takes out writers that nobody uses: those unused for long, and the oldest if there are too many.
fn drop_unused(writers: &mut HashMap<String, Held>, options: &Options) -> Vec<Arc<Writer>> {
    let mut idle: Vec<(Instant, String)> = writers
        .iter()
        .filter(|(_, held)| Arc::strong_count(&held.writer) == 1)
        .map(|(key, held)| (held.used, key.clone()))
        .collect();
    idle.sort_unstable();
    let mut dropped = Vec::new();
    for (used, key) in idle {
        if writers.len() > options.mirrors || used.elapsed() > options.unused {
            dropped.extend(writers.remove(&key).map(|held| held.writer));
        }
    }
    dropped
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
