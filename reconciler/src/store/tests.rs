//! The store keeps what it is given, and nothing that happens to its file is an error.

use std::collections::{HashMap, HashSet};
use std::fs;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::resources::ObjectKey;

fn tags(list: &[&str]) -> Tags {
    Tags::new(list)
}

#[test]
fn what_was_put_is_got_also_after_a_restart() {
    let directory = TempDir::new().unwrap();
    let store = TagStore::open(directory.path());
    let list = tags(&["v1.1.0", "v1.0.0"]);
    assert_eq!(store.put("a", "r.io/a", &list).unwrap(), Put::New);
    assert_eq!(store.put("b", "r.io/b", &tags(&[])).unwrap(), Put::New);
    drop(store);
    let store = TagStore::open(directory.path());
    let found = store.get("a").unwrap().unwrap();
    assert_eq!(found.canonical, "r.io/a");
    assert_eq!(found.tags, list);
    assert_eq!(
        found.revision,
        "sha256:e366b3978bba0d338c9a38a72449d1b8dcc253a09298faba49bc89e48942df11"
    );
    assert!(store.get("b").unwrap().unwrap().tags.is_empty());
    assert_eq!(store.get("c").unwrap(), None);
}

#[test]
fn the_same_tags_are_not_written_again() {
    let store = TagStore::in_memory();
    let list = tags(&["1.0"]);
    assert_eq!(store.put("a", "r.io/a", &list).unwrap(), Put::New);
    assert_eq!(store.put("a", "r.io/a", &list).unwrap(), Put::Same);
    assert_eq!(store.put("a", "r.io/b", &list).unwrap(), Put::Changed);
    assert_eq!(store.put("a", "r.io/b", &tags(&[])).unwrap(), Put::Changed);
}

#[test]
fn an_empty_list_is_held_and_an_unknown_one_is_not() {
    let store = TagStore::in_memory();
    store.put("a", "r.io/a", &tags(&[])).unwrap();
    assert!(store.holds("a", "r.io/a").unwrap());
    assert!(!store.holds("a", "r.io/other").unwrap());
    assert!(!store.holds("b", "r.io/a").unwrap());
}

#[test]
fn tags_of_an_earlier_process_count_only_if_the_status_tells_of_them() {
    let directory = TempDir::new().unwrap();
    let (old, new) = (tags(&["1.0"]), tags(&["1.1", "1.0"]));
    let store = TagStore::open(directory.path());
    store.put("a", "r.io/a", &old).unwrap();
    drop(store);
    // A process that was killed told of the new tags, and its last writes are lost.
    let store = TagStore::open(directory.path());
    let (older, newer) = (old.revision(), new.revision());
    let seen = |told: Option<&str>| {
        let held = store.holds_current("a", "r.io/a", told).unwrap();
        let tags = store.current("a", "r.io/a", told).unwrap();
        assert_eq!(held, tags.is_some());
        tags.map(|stored| stored.tags)
    };
    assert_eq!(seen(Some(&newer)), None);
    assert_eq!(seen(None), None);
    assert_eq!(seen(Some(&older)), Some(old));
    // What this process puts is newer than any status.
    store.put("a", "r.io/a", &new).unwrap();
    assert_eq!(seen(Some(&older)), Some(new));
    assert_eq!(store.current("a", "r.io/b", Some(&newer)).unwrap(), None);
}

#[test]
fn objects_that_are_gone_are_forgotten() {
    let store = TagStore::in_memory();
    for uid in ["a", "b", "c"] {
        store.put(uid, "r.io/a", &tags(&["1"])).unwrap();
    }
    store.remove("a").unwrap();
    store.retain(&HashSet::from(["c".to_owned()])).unwrap();
    let held = ["a", "b", "c"].map(|uid| store.holds(uid, "r.io/a").unwrap());
    assert_eq!(held, [false, false, true]);
}

#[test]
fn an_entry_of_another_version_is_not_there() {
    let mut value = entry::encode("r.io/a", &tags(&["1"]));
    assert!(entry::decode(&value).is_some());
    value[0] += 1;
    assert!(entry::decode(&value).is_none());
}

#[test]
fn an_entry_that_is_not_what_was_written_is_not_there() {
    let list: Vec<String> = (0..50).map(|n| format!("v1.{n}.0")).collect();
    let value = entry::encode("r.io/a", &Tags::new(&list));
    for at in 0..value.len() {
        let mut broken = value.clone();
        broken[at] ^= 0x55;
        let read = entry::decode(&broken);
        assert!(
            read.is_none_or(|read| read.tags == Tags::new(&list)),
            "byte {at} does not matter to the tags"
        );
        assert!(entry::decode(&value[..at]).is_none(), "cut at {at}");
    }
}

#[test]
fn what_holds_a_line_break_is_no_tag() {
    let list = tags(&["b", "x\ny", "", "a"]);
    assert_eq!(list.iter().collect::<Vec<_>>(), ["b", "a"]);
    assert_eq!(list.len(), 2);
}

#[test]
fn a_file_that_is_no_database_is_put_aside() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("tags.redb");
    fs::write(&file, vec![0x42; 100_000]).unwrap();
    let store = TagStore::open(directory.path());
    store.put("a", "r.io/a", &tags(&["1"])).unwrap();
    drop(store);
    assert_eq!(
        fs::read(directory.path().join("tags.redb.damaged")).unwrap()[0],
        0x42
    );
    let store = TagStore::open(directory.path());
    assert!(store.holds("a", "r.io/a").unwrap());
}

