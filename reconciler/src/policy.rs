//! The controller of `ImagePolicy`: chooses among stored tags whenever something it depends on changes, and tells.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use api::policy::ImagePolicyStatus;
use api::{ImagePolicy, ImageRepository};
use futures::{Stream, StreamExt as _, stream};
use kube::ResourceExt as _;
use kube::runtime::controller::Action;
use kube::runtime::reflector::{ObjectRef, Store};
use tokio_util::sync::CancellationToken;

use crate::cluster::{Memory, Shared};
use crate::feed::{self, Change, Feed, Reconcile};
use crate::process::Sync;
use crate::resources::ObjectKey;
use crate::scan::Repositories;

mod access;
mod decision;
mod reconcile;
#[cfg(test)]
mod tests;

/// Evaluates policies until the token of `ending` stops it; the other part is told when all objects are known.
///
/// The repositories they refer to are watched by [`crate::scan::run`].
pub async fn run(
    shared: Arc<Shared>,
    repositories: Arc<Repositories>,
    ending: (Sync, CancellationToken),
) {
    // A repository that has not been listed yet is not one that does not exist.
    tokio::select! {
        ready = repositories.cache.wait_until_ready() => if ready.is_err() { return },
        () = ending.1.cancelled() => return,
    }
    let feed = Feed::<ImagePolicy>::default();
    let cache = feed.cache();
    let evaluator = Arc::new(Evaluator::new(Arc::clone(&shared), repositories));
    let changes = feed.changes(shared.client.clone(), &shared.options);
    let triggers = stream::select(
        triggers(Arc::clone(&evaluator), changes),
        dependents(Arc::clone(&evaluator), cache.clone()),
    );
    let concurrent = shared.options.concurrent;
    feed::drive(evaluator, cache, concurrent, triggers, ending).await;
}

/// Names policies that changed themselves.
fn triggers(
    evaluator: Arc<Evaluator>,
    changes: impl Stream<Item = Change<ImagePolicy>> + Send,
) -> impl Stream<Item = ObjectRef<ImagePolicy>> + Send {
    changes.filter_map(move |change| {
        let name = match change {
            Change::Applied { before, now } => {
                evaluator.memory.caught_up(&*now);
                feed::concerns(before.as_deref(), &*now).then(|| ObjectRef::from_obj(&*now))
            }
            Change::Gone(object) => {
                evaluator.forget(&object);
                None
            }
            Change::Listed => None,
        };
        std::future::ready(name)
    })
}

/// Names the policies of repositories that changed.
fn dependents(
    evaluator: Arc<Evaluator>,
    cache: Store<ImagePolicy>,
) -> impl Stream<Item = ObjectRef<ImagePolicy>> + Send {
    let changed = stream::unfold(evaluator, |evaluator| async move {
        let key = evaluator.repositories.changed.take().await;
        Some((key, evaluator))
    });
    let named = changed.flat_map(move |key| {
        let policies = cache.state_filter(|policy| refers_to(policy, &key));
        let names: Vec<_> = policies
            .iter()
            .map(|policy| ObjectRef::from_obj(&**policy))
            .collect();
        stream::iter(names)
    });
    named.boxed()
}

/// The namespace and name of the repository a policy refers to.
fn repository_of(policy: &ImagePolicy) -> ObjectKey {
    let reference = &policy.spec.image_repository_ref;
    let own = policy.namespace().unwrap_or_default();
    ObjectKey::new(reference.namespace_or(&own), &reference.name)
}

fn refers_to(policy: &ImagePolicy, repository: &ObjectKey) -> bool {
    policy.spec.image_repository_ref.name == repository.name && repository_of(policy) == *repository
}

/// The state of the controller.
struct Evaluator {
    shared: Arc<Shared>,
    repositories: Arc<Repositories>,
    memory: Memory<ImagePolicyStatus>,
    /// Since when a policy waits for tags that are about to come, by UID.
    waiting: Mutex<HashMap<String, Instant>>,
}

impl Evaluator {
    fn new(shared: Arc<Shared>, repositories: Arc<Repositories>) -> Self {
        let options = &shared.options;
        let memory = Memory::new(options.min_retry_delay, options.max_retry_delay);
        Self {
            shared,
            repositories,
            memory,
            waiting: Mutex::default(),
        }
    }

    fn forget(&self, object: &ImagePolicy) {
        let uid = object.uid().unwrap_or_default();
        self.memory.forget(&uid);
        let key = feed::key_of(object);
        let metrics = &self.shared.metrics;
        metrics.forget("ImagePolicy", &key.namespace, &key.name);
        self.waiting().remove(&uid);
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The repository of that name, as far as it is known.
    fn repository(&self, key: &ObjectKey) -> Option<Arc<ImageRepository>> {
        let found = self.repositories.cache.get(&feed::name_of(key));
        found.filter(|object| object.metadata.deletion_timestamp.is_none())
    }
}

impl Reconcile<ImagePolicy> for Evaluator {
    async fn reconcile(&self, object: Arc<ImagePolicy>) -> Result<Action, kube::Error> {
        self.evaluate(&object).await
    }

    fn failed(&self, object: &ImagePolicy) -> Action {
        Action::requeue(self.memory.failed(&object.uid().unwrap_or_default()))
    }
}
