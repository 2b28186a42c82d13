//! `kubectl imgauto check` and `version`, in clusters that are as they should be and in others.

use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use harness::program::{imgauto, run};
use harness::reconciler::ReconcilerOptions;
use harness::{ControlPlane, Reconciler};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::plugin_install::Desk;
use crate::stage::Answer;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asserts that an answer holds some lines, and ends with a code.
fn says(answer: &Answer, code: i32, lines: &[&str]) {
    let all = format!("{}{}", answer.stdout, answer.stderr);
    assert_eq!(answer.code, code, "{all}");
    for line in lines {
        assert!(
            all.contains(&format!("{line}\n")),
            "{line} is not in\n{all}"
        );
    }
}

/// What a short check says once a word is in it.
fn told(desk: &Desk<'_>, word: &str) -> Answer {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = desk.imgauto("check -o short");
        if answer.stdout.contains(word) {
            return answer;
        }
        assert!(
            Instant::now() < deadline,
            "{word} is not told: {}",
            answer.stdout
        );
    }
}

#[test]
fn an_installation_is_checked_before_and_after() {
    let plane = ControlPlane::private();
    let desk = Desk::new(&plane);
    an_empty_cluster_is_told(&desk);
    desk.does("install");
    the_parts_tell_their_versions(&desk);
    // The node only says that it runs the pod: nobody has taken the lease.
    let before = desk.writes();
    let answer = desk.imgauto("check --ascii");
    assert!(
        answer.stdout.is_ascii() && answer.stderr.is_ascii(),
        "{answer:?}"
    );
    says(
        &answer,
        0,
        &["! no imgauto-reconciler leads yet (imgauto-system)"],
    );

    // A process with the account of the installation leads in its place.
    let options = ReconcilerOptions {
        flags: &["--enable-leader-election"],
        ..ReconcilerOptions::default()
    };
    let _reconciler = Reconciler::start(&plane, options);
    let lease = "-n imgauto-system wait lease/imgauto-reconciler-leader-election --for=create";
    desk.kubectl(lease);
    let answer = desk.imgauto("check");
    says(
        &answer,
        0,
        &[
            "√ CRDs: imagerepositories, imagepolicies, imageupdateautomations, gitrepositories at v1",
            "√ CRDs: imageinventories at v1alpha1",
            "√ no other controller writes the same objects",
            "√ imgauto-reconciler: deployment ready (imgauto-system)",
            "√ imgauto-reconciler v0.1.0",
            "√ Git: no automation to look at yet",
        ],
    );
    assert!(
        answer.stdout.contains(" leads (imgauto-system)\n"),
        "{}",
        answer.stdout
    );
    assert_eq!(desk.writes(), before);
}

fn an_empty_cluster_is_told(desk: &Desk<'_>) {
    says(
        &desk.imgauto("check --pre"),
        0,
        &[
            "√ you may do what install needs",
            "√ no CRD of others is in the way",
        ],
    );
    says(
        &desk.imgauto("check"),
        1,
        &[
            "√ Kubernetes v1.37.2 (needs >= 1.30)",
            "× CRDs are missing: imagerepositories, imagepolicies, imageupdateautomations, imageinventories, gitrepositories\n    next: kubectl imgauto install",
            "× imgauto-reconciler is not installed\n    next: kubectl imgauto install",
            "✗ check failed",
        ],
    );
    says(
        &desk.imgauto("check --wait --timeout=2s"),
        124,
        &["✗ check failed"],
    );
    let missing = desk.imgauto("version");
    assert_eq!(missing, Answer::printed("kubectl-imgauto: v0.1.0\n"));
}

fn the_parts_tell_their_versions(desk: &Desk<'_>) {
    assert_eq!(
        desk.imgauto("version"),
        Answer::printed("kubectl-imgauto: v0.1.0\nimgauto-reconciler: v0.1.0\n")
    );
    let json = desk.imgauto("version -o json");
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(
        json,
        json!({"kubectl-imgauto": "v0.1.0", "imgauto-reconciler": "v0.1.0"})
    );
}

#[test]
fn a_pod_that_cannot_start_is_told_and_install_mends_it() {
    let plane = ControlPlane::private();
    let desk = Desk::new(&plane);
    desk.does("install");
    desk.kubectl(
        "-n imgauto-system set image deployment/imgauto-reconciler reconciler=imgauto:broken",
    );
    let answer = told(&desk, "ImagePullBackOff");
    says(
        &answer,
        1,
        &[
            "    ImagePullBackOff: Back-off pulling image \"imgauto:broken\"",
            "‼ imgauto-reconciler broken is not the version of kubectl-imgauto, v0.1.0",
        ],
    );
    assert!(!answer.stdout.contains('√'), "{}", answer.stdout);
    desk.does("install");
    says(
        &desk.imgauto("check --wait --timeout=1m"),
        0,
        &["√ imgauto-reconciler v0.1.0"],
    );
    desk.kubectl("-n imgauto-system scale deployment imgauto-reconciler --replicas=0");
    says(
        &desk.imgauto("check"),
        1,
        &["× imgauto-reconciler: scaled down to 0 (imgauto-system)"],
    );
}

