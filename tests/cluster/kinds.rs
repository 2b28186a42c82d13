//! The kinds as the API server serves them once `manifests/` is applied.

use std::process::Stdio;

use api::crds::{crds, git_repository_crd};
use harness::program::{output, run};
use harness::{ControlPlane, Namespace, wait};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use serde_json::{Value, json};

/// A namespace of a cluster that has the kinds.
fn namespace(prefix: &str) -> Namespace<'static> {
    let plane = ControlPlane::shared();
    plane.install_manifests();
    plane.namespace(prefix)
}

/// What the API server makes of an object, or why it refuses it.
fn dry_run(namespace: &Namespace<'_>, kind: &str, spec: &Value) -> Result<Value, String> {
    let version = match kind {
        "GitRepository" => api::keys::SOURCE_API_VERSION,
        _ => api::keys::IMAGE_API_VERSION,
    };
    let object =
        json!({ "apiVersion": version, "kind": kind, "metadata": { "name": "a" }, "spec": spec });
    let file = namespace.home().join("object.json");
    std::fs::write(&file, object.to_string()).unwrap();
    let mut create = namespace.kubectl();
    create.args(["create", "--dry-run=server", "--output=json", "--filename"]);
    let output = output(create.arg(&file).stdin(Stdio::null()));
    match output.status.success() {
        true => Ok(serde_json::from_slice(&output.stdout).unwrap()),
        false => Err(String::from_utf8(output.stderr).unwrap()),
    }
}

#[test]
fn definitions_are_stored_as_they_are_written() {
    let namespace = namespace("definitions");
    let stored = Api::<CustomResourceDefinition>::all(namespace.plane().client());
    for ours in crds().into_iter().chain([git_repository_crd()]) {
        let name = ours.metadata.name.clone().unwrap();
        let stored = stored.clone();
        let mut stored = wait(async move { stored.get(&name).await }).unwrap();
        // What the API server adds of itself.
        stored.spec.conversion = None;
        assert_eq!(stored.spec, ours.spec);
        let conditions = stored.status.unwrap().conditions.unwrap();
        assert!(
            conditions
                .iter()
                .all(|condition| condition.status == "True"),
            "{conditions:?}"
        );
    }
}

#[test]
fn defaults_are_flux_s() {
    let namespace = namespace("defaults");
    let git = json!({ "commit": { "author": { "email": "a@example.com" } } });
    let cases = [
        (
            "ImageRepository",
            json!({ "image": "a/b", "interval": "5m" }),
            json!({ "exclusionList": ["^.*\\.sig$"], "provider": "generic" }),
        ),
        (
            "ImagePolicy",
            json!({ "imageRepositoryRef": { "name": "a" }, "policy": { "numerical": {} } }),
            json!({ "policy": { "numerical": { "order": "asc" } }, "digestReflectionPolicy": "Never" }),
        ),
        (
            "ImageUpdateAutomation",
            json!({ "sourceRef": { "name": "a" }, "interval": "5m", "git": git }),
            json!({ "sourceRef": { "kind": "GitRepository", "name": "a" }, "update": { "strategy": "Setters" } }),
        ),
        (
            "GitRepository",
            json!({ "url": "https://a/b", "interval": "1m", "verify": { "secretRef": { "name": "a" } } }),
            json!({ "timeout": "60s", "verify": { "mode": "HEAD", "secretRef": { "name": "a" } } }),
        ),
    ];
    for (kind, spec, defaults) in cases {
        let made = dry_run(&namespace, kind, &spec).unwrap();
        let mut expected = spec.as_object().unwrap().clone();
        expected.extend(defaults.as_object().unwrap().clone());
        assert_eq!(made["spec"], Value::Object(expected), "{kind}");
        assert_eq!(
            made["status"],
            json!({ "observedGeneration": -1 }),
            "{kind}"
        );
    }
}

