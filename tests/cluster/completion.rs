//! `kubectl imgauto …` is completed by the real kubectl, with names that only the cluster knows.

use std::process::Command;

use harness::program::{output, run};
use harness::{ControlPlane, Namespace};

use crate::workloads::deployment;

/// Two objects of each kind, and what they need.
const OBJECTS: &str = "
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {name: podinfo}
spec: {image: ghcr.io/stefanprodan/podinfo, interval: 5m}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {name: redis}
spec: {image: docker.io/library/redis, interval: 5m}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {name: podinfo-stable}
spec:
  imageRepositoryRef: {name: podinfo}
  policy: {semver: {range: 6.x}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {name: podinfo-latest}
spec:
  imageRepositoryRef: {name: podinfo}
  policy: {semver: {range: '*'}}
";

/// A namespace with objects, in which `completion kubectl --install` was run.
fn completed<'a>(plane: &'a ControlPlane, prefix: &str) -> Namespace<'a> {
    plane.install_manifests();
    let namespace = plane.namespace(prefix);
    namespace.apply(OBJECTS);
    let web = [
        deployment("web", "nginx:1"),
        deployment("worker", "nginx:1"),
    ];
    namespace.apply(&web.join("---\n"));
    run(namespace
        .imgauto()
        .args(["completion", "kubectl", "--install"]));
    namespace
}

/// `kubectl __complete imgauto …`, which finds the plugin and its link on the `PATH`.
fn complete(namespace: &Namespace<'_>, words: &[&str]) -> Command {
    let plugin = namespace.imgauto();
    let path = plugin.get_envs().find(|(name, _)| *name == "PATH");
    let mut kubectl = namespace.kubectl();
    kubectl.env("PATH", path.unwrap().1.unwrap());
    kubectl.args(["__complete", "imgauto"]).args(words);
    kubectl
}

/// The words that are offered, without what they mean.
fn offered(namespace: &Namespace<'_>, words: &[&str]) -> Vec<String> {
    let text = run(&mut complete(namespace, words));
    let mut lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.pop(), Some(":4"), "{words:?}: {text}");
    let word = |line: &str| line.split('\t').next().unwrap_or_default().to_owned();
    lines.into_iter().map(word).collect()
}

#[test]
fn names_of_objects_come_from_the_namespace() {
    let plane = ControlPlane::shared();
    let namespace = completed(plane, "completion");
    let rows: &[(&[&str], &[&str])] = &[
        (&["get", "pol"], &["policy"]),
        (
            &["get", "policy", ""],
            &["podinfo-latest", "podinfo-stable"],
        ),
        (
            &["get", "images", "policy", "podinfo-l"],
            &["podinfo-latest"],
        ),
        (
            &["get", "policy", "podinfo-latest", ""],
            &["podinfo-stable"],
        ),
        (&["get", "imgrepo/"], &["imgrepo/podinfo", "imgrepo/redis"]),
        (&["get", "repository/r"], &["repository/redis"]),
        (
            &["get", "workload", ""],
            &["deployment/web", "deployment/worker"],
        ),
        (&["status", "deployment/wo"], &["deployment/worker"]),
        (&["verify", "deploy", "we"], &["web"]),
        (&["why", "policy/podinfo-s"], &["policy/podinfo-stable"]),
        (
            &["suspend", "image", "policy", "podinfo-l"],
            &["podinfo-latest"],
        ),
        (&["get", "update", ""], &[]),
        (&["create", "policy", "x", "--image-ref", "p"], &["podinfo"]),
        (
            &["events", "--for", "deployment/w"],
            &["deployment/web", "deployment/worker"],
        ),
        (&["events", "--for=deploy/we"], &["deploy/web"]),
        (
            &["get", "policy", "-n", namespace.name()],
            &[namespace.name()],
        ),
        // Where there is nothing.
        (&["get", "policy", "-n", "default", ""], &[]),
    ];
    for (words, want) in rows {
        assert_eq!(offered(&namespace, words), *want, "{words:?}");
    }
    let all = offered(&namespace, &["version", "--namespace", ""]);
    for name in ["default", "kube-system", namespace.name()] {
        assert!(all.iter().any(|known| known == name), "{all:?}");
    }
    let contexts = offered(&namespace, &["version", "--context", ""]);
    assert_eq!(contexts.len(), 1, "{contexts:?}");
}

#[test]
fn who_may_not_list_gets_no_names_and_no_complaint() {
    let plane = ControlPlane::shared();
    let namespace = completed(plane, "completion-none");
    let nobody = namespace.account("nobody", &serde_json::json!([]));
    let answer =
        output(complete(&namespace, &["get", "policy", ""]).env("KUBECONFIG", nobody.path()));
    assert_eq!(String::from_utf8_lossy(&answer.stdout), ":4\n");
    let said = String::from_utf8_lossy(&answer.stderr);
    assert!(!said.contains('✗') && !said.contains("forbidden"), "{said}");
}
