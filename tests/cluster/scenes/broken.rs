//! Servers that refuse: the registry, the Git server.

use harness::registry::RegistryAuth;
use serde_json::json;

use super::scene::{PASSWORD, Plan, Scene, USER};

#[test]
fn a_registry_that_refuses_gets_credentials() {
    let plan = Plan {
        auth: RegistryAuth::Htpasswd(vec![(USER.to_owned(), PASSWORD.to_owned())]),
        ..Plan::default()
    };
    let scene = Scene::set("registry-auth", &plan);
    scene.registry.push_tag("web", "1.1.0");
    scene.comes_to("Blocked", "AuthFailed");
    scene.paste(&scene.fix(&[], "AuthFailed"));
    scene.ends_with("1.1.0");
}

#[test]
fn a_push_that_is_refused_goes_to_another_branch() {
    let scene = Scene::set("push-refused", &Plan::default());
    scene.comes_to("Synced", "");
    scene.repository.hook(
        "update",
        "#!/bin/sh\n[ \"$1\" != refs/heads/main ] || { echo 'main is protected' >&2; exit 1; }\n",
    );
    scene.push_tag("1.1.0");
    let said = scene.comes_to("Blocked", "PushRejected");
    assert!(said.message.contains("main"), "{said:?}");
    scene.paste(&scene.fix(&[], "PushRejected"));
    // Somebody merges.
    let said = scene.comes_to("Blocked", "PushBranchNotMerged");
    assert!(!said.next.is_empty());
    scene.repository.hook("update", "#!/bin/sh\n");
    scene.paste(&scene.fix(&[], "PushBranchNotMerged"));
    scene.ends_with("1.1.0");
}

#[test]
fn a_policy_that_nothing_fits_is_widened() {
    let plan = Plan {
        policy: json!({"policy": {"semver": {"range": ">=2.0.0"}}}),
        ..Plan::default()
    };
    let scene = Scene::set("nothing-fits", &plan);
    let said = scene.comes_to("Blocked", "NoTagMatches");
    let tags = scene.imgauto(&["tags", "policy/web"]);
    assert_eq!(tags.code, 0, "{}", tags.stderr);
    assert!(
        tags.stdout.contains("out of range >=2.0.0"),
        "{}",
        tags.stdout
    );
    assert!(
        said.next.contains("kubectl patch imagepolicy web"),
        "{said:?}"
    );
    scene.paste(&said.next);
    scene.ends_with("1.0.0");
}
