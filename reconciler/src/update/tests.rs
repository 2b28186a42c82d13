use std::collections::BTreeMap;
use std::mem;
use std::sync::Mutex;

use engine::change::LatestRef;
use engine::marker::Policy;
use git2::ObjectType;

use crate::source::Reader;

use super::*;

/// Files that know the ids of their contents, as a commit's do, and which of them were read.
struct Counting {
    files: BTreeMap<String, String>,
    read: Mutex<Vec<String>>,
}

impl Counting {
    /// As many files as it takes to use several threads; every tenth is marked.
    fn new() -> Self {
        let file = |index: usize| {
            let marker = match index % 10 {
                0 => " # {\"$imagepolicy\": \"default:app\"}",
                _ => "",
            };
            let text = format!("name: app{index}\nimage: app:1.0.0{marker}\n");
            (format!("{index:03}.yaml"), text)
        };
        Self {
            files: (0..200).map(file).collect(),
            read: Mutex::default(),
        }
    }

    fn plan(&self, tag: &str, cache: &ScanCache) -> Plan {
        let latest = LatestRef {
            name: "app".into(),
            tag: tag.into(),
            digest: None,
        };
        let wanted = Wanted {
            namespace: "default".into(),
            policies: [("app".into(), Policy::Latest(latest))].into(),
            ..Wanted::default()
        };
        plan(self, "", &wanted, cache, Scope::Everything).unwrap()
    }

    /// What was read since this was asked last, each file as often as it was read.
    fn reads(&self) -> Vec<String> {
        let mut read = mem::take(&mut *self.read.lock().unwrap());
        read.sort_unstable();
        read
    }
}

impl Source for Counting {
    fn entries(&self, _path: &str) -> Result<Vec<Entry>, SourceError> {
        let entry = |(path, text): (&String, &String)| {
            let id = git2::Oid::hash_object(ObjectType::Blob, text.as_bytes()).unwrap();
            Entry {
                path: path.clone(),
                kind: EntryKind::File { id: Some(id) },
            }
        };
        Ok(self.files.iter().map(entry).collect())
    }

    fn reader(&self) -> Result<Box<dyn Reader + Send + '_>, SourceError> {
        Ok(Box::new(self))
    }
}

impl Reader for &Counting {
    fn read(&mut self, entry: &Entry) -> Result<Vec<u8>, SourceError> {
        self.read.lock().unwrap().push(entry.path.clone());
        Ok(self.files[&entry.path].clone().into_bytes())
    }
}

#[test]
fn a_blob_that_did_not_change_is_never_read_again() {
    let mut source = Counting::new();
    let cache = ScanCache::default();
    assert_eq!(source.plan("1.0.0", &cache).marked.len(), 20);
    let all: Vec<String> = source.files.keys().cloned().collect();
    assert_eq!(source.reads(), all, "the first time, each file once");

    assert_eq!(source.plan("1.0.0", &cache).marked.len(), 20);
    assert!(source.reads().is_empty());

    let text = source.files["003.yaml"].replace("app3", "renamed");
    source.files.insert("003.yaml".into(), text);
    source.plan("1.0.0", &cache);
    assert_eq!(source.reads(), ["003.yaml"]);
}

#[test]
fn of_known_files_only_the_stale_ones_are_read_to_be_edited() {
    let mut source = Counting::new();
    let cache = ScanCache::default();
    source.plan("1.0.0", &cache);
    source.reads();

    let planned = source.plan("1.1.0", &cache);
    let stale: Vec<String> = planned.files.iter().map(|file| file.path.clone()).collect();
    assert_eq!(stale.len(), 20);
    assert_eq!(source.reads(), stale);

    for file in planned.files {
        let after = String::from_utf8(file.after).unwrap();
        source.files.insert(file.path, after);
    }
    assert!(source.plan("1.1.0", &cache).files.is_empty());
    assert_eq!(source.reads(), stale, "they are new blobs now");
}
