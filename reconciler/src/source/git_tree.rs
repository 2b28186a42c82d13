//! The tree of a commit as a source: listed without reading a file, read without writing one.

use git2::Oid;

use super::{Entry, EntryKind, Reader, Source, SourceError};
use crate::git::{Blobs, Child, GitError, Kind, Place, Repository};

/// The files of one commit.
pub struct GitTree<'a> {
    repository: &'a Repository,
    commit: Oid,
}

impl<'a> GitTree<'a> {
    /// Takes the tree of `commit`.
    #[must_use]
    pub fn new(repository: &'a Repository, commit: Oid) -> Self {
        Self { repository, commit }
    }
}

impl Source for GitTree<'_> {
    fn entries(&self, path: &str) -> Result<Vec<Entry>, SourceError> {
        let listed = self.repository.files(self.commit, path);
        let listed = listed.map_err(|error| failed(path, error))?;
        let mut blobs = None;
        let mut entries = Vec::with_capacity(listed.files.len());
        for file in listed.files {
            let kind = match file.kind {
                Kind::Regular | Kind::Executable => EntryKind::File { id: Some(file.id) },
                Kind::Symlink => {
                    let blobs = match &mut blobs {
                        Some(blobs) => blobs,
                        none => none.insert(self.blobs()?),
                    };
                    let text = read(blobs, file.id, &file.path)?;
                    EntryKind::Link {
                        target: String::from_utf8_lossy(&text).into_owned(),
                    }
                }
                Kind::Unnamable => EntryKind::Foreign,
                // Another repository's files, as in a checkout.
                Kind::Submodule => continue,
            };
            entries.push(Entry {
                path: file.path,
                kind,
            });
        }
        Ok(entries)
    }

    fn reader(&self) -> Result<Box<dyn Reader + Send + '_>, SourceError> {
        Ok(Box::new(BlobReader {
            blobs: self.blobs()?,
        }))
    }

    fn as_git_tree(&self) -> Option<&GitTree<'_>> {
        Some(self)
    }
}

fn failed(path: &str, error: GitError) -> SourceError {
    let path = path.to_owned();
    match error {
        GitError::MissingPath(_) => SourceError::Missing { path },
        source => SourceError::Git {
            path,
            source: Box::new(source),
        },
    }
}

impl GitTree<'_> {
    /// Finds what stands at `path`, which is clamped as in [`Source::entries`].
    pub(crate) fn locate(&self, path: &str) -> Result<Place, SourceError> {
        let found = self.repository.locate(self.commit, path);
        found.map_err(|error| failed(path, error))
    }

    /// Lists the entries of one of the commit's trees.
    pub(crate) fn children(&self, tree: Oid) -> Result<Vec<Child>, SourceError> {
        let listed = self.repository.children(tree);
        listed.map_err(|error| failed(&format!("tree {tree}"), error))
    }

    fn blobs(&self) -> Result<Blobs<'_>, SourceError> {
        self.repository.blobs().map_err(|source| SourceError::Git {
            path: "the object store".to_owned(),
            source: Box::new(source),
        })
    }
}

struct BlobReader<'a> {
    blobs: Blobs<'a>,
}

impl Reader for BlobReader<'_> {
    fn read(&mut self, entry: &Entry) -> Result<Vec<u8>, SourceError> {
        match &entry.kind {
            EntryKind::File { id: Some(id) } => read(&self.blobs, *id, &entry.path),
            _ => Err(SourceError::Missing {
                path: entry.path.clone(),
            }),
        }
    }
}

fn read(blobs: &Blobs<'_>, id: Oid, path: &str) -> Result<Vec<u8>, SourceError> {
    let blob = blobs.read(id).map_err(|source| SourceError::Git {
        path: path.to_owned(),
        source: Box::new(source),
    })?;
    Ok(blob.as_ref().to_vec())
}
