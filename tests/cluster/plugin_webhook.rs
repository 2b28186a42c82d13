//! `kubectl imgauto install`, `check` and `uninstall` with the webhook, in clusters of their own.

use std::collections::BTreeMap;

use harness::program::{imgauto, kubectl, plugin, run, run_with_input, webhook};
use harness::{ControlPlane, Webhook, checkout};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::plugin_install::{Desk, objects};
use crate::stage::Answer;

/// Does something that installs the webhook, and has one run in the place of its pods meanwhile.
pub(crate) fn beside<'a, T>(plane: &'a ControlPlane, work: impl FnOnce() -> T) -> (Webhook<'a>, T) {
    // Neither waits for the other to be built.
    let _ = (plugin(), webhook());
    std::thread::scope(|scope| {
        let started = scope.spawn(move || Webhook::start_installed(plane));
        let done = work();
        (started.join().unwrap(), done)
    })
}

/// The failure policies of the entries that are called in namespaces that enforce.
fn policies(desk: &Desk<'_>) -> Vec<String> {
    let get = "get validatingwebhookconfiguration imgauto-guard --output=json";
    let guard: Value = serde_json::from_str(&desk.kubectl(get)).unwrap();
    let hooks = guard["webhooks"].as_array().unwrap().iter();
    let enforcing =
        hooks.filter(|hook| hook["clientConfig"]["service"]["path"] == "/validate/enforce");
    enforcing
        .map(|hook| hook["failurePolicy"].as_str().unwrap().to_owned())
        .collect()
}

fn exported(line: &str) -> BTreeMap<[String; 3], Value> {
    let home = TempDir::new().unwrap();
    let mut export = imgauto(home.path());
    let answer = Answer::of(export.args(line.split_whitespace()));
    assert_eq!((answer.code, answer.stderr.as_str()), (0, ""), "{line}");
    objects(&answer.stdout)
}

fn built(folder: &str) -> BTreeMap<[String; 3], Value> {
    let home = TempDir::new().unwrap();
    let folder = checkout().join("manifests").join(folder);
    objects(&run(kubectl(home.path()).arg("kustomize").arg(folder)))
}

#[test]
fn the_export_of_the_webhook_is_what_kustomize_makes_of_the_manifests() {
    let all = exported("install --export --components=reconciler,webhook");
    let mut wanted = built("");
    wanted.append(&mut built("webhook"));
    assert_eq!(all, wanted);
    let mut moved = exported("install --export --components-extra=webhook -n flux-system");
    let wanted = built("webhook-flux");
    moved.retain(|key, _| wanted.contains_key(key));
    assert_eq!(moved, wanted);
}

#[test]
fn the_webhook_is_installed_once_and_refuses_nothing_on_the_way() {
    let plane = ControlPlane::private();
    let desk = Desk::new(&plane);
    let own = desk.namespace.name();
    desk.kubectl(&format!("label namespace {own} imgauto.dev/mode=enforce"));
    let said = desk.does("install --components=reconciler,webhook --wait=false");
    let lenient = "⚠️ ValidatingWebhookConfiguration imgauto-guard lets requests pass while the webhook is away, until `kubectl imgauto install` is run again\n";
    assert!(said.contains(lenient), "{said}");
    assert_eq!(policies(&desk), ["Ignore"; 3]);
    desk.kubectl("create deployment early --image=ghcr.io/acme/web:1 --replicas=0");
    let answer = desk.imgauto("check -o short");
    let waits = "caBundle is empty in 7 of 7";
    assert!(
        answer.code == 1 && answer.stdout.contains(waits),
        "{}",
        answer.stdout
    );

    let (_webhook, said) = beside(&plane, || desk.does("install"));
    for line in [
        "✔ imgauto-reconciler: deployment ready",
        "✔ imgauto-webhook: deployment ready",
    ] {
        assert!(
            said.contains(&format!("{line}\n")),
            "{line} is not in\n{said}"
        );
    }
    assert_eq!(policies(&desk), ["Fail"; 3]);
    // All is as the manifests say: kubectl prints each difference and then fails.
    let difference = [
        "diff",
        "--server-side",
        "--field-manager=kubectl-imgauto",
        "-k",
    ];
    let manifests = checkout().join("manifests/webhook");
    assert_eq!(
        run(desk.namespace.kubectl().args(difference).arg(manifests)),
        ""
    );

    let before = desk.writes();
    let said = desk.does("install --components=reconciler,webhook");
    assert!(
        !said.contains("created") && !said.contains("configured"),
        "{said}"
    );
    assert_eq!(desk.writes(), before);
    let version = desk.imgauto("version");
    let versions = "kubectl-imgauto: v0.1.0\nimgauto-reconciler: v0.1.0\nimgauto-webhook: v0.1.0\n";
    assert_eq!(version, Answer::printed(versions));
}

