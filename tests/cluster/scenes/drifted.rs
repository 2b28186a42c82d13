//! Something else is applied than what is in Git.

use super::scene::{Plan, Scene};

#[test]
fn an_image_that_was_set_by_hand_is_set_back() {
    let scene = Scene::set("set-by-hand", &Plan::default());
    scene.push_tag("1.1.0");
    scene.ends_with("1.1.0");
    let set = format!(
        "kubectl set image deployment/web web={}:1.0.0",
        scene.image()
    );
    scene.paste(&set);
    let said = scene.comes_to("Drifted", "ManualChange");
    assert!(said.message.contains("kubectl-set"), "{said:?}");
    let verified = scene.imgauto(&["verify", "deployment/web"]);
    assert_eq!(verified.code, 1, "{}", verified.stdout);
    assert!(
        verified.stderr.contains("[ManualChange]"),
        "{}",
        verified.stderr
    );
    scene.paste(&scene.fix(&[], "ManualChange"));
    scene.ends_with("1.1.0");
}

#[test]
fn what_is_committed_and_not_applied_is_no_drift() {
    let scene = Scene::set("not-applied", &Plan::default());
    scene.comes_to("Synced", "");
    scene.push_tag("1.1.0");
    let said = scene.comes_to("Committed", "SourceOutdated");
    assert!(!said.next.is_empty(), "{said:?}");
    let verified = scene.imgauto(&["verify", "deployment/web"]);
    assert_eq!(verified.code, 1, "{}", verified.stdout);
    assert!(
        verified.stderr.contains("running 1.0.0, wanted 1.1.0"),
        "{}",
        verified.stderr
    );
    scene.ends_with("1.1.0");
}
