//! The files of a checkout, with edits held back until all of them are known.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use engine::path::clamp;

use super::{Entry, EntryKind, Reader, Source, SourceError};

/// A directory as a source; edits are collected by [`WorkTree::stage`] and written by [`WorkTree::write`].
#[derive(Debug)]
pub struct WorkTree {
    root: PathBuf,
    staged: BTreeMap<String, Vec<u8>>,
}

impl WorkTree {
    /// Takes the directory `root` as it is on disk.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            staged: BTreeMap::new(),
        }
    }

    /// Holds new content for `path`; readers see it from now on, the disk does not.
    pub fn stage(&mut self, path: String, content: Vec<u8>) {
        self.staged.insert(path, content);
    }

    /// Replaces the staged files, each at once: a reader of the directory sees the old file or the new one.
    ///
    /// The mode of a file is kept. Returns the paths written, in order.
    ///
    /// # Errors
    /// At the first file that cannot be replaced; files before it are new, those after it are old.
    pub fn write(&mut self) -> Result<Vec<String>, SourceError> {
        let mut written = Vec::new();
        while let Some((path, content)) = self.staged.pop_first() {
            replace(&self.root.join(&path), &content).map_err(|source| SourceError::Io {
                attempt: "write",
                path: path.clone(),
                source,
            })?;
            written.push(path);
        }
        Ok(written)
    }

    fn walk(
        &self,
        directory: &Path,
        prefix: &str,
        found: &mut Vec<Entry>,
    ) -> Result<(), SourceError> {
        let failed = |attempt, path: &str| {
            let path = path.to_owned();
            move |source| SourceError::Io {
                attempt,
                path,
                source,
            }
        };
        let here = if prefix.is_empty() { "." } else { prefix };
        let mut names = Vec::new();
        for item in fs::read_dir(directory).map_err(failed("list", here))? {
            let item = item.map_err(failed("list", here))?;
            names.push((item.file_name(), item));
        }
        names.sort_by(|a, b| a.0.cmp(&b.0));
        for (name, item) in names {
            // The administrative folder of Git is no part of the tree it administers.
            if prefix.is_empty() && name == ".git" {
                continue;
            }
            let name = name.to_string_lossy();
            let path = match prefix {
                "" => name.into_owned(),
                _ => format!("{prefix}/{name}"),
            };
            let kind = item.file_type().map_err(failed("inspect", &path))?;
            if kind.is_dir() {
                self.walk(&item.path(), &path, found)?;
            } else if kind.is_symlink() {
                let target = fs::read_link(item.path()).map_err(failed("read the link", &path))?;
                let target = target.to_string_lossy().into_owned();
                let kind = EntryKind::Link { target };
                found.push(Entry { path, kind });
            } else if kind.is_file() {
                let kind = EntryKind::File { id: None };
                found.push(Entry { path, kind });
            }
        }
        Ok(())
    }
}

impl Source for WorkTree {
    fn entries(&self, path: &str) -> Result<Vec<Entry>, SourceError> {
        let inside = clamp(path);
        let missing = || SourceError::Missing {
            path: path.to_owned(),
        };
        let place = real_place(&self.root, &inside).ok_or_else(missing)?;
        let mut found = Vec::new();
        let metadata = fs::symlink_metadata(&place).map_err(|_| missing())?;
        if metadata.is_dir() {
            self.walk(&place, &inside, &mut found)?;
        } else if metadata.is_file() {
            let kind = EntryKind::File { id: None };
            found.push(Entry { path: inside, kind });
        } else {
            return Err(missing());
        }
        Ok(found)
    }

    fn reader(&self) -> Result<Box<dyn Reader + Send + '_>, SourceError> {
        Ok(Box::new(FileReader { tree: self }))
    }
}

struct FileReader<'a> {
    tree: &'a WorkTree,
}

impl Reader for FileReader<'_> {
    fn read(&mut self, entry: &Entry) -> Result<Vec<u8>, SourceError> {
        if let Some(content) = self.tree.staged.get(&entry.path) {
            return Ok(content.clone());
        }
        fs::read(self.tree.root.join(&entry.path)).map_err(|source| SourceError::Io {
            attempt: "read",
            path: entry.path.clone(),
            source,
        })
    }
}

