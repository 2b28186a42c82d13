use serde_json::{Value, json};

use super::*;
use crate::commands::check::report::Report;
use crate::error::CliError;
use crate::installation::{Controller, Controllers, Role};
use crate::manifests::{self, Settings};
use crate::session::Markers;

const NOW: &str = "2026-01-01T00:00:00Z";

fn server() -> Server {
    let deployment = json!({
        "metadata": {"name": WEBHOOK, "namespace": "here", "generation": 1},
        "spec": {"replicas": 2, "selector": {}, "template": {"spec": {"containers": [
            {"name": "a", "image": format!("imgauto:{}", manifests::TAG)},
        ]}}},
        "status": {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2},
    });
    let namespace =
        json!({"metadata": {"name": "here", "labels": {"kubernetes.io/metadata.name": "here"}}});
    Server {
        controller: Controller {
            role: Role::Webhook,
            deployment: serde_json::from_value(deployment).unwrap(),
        },
        trouble: Ok(None),
        endpoints: Ok(2),
        authority: Ok(Some(Authority {
            bundle: b"a".to_vec(),
            not_after: Some("2027-01-01T00:00:00Z".parse().unwrap()),
        })),
        namespace: Ok(Some(serde_json::from_value(namespace).unwrap())),
    }
}

/// The configurations as they are installed, once they are trusted.
fn configurations() -> Vec<Configuration> {
    let objects = manifests::objects(&Settings::whole("here")).into_iter();
    let hooks = objects.filter(|object| object.part == manifests::Part::Hooks);
    hooks
        .map(|object| {
            let mut hooks = object.value["webhooks"].clone();
            for hook in hooks.as_array_mut().unwrap() {
                hook["clientConfig"]["caBundle"] = json!("YQ==");
            }
            Configuration {
                kind: match object.name() {
                    MARK => "MutatingWebhookConfiguration",
                    _ => "ValidatingWebhookConfiguration",
                },
                name: object.name().to_owned(),
                hooks: serde_json::from_value(hooks).unwrap(),
            }
        })
        .collect()
}

fn webhook() -> Webhook {
    Webhook {
        servers: vec![server()],
        is_complete: true,
        configurations: Ok(configurations()),
        namespaces: Ok(Vec::new()),
        claims: Ok(Vec::new()),
    }
}

fn said(webhook: Webhook) -> String {
    let seen = Seen {
        kubernetes: Err(CliError::failure("not asked")),
        rights: Vec::new(),
        definitions: Vec::new(),
        controllers: Ok(Controllers::default()),
        reconcilers: Vec::new(),
        automations: None,
        webhook: Some(webhook),
    };
    Report::new(findings(&seen, NOW.parse().unwrap())).table(Markers::Flux)
}

/// What is said when one thing is not as it should be.
fn told(change: impl FnOnce(&mut Webhook)) -> String {
    let mut webhook = webhook();
    change(&mut webhook);
    let all = said(webhook);
    let good = said(self::webhook());
    let other = all
        .lines()
        .filter(|line| !good.lines().any(|known| known == *line));
    other.map(|line| format!("{line}\n")).collect()
}

fn guard(webhook: &mut Webhook) -> &mut Configuration {
    webhook.configurations.as_mut().unwrap().last_mut().unwrap()
}

