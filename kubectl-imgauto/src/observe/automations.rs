//! Automations, as one policy sees them.

use std::collections::BTreeMap;

use api::ImageUpdateAutomation;
use api::condition::CommonStatus as _;
use api::marked_line::lies_below;
use engine::branch::Reference;
use engine::delivery::{AutomationFacts, Push, Selects};
use engine::path::clamp;
use kube::core::{Selector, SelectorExt as _};
use reconciler::resources::ObjectKey;

use super::appliers::{Appliers, reference};
use super::lines::{name, path_of};
use super::world::{World, condition_of, latest};
use super::{Committed, Origin};

/// Who looks after a marked line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keeper<'a> {
    /// This automation does.
    Automation(&'a ObjectKey),
    /// The selector of this automation leaves the policy out.
    LeavesOut(&'a ObjectKey),
    /// The automations of the policy's namespace update other files; this is one, with its path.
    Elsewhere(&'a ObjectKey, &'a str),
    /// Only this automation updates the file, and it is in another namespace than the policy.
    Foreign(&'a ObjectKey),
    /// There is no automation.
    Nobody,
}

/// All automations, and which policies they take in.
pub(super) struct Automations<'a> {
    world: &'a World,
    appliers: &'a Appliers,
    by_namespace: BTreeMap<&'a str, Vec<Automation<'a>>>,
}

struct Automation<'a> {
    key: &'a ObjectKey,
    object: &'a ImageUpdateAutomation,
    /// None if it cannot be read; then the automation says so itself.
    selector: Option<Selector>,
}

impl<'a> Automations<'a> {
    /// Reads the selectors.
    pub(super) fn new(world: &'a World, appliers: &'a Appliers) -> Self {
        let mut by_namespace: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        for (key, object) in &world.automations.found {
            let selector = object.spec.policy_selector.clone();
            let selector = selector.map_or(Ok(Selector::default()), Selector::try_from);
            by_namespace
                .entry(&key.namespace)
                .or_default()
                .push(Automation {
                    key,
                    object,
                    selector: selector.ok(),
                });
        }
        Self {
            world,
            appliers,
            by_namespace,
        }
    }

