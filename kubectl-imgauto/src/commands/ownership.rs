//! Who applies an object again and again, and so undoes what is changed in the cluster only.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::field_owners::{self, Hold, Path};

/// Labels by which Flux's controllers mark what they apply: kind of the owner, its name, its namespace.
const FLUX_LABELS: [(&str, &str, &str); 2] = [
    (
        "Kustomization",
        "kustomize.toolkit.fluxcd.io/name",
        "kustomize.toolkit.fluxcd.io/namespace",
    ),
    (
        "HelmRelease",
        "helm.toolkit.fluxcd.io/name",
        "helm.toolkit.fluxcd.io/namespace",
    ),
];

/// Annotation of Argo CD: `APPLICATION:GROUP/KIND:NAMESPACE/NAME`.
const ARGO_TRACKING: &str = "argocd.argoproj.io/tracking-id";
/// Label people set up for Argo CD where other tools use the usual one.
const ARGO_INSTANCE: &str = "argocd.argoproj.io/instance";
/// The usual label, which says nothing of Argo CD unless that wrote the object.
const INSTANCE: &str = "app.kubernetes.io/instance";
/// What the field managers of Argo CD begin with.
const ARGO_MANAGERS: &str = "argocd";

/// Annotation by which a user stops Flux from applying one object.
const FLUX_RECONCILE: &str = "kustomize.toolkit.fluxcd.io/reconcile";
/// Annotation by which a user says how Flux applies one object.
const FLUX_SSA: &str = "kustomize.toolkit.fluxcd.io/ssa";

/// Who applies an object from somewhere else, such as Git.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    /// What it is: `Kustomization`, `HelmRelease`, `Argo CD application`.
    kind: &'static str,
    /// Its namespace, where that is known, and its name.
    name: String,
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

/// Returns who applies an object, if it carries somebody's mark.
pub(crate) fn owner(meta: &ObjectMeta) -> Option<Owner> {
    let marked = |map: &Option<std::collections::BTreeMap<String, String>>, key: &str| {
        let value = map.as_ref()?.get(key)?;
        (!value.is_empty()).then(|| value.clone())
    };
    let label = |key| marked(&meta.labels, key);
    let annotation = |key| marked(&meta.annotations, key);
    for (kind, name, namespace) in FLUX_LABELS {
        if let Some(name) = label(name) {
            let namespace = label(namespace).map(|namespace| format!("{namespace}/"));
            let name = format!("{}{name}", namespace.unwrap_or_default());
            let left_alone = annotation(FLUX_RECONCILE).as_deref() == Some("disabled")
                || matches!(
                    annotation(FLUX_SSA).as_deref(),
                    Some("Ignore" | "IfNotPresent")
                );
            return (!left_alone).then_some(Owner { kind, name });
        }
    }
    let tracked = annotation(ARGO_TRACKING)
        .and_then(|id| Some(id.split_once(':')?.0.to_owned()))
        .or_else(|| label(ARGO_INSTANCE))
        .or_else(|| label(INSTANCE).filter(|_| was_written_by_argo(meta)));
    tracked.map(|name| Owner {
        kind: "Argo CD application",
        name,
    })
}

fn was_written_by_argo(meta: &ObjectMeta) -> bool {
    let mut entries = meta.managed_fields.iter().flatten();
    entries.any(|entry| {
        let manager = entry.manager.as_deref();
        manager.is_some_and(|manager| manager.starts_with(ARGO_MANAGERS))
    })
}

/// Says that a change of `fields` is undone by whoever applies the object, if somebody does.
///
/// `what` is the object, such as `image policy podinfo`, and `remedy` a command that prints the manifest to commit.
pub(crate) fn warning(
    meta: &ObjectMeta,
    fields: &[Path],
    what: &str,
    remedy: &str,
) -> Option<String> {
    let owner = owner(meta)?;
    // What its manifest leaves open may stay.
    let is_held = |path: &Path| {
        let others = field_owners::others(meta, path);
        others.iter().any(|other| other.hold == Hold::Firm)
    };
    let will = if fields.iter().any(is_held) {
        "will"
    } else {
        "may"
    };
    Some(format!(
        "{what} is applied by {owner}, which {will} undo this change: commit what {remedy} prints instead"
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn meta(value: Value) -> ObjectMeta {
        serde_json::from_value(value).unwrap()
    }

    fn owner_of(value: Value) -> Option<String> {
        owner(&meta(value)).map(|owner| owner.to_string())
    }

    #[test]
    fn owners_are_found_by_their_marks() {
        let flux = json!({"labels": {
            "kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
        }});
        let rows = [
            (flux, "Kustomization flux-system/apps"),
            (
                json!({"labels": {"helm.toolkit.fluxcd.io/name": "web"}}),
                "HelmRelease web",
            ),
            (
                json!({"annotations": {ARGO_TRACKING: "fleet:image.toolkit.fluxcd.io/ImagePolicy:apps/podinfo"}}),
                "Argo CD application fleet",
            ),
            (
                json!({"labels": {ARGO_INSTANCE: "fleet"}}),
                "Argo CD application fleet",
            ),
            (
                json!({
                    "labels": {INSTANCE: "fleet"},
                    "managedFields": [{"manager": "argocd-controller", "operation": "Apply"}],
                }),
                "Argo CD application fleet",
            ),
        ];
        for (object, want) in rows {
            assert_eq!(owner_of(object).as_deref(), Some(want));
        }
    }

    #[test]
    fn an_object_nobody_applies_has_no_owner() {
        let left = |annotation: &str, value: &str| json!({"labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}, "annotations": {annotation: value}});
        for object in [
            json!({}),
            json!({"labels": {INSTANCE: "release"}}),
            json!({"labels": {"kustomize.toolkit.fluxcd.io/name": ""}}),
            left(FLUX_RECONCILE, "disabled"),
            left(FLUX_SSA, "Ignore"),
            left(FLUX_SSA, "IfNotPresent"),
        ] {
            assert_eq!(owner_of(object), None);
        }
        assert!(owner_of(left(FLUX_SSA, "Merge")).is_some());
    }

    #[test]
    fn what_the_owners_manifest_holds_will_be_undone() {
        let fields = json!({"f:spec": {"f:interval": {}}});
        let object = meta(json!({
            "labels": {"kustomize.toolkit.fluxcd.io/name": "apps"},
            "managedFields": [{"manager": "kustomize-controller", "operation": "Apply", "fieldsV1": fields}],
        }));
        let say = |field: &str| {
            let path = vec!["spec".to_owned(), field.to_owned()];
            warning(&object, &[path], "image policy podinfo", "COMMAND").unwrap()
        };
        assert_eq!(
            say("interval"),
            "image policy podinfo is applied by Kustomization apps, which will undo this change: commit what COMMAND prints instead"
        );
        assert!(say("suspend").contains("which may undo this change"));
    }
}
