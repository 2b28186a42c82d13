//! reconcile, suspend, resume, delete and export of the plugin, beside those of the real flux CLI.

mod exports;

use std::io::{Seek as _, Write as _};
use std::process::{Command, Stdio};

use api::{GitRepository, ImagePolicy};
use harness::program::{run, shell};
use harness::{ControlPlane, wait};
use kube::ResourceExt as _;
use kube::api::ListParams;

use crate::plugin_create::applied_by_flux;
use crate::stage::{Answer, Stage};

/// The kinds of a stage and the names their objects have there.
const OBJECTS: [[&str; 2]; 3] = [
    ["repository", "podinfo"],
    ["policy", "podinfo"],
    ["update", "flux-system"],
];

/// Runs a command of flux and then the same of the plugin, which has to give the same answer.
fn both(stage: &Stage<'_>, arguments: &[&str]) -> Answer {
    let flux = stage.flux(arguments);
    let ours = stage.imgauto(arguments);
    assert_eq!(ours, flux, "{arguments:?}");
    ours
}

/// The same for a failure that flux does not count as one.
fn both_but_code(stage: &Stage<'_>, arguments: &[&str]) {
    let flux = stage.flux(arguments);
    let ours = stage.imgauto(arguments);
    assert_eq!((flux.code, ours.code), (0, 1), "{arguments:?}");
    assert_eq!(
        (ours.stdout, ours.stderr),
        (flux.stdout, flux.stderr),
        "{arguments:?}"
    );
}

/// Makes another policy, for commands that take several.
fn second_policy(stage: &Stage<'_>) {
    let made = stage.imgauto(&[
        "create",
        "policy",
        "second",
        "--image-ref=podinfo",
        "--select-semver=4.x",
    ]);
    assert_eq!(made.code, 0, "{}", made.stderr);
}

fn is_suspended(stage: &Stage<'_>, policy: &str) -> bool {
    let get = |policy: &ImagePolicy| Some(policy.spec.suspend);
    stage.namespace.settles(policy, get)
}

#[test]
fn verbs_speak_as_flux_does() {
    let stage = Stage::new(ControlPlane::shared(), "plugin-verbs");
    stage.create_all();
    second_policy(&stage);
    for [word, name] in OBJECTS {
        both(&stage, &["reconcile", "image", word, name]);
        both(&stage, &["suspend", "image", word, name]);
        both(&stage, &["reconcile", "image", word, name]);
        both(&stage, &["resume", "image", word, name]);
        both(&stage, &["export", "image", word, name]);
        both(&stage, &["export", "image", word, "--all"]);
        both(&stage, &["suspend", "image", word, "--all"]);
        both(&stage, &["resume", "image", word, "--all"]);
        both(&stage, &["reconcile", "image", word, "absent"]);
        both(&stage, &["export", "image", word, "absent"]);
        both(&stage, &["delete", "image", word, "absent", "--silent"]);
        both_but_code(&stage, &["suspend", "image", word, "absent"]);
        both_but_code(&stage, &["resume", "image", word, "absent"]);
    }
    let policies = ["podinfo", "second", "podinfo"];
    both(
        &stage,
        &[&["suspend", "image", "policy"][..], &policies].concat(),
    );
    both(
        &stage,
        &[&["resume", "image", "policy"][..], &policies].concat(),
    );
    both(
        &stage,
        &[&["resume", "image", "policy", "--wait"][..], &policies].concat(),
    );
}

#[test]
fn objects_that_do_not_work_fail_as_with_flux() {
    let stage = Stage::new(ControlPlane::shared(), "plugin-failing");
    stage.create_all();
    let patch = r#"{"spec": {"policy": {"semver": {"range": "no range"}}}}"#;
    let mut edit = stage.namespace.kubectl();
    run(edit.args(["patch", "imagepolicy/podinfo", "--type=merge", "-p", patch]));
    let failed = both(&stage, &["reconcile", "image", "policy", "podinfo"]);
    assert_eq!(failed.code, 1);
    let failed = both(&stage, &["resume", "image", "policy", "podinfo"]);
    assert_eq!(failed.code, 1);

    // Flux waits for what is tried again until its time is up.
    let patch = r#"{"spec": {"secretRef": {"name": "absent"}}}"#;
    let mut edit = stage.namespace.kubectl();
    run(edit.args([
        "patch",
        "imagerepository/podinfo",
        "--type=merge",
        "-p",
        patch,
    ]));
    let failed = stage.imgauto(&["reconcile", "repository", "podinfo"]);
    assert_eq!(failed.code, 1);
    let said = failed.stderr.lines().last().unwrap();
    assert!(
        said.starts_with("✗ ImageRepository reconciliation failed: '") && said.contains("absent"),
        "{said}"
    );
}

