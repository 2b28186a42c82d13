use serde_json::json;

use super::*;
use crate::commands::check::report::{Report, Verdict};
use crate::error::CliError;
use crate::session::Markers;

const NOW: &str = "2026-01-01T00:01:00Z";

/// A Deployment as it is once it is ready.
fn controller(role: Role, namespace: &str, more: &serde_json::Value) -> Controller {
    let mut value = json!({
        "metadata": {"name": role.name(), "namespace": namespace, "generation": 1},
        "spec": {"replicas": 1, "selector": {}, "template": {"spec": {"containers": [
            {"name": "a", "image": format!("imgauto:{}", manifests::TAG), "args": ["--enable-leader-election"]},
        ]}}},
        "status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1},
    });
    for (path, field) in more.as_object().unwrap() {
        *value.pointer_mut(path).unwrap() = field.clone();
    }
    Controller {
        role,
        deployment: serde_json::from_value(value).unwrap(),
    }
}

fn lease(holder: &str, renewed: &str) -> Lease {
    serde_json::from_value(json!({"spec": {
        "holderIdentity": holder, "renewTime": renewed, "leaseDurationSeconds": 35,
    }}))
    .unwrap()
}

fn observed(controller: Controller) -> Observed {
    Observed {
        controller,
        lease: Ok(Some(lease("pod-1_00ff", "2026-01-01T00:00:50.000000Z"))),
        trouble: Ok(None),
    }
}

fn seen(controllers: Vec<Controller>, reconcilers: Vec<Observed>) -> Seen {
    Seen {
        kubernetes: Err(CliError::failure("not asked")),
        rights: Vec::new(),
        definitions: Vec::new(),
        controllers: Ok(Controllers {
            found: controllers,
            only_in: None,
        }),
        reconcilers,
        automations: None,
        webhook: None,
    }
}

fn found(seen: &Seen) -> Vec<Finding> {
    findings(seen, NOW.parse().unwrap())
}

fn said(observed: Observed) -> String {
    Report::new(found(&seen(Vec::new(), vec![observed]))).table(Markers::Flux)
}

#[test]
fn a_reconciler_that_works_has_three_lines() {
    let ready = controller(Role::Reconciler, "imgauto-system", &json!({}));
    expect_test::expect![[r"
        reconciler
        ----------
        √ imgauto-reconciler: deployment ready (imgauto-system)
        √ imgauto-reconciler v0.1.0
        √ pod-1 leads (imgauto-system)
    "]]
    .assert_eq(&said(observed(ready)));
}

#[test]
fn one_that_does_not_start_says_why() {
    let broken = json!({"/status/availableReplicas": 0});
    let broken = Observed {
        trouble: Ok(Some("ImagePullBackOff: Back-off".to_owned())),
        ..observed(controller(Role::Reconciler, "a", &broken))
    };
    let text = said(broken);
    let lines = "× imgauto-reconciler: deployment not ready, 0 of 1 available (a)
    ImagePullBackOff: Back-off
    next: kubectl -n a describe pod -l app.kubernetes.io/name=imgauto-reconciler
";
    assert!(text.contains(lines), "{text}");
    let down = said(observed(controller(
        Role::Reconciler,
        "a",
        &json!({"/spec/replicas": 0}),
    )));
    let lines = "× imgauto-reconciler: scaled down to 0 (a)
    next: kubectl -n a scale deployment imgauto-reconciler --replicas=1
";
    assert!(down.contains(lines), "{down}");
    assert!(!down.contains("lead"), "{down}");
}

#[test]
fn another_version_is_a_warning() {
    let image = json!({"/spec/template/spec/containers/0/image": "r.example.com/imgauto:0.0.9"});
    let text = said(observed(controller(Role::Reconciler, "a", &image)));
    let lines = "‼ imgauto-reconciler v0.0.9 is not the version of kubectl-imgauto, v0.1.0
    r.example.com/imgauto:0.0.9
    next: kubectl imgauto install -n a
";
    assert!(text.contains(lines), "{text}");
}

#[test]
fn a_leader_that_is_silent_fails_and_none_at_all_is_a_warning() {
    let ready = || controller(Role::Reconciler, "a", &json!({}));
    let verdict = |lease: Option<Lease>| {
        let now = NOW.parse().unwrap();
        leader(lease.as_ref(), &ready(), now).verdict
    };
    assert_eq!(verdict(None), Verdict::Warning);
    assert_eq!(
        verdict(Some(lease("", "2026-01-01T00:00:50.000000Z"))),
        Verdict::Warning
    );
    assert_eq!(
        verdict(Some(lease("pod_1", "2025-12-31T23:59:40.000000Z"))),
        Verdict::Good,
        "clocks differ"
    );
    assert_eq!(
        verdict(Some(lease("pod_1", "2025-12-31T23:59:20.000000Z"))),
        Verdict::Bad
    );
    assert_eq!(
        verdict(Some(lease("pod_1", "2026-01-01T00:02:00.000000Z"))),
        Verdict::Good,
        "clocks differ"
    );
    let alone = json!({"/spec/template/spec/containers/0/args": []});
    let alone = observed(controller(Role::Reconciler, "a", &alone));
    assert_eq!(leadership(&alone, NOW.parse().unwrap()), None);
}

#[test]
fn two_on_the_same_objects_fail() {
    let of = |namespace, args: &[&str]| {
        let args = json!({"/spec/template/spec/containers/0/args": args});
        observed(controller(Role::Reconciler, namespace, &args))
    };
    let finding = several(&[of("a", &[]), of("b", &[])]).unwrap();
    assert_eq!(finding.verdict, Verdict::Bad);
    assert_eq!(
        finding.text,
        "imgauto-reconciler runs several times: in a and b"
    );
    let selector = ["--watch-label-selector=team=b"];
    assert_eq!(several(&[of("a", &[]), of("b", &selector)]), None);
    let own = ["--watch-all-namespaces=false"];
    assert_eq!(several(&[of("a", &own), of("b", &own)]), None);
}

#[test]
fn without_one_flux_may_do_the_work() {
    let flux = |role| controller(role, "flux-system", &json!({}));
    let both = seen(
        vec![flux(Role::Reflector), flux(Role::Automation)],
        Vec::new(),
    );
    let finding = &found(&both)[0];
    assert_eq!(finding.verdict, Verdict::Warning);
    assert_eq!(
        finding.text,
        "imgauto-reconciler is not installed; Flux's image controllers do its work"
    );
    let half = seen(vec![flux(Role::Reflector)], Vec::new());
    let finding = &found(&half)[0];
    assert_eq!(finding.verdict, Verdict::Bad);
    assert_eq!(
        finding.detail,
        ["of Flux's image controllers only image-reflector-controller runs"]
    );
    let none = &found(&seen(Vec::new(), Vec::new()))[0];
    assert_eq!(none.verdict, Verdict::Bad);
    assert_eq!(none.hints, ["kubectl imgauto install"]);
}
