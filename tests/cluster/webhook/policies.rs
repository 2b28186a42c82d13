//! Objects of ours that cannot work are refused early, and those that are there already can be mended and go.

use std::time::{Duration, Instant};

use harness::program::output;
use harness::webhook::LABEL;
use harness::{ControlPlane, Namespace, Webhook};
use serde_json::{Value, json};

use super::ground::{POLICIES, REPOSITORIES, guarded, label, repository, semver};
use super::sender::Sender;

const AUTOMATIONS: &str = "image.toolkit.fluxcd.io/v1/imageupdateautomations";

fn object(kind: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "image.toolkit.fluxcd.io/v1", "kind": kind, "metadata": { "name": name }, "spec": spec,
    })
}

/// A policy of tags that a pattern picks and orders by number.
fn numerical(pattern: &str, extract: &str) -> Value {
    let spec = json!({
        "imageRepositoryRef": { "name": "web" }, "policy": { "numerical": {} },
        "filterTags": { "pattern": pattern, "extract": extract },
    });
    object("ImagePolicy", "odd", &spec)
}

/// An automation with something in place of a field.
fn automation(field: &str, value: &Value) -> Value {
    let mut spec = json!({
        "interval": "1m",
        "sourceRef": { "kind": "GitRepository", "name": "flux-system" },
        "git": { "commit": { "author": { "email": "a@example.com" } }, "checkout": { "ref": {} }, "push": {} },
    });
    *spec.pointer_mut(field).expect("there is such a field") = value.clone();
    object("ImageUpdateAutomation", "odd", &spec)
}

/// What cannot work, with the kind as a path has it, and what is said of it.
fn broken() -> Vec<(&'static str, Value, &'static str)> {
    let commit = |template: &str| json!({ "author": { "email": "a@example.com" }, "messageTemplate": template });
    let mut listed = repository("odd", "ghcr.io/acme/odd");
    listed["spec"]["exclusionList"] = json!(["^v", "a("]);
    vec![
        (
            POLICIES,
            semver("odd", "1.x && <2"),
            "spec.policy.semver.range: \"1.x && <2\" is no range of versions: ",
        ),
        (
            POLICIES,
            semver("odd", "latest"),
            "spec.policy.semver.range: \"latest\" is no range of versions: ",
        ),
        (
            POLICIES,
            numerical("^(?P<n>[0-9]+", "$n"),
            "spec.filterTags.pattern: \"^(?P<n>[0-9]+\" is no regular expression: missing closing )",
        ),
        (
            POLICIES,
            numerical("^(?P<n>[0-9]+)$", "$ts"),
            "spec.filterTags.extract: \"$ts\" names the group \"ts\", which the pattern does not have",
        ),
        (
            REPOSITORIES,
            repository("odd", "https://ghcr.io/acme/odd"),
            "spec.image: image 'https://ghcr.io/acme/odd' should not include URL scheme",
        ),
        (
            REPOSITORIES,
            repository("odd", "ghcr.io/acme/odd:1"),
            "spec.image: image 'ghcr.io/acme/odd:1' should not include a tag",
        ),
        (
            REPOSITORIES,
            listed,
            "spec.exclusionList[1]: \"a(\" is no regular expression: missing closing )",
        ),
        (
            AUTOMATIONS,
            automation("/git/commit", &commit("a\n{{ .Changed")),
            "spec.git.commit.messageTemplate: template: commit message:2:",
        ),
        (
            AUTOMATIONS,
            automation("/git/push", &json!({ "branch": "a..b" })),
            "spec.git.push.branch: \"a..b\" is no name of a branch",
        ),
        (
            AUTOMATIONS,
            automation("/git/push", &json!({ "refspec": "a" })),
            "spec.git.push.refspec: \"a\": malformed refspec",
        ),
        (
            AUTOMATIONS,
            automation("/git/checkout/ref", &json!({ "semver": "1.2.3.4" })),
            "spec.git.checkout.ref.semver: \"1.2.3.4\" is no range of versions: ",
        ),
    ]
}

#[test]
fn what_cannot_work_is_refused_with_place_and_reason() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "checks", &[]);
    let namespace = guarded(plane, "checks", "audit");
    let sender = Sender::new(&namespace);
    for (kind, object, said) in broken() {
        for answer in [
            sender.would_create(kind, &object),
            sender.create(kind, &object),
            sender.apply(
                &format!("{kind}/odd?force=true"),
                "kustomize-controller",
                &object,
            ),
        ] {
            assert_eq!(answer.code, 422, "{answer:#?}");
            let refused = answer.refused();
            assert!(
                refused.starts_with(said) && !refused.contains('\n'),
                "{refused}"
            );
        }
    }
    // People see it the same way, before they commit anything.
    let file = namespace.home().join("policy.json");
    std::fs::write(&file, semver("odd", "1.x && <2").to_string()).unwrap();
    let dry = ["apply", "--dry-run=server", "--filename"];
    let written = output(namespace.kubectl().args(dry).arg(&file));
    let said = String::from_utf8_lossy(&written.stderr);
    let place = "spec.policy.semver.range: \"1.x && <2\" is no range of versions: ";
    assert!(!written.status.success() && said.contains(place), "{said}");
    assert!(
        said.contains("at position 5; write a comma or a blank for and"),
        "{said}"
    );
}

