//! How strict a namespace is, and what is said in it.

use harness::webhook::LABEL;
use harness::{ControlPlane, Namespace, Webhook};
use serde_json::{Value, json};

use super::ground::{
    CURRENT, DEPLOYMENTS, FOREIGN, REPOSITORIES, annotated, deployment, guarded, label, namespace,
    policy, wait_for, wait_until_guarded,
};
use super::sender::{MASTERS, Sender, drift};

/// The Deployment of the guide.
fn podinfo(tag: &str) -> Value {
    let image = format!("ghcr.io/stefanprodan/podinfo:{tag}");
    let container = json!({ "name": "podinfod", "image": image });
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "podinfo" },
        "spec": {
            "replicas": 0,
            "selector": { "matchLabels": { "app": "podinfo" } },
            "template": { "metadata": { "labels": { "app": "podinfo" } }, "spec": { "containers": [container] } },
        },
    })
}

/// A namespace of a mode with the policy of the guide, which has chosen 6.3.0.
fn with_podinfo<'a>(plane: &'a ControlPlane, webhook: &str, labels: &[&str]) -> Namespace<'a> {
    let namespace = namespace(plane, webhook, labels);
    let image = "ghcr.io/stefanprodan/podinfo";
    policy(&namespace, "podinfo", image, ">=5.0.0", "6.3.0");
    namespace
}

const FOREIGN_PODINFO: &str = " allows semver >=5.0.0, not 4.0.6; use 6.3.0";

#[test]
fn the_guides_deployment_is_marked_warned_of_and_refused_as_each_mode_says() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "modes", &[]);
    for mode in ["audit", "warn", "enforce"] {
        let namespace = with_podinfo(plane, "modes", &[&format!("imgauto.dev/mode={mode}")]);
        wait_until_guarded(&namespace, mode);
        wait_for(&namespace, &podinfo("6.3.0"), |answer| {
            answer.drift() == Some("none")
        });
        let sender = Sender::new(&namespace);
        for (tag, label) in [("6.3.0", "none"), ("5.0.0", "drift")] {
            let answer = sender.would_create(DEPLOYMENTS, &podinfo(tag));
            assert!(answer.warnings.is_empty(), "{mode} {answer:#?}");
            let created = answer.taken();
            assert_eq!(drift(&created), Some(label), "{mode} {tag}");
            assert_eq!(
                created["metadata"]["annotations"],
                json!({ "resolved.imgauto.dev/podinfod": format!("{}/podinfo", namespace.name()) }),
            );
            let template = &created["spec"]["template"]["metadata"];
            assert_eq!(template["labels"], json!({ "app": "podinfo" }), "{mode}");
            assert!(template["annotations"].is_null(), "{mode}");
        }
        let answer = sender.create(DEPLOYMENTS, &podinfo("4.0.6"));
        let name = namespace.name();
        let said = format!("container podinfod (foreign): policy {name}/podinfo{FOREIGN_PODINFO}");
        if mode == "enforce" {
            assert_eq!((answer.code, answer.refused()), (403, &*said));
            continue;
        }
        let told: Vec<_> = answer.warnings.iter().map(String::as_str).collect();
        match mode {
            "warn" => assert_eq!(told, [said]),
            _ => assert!(told.is_empty(), "{told:?}"),
        }
        assert_eq!(drift(&answer.taken()), Some("drift"));
    }
}

#[test]
fn a_namespace_that_asks_for_nothing_is_left_alone() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "off", &[]);
    let audited = guarded(plane, "off", "audit");
    for labels in [&["imgauto.dev/mode=off"][..], &[]] {
        let namespace = with_podinfo(plane, "off", labels);
        let answer = Sender::new(&namespace).create(DEPLOYMENTS, &podinfo("4.0.6"));
        assert!(answer.warnings.is_empty());
        let metadata = &answer.taken()["metadata"];
        assert!(metadata["labels"].is_null() && metadata["annotations"].is_null());
    }
    // The webhook works all the same.
    wait_for(&audited, &deployment(CURRENT), |answer| {
        answer.drift() == Some("none")
    });
}

#[test]
fn a_policy_of_another_namespace_counts_where_its_repository_says_so() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "grants", &[]);
    let flux = with_podinfo(plane, "grants", &[]);
    let apps = guarded(plane, "grants", "enforce");
    let sender = Sender::new(&apps);
    let unmanaged = sender.would_create(DEPLOYMENTS, &podinfo("4.0.6"));
    assert_eq!(drift(&unmanaged.taken()), Some("unmanaged"));

    let name = apps.name();
    let access = json!({ "spec": { "accessFrom": { "namespaceSelectors": [
        { "matchLabels": { "kubernetes.io/metadata.name": name } },
    ] } } });
    let repository = format!("{REPOSITORIES}/podinfo");
    Sender::new(&flux).merge(&repository, &access).taken();
    let current = wait_for(&apps, &podinfo("6.3.0"), |answer| {
        answer.drift() == Some("none")
    });
    let resolved = &current.body["metadata"]["annotations"]["resolved.imgauto.dev/podinfod"];
    assert_eq!(*resolved, format!("{}/podinfo", flux.name()));
    let refused = sender.create(DEPLOYMENTS, &podinfo("4.0.6"));
    assert!(refused.refused().ends_with(FOREIGN_PODINFO), "{refused:?}");
}

