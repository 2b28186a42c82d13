//! Watching a kind: a cache that is kept current, what changed in it, and the reconciles that follow.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt::Debug;
use std::sync::Arc;

use api::keys::RECONCILE_REQUESTED_AT;
use futures::{Stream, StreamExt as _, stream};
use kube::core::{DeserializeGuard, NamespaceResourceScope};
use kube::runtime::controller::{self, Action, ReconcileRequest};
use kube::runtime::reflector::{ObjectRef, Store, store::Writer};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt as _, applier};
use kube::{Client, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument as _, warn};

use crate::chain::Chain;
use crate::cluster::Options;
use crate::process::Sync;
use crate::process::logs::reconcile_span;
use crate::resources::ObjectKey;

pub(crate) mod table;
#[cfg(test)]
mod tests;

/// What `kubectl apply` leaves on objects: a copy of them, of no use here.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// A kind of object that controllers watch.
pub trait Watched:
    Resource<Scope = NamespaceResourceScope, DynamicType = ()>
    + Clone
    + Debug
    + DeserializeOwned
    + Send
    + std::marker::Sync
    + 'static
{
}

impl<K> Watched for K where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + Debug
        + DeserializeOwned
        + Send
        + std::marker::Sync
        + 'static
{
}

/// Something that happened to an object.
#[derive(Debug)]
pub(crate) enum Change<K> {
    /// It is there, or it is another than it was.
    Applied {
        /// What was known of it.
        before: Option<Arc<K>>,
        /// What it is.
        now: Arc<K>,
    },
    /// It is gone.
    Gone(Arc<K>),
    /// Everything there is has been listed: what was not told of is not there.
    Listed,
}

/// Keeps a cache current by what a watch tells.
#[derive(Debug)]
pub struct Feed<K: Watched> {
    writer: Writer<K>,
    cache: Store<K>,
}

impl<K: Watched> Default for Feed<K> {
    fn default() -> Self {
        let writer = Writer::new(());
        let cache = writer.as_reader();
        Self { writer, cache }
    }
}

impl<K: Watched> Feed<K> {
    /// The cache that is kept current.
    pub(crate) fn cache(&self) -> Store<K> {
        self.cache.clone()
    }

    /// Watches the objects the options let us see, for ever. What the watch fails with is logged.
    pub(crate) fn changes(
        mut self,
        client: Client,
        options: &Options,
    ) -> impl Stream<Item = Change<K>> + Send + use<K> {
        let objects = options.watched::<DeserializeGuard<K>>(&client);
        let mut config = watcher::Config::default();
        if let Some(selector) = &options.label_selector {
            config = config.labels(selector);
        }
        let events = watcher::watcher(objects, config).default_backoff();
        events.flat_map(move |event| match event {
            Ok(event) => stream::iter(self.take(event)),
            Err(error) => {
                warn!(kind = %K::kind(&()), error = %Chain(&error), "watch failed and is begun anew");
                stream::iter(Vec::new())
            }
        })
    }

    /// Takes an event into the cache and returns what changed.
    fn take(&mut self, event: Event<DeserializeGuard<K>>) -> Vec<Change<K>> {
        match event {
            Event::Init => {
                self.writer.apply_watcher_event(&Event::Init);
                Vec::new()
            }
            Event::InitApply(object) => {
                if let Some(object) = readable(object) {
                    self.writer.apply_watcher_event(&Event::InitApply(object));
                }
                Vec::new()
            }
            Event::InitDone => self.listed(),
            Event::Apply(object) => {
                let Some(object) = readable(object) else {
                    return Vec::new();
                };
                let name = ObjectRef::from_obj(&object);
                let before = self.cache.get(&name);
                self.writer.apply_watcher_event(&Event::Apply(object));
                let now = self.cache.get(&name);
                now.map(|now| Change::Applied { before, now })
                    .into_iter()
                    .collect()
            }
            Event::Delete(object) => {
                let namespace = object.namespace().unwrap_or_default();
                let name = ObjectRef::new(&object.name_any()).within(&namespace);
                let Some(before) = self.cache.get(&name) else {
                    return Vec::new();
                };
                let gone = K::clone(&before);
                self.writer.apply_watcher_event(&Event::Delete(gone));
                vec![Change::Gone(before)]
            }
        }
    }

    /// Ends a listing: compares what there is with what there was.
    fn listed(&mut self) -> Vec<Change<K>> {
        let by_name = |objects: Vec<Arc<K>>| -> HashMap<ObjectRef<K>, Arc<K>> {
            let named = |object: Arc<K>| (ObjectRef::from_obj(&*object), object);
            objects.into_iter().map(named).collect()
        };
        let mut before = by_name(self.cache.state());
        self.writer.apply_watcher_event(&Event::InitDone);
        let now = by_name(self.cache.state());
        let applied: Vec<_> = now
            .into_iter()
            .map(|(name, now)| Change::Applied {
                before: before.remove(&name),
                now,
            })
            .collect();
        let gone = before.into_values().map(Change::Gone);
        let all = applied.into_iter().chain(gone);
        all.chain(std::iter::once(Change::Listed)).collect()
    }
}