#[test]
fn several_objects_of_several_kinds_each_have_their_turn() {
    let stage = Stage::new(ControlPlane::shared(), "plugin-several");
    stage.create_all();
    let namespace = stage.namespace.name();
    let answer = stage.imgauto(&[
        "reconcile",
        "policy/absent",
        "imgrepo/podinfo",
        "policy/podinfo",
        "repository/podinfo",
    ]);
    let image = stage.image();
    let expected = format!(
        "✗ imagepolicies.image.toolkit.fluxcd.io \"absent\" not found
► annotating ImageRepository podinfo in {namespace} namespace
✔ ImageRepository annotated
◎ waiting for ImageRepository reconciliation
✔ scan fetched 4 tags
► annotating ImagePolicy podinfo in {namespace} namespace
✔ ImagePolicy annotated
◎ waiting for ImagePolicy reconciliation
✔ selected ref {image}:5.0.0
"
    );
    assert_eq!((answer.code, answer.stderr), (1, expected));

    let all = stage.imgauto(&["reconcile", "policy", "--all", "--wait=false"]);
    let expected = format!(
        "► annotating ImagePolicy podinfo in {namespace} namespace\n✔ ImagePolicy annotated\n"
    );
    assert_eq!(all, Answer::said(&expected));
    let unknown = stage.imgauto(&["suspend", "polcy", "podinfo"]);
    assert_eq!(unknown.code, 2);
    assert!(
        unknown.stderr.contains("did you mean policy?"),
        "{}",
        unknown.stderr
    );
    let nameless = stage.imgauto(&["suspend", "image", "policy"]);
    assert_eq!(nameless.code, 2);
    let first = nameless.stderr.lines().next().unwrap();
    assert_eq!(first, "✗ image policy name is required");
}

#[test]
fn what_an_update_depends_on_is_reconciled_before_it() {
    let stage = Stage::new(ControlPlane::shared(), "plugin-sources");
    stage.create_all();
    stage.imgauto(&["suspend", "policy", "podinfo"]);
    second_policy(&stage);
    let namespace = stage.namespace.name();
    let answer = stage.imgauto(&["reconcile", "update", "flux-system", "--with-source"]);
    let image = stage.image();
    let expected = format!(
        "► GitRepository {namespace}/flux-system is left alone: no source controller has looked at it
► annotating ImageRepository podinfo in {namespace} namespace
✔ ImageRepository annotated
◎ waiting for ImageRepository reconciliation
✔ scan fetched 4 tags
► ImagePolicy {namespace}/podinfo is suspended and left alone
► annotating ImagePolicy second in {namespace} namespace
✔ ImagePolicy annotated
◎ waiting for ImagePolicy reconciliation
✔ selected ref {image}:4.9.0
► annotating ImageUpdateAutomation flux-system in {namespace} namespace
✔ ImageUpdateAutomation annotated
◎ waiting for ImageUpdateAutomation reconciliation
✔ repository up-to-date
"
    );
    assert_eq!(answer, Answer::said(&expected));
}

