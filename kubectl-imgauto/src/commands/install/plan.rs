//! What an installation does to a cluster, decided before anything is written.

use std::collections::BTreeSet;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::ResourceExt as _;

use super::facts::Facts;
use crate::error::CliError;
use crate::installation::definition::{self, Comparison};
use crate::installation::owner::{self, Owner};
use crate::installation::{self, Controller, OLDEST_KUBERNETES, Role};
use crate::manifests::{self, Component, GIT_REPOSITORIES, Object, Part, Settings};

/// What the user asked for.
#[derive(Clone, Debug)]
pub(super) struct Wishes {
    /// What is to be installed. A webhook that is there already is looked after without being named.
    pub(super) components: BTreeSet<Component>,
    /// The namespace, if one was named.
    pub(super) namespace: Option<String>,
    /// Where the image lies; without it, an installation that is there keeps its own.
    pub(super) registry: Option<String>,
    /// Secrets to pull it with; without any, an installation that is there keeps its own.
    pub(super) pull_secrets: Vec<String>,
    /// Arguments of the reconciler.
    pub(super) args: Vec<String>,
    /// Arguments of the webhook.
    pub(super) webhook_args: Vec<String>,
    /// Keys of taints the pod may stand.
    pub(super) toleration_keys: Vec<String>,
    /// What becomes of Flux's controllers that write the same objects.
    pub(super) competition: Competition,
    /// Whether an installation another tool looks after is taken over.
    pub(super) takes_over: bool,
}

/// What becomes of Flux's controllers that write the same objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Competition {
    /// They are a reason not to install.
    Refused,
    /// They are scaled down.
    ScaledDown,
}

/// What is done, in this order: the controllers of Flux are scaled down, then the steps are taken.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// The settings the objects were made for.
    pub(super) settings: Settings,
    /// Controllers of Flux to scale down.
    pub(super) adopted: Vec<Controller>,
    /// Those that were scaled down by an earlier run, and the replicas they had.
    pub(super) adopted_before: Vec<(Controller, i32)>,
    /// The objects, and what becomes of them.
    pub(super) steps: Vec<Step>,
    /// What should be looked at.
    pub(super) warnings: Vec<String>,
    /// What was decided without being said.
    pub(super) notes: Vec<String>,
}

impl Plan {
    /// The names of the definitions the installation stands on, whoever applies them.
    pub(super) fn definitions(&self) -> Vec<&str> {
        let objects = self.steps.iter().map(|step| match step {
            Step::Apply(object) | Step::Leave { object, .. } => object,
        });
        let definitions = objects.filter(|object| object.is_definition());
        definitions.map(Object::name).collect()
    }
}

/// What becomes of an object.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    /// It is applied.
    Apply(Object),
    /// It stays as somebody else made it.
    Leave {
        /// The object, as imgauto would apply it.
        object: Object,
        /// Whose it is.
        owner: String,
    },
}

impl Step {
    /// Whether it makes the API server call the webhook.
    pub(super) fn is_hooks(&self) -> bool {
        let (Self::Apply(object) | Self::Leave { object, .. }) = self;
        object.part == Part::Hooks
    }
}

/// Decides, or says all that stands in the way.
pub(super) fn plan(wishes: &Wishes, facts: &Facts) -> Result<Plan, CliError> {
    let (settings, notes) = settings(wishes, facts);
    let mut warnings = Vec::new();
    let mut obstacles = Vec::new();
    obstacles.extend(old_kubernetes(facts));
    obstacles.extend(other_installation(&settings, facts));
    if !wishes.takes_over {
        obstacles.extend(other_tool(&settings, facts));
    }
    // Only what writes their objects gets in the way of Flux's controllers.
    let rivals = facts.controllers.rivals().cloned();
    let adopted: Vec<_> = match settings.components.contains(&Component::Reconciler) {
        true => rivals.collect(),
        false => Vec::new(),
    };
    match wishes.competition {
        Competition::Refused => obstacles.extend(two_writers(&adopted, wishes)),
        Competition::ScaledDown => warnings.extend(adopted.iter().filter_map(undone_by)),
    }
    let mut steps = Vec::new();
    for object in manifests::objects(&settings) {
        match left(&object, facts) {
            None => steps.push(Step::Apply(object)),
            Some((owner, concern)) => {
                match concern {
                    Some(Concern::Differs(text)) => warnings.push(text),
                    Some(Concern::Unusable(error)) => obstacles.push(error),
                    None => {}
                }
                steps.push(Step::Leave { object, owner });
            }
        }
    }
    CliError::all(obstacles)?;
    let before = facts.controllers.adopted();
    Ok(Plan {
        settings,
        adopted,
        adopted_before: before
            .map(|(it, replicas)| (it.clone(), replicas))
            .collect(),
        steps,
        warnings,
        notes,
    })
}

