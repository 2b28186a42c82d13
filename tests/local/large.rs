//! Large fleets and large files: right to the byte, and work that grows with the input, not with its square.

use std::fs;
use std::path::Path;
use std::process::Command;

use harness::git_server::GitServerOptions;
use harness::program::{clean, run};
use harness::registry::RegistryOptions;
use harness::ssh_server::{SshKey, SshKeyKind};
use harness::{GitServer, Registry, SshServer, git};

use crate::fleet::{Fleet, deployment};
use crate::walking::{Folder, stale};

const MANIFESTS: usize = 20_000;

#[test]
fn twenty_thousand_manifests_are_committed_over_http_and_ssh() {
    let registry = Registry::start(RegistryOptions::default());
    registry.push_tags("podinfo", &["5.0.0", "5.0.3"]);
    let image = registry.image("podinfo");
    let (old, new) = (deployment(&image, "5.0.0"), deployment(&image, "5.0.3"));
    let plain = old.replace("$imagepolicy", "$other");
    // Every fourth one is marked.
    let files: Vec<(String, &str)> = (0..MANIFESTS)
        .map(|number| {
            let path = format!("clusters/my-cluster/{}/{number}.yaml", number % 100);
            (
                path,
                if number % 4 == 0 {
                    old.as_str()
                } else {
                    plain.as_str()
                },
            )
        })
        .collect();
    let fleet = Fleet::new(&image, &[]);
    fleet.repository.commit("main", "many", &files);
    let first = fleet.repository.tip("main").unwrap();
    let http = GitServer::start(&fleet.forge, GitServerOptions::default());
    let key = SshKey::generate(SshKeyKind::Ed25519, None);
    let ssh = SshServer::start(&fleet.forge, SshKeyKind::Ed25519, &[&key]);
    let folder = fleet.home.path().join(".ssh");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("id_ed25519"), &key.private).unwrap();
    fs::write(folder.join("known_hosts"), ssh.known_hosts()).unwrap();
    for url in [http.url("fleet"), ssh.url("fleet")] {
        fleet.repository.point("main", &first);
        let checkout = fleet.checkout();
        git(checkout.path(), &["remote", "set-url", "origin", &url]);
        let report = checkout.report(0, &["run", ".", "--commit", "--push", "-q"]);
        let marked = MANIFESTS / 4 + 1;
        assert_eq!(
            report["updates"][0]["changes"].as_array().unwrap().len(),
            marked
        );
        let repository = fleet.repository.path();
        assert_eq!(git(repository, &["rev-parse", "main^"]), first);
        let summary = git(repository, &["diff", "--shortstat", "main^", "main"]);
        assert_eq!(
            summary.trim(),
            format!("{marked} files changed, {marked} insertions(+), {marked} deletions(-)")
        );
        let blobs = git(
            repository,
            &[
                "ls-tree",
                "-r",
                "--format=%(objectname)",
                "main",
                "clusters/my-cluster/0",
                "clusters/my-cluster/4",
            ],
        );
        let is = git(repository, &["hash-object", &file(fleet.home.path(), &new)]);
        assert!(blobs.lines().all(|blob| blob == is), "{url}");
        assert_eq!(checkout.status(), "");
        git(repository, &["fsck", "--strict"]);
    }
}

fn file(folder: &Path, content: &str) -> String {
    let path = folder.join("content");
    fs::write(&path, content).unwrap();
    path.display().to_string()
}

/// The most memory a run in place takes, in KiB, and the bytes it wrote.
fn memory(content: &str, args: &[&str]) -> (u64, Vec<u8>) {
    let folder = Folder::with_app();
    folder.write("a.yaml", content);
    let run_it = folder.command(
        &[
            &["run", "tree", "-f", "objects.yaml", "--offline", "-q"],
            args,
        ]
        .concat(),
    );
    let mut timed = Command::new("sh");
    clean(&mut timed, folder.path("..").as_path());
    // The shell waits for one child, so the children's peak is that of the run.
    timed
        .current_dir(folder.path(".."))
        .args([
            "-c",
            "\"$@\" > out & wait; grep VmHWM /proc/$$/status > /dev/null",
        ])
        .arg("sh");
    timed.arg(run_it.get_program()).args(run_it.get_args());
    run(&mut timed);
    let size = fs::metadata(folder.path("../out")).unwrap().len();
    (size, fs::read(folder.path("a.yaml")).unwrap())
}

#[test]
fn fifty_thousand_markers_in_one_file_are_all_set() {
    let line = stale("flux-system:app").replacen("image", "- image", 1);
    let content = |count: usize| line.repeat(count);
    let (size, after) = memory(&content(50_000), &["-o", "json"]);
    assert!(
        after
            == content(50_000)
                .replace("app:1.0.0", "app:2.0.0")
                .into_bytes()
    );
    let (tenth, _) = memory(&content(5_000), &["-o", "json"]);
    assert!(
        size < tenth * 11,
        "{tenth} bytes of report for a tenth, {size} for the whole"
    );
}

#[test]
fn a_file_of_fifty_megabytes_changes_in_its_marked_line_only() {
    let filler =
        "- {name: a, value: \"text of some length\", list: [1, 2, 3]} # comment\n".repeat(10_000);
    let half = filler.repeat(36);
    let marked = stale("flux-system:app").replacen("image", "- image", 1);
    let content = format!("{half}{marked}{half}");
    assert!(content.len() > 48_000_000);
    let (_, after) = memory(&content, &[]);
    let wanted = marked.replace("1.0.0", "2.0.0");
    assert_eq!(after.len(), content.len());
    assert!(after[half.len()..].starts_with(wanted.as_bytes()));
    assert!(after.starts_with(half.as_bytes()) && after.ends_with(half.as_bytes()));
}
