//! The whole job on a repository of 20,000 manifests over HTTP on loopback.

use std::time::Duration;

use engine::branch::{self, CheckoutRef, Gates};
use harness::git_server::GitServerOptions;
use harness::{Forge, GitServer, Repository};
use jiff::Timestamp;
use jiff::tz::Offset;
use reconciler::git::{
    Author, DEFAULT_ATTEMPTS, Edit, GitError, Job, Mirror, NewCommit, Remote, Settings,
};
use reconciler::source::GitTree;
use reconciler::update::{ScanCache, plan};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{report, timed, wanted};

const FILES: usize = 20_000;

pub(crate) fn measure() {
    let forge = Forge::new();
    let repository = forge.create("fleet");
    let start = seed(&repository);
    let server = GitServer::start(&forge, GitServerOptions::default());
    let runtime = Runtime::new().expect("the runtime starts");
    let settings = Settings::local(&server.url("fleet"), None).expect("the URL is good");
    let remote = Remote::new(settings, runtime.handle().clone()).expect("the client is built");
    report(
        "20,000 files, first run: clone, scan, edit 1, commit, push",
        5,
        Some(Duration::from_millis(1500)),
        || {
            repository.point("main", &start);
            let folder = TempDir::new().expect("the temporary folder is writable");
            timed(|| {
                let mut mirror =
                    Mirror::open(&folder.path().join("mirror")).expect("the mirror opens");
                update(
                    &mut mirror,
                    &remote,
                    &ScanCache::default(),
                    "one",
                    "1.1.0",
                    1,
                );
            })
            .0
        },
    );
    repository.point("main", &start);
    let folder = TempDir::new().expect("the temporary folder is writable");
    let mut mirror = Mirror::open(&folder.path().join("mirror")).expect("the mirror opens");
    let cache = ScanCache::default();
    update(&mut mirror, &remote, &cache, "one", "1.1.0", 1);
    let mut round = 0;
    for (name, files, budget) in [("one", 1, 100), ("many", 200, 300)] {
        let title = format!("same, mirror warm, {files} to change");
        report(&title, 9, Some(Duration::from_millis(budget)), || {
            round += 1;
            timed(|| {
                update(
                    &mut mirror,
                    &remote,
                    &cache,
                    name,
                    &format!("2.{round}.0"),
                    files,
                );
            })
            .0
        });
    }
}

/// Files as a large fleet has them: one is marked for the policy `one`, 200 for `many`.
fn seed(repository: &Repository) -> String {
    let files: Vec<(String, String)> = (0..FILES)
        .map(|index| {
            let marker = match index {
                0 => " # {\"$imagepolicy\": \"flux-system:one\"}",
                1..=200 => " # {\"$imagepolicy\": \"flux-system:many\"}",
                _ => "",
            };
            let path = format!("clusters/c{}/ns{}/app{index}.yaml", index % 20, index % 400);
            (path, manifest(index, marker))
        })
        .collect();
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(path, content)| (path.as_str(), content.as_str()))
        .collect();
    repository.commit("main", "the fleet", &files)
}

fn manifest(index: usize, marker: &str) -> String {
    let mut text = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: app{index}\n  labels:\n    app: app{index}\nspec:\n  replicas: 2\n  template:\n    spec:\n      containers:\n      - name: app\n        image: ghcr.io/org/app:1.0.0{marker}\n"
    );
    for variable in 0..20 {
        text += &format!("        # setting {variable} of application {index}\n");
    }
    text
}

fn update(
    mirror: &mut Mirror,
    remote: &Remote,
    cache: &ScanCache,
    policy: &str,
    tag: &str,
    expected: usize,
) {
    let checkout = CheckoutRef {
        branch: Some("main".into()),
        ..CheckoutRef::default()
    };
    let plan_of_branches =
        branch::plan(Some(&checkout), None, Gates::default()).expect("the branch is plain");
    let wanted = wanted(policy, tag);
    let job = Job {
        remote,
        plan: &plan_of_branches,
        choose: &|_, _| Ok(Vec::new()),
        options: Default::default(),
        refspec: None,
        attempts: DEFAULT_ATTEMPTS,
        pause: &|_| Duration::ZERO,
    };
    let written = mirror.write(&job, |tip| {
        let planned = plan(
            &GitTree::new(tip.repository, tip.commit),
            "",
            &wanted,
            cache,
        )
        .expect("the files are good");
        assert_eq!(planned.files.len(), expected);
        let edits: Vec<Edit> = planned
            .files
            .into_iter()
            .map(|file| Edit {
                path: file.path,
                content: file.after,
            })
            .collect();
        let author = Author {
            name: "bench".into(),
            email: "bench@example.org".into(),
            time: Timestamp::now(),
            zone: Offset::UTC,
        };
        let new = NewCommit {
            parent: tip.commit,
            edits: &edits,
            author: &author,
            message: "update",
            signer: None,
        };
        Ok::<_, GitError>(vec![tip.repository.commit(&new)?])
    });
    assert_eq!(written.expect("the push succeeds").commits.len(), 1);
}
