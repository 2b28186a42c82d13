//! The plugin as a process, without a network: start, size, and a large checkout.

use std::process::Command;

use harness::program::imgauto;
use tempfile::TempDir;

use crate::process::{peak_memory, time};
use crate::table::Budget::AtMost;
use crate::table::{MEBIBYTES, MEGABYTES, figures, times};

pub(crate) fn measure() {
    let home = TempDir::new().expect("the temporary folder is writable");
    let create = || {
        let mut command = imgauto(home.path());
        command.args(["create", "image", "policy", "podinfo"]);
        command.args(["--image-ref=podinfo", "--select-semver=>=5.0.0", "--export"]);
        command
    };
    times(
        "plugin: start to finished `create image policy --export`",
        101,
        AtMost(20.0),
        || time(&mut create()),
    );
    let program = create().get_program().to_owned();
    let size = std::fs::metadata(program)
        .expect("the program is there")
        .len();
    figures(
        "plugin: size of the release binary",
        vec![size as f64],
        MEGABYTES,
        AtMost(30.0),
    );
    let tree = marked_files();
    let run = || -> Command {
        let mut command = imgauto(home.path());
        command.current_dir(tree.path());
        command.args(["run", ".", "-f", "resources.yaml", "--offline"]);
        command
    };
    let what = "`run --offline`, 5,000 files with 50,000 markers, nothing stale";
    times(what, 15, AtMost(300.0), || time(&mut run()));
    let peaks = (0..5).map(|_| peak_memory(&mut run())).collect();
    figures(
        "the same: peak of resident memory",
        peaks,
        MEBIBYTES,
        AtMost(60.0),
    );
}

/// 5,000 Deployments of ten containers, all up to date, and the policy.
fn marked_files() -> TempDir {
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
