//! A user's own checkout: its branch, its files, its index.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use git2::build::CheckoutBuilder;
use git2::{ErrorCode, FileMode, Index, Oid};
use tempfile::TempDir;
use thiserror::Error;

use super::repository::{GitError, Repository, failed};
use super::transport::register;
use super::url::Address;

/// How the directories begin in which new files are prepared.
const STAGING: &str = "imgauto-staging-";

/// How old such a directory must be to be a leftover.
const STAGING_AGE: Duration = Duration::from_secs(3600);

/// A repository with a work tree that belongs to somebody.
pub struct Checkout {
    repository: Repository,
    work_tree: PathBuf,
}

/// Where a branch is pushed to and fetched from.
#[derive(Clone, PartialEq, Eq)]
pub struct Upstream {
    /// The remote's name, such as `origin`.
    pub remote: String,
    /// Its URL as configured; may hold a password.
    pub url: String,
    /// The branch there, without `refs/heads/`; `None` when no branch is checked out here.
    pub branch: Option<String>,
}

/// The branch that is checked out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its name, without `refs/heads/`; `None` when a commit is checked out instead.
    pub branch: Option<String>,
    /// The commit.
    pub commit: Oid,
}

/// Why something about a checkout failed.
#[derive(Debug, Error)]
pub enum CheckoutError {
    /// There is no repository at or above the path, or it has no work tree.
    #[error("{} is not in a Git checkout", .0.display())]
    NotACheckout(PathBuf),
    /// There is no commit yet.
    #[error("the checkout has no commit yet")]
    NoCommit,
    /// A commit, not a branch, is checked out.
    #[error("no branch is checked out, so there is none to commit to")]
    Detached,
    /// The branch has no remote to push to.
    #[error("branch '{0}' has no upstream and there is no remote 'origin'")]
    NoUpstream(String),
    /// Files would be overwritten that differ from the last commit.
    #[error("these files have changes that are not committed: {}", .0.join(", "))]
    Dirty(Vec<String>),
    /// Another program changes the index, or was killed while it did.
    #[error("another Git program is at work in the checkout: {} exists", .0.display())]
    IndexLocked(PathBuf),
    /// The branch moved while we worked.
    #[error("branch '{0}' was changed by another program meanwhile")]
    BranchMoved(String),
    /// A change is of a submodule or has a name that is no text.
    #[error("'{0}' cannot be changed in a checkout: it is a submodule or its name is not UTF-8")]
    NotAFile(String),
    /// A path leaves the work tree through a symbolic link.
    #[error("'{0}' lies behind a symbolic link")]
    BehindLink(String),
    /// A file cannot be read or written.
    #[error("cannot {attempt} {}", path.display())]
    Io {
        /// What was tried.
        attempt: &'static str,
        /// With what.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The repository itself fails.
    #[error(transparent)]
    Git(#[from] GitError),
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let branch = self.branch.as_deref().unwrap_or("-");
        write!(f, "Upstream({}/{branch})", self.remote)
    }
}

impl Checkout {
    /// Finds the checkout a path lies in.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn discover(path: &Path) -> Result<Self, CheckoutError> {
        register();
        let missing = || CheckoutError::NotACheckout(path.to_owned());
        let inner = git2::Repository::discover(path).map_err(|_| missing())?;
        let work_tree = inner.workdir().ok_or_else(missing)?.to_owned();
        Ok(Self {
            repository: Repository::new(inner, "refs/remotes/origin".to_owned()),
            work_tree,
        })
    }

    /// Returns the directory the files are in.
    #[must_use]
    pub fn work_tree(&self) -> &Path {
        &self.work_tree
    }

