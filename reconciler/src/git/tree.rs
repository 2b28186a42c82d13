//! Reading the files of a commit without writing them anywhere.

use engine::path::clamp;
use git2::{Odb, OdbObject, Oid};

use super::repository::{GitError, Repository, failed};

/// What an entry of a tree is, by its mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    Regular,
    /// A file with the executable bit.
    Executable,
    /// A symbolic link; never followed.
    Symlink,
    /// A commit of another repository; never followed.
    Submodule,
    /// Something with a name that is not UTF-8 (shown with replacement characters) or that no file may have, such as
    /// `..`; cannot be edited.
    Unnamable,
}

/// One entry of a tree that is no directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Path from the root of the repository, with `/`.
    pub path: String,
    /// Blob id; for submodules the id of a commit that is elsewhere.
    pub id: Oid,
    /// What it is.
    pub kind: Kind,
}

/// What stands at a path of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A directory, by the id of its tree.
    Folder(Oid),
    /// A file.
    File(File),
}

/// One entry of a tree object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Child {
    /// Its name; what is not UTF-8 in it is replaced.
    pub name: String,
    /// Id of the blob, tree or foreign commit.
    pub id: Oid,
    /// What it is; `None` for a directory.
    pub kind: Option<Kind>,
    /// Whether a file may have this name.
    pub usable: bool,
}

/// The files below a path, in Git's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The path they were looked for at: clean, relative to the root, `` for the root itself.
    pub base: String,
    /// All of them.
    pub files: Vec<File>,
}

impl Repository {
    /// Lists the files of `commit` below `path`, a directory or a single file.
    ///
    /// `path` is taken from the root of the repository and cannot leave it: `..` ends there, and so does a leading `/`.
    ///
    /// # Errors
    ///
    /// When there is nothing at `path`, it leads through a link or submodule, or the repository is damaged.
    pub fn files(&self, commit: Oid, path: &str) -> Result<Files, GitError> {
        let base = clamp(path);
        let mut files = Vec::new();
        match self.locate(commit, path)? {
            Place::File(file) => files.push(file),
            Place::Folder(id) => {
                let prefix = match base.is_empty() {
                    true => String::new(),
                    false => format!("{base}/"),
                };
                self.walk(&self.find_tree(id)?, &prefix, &mut files)?;
            }
        }
        Ok(Files { base, files })
    }

    /// Finds what stands at `path` in `commit`; `path` is as in [`Repository::files`].
    ///
    /// # Errors
    ///
    /// As [`Repository::files`].
    pub fn locate(&self, commit: Oid, path: &str) -> Result<Place, GitError> {
        let base = clamp(path);
        let missing = || GitError::MissingPath(base.clone());
        let mut tree = self.tree_of(commit)?;
        let parts: Vec<&str> = base.split('/').filter(|part| !part.is_empty()).collect();
        for (depth, part) in parts.iter().enumerate() {
            let entry = tree.get_name(part).ok_or_else(missing)?;
            let (id, kind) = (entry.id(), kind(entry.filemode()));
            drop(entry);
            match kind {
                None => tree = self.find_tree(id)?,
                Some(kind @ (Kind::Regular | Kind::Executable)) if depth + 1 == parts.len() => {
                    let path = base;
                    return Ok(Place::File(File { path, id, kind }));
                }
                Some(Kind::Symlink | Kind::Submodule) => {
                    return Err(GitError::NotFollowed(base.clone()));
                }
                Some(_) => return Err(missing()),
            }
        }
        Ok(Place::Folder(tree.id()))
    }

    /// Lists the entries of one tree object, in Git's order.
    ///
    /// # Errors
    ///
    /// When it is not here or cannot be read.
    pub fn children(&self, tree: Oid) -> Result<Vec<Child>, GitError> {
        let tree = self.find_tree(tree)?;
        let children = tree.iter().map(|entry| {
            let name = String::from_utf8_lossy(entry.name_bytes()).into_owned();
            Child {
                usable: is_usable(&name),
                id: entry.id(),
                kind: kind(entry.filemode()),
                name,
            }
        });
        Ok(children.collect())
    }

