//! Where the objects come from whose tags are asked for: files, or else the cluster.

use std::path::PathBuf;

use api::{ImagePolicy, ImageRepository};
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use kube::{Api, Client};
use reconciler::local;
use reconciler::resources::{Found, ObjectKey, Place, Resources};

use super::Noun;
use crate::cluster::Cluster;
use crate::commands::inputs;
use crate::commands::objects::Objects;
use crate::error::CliError;
use crate::session::Session;

/// Where an object was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// In a file, at a place worth telling.
    Files,
    /// In the cluster.
    Cluster,
}

/// Reads the files, or those below the current folder if none are named; what is not there is asked for in the cluster.
///
/// Without a cluster nothing is asked, and what is missing is missing in the files.
pub(super) fn load(
    files: &[PathBuf],
    (noun, wanted): (Noun, &ObjectKey),
    namespace: &str,
    session: &Session<'_>,
    resources: &mut Resources,
) -> Result<Origin, CliError> {
    let here = [PathBuf::from(".")];
    let searched = if files.is_empty() { &here } else { files };
    inputs::load(searched, namespace, resources)?;
    let is_there = match noun {
        Noun::Repository => resources.repositories.contains_key(wanted),
        Noun::Policy => resources.policies.contains_key(wanted),
    };
    if is_there || !files.is_empty() {
        return Ok(Origin::Files);
    }
    let Ok(cluster) = Cluster::open(session) else {
        return Ok(Origin::Files);
    };
    let limit = inputs::timeout(session.globals.timeout);
    let late = || CliError::timed_out(format!("no answer of the API server within {limit:?}"));
    cluster.run_within(limit, ask(&cluster.client, noun, wanted, resources), late)?;
    Ok(Origin::Cluster)
}

async fn ask(
    client: &Client,
    noun: Noun,
    wanted: &ObjectKey,
    resources: &mut Resources,
) -> Result<(), CliError> {
    let key = match noun {
        Noun::Repository => wanted.clone(),
        Noun::Policy => {
            let policies = Objects::<ImagePolicy>::new(client, &wanted.namespace);
            let policy = policies.get(&wanted.name).await?;
            let key = local::repository_of(wanted, &policy);
            resources.policies.insert(wanted.clone(), found(policy));
            key
        }
    };
    let repositories = Objects::<ImageRepository>::new(client, &key.namespace);
    let repository = repositories.get(&key.name).await?;
    lend_secrets(client, &key, &repository, resources).await;
    resources.repositories.insert(key, found(repository));
    Ok(())
}

/// Reads the Secrets that the repository names, as far as the user may; others are told of where they are missed.
async fn lend_secrets(
    client: &Client,
    key: &ObjectKey,
    repository: &ImageRepository,
    resources: &mut Resources,
) {
    let spec = &repository.spec;
    let named = [
        &spec.secret_ref,
        &spec.cert_secret_ref,
        &spec.proxy_secret_ref,
    ];
    let named = named.into_iter().flatten();
    let mut names: Vec<String> = named.map(|secret| secret.name.clone()).collect();
    if let Some(name) = &spec.service_account_name {
        let accounts = Api::<ServiceAccount>::namespaced(client.clone(), &key.namespace);
        if let Ok(account) = accounts.get(name).await {
            let pulled = account.image_pull_secrets.iter().flatten();
            names.extend(pulled.map(|secret| secret.name.clone()));
            let key = ObjectKey::new(&key.namespace, name);
            resources.service_accounts.insert(key, found(account));
        }
    }
    let secrets = Api::<Secret>::namespaced(client.clone(), &key.namespace);
    for name in names {
        if let Ok(secret) = secrets.get(&name).await {
            let key = ObjectKey::new(&key.namespace, &name);
            resources.secrets.insert(key, found(secret));
        }
    }
}

/// An object of the cluster, which stands in no file.
fn found<T>(object: T) -> Found<T> {
    Found {
        place: Place {
            file: String::new(),
            line: 0,
        },
        object,
    }
}
