//! All that is known, and which workloads something that was heard concerns.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use api::WorkloadKind;
use api::marked_line::Spot;
use engine::admission::keys::MODE;
use engine::admission::{Knowledge, Known, Mode, Namespace, Rules, Wishes, label, standings};
use engine::drift::Label;
use engine::tie::Dependency;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace as NamespaceObject;
use kube::ResourceExt as _;
use kube::core::PartialObjectMeta;
use kube::runtime::watcher::Event;

use super::kind::Kind;
use super::object::{Kept, Key, Marked};
use super::policies::{Concerned, Policies};
use super::watches::{News, Source};
use crate::feed::table::{Change, Table};
use crate::resources::ObjectKey;

/// All that is known.
pub(super) struct World {
    rules: Arc<Rules>,
    /// The namespaces that ask for marks.
    namespaces: Table<Arc<Wishes>>,
    policies: Policies,
    objects: BTreeMap<Kind, Table<Kept>>,
    family: Family,
    /// What could not be listed since the rights are missing.
    refused: HashSet<Source>,
    dependents: Dependents,
    /// The workloads that have to be looked at again.
    concerned: BTreeSet<Key>,
    /// Whether nothing was looked at since it began.
    is_new: bool,
}

/// A workload, as it was looked at.
#[derive(Clone, Debug)]
pub(super) struct Look {
    pub(super) uid: Arc<str>,
    pub(super) marked: Arc<Marked>,
    /// The label it should carry.
    pub(super) label: Label,
}

/// What a change of the namespaces means.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Moves {
    /// Namespaces that ask for marks, and did not before.
    pub(super) came: BTreeSet<String>,
    /// The workloads of those that no longer do, with their UIDs.
    pub(super) left: Vec<(Key, Arc<str>)>,
}

impl World {
    /// Knows nothing yet; marks are for what these rules say.
    pub(super) fn new(rules: Arc<Rules>) -> Self {
        Self {
            rules,
            namespaces: Table::default(),
            policies: Policies::default(),
            objects: BTreeMap::new(),
            family: Family::default(),
            refused: HashSet::new(),
            dependents: Dependents::default(),
            concerned: BTreeSet::new(),
            is_new: true,
        }
    }

    /// Forgets everything but the namespaces: all of it is going to be heard anew.
    pub(super) fn begin_anew(&mut self) {
        let namespaces = std::mem::take(&mut self.namespaces);
        *self = Self {
            namespaces,
            ..Self::new(Arc::clone(&self.rules))
        };
    }

    /// Takes up what was heard of a namespace.
    pub(super) fn namespace(&mut self, event: Event<PartialObjectMeta<NamespaceObject>>) -> Moves {
        let was_known = self.namespaces.is_known();
        let changes = self.namespaces.step(event, |namespace| {
            Arc::new(Wishes::new(namespace.labels().clone(), &BTreeMap::new()))
        });
        let mut moves = Moves::default();
        if !was_known && self.namespaces.is_known() {
            let all = self.namespaces.objects().iter();
            let asking = all.filter(|(key, wishes)| asks(&self.rules, &key.name, wishes));
            moves.came = asking.map(|(key, _)| key.name.clone()).collect();
        }
        for Change { key, before, after } in changes {
            let asked = |wishes: &Option<Arc<Wishes>>| {
                wishes
                    .as_ref()
                    .is_some_and(|wishes| asks(&self.rules, &key.name, wishes))
            };
            match (asked(&before), asked(&after)) {
                (false, true) => drop(moves.came.insert(key.name)),
                (true, false) => moves.left.extend(self.leave(&key.name)),
                (true, true) => self.concern_namespace(&key.name),
                (false, false) => {}
            }
        }
        moves
    }

    /// Whether any namespace asks for marks.
    pub(super) fn is_asked(&self) -> bool {
        let mut all = self.namespaces.objects().iter();
        all.any(|(key, wishes)| asks(&self.rules, &key.name, wishes))
    }

    /// Takes up what was heard of anything but namespaces.
    pub(super) fn take(&mut self, news: News) {
        match news {
            News::Policy(event) => self.policies.policy(event),
            News::Repository(event) => self.policies.repository(event),
            News::Inventory(event) => self.policies.inventory(event),
            News::Workload(kind, event) => self.object(kind, event),
            News::Refused(source) => drop(self.refused.insert(source)),
            News::Namespace(_) => {}
        }
    }

    /// Whether nothing was looked at yet since it began, or began anew.
    pub(super) fn is_new(&self) -> bool {
        self.is_new
    }

    /// Whether there is a workload of this name that is marked.
    pub(super) fn has(&self, key: &Key) -> bool {
        self.kept(key).is_some_and(|kept| kept.marked.is_some())
    }

