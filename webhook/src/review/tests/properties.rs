//! What must hold for every review, whatever stands in its objects.

use proptest::prelude::*;
use proptest::sample::select;

use super::*;

const MODES: [&str; 5] = ["off", "audit", "warn", "enforce", "enforced"];

fn image() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => "(ghcr\\.io/acme/web|GHCR\\.IO/acme/web|busybox)(:[12]\\.[0-9]\\.[0-9])?".prop_map(Value::from),
        1 => any::<String>().prop_map(Value::from),
        1 => Just(Value::Null),
    ]
}

fn name() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => "[a-c]".prop_map(Value::from),
        1 => "[a-z0-9]{60,66}".prop_map(Value::from),
        1 => any::<String>().prop_map(Value::from),
    ]
}

fn container() -> impl Strategy<Value = Value> {
    (name(), image()).prop_map(|(name, image)| json!({ "name": name, "image": image }))
}

fn volume() -> impl Strategy<Value = Value> {
    let source = prop_oneof![
        image().prop_map(|image| json!({ "image": { "reference": image } })),
        Just(json!({ "emptyDir": {} })),
    ];
    (name(), source).prop_map(|(name, mut source)| {
        source["name"] = name;
        source
    })
}

/// A list, or something that is found in its place.
fn list(item: impl Strategy<Value = Value> + 'static) -> impl Strategy<Value = Value> {
    prop_oneof![
        12 => prop::collection::vec(item, 0..4).prop_map(Value::from),
        3 => Just(Value::Null),
        1 => select(vec![json!({}), json!("a"), json!([1])]),
    ]
}

fn spec() -> impl Strategy<Value = Value> {
    let lists = (
        list(container()),
        list(container()),
        list(container()),
        list(volume()),
    );
    lists.prop_map(|(containers, init, ephemeral, volumes)| {
        json!({ "containers": containers, "initContainers": init,
                "ephemeralContainers": ephemeral, "volumes": volumes })
    })
}

fn texts(key: &'static str) -> impl Strategy<Value = Value> {
    let value = prop_oneof![
        8 => select(vec!["none", "drift", "web", "apps/web", "gone", "why not"]).prop_map(Value::from),
        2 => any::<String>().prop_map(Value::from),
    ];
    let key = prop_oneof![8 => key, 1 => any::<String>()];
    prop_oneof![
        80 => prop::collection::btree_map(key, value, 0..4).prop_map(|map| json!(map)),
        30 => Just(Value::Null),
        10 => select(vec![json!([]), json!({ "a": 1 }), json!({ "a": null })]),
        // As full as an object may be, give or take some.
        1 => (0..80_usize).prop_map(|less| json!({ "mine": "x".repeat(256 * 1024 - less) })),
    ]
}

fn metadata() -> impl Strategy<Value = Value> {
    let labels = texts("imgauto\\.dev/(drift|mode)|app");
    let annotations = texts(
        "(policy|resolved|volume-policy|volume-resolved)\\.imgauto\\.dev/[a-c]|imgauto\\.dev/(policy|override)|a~b/c",
    );
    let owner = select(vec![
        Value::Null,
        Value::Null,
        json!([{ "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "a", "controller": true }]),
        json!([{ "controller": "yes" }]),
    ]);
    let whole = (labels, annotations, owner).prop_map(|(labels, annotations, owner)| {
        let all = [
            ("labels", labels),
            ("annotations", annotations),
            ("ownerReferences", owner),
        ];
        // A field that is not there is not the same as one that is null.
        let there = all.into_iter().filter(|(_, value)| *value != json!([]));
        Value::Object(there.map(|(key, value)| (key.to_owned(), value)).collect())
    });
    prop_oneof![12 => whole, 1 => select(vec![Value::Null, json!({}), json!("a")])]
}

fn object() -> impl Strategy<Value = Value> {
    (metadata(), spec()).prop_map(|(metadata, spec)| {
        let template = json!({ "spec": spec });
        json!({
            "metadata": metadata,
            "template": template,
            "spec": {
                "template": template,
                "jobTemplate": { "spec": { "template": template } },
                "containers": spec["containers"], "initContainers": spec["initContainers"],
                "ephemeralContainers": spec["ephemeralContainers"], "volumes": spec["volumes"],
            },
        })
    })
}

fn request() -> impl Strategy<Value = Value> {
    let kinds = vec![
        ("", "pods", ""),
        ("", "pods", "ephemeralcontainers"),
        ("", "pods", "resize"),
        ("", "podtemplates", ""),
        ("apps", "deployments", ""),
        ("apps", "deployments", "scale"),
        ("batch", "cronjobs", ""),
        ("webhook.test", "others", ""),
    ];
    let operations = vec![
        "CREATE", "CREATE", "UPDATE", "UPDATE", "UPDATE", "DELETE", "CONNECT",
    ];
    let users = vec![
        json!({ "username": "jane" }),
        json!({ "username": "jane", "groups": ["on-call"] }),
        json!({ "username": "system:serviceaccount:kube-system:replicaset-controller" }),
        json!({}),
    ];
    let namespaces = select(vec!["apps", "apps", "apps", "unknown", "kube-system", ""]);
    let objects = (object(), object());
    let parts = (
        select(kinds),
        select(operations),
        objects,
        select(users),
        namespaces,
        ".{0,8}",
    );
    parts.prop_map(
        |((group, resource, part), operation, (now, before), user, namespace, uid)| {
            json!({
                "uid": uid, "operation": operation, "namespace": namespace, "subResource": part,
                "resource": { "group": group, "version": "v1", "resource": resource },
                "object": if operation == "DELETE" { Value::Null } else { now },
                "oldObject": if operation == "CREATE" { Value::Null } else { before },
                "userInfo": user,
            })
        },
    )
}

fn world() -> impl Strategy<Value = World> {
    (select(MODES.to_vec()), any::<bool>()).prop_map(|(mode, required)| {
        let mut world = World::new(mode);
        world.setup.rules.overriders.insert("on-call".to_owned());
        if required {
            let labels = [("imgauto.dev/require-policy", "true"), (MODE, mode)];
            let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned()));
            let wishes = Wishes::new(labels.into(), &BTreeMap::new());
            let namespaces = &mut world.snapshot.namespaces;
            namespaces.insert("apps".to_owned(), Arc::new(wishes));
        }
        world
    })
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.snapshot.namespaces.fmt(f)
    }
}

