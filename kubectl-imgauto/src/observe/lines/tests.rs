//! Lines of Git and the containers they stand behind.

use api::WorkloadKind;
use engine::delivery::StrayFault;
use serde_json::{Value, json};

use super::*;
use crate::observe::wire::Templated;

fn key(text: &str) -> ObjectKey {
    let (namespace, name) = text.split_once('/').unwrap();
    ObjectKey::new(namespace, name)
}

fn inventory(name: &str, object: Value) -> (ObjectKey, ImageInventory) {
    let mut whole = json!({
        "apiVersion": "imgauto.dev/v1alpha1", "kind": "ImageInventory", "metadata": { "name": name, "namespace": "flux" },
        "source": { "automation": name, "url": "https://x", "branch": "main", "revision": "main@sha1:1" },
        "entryCount": 0, "problemCount": 0,
    });
    whole
        .as_object_mut()
        .unwrap()
        .extend(object.as_object().unwrap().clone());
    (
        ObjectKey::new("flux", name),
        serde_json::from_value(whole).unwrap(),
    )
}

fn entry(file: &str, of: (&str, &str, Option<&str>), field: &str, value: &str) -> Value {
    let (kind, name, namespace) = of;
    let api_version = match kind {
        "Deployment" => "apps/v1",
        _ => "kustomize.config.k8s.io/v1beta1",
    };
    json!({
        "file": file, "line": 7, "apiVersion": api_version, "kind": kind, "name": name, "namespace": namespace,
        "container": name, "policy": "web", "field": field, "value": value, "commit": "c0ffee",
    })
}

fn lines(inventories: Vec<(ObjectKey, ImageInventory)>) -> Lines {
    let objects = Objects {
        found: inventories.into_iter().collect(),
        ..Objects::default()
    };
    let (automations, policies) = (BTreeMap::new(), BTreeMap::new());
    let known = Known {
        automations: &automations,
        policies: &policies,
    };
    Lines::of_inventories(objects, known)
}

fn web(namespace: &str) -> SeenWorkload {
    let object = json!({
        "metadata": { "name": "web", "namespace": namespace },
        "spec": { "template": { "spec": { "containers": [{ "name": "web", "image": "app:1" }] } } },
    });
    let object: Templated = serde_json::from_value(object).unwrap();
    SeenWorkload::of(WorkloadKind::Deployment, object)
}

fn committed(lines: &Lines, namespace: &str, path: Option<&str>) -> Option<Committed> {
    let seen = web(namespace);
    let own = lines.own(&seen, &seen.images[0], path);
    lines.committed(&own, &key("flux/web"), path, |_| None)
}

fn tag(committed: Option<Committed>) -> Option<String> {
    committed.and_then(|committed| committed.tag)
}

#[test]
fn the_line_of_the_workload_itself_comes_first() {
    let lines = lines(vec![inventory(
        "apps",
        json!({ "entries": [
            entry("a.yaml", ("Deployment", "web", None), "reference", "app:2@sha256:1111111111111111111111111111111111111111111111111111111111111111"),
            entry("kustomization.yaml", ("Kustomization", "app", None), "tag", "3"),
        ] }),
    )]);
    let found = committed(&lines, "prod", None).unwrap();
    assert_eq!(
        (found.tag.as_deref(), found.file.as_deref()),
        (Some("2"), Some("a.yaml"))
    );
    assert!(found.digest.unwrap().starts_with("sha256:1"));
    assert_eq!(
        (found.line, found.commit.as_deref()),
        (Some(7), Some("c0ffee"))
    );
    assert_eq!(
        (found.branch.as_deref(), found.automation),
        (Some("main"), Some(key("flux/apps")))
    );
    assert_eq!(found.origin, Origin::Inventory);
}

#[test]
fn values_count_where_they_agree() {
    let values = |tags: [&str; 2]| {
        let at = |file: &str, tag: &str| entry(file, ("Kustomization", "app", None), "tag", tag);
        lines(vec![inventory(
            "apps",
            json!({ "entries": [
            at("clusters/a/kustomization.yaml", tags[0]),
            at("clusters/b/kustomization.yaml", tags[1]),
            entry("clusters/a/kustomization.yaml", ("Kustomization", "app", None), "name", "registry/app"),
        ] }),
        )])
    };
    assert_eq!(
        tag(committed(&values(["2", "2"]), "prod", None)).as_deref(),
        Some("2")
    );
    let differing = values(["2", "3"]);
    assert_eq!(committed(&differing, "prod", None), None);
    let applied_from = Some("clusters/b");
    assert_eq!(
        tag(committed(&differing, "prod", applied_from)).as_deref(),
        Some("3")
    );
    assert_eq!(committed(&differing, "prod", Some("clusters")), None);
}

#[test]
fn of_several_clusters_the_nearest_manifest_counts() {
    let at = |file: &str, namespace, tag: &str| {
        entry(
            file,
            ("Deployment", "web", namespace),
            "reference",
            &format!("app:{tag}"),
        )
    };
    let lines = lines(vec![inventory(
        "apps",
        json!({ "entries": [
        at("clusters/a/web.yaml", None, "1"),
        at("clusters/b/web.yaml", None, "2"),
        at("clusters/c/web.yaml", Some("staging"), "3"),
    ] }),
    )]);
    assert_eq!(
        tag(committed(&lines, "prod", Some("clusters/a"))).as_deref(),
        Some("1")
    );
    assert_eq!(
        tag(committed(&lines, "prod", Some("clusters/b"))).as_deref(),
        Some("2")
    );
    assert_eq!(
        committed(&lines, "prod", None),
        None,
        "two lines, and no way to tell them apart"
    );
    assert_eq!(
        tag(committed(&lines, "staging", None)).as_deref(),
        Some("3")
    );
}

