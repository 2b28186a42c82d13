//! A reconciler that is killed at any moment, while tags and people's commits arrive.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use api::{ImageRepository, ImageUpdateAutomation};
use harness::program::{clean, output};
use harness::{ControlPlane, git, wait};
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::stage::{FOLDER, Stage};

/// How often it is killed, each time later after a tag was pushed than the time before. `IMGAUTO_TEST_KILLS` has it
/// done more often.
fn kills() -> u32 {
    let wanted = std::env::var("IMGAUTO_TEST_KILLS");
    wanted.map_or(20, |number| number.parse().unwrap())
}

/// The time from a tag to the commit, and a little more.
const WHOLE: Duration = Duration::from_millis(1500);

/// Short waits, so that much happens between two kills.
const FLAGS: [&str; 3] = [
    "--quiet-period=100ms",
    "--quiet-period-max=1s",
    "--max-retry-delay=1s",
];

#[test]
fn nothing_is_lost_done_twice_or_taken_back() {
    let kills = kills();
    let mut stage = Stage::with_flags(ControlPlane::shared(), "killed", &FLAGS);
    stage.create_all();
    let begin = stage.repository.tip("main").unwrap();
    let clone = stage.clone_branch();
    for number in 1..=kills {
        stage.registry.push_tag("podinfo", &format!("5.{number}.0"));
        request(&stage, number);
        commit_as_a_human(&clone, number);
        std::thread::sleep(WHOLE * number / kills);
        stage.reconciler.kill();
        stage.reconciler.start_again();
    }
    let last = format!("5.{kills}.0");
    request(&stage, kills + 1);
    stage
        .namespace
        .settles("flux-system", |_: &ImageUpdateAutomation| {
            let version = version(&stage, "main");
            (version == last).then_some(())
        });

    let log = git(
        stage.repository.path(),
        &[
            "log",
            "--reverse",
            "--format=%H %an",
            &format!("{begin}..main"),
        ],
    );
    let commits: Vec<_> = log
        .lines()
        .map(|line| line.split_once(' ').unwrap())
        .collect();
    let humans = commits.iter().filter(|(_, author)| *author == "Ada");
    assert_eq!(humans.count(), kills as usize, "{log}");
    let ours = commits.iter().filter(|(_, author)| *author == "fluxcdbot");
    let mut before = minor(&version(&stage, &begin));
    for (commit, _) in ours {
        let files = [
            format!("{FOLDER}/frontend.yaml"),
            format!("{FOLDER}/kustomization.yaml"),
        ];
        assert_eq!(stage.repository.changed(commit), files);
        // Both files hold the same tag, and it is newer than that of the commit before.
        let version = version(&stage, commit);
        let kustomization = stage.repository.read(commit, &files[1]);
        assert!(
            kustomization.contains(&format!("newTag: {version} ")),
            "{kustomization}"
        );
        assert!(
            minor(&version) > before,
            "{version} after 5.{before}.0\n{log}"
        );
        before = minor(&version);
    }
    stage
        .namespace
        .settles("flux-system", |automation: &ImageUpdateAutomation| {
            let conditions = &automation.status.as_ref()?.conditions;
            let ready = conditions
                .iter()
                .find(|condition| condition.type_ == "Ready")?;
            (ready.message == "repository up-to-date").then_some(())
        });
}

/// Asks for a scan.
fn request(stage: &Stage<'_>, number: u32) {
    let annotations = json!({"reconcile.fluxcd.io/requestedAt": format!("{number}")});
    let patch = Patch::Merge(json!({"metadata": {"annotations": annotations}}));
    let repositories = stage.namespace.api::<ImageRepository>();
    wait(async move {
        let parameters = PatchParams::default();
        repositories.patch("podinfo", &parameters, &patch).await
    })
    .unwrap();
}

/// Adds a file on top of the branch, again if somebody else was faster.
fn commit_as_a_human(clone: &Path, number: u32) {
    loop {
        git(clone, &["fetch", "--quiet", "origin"]);
        git(clone, &["reset", "--quiet", "--hard", "origin/main"]);
        std::fs::write(clone.join(format!("{number}.md")), "a note\n").unwrap();
        git(clone, &["add", "--all"]);
        git(clone, &["commit", "--quiet", "--message=A note"]);
        let mut push = Command::new("git");
        clean(&mut push, clone);
        push.current_dir(clone)
            .args(["push", "--quiet", "origin", "HEAD:main"]);
        if output(&mut push).status.success() {
            return;
        }
    }
}

/// The tag in a commit.
fn version(stage: &Stage<'_>, revision: &str) -> String {
    let text = stage
        .repository
        .read(revision, &format!("{FOLDER}/frontend.yaml"));
    let line = text.lines().find(|line| line.contains("image:")).unwrap();
    let (value, _) = line.split_once(" #").unwrap();
    value.rsplit(':').next().unwrap().to_owned()
}

fn minor(version: &str) -> u32 {
    version.split('.').nth(1).unwrap().parse().unwrap()
}