    /// Who looks after a marker of a policy in a file.
    pub(super) fn keeper_of(&self, file: &str, policy: &ObjectKey) -> Keeper<'a> {
        let all = self.of_namespace(&policy.namespace);
        let covers = |automation: &&Automation<'_>| {
            let path = clamp(path_of(automation.object));
            path == file || lies_below(file, Some(&path))
        };
        let here: Vec<_> = all.iter().filter(covers).collect();
        let labels = self
            .world
            .policies
            .found
            .get(policy)
            .map(|seen| &seen.labels);
        let takes =
            |automation: &&&Automation<'_>| labels.is_none_or(|labels| automation.takes(labels));
        match (here.iter().find(takes), here.first(), all.first()) {
            (Some(automation), _, _) => Keeper::Automation(automation.key),
            (None, Some(automation), _) => Keeper::LeavesOut(automation.key),
            (None, None, Some(automation)) => {
                Keeper::Elsewhere(automation.key, path_of(automation.object))
            }
            (None, None, None) => self.keeper_of_others(file),
        }
    }

    /// The same for a namespace without automations: one of another namespace cannot serve its policies.
    fn keeper_of_others(&self, file: &str) -> Keeper<'a> {
        let all = self.by_namespace.values().flatten();
        let mut covering = all.filter(|automation| {
            let path = clamp(path_of(automation.object));
            path == file || lies_below(file, Some(&path))
        });
        covering
            .next()
            .map_or(Keeper::Nobody, |automation| Keeper::Foreign(automation.key))
    }

    fn of_namespace(&self, namespace: &str) -> &[Automation<'a>] {
        self.by_namespace.get(namespace).map_or(&[], Vec::as_slice)
    }

    /// The automations of a policy's namespace.
    pub(super) fn facts(
        &self,
        policy: &ObjectKey,
        labels: &BTreeMap<String, String>,
    ) -> Vec<AutomationFacts> {
        let automations = self.of_namespace(&policy.namespace).iter();
        automations
            .map(|automation| self.fact(automation, policy, labels))
            .collect()
    }

    fn fact(
        &self,
        automation: &Automation<'_>,
        policy: &ObjectKey,
        labels: &BTreeMap<String, String>,
    ) -> AutomationFacts {
        let Automation { key, object, .. } = automation;
        let status = object.status.as_ref();
        let conditions = status.map_or(&[][..], |status| status.conditions());
        let checkout = self.checkout_branch(key, object);
        let last_push = status.and_then(|status| status.last_push_commit.clone());
        let age = |time| self.world.age(time);
        let source = source_of(key, object);
        AutomationFacts {
            name: name(key),
            selects: match automation.takes(labels) {
                true => Selects::Takes,
                false => Selects::LeavesOut,
            },
            selector: wanted_labels(object),
            source_secret: self.appliers.secret_of(&source),
            source: name(&source),
            is_suspended: object.spec.suspend,
            path: path_of(object).to_owned(),
            ready: condition_of(conditions, api::keys::READY, *object),
            stalled: condition_of(conditions, api::keys::STALLED, *object),
            push_branch: push_branch(object).filter(|branch| Some(branch) != checkout.as_ref()),
            checkout_branch: checkout,
            last_push: last_push.map(|commit| Push {
                commit,
                age: age(status.and_then(|status| status.last_push_time.as_ref())),
            }),
            last_run: age(status.and_then(|status| status.last_automation_run_time.as_ref())),
            observed: status
                .and_then(|status| status.observed_policies.get(&policy.name))
                .map(latest),
        }
    }

    /// The branch an automation starts from: its own, else that of its GitRepository.
    fn checkout_branch(&self, key: &ObjectKey, object: &ImageUpdateAutomation) -> Option<String> {
        let git = object.spec.git.as_ref();
        let own = git.and_then(|git| git.checkout.as_ref());
        let source = source_of(key, object);
        let checked_out = match own {
            Some(checkout) => reference(Some(&checkout.reference)),
            None => self.appliers.checkout_of(&source)?,
        };
        match checked_out {
            Reference::Branch(branch) => Some(branch),
            _ => None,
        }
    }

    /// What the status of automations says is committed for a policy: what it had chosen when they ran last.
    pub(super) fn committed(
        &self,
        policy: &ObjectKey,
        labels: &BTreeMap<String, String>,
    ) -> Option<Committed> {
        let automations = self.of_namespace(&policy.namespace).iter();
        let mut taking = automations.filter(|automation| automation.takes(labels));
        taking.find_map(|Automation { key, object, .. }| {
            let status = object.status.as_ref()?;
            let observed = status.observed_policies.get(&policy.name)?;
            Some(Committed {
                tag: Some(observed.tag.clone()),
                digest: observed.digest.clone().filter(|digest| !digest.is_empty()),
                commit: status.last_push_commit.clone(),
                branch: push_branch(object).or_else(|| self.checkout_branch(key, object)),
                file: None,
                line: None,
                pushed_at: status.last_push_time.as_ref().map(|time| time.0),
                automation: Some((*key).clone()),
                origin: Origin::Status,
            })
        })
    }
}

impl Automation<'_> {
    fn takes(&self, labels: &BTreeMap<String, String>) -> bool {
        self.selector
            .as_ref()
            .is_none_or(|selector| selector.matches(labels))
    }
}

/// The GitRepository an automation works on.
fn source_of(key: &ObjectKey, object: &ImageUpdateAutomation) -> ObjectKey {
    let source = &object.spec.source_ref;
    ObjectKey::new(source.namespace_or(&key.namespace), &source.name)
}

/// The labels a policy has to carry to be taken in.
fn wanted_labels(object: &ImageUpdateAutomation) -> Vec<String> {
    let selector = object.spec.policy_selector.as_ref();
    let labels = selector.and_then(|selector| selector.match_labels.as_ref());
    let labels = labels.into_iter().flatten();
    labels
        .map(|(key, value)| format!("{key}={value}"))
        .collect()
}

fn push_branch(object: &ImageUpdateAutomation) -> Option<String> {
    let push = object.spec.git.as_ref()?.push.as_ref()?;
    push.branch.clone().filter(|branch| !branch.is_empty())
}