#[test]
fn a_source_that_has_a_controller_is_fetched_first() {
    let stage = Stage::new(ControlPlane::shared(), "plugin-fetched");
    stage.create_all();
    let namespace = stage.namespace.name();
    // What Flux's source controller writes.
    let write = |status: &serde_json::Value| {
        let status = serde_json::json!({"status": status}).to_string();
        let mut patch = stage.namespace.kubectl();
        patch.args(["patch", "gitrepository/flux-system", "--subresource=status"]);
        run(patch.args(["--type=merge", "--patch", &status]));
    };
    let time = "2026-01-01T00:00:00Z";
    let ready = serde_json::json!({
        "type": "Ready", "status": "True", "reason": "Succeeded", "message": "stored artifact",
        "observedGeneration": 1, "lastTransitionTime": time,
    });
    let artifact = serde_json::json!({
        "revision": "main@sha1:abc", "path": "a", "url": "http://a", "lastUpdateTime": time,
        "digest": format!("sha256:{}", "0".repeat(64)),
    });
    write(
        &serde_json::json!({"observedGeneration": 1, "conditions": [ready], "artifact": artifact}),
    );

    let mut command = stage.namespace.imgauto();
    command.args(["reconcile", "update", "flux-system", "--with-source"]);
    let child = command.stderr(Stdio::piped()).spawn().unwrap();
    let request = stage
        .namespace
        .settles("flux-system", |source: &GitRepository| {
            source
                .annotations()
                .get("reconcile.fluxcd.io/requestedAt")
                .cloned()
        });
    write(&serde_json::json!({"lastHandledReconcileAt": request}));
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    let fetched = format!(
        "► annotating GitRepository flux-system in {namespace} namespace
✔ GitRepository annotated
◎ waiting for GitRepository reconciliation
✔ fetched revision main@sha1:abc
► annotating ImageRepository podinfo in {namespace} namespace
"
    );
    assert!(said.starts_with(&fetched), "{said}");
    assert!(said.ends_with("✔ repository up-to-date\n"), "{said}");
}

#[test]
fn a_suspended_object_is_reconciled_once_and_stays_suspended() {
    let mut stage = Stage::new(ControlPlane::shared(), "plugin-once");
    stage.create_all();
    stage.imgauto(&["suspend", "policy", "podinfo"]);
    stage.registry.push_tag("podinfo", "5.0.1");
    stage.imgauto(&["reconcile", "repository", "podinfo"]);
    let (namespace, image) = (stage.namespace.name().to_owned(), stage.image());
    let answer = stage.imgauto(&["reconcile", "policy", "podinfo", "--once"]);
    let expected = format!(
        "► resuming image policy podinfo in {namespace} namespace for one reconciliation
► annotating ImagePolicy podinfo in {namespace} namespace
✔ ImagePolicy annotated
◎ waiting for ImagePolicy reconciliation
✔ selected ref {image}:5.0.1
✔ image policy suspended again
"
    );
    assert_eq!(answer, Answer::said(&expected));
    assert!(is_suspended(&stage, "podinfo"));

    // Nobody answers any more.
    stage.reconciler.kill();
    let late = stage.imgauto(&["reconcile", "policy", "podinfo", "--once", "--timeout=2s"]);
    assert_eq!(late.code, 124, "{}", late.stderr);
    assert!(is_suspended(&stage, "podinfo"));
    for (signal, code) in [("-INT", 130), ("-TERM", 130)] {
        let mut command = stage.namespace.imgauto();
        command.args(["reconcile", "policy", "podinfo", "--once"]);
        let child = command.stderr(Stdio::piped()).spawn().unwrap();
        stage.namespace.settles("podinfo", |policy: &ImagePolicy| {
            (!policy.spec.suspend).then_some(())
        });
        run(Command::new("kill").args([signal, &child.id().to_string()]));
        let ended = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(code), "{signal}: {said}");
        assert!(said.ends_with("✔ image policy suspended again\n"), "{said}");
        assert!(is_suspended(&stage, "podinfo"), "{signal}");
    }
}

#[test]
fn a_wait_that_runs_out_ends_with_124() {
    let mut stage = Stage::new(ControlPlane::shared(), "plugin-late");
    stage.create_all();
    stage.reconciler.kill();
    let late = stage.imgauto(&["reconcile", "policy", "podinfo", "--timeout=1s"]);
    assert_eq!(late.code, 124);
    let sentence = "✗ ImagePolicy reconciliation did not end within 1s\n";
    assert!(late.stderr.contains(sentence), "{}", late.stderr);
    let late = stage.imgauto(&["suspend", "policy", "podinfo"]);
    assert_eq!(late.code, 0);
    let late = stage.imgauto(&["resume", "policy", "podinfo", "--timeout=1s"]);
    assert_eq!(late.code, 124);
    let end = "✗ ImagePolicy podinfo reconciliation failed: no end within 1s
✗ reconciliation failed for 1 ImagePolicy(s)
";
    assert!(late.stderr.ends_with(end), "{}", late.stderr);
}

