//! What is known of policies and namespaces, kept current by watches.
//!
//! One task hears the watches and publishes a [`Snapshot`] that is never changed; a request takes the newest one and
//! asks nobody.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use api::catalog::KnownPolicy;
use arc_swap::{ArcSwapOption, Guard};
use engine::admission::{Knowledge, Wishes};
use engine::catalog::Catalog;
use k8s_openapi::jiff::Timestamp;

mod listing;
mod watch;

pub use watch::watch;

/// How long nothing may be heard before the absence of a policy says nothing.
pub const STALE_AFTER: Duration = Duration::from_secs(5 * 60);

/// Namespace and name of an object; the namespace is empty for namespaces themselves.
pub type Key = (String, String);

/// What was known at some moment.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// The policies.
    pub catalog: Catalog,
    /// What each namespace asks for.
    pub namespaces: BTreeMap<String, Arc<Wishes>>,
    /// The ImageRepositories that are there, by namespace and name.
    pub repositories: BTreeMap<Key, Arc<Access>>,
}

/// Who may use an ImageRepository: the labels that namespaces must carry, one of the sets in full.
pub type Access = Vec<BTreeMap<String, String>>;

/// A kind that is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watched {
    /// Namespaces.
    Namespaces,
    /// ImagePolicies.
    Policies,
    /// ImageRepositories.
    Repositories,
}

impl Watched {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Namespaces, Self::Policies, Self::Repositories];

    /// The kind.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Namespaces => "Namespace",
            Self::Policies => "ImagePolicy",
            Self::Repositories => "ImageRepository",
        }
    }
}

/// The newest snapshot, shared by all requests. Clones share it.
#[derive(Clone, Debug)]
pub struct Policies(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    newest: ArcSwapOption<Snapshot>,
    begin: Instant,
    /// For each watch the millisecond since the beginning at which it was lost; 0 while it is not.
    lost: [AtomicU64; Watched::ALL.len()],
}

impl Default for Policies {
    fn default() -> Self {
        Self(Arc::new(Shared {
            newest: ArcSwapOption::empty(),
            begin: Instant::now(),
            lost: [const { AtomicU64::new(0) }; Watched::ALL.len()],
        }))
    }
}

impl Policies {
    /// The newest snapshot; `None` until everything has been listed once.
    pub fn newest(&self) -> Guard<Option<Arc<Snapshot>>> {
        self.0.newest.load()
    }

    /// Publishes a snapshot.
    pub fn publish(&self, snapshot: Snapshot) {
        self.0.newest.store(Some(Arc::new(snapshot)));
    }

    /// How far the absence of something in the newest snapshot can be believed.
    pub fn knowledge(&self, now: Instant) -> Knowledge {
        match self.age(now) <= STALE_AFTER {
            true => Knowledge::Fresh,
            false => Knowledge::Stale,
        }
    }

    /// How long ago the newest snapshot was known to be all there is.
    pub fn age(&self, now: Instant) -> Duration {
        let lost = Watched::ALL.map(|watched| self.lost_for(watched, now));
        lost.into_iter().flatten().max().unwrap_or_default()
    }

    /// How long a watch has been lost; `None` while it is heard.
    pub fn lost_for(&self, watched: Watched, now: Instant) -> Option<Duration> {
        match self.0.lost[watched as usize].load(Ordering::Relaxed) {
            0 => None,
            since => {
                let elapsed = now.saturating_duration_since(self.0.begin);
                Some(elapsed.saturating_sub(Duration::from_millis(since)))
            }
        }
    }

    /// A watch was heard.
    pub fn heard(&self, watched: Watched) {
        self.0.lost[watched as usize].store(0, Ordering::Relaxed);
    }

    /// A watch is lost since `now`, if it was not before.
    pub fn lost(&self, watched: Watched, now: Instant) {
        let elapsed = now.saturating_duration_since(self.0.begin).as_millis();
        let elapsed = u64::try_from(elapsed).unwrap_or(u64::MAX).max(1);
        let lost = &self.0.lost[watched as usize];
        // It stays lost since the first time.
        let _ = lost.compare_exchange(0, elapsed, Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// The entries of the catalog, as they stand at `now`.
fn catalog(
    policies: &BTreeMap<Key, KnownPolicy>,
    repositories: &BTreeMap<Key, api::ImageRepository>,
    now: Timestamp,
) -> Catalog {
    Catalog::new(policies.values().map(|known| {
        let repository = repositories.get(&known.repository());
        known.entry(repository, now)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_known_before_the_first_snapshot() {
        let policies = Policies::default();
        assert!(policies.newest().is_none());
        policies.publish(Snapshot::default());
        assert!(policies.clone().newest().is_some(), "clones share it");
    }

    #[test]
    fn a_watch_that_is_lost_too_long_makes_absence_worthless() {
        let policies = Policies::default();
        let begin = Instant::now();
        assert_eq!(policies.age(begin + STALE_AFTER * 2), Duration::ZERO);
        policies.lost(Watched::Policies, begin);
        policies.lost(Watched::Policies, begin + STALE_AFTER);
        let later = begin + STALE_AFTER + Duration::from_secs(1);
        assert_eq!(
            policies.knowledge(begin + STALE_AFTER / 2),
            Knowledge::Fresh
        );
        assert_eq!(policies.knowledge(later), Knowledge::Stale);
        assert!(policies.lost_for(Watched::Policies, later).is_some());
        assert_eq!(policies.lost_for(Watched::Namespaces, later), None);
        policies.heard(Watched::Policies);
        assert_eq!(policies.knowledge(later), Knowledge::Fresh);
    }
}
