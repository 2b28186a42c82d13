//! What decides about images: policies, their repositories, and the marked lines that inventories tell of.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use api::catalog::KnownPolicy;
use api::image_inventory::Inventory;
use api::marked_line::{MarkedLine, Place, Spot, behind, policy_of};
use api::{ImageInventory, ImagePolicy, ImageRepository};
use engine::admission::Marker;
use engine::catalog::{Catalog, Entry};
use engine::tie::Dependency;
use jiff::Timestamp;
use kube::core::DeserializeGuard;
use kube::runtime::watcher::Event;
use kube::{Resource, ResourceExt as _};

use crate::feed::table::Table;
use crate::resources::ObjectKey;

/// All that decides about images.
#[derive(Default)]
pub(super) struct Policies {
    policies: Table<Option<ImagePolicy>>,
    repositories: Table<Option<ImageRepository>>,
    inventories: Table<Vec<Line>>,
    known: BTreeMap<ObjectKey, KnownPolicy>,
    entries: BTreeMap<ObjectKey, Entry>,
    catalog: Catalog,
    lines: HashMap<String, Vec<Line>>,
    /// The names of the workloads whose lines changed.
    renewed: BTreeSet<String>,
    /// Whether anything was heard since the catalog was made.
    has_news: bool,
}

/// A marked line, and what it stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    place: Place,
    file: String,
    value: String,
    /// The policy; its namespace is that of the automation.
    policy: ObjectKey,
}

impl MarkedLine for Line {
    fn place(&self) -> &Place {
        &self.place
    }

    fn file(&self) -> &str {
        &self.file
    }

    fn value(&self) -> &str {
        &self.value
    }

    fn policy(&self) -> (&str, &str) {
        (&self.policy.namespace, &self.policy.name)
    }

    fn kept_in(&self) -> Option<&str> {
        Some(&self.policy.namespace)
    }
}

/// Whom a change concerns.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Concerned {
    /// Workloads whose standings depend on one of these.
    pub(super) dependencies: BTreeSet<Dependency>,
    /// Workloads of these names.
    pub(super) names: BTreeSet<String>,
}

impl Policies {
    /// Takes up what was heard of a policy.
    pub(super) fn policy(&mut self, event: Event<DeserializeGuard<ImagePolicy>>) {
        self.has_news = true;
        let first = !self.policies.is_known();
        let changes = self
            .policies
            .step(event, |policy| readable(policy).map(lean));
        for change in changes {
            self.know(&change.key, change.after.flatten());
        }
        if first && self.policies.is_known() {
            for (key, policy) in self.policies.objects().clone() {
                self.know(&key, policy);
            }
        }
    }

    fn know(&mut self, key: &ObjectKey, policy: Option<ImagePolicy>) {
        let before = self.known.remove(key);
        if let Some(policy) = policy {
            let known = KnownPolicy::new(policy, before.as_ref());
            self.known.insert(key.clone(), known);
        }
    }

    /// Takes up what was heard of a repository.
    pub(super) fn repository(&mut self, event: Event<DeserializeGuard<ImageRepository>>) {
        self.has_news = true;
        self.repositories.step(event, |repository| {
            let mut repository = lean(readable(repository)?);
            repository.status = None;
            Some(repository)
        });
    }

    /// Takes up what was heard of an inventory.
    pub(super) fn inventory(&mut self, event: Event<DeserializeGuard<ImageInventory>>) {
        self.has_news = true;
        let first = !self.inventories.is_known();
        let changes = self.inventories.step(event, |inventory| {
            readable(inventory).map(lines).unwrap_or_default()
        });
        let is_first = first && self.inventories.is_known();
        if changes.is_empty() && !is_first {
            return;
        }
        for change in changes {
            let (before, after) = (
                change.before.unwrap_or_default(),
                change.after.unwrap_or_default(),
            );
            let new = after.iter().filter(|line| !before.contains(line));
            let old = before.iter().filter(|line| !after.contains(line));
            let names = new.chain(old).filter_map(Line::workload);
            self.renewed.extend(names.map(str::to_owned));
        }
        self.lines.clear();
        for line in self.inventories.objects().values().flatten() {
            if let Some(name) = line.workload() {
                self.lines
                    .entry(name.to_owned())
                    .or_default()
                    .push(line.clone());
            }
        }
    }

    /// Whether all there is has been heard once.
    pub(super) fn are_known(&self) -> bool {
        self.policies.is_known() && self.repositories.is_known() && self.inventories.is_known()
    }

    /// Time goes by, and choices get old.
    pub(super) fn age(&mut self) {
        self.has_news = true;
    }

    /// Makes of what was heard what is asked, as it stands at `now`, and says whom that concerns.
    pub(super) fn renew(&mut self, now: Timestamp) -> Concerned {
        if !std::mem::take(&mut self.has_news) {
            return Concerned::default();
        }
        let entries: BTreeMap<ObjectKey, Entry> = self
            .known
            .iter()
            .map(|(key, known)| {
                let (namespace, name) = known.repository();
                let repository = self.repositories.get(&ObjectKey::new(namespace, name));
                let repository = repository.and_then(Option::as_ref);
                (key.clone(), known.entry(repository, now))
            })
            .collect();
        let mut dependencies = BTreeSet::new();
        for (key, entry) in &entries {
            let before = self.entries.get(key);
            if !before.is_some_and(|before| before.is_like(entry)) {
                let all = before.into_iter().chain([entry]);
                dependencies.extend(all.flat_map(|entry| entry.candidate.dependencies()));
            }
        }
        let gone = self
            .entries
            .iter()
            .filter(|(key, _)| !entries.contains_key(*key));
        dependencies.extend(gone.flat_map(|(_, entry)| entry.candidate.dependencies()));
        if !dependencies.is_empty() {
            self.catalog = Catalog::new(entries.values().cloned());
        }
        self.entries = entries;
        Concerned {
            dependencies,
            names: std::mem::take(&mut self.renewed),
        }
    }

    /// The policies.
    pub(super) fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The policy that a marker names for an image.
    pub(super) fn marker(&self, spot: &Spot<'_>) -> Option<Marker<'_>> {
        let lines = self.lines.get(spot.name)?;
        policy_of(&behind(lines, spot, None))
    }
}

impl Line {
    /// The name of the workload it stands on.
    fn workload(&self) -> Option<&str> {
        match &self.place {
            Place::Workload { name, .. } => Some(name),
            Place::Values => None,
        }
    }
}

/// The lines of an inventory that stand on workloads.
fn lines(inventory: ImageInventory) -> Vec<Line> {
    let namespace = inventory.namespace().unwrap_or_default();
    let Inventory { entries, .. } = inventory.spec;
    let lines = entries.into_iter().map(|entry| Line {
        place: Place::of(
            entry.api_version.as_deref(),
            entry.kind.as_deref(),
            entry.namespace,
            entry.name,
            entry.container,
        ),
        file: entry.file,
        value: entry.value,
        policy: ObjectKey::new(&namespace, entry.policy),
    });
    lines.filter(|line| line.workload().is_some()).collect()
}

/// An object that can be read; others log what cannot.
fn readable<K: Clone>(object: &DeserializeGuard<K>) -> Option<K> {
    object.0.as_ref().ok().cloned()
}

/// Takes off an object's metadata what nobody here reads.
fn lean<K: Resource>(mut object: K) -> K {
    let metadata = object.meta_mut();
    metadata.managed_fields = None;
    metadata.annotations = None;
    metadata.labels = None;
    metadata.owner_references = None;
    metadata.resource_version = None;
    object
}
