//! The webhook is replaced and its certificates are exchanged, and nobody who writes workloads notices.

use std::time::{Duration, Instant};

use harness::load::{Answer, Load, Shape};
use harness::program::run;
use harness::replicas::{LABEL, ReplicasOptions};
use harness::{ControlPlane, Namespace, Replicas, wait};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use serde_json::{Value, json};

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// The namespace of the webhook.
pub(crate) const HOME: &str = "imgauto-system";

/// A namespace that enforces, for the replicas of a suffix, with a policy for `ghcr.io/acme/web` that takes 1.x.
pub(crate) fn enforced<'a>(plane: &'a ControlPlane, suffix: &str) -> Namespace<'a> {
    plane.install_manifests();
    let namespace = plane.namespace("endure");
    for label in [
        format!("{LABEL}={suffix}"),
        "imgauto.dev/mode=enforce".to_owned(),
    ] {
        run(namespace
            .kubectl()
            .args(["label", "namespace", namespace.name(), &label]));
    }
    let repository = json!({
        "apiVersion": "image.toolkit.fluxcd.io/v1", "kind": "ImageRepository", "metadata": { "name": "web" },
        "spec": { "image": "ghcr.io/acme/web", "interval": "1h" },
    });
    namespace.apply(&repository.to_string());
    set_policy(&namespace, "web", "1.x");
    let chosen =
        json!({ "status": { "latestRef": { "name": "ghcr.io/acme/web", "tag": "1.9.0" } } });
    run(namespace.kubectl().args([
        "patch",
        "imagepolicy",
        "web",
        "--subresource=status",
        "--type=merge",
        "--patch",
        &chosen.to_string(),
    ]));
    namespace
}

/// Writes a policy that takes the tags of a range.
pub(crate) fn set_policy(namespace: &Namespace<'_>, name: &str, range: &str) {
    let policy = json!({
        "apiVersion": "image.toolkit.fluxcd.io/v1", "kind": "ImagePolicy", "metadata": { "name": name },
        "spec": { "imageRepositoryRef": { "name": "web" }, "policy": { "semver": { "range": range } } },
    });
    namespace.apply(&policy.to_string());
}

pub(crate) fn deployment(tag: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "generateName": "web-" },
        "spec": {
            "replicas": 0,
            "selector": { "matchLabels": { "app": "web" } },
            "template": {
                "metadata": { "labels": { "app": "web" } },
                "spec": { "containers": [{ "name": "web", "image": format!("ghcr.io/acme/web:{tag}") }] },
            },
        },
    })
}

/// Some a second, each of one that is good and one that is not, in turn.
fn shape(period: Duration, burst: usize) -> Shape {
    Shape {
        period,
        burst,
        objects: vec![deployment("1.9.0"), deployment("2.0.0")],
    }
}

/// Fifty a second.
pub(crate) fn steady() -> Shape {
    shape(Duration::from_millis(20), 1)
}

/// What became of all writes.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// How many there were.
    pub(crate) total: usize,
    /// What was refused although it is good, or let in although it is not.
    pub(crate) wrong: Vec<String>,
    /// What was let in without having been marked.
    pub(crate) unmarked: usize,
    /// What failed because the webhook was not reached, and when it was sent.
    pub(crate) failed: Vec<(Instant, String)>,
}

pub(crate) fn tally(answers: &[Answer]) -> Tally {
    let mut tally = Tally {
        total: answers.len(),
        ..Tally::default()
    };
    for answer in answers {
        let is_good = answer.object == 0;
        match &answer.result {
            Ok(written) if is_good => {
                let label = &written["metadata"]["labels"]["imgauto.dev/drift"];
                tally.unmarked += usize::from(label != "none");
            }
            Ok(_) => tally.wrong.push("2.0.0 was let in".to_owned()),
            Err(message) if message.contains("denied the request") => {
                if is_good {
                    tally.wrong.push(message.clone());
                }
            }
            Err(message) => tally.failed.push((answer.sent, message.clone())),
        }
    }
    tally
}

impl Tally {
    /// Nothing failed, and nothing was decided otherwise than it should.
    pub(crate) fn is_perfect(&self) {
        assert!(self.failed.is_empty(), "{self:?}");
        assert_eq!((self.wrong.len(), self.unmarked), (0, 0), "{self:?}");
    }
}

/// Waits until a number of writes in a row are answered as they should be.
pub(crate) fn settles(namespace: &Namespace<'_>) {
    let begun = Instant::now();
    loop {
        let load = Load::start(namespace, steady());
        load.wait_for(40);
        let answers = load.stop();
        let tally = tally(&answers);
        if tally.failed.is_empty() && tally.wrong.is_empty() && tally.unmarked == 0 {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{tally:?}");
    }
}

/// The certificate of the authority that signs.
pub(crate) fn authority(plane: &ControlPlane, replicas: &Replicas<'_>) -> String {
    let secrets: Api<Secret> = Api::namespaced(plane.client(), HOME);
    let name = replicas.secret();
    let secret = wait(async move { secrets.get(&name).await });
    let data = secret.unwrap().data.unwrap();
    String::from_utf8(data["tls.crt"].0.clone()).unwrap()
}

#[test]
fn replicas_are_replaced_three_times_and_not_one_call_fails() {
    let plane = ControlPlane::shared();
    let namespace = enforced(plane, "roll");
    let mut replicas = Replicas::start(
        plane,
        ReplicasOptions {
            suffix: "roll",
            count: 2,
            flags: &["--drain-delay=2s"],
            kubeconfig: None,
        },
    );
    settles(&namespace);
    let load = Load::start(&namespace, steady());
    load.wait_for(50);
    for _ in 0..3 {
        replicas.roll();
        load.wait_for(50);
    }
    let tally = tally(&load.stop());
    tally.is_perfect();
    assert!(tally.total >= 200, "{}", tally.total);
}

#[test]
fn authorities_and_certificates_are_exchanged_and_not_one_handshake_fails() {
    let plane = ControlPlane::shared();
    let namespace = enforced(plane, "rotate");
    let replicas = Replicas::start(
        plane,
        ReplicasOptions {
            suffix: "rotate",
            count: 2,
            flags: &[
                "--ca-lifetime=90s",
                "--ca-announcement=3s",
                "--leaf-lifetime=24s",
            ],
            kubeconfig: None,
        },
    );
    settles(&namespace);
    // All at once: more than the API server keeps connections for, so that it dials new ones each time.
    let load = Load::start(&namespace, shape(Duration::from_secs(2), 32));
    let (begun, mut seen) = (Instant::now(), Vec::new());
    while seen.len() < 3 {
        let current = authority(plane, &replicas);
        if !seen.contains(&current) {
            seen.push(current);
        }
        assert!(begun.elapsed() < PATIENCE * 3, "nothing is exchanged");
        std::thread::sleep(Duration::from_millis(100));
    }
    load.wait_for(100);
    let tally = tally(&load.stop());
    let mut shaken = 0.0;
    for replica in replicas.running() {
        let counted = |result: &str| {
            let name = format!("imgauto_tls_handshakes_total{{result=\"{result}\"}}");
            replica.counted(&name)
        };
        assert_eq!(
            (counted("failed"), counted("timeout")),
            (0.0, 0.0),
            "{}",
            replica.metrics()
        );
        shaken += counted("ok");
        let logs = replica.logs();
        let told = logs
            .iter()
            .filter(|line| line.contains("another certificate is served"));
        assert!(told.count() >= 4, "{logs:?}");
    }
    tally.is_perfect();
    assert!(shaken >= 50.0, "{shaken} handshakes");
}