/// The settings of the installation: what was asked for, then what is there, then what is usual.
fn settings(wishes: &Wishes, facts: &Facts) -> (Settings, Vec<String>) {
    let mut notes = Vec::new();
    let there = facts.controllers.ours().next();
    let of_flux = facts.controllers.found.iter();
    let of_flux = of_flux.filter(|controller| !controller.role.is_ours());
    let namespace = wishes
        .namespace
        .clone()
        .or_else(|| there.map(Controller::namespace))
        .or_else(|| of_flux.clone().map(Controller::namespace).next())
        .unwrap_or_else(|| manifests::NAMESPACE.to_owned());
    let kept = there.and_then(|controller| manifests::registry_of(controller.image()));
    let registry = wishes.registry.clone().or_else(|| kept.map(str::to_owned));
    match &registry {
        None => notes.push(format!(
            "image {}: the nodes have to have it, or --registry names where your copy lies",
            manifests::image(None)
        )),
        Some(registry) if wishes.registry.is_none() => {
            notes.push(format!("registry {registry}, as it is"));
        }
        Some(_) => {}
    }
    let mut pull_secrets = wishes.pull_secrets.clone();
    if pull_secrets.is_empty() {
        pull_secrets = there.map(Controller::pull_secrets).unwrap_or_default();
    }
    let mut args = wishes.args.clone();
    let mut notified = of_flux.filter(|controller| controller.role == Role::Notification);
    args.extend(
        notified
            .next()
            .map(|it| manifests::events_to(&it.namespace())),
    );
    let mut components = wishes.components.clone();
    let webhook = facts.controllers.webhooks().next();
    components.extend(webhook.map(|_| Component::Webhook));
    let reconciler = facts.controllers.reconcilers().next();
    let usual = Settings::default();
    // Who asked for several gets them again; who went back to Flux comes again with the usual number.
    let kept = |there: Option<&Controller>, usual: i32| match there.map(Controller::replicas) {
        None | Some(0) => usual,
        Some(replicas) => replicas,
    };
    let settings = Settings {
        components,
        namespace,
        registry,
        pull_secrets,
        args,
        webhook_args: wishes.webhook_args.clone(),
        toleration_keys: wishes.toleration_keys.clone(),
        replicas: kept(reconciler, usual.replicas),
        webhook_replicas: kept(webhook, usual.webhook_replicas),
    };
    (settings, notes)
}

fn old_kubernetes(facts: &Facts) -> Option<CliError> {
    let (major, minor) = OLDEST_KUBERNETES;
    (!facts.kubernetes.is_supported()).then(|| {
        CliError::failure(format!(
            "this cluster runs Kubernetes {}; imgauto needs {major}.{minor} or newer",
            facts.kubernetes.text
        ))
    })
}

/// A second reconciler would write the same objects, and a second webhook the same configurations; both would take the
/// rights of the first.
fn other_installation(settings: &Settings, facts: &Facts) -> Option<CliError> {
    let mut there = facts.controllers.ours().map(Controller::namespace);
    let other = there.find(|namespace| *namespace != settings.namespace)?;
    let message = format!("imgauto is installed in {other} already");
    Some(
        CliError::failure(message)
            .next(format!("kubectl imgauto install -n {other}"))
            .next(format!("kubectl imgauto uninstall -n {other}")),
    )
}

fn other_tool(settings: &Settings, facts: &Facts) -> Option<CliError> {
    let mut there = facts.controllers.ours().filter(|there| match there.role {
        Role::Reconciler => settings.components.contains(&Component::Reconciler),
        _ => settings.components.contains(&Component::Webhook),
    });
    let (there, tool) =
        there.find_map(|there| Some((there, owner::applier(&there.deployment.metadata)?)))?;
    let place = format!("{}/{}", there.namespace(), there.name());
    Some(
        CliError::failure(format!(
            "Deployment {place} is applied by {tool}, which would undo what is changed here"
        ))
        .at(["change it where that tool reads it; --force takes it over all the same".to_owned()])
        .next("kubectl imgauto install --export"),
    )
}

