//! The real flux CLI against our reconciler, without a word of difference.

use api::{ImageRepository, ImageUpdateAutomation};
use harness::ControlPlane;
use harness::program::run;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::stage::{Answer, FOLDER, Stage};

/// The three kinds as flux calls them: in commands, in messages, and by their kind.
const KINDS: [[&str; 3]; 3] = [
    ["repository", "image repository", "ImageRepository"],
    ["policy", "image policy", "ImagePolicy"],
    ["update", "image update automation", "ImageUpdateAutomation"],
];

#[test]
fn create_waits_for_each_object_and_get_shows_it() {
    let stage = Stage::new(ControlPlane::shared(), "flux-create");
    stage.create_all();

    let (image, host) = (stage.image(), stage.registry.host());
    let repository = show(&stage, "repository");
    assert_eq!(
        repository,
        table(&[
            &["NAME", "LAST SCAN", "SUSPENDED", "READY", "MESSAGE"],
            &[
                "podinfo",
                &scan_time(&stage),
                "False",
                "True",
                &scanned(&stage)
            ],
        ])
    );
    let policy = show(&stage, "policy");
    let resolved = format!("Latest image tag for {image} resolved to 5.0.0");
    assert_eq!(
        policy,
        table(&[
            &["NAME", "IMAGE", "TAG", "READY", "MESSAGE"],
            &[
                "podinfo",
                &format!("{host}/podinfo"),
                "5.0.0",
                "True",
                &resolved
            ],
        ])
    );
    let update = show(&stage, "update");
    assert_eq!(
        update,
        table(&[
            &["NAME", "LAST RUN", "SUSPENDED", "READY", "MESSAGE"],
            &[
                "flux-system",
                &run_time(&stage),
                "False",
                "True",
                "repository up-to-date"
            ],
        ])
    );
}

#[test]
fn all_tables_of_all_namespaces_are_shown_together() {
    let plane = ControlPlane::private();
    let stage = Stage::new(&plane, "flux-get");
    stage.create_all();
    let namespace = stage.namespace.name();
    let (image, host) = (stage.image(), stage.registry.host());
    let tables = [
        table(&[
            &[
                "NAMESPACE",
                "NAME",
                "LAST SCAN",
                "SUSPENDED",
                "READY",
                "MESSAGE",
            ],
            &[
                namespace,
                "imagerepository/podinfo",
                &scan_time(&stage),
                "False",
                "True",
                &scanned(&stage),
            ],
        ]),
        table(&[
            &["NAMESPACE", "NAME", "IMAGE", "TAG", "READY", "MESSAGE"],
            &[
                namespace,
                "imagepolicy/podinfo",
                &format!("{host}/podinfo"),
                "5.0.0",
                "True",
                &format!("Latest image tag for {image} resolved to 5.0.0"),
            ],
        ]),
        table(&[
            &[
                "NAMESPACE",
                "NAME",
                "LAST RUN",
                "SUSPENDED",
                "READY",
                "MESSAGE",
            ],
            &[
                namespace,
                "imageupdateautomation/flux-system",
                &run_time(&stage),
                "False",
                "True",
                "repository up-to-date",
            ],
        ]),
    ];
    let expected = tables.map(|table| format!("{table}\n")).concat();
    let answer = stage.flux(&["get", "images", "all", "--all-namespaces"]);
    assert_eq!(answer, Answer::printed(&expected));
}

#[test]
fn reconcile_reports_what_was_found() {
    let stage = Stage::new(ControlPlane::shared(), "flux-reconcile");
    stage.create_all();
    let image = stage.image();
    let results = [
        "scan fetched 4 tags".to_owned(),
        format!("selected ref {image}:5.0.0"),
        "repository up-to-date".to_owned(),
    ];
    for ([word, _, kind], result) in KINDS.into_iter().zip(results) {
        let name = name_of(word);
        let answer = stage.flux(&["reconcile", "image", word, name]);
        let namespace = stage.namespace.name();
        let expected = format!(
            "► annotating {kind} {name} in {namespace} namespace
✔ {kind} annotated
◎ waiting for {kind} reconciliation
✔ {result}
"
        );
        assert_eq!(answer, Answer::said(&expected));
    }
}

