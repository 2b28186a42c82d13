//! What else is in the namespace of an installation.

use kube::api::{DynamicObject, ListParams};
use kube::core::{ApiResource, ObjectMeta};
use kube::discovery::{Discovery, Scope, verbs};
use kube::{Api, Client};

use super::removal::is_our_lease;
use crate::manifests::Object;

/// How many objects of a kind are looked at: one that is somebody else's is enough, and few kinds have so many of ours.
const ENOUGH: u32 = 100;

/// How many neighbours are named.
const NAMED: usize = 3;

/// Names what is in a namespace besides the objects that go, what belongs to them, and what every namespace has.
pub(super) async fn find(
    client: &Client,
    namespace: &str,
    going: &[Object],
) -> Result<Vec<String>, kube::Error> {
    let discovery = Discovery::new(client.clone()).run().await?;
    let mut found = Vec::new();
    for group in discovery.groups() {
        for (resource, capabilities) in group.recommended_resources() {
            let lists = capabilities.supports_operation(verbs::LIST);
            if capabilities.scope != Scope::Namespaced || !lists || is_measured(&resource) {
                continue;
            }
            let api: Api<DynamicObject> =
                Api::namespaced_with(client.clone(), namespace, &resource);
            let list = api
                .list_metadata(&ListParams::default().limit(ENOUGH))
                .await?;
            for item in &list.items {
                if is_neighbour(&resource, &item.metadata, going) {
                    let name = item.metadata.name.as_deref().unwrap_or_default();
                    found.push(format!("{} {name}", resource.kind));
                }
            }
        }
    }
    let more = found.len().saturating_sub(NAMED);
    found.truncate(NAMED);
    if more > 0 {
        found.push(format!("{more} more"));
    }
    Ok(found)
}

/// Whether a kind is no object of its own but what is measured of others.
fn is_measured(resource: &ApiResource) -> bool {
    resource.group == "metrics.k8s.io"
}

/// Whether an object is somebody else's.
fn is_neighbour(resource: &ApiResource, metadata: &ObjectMeta, going: &[Object]) -> bool {
    let name = metadata.name.as_deref().unwrap_or_default();
    let kind = resource.kind.as_str();
    // What has an owner goes with it.
    if metadata
        .owner_references
        .as_ref()
        .is_some_and(|owners| !owners.is_empty())
    {
        return false;
    }
    // The definition of its kind goes.
    let plural = format!("{}.{}", resource.plural, resource.group);
    let defined = |object: &&Object| object.is_definition() && object.name() == plural;
    if going.iter().any(|object| defined(&object)) {
        return false;
    }
    let goes = |kind: &str| {
        let mut going = going.iter();
        going.any(|object| object.kind() == kind && object.name() == name)
    };
    match kind {
        "ConfigMap" => !matches!(name, "kube-root-ca.crt" | "openshift-service-ca.crt"),
        "ServiceAccount" => name != "default" && !goes(kind),
        "Event" => false,
        "Endpoints" => !goes("Service"),
        "Lease" => !is_our_lease(name),
        kind => !goes(kind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifests::{NAMESPACE, Settings, authority, objects};
    use kube::core::GroupVersionKind;

    fn is_other(group: &str, kind: &str, metadata: serde_json::Value) -> bool {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1", kind));
        let mut going = objects(&Settings::whole(NAMESPACE));
        going.push(authority(NAMESPACE));
        is_neighbour(
            &resource,
            &serde_json::from_value(metadata).unwrap(),
            &going,
        )
    }

    #[test]
    fn what_comes_with_an_installation_or_a_namespace_is_no_neighbour() {
        for (group, kind, name) in [
            ("", "ConfigMap", "kube-root-ca.crt"),
            ("", "ServiceAccount", "default"),
            ("", "ServiceAccount", "imgauto-reconciler"),
            ("apps", "Deployment", "imgauto-reconciler"),
            ("apps", "Deployment", "imgauto-webhook"),
            ("policy", "PodDisruptionBudget", "imgauto-webhook"),
            ("", "Secret", "imgauto-webhook-ca"),
            ("", "Endpoints", "imgauto-reconciler"),
            (
                "coordination.k8s.io",
                "Lease",
                "imgauto-reconciler-leader-election",
            ),
            ("events.k8s.io", "Event", "anything"),
            ("image.toolkit.fluxcd.io", "ImagePolicy", "anything"),
        ] {
            let metadata = serde_json::json!({"name": name});
            assert!(!is_other(group, kind, metadata), "{kind} {name}");
        }
        let owned = serde_json::json!({"name": "a", "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "b", "uid": "c"},
        ]});
        assert!(!is_other("", "Pod", owned));
    }

    #[test]
    fn everything_else_is_one() {
        for (group, kind, name) in [
            ("", "ConfigMap", "mine"),
            ("", "Secret", "pull"),
            ("", "ServiceAccount", "mine"),
            ("apps", "Deployment", "mine"),
            ("coordination.k8s.io", "Lease", "mine"),
            ("other.example.com", "ImagePolicy", "anything"),
        ] {
            let metadata = serde_json::json!({"name": name});
            assert!(is_other(group, kind, metadata), "{kind} {name}");
        }
    }
}
