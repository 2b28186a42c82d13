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

/// Runs in place in at most `mebibytes` of address space; returns the size of the report and the bytes of the file.
fn run_within(mebibytes: usize, content: &str) -> (usize, Vec<u8>) {
    let folder = Folder::with_app();
    folder.write("a.yaml", content);
    let args = [
        "run",
        "tree",
        "-f",
        "objects.yaml",
        "--offline",
        "-q",
        "-o",
        "json",
    ];
    let plugin = folder.command(&args);
    let mut limited = Command::new("sh");
    clean(&mut limited, &folder.path("../home"));
    let line = format!("ulimit -v {}; exec \"$@\"", mebibytes * 1024);
    limited
        .current_dir(folder.path(".."))
        .args(["-c", &line, "sh"]);
    limited.arg(plugin.get_program()).args(plugin.get_args());
    let report = run(&mut limited);
    (report.len(), fs::read(folder.path("a.yaml")).unwrap())
}

#[test]
fn fifty_thousand_markers_in_one_file_are_all_set() {
    let line = stale("flux-system:app").replacen("image", "- image", 1);
    let content = |count: usize| line.repeat(count);
    let (size, after) = run_within(1024, &content(50_000));
    assert!(
        after
            == content(50_000)
                .replace("app:1.0.0", "app:2.0.0")
                .into_bytes()
    );
    let (tenth, _) = run_within(1024, &content(5_000));
    assert!(
        size < tenth * 11,
        "{tenth} bytes of report for a tenth, {size} for the whole"
    );
}

#[test]
fn a_file_of_fifty_megabytes_changes_in_its_marked_line_only() {
    let text = "      some text of a length that lines of dashboards and certificates have\n";
    let item = format!(
        "- name: a # comment\n  data:\n    text: |\n{}",
        text.repeat(50)
    );
    let half = item.repeat(25_000_000 / item.len() + 1);
    let marked = stale("flux-system:app").replacen("image", "- image", 1);
    let content = format!("{half}{marked}{half}");
    assert!(content.len() > 50_000_000);
    let (_, after) = run_within(2048, &content);
    let wanted = marked.replace("1.0.0", "2.0.0");
    assert_eq!(after.len(), content.len());
    assert!(after[half.len()..].starts_with(wanted.as_bytes()));
    assert!(after.starts_with(half.as_bytes()) && after.ends_with(half.as_bytes()));
}