#[test]
fn a_failing_object_is_reported_as_failed() {
    let stage = Stage::new(ControlPlane::shared(), "flux-failing");
    stage.create_all();
    let patch = r#"{"spec": {"policy": {"semver": {"range": "no range"}}}}"#;
    let mut edit = stage.namespace.kubectl();
    edit.args([
        "patch",
        "imagepolicy/podinfo",
        "--type=merge",
        "--patch",
        patch,
    ]);
    run(&mut edit);
    let answer = stage.flux(&["reconcile", "image", "policy", "podinfo"]);
    let expected = format!(
        "► annotating ImagePolicy podinfo in {} namespace
✔ ImagePolicy annotated
◎ waiting for ImagePolicy reconciliation
✗ invalid policy: improper constraint: \"no range\"
",
        stage.namespace.name()
    );
    assert_eq!(answer.code, 1);
    assert_eq!(answer.stderr, expected);
}

#[test]
fn suspend_and_resume_stop_and_start_the_work() {
    let stage = Stage::new(ControlPlane::shared(), "flux-suspend");
    stage.create_all();
    let namespace = stage.namespace.name();
    let image = stage.image();
    let results = [
        "scan fetched 4 tags".to_owned(),
        format!("selected ref {image}:5.0.0"),
        "repository up-to-date".to_owned(),
    ];
    for ([word, human, kind], result) in KINDS.into_iter().zip(results) {
        let name = name_of(word);
        let suspended = stage.flux(&["suspend", "image", word, name]);
        let expected =
            format!("► suspending {human} {name} in {namespace} namespace\n✔ {human} suspended\n");
        assert_eq!(suspended, Answer::said(&expected));

        let refused = stage.flux(&["reconcile", "image", word, name]);
        assert_eq!(refused.code, 1);
        assert_eq!(refused.stderr, "✗ resource is suspended\n");

        let resumed = stage.flux(&["resume", "image", word, name]);
        let expected = format!(
            "► resuming {human} {name} in {namespace} namespace
✔ {human} resumed
◎ waiting for {kind} reconciliation
✔ {kind} {name} reconciliation completed
✔ {result}
"
        );
        assert_eq!(resumed, Answer::said(&expected));
    }
}

#[test]
fn export_prints_what_the_api_server_holds() {
    let stage = Stage::new(ControlPlane::shared(), "flux-export");
    stage.create_all();
    let (namespace, image) = (stage.namespace.name(), stage.image());
    let repository = format!(
        "---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata:
  name: podinfo
  namespace: {namespace}
spec:
  exclusionList:
  - ^.*\\.sig$
  image: {image}
  interval: 5m0s
  provider: generic
"
    );
    let policy = format!(
        "---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata:
  name: podinfo
  namespace: {namespace}
spec:
  digestReflectionPolicy: Never
  imageRepositoryRef:
    name: podinfo
  policy:
    semver:
      range: '>=5.0.0'
"
    );
    for (word, expected) in [("repository", repository), ("policy", policy)] {
        let answer = stage.flux(&["export", "image", word, "podinfo"]);
        assert_eq!(answer, Answer::printed(&expected));
    }
    // Here the API server adds nothing to what was created.
    let created = stage
        .repository
        .read("main", &format!("{FOLDER}/flux-system-automation.yaml"));
    let answer = stage.flux(&["export", "image", "update", "flux-system"]);
    assert_eq!(answer, Answer::printed(&created));
}

