//! Inventories of every size.

use serde_json::json;

use super::*;

fn source() -> InventorySource {
    InventorySource {
        automation: "apps".to_owned(),
        url: "https://git.example.com/org/apps".to_owned(),
        branch: Some("main".to_owned()),
        revision: format!("main@sha1:{}", "0".repeat(40)),
    }
}

fn entry(file: usize, value: &str) -> InventoryEntry {
    InventoryEntry {
        file: format!("clusters/production/team-{file:05}/deployment.yaml"),
        line: 22,
        api_version: Some("apps/v1".to_owned()),
        kind: Some("Deployment".to_owned()),
        namespace: Some("production".to_owned()),
        name: Some("web".to_owned()),
        container: Some("web".to_owned()),
        policy: "web".to_owned(),
        field: InventoryField::Reference,
        value: value.to_owned(),
        commit: Some("0".repeat(40)),
    }
}

fn problem(file: usize, reason: &str) -> InventoryProblem {
    InventoryProblem {
        file: format!("{file:05}.yaml"),
        line: Some(1),
        reason: reason.to_owned(),
        ..InventoryProblem::default()
    }
}

fn bytes(inventory: &Inventory) -> usize {
    let object = ImageInventory::new("apps", inventory.clone());
    serde_json::to_vec(&object).unwrap().len()
}

#[test]
fn the_report_stands_at_the_top_of_the_object() {
    let inventory = Inventory::new(
        source(),
        vec![entry(0, "a/b:1")],
        vec![problem(0, "why")],
        Vec::new(),
    );
    let object = serde_json::to_value(ImageInventory::new("apps", inventory.clone())).unwrap();
    assert_eq!(
        object,
        json!({
            "apiVersion": "imgauto.dev/v1alpha1",
            "kind": "ImageInventory",
            "metadata": { "name": "apps" },
            "source": {
                "automation": "apps",
                "url": "https://git.example.com/org/apps",
                "branch": "main",
                "revision": "main@sha1:0000000000000000000000000000000000000000"
            },
            "entries": [{
                "file": "clusters/production/team-00000/deployment.yaml",
                "line": 22,
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "namespace": "production",
                "name": "web",
                "container": "web",
                "policy": "web",
                "field": "reference",
                "value": "a/b:1",
                "commit": "0000000000000000000000000000000000000000"
            }],
            "problems": [{ "file": "00000.yaml", "line": 1, "reason": "why" }],
            "entryCount": 1,
            "problemCount": 1
        })
    );
    let read: ImageInventory = serde_json::from_value(object).unwrap();
    assert_eq!(read.spec, inventory);
}

#[test]
fn the_order_of_what_was_found_does_not_matter() {
    let found = || (0..9).map(|file| entry(file, "a/b:1"));
    let backwards = Inventory::new(source(), found().rev().collect(), Vec::new(), Vec::new());
    assert_eq!(
        backwards,
        Inventory::new(source(), found().collect(), Vec::new(), Vec::new())
    );
    assert_eq!(backwards.entries[0], entry(0, "a/b:1"));
}

#[test]
fn too_many_are_cut_and_counted() {
    let entries = (0..MAX_ENTRIES + 7).map(|file| InventoryEntry {
        file: format!("{file:05}"),
        policy: "web".to_owned(),
        ..InventoryEntry::default()
    });
    let problems = (0..MAX_PROBLEMS + 3).map(|file| problem(file, "why"));
    let unclaimed = (0..MAX_UNCLAIMED + 2).map(|file| problem(file, "why"));
    let inventory = Inventory::new(
        source(),
        entries.collect(),
        problems.collect(),
        unclaimed.collect(),
    );
    assert_eq!(inventory.unclaimed.len(), MAX_UNCLAIMED);
    assert_eq!(
        (inventory.entries.len(), inventory.problems.len()),
        (MAX_ENTRIES, MAX_PROBLEMS)
    );
    assert_eq!(
        (inventory.entry_count, inventory.problem_count),
        (5_007, 503)
    );
    let left_out = Truncated {
        entries: 7,
        problems: 3,
        unclaimed: 2,
    };
    assert_eq!(inventory.truncated, Some(left_out));
    assert_eq!(inventory.entries.last().unwrap().file, "04999");
}

#[test]
fn the_largest_object_stays_below_one_mebibyte() {
    let value = "\u{1}".repeat(MAX_TEXT);
    let entries = (0..MAX_ENTRIES).map(|file| entry(file, &value));
    let problems = (0..MAX_PROBLEMS).map(|file| problem(file, &value));
    let unclaimed = (0..MAX_UNCLAIMED).map(|file| problem(file, &value));
    let inventory = Inventory::new(
        source(),
        entries.collect(),
        problems.collect(),
        unclaimed.collect(),
    );
    let size = bytes(&inventory);
    assert!(size < 1024 * 1024, "{size} bytes");
    assert!(size > BUDGET * 9 / 10, "{size} bytes: the budget is used");
    let left_out = inventory.truncated.unwrap();
    assert_eq!(
        inventory.entries.len() + usize::try_from(left_out.entries).unwrap(),
        MAX_ENTRIES
    );
    assert!(!inventory.problems.is_empty() && left_out.problems > 0);
}

#[test]
fn a_long_text_ends_between_two_characters() {
    let inventory = Inventory::new(
        source(),
        Vec::new(),
        vec![problem(0, &"ä".repeat(600))],
        Vec::new(),
    );
    let reason = &inventory.problems[0].reason;
    assert!(reason.len() <= MAX_TEXT && reason.ends_with("ä..."));
    assert_eq!(inventory.truncated, None);
}
