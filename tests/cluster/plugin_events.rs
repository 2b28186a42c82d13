//! `kubectl imgauto events`, beside the real flux.

use harness::program::run;
use harness::{ControlPlane, Namespace};
use serde_json::{Value, json};

use crate::running::Running;
use crate::stage::{Answer, Stage};

/// Long enough ago that its age, in whole days, stays the same during a test.
const FIRST: &str = "2020-01-01T00:00:00Z";

/// An event about an object, told so many times.
fn event(object: (&str, &str), kind: &str, message: &str, count: u32) -> Value {
    let (involved, name) = object;
    json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": format!("{}-{name}-{count}", involved.to_lowercase())},
        "involvedObject": {"kind": involved, "name": name, "apiVersion": "x/v1"},
        "type": kind,
        "reason": "Told",
        "message": message,
        "firstTimestamp": FIRST,
        "lastTimestamp": format!("2020-02-0{count}T00:00:00Z"),
        "count": count,
    })
}

fn make(namespace: &Namespace<'_>, events: &[Value]) {
    for event in events {
        let mut event = event.clone();
        event["metadata"]["namespace"] = json!(namespace.name());
        event["involvedObject"]["namespace"] = json!(namespace.name());
        namespace.apply(&event.to_string());
    }
}

fn some_events() -> [Value; 5] {
    [
        event(("ImagePolicy", "web"), "Normal", "resolved\n\nto 5.0.3", 4),
        event(("ImageRepository", "web"), "Normal", "13 tags", 3),
        event(
            ("ImageUpdateAutomation", "all"),
            "Warning",
            "denied 世界",
            2,
        ),
        event(("Kustomization", "apps"), "Warning", "not healthy", 1),
        event(("Pod", "web-0"), "Normal", "started", 5),
    ]
}

/// A policy whose repository is in a namespace.
fn policy(namespace: &Namespace<'_>, repositories: &str) {
    let spec = json!({
        "imageRepositoryRef": {"name": "web", "namespace": repositories},
        "policy": {"alphabetical": {}},
    });
    let policy = json!({
        "apiVersion": "image.toolkit.fluxcd.io/v1",
        "kind": "ImagePolicy",
        "metadata": {"name": "web"},
        "spec": spec,
    });
    namespace.apply(&policy.to_string());
}

fn both(namespace: &Namespace<'_>, words: &[&str]) -> (Answer, Answer) {
    let flux = Answer::of(namespace.flux().args(words));
    (flux, Answer::of(namespace.imgauto().args(words)))
}

#[test]
fn tables_are_those_of_flux() {
    let plane = ControlPlane::shared();
    plane.install_manifests();
    let namespace = plane.namespace("events");
    let elsewhere = plane.namespace("events-elsewhere");
    make(&namespace, &some_events());
    make(&elsewhere, &some_events()[1..2]);
    policy(&namespace, elsewhere.name());
    policy(&elsewhere, elsewhere.name());
    let nowhere = format!("--namespace={}-nowhere", namespace.name());
    let there = format!("--namespace={}", elsewhere.name());
    let rows: [(&[&str], usize); 11] = [
        (&["events"], 7),
        (&["events", "--types=Warning"], 3),
        (&["events", "--types", "warning,normal"], 7),
        (&["events", "--for=ImageRepository"], 2),
        (&["events", "--for=imageupdateautomation/all"], 2),
        (&["events", "--for=Kustomization/"], 2),
        // The events of its repository, which is in another namespace.
        (&["events", "--for=ImagePolicy/web"], 5),
        (&["events", "--for=ImagePolicy/web", &there], 2),
        (&["events", "--for=Bucket"], 0),
        (&["events", &nowhere], 0),
        (&["events", "-A", "--for=Bucket/none-of-this-name"], 0),
    ];
    for (words, lines) in rows {
        let (flux, ours) = both(&namespace, words);
        assert_eq!(ours, flux, "{words:?}");
        assert_eq!(ours.code, 0, "{words:?}");
        assert_eq!(
            ours.stdout.lines().count(),
            lines,
            "{words:?}: {}",
            ours.stdout
        );
    }
}

#[test]
fn nouns_and_workloads_are_asked_for_too() {
    let plane = ControlPlane::shared();
    plane.install_manifests();
    let namespace = plane.namespace("events-nouns");
    make(&namespace, &some_events());
    policy(&namespace, namespace.name());
    let ours = |words: &[&str]| Answer::of(namespace.imgauto().arg("events").args(words));
    let flux = Answer::of(namespace.flux().args(["events", "--for=ImagePolicy/web"]));
    assert_eq!(ours(&["--for=policy/web"]), flux);
    let pod = ours(&["--for=pod/web-0", "--no-headers"]);
    let cells: Vec<_> = pod.stdout.trim_end().split('\t').map(str::trim).collect();
    assert_eq!(cells[1..], ["Normal", "Told", "Pod/web-0", "started"]);

    let kubectl = |output: &str| {
        let selected = "--field-selector=involvedObject.kind=Pod";
        run(namespace
            .kubectl()
            .args(["get", "events", selected, output]))
    };
    for output in [
        "--output=json",
        "--output=yaml",
        "--output=jsonpath={.items[*].message}",
    ] {
        let answer = ours(&["--for=pods", output]);
        assert_eq!(answer, Answer::printed(&kubectl(output)), "{output}");
    }
}

#[test]
fn mistakes_are_told_in_the_words_of_flux_and_end_with_2() {
    let namespace = ControlPlane::shared().namespace("events-mistakes");
    for words in [["events", "--for=Deploymen/x"], ["events", "--types=Odd"]] {
        let (flux, ours) = both(&namespace, &words);
        assert_eq!((flux.code, ours.code), (1, 2), "{words:?}");
        assert!(ours.stderr.starts_with(&flux.stderr), "{}", ours.stderr);
    }
    let (flux, ours) = both(&namespace, &["events", "--for=ImagePolicy/nothing"]);
    assert_eq!((flux.code, ours.code), (1, 1));
    let reason = flux.stderr.trim_start_matches("✗ ");
    assert!(ours.stderr.ends_with(reason), "{}", ours.stderr);
}

#[test]
fn events_that_come_are_printed_as_they_come() {
    let stage = Stage::new(ControlPlane::shared(), "events-watch");
    stage.create_all();
    let events = |mut command: std::process::Command| {
        Running::start(command.args(["events", "--watch", "--for=ImageUpdateAutomation"]))
    };
    let mut flux = events(stage.namespace.flux());
    let mut ours = events(stage.namespace.imgauto());
    assert_eq!(ours.line(), flux.line());
    assert!(ours.line().contains("\trepository up-to-date\t"));
    assert!(flux.line().contains("\trepository up-to-date\t"));
    let before = stage.repository.tip("main").unwrap();
    stage.registry.push_tag("podinfo", "5.0.1");
    stage.flux(&["reconcile", "image", "repository", "podinfo"]);
    let commit = stage.commit_after(&before);
    // The message has a line for each change, so that its row has several.
    let pushed = format!("\tpushed commit '{}' to branch 'main'", &commit[..7]);
    let rows = [flux.lines(4), ours.lines(4)];
    assert!(rows[1][0].contains(&pushed), "{rows:#?}");
    let without_ages = rows.map(|rows| {
        let rows = rows
            .iter()
            .map(|row| row.split_once('\t').unwrap().1.to_owned());
        rows.collect::<Vec<_>>()
    });
    assert_eq!(without_ages[1], without_ages[0]);
    let (code, rest, errors) = ours.interrupt();
    assert_eq!((code, rest, &*errors), (130, Vec::new(), ""));
}
