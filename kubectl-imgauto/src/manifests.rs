//! What is installed in a cluster: the files of `manifests/`, built into the program.
//!
//! The files stay the one source. What kustomize does to them by the kustomizations beside them is done here in the
//! same way, and tests compare both.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::installation::Role;

/// The namespace of an installation that nobody named another for.
pub(crate) const NAMESPACE: &str = "imgauto-system";
/// The name of the Deployment, of its Service and of its account.
pub(crate) const RECONCILER: &str = "imgauto-reconciler";
/// The name of the webhook's Deployment, of its Service and of its account.
pub(crate) const WEBHOOK: &str = "imgauto-webhook";
/// The name of the configuration by which workloads are marked.
pub(crate) const MARK: &str = "imgauto-mark";
/// The name of the configuration by which workloads are let in.
pub(crate) const GUARD: &str = "imgauto-guard";
/// The name of the Secret that the webhook makes for its authority.
const AUTHORITY: &str = "imgauto-webhook-ca";
/// The label of everything that belongs to an application.
pub(crate) const PART_OF: &str = "app.kubernetes.io/part-of";
/// The value of [`PART_OF`] on what is ours.
pub(crate) const IMGAUTO: &str = "imgauto";
/// The name of the image, without a registry.
const IMAGE: &str = "imgauto";
/// The tag of the image that belongs to this program.
pub(crate) const TAG: &str = env!("CARGO_PKG_VERSION");
/// The definition of Flux's that comes along where it is absent.
pub(crate) const GIT_REPOSITORIES: &str = "gitrepositories.source.toolkit.fluxcd.io";

/// Kinds that lie in no namespace.
const CLUSTER_KINDS: [&str; 8] = [
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "MutatingWebhookConfiguration",
    "Namespace",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
];

/// A program that is installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Component {
    /// Scans, chooses, commits.
    Reconciler,
    /// Marks workloads and guards them.
    Webhook,
}

/// A part of an installation; they are installed in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// The namespace of the rest.
    Namespace,
    /// The kinds that are served.
    Definitions,
    /// The kind of source, where it is absent, and who may use it.
    GitRepository,
    /// Who the reconciler is and what it may do, and what people may do.
    Rights,
    /// The reconciler.
    Program,
    /// The webhook, who it is and what it may do, and who may say how strict namespaces are.
    Webhook,
    /// What makes the API server call the webhook.
    Hooks,
}

impl Part {
    /// The part that the objects of a file are.
    fn of(path: &str) -> Self {
        match path.split_once('/') {
            Some(("crds", _)) => Self::Definitions,
            Some(("git-repository", _)) => Self::GitRepository,
            Some(("rbac", _)) => Self::Rights,
            Some(("base", "namespace.yaml")) => Self::Namespace,
            Some(("webhook", "mark.yaml" | "guard.yaml")) => Self::Hooks,
            Some(("webhook", _)) => Self::Webhook,
            _ => Self::Program,
        }
    }

    /// Whether it is installed with some programs.
    fn comes_with(self, components: &BTreeSet<Component>) -> bool {
        match self {
            // Policies are what the webhook decides by, whoever works on them.
            Self::Namespace | Self::Definitions => true,
            Self::GitRepository | Self::Rights | Self::Program => {
                components.contains(&Component::Reconciler)
            }
            Self::Webhook | Self::Hooks => components.contains(&Component::Webhook),
        }
    }
}

/// A file of `manifests/`: its path below that folder, its text.
struct File(&'static str, &'static str);

macro_rules! file {
    ($path:literal) => {
        File($path, include_str!(concat!("../../manifests/", $path)))
    };
}

