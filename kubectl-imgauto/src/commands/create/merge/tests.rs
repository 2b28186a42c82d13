//! What is sent for what was named, by who owns the object.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Value, json};

use super::*;
use crate::cluster::FIELD_MANAGER;

/// A policy as the API server has it, all of whose fields belong to `owners`: a manager and its operation.
fn live(owners: &[(&str, &str)]) -> (Value, ObjectMeta) {
    let fields = json!({
        "f:metadata": {"f:labels": {"f:team": {}}},
        "f:spec": {
            "f:digestReflectionPolicy": {}, "f:imageRepositoryRef": {"f:name": {}},
            "f:policy": {"f:semver": {"f:range": {}}},
        },
    });
    let entries: Vec<_> = owners
        .iter()
        .map(|(manager, operation)| {
            json!({"manager": manager, "operation": operation, "fieldsV1": fields})
        })
        .collect();
    let object = json!({
        "apiVersion": "image.toolkit.fluxcd.io/v1",
        "kind": "ImagePolicy",
        "metadata": {
            "name": "podinfo", "namespace": "apps", "resourceVersion": "7", "labels": {"team": "a"},
            "managedFields": entries,
        },
        "spec": {
            "digestReflectionPolicy": "Never", "imageRepositoryRef": {"name": "podinfo"},
            "policy": {"semver": {"range": "5.x"}},
        },
    });
    let meta = serde_json::from_value(object["metadata"].clone()).unwrap();
    (object, meta)
}

fn named(spec: Value) -> Named {
    Named {
        fields: json!({"metadata": {}, "spec": spec}),
        superseded: Vec::new(),
    }
}

fn range(range: &str) -> Named {
    named(json!({"policy": {"semver": {"range": range}}}))
}

fn merged(owners: &[(&str, &str)], named: &Named) -> Request {
    let (live, meta) = live(owners);
    merge(&live, &meta, named, Takeover::Refused)
        .unwrap()
        .request
}

/// What identifies the object, and a spec.
fn sent(spec: &Value) -> Value {
    json!({
        "apiVersion": "image.toolkit.fluxcd.io/v1",
        "kind": "ImagePolicy",
        "metadata": {"name": "podinfo", "namespace": "apps"},
        "spec": spec,
    })
}

#[test]
fn what_is_there_already_is_nobodys_loss_and_not_sent() {
    for owner in [
        ("flux", "Update"),
        ("kustomize-controller", "Apply"),
        (FIELD_MANAGER, "Apply"),
    ] {
        assert_eq!(merged(&[owner], &range("5.x")), Request::None);
    }
}

#[test]
fn a_field_somebody_once_typed_is_taken_over_and_only_that() {
    let request = merged(&[("flux", "Update")], &range("6.x"));
    let mut object = sent(&json!({"policy": {"semver": {"range": "6.x"}}}));
    object["metadata"]["resourceVersion"] = json!("7");
    assert_eq!(
        request,
        Request::Apply {
            object,
            force: true
        }
    );
}

#[test]
fn an_apply_repeats_what_was_applied_before() {
    let request = merged(&[(FIELD_MANAGER, "Apply")], &range("6.x"));
    let mut object = sent(&json!({
        "digestReflectionPolicy": "Never", "imageRepositoryRef": {"name": "podinfo"},
        "policy": {"semver": {"range": "6.x"}},
    }));
    object["metadata"]["labels"] = json!({"team": "a"});
    let force = false;
    assert_eq!(request, Request::Apply { object, force });
}

#[test]
fn a_field_that_somebody_applies_is_taken_over_only_when_that_is_wanted() {
    let owners = [
        ("kustomize-controller", "Apply"),
        ("argocd-controller", "Update"),
    ];
    let (live, meta) = live(&owners);
    let conflicts = merge(&live, &meta, &range("6.x"), Takeover::Refused).unwrap_err();
    let conflict = |manager: &str| Conflict {
        field: "spec.policy.semver.range".to_owned(),
        manager: manager.to_owned(),
    };
    let both = ["kustomize-controller", "argocd-controller"].map(conflict);
    assert_eq!(conflicts, both);
    let taken = merge(&live, &meta, &range("6.x"), Takeover::Wanted).unwrap();
    assert!(matches!(taken.request, Request::Apply { force: true, .. }));
    // What they leave open is free.
    let free = merge(
        &live,
        &meta,
        &named(json!({"suspend": true})),
        Takeover::Refused,
    );
    let request = free.unwrap().request;
    assert!(matches!(request, Request::Apply { force: false, .. }));
}

