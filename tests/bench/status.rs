//! The plugin's look at a large cluster: time and memory of `status -A`.

use std::process::Command;

use harness::ControlPlane;
use harness::deployed::{self, Size};
use harness::program::imgauto;
use tempfile::TempDir;

use crate::process::{peak_memory, time};
use crate::table::Budget::AtMost;
use crate::table::{MEBIBYTES, figures, times};

/// 5,000 Deployments with 15,000 pods.
const SIZE: Size = Size {
    workloads: 5_000,
    replicas: 3,
    namespaces: 100,
    policies: 500,
    automations: 20,
};

pub(crate) fn measure() {
    let plane = ControlPlane::at_rest();
    deployed::deploy(&plane, SIZE);
    let home = TempDir::new().expect("the temporary folder is writable");
    let status = || -> Command {
        let mut command = imgauto(home.path());
        command.env("KUBECONFIG", plane.kubeconfig());
        command.args(["status", "--all-namespaces"]);
        command
    };
    let what = "`status -A`, 5,000 Deployments with 15,000 pods";
    times(what, 9, AtMost(2000.0), || time(&mut status()));
    let peaks = (0..3).map(|_| peak_memory(&mut status())).collect();
    figures(
        "the same: peak of resident memory",
        peaks,
        MEBIBYTES,
        AtMost(150.0),
    );
}