#[test]
fn flux_beside_imgauto_and_a_refused_push_fail() {
    let plane = ControlPlane::private();
    let desk = Desk::new(&plane);
    desk.does("install");
    desk.kubectl("create namespace flux-system");
    let flux = "create deployment image-automation-controller --image=ghcr.io/fluxcd/x:v1";
    desk.kubectl(&format!("-n flux-system {flux}"));
    says(
        &desk.imgauto("check"),
        1,
        &[
            "× Flux image-automation-controller also runs (flux-system)\n    two writers for the same objects\n    next: kubectl imgauto install --adopt",
        ],
    );
    // The command that was named mends it; imgauto stays where it is.
    desk.does("install --adopt");
    says(
        &desk.imgauto("check"),
        0,
        &["√ imgauto-reconciler: deployment ready (imgauto-system)"],
    );

    desk.namespace.apply(&automation());
    let message = "failed to push to remote: Permission to fleet.git denied to deploy key";
    let condition = json!({
        "type": "Ready", "status": "False", "reason": "GitOperationFailed", "message": message,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    });
    let status = json!({"status": {"conditions": [condition]}}).to_string();
    let mut patch = desk.namespace.kubectl();
    patch.args([
        "patch",
        "imageupdateautomation/app",
        "--subresource=status",
        "--type=merge",
    ]);
    run(patch.arg("--patch").arg(status));
    let name = desk.namespace.name();
    says(
        &desk.imgauto("check"),
        1,
        &[
            &format!("× Git: ImageUpdateAutomation {name}/app is refused: GitOperationFailed"),
            &format!("    {message}"),
            "    the key may only read: give it write access at the Git server",
            &format!("    next: kubectl imgauto why update/app -n {name}"),
        ],
    );
    let json = desk.imgauto("check -o json");
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(
        (&json["kind"], &json["success"]),
        (&json!("Check"), &json!(false))
    );
}

#[test]
fn who_may_do_little_learns_what_and_sees_the_rest() {
    let plane = ControlPlane::private();
    let desk = Desk::new(&plane);
    desk.does("install");
    let rules = json!([
        {"apiGroups": ["", "apps", "batch"], "resources": ["*"], "verbs": ["list"]},
        {"apiGroups": ["image.toolkit.fluxcd.io", "imgauto.dev"], "resources": ["*"], "verbs": ["list"]},
    ]);
    let account = desk.namespace.account("developer", &rules);
    let answer = Answer::of(
        desk.namespace
            .imgauto()
            .env("KUBECONFIG", account.path())
            .args(["check", "-n", desk.namespace.name()]),
    );
    let name = desk.namespace.name();
    let everywhere =
        format!("‼ you may do what status and verify need in {name}, but not in all namespaces");
    let create = "‼ you may not do what create needs\n    not allowed: get, create, patch imagerepositories.image.toolkit.fluxcd.io, imagepolicies.image.toolkit.fluxcd.io, imageupdateautomations.image.toolkit.fluxcd.io";
    // Definitions may not be seen, but that the kinds are served may be.
    let kinds =
        "√ CRDs: imagerepositories, imagepolicies, imageupdateautomations, gitrepositories at v1";
    let gap = format!(
        "‼ you may not list Deployments in all namespaces: controllers were looked for in {name} only"
    );
    says(&answer, 1, &[&everywhere, create, kinds, &gap]);
}

#[test]
fn without_a_cluster_nothing_can_be_told() {
    let home = TempDir::new().unwrap();
    let folder = home.path().join("bin");
    std::fs::create_dir(&folder).unwrap();
    let stray = folder.join("kubectl-imgauto-get");
    std::fs::write(&stray, "").unwrap();
    std::fs::set_permissions(&stray, std::fs::Permissions::from_mode(0o755)).unwrap();
    let check = |args: &[&str]| {
        let mut check = imgauto(home.path());
        Answer::of(check.env("PATH", &folder).arg("check").args(args))
    };
    let shown = stray.display();
    says(
        &check(&[]),
        2,
        &[
            &format!(
                "‼ kubectl-imgauto-get takes the place of `kubectl imgauto get`\n    {shown}\n    next: rm {shown}"
            ),
            "× no kubeconfig names a cluster to talk to",
            "✗ check failed",
        ],
    );
    let silent = check(&["--server=https://127.0.0.1:1", "-o", "json"]);
    assert_eq!(silent.code, 2);
    let report: Value = serde_json::from_str(&silent.stdout).unwrap();
    assert_eq!(
        (&report["success"], &report["complete"]),
        (&json!(false), &json!(false))
    );
    let mut version = imgauto(home.path());
    version.args(["version", "--server=https://127.0.0.1:1"]);
    let answer = Answer::of(&mut version);
    assert_eq!(
        (answer.code, answer.stdout.as_str()),
        (1, "kubectl-imgauto: v0.1.0\n")
    );
    assert!(
        answer.stderr.contains("no answer from the API server"),
        "{}",
        answer.stderr
    );
}

fn automation() -> String {
    let kind = json!({
        "apiVersion": "image.toolkit.fluxcd.io/v1", "kind": "ImageUpdateAutomation",
        "metadata": {"name": "app"},
        "spec": {
            "interval": "30m",
            "sourceRef": {"kind": "GitRepository", "name": "fleet"},
            "git": {"commit": {"author": {"email": "a@example.com"}}},
        },
    });
    kind.to_string()
}
