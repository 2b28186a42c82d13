use git2::Oid;

use super::super::*;
use super::fixture::{Fixture, git, last_tag, on_main, set_image};

struct Bench {
    fixture: Fixture,
    mirror: Mirror,
    tip: Oid,
    commit: Oid,
}

impl Bench {
    fn new() -> Self {
        let fixture = Fixture::with_repository();
        let mut mirror = fixture.mirror();
        let fetched = mirror.fetch(&fixture.remote(), &on_main(), &last_tag);
        let tip = fetched.unwrap().start;
        let commit = set_image(&mirror, tip, "2");
        Self {
            fixture,
            mirror,
            tip,
            commit,
        }
    }

    fn update(&self, reference: &str, expect: Expect) -> Update {
        Update {
            commit: self.commit,
            reference: reference.to_owned(),
            expect,
        }
    }

    fn push(&self, updates: &[Update], push: &Push) -> Result<Pushed, GitError> {
        self.mirror.push(&self.fixture.remote(), updates, push)
    }

    fn one(&self, reference: &str, expect: Expect) -> Outcome {
        let pushed = self.push(&[self.update(reference, expect)], &Push::default());
        pushed.unwrap().outcomes.remove(0)
    }

    fn on_server(&self, reference: &str) -> String {
        git(&self.fixture.bare(), &["rev-parse", reference])
    }
}

#[test]
fn a_commit_reaches_its_branch_and_pushing_it_again_is_no_error() {
    let bench = Bench::new();
    let forward = Expect::ForwardFrom(bench.tip);
    assert_eq!(bench.one("refs/heads/main", forward), Outcome::Pushed);
    assert_eq!(bench.on_server("main"), bench.commit.to_string());
    assert_eq!(bench.one("refs/heads/main", forward), Outcome::UpToDate);
    assert_eq!(bench.fixture.subjects("main"), ["image 2", "first"]);
    bench.fixture.fsck();
}

#[test]
fn refs_that_are_not_as_expected_are_left_alone_and_others_go_ahead() {
    let bench = Bench::new();
    bench.fixture.somebody_commits("main", "theirs");
    let theirs = bench.on_server("main");
    let pushed = bench
        .push(
            &[
                bench.update("refs/heads/main", Expect::ForwardFrom(bench.tip)),
                bench.update("refs/heads/new", Expect::New),
            ],
            &Push::default(),
        )
        .unwrap();
    assert!(matches!(pushed.outcomes[0], Outcome::Moved { .. }));
    assert_eq!(pushed.outcomes[1], Outcome::Pushed);
    assert_eq!(bench.on_server("main"), theirs);
    assert_eq!(bench.on_server("new"), bench.commit.to_string());
    let taken = bench.one("refs/heads/main", Expect::New);
    assert!(matches!(taken, Outcome::Moved { .. }));
}

#[test]
fn a_lease_replaces_exactly_what_was_seen() {
    let bench = Bench::new();
    git(&bench.fixture.bare(), &["branch", "updates", "main"]);
    bench.fixture.somebody_commits("updates", "theirs");
    let seen = Oid::from_str(&bench.on_server("updates")).unwrap();
    let stale = bench.one("refs/heads/updates", Expect::Lease(bench.tip));
    assert!(matches!(stale, Outcome::Moved { .. }));
    assert_eq!(bench.on_server("updates"), seen.to_string());
    let held = bench.one("refs/heads/updates", Expect::Lease(seen));
    assert_eq!(held, Outcome::Pushed);
    assert_eq!(bench.on_server("updates"), bench.commit.to_string());
}

#[test]
fn going_sideways_without_a_lease_is_refused_before_anything_is_sent() {
    let bench = Bench::new();
    git(&bench.fixture.bare(), &["branch", "updates", "main"]);
    bench.fixture.somebody_commits("updates", "theirs");
    let seen = Oid::from_str(&bench.on_server("updates")).unwrap();
    bench.fixture.requests();
    assert_eq!(
        bench.one("refs/heads/updates", Expect::ForwardFrom(seen)),
        Outcome::Refused {
            text: "non-fast-forward update: refs/heads/updates".to_owned()
        }
    );
    assert_eq!(bench.fixture.requests(), ["GET /a.git/info/refs"]);
}

#[test]
fn the_branch_checked_out_is_never_forced() {
    let bench = Bench::new();
    let push = Push {
        checkout_branch: Some("refs/heads/main".to_owned()),
        ..Push::default()
    };
    let update = bench.update("refs/heads/main", Expect::Lease(bench.tip));
    let error = bench.push(&[update], &push).unwrap_err();
    assert_eq!(
        error.to_string(),
        "refusing to force 'refs/heads/main', the branch checked out"
    );
}