#[test]
fn where_policies_are_required_what_has_none_is_refused() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "required", &[]);
    let said = "container web (unmanaged): no policy for busybox:1.36; create one or name it in policy.imgauto.dev/web";
    let other = deployment("busybox:1.36");
    let out = annotated(other.clone(), &[("policy.imgauto.dev/web", "none")]);
    for (mode, requirement) in [
        ("enforce", "imgauto.dev/require-policy"),
        ("warn", "imgauto.dev/require-policy"),
        ("enforce", "imgauto.dev/require-annotation"),
    ] {
        let namespace = guarded(plane, "required", mode);
        let sender = Sender::new(&namespace);
        let tolerated = sender.would_create(DEPLOYMENTS, &other);
        assert!(
            tolerated.warnings.is_empty() && tolerated.code == 201,
            "{tolerated:#?}"
        );
        label(&namespace, &[&format!("{requirement}=true")]);
        let answer = wait_for(&namespace, &other, |answer| {
            answer.code == 403 || !answer.warnings.is_empty()
        });
        match mode {
            "enforce" => assert_eq!(answer.refused(), said),
            _ => assert_eq!(answer.warnings, [said]),
        }
        assert!(sender.would_create(DEPLOYMENTS, &out).warnings.is_empty());
        let inferred = sender.would_create(DEPLOYMENTS, &deployment(CURRENT));
        match requirement {
            "imgauto.dev/require-annotation" => {
                assert!(
                    inferred
                        .refused()
                        .starts_with("container web (not named): ")
                );
                let named = annotated(deployment(CURRENT), &[("imgauto.dev/policy", "web")]);
                sender.would_create(DEPLOYMENTS, &named).taken();
            }
            _ => assert_eq!(drift(&inferred.taken()), Some("none")),
        }
    }
}

#[test]
fn an_override_counts_from_a_group_that_may_and_from_nobody_else() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "override", &["--override-group=on-call"]);
    let namespace = guarded(plane, "override", "enforce");
    let sender = Sender::new(&namespace);
    let urgent = annotated(
        deployment(FOREIGN),
        &[("imgauto.dev/override", "incident 7")],
    );
    let by = sender
        .named("jane", &[MASTERS])
        .create(DEPLOYMENTS, &urgent);
    assert!(by.refused().starts_with("container web (foreign): "));
    assert_eq!(
        by.warnings,
        ["imgauto.dev/override does not count: jane is in no group for it"]
    );

    let on_call = sender.named("joe", &["on-call", MASTERS]);
    let answer = on_call.create(DEPLOYMENTS, &urgent);
    assert_eq!(
        answer.warnings[0],
        "let in by imgauto.dev/override: incident 7"
    );
    assert!(
        answer.warnings[1].starts_with("container web (foreign): "),
        "{answer:#?}"
    );
    assert_eq!(drift(&answer.taken()), Some("drift"));
    for reason in ["", "  "] {
        let silent = annotated(deployment(FOREIGN), &[("imgauto.dev/override", reason)]);
        on_call.would_create(DEPLOYMENTS, &silent).refused();
    }

    // It is there now; others scale and label it, and bring in nothing new by what it carries.
    let place = format!("{DEPLOYMENTS}/web");
    let scaled = sender.merge(&place, &json!({ "spec": { "replicas": 1 } }));
    assert!(scaled.warnings.is_empty());
    scaled.taken();
    let worse = json!({ "spec": { "template": { "spec": { "containers": [
        { "name": "web", "image": "ghcr.io/acme/web:3.0.0" },
    ] } } } });
    sender.merge(&place, &worse).refused();
}

#[test]
fn a_mode_that_is_none_warns_and_says_so() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "typo", &[]);
    let namespace = namespace(plane, "typo", &["imgauto.dev/mode=enforced"]);
    let answer = wait_for(&namespace, &deployment(FOREIGN), |answer| {
        answer.warnings.len() == 2
    });
    assert_eq!(
        answer.warnings[0],
        "label imgauto.dev/mode of the namespace: \"enforced\" is none of off, audit, warn and enforce"
    );
    assert!(answer.warnings[1].starts_with("container web (foreign): "));
    assert_eq!(drift(&answer.taken()), Some("drift"));
}

#[test]
fn a_namespace_changes_its_mode_under_way() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "switch", &[]);
    let namespace = guarded(plane, "switch", "audit");
    for mode in ["enforce", "warn", "enforce"] {
        label(&namespace, &[&format!("imgauto.dev/mode={mode}")]);
        wait_until_guarded(&namespace, mode);
    }
    label(&namespace, &[&format!("{LABEL}-")]);
    wait_for(&namespace, &deployment(FOREIGN), |answer| {
        answer.drift().is_none()
    });
}
