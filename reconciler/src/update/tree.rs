//! Finding marked files in the trees of a commit: what is below a tree is found out once for each tree object.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use engine::marker::{self, FileScan};
use engine::path::clamp;
use git2::Oid;

use super::cache::{Folder, Item, ItemKind, ScanCache};
use super::threads::read_all;
use super::{MarkedFile, Problem, left_alone};
use crate::git::{Child, Kind, Place};
use crate::source::{Entry, EntryKind, GitTree, Reader, Source as _, SourceError};

/// The marked files below an update path, and what was left alone there.
#[derive(Default)]
pub(super) struct Found {
    /// The files, in Git's order, with their blobs.
    pub(super) files: Vec<(MarkedFile, Oid)>,
    pub(super) problems: Vec<Problem>,
    /// What paths are relative to: a prefix of them, without `/` at its end.
    pub(super) base: String,
}

/// Finds the marked files below `path` for which `keep` holds.
pub(super) fn find(
    source: &GitTree<'_>,
    path: &str,
    cache: &ScanCache,
    keep: impl Fn(&FileScan) -> bool,
) -> Result<Found, SourceError> {
    let base = clamp(path);
    let mut found = Found::default();
    let root = match source.locate(path)? {
        Place::Folder(root) => root,
        Place::File(file) => {
            let folder = base.rsplit_once('/').map_or("", |(folder, _)| folder);
            found.base = folder.to_owned();
            if marker::is_manifest(&file.path) {
                let entry = file_entry(file.path, file.id);
                let scanned = scan(source.reader()?.as_mut(), &entry, cache)?;
                if let Some(scan) = scanned.scan.filter(|scan| keep(scan)) {
                    let path = base;
                    found.files.push((MarkedFile { path, scan }, file.id));
                }
            }
            return Ok(found);
        }
    };
    let mut waiting = vec![(folder(source, root, cache)?, 0, base.clone(), true)];
    while let Some((here, from, prefix, usable)) = waiting.pop() {
        for (at, item) in here.items.iter().enumerate().skip(from) {
            let path = match prefix.is_empty() {
                true => item.name.to_string(),
                false => format!("{prefix}/{}", item.name),
            };
            match &item.kind {
                ItemKind::Folder {
                    tree,
                    usable: named,
                } => {
                    let below = folder(source, *tree, cache)?;
                    waiting.push((Arc::clone(&here), at + 1, prefix, usable));
                    waiting.push((below, 0, path, usable && *named));
                    break;
                }
                ItemKind::Marked { blob, scan } if usable => {
                    if keep(scan) {
                        let scan = Arc::clone(scan);
                        found.files.push((MarkedFile { path, scan }, *blob));
                    }
                }
                ItemKind::Link { target } if usable => {
                    let target = target.clone();
                    let kind = EntryKind::Link { target };
                    found.problems.extend(left_alone(&Entry { path, kind }));
                }
                _ => {
                    let kind = EntryKind::Foreign;
                    found.problems.extend(left_alone(&Entry { path, kind }));
                }
            }
        }
    }
    found.base = base;
    Ok(found)
}

fn file_entry(path: String, id: Oid) -> Entry {
    let kind = EntryKind::File { id: Some(id) };
    Entry { path, kind }
}

/// What a file says about markers, if it mentions any, and its content if it had to be read for that.
pub(super) struct Scanned {
    pub(super) scan: Option<Arc<FileScan>>,
    pub(super) content: Option<Vec<u8>>,
}

/// Returns what a file says about markers.
pub(super) fn scan(
    reader: &mut dyn Reader,
    entry: &Entry,
    cache: &ScanCache,
) -> Result<Scanned, SourceError> {
    if let Some(scan) = entry.id().and_then(|id| cache.scan(id)) {
        return Ok(Scanned {
            scan,
            content: None,
        });
    }
    let bytes = reader.read(entry)?;
    let scan = marker::mentions_marker(&bytes).then(|| Arc::new(marker::scan(&bytes)));
    if let Some(id) = entry.id() {
        cache.put_scan(id, scan.clone());
    }
    Ok(Scanned {
        scan,
        content: Some(bytes),
    })
}

