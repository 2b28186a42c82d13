//! Any two objects: the patch that marks one of them applies, changes our marks alone, and leaves nothing to do.

#![no_main]

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::admission::keys::MODE;
use engine::admission::{Knowledge, Wishes};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use webhook::policies::Snapshot;
use webhook::review::{Known, Setup, mutate};
use webhook::wire::{self, API_VERSION, KIND};

/// Marks an object as a request would; `None` if nothing is to be done.
fn marked(object: &Value, before: Option<&Value>) -> Option<Value> {
    let review = json!({
        "apiVersion": API_VERSION, "kind": KIND,
        "request": {
            "uid": "1", "operation": if before.is_some() { "UPDATE" } else { "CREATE" }, "namespace": "a",
            "resource": { "group": "", "version": "v1", "resource": "pods" },
            "object": object, "oldObject": before,
        },
    });
    let body = review.to_string();
    let request = wire::read(body.as_bytes())
        .expect("it is a review")
        .request
        .expect("it is a request");
    let labels = BTreeMap::from([(MODE.to_owned(), "audit".to_owned())]);
    let wishes = Wishes::new(labels, &BTreeMap::new());
    let snapshot = Snapshot {
        namespaces: BTreeMap::from([("a".to_owned(), Arc::new(wishes))]),
        ..Snapshot::default()
    };
    let setup = Setup::default();
    let known = Known {
        setup: &setup,
        snapshot: &snapshot,
        knowledge: Knowledge::Fresh,
    };
    let patch = mutate(&request, &known).reply.patch?;
    let mut patched = object.clone();
    json_patch::patch(&mut patched, &patch).expect("a patch applies to what was sent");
    Some(patched)
}

fuzz_target!(|input: &str| {
    let mut lines = input.splitn(2, '\n');
    let mut object = || serde_json::from_str::<Value>(lines.next()?).ok();
    let Some(now) = object() else {
        return;
    };
    let before = object();
    let Some(patched) = marked(&now, before.as_ref()) else {
        return;
    };
    assert_eq!(marked(&patched, before.as_ref()), None);
    let without_maps = |object: &Value| {
        let mut object = object.clone();
        object["metadata"]["labels"] = Value::Null;
        object["metadata"]["annotations"] = Value::Null;
        object
    };
    assert_eq!(without_maps(&now), without_maps(&patched));
});
