//! Batches against real Git.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::branch::{self, CheckoutRef, Gates};
use engine::change::LatestRef;
use engine::marker::{Policy, Wanted};
use engine::template::Template;
use futures::future::join_all;

use super::*;
use crate::git::tests::fixture::{Fixture, branch, git, git_with_input};
use crate::resources::ObjectKey;
use crate::update::{Message, Order, Scope};

const QUICK: Options = Options {
    quiet: Duration::from_millis(100),
    longest: Duration::from_secs(5),
    attempts: 6,
    concurrent: 4,
    mirrors: 8,
    unused: Duration::from_secs(60),
};

/// A repository with a directory for each of `apps`, and writers for it.
struct Bench {
    fixture: Fixture,
    writers: Writers,
}

impl Bench {
    fn new(apps: usize) -> Self {
        let fixture = Fixture::with_repository();
        let mut script = String::from(
            "commit refs/heads/main\ncommitter A <a@b> 1 +0000\ndata 4\napps\nfrom refs/heads/main^0\n",
        );
        for app in 0..apps {
            let text = manifest(app, "1.0.0");
            let header = format!(
                "M 100644 inline apps/{app:03}/deploy.yaml\ndata {}\n",
                text.len()
            );
            script.push_str(&format!("{header}{text}\n"));
        }
        git_with_input(&fixture.bare(), &["fast-import", "--quiet"], &script);
        let writers = Self::writers(&fixture, None);
        Self { fixture, writers }
    }

    fn writers(fixture: &Fixture, storage: Option<&Path>) -> Writers {
        let runtime = fixture.runtime.handle().clone();
        Writers::new(storage, QUICK, runtime, Metrics::new("test")).unwrap()
    }

    fn writer(&self) -> Arc<Writer> {
        self.writer_of(&self.writers)
    }

    fn writer_of(&self, writers: &Writers) -> Arc<Writer> {
        let url = self.fixture.url("a.git");
        let id = RemoteId::new(&url, [], b"");
        writers
            .writer(&id, || crate::git::Settings::local(&url, None).unwrap())
            .unwrap()
    }

    fn submit(&self, tasks: Vec<Task>) -> Vec<Result<Done, Failure>> {
        let writer = self.writer();
        let all = tasks
            .into_iter()
            .map(|task| writer.submit(move || task).done());
        self.fixture.runtime.block_on(join_all(all))
    }

    /// The requests since this was asked last: how many fetches and pushes there were.
    fn traffic(&self) -> (usize, usize) {
        let requests = self.fixture.requests();
        let count = |what: &str| requests.iter().filter(|request| *request == what).count();
        let pushes = count("POST /a.git/git-receive-pack");
        // Each of both begins with a listing.
        (count("GET /a.git/info/refs") - pushes, pushes)
    }
}

fn manifest(app: usize, tag: &str) -> String {
    format!("kind: Deployment\nimage: app{app}:{tag} # {{\"$imagepolicy\": \"ns:app{app}\"}}\n")
}

/// The task of an automation that sets `app` to `tag`.
fn task(app: usize, tag: &str) -> Task {
    let latest = LatestRef {
        name: format!("app{app}"),
        tag: tag.into(),
        digest: None,
    };
    Task {
        id: format!("uid-{app}"),
        order: Order {
            automation: ObjectKey::new("ns", format!("app{app}")),
            path: String::new(),
            wanted: Wanted {
                namespace: "ns".into(),
                policies: [(format!("app{app}"), Policy::Latest(latest))].into(),
                ..Wanted::default()
            },
            scope: Scope::Own,
            message: Message {
                template: Template::parse(&format!("app{app} to {tag}")).map(Arc::new),
                values: BTreeMap::new(),
            },
            author: ("Bot".into(), "bot@example.org".into()),
            signer: None,
        },
        plan: plan_of(branch("main"), None),
        options: BTreeMap::new(),
        refspec: None,
        timeout: Duration::from_secs(30),
        last_push: None,
    }
}

fn plan_of(checkout: CheckoutRef, push: Option<&str>) -> branch::Plan {
    branch::plan(Some(&checkout), push, Gates::default()).unwrap()
}

fn to_updates(task: Task) -> Task {
    Task {
        plan: plan_of(branch("main"), Some("updates")),
        ..task
    }
}

#[test]
fn what_comes_together_goes_out_in_one_fetch_and_one_push_each_with_a_commit_of_its_own() {
    let bench = Bench::new(20);
    let tasks = (0..20).map(|app| task(app, "2.0.0")).collect();
    let done = bench.submit(tasks);
    assert_eq!(bench.traffic(), (1, 1));
    let log = git(
        &bench.fixture.bare(),
        &["log", "--format=%H %s", "--name-only", "main", "-20"],
    );
    for (app, done) in done.into_iter().enumerate() {
        let done = done.unwrap();
        let commit = done.commit.unwrap().to_string();
        let shown = format!("{commit} app{app} to 2.0.0\n\napps/{app:03}/deploy.yaml");
        assert!(log.contains(&shown), "{shown} is not in {log}");
        assert_eq!(done.revision, Some(format!("main@sha1:{commit}")));
        let tip = git(&bench.fixture.bare(), &["rev-parse", "main"]);
        assert_eq!(done.tips.push.unwrap().to_string(), tip);
        let content = git(
            &bench.fixture.bare(),
            &["show", &format!("{commit}:apps/{app:03}/deploy.yaml")],
        );
        assert_eq!(content, manifest(app, "2.0.0").trim());
    }
    bench.fixture.fsck();
}

