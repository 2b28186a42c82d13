//! The watches behind the marks.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use api::{ImageInventory, ImagePolicy, ImageRepository};
use engine::admission::Rules;
use engine::admission::keys::MODE;
use futures::stream::{self, BoxStream, StreamExt as _};
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{Namespace, Pod, PodTemplate, ReplicationController};
use kube::core::{DeserializeGuard, NamespaceResourceScope, PartialObjectMeta};
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use tokio::time::sleep;
use tracing::{info, warn};

use super::kind::Kind;
use super::object::Kept;
use super::seen::Seen;
use crate::chain::Chain;
use crate::cluster::Shared;
use crate::feed::table::map;
use crate::resources::ObjectKey;

/// How long a watch that failed waits before it goes on; doubled with every failure.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest it waits.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How long it waits where the rights are missing.
const WITHOUT_RIGHTS: Duration = Duration::from_secs(60);

/// Something that is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Source {
    Namespaces,
    Policies,
    Repositories,
    Inventories,
    Workloads(Kind),
}

/// Something that a watch tells.
pub(super) enum News {
    Namespace(Event<PartialObjectMeta<Namespace>>),
    Policy(Event<DeserializeGuard<ImagePolicy>>),
    Repository(Event<DeserializeGuard<ImageRepository>>),
    Inventory(Event<DeserializeGuard<ImageInventory>>),
    Workload(Kind, Event<(ObjectKey, Kept)>),
    /// The rights are missing.
    Refused(Source),
}

/// A stream that never ends.
pub(super) type Newsfeed = BoxStream<'static, News>;

/// The namespaces that ask for marks.
pub(super) fn namespaces(shared: &Shared, missing: &Missing) -> Newsfeed {
    let api = Api::<PartialObjectMeta<Namespace>>::all(shared.client.clone());
    let mut config =
        watcher::Config::default().labels(&format!("{MODE} in (audit, warn, enforce)"));
    if let Some(namespace) = &shared.options.watch_namespace {
        config = config.fields(&format!("metadata.name={namespace}"));
    }
    follow(api, config, (Source::Namespaces, missing), News::Namespace)
}

/// What decides about images, and the workloads. Objects of other namespaces come along and are dropped by whoever
/// listens.
pub(super) fn everything(shared: &Shared, missing: &Missing, rules: &Arc<Rules>) -> Newsfeed {
    let (options, client) = (&shared.options, &shared.client);
    let plain = watcher::Config::default;
    let (policies, repositories, inventories) = (
        (Source::Policies, missing),
        (Source::Repositories, missing),
        (Source::Inventories, missing),
    );
    let of = Workloads {
        shared,
        missing,
        rules,
    };
    stream::select_all([
        follow(options.watched(client), plain(), policies, News::Policy),
        follow(
            options.watched(client),
            plain(),
            repositories,
            News::Repository,
        ),
        follow(
            options.watched(client),
            plain(),
            inventories,
            News::Inventory,
        ),
        of.kind::<Deployment>(Kind::Deployment),
        of.kind::<StatefulSet>(Kind::StatefulSet),
        of.kind::<DaemonSet>(Kind::DaemonSet),
        of.kind::<ReplicaSet>(Kind::ReplicaSet),
        of.kind::<ReplicationController>(Kind::ReplicationController),
        of.kind::<CronJob>(Kind::CronJob),
        of.kind::<Job>(Kind::Job),
        of.kind::<PodTemplate>(Kind::PodTemplate),
        of.kind::<Pod>(Kind::Pod),
    ])
    .boxed()
}

struct Workloads<'a> {
    shared: &'a Shared,
    missing: &'a Missing,
    rules: &'a Arc<Rules>,
}

impl Workloads<'_> {
    fn kind<K>(&self, kind: Kind) -> Newsfeed
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + 'static,
    {
        let options = &self.shared.options;
        let api = options.watched::<Seen<K>>(&self.shared.client);
        let mut config = watcher::Config::default();
        if let Some(selector) = &options.label_selector {
            config = config.labels(selector);
        }
        let rules = Arc::clone(self.rules);
        let keep = move |object: Seen<K>| {
            let namespace = object.namespace().unwrap_or_default();
            let key = ObjectKey::new(namespace, object.name_any());
            (key, Kept::of(&object, &rules))
        };
        let source = (Source::Workloads(kind), self.missing);
        follow(api, config, source, move |event| {
            News::Workload(kind, map(event, &keep))
        })
    }
}

/// A watch under way.
struct Following<K> {
    events: BoxStream<'static, watcher::Result<Event<K>>>,
    /// How long it waits before it goes on.
    pause: Option<Duration>,
    /// How long it will wait after the next failure.
    wait: Duration,
}

/// Whose rights are missing, which has been said. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Missing(Arc<Mutex<BTreeSet<Source>>>);

impl Missing {
    /// Whether it is not known yet that these rights are missing. It is from now on.
    pub(super) fn is_news(&self, source: Source) -> bool {
        self.sources().insert(source)
    }

    fn sources(&self) -> MutexGuard<'_, BTreeSet<Source>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What happens to the objects of a kind, for ever.
fn follow<K>(
    api: Api<K>,
    config: watcher::Config,
    (source, missing): (Source, &Missing),
    news: impl Fn(Event<K>) -> News + Send + 'static,
) -> Newsfeed
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let begin = Following {
        events: watcher(api, config).boxed(),
        pause: None,
        wait: FIRST_WAIT,
    };
    let missing = missing.clone();
    let told = stream::unfold(
        (begin, missing),
        move |(mut following, missing)| async move {
            if let Some(pause) = following.pause.take() {
                sleep(pause).await;
            }
            let told = match following.events.next().await? {
                Ok(event) => {
                    // The first word of a list says no more than that it is asked for.
                    if !matches!(event, Event::Init) {
                        following.wait = FIRST_WAIT;
                        missing.sources().remove(&source);
                    }
                    Ok(event)
                }
                Err(error) if is_refused(&error) => {
                    following.pause = Some(WITHOUT_RIGHTS);
                    if missing.is_news(source) {
                        tell_missing::<K>(source);
                    }
                    Err(Some(source))
                }
                Err(error) => {
                    let kind = K::kind(&());
                    warn!(%kind, error = %Chain(&error), "watch failed and is begun anew");
                    following.pause = Some(following.wait);
                    following.wait = (following.wait * 2).min(LONGEST_WAIT);
                    Err(None)
                }
            };
            Some((told, (following, missing)))
        },
    );
    let told = told.filter_map(move |told| {
        std::future::ready(match told {
            Ok(event) => Some(news(event)),
            Err(refused) => refused.map(News::Refused),
        })
    });
    told.boxed()
}

fn is_refused(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => status.code == 403,
        _ => false,
    }
}

fn tell_missing<K: Resource<DynamicType = ()>>(source: Source) {
    let (group, resource) = (K::group(&()), K::plural(&()));
    let rights = "list and watch";
    match source {
        // Who does not use the webhook has no use for marks either.
        Source::Namespaces => info!(
            %group, %resource, rights,
            "drift is not marked without these rights, which come with the webhook"
        ),
        _ => warn!(
            %group, %resource, rights,
            "workloads are not marked as long as these rights are missing"
        ),
    }
}