/// Returns what a tree holds that matters; reads it and those below it, as far as they are not known.
fn folder(source: &GitTree<'_>, root: Oid, cache: &ScanCache) -> Result<Arc<Folder>, SourceError> {
    if let Some(known) = cache.folder(root) {
        return Ok(known);
    }
    let unknown = unknown_trees(source, root, cache)?;
    let mut read = HashSet::new();
    let files: Vec<Entry> = unknown
        .iter()
        .flat_map(|tree| &tree.children)
        .filter(|child| child.is_manifest() && child.is_file() && read.insert(child.id))
        .map(|child| file_entry(child.name.clone(), child.id))
        .collect();
    let scans = read_all(source, &files, |reader, entry| {
        Ok((entry.id(), scan(reader, entry, cache)?.scan))
    })?;
    let scans: HashMap<Option<Oid>, Option<Arc<FileScan>>> = scans.into_iter().collect();
    let mut made: HashMap<Oid, Arc<Folder>> = HashMap::new();
    let mut reader = source.reader()?;
    for tree in unknown {
        let mut folder = Folder::default();
        for child in tree.children {
            let below = |tree| made.get(&tree).cloned().or_else(|| cache.folder(tree));
            let kind = match child.kind {
                None => below(child.id)
                    .is_none_or(|below| !below.items.is_empty())
                    .then_some(ItemKind::Folder {
                        tree: child.id,
                        usable: child.usable,
                    }),
                Some(Kind::Submodule) => None,
                Some(_) if !child.is_manifest() => None,
                Some(_) if !child.usable => Some(ItemKind::Foreign),
                Some(Kind::Symlink) => {
                    let text = reader.read(&file_entry(child.name.clone(), child.id))?;
                    let target = String::from_utf8_lossy(&text).into_owned();
                    Some(ItemKind::Link { target })
                }
                Some(_) => {
                    let scan = scans.get(&Some(child.id)).cloned().flatten();
                    scan.map(|scan| ItemKind::Marked {
                        blob: child.id,
                        scan,
                    })
                }
            };
            let name = child.name.into_boxed_str();
            folder.items.extend(kind.map(|kind| Item { name, kind }));
        }
        let folder = Arc::new(folder);
        cache.put_folder(tree.id, Arc::clone(&folder));
        made.insert(tree.id, folder);
    }
    Ok(made.remove(&root).unwrap_or_default())
}

/// A tree object that was not looked at before.
struct Unknown {
    id: Oid,
    children: Vec<Child>,
    /// How many children have been looked at.
    next: usize,
}

/// Lists the trees below `root` that are not known, each after those below it; depth costs no recursion.
fn unknown_trees(
    source: &GitTree<'_>,
    root: Oid,
    cache: &ScanCache,
) -> Result<Vec<Unknown>, SourceError> {
    let open = |id| {
        Ok(Unknown {
            id,
            children: source.children(id)?,
            next: 0,
        })
    };
    let mut seen = HashSet::from([root]);
    let mut done = Vec::new();
    let mut waiting = vec![open(root)?];
    while let Some(mut tree) = waiting.pop() {
        let below = tree.children[tree.next..].iter().position(|child| {
            child.kind.is_none() && !seen.contains(&child.id) && cache.folder(child.id).is_none()
        });
        match below {
            None => done.push(tree),
            Some(offset) => {
                let id = tree.children[tree.next + offset].id;
                tree.next += offset + 1;
                seen.insert(id);
                waiting.push(tree);
                waiting.push(open(id)?);
            }
        }
    }
    Ok(done)
}

impl Child {
    fn is_manifest(&self) -> bool {
        marker::is_manifest(&self.name)
    }

    fn is_file(&self) -> bool {
        self.usable && matches!(self.kind, Some(Kind::Regular | Kind::Executable))
    }
}

impl Entry {
    fn id(&self) -> Option<Oid> {
        match self.kind {
            EntryKind::File { id } => id,
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