    /// The workloads that have to be looked at again, as it stands at `now`.
    pub(super) fn concerned(&mut self, now: Timestamp) -> BTreeSet<Key> {
        self.is_new = false;
        let Concerned {
            dependencies,
            names,
        } = self.policies.renew(now);
        for dependency in &dependencies {
            self.concerned.extend(self.dependents.of(dependency));
        }
        if !names.is_empty() {
            let named = self.keys().filter(|key| names.contains(&key.object.name));
            let named: Vec<_> = named.collect();
            self.concerned.extend(named);
        }
        std::mem::take(&mut self.concerned)
    }

    /// Wants to have everything looked at again.
    pub(super) fn concern_all(&mut self) {
        self.policies.age();
        let all: Vec<_> = self.keys().collect();
        self.concerned.extend(all);
    }

    /// Looks at a workload; `None` if it is gone, or none that is marked.
    pub(super) fn look(&mut self, key: &Key) -> Option<Look> {
        let kept = self.kept(key).filter(|_| self.asks(&key.object.namespace));
        let Some((uid, marked)) = kept.and_then(|kept| {
            let marked = kept.marked.as_ref()?;
            Some((Arc::clone(&kept.uid), Arc::clone(marked)))
        }) else {
            self.dependents.forget(key);
            return None;
        };
        let (label, dependencies) = self.judge(key, &uid, &marked);
        self.dependents.set(key, dependencies);
        Some(Look { uid, marked, label })
    }

    fn judge(&self, key: &Key, uid: &str, marked: &Marked) -> (Label, Vec<Dependency>) {
        let namespace = ObjectKey::new("", &key.object.namespace);
        let wishes = self.namespaces.get(&namespace).map(Arc::as_ref);
        let known = Known {
            catalog: self.policies.catalog(),
            namespace: Namespace {
                name: &key.object.namespace,
                wishes,
                mode: wishes.map_or(Mode::Off, |wishes| wishes.mode),
            },
            knowledge: Knowledge::Fresh,
        };
        let kind = WorkloadKind::of(key.kind.api_version(), key.kind.as_str());
        marked.with(|workload| {
            let standings = standings(known, workload, |slot| {
                self.policies.marker(&Spot {
                    kind: kind?,
                    namespace: &key.object.namespace,
                    name: &key.object.name,
                    slot: *slot,
                })
            });
            let pods = self.pods(uid);
            let running = pods.flat_map(|pod| &pod.running);
            let running = running.map(|one| (one.written.slot(), one.digest.as_str()));
            let label = label(&standings, running);
            let dependencies = standings.into_iter().flat_map(|one| one.dependencies);
            (label, dependencies.collect())
        })
    }

    /// The pods of a workload.
    fn pods<'a>(&'a self, uid: &'a str) -> impl Iterator<Item = &'a Kept> {
        let itself = self.family.by_uid.get(uid);
        let children = self.family.children(uid);
        let below = children.flat_map(|child| {
            let uid = self.kept(child).map(|kept| &*kept.uid);
            uid.into_iter().flat_map(|uid| self.family.children(uid))
        });
        let all = itself
            .into_iter()
            .chain(self.family.children(uid))
            .chain(below);
        all.filter(|key| key.kind == Kind::Pod)
            .filter_map(|key| self.kept(key))
    }

    /// Whether all there is has been heard once, as far as the rights go.
    pub(super) fn is_whole(&self) -> bool {
        let is_known = |kind: Kind| {
            let table = self.objects.get(&kind);
            table.is_some_and(Table::is_known) || self.refused.contains(&Source::Workloads(kind))
        };
        self.namespaces.is_known()
            && self.policies.are_known()
            && Kind::ALL.into_iter().all(is_known)
    }

    fn asks(&self, namespace: &str) -> bool {
        let wishes = self.namespaces.get(&ObjectKey::new("", namespace));
        wishes.is_some_and(|wishes| asks(&self.rules, namespace, wishes))
    }

    /// Takes up what was heard of a workload, a pod, or what stands between them; those of other namespaces are dropped.
    fn object(&mut self, kind: Kind, event: Event<(ObjectKey, Kept)>) {
        let is_wanted = |(key, _): &(ObjectKey, Kept)| self.asks(&key.namespace);
        let event = match event {
            Event::InitApply(object) if !is_wanted(&object) => return,
            Event::Apply(object) if !is_wanted(&object) => Event::Delete(object),
            event => event,
        };
        let table = self.objects.entry(kind).or_default();
        let first = !table.is_known();
        let mut changes = table.take(event);
        if first && table.is_known() {
            let all = table.objects().iter();
            changes.extend(all.map(|(key, kept)| Change {
                key: key.clone(),
                before: None,
                after: Some(kept.clone()),
            }));
        }
        for Change { key, before, after } in changes {
            let key = Key { kind, object: key };
            if let Some(before) = before {
                self.concern_around(&key, &before);
                self.family.remove(&key, &before);
            }
            if let Some(after) = after {
                self.family.add(&key, &after);
                self.concern_around(&key, &after);
            } else {
                self.concerned.insert(key);
            }
        }
    }

