//! Rollouts that are under way, and rollouts that fail.

use serde_json::json;

use super::scene::{Plan, Scene};

#[test]
fn a_rollout_is_waited_for() {
    let scene = Scene::set("rolling-out", &Plan::default());
    scene.comes_to("Synced", "");
    scene.paste("kubectl rollout pause deployment/web");
    scene.push_tag("1.1.0");
    scene.comes_to("Committed", "SourceOutdated");
    scene.apply_from_git();
    let said = scene.comes_to("RollingOut", "");
    assert!(said.next.contains("verify"), "{said:?}");
    let late = scene.imgauto(&["verify", "deployment/web", "--wait", "--timeout=1s"]);
    assert_eq!(late.code, 124, "{}", late.stderr);
    scene.paste("kubectl rollout resume deployment/web");
    scene.paste(&said.next);
    scene.ends_with("1.1.0");
}

#[test]
fn an_image_that_cannot_be_pulled_is_rolled_back() {
    let plan = Plan {
        policy: json!({
            "policy": {"semver": null, "alphabetical": {"order": "asc"}},
        }),
        ..Plan::default()
    };
    let scene = Scene::set("broken-image", &plan);
    scene.comes_to("Synced", "");
    scene.push_tag("broken-1");
    scene.comes_to("Committed", "SourceOutdated");
    scene.apply_from_git();
    let said = scene.comes_to("Degraded", "ImagePullFailed");
    assert!(said.message.contains("broken-1"), "{said:?}");
    // As kubectl does, it waits as long as the rollout may still come right.
    let verified = scene.imgauto(&["verify", "deployment/web", "--wait", "--timeout=2s"]);
    assert_eq!(verified.code, 124, "{}", verified.stderr);
    assert!(
        verified.stderr.contains("[ImagePullFailed]"),
        "{}",
        verified.stderr
    );
    scene.paste(&scene.fix(&[], "ImagePullFailed"));
    scene.paste("kubectl rollout status deployment/web --timeout=60s");
}