#[test]
fn mistakes_are_refused_in_flux_s_words() {
    let namespace = namespace("mistakes");
    let policy = |fields: Value| {
        let mut spec = json!({ "imageRepositoryRef": { "name": "a" }, "policy": {} });
        let spec_fields = spec.as_object_mut().unwrap();
        spec_fields.extend(fields.as_object().unwrap().clone());
        spec
    };
    let cases = [
        (
            "ImagePolicy",
            policy(json!({ "interval": "10m" })),
            "spec.interval is only accepted when spec.digestReflectionPolicy is set to 'Always'",
        ),
        (
            "ImagePolicy",
            policy(json!({ "digestReflectionPolicy": "Always" })),
            "spec.interval must be set when spec.digestReflectionPolicy is set to 'Always'",
        ),
        (
            "ImageRepository",
            json!({ "image": "a/b", "interval": "5m", "timeout": "1h" }),
            r"spec.timeout in body should match '^([0-9]+(\.[0-9]+)?(ms|s|m))+$'",
        ),
        (
            "ImageRepository",
            json!({ "image": "a/b", "interval": "5m", "exclusionList": vec!["a"; 26] }),
            "spec.exclusionList: Too many: 26: must have at most 25 items",
        ),
        (
            "GitRepository",
            json!({ "url": "https://a/b", "interval": "1m", "serviceAccountName": "a" }),
            "serviceAccountName can only be set when provider is 'azure' or 'aws'",
        ),
    ];
    for (kind, spec, words) in cases {
        let refusal = dry_run(&namespace, kind, &spec).unwrap_err();
        assert!(refusal.contains(words), "{kind}: {refusal}");
    }
}

#[test]
fn kubectl_shows_flux_s_columns_under_flux_s_names() {
    let namespace = namespace("columns");
    let made = [
        r#"{"apiVersion":"image.toolkit.fluxcd.io/v1","kind":"ImageRepository","metadata":{"name":"a"},
            "spec":{"image":"a/b","interval":"5m","suspend":true}}"#,
        r#"{"apiVersion":"imgauto.dev/v1alpha1","kind":"ImageInventory","metadata":{"name":"a"},
            "source":{"automation":"a","url":"https://a/b","revision":"main@sha1:00"},"entryCount":3,"problemCount":1}"#,
    ];
    namespace.apply(&made.join("\n---\n"));
    let show = |kind: &str| {
        let text = run(namespace.kubectl().args(["get", kind, "--output=wide"]));
        let rows = text
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        rows.collect::<Vec<_>>()
    };
    for name in ["imgrepo", "imagerepo"] {
        assert_eq!(show(name)[0], "NAME IMAGE TAGS READY STATUS LAST SCAN AGE");
    }
    assert_eq!(show("imginv")[0], "NAME ENTRIES PROBLEMS AGE");
    assert!(show("imginv")[1].starts_with("a 3 1 "));
    let all = run(namespace
        .kubectl()
        .args(["get", "fluxcd-images", "--output=name"]));
    assert_eq!(all.trim(), "imagerepository.image.toolkit.fluxcd.io/a");
}

#[test]
fn the_reconciler_gets_secrets_and_lists_none() {
    let namespace = namespace("rights");
    let plane = namespace.plane();
    let account = plane.service_account_kubeconfig("imgauto-system", "imgauto-reconciler");
    run(namespace
        .kubectl()
        .args(["create", "secret", "generic", "a", "--from-literal=b=c"]));
    let as_reconciler = |args: &[&str]| {
        let mut kubectl = namespace.kubectl();
        let here = ["--namespace", namespace.name()];
        output(
            kubectl
                .env("KUBECONFIG", account.path())
                .args(args)
                .args(here),
        )
    };
    assert!(as_reconciler(&["get", "secret", "a"]).status.success());
    for refused in [
        ["get", "secrets", "--output=name"],
        ["get", "services", "--output=name"],
        ["delete", "secret", "a"],
        ["create", "configmap", "a"],
    ] {
        let answer = as_reconciler(&refused);
        let words = String::from_utf8(answer.stderr).unwrap();
        assert!(
            words.contains("Forbidden") || words.contains("forbidden"),
            "{refused:?}: {words}"
        );
    }
    assert!(
        as_reconciler(&["create", "token", "default"])
            .status
            .success()
    );
}
