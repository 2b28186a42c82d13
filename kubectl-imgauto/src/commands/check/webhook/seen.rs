//! What a check sees of the webhook and of what leads to it.

use engine::admission::keys::{DRIFT, MODE};
use jiff::Timestamp;
use k8s_openapi::api::admissionregistration::v1::{RuleWithOperations, WebhookClientConfig};
use k8s_openapi::api::core::v1::{Namespace, Secret};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::api::{DynamicObject, ListParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client, ResourceExt as _};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::cluster::{Attempt, refused};
use crate::commands::install;
use crate::error::CliError;
use crate::installation::{Controller, Controllers};
use crate::manifests;

/// How many objects are asked for at a time.
const PAGE: u32 = 500;

/// The kinds that carry marks: API version and kind.
const MARKED: [(&str, &str); 5] = [
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
    ("batch/v1", "CronJob"),
    ("batch/v1", "Job"),
];

/// Who may write marks.
const MARKER: &str = "imgauto-drift";

/// When an authority ends, as the webhook notes it.
const NOT_AFTER: &str = "imgauto.dev/not-after";
/// Where in a Secret the certificates stand that are to be trusted.
const BUNDLE: &str = "ca-bundle.crt";

/// The webhook, and what leads to it.
#[derive(Debug)]
pub(in crate::commands::check) struct Webhook {
    /// Its Deployments; one is usual.
    pub(super) servers: Vec<Server>,
    /// Whether all Deployments could be seen.
    pub(super) is_complete: bool,
    /// All configurations of webhooks.
    pub(super) configurations: Result<Vec<Configuration>, CliError>,
    /// The namespaces that say how strict they are.
    pub(super) namespaces: Result<Vec<Namespace>, CliError>,
    /// The workloads whose mark somebody else applies.
    pub(super) claims: Result<Vec<Claim>, CliError>,
}

/// A Deployment of the webhook with what is around it.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) controller: Controller,
    /// What keeps its pods from starting.
    pub(super) trouble: Result<Option<String>, CliError>,
    /// How many addresses its Service leads to.
    pub(super) endpoints: Result<usize, CliError>,
    /// Its authority; `None` if there is no Secret.
    pub(super) authority: Result<Option<Authority>, CliError>,
    /// Its namespace.
    pub(super) namespace: Result<Option<Namespace>, CliError>,
}

/// The certificates that are to be trusted, and until when they count.
#[derive(Debug)]
pub(super) struct Authority {
    pub(super) bundle: Vec<u8>,
    pub(super) not_after: Option<Timestamp>,
}

/// A configuration of webhooks.
#[derive(Debug)]
pub(super) struct Configuration {
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) hooks: Vec<Hook>,
}

/// An entry of a configuration.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Hook {
    pub(super) name: String,
    pub(super) client_config: WebhookClientConfig,
    #[serde(default)]
    pub(super) rules: Vec<RuleWithOperations>,
    pub(super) namespace_selector: Option<LabelSelector>,
    pub(super) failure_policy: Option<String>,
}

/// A workload whose mark somebody applies who should not.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) kind: &'static str,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) manager: String,
}

impl Webhook {
    /// Looks for a webhook, and for what would lead to one.
    pub(in crate::commands::check) async fn gather(
        client: &Client,
        controllers: &Controllers,
    ) -> Option<Self> {
        let configurations = configurations(client).await;
        let is_called = configurations.iter().flatten().any(Configuration::is_ours);
        if controllers.webhooks().next().is_none() && !is_called {
            return None;
        }
        let mut servers = Vec::new();
        for controller in controllers.webhooks() {
            servers.push(Server::gather(client, controller).await);
        }
        let modes = ListParams::default().labels(MODE);
        Some(Self {
            servers,
            is_complete: controllers.only_in.is_none(),
            configurations,
            namespaces: list(&Api::all(client.clone()), &modes, "Namespace", "v1").await,
            claims: claims(client).await,
        })
    }
}

impl Configuration {
    /// Whether it is one of the two of imgauto.
    pub(super) fn is_ours(&self) -> bool {
        match self.kind {
            "MutatingWebhookConfiguration" => self.name == manifests::MARK,
            _ => self.name == manifests::GUARD,
        }
    }
}

impl Server {
    async fn gather(client: &Client, controller: &Controller) -> Self {
        let (namespace, name) = (controller.namespace(), controller.name());
        let slices: Api<EndpointSlice> = Api::namespaced(client.clone(), &namespace);
        let of_service = format!("kubernetes.io/service-name={name}");
        let of_service = ListParams::default().labels(&of_service);
        let found = list(&slices, &of_service, "EndpointSlice", "discovery.k8s.io/v1").await;
        Self {
            controller: controller.clone(),
            trouble: install::trouble(client, controller).await,
            endpoints: found.map(|slices| slices.iter().map(ready).sum()),
            authority: authority(client, controller).await,
            namespace: crate::installation::namespace(client, &namespace).await,
        }
    }
}

