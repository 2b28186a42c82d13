//! What a policy and its repository come to in the engine's catalog.

use std::sync::Arc;
use std::time::Duration;

use engine::catalog::Entry;
use engine::change::LatestRef;
use engine::drift::Readiness;
use engine::image::Repository;
use engine::policy::Policy;
use engine::tie::Candidate;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt as _;

use crate::condition;
use crate::keys::READY;
use crate::policy::ImageRef;
use crate::{ImagePolicy, ImageRepository};

/// How long the choice of a policy that fails can be relied on: a registry may be away for a night.
pub const RELIANCE: Duration = Duration::from_secs(24 * 60 * 60);

/// A policy, and what its spec comes to.
#[derive(Clone, Debug)]
pub struct KnownPolicy {
    policy: ImagePolicy,
    rule: Option<Arc<Policy>>,
}

impl KnownPolicy {
    /// Reads a policy; a rule is compiled only if it is another one than before.
    pub fn new(policy: ImagePolicy, before: Option<&Self>) -> Self {
        let same = before.filter(|before| before.policy.spec == policy.spec);
        let rule = match same {
            Some(before) => before.rule.clone(),
            None => Policy::try_from(&policy.spec).ok().map(Arc::new),
        };
        Self { policy, rule }
    }

    /// Namespace and name of the ImageRepository that it names.
    pub fn repository(&self) -> (String, String) {
        let own = self
            .policy
            .metadata
            .namespace
            .as_deref()
            .unwrap_or_default();
        let reference = &self.policy.spec.image_repository_ref;
        (
            reference.namespace_or(own).to_owned(),
            reference.name.clone(),
        )
    }

    /// Makes its entry, as it stands at `now`; `repository` is the one that it names, if that is there.
    pub fn entry(&self, repository: Option<&ImageRepository>, now: Timestamp) -> Entry {
        entry(&self.policy, repository, self.rule.clone(), now)
    }
}

/// Makes the entry of a policy, as it stands at `now`; `repository` is the one that it names, if that is there.
///
/// `rule` is what the policy's spec comes to, which whoever calls this again and again keeps.
pub fn entry(
    policy: &ImagePolicy,
    repository: Option<&ImageRepository>,
    rule: Option<Arc<Policy>>,
    now: Timestamp,
) -> Entry {
    let status = policy.status.as_ref();
    let access = repository.and_then(|repository| repository.spec.access_from.as_ref());
    let selectors = access.map(|access| access.namespace_selectors.as_slice());
    let grants = selectors.unwrap_or_default().iter();
    Entry {
        candidate: Candidate {
            namespace: policy.namespace().unwrap_or_default(),
            name: policy.name_any(),
            repository: repository
                .and_then(|repository| Repository::parse(&repository.spec.image).ok()),
            grants: grants
                .map(|selector| selector.match_labels.clone())
                .collect(),
        },
        rule,
        latest: status.and_then(|status| latest(status.latest_ref.as_ref())),
        previous: status.and_then(|status| latest(status.observed_previous_ref.as_ref())),
        readiness: readiness(policy, now),
    }
}

fn latest(reference: Option<&ImageRef>) -> Option<LatestRef> {
    let ImageRef { name, tag, digest } = reference?.clone();
    Some(LatestRef { name, tag, digest })
}

