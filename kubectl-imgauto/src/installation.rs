//! What a cluster has of imgauto and of Flux: controllers, definitions, and who looks after them.

pub(crate) mod definition;
pub(crate) mod owner;

use std::collections::BTreeSet;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace, PodSpec};
use kube::api::{DynamicObject, ListParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client, ResourceExt as _};

use crate::cluster::{Attempt, refused};
use crate::error::CliError;
use crate::manifests::{self, Object};

/// The oldest version of Kubernetes that is supported: major, minor.
pub(crate) const OLDEST_KUBERNETES: (u32, u32) = (1, 30);

/// Remembers on a Deployment of Flux how many replicas it had before imgauto took its place.
pub(crate) const REPLICAS_BEFORE: &str = "imgauto.dev/replicas-before-adoption";

/// How many Deployments are asked for at a time.
const PAGE: u32 = 500;

/// What a controller is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// Ours, which works on the objects.
    Reconciler,
    /// Ours, which the API server calls.
    Webhook,
    /// Flux's, which scans registries and chooses tags.
    Reflector,
    /// Flux's, which commits them.
    Automation,
    /// Flux's, which makes alerts of events.
    Notification,
}

/// The roles by the names of their Deployments.
const NAMES: [(&str, Role); 5] = [
    (manifests::RECONCILER, Role::Reconciler),
    (manifests::WEBHOOK, Role::Webhook),
    ("image-reflector-controller", Role::Reflector),
    ("image-automation-controller", Role::Automation),
    ("notification-controller", Role::Notification),
];

/// The labels that name a controller whose Deployment was renamed.
const LABELS: [&str; 3] = [
    "app.kubernetes.io/name",
    "app.kubernetes.io/component",
    "app",
];

impl Role {
    /// What a Deployment is for, by its name or its labels; `None` if it is nobody's here.
    fn of(deployment: &Deployment) -> Option<Self> {
        let labels = deployment.labels();
        let name = deployment.name_any();
        let labelled = LABELS.iter().filter_map(|label| labels.get(*label));
        std::iter::once(&name).chain(labelled).find_map(|word| {
            let known = NAMES.iter().find(|(known, _)| known == word);
            known.map(|(_, role)| *role)
        })
    }

    /// Whether it writes the objects imgauto writes.
    pub(crate) fn is_rival(self) -> bool {
        matches!(self, Self::Reflector | Self::Automation)
    }

    /// Whether it is imgauto's.
    pub(crate) fn is_ours(self) -> bool {
        matches!(self, Self::Reconciler | Self::Webhook)
    }

    /// The name the controller is known by.
    pub(crate) fn name(self) -> &'static str {
        let known = NAMES.iter().find(|(_, role)| *role == self);
        known.map_or("", |(name, _)| name)
    }
}

/// The Deployment of a controller.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Controller {
    /// What it is for.
    pub(crate) role: Role,
    /// The Deployment, as the API server has it.
    pub(crate) deployment: Deployment,
}

impl Controller {
    /// The namespace.
    pub(crate) fn namespace(&self) -> String {
        self.deployment.namespace().unwrap_or_default()
    }

    /// The name of the Deployment.
    pub(crate) fn name(&self) -> String {
        self.deployment.name_any()
    }

    /// How many pods it should have.
    pub(crate) fn replicas(&self) -> i32 {
        let spec = self.deployment.spec.as_ref();
        spec.and_then(|spec| spec.replicas).unwrap_or(1)
    }

    /// How many pods it had before imgauto took its place, if it did.
    pub(crate) fn replicas_before(&self) -> Option<i32> {
        let annotation = self.deployment.annotations().get(REPLICAS_BEFORE)?;
        annotation.parse().ok().filter(|_| self.replicas() == 0)
    }

    /// The image of its first container.
    pub(crate) fn image(&self) -> &str {
        let container = self.pod().and_then(|pod| pod.containers.first());
        let image = container.and_then(|container| container.image.as_deref());
        image.unwrap_or_default()
    }

    /// The value of one of the flags its first container is started with.
    pub(crate) fn flag(&self, name: &str) -> Option<&str> {
        let container = self.pod()?.containers.first()?;
        let args = container.args.as_ref()?.iter().rev();
        args.filter_map(|arg| arg.trim_start_matches('-').strip_prefix(name))
            .find_map(|rest| match rest {
                "" => Some("true"),
                rest => rest.strip_prefix('='),
            })
    }

