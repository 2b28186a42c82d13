//! What the API server is told of the webhook: how its configurations in `manifests/webhook` hang together.

use std::collections::BTreeSet;

use api::pod_spec::PodPaths;
use harness::webhook::{NAMESPACE, manifests};
use serde_json::{Value, json};

/// The entries of a configuration.
fn hooks(name: &str) -> &'static [Value] {
    let mut found = manifests().iter();
    let found =
        found.find(|object| object["metadata"]["name"] == name && object["webhooks"].is_array());
    found.expect("it is there")["webhooks"]
        .as_array()
        .expect("it has entries")
}

fn all() -> impl Iterator<Item = &'static Value> {
    hooks("imgauto-mark").iter().chain(hooks("imgauto-guard"))
}

fn named(name: &str) -> &'static Value {
    let found = all().find(|hook| hook["name"] == name);
    found.unwrap_or_else(|| panic!("there is no entry {name}"))
}

/// What an entry is asked about, as `group/resource`.
fn resources(hook: &Value) -> BTreeSet<String> {
    let rules = hook["rules"].as_array().expect("an entry has rules").iter();
    let resources = rules.flat_map(|rule| {
        let list = |key: &str| rule[key].as_array().expect("a rule has it").iter();
        let text = |value: &Value| value.as_str().expect("they are texts").to_owned();
        list("apiGroups").flat_map(move |group| {
            let group = text(group);
            list("resources").map(move |resource| format!("{group}/{}", text(resource)))
        })
    });
    resources.collect()
}

fn condition<'a>(hook: &'a Value, name: &str) -> &'a Value {
    let conditions = hook["matchConditions"].as_array();
    let mut conditions = conditions.into_iter().flatten();
    let found = conditions.find(|condition| condition["name"] == name);
    &found.unwrap_or_else(|| panic!("{} has no {name}", hook["name"]))["expression"]
}

#[test]
fn every_kind_that_runs_images_is_asked_about_once() {
    for part in ["mark", "guard", "enforce"] {
        let mut seen = BTreeSet::new();
        for shape in ["workloads", "cronjobs", "pods"] {
            for resource in resources(named(&format!("{shape}.{part}.imgauto.dev"))) {
                let (group, name) = resource.split_once('/').expect("it was put together so");
                let known = PodPaths::built_in(group, name).is_some();
                let debugging = resource == "/pods/ephemeralcontainers" && part != "mark";
                assert!(known || debugging, "{part}: {resource} has no images");
                assert!(seen.insert(resource.clone()), "{part}: {resource} twice");
            }
        }
        let kinds = if part == "mark" { 9 } else { 10 };
        assert_eq!(seen.len(), kinds, "{part}: {seen:?}");
    }
}

#[test]
fn only_who_asked_for_it_is_hindered_when_the_webhook_is_away() {
    let mode = |hook: &Value| {
        let all = hook["namespaceSelector"]["matchExpressions"].as_array();
        let mut all = all.into_iter().flatten();
        all.any(|expression| {
            *expression
                == json!({ "key": "imgauto.dev/mode", "operator": "In", "values": ["enforce"] })
        })
    };
    for hook in all() {
        let policy = if mode(hook) { "Fail" } else { "Ignore" };
        assert_eq!(hook["failurePolicy"], policy, "{}", hook["name"]);
        let path = hook["clientConfig"]["service"]["path"] == "/validate/enforce";
        assert_eq!(path, mode(hook), "{}", hook["name"]);
        assert!(hook["timeoutSeconds"].as_u64().expect("it is said") <= 3);
        assert_eq!(hook["sideEffects"], "None");
        assert!(
            hook["clientConfig"].get("caBundle").is_none(),
            "it is the webhook's to write"
        );
        for rule in hook["rules"].as_array().expect("an entry has rules") {
            assert_eq!(
                (&rule["scope"], rule.to_string().contains('*')),
                (&json!("Namespaced"), false)
            );
        }
    }
}

#[test]
fn what_a_cluster_cannot_do_without_is_left_alone() {
    let system = json!(["kube-system", "kube-public", "kube-node-lease", NAMESPACE]);
    for hook in all().filter(|hook| hook["name"] != "policies.guard.imgauto.dev") {
        let expressions = hook["namespaceSelector"]["matchExpressions"].as_array();
        let mut expressions = expressions.into_iter().flatten();
        let exempt =
            json!({ "key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": system });
        assert!(
            expressions.any(|expression| *expression == exempt),
            "{}",
            hook["name"]
        );
    }
}

#[test]
fn the_same_changes_count_in_every_mode() {
    let name = "images-or-our-keys";
    for shape in ["workloads", "cronjobs", "pods"] {
        let of = |part: &str| condition(named(&format!("{shape}.{part}.imgauto.dev")), name);
        assert_eq!(of("guard"), of("enforce"));
        // Whoever marks has to look after labels too.
        let (mark, guard) = (of("mark").as_str(), of("guard").as_str());
        let (mark, guard) = (mark.expect("it is CEL"), guard.expect("it is CEL"));
        let rest = mark.strip_prefix(guard).expect("it begins alike");
        assert!(rest.contains("o.metadata.labels") && !guard.contains("o.metadata.labels"));
    }
}
