//! The watches behind the snapshots.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant};

use api::catalog::KnownPolicy;
use api::keys::READY;
use api::{ImagePolicy, ImageRepository};
use engine::admission::Wishes;
use futures::stream::{self, BoxStream, StreamExt as _};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::jiff::Timestamp;
use kube::core::DeserializeGuard;
use kube::core::ObjectMeta;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use tokio::task::block_in_place;
use tokio::time::{Instant as Deadline, MissedTickBehavior, interval, sleep, sleep_until};
use tracing::{info, warn};

use super::listing::Listing;
use super::{Policies, Snapshot, Watched, catalog};
use crate::chain::Chain;

/// How long the API server keeps a watch open, in seconds. A connection that is dead without a word is found a little
/// later, well before what is known counts as stale.
const WATCH_TIMEOUT: u32 = 60;
/// How long a watch that failed waits before it is begun anew; doubled with every failure.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest it waits.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// How often choices are looked at again, since one that cannot be renewed gets old.
const AGEING: Duration = Duration::from_secs(60);
/// How many events are taken up before the next snapshot, if so many wait.
const AT_ONCE: usize = 512;
/// How many times longer than a snapshot took to make the next one waits, so that many policies that change all the time
/// cost no more than a small share of a processor. The first change after a quiet time waits for nothing.
const REST: u32 = 30;
/// The longest it waits.
const LONGEST_REST: Duration = Duration::from_secs(1);

/// Something that a watch tells.
enum News {
    Namespace(Event<DeserializeGuard<Namespace>>),
    Policy(Event<DeserializeGuard<ImagePolicy>>),
    Repository(Event<DeserializeGuard<ImageRepository>>),
    /// The watch failed; it is begun anew.
    Lost(Watched),
}

impl News {
    fn watched(&self) -> Watched {
        match self {
            Self::Namespace(_) => Watched::Namespaces,
            Self::Policy(_) => Watched::Policies,
            Self::Repository(_) => Watched::Repositories,
            Self::Lost(watched) => *watched,
        }
    }

    /// Whether it shows that the API server answers.
    fn is_heard(&self) -> bool {
        match self {
            Self::Namespace(event) => !matches!(event, Event::Init),
            Self::Policy(event) => !matches!(event, Event::Init),
            Self::Repository(event) => !matches!(event, Event::Init),
            Self::Lost(_) => false,
        }
    }
}

/// All objects that are known.
#[derive(Default)]
struct World {
    namespaces: Listing<Arc<Wishes>>,
    policies: Listing<KnownPolicy>,
    repositories: Listing<ImageRepository>,
}

/// Keeps the newest snapshot current, for ever.
pub async fn watch(client: Client, policies: Policies) {
    let all = [
        events(client.clone(), Watched::Namespaces, News::Namespace),
        events(client.clone(), Watched::Policies, News::Policy),
        events(client, Watched::Repositories, News::Repository),
    ];
    let mut news = stream::select_all(all).ready_chunks(AT_ONCE);
    let mut world = World::default();
    let mut ageing = interval(AGEING);
    ageing.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // Whether the snapshot is older than what is known, and when the next one may be made.
    let (mut is_old, mut next) = (false, Deadline::now());
    loop {
        tokio::select! {
            Some(news) = news.next() => {
                for news in news {
                    match news {
                        News::Lost(watched) => policies.lost(watched, Instant::now()),
                        // Asking for a list is not hearing one.
                        _ if news.is_heard() => policies.heard(news.watched()),
                        _ => {}
                    }
                    is_old |= world.take(news);
                }
            }
            _ = ageing.tick() => is_old = true,
            () = sleep_until(next), if is_old && world.is_listed() => {
                // Thousands of policies take milliseconds, in which others are answered.
                let rest = block_in_place(|| publish(&world, &policies));
                next = Deadline::now() + rest;
                is_old = false;
            }
        }
    }
}

/// Publishes what is known, and returns how long that stands at least.
fn publish(world: &World, policies: &Policies) -> Duration {
    let began = Instant::now();
    let is_first = policies.newest().is_none();
    policies.publish(world.snapshot(Timestamp::now()));
    if is_first {
        info!(
            policies = world.policies.objects().len(),
            "policies are known"
        );
    }
    (began.elapsed() * REST).min(LONGEST_REST)
}

impl World {
    fn is_listed(&self) -> bool {
        self.namespaces.is_listed() && self.policies.is_listed() && self.repositories.is_listed()
    }

