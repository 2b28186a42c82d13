//! `run --commit --push` as a process, in a checkout of 20,000 manifests, against real servers.

use std::process::Command;

use harness::git;
use harness::program::imgauto;
use tempfile::TempDir;

use crate::fleet::Fleet;
use crate::process::{peak_memory, time};
use crate::table::Budget::{AtMost, Unset};
use crate::table::{MEBIBYTES, figures, times};

pub(crate) fn measure(fleet: &Fleet) {
    let home = TempDir::new().expect("the temporary folder is writable");
    let ssh = home.path().join(".ssh");
    std::fs::create_dir_all(&ssh).expect("the home is writable");
    std::fs::write(ssh.join("id_ed25519"), &fleet.key.private).expect("the home is writable");
    std::fs::write(ssh.join("known_hosts"), fleet.ssh.known_hosts()).expect("the home is writable");
    fleet.repository.point("main", &fleet.start);
    let checkout = TempDir::new().expect("the temporary folder is writable");
    let folder = checkout.path();
    let source = fleet.http.url("fleet");
    git(folder, &["clone", "--quiet", "--branch=main", &source, "."]);
    let mut round = 0;
    let mut next = || -> Command {
        round += 1;
        fleet.registry.push_tag("app", &format!("1.{round}.0"));
        let mut command = imgauto(home.path());
        command.current_dir(folder);
        command.args(["run", ".", "--commit", "--push"]);
        command
    };
    for (name, url) in [("HTTP", source), ("SSH", fleet.ssh.url("fleet"))] {
        git(folder, &["remote", "set-url", "origin", &url]);
        let what = format!("`run --commit --push`, 20,000 files, {name}, edit 1");
        times(&what, 9, AtMost(1500.0), || {
            let time = time(&mut next());
            assert_eq!(
                fleet.repository.changed("main"),
                ["clusters/c0/ns0/app0.yaml"]
            );
            time
        });
        let peaks = (0..3).map(|_| peak_memory(&mut next())).collect();
        figures("the same: peak of resident memory", peaks, MEBIBYTES, Unset);
    }
}
