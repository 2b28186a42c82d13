//! Objects as users and Flux's controllers write them.

use kube::Resource as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::keys;
use crate::{GitRepository, ImagePolicy, ImageRepository, ImageUpdateAutomation};

/// Reads an object and writes it again.
fn round_trip<K: DeserializeOwned + Serialize>(object: &Value) -> Value {
    let read: K = serde_json::from_value(object.clone()).unwrap();
    serde_json::to_value(read).unwrap()
}

#[test]
fn a_full_image_repository_comes_back_as_it_was() {
    let object = json!({
        "apiVersion": "image.toolkit.fluxcd.io/v1",
        "kind": "ImageRepository",
        "metadata": { "name": "podinfo", "namespace": "flux-system", "labels": { "team": "web" } },
        "spec": {
            "image": "ghcr.io/stefanprodan/podinfo",
            "interval": "5m",
            "timeout": "60s",
            "secretRef": { "name": "pull" },
            "proxySecretRef": { "name": "proxy" },
            "serviceAccountName": "scanner",
            "certSecretRef": { "name": "ca" },
            "suspend": true,
            "accessFrom": { "namespaceSelectors": [{ "matchLabels": { "a": "b" } }, {}] },
            "exclusionList": ["^.*\\.sig$"],
            "provider": "aws",
            "insecure": true
        },
        "status": {
            "conditions": [{
                "type": "Ready", "status": "True", "reason": "Succeeded", "observedGeneration": 1,
                "lastTransitionTime": "2026-08-22T10:00:00Z",
                "message": "successful scan: found 13 tags with checksum 2894109832"
            }],
            "observedGeneration": 1,
            "canonicalImageName": "ghcr.io/stefanprodan/podinfo",
            "lastScanResult": {
                "revision": "2894109832", "tagCount": 13, "scanTime": "2026-08-22T10:00:00Z", "latestTags": ["6.0.0"]
            },
            "observedExclusionList": ["^.*\\.sig$"],
            "lastHandledReconcileAt": "now"
        }
    });
    assert_eq!(round_trip::<ImageRepository>(&object), object);
}

#[test]
fn a_full_image_policy_comes_back_as_it_was() {
    let object = json!({
        "apiVersion": "image.toolkit.fluxcd.io/v1",
        "kind": "ImagePolicy",
        "metadata": { "name": "podinfo" },
        "spec": {
            "imageRepositoryRef": { "name": "podinfo", "namespace": "shared" },
            "policy": { "semver": { "range": "5.0.x" } },
            "filterTags": { "pattern": "^v(.*)$", "extract": "" },
            "digestReflectionPolicy": "Always",
            "interval": "10m",
            "suspend": true
        },
        "status": {
            "latestRef": { "name": "ghcr.io/stefanprodan/podinfo", "tag": "5.0.3", "digest": "sha256:00" },
            "observedPreviousRef": { "name": "ghcr.io/stefanprodan/podinfo", "tag": "5.0.0" },
            "observedGeneration": -1
        }
    });
    assert_eq!(round_trip::<ImagePolicy>(&object), object);
}

#[test]
fn a_full_automation_comes_back_as_it_was() {
    let object = json!({
        "apiVersion": "image.toolkit.fluxcd.io/v1",
        "kind": "ImageUpdateAutomation",
        "metadata": { "name": "flux-system" },
        "spec": {
            "sourceRef": { "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository", "name": "a", "namespace": "b" },
            "git": {
                "checkout": { "ref": { "branch": "main", "tag": "v1", "semver": "1.x", "name": "refs/heads/main", "commit": "00" } },
                "commit": {
                    "author": { "name": "bot", "email": "bot@example.com" },
                    "signingKey": { "type": "ssh", "secretRef": { "name": "key" } },
                    "messageTemplate": "x",
                    "messageTemplateValues": { "cluster": "prod" }
                },
                "push": { "branch": "auto", "refspec": "refs/heads/a:refs/heads/b", "options": { "ci.skip": "" } }
            },
            "interval": "30m",
            "policySelector": { "matchLabels": { "app": "web" } },
            "suspend": true,
            "update": { "strategy": "Setters", "path": "./clusters" }
        },
        "status": {
            "lastAutomationRunTime": "2026-08-22T10:00:00Z",
            "lastPushCommit": "3f9c2ab",
            "lastPushTime": "2026-08-22T10:00:00Z",
            "observedGeneration": 2,
            "observedPolicies": { "podinfo": { "name": "ghcr.io/stefanprodan/podinfo", "tag": "5.0.3" } },
            "observedSourceRevision": "main@sha1:00"
        }
    });
    assert_eq!(round_trip::<ImageUpdateAutomation>(&object), object);
}

