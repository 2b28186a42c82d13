//! What Flux gives a template: the automation, the changes, the values.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::Data;
use super::fault::Fault;
use super::types::Type;
use super::value::{Heap, Key, Struct, Value};
use crate::change::Change;

/// The data of one run.
pub(super) struct Model {
    /// The value of `.`, Flux's `TemplateData`.
    pub(super) data: Value,
    /// `.Changed.Changes`: every old, new and setter once, by file and position.
    pub(super) changes: Value,
    /// `.Changed.Objects`: the changes of each object, over all files.
    pub(super) objects: Value,
}

impl Model {
    /// Groups the changes as Flux does, in the order of files and positions.
    pub(super) fn new(heap: &mut Heap, data: &Data<'_>) -> Result<Self, Fault> {
        let mut changes: Vec<&Change> = data.changes.iter().collect();
        changes.sort_by_key(|change| (&change.file, change.line));
        let mut seen = BTreeSet::new();
        let mut distinct = Vec::new();
        let mut objects = BTreeMap::new();
        let mut files: BTreeMap<Key, ObjectChanges> = BTreeMap::new();
        for change in changes {
            let value = structure(Type::Change, [&change.old, &change.new, &change.setter]);
            if seen.insert((&change.old, &change.new, &change.setter)) {
                distinct.push(value.clone());
            }
            let object = Key::Object(Rc::new(change.object.clone()));
            let file = Key::Text(change.file.as_bytes().into());
            let of_file: &mut ObjectChanges = files.entry(file).or_default();
            of_file
                .entry(object.clone())
                .or_default()
                .push(value.clone());
            let of_object: &mut Vec<Value> = objects.entry(object).or_default();
            of_object.push(value);
        }
        let mut file_changes = BTreeMap::new();
        for (file, objects) in files {
            file_changes.insert(file, object_changes(heap, objects)?);
        }
        let file_changes = heap.map(Type::FileChanges, file_changes)?;
        let (namespace, name) = data.automation;
        let values = data
            .values
            .iter()
            .map(|(key, value)| (Key::Text(key.as_bytes().into()), Value::text(value)))
            .collect();
        let fields = [
            structure(Type::NamespacedName, [namespace, name]),
            Value::Struct(Struct {
                ty: Type::Result,
                fields: Rc::from([file_changes]),
            }),
            heap.map(Type::StringMap, values)?,
        ];
        Ok(Self {
            data: Value::Struct(Struct {
                ty: Type::TemplateData,
                fields: Rc::from(fields),
            }),
            changes: heap.list(Type::Changes, distinct)?,
            objects: object_changes(heap, objects)?,
        })
    }
}

/// Changes by object.
type ObjectChanges = BTreeMap<Key, Vec<Value>>;

fn object_changes(heap: &mut Heap, objects: ObjectChanges) -> Result<Value, Fault> {
    let mut entries = BTreeMap::new();
    for (object, changes) in objects {
        entries.insert(object, heap.list(Type::Changes, changes)?);
    }
    heap.map(Type::ObjectChanges, entries)
}

fn structure<const N: usize, T: AsRef<str>>(ty: Type, fields: [T; N]) -> Value {
    Value::Struct(Struct {
        ty,
        fields: fields
            .iter()
            .map(|field| Value::text(field.as_ref()))
            .collect(),
    })
}
