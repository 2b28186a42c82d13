//! Objects that somebody else has worked on: another reconciler with another store, or Flux's controllers.

use api::ImagePolicy;
use api::policy::ImagePolicyStatus;
use harness::program::run;
use harness::reconciler::ReconcilerOptions;
use harness::{ControlPlane, Reconciler};
use serde_json::json;

use crate::stage::Stage;
use crate::writes::written;

/// What Flux's controllers put on every object.
const FINALIZER: &str = "finalizers.fluxcd.io";

#[test]
fn a_reconciler_without_a_memory_goes_on_where_the_last_one_ended() {
    let plane = ControlPlane::private();
    let mut stage = Stage::new(&plane, "takeover");
    stage.create_all();
    let (policy, tip) = (policy(&stage), stage.repository.tip("main"));
    assert!(stage.reconciler.terminate().success());
    let before = written(&plane).len();

    let options = ReconcilerOptions {
        namespace: Some(stage.namespace.name()),
        ..ReconcilerOptions::default()
    };
    stage.reconciler = Reconciler::start(&plane, options);
    // The requests make sure that it has looked at them.
    for (word, name) in [
        ("policy", "podinfo"),
        ("update", "flux-system"),
        ("repository", "podinfo"),
    ] {
        let answer = stage.flux(&["reconcile", "image", word, name]);
        assert_eq!(answer.code, 0, "{}", answer.stderr);
    }
    let since = written(&plane).split_off(before);
    let of = |resource: &str| {
        since
            .iter()
            .filter(|write| write.contains(resource))
            .count()
    };
    assert_eq!(
        (of("imagepolicies"), of("imageupdateautomations")),
        (1, 1),
        "{since:?}"
    );
    // Its store is empty: the policy asks for one scan more than is due.
    assert!(of("imagerepositories") <= 2, "{since:?}");
    let now = self::policy(&stage);
    assert_eq!(now.latest_ref, policy.latest_ref);
    assert_eq!(now.observed_previous_ref, policy.observed_previous_ref);
    assert_eq!(now.conditions, policy.conditions);
    assert_eq!(stage.repository.tip("main"), tip);
}

#[test]
fn objects_with_a_finalizer_of_flux_can_be_deleted() {
    let stage = Stage::new(ControlPlane::shared(), "takeover-finalizer");
    stage.create_all();
    let patch = json!({"metadata": {"finalizers": [FINALIZER]}}).to_string();
    for object in [
        "imagerepository/podinfo",
        "imagepolicy/podinfo",
        "imageupdateautomation/flux-system",
    ] {
        run(stage
            .namespace
            .kubectl()
            .args(["patch", object, "--type=merge", "--patch", &patch]));
        // Waits until it is gone.
        run(stage
            .namespace
            .kubectl()
            .args(["delete", object, "--timeout=60s"]));
    }
}

fn policy(stage: &Stage<'_>) -> ImagePolicyStatus {
    stage
        .namespace
        .settles("podinfo", |policy: &ImagePolicy| policy.status.clone())
}