    /// The names of the Secrets it pulls its image with.
    pub(crate) fn pull_secrets(&self) -> Vec<String> {
        let secrets = self.pod().and_then(|pod| pod.image_pull_secrets.as_ref());
        let secrets = secrets.into_iter().flatten();
        secrets.map(|secret| secret.name.clone()).collect()
    }

    /// The version of the image: its tag, with a `v` in front of a plain version, or its digest.
    pub(crate) fn version(&self) -> String {
        version_of(self.image())
    }

    /// Returns true once all its pods run what its spec says.
    pub(crate) fn is_rolled_out(&self) -> bool {
        let Some(status) = &self.deployment.status else {
            return false;
        };
        let wanted = self.replicas();
        let seen = status.observed_generation.unwrap_or_default();
        seen >= self.deployment.metadata.generation.unwrap_or_default()
            && status.updated_replicas.unwrap_or_default() == wanted
            && status.replicas.unwrap_or_default() == wanted
            && status.available_replicas.unwrap_or_default() == wanted
    }

    fn pod(&self) -> Option<&PodSpec> {
        self.deployment.spec.as_ref()?.template.spec.as_ref()
    }
}

/// The version an image names: its tag, with a `v` in front of a plain version, or else its digest.
fn version_of(image: &str) -> String {
    let (name, digest) = match image.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (image, None),
    };
    let path = name.rfind('/').map_or(0, |slash| slash + 1);
    match (name[path..].split_once(':'), digest) {
        (Some((_, tag)), _) if tag.starts_with(|first: char| first.is_ascii_digit()) => {
            format!("v{tag}")
        }
        (Some((_, tag)), _) => tag.to_owned(),
        (None, Some(digest)) => digest.to_owned(),
        (None, None) => "latest".to_owned(),
    }
}

/// The controllers of a cluster, as far as they could be looked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Controllers {
    /// Those that were found, by namespace and role.
    pub(crate) found: Vec<Controller>,
    /// Where they were looked for, if the user may not list Deployments everywhere.
    pub(crate) only_in: Option<Vec<String>>,
}

impl Controllers {
    /// Our reconcilers.
    pub(crate) fn reconcilers(&self) -> impl Iterator<Item = &Controller> {
        let ours = |controller: &&Controller| controller.role == Role::Reconciler;
        self.found.iter().filter(ours)
    }

    /// Our webhooks.
    pub(crate) fn webhooks(&self) -> impl Iterator<Item = &Controller> {
        let ours = |controller: &&Controller| controller.role == Role::Webhook;
        self.found.iter().filter(ours)
    }

    /// All that is imgauto's.
    pub(crate) fn ours(&self) -> impl Iterator<Item = &Controller> {
        self.found
            .iter()
            .filter(|controller| controller.role.is_ours())
    }

    /// Controllers of Flux that run and write the objects imgauto writes.
    pub(crate) fn rivals(&self) -> impl Iterator<Item = &Controller> {
        let writes = |controller: &&Controller| controller.role.is_rival();
        self.found
            .iter()
            .filter(writes)
            .filter(|it| it.replicas() > 0)
    }

    /// Controllers of Flux that were scaled down to make room for imgauto, with the replicas each had.
    pub(crate) fn adopted(&self) -> impl Iterator<Item = (&Controller, i32)> {
        let found = self
            .found
            .iter()
            .filter(|controller| controller.role.is_rival());
        found.filter_map(|controller| Some((controller, controller.replicas_before()?)))
    }

    /// What was left out for lack of a permission, in a sentence.
    pub(crate) fn gap(&self) -> Option<String> {
        let places = self.only_in.as_ref()?;
        Some(format!(
            "you may not list Deployments in all namespaces: controllers were looked for in {} only",
            places.join(" and ")
        ))
    }
}

/// The commands that give controllers a number of replicas, one for each namespace and number.
pub(crate) fn scale<'a>(wanted: impl IntoIterator<Item = (&'a Controller, i32)>) -> Vec<String> {
    let mut groups: Vec<((String, i32), Vec<String>)> = Vec::new();
    for (controller, replicas) in wanted {
        let key = (controller.namespace(), replicas);
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, names)) => names.push(controller.name()),
            None => groups.push((key, vec![controller.name()])),
        }
    }
    let commands = groups.into_iter().map(|((namespace, replicas), names)| {
        format!(
            "kubectl -n {namespace} scale deployment {} --replicas={replicas}",
            names.join(" ")
        )
    });
    commands.collect()
}