#[test]
fn what_may_come_later_is_a_warning() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "later-on", &[]);
    let namespace = guarded(plane, "later-on", "audit");
    let sender = Sender::new(&namespace);
    let name = namespace.name();
    let early = sender.create(POLICIES, &semver("early", "1.x"));
    let line = format!("spec.imageRepositoryRef: there is no ImageRepository \"{name}/early\"");
    assert_eq!(early.warnings, [line]);
    early.taken();
    // An UPDATE that leaves it as it is says it no second time.
    let suspended = json!({ "spec": { "suspend": true } });
    let updated = sender.merge(&format!("{POLICIES}/early"), &suspended);
    assert!(updated.warnings.is_empty(), "{updated:#?}");
    updated.taken();

    let other = guarded(plane, "later-on", "audit");
    let mut across = semver("across", "1.x");
    across["spec"]["imageRepositoryRef"] = json!({ "name": "web", "namespace": other.name() });
    let told = sender.create(POLICIES, &across).warnings;
    assert!(
        told.len() == 1 && told[0].starts_with("spec.imageRepositoryRef: "),
        "{told:?}"
    );
    assert!(
        told[0].contains("accessFrom") && told[0].chars().count() <= 120,
        "{told:?}"
    );
}

/// A namespace that the webhook looks after once these objects are there.
fn with_old<'a>(
    plane: &'a ControlPlane,
    webhook: &str,
    objects: &[(&str, Value)],
) -> Namespace<'a> {
    let namespace = plane.namespace("webhook");
    let sender = Sender::new(&namespace);
    for (kind, object) in objects {
        sender.create(kind, object).taken();
    }
    label(
        &namespace,
        &["imgauto.dev/mode=audit", &format!("{LABEL}={webhook}")],
    );
    namespace
}

/// A range for a policy.
fn range(range: &str) -> Value {
    json!({ "spec": { "policy": { "semver": { "range": range } } } })
}

/// Waits until the API server asks about changes of an object, which has a mistake.
fn wait_until_asked(sender: &Sender, place: &str) {
    let deadline = Instant::now() + Duration::from_secs(60);
    let dry = format!("{place}?dryRun=All");
    let suspended = json!({ "spec": { "suspend": true } });
    while sender.merge(&dry, &suspended).warnings.is_empty() {
        assert!(Instant::now() < deadline, "nobody is asked");
        std::thread::sleep(Duration::from_millis(25));
    }
}

#[test]
fn an_old_mistake_stands_in_nobodys_way() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "oldones", &[]);
    for (kind, mut object, said) in broken() {
        object["metadata"]["finalizers"] = json!(["finalizers.fluxcd.io"]);
        let namespace = with_old(plane, "oldones", &[(kind, object.clone())]);
        let sender = Sender::new(&namespace);
        let place = format!("{kind}/odd");
        wait_until_asked(&sender, &place);
        let suspended = sender.merge(&place, &json!({ "spec": { "suspend": true } }));
        let told = suspended.warnings[0].clone();
        let start: String = said.chars().take(60).collect();
        assert!(
            told.starts_with(&start) && told.chars().count() <= 120,
            "{told}"
        );
        suspended.taken();
        let labelled = json!({ "metadata": { "labels": { "a": "b" } } });
        sender.merge(&place, &labelled).taken();
        let flux = format!("{place}?force=true");
        sender.apply(&flux, "kustomize-controller", &object).taken();
        let status = json!({ "status": { "observedGeneration": 1 } });
        sender.merge(&format!("{place}/status"), &status).taken();
        // It goes, and its finalizer with it.
        sender.delete(&place).taken();
        let released = json!({ "metadata": { "finalizers": null } });
        sender.merge(&place, &released).taken();
        assert_eq!(sender.delete(&place).code, 404);
    }
}

#[test]
fn a_mistake_may_be_mended_and_not_exchanged_for_another() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "mended", &[]);
    let namespace = with_old(plane, "mended", &[(POLICIES, semver("odd", "latest"))]);
    let sender = Sender::new(&namespace);
    let place = format!("{POLICIES}/odd");
    wait_until_asked(&sender, &place);
    let exchanged = sender.merge(&place, &range("newest"));
    assert!(
        exchanged
            .refused()
            .starts_with("spec.policy.semver.range: \"newest\" is no range")
    );
    let mended = sender.merge(&place, &range("1.x"));
    assert!(
        mended.warnings.is_empty(),
        "what it names was missing before: {mended:#?}"
    );
    mended.taken();
    sender.merge(&place, &range("latest")).refused();
}