#[test]
fn a_rule_that_takes_the_place_of_another_lets_it_go() {
    let mut by_number = named(json!({"policy": {"numerical": {"order": "asc"}}}));
    by_number.superseded = [
        ["spec", "policy", "semver"],
        ["spec", "policy", "alphabetical"],
    ]
    .map(|path| path.map(str::to_owned).to_vec())
    .to_vec();
    // Ours goes with the next apply.
    let Request::Apply { object, .. } = merged(&[(FIELD_MANAGER, "Apply")], &by_number) else {
        panic!("an apply is enough");
    };
    assert_eq!(
        object["spec"]["policy"],
        json!({"numerical": {"order": "asc"}})
    );
    // That of somebody else would stay.
    let patch = json!({
        "metadata": {"resourceVersion": "7"},
        "spec": {"policy": {"numerical": {"order": "asc"}, "semver": null}},
    });
    for owners in [
        &[("flux", "Update")][..],
        &[("flux", "Update"), (FIELD_MANAGER, "Apply")],
    ] {
        let request = merged(owners, &by_number);
        assert_eq!(request, Request::Patch(patch.clone()));
    }
    let (live, meta) = live(&[("kustomize-controller", "Apply")]);
    let conflicts = merge(&live, &meta, &by_number, Takeover::Refused).unwrap_err();
    assert_eq!(conflicts[0].field, "spec.policy.semver");
}

#[test]
fn equal_values_may_be_written_differently() {
    let live = json!({"spec": {"interval": "5m", "image": "5m", "list": ["a"]}});
    let differ = |wanted: Value| {
        let found = differences(&live, &json!({"spec": wanted}));
        found.iter().map(|path| path.join(".")).collect::<Vec<_>>()
    };
    assert!(differ(json!({"interval": "5m0s"})).is_empty());
    assert_eq!(differ(json!({"interval": "6m"})), ["spec.interval"]);
    assert_eq!(differ(json!({"image": "5m0s"})), ["spec.image"]);
    assert!(differ(json!({"suspend": false, "list": ["a"]})).is_empty());
    assert_eq!(differ(json!({"suspend": true})), ["spec.suspend"]);
    assert_eq!(differ(json!({"list": ["a", "b"]})), ["spec.list"]);
    assert_eq!(
        differ(json!({"update": {"path": "x"}})),
        ["spec.update.path"]
    );
}

#[test]
fn what_a_replacement_gives_up_is_listed() {
    let before = json!({
        "metadata": {"name": "podinfo", "labels": {"team": "a", "app": "web"}},
        "spec": {"image": "a", "interval": "5m", "provider": "aws", "suspend": true},
    });
    let after = json!({
        "metadata": {"name": "podinfo", "labels": {"app": "web"}},
        "spec": {"image": "b", "interval": "1m", "provider": "generic"},
    });
    let named = json!({"spec": {"image": "b"}});
    assert_eq!(
        lost(&before, &after, &named),
        [
            "label team",
            "spec.interval",
            "spec.provider",
            "spec.suspend"
        ]
    );
    assert!(lost(&after, &after, &named).is_empty());
}

#[test]
fn what_is_empty_says_nothing() {
    let value = json!({
        "filterTags": {"pattern": "", "extract": "$ts"}, "policy": {}, "sourceRef": {"name": ""},
        "accessFrom": {"namespaceSelectors": [{}]}, "insecure": false, "labels": null,
        "push": {"branch": "", "options": {"ci.skip": ""}},
    });
    let want = json!({
        "filterTags": {"extract": "$ts"}, "accessFrom": {"namespaceSelectors": [{}]}, "insecure": false,
        "push": {"options": {"ci.skip": ""}},
    });
    assert_eq!(filled(&value), want);
}
