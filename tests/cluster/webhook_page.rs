//! `docs/webhook.md`, followed by somebody who pastes every command and reads what it prints.

use std::time::{Duration, Instant};

use harness::ControlPlane;
use harness::program::run;
use serde_json::json;

use crate::page::blocks;
use crate::plugin_install::Desk;
use crate::plugin_webhook::beside;

const PAGE: &str = "webhook.md";

/// What the reconciler would write once it has scanned the registry.
fn chooses(desk: &Desk<'_>) {
    let status =
        json!({ "status": { "latestRef": { "name": "ghcr.io/acme/web", "tag": "1.9.0" } } });
    let patch = [
        "patch",
        "imagepolicy",
        "web",
        "--subresource=status",
        "--type=merge",
        "--patch",
    ];
    let mut kubectl = desk.namespace.kubectl();
    run(kubectl
        .args(["-n", "shop"])
        .args(patch)
        .arg(status.to_string()));
}

/// Waits until the API server calls the webhook, and the webhook knows the policy.
fn wait_until_marked(desk: &Desk<'_>) {
    let deadline = Instant::now() + Duration::from_secs(60);
    let probe = "kubectl -n shop create deployment probe --image=ghcr.io/acme/web:1.9.0 --dry-run=server -o json";
    while !desk.sees(probe).contains(r#""imgauto.dev/drift": "none""#) {
        assert!(Instant::now() < deadline, "{}", desk.sees(probe));
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Waits until the API server has taken up that a namespace enforces.
fn wait_until_enforced(desk: &Desk<'_>) {
    let deadline = Instant::now() + Duration::from_secs(60);
    let probe =
        "kubectl -n shop create deployment probe --image=ghcr.io/acme/web:3 --dry-run=server";
    while !desk.sees(probe).contains("denied the request") {
        assert!(Instant::now() < deadline, "{}", desk.sees(probe));
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_page_works_and_prints_what_it_says() {
    let plane = ControlPlane::private();
    let desk = Desk::new(&plane);
    let blocks = blocks(PAGE);
    let mut first = blocks.iter().filter(|block| block.section == "Ten minutes");
    let (webhook, ()) = beside(&plane, || desk.pastes(&first.next().unwrap().text));
    webhook.connect();
    desk.pastes(&first.next().unwrap().text);
    chooses(&desk);
    wait_until_marked(&desk);
    let mut sessions = 0;
    for block in first {
        assert_eq!(block.language, "console");
        for (command, printed) in block.session() {
            assert_eq!(desk.sees(command), printed, "{command}");
            if command.ends_with("mode=enforce") {
                wait_until_enforced(&desk);
            }
            sessions += 1;
        }
    }
    assert!(sessions > 5);
    for section in ["Modes", "In an emergency", "With GitOps"] {
        desk.follows(PAGE, section);
    }
    let exported = std::fs::read_to_string(desk.namespace.home().join("imgauto.yaml")).unwrap();
    assert!(exported.contains("name: imgauto-guard"), "{exported}");
    let mut of_kustomize = blocks
        .iter()
        .filter(|block| block.text.contains("# kustomization.yaml"));
    desk.copies_manifests(&of_kustomize.next().unwrap().text);
    let built = desk.sees("kubectl kustomize \"$HOME\"");
    assert!(
        built.contains("priorityClassName: system-cluster-critical"),
        "{built}"
    );
    desk.follows(PAGE, "Removing");
    assert!(!desk.has("validatingwebhookconfiguration/imgauto-guard"));
    assert!(!desk.has("namespace/imgauto-system"));
}
