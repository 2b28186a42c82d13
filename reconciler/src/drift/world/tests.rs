use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::Pod;
use kube::Resource;
use kube::core::DeserializeGuard;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::super::seen::Seen;
use super::*;

const DIGEST: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
const OTHER: &str = "sha256:2222222222222222222222222222222222222222222222222222222222222222";

fn read<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn guarded<T: DeserializeOwned>(value: Value) -> DeserializeGuard<T> {
    DeserializeGuard(Ok(read(value)))
}

fn namespace(name: &str, mode: &str) -> PartialObjectMeta<NamespaceObject> {
    read(json!({ "metadata": { "name": name, "labels": { MODE: mode } } }))
}

fn policy(name: &str, latest: &str, digest: Option<&str>) -> News {
    News::Policy(Event::Apply(guarded(json!({
        "apiVersion": "image.toolkit.fluxcd.io/v1", "kind": "ImagePolicy",
        "metadata": { "namespace": "apps", "name": name },
        "spec": { "imageRepositoryRef": { "name": name }, "policy": { "semver": { "range": "1.x" } } },
        "status": { "latestRef": { "name": format!("ghcr.io/acme/{name}"), "tag": latest, "digest": digest } },
    }))))
}

fn repository(name: &str, image: &str) -> News {
    News::Repository(Event::Apply(guarded(json!({
        "apiVersion": "image.toolkit.fluxcd.io/v1", "kind": "ImageRepository",
        "metadata": { "namespace": "apps", "name": name },
        "spec": { "image": image, "interval": "1h" },
    }))))
}

fn kept<K: Resource<DynamicType = ()>>(object: Value) -> (ObjectKey, Kept) {
    let seen: Seen<K> = read(object);
    let key = ObjectKey::new(seen.namespace().unwrap(), seen.name_any());
    (key, Kept::of(&seen, &Rules::default()))
}

fn deployment_of(namespace: &str, name: &str, image: &str) -> (ObjectKey, Kept) {
    kept::<Deployment>(json!({
        "metadata": { "namespace": namespace, "name": name, "uid": format!("deployment-{name}"), "resourceVersion": "1" },
        "spec": { "template": { "spec": { "containers": [{ "name": "web", "image": image }] } } },
    }))
}

fn deployment(name: &str, image: &str) -> News {
    News::Workload(
        Kind::Deployment,
        Event::Apply(deployment_of("apps", name, image)),
    )
}

fn owner(kind: &str, uid: &str) -> Value {
    json!([{ "apiVersion": "apps/v1", "kind": kind, "name": "web", "uid": uid, "controller": true }])
}

fn pod(image: &str, digest: &str) -> News {
    let pod = kept::<Pod>(json!({
        "metadata": { "namespace": "apps", "name": "web-1-a", "uid": "pod", "ownerReferences": owner("ReplicaSet", "set") },
        "spec": { "containers": [{ "name": "web", "image": image }] },
        "status": { "phase": "Running", "containerStatuses": [{ "name": "web", "imageID": format!("ghcr.io/acme/web@{digest}") }] },
    }));
    News::Workload(Kind::Pod, Event::Apply(pod))
}

fn replica_set() -> News {
    let set = kept::<ReplicaSet>(json!({
        "metadata": { "namespace": "apps", "name": "web-1", "uid": "set", "ownerReferences": owner("Deployment", "deployment-web") },
        "spec": { "template": { "spec": { "containers": [{ "name": "web", "image": "a" }] } } },
    }));
    News::Workload(Kind::ReplicaSet, Event::Apply(set))
}

/// A world that has heard all there is: namespace `apps` asks for marks, and nothing else is there.
fn world() -> World {
    let mut world = World::new(Arc::new(Rules::default()));
    for event in [
        Event::Init,
        Event::InitApply(namespace("apps", "audit")),
        Event::InitDone,
    ] {
        world.namespace(event);
    }
    world.take(News::Policy(Event::InitDone));
    world.take(News::Repository(Event::InitDone));
    world.take(News::Inventory(Event::InitDone));
    for kind in Kind::ALL {
        world.take(News::Workload(kind, Event::InitDone));
    }
    world
}

/// The names of the workloads that are concerned now.
fn concerned(world: &mut World) -> Vec<String> {
    let keys = world.concerned(Timestamp::UNIX_EPOCH);
    let marked: Vec<_> = keys
        .iter()
        .filter_map(|key| world.look(key).map(|_| key.object.name.clone()))
        .collect();
    marked
}

fn label(world: &mut World, name: &str) -> Option<Label> {
    world.concerned(Timestamp::UNIX_EPOCH);
    let key = Key {
        kind: Kind::Deployment,
        object: ObjectKey::new("apps", name),
    };
    world.look(&key).map(|look| look.label)
}

#[test]
fn a_policy_concerns_those_it_may_look_after_and_nobody_else() {
    let mut world = world();
    world.take(repository("web", "ghcr.io/acme/web"));
    world.take(policy("web", "1.9.0", None));
    world.take(deployment("web", "ghcr.io/acme/web:1.9.0"));
    world.take(deployment("api", "ghcr.io/acme/api:1.9.0"));
    assert_eq!(concerned(&mut world), ["api", "web"]);
    assert_eq!(concerned(&mut world), [""; 0]);
    world.take(policy("web", "1.9.0", None));
    assert_eq!(concerned(&mut world), [""; 0], "nothing moved");
    world.take(policy("web", "1.10.0", None));
    assert_eq!(concerned(&mut world), ["web"]);
    assert_eq!(label(&mut world, "web"), Some(Label::Drift));
    world.take(repository("web", "ghcr.io/acme/api"));
    assert_eq!(concerned(&mut world), ["api", "web"]);
    assert_eq!(label(&mut world, "web"), Some(Label::Unmanaged));
    world.take(repository("other", "ghcr.io/acme/web"));
    assert_eq!(concerned(&mut world), [""; 0], "no policy chooses from it");
}

