//! What decides about images: repositories, policies, automations, and what is known of the lines of Git.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api::condition::{self, CommonStatus as _};
use api::policy::ImageRef;
use api::{ImageInventory, ImagePolicy, ImageRepository, ImageUpdateAutomation};
use engine::admission::Wishes;
use engine::catalog::Catalog;
use engine::change::LatestRef;
use engine::delivery::{
    Condition, ConditionStatus, Name, PolicyFacts, RepositoryFacts, ScanFacts, Seen,
};
use engine::policy::{Policy, PolicyError};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{self, Time};
use kube::core::Resource;
use reconciler::resources::ObjectKey;
use serde::Deserialize;

use super::list::{Kind, Query, list};
use super::objects::{Objects, Reach};
use super::{Scan, Wanted};
use crate::cluster::unknown_kind;
use crate::error::CliError;

/// What decides about images, as far as the user may see it.
#[derive(Debug)]
pub(super) struct World {
    pub(super) now: Timestamp,
    pub(super) repositories: Objects<RepositoryFacts>,
    pub(super) policies: Objects<SeenPolicy>,
    /// Finds the policy of an image, and what it chose.
    pub(super) catalog: Catalog,
    pub(super) automations: Objects<ImageUpdateAutomation>,
    pub(super) inventories: Objects<ImageInventory>,
    /// The labels of namespaces, as far as they may be seen.
    namespaces: BTreeMap<String, BTreeMap<String, String>>,
}

/// An ImagePolicy.
#[derive(Debug)]
pub(super) struct SeenPolicy {
    pub(super) labels: BTreeMap<String, String>,
    pub(super) facts: PolicyFacts,
    /// What rows show of it.
    pub(super) wanted: Option<Wanted>,
}

/// A namespace, of which the labels matter.
#[derive(Deserialize)]
struct Namespace {
    metadata: NamespaceMeta,
}

#[derive(Deserialize)]
struct NamespaceMeta {
    name: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

impl World {
    /// Lists what decides about images; what may not be seen is said in `missing`.
    pub(super) async fn fetch(
        reach: &Reach<'_>,
        now: Timestamp,
        missing: &mut Vec<String>,
    ) -> Result<Self, CliError> {
        let (repositories, policies, automations, inventories, namespaces) = futures::try_join!(
            reach.typed::<ImageRepository>(),
            reach.typed::<ImagePolicy>(),
            reach.typed::<ImageUpdateAutomation>(),
            reach.typed::<ImageInventory>(),
            namespaces(reach),
        )?;
        if repositories.is_unknown && policies.is_unknown && automations.is_unknown {
            let api_version = api::keys::IMAGE_API_VERSION;
            return Err(unknown_kind("list", "ImagePolicy", api_version));
        }
        let hidden = [
            &repositories.hidden,
            &policies.hidden,
            &automations.hidden,
            &inventories.hidden,
        ];
        missing.extend(hidden.into_iter().flatten().cloned());
        let mut entries = Vec::new();
        let seen = policies.map(|key, policy| {
            let of = repository_of(key, &policy);
            let repository = repositories.found.get(&of);
            let rule = Policy::try_from(&policy.spec);
            let usable = rule.as_ref().ok().cloned().map(Arc::new);
            entries.push(api::catalog::entry(&policy, repository, usable, now));
            SeenPolicy::of(key, policy, repository, rule, now)
        });
        Ok(Self {
            now,
            catalog: Catalog::new(entries),
            policies: seen,
            repositories: repositories.map(|key, repository| facts(key, &repository, now)),
            automations,
            inventories,
            namespaces,
        })
    }

    /// The labels of a namespace; none if they are not known.
    pub(super) fn labels_of(&self, namespace: &str) -> &BTreeMap<String, String> {
        static NONE: BTreeMap<String, String> = BTreeMap::new();
        self.namespaces.get(namespace).unwrap_or(&NONE)
    }

    /// What a namespace asks for; `None` if its labels are not known.
    pub(super) fn wishes_of(&self, namespace: &str) -> Option<Wishes> {
        let labels = self.namespaces.get(namespace)?.clone();
        Some(Wishes::new(labels, &BTreeMap::new()))
    }

    /// The policy of a name.
    pub(super) fn policy(&self, key: &ObjectKey) -> Seen<&SeenPolicy> {
        self.policies.seen(key)
    }

    /// The repository a policy names.
    pub(super) fn repository(&self, policy: &Seen<&SeenPolicy>) -> Seen<&RepositoryFacts> {
        match policy {
            Seen::Present(policy) => {
                let name = &policy.facts.repository;
                self.repositories
                    .seen(&ObjectKey::new(&name.namespace, &name.name))
            }
            Seen::Absent => Seen::Hidden("the policy is not known".to_owned()),
            Seen::Hidden(sentence) => Seen::Hidden(sentence.clone()),
        }
    }

    /// How long ago something was.
    pub(super) fn age(&self, time: Option<&Time>) -> Option<Duration> {
        age(self.now, time)
    }

