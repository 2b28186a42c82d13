//! How what the user named becomes part of an object that is there already.

use engine::duration::GoDuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Map, Value, json};

use crate::commands::field_owners::{self, Hold, Path};

/// What the user named of an object.
#[derive(Debug)]
pub(super) struct Named {
    /// Labels, annotations and fields of the spec, as they stand in the object.
    pub(super) fields: Value,
    /// Fields that cannot stand beside them.
    pub(super) superseded: Vec<Path>,
}

/// Whether fields are taken from those who hold them firmly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takeover {
    /// They are not.
    Refused,
    /// They are: the user said so.
    Wanted,
}

/// A field that is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Conflict {
    /// The field, such as `spec.interval`.
    pub(super) field: String,
    /// Who holds it.
    pub(super) manager: String,
}

/// What is to be done to the object.
#[derive(Debug, PartialEq)]
pub(super) struct Merge {
    /// The fields that change, those that go included.
    pub(super) fields: Vec<Path>,
    /// How it is done.
    pub(super) request: Request,
}

/// The request that does it.
#[derive(Debug, PartialEq)]
pub(super) enum Request {
    /// Nothing changes, and nothing is sent.
    None,
    /// A server-side apply. What others own and what has the wanted value already is not in it, and stays theirs alone.
    Apply {
        /// All this program applies from now on.
        object: Value,
        /// Whether owners lose fields; the object then carries the version it was made from.
        force: bool,
    },
    /// A patch, for fields that go and that an apply cannot take away because others put them there.
    Patch(Value),
}

/// Decides what to send so that `live` has what was named.
///
/// Returns the conflicts with those who will not let go of a field.
pub(super) fn merge(
    live: &Value,
    meta: &ObjectMeta,
    named: &Named,
    takeover: Takeover,
) -> Result<Merge, Vec<Conflict>> {
    let changed = differences(live, &named.fields);
    let going: Vec<Path> = named
        .superseded
        .iter()
        .filter(|path| at(live, path).is_some())
        .cloned()
        .collect();
    let fields: Vec<Path> = changed.iter().chain(&going).cloned().collect();
    if fields.is_empty() {
        let request = Request::None;
        return Ok(Merge { fields, request });
    }
    let owners: Vec<_> = fields
        .iter()
        .flat_map(|path| {
            let others = field_owners::others(meta, path);
            others.into_iter().map(|owner| (path.join("."), owner))
        })
        .collect();
    let conflicts: Vec<Conflict> = owners
        .iter()
        .filter(|(_, owner)| owner.hold == Hold::Firm)
        .map(|(field, owner)| Conflict {
            field: field.clone(),
            manager: owner.manager.clone(),
        })
        .collect();
    if takeover == Takeover::Refused && !conflicts.is_empty() {
        return Err(conflicts);
    }
    let wanted = |path: &Path| (path.clone(), at(&named.fields, path).cloned());
    let changes: Vec<_> = changed.iter().map(wanted).collect();
    let only_ours = |path: &Path| {
        field_owners::applied_here(meta, path) && field_owners::others(meta, path).is_empty()
    };
    let request = if going.iter().all(only_ours) {
        apply(live, meta, changes, &going, !owners.is_empty())
    } else {
        patch(meta, changes, going)
    };
    Ok(Merge { fields, request })
}

/// A change of one field.
type Change = (Path, Option<Value>);

fn apply(
    live: &Value,
    meta: &ObjectMeta,
    changes: Vec<Change>,
    going: &[Path],
    force: bool,
) -> Request {
    let mut object = field_owners::applied(meta, live);
    for path in going {
        remove(&mut object, path);
    }
    for (path, value) in changes {
        put(&mut object, &path, value.unwrap_or_default());
    }
    for key in ["apiVersion", "kind"] {
        put(&mut object, &[key.to_owned()], live[key].clone());
    }
    for key in ["name", "namespace"] {
        let path = ["metadata".to_owned(), key.to_owned()];
        put(&mut object, &path, live["metadata"][key].clone());
    }
    if force {
        lock(&mut object, meta);
    }
    Request::Apply { object, force }
}

fn patch(meta: &ObjectMeta, changes: Vec<Change>, going: Vec<Path>) -> Request {
    let mut change = json!({});
    for path in going {
        put(&mut change, &path, Value::Null);
    }
    for (path, value) in changes {
        put(&mut change, &path, value.unwrap_or_default());
    }
    lock(&mut change, meta);
    Request::Patch(change)
}

