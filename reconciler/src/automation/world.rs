//! What automations depend on, watched: policies and Git repositories, and whom a change of them concerns.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use api::automation::ImageUpdateAutomation;
use api::git_repository::GitRepository;
use api::policy::ImagePolicy;
use futures::StreamExt as _;
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use kube::api::Api;
use kube::core::{DeserializeGuard, Selector, SelectorExt as _};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Client, Resource as _, ResourceExt as _};
use tokio::sync::watch;

use super::Guarded;
use super::policies::{Followed, PolicySeen, followed, parse_selector};
use crate::chain::Chain;
use crate::cluster::Shared;
use crate::feed::table::{Change, Table};
use crate::resources::ObjectKey;

/// The policies and Git repositories there are.
pub(super) struct World {
    policies: RwLock<Table<PolicySeen>>,
    repositories: RwLock<Table<RepositorySeen>>,
    /// How many of the two are known.
    known: watch::Sender<usize>,
    wake: UnboundedSender<ObjectRef<Guarded>>,
}

/// A Git repository; its annotations and status are nobody's business here.
#[derive(Clone, Debug)]
struct RepositorySeen {
    generation: Option<i64>,
    object: Option<Arc<GitRepository>>,
}

impl PartialEq for RepositorySeen {
    fn eq(&self, other: &Self) -> bool {
        self.generation == other.generation
    }
}

impl World {
    /// Makes one that knows nothing, and the stream of automations its changes concern.
    pub(super) fn new() -> (Self, UnboundedReceiver<ObjectRef<Guarded>>) {
        let (wake, woken) = unbounded();
        let world = Self {
            policies: RwLock::default(),
            repositories: RwLock::default(),
            known: watch::Sender::new(0),
            wake,
        };
        (world, woken)
    }

    /// Waits until all objects have been seen once.
    pub(super) async fn known(&self) {
        // The sender lives as long as this, so waiting cannot fail.
        let _ = self.known.subscribe().wait_for(|known| *known == 2).await;
    }

    /// Watches; never ends by itself.
    pub(super) async fn follow(&self, shared: &Shared, automations: &Store<Guarded>) {
        let client = &shared.client;
        let options = &shared.options;
        let policies = async {
            let api = options.watched::<DeserializeGuard<ImagePolicy>>(client);
            let mut events = watcher(api, watcher::Config::default())
                .default_backoff()
                .boxed();
            while let Some(event) = events.next().await {
                match event {
                    Ok(event) => self.see_policies(event, automations),
                    Err(error) => tell("ImagePolicy", &error),
                }
            }
        };
        let repositories = async {
            // A source of another namespace is asked for when it is needed.
            let api = options.watched::<DeserializeGuard<GitRepository>>(client);
            let mut events = watcher(api, watcher::Config::default())
                .default_backoff()
                .boxed();
            while let Some(event) = events.next().await {
                match event {
                    Ok(event) => self.see_repositories(event, automations),
                    Err(error) => tell("GitRepository", &error),
                }
            }
        };
        tokio::join!(policies, repositories);
    }

    fn see_policies(
        &self,
        event: watcher::Event<DeserializeGuard<ImagePolicy>>,
        automations: &Store<Guarded>,
    ) {
        let changes = {
            let mut table = self
                .policies
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            let first = !table.is_known();
            let changes = table.step(event, see_policy);
            self.note_known(first && table.is_known());
            changes
        };
        for change in changes {
            for automation in automations.state() {
                let concerned = automation.0.as_ref().is_ok_and(|automation| {
                    automation.namespace().as_deref() == Some(&change.key.namespace)
                        && policy_concerns(automation, &change)
                });
                if concerned {
                    self.wake(&automation);
                }
            }
        }
    }

    fn see_repositories(
        &self,
        event: watcher::Event<DeserializeGuard<GitRepository>>,
        automations: &Store<Guarded>,
    ) {
        let changes = {
            let mut table = self
                .repositories
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            let first = !table.is_known();
            let changes = table.step(event, see_repository);
            self.note_known(first && table.is_known());
            changes
        };
        for change in changes.iter().filter(|change| change.after.is_some()) {
            for automation in automations.state() {
                let source = automation.0.as_ref().ok().map(source_of);
                if source.as_ref() == Some(&change.key) {
                    self.wake(&automation);
                }
            }
        }
    }

    fn note_known(&self, is_new: bool) {
        if is_new {
            self.known.send_modify(|known| *known += 1);
        }
    }

    fn wake(&self, automation: &Guarded) {
        // The controller has ended if nobody listens.
        let _ = self.wake.unbounded_send(ObjectRef::from_obj(automation));
    }

    /// Returns what an automation of `namespace` sees of the policies there.
    pub(super) fn followed(&self, namespace: &str, selector: &Selector) -> Followed {
        let table = self.policies.read().unwrap_or_else(PoisonError::into_inner);
        let policies = table.of_namespace(namespace);
        followed(
            namespace,
            selector,
            policies.map(|(key, seen)| (key.name.as_str(), seen)),
        )
    }

    /// Returns the generation of a Git repository.
    pub(super) fn repository_generation(&self, key: &ObjectKey) -> Option<i64> {
        let table = self
            .repositories
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        table.get(key)?.generation
    }