/// Looks for the controllers of imgauto and Flux: everywhere, or where that is not allowed, in the namespaces `likely`.
pub(crate) async fn controllers(client: &Client, likely: &[&str]) -> Result<Controllers, CliError> {
    let attempt = Attempt {
        verb: "list",
        what: "Deployment",
        api_version: "apps/v1",
    };
    let (mut found, only_in) = match list(&Api::all(client.clone())).await {
        Ok(found) => (found, None),
        Err(kube::Error::Api(status)) if status.code == 403 => {
            let mut found = Vec::new();
            let mut places: Vec<String> = Vec::new();
            for namespace in likely.iter().collect::<BTreeSet<_>>() {
                match list(&Api::namespaced(client.clone(), namespace)).await {
                    Ok(here) => {
                        found.extend(here);
                        places.push((*namespace).to_owned());
                    }
                    Err(kube::Error::Api(status)) if status.code == 403 => {}
                    Err(error) => return Err(refused(&error, attempt)),
                }
            }
            if places.is_empty() {
                return Err(refused(&kube::Error::Api(status), attempt));
            }
            (found, Some(places))
        }
        Err(error) => return Err(refused(&error, attempt)),
    };
    found.sort_by_key(|controller| (controller.namespace(), controller.role, controller.name()));
    Ok(Controllers { found, only_in })
}

/// Lists what is a controller among the Deployments, a page at a time.
async fn list(api: &Api<Deployment>) -> Result<Vec<Controller>, kube::Error> {
    let mut parameters = ListParams::default().limit(PAGE);
    let mut found = Vec::new();
    loop {
        let page = api.list(&parameters).await?;
        let known = page.items.into_iter().filter_map(|deployment| {
            let role = Role::of(&deployment)?;
            Some(Controller { role, deployment })
        });
        found.extend(known);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => parameters.continue_token = Some(token),
            None => return Ok(found),
        }
    }
}

/// The objects of the kind of an object, in its namespace.
pub(crate) fn objects_like(client: &Client, object: &Object) -> Api<DynamicObject> {
    let version = object.api_version();
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    let kind = GroupVersionKind::gvk(group, version, object.kind());
    let resource = ApiResource::from_gvk(&kind);
    match object.namespace() {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}

/// Returns a namespace, if it is there.
pub(crate) async fn namespace(client: &Client, name: &str) -> Result<Option<Namespace>, CliError> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    namespaces.get_opt(name).await.map_err(|error| {
        let attempt = Attempt {
            verb: "get",
            what: &format!("Namespace {name}"),
            api_version: "v1",
        };
        refused(&error, attempt)
    })
}

/// Whether a namespace was made by an installation.
pub(crate) fn is_our_namespace(namespace: &Namespace) -> bool {
    let part_of = namespace.labels().get(manifests::PART_OF);
    part_of.is_some_and(|value| value == manifests::IMGAUTO)
}

/// A version of Kubernetes, as its API server tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kubernetes {
    /// The whole version, such as `v1.34.1`.
    pub(crate) text: String,
    /// Major and minor.
    pub(crate) number: (u32, u32),
}

impl Kubernetes {
    /// Whether imgauto works there.
    pub(crate) fn is_supported(&self) -> bool {
        self.number >= OLDEST_KUBERNETES
    }

    /// Reads what the API server says, such as `v1.34.1-gke.1`.
    fn parse(text: &str) -> Self {
        let mut numbers = text.trim_start_matches('v').split('.').map(|part| {
            let digits = part.split(|letter: char| !letter.is_ascii_digit()).next();
            digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
        });
        let number = (
            numbers.next().unwrap_or_default(),
            numbers.next().unwrap_or_default(),
        );
        Self {
            text: text.to_owned(),
            number,
        }
    }
}

/// Asks the API server for its version; this is also how it is found out whether there is one.
pub(crate) async fn kubernetes(client: &Client) -> Result<Kubernetes, CliError> {
    let answer = client.apiserver_version().await;
    let info = answer.map_err(|error| {
        let attempt = Attempt {
            verb: "get",
            what: "the version",
            api_version: "v1",
        };
        refused(&error, attempt)
    })?;
    Ok(Kubernetes::parse(&info.git_version))
}

#[cfg(test)]
mod tests;
