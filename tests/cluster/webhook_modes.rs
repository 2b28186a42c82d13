//! Who may say how strict a namespace is, by the ValidatingAdmissionPolicy of `manifests/webhook`.

use std::time::{Duration, Instant};

use harness::control_plane::Credentials;
use harness::program::{output, run};
use harness::webhook::{apply, manifests};
use harness::{ControlPlane, Namespace};
use serde_json::{Value, json};

/// Somebody who may do anything to namespaces, but for what the policy guards.
struct Team<'a> {
    namespace: Namespace<'a>,
    account: Credentials,
}

impl<'a> Team<'a> {
    /// Brings the policy into a cluster, and somebody whom it is about.
    fn new(plane: &'a ControlPlane) -> Self {
        let namespace = plane.namespace("mode");
        for object in manifests() {
            let name = object["metadata"]["name"].as_str().unwrap();
            if name.starts_with("imgauto-mode") {
                apply(plane, object.clone());
            }
        }
        let account = namespace.account("team", &json!([]));
        let team = Self { namespace, account };
        let verbs = "--verb=get,list,create,patch,update,delete";
        let resources = "--resource=namespaces,namespaces/status,namespaces/finalize";
        team.kubectl(&format!("create clusterrole team {verbs} {resources}"));
        team.binds("team");
        team
    }

    /// What an administrator does.
    fn kubectl(&self, line: &str) -> String {
        run(self.namespace.kubectl().args(line.split_whitespace()))
    }

    /// Gives the team a ClusterRole.
    fn binds(&self, role: &str) {
        let user = format!("--serviceaccount={}:team", self.namespace.name());
        let name = format!("team-{role}");
        self.kubectl(&format!(
            "create clusterrolebinding {name} --clusterrole={role} {user}"
        ));
    }

    /// Whether the team may do something; if not, the policy has to be the reason.
    fn may(&self, line: &str) -> bool {
        let mut kubectl = self.namespace.kubectl();
        kubectl.env("KUBECONFIG", self.account.path());
        let done = output(kubectl.args(line.split_whitespace()));
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        let refused = said.contains("takes the verb setmode on namespaces.imgauto.dev");
        assert!(done.status.success() != refused, "{line}: {said}");
        done.status.success()
    }

    /// Waits until the team may do something, or may not: rights and policies are taken up with a delay.
    fn waits_until(&self, line: &str, allowed: bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.may(line) != allowed {
            assert!(Instant::now() < deadline, "{line}: it stays {}", !allowed);
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Whether the team may change its namespace.
    fn may_patch(&self, way: &str, patch: &Value) -> bool {
        let own = self.namespace.name();
        self.may(&format!(
            "patch namespace {own} --type=merge {way} --patch={patch}"
        ))
    }
}

#[test]
fn the_expressions_of_the_policy_fit_what_they_are_about() {
    let plane = ControlPlane::private();
    let team = Team::new(&plane);
    let status = || -> Value {
        let get = "get validatingadmissionpolicy imgauto-mode --output=json";
        let policy: Value = serde_json::from_str(&team.kubectl(get)).unwrap();
        policy["status"].clone()
    };
    let deadline = Instant::now() + Duration::from_secs(60);
    while status()["observedGeneration"] != 1 {
        assert!(Instant::now() < deadline, "{}", status());
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(status()["typeChecking"], json!({}));
}

#[test]
fn nobody_loosens_the_rules_of_a_namespace_without_the_verb() {
    let plane = ControlPlane::private();
    let team = Team::new(&plane);
    let own = team.namespace.name();
    let off = format!("label namespace {own} imgauto.dev/mode=off --overwrite --dry-run=server");
    team.waits_until(&off, false);
    team.kubectl(&format!("label namespace {own} imgauto.dev/mode=enforce"));
    let debugging = "imgauto.dev/debug-repositories";
    team.kubectl(&format!("annotate namespace {own} {debugging}=busybox"));
    let mode = |value: Value| json!({ "metadata": { "labels": { "imgauto.dev/mode": value } } });
    for way in ["", "--subresource=status"] {
        assert!(!team.may_patch(way, &mode(json!("warn"))), "{way}");
        assert!(!team.may_patch(way, &mode(json!(null))), "{way}");
    }
    for change in [
        "label namespace OWN imgauto.dev/require-policy=false",
        "annotate namespace OWN imgauto.dev/debug-repositories-",
        "annotate namespace OWN imgauto.dev/debug-repositories=a --overwrite",
    ] {
        assert!(!team.may(&change.replace("OWN", own)), "{change}");
    }
    assert!(
        team.may(&format!("label namespace {own} team=a")),
        "the rest is theirs"
    );
    let lax = json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": { "name": "lax", "labels": { "imgauto.dev/mode": "off" } },
    });
    let file = team.namespace.home().join("lax.json");
    std::fs::write(&file, lax.to_string()).unwrap();
    assert!(!team.may(&format!("create --filename={}", file.display())));
    assert!(team.may("create namespace plain"));
}

#[test]
fn the_verb_is_given_for_all_namespaces_or_for_some() {
    let plane = ControlPlane::private();
    let team = Team::new(&plane);
    let own = team.namespace.name();
    let warn =
        |namespace: &str| format!("label namespace {namespace} imgauto.dev/mode=warn --overwrite");
    team.waits_until(&format!("{} --dry-run=server", warn(own)), false);
    apply(
        &plane,
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": { "name": "own-mode" },
            "rules": [{ "apiGroups": ["imgauto.dev"], "resources": ["namespaces"], "resourceNames": [own], "verbs": ["setmode"] }],
        }),
    );
    team.binds("own-mode");
    team.waits_until(&warn(own), true);
    assert!(!team.may(&warn("default")));
    team.binds("imgauto-mode-admin");
    team.waits_until(&warn("default"), true);
}
