//! The files of a checkout, with edits held back until all of them are known.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use engine::path::clamp;

use super::{Entry, EntryKind, Reader, Source, SourceError};

/// A directory as a source; edits are collected by [`WorkTree::stage`] and written by [`WorkTree::write`].
#[derive(Debug)]
pub struct WorkTree {
    root: PathBuf,
    staged: BTreeMap<String, Staged>,
}

/// A file that is to be replaced.
#[derive(Debug)]
struct Staged {
    /// What is on the disk, and must still be there when it is replaced.
    before: Vec<u8>,
    /// What comes.
    after: Vec<u8>,
}

/// The one name new content is prepared under, in the folder of the file that it replaces.
///
/// It is no manifest's name. A run that was killed leaves at most one of them in a folder, and the next takes it over.
const PREPARED: &str = ".imgauto.prepared";

impl WorkTree {
    /// Takes the directory `root` as it is on disk.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            staged: BTreeMap::new(),
        }
    }

    /// Holds new content for `path`, made from the content `before`; readers see it from now on, the disk does not.
    pub fn stage(&mut self, path: String, before: &[u8], after: Vec<u8>) {
        match self.staged.get_mut(&path) {
            Some(staged) => staged.after = after,
            None => {
                let before = before.to_vec();
                self.staged.insert(path, Staged { before, after });
            }
        }
    }

    /// Replaces the staged files, each at once: a reader of the directory sees the old file or the new one.
    ///
    /// The mode of a file is kept, and its owner where the system allows it. Returns the paths written, in order.
    ///
    /// # Errors
    /// At the first file that cannot be replaced, or that somebody changed since it was staged; files before it are
    /// new, those after it are old.
    pub fn write(&mut self) -> Result<Vec<String>, SourceError> {
        let mut written = Vec::new();
        while let Some((path, staged)) = self.staged.pop_first() {
            let replaced = replace(&self.root.join(&path), &staged);
            let replaced = replaced.map_err(|source| SourceError::Io {
                attempt: "write",
                path: path.clone(),
                source,
            })?;
            if replaced == Replaced::ChangedMeanwhile {
                return Err(SourceError::ChangedMeanwhile { path });
            }
            written.push(path);
        }
        Ok(written)
    }

    fn walk(
        &self,
        directory: &Path,
        prefix: &str,
        names: Names,
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
        let mut items = Vec::new();
        for item in fs::read_dir(directory).map_err(failed("list", here))? {
            let item = item.map_err(failed("list", here))?;
            items.push((item.file_name(), item));
        }
        items.sort_by(|a, b| a.0.cmp(&b.0));
        // A folder with an administrative folder of Git is another repository's, such as a submodule.
        let foreign = !prefix.is_empty() && items.iter().any(|(name, _)| name == ".git");
        if foreign {
            return Ok(());
        }
        for (name, item) in items {
            // The administrative folder of Git is no part of the tree it administers.
            if prefix.is_empty() && name == ".git" {
                continue;
            }
            let names = match name.to_str() {
                Some(_) => names,
                None => Names::NotText,
            };
            let name = name.to_string_lossy();
            let path = match prefix {
                "" => name.into_owned(),
                _ => format!("{prefix}/{name}"),
            };
            let kind = item.file_type().map_err(failed("inspect", &path))?;
            if kind.is_dir() {
                self.walk(&item.path(), &path, names, found)?;
                continue;
            }
            let kind = match names {
                Names::NotText if kind.is_file() || kind.is_symlink() => EntryKind::Foreign,
                Names::Text if kind.is_file() => EntryKind::File { id: None },
                Names::Text if kind.is_symlink() => {
                    let target = fs::read_link(item.path());
                    let target = target.map_err(failed("read the link", &path))?;
                    let target = target.to_string_lossy().into_owned();
                    EntryKind::Link { target }
                }
                // Pipes, sockets and devices are no files.
                Names::Text | Names::NotText => continue,
            };
            found.push(Entry { path, kind });
        }
        Ok(())
    }
}

/// Whether all names on the way to an entry are text, so that the entry can be found by them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    Text,
    NotText,
}

impl Source for WorkTree {
    fn entries(&self, path: &str) -> Result<Vec<Entry>, SourceError> {
        let inside = clamp(path);
        let missing = || SourceError::Missing {
            path: path.to_owned(),
        };
        let place = real_place(&self.root, &inside, path)?;
        let mut found = Vec::new();
        // The root itself may be a link: the user named it.
        let metadata = match inside.is_empty() {
            true => fs::metadata(&place),
            false => fs::symlink_metadata(&place),
        };
        let metadata = metadata.map_err(|_| missing())?;
        if metadata.is_dir() {
            self.walk(&place, &inside, Names::Text, &mut found)?;
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
        if let Some(staged) = self.tree.staged.get(&entry.path) {
            return Ok(staged.after.clone());
        }
        fs::read(self.tree.root.join(&entry.path)).map_err(|source| SourceError::Io {
            attempt: "read",
            path: entry.path.clone(),
            source,
        })
    }
}

/// Returns where `inside`, written as `path`, lies below `root`; a symbolic link on the way is not followed.
fn real_place(root: &Path, inside: &str, path: &str) -> Result<PathBuf, SourceError> {
    let path = || path.to_owned();
    let mut place = root.to_path_buf();
    for part in inside.split('/').filter(|part| !part.is_empty()) {
        place.push(part);
        let metadata = fs::symlink_metadata(&place);
        let metadata = metadata.map_err(|_| SourceError::Missing { path: path() })?;
        if metadata.is_symlink() {
            let link = place.strip_prefix(root).unwrap_or(&place);
            return Err(SourceError::Linked {
                path: path(),
                link: link.display().to_string(),
            });
        }
    }
    Ok(place)
}

/// What became of a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Replaced {
    Done,
    ChangedMeanwhile,
}

