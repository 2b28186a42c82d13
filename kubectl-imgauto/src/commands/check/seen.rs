//! What a check sees of a cluster. Whatever cannot be looked at is an answer too.

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::ListParams;
use kube::{Api, Client};
use reconciler::process::leader::lease_name;

use super::Stage;
use super::rights::{self, Held, Purpose};
use super::webhook::Webhook;
use crate::cluster::{Attempt, refused};
use crate::commands::install;
use crate::error::CliError;
use crate::installation::{self, Controller, Controllers, Kubernetes, definition};
use crate::manifests::{self, Object, Settings};

/// How many automations are asked for at a time.
const PAGE: u32 = 500;

/// What was seen.
#[derive(Debug)]
pub(super) struct Seen {
    /// The version of the API server, or why it did not answer; then nothing else was asked.
    pub(super) kubernetes: Result<Kubernetes, CliError>,
    /// What the user may do.
    pub(super) rights: Vec<Result<Held, CliError>>,
    /// The definitions imgauto has, and what the cluster has in their place.
    pub(super) definitions: Vec<Definition>,
    /// The controllers of imgauto and Flux.
    pub(super) controllers: Result<Controllers, CliError>,
    /// Each reconciler's lease, and what keeps its pods from starting.
    pub(super) reconcilers: Vec<Observed>,
    /// The automations; `None` if they were not asked for, because their kind is not there.
    pub(super) automations: Option<Result<Vec<api::ImageUpdateAutomation>, CliError>>,
    /// The webhook and what leads to it; `None` if there is nothing of it.
    pub(super) webhook: Option<Webhook>,
}

/// A definition imgauto has, and what the cluster has in its place.
#[derive(Debug)]
pub(super) struct Definition {
    /// The definition of imgauto.
    pub(super) object: Object,
    /// What is there.
    pub(super) there: There,
}

/// What a cluster has in the place of a definition.
#[derive(Debug)]
pub(super) enum There {
    /// A definition, which may differ.
    Defined(Box<CustomResourceDefinition>),
    /// A kind that is served; its definition may not be seen.
    Served,
    /// Nothing.
    Nothing,
    /// It cannot be told.
    Hidden(CliError),
}

/// A reconciler with what is around it.
#[derive(Debug)]
pub(super) struct Observed {
    /// Its Deployment.
    pub(super) controller: Controller,
    /// Its lease; `None` if there is none.
    pub(super) lease: Result<Option<Lease>, CliError>,
    /// What keeps its pods from starting.
    pub(super) trouble: Result<Option<String>, CliError>,
}

impl Seen {
    /// Looks at a cluster, as one who works in `namespace`.
    pub(super) async fn gather(client: &Client, namespace: &str, stage: Stage) -> Self {
        let mut seen = Self {
            kubernetes: installation::kubernetes(client).await,
            rights: Vec::new(),
            definitions: Vec::new(),
            controllers: Ok(Controllers::default()),
            reconcilers: Vec::new(),
            automations: None,
            webhook: None,
        };
        if seen.kubernetes.is_err() {
            return seen;
        }
        let purposes: &[Purpose] = match stage {
            Stage::Before => &[Purpose::Install],
            Stage::After => &[Purpose::Observe, Purpose::Author],
        };
        for purpose in purposes {
            seen.rights
                .push(rights::ask(client, *purpose, namespace).await);
        }
        let objects = manifests::objects(&Settings::default());
        for object in objects.into_iter().filter(Object::is_definition) {
            let there = there(client, &object).await;
            seen.definitions.push(Definition { object, there });
        }
        let likely = [
            namespace,
            manifests::NAMESPACE,
            api::keys::DEFAULT_NAMESPACE,
        ];
        seen.controllers = installation::controllers(client, &likely).await;
        if stage == Stage::After {
            let controllers = seen.controllers.as_ref().ok();
            let ours = controllers.into_iter().flat_map(Controllers::reconcilers);
            for controller in ours {
                seen.reconcilers.push(observe(client, controller).await);
            }
            let absent = seen.definitions.iter().any(|definition| {
                let is_nothing = matches!(definition.there, There::Nothing);
                is_nothing
                    && definition
                        .object
                        .name()
                        .starts_with("imageupdateautomations.")
            });
            if !absent {
                seen.automations = Some(automations(client, namespace).await);
            }
            if let Ok(controllers) = &seen.controllers {
                seen.webhook = Webhook::gather(client, controllers).await;
            }
        }
        seen
    }
}

/// Looks for a definition, or where it may not be seen, for the kind: discovery is open to everybody.
async fn there(client: &Client, object: &Object) -> There {
    let error = match definition::find(client, object.name()).await {
        Ok(Some(found)) => return There::Defined(Box::new(found)),
        Ok(None) => return There::Nothing,
        Err(error) => error,
    };
    let spec = &object.value["spec"];
    let group = spec["group"].as_str().unwrap_or_default();
    let version = spec["versions"][0]["name"].as_str().unwrap_or_default();
    let served = client
        .list_api_group_resources(&format!("{group}/{version}"))
        .await;
    match served {
        Ok(list) => {
            let mut served = list.resources.iter();
            let plural = spec["names"]["plural"].as_str().unwrap_or_default();
            if served.any(|resource| resource.name == plural) {
                There::Served
            } else {
                There::Nothing
            }
        }
        Err(kube::Error::Api(status)) if status.code == 404 => There::Nothing,
        Err(_) => There::Hidden(error),
    }
}

async fn observe(client: &Client, controller: &Controller) -> Observed {
    let namespace = controller.namespace();
    let name = lease_name(controller.flag("watch-label-selector"));
    let leases: Api<Lease> = Api::namespaced(client.clone(), &namespace);
    let lease = leases.get_opt(&name).await.map_err(|error| {
        let attempt = Attempt {
            verb: "get",
            what: &format!("Lease {namespace}/{name}"),
            api_version: "coordination.k8s.io/v1",
        };
        refused(&error, attempt)
    });
    Observed {
        controller: controller.clone(),
        lease,
        trouble: install::trouble(client, controller).await,
    }
}

/// The automations of the cluster, or those of the user's namespace if no others may be seen.
async fn automations(
    client: &Client,
    namespace: &str,
) -> Result<Vec<api::ImageUpdateAutomation>, CliError> {
    let everywhere = list(&Api::all(client.clone())).await;
    let found = match everywhere {
        Err(kube::Error::Api(status)) if status.code == 403 => {
            list(&Api::namespaced(client.clone(), namespace)).await
        }
        answer => answer,
    };
    found.map_err(|error| {
        let attempt = Attempt {
            verb: "list",
            what: "ImageUpdateAutomation",
            api_version: api::keys::IMAGE_API_VERSION,
        };
        refused(&error, attempt)
    })
}

async fn list(
    api: &Api<api::ImageUpdateAutomation>,
) -> Result<Vec<api::ImageUpdateAutomation>, kube::Error> {
    let mut parameters = ListParams::default().limit(PAGE);
    let mut found = Vec::new();
    loop {
        let page = api.list(&parameters).await?;
        found.extend(page.items);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => parameters.continue_token = Some(token),
            None => return Ok(found),
        }
    }
}