/// All files that a kustomization names as resources, in the order in which they are installed.
const FILES: [File; 20] = [
    file!("base/namespace.yaml"),
    file!("crds/imagerepositories.image.toolkit.fluxcd.io.yaml"),
    file!("crds/imagepolicies.image.toolkit.fluxcd.io.yaml"),
    file!("crds/imageupdateautomations.image.toolkit.fluxcd.io.yaml"),
    file!("crds/imageinventories.imgauto.dev.yaml"),
    file!("git-repository/gitrepositories.source.toolkit.fluxcd.io.yaml"),
    file!("git-repository/users.yaml"),
    file!("rbac/reconciler.yaml"),
    file!("rbac/users.yaml"),
    file!("base/service.yaml"),
    file!("base/deployment.yaml"),
    file!("webhook/rbac.yaml"),
    file!("webhook/drift-rbac.yaml"),
    file!("webhook/service.yaml"),
    file!("webhook/availability.yaml"),
    file!("webhook/network.yaml"),
    file!("webhook/deployment.yaml"),
    file!("webhook/mode.yaml"),
    file!("webhook/mark.yaml"),
    file!("webhook/guard.yaml"),
];

/// What an installation is made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// What is installed.
    pub(crate) components: BTreeSet<Component>,
    /// The namespace of the programs.
    pub(crate) namespace: String,
    /// The registry and the path the image lies at; `None` leaves its bare name.
    pub(crate) registry: Option<String>,
    /// Secrets with the credentials for that registry.
    pub(crate) pull_secrets: Vec<String>,
    /// Arguments of the reconciler besides those of the manifests.
    pub(crate) args: Vec<String>,
    /// Arguments of the webhook besides those of the manifests.
    pub(crate) webhook_args: Vec<String>,
    /// Keys of taints the pods may stand.
    pub(crate) toleration_keys: Vec<String>,
    /// How many pods the reconciler has; all but one wait for their turn.
    pub(crate) replicas: i32,
    /// How many pods the webhook has, all of which answer.
    pub(crate) webhook_replicas: i32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            components: [Component::Reconciler].into(),
            namespace: NAMESPACE.to_owned(),
            registry: None,
            pull_secrets: Vec::new(),
            args: Vec::new(),
            webhook_args: Vec::new(),
            toleration_keys: Vec::new(),
            replicas: 1,
            webhook_replicas: 2,
        }
    }
}

impl Settings {
    /// All there is to install, in a namespace.
    pub(crate) fn whole(namespace: &str) -> Self {
        Self {
            components: [Component::Reconciler, Component::Webhook].into(),
            namespace: namespace.to_owned(),
            ..Self::default()
        }
    }
}

/// An object of an installation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Object {
    /// What it is a part of.
    pub(crate) part: Part,
    /// The object itself.
    pub(crate) value: Value,
}

impl Object {
    /// The kind.
    pub(crate) fn kind(&self) -> &str {
        self.value["kind"].as_str().unwrap_or_default()
    }

    /// The group and version.
    pub(crate) fn api_version(&self) -> &str {
        self.value["apiVersion"].as_str().unwrap_or_default()
    }

    /// The name.
    pub(crate) fn name(&self) -> &str {
        self.value["metadata"]["name"].as_str().unwrap_or_default()
    }

    /// The namespace; `None` for what lies in none.
    pub(crate) fn namespace(&self) -> Option<&str> {
        self.value["metadata"]["namespace"].as_str()
    }

    /// Whether it defines a kind.
    pub(crate) fn is_definition(&self) -> bool {
        self.kind() == "CustomResourceDefinition"
    }
}

/// The arguments that send events to the notification controller of Flux in a namespace, so that its alerts go on.
pub(crate) fn events_to(namespace: &str) -> String {
    format!("--events-addr=http://notification-controller.{namespace}.svc.cluster.local./")
}

/// The image an installation runs.
pub(crate) fn image(registry: Option<&str>) -> String {
    match registry {
        None => format!("{IMAGE}:{TAG}"),
        Some(registry) => format!("{}/{IMAGE}:{TAG}", registry.trim_end_matches('/')),
    }
}

/// Where an image of ours lies; `None` if it is a bare name or somebody else's image.
pub(crate) fn registry_of(image: &str) -> Option<&str> {
    let name = image.split('@').next()?;
    let (registry, rest) = name.rsplit_once('/')?;
    (rest == IMAGE || rest.starts_with("imgauto:")).then_some(registry)
}

/// How many pods a program has where nobody asked for another number.
pub(crate) fn usual_replicas(role: Role) -> i32 {
    let usual = Settings::default();
    match role {
        Role::Webhook => usual.webhook_replicas,
        _ => usual.replicas,
    }
}

