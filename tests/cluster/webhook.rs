//! The webhook, called by a real API server.

use harness::program::{output, run, run_with_input};
use harness::webhook::LABEL;
use harness::{ControlPlane, Namespace, Webhook};
use serde_json::{Value, json};

/// A namespace of a mode for one webhook, with a policy for `ghcr.io/acme/web` that has chosen 1.9.0 from 1.x.
fn namespace<'a>(plane: &'a ControlPlane, webhook: &str, mode: &str) -> Namespace<'a> {
    let namespace = plane.namespace("webhook");
    let label = format!("{LABEL}={webhook}");
    run(namespace
        .kubectl()
        .args(["label", "namespace", namespace.name(), &label]));
    let label = format!("imgauto.dev/mode={mode}");
    run(namespace
        .kubectl()
        .args(["label", "namespace", namespace.name(), &label]));
    let api_version = "image.toolkit.fluxcd.io/v1";
    let repository = json!({
        "apiVersion": api_version, "kind": "ImageRepository", "metadata": { "name": "web" },
        "spec": { "image": "ghcr.io/acme/web", "interval": "1h" },
    });
    namespace.apply(&repository.to_string());
    namespace.apply(&policy("1.x").to_string());
    let status =
        json!({ "status": { "latestRef": { "name": "ghcr.io/acme/web", "tag": "1.9.0" } } });
    run(namespace.kubectl().args([
        "patch",
        "imagepolicy",
        "web",
        "--subresource=status",
        "--type=merge",
        "--patch",
        &status.to_string(),
    ]));
    namespace
}

fn policy(range: &str) -> Value {
    json!({
        "apiVersion": "image.toolkit.fluxcd.io/v1", "kind": "ImagePolicy", "metadata": { "name": "web" },
        "spec": { "imageRepositoryRef": { "name": "web" }, "policy": { "semver": { "range": range } } },
    })
}

fn deployment(image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" },
        "spec": {
            "replicas": 0,
            "selector": { "matchLabels": { "app": "web" } },
            "template": {
                "metadata": { "labels": { "app": "web" } },
                "spec": { "containers": [{ "name": "web", "image": image }] },
            },
        },
    })
}

/// What the API server would make of an object.
fn dry_run(namespace: &Namespace<'_>, object: &Value) -> Value {
    let flags = [
        "create",
        "--dry-run=server",
        "--filename=-",
        "--output=json",
    ];
    let text = run_with_input(namespace.kubectl().args(flags), &object.to_string());
    serde_json::from_str(&text).unwrap()
}

/// What kubectl says on standard error when it writes an object, and whether the API server takes it.
fn write(namespace: &Namespace<'_>, verb: &str, object: &Value) -> (bool, String) {
    let file = namespace.home().join("object.json");
    std::fs::write(&file, object.to_string()).unwrap();
    let written = output(namespace.kubectl().arg(verb).arg("--filename").arg(&file));
    let said = String::from_utf8_lossy(&written.stderr).into_owned();
    (written.status.success(), said)
}