#[test]
fn teams_with_workloads_of_one_name_are_told_apart() {
    let of = |team: &str, value: &str| {
        let web = entry("web.yaml", ("Deployment", "web", None), "reference", value);
        let (_, inventory) = inventory("apps", json!({ "entries": [web] }));
        (ObjectKey::new(team, "apps"), inventory)
    };
    let teams = lines(vec![of("a", "app:2"), of("b", "app:3")]);
    assert_eq!(tag(committed(&teams, "a", None)).as_deref(), Some("2"));
    assert_eq!(tag(committed(&teams, "b", None)).as_deref(), Some("3"));
    assert_eq!(committed(&teams, "c", None), None, "either may be meant");

    let images = lines(vec![of("a", "app:2"), of("b", "example.com/other:3")]);
    assert_eq!(tag(committed(&images, "c", None)).as_deref(), Some("2"));
    let seen = web("c");
    let others = lines(vec![of("b", "example.com/other:3")]);
    assert_eq!(
        others.own(&seen, &seen.images[0], None),
        Vec::<&Line>::new()
    );
}

#[test]
fn markers_of_another_team_are_none_of_a_policys() {
    let stray = json!({
        "file": "web.yaml", "line": 3, "reason": "why", "cause": "UnknownPolicy", "setter": "b:web",
        "apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "container": "web",
    });
    let (_, inventory) = inventory("apps", json!({ "problems": [stray] }));
    let lines = lines(vec![(ObjectKey::new("b", "apps"), inventory)]);
    let strays = |policy: &str, namespace: &str| {
        let seen = web(namespace);
        let container = Some((&seen, &seen.images[0]));
        let facts = lines.facts(Some(&key(policy)), container, &[]);
        facts.present().unwrap().strays.len()
    };
    assert_eq!(strays("a/web", "a"), 0);
    assert_eq!(strays("b/web", "a"), 1);
    assert_eq!(strays("a/web", "b"), 1, "it stands on this very workload");
}

#[test]
fn markers_that_cannot_work_are_found_by_their_policy_and_by_their_place() {
    let problem = |file: &str, cause: Option<&str>, setter: Option<&str>, name: &str| {
        json!({
            "file": file, "line": 3, "reason": "why", "cause": cause, "setter": setter,
            "apiVersion": "apps/v1", "kind": "Deployment", "name": name, "container": name,
        })
    };
    let lines = lines(vec![inventory(
        "apps",
        json!({
            "problems": [
                problem("a.yaml", Some("UnknownPolicy"), Some("flux:nobody"), "web"),
                problem("b.yaml", None, None, "other"),
            ],
            "unclaimed": [problem("c.yaml", Some("OtherNamespace"), Some("prod:web:tag"), "other")],
        }),
    )]);
    let seen = web("prod");
    let container = Some((&seen, &seen.images[0]));
    let facts = lines.facts(Some(&key("flux/web")), container, &[]);
    let strays = &facts.present().unwrap().strays;
    let told: Vec<_> = strays
        .iter()
        .map(|stray| (stray.file.as_str(), stray.setter.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("a.yaml", "flux:nobody"),
            ("b.yaml", ""),
            ("c.yaml", "prod:web:tag")
        ]
    );
    assert_eq!(strays[0].fault, StrayFault::UnknownPolicy { similar: None });
    assert_eq!(strays[1].fault, StrayFault::Unusable("why".into()));
    let automation = "flux".to_owned();
    assert_eq!(strays[2].fault, StrayFault::OtherNamespace { automation });
    let named = |covers: fn(&str, &str) -> bool| lines.named_on(&seen, &seen.images[0], covers);
    assert_eq!(named(|_, _| true), Some(("flux", "nobody")));
    assert_eq!(
        named(|_, _| false),
        None,
        "another team may have a workload of this name"
    );
    let unrelated = lines.facts(Some(&key("prod/api")), None, &[]);
    assert_eq!(unrelated.present().unwrap().strays, []);
}

#[test]
fn what_is_not_there_is_told_apart_from_what_is_not_known() {
    let nothing = lines(Vec::new());
    assert_eq!(
        nothing.facts(Some(&key("flux/web")), None, &[]),
        Seen::Absent
    );
    assert!(!nothing.are_complete("flux"));
    let cut = json!({ "truncated": { "entries": 12, "problems": 0 } });
    let cut = lines(vec![inventory("apps", cut)]);
    let gaps = cut
        .facts(Some(&key("flux/web")), None, &[])
        .present()
        .unwrap()
        .gaps
        .clone();
    assert_eq!(gaps, ["the ImageInventory flux/apps leaves out 12 entries"]);
    assert!(!cut.are_complete("flux"));
    let whole = lines(vec![inventory("apps", json!({}))]);
    assert!(whole.are_complete("flux"));
    assert_eq!(committed(&whole, "prod", None), None);
}