    /// Returns the objects and refs, for reading, committing, fetching and pushing.
    #[must_use]
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// Returns what is checked out.
    ///
    /// # Errors
    ///
    /// When there is no commit yet or the repository cannot be read.
    pub fn head(&self) -> Result<Head, CheckoutError> {
        let head = match self.repository.inner.head() {
            Ok(head) => head,
            Err(error) if matches!(error.code(), ErrorCode::UnbornBranch | ErrorCode::NotFound) => {
                return Err(CheckoutError::NoCommit);
            }
            Err(error) => return Err(failed("read HEAD")(error).into()),
        };
        let commit = head.peel_to_commit().map_err(failed("read HEAD"))?.id();
        let branch = match head.is_branch() {
            true => head.shorthand().ok().map(str::to_owned),
            false => None,
        };
        Ok(Head { branch, commit })
    }

    /// Returns where `branch` is pushed to: its upstream, else the branch of the same name at `origin`; without a
    /// branch, `origin`. `url.….insteadOf` of the configuration counts.
    ///
    /// What is fetched and pushed from now on is remembered under that remote's name.
    ///
    /// # Errors
    ///
    /// When there is neither.
    pub fn upstream(&mut self, branch: Option<&str>) -> Result<Upstream, CheckoutError> {
        let inner = &self.repository.inner;
        let config = inner
            .config()
            .and_then(|mut config| config.snapshot())
            .map_err(failed("read the configuration"))?;
        let setting = |key: &str| config.get_string(&format!("branch.{}.{key}", branch?)).ok();
        let remote = setting("remote").unwrap_or_else(|| "origin".to_owned());
        let merge = setting("merge")
            .and_then(|name| name.strip_prefix("refs/heads/").map(str::to_owned))
            .or_else(|| branch.map(str::to_owned));
        let configured = inner.find_remote(&remote).ok().and_then(|remote| {
            let url = match remote.pushurl() {
                Ok(Some(url)) => Some(url.to_owned()),
                _ => remote.url().ok().map(str::to_owned),
            };
            url.filter(|url| !url.is_empty())
        });
        let url = configured
            .ok_or_else(|| CheckoutError::NoUpstream(branch.unwrap_or("HEAD").to_owned()))?;
        self.repository.tracking = format!("refs/remotes/{remote}");
        let url = match Address::parse(&url) {
            // Git takes such a path from the work tree.
            Ok((Address::Local(path), _)) if path.is_relative() => {
                self.work_tree.join(path).display().to_string()
            }
            _ => url,
        };
        Ok(Upstream {
            remote,
            url,
            branch: merge,
        })
    }

