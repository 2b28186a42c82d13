//! Objects as API servers write them.

use serde_json::json;

use super::*;

#[test]
fn only_the_labels_that_mean_something_are_kept() {
    let text = r#"{
        "name": "web", "namespace": "prod", "uid": "u", "generation": 3,
        "labels": {"app": "web", "kustomize.toolkit.fluxcd.io/name": "apps", "app.kubernetes.io/instance": "web"},
        "annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": "{\"a\": \"\u00e9\"}",
            "policy.imgauto.dev/web": "flux-system/web", "imgauto.dev/policy": "x",
            "a\u0062c": "escaped", "imgauto.development/x": "y", "deployment.kubernetes.io/revision": "4"
        },
        "ownerReferences": [
            {"apiVersion": "v1", "kind": "A", "name": "a", "uid": "1"},
            {"apiVersion": "v1", "kind": "B", "name": "b", "uid": "2", "controller": true}
        ],
        "managedFields": [{"manager": "x", "fieldsV1": {"f:spec": {}}}]
    }"#;
    let mut meta: Meta = serde_json::from_str(text).unwrap();
    let keys = |kept: &Kept| kept.0.keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        keys(&meta.labels),
        [
            "app.kubernetes.io/instance",
            "kustomize.toolkit.fluxcd.io/name"
        ]
    );
    assert_eq!(
        keys(&meta.annotations),
        [
            "deployment.kubernetes.io/revision",
            "imgauto.dev/policy",
            "policy.imgauto.dev/web"
        ]
    );
    assert_eq!(meta.controller().unwrap().name, "b");
    assert!(meta.deletion_timestamp.is_none());
}

#[test]
fn a_page_may_be_empty_and_the_last_one() {
    let read = |text: &str| {
        let page: Page<'_> = serde_json::from_str(text).unwrap();
        let items: Vec<Bare> = page.items().unwrap();
        (page.metadata.next, items.len())
    };
    let last = read(r#"{ "metadata": { "resourceVersion": "1" }, "items": null }"#);
    assert_eq!(last, (None, 0));
    let first =
        r#"{ "metadata": { "continue": "abc" }, "items": [{ "metadata": { "labels": null } }] }"#;
    assert_eq!(read(first), (Some("abc".to_owned()), 1));
    let odd: Page<'_> = serde_json::from_str(r#"{ "items": [1] }"#).unwrap();
    odd.items::<Bare>().unwrap_err();
}

#[test]
fn jobs_count_what_is_active_and_cron_jobs_list_it() {
    for (active, count) in [
        (json!(2), 2),
        (json!([{ "name": "a" }, { "name": "b" }]), 2),
        (json!([]), 0),
    ] {
        let status: TemplatedStatus = serde_json::from_value(json!({ "active": active })).unwrap();
        assert_eq!(status.active, Active(count));
    }
}
