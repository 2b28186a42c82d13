//! The guide's workloads, brought into the cluster and kept current.

use std::time::{Duration, Instant};

use api::ImageInventory;
use harness::ControlPlane;

use crate::stage::Stage;

/// A stage on which what is wanted is committed and runs.
pub(crate) fn delivered(prefix: &str) -> Stage<'static> {
    let stage = Stage::new(ControlPlane::shared(), prefix);
    stage.apply_from_git();
    let image = format!("{}:5.0.0", stage.image());
    stage.runs("podinfo", &image);
    stage.runs("frontend", &image);
    let tip = stage.repository.tip("main").unwrap();
    is_told(&stage, &tip);
    stage
}

/// Pushes a tag and waits for the commit that holds it.
pub(crate) fn release(stage: &Stage<'_>, tag: &str) -> String {
    let before = stage.repository.tip("main").unwrap();
    stage.registry.push_tag("podinfo", tag);
    let scanned = stage.flux(&["reconcile", "image", "repository", "podinfo"]);
    assert_eq!(scanned.code, 0, "{}", scanned.stderr);
    let commit = stage.commit_after(&before);
    is_told(stage, &commit);
    commit
}

/// Waits until the inventory is that of a commit.
fn is_told(stage: &Stage<'_>, commit: &str) {
    stage
        .namespace
        .settles("flux-system", |inventory: &ImageInventory| {
            let is_current = inventory.spec.source.revision.ends_with(commit);
            is_current.then_some(())
        });
}

/// The cells of the line about a workload in the table of `status`.
pub(crate) fn row(stage: &Stage<'_>, table: &str, workload: &str) -> String {
    let line = table.lines().find(|line| {
        let mut words = line.split_whitespace();
        words.next() == Some(workload)
    });
    let line = line.unwrap_or_else(|| panic!("{workload} is not in\n{table}"));
    let cells = line.split("  ").map(str::trim);
    let cells: Vec<_> = cells.filter(|cell| !cell.is_empty()).collect();
    let text = cells.join(" | ");
    text.replace(&stage.image(), "IMAGE")
        .replace(stage.namespace.name(), "NS")
}

/// Asks again until the answer is as it should be, and returns it.
pub(crate) fn eventually<T>(ask: impl Fn() -> T, is_right: impl Fn(&T) -> bool) -> T
where
    T: std::fmt::Debug,
{
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let answer = ask();
        if is_right(&answer) {
            return answer;
        }
        assert!(Instant::now() < deadline, "it stays so: {answer:#?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
