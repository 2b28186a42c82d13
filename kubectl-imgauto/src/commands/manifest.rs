//! Objects of a cluster as manifests: what a user would write, without what the cluster keeps about them.

use engine::duration::GoDuration;
use reconciler::chain::Chain;
use serde_json::{Map, Value, json};

use crate::error::CliError;
use crate::export::{self, ExportError};
use crate::image_kind::ImageKind;

/// Annotations that tell what was done to an object, and nothing of what it should be.
const TRACES: [&str; 2] = [
    api::keys::RECONCILE_REQUESTED_AT,
    "kubectl.kubernetes.io/last-applied-configuration",
];

/// Fields that hold durations, which Go writes in its own way whatever was read.
const DURATIONS: [&str; 2] = ["interval", "timeout"];

/// Returns what flux exports of an object: kind, name, namespace, labels, annotations and spec.
pub(crate) fn of<K: ImageKind>(object: &K) -> Result<Value, CliError> {
    let value = serde_json::to_value(object)
        .map_err(|error| CliError::failure(Chain(&error).to_string()))?;
    let mut metadata = Map::new();
    for key in ["annotations", "labels", "name", "namespace"] {
        if let Some(member) = value.pointer(&format!("/metadata/{key}")) {
            metadata.insert(key.to_owned(), member.clone());
        }
    }
    let mut spec = value.get("spec").cloned().unwrap_or_default();
    for key in DURATIONS {
        let written = spec.get(key).and_then(Value::as_str);
        let duration: Option<GoDuration> = written.and_then(|text| text.parse().ok());
        if let Some(duration) = duration {
            spec[key] = Value::String(duration.to_string());
        }
    }
    Ok(json!({
        "apiVersion": value.get("apiVersion"),
        "kind": value.get("kind"),
        "metadata": metadata,
        "spec": spec,
    }))
}

/// Takes out of a manifest what the API server fills in, and what tools noted down.
pub(crate) fn minimize(manifest: &mut Value) {
    let defaults: [(&str, Value); 4] = [
        ("provider", json!("generic")),
        ("exclusionList", json!([r"^.*\.sig$"])),
        ("digestReflectionPolicy", json!("Never")),
        ("update", json!({"strategy": "Setters"})),
    ];
    if let Some(spec) = manifest.get_mut("spec").and_then(Value::as_object_mut) {
        for (key, default) in defaults {
            if spec.get(key) == Some(&default) {
                spec.remove(key);
            }
        }
    }
    let Some(metadata) = manifest.get_mut("metadata").and_then(Value::as_object_mut) else {
        return;
    };
    if let Some(annotations) = metadata
        .get_mut("annotations")
        .and_then(Value::as_object_mut)
    {
        annotations.retain(|key, _| !TRACES.contains(&key.as_str()));
        if annotations.is_empty() {
            metadata.remove("annotations");
        }
    }
}

/// Writes a manifest as flux writes it.
pub(crate) fn yaml(manifest: &Value) -> Result<String, CliError> {
    export::document(manifest).map_err(|error| match error {
        ExportError::Text { field, source } => {
            CliError::usage(source.to_string()).at([format!("in {field}")])
        }
        ExportError::Json(_) => CliError::failure(Chain(&error).to_string()),
    })
}

#[cfg(test)]
mod tests {
    use api::{ImagePolicy, ImageRepository};
    use expect_test::{Expect, expect};

    use super::*;

    fn check<K: ImageKind>(object: Value, change: fn(&mut Value), want: &Expect) {
        let object: K = serde_json::from_value(object).unwrap();
        let mut manifest = of(&object).unwrap();
        change(&mut manifest);
        want.assert_eq(&yaml(&manifest).unwrap());
    }

    fn repository() -> Value {
        json!({
            "apiVersion": "image.toolkit.fluxcd.io/v1",
            "kind": "ImageRepository",
            "metadata": {
                "name": "podinfo", "namespace": "apps", "uid": "1", "generation": 3, "resourceVersion": "7",
                "annotations": {api::keys::RECONCILE_REQUESTED_AT: "2026-01-01T00:00:00Z"},
                "managedFields": [{"manager": "flux", "operation": "Update"}],
            },
            "spec": {"image": "ghcr.io/stefanprodan/podinfo", "interval": "90s", "timeout": "1m",
                "provider": "generic", "exclusionList": ["^.*\\.sig$"]},
            "status": {"observedGeneration": 3},
        })
    }

    #[test]
    fn the_form_of_flux_keeps_annotations_and_defaults_and_writes_durations_as_go_does() {
        check::<ImageRepository>(
            repository(),
            |_| {},
            &expect![[r#"
                ---
                apiVersion: image.toolkit.fluxcd.io/v1
                kind: ImageRepository
                metadata:
                  annotations:
                    reconcile.fluxcd.io/requestedAt: "2026-01-01T00:00:00Z"
                  name: podinfo
                  namespace: apps
                spec:
                  exclusionList:
                  - ^.*\.sig$
                  image: ghcr.io/stefanprodan/podinfo
                  interval: 1m30s
                  provider: generic
                  timeout: 1m0s
            "#]],
        );
    }

    #[test]
    fn the_minimal_form_has_only_what_somebody_wanted() {
        check::<ImageRepository>(
            repository(),
            minimize,
            &expect![[r#"
                ---
                apiVersion: image.toolkit.fluxcd.io/v1
                kind: ImageRepository
                metadata:
                  name: podinfo
                  namespace: apps
                spec:
                  image: ghcr.io/stefanprodan/podinfo
                  interval: 1m30s
                  timeout: 1m0s
            "#]],
        );
        let policy = json!({
            "apiVersion": "image.toolkit.fluxcd.io/v1",
            "kind": "ImagePolicy",
            "metadata": {"name": "podinfo", "annotations": {"team": "a"}},
            "spec": {"imageRepositoryRef": {"name": "podinfo"}, "policy": {"semver": {"range": "1.x"}},
                "digestReflectionPolicy": "Always", "interval": "10m"},
        });
        check::<ImagePolicy>(
            policy,
            minimize,
            &expect![[r#"
                ---
                apiVersion: image.toolkit.fluxcd.io/v1
                kind: ImagePolicy
                metadata:
                  annotations:
                    team: a
                  name: podinfo
                spec:
                  digestReflectionPolicy: Always
                  imageRepositoryRef:
                    name: podinfo
                  interval: 10m0s
                  policy:
                    semver:
                      range: 1.x
            "#]],
        );
    }
}