#[test]
fn a_webhook_that_works_has_a_line_for_each_thing() {
    expect_test::expect![[r"
        webhook
        -------
        √ imgauto-webhook: deployment ready (here)
        √ imgauto-webhook v0.1.0
        √ Service imgauto-webhook leads to 2 (here)
        √ the authority of imgauto-webhook counts until 2027-01-01 (here)
        √ imgauto-mark: the API server trusts the webhook
        √ imgauto-guard: the API server trusts the webhook
    "]]
    .assert_eq(&said(webhook()));
}

#[test]
fn what_is_broken_on_the_way_to_it_is_told_with_what_helps() {
    let nowhere = told(|webhook| webhook.servers[0].endpoints = Ok(0));
    assert!(
        nowhere.starts_with(
            "× Service imgauto-webhook leads nowhere (here)\n    next: kubectl -n here get"
        ),
        "{nowhere}"
    );
    let blind = told(|webhook| guard(webhook).hooks[1].client_config.ca_bundle = None);
    assert!(
        blind.starts_with("× imgauto-guard: caBundle is empty in 1 of 7\n"),
        "{blind}"
    );
    let other = told(|webhook| {
        guard(webhook).hooks[0]
            .client_config
            .ca_bundle
            .as_mut()
            .unwrap()
            .0
            .push(b'b');
    });
    assert!(
        other.starts_with("× imgauto-guard: caBundle is not what the webhook wants trusted\n"),
        "{other}"
    );
    let lenient =
        told(|webhook| guard(webhook).hooks[1].failure_policy = Some("Ignore".to_owned()));
    assert!(
        lenient.starts_with("‼ imgauto-guard lets all pass in namespaces that enforce"),
        "{lenient}"
    );
    let gone = told(|webhook| drop(webhook.configurations.as_mut().unwrap().remove(0)));
    assert!(gone.contains("× imgauto-mark is not there"), "{gone}");
    assert!(
        gone.contains("next: kubectl imgauto install -n here --components=webhook\n"),
        "{gone}"
    );
    let elsewhere = told(|webhook| {
        let service = guard(webhook).hooks[0].client_config.service.as_mut();
        service.unwrap().namespace = "there".to_owned();
    });
    assert!(
        elsewhere.starts_with("× imgauto-guard does not lead to imgauto-webhook in here\n"),
        "{elsewhere}"
    );
}

#[test]
fn an_authority_that_was_not_renewed_is_told() {
    let until = |day: &str| {
        let end = format!("{day}T00:00:00Z").parse().unwrap();
        told(|webhook| {
            let authority = webhook.servers[0].authority.as_mut().unwrap();
            authority.as_mut().unwrap().not_after = Some(end);
        })
    };
    assert!(
        until("2026-02-01")
            .starts_with("‼ the authority of imgauto-webhook counts until 2026-02-01")
    );
    assert!(
        until("2025-12-31")
            .starts_with("× the authority of imgauto-webhook has counted until 2025-12-31")
    );
    let none = told(|webhook| webhook.servers[0].authority = Ok(None));
    assert!(
        none.starts_with("× imgauto-webhook has made no authority yet (here)\n"),
        "{none}"
    );
}

#[test]
fn configurations_without_a_webhook_are_orphans() {
    let alone = told(|webhook| webhook.servers.clear());
    let line = "× imgauto-guard is there, and no imgauto-webhook to call
    namespaces that enforce take no workloads
    next: kubectl delete validatingwebhookconfiguration imgauto-guard
";
    assert!(alone.contains(line), "{alone}");
    let hidden = told(|webhook| {
        webhook.servers.clear();
        webhook.is_complete = false;
    });
    assert_eq!(hidden, "", "there may be one that is not seen");
}

/// Another webhook that is asked about pods.
fn other(selector: &Value, policy: &str) -> Configuration {
    let hook = json!({
        "name": "pods.example.com", "failurePolicy": policy, "namespaceSelector": selector,
        "clientConfig": {"url": "https://example.com"},
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["*"]}],
    });
    Configuration {
        kind: "ValidatingWebhookConfiguration",
        name: "other".to_owned(),
        hooks: vec![serde_json::from_value(hook).unwrap()],
    }
}

#[test]
fn another_webhook_that_could_keep_it_from_starting_is_told() {
    let tell = |selector: Value, policy: &str| {
        let other = other(&selector, policy);
        told(|webhook| webhook.configurations.as_mut().unwrap().push(other))
    };
    let text = tell(json!({}), "Fail");
    assert!(
        text.starts_with("‼ pods.example.com of other may refuse the pods of imgauto-webhook"),
        "{text}"
    );
    assert!(
        text.ends_with("next: kubectl get validatingwebhookconfiguration other -o yaml\n"),
        "{text}"
    );
    assert_eq!(tell(json!({}), "Ignore"), "");
    let exempt = json!({"matchExpressions": [
        {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["here"]},
    ]});
    assert_eq!(tell(exempt, "Fail"), "");
}

#[test]
fn modes_that_are_none_and_marks_of_others_are_told() {
    let namespace = |mode: &str| {
        serde_json::from_value(json!({"metadata": {"name": "apps", "labels": {MODE: mode}}}))
            .unwrap()
    };
    let text =
        told(|webhook| webhook.namespaces = Ok(vec![namespace("Enforce"), namespace("warn")]));
    let line = "‼ namespace apps: imgauto.dev/mode \"Enforce\" is none of off, audit, warn and enforce; it counts as warn
    next: kubectl label --overwrite namespace apps imgauto.dev/mode=warn
";
    assert_eq!(text, line);
    let many = told(|webhook| webhook.namespaces = Ok((0..5).map(|_| namespace("x")).collect()));
    assert!(many.contains("    and 2 more of the same\n"), "{many}");
    let claim = told(|webhook| {
        webhook.claims = Ok(vec![Claim {
            kind: "Deployment",
            namespace: "apps".to_owned(),
            name: "web".to_owned(),
            manager: "kustomize-controller".to_owned(),
        }]);
    });
    assert!(
        claim.starts_with(
            "‼ Deployment apps/web: kustomize-controller applies the label imgauto.dev/drift"
        ),
        "{claim}"
    );
}

#[test]
fn imgauto_may_own_its_mark() {
    let entry = |manager: &str, label: &str| {
        let fields = json!({"f:metadata": {"f:labels": {format!("f:{label}"): {}}}});
        serde_json::from_value(json!({"manager": manager, "fieldsV1": fields})).unwrap()
    };
    let manager = |entries: &[_]| seen::manager(entries);
    assert_eq!(
        manager(&[entry("imgauto-drift", DRIFT), entry("kubectl", "team")]),
        None
    );
    let both = [entry("imgauto-drift", DRIFT), entry("helm", DRIFT)];
    assert_eq!(manager(&both).as_deref(), Some("helm"));
}
