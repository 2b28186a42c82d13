//! `kubectl imgauto why`: the way link by link, and commands that mend what is broken.

use std::time::{Duration, Instant};

use harness::ControlPlane;
use harness::program::run;
use serde_json::Value;

use crate::stage::{Answer, Stage};

const PATIENCE: Duration = Duration::from_secs(60);

/// Asks until the answer has this code, and returns it.
fn comes_to(stage: &Stage<'_>, arguments: &[&str], code: i32) -> Answer {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = stage.imgauto(arguments);
        if answer.code == code {
            return answer;
        }
        assert!(Instant::now() < deadline, "not {code}: {answer:#?}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// The command that a document gives for what is broken.
fn fix(stage: &Stage<'_>, object: &str, reason: &str) -> String {
    let answer = comes_to(stage, &["why", object, "-o", "json"], 1);
    let report: Value = serde_json::from_str(&answer.stdout).unwrap();
    assert_eq!(report["kind"], "WhyReport");
    let item = &report["items"][0];
    assert_eq!(item["reason"], reason, "{report:#}");
    item["fix"]["command"].as_str().unwrap().to_owned()
}

/// Runs a line as somebody would who pastes it into a shell, kubectl with the namespace's own configuration.
fn paste(stage: &Stage<'_>, line: &str) {
    let mut shell = harness::program::shell(stage.namespace.home(), line);
    run(shell.env("KUBECONFIG", stage.namespace.kubeconfig()));
}

fn patch(stage: &Stage<'_>, object: &str, spec: &str) {
    let mut kubectl = stage.namespace.kubectl();
    run(kubectl.args(["patch", object, "--type=merge", "-p", spec]));
}

#[test]
fn the_way_of_an_image_is_told_of_workloads_policies_and_automations() {
    let plane = ControlPlane::shared();
    let stage = Stage::new(plane, "why");
    stage.create_all();
    stage.apply_from_git();
    stage.runs("frontend", &format!("{}:5.0.0", stage.image()));

    let told = comes_to(&stage, &["why", "deploy/frontend", "deploy/podinfo"], 0);
    for link in [
        "scan",
        "selection",
        "marker",
        "automation",
        "push",
        "apply",
        "rollout",
    ] {
        let line = format!("√ {link}");
        assert_eq!(told.stdout.matches(&line).count(), 2, "{}", told.stdout);
    }
    let policy = stage.imgauto(&["explain", "image", "policy", "podinfo"]);
    assert_eq!(policy.code, 0, "{policy:#?}");
    assert!(policy.stdout.contains("√ push"), "{}", policy.stdout);
    assert!(!policy.stdout.contains("apply"), "{}", policy.stdout);
    let update = stage.imgauto(&["why", "update/flux-system", "--ascii", "--events"]);
    assert_eq!(update.code, 0, "{update:#?}");
    assert!(update.stdout.is_ascii(), "{}", update.stdout);
    assert!(
        update.stdout.contains("Succeeded  ImagePolicy/podinfo: "),
        "{}",
        update.stdout
    );
    for absent in [
        "deploy/nothing",
        "policy/nothing",
        "update/nothing",
        "gizmo/x",
        "policy",
    ] {
        let answer = stage.imgauto(&["why", absent]);
        assert_eq!((answer.code, answer.stdout.as_str()), (2, ""), "{absent}");
        assert!(answer.stderr.contains("next: "), "{}", answer.stderr);
    }
}

#[test]
fn an_automation_that_does_not_write_is_mended() {
    let plane = ControlPlane::shared();
    let stage = Stage::new(plane, "why-update");
    stage.create_all();
    comes_to(&stage, &["why", "policy/podinfo"], 0);
    let automation = "imageupdateautomation/flux-system";
    for (spec, reason) in [
        (r#"{"spec": {"suspend": true}}"#, "AutomationSuspended"),
        (
            r#"{"spec": {"policySelector": {"matchLabels": {"team": "web"}}}}"#,
            "SelectorExcludes",
        ),
        (
            r#"{"spec": {"update": {"path": "./clusters/other"}}}"#,
            "PathExcluded",
        ),
    ] {
        patch(&stage, automation, spec);
        let line = fix(&stage, "policy/podinfo", reason);
        paste(&stage, &line);
        comes_to(&stage, &["why", "policy/podinfo"], 0);
    }
}
