//! What an installation has to know of a cluster.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Client;

use crate::error::CliError;
use crate::installation::{self, Controllers, Kubernetes, definition};
use crate::manifests::{self, Settings};

/// What is there before anything is installed.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    /// The version of the API server.
    pub(super) kubernetes: Kubernetes,
    /// The controllers of imgauto and Flux.
    pub(super) controllers: Controllers,
    /// The definitions that are there already, by name.
    pub(super) definitions: BTreeMap<String, CustomResourceDefinition>,
    /// The namespaces that are there, of those an installation may go to.
    pub(super) namespaces: Vec<Namespace>,
}

/// Looks at a cluster; `namespace` is the one the user named.
pub(super) async fn gather(client: &Client, namespace: Option<&str>) -> Result<Facts, CliError> {
    let kubernetes = installation::kubernetes(client).await?;
    let likely = [
        namespace.unwrap_or(manifests::NAMESPACE),
        api::keys::DEFAULT_NAMESPACE,
    ];
    let controllers = installation::controllers(client, &likely).await?;
    let mut definitions = BTreeMap::new();
    let objects = manifests::objects(&Settings::default());
    for object in objects.iter().filter(|object| object.is_definition()) {
        if let Some(found) = definition::find(client, object.name()).await? {
            definitions.insert(object.name().to_owned(), found);
        }
    }
    let mut names: Vec<_> = likely.iter().map(|name| (*name).to_owned()).collect();
    names.extend(
        controllers
            .found
            .iter()
            .map(installation::Controller::namespace),
    );
    names.sort_unstable();
    names.dedup();
    let mut namespaces = Vec::new();
    for name in names {
        namespaces.extend(installation::namespace(client, &name).await?);
    }
    Ok(Facts {
        kubernetes,
        controllers,
        definitions,
        namespaces,
    })
}