/// Takes an object without what nobody reads. One that cannot be read is logged and passed over.
fn readable<K: Watched>(object: DeserializeGuard<K>) -> Option<K> {
    match object.0 {
        Ok(mut object) => {
            object.meta_mut().managed_fields = None;
            object.annotations_mut().remove(LAST_APPLIED);
            Some(object)
        }
        Err(error) => {
            warn!(
                kind = %K::kind(&()),
                namespace = error.metadata.namespace.as_deref().unwrap_or_default(),
                name = error.metadata.name.as_deref().unwrap_or_default(),
                error = %error.error,
                "object cannot be read and is not looked at"
            );
            None
        }
    }
}

/// Whether a change is one that a controller of the object has to look at.
///
/// It is when the object is new or another of the same name, when its spec or the request for a reconcile changed, and
/// when it is to be deleted. What is written to the status, by us among others, is not.
pub(crate) fn concerns<K: Watched>(before: Option<&K>, now: &K) -> bool {
    let request = |object: &K| object.annotations().get(RECONCILE_REQUESTED_AT).cloned();
    before.is_none_or(|before| {
        let (old, new) = (before.meta(), now.meta());
        old.uid != new.uid
            || old.generation != new.generation
            || old.deletion_timestamp.is_some() != new.deletion_timestamp.is_some()
            || request(before) != request(now)
    })
}

/// Namespace and name.
pub(crate) fn key_of<K: Watched>(object: &K) -> ObjectKey {
    ObjectKey::new(object.namespace().unwrap_or_default(), object.name_any())
}

/// How the queue names an object.
pub(crate) fn name_of<K: Watched>(key: &ObjectKey) -> ObjectRef<K> {
    ObjectRef::new(&key.name).within(&key.namespace)
}

/// A reconcile did not come to an end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReconcileError {
    /// The API server did not take what was to be written.
    #[error(transparent)]
    Api(#[from] kube::Error),
    /// The reconcile panicked.
    #[error("reconcile panicked")]
    Panicked,
}

/// Decides what becomes of an object.
pub(crate) trait Reconcile<K>: Send + std::marker::Sync + 'static {
    /// Does what is to be done about the object and says when to come back.
    fn reconcile(&self, object: Arc<K>)
    -> impl Future<Output = Result<Action, kube::Error>> + Send;

    /// Says when to come back to an object whose reconcile did not come to an end.
    fn failed(&self, object: &K) -> Action;
}

/// Reconciles what `triggers` name until `stop`; then what is under way ends, and nothing begins any more.
///
/// Readiness is told when the cache knows all objects.
/// No object is reconciled twice at a time, and at most `concurrent` are at all.
pub(crate) async fn drive<K: Watched, R: Reconcile<K>>(
    reconciler: Arc<R>,
    cache: Store<K>,
    concurrent: usize,
    triggers: impl Stream<Item = ObjectRef<K>> + Send,
    (synced, stop): (Sync, CancellationToken),
) {
    let known = cache.clone();
    let stopped = stop.clone();
    let syncing = async move {
        tokio::select! {
            ready = known.wait_until_ready() => if ready.is_ok() { synced.done() },
            () = stopped.cancelled() => {}
        }
    };
    let requests = triggers
        .map(|name| Ok::<ReconcileRequest<K>, Infallible>(name.into()))
        .take_until(stop.cancelled_owned());
    let config =
        controller::Config::default().concurrency(u16::try_from(concurrent).unwrap_or(u16::MAX));
    let ended = applier(
        |object: Arc<K>, reconciler: Arc<R>| {
            // A task of its own uses all cores, and a panic ends that task alone.
            let key = key_of(object.as_ref());
            let span = reconcile_span(&K::kind(&()), &key.namespace, &key.name);
            let work = async move { reconciler.reconcile(object).await };
            let task = tokio::spawn(work.instrument(span));
            let task = AbortOnDropHandle::new(task);
            Box::pin(async move {
                let outcome = task.await.map_err(|_| ReconcileError::Panicked)?;
                outcome.map_err(ReconcileError::from)
            })
        },
        |object: Arc<K>, error: &ReconcileError, reconciler: Arc<R>| {
            warn!(
                kind = %K::kind(&()), namespace = object.namespace(), name = object.name_any(),
                error = %Chain(error), "reconcile is tried again"
            );
            reconciler.failed(&object)
        },
        reconciler,
        cache,
        Box::pin(requests),
        config,
    );
    // Everything worth telling has been told; an object that went meanwhile is none.
    let ended = ended.for_each(|_| std::future::ready(()));
    tokio::join!(ended, syncing);
}