#[test]
fn events_of_each_object_are_found() {
    let stage = Stage::new(ControlPlane::shared(), "flux-events");
    stage.create_all();
    let resolved = format!("Latest image tag for {} resolved to 5.0.0", stage.image());
    let found = scanned(&stage);
    let repository = ["Normal", "Succeeded", "ImageRepository/podinfo", &found];
    let policy = ["Normal", "Succeeded", "ImagePolicy/podinfo", &resolved];
    let update = [
        "Normal",
        "Succeeded",
        "ImageUpdateAutomation/flux-system",
        "repository up-to-date",
    ];
    // With a policy come the events of its repository.
    for (object, expected) in [
        ("ImageRepository/podinfo", vec![repository]),
        ("ImagePolicy/podinfo", vec![repository, policy]),
        ("ImageUpdateAutomation/flux-system", vec![update]),
    ] {
        let answer = stage.flux(&["events", "--for", object]);
        let mut lines = answer
            .stdout
            .lines()
            .map(|line| line.split('\t').map(str::trim));
        let header: Vec<_> = lines.next().unwrap().collect();
        assert_eq!(header, ["LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]);
        let mut rows: Vec<_> = lines
            .map(|cells| cells.skip(1).take(4).collect::<Vec<_>>())
            .collect();
        rows.sort_by_key(|row| row[2] != "ImageRepository/podinfo");
        assert_eq!(rows, expected);
    }
}

#[test]
fn deleted_objects_go_at_once() {
    let stage = Stage::new(ControlPlane::shared(), "flux-delete");
    stage.create_all();
    let namespace = stage.namespace.name();
    for [word, human, kind] in KINDS {
        let name = name_of(word);
        let answer = stage.flux(&["delete", "image", word, name, "--silent"]);
        let expected =
            format!("► deleting {human} {name} in {namespace} namespace\n✔ {human} deleted\n");
        assert_eq!(answer, Answer::said(&expected));
        let gone = stage.flux(&["get", "image", word]);
        assert_eq!(gone.code, 1);
        let none = format!("✗ no {kind} objects found in \"{namespace}\" namespace\n");
        assert_eq!(gone.stderr, none);
    }
}

fn name_of(word: &str) -> &'static str {
    if word == "update" {
        "flux-system"
    } else {
        "podinfo"
    }
}

fn show(stage: &Stage<'_>, word: &str) -> String {
    let answer = stage.flux(&["get", "image", word]);
    assert_eq!((answer.code, &*answer.stderr), (0, ""));
    answer.stdout
}

fn scan_time(stage: &Stage<'_>) -> String {
    stage
        .namespace
        .settles("podinfo", |repository: &ImageRepository| {
            let result = repository.status.as_ref()?.last_scan_result.as_ref()?;
            Some(text(result.scan_time.as_ref()?))
        })
}

fn run_time(stage: &Stage<'_>) -> String {
    stage
        .namespace
        .settles("flux-system", |automation: &ImageUpdateAutomation| {
            let time = automation
                .status
                .as_ref()?
                .last_automation_run_time
                .as_ref()?;
            Some(text(time))
        })
}

fn text(time: &Time) -> String {
    serde_json::to_value(time)
        .unwrap()
        .as_str()
        .unwrap()
        .to_owned()
}

fn scanned(stage: &Stage<'_>) -> String {
    let revision = stage
        .namespace
        .settles("podinfo", |repository: &ImageRepository| {
            let result = repository.status.as_ref()?.last_scan_result.as_ref()?;
            result.revision.clone()
        });
    format!("successful scan: found 4 tags with checksum {revision}")
}

/// A table as flux prints it: cells as wide as their column, in the header with tabs between them and a blank at the
/// end, below it with a tab after each.
fn table(rows: &[&[&str]]) -> String {
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap()
    };
    let line = |row: &&[&str]| {
        let cells = row.iter().enumerate();
        let padded = cells.map(|(column, cell)| format!("{cell:width$}", width = width(column)));
        padded.collect::<Vec<_>>()
    };
    let mut lines = rows.iter().map(line);
    let header = lines.next().unwrap().join("\t");
    let data = lines.map(|cells| format!("{}\t\n", cells.join("\t")));
    format!("{header} \n{}", data.collect::<String>())
}
