//! The guide from end to end: a tag is pushed, and what runs follows through Git.

use api::{GitRepository, ImageUpdateAutomation};
use harness::program::{kubectl_imgauto, run};
use harness::{ControlPlane, git, wait};
use k8s_openapi::api::core::v1::Event;
use kube::ResourceExt as _;
use kube::api::ListParams;

use crate::stage::{FOLDER, Stage};

/// The annotation by which an object is asked for.
const REQUEST: &str = "reconcile.fluxcd.io/requestedAt";

#[test]
fn a_pushed_tag_is_committed_applied_and_rolled_out() {
    let stage = Stage::new(ControlPlane::shared(), "guide");
    let image = stage.image();
    stage.apply_from_git();
    stage.runs("podinfo", &format!("{image}:5.0.0"));
    stage.runs("frontend", &format!("{image}:5.0.0"));
    stage
        .namespace
        .settles("flux-system", |automation: &ImageUpdateAutomation| {
            automation.status.as_ref()?.last_automation_run_time.clone()
        });
    let before = stage.repository.tip("main").unwrap();

    stage.registry.push_tag("podinfo", "5.0.1");
    let scanned = stage.flux(&["reconcile", "image", "repository", "podinfo"]);
    assert_eq!(scanned.code, 0, "{}", scanned.stderr);
    let commit = stage.commit_after(&before);

    let frontend = format!("{FOLDER}/frontend.yaml");
    let kustomization = format!("{FOLDER}/kustomization.yaml");
    assert_eq!(
        stage.repository.changed(&commit),
        [&*frontend, &*kustomization]
    );
    for file in [&frontend, &kustomization] {
        let old = stage.repository.read(&before, file);
        let new = stage.repository.read(&commit, file);
        assert_eq!(new, old.replace("5.0.0", "5.0.1"));
    }
    let log = git(
        stage.repository.path(),
        &["log", "-1", "--format=%an <%ae>%n%P%n%B", &commit],
    );
    let message = format!("{image}:5.0.0 -> {image}:5.0.1\n5.0.0 -> 5.0.1");
    let person = "fluxcdbot <fluxcdbot@users.noreply.github.com>";
    assert_eq!(log.trim_end(), format!("{person}\n{before}\n{message}"));

    stage.apply_from_git();
    stage.runs("podinfo", &format!("{image}:5.0.1"));
    stage.runs("frontend", &format!("{image}:5.0.1"));
}

#[test]
fn the_plugin_prints_the_manifests_that_flux_prints() {
    let stage = Stage::new(ControlPlane::shared(), "guide-plugin");
    for words in &stage.creations()[1..] {
        let mut flux = stage.namespace.flux();
        let expected = run(flux.arg("create").args(words).arg("--export"));
        let mut plugin = kubectl_imgauto(stage.namespace.home());
        plugin.arg("create").args(words).arg("--export");
        let printed = run(plugin.args(["--namespace", stage.namespace.name()]));
        assert_eq!(printed, expected);
    }
}

#[test]
fn a_push_is_told_to_people_and_to_what_applies_manifests() {
    let stage = Stage::new(ControlPlane::shared(), "guide-told");
    stage.apply_from_git();
    let before = stage.repository.tip("main").unwrap();
    stage.registry.push_tag("podinfo", "5.0.1");
    stage.flux(&["reconcile", "image", "repository", "podinfo"]);
    let commit = stage.commit_after(&before);

    let automation =
        stage
            .namespace
            .settles("flux-system", |automation: &ImageUpdateAutomation| {
                let status = automation.status.clone()?;
                (status.last_push_commit.as_deref() == Some(&*commit)).then_some(status)
            });
    assert!(automation.last_push_time.is_some());
    stage
        .namespace
        .settles("flux-system", |source: &GitRepository| {
            source.annotations().contains_key(REQUEST).then_some(())
        });
    let events = stage.namespace.api::<Event>();
    let wanted = ListParams::default()
        .fields("involvedObject.kind=ImageUpdateAutomation,involvedObject.name=flux-system");
    let events = wait(async move { events.list(&wanted).await }).unwrap();
    let said: Vec<_> = events
        .iter()
        .filter_map(|event| event.message.as_deref())
        .collect();
    let image = stage.image();
    let first = format!("pushed commit '{}' to branch 'main'", &commit[..7]);
    let message = format!("{first}\n{image}:5.0.0 -> {image}:5.0.1\n5.0.0 -> 5.0.1\n");
    assert!(said.contains(&message.as_str()), "{said:#?}");
}
