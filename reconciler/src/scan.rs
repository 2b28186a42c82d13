//! The controller of `ImageRepository`: lists tags when they are due, keeps them, and tells.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use api::ImageRepository;
use api::repository::ImageRepositoryStatus;
use futures::{Stream, StreamExt as _, stream};
use kube::ResourceExt as _;
use kube::runtime::controller::Action;
use kube::runtime::reflector::{ObjectRef, Store};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::chain::Chain;
use crate::cloud::CloudLogins;
use crate::cluster::{Memory, Shared};
use crate::feed::{self, Change, Feed, Reconcile};
use crate::process::Sync;
use crate::resources::ObjectKey;
use crate::store::{Mailbox, TagStore};

mod listings;
mod outcome;
mod reconcile;
mod registries;
#[cfg(test)]
mod tests;

pub(crate) use outcome::is_gated;
pub use registries::{ConnectError, Connection, Registries};
pub(crate) use registries::{Purpose, Warnings};

use listings::Listings;

/// The name under which events are reported; alerts match on it.
pub const CONTROLLER: &str = "image-reflector-controller";

/// How often what is no longer needed is let go, and what was stored is made durable.
const HOUSEKEEPING: Duration = Duration::from_secs(15);

/// What is known of image repositories: the controllers of repositories and of policies share it.
pub struct Repositories {
    /// Their tags.
    pub tags: TagStore,
    /// The way to their registries.
    pub registries: Registries,
    /// The objects.
    pub(crate) cache: Store<ImageRepository>,
    /// Those whose tags a policy waits for although no scan is due.
    pub(crate) wanted: Mailbox,
    /// Those whose policies have to look again.
    pub(crate) changed: Mailbox,
}

impl Repositories {
    /// Opens the tag store where the options say, and prepares the cache that [`run`] keeps current by the feed.
    #[must_use]
    pub fn new(shared: &Shared, logins: CloudLogins) -> (Arc<Self>, Feed<ImageRepository>) {
        let feed = Feed::default();
        let repositories = Self {
            tags: TagStore::open(&shared.options.storage_path),
            registries: Registries::new(shared, logins),
            cache: feed.cache(),
            wanted: Mailbox::default(),
            changed: Mailbox::default(),
        };
        (Arc::new(repositories), feed)
    }
}

/// Scans image repositories until the token of `ending` stops it; the other part is told when all objects are known.
pub async fn run(
    shared: Arc<Shared>,
    repositories: Arc<Repositories>,
    feed: Feed<ImageRepository>,
    ending: (Sync, CancellationToken),
) {
    let scanner = Arc::new(Scanner::new(Arc::clone(&shared), Arc::clone(&repositories)));
    let cache = feed.cache();
    let changes = feed.changes(shared.client.clone(), &shared.options);
    let triggers = stream::select(
        triggers(Arc::clone(&scanner), changes),
        asked_for(Arc::clone(&scanner)),
    );
    let concurrent = shared.options.concurrent;
    let driven = feed::drive(Arc::clone(&scanner), cache, concurrent, triggers, ending);
    tokio::select! {
        () = driven => {}
        () = keep_house(&scanner) => {}
    }
    if let Err(error) = repositories.tags.flush() {
        warn!(error = %Chain(&error), "the last tags were not kept");
    }
}

/// Names repositories that changed, and tells the policies' controller of those that matter to it.
fn triggers(
    scanner: Arc<Scanner>,
    changes: impl Stream<Item = Change<ImageRepository>> + Send,
) -> impl Stream<Item = ObjectRef<ImageRepository>> + Send {
    let mut listing = Listing::First;
    changes.filter_map(move |change| {
        let name = match change {
            Change::Applied { before, now } => {
                scanner.memory.caught_up(&*now);
                if listing == Listing::Done && outcome::matters(before.as_deref(), &now) {
                    let key = feed::key_of(&*now);
                    scanner.repositories.changed.put(key);
                }
                let concerned = feed::concerns(before.as_deref(), &*now);
                concerned.then(|| {
                    scanner.note_trigger(&now);
                    ObjectRef::from_obj(&*now)
                })
            }
            Change::Gone(object) => {
                scanner.forget(&object);
                scanner.repositories.changed.put(feed::key_of(&*object));
                None
            }
            Change::Listed => {
                listing = Listing::Done;
                scanner.forget_all_but_cached();
                None
            }
        };
        std::future::ready(name)
    })
}

