//! The reconciler as a process on a real API server: at rest, with many repositories, and with many automations due.

use std::time::{Duration, Instant};

use api::repository::ImageRepository;
use harness::crowd::{self, Crowd};
use harness::population::{populate, wait_until};
use harness::reconciler::ReconcilerOptions;
use harness::{ControlPlane, FaultRegistry, Reconciler, idle};
use serde_json::json;

use crate::process::resident_memory;
use crate::table::Budget::{AtMost, Unset};
use crate::table::{COUNT, MEBIBYTES, PER_SECOND, figures, times};

/// How long all scans may take at most.
const PATIENCE: Duration = Duration::from_secs(600);

pub(crate) fn measure() {
    rest();
    let plane = ControlPlane::private();
    scans(&plane);
    crowd(&plane);
}

/// 1,000 repositories, 1,000 policies and 100 automations, of which nothing changes.
fn rest() {
    let interval = Duration::from_secs(20);
    let observed = idle::observe(idle::Size {
        repositories: 1000,
        automations: 100,
        remotes: 10,
        interval,
    });
    let due = |time: Duration| time.as_secs_f64() / interval.as_secs_f64();
    let writes: usize = observed.scans.values().map(|scans| scans.writes).sum();
    let listings: usize = observed.scans.values().map(|scans| scans.listings).sum();
    let all = writes + observed.other_writes.len();
    let once = |what: &str, count: usize, of: f64| {
        figures(what, vec![count as f64 / of], COUNT, AtMost(1.0));
    };
    once(
        "1,000 repositories and policies, 100 automations at rest: writes per scan",
        all,
        listings as f64,
    );
    let times = due(observed.life).ceil() * observed.scans.len() as f64;
    once(
        "the same: scans per repository and interval",
        listings,
        times,
    );
    let refs: usize = observed.listings.values().sum();
    let times = due(observed.window).ceil() * observed.listings.len() as f64;
    once(
        "the same: ref listings per remote and interval",
        refs,
        times,
    );
}

/// 2,000,000 tags in 5,000 repositories: how fast they are scanned, and what that leaves in memory.
fn scans(plane: &ControlPlane) {
    const REPOSITORIES: usize = 5000;
    const TAGS: usize = 400;
    plane.install_manifests();
    let tags: Vec<_> = (0..TAGS)
        .map(|tag| format!("1.{}.{}-build.{}", tag / 20, tag % 20, 100_000 + tag * 7919))
        .collect();
    let registry = FaultRegistry::start(&tags);
    let namespace = plane.namespace("scans");
    let repositories = (0..REPOSITORIES).map(|number| {
        json!({
            "metadata": { "name": format!("image{number}"), "namespace": namespace.name() },
            "spec": { "image": format!("{}/team/image{number}", registry.host()), "interval": "10m" },
        })
    });
    populate::<ImageRepository>(plane, repositories.collect());
    let options = ReconcilerOptions {
        namespace: Some(namespace.name()),
        ..ReconcilerOptions::default()
    };
    let reconciler = Reconciler::start(plane, options);
    let began = Instant::now();
    let scanned = || registry.requests().len();
    let first = scanned();
    wait_until(
        PATIENCE,
        || scanned() >= REPOSITORIES,
        || format!("only {} scans\n{}", scanned(), reconciler.logs().join("\n")),
    );
    let rate = (REPOSITORIES - first) as f64 / began.elapsed().as_secs_f64();
    let what = "first scans of 5,000 repositories of 400 tags, their statuses written";
    figures(what, vec![rate], PER_SECOND, Unset);
    let [now, peak] = resident_memory(reconciler.id());
    let what = "the same: resident memory after it";
    figures(what, vec![now], MEBIBYTES, AtMost(100.0));
    figures(
        "the same: peak of resident memory",
        vec![peak],
        MEBIBYTES,
        AtMost(100.0),
    );
}

/// 100 automations on one branch of 20,000 files, all due.
fn crowd(plane: &ControlPlane) {
    let size = crowd::Size {
        files: 20_000,
        automations: 100,
    };
    let crowd = Crowd::start(plane, size);
    let (mut round, mut fetches, mut pushes) = (0, Vec::new(), Vec::new());
    let what = "100 automations, 20,000 files: from the request for a scan to 100 commits";
    times(what, 5, AtMost(5000.0), || {
        round += 1;
        let done = crowd.round(&format!("1.{round}.0"));
        assert_eq!(done.commits, crowd.edits());
        fetches.push(done.fetches as f64);
        pushes.push(done.pushes as f64);
        done.time
    });
    figures("the same: fetches", fetches, COUNT, AtMost(1.0));
    figures("the same: pushes", pushes, COUNT, AtMost(1.0));
}
