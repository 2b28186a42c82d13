//! A repository's objects and refs, without a work tree.

use std::error::Error as StdError;
use std::path::PathBuf;

use git2::{ErrorCode, ObjectType, Oid};
use thiserror::Error;

use super::error::TransportError;

/// An error of a caller's own making, carried along.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// A repository's objects and refs; one thread at a time uses it.
pub struct Repository {
    pub(super) inner: git2::Repository,
    /// Where fetched branches are kept, such as `refs/remotes/origin`.
    pub(super) tracking: String,
}

/// Why something about a repository failed.
#[derive(Debug, Error)]
pub enum GitError {
    /// The remote could not be talked to.
    #[error("unable to clone '{address}'")]
    Remote {
        /// The remote, without secrets.
        address: String,
        /// Why.
        #[source]
        source: Box<TransportError>,
    },
    /// The same, while pushing to it. The text is Flux's.
    #[error("failed to push to remote")]
    PushFailed(#[source] Box<TransportError>),
    /// The remote has no such ref. The text is Flux's.
    #[error("unable to clone '{address}': couldn't find remote ref \"{reference}\"")]
    MissingRef {
        /// The remote, without secrets.
        address: String,
        /// The full ref name.
        reference: String,
    },
    /// The remote has no ref at all.
    #[error("unable to clone '{address}': the repository is empty: push a first commit to it")]
    EmptyRepository {
        /// The remote, without secrets.
        address: String,
    },
    /// The remote's ref does not lead to a commit. The text is Flux's.
    #[error("unable to resolve ref '{0}' to a specific commit")]
    Unresolved(String),
    /// No tag lies in the range. The text is Flux's.
    #[error("no match found for semver: {0}")]
    NoTagInRange(String),
    /// The range cannot be read.
    #[error("cannot use semver range '{range}'")]
    Range {
        /// The range.
        range: String,
        /// Why.
        #[source]
        source: BoxError,
    },
    /// The commit is on none of the branches that were fetched, or is not a full id.
    #[error("unable to clone '{address}': couldn't find commit \"{id}\"")]
    MissingCommit {
        /// The remote, without secrets.
        address: String,
        /// The id asked for.
        id: String,
    },
    /// The remote uses SHA-256 ids, which libgit2 cannot push.
    #[error("unable to clone '{address}': repositories with SHA-256 object ids are not supported")]
    Sha256 {
        /// The remote, without secrets.
        address: String,
    },
    /// The plan and the remote's branches do not go together.
    #[error(transparent)]
    Plan(#[from] engine::branch::PlanError),
    /// libgit2 failed.
    #[error("cannot {attempt}")]
    Libgit2 {
        /// What was tried.
        attempt: String,
        /// Why.
        #[source]
        source: git2::Error,
    },
    /// An object that must be here is not, or cannot be read.
    #[error("the repository is damaged: cannot read {kind} {id}")]
    Damaged {
        /// The kind of the object.
        kind: ObjectType,
        /// Its id.
        id: Oid,
        /// Why.
        #[source]
        source: git2::Error,
    },
    /// A file or directory of ours cannot be used.
    #[error("cannot {attempt} {}", path.display())]
    Io {
        /// What was tried.
        attempt: &'static str,
        /// With what.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Another process uses the mirror.
    #[error("mirror {} is in use by another process", .0.display())]
    InUse(PathBuf),
    /// Nothing is at the path in the commit.
    #[error("path '{0}' does not exist in the repository")]
    MissingPath(String),
    /// The path leads through a link or into a submodule, which are not followed.
    #[error("path '{0}' is a symbolic link or a submodule, which are not followed")]
    NotFollowed(String),
    /// An edit is for something that is no regular file.
    #[error("'{0}' is not a regular file")]
    NotAFile(String),
    /// A commit would change nothing.
    #[error("nothing to commit")]
    NothingToCommit,
    /// A text cannot stand in a commit.
    #[error("{field} {text:?} cannot be used in a commit: it must not contain {forbidden}")]
    CommitText {
        /// `author name`, `author email` or `commit message`.
        field: &'static str,
        /// The text.
        text: String,
        /// What it must not contain.
        forbidden: &'static str,
    },
    /// The commit could not be signed.
    #[error("cannot sign the commit")]
    Sign(#[source] BoxError),
    /// A push would force the branch that was checked out.
    #[error("refusing to force '{0}', the branch checked out")]
    ForcesCheckout(String),
    /// A push option cannot be sent.
    #[error("push option '{0}' must not contain line breaks")]
    PushOption(String),
    /// The remote did not take the objects.
    #[error("the server could not unpack what was pushed: {0}")]
    Unpack(String),
    /// The commits returned for a branch do not follow one another.
    #[error("commit {0} does not build on the one before it")]
    BrokenChain(Oid),
}

impl GitError {
    /// Returns what is wrong with the connection, if that is what is wrong.
    #[must_use]
    pub fn transport(&self) -> Option<&TransportError> {
        match self {
            Self::Remote { source, .. } | Self::PushFailed(source) => Some(source),
            _ => None,
        }
    }

    /// Returns whether the local copy is to blame, so that a new one helps.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. })
    }
}

/// Names an attempt whose libgit2 error is passed on.
pub(super) fn failed(attempt: impl Into<String>) -> impl FnOnce(git2::Error) -> GitError {
    let attempt = attempt.into();
    |source| GitError::Libgit2 { attempt, source }
}

impl Repository {
    pub(super) fn new(inner: git2::Repository, tracking: String) -> Self {
        Self { inner, tracking }
    }

    pub(super) fn find_commit(&self, id: Oid) -> Result<git2::Commit<'_>, GitError> {
        self.inner
            .find_commit(id)
            .map_err(|source| GitError::Damaged {
                kind: ObjectType::Commit,
                id,
                source,
            })
    }

    pub(super) fn find_tree(&self, id: Oid) -> Result<git2::Tree<'_>, GitError> {
        self.inner
            .find_tree(id)
            .map_err(|source| GitError::Damaged {
                kind: ObjectType::Tree,
                id,
                source,
            })
    }

    /// Returns the tree of a commit.
    pub(super) fn tree_of(&self, commit: Oid) -> Result<git2::Tree<'_>, GitError> {
        self.find_tree(self.find_commit(commit)?.tree_id())
    }