    /// Returns those of `paths` whose file or index entry differs from the last commit, in the order given.
    ///
    /// Untracked and missing files differ.
    ///
    /// # Errors
    ///
    /// When the repository cannot be read.
    pub fn dirty<'a>(
        &self,
        paths: impl IntoIterator<Item = &'a str>,
    ) -> Result<Vec<String>, CheckoutError> {
        let mut dirty = Vec::new();
        for path in paths {
            let status = self.repository.inner.status_file(Path::new(path));
            match status {
                Ok(status) if status.is_empty() => {}
                Ok(_) => dirty.push(path.to_owned()),
                Err(error) if error.code() == ErrorCode::NotFound => dirty.push(path.to_owned()),
                Err(error) => {
                    return Err(failed(format!("read the status of {path}"))(error).into());
                }
            }
        }
        Ok(dirty)
    }

    /// Moves the branch that is checked out, its files and their index entries from `from` to `to`.
    ///
    /// Only paths that differ between the two commits are touched, each replaced as a whole, so that a file is old or
    /// new at any moment. The branch moves last and only if it is still at `from`; if this ends early, doing it again
    /// completes it.
    ///
    /// # Errors
    ///
    /// When one of those files has other changes, the branch is not at `from`, or something cannot be written.
    pub fn advance(&self, from: Oid, to: Oid) -> Result<(), CheckoutError> {
        let head = self.head()?;
        let branch = head.branch.ok_or(CheckoutError::Detached)?;
        if head.commit != from {
            return Err(CheckoutError::BranchMoved(branch));
        }
        let changes = self.changes(from, to)?;
        let mut index = self
            .repository
            .inner
            .index()
            .map_err(failed("open the index"))?;
        // Another program may have changed it since it was read first.
        index.read(true).map_err(failed("read the index"))?;
        self.refuse_other_changes(&changes, &index)?;
        // Better now than when the files are written.
        let lock = self.repository.inner.path().join("index.lock");
        if lock.exists() {
            return Err(CheckoutError::IndexLocked(lock));
        }
        let staging = self.stage(to, &changes)?;
        for change in &changes {
            self.apply(change, staging.path(), &mut index)?;
        }
        index.write().map_err(failed("write the index"))?;
        let name = format!("refs/heads/{branch}");
        let moved =
            self.repository
                .inner
                .reference_matching(&name, to, true, from, "commit: imgauto");
        match moved {
            Ok(_) => Ok(()),
            Err(error) if error.code() == ErrorCode::Modified => {
                Err(CheckoutError::BranchMoved(branch))
            }
            Err(error) => Err(failed(format!("move {name}"))(error).into()),
        }
    }

    /// Moves a branch that is not checked out from `from`, where `None` means that it is new, to `to`.
    ///
    /// # Errors
    ///
    /// When the branch is elsewhere meanwhile, or cannot be written.
    pub fn move_branch(
        &self,
        branch: &str,
        from: Option<Oid>,
        to: Oid,
    ) -> Result<(), CheckoutError> {
        let name = format!("refs/heads/{branch}");
        let repository = &self.repository.inner;
        let moved = match from {
            Some(from) => repository.reference_matching(&name, to, true, from, "commit: imgauto"),
            None => repository.reference(&name, to, false, "branch: created by imgauto"),
        };
        match moved {
            Ok(_) => Ok(()),
            Err(error) if matches!(error.code(), ErrorCode::Modified | ErrorCode::Exists) => {
                Err(CheckoutError::BranchMoved(branch.to_owned()))
            }
            Err(error) => Err(failed(format!("move {name}"))(error).into()),
        }
    }

    fn changes(&self, from: Oid, to: Oid) -> Result<Vec<Change>, CheckoutError> {
        let (old, new) = (self.repository.tree_of(from)?, self.repository.tree_of(to)?);
        let diff = self
            .repository
            .inner
            .diff_tree_to_tree(Some(&old), Some(&new), None)
            .map_err(failed("compare the commits"))?;
        let mut changes = Vec::new();
        for delta in diff.deltas() {
            let shown = delta.new_file().path().or(delta.old_file().path());
            let shown = shown.unwrap_or(Path::new("")).display().to_string();
            let sides = [delta.old_file(), delta.new_file()];
            let path = sides[1].path().and_then(Path::to_str);
            let plain = sides.iter().all(|side| side.mode() != FileMode::Commit);
            let Some(path) = path.filter(|_| plain) else {
                return Err(CheckoutError::NotAFile(shown));
            };
            let [old, new] = sides.map(|side| Some(side.id()).filter(|id| !id.is_zero()));
            changes.push(Change {
                path: path.to_owned(),
                old,
                new,
            });
        }
        Ok(changes)
    }

    /// Fails if a file or its index entry is neither what it was in the old commit nor what it becomes.
    ///
    /// What it becomes already is left over from a run that ended early.
    fn refuse_other_changes(&self, changes: &[Change], index: &Index) -> Result<(), CheckoutError> {
        let mut dirty = Vec::new();
        for change in changes {
            let file = self.work_tree.join(&change.path);
            let on_disk = match fs::symlink_metadata(&file) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                _ => Some(
                    self.repository
                        .inner
                        .blob_path(&file)
                        .map_err(failed(format!("read {}", file.display())))?,
                ),
            };
            let staged = index
                .get_path(Path::new(&change.path), 0)
                .map(|entry| entry.id);
            let expected = [change.old, change.new];
            if !expected.contains(&on_disk) || !expected.contains(&staged) {
                dirty.push(change.path.clone());
            }
        }
        match dirty.is_empty() {
            true => Ok(()),
            false => Err(CheckoutError::Dirty(dirty)),
        }
    }

    /// Writes the new files beside the work tree, as a checkout would: with line endings and modes.
    fn stage(&self, to: Oid, changes: &[Change]) -> Result<TempDir, CheckoutError> {
        let parent = self.repository.inner.path();
        sweep(parent);
        let staging = tempfile::Builder::new()
            .prefix(STAGING)
            .tempdir_in(parent)
            .map_err(cannot("create a directory in", parent))?;
        let mut options = CheckoutBuilder::new();
        options
            .force()
            .disable_pathspec_match(true)
            .update_index(false)
            .target_dir(staging.path());
        let mut any = false;
        for change in changes.iter().filter(|change| change.new.is_some()) {
            options.path(change.path.as_str());
            any = true;
        }
        // Without a path, everything would be written.
        if any {
            let tree = self.repository.tree_of(to)?;
            self.repository
                .inner
                .checkout_tree(tree.as_object(), Some(&mut options))
                .map_err(failed("write the changed files"))?;
        }
        Ok(staging)
    }

    fn apply(
        &self,
        change: &Change,
        staging: &Path,
        index: &mut Index,
    ) -> Result<(), CheckoutError> {
        let path = Path::new(&change.path);
        let target = self.work_tree.join(path);
        self.check_parents(path)?;
        if change.new.is_none() {
            match fs::remove_file(&target) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(cannot("remove", &target)(error));
                }
                _ => {}
            }
            return index.remove_path(path).map_err(|error| {
                failed(format!("remove {} from the index", change.path))(error).into()
            });
        }
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).map_err(cannot("create", parent))?;
        }
        replace(&staging.join(path), &target)?;
        index
            .add_path(path)
            .map_err(|error| failed(format!("put {} into the index", change.path))(error).into())
    }

    fn check_parents(&self, path: &Path) -> Result<(), CheckoutError> {
        let mut directory = self.work_tree.clone();
        let parents = path.parent().into_iter().flat_map(Path::components);
        for part in parents {
            directory.push(part);
            if fs::symlink_metadata(&directory).is_ok_and(|meta| meta.is_symlink()) {
                return Err(CheckoutError::BehindLink(path.display().to_string()));
            }
        }
        Ok(())
    }
}

