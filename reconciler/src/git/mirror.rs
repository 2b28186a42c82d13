//! A warm bare copy of a remote in a directory of its own.

use std::fs::{self, File, TryLockError};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use engine::branch::Plan;
use git2::RepositoryInitOptions;

use super::fetch::{ChooseTags, Fetched, History};
use super::remote::Remote;
use super::repository::{GitError, Repository, failed};
use super::transport::register;

/// More packs than this slow every look-up down; libgit2 cannot repack, so the mirror is made anew.
const MAX_PACKS: usize = 50;

/// The same for objects outside packs, by `git gc`'s own estimate of 6,700 from one of 256 directories.
const MAX_LOOSE_IN_ONE: usize = 27;

/// How often a taken lock is tried again.
const LOCK_ATTEMPTS: u32 = 10;

/// How long to wait in between.
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// Where branches of the remote are kept.
const TRACKING: &str = "refs/remotes/origin";

/// A bare repository that holds what was fetched from one remote; a cache that may be deleted at any time.
///
/// Only one process, and in it one `Mirror`, uses a directory at a time.
pub struct Mirror {
    repository: Repository,
    directory: PathBuf,
    // Released when the file is closed.
    _lock: File,
}

impl Mirror {
    /// Opens the mirror in `directory`, or makes one: if there is none, it is damaged, or it has grown too many parts.
    ///
    /// # Errors
    ///
    /// When another process uses it, or the directory cannot be used.
    pub fn open(directory: &Path) -> Result<Self, GitError> {
        register();
        let lock = lock(directory)?;
        let usable = git2::Repository::open_bare(directory)
            .ok()
            .filter(|_| !is_worn(directory));
        let inner = match usable {
            Some(inner) => inner,
            None => recreate(directory)?,
        };
        Ok(Self {
            repository: Repository::new(inner, TRACKING.to_owned()),
            directory: directory.to_owned(),
            _lock: lock,
        })
    }

    /// Throws everything away and begins empty.
    ///
    /// # Errors
    ///
    /// When the directory cannot be emptied or written.
    pub fn reset(&mut self) -> Result<(), GitError> {
        self.repository = Repository::new(recreate(&self.directory)?, TRACKING.to_owned());
        Ok(())
    }

    /// Fetches the newest commits that `plan` needs; a damaged mirror is made anew first.
    ///
    /// # Errors
    ///
    /// As [`Repository::fetch`].
    pub fn fetch(
        &mut self,
        remote: &Remote,
        plan: &Plan,
        choose: &ChooseTags<'_>,
    ) -> Result<Fetched, GitError> {
        let mut fetched = self.fetch_all(remote, &[plan], choose)?;
        fetched
            .pop()
            .unwrap_or_else(|| Err(GitError::Unresolved(plan.push_ref())))
    }

    /// Fetches the newest commits that several plans need; a damaged mirror is made anew first.
    ///
    /// # Errors
    ///
    /// As [`Repository::fetch_all`].
    pub fn fetch_all(
        &mut self,
        remote: &Remote,
        plans: &[&Plan],
        choose: &ChooseTags<'_>,
    ) -> Result<Vec<Result<Fetched, GitError>>, GitError> {
        if is_worn(&self.directory) {
            self.reset()?;
        }
        let once = |mirror: &Self| {
            let repository = &mirror.repository;
            repository.fetch_all(remote, plans, choose, History::Newest)
        };
        let fetched = once(self);
        let helps = |error: &GitError| error.is_damage() || is_local(error);
        let damaged = match &fetched {
            Err(error) => helps(error),
            Ok(all) => all.iter().any(|one| one.as_ref().is_err_and(helps)),
        };
        if !damaged {
            return fetched;
        }
        self.reset()?;
        once(self)
    }

    /// Returns the directory it lives in.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

impl Deref for Mirror {
    type Target = Repository;

    fn deref(&self) -> &Repository {
        &self.repository
    }
}

/// Returns whether libgit2 failed over our own files, not over the remote.
fn is_local(error: &GitError) -> bool {
    use git2::ErrorClass::{Filesystem, Indexer, Object, Odb, Os, Reference, Zlib};
    matches!(
        error,
        GitError::Libgit2 { source, .. }
            if matches!(source.class(), Filesystem | Indexer | Object | Odb | Os | Reference | Zlib)
    )
}

fn lock(directory: &Path) -> Result<File, GitError> {
    // Beside the directory, because the directory itself may be replaced.
    let mut name = directory.as_os_str().to_owned();
    name.push(".lock");
    let path = PathBuf::from(name);
    let io = |attempt| {
        let path = path.clone();
        move |source| GitError::Io {
            attempt,
            path,
            source,
        }
    };
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(io("create the directory of"))?;
    }
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(io("open"))?;
    // A user that is just ending, or a program it just started, may hold the lock a little longer.
    for _ in 0..LOCK_ATTEMPTS {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(source)) => return Err(io("lock")(source)),
        }
    }
    Err(GitError::InUse(directory.to_owned()))
}

fn recreate(directory: &Path) -> Result<git2::Repository, GitError> {
    match fs::remove_dir_all(directory) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            return Err(GitError::Io {
                attempt: "remove the old mirror",
                path: directory.to_owned(),
                source,
            });
        }
        _ => {}
    }
    let create = || {
        let mut options = RepositoryInitOptions::new();
        let created =
            git2::Repository::init_opts(directory, options.bare(true).external_template(false))?;
        // The least window: what a commit of ours changes is packed for one push and has next to nothing in common,
        // but looking for it took longer than all the rest of the push.
        created.config()?.set_i64("pack.windowMemory", 1)?;
        Ok(created)
    };
    create().map_err(failed(format!("create mirror {}", directory.display())))
}

/// Returns whether the mirror has become slow.
fn is_worn(directory: &Path) -> bool {
    let count = |below: &str, suffix: &str| {
        fs::read_dir(directory.join(below)).map_or(0, |entries| {
            entries
                .flatten()
                .filter(|entry| entry.file_name().to_string_lossy().ends_with(suffix))
                .count()
        })
    };
    count("objects/pack", ".pack") > MAX_PACKS || count("objects/17", "") > MAX_LOOSE_IN_ONE
}
