//! The plugin as a process: start, memory, size.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use harness::program::imgauto;
use tempfile::TempDir;

use crate::{report, show};

pub(crate) fn measure() {
    let home = TempDir::new().expect("the temporary folder is writable");
    let create = |home: &Path| {
        let mut command = imgauto(home);
        command.args([
            "create",
            "image",
            "policy",
            "podinfo",
            "--image-ref=podinfo",
            "--select-semver=>=5.0.0",
            "--export",
        ]);
        command
    };
    report(
        "plugin, start to finished --export",
        21,
        Some(Duration::from_millis(20)),
        || peak(&mut create(home.path())).0,
    );
    let binary = create(home.path()).get_program().to_owned();
    let size = std::fs::metadata(&binary)
        .expect("the program is there")
        .len();
    show(&format!(
        "    its size is {:.1} MB, of at most 30",
        size as f64 / 1e6
    ));
    let tree = fleet();
    let mut memory = 0;
    let title = "run --offline on 5,000 marked files (50,000 markers), nothing stale";
    report(title, 5, Some(Duration::from_millis(300)), || {
        let mut command = imgauto(home.path());
        command
            .current_dir(tree.path())
            .args(["run", ".", "-f", "resources.yaml", "--offline"]);
        let (time, peak) = peak(&mut command);
        memory = memory.max(peak);
        time
    });
    show(&format!(
        "    its peak of resident memory is {} MiB, of at most 60",
        memory >> 10
    ));
}

/// Runs a command to its end; returns its time and its peak of resident memory in KiB.
fn peak(command: &mut Command) -> (Duration, u64) {
    let start = Instant::now();
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        if let Ok(text) = std::fs::read_to_string(&status) {
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let size = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
            peak = peak.max(size.unwrap_or(0));
        }
        if let Some(status) = child.try_wait().expect("the child is ours") {
            assert!(status.success(), "{command:?}: {status}");
            return (start.elapsed(), peak);
        }
        std::thread::sleep(Duration::from_micros(500));
    }
}

/// 5,000 Deployments of ten containers, all up to date.
fn fleet() -> TempDir {
    let folder = TempDir::new().expect("the temporary folder is writable");
    for file in 0..5_000 {
        let mut text = format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: app{file}\nspec:\n  template:\n    spec:\n      containers:\n"
        );
        for container in 0..10 {
            text += &format!(
                "      - name: c{container}\n        image: ghcr.io/org/app:1.0.0 # {{\"$imagepolicy\": \"flux-system:app\"}}\n"
            );
        }
        let path = folder.path().join(format!("d{}/app{file}.yaml", file % 50));
        std::fs::create_dir_all(path.parent().expect("it lies in a folder"))
            .expect("the folder is writable");
        std::fs::write(path, text).expect("the folder is writable");
    }
    let policy = "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\nmetadata: {name: app, namespace: flux-system}\nspec: {imageRepositoryRef: {name: app}, policy: {semver: {range: '*'}}}\nstatus: {latestRef: {name: ghcr.io/org/app, tag: 1.0.0}}\n";
    std::fs::write(folder.path().join("resources.yaml"), policy).expect("the folder is writable");
    folder
}
