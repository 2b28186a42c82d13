//! Objects out of the cluster, waited for until they are gone.

use std::time::Duration;

use api::keys::FLUX_FINALIZER;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::{Api, Client, ResourceExt as _};
use reconciler::process::leader::lease_name;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::inventory;
use crate::cluster::{Attempt, FIELD_MANAGER, refused};
use crate::error::CliError;
use crate::installation::{self, definition};
use crate::manifests::Object;

/// How often it is looked whether something is gone.
const PERIOD: Duration = Duration::from_millis(250);

/// Whether a lease is of a reconciler: of the one that works on all objects, or of one that works on some.
pub(super) fn is_our_lease(name: &str) -> bool {
    name.strip_prefix(&lease_name(None))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// Deletes an object of an installation.
pub(super) async fn delete(client: &Client, object: &Object) -> Result<(), CliError> {
    let what = format!("{} {}", object.kind(), object.name());
    let api = installation::objects_like(client, object);
    delete_from(&api, object.name(), &what, object.api_version()).await
}

/// Deletes a namespace.
pub(super) async fn delete_namespace(client: &Client, name: &str) -> Result<(), CliError> {
    let api: Api<Namespace> = Api::all(client.clone());
    delete_from(&api, name, &format!("Namespace {name}"), "v1").await
}

/// Deletes the leases of the reconciler, which no manifest names.
pub(super) async fn delete_leases(client: &Client, namespace: &str) -> Result<(), CliError> {
    let api: Api<Lease> = Api::namespaced(client.clone(), namespace);
    let version = "coordination.k8s.io/v1";
    let list = api.list_metadata(&ListParams::default()).await;
    let list = list.map_err(|error| refused(&error, attempt("list", "Lease", version)))?;
    for lease in list.items.iter().map(|item| item.name_any()) {
        if is_our_lease(&lease) {
            delete_from(&api, &lease, &format!("Lease {lease}"), version).await?;
        }
    }
    Ok(())
}

/// Deletes an object with what belongs to it, and waits until all is gone.
async fn delete_from<K: Clone + std::fmt::Debug + DeserializeOwned>(
    api: &Api<K>,
    name: &str,
    what: &str,
    api_version: &str,
) -> Result<(), CliError> {
    match api.delete(name, &DeleteParams::foreground()).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.code == 404 => return Ok(()),
        Err(error) => return Err(refused(&error, attempt("delete", what, api_version))),
    }
    loop {
        let found = api.get_metadata_opt(name).await;
        let found = found.map_err(|error| refused(&error, attempt("get", what, api_version)))?;
        if found.is_none() {
            return Ok(());
        }
        tokio::time::sleep(PERIOD).await;
    }
}

/// Takes Flux's finalizer off the objects of a kind: nobody is left to do it once its definition goes.
pub(super) async fn release(client: &Client, object: &Object) -> Result<(), CliError> {
    let Some(there) = definition::find(client, object.name()).await? else {
        return Ok(());
    };
    let Some(resource) = definition::resource(&there) else {
        return Ok(());
    };
    for metadata in inventory::instances(client, &there).await? {
        let finalizers = metadata.finalizers.clone().unwrap_or_default();
        if !finalizers
            .iter()
            .any(|finalizer| finalizer == FLUX_FINALIZER)
        {
            continue;
        }
        let kept: Vec<_> = finalizers
            .iter()
            .filter(|finalizer| *finalizer != FLUX_FINALIZER)
            .collect();
        let namespace = metadata.namespace.unwrap_or_default();
        let name = metadata.name.unwrap_or_default();
        let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), &namespace, &resource);
        let parameters = PatchParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        // The version makes sure that no finalizer is lost that came meanwhile.
        let patch = json!({"metadata": {
            "finalizers": kept,
            "resourceVersion": metadata.resource_version,
        }});
        match api
            .patch_metadata(&name, &parameters, &Patch::Merge(patch))
            .await
        {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            Err(error) => {
                let what = format!("{} {namespace}/{name}", resource.kind);
                return Err(refused(
                    &error,
                    attempt("patch", &what, &resource.api_version),
                ));
            }
        }
    }
    Ok(())
}

fn attempt<'a>(verb: &'a str, what: &'a str, api_version: &'a str) -> Attempt<'a> {
    Attempt {
        verb,
        what,
        api_version,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases_of_others_are_not_ours() {
        assert!(is_our_lease(&lease_name(None)));
        assert!(is_our_lease(&lease_name(Some("team=a"))));
        assert!(!is_our_lease("imgauto-reconciler-leader-elections"));
        assert!(!is_our_lease("source-controller-leader-election"));
    }
}