    /// Returns a Git repository. One that is not known yet, as when it was made just now, is asked for.
    ///
    /// # Errors
    ///
    /// When the API server cannot be asked.
    pub(super) async fn repository(
        &self,
        client: &Client,
        key: &ObjectKey,
    ) -> Result<Option<Arc<GitRepository>>, kube::Error> {
        let seen = {
            let table = self
                .repositories
                .read()
                .unwrap_or_else(PoisonError::into_inner);
            table.get(key).and_then(|seen| seen.object.clone())
        };
        if seen.is_some() {
            return Ok(seen);
        }
        let api = Api::<GitRepository>::namespaced(client.clone(), &key.namespace);
        Ok(api.get_opt(&key.name).await?.map(Arc::new))
    }

    /// Returns a Git repository, if it is known already.
    pub(super) fn known_repository(&self, key: &ObjectKey) -> Option<Arc<GitRepository>> {
        let table = self
            .repositories
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        table.get(key).and_then(|seen| seen.object.clone())
    }

    /// Returns all Git repositories.
    pub(super) fn repositories(&self) -> Vec<Arc<GitRepository>> {
        let table = self
            .repositories
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        table.all().filter_map(|seen| seen.object.clone()).collect()
    }
}

fn tell(kind: &str, error: &watcher::Error) {
    tracing::warn!(kind, error = %Chain(error), "cannot watch, trying again");
}

fn see_policy(policy: &DeserializeGuard<ImagePolicy>) -> PolicySeen {
    let labels: Option<&BTreeMap<String, String>> = policy.meta().labels.as_ref();
    let status = policy
        .0
        .as_ref()
        .ok()
        .and_then(|policy| policy.status.as_ref());
    PolicySeen {
        labels: labels.cloned().unwrap_or_default(),
        latest: status.and_then(|status| status.latest_ref.clone()),
    }
}

fn see_repository(repository: &DeserializeGuard<GitRepository>) -> RepositorySeen {
    RepositorySeen {
        generation: repository.meta().generation,
        object: repository.0.as_ref().ok().cloned().map(Arc::new),
    }
}

/// The source an automation names.
pub(super) fn source_of(automation: &ImageUpdateAutomation) -> ObjectKey {
    let source = &automation.spec.source_ref;
    let own = automation.namespace().unwrap_or_default();
    ObjectKey::new(source.namespace_or(&own), &source.name)
}

/// Whether an automation sees another image after a policy changed.
fn policy_concerns(automation: &ImageUpdateAutomation, change: &Change<PolicySeen>) -> bool {
    let Ok(selector) = parse_selector(automation.spec.policy_selector.as_ref()) else {
        return false;
    };
    let seen = |policy: &Option<PolicySeen>| {
        let policy = policy.as_ref()?;
        let selected = selector.matches(&policy.labels);
        policy.latest.clone().filter(|_| selected)
    };
    seen(&change.before) != seen(&change.after)
}

#[cfg(test)]
mod tests {
    use api::policy::ImageRef;
    use serde_json::json;

    use super::*;

    fn automation(selector: serde_json::Value) -> ImageUpdateAutomation {
        serde_json::from_value(json!({
            "apiVersion": "image.toolkit.fluxcd.io/v1",
            "kind": "ImageUpdateAutomation",
            "metadata": { "name": "all", "namespace": "apps" },
            "spec": {
                "interval": "1h",
                "sourceRef": { "kind": "GitRepository", "name": "source" },
                "policySelector": selector,
            },
        }))
        .unwrap()
    }

    fn seen(team: &str, tag: Option<&str>) -> Option<PolicySeen> {
        Some(PolicySeen {
            labels: [("team".to_owned(), team.to_owned())].into(),
            latest: tag.map(|tag| ImageRef {
                name: "app".into(),
                tag: tag.into(),
                digest: None,
            }),
        })
    }

    #[test]
    fn policies_wake_automations_that_see_another_image() {
        let all = automation(serde_json::Value::Null);
        let only_a = automation(json!({ "matchLabels": { "team": "a" } }));
        let broken =
            automation(json!({ "matchExpressions": [{ "key": "a", "operator": "Near" }] }));
        let change = |before, after| Change {
            key: ObjectKey::new("apps", "app"),
            before,
            after,
        };
        let newer = change(seen("b", Some("1")), seen("b", Some("2")));
        assert!(policy_concerns(&all, &newer));
        assert!(!policy_concerns(&only_a, &newer));
        assert!(!policy_concerns(&broken, &newer));
        let relabelled = change(seen("b", Some("1")), seen("a", Some("1")));
        assert!(!policy_concerns(&all, &relabelled));
        assert!(policy_concerns(&only_a, &relabelled));
        assert!(
            policy_concerns(&all, &change(seen("a", Some("1")), None)),
            "deleted"
        );
        assert!(
            policy_concerns(&all, &change(None, seen("a", Some("1")))),
            "created"
        );
        assert!(
            !policy_concerns(&all, &change(None, seen("a", None))),
            "no image yet"
        );
    }

    #[test]
    fn a_source_without_a_namespace_is_in_that_of_the_automation() {
        let mut automation = automation(serde_json::Value::Null);
        assert_eq!(source_of(&automation), ObjectKey::new("apps", "source"));
        automation.spec.source_ref.namespace = Some("flux-system".into());
        assert_eq!(
            source_of(&automation),
            ObjectKey::new("flux-system", "source")
        );
    }
}
