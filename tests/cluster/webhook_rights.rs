//! What `manifests/webhook` lets the webhook do.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use harness::program::run;
use harness::webhook::{NAME, NAMESPACE, manifests};
use harness::{ApiFront, ControlPlane, Webhook};
use serde_json::{Value, json};

/// What a rule allows, as `verb group/resource` with the name it is limited to.
fn allowed(role: &Value) -> BTreeSet<String> {
    let texts = |value: &Value| -> Vec<String> {
        let items = value.as_array().into_iter().flatten();
        items
            .map(|item| item.as_str().unwrap().to_owned())
            .collect()
    };
    let mut allowed = BTreeSet::new();
    for rule in role["rules"].as_array().unwrap() {
        let names = texts(&rule["resourceNames"]);
        let name = names
            .first()
            .map(|name| format!(" {name}"))
            .unwrap_or_default();
        assert!(names.len() < 2);
        for group in texts(&rule["apiGroups"]) {
            for resource in texts(&rule["resources"]) {
                for verb in texts(&rule["verbs"]) {
                    allowed.insert(format!("{verb} {group}/{resource}{name}"));
                }
            }
        }
    }
    allowed
}

/// What a request does, in the same words.
fn done(request: &str) -> String {
    let (method, target) = request.split_once(' ').unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let segments: Vec<_> = path.trim_start_matches('/').split('/').collect();
    let (group, rest) = match segments.as_slice() {
        ["api", "v1", rest @ ..] => ("", rest),
        ["apis", group, _, rest @ ..] => (*group, rest),
        _ => panic!("{request} is about no resource"),
    };
    let rest = match rest {
        ["namespaces", namespace, rest @ ..] if !rest.is_empty() => {
            assert_eq!(*namespace, NAMESPACE, "{request}");
            rest
        }
        rest => rest,
    };
    let (resource, name) = (rest[0], rest.get(1));
    let verb = match (method, name) {
        ("GET", None) if query.contains("watch=") => "watch",
        ("GET", None) => "list",
        ("GET", Some(_)) => "get",
        ("POST", None) => "create",
        ("PUT", Some(_)) => "update",
        ("PATCH", Some(_)) => "patch",
        _ => panic!("{request} is something else"),
    };
    let name = name.map(|name| format!(" {name}")).unwrap_or_default();
    format!("{verb} {group}/{resource}{name}")
}

#[test]
fn the_webhook_may_do_what_it_does_and_nothing_else() {
    let plane = ControlPlane::private();
    let mut front = None;
    let mut webhook = Webhook::start_by_way_of(&plane, |account| {
        let front = front.insert(ApiFront::start_as(account.client()));
        front.kubeconfig()
    });
    let front = front.unwrap();
    // Somebody damages the Secret of the authority, so that it has to be written again.
    let namespace = plane.namespace("rights");
    let patch = json!({ "data": { "tls.key": "" } }).to_string();
    let name = "imgauto-webhook-ca";
    run(namespace
        .kubectl()
        .args(["-n", NAMESPACE, "patch", "secret", name, "--patch", &patch]));
    let done = || -> BTreeSet<_> {
        front
            .requests()
            .iter()
            .map(|request| done(request))
            .collect()
    };
    let deadline = Instant::now() + Duration::from_secs(60);
    while !done().contains(&format!("update /secrets {name}")) {
        assert!(Instant::now() < deadline, "{:?}", done());
        std::thread::sleep(Duration::from_millis(50));
    }
    let of_name = |name: &str| {
        let mut found = manifests().iter();
        let found =
            found.find(|object| object["rules"].is_array() && object["metadata"]["name"] == name);
        allowed(found.unwrap())
    };
    let mut allowed = of_name(NAME);
    allowed.extend(of_name("imgauto-webhook-certificates"));
    assert_eq!(done(), allowed);
    webhook.terminate();
    let logs = webhook.logs().join("\n");
    assert!(!logs.contains("forbidden"), "{logs}");
}