/// Ties a change to the version of the object it was made from.
fn lock(change: &mut Value, meta: &ObjectMeta) {
    let path = ["metadata".to_owned(), "resourceVersion".to_owned()];
    put(change, &path, json!(meta.resource_version));
}

/// Returns the fields of `wanted` that `live` has not, or has with another value.
pub(super) fn differences(live: &Value, wanted: &Value) -> Vec<Path> {
    let mut found = Vec::new();
    compare(Some(live), wanted, &mut Vec::new(), &mut found);
    found
}

fn compare(live: Option<&Value>, wanted: &Value, path: &mut Path, found: &mut Vec<Path>) {
    match wanted.as_object() {
        Some(members) if !members.is_empty() => {
            for (key, member) in members {
                path.push(key.clone());
                compare(live.and_then(|live| live.get(key)), member, path, found);
                path.pop();
            }
        }
        _ if same(live, wanted, path) => {}
        _ => found.push(path.clone()),
    }
}

fn same(live: Option<&Value>, wanted: &Value, path: &[String]) -> bool {
    let Some(live) = live else {
        // A switch that is off is left out.
        return *wanted == Value::Bool(false);
    };
    let is_duration = matches!(path, [spec, field] if spec == "spec" && (field == "interval" || field == "timeout"));
    let duration = |value: &Value| value.as_str()?.parse::<GoDuration>().ok();
    // An empty object says no more than that there is one.
    let is_any_object = live.is_object() && wanted.as_object().is_some_and(Map::is_empty);
    live == wanted
        || is_any_object
        || (is_duration && duration(live).is_some_and(|live| duration(wanted) == Some(live)))
}

/// Returns the fields of the spec and the labels that `after` has not, or has with another value, as users call them.
///
/// Fields that were named are not lost but changed.
pub(super) fn lost(before: &Value, after: &Value, named: &Value) -> Vec<String> {
    let part =
        |of: &Value| json!({"metadata": {"labels": of["metadata"]["labels"]}, "spec": of["spec"]});
    let mut kept = part(before);
    if kept["metadata"]["labels"].is_null() {
        kept["metadata"] = json!({});
    }
    let mut gone = differences(after, &kept);
    gone.sort();
    gone.into_iter()
        .filter(|path| at(named, path).is_none())
        .map(|path| match path.as_slice() {
            [metadata, labels, label] if metadata == "metadata" && labels == "labels" => {
                format!("label {label}")
            }
            _ => path.join("."),
        })
        .collect()
}

/// Maps whose keys and values are the user's own: an empty text in them is meant.
const OWN_MAPS: [&str; 5] = [
    "annotations",
    "labels",
    "matchLabels",
    "messageTemplateValues",
    "options",
];

/// Returns the fields of an object that say something, without what is empty.
pub(super) fn filled(value: &Value) -> Value {
    let Some(members) = value.as_object() else {
        return value.clone();
    };
    let says = |value: &Value| match value {
        Value::Object(members) => !members.is_empty(),
        Value::String(text) => !text.is_empty(),
        Value::Null => false,
        _ => true,
    };
    let members = members.iter().map(|(key, member)| {
        let is_own = OWN_MAPS.contains(&key.as_str());
        (
            key,
            if is_own {
                member.clone()
            } else {
                filled(member)
            },
        )
    });
    let members = members.filter(|(_, member)| says(member));
    Value::Object(members.map(|(key, member)| (key.clone(), member)).collect())
}

/// Returns the value at `path`.
fn at<'a>(value: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, key| value.get(key))
}

/// Sets the value at `path`, with all that leads to it.
pub(super) fn put(value: &mut Value, path: &[String], new: Value) {
    let mut place = value;
    for key in path {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        place = &mut place[key.as_str()];
    }
    *place = new;
}

/// Takes out the value at `path`.
pub(super) fn remove(value: &mut Value, path: &[String]) {
    let Some((last, parents)) = path.split_last() else {
        return;
    };
    let parent = parents
        .iter()
        .try_fold(value, |value, key| value.get_mut(key));
    if let Some(members) = parent.and_then(Value::as_object_mut) {
        members.shift_remove(last);
    }
}

#[cfg(test)]
mod tests;