#[test]
fn objects_of_namespaces_that_do_not_ask_are_dropped() {
    let mut world = world();
    let other = deployment_of("other", "web", "ghcr.io/acme/web:1");
    world.take(News::Workload(Kind::Deployment, Event::Apply(other)));
    assert_eq!(concerned(&mut world), [""; 0]);
    assert!(world.objects[&Kind::Deployment].objects().is_empty());
}

#[test]
fn a_namespace_that_leaves_gives_its_marks_back() {
    let mut world = world();
    let marked = kept::<Deployment>(json!({
        "metadata": { "namespace": "apps", "name": "web", "uid": "1", "labels": { "imgauto.dev/drift": "none" } },
    }));
    world.take(News::Workload(Kind::Deployment, Event::Apply(marked)));
    world.take(deployment("api", "a"));
    assert_eq!(concerned(&mut world).len(), 2);
    let moves = world.namespace(Event::Apply(namespace("apps", "off")));
    assert!(moves.came.is_empty());
    let left: Vec<_> = moves
        .left
        .iter()
        .map(|(key, uid)| (&*key.object.name, &**uid))
        .collect();
    assert_eq!(left, [("web", "1")], "who carries no mark is left alone");
    assert!(!world.is_asked());
    assert_eq!(label(&mut world, "web"), None);
    let moves = world.namespace(Event::Apply(namespace("apps", "warn")));
    assert_eq!(moves.came, ["apps".to_owned()].into());
}

#[test]
fn who_asks_in_words_nobody_knows_or_is_exempt_is_not_marked() {
    let mut world = world();
    for (name, mode) in [("a", "Audit"), ("kube-system", "audit"), ("b", "off")] {
        let moves = world.namespace(Event::Apply(namespace(name, mode)));
        assert_eq!(moves, Moves::default(), "{name}");
    }
}

#[test]
fn labels_of_a_namespace_concern_all_of_its_workloads() {
    let mut world = world();
    world.take(deployment("web", "a"));
    concerned(&mut world);
    world.namespace(Event::Apply(namespace("apps", "enforce")));
    assert_eq!(concerned(&mut world), ["web"]);
}

#[test]
fn a_pod_concerns_the_workload_it_was_made_for() {
    let mut world = world();
    world.take(repository("web", "ghcr.io/acme/web"));
    world.take(policy("web", "1.9.0", Some(DIGEST)));
    let image = "ghcr.io/acme/web:1.9.0";
    world.take(pod(image, OTHER));
    world.take(deployment("web", image));
    concerned(&mut world);
    assert_eq!(
        label(&mut world, "web"),
        Some(Label::None),
        "not known whose it is"
    );
    world.take(replica_set());
    assert_eq!(concerned(&mut world), ["web"]);
    assert_eq!(label(&mut world, "web"), Some(Label::Mismatch));
    world.take(pod(image, DIGEST));
    assert_eq!(concerned(&mut world), ["web"]);
    assert_eq!(label(&mut world, "web"), Some(Label::None));
}

#[test]
fn a_marker_concerns_the_workload_it_stands_on() {
    let mut world = world();
    world.take(repository("web", "ghcr.io/acme/web"));
    world.take(policy("web", "1.9.0", None));
    world.take(deployment("web", "busybox"));
    world.take(deployment("api", "busybox"));
    concerned(&mut world);
    let inventory = |value: &str| {
        News::Inventory(Event::Apply(guarded(json!({
            "apiVersion": "imgauto.dev/v1alpha1", "kind": "ImageInventory", "metadata": { "namespace": "apps", "name": "fleet" },
            "source": { "automation": "fleet", "url": "https://x", "revision": "main@sha1:1" },
            "entries": [{ "file": "web.yaml", "line": 1, "apiVersion": "apps/v1", "kind": "Deployment", "name": "web",
                          "container": "web", "policy": "web", "field": "reference", "value": value }],
            "problems": [], "entryCount": 1, "problemCount": 0,
        }))))
    };
    world.take(inventory("busybox"));
    assert_eq!(concerned(&mut world), ["web"]);
    assert_eq!(label(&mut world, "web"), Some(Label::Mismatch));
    world.take(inventory("busybox"));
    assert_eq!(concerned(&mut world), [""; 0]);
}

#[test]
fn what_may_not_be_listed_is_not_waited_for() {
    let mut world = World::new(Arc::new(Rules::default()));
    world.namespace(Event::InitDone);
    for news in [
        News::Policy(Event::InitDone),
        News::Repository(Event::InitDone),
        News::Inventory(Event::InitDone),
    ] {
        world.take(news);
    }
    for kind in Kind::ALL {
        assert!(!world.is_whole());
        world.take(News::Refused(Source::Workloads(kind)));
    }
    assert!(world.is_whole());
    world.begin_anew();
    assert!(!world.is_whole());
}
