//! The objects of a kind, as a watch tells of them.

use std::collections::BTreeMap;

use kube::ResourceExt;
use kube::runtime::watcher::Event;

use super::Key;

/// The objects of a kind. While they are listed anew the old ones stand, so that nobody sees half a list.
#[derive(Debug)]
pub(super) struct Listing<T> {
    current: BTreeMap<Key, T>,
    next: Option<BTreeMap<Key, T>>,
    is_listed: bool,
}

impl<T> Default for Listing<T> {
    fn default() -> Self {
        Self {
            current: BTreeMap::new(),
            next: None,
            is_listed: false,
        }
    }
}

impl<T> Listing<T> {
    /// The objects.
    pub(super) fn objects(&self) -> &BTreeMap<Key, T> {
        &self.current
    }

    /// Whether all objects have been listed once.
    pub(super) fn is_listed(&self) -> bool {
        self.is_listed
    }

    /// Takes up what a watch tells; `read` makes of an object what is kept, given what was kept of it before, and
    /// `None` of one that cannot be read. Returns whether anything may be another than before.
    pub(super) fn apply<K: ResourceExt>(
        &mut self,
        event: Event<K>,
        read: impl FnOnce(K, Option<&T>) -> Option<T>,
    ) -> bool {
        match event {
            Event::Init => {
                self.next = Some(BTreeMap::new());
                false
            }
            Event::InitApply(object) => {
                let key = key_of(&object);
                if let Some(kept) = read(object, self.current.get(&key)) {
                    self.next.get_or_insert_default().insert(key, kept);
                }
                false
            }
            Event::InitDone => {
                self.current = self.next.take().unwrap_or_default();
                self.is_listed = true;
                true
            }
            Event::Apply(object) => {
                let key = key_of(&object);
                match read(object, self.current.get(&key)) {
                    Some(kept) => self.current.insert(key, kept),
                    None => self.current.remove(&key),
                };
                true
            }
            Event::Delete(object) => self.current.remove(&key_of(&object)).is_some(),
        }
    }
}

fn key_of<K: ResourceExt>(object: &K) -> Key {
    (object.namespace().unwrap_or_default(), object.name_any())
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Namespace;

    use super::*;

    fn namespace(name: &str) -> Namespace {
        let mut namespace = Namespace::default();
        namespace.metadata.name = Some(name.to_owned());
        namespace
    }

    fn names(listing: &Listing<u32>) -> Vec<&str> {
        let keys = listing.objects().keys();
        keys.map(|(_, name)| name.as_str()).collect()
    }

    #[test]
    fn a_list_counts_once_it_is_whole() {
        let mut listing = Listing::default();
        let mut apply = |event| {
            let changed = listing.apply(event, |_, before: Option<&u32>| {
                Some(before.copied().unwrap_or_default() + 1)
            });
            let listed = listing.is_listed();
            let names: Vec<_> = names(&listing).into_iter().map(str::to_owned).collect();
            (changed, listed, names.join(" "))
        };
        assert_eq!(apply(Event::Init), (false, false, String::new()));
        assert_eq!(
            apply(Event::InitApply(namespace("a"))),
            (false, false, String::new())
        );
        assert_eq!(apply(Event::InitDone), (true, true, "a".to_owned()));
        assert_eq!(
            apply(Event::Apply(namespace("b"))),
            (true, true, "a b".to_owned())
        );
        assert_eq!(
            apply(Event::Delete(namespace("c"))),
            (false, true, "a b".to_owned())
        );
        assert_eq!(apply(Event::Init), (false, true, "a b".to_owned()));
        apply(Event::InitApply(namespace("b")));
        assert_eq!(apply(Event::InitDone), (true, true, "b".to_owned()));
        assert_eq!(
            listing.objects().values().copied().collect::<Vec<_>>(),
            [2],
            "what was kept is handed on"
        );
    }

    #[test]
    fn an_object_that_cannot_be_read_any_more_is_gone() {
        let mut listing = Listing::default();
        listing.apply(Event::Apply(namespace("a")), |_, _| Some(1));
        assert!(listing.apply(Event::Apply(namespace("a")), |_, _| None));
        assert!(names(&listing).is_empty());
    }
}