/// Writes a neighbour of `path` and renames it over `path`.
fn replace(path: &Path, staged: &Staged) -> io::Result<Replaced> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    // Another run that prepares a file in this folder is waited for; a killed one holds nothing.
    let lock = File::open(folder)?;
    // A file system without locks is used as it is.
    let _ = lock.lock();
    let metadata = fs::symlink_metadata(path)?;
    if !metadata.is_file() || fs::read(path)? != staged.before {
        return Ok(Replaced::ChangedMeanwhile);
    }
    let prepared = folder.join(PREPARED);
    match fs::remove_file(&prepared) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let written =
        fill(&prepared, &staged.after, &metadata).and_then(|()| fs::rename(&prepared, path));
    if written.is_err() {
        // The first error is the one that matters; what cannot be removed is taken over by the next run.
        let _ = fs::remove_file(&prepared);
    }
    written.map(|()| Replaced::Done)
}

fn fill(path: &Path, content: &[u8], like: &Metadata) -> io::Result<()> {
    let mut file: File = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(content)?;
    #[cfg(unix)]
    keep_owner(&file, like)?;
    file.set_permissions(like.permissions())?;
    file.sync_all()
}

#[cfg(unix)]
fn keep_owner(file: &File, like: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    let own = file.metadata()?;
    if (own.uid(), own.gid()) != (like.uid(), like.gid()) {
        // Only root may give files away; for everybody else the file is theirs, as after any editor.
        let _ = fchown(file, Some(like.uid()), Some(like.gid()));
    }
    Ok(())
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
            ("a/.gitignore", ""),
        ]);
        assert_eq!(
            paths(&tree, ""),
            [".github/w.yaml", "a/.gitignore", "b.yaml"]
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
        for path in ["linked", "./linked/a.yaml", "/link.yaml"] {
            let error = tree.entries(path).unwrap_err().to_string();
            assert!(error.contains("symbolic link"), "{path}: {error}");
        }
    }

    #[test]
    fn a_staged_file_is_read_back_and_reaches_the_disk_with_its_mode() {
        let (directory, mut tree) = tree(&[("a.yaml", "old")]);
        let path = directory.path().join("a.yaml");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        tree.stage("a.yaml".into(), b"old", b"new".to_vec());
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
        let (directory, mut tree) = tree(&[("a.yaml", "old"), (PREPARED, "half")]);
        tree.stage("a.yaml".into(), b"old", b"new".to_vec());
        tree.write().unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_somebody_changed_since_it_was_read_is_left_alone() {
        let (directory, mut tree) = tree(&[("a.yaml", "by a human")]);
        tree.stage("a.yaml".into(), b"old", b"new".to_vec());
        let error = tree.write().unwrap_err().to_string();
        assert!(error.contains("a.yaml was changed"), "{error}");
        let content = fs::read(directory.path().join("a.yaml")).unwrap();
        assert_eq!(content, b"by a human");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_second_edit_of_a_file_starts_from_the_first_and_both_reach_the_disk() {
        let (directory, mut tree) = tree(&[("a.yaml", "one")]);
        tree.stage("a.yaml".into(), b"one", b"two".to_vec());
        tree.stage("a.yaml".into(), b"two", b"three".to_vec());
        tree.write().unwrap();
        let content = fs::read(directory.path().join("a.yaml")).unwrap();
        assert_eq!(content, b"three");
    }

    #[test]
    fn another_repository_within_the_tree_is_not_walked() {
        let (_directory, tree) = tree(&[
            ("module/.git", "gitdir: ../.git/modules/module"),
            ("module/a.yaml", ""),
            ("clone/.git/HEAD", ""),
            ("clone/below/a.yaml", ""),
            ("own/a.yaml", ""),
        ]);
        assert_eq!(paths(&tree, ""), ["own/a.yaml"]);
    }

    #[test]
    fn names_that_are_no_text_are_listed_as_foreign_and_pipes_not_at_all() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt as _;
        let (directory, tree) = tree(&[("a.yaml", "")]);
        let odd = |name: &[u8]| directory.path().join(OsStr::from_bytes(name));
        fs::write(odd(b"b\xff.yaml"), "").unwrap();
        fs::create_dir(odd(b"c\xff")).unwrap();
        fs::write(odd(b"c\xff/d.yaml"), "").unwrap();
        fs::create_dir(odd(b"folder.yaml")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(odd(b"socket.yaml")).unwrap();
        let entries = tree.entries("").unwrap();
        let listed: Vec<_> = entries
            .iter()
            .map(|entry| (entry.path.as_str(), entry.kind == EntryKind::Foreign))
            .collect();
        assert_eq!(
            listed,
            [
                ("a.yaml", false),
                ("b\u{fffd}.yaml", true),
                ("c\u{fffd}/d.yaml", true)
            ]
        );
    }

    #[test]
    fn a_name_as_long_as_names_can_be_is_replaced() {
        let name = format!("{}.yaml", "a".repeat(250));
        let (directory, mut tree) = tree(&[(&name, "old")]);
        tree.stage(name.clone(), b"old", b"new".to_vec());
        tree.write().unwrap();
        assert_eq!(fs::read(directory.path().join(name)).unwrap(), b"new");
    }
}