#[test]
fn a_database_of_another_form_is_put_aside() {
    let directory = TempDir::new().unwrap();
    let database = Database::create(directory.path().join("tags.redb")).unwrap();
    let other: TableDefinition<'_, u64, u64> = TableDefinition::new("tags");
    let transaction = database.begin_write().unwrap();
    transaction.open_table(other).unwrap().insert(1, 2).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let store = TagStore::open(directory.path());
    assert_eq!(store.put("a", "r.io/a", &tags(&["1"])).unwrap(), Put::New);
    assert!(directory.path().join("tags.redb.damaged").exists());
}

#[test]
fn a_directory_that_is_none_is_done_without() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let store = TagStore::open(&file);
    store.put("a", "r.io/a", &tags(&["1"])).unwrap();
    assert!(store.holds("a", "r.io/a").unwrap());
}

#[test]
fn a_file_in_use_by_another_process_is_left_alone() {
    let directory = TempDir::new().unwrap();
    let first = TagStore::open(directory.path());
    first.put("a", "r.io/a", &tags(&["1"])).unwrap();
    let second = TagStore::open(directory.path());
    assert!(!second.holds("a", "r.io/a").unwrap());
    second.put("b", "r.io/b", &tags(&["1"])).unwrap();
    assert!(first.holds("a", "r.io/a").unwrap());
    assert!(!directory.path().join("tags.redb.damaged").exists());
}

#[test]
fn a_file_that_was_large_gives_its_space_back() {
    let directory = TempDir::new().unwrap();
    let store = TagStore::open(directory.path());
    let size = || {
        fs::metadata(directory.path().join("tags.redb"))
            .unwrap()
            .len()
    };
    for n in 0..120_u32 {
        let list: Vec<String> = (0..4000_u32)
            .map(|m| {
                let hash = Tags::new([format!("{n}-{m}")]).revision();
                hash[7..47].to_owned()
            })
            .collect();
        store
            .put(&n.to_string(), "r.io/a", &Tags::new(list))
            .unwrap();
    }
    store.flush().unwrap();
    let full = size();
    store.retain(&HashSet::from(["7".to_owned()])).unwrap();
    assert!(size() < full / 4, "{} of {full}", size());
    assert!(store.get("7").unwrap().is_some());
}

#[tokio::test]
async fn a_repository_waits_in_a_mailbox_once() {
    let mailbox = Mailbox::default();
    for name in ["b", "a", "b"] {
        mailbox.put(ObjectKey::new("n", name));
    }
    assert_eq!(mailbox.take().await.name, "a");
    assert_eq!(mailbox.take().await.name, "b");
    let late = async {
        tokio::task::yield_now().await;
        mailbox.put(ObjectKey::new("n", "c"));
    };
    let (taken, ()) = tokio::join!(mailbox.take(), late);
    assert_eq!(taken.name, "c");
}

fn list() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("[A-Za-z0-9_.-]{1,20}", 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn any_lists_are_got_as_they_were_put(
        puts in prop::collection::vec((0_u8..6, list()), 1..20),
    ) {
        let directory = TempDir::new().unwrap();
        let mut known: HashMap<String, Tags> = HashMap::new();
        let mut store = TagStore::open(directory.path());
        for (uid, list) in puts {
            let (uid, list) = (uid.to_string(), Tags::new(list));
            store.put(&uid, "r.io/a", &list).unwrap();
            known.insert(uid, list);
        }
        for _ in 0..2 {
            for (uid, list) in &known {
                let found = store.get(uid).unwrap().unwrap();
                prop_assert_eq!(&found.tags, list);
                prop_assert_eq!(found.revision, list.revision());
            }
            drop(store);
            store = TagStore::open(directory.path());
        }
    }

    #[test]
    fn a_file_copied_in_the_middle_or_cut_off_is_a_store_with_less_in_it(
        lists in prop::collection::vec(list(), 1..20),
        cut in 0.0_f64..1.0,
        damage in 0.0_f64..1.0,
    ) {
        let directory = TempDir::new().unwrap();
        let store = TagStore::open(directory.path());
        for (n, list) in lists.iter().enumerate() {
            store.put(&n.to_string(), "r.io/a", &Tags::new(list)).unwrap();
            if n % 3 == 0 {
                store.flush().unwrap();
            }
        }
        let whole = fs::read(directory.path().join("tags.redb")).unwrap();
        drop(store);
        let keep = (whole.len() as f64 * cut) as usize;
        let flip = (whole.len() as f64 * damage) as usize;
        let mut flipped = whole.clone();
        flipped[flip] ^= 0xff;
        for file in [&whole[..], &whole[..keep], &flipped] {
            let crashed = TempDir::new().unwrap();
            fs::write(crashed.path().join("tags.redb"), file).unwrap();
            let store = TagStore::open(crashed.path());
            for (n, list) in lists.iter().enumerate() {
                if let Some(found) = store.get(&n.to_string()).unwrap() {
                    prop_assert_eq!(found.tags, Tags::new(list));
                }
            }
            let list = Tags::new(["after"]);
            store.put("new", "r.io/new", &list).unwrap();
            prop_assert_eq!(store.get("new").unwrap().unwrap().tags, list);
        }
    }
}