#[test]
fn the_webhook_is_checked() {
    let plane = ControlPlane::private();
    let desk = Desk::new(&plane);
    let (webhook, said) = beside(&plane, || {
        desk.does("install --components=reconciler,webhook")
    });
    // Nothing fails before it is trusted.
    let end = "✔ ValidatingWebhookConfiguration imgauto-guard is trusted
✔ ValidatingWebhookConfiguration imgauto-guard refuses what it cannot ask about in namespaces that enforce
✔ install finished
";
    assert!(said.ends_with(end), "{said}");
    assert_eq!(policies(&desk), ["Fail"; 3]);
    let text = || desk.imgauto("check").stdout;
    let all = text();
    for line in [
        "√ imgauto-webhook: deployment ready (imgauto-system)",
        "√ Service imgauto-webhook leads to 2 (imgauto-system)",
        "√ imgauto-mark: the API server trusts the webhook",
        "√ imgauto-guard: the API server trusts the webhook",
    ] {
        assert!(
            all.contains(&format!("{line}\n")),
            "{line} is not in\n{all}"
        );
    }
    assert!(
        all.contains("√ the authority of imgauto-webhook counts until 20"),
        "{all}"
    );

    marks_of_others_are_told(&desk, &webhook);

    desk.kubectl("-n imgauto-system delete deployment imgauto-webhook");
    let orphaned = text();
    let line = "× imgauto-guard is there, and no imgauto-webhook to call\n";
    assert!(orphaned.contains(line), "{orphaned}");
}

/// A mark that the webhook made is nobody's, one that is applied is a claim.
fn marks_of_others_are_told(desk: &Desk<'_>, webhook: &Webhook<'_>) {
    let text = || desk.imgauto("check").stdout;
    webhook.connect();
    let own = desk.namespace.name();
    desk.kubectl(&format!("label namespace {own} imgauto.dev/mode=audit"));
    let marked = || {
        let make = "create deployment web --image=ghcr.io/acme/web:1 --replicas=0 --output=json";
        let made: Value = serde_json::from_str(&desk.kubectl(make)).unwrap();
        desk.kubectl("delete deployment web");
        made["metadata"]["labels"]["imgauto.dev/drift"] == "unmanaged"
    };
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !marked() {
        assert!(std::time::Instant::now() < deadline, "nothing is marked");
    }
    desk.kubectl("create deployment web --image=ghcr.io/acme/web:1 --replicas=0");
    assert!(!text().contains("applies the label"), "{}", text());
    let applied = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": "web", "labels": { "imgauto.dev/drift": "unmanaged" } },
    });
    let apply = [
        "apply",
        "--server-side",
        "--field-manager=kustomize-controller",
        "--filename=-",
    ];
    run_with_input(desk.namespace.kubectl().args(apply), &applied.to_string());
    desk.kubectl("label --overwrite namespace default imgauto.dev/mode=Enforce");
    let short = text();
    let claim = format!(
        "‼ Deployment {own}/web: kustomize-controller applies the label imgauto.dev/drift, which imgauto writes\n"
    );
    assert!(short.contains(&claim), "{short}");
    assert!(
        short.contains("‼ namespace default: imgauto.dev/mode \"Enforce\" is none of"),
        "{short}"
    );
}

#[test]
fn uninstall_takes_the_configurations_first_and_leaves_nothing_of_the_webhook() {
    let plane = ControlPlane::private();
    let desk = Desk::new(&plane);
    let (_webhook, _) = beside(&plane, || {
        desk.does("install --components=reconciler,webhook")
    });
    desk.kubectl("-n imgauto-system get secret imgauto-webhook-ca");
    let said = desk.does("uninstall --dry-run");
    assert!(
        said.contains("✔ Secret imgauto-webhook-ca deleted (dry run)\n"),
        "{said}"
    );
    let before = desk.writes().len();
    desk.does("uninstall --yes");
    let deleted = desk.writes().split_off(before);
    let place = |resource: &str| {
        deleted
            .iter()
            .position(|write| write.resource == resource)
            .unwrap()
    };
    for hooks in [
        "validatingwebhookconfigurations",
        "mutatingwebhookconfigurations",
    ] {
        assert!(place(hooks) < place("deployments"), "{deleted:?}");
    }
    assert!(!desk.has("namespace/imgauto-system"));
    for kind in [
        "validatingadmissionpolicy",
        "clusterrole",
        "mutatingwebhookconfiguration",
    ] {
        let label = "-l app.kubernetes.io/part-of=imgauto";
        assert_eq!(
            desk.kubectl(&format!("get {kind} {label} -oname")),
            "",
            "{kind}"
        );
    }
    let said = desk.does("uninstall --yes");
    assert!(
        said.ends_with("✔ nothing of imgauto is there to remove\n"),
        "{said}"
    );
}