    fn take(&mut self, news: News) -> bool {
        match news {
            News::Namespace(event) => self.namespaces.apply(event, |object, _| {
                let metadata = readable(object)?.metadata;
                let labels = metadata.labels.unwrap_or_default();
                let annotations = metadata.annotations.unwrap_or_default();
                Some(Arc::new(Wishes::new(labels, &annotations)))
            }),
            News::Policy(event) => self.policies.apply(event, |object, before| {
                Some(KnownPolicy::new(lean_policy(readable(object)?), before))
            }),
            News::Repository(event) => {
                let keep = |object: DeserializeGuard<ImageRepository>, _: Option<&_>| {
                    let mut repository = lean(readable(object)?);
                    repository.status = None;
                    Some(repository)
                };
                self.repositories.apply(event, keep)
            }
            News::Lost(_) => false,
        }
    }

    fn snapshot(&self, now: Timestamp) -> Snapshot {
        let namespaces = self.namespaces.objects().iter();
        let repositories = self.repositories.objects();
        Snapshot {
            catalog: catalog(self.policies.objects(), repositories, now),
            namespaces: namespaces
                .map(|((_, name), wishes)| (name.clone(), Arc::clone(wishes)))
                .collect(),
            repositories: repositories
                .iter()
                .map(|(key, repository)| {
                    let access = repository.spec.access_from.as_ref();
                    let selectors = access.map(|access| access.namespace_selectors.as_slice());
                    let selectors = selectors.unwrap_or_default().iter();
                    let labels = selectors.map(|selector| selector.match_labels.clone());
                    (key.clone(), Arc::new(labels.collect()))
                })
                .collect(),
        }
    }
}

/// Takes off an object's metadata what nobody here reads.
fn lean<K: Resource>(mut object: K) -> K {
    let metadata = object.meta_mut();
    *metadata = ObjectMeta {
        name: metadata.name.take(),
        namespace: metadata.namespace.take(),
        ..ObjectMeta::default()
    };
    object
}

/// Takes off a policy what nobody here reads: of its conditions only [`READY`] counts, and not what it says.
fn lean_policy(policy: ImagePolicy) -> ImagePolicy {
    let mut policy = lean(policy);
    if let Some(status) = &mut policy.status {
        status
            .conditions
            .retain(|condition| condition.type_ == READY);
        status.conditions.shrink_to_fit();
        for condition in &mut status.conditions {
            condition.message = String::new();
            condition.reason = String::new();
        }
    }
    policy
}

/// Takes an object that can be read; one that cannot is logged.
fn readable<K: Resource<DynamicType = ()>>(object: DeserializeGuard<K>) -> Option<K> {
    object
        .0
        .inspect_err(|error| {
            warn!(
                kind = %K::kind(&()),
                namespace = error.metadata.namespace.as_deref().unwrap_or_default(),
                name = error.metadata.name.as_deref().unwrap_or_default(),
                error = %error.error,
                "object cannot be read and is not looked at"
            );
        })
        .ok()
}

/// What happens to the objects of a kind, for ever. After a failure all are listed anew, so that it shows at once when
/// they can be heard again.
fn events<K>(
    client: Client,
    watched: Watched,
    news: fn(Event<DeserializeGuard<K>>) -> News,
) -> BoxStream<'static, News>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let api: Api<DeserializeGuard<K>> = Api::all(client);
    let begin = move || {
        let config = watcher::Config::default().timeout(WATCH_TIMEOUT);
        watcher(api.clone(), config).boxed()
    };
    let state = (begin(), FIRST_WAIT);
    let events = stream::unfold(state, move |(mut events, wait)| {
        let begin = begin.clone();
        async move {
            let failed = match events.next().await {
                Some(Ok(event)) => {
                    // The first word of a list says no more than that it was asked for.
                    let wait = match event {
                        Event::Init => wait,
                        _ => FIRST_WAIT,
                    };
                    return Some((news(event), (events, wait)));
                }
                Some(Err(error)) => Chain(&error).to_string(),
                None => "it ended".to_owned(),
            };
            warn!(
                kind = watched.kind(),
                error = failed,
                "watch failed and is begun anew"
            );
            let next = (wait * 2).min(LONGEST_WAIT);
            Some((News::Lost(watched), (waiting(wait, begin()), next)))
        }
    });
    events.boxed()
}

/// The same events, after a while.
fn waiting<T: Send + 'static>(
    wait: Duration,
    events: BoxStream<'static, T>,
) -> BoxStream<'static, T> {
    let begin = async move {
        sleep(wait).await;
        events
    };
    stream::once(begin).flatten().boxed()
}
