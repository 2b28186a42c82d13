//! The policies, repositories and namespaces a webhook knows while it is measured.

use api::{ImagePolicy, ImageRepository};
use harness::population::populate;
use harness::{ControlPlane, wait};
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::PostParams;
use serde_json::{Value, json};

/// Where lists of each kind are asked for, and what they are called.
pub(super) const NAMESPACES: (&str, &str) = ("/api/v1/namespaces", "NamespaceList");
pub(super) const REPOSITORIES: (&str, &str) = (
    "/apis/image.toolkit.fluxcd.io/v1/imagerepositories",
    "ImageRepositoryList",
);
pub(super) const POLICIES: (&str, &str) = (
    "/apis/image.toolkit.fluxcd.io/v1/imagepolicies",
    "ImagePolicyList",
);

/// How many policies share a namespace.
pub(super) const IN_NAMESPACE: usize = 20;

/// The modes of namespaces, in turn.
const MODES: [&str; 3] = ["enforce", "warn", "audit"];

const SINCE: &str = "2026-01-01T00:00:00Z";

/// The name of a namespace.
pub(super) fn namespace_of(policy: usize) -> String {
    format!("team-{}", policy / IN_NAMESPACE)
}

/// The repository that a policy chooses from.
pub(super) fn image_of(policy: usize) -> String {
    format!(
        "ghcr.io/acme/{}/app-{}",
        namespace_of(policy),
        policy % IN_NAMESPACE
    )
}

/// The namespaces of so many policies.
pub(super) fn namespaces(policies: usize) -> Vec<Value> {
    let namespaces = (0..policies).step_by(IN_NAMESPACE);
    let namespaces = namespaces.zip(MODES.into_iter().cycle()).map(|(policy, mode)| {
        let name = namespace_of(policy);
        let labels = json!({ "kubernetes.io/metadata.name": name, "imgauto.dev/mode": mode, "team": name });
        json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": metadata(&name, None, &json!({ "labels": labels, "managedFields": [
                managed("kubectl", "v1", json!({ "f:metadata": { "f:labels": {
                    ".": {}, "f:kubernetes.io/metadata.name": {}, "f:imgauto.dev/mode": {}, "f:team": {} } } })),
            ] })),
            "spec": { "finalizers": ["kubernetes"] },
            "status": { "phase": "Active" },
        })
    });
    namespaces.collect()
}

/// The repositories of so many policies, each of which was scanned.
pub(super) fn repositories(policies: usize) -> Vec<Value> {
    let one = |policy: usize| {
        let spec = json!({ "image": image_of(policy), "interval": "5m0s", "provider": "generic" });
        let status = json!({
            "canonicalImageName": image_of(policy),
            "conditions": ready("successful scan: found 120 tags"),
            "lastScanResult": { "latestTags": tags(), "scanTime": SINCE, "tagCount": 120 },
            "observedExclusionList": ["^.*\\.sig$"], "observedGeneration": 1,
        });
        object("ImageRepository", policy, &spec, &status)
    };
    (0..policies).map(one).collect()
}

/// So many policies, each of which has chosen 1.9.0 from the range 1.x.
pub(super) fn policies(policies: usize) -> Vec<Value> {
    (0..policies)
        .map(|policy| self::policy(policy, "1.9.0"))
        .collect()
}

/// A policy that has chosen this tag.
pub(super) fn policy(policy: usize, tag: &str) -> Value {
    let spec = json!({
        "digestReflectionPolicy": "Never",
        "imageRepositoryRef": { "name": name_of(policy) },
        "policy": { "semver": { "range": "1.x" } },
    });
    let image = image_of(policy);
    let message =
        format!("Latest image tag for {image} resolved to {tag} (previously {image}:1.8.0)");
    let status = json!({
        "conditions": ready(&message),
        "latestRef": { "name": image, "tag": tag },
        "observedGeneration": 1,
        "observedPreviousRef": { "name": image, "tag": "1.8.0" },
    });
    object("ImagePolicy", policy, &spec, &status)
}