/// Removes what runs that were killed long ago have left behind; one that runs now is younger.
fn sweep(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with(STAGING);
        let age = entry
            .metadata()
            .and_then(|meta| meta.modified())
            .ok()
            .and_then(|modified| modified.elapsed().ok());
        if ours && age.is_some_and(|age| age > STAGING_AGE) {
            // What cannot be removed does no harm.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// One path that differs between two commits, with its blobs.
struct Change {
    path: String,
    old: Option<Oid>,
    new: Option<Oid>,
}

fn cannot(attempt: &'static str, path: &Path) -> impl Fn(io::Error) -> CheckoutError {
    let path = path.to_owned();
    move |source| CheckoutError::Io {
        attempt,
        path: path.clone(),
        source,
    }
}

/// Puts `new` in the place of `target` in one step, with the permissions `target` had.
fn replace(new: &Path, target: &Path) -> Result<(), CheckoutError> {
    let link = fs::symlink_metadata(new).is_ok_and(|meta| meta.is_symlink());
    if !link && let Ok(old) = fs::symlink_metadata(target).map(|meta| meta.permissions()) {
        let wanted = fs::metadata(new)
            .map_err(cannot("read", new))?
            .permissions();
        if is_executable(&old) == is_executable(&wanted) {
            fs::set_permissions(new, old).map_err(cannot("set the mode of", new))?;
        }
    }
    match fs::rename(new, target) {
        // The repository may lie on another file system than its work tree.
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices && !link => {
            let directory = target.parent().unwrap_or(Path::new("."));
            let copy = tempfile::NamedTempFile::new_in(directory)
                .map_err(cannot("create a file in", directory))?;
            fs::copy(new, copy.path()).map_err(cannot("copy", new))?;
            copy.persist(target)
                .map(drop)
                .map_err(|error| cannot("replace", target)(error.error))
        }
        other => other.map_err(cannot("replace", target)),
    }
}

#[cfg(unix)]
fn is_executable(permissions: &fs::Permissions) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    permissions.mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_: &fs::Permissions) -> bool {
    false
}
