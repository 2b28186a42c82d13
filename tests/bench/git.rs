//! The whole job on a repository of 20,000 manifests, as a server that runs on does it: with a mirror of its own.

use std::time::Duration;

use engine::branch::{self, CheckoutRef, Gates};
use jiff::Timestamp;
use jiff::tz::Offset;
use reconciler::git::{
    Author, DEFAULT_ATTEMPTS, Edit, GitError, Job, Mirror, NewCommit, Remote, Settings,
};
use reconciler::source::GitTree;
use reconciler::update::{ScanCache, Scope, plan};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::fleet::Fleet;
use crate::table::Budget::AtMost;
use crate::table::times;
use crate::{timed, wanted};

pub(crate) fn measure(fleet: &Fleet) {
    let runtime = Runtime::new().expect("the runtime starts");
    let remote = |settings| Remote::new(settings, runtime.handle().clone());
    let http = Settings::from_secret(&fleet.http.url("fleet"), None);
    let secret = [
        ("identity", fleet.key.private.as_str()),
        ("known_hosts", &fleet.ssh.known_hosts()),
    ];
    let secret = secret.map(|(key, value)| (key.to_owned(), value.as_bytes().to_vec()));
    let ssh = Settings::from_secret(&fleet.ssh.url("fleet"), Some(&secret.into()));
    for (name, settings) in [("HTTP", http), ("SSH", ssh)] {
        let settings = settings.expect("the URL and the secret are good");
        over(name, fleet, &remote(settings).expect("the client is built"));
    }
}

fn over(name: &str, fleet: &Fleet, remote: &Remote) {
    times(
        &format!("20,000 files, {name}, first run: clone, scan, edit 1, commit, push"),
        7,
        AtMost(1500.0),
        || {
            fleet.repository.point("main", &fleet.start);
            let folder = TempDir::new().expect("the temporary folder is writable");
            timed(|| Writer::new(fleet, &folder, remote).update("one", "1.1.0", 1)).0
        },
    );
    fleet.repository.point("main", &fleet.start);
    let folder = TempDir::new().expect("the temporary folder is writable");
    let mut writer = Writer::new(fleet, &folder, remote);
    writer.update("one", "1.1.0", 1);
    let mut round = 0;
    for (policy, files, budget) in [("one", 1, 100.0), ("many", 200, 300.0)] {
        let what = format!("20,000 files, {name}, warm mirror: fetch, edit {files}, commit, push");
        times(&what, 15, AtMost(budget), || {
            round += 1;
            let tag = format!("2.{round}.0");
            timed(|| writer.update(policy, &tag, files)).0
        });
    }
}

struct Writer<'a> {
    fleet: &'a Fleet,
    remote: &'a Remote,
    mirror: Mirror,
    cache: ScanCache,
}

impl<'a> Writer<'a> {
    fn new(fleet: &'a Fleet, folder: &TempDir, remote: &'a Remote) -> Self {
        Self {
            fleet,
            remote,
            mirror: Mirror::open(&folder.path().join("mirror")).expect("the mirror opens"),
            cache: ScanCache::default(),
        }
    }

    fn update(&mut self, policy: &str, tag: &str, expected: usize) {
        let checkout = CheckoutRef {
            branch: Some("main".into()),
            ..CheckoutRef::default()
        };
        let plan_of_branches =
            branch::plan(Some(&checkout), None, Gates::default()).expect("the branch is plain");
        let wanted = wanted(policy, &self.fleet.image, tag);
        let job = Job {
            remote: self.remote,
            plan: &plan_of_branches,
            choose: &|_, _| Ok(Vec::new()),
            options: Default::default(),
            refspec: None,
            attempts: DEFAULT_ATTEMPTS,
            pause: &|_| Duration::ZERO,
        };
        let cache = &self.cache;
        let written = self.mirror.write(&job, |tip| {
            let tree = GitTree::new(tip.repository, tip.commit);
            let planned =
                plan(&tree, "", &wanted, cache, Scope::Everything).expect("the files are good");
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
}