#[test]
fn a_task_that_fails_or_has_nothing_to_do_leaves_the_others_alone() {
    let bench = Bench::new(3);
    let mut broken = task(1, "2.0.0");
    broken.order.message.template = Template::parse("{{ .Nope }}").map(Arc::new);
    let mut missing = task(2, "2.0.0");
    missing.order.path = "none".into();
    let idle = task(2, "1.0.0");
    let done = bench.submit(vec![task(0, "2.0.0"), broken, missing, idle]);
    assert!(done[0].as_ref().unwrap().commit.is_some());
    assert!(matches!(&done[1], Err(Failure::Order(error)) if error.to_string().contains("Nope")));
    assert!(matches!(&done[2], Err(Failure::Order(_))));
    let idle = done[3].as_ref().unwrap();
    assert_eq!(idle.commit, None);
    let pushed = done[0].as_ref().unwrap().commit.unwrap();
    assert_eq!(idle.revision, Some(format!("main@sha1:{pushed}")));
    assert_eq!(bench.traffic(), (1, 1));
}

#[test]
fn a_second_task_for_what_the_first_did_makes_no_commit() {
    let bench = Bench::new(1);
    let second = Task {
        id: "another".into(),
        ..task(0, "2.0.0")
    };
    let done = bench.submit(vec![task(0, "2.0.0"), second]);
    let commits: Vec<bool> = done
        .iter()
        .map(|done| done.as_ref().unwrap().commit.is_some())
        .collect();
    assert_eq!(commits, [true, false]);
    assert_eq!(
        bench.fixture.subjects("main")[..2],
        ["app0 to 2.0.0", "apps"]
    );
}

#[test]
fn when_somebody_was_faster_all_commits_go_on_top_of_theirs() {
    let bench = Bench::new(3);
    let bare = bench.fixture.bare();
    let mut pushes = 0;
    bench.fixture.before(move |method, uri| {
        if method == "POST" && uri.path().ends_with("receive-pack") {
            pushes += 1;
            if pushes == 1 {
                crate::git::tests::fixture::somebody_commits(&bare, "main", "theirs");
            }
        }
        None
    });
    let done = bench.submit((0..3).map(|app| task(app, "2.0.0")).collect());
    assert!(
        done.iter()
            .all(|done| done.as_ref().unwrap().commit.is_some())
    );
    let subjects = bench.fixture.subjects("main");
    assert_eq!(
        subjects[..5],
        [
            "app2 to 2.0.0",
            "app1 to 2.0.0",
            "app0 to 2.0.0",
            "theirs",
            "apps"
        ]
    );
    assert_eq!(bench.traffic(), (2, 2));
    bench.fixture.fsck();
}

#[test]
fn several_push_branches_share_a_fetch() {
    let bench = Bench::new(2);
    let done = bench.submit(vec![task(0, "2.0.0"), to_updates(task(1, "2.0.0"))]);
    assert_eq!(bench.traffic(), (1, 2));
    let main = done[0].as_ref().unwrap().commit.unwrap();
    let updates = done[1].as_ref().unwrap();
    assert_eq!(
        bench.fixture.subjects("updates")[..2],
        ["app1 to 2.0.0", "apps"]
    );
    let base = git(&bench.fixture.bare(), &["rev-parse", &format!("{main}^")]);
    assert_eq!(updates.revision, Some(format!("main@sha1:{base}")));
    assert_eq!(updates.tips.push, updates.commit);
}

#[test]
fn a_refused_push_fails_those_who_had_something_to_push() {
    let bench = Bench::new(2);
    bench.fixture.refusing_hook("pre-receive", "frozen");
    let done = bench.submit(vec![task(1, "1.0.0"), task(0, "2.0.0")]);
    assert!(done[0].as_ref().unwrap().commit.is_none());
    let error = done[1].as_ref().unwrap_err().to_string();
    assert!(
        error.contains("command error on refs/heads/main: pre-receive hook declined"),
        "{error}"
    );
}

