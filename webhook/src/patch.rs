//! Changes of labels and annotations as a JSON Patch.
//!
//! A patch that does not apply fails the request of whoever sent it, whatever the failure policy says. So it adds, and
//! removes what is there, and does nothing else.

use engine::admission::{Edit, Edits};
use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, Patch, PatchOperation, RemoveOperation};
use serde_json::{Value, json};

use crate::wire::Object;

#[cfg(test)]
mod tests;

/// Writes changes as a patch of the object they were made for.
pub fn build(edits: &Edits, object: &Object<'_>) -> Patch {
    let mut operations = Vec::new();
    for (map, edits, is_there) in [
        ("labels", &edits.labels, object.has_labels()),
        ("annotations", &edits.annotations, object.has_annotations()),
    ] {
        if !edits.is_empty() && !is_there {
            operations.push(add(["metadata", map], json!({})));
        }
        operations.extend(edits.iter().map(|edit| match edit {
            Edit::Set { key, value } => add(["metadata", map, key], json!(value)),
            Edit::Remove { key } => PatchOperation::Remove(RemoveOperation {
                path: PointerBuf::from_tokens(["metadata", map, key]),
            }),
        }));
    }
    Patch(operations)
}

fn add<'a>(path: impl IntoIterator<Item = &'a str>, value: Value) -> PatchOperation {
    PatchOperation::Add(AddOperation {
        path: PointerBuf::from_tokens(path),
        value,
    })
}
