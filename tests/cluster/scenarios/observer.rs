//! What happens in the namespaces of scenarios: one watch for each kind, shared by all plays.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use kube::Api;
use kube::core::DynamicObject;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, watcher};
use serde_json::Value;
use tokio::task::JoinHandle;

use super::cluster::Cluster;
use super::objects::{ObjectName, RECORDED, resource};

/// The latest state of all recorded objects, and all events.
pub(crate) struct Observer {
    shared: Arc<Shared>,
    watches: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    seen: Mutex<Seen>,
    more: Condvar,
}

/// What was seen so far.
#[derive(Default)]
pub(crate) struct Seen {
    objects: BTreeMap<ObjectName, Value>,
    events: Vec<Value>,
    /// Versions of events that were counted: a watch that starts again shows what it showed before.
    versions: BTreeSet<(String, String)>,
    changes: BTreeMap<String, Instant>,
}

impl Observer {
    /// Begins to watch the three kinds and events, in all namespaces.
    pub(crate) fn start(cluster: &Cluster) -> Self {
        let shared = Arc::new(Shared::default());
        let kinds = RECORDED.into_iter().chain(["Event"]);
        let watches = kinds.map(|kind| {
            let resource = resource(kind);
            let api = Api::<DynamicObject>::all_with(cluster.client.clone(), &resource);
            let shared = Arc::clone(&shared);
            cluster.runtime.spawn(async move {
                let stream = watcher(api, watcher::Config::default()).default_backoff();
                let mut stream = std::pin::pin!(stream);
                while let Some(news) = stream.next().await {
                    // The watch begins again by itself; a step that sees nothing fails in time.
                    if let Ok(news) = news {
                        shared.take(kind, news);
                    }
                }
            })
        });
        Self {
            watches: watches.collect(),
            shared,
        }
    }

    /// Waits until `quiet` has passed without a change in the namespaces and `over` holds.
    ///
    /// # Errors
    ///
    /// If that does not come about within `limit`.
    pub(crate) fn wait(
        &self,
        namespaces: &[String],
        quiet: Duration,
        limit: Duration,
        over: impl Fn(&Seen) -> bool,
    ) -> Result<(), Late> {
        let start = Instant::now();
        let mut seen = self.shared.lock();
        loop {
            let change = namespaces.iter().filter_map(|name| seen.changes.get(name));
            let still = change.copied().max().map_or(start, |last| last.max(start));
            let missing = quiet.saturating_sub(still.elapsed());
            let met = over(&seen);
            if met && missing.is_zero() {
                return Ok(());
            }
            let left = limit.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Err(Late);
            }
            // What is not met yet is only met by a change, which wakes us.
            let nap = if met { missing.min(left) } else { left };
            let woken = self.shared.more.wait_timeout(seen, nap);
            seen = woken.expect("no holder panics").0;
        }
    }

    /// Looks at what was seen so far.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.shared.lock())
    }
}

/// A step that was not over in time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Late;

impl Drop for Observer {
    fn drop(&mut self) {
        for watch in &self.watches {
            watch.abort();
        }
    }
}

impl Seen {
    /// The recorded objects of some namespaces.
    pub(crate) fn objects(
        &self,
        namespaces: &[String],
    ) -> impl Iterator<Item = (&ObjectName, &Value)> {
        let within = |name: &ObjectName| {
            let namespace = name.namespace.as_ref();
            namespace.is_some_and(|namespace| namespaces.contains(namespace))
        };
        self.objects.iter().filter(move |(name, _)| within(name))
    }

    /// An object, if it is there.
    pub(crate) fn object(&self, name: &ObjectName) -> Option<&Value> {
        self.objects.get(name)
    }

