//! What an installation left in a cluster: what goes, and what stays and why.

use std::collections::BTreeSet;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DynamicObject, ListParams};
use kube::core::ObjectMeta;
use kube::{Api, Client};

use super::neighbours;
use crate::cluster::{Attempt, refused};
use crate::error::CliError;
use crate::installation::owner::{self, Owner};
use crate::installation::{self, Controller, Controllers, definition};
use crate::manifests::{self, GIT_REPOSITORIES, Object, Part, Settings};

/// How many objects are asked for at a time.
const PAGE: u32 = 500;

/// What is to go.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    /// The namespace of the installation, if the user named one.
    pub(super) namespace: Option<String>,
    /// What becomes of the definitions.
    pub(super) definitions: Definitions,
    /// Whether the namespace stays in any case.
    pub(super) keeps_namespace: bool,
}

/// What becomes of the definitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Definitions {
    /// They stay, and their objects with them.
    Kept,
    /// They go, if they are imgauto's.
    Removed,
}

/// What becomes of the namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NamespaceFate {
    /// It goes: imgauto made it, and nobody else uses it.
    Removed,
    /// It stays.
    Kept,
    /// It is not there.
    Absent,
}

/// What is there.
#[derive(Clone, Debug)]
pub(super) struct Inventory {
    /// The namespace of the installation.
    pub(super) namespace: String,
    /// What goes, in this order.
    pub(super) objects: Vec<Object>,
    /// What becomes of the namespace.
    pub(super) fate: NamespaceFate,
    /// What of the user's goes with the definitions.
    pub(super) losses: Vec<String>,
    /// What stays, and why.
    pub(super) kept: Vec<String>,
    /// The controllers of imgauto and Flux.
    pub(super) controllers: Controllers,
}

impl Inventory {
    /// Whether there is nothing to remove.
    pub(super) fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.fate != NamespaceFate::Removed
    }
}

/// Looks for what an installation left.
pub(super) async fn take(client: &Client, scope: &Scope) -> Result<Inventory, CliError> {
    let likely = [
        scope.namespace.as_deref().unwrap_or(manifests::NAMESPACE),
        api::keys::DEFAULT_NAMESPACE,
    ];
    let controllers = installation::controllers(client, &likely).await?;
    let namespace = place(scope, &controllers)?;
    let settings = Settings::whole(&namespace);
    let authority = manifests::authority(&namespace);
    let mut inventory = Inventory {
        namespace,
        objects: Vec::new(),
        fate: NamespaceFate::Absent,
        losses: Vec::new(),
        kept: Vec::new(),
        controllers,
    };
    let mut objects = manifests::objects(&settings);
    objects.reverse();
    for object in objects {
        if !object.is_definition() && object.part != Part::Namespace {
            consider(client, object, &mut inventory).await?;
        } else if object.is_definition() && scope.definitions == Definitions::Removed {
            consider_definition(client, object, &mut inventory).await?;
        }
    }
    // The webhook would make it anew as long as it runs.
    consider(client, authority, &mut inventory).await?;
    if scope.definitions == Definitions::Kept {
        let line = "definitions and the objects of their kinds stay; --crds removes them";
        inventory.kept.push(line.to_owned());
    }
    consider_namespace(client, scope, &mut inventory).await?;
    Ok(inventory)
}

/// The namespace of the installation that is meant.
fn place(scope: &Scope, controllers: &Controllers) -> Result<String, CliError> {
    if let Some(namespace) = &scope.namespace {
        return Ok(namespace.clone());
    }
    let places: BTreeSet<_> = controllers.ours().map(Controller::namespace).collect();
    let mut rest = places.iter();
    match (rest.next(), rest.next()) {
        (None, _) => Ok(manifests::NAMESPACE.to_owned()),
        (Some(only), None) => Ok(only.clone()),
        (Some(_), Some(_)) => {
            let mut error = CliError::usage("imgauto is installed in several namespaces");
            for place in &places {
                error = error.next(format!("kubectl imgauto uninstall -n {place}"));
            }
            Err(error)
        }
    }
}

/// What goes if it is there and no other tool applies it.
async fn consider(
    client: &Client,
    object: Object,
    inventory: &mut Inventory,
) -> Result<(), CliError> {
    let Some(metadata) = metadata(client, &object).await? else {
        return Ok(());
    };
    match owner::applier(&metadata) {
        None => inventory.objects.push(object),
        Some(tool) => inventory.kept.push(format!(
            "{} {} stays: it is applied by {tool}",
            object.kind(),
            object.name()
        )),
    }
    Ok(())
}

