//! The objects of one kind in one namespace, and what is said when they cannot be had.

use std::fmt::Debug;

use k8s_openapi::NamespaceResourceScope;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::cluster::{Attempt, refused};
use crate::error::CliError;

/// The objects of a kind in a namespace.
pub(crate) struct Objects<K> {
    /// Asks for them.
    pub(crate) api: Api<K>,
    /// The namespace.
    pub(crate) namespace: String,
}

impl<K> Objects<K>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + Debug
        + DeserializeOwned,
{
    /// Those of `namespace`. Nothing is sent yet.
    pub(crate) fn new(client: &Client, namespace: &str) -> Self {
        Self {
            api: Api::namespaced(client.clone(), namespace),
            namespace: namespace.to_owned(),
        }
    }

    /// Returns an object; that it is not there is an error, told as flux and kubectl tell it.
    pub(crate) async fn get(&self, name: &str) -> Result<K, CliError> {
        let got = self.api.get(name).await;
        got.map_err(|error| self.refused(&error, "get", name))
    }

    /// Returns an object, or `None` if it is not there.
    pub(crate) async fn find(&self, name: &str) -> Result<Option<K>, CliError> {
        match self.api.get(name).await {
            Ok(object) => Ok(Some(object)),
            Err(error) if is_absent(&error, name) => Ok(None),
            Err(error) => Err(self.refused(&error, "get", name)),
        }
    }

    /// Returns all objects of the namespace that `wanted` selects, in the order of their names.
    pub(crate) async fn list(&self, wanted: &ListParams) -> Result<Vec<K>, CliError> {
        let listed = self.api.list(wanted).await;
        let listed = listed.map_err(|error| refused(&error, attempt::<K>("list", &kind::<K>())))?;
        Ok(listed.items)
    }

    /// Merges `change` into an object, by the name of `manager`.
    pub(crate) async fn change(
        &self,
        name: &str,
        manager: &str,
        change: &Value,
    ) -> Result<K, CliError> {
        let params = PatchParams {
            field_manager: Some(manager.to_owned()),
            ..PatchParams::default()
        };
        let changed = self.api.patch(name, &params, &Patch::Merge(change)).await;
        changed.map_err(|error| self.refused(&error, "patch", name))
    }

    /// Turns an error about one object into what the user sees.
    pub(crate) fn refused(&self, error: &kube::Error, verb: &str, name: &str) -> CliError {
        match error {
            kube::Error::Api(status) if is_absent(error, name) => {
                CliError::failure(status.message.clone())
            }
            _ => {
                let what = format!("{} {}/{name}", kind::<K>(), self.namespace);
                refused(error, attempt::<K>(verb, &what))
            }
        }
    }
}

/// Whether the API server says that an object of this name is not there; a kind that is not there is something else.
fn is_absent(error: &kube::Error, name: &str) -> bool {
    let kube::Error::Api(status) = error else {
        return false;
    };
    let named = status
        .details
        .as_ref()
        .is_some_and(|details| details.name == name);
    status.code == 404 && named
}

fn kind<K: Resource<DynamicType = ()>>() -> String {
    K::kind(&()).into_owned()
}

fn attempt<'a, K: Resource<DynamicType = ()>>(verb: &'a str, what: &'a str) -> Attempt<'a> {
    Attempt {
        verb,
        what,
        api_version: if K::group(&()) == api::keys::SOURCE_GROUP {
            api::keys::SOURCE_API_VERSION
        } else {
            api::keys::IMAGE_API_VERSION
        },
    }
}