    /// The same for a time of our own.
    pub(super) fn age_of(&self, time: Option<Timestamp>) -> Option<Duration> {
        age(self.now, time.map(Time).as_ref())
    }
}

/// How long ago something was; what lies ahead of our clock is now.
fn age(now: Timestamp, time: Option<&Time>) -> Option<Duration> {
    let past = now.duration_since(time?.0);
    Some(Duration::try_from(past).unwrap_or_default())
}

/// Who may not list namespaces misses little: whether the webhook looks at them, and who else may use a repository.
async fn namespaces(
    reach: &Reach<'_>,
) -> Result<BTreeMap<String, BTreeMap<String, String>>, CliError> {
    let kind = Kind::new("v1", "Namespace", "namespaces").metadata_only();
    let keep = |found: Namespace| Some((found.metadata.name, found.metadata.labels));
    let listed = list(reach.client, &kind, &Query::default(), keep).await?;
    Ok(listed.or_missing(&mut Vec::new()).into_iter().collect())
}

fn repository_of(key: &ObjectKey, policy: &ImagePolicy) -> ObjectKey {
    let reference = &policy.spec.image_repository_ref;
    ObjectKey::new(reference.namespace_or(&key.namespace), &reference.name)
}

fn facts(key: &ObjectKey, repository: &ImageRepository, now: Timestamp) -> RepositoryFacts {
    let status = repository.status.as_ref();
    let scan = status.and_then(|status| status.last_scan_result.as_ref());
    RepositoryFacts {
        name: Name::new(&key.namespace, &key.name),
        image: repository.spec.image.clone(),
        is_suspended: repository.spec.suspend,
        ready: status
            .and_then(|status| condition_of(status.conditions(), api::keys::READY, repository)),
        scan: scan.map(|scan| ScanFacts {
            tags: scan.tag_count,
            age: age(now, scan.scan_time.as_ref()),
        }),
        secret: repository
            .spec
            .secret_ref
            .as_ref()
            .map(|secret| secret.name.clone()),
        is_shared: repository.spec.access_from.is_some(),
    }
}

/// A condition of an object.
pub(super) fn condition_of(
    conditions: &[v1::Condition],
    name: &str,
    object: &impl Resource,
) -> Option<Condition> {
    let found = condition::find(conditions, name)?;
    let generation = object.meta().generation;
    Some(Condition {
        status: ConditionStatus::parse(&found.status),
        reason: found.reason.clone(),
        message: found.message.clone(),
        is_outdated: found.observed_generation < generation,
    })
}

/// What was chosen, in the words of the engine.
pub(super) fn latest(image: &ImageRef) -> LatestRef {
    LatestRef {
        name: image.name.clone(),
        tag: image.tag.clone(),
        digest: image.digest.clone(),
    }
}

impl SeenPolicy {
    fn of(
        key: &ObjectKey,
        policy: ImagePolicy,
        repository: Option<&ImageRepository>,
        rule: Result<Policy, PolicyError>,
        now: Timestamp,
    ) -> Self {
        let of = repository_of(key, &policy);
        let status = policy.status.as_ref();
        let conditions = status.map_or(&[][..], |status| status.conditions());
        let ready = condition::find(conditions, api::keys::READY);
        let since = ready.filter(|ready| ready.status == "True");
        let since = since.map(|ready| &ready.last_transition_time);
        let chosen = status.and_then(|status| status.latest_ref.as_ref());
        let previous = status.and_then(|status| status.observed_previous_ref.as_ref());
        let scan = repository.and_then(|repository| repository.status.as_ref());
        let scan = scan.and_then(|status| status.last_scan_result.as_ref());
        let wanted = chosen.map(|chosen| Wanted {
            image: chosen.name.clone(),
            tag: chosen.tag.clone(),
            digest: chosen.digest.clone().filter(|digest| !digest.is_empty()),
            previous: previous.map(|previous| previous.tag.clone()),
            since: since.map(|time| time.0),
            rule: rule.as_ref().map_or_else(ToString::to_string, rule_text),
            scan: scan.map(|scan| Scan {
                tags: scan.tag_count,
                at: scan.scan_time.as_ref().map(|time| time.0),
            }),
        });
        let facts = PolicyFacts {
            name: Name::new(&key.namespace, &key.name),
            repository: Name::new(&of.namespace, &of.name),
            is_suspended: policy.spec.suspend,
            ready: condition_of(conditions, api::keys::READY, &policy),
            latest: chosen.map(latest),
            previous: previous.map(latest),
            age: age(now, since),
            rule,
        };
        Self {
            labels: policy.metadata.labels.unwrap_or_default(),
            facts,
            wanted,
        }
    }
}

/// The rule as people name it, and the filter if there is one.
fn rule_text(policy: &Policy) -> String {
    match &policy.filter {
        None => policy.rule.to_string(),
        Some(filter) => format!("{} of {}", policy.rule, filter.pattern.source()),
    }
}