/// Waits until the webhook knows the policy and the API server trusts the webhook.
fn wait_for_marks(namespace: &Namespace<'_>) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let object = deployment("ghcr.io/acme/web:1.9.0");
    while dry_run(namespace, &object)["metadata"]["labels"]["imgauto.dev/drift"] != "none" {
        assert!(std::time::Instant::now() < deadline, "nothing is marked");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

fn live(namespace: &Namespace<'_>) -> Value {
    let get = ["get", "deployment", "web", "--output=json"];
    serde_json::from_str(&run(namespace.kubectl().args(get))).unwrap()
}

#[test]
fn workloads_are_marked_and_keep_their_marks() {
    let plane = ControlPlane::shared();
    let mut webhook = Webhook::start(plane, "marks", &[]);
    let namespace = namespace(plane, "marks", "audit");
    wait_for_marks(&namespace);
    let object = deployment("ghcr.io/acme/web:1.8.0");
    assert_eq!(write(&namespace, "create", &object), (true, String::new()));
    let marked = live(&namespace);
    assert_eq!(
        marked["metadata"]["labels"],
        json!({ "imgauto.dev/drift": "drift" })
    );
    let resolved = &marked["metadata"]["annotations"]["resolved.imgauto.dev/web"];
    assert_eq!(*resolved, format!("{}/web", namespace.name()));
    assert_eq!(
        marked["spec"]["template"]["metadata"]["labels"],
        json!({ "app": "web" })
    );

    // Whoever overwrites all of it, as Terraform does, does not take the marks away.
    let (taken, _) = write(&namespace, "replace", &object);
    assert!(taken);
    assert_eq!(
        live(&namespace)["metadata"]["labels"],
        marked["metadata"]["labels"]
    );

    // The same again is no change: an applier that compares dry runs sees none.
    namespace.apply(&object.to_string());
    let version = || live(&namespace)["metadata"]["resourceVersion"].clone();
    let before = version();
    namespace.apply(&object.to_string());
    assert_eq!(version(), before);

    run(namespace.kubectl().args([
        "set",
        "image",
        "deployment/web",
        "web=ghcr.io/acme/web:1.9.0",
    ]));
    let current = live(&namespace);
    assert_eq!(current["metadata"]["labels"]["imgauto.dev/drift"], "none");
    let metrics = webhook.metrics();
    assert!(
        metrics.contains(r#"hook="mutate",kind="deployments""#),
        "{metrics}"
    );
    webhook.terminate();
}

#[test]
fn each_mode_is_as_strict_as_it_says() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "modes", &["--override-group=system:masters"]);
    let foreign = deployment("ghcr.io/acme/web:2.0.0");
    let sentence = "container web: tag 2.0.0 is none that policy";

    let warned = namespace(plane, "modes", "warn");
    wait_for_marks(&warned);
    let (taken, said) = write(&warned, "create", &foreign);
    assert!(
        taken && said.starts_with("Warning: ") && said.contains(sentence),
        "{said}"
    );

    let enforced = namespace(plane, "modes", "enforce");
    wait_for_marks(&enforced);
    let (taken, said) = write(&enforced, "create", &foreign);
    assert!(
        !taken && said.contains("denied the request") && said.contains(sentence),
        "{said}"
    );
    let (taken, said) = write(&enforced, "create", &deployment("ghcr.io/acme/web:1.0.0"));
    assert!(taken, "being behind is no reason: {said}");
    let (taken, _) = write(&enforced, "replace", &foreign);
    assert!(!taken);

    // Break-glass, by somebody who may.
    let mut urgent = foreign.clone();
    urgent["metadata"]["annotations"] = json!({ "imgauto.dev/override": "incident 7" });
    let (taken, said) = write(&enforced, "replace", &urgent);
    assert!(taken && said.contains("incident 7"), "{said}");

    // It is there now, and is scaled and labelled like any other.
    run(enforced
        .kubectl()
        .args(["scale", "deployment/web", "--replicas=1"]));
    run(enforced.kubectl().args(["label", "deployment/web", "a=b"]));

    let off = plane.namespace("webhook-off");
    let (taken, said) = write(&off, "create", &foreign);
    assert_eq!((taken, said), (true, String::new()));
}

#[test]
fn a_policy_that_cannot_work_is_refused_early() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "policies", &[]);
    let namespace = namespace(plane, "policies", "audit");
    wait_for_marks(&namespace);
    let broken = policy("1.x && <2");
    let file = namespace.home().join("policy.json");
    std::fs::write(&file, broken.to_string()).unwrap();
    for flags in [&["--dry-run=server"][..], &[]] {
        let mut kubectl = namespace.kubectl();
        let written = output(
            kubectl
                .arg("apply")
                .args(flags)
                .arg("--filename")
                .arg(&file),
        );
        let said = String::from_utf8_lossy(&written.stderr);
        let place = "spec.policy.semver.range: \"1.x && <2\" is no range of versions";
        assert!(!written.status.success() && said.contains(place), "{said}");
        assert!(said.contains("at position 5"), "{said}");
    }
    let waiting = json!({
        "apiVersion": "image.toolkit.fluxcd.io/v1", "kind": "ImagePolicy", "metadata": { "name": "early" },
        "spec": { "imageRepositoryRef": { "name": "gone" }, "policy": { "numerical": {} } },
    });
    let (taken, said) = write(&namespace, "create", &waiting);
    assert!(
        taken && said.contains("there is no ImageRepository"),
        "{said}"
    );
}