#[test]
fn the_owner_of_an_object_is_named_before_it_is_changed() {
    let stage = Stage::new(ControlPlane::shared(), "plugin-owned");
    let namespace = stage.namespace.name();
    applied_by_flux(&stage);

    let printed = stage.imgauto(&["suspend", "policy", "podinfo", "--export"]);
    assert_eq!((printed.code, printed.stderr.as_str()), (0, ""));
    let exported = stage.imgauto(&["export", "policy", "podinfo"]);
    assert_eq!(
        printed.stdout,
        format!("{}  suspend: true\n", exported.stdout)
    );
    assert!(!is_suspended(&stage, "podinfo"));

    let suspended = stage.imgauto(&["suspend", "policy", "podinfo"]);
    let expected = format!(
        "⚠️ image policy podinfo is applied by Kustomization {namespace}/apps, which may undo this change: commit what kubectl imgauto suspend policy podinfo -n {namespace} --export prints instead
► suspending image policy podinfo in {namespace} namespace
✔ image policy suspended
"
    );
    assert_eq!(suspended, Answer::said(&expected));
    assert!(is_suspended(&stage, "podinfo"));
    // Applying the same manifest again does not undo it: the manifest says nothing of it.
    applied_by_flux(&stage);
    assert!(is_suspended(&stage, "podinfo"));
}

#[test]
fn nothing_is_deleted_without_consent() {
    let stage = Stage::new(ControlPlane::shared(), "plugin-delete");
    stage.create_all();
    second_policy(&stage);
    let namespace = stage.namespace.name();
    let policies = || {
        let policies = stage.namespace.api::<ImagePolicy>();
        let found = wait(async move { policies.list(&ListParams::default()).await }).unwrap();
        found.iter().map(ImagePolicy::name_any).collect::<Vec<_>>()
    };
    let refused = stage.imgauto(&["delete", "image", "policy", "second"]);
    let expected = "✗ delete asks before it deletes, and there is no terminal to ask on
  next: kubectl imgauto delete image policy second --yes
";
    assert_eq!((refused.code, refused.stderr.as_str()), (2, expected));

    for (answer, code, end) in [
        ("n", 1, "✗ aborting"),
        ("", 1, "✗ aborting"),
        ("y", 0, "✔ image policy deleted"),
    ] {
        assert_eq!(policies(), ["podinfo", "second"]);
        // On a terminal of its own.
        let line = "script --quiet --return --command 'kubectl imgauto delete image policy second' /dev/null";
        let mut command = shell(stage.namespace.home(), line);
        command.env("KUBECONFIG", stage.namespace.kubeconfig());
        let mut typed = tempfile::tempfile().unwrap();
        typed.write_all(format!("{answer}\n").as_bytes()).unwrap();
        typed.rewind().unwrap();
        let said = Answer::of(command.stdin(typed));
        let question = "? Are you sure you want to delete this image policy? [y/N] ";
        assert!(said.stdout.contains(question), "{}", said.stdout);
        assert_eq!(said.code, code, "{}", said.stdout);
        assert!(said.stdout.trim_end().ends_with(end), "{}", said.stdout);
    }
    assert_eq!(policies(), ["podinfo"]);

    for [word, name] in OBJECTS {
        let human = match word {
            "repository" => "image repository",
            "policy" => "image policy",
            _ => "image update automation",
        };
        let deleted = stage.imgauto(&["delete", "image", word, name, "--silent"]);
        let expected =
            format!("► deleting {human} {name} in {namespace} namespace\n✔ {human} deleted\n");
        assert_eq!(deleted, Answer::said(&expected));
    }
    let none = both(&stage, &["export", "image", "policy", "--all"]);
    assert_eq!(none.code, 1);
}
