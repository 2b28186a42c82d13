//! What an automation's repository holds, told beside it.

use api::image_inventory::InventoryCause;
use api::{ImageInventory, ImageUpdateAutomation};
use harness::ControlPlane;
use kube::ResourceExt as _;

use crate::stage::{FOLDER, Stage};
use crate::workloads::deployment;

#[test]
fn each_working_marker_and_each_that_cannot_work_is_told_with_its_line() {
    let stage = Stage::new(ControlPlane::shared(), "inventory");
    let namespace = stage.namespace.name().to_owned();
    let broken = format!("image: x:1 # {{\"$imagepolicy\": \"{namespace}:nobody\"}}\n");
    let file = format!("{FOLDER}/broken.yaml");
    stage
        .repository
        .commit("main", "A marker of no policy", &[(file.clone(), broken)]);
    stage.create_all();
    let inventory = stage
        .namespace
        .settles("flux-system", |inventory: &ImageInventory| {
            (inventory.spec.problem_count > 0).then(|| inventory.clone())
        });

    let told = &inventory.spec;
    let frontend = format!("{FOLDER}/frontend.yaml");
    let entry = told
        .entries
        .iter()
        .find(|entry| entry.file == frontend)
        .unwrap();
    let tip = stage.repository.tip("main").unwrap();
    let line = stage
        .repository
        .read(&tip, &frontend)
        .lines()
        .position(|line| line.contains("$imagepolicy"))
        .unwrap();
    assert_eq!(entry.line, i64::try_from(line).unwrap() + 1);
    assert_eq!(entry.value, format!("{}:5.0.0", stage.image()));
    assert_eq!(entry.kind.as_deref(), Some("Deployment"));
    assert_eq!(entry.name.as_deref(), Some("frontend"));
    assert_eq!(told.source.revision, format!("main@sha1:{tip}"));
    let problem = &told.problems[0];
    assert_eq!((&*problem.file, problem.line), (&*file, Some(1)));
    assert!(problem.reason.contains("nobody"), "{}", problem.reason);
    assert_eq!(problem.cause, Some(InventoryCause::UnknownPolicy));
    let setter = format!("{namespace}:nobody");
    assert_eq!(problem.setter.as_deref(), Some(&*setter));
    assert_eq!(told.unclaimed, []);

    let automation = stage
        .namespace
        .settles("flux-system", |automation: &ImageUpdateAutomation| {
            automation.uid()
        });
    assert_eq!(inventory.owner_references()[0].uid, automation);
}

#[test]
fn markers_that_nobody_looks_after_are_told_until_an_automation_does() {
    let stage = Stage::new(ControlPlane::shared(), "unclaimed");
    let namespace = stage.namespace.name().to_owned();
    let image = stage.image();
    let marked = |name: &str, setter: &str| {
        let marker = format!(r#"{image}:5.0.0 # {{"$imagepolicy": "{setter}"}}"#);
        deployment(name, &marker)
    };
    let foreign = format!("{FOLDER}/foreign.yaml");
    let outside = "elsewhere/web.yaml";
    let policy = format!("{namespace}:web");
    let files = [
        (foreign.clone(), marked("foreign", "nowhere:podinfo")),
        (outside.to_owned(), marked("web", &policy)),
    ];
    stage.repository.commit("main", "Two stray markers", &files);
    stage.create_all();
    stage.namespace.apply(WEB);
    let told = stage
        .namespace
        .settles("flux-system", |inventory: &ImageInventory| {
            let told = &inventory.spec.unclaimed;
            (told.len() == 2).then(|| told.clone())
        });
    let [other, beyond] = told.as_slice() else {
        panic!("{told:?}");
    };
    assert_eq!(
        (&*other.file, other.cause),
        (&*foreign, Some(InventoryCause::OtherNamespace))
    );
    assert_eq!(other.setter.as_deref(), Some("nowhere:podinfo"));
    assert_eq!(other.name.as_deref(), Some("foreign"));
    assert_eq!(
        (&*beyond.file, beyond.cause),
        (outside, Some(InventoryCause::OutsidePath))
    );
    assert_eq!(beyond.setter.as_deref(), Some(&*policy));
    assert_eq!(beyond.container.as_deref(), Some("web"));

    adopt_elsewhere(&stage, outside);
    let left = stage
        .namespace
        .settles("flux-system", |inventory: &ImageInventory| {
            let told = &inventory.spec.unclaimed;
            (told.len() == 1).then(|| told[0].file.clone())
        });
    assert_eq!(left, foreign);
}

/// A policy that nothing is set by yet.
const WEB: &str = "apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {name: web}
spec: {imageRepositoryRef: {name: podinfo}, policy: {semver: {range: '4.x'}}}
";

/// Makes an automation that has the line outside among its own, and lets the first look again.
fn adopt_elsewhere(stage: &Stage<'_>, outside: &str) {
    let all = "--git-repo-path=./elsewhere";
    let words = stage.creations()[3].clone();
    let words = words.iter().map(|word| match word.as_str() {
        "flux-system" => "elsewhere",
        word if word.starts_with("--git-repo-path") => all,
        word => word,
    });
    let words: Vec<&str> = ["create"].into_iter().chain(words).collect();
    assert_eq!(stage.flux(&words).code, 0);
    stage
        .namespace
        .settles("elsewhere", |inventory: &ImageInventory| {
            let own = inventory
                .spec
                .entries
                .iter()
                .find(|entry| entry.file == outside);
            own.map(drop)
        });
    let note = [(
        "README.md",
        "so that everything is looked at again\n".to_owned(),
    )];
    stage.repository.commit("main", "A note", &note);
    let answer = stage.flux(&["reconcile", "image", "update", "flux-system"]);
    assert_eq!(answer.code, 0, "{}", answer.stderr);
}