/// A choice stands while nothing newer can be known, for a while.
fn readiness(policy: &ImagePolicy, now: Timestamp) -> Readiness {
    let conditions = policy.status.as_ref().map(|status| &status.conditions);
    let ready = conditions.and_then(|conditions| condition::find(conditions, READY));
    let Some(failing) = ready.filter(|ready| ready.status == "False") else {
        return Readiness::Ready;
    };
    let age = now.duration_since(failing.last_transition_time.0);
    match age.unsigned_abs() <= RELIANCE {
        true => Readiness::Ready,
        false => Readiness::NotReady,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy(ready: &str) -> ImagePolicy {
        let object = json!({
            "apiVersion": "image.toolkit.fluxcd.io/v1",
            "kind": "ImagePolicy",
            "metadata": { "namespace": "apps", "name": "web" },
            "spec": { "imageRepositoryRef": { "name": "web" }, "policy": { "semver": { "range": "1.x" } } },
            "status": {
                "latestRef": { "name": "ghcr.io/acme/web", "tag": "1.9.0", "digest": "sha256:a" },
                "observedPreviousRef": { "name": "ghcr.io/acme/web", "tag": "1.8.0" },
                "conditions": [{ "type": "Ready", "status": ready, "reason": "a", "message": "",
                                 "lastTransitionTime": "2026-11-25T12:00:00Z" }],
            },
        });
        serde_json::from_value(object).unwrap()
    }

    fn repository(image: &str) -> ImageRepository {
        let object = json!({
            "apiVersion": "image.toolkit.fluxcd.io/v1",
            "kind": "ImageRepository",
            "metadata": { "namespace": "apps", "name": "web" },
            "spec": { "image": image, "interval": "1m",
                      "accessFrom": { "namespaceSelectors": [{ "matchLabels": { "team": "a" } }, {}] } },
        });
        serde_json::from_value(object).unwrap()
    }

    fn at(time: &str) -> Timestamp {
        time.parse().unwrap()
    }

    #[test]
    fn a_policy_and_its_repository_make_an_entry() {
        let repository = repository("ghcr.io/acme/web");
        let entry = entry(
            &policy("True"),
            Some(&repository),
            None,
            at("2026-11-25T12:00:00Z"),
        );
        let candidate = entry.candidate;
        assert_eq!((&*candidate.namespace, &*candidate.name), ("apps", "web"));
        assert_eq!(
            candidate.repository,
            Repository::parse("ghcr.io/acme/web").ok()
        );
        assert_eq!(candidate.grants.len(), 2);
        assert_eq!(candidate.grants[0]["team"], "a");
        let latest = entry.latest.unwrap();
        assert_eq!(latest.to_string(), "ghcr.io/acme/web:1.9.0@sha256:a");
        assert_eq!(entry.previous.unwrap().tag, "1.8.0");
    }

    #[test]
    fn without_a_repository_that_can_be_read_it_is_not_known() {
        let now = at("2026-11-25T12:00:00Z");
        let broken = repository("ghcr.io/acme/web:1");
        for repository in [None, Some(&broken)] {
            let entry = entry(&policy("True"), repository, None, now);
            assert_eq!(entry.candidate.repository, None);
        }
    }

    #[test]
    fn a_rule_is_compiled_once() {
        let policy = |range: &str| -> ImagePolicy {
            let mut policy = policy("True");
            let semver = policy.spec.policy.semver.as_mut().unwrap();
            range.clone_into(&mut semver.range);
            policy
        };
        let first = KnownPolicy::new(policy("1.x"), None);
        let same = KnownPolicy::new(policy("1.x"), Some(&first));
        let rule = |known: &KnownPolicy| known.rule.clone().unwrap();
        assert!(Arc::ptr_eq(&rule(&first), &rule(&same)));
        let other = KnownPolicy::new(policy("2.x"), Some(&first));
        assert!(!Arc::ptr_eq(&rule(&first), &rule(&other)));
        let broken = KnownPolicy::new(policy("latest"), Some(&first));
        assert!(broken.rule.is_none());
        assert_eq!(first.repository(), ("apps".to_owned(), "web".to_owned()));
    }

    #[test]
    fn what_was_chosen_stands_for_a_day_of_failures() {
        let readiness =
            |ready: &str, now: &str| entry(&policy(ready), None, None, at(now)).readiness;
        for (ready, now, expected) in [
            ("True", "2027-11-25T12:00:00Z", Readiness::Ready),
            ("Unknown", "2027-11-25T12:00:00Z", Readiness::Ready),
            ("False", "2026-11-26T12:00:00Z", Readiness::Ready),
            ("False", "2026-11-26T12:00:01Z", Readiness::NotReady),
            // A clock that is behind makes nothing old.
            ("False", "2026-11-25T11:59:00Z", Readiness::Ready),
        ] {
            assert_eq!(readiness(ready, now), expected, "{ready} {now}");
        }
    }
}