    /// Returns whether a commit and its tree are here.
    pub(super) fn holds(&self, commit: Oid) -> bool {
        self.tree_of(commit).is_ok()
    }

    /// Sets a ref whatever it was.
    pub(super) fn set_ref(&self, name: &str, id: Oid) -> Result<(), GitError> {
        self.inner
            .reference(name, id, true, "imgauto")
            .map(drop)
            .map_err(failed(format!("set {name}")))
    }

    /// Returns whether `commit` is `ancestor` or descends from it, as far as history is here.
    ///
    /// # Errors
    ///
    /// When the history cannot be walked.
    pub fn descends(&self, commit: Oid, ancestor: Oid) -> Result<bool, GitError> {
        if commit == ancestor {
            return Ok(true);
        }
        self.inner
            .graph_descendant_of(commit, ancestor)
            .map_err(failed(format!("compare {commit} and {ancestor}")))
    }

    /// Returns a commit's message; what is not UTF-8 in it is replaced.
    ///
    /// # Errors
    ///
    /// When the commit is not here.
    pub fn message(&self, commit: Oid) -> Result<String, GitError> {
        let commit = self.find_commit(commit)?;
        Ok(String::from_utf8_lossy(commit.message_raw_bytes()).into_owned())
    }

    /// Returns the id a local ref leads to, if it exists.
    ///
    /// # Errors
    ///
    /// When the refs cannot be read.
    pub fn ref_id(&self, name: &str) -> Result<Option<Oid>, GitError> {
        match self.inner.refname_to_id(name) {
            Ok(id) => Ok(Some(id)),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(failed(format!("read {name}"))(error)),
        }
    }

    /// Returns where a remote's ref is kept here.
    pub(super) fn tracking_ref(&self, remote_ref: &str) -> String {
        match remote_ref.strip_prefix("refs/heads/") {
            Some(branch) => format!("{}/{branch}", self.tracking),
            None => format!(
                "refs/imgauto/fetched/{}",
                remote_ref.strip_prefix("refs/").unwrap_or(remote_ref)
            ),
        }
    }
}
