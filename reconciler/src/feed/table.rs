//! A table of watched objects that tells what changed, also across a new beginning of the watch.

use std::collections::BTreeMap;

use kube::ResourceExt;
use kube::runtime::watcher::Event;

use crate::resources::ObjectKey;

/// What is seen of each object.
#[derive(Debug)]
pub(crate) struct Table<V> {
    objects: BTreeMap<ObjectKey, V>,
    /// The objects listed so far while the watch begins anew.
    listed: BTreeMap<ObjectKey, V>,
    known: bool,
}

impl<V> Default for Table<V> {
    fn default() -> Self {
        Self {
            objects: BTreeMap::new(),
            listed: BTreeMap::new(),
            known: false,
        }
    }
}

/// A change of what is seen of an object.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Change<V> {
    pub(crate) key: ObjectKey,
    pub(crate) before: Option<V>,
    pub(crate) after: Option<V>,
}

impl<V: Clone + PartialEq> Table<V> {
    /// Whether all objects have been listed once.
    pub(crate) fn is_known(&self) -> bool {
        self.known
    }

    pub(crate) fn get(&self, key: &ObjectKey) -> Option<&V> {
        self.objects.get(key)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &V> {
        self.objects.values()
    }

    pub(crate) fn of_namespace(&self, namespace: &str) -> impl Iterator<Item = (&ObjectKey, &V)> {
        let from = ObjectKey::new(namespace, "");
        let namespace = namespace.to_owned();
        self.objects
            .range(from..)
            .take_while(move |(key, _)| key.namespace == namespace)
    }

    /// What is seen of all objects, by name.
    pub(crate) fn objects(&self) -> &BTreeMap<ObjectKey, V> {
        &self.objects
    }

    /// Takes an event in; the first list of all objects changes nothing for anybody.
    pub(crate) fn step<K: ResourceExt>(
        &mut self,
        event: Event<K>,
        see: impl Fn(&K) -> V,
    ) -> Vec<Change<V>> {
        self.take(map(event, |object| {
            let namespace = object.namespace().unwrap_or_default();
            (ObjectKey::new(namespace, object.name_any()), see(&object))
        }))
    }

    /// The same for an event that tells of each object no more than its name and what is seen of it.
    pub(crate) fn take(&mut self, event: Event<(ObjectKey, V)>) -> Vec<Change<V>> {
        match event {
            Event::Apply((key, after)) => {
                let before = self.objects.insert(key.clone(), after.clone());
                changed(key, before, Some(after)).into_iter().collect()
            }
            Event::Delete((key, _)) => {
                let before = self.objects.remove(&key);
                changed(key, before, None).into_iter().collect()
            }
            Event::Init => {
                self.listed.clear();
                Vec::new()
            }
            Event::InitApply((key, object)) => {
                self.listed.insert(key, object);
                Vec::new()
            }
            Event::InitDone => {
                let after = std::mem::take(&mut self.listed);
                let mut before = std::mem::replace(&mut self.objects, after);
                if !std::mem::replace(&mut self.known, true) {
                    return Vec::new();
                }
                let mut changes: Vec<Change<V>> = self
                    .objects
                    .iter()
                    .filter_map(|(key, after)| {
                        changed(key.clone(), before.remove(key), Some(after.clone()))
                    })
                    .collect();
                changes.extend(
                    before
                        .into_iter()
                        .filter_map(|(key, gone)| changed(key, Some(gone), None)),
                );
                changes
            }
        }
    }
}

/// The same event, with something else for the object.
pub(crate) fn map<K, T>(event: Event<K>, make: impl FnOnce(K) -> T) -> Event<T> {
    match event {
        Event::Init => Event::Init,
        Event::InitDone => Event::InitDone,
        Event::InitApply(object) => Event::InitApply(make(object)),
        Event::Apply(object) => Event::Apply(make(object)),
        Event::Delete(object) => Event::Delete(make(object)),
    }
}

fn changed<V: PartialEq>(key: ObjectKey, before: Option<V>, after: Option<V>) -> Option<Change<V>> {
    (before != after).then_some(Change { key, before, after })
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;

    use super::*;

    fn object(name: &str, value: &str) -> ConfigMap {
        let mut object = ConfigMap::default();
        object.metadata.namespace = Some("ns".into());
        object.metadata.name = Some(name.into());
        object.data = Some([("value".to_owned(), value.to_owned())].into());
        object
    }

    fn step(table: &mut Table<String>, event: Event<ConfigMap>) -> Vec<String> {
        let see = |object: &ConfigMap| object.data.as_ref().unwrap()["value"].clone();
        let changes = table.step(event, see).into_iter();
        changes
            .map(|change| {
                let text = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
                format!(
                    "{} {}>{}",
                    change.key.name,
                    text(change.before),
                    text(change.after)
                )
            })
            .collect()
    }

    #[test]
    fn changes_are_told_but_not_what_is_there_at_first() {
        let mut table = Table::default();
        let none: [&str; 0] = [];
        assert_eq!(step(&mut table, Event::Init), none);
        assert_eq!(step(&mut table, Event::InitApply(object("a", "1"))), none);
        assert!(!table.is_known());
        assert_eq!(step(&mut table, Event::InitDone), none);
        assert!(table.is_known());
        assert_eq!(step(&mut table, Event::Apply(object("a", "1"))), none);
        assert_eq!(step(&mut table, Event::Apply(object("a", "2"))), ["a 1>2"]);
        assert_eq!(step(&mut table, Event::Apply(object("b", "1"))), ["b ->1"]);
        assert_eq!(step(&mut table, Event::Delete(object("b", "1"))), ["b 1>-"]);
    }

    #[test]
    fn what_happened_while_the_watch_was_gone_is_told_too() {
        let mut table = Table::default();
        for event in [
            Event::Init,
            Event::InitApply(object("same", "1")),
            Event::InitApply(object("gone", "1")),
            Event::InitApply(object("other", "1")),
            Event::InitDone,
            Event::Init,
            Event::InitApply(object("same", "1")),
            Event::InitApply(object("other", "2")),
            Event::InitApply(object("new", "1")),
        ] {
            assert_eq!(step(&mut table, event), [""; 0]);
        }
        let changes = step(&mut table, Event::InitDone);
        assert_eq!(changes, ["new ->1", "other 1>2", "gone 1>-"]);
    }

    #[test]
    fn namespaces_are_apart() {
        let mut table = Table::default();
        step(&mut table, Event::Apply(object("a", "1")));
        let mut other = object("b", "2");
        other.metadata.namespace = Some("ns2".into());
        step(&mut table, Event::Apply(other));
        let names: Vec<_> = table
            .of_namespace("ns")
            .map(|(key, _)| &*key.name)
            .collect();
        assert_eq!(names, ["a"]);
    }
}