    /// The events of some namespaces, from the one with the number `first` in all on, and how many there are in all.
    pub(crate) fn events(&self, namespaces: &[String], first: usize) -> (Vec<Value>, usize) {
        let within = |event: &&Value| {
            let namespace = event["metadata"]["namespace"].as_str().unwrap_or_default();
            namespaces.iter().any(|name| name == namespace)
        };
        let events = self.events[first..].iter().filter(within);
        (events.cloned().collect(), self.events.len())
    }

    fn put(&mut self, object: Value) {
        let name = ObjectName::of(&object, "");
        self.changed(&name);
        if name.kind != "Event" {
            self.objects.insert(name, object);
            return;
        }
        let text = |field: &str| {
            object["metadata"][field]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        if self.versions.insert((text("uid"), text("resourceVersion"))) {
            self.events.push(object);
        }
    }

    fn remove(&mut self, object: &Value) {
        let name = ObjectName::of(object, "");
        self.changed(&name);
        self.objects.remove(&name);
    }

    fn changed(&mut self, name: &ObjectName) {
        let namespace = name.namespace.clone().unwrap_or_default();
        self.changes.insert(namespace, Instant::now());
    }
}

impl Shared {
    fn take(&self, kind: &str, news: watcher::Event<DynamicObject>) {
        let json = |object| {
            let mut object = serde_json::to_value(object).expect("an object is JSON");
            // The items of a list do not say what they are.
            object["kind"] = kind.into();
            object
        };
        let mut seen = self.lock();
        match news {
            watcher::Event::Apply(object) | watcher::Event::InitApply(object) => {
                seen.put(json(object));
            }
            watcher::Event::Delete(object) => seen.remove(&json(object)),
            watcher::Event::Init | watcher::Event::InitDone => {}
        }
        self.more.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("no holder panics")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SOON: Duration = Duration::from_millis(20);

    fn observer() -> Observer {
        Observer {
            shared: Arc::default(),
            watches: Vec::new(),
        }
    }

    fn policy(namespace: &str) -> Value {
        json!({"kind": "ImagePolicy", "metadata": {"namespace": namespace, "name": "a"}})
    }

    fn event(version: &str) -> Value {
        let metadata = json!({
            "namespace": "here", "name": "a.1", "uid": "1", "resourceVersion": version,
        });
        json!({"kind": "Event", "metadata": metadata})
    }

    #[test]
    fn an_event_counts_once_for_each_of_its_versions() {
        let observer = observer();
        for version in ["7", "8", "7"] {
            observer.shared.lock().put(event(version));
        }
        let here = ["here".to_owned()];
        observer.look(|seen| {
            assert_eq!(seen.events(&here, 0), (vec![event("7"), event("8")], 2));
            assert_eq!(seen.events(&here, 1), (vec![event("8")], 2));
            assert_eq!(seen.events(&["there".to_owned()], 0), (Vec::new(), 2));
        });
    }

    #[test]
    fn only_the_objects_of_the_play_are_seen_as_long_as_they_are_there() {
        let observer = observer();
        observer.shared.lock().put(policy("here"));
        observer.shared.lock().put(policy("there"));
        let count = || observer.look(|seen| seen.objects(&["here".to_owned()]).count());
        assert_eq!(count(), 1);
        observer.shared.lock().remove(&policy("here"));
        assert_eq!(count(), 0);
    }

    #[test]
    fn a_wait_ends_when_all_is_quiet_and_never_before() {
        let observer = observer();
        let here = ["here".to_owned()];
        let start = Instant::now();
        observer.wait(&here, SOON, SOON * 50, |_| true).unwrap();
        assert!(start.elapsed() >= SOON);
        observer.shared.lock().put(policy("here"));
        let there = |seen: &Seen| seen.objects(&here).count() == 1;
        observer.wait(&here, SOON, SOON * 50, there).unwrap();
        observer.wait(&here, SOON, SOON * 2, |_| false).unwrap_err();
        let never_quiet = observer.wait(&here, SOON * 50, SOON, |_| true);
        never_quiet.unwrap_err();
    }
}
