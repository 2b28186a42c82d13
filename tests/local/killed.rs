//! A run that is killed at any moment: whole files, whole commits, and the next run is right.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use harness::git_server::GitServerOptions;
use harness::program::{imgauto, run};
use harness::{GitServer, git};

use crate::fleet::{Checkout, Fleet};
use crate::walking::{Folder, stale};

const FILES: usize = 40;
const MOMENTS: u32 = 16;

/// Starts a command and kills it after `part` of the time a whole run takes.
fn kill_after(command: &mut Command, whole: Duration, part: u32) {
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(whole * part / MOMENTS);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_killed_run_leaves_every_file_old_or_new_and_the_next_run_is_right() {
    let old = stale("flux-system:app").repeat(50);
    let new = old.replace("app:1.0.0", "app:2.0.0");
    let folder = Folder::with_app();
    let reset = || {
        for number in 0..FILES {
            folder.write(format!("{}/{number}.yaml", number % 4), &old);
        }
    };
    reset();
    let args = ["run", "tree", "-f", "objects.yaml", "--offline", "-q"];
    let start = Instant::now();
    run(&mut folder.command(&args));
    let whole = start.elapsed();
    let mut halfway = 0;
    for part in 0..=MOMENTS {
        reset();
        kill_after(&mut folder.command(&args), whole, part);
        let mut updated = 0;
        for number in 0..FILES {
            let content = folder.read(format!("{}/{number}.yaml", number % 4));
            assert!(
                content == old || content == new,
                "{number} is torn after {part} of {MOMENTS}"
            );
            updated += usize::from(content == new);
        }
        halfway += usize::from(updated > 0 && updated < FILES);
        folder.run(0, &[]);
        for number in 0..FILES {
            assert_eq!(folder.read(format!("{}/{number}.yaml", number % 4)), new);
        }
        let files = run(Command::new("find")
            .arg(folder.path(""))
            .args(["-type", "f"]));
        assert_eq!(files.lines().count(), FILES, "{files}");
    }
    println!("{halfway} of {MOMENTS} runs were killed between files");
}

fn fleet() -> Fleet {
    let names: Vec<String> = (0..FILES)
        .map(|number| format!("clusters/my-cluster/{number}.yaml"))
        .collect();
    let old = stale("flux-system:podinfo");
    let files: Vec<(&str, &str)> = names
        .iter()
        .map(|name| (name.as_str(), old.as_str()))
        .collect();
    let tags = [("tags.txt", "5.0.0\n5.0.3\n")];
    Fleet::new("ghcr.io/org/app", &[&files[..], &tags].concat())
}

fn command(fleet: &Fleet, checkout: &Checkout<'_>, what: &str) -> Command {
    let mut command = imgauto(fleet.home.path());
    command
        .current_dir(checkout.path())
        .args(["run", ".", "--tags-from=tags.txt", "-q", what]);
    command
}

/// The checkout has one commit on top of the first, with all changes, and nothing is left lying about.
fn is_done(checkout: &Checkout<'_>, why: &str) {
    assert_eq!(checkout.status(), "", "{why}");
    assert_eq!(
        git(checkout.path(), &["rev-list", "--count", "HEAD"]),
        "2",
        "{why}"
    );
    let changed = git(checkout.path(), &["diff", "--name-only", "HEAD^", "HEAD"]);
    assert_eq!(changed.lines().count(), FILES + 1, "{why}");
    git(checkout.path(), &["fsck", "--strict"]);
}

#[test]
fn a_killed_commit_is_there_or_not_and_the_next_run_completes_it() {
    let fleet = fleet();
    let sample = fleet.checkout();
    let start = Instant::now();
    run(&mut command(&fleet, &sample, "--commit"));
    let whole = start.elapsed();
    is_done(&sample, "nobody was killed");
    for part in 0..=MOMENTS {
        let checkout = fleet.checkout();
        let why = format!("after {part} of {MOMENTS}");
        kill_after(&mut command(&fleet, &checkout, "--commit"), whole, part);
        git(checkout.path(), &["fsck", "--strict"]);
        let lock = checkout.path().join(".git/index.lock");
        if lock.exists() {
            // As any program that uses Git: the lock names itself and is removed by hand.
            std::fs::remove_file(lock).unwrap();
        }
        checkout.ends_with(0, &["run", ".", "--tags-from=tags.txt", "--commit"]);
        is_done(&checkout, &why);
    }
}

#[test]
fn a_killed_push_leaves_the_remote_without_or_with_the_whole_commit() {
    let fleet = fleet();
    let server = GitServer::start(&fleet.forge, GitServerOptions::default());
    let url = server.url("fleet");
    let first = fleet.repository.tip("main").unwrap();
    let sample = fleet.clone_from(&url);
    let start = Instant::now();
    run(&mut command(&fleet, &sample, "--push"));
    let whole = start.elapsed();
    for part in 0..=MOMENTS {
        fleet.repository.point("main", &first);
        let checkout = fleet.clone_from(&url);
        let why = format!("after {part} of {MOMENTS}");
        kill_after(&mut command(&fleet, &checkout, "--push"), whole, part);
        git(fleet.repository.path(), &["fsck", "--strict"]);
        let tip = fleet.repository.tip("main").unwrap();
        if tip != first {
            assert_eq!(fleet.repository.changed("main").len(), FILES + 1, "{why}");
            assert_eq!(
                git(fleet.repository.path(), &["rev-parse", "main^"]),
                first,
                "{why}"
            );
        }
        let lock = checkout.path().join(".git/index.lock");
        if lock.exists() {
            std::fs::remove_file(lock).unwrap();
        }
        checkout.ends_with(0, &["run", ".", "--tags-from=tags.txt", "--push"]);
        is_done(&checkout, &why);
        assert_eq!(fleet.repository.changed("main").len(), FILES + 1, "{why}");
        assert_eq!(
            git(fleet.repository.path(), &["rev-list", "--count", "main"]),
            "2",
            "{why}"
        );
        git(fleet.repository.path(), &["fsck", "--strict"]);
    }
}
