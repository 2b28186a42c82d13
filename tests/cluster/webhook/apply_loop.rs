//! Appliers that compare a dry run with what is there, as Flux and Argo CD do, find nothing to do.

use futures::{StreamExt as _, TryStreamExt as _, stream};
use harness::{ControlPlane, Namespace, Webhook, wait};
use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::ApiResource;
use serde_json::{Value, json};

use super::ground::{BEHIND, CURRENT, DEPLOYMENTS, annotated, chooses, deployment, guarded};
use super::sender::{MASTERS, Sender, drift};

/// How many workloads there are.
const WORKLOADS: usize = 1000;
/// How many of them are looked at at a time.
const AT_ONCE: usize = 16;
/// Flux's manager of fields.
const FLUX: &str = "kustomize-controller";

/// The workload of a number, as it stands in Git.
fn manifest(number: usize) -> Value {
    let image = if number.is_multiple_of(2) {
        CURRENT
    } else {
        BEHIND
    };
    let mut object = deployment(image);
    object["metadata"]["name"] = json!(format!("web-{number}"));
    object["metadata"]["labels"] = json!({ "app": "web" });
    // Otherwise their controller, which writes a few objects a second, would not be done with them for minutes.
    object["spec"]["paused"] = json!(true);
    object
}

/// A loop like Flux's over all workloads; returns how many of them it had to apply.
fn reconcile(namespace: &Namespace<'_>) -> usize {
    let kind = ApiResource::erase::<Deployment>(&());
    let api: Api<DynamicObject> =
        Api::namespaced_with(namespace.plane().client(), namespace.name(), &kind);
    wait(async move {
        let one = |number: usize| {
            let api = api.clone();
            async move {
                let name = format!("web-{number}");
                let wanted = Patch::Apply(manifest(number));
                let params = PatchParams::apply(FLUX).force();
                if let Some(live) = api.get_opt(&name).await? {
                    let dry = params.clone().dry_run();
                    let predicted = api.patch(&name, &dry, &wanted).await?;
                    if is_same(&live, &predicted) {
                        return Ok::<_, kube::Error>(0);
                    }
                }
                api.patch(&name, &params, &wanted).await?;
                Ok(1)
            }
        };
        let applied = stream::iter((0..WORKLOADS).map(one)).buffer_unordered(AT_ONCE);
        applied
            .try_fold(0, |sum, one| async move { Ok(sum + one) })
            .await
    })
    .expect("the API server takes what is applied")
}

/// What Flux compares: labels, annotations, and all that is neither metadata nor status.
fn is_same(live: &DynamicObject, predicted: &DynamicObject) -> bool {
    let rest = |object: &DynamicObject| {
        let mut data = object.data.clone();
        data["status"].take();
        data
    };
    live.metadata.labels == predicted.metadata.labels
        && live.metadata.annotations == predicted.metadata.annotations
        && rest(live) == rest(predicted)
}

#[test]
fn a_thousand_workloads_that_are_as_they_should_are_never_applied_again() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "loop", &["--marker=drift"]);
    let namespace = guarded(plane, "loop", "warn");
    assert_eq!(reconcile(&namespace), WORKLOADS);
    let sender = Sender::new(&namespace);
    let label = |number: usize| {
        let object = sender.get(&format!("{DEPLOYMENTS}/web-{number}"));
        drift(&object).map(str::to_owned)
    };
    assert_eq!(
        (label(0).as_deref(), label(1).as_deref()),
        (Some("none"), Some("drift"))
    );
    assert_eq!(reconcile(&namespace), 0);

    // The policy moves, and the controller that keeps marks fresh has come to some of the workloads.
    chooses(
        &namespace,
        "web",
        &json!({ "name": "ghcr.io/acme/web", "tag": "1.8.0" }),
    );
    let controller = sender.named("drift", &[MASTERS]);
    for number in (0..WORKLOADS).step_by(20) {
        let mark = json!({ "apiVersion": "apps/v1", "kind": "Deployment",
                           "metadata": { "labels": { "imgauto.dev/drift": "drift" } } });
        let place = format!("{DEPLOYMENTS}/web-{number}?force=true");
        let marked = controller.apply(&place, "imgauto-drift", &mark).taken();
        assert_eq!(drift(&marked), Some("drift"));
    }
    assert_eq!(reconcile(&namespace), 0);
    assert_eq!(
        (label(0).as_deref(), label(2).as_deref()),
        (Some("drift"), Some("none"))
    );

    // Somebody takes marks off, which is undone before anybody sees it.
    for number in (0..WORKLOADS).step_by(50) {
        let place = format!("{DEPLOYMENTS}/web-{number}");
        let stripped = json!({ "metadata": { "annotations": { "resolved.imgauto.dev/web": null },
                                             "labels": { "imgauto.dev/drift": null } } });
        assert!(drift(&sender.merge(&place, &stripped).taken()).is_some());
    }

    // What is another than in Git is found and applied once.
    let scaled =
        json!({ "spec": { "template": { "spec": { "terminationGracePeriodSeconds": 5 } } } });
    let other = json!({ "spec": { "minReadySeconds": 7, "replicas": 1 } });
    sender
        .merge(&format!("{DEPLOYMENTS}/web-3"), &scaled)
        .taken();
    sender
        .merge(&format!("{DEPLOYMENTS}/web-4"), &other)
        .taken();
    assert_eq!(
        reconcile(&namespace),
        1,
        "Git says how many replicas there are"
    );
}

#[test]
fn a_dry_run_of_the_whole_differs_in_nothing() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "argo", &[]);
    let namespace = guarded(plane, "argo", "enforce");
    let sender = Sender::new(&namespace);
    let place = format!("{DEPLOYMENTS}/web");
    sender
        .apply(&place, "argocd-controller", &deployment(BEHIND))
        .taken();
    namespace.settles("web", |object: &Deployment| {
        let status = object.status.as_ref()?;
        status
            .conditions
            .as_ref()
            .filter(|all| all.len() >= 2)
            .map(drop)
    });
    // Its controller may write another status between the two.
    let seen = |mut object: Value| {
        for part in ["managedFields", "resourceVersion"] {
            object["metadata"][part].take();
        }
        object["status"].take();
        object
    };
    let live = sender.get(&place);
    let dry = format!("{place}?dryRun=All&force=true");
    let predicted = sender
        .apply(&dry, "argocd-controller", &deployment(BEHIND))
        .taken();
    assert_eq!(seen(predicted), seen(live.clone()));

    // Whoever overwrites the whole object with what he knows of it, as Terraform does, keeps the marks.
    let mine = annotated(deployment(BEHIND), &[("team", "a")]);
    let replaced = sender.replace(&place, &mine).taken();
    assert_eq!(replaced["metadata"]["labels"], live["metadata"]["labels"]);
    let resolved = "resolved.imgauto.dev/web";
    assert_eq!(
        replaced["metadata"]["annotations"],
        json!({ "team": "a", resolved: live["metadata"]["annotations"][resolved] })
    );
}
