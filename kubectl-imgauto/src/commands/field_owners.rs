//! Who owns which field of an object, as its `managedFields` tell.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};
use serde_json::{Map, Value};

use crate::cluster::FIELD_MANAGER;
use crate::commands::suspension::SWITCHER;

/// The path of a field: the keys that lead to it, such as `spec`, `policy`, `semver`.
pub(crate) type Path = Vec<String>;

/// Programs that change objects when a person tells them to, and not again by themselves.
///
/// What they wrote is nobody's standing will: whoever names a field again may have it.
const HAND_TOOLS: &[&str] = &[
    "flux",
    "before-first-apply",
    "kubectl-annotate",
    "kubectl-client-side-apply",
    "kubectl-create",
    "kubectl-edit",
    "kubectl-label",
    "kubectl-patch",
    "kubectl-replace",
    FIELD_MANAGER,
    SWITCHER,
];

/// How firmly an owner holds a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// By what somebody once did by hand.
    Loose,
    /// By what it will do again: it applies a manifest, or it is a controller.
    Firm,
}

/// A field somebody else owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owned {
    /// The owner's name.
    pub(crate) manager: String,
    /// How firmly it is held.
    pub(crate) hold: Hold,
}

/// Returns those who own `path`, or a part of it, besides what this program applied.
pub(crate) fn others(meta: &ObjectMeta, path: &[String]) -> Vec<Owned> {
    entries(meta)
        .filter(|entry| !is_ours(entry))
        .filter(|entry| holds(entry, path))
        .map(|entry| Owned {
            manager: entry.manager.clone().unwrap_or_default(),
            hold: hold(entry),
        })
        .collect()
}

/// Whether this program applied `path`.
pub(crate) fn applied_here(meta: &ObjectMeta, path: &[String]) -> bool {
    entries(meta).any(|entry| is_ours(entry) && holds(entry, path))
}

/// Returns the part of `object` that this program applied.
///
/// An apply takes back what it does not repeat, so each has to start from this.
pub(crate) fn applied(meta: &ObjectMeta, object: &Value) -> Value {
    let ours = entries(meta).find(|entry| is_ours(entry));
    ours.and_then(|entry| entry.fields_v1.as_ref()).map_or_else(
        || Value::Object(Map::new()),
        |fields| part(&fields.0, object),
    )
}

/// The entries that speak of the object itself, not of its status.
fn entries(meta: &ObjectMeta) -> impl Iterator<Item = &ManagedFieldsEntry> {
    let entries = meta.managed_fields.iter().flatten();
    entries.filter(|entry| entry.subresource.as_deref().is_none_or(str::is_empty))
}

fn is_ours(entry: &ManagedFieldsEntry) -> bool {
    entry.manager.as_deref() == Some(FIELD_MANAGER) && entry.operation.as_deref() == Some("Apply")
}

fn hold(entry: &ManagedFieldsEntry) -> Hold {
    let by_hand = entry
        .manager
        .as_deref()
        .is_some_and(|manager| HAND_TOOLS.contains(&manager));
    if by_hand && entry.operation.as_deref() == Some("Update") {
        Hold::Loose
    } else {
        Hold::Firm
    }
}

fn holds(entry: &ManagedFieldsEntry, path: &[String]) -> bool {
    let Some(fields) = &entry.fields_v1 else {
        return false;
    };
    let mut node = &fields.0;
    for key in path {
        match node.get(format!("f:{key}")) {
            Some(next) => node = next,
            // A node without children stands for the whole value, and so for all within.
            None => return is_leaf(node),
        }
    }
    true
}

fn is_leaf(node: &Value) -> bool {
    node.as_object().is_some_and(Map::is_empty)
}

/// Returns the part of `value` that a tree of fields names.
fn part(fields: &Value, value: &Value) -> Value {
    let (Some(fields), Some(members)) = (fields.as_object(), value.as_object()) else {
        return value.clone();
    };
    if fields.is_empty() {
        return value.clone();
    }
    let named = fields.iter().filter_map(|(field, below)| {
        let key = field.strip_prefix("f:")?;
        let value = members.get(key)?;
        Some((key.to_owned(), part(below, value)))
    });
    Value::Object(named.collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn meta(entries: &[(&str, &str, Value)]) -> ObjectMeta {
        let entries: Vec<_> = entries
            .iter()
            .map(|(manager, operation, fields)| {
                json!({"manager": manager, "operation": operation, "fieldsType": "FieldsV1", "fieldsV1": fields})
            })
            .collect();
        serde_json::from_value(json!({"managedFields": entries})).unwrap()
    }

    fn path(text: &str) -> Path {
        text.split('.').map(str::to_owned).collect()
    }

    fn owned(manager: &str, hold: Hold) -> Owned {
        Owned {
            manager: manager.to_owned(),
            hold,
        }
    }

    #[test]
    fn what_is_applied_is_held_firmly_and_what_was_typed_is_not() {
        let range = || json!({"f:spec": {"f:policy": {"f:semver": {"f:range": {}}}}});
        let meta = meta(&[
            ("flux", "Update", range()),
            ("kubectl", "Apply", range()),
            ("argocd-controller", "Update", range()),
            (FIELD_MANAGER, "Apply", range()),
        ]);
        let others_of = |text| others(&meta, &path(text));
        let all = [
            owned("flux", Hold::Loose),
            owned("kubectl", Hold::Firm),
            owned("argocd-controller", Hold::Firm),
        ];
        assert_eq!(others_of("spec.policy.semver.range"), all);
        assert_eq!(others_of("spec.policy.semver"), all);
        assert_eq!(others_of("spec.interval"), []);
        assert!(applied_here(&meta, &path("spec.policy.semver")));
        assert!(!applied_here(&meta, &path("spec.policy.numerical")));
    }

    #[test]
    fn an_atomic_value_is_owned_with_all_within() {
        let fields = json!({"f:spec": {"f:accessFrom": {"f:namespaceSelectors": {}}}});
        let meta = meta(&[("flux", "Update", fields)]);
        let within = others(&meta, &path("spec.accessFrom.namespaceSelectors.0"));
        assert_eq!(within, [owned("flux", Hold::Loose)]);
    }

    #[test]
    fn a_status_is_no_field_of_the_object() {
        let mut meta = meta(&[("imgauto-reconciler", "Update", json!({"f:spec": {}}))]);
        meta.managed_fields.as_mut().unwrap()[0].subresource = Some("status".to_owned());
        assert_eq!(others(&meta, &path("spec.interval")), []);
    }

    #[test]
    fn the_part_that_was_applied_is_found_again() {
        let fields = json!({
            "f:metadata": {"f:labels": {"f:app": {}}},
            "f:spec": {"f:exclusionList": {}, "f:policySelector": {".": {}}, "f:gone": {}},
        });
        let meta = meta(&[
            (FIELD_MANAGER, "Update", json!({"f:spec": {"f:image": {}}})),
            (FIELD_MANAGER, "Apply", fields),
        ]);
        let object = json!({
            "metadata": {"name": "podinfo", "labels": {"app": "web", "team": "a"}},
            "spec": {"image": "x", "exclusionList": ["a", "b"], "policySelector": {}},
        });
        let want = json!({
            "metadata": {"labels": {"app": "web"}},
            "spec": {"exclusionList": ["a", "b"], "policySelector": {}},
        });
        assert_eq!(applied(&meta, &object), want);
    }
}
