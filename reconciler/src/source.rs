//! Where manifests are read from: the tree of a Git commit, or the files of a checkout.

mod git_tree;
mod worktree;

pub use git_tree::GitTree;
pub use worktree::WorkTree;

use crate::git::GitError;

/// One file below the place an automation updates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Path relative to the root of the source, with `/`.
    pub path: String,
    /// What stands at that path.
    pub kind: EntryKind,
}

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file; `id` names its content where the source knows it without reading.
    File {
        /// The Git blob id, in a tree.
        id: Option<git2::Oid>,
    },
    /// A symbolic link and where it points to, as written. Never followed.
    Link {
        /// The link's text.
        target: String,
    },
    /// Something whose name, or that of a folder above it, is not UTF-8: it cannot be found by its path.
    Foreign,
}

/// A set of files that an update is planned on.
pub trait Source {
    /// Lists what lies below `path` (a directory, or one file), ordered by path.
    ///
    /// `path` is clamped to the root: `..` and a leading `/` do not leave it. What belongs to another repository, such
    /// as a submodule, is not listed.
    ///
    /// # Errors
    /// [`SourceError::Missing`] when nothing stands at `path`.
    fn entries(&self, path: &str) -> Result<Vec<Entry>, SourceError>;

    /// Opens a reader for one thread.
    ///
    /// # Errors
    /// When the source cannot be opened.
    fn reader(&self) -> Result<Box<dyn Reader + Send + '_>, SourceError>;

    /// Returns the commit this is the tree of, if it is one: equal trees need not be walked twice.
    fn as_git_tree(&self) -> Option<&GitTree<'_>> {
        None
    }
}

/// Reads the content of entries, from one thread.
pub trait Reader {
    /// Returns the bytes of a file that [`Source::entries`] listed.
    ///
    /// # Errors
    /// When the file cannot be read.
    fn read(&mut self, entry: &Entry) -> Result<Vec<u8>, SourceError>;
}

/// Why manifests cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The update path names nothing.
    #[error("update path '{path}' does not exist")]
    Missing {
        /// The path as the automation has it.
        path: String,
    },
    /// A symbolic link stands on the way to the update path.
    #[error("update path '{path}' leads through {link}, a symbolic link, which is not followed")]
    Linked {
        /// The path as the automation has it.
        path: String,
        /// The link, relative to the root.
        link: String,
    },
    /// Somebody else wrote to a file while the update was planned.
    #[error("{path} was changed by another program meanwhile")]
    ChangedMeanwhile {
        /// The file.
        path: String,
    },
    /// The operating system refused.
    #[error("cannot {attempt} {path}")]
    Io {
        /// What was tried, such as `read`.
        attempt: &'static str,
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Git refused.
    #[error("cannot read {path} from Git")]
    Git {
        /// The file or tree.
        path: String,
        /// Why.
        #[source]
        source: Box<GitError>,
    },
}