    /// An object changed: itself has to be looked at, and the workload it belongs to.
    fn concern_around(&mut self, key: &Key, kept: &Kept) {
        if kept.marked.is_some() {
            self.concerned.insert(key.clone());
        }
        let mut owner = kept.owner.clone();
        // A pod belongs to a ReplicaSet or Job, and that to a Deployment or CronJob.
        for _ in 0..2 {
            let Some(above) = owner.and_then(|uid| self.family.by_uid.get(&uid)).cloned() else {
                return;
            };
            owner = self.kept(&above).and_then(|kept| kept.owner.clone());
            self.concerned.insert(above);
        }
    }

    fn concern_namespace(&mut self, namespace: &str) {
        let own: Vec<_> = self.keys_of(namespace).collect();
        self.concerned.extend(own);
    }

    /// Forgets the workloads of a namespace, and returns those that carry a mark.
    fn leave(&mut self, namespace: &str) -> Vec<(Key, Arc<str>)> {
        let keys: Vec<_> = self.keys_of(namespace).collect();
        let mut left = Vec::new();
        for key in keys {
            let Some(kept) = self.kept(&key).cloned() else {
                continue;
            };
            if kept
                .marked
                .as_ref()
                .is_some_and(|marked| marked.label().is_some())
            {
                left.push((key.clone(), Arc::clone(&kept.uid)));
            }
            self.family.remove(&key, &kept);
            self.dependents.forget(&key);
            let table = self.objects.entry(key.kind).or_default();
            table.take(Event::Delete((key.object.clone(), kept)));
            self.concerned.insert(key);
        }
        left
    }

    fn kept(&self, key: &Key) -> Option<&Kept> {
        self.objects.get(&key.kind)?.get(&key.object)
    }

    fn keys(&self) -> impl Iterator<Item = Key> {
        self.objects.iter().flat_map(|(kind, table)| {
            let marked = table
                .objects()
                .iter()
                .filter(|(_, kept)| kept.marked.is_some());
            marked.map(|(key, _)| Key {
                kind: *kind,
                object: key.clone(),
            })
        })
    }

    fn keys_of(&self, namespace: &str) -> impl Iterator<Item = Key> {
        self.objects.iter().flat_map(move |(kind, table)| {
            table.of_namespace(namespace).map(|(key, _)| Key {
                kind: *kind,
                object: key.clone(),
            })
        })
    }
}

/// Whether a namespace asks for marks. One whose mode cannot be read does not: the webhook is not called for it either.
fn asks(rules: &Rules, namespace: &str, wishes: &Wishes) -> bool {
    let mode = wishes.labels.get(MODE).map(|text| text.parse());
    matches!(mode, Some(Ok(Mode::Audit | Mode::Warn | Mode::Enforce)))
        && rules.marks(namespace, None)
}

/// Who is whose.
#[derive(Default)]
struct Family {
    by_uid: HashMap<Arc<str>, Key>,
    children: HashMap<Arc<str>, BTreeSet<Key>>,
}

impl Family {
    fn add(&mut self, key: &Key, kept: &Kept) {
        self.by_uid.insert(Arc::clone(&kept.uid), key.clone());
        if let Some(owner) = &kept.owner {
            let children = self.children.entry(Arc::clone(owner)).or_default();
            children.insert(key.clone());
        }
    }

    fn remove(&mut self, key: &Key, kept: &Kept) {
        self.by_uid.remove(&kept.uid);
        let Some(owner) = &kept.owner else { return };
        if let Some(children) = self.children.get_mut(owner) {
            children.remove(key);
            if children.is_empty() {
                self.children.remove(owner);
            }
        }
    }

    fn children(&self, uid: &str) -> impl Iterator<Item = &Key> {
        self.children.get(uid).into_iter().flatten()
    }
}

/// Which workloads depend on what.
#[derive(Default)]
struct Dependents {
    by_dependency: HashMap<Dependency, BTreeSet<Key>>,
    by_key: HashMap<Key, Vec<Dependency>>,
}

impl Dependents {
    fn set(&mut self, key: &Key, dependencies: Vec<Dependency>) {
        if self.by_key.get(key) == Some(&dependencies) {
            return;
        }
        self.forget(key);
        for dependency in &dependencies {
            let dependents = self.by_dependency.entry(dependency.clone()).or_default();
            dependents.insert(key.clone());
        }
        self.by_key.insert(key.clone(), dependencies);
    }

    fn forget(&mut self, key: &Key) {
        for dependency in self.by_key.remove(key).into_iter().flatten() {
            if let Some(dependents) = self.by_dependency.get_mut(&dependency) {
                dependents.remove(key);
                if dependents.is_empty() {
                    self.by_dependency.remove(&dependency);
                }
            }
        }
    }

    fn of(&self, dependency: &Dependency) -> impl Iterator<Item = Key> {
        let found = self.by_dependency.get(dependency);
        found.into_iter().flatten().cloned()
    }
}

#[cfg(test)]
mod tests;