async fn consider_definition(
    client: &Client,
    object: Object,
    inventory: &mut Inventory,
) -> Result<(), CliError> {
    let Some(there) = definition::find(client, object.name()).await? else {
        return Ok(());
    };
    let title = format!("{} {}", object.kind(), object.name());
    if let Owner::Other(owner) = definition::definition_owner(&there) {
        inventory
            .kept
            .push(format!("{title} stays: it is {owner}'s"));
        return Ok(());
    }
    let count = count(client, &there).await?;
    // Sources are seldom made for imgauto alone.
    if object.name() == GIT_REPOSITORIES && count.objects > 0 {
        inventory
            .kept
            .push(format!("{title} stays: there are {count}"));
        return Ok(());
    }
    if count.objects > 0 {
        inventory.losses.push(count.to_string());
    }
    inventory.objects.push(object);
    Ok(())
}

async fn consider_namespace(
    client: &Client,
    scope: &Scope,
    inventory: &mut Inventory,
) -> Result<(), CliError> {
    let name = inventory.namespace.clone();
    let Some(there) = installation::namespace(client, &name).await? else {
        return Ok(());
    };
    inventory.fate = NamespaceFate::Kept;
    let stays = |why: &str| format!("Namespace {name} stays: {why}");
    if scope.keeps_namespace {
        inventory.kept.push(stays("--keep-namespace"));
    } else if !installation::is_our_namespace(&there) {
        inventory.kept.push(stays("imgauto did not make it"));
    } else if let Some(tool) = owner::applier(&there.metadata) {
        inventory
            .kept
            .push(stays(&format!("it is applied by {tool}")));
    } else {
        match neighbours::find(client, &name, &inventory.objects).await {
            Ok(found) if found.is_empty() => inventory.fate = NamespaceFate::Removed,
            Ok(found) => inventory
                .kept
                .push(stays(&format!("it holds {}", found.join(", ")))),
            Err(error) => inventory.kept.push(stays(&format!(
                "what is in it cannot be listed ({})",
                reconciler::chain::Chain(&error)
            ))),
        }
    }
    Ok(())
}

/// The metadata of an object, if it is there.
async fn metadata(client: &Client, object: &Object) -> Result<Option<ObjectMeta>, CliError> {
    let api = installation::objects_like(client, object);
    let found = api.get_metadata_opt(object.name()).await.map_err(|error| {
        let attempt = Attempt {
            verb: "get",
            what: &format!("{} {}", object.kind(), object.name()),
            api_version: object.api_version(),
        };
        refused(&error, attempt)
    })?;
    Ok(found.map(|partial| partial.metadata))
}

/// How many objects of a kind there are, in how many namespaces.
struct Count {
    kind: String,
    objects: usize,
    namespaces: usize,
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            kind,
            objects,
            namespaces,
        } = self;
        let plural = |count: usize, one: &str| {
            let ending = if count == 1 { "" } else { "s" };
            format!("{count} {one}{ending}")
        };
        write!(
            f,
            "{} in {}",
            plural(*objects, &format!("{kind} object")),
            plural(*namespaces, "namespace")
        )
    }
}

async fn count(client: &Client, there: &CustomResourceDefinition) -> Result<Count, CliError> {
    let found = instances(client, there).await?;
    let namespaces: BTreeSet<_> = found.iter().map(|metadata| &metadata.namespace).collect();
    Ok(Count {
        kind: there.spec.names.kind.clone(),
        objects: found.len(),
        namespaces: namespaces.len(),
    })
}

/// The metadata of all objects of a kind.
pub(super) async fn instances(
    client: &Client,
    there: &CustomResourceDefinition,
) -> Result<Vec<ObjectMeta>, CliError> {
    let Some(resource) = definition::resource(there) else {
        return Ok(Vec::new());
    };
    let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
    let mut parameters = ListParams::default().limit(PAGE);
    let mut found = Vec::new();
    loop {
        let page = api.list_metadata(&parameters).await.map_err(|error| {
            let attempt = Attempt {
                verb: "list",
                what: &there.spec.names.kind,
                api_version: &resource.api_version,
            };
            refused(&error, attempt)
        })?;
        found.extend(page.items.into_iter().map(|partial| partial.metadata));
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => parameters.continue_token = Some(token),
            None => return Ok(found),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_said_in_words() {
        let count = |objects, namespaces| {
            let kind = "ImagePolicy".to_owned();
            let count = Count {
                kind,
                objects,
                namespaces,
            };
            count.to_string()
        };
        assert_eq!(count(1, 1), "1 ImagePolicy object in 1 namespace");
        assert_eq!(count(12, 3), "12 ImagePolicy objects in 3 namespaces");
    }
}
