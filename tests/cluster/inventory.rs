//! What an automation's repository holds, told beside it.

use api::{ImageInventory, ImageUpdateAutomation};
use harness::ControlPlane;
use kube::ResourceExt as _;

use crate::stage::{FOLDER, Stage};

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

    let automation = stage
        .namespace
        .settles("flux-system", |automation: &ImageUpdateAutomation| {
            automation.uid()
        });
    assert_eq!(inventory.owner_references()[0].uid, automation);
}