/// How many ready addresses a slice holds.
fn ready(slice: &EndpointSlice) -> usize {
    let ready = slice.endpoints.iter().filter(|endpoint| {
        let conditions = endpoint.conditions.as_ref();
        conditions
            .and_then(|conditions| conditions.ready)
            .unwrap_or(true)
    });
    ready.map(|endpoint| endpoint.addresses.len()).sum()
}

async fn authority(
    client: &Client,
    controller: &Controller,
) -> Result<Option<Authority>, CliError> {
    let namespace = controller.namespace();
    let secret = manifests::authority(&namespace);
    let name = controller.flag("tls-secret").unwrap_or(secret.name());
    let secrets: Api<Secret> = Api::namespaced(client.clone(), &namespace);
    let found = secrets.get_opt(name).await.map_err(|error| {
        let attempt = Attempt {
            verb: "get",
            what: &format!("Secret {namespace}/{name}"),
            api_version: "v1",
        };
        refused(&error, attempt)
    })?;
    Ok(found.map(|secret| {
        let not_after = secret.annotations().get(NOT_AFTER);
        let not_after = not_after.and_then(|text| text.parse().ok());
        let bundle = secret.data.unwrap_or_default().remove(BUNDLE);
        Authority {
            bundle: bundle.map(|bytes| bytes.0).unwrap_or_default(),
            not_after,
        }
    }))
}

async fn configurations(client: &Client) -> Result<Vec<Configuration>, CliError> {
    let version = "admissionregistration.k8s.io/v1";
    let mut found = Vec::new();
    for kind in [
        "MutatingWebhookConfiguration",
        "ValidatingWebhookConfiguration",
    ] {
        let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource(version, kind));
        for object in list(&api, &ListParams::default(), kind, version).await? {
            let hooks = object.data.get("webhooks").cloned().unwrap_or_default();
            found.push(Configuration {
                kind,
                name: object.name_any(),
                // One that cannot be read is not ours.
                hooks: serde_json::from_value(hooks).unwrap_or_default(),
            });
        }
    }
    Ok(found)
}

/// The workloads whose mark somebody applies besides imgauto.
async fn claims(client: &Client) -> Result<Vec<Claim>, CliError> {
    let marked = ListParams::default().labels(DRIFT);
    let mut claims = Vec::new();
    for (version, kind) in MARKED {
        let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource(version, kind));
        let mut page = marked.clone().limit(PAGE);
        loop {
            let found = api.list_metadata(&page).await;
            let found = found.map_err(|error| refusal(&error, kind, version))?;
            for item in &found.items {
                claims.extend(manager(item.managed_fields()).map(|manager| Claim {
                    kind,
                    namespace: item.namespace().unwrap_or_default(),
                    name: item.name_any(),
                    manager,
                }));
            }
            match found.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => page.continue_token = Some(token),
                None => break,
            }
        }
    }
    Ok(claims)
}

/// Who else than imgauto owns the mark.
pub(super) fn manager(
    entries: &[k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry],
) -> Option<String> {
    let field = format!("f:{DRIFT}");
    let mut owners = entries.iter().filter(|entry| {
        let fields = entry.fields_v1.as_ref().map(|fields| &fields.0);
        let labels = fields.and_then(|fields| fields.get("f:metadata")?.get("f:labels"));
        labels.is_some_and(|labels| labels.get(&field).is_some())
    });
    let mut names = owners.by_ref().filter_map(|entry| entry.manager.clone());
    names.find(|name| name != MARKER)
}

fn resource(version: &str, kind: &str) -> ApiResource {
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind))
}

fn refusal(error: &kube::Error, what: &str, api_version: &str) -> CliError {
    refused(
        error,
        Attempt {
            verb: "list",
            what,
            api_version,
        },
    )
}

/// Lists objects, a page at a time.
async fn list<K>(
    api: &Api<K>,
    parameters: &ListParams,
    kind: &str,
    version: &str,
) -> Result<Vec<K>, CliError>
where
    K: Clone + std::fmt::Debug + DeserializeOwned,
{
    let mut parameters = parameters.clone().limit(PAGE);
    let mut found = Vec::new();
    loop {
        let page = api.list(&parameters).await;
        let page = page.map_err(|error| refusal(&error, kind, version))?;
        found.extend(page.items);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => parameters.continue_token = Some(token),
            None => return Ok(found),
        }
    }
}
