//! What the plugin sees of a cluster: long lists, workloads of every making, and the files of a checkout.

use std::path::Path;

use harness::ControlPlane;
use harness::population::populate;
use harness::program::run;
use k8s_openapi::api::apps::v1::Deployment;
use serde_json::{Value, json};

use crate::delivery::{delivered, eventually, row};
use crate::stage::{Answer, FOLDER, Stage};

/// What `status -o json` says of one workload's only container.
fn item(stage: &Stage<'_>, arguments: &[&str]) -> Value {
    let answer = stage.imgauto(&[&["status", "-o", "json"], arguments].concat());
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    let report: Value = serde_json::from_str(&answer.stdout).unwrap();
    assert_eq!(
        report["items"].as_array().map(Vec::len),
        Some(1),
        "{report:#}"
    );
    report["items"][0].clone()
}

#[test]
fn lists_go_on_beyond_their_first_page() {
    const COUNT: usize = 503;
    let plane = ControlPlane::shared();
    plane.install_manifests();
    let namespace = plane.namespace("pages");
    let deployments = (0..COUNT).map(|number| {
        let labels = json!({ "app": "x", "half": (number % 2).to_string() });
        json!({
            "metadata": { "name": format!("app-{number:03}"), "namespace": namespace.name(), "labels": labels },
            "spec": {
                "replicas": 0,
                "selector": { "matchLabels": { "app": "x" } },
                "template": { "metadata": { "labels": labels }, "spec": { "containers": [{ "name": "app", "image": "app:1" }] } },
            },
        })
    });
    populate::<Deployment>(plane, deployments.collect());
    let names = |arguments: &[&str]| {
        let words = [&["status", "--unmanaged", "-o", "name"], arguments].concat();
        let answer = Answer::of(namespace.imgauto().args(words));
        assert_eq!(answer.code, 0, "{}", answer.stderr);
        let mut names: Vec<_> = answer.stdout.lines().map(str::to_owned).collect();
        names.dedup();
        names
    };
    let all = names(&[]);
    assert_eq!(all.len(), COUNT);
    assert!(all.is_sorted());
    assert_eq!(names(&["-l", "half=0"]).len(), COUNT.div_ceil(2));
    assert_eq!(names(&["deploy/app-500"]).len(), 1);
}

#[test]
fn workloads_without_a_maker_and_what_they_mount_are_seen() {
    let stage = delivered("observe-bare");
    let image = format!("{}:5.0.0", stage.image());
    let labels = json!({ "app": "bare" });
    let pods = json!({
        "containers": [{ "name": "bare", "image": image }],
        "volumes": [{ "name": "model", "image": { "reference": image } }],
    });
    let items = json!([
        { "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": { "name": "bare", "labels": labels }, "spec": {
            "replicas": 2, "selector": { "matchLabels": labels }, "template": { "metadata": { "labels": labels }, "spec": pods },
        } },
        { "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "alone", "labels": { "app": "alone" } }, "spec": {
            "containers": [{ "name": "alone", "image": image }],
        } },
    ]);
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": items });
    stage.namespace.apply(&list.to_string());
    let table = |arguments: &[&str]| {
        let answer = stage.imgauto(&[&["status"], arguments].concat());
        assert_eq!(answer.code, 0, "{}", answer.stderr);
        answer.stdout
    };
    let settled = eventually(
        || table(&["-l", "app=bare"]),
        |table| table.contains(" 2/2 "),
    );
    assert_eq!(
        row(&stage, &settled, "rs/bare"),
        "rs/bare | bare | ~NS/podinfo | 5.0.0 | 5.0.0 | 5.0.0 | 2/2 | ✔ Synced"
    );
    assert!(settled.contains("model (volume)"), "{settled}");
    // Its pods have the label too, and a maker; other workloads do not have it.
    assert_eq!(settled.lines().count(), 3, "{settled}");
    let alone = eventually(
        || table(&["-l", "app=alone"]),
        |table| table.contains(" 1/1 "),
    );
    assert_eq!(
        row(&stage, &alone, "pod/alone"),
        "pod/alone | alone | ~NS/podinfo | 5.0.0 | 5.0.0 | 5.0.0 | 1/1 | ✔ Synced"
    );
    assert_eq!(alone.lines().count(), 2, "{alone}");
}

/// Replaces a text in a file of a checkout.
fn replace(root: &Path, file: &str, from: &str, to: &str) {
    let path = root.join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{text}");
    std::fs::write(path, text.replace(from, to)).unwrap();
}

#[test]
fn a_checkout_says_what_is_committed() {
    let stage = delivered("observe-checkout");
    let root = stage.clone_branch();
    let source = format!("--source={}", root.display());
    let frontend = format!("{FOLDER}/frontend.yaml");
    let look = || item(&stage, &["deploy/frontend", &source]);

    let known = look();
    assert_eq!(known["git"]["source"], "checkout", "{known:#}");
    assert_eq!(known["git"]["file"], frontend, "{known:#}");
    assert_eq!(
        (&known["git"]["tag"], &known["state"]),
        (&json!("5.0.0"), &json!("Synced"))
    );

    replace(&root, &frontend, ":5.0.0", ":4.9.0");
    let edited = look();
    assert_eq!(edited["git"]["tag"], "4.9.0", "{edited:#}");
    let line = edited["git"]["line"].clone();

    // Without any marker, the line is still the one the image comes from.
    replace(&root, &frontend, "$imagepolicy", "imagepolicy");
    replace(
        &root,
        &format!("{FOLDER}/kustomization.yaml"),
        "$imagepolicy",
        "imagepolicy",
    );
    let bare = look();
    assert_eq!(bare["reason"], "MarkerMissing", "{bare:#}");
    assert_eq!(bare["git"]["file"], frontend, "{bare:#}");
    assert_eq!(
        (&bare["git"]["tag"], &bare["git"]["line"]),
        (&json!("4.9.0"), &line)
    );

    replace(&root, &frontend, "imagepolicy", "$imagepolicy");
    run(std::process::Command::new("mv")
        .arg(root.join(FOLDER))
        .arg(root.join("elsewhere")));
    let outside = look();
    assert_eq!(outside["reason"], "PathExcluded", "{outside:#}");

    let nowhere = stage.imgauto(&["status", "--source=/nowhere"]);
    assert_eq!(
        (nowhere.code, &*nowhere.stdout),
        (2, ""),
        "{}",
        nowhere.stderr
    );
}