#[test]
fn row_133_a_hook_that_declines_is_quoted() {
    let bench = Bench::new();
    bench
        .fixture
        .refusing_hook("pre-receive", "policy: tickets only");
    let update = bench.update("refs/heads/main", Expect::ForwardFrom(bench.tip));
    let pushed = bench.push(&[update], &Push::default()).unwrap();
    assert_eq!(
        pushed.outcomes,
        [Outcome::Refused {
            text: "command error on refs/heads/main: pre-receive hook declined".to_owned()
        }]
    );
    assert_eq!(pushed.messages, "policy: tickets only");
    assert_eq!(bench.on_server("main"), bench.tip.to_string());
}

#[test]
fn a_reason_that_is_no_text_is_an_error() {
    let bench = Bench::new();
    bench.fixture.before(|method, _| {
        // In one packet of the side band: "unpack ok", the refusal, a flush.
        let report = b"000eunpack ok\n0020ng refs/heads/main \xfc\xfc\xfc\xfc\n0000";
        let packet = format!("{:04x}\u{1}", report.len() + 5);
        let body = [packet.as_bytes(), report, b"0000"].concat();
        (method == "POST").then(|| {
            axum::http::Response::builder()
                .header("content-type", "application/x-git-receive-pack-result")
                .body(axum::body::Body::from(body))
                .unwrap()
        })
    });
    let update = bench.update("refs/heads/main", Expect::ForwardFrom(bench.tip));
    let error = bench.push(&[update], &Push::default()).unwrap_err();
    assert!(
        error.transport().unwrap().to_string().contains("not UTF-8"),
        "{error:?}"
    );
}

#[test]
fn a_branch_that_moves_while_the_pack_is_under_way_counts_as_moved() {
    let bench = Bench::new();
    let bare = bench.fixture.bare();
    bench.fixture.before(move |method, uri| {
        if method == "POST" && uri.path().ends_with("git-receive-pack") {
            super::fixture::somebody_commits(&bare, "main", "theirs");
        }
        None
    });
    let outcome = bench.one("refs/heads/main", Expect::ForwardFrom(bench.tip));
    assert!(matches!(outcome, Outcome::Moved { .. }), "{outcome:?}");
    assert_eq!(bench.fixture.subjects("main"), ["theirs", "first"]);
}

fn options(pairs: &[(&str, &str)]) -> Push {
    Push {
        options: pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
        ..Push::default()
    }
}

#[test]
fn push_options_reach_servers_that_take_them_in_order() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::new();
    git(
        &bench.fixture.bare(),
        &["config", "receive.advertisePushOptions", "true"],
    );
    let hook = bench.fixture.bare().join("hooks/pre-receive");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    let script = "#!/bin/sh\nset | grep ^GIT_PUSH_OPTION | sort >&2\n";
    std::fs::write(&hook, script).unwrap();
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    let update = bench.update("refs/heads/main", Expect::ForwardFrom(bench.tip));
    let push = options(&[("topic", "x"), ("merge_request.create", "")]);
    let pushed = bench.push(&[update], &push).unwrap();
    assert_eq!(pushed.outcomes, [Outcome::Pushed]);
    assert!(!pushed.options_ignored);
    assert_eq!(
        pushed.messages,
        "GIT_PUSH_OPTION_0='merge_request.create='\nGIT_PUSH_OPTION_1='topic=x'\nGIT_PUSH_OPTION_COUNT='2'"
    );
}

#[test]
fn push_options_are_kept_from_servers_that_do_not_take_them() {
    let bench = Bench::new();
    let update = bench.update("refs/heads/main", Expect::ForwardFrom(bench.tip));
    let pushed = bench
        .push(std::slice::from_ref(&update), &options(&[("topic", "x")]))
        .unwrap();
    assert_eq!(pushed.outcomes, [Outcome::Pushed]);
    assert!(pushed.options_ignored);
    let error = bench
        .push(&[update], &options(&[("topic", "a\nb")]))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "push option 'topic' must not contain line breaks"
    );
}

#[test]
fn a_directory_is_pushed_to_as_well() {
    let bench = Bench::new();
    let remote = bench
        .fixture
        .remote_at(&bench.fixture.bare().display().to_string());
    let update = bench.update("refs/heads/main", Expect::ForwardFrom(bench.tip));
    let pushed = bench
        .mirror
        .push(&remote, &[update], &Push::default())
        .unwrap();
    assert_eq!(pushed.outcomes, [Outcome::Pushed]);
    assert_eq!(bench.on_server("main"), bench.commit.to_string());
    bench.fixture.fsck();
}