fn two_writers(rivals: &[Controller], wishes: &Wishes) -> Option<CliError> {
    if rivals.is_empty() {
        return None;
    }
    let running = rivals.iter().map(|rival| {
        format!(
            "{} runs in {} (replicas: {})",
            rival.name(),
            rival.namespace(),
            rival.replicas()
        )
    });
    let mut error = CliError::failure(
        "Flux's image controllers run on the same objects, and two writers would undo each other's work",
    )
    .at(running);
    let place = wishes.namespace.as_ref().map(|name| format!(" -n {name}"));
    error = error.next(format!(
        "kubectl imgauto install --adopt{}",
        place.unwrap_or_default()
    ));
    for command in installation::scale(rivals.iter().map(|rival| (rival, 0))) {
        error = error.next(command);
    }
    Some(error)
}

/// Says that a controller will be scaled up again by whatever applies it.
fn undone_by(rival: &Controller) -> Option<String> {
    let metadata = &rival.deployment.metadata;
    let labels = rival.deployment.labels();
    let labelled = [
        ("kustomize.toolkit.fluxcd.io/name", "kustomize-controller"),
        ("helm.toolkit.fluxcd.io/name", "helm-controller"),
    ];
    let mut known = labelled
        .iter()
        .filter(|(label, _)| labels.contains_key(*label));
    let tool = known
        .next()
        .map(|(_, tool)| (*tool).to_owned())
        .or_else(|| owner::applier(metadata).filter(|tool| tool != "flux"))?;
    Some(format!(
        "{} is applied by {tool}, which will scale it up again: set its replicas to 0 there as well",
        rival.name()
    ))
}

/// What is to be said of an object that is left to others.
enum Concern {
    /// It is not quite what imgauto would install.
    Differs(String),
    /// Nothing works with it.
    Unusable(CliError),
}

/// Whose an object is, if it is not ours to apply.
fn left(object: &Object, facts: &Facts) -> Option<(String, Option<Concern>)> {
    match object.part {
        Part::Namespace => {
            let mut there = facts.namespaces.iter();
            let there = there.find(|it| it.name_any() == object.name())?;
            let ours = installation::is_our_namespace(there);
            (!ours).then(|| ("those who made it".to_owned(), None))
        }
        Part::Definitions | Part::GitRepository if object.is_definition() => {
            let there = facts.definitions.get(object.name())?;
            let Owner::Other(owner) = definition::definition_owner(there) else {
                return None;
            };
            let concern = concern(object, there, &owner);
            Some((owner, concern))
        }
        // Who brought the kind also says who may use it.
        Part::GitRepository => {
            let there = facts.definitions.get(GIT_REPOSITORIES)?;
            match definition::definition_owner(there) {
                Owner::Other(owner) => Some((owner, None)),
                Owner::Imgauto => None,
            }
        }
        Part::Definitions | Part::Rights | Part::Program | Part::Webhook | Part::Hooks => None,
    }
}

fn concern(object: &Object, there: &CustomResourceDefinition, owner: &str) -> Option<Concern> {
    let ours = serde_json::from_value(object.value.clone()).ok()?;
    let name = object.name();
    match definition::compare(&ours, there) {
        Comparison::Same => None,
        Comparison::Differs { missing } if missing.is_empty() => Some(Concern::Differs(format!(
            "{name} of {owner} has other rules or defaults than this version of imgauto knows"
        ))),
        Comparison::Differs { missing } => Some(Concern::Differs(format!(
            "{name} of {owner} lacks {}: what is written there is lost",
            missing.join(", ")
        ))),
        Comparison::Unserved { version, served } => Some(Concern::Unusable(
            CliError::failure(format!("{name} of {owner} does not serve {version}"))
                .at([format!("it serves {}", served.join(", "))])
                .next("flux install --components-extra=image-reflector-controller,image-automation-controller"),
        )),
    }
}

#[cfg(test)]
mod tests;