/// Whether the objects that were there at the start have been told of: their policies look by themselves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Listing {
    First,
    Done,
}

/// Names repositories whose tags a policy waits for.
fn asked_for(scanner: Arc<Scanner>) -> impl Stream<Item = ObjectRef<ImageRepository>> + Send {
    stream::unfold(scanner, |scanner| async move {
        let key = scanner.repositories.wanted.take().await;
        let name = feed::name_of(&key);
        lock(&scanner.missed).insert(key);
        Some((name, scanner))
    })
    .boxed()
}

async fn keep_house(scanner: &Scanner) {
    let mut ticks = tokio::time::interval(HOUSEKEEPING);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        scanner.listings.prune();
        scanner.count_tags();
        scanner.repositories.registries.prune();
        if let Err(error) = scanner.repositories.tags.flush() {
            warn!(error = %Chain(&error), "tags are not durable yet");
        }
    }
}

/// The state of the controller.
struct Scanner {
    shared: Arc<Shared>,
    repositories: Arc<Repositories>,
    memory: Memory<ImageRepositoryStatus>,
    listings: Listings,
    started: SystemTime,
    /// When a change of an object that has not been reconciled since was seen, by UID.
    triggered: Mutex<HashMap<String, SystemTime>>,
    /// Repositories whose tags a policy waits for.
    missed: Mutex<HashSet<ObjectKey>>,
    /// What the last listing of each object was, by UID.
    seen: Mutex<HashMap<String, listings::Seen>>,
}

impl Scanner {
    fn new(shared: Arc<Shared>, repositories: Arc<Repositories>) -> Self {
        let options = &shared.options;
        let memory = Memory::new(options.min_retry_delay, options.max_retry_delay);
        Self {
            shared,
            repositories,
            memory,
            listings: Listings::default(),
            started: SystemTime::now(),
            triggered: Mutex::default(),
            missed: Mutex::default(),
            seen: Mutex::default(),
        }
    }

    fn note_trigger(&self, object: &ImageRepository) {
        let uid = object.uid().unwrap_or_default();
        lock(&self.triggered).insert(uid, SystemTime::now());
    }

    /// Forgets an object that is gone or going.
    fn forget(&self, object: &ImageRepository) {
        let uid = object.uid().unwrap_or_default();
        self.memory.forget(&uid);
        let key = feed::key_of(object);
        let metrics = &self.shared.metrics;
        metrics.forget("ImageRepository", &key.namespace, &key.name);
        lock(&self.triggered).remove(&uid);
        lock(&self.seen).remove(&uid);
        lock(&self.missed).remove(&key);
        if let Err(error) = self.repositories.tags.remove(&uid) {
            warn!(error = %Chain(&error), "tags of an object that is gone are kept");
        }
    }

    /// Counts the tags of all scans.
    fn count_tags(&self) {
        let objects = self.repositories.cache.state();
        let results = objects
            .iter()
            .filter_map(|object| object.status.as_ref()?.last_scan_result.as_ref());
        let tags = results.map(|result| u64::try_from(result.tag_count).unwrap_or_default());
        self.shared.metrics.tags_stored(tags.sum());
    }

    /// Forgets the tags of objects that went while nobody watched.
    fn forget_all_but_cached(&self) {
        let cached = self.repositories.cache.state();
        let uids: HashSet<String> = cached.iter().filter_map(|object| object.uid()).collect();
        if let Err(error) = self.repositories.tags.retain(&uids) {
            warn!(error = %Chain(&error), "tags of objects that are gone are kept");
        }
    }
}

impl Reconcile<ImageRepository> for Scanner {
    async fn reconcile(&self, object: Arc<ImageRepository>) -> Result<Action, kube::Error> {
        self.scan_when_due(&object).await
    }

    fn failed(&self, object: &ImageRepository) -> Action {
        Action::requeue(self.memory.failed(&object.uid().unwrap_or_default()))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