#[test]
fn a_listing_that_began_late_enough_serves_all_who_ask() {
    let bench = Bench::new(1);
    let writer = bench.writer();
    let due = Instant::now();
    let ask = |due| {
        let writer = &writer;
        async move { writer.list(due, Duration::from_secs(30)).await }
    };
    let listings = bench
        .fixture
        .runtime
        .block_on(join_all((0..100).map(|_| ask(due))));
    assert_eq!(bench.fixture.requests().len(), 1);
    let tip = git(&bench.fixture.bare(), &["rev-parse", "main"]);
    for listing in listings {
        let listed = listing.unwrap().commit("refs/heads/main").unwrap();
        assert_eq!(listed.to_string(), tip);
    }
    bench.fixture.runtime.block_on(ask(Instant::now())).unwrap();
    assert_eq!(
        bench.fixture.requests().len(),
        1,
        "who became due later asks again"
    );
}

#[test]
fn a_push_nobody_was_told_of_is_found_again_by_the_next_process() {
    let bench = Bench::new(2);
    let storage = tempfile::tempdir().unwrap();
    let run = |tasks: Vec<Task>| {
        let writers = Bench::writers(&bench.fixture, Some(storage.path()));
        let writer = bench.writer_of(&writers);
        let all = tasks
            .into_iter()
            .map(|task| writer.submit(move || task).done());
        bench.fixture.runtime.block_on(join_all(all))
    };
    let first = run(vec![task(0, "2.0.0"), task(1, "2.0.0")]);
    let commit = |done: &Result<Done, Failure>| done.as_ref().unwrap().commit;
    let second = run(vec![task(0, "2.0.0"), task(1, "2.0.0")]);
    assert_eq!(commit(&second[0]), commit(&first[0]));
    assert_eq!(second[0].as_ref().unwrap().message, "app0 to 2.0.0");
    assert_eq!(commit(&second[1]), commit(&first[1]));
    let told = Task {
        last_push: commit(&first[0]).map(|commit| commit.to_string()),
        ..task(0, "2.0.0")
    };
    assert_eq!(commit(&run(vec![told])[0]), None);
    assert_eq!(
        bench.fixture.subjects("main").len(),
        4,
        "nothing was done twice"
    );
}

#[test]
fn row_123_an_extra_push_that_failed_is_made_up_for() {
    let bench = Bench::new(1);
    let with_refspec = || Task {
        refspec: Some("refs/heads/main:refs/heads/copy".into()),
        ..task(0, "2.0.0")
    };
    bench.fixture.refusing_hook("update", "no");
    let hook = bench.fixture.bare().join("hooks/update");
    std::fs::write(&hook, "#!/bin/sh\ntest $1 = refs/heads/main\n").unwrap();
    let failed = bench.submit(vec![with_refspec()]);
    assert!(matches!(failed[0], Err(Failure::ExtraRefused { .. })));
    let again = bench.submit(vec![with_refspec()]);
    assert!(matches!(again[0], Err(Failure::ExtraRefused { .. })));
    std::fs::remove_file(&hook).unwrap();
    let done = bench.submit(vec![with_refspec()]);
    let commit = done[0].as_ref().unwrap().commit.unwrap();
    let copy = git(&bench.fixture.bare(), &["rev-parse", "copy"]);
    assert_eq!(copy, commit.to_string());
    assert_eq!(bench.fixture.subjects("main").len(), 3);
}

#[test]
fn a_refspec_that_means_nothing_is_told_every_time_once_the_branch_is_pushed() {
    let bench = Bench::new(1);
    let task = || Task {
        refspec: Some("nonsense".into()),
        ..task(0, "2.0.0")
    };
    for _ in 0..2 {
        let failed = bench.submit(vec![task()]);
        assert!(matches!(failed[0], Err(Failure::Refspec { .. })));
    }
    assert_eq!(
        bench.fixture.subjects("main")[..2],
        ["app0 to 2.0.0", "apps"]
    );
}

#[test]
fn stopping_tells_all_who_wait() {
    let bench = Bench::new(1);
    let writer = bench.writer();
    let stopped = bench.fixture.runtime.block_on(async {
        let waiting = tokio::spawn(async move { writer.submit(|| task(0, "2.0.0")).done().await });
        tokio::task::yield_now().await;
        bench.writers.stop();
        waiting.await.unwrap()
    });
    assert!(matches!(stopped, Err(Failure::Stopped)));
    assert_eq!(bench.fixture.subjects("main")[0], "apps");
}

#[test]
fn remotes_differ_by_address_and_secrets_and_tokens_may_change() {
    let id = |url: &str, who: &[(&str, &str)], token: &str| {
        let who = who.iter().map(|(key, value)| (*key, value.as_bytes()));
        RemoteId::new(url, who, token.as_bytes())
    };
    let base = id("https://a", &[("username", "me")], "");
    assert_eq!(base, id("https://a", &[("username", "me")], ""));
    assert_ne!(
        base.mirror,
        id("https://b", &[("username", "me")], "").mirror
    );
    assert_ne!(
        base.mirror,
        id("https://a", &[("username", "m"), ("", "e")], "").mirror
    );
    let renewed = id("https://a", &[("username", "me")], "token");
    assert_eq!(base.mirror, renewed.mirror);
    assert_ne!(base.access, renewed.access);
}