#[test]
fn what_the_api_server_would_fill_in_may_be_left_out() {
    let spec = json!({ "sourceRef": { "name": "flux-system" }, "interval": "30m", "update": { "path": "./apps" } });
    let object = json!({
        "apiVersion": "image.toolkit.fluxcd.io/v1", "kind": "ImageUpdateAutomation", "metadata": {}, "spec": spec
    });
    let written = round_trip::<ImageUpdateAutomation>(&object);
    assert_eq!(written["spec"]["sourceRef"]["kind"], "GitRepository");
    assert_eq!(
        written["spec"]["update"],
        json!({ "strategy": "Setters", "path": "./apps" })
    );
    assert_eq!(written["spec"].get("git"), None);
}

#[test]
fn a_full_git_repository_comes_back_as_it_was() {
    let artifact = json!({
        "path": "gitrepository/flux-system/flux-system/00.tar.gz",
        "url": "http://source-controller.flux-system.svc.cluster.local./gitrepository/flux-system/flux-system/00.tar.gz",
        "revision": "main@sha1:00",
        "digest": "sha256:00",
        "lastUpdateTime": "2026-08-22T10:00:00Z",
        "size": 1024,
        "metadata": { "org.opencontainers.image.version": "1" }
    });
    let include = json!([{ "repository": { "name": "shared" }, "fromPath": "a", "toPath": "b" }]);
    let object = json!({
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": { "name": "flux-system", "namespace": "flux-system" },
        "spec": {
            "url": "ssh://git@github.com/org/repo",
            "secretRef": { "name": "flux-system" },
            "provider": "github",
            "serviceAccountName": "git",
            "interval": "1m",
            "timeout": "60s",
            "ref": { "branch": "main" },
            "proxySecretRef": { "name": "proxy" },
            "verify": { "mode": "TagAndHEAD", "secretRef": { "name": "keys" } },
            "ignore": "/*",
            "suspend": true,
            "recurseSubmodules": true,
            "include": include,
            "sparseCheckout": ["apps"]
        },
        "status": {
            "observedGeneration": 1,
            "artifact": artifact,
            "includedArtifacts": [artifact],
            "observedIgnore": "/*",
            "observedRecurseSubmodules": true,
            "observedInclude": include,
            "observedSparseCheckout": ["apps"],
            "sourceVerificationMode": "HEAD",
            "lastHandledReconcileAt": "now"
        }
    });
    assert_eq!(round_trip::<GitRepository>(&object), object);
}

#[test]
fn a_git_repository_of_another_flux_is_read() {
    let object = json!({
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": { "name": "later" },
        "spec": {
            "url": "https://a/b",
            "interval": "1m",
            "verify": { "mode": "Everything", "secretRef": { "name": "keys" } },
            "later": {}
        },
        "status": { "artifact": { "revision": "main@sha1:00", "later": 1 } }
    });
    let read: GitRepository = serde_json::from_value(object).unwrap();
    assert_eq!(
        read.status.unwrap().artifact.unwrap().revision,
        "main@sha1:00"
    );
}

#[test]
fn a_git_repository_of_a_checkout_may_leave_the_interval_out() {
    let spec: crate::GitRepositorySpec =
        serde_json::from_value(json!({ "url": "https://a/b", "later": 1 })).unwrap();
    assert_eq!((spec.interval, spec.suspend), (None, false));
}

#[test]
fn a_value_outside_of_an_enumeration_is_refused() {
    let spec = json!({ "image": "a/b", "interval": "5m", "provider": "ibm" });
    assert!(serde_json::from_value::<crate::ImageRepositorySpec>(spec).is_err());
    let spec = json!({ "imageRepositoryRef": { "name": "a" }, "policy": { "alphabetical": { "order": "up" } } });
    assert!(serde_json::from_value::<crate::ImagePolicySpec>(spec).is_err());
}

#[test]
fn kinds_have_flux_s_names() {
    assert_eq!(ImageRepository::api_version(&()), keys::IMAGE_API_VERSION);
    assert_eq!(ImagePolicy::group(&()), keys::IMAGE_GROUP);
    assert_eq!(ImageUpdateAutomation::plural(&()), "imageupdateautomations");
    assert_eq!(GitRepository::api_version(&()), keys::SOURCE_API_VERSION);
    assert_eq!(GitRepository::group(&()), keys::SOURCE_GROUP);
}