/// The Secret that the webhook of a namespace makes for itself: its kind, its name and nothing in it.
pub(crate) fn authority(namespace: &str) -> Object {
    Object {
        part: Part::Webhook,
        value: json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": { "name": AUTHORITY, "namespace": namespace },
        }),
    }
}

/// Returns all objects of an installation, in the order in which they are installed.
pub(crate) fn objects(settings: &Settings) -> Vec<Object> {
    let mut objects = Vec::new();
    let wanted = FILES
        .into_iter()
        .filter(|File(path, _)| Part::of(path).comes_with(&settings.components));
    for File(path, text) in wanted {
        let documents: Vec<Value> =
            serde_saphyr::from_multiple(text).expect("a test reads every file");
        for value in documents {
            let mut object = Object {
                part: Part::of(path),
                value,
            };
            write_whole_numbers(&mut object.value);
            settle(&mut object, settings);
            objects.push(object);
        }
    }
    objects
}

/// Writes numbers without a fraction as kustomize does: `0` for `0.0`.
fn write_whole_numbers(value: &mut Value) {
    match value {
        Value::Object(fields) => fields.values_mut().for_each(write_whole_numbers),
        Value::Array(items) => items.iter_mut().for_each(write_whole_numbers),
        Value::Number(number) => {
            let text = number.to_string();
            let whole = text.strip_suffix(".0").and_then(|whole| whole.parse().ok());
            if let Some(whole) = whole {
                *value = Value::Number(i64::into(whole));
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// Does to an object what the kustomizations and the settings say.
fn settle(object: &mut Object, settings: &Settings) {
    let kind = object.kind().to_owned();
    if kind == "Namespace" {
        object.value["metadata"]["name"] = json!(settings.namespace);
    } else if !CLUSTER_KINDS.contains(&&*kind) {
        object.value["metadata"]["namespace"] = json!(settings.namespace);
    }
    if object.part != Part::GitRepository {
        let labels = &mut object.value["metadata"]["labels"];
        if !labels.is_object() {
            *labels = Value::Object(Map::new());
        }
        labels[PART_OF] = json!(IMGAUTO);
    }
    let subjects = object.value.get_mut("subjects");
    for subject in subjects.and_then(Value::as_array_mut).into_iter().flatten() {
        subject["namespace"] = json!(settings.namespace);
    }
    if object.part == Part::Hooks {
        move_to(&settings.namespace, &mut object.value);
    }
    if kind == "Deployment" {
        let (replicas, args) = match object.part {
            Part::Webhook => (settings.webhook_replicas, &settings.webhook_args),
            _ => (settings.replicas, &settings.args),
        };
        object.value["spec"]["replicas"] = json!(replicas);
        let pod = &mut object.value["spec"]["template"]["spec"];
        settle_pod(pod, settings, args);
    }
}

/// Names another namespace wherever the usual one is named: as the place of the Service, as one that is left alone, and
/// in the names of accounts.
fn move_to(namespace: &str, value: &mut Value) {
    match value {
        Value::Object(fields) => fields
            .values_mut()
            .for_each(|field| move_to(namespace, field)),
        Value::Array(items) => items.iter_mut().for_each(|item| move_to(namespace, item)),
        Value::String(text) => *text = text.replace(NAMESPACE, namespace),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn settle_pod(pod: &mut Value, settings: &Settings, more: &[String]) {
    let containers = pod["containers"].as_array_mut().into_iter().flatten();
    for container in containers {
        container["image"] = json!(image(settings.registry.as_deref()));
        if let Some(args) = container["args"].as_array_mut() {
            args.extend(more.iter().map(|arg| json!(arg)));
        }
    }
    if !settings.pull_secrets.is_empty() {
        let secrets = settings.pull_secrets.iter();
        pod["imagePullSecrets"] = secrets.map(|name| json!({ "name": name })).collect();
    }
    if !settings.toleration_keys.is_empty() {
        let keys = settings.toleration_keys.iter();
        pod["tolerations"] = keys
            .map(|key| json!({ "key": key, "operator": "Exists" }))
            .collect();
    }
}

#[cfg(test)]
mod tests;