/// Returns where `inside` lies below `root`, or nothing when a folder on the way is a symbolic link.
fn real_place(root: &Path, inside: &str) -> Option<PathBuf> {
    let mut place = root.to_path_buf();
    for part in inside.split('/').filter(|part| !part.is_empty()) {
        place.push(part);
        if fs::symlink_metadata(&place).ok()?.is_symlink() {
            return None;
        }
    }
    Some(place)
}

/// Writes a neighbour of `path` and renames it over `path`.
///
/// The neighbour's name is fixed, so that a run that was killed leaves at most one and the next run takes it over.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let permissions = fs::symlink_metadata(path)?.permissions();
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let neighbour = path.with_file_name(format!(".{}.imgauto", name.to_string_lossy()));
    match fs::remove_file(&neighbour) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let written =
        fill(&neighbour, content, permissions).and_then(|()| fs::rename(&neighbour, path));
    if written.is_err() {
        // The first error is the one that matters; a neighbour that cannot be removed is taken over by the next run.
        let _ = fs::remove_file(&neighbour);
    }
    written
}

fn fill(path: &Path, content: &[u8], permissions: fs::Permissions) -> io::Result<()> {
    let mut file: File = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(content)?;
    file.set_permissions(permissions)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn tree(files: &[(&str, &str)]) -> (tempfile::TempDir, WorkTree) {
        let directory = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = directory.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let tree = WorkTree::new(directory.path());
        (directory, tree)
    }

    fn paths(tree: &WorkTree, path: &str) -> Vec<String> {
        let entries = tree.entries(path).unwrap();
        entries.into_iter().map(|entry| entry.path).collect()
    }

    #[test]
    fn dot_folders_are_walked_and_the_git_folder_is_not() {
        let (_directory, tree) = tree(&[
            (".git/config.yaml", ""),
            (".github/w.yaml", ""),
            ("b.yaml", ""),
            ("a/.git/x.yaml", ""),
        ]);
        assert_eq!(
            paths(&tree, ""),
            [".github/w.yaml", "a/.git/x.yaml", "b.yaml"]
        );
    }

    #[test]
    fn an_update_path_may_name_one_file_and_is_clamped_to_the_root() {
        let (_directory, tree) = tree(&[("apps/a.yaml", ""), ("apps/b.yaml", "")]);
        assert_eq!(paths(&tree, "apps/a.yaml"), ["apps/a.yaml"]);
        assert_eq!(paths(&tree, "../../apps"), ["apps/a.yaml", "apps/b.yaml"]);
        let missing = tree.entries("../../etc").unwrap_err();
        assert_eq!(
            missing.to_string(),
            "update path '../../etc' does not exist"
        );
    }

    #[test]
    fn links_are_listed_and_never_followed() {
        let (directory, tree) = tree(&[("real/a.yaml", "x")]);
        symlink("real/a.yaml", directory.path().join("link.yaml")).unwrap();
        symlink("real", directory.path().join("linked")).unwrap();
        assert_eq!(paths(&tree, ""), ["link.yaml", "linked", "real/a.yaml"]);
        assert!(matches!(
            tree.entries("linked"),
            Err(SourceError::Missing { .. })
        ));
    }

    #[test]
    fn a_staged_file_is_read_back_and_reaches_the_disk_with_its_mode() {
        let (directory, mut tree) = tree(&[("a.yaml", "old")]);
        let path = directory.path().join("a.yaml");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        tree.stage("a.yaml".into(), b"new".to_vec());
        let entry = &tree.entries("").unwrap()[0];
        assert_eq!(tree.reader().unwrap().read(entry).unwrap(), b"new");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(tree.write().unwrap(), ["a.yaml"]);
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o755
        );
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_killed_run_left_behind_is_taken_over() {
        let (directory, mut tree) = tree(&[("a.yaml", "old"), (".a.yaml.imgauto", "half")]);
        tree.stage("a.yaml".into(), b"new".to_vec());
        tree.write().unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
