//! What the reconciler needs goes away and comes back: conditions tell of it, and nobody has to help.

use api::ImageUpdateAutomation;
use harness::ControlPlane;
use harness::git_server::GitFault;

use crate::stage::Stage;

#[test]
fn an_api_server_that_was_away_is_found_again() {
    let plane = ControlPlane::private();
    let mut stage = Stage::new(&plane, "outage-api");
    stage.create_all();
    let before = stage.repository.tip("main").unwrap();
    plane.kill();
    stage.registry.push_tag("podinfo", "5.0.1");
    plane.start_again();
    assert!(stage.reconciler.is_running());
    let answer = stage.flux(&["reconcile", "image", "repository", "podinfo"]);
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    stage.commit_after(&before);
    assert!(stage.reconciler.is_running());
}

#[test]
fn a_git_server_that_fails_is_tried_until_it_works() {
    let stage = Stage::with_flags(
        ControlPlane::shared(),
        "outage-git",
        &["--max-retry-delay=2s"],
    );
    stage.create_all();
    let before = stage.repository.tip("main").unwrap();
    stage
        .server
        .fail(Some(GitFault::Status(503, "down for now".to_owned())));
    stage.registry.push_tag("podinfo", "5.0.1");
    stage.flux(&["reconcile", "image", "repository", "podinfo"]);
    let condition = |automation: &ImageUpdateAutomation, status: &str| {
        let conditions = &automation.status.as_ref()?.conditions;
        let mut ready = conditions
            .iter()
            .filter(|condition| condition.type_ == "Ready");
        ready.find(|ready| ready.status == status).cloned()
    };
    let failed = stage
        .namespace
        .settles("flux-system", |automation: &ImageUpdateAutomation| {
            condition(automation, "False")
        });
    assert_eq!(failed.reason, "GitOperationFailed");
    assert!(failed.message.contains("503"), "{}", failed.message);

    stage.server.fail(None);
    stage.commit_after(&before);
    stage
        .namespace
        .settles("flux-system", |automation: &ImageUpdateAutomation| {
            condition(automation, "True")
        });
}