/// What the API server makes of the mutating webhook's answer.
fn mutated(world: &World, request: &Value) -> (Decision, Outcome) {
    world.taken(Phase::Mutating, request, mutate)
}

proptest! {
    /// Each answer is looked at by the rules of the API server.
    #[test]
    fn every_answer_is_one_the_api_server_takes(world in world(), request in request()) {
        let (_, outcome) = mutated(&world, &request);
        prop_assert_eq!(outcome.denial, None);
        let is_written = matches!(request["operation"].as_str(), Some("CREATE" | "UPDATE"));
        for guard in [Guard::ByNamespace, Guard::Enforced] {
            let validated = world.taken(Phase::Validating, &request, |request, known| {
                validate(request, known, guard)
            });
            let (decision, outcome) = validated;
            prop_assert_eq!(&outcome.object, &request["object"]);
            let namespace = world.snapshot.namespaces.get(request["namespace"].as_str().unwrap());
            let enforces = namespace.is_some_and(|wishes| wishes.mode == Mode::Enforce);
            if outcome.denial.is_some() {
                prop_assert!(is_written && (enforces || guard == Guard::Enforced), "{:?}", decision);
            }
        }
    }

    #[test]
    fn marking_twice_changes_nothing(world in world(), request in request()) {
        let (_, outcome) = mutated(&world, &request);
        let mut again = request.clone();
        again["object"] = outcome.object.clone();
        let (decision, outcome) = mutated(&world, &again);
        prop_assert_eq!(&outcome.object, &again["object"]);
        prop_assert_ne!(decision, Decision::Patched);
    }

    #[test]
    fn the_same_object_again_is_answered_with_nothing(world in world(), mut request in request()) {
        request["operation"] = json!("UPDATE");
        request["oldObject"] = request["object"].clone();
        for (phase, written) in world.written(&request) {
            let answer: Value = serde_json::from_slice(&written).unwrap();
            let unreadable = answer["response"]["auditAnnotations"]["findings"].is_string();
            let nothing = json!({ "uid": request["uid"], "allowed": true });
            prop_assert!(unreadable || answer["response"] == nothing, "{:?} {}", phase, answer);
        }
    }

    #[test]
    fn a_review_that_is_replayed_gets_the_same_bytes(world in world(), request in request()) {
        prop_assert_eq!(world.written(&request), world.written(&request));
    }

    #[test]
    fn what_is_no_workload_is_left_as_it_is(mode in select(MODES.to_vec()), raw in any::<String>()) {
        let world = World::new(mode);
        for object in [json!(raw), json!([raw]), json!({ "metadata": raw }), Value::Null] {
            let request = create("apps", "deployments", &object);
            let (_, outcome) = mutated(&world, &request);
            prop_assert_eq!(outcome.object, object);
        }
    }
}