/// Makes so many policies with their repositories and namespaces in a real cluster.
pub(super) fn make(plane: &ControlPlane, policies: usize) {
    let api: Api<Namespace> = Api::all(plane.client());
    let namespaces = namespaces(policies).into_iter().map(as_written);
    let namespaces: Vec<Namespace> = namespaces
        .map(|namespace| serde_json::from_value(namespace).expect("it is one"))
        .collect();
    wait(async move {
        for namespace in namespaces {
            api.create(&PostParams::default(), &namespace).await?;
        }
        Ok::<_, kube::Error>(())
    })
    .expect("an administrator may make namespaces");
    populate::<ImageRepository>(
        plane,
        repositories(policies).into_iter().map(as_written).collect(),
    );
    populate::<ImagePolicy>(
        plane,
        self::policies(policies)
            .into_iter()
            .map(as_written)
            .collect(),
    );
}

/// An object without what an API server fills in.
fn as_written(mut object: Value) -> Value {
    let metadata = object["metadata"].as_object_mut().into_iter();
    for metadata in metadata {
        metadata.retain(|field, _| ["name", "namespace", "labels"].contains(&field.as_str()));
    }
    object
}

fn name_of(policy: usize) -> String {
    format!("app-{}", policy % IN_NAMESPACE)
}

fn object(kind: &str, policy: usize, spec: &Value, status: &Value) -> Value {
    let version = "image.toolkit.fluxcd.io/v1";
    let fields = json!({ "managedFields": [
        managed("kustomize-controller", version, json!({
            "f:metadata": { "f:labels": { "f:kustomize.toolkit.fluxcd.io/name": {}, "f:kustomize.toolkit.fluxcd.io/namespace": {} } },
            "f:spec": fields_of(spec),
        })),
        managed("image-reflector-controller", version, json!({ "f:status": fields_of(status) })),
    ], "labels": {
        "kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
    } });
    json!({
        "apiVersion": version, "kind": kind,
        "metadata": metadata(&name_of(policy), Some(&namespace_of(policy)), &fields),
        "spec": spec, "status": status,
    })
}

/// Metadata as the API server fills it in.
pub(super) fn metadata(name: &str, namespace: Option<&str>, more: &Value) -> Value {
    let mut metadata = json!({
        "name": name, "uid": "5f2b0a52-5c1e-4d43-9f4e-0d8f6f3b6c11", "resourceVersion": "734112",
        "generation": 1, "creationTimestamp": SINCE,
    });
    if let Some(namespace) = namespace {
        metadata["namespace"] = namespace.into();
    }
    let more = more.as_object().into_iter().flatten();
    for (field, value) in more {
        metadata[field] = value.clone();
    }
    metadata
}

/// An entry of `managedFields`.
pub(super) fn managed(manager: &str, version: &str, fields: Value) -> Value {
    json!({
        "manager": manager, "operation": "Apply", "apiVersion": version, "time": SINCE,
        "fieldsType": "FieldsV1", "fieldsV1": fields,
    })
}

/// The fields of a value as `managedFields` names them; items of lists go by their names, where they have one.
pub(super) fn fields_of(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.iter();
            fields
                .map(|(name, value)| (format!("f:{name}"), fields_of(value)))
                .collect()
        }
        Value::Array(items) if items.iter().any(|item| item["name"].is_string()) => {
            let items = items.iter().map(|item| {
                let mut fields = fields_of(item);
                fields["."] = json!({});
                (format!("k:{}", json!({ "name": item["name"] })), fields)
            });
            items.collect()
        }
        _ => json!({}),
    }
}

fn ready(message: &str) -> Value {
    json!([{
        "type": "Ready", "status": "True", "reason": "Succeeded", "message": message,
        "observedGeneration": 1, "lastTransitionTime": SINCE,
    }])
}

fn tags() -> Vec<String> {
    (0..10).map(|minor| format!("1.{minor}.0")).collect()
}