    /// Adds the files below a tree; directories wait on a stack, so that depth costs no recursion.
    fn walk(
        &self,
        tree: &git2::Tree<'_>,
        prefix: &str,
        files: &mut Vec<File>,
    ) -> Result<(), GitError> {
        let mut waiting = vec![(tree.clone(), prefix.to_owned(), 0)];
        while let Some((tree, prefix, from)) = waiting.pop() {
            for at in from..tree.len() {
                let Some(entry) = tree.get(at) else { break };
                let name = String::from_utf8_lossy(entry.name_bytes());
                let path = format!("{prefix}{name}");
                match kind(entry.filemode()) {
                    None => {
                        let below = self.find_tree(entry.id())?;
                        drop(entry);
                        waiting.push((tree, prefix, at + 1));
                        waiting.push((below, format!("{path}/"), 0));
                        break;
                    }
                    Some(kind) => files.push(File {
                        kind: match is_usable(&path) {
                            true => kind,
                            false => Kind::Unnamable,
                        },
                        path,
                        id: entry.id(),
                    }),
                }
            }
        }
        Ok(())
    }

    /// Opens the store of file contents; several threads may read from it.
    ///
    /// # Errors
    ///
    /// When the object store cannot be opened.
    pub fn blobs(&self) -> Result<Blobs<'_>, GitError> {
        self.inner
            .odb()
            .map(Blobs)
            .map_err(failed("open the object store"))
    }
}

/// Returns what an entry is; `None` for directories.
fn kind(mode: i32) -> Option<Kind> {
    match mode & 0o170_000 {
        0o040_000 => None,
        0o120_000 => Some(Kind::Symlink),
        0o160_000 => Some(Kind::Submodule),
        _ if mode & 0o111 != 0 => Some(Kind::Executable),
        _ => Some(Kind::Regular),
    }
}

/// Returns whether a path of a tree can be written back and checked out: hostile trees hold names that cannot.
fn is_usable(path: &str) -> bool {
    !path.contains(char::REPLACEMENT_CHARACTER)
        && path
            .split('/')
            .all(|part| !matches!(part, "" | "." | "..") && !part.eq_ignore_ascii_case(".git"))
}

/// File contents by id.
pub struct Blobs<'repo>(Odb<'repo>);

impl Blobs<'_> {
    /// Reads one file's content.
    ///
    /// # Errors
    ///
    /// When it is not here or cannot be read.
    pub fn read(&self, id: Oid) -> Result<Blob<'_>, GitError> {
        self.0
            .read(id)
            .map(Blob)
            .map_err(|source| GitError::Damaged {
                kind: git2::ObjectType::Blob,
                id,
                source,
            })
    }

    /// Returns a file's size in bytes without inflating it.
    ///
    /// # Errors
    ///
    /// When it is not here or cannot be read.
    pub fn size(&self, id: Oid) -> Result<usize, GitError> {
        self.0
            .read_header(id)
            .map(|(size, _)| size)
            .map_err(|source| GitError::Damaged {
                kind: git2::ObjectType::Blob,
                id,
                source,
            })
    }
}

/// One file's content.
pub struct Blob<'store>(OdbObject<'store>);

impl AsRef<[u8]> for Blob<'_> {
    fn as_ref(&self) -> &[u8] {
        self.0.data()
    }
}

#[cfg(test)]
mod tests {
    use super::is_usable;

    #[test]
    fn names_no_file_may_have_are_not_usable() {
        for path in ["a/../b", "..", "./a", "a//b", "a/.GIT/config", "a/\u{fffd}"] {
            assert!(!is_usable(path), "{path}");
        }
        assert!(is_usable("a/..b/.gitignore"));
    }
}
