//! Flux's finalizer on objects that are going.

use std::fmt::Debug;

use api::keys::FLUX_FINALIZER;
use kube::api::{Patch, PatchParams};
use kube::core::NamespaceResourceScope;
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::FIELD_MANAGER;

/// Takes Flux's finalizer off an object that is being deleted, so that it can go. We add none ourselves.
///
/// # Errors
///
/// When the API server refuses. That the object is gone already is none.
pub async fn release<K>(client: &Client, object: &K) -> Result<(), kube::Error>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + DeserializeOwned
        + Debug,
{
    let held = object
        .finalizers()
        .iter()
        .any(|name| name == FLUX_FINALIZER);
    if !held {
        return Ok(());
    }
    let left: Vec<&String> = object
        .finalizers()
        .iter()
        .filter(|name| *name != FLUX_FINALIZER)
        .collect();
    // The resource version guards finalizers that somebody else adds meanwhile.
    let patch = json!({ "metadata": {
        "finalizers": left,
        "resourceVersion": object.resource_version(),
    }});
    let namespace = object.namespace().unwrap_or_default();
    let objects = Api::<K>::namespaced(client.clone(), &namespace);
    let params = PatchParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    match objects
        .patch(&object.name_any(), &params, &Patch::Merge(&patch))
        .await
    {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        other => other.map(drop),
    }
}
