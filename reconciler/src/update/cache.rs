//! What is remembered of blobs and trees, so that what did not change costs nothing.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use engine::marker::FileScan;
use git2::Oid;

/// Blobs that are remembered at most, half of them for sure.
const CACHED_BLOBS: usize = 1 << 18;

/// Entries of trees that are remembered at most, half of them for sure.
const CACHED_ENTRIES: usize = 1 << 17;

/// What is known of blobs and trees that were read before: one that did not change is never read again.
#[derive(Debug)]
pub struct ScanCache {
    scans: Mutex<Recent<Oid, Option<Arc<FileScan>>>>,
    folders: Mutex<Recent<Oid, Arc<Folder>>>,
}

impl Default for ScanCache {
    fn default() -> Self {
        Self {
            scans: Mutex::new(Recent::new(CACHED_BLOBS)),
            folders: Mutex::new(Recent::new(CACHED_ENTRIES)),
        }
    }
}

impl ScanCache {
    /// Returns what is known of a blob; `Some(None)` means that it has no marker.
    pub(super) fn scan(&self, blob: Oid) -> Option<Option<Arc<FileScan>>> {
        lock(&self.scans).get(&blob)
    }

    pub(super) fn put_scan(&self, blob: Oid, scan: Option<Arc<FileScan>>) {
        lock(&self.scans).put(blob, scan, 1);
    }

    pub(super) fn folder(&self, tree: Oid) -> Option<Arc<Folder>> {
        lock(&self.folders).get(&tree)
    }

    pub(super) fn put_folder(&self, tree: Oid, folder: Arc<Folder>) {
        let weight = folder.items.len() + 1;
        lock(&self.folders).put(tree, folder, weight);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a tree object holds that matters to automations, in Git's order.
#[derive(Debug, Default)]
pub(super) struct Folder {
    pub(super) items: Vec<Item>,
}

/// One entry of a tree that matters.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) name: Box<str>,
    pub(super) kind: ItemKind,
}

#[derive(Debug)]
pub(super) enum ItemKind {
    /// A manifest with markers.
    Marked { blob: Oid, scan: Arc<FileScan> },
    /// A link with the name of a manifest, and where it points to.
    Link { target: String },
    /// A manifest whose name no file may have.
    Foreign,
    /// A directory that has any of these below it.
    Folder { tree: Oid, usable: bool },
}

/// A map that forgets what was not asked for lately.
///
/// It keeps two halves: what is asked for moves to the young one, and when that is full, the old one goes.
#[derive(Debug)]
struct Recent<K, V> {
    young: HashMap<K, (V, usize)>,
    old: HashMap<K, (V, usize)>,
    weight: usize,
    limit: usize,
}

impl<K: Eq + Hash + Copy, V: Clone> Recent<K, V> {
    fn new(limit: usize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            weight: 0,
            limit: limit / 2,
        }
    }

    fn get(&mut self, key: &K) -> Option<V> {
        if let Some((value, _)) = self.young.get(key) {
            return Some(value.clone());
        }
        let (value, weight) = self.old.remove(key)?;
        self.put(*key, value.clone(), weight);
        Some(value)
    }

    fn put(&mut self, key: K, value: V, weight: usize) {
        if self.weight + weight > self.limit && !self.young.is_empty() {
            self.old = std::mem::take(&mut self.young);
            self.weight = 0;
        }
        if self.young.insert(key, (value, weight)).is_none() {
            self.weight += weight;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Recent;

    #[test]
    fn what_is_used_stays_and_what_is_not_goes() {
        let mut recent = Recent::new(8);
        for key in 0..100 {
            recent.put(key, key, 1);
            assert_eq!(recent.get(&0), Some(0), "after {key}");
        }
        assert_eq!(recent.get(&50), None);
        assert!(recent.young.len() + recent.old.len() <= 8);
    }

    #[test]
    fn weight_counts_and_one_heavy_value_is_kept() {
        let mut recent = Recent::new(8);
        recent.put(1, (), 1000);
        assert_eq!(recent.get(&1), Some(()));
        recent.put(2, (), 1);
        assert_eq!(recent.get(&1), Some(()), "half of the weight is older");
        recent.put(3, (), 1);
        recent.put(4, (), 1);
        assert_eq!(recent.get(&2), None);
    }
}
