//! What applies a workload, by what it left there.

use api::WorkloadKind;
use engine::delivery::ConditionStatus;
use serde_json::{Value, json};

use super::*;
use crate::observe::wire::Templated;

const COMMIT: &str = "3f9c2ab03f9c2ab03f9c2ab03f9c2ab03f9c2ab0";

fn objects<W: Lean>(values: Vec<Value>) -> Objects<W> {
    let objects = values.into_iter().map(|value| {
        let object: W = serde_json::from_value(value).unwrap();
        let meta = object.meta();
        (ObjectKey::new(&meta.namespace, &meta.name), object)
    });
    Objects {
        found: objects.collect(),
        ..Objects::default()
    }
}

fn appliers() -> Appliers {
    let revision = format!("main@sha1:{COMMIT}");
    let ready = |status: &str| json!([{ "type": "Ready", "status": status, "reason": "r", "message": "m", "observedGeneration": 1 }]);
    Appliers {
        kustomizations: objects(vec![json!({
            "metadata": { "name": "apps", "namespace": "flux-system", "generation": 2 },
            "spec": { "path": "./clusters/prod/", "sourceRef": { "kind": "GitRepository", "name": "fleet" } },
            "status": { "conditions": ready("True"), "lastAppliedRevision": revision },
        })]),
        releases: objects(vec![json!({
            "metadata": {
                "name": "web", "namespace": "prod", "generation": 1,
                "labels": { "kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system" },
            },
            "spec": { "suspend": true },
            "status": { "conditions": ready("False") },
        })]),
        applications: objects(vec![json!({
            "metadata": { "name": "shop", "namespace": "argocd" },
            "spec": {
                "source": { "repoURL": "https://git.example.com/fleet", "path": "shop", "targetRevision": "main" },
                "syncPolicy": { "automated": {} },
            },
            "status": {
                "sync": { "status": "OutOfSync", "revision": COMMIT },
                "operationState": { "phase": "Failed", "message": "one or more objects failed to apply", "syncResult": { "revision": "old" } },
                "resources": [{ "group": "apps", "kind": "Deployment", "namespace": "prod", "name": "web" }],
            },
        })]),
        repositories: objects(vec![json!({
            "metadata": { "name": "fleet", "namespace": "flux-system" },
            "spec": { "ref": { "branch": "main" } },
            "status": { "artifact": { "revision": revision } },
        })]),
    }
}

fn workload(labels: Value, annotations: Value) -> SeenWorkload {
    let object = json!({ "metadata": { "name": "web", "namespace": "prod", "labels": labels, "annotations": annotations } });
    let object: Templated = serde_json::from_value(object).unwrap();
    SeenWorkload::of(WorkloadKind::Deployment, object)
}

fn applied(labels: Value, annotations: Value) -> Seen<AppliedBy> {
    appliers().of(&workload(labels, annotations))
}

#[test]
fn a_kustomization_leads_to_its_repository() {
    let labels = json!({ "kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system" });
    let found = applied(labels, json!({}));
    let found = found.present().unwrap();
    assert_eq!(found.facts.name, "Kustomization flux-system/apps");
    assert_eq!(found.path.as_deref(), Some("clusters/prod"));
    assert!(
        found.facts.ready.as_ref().unwrap().is_outdated,
        "the object is of generation 2"
    );
    let source = found.facts.source.present().unwrap();
    assert_eq!(source.name, "GitRepository flux-system/fleet");
    assert_eq!(source.revision, found.facts.revision);
}

#[test]
fn a_release_is_as_far_as_the_kustomization_that_applies_it() {
    let labels =
        json!({ "helm.toolkit.fluxcd.io/name": "web", "helm.toolkit.fluxcd.io/namespace": "prod" });
    let found = applied(labels, json!({}));
    let found = found.present().unwrap();
    assert_eq!(found.facts.name, "HelmRelease prod/web");
    assert!(found.facts.is_suspended);
    assert!(found.facts.revision.as_ref().unwrap().ends_with(COMMIT));
    assert_eq!(
        found.facts.ready.as_ref().unwrap().status,
        ConditionStatus::False
    );
}

#[test]
fn an_application_is_known_by_its_annotation_or_by_what_it_manages() {
    let tracking =
        json!({ "argocd.argoproj.io/tracking-id": "argocd_shop:apps/Deployment:prod/web" });
    let instance = json!({ "app.kubernetes.io/instance": "shop" });
    for (labels, annotations) in [(json!({}), tracking), (instance, json!({}))] {
        let found = applied(labels, annotations);
        let found = found.present().unwrap();
        assert_eq!(found.facts.name, "Application argocd/shop");
        assert!(!found.facts.is_suspended);
        assert_eq!(found.facts.revision.as_deref(), Some("old"));
        let source = found.facts.source.present().unwrap();
        assert_eq!(source.revision, Some(format!("main@sha1:{COMMIT}")));
        let ready = found.facts.ready.as_ref().unwrap();
        assert_eq!(
            (ready.status, ready.reason.as_str()),
            (ConditionStatus::False, "Failed")
        );
    }
    let helm = json!({ "app.kubernetes.io/instance": "other" });
    assert!(matches!(applied(helm, json!({})), Seen::Absent));
}

#[test]
fn what_is_gone_is_absent_and_what_may_not_be_seen_is_hidden() {
    let labels = json!({ "kustomize.toolkit.fluxcd.io/name": "gone", "kustomize.toolkit.fluxcd.io/namespace": "x" });
    assert!(matches!(applied(labels.clone(), json!({})), Seen::Absent));
    let hidden = Appliers {
        kustomizations: Objects {
            hidden: Some("cannot list".into()),
            ..Objects::default()
        },
        ..Appliers::default()
    };
    let found = hidden.of(&workload(labels, json!({})));
    assert!(matches!(found, Seen::Hidden(sentence) if sentence == "cannot list"));
}
