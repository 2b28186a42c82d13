use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use engine::branch::{Gates, plan};
use git2::Oid;

use super::super::*;
use super::fixture::{Fixture, author, branch, git, last_tag, set_image};

struct Bench {
    fixture: Fixture,
    checkout: Checkout,
    head: Oid,
}

const FILE: &str = "clusters/a/deploy.yaml";

impl Bench {
    fn new() -> Self {
        let fixture = Fixture::with_repository();
        let arguments = ["clone", "-q", "a.git", "mine"];
        git(fixture.dir.path(), &arguments);
        let work = fixture.path("mine");
        git(
            &work,
            &["remote", "set-url", "origin", &fixture.url("a.git")],
        );
        let checkout = Checkout::discover(&work.join("clusters")).unwrap();
        let head = checkout.head().unwrap().commit;
        Self {
            fixture,
            checkout,
            head,
        }
    }

    fn work(&self) -> PathBuf {
        self.fixture.path("mine")
    }

    fn git(&self, arguments: &[&str]) -> String {
        git(&self.work(), arguments)
    }

    fn image_two(&self) -> Oid {
        set_image(self.checkout.repository(), self.head, "2")
    }

    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.work().join(path)).unwrap()
    }
}

#[test]
fn a_checkout_knows_its_branch_and_upstream() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.checkout.head().unwrap().branch.as_deref(),
        Some("main")
    );
    assert_eq!(
        bench.checkout.work_tree().canonicalize().unwrap(),
        bench.work().canonicalize().unwrap()
    );
    let upstream = bench.checkout.upstream(Some("main")).unwrap();
    assert_eq!(
        (upstream.remote.as_str(), upstream.branch.as_deref()),
        ("origin", Some("main"))
    );
    assert_eq!(upstream.url, bench.fixture.url("a.git"));
    assert_eq!(
        bench
            .checkout
            .upstream(Some("other"))
            .unwrap()
            .branch
            .unwrap(),
        "other"
    );
    bench.git(&["remote", "set-url", "origin", "../a.git"]);
    let relative = bench.checkout.upstream(Some("main")).unwrap();
    let remote = bench.fixture.remote_at(&relative.url);
    assert!(remote.list().is_ok());
    bench.git(&["remote", "remove", "origin"]);
    let error = bench.checkout.upstream(Some("main")).unwrap_err();
    assert!(matches!(error, CheckoutError::NoUpstream(_)));
}

#[test]
fn what_is_no_checkout_is_told_apart() {
    let fixture = Fixture::with_repository();
    for path in [fixture.bare(), PathBuf::from("/")] {
        let error = Checkout::discover(&path).err().unwrap();
        assert!(matches!(error, CheckoutError::NotACheckout(_)), "{error:?}");
    }
    git(fixture.dir.path(), &["init", "-q", "fresh"]);
    let fresh = Checkout::discover(&fixture.path("fresh")).unwrap();
    assert!(matches!(fresh.head(), Err(CheckoutError::NoCommit)));
}

#[test]
fn advancing_moves_branch_files_and_index_together() {
    let bench = Bench::new();
    std::fs::write(bench.work().join("README"), "my own edit\n").unwrap();
    let private = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(bench.work().join(FILE), private).unwrap();
    let commit = bench.image_two();
    bench.checkout.advance(bench.head, commit).unwrap();
    assert_eq!(bench.git(&["rev-parse", "main"]), commit.to_string());
    assert_eq!(bench.read(FILE), "image: app:2\n");
    assert_eq!(
        bench.git(&["status", "--porcelain", "--ignore-submodules"]),
        "M README"
    );
    assert_eq!(bench.read("README"), "my own edit\n");
    let mode = std::fs::metadata(bench.work().join(FILE))
        .unwrap()
        .permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    let leftovers = std::fs::read_dir(bench.work().join(".git")).unwrap();
    let ours = leftovers
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("imgauto-"));
    assert_eq!(ours.count(), 0);
    bench.git(&["fsck", "--strict"]);
}

#[test]
fn changes_that_are_not_committed_are_not_overwritten() {
    let bench = Bench::new();
    let commit = bench.image_two();
    std::fs::write(bench.work().join(FILE), "image: mine\n").unwrap();
    let refused = bench.checkout.advance(bench.head, commit).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "these files have changes that are not committed: clusters/a/deploy.yaml"
    );
    bench.git(&["add", FILE]);
    std::fs::write(bench.work().join(FILE), "image: app:1\n").unwrap();
    let staged = bench.checkout.advance(bench.head, commit).unwrap_err();
    assert!(matches!(staged, CheckoutError::Dirty(_)));
    assert_eq!(bench.git(&["rev-parse", "main"]), bench.head.to_string());
    let dirty = bench.checkout.dirty([FILE, "README", "missing"]).unwrap();
    assert_eq!(dirty, [FILE, "missing"]);
}

#[test]
fn a_run_that_ended_early_is_completed() {
    let bench = Bench::new();
    let commit = bench.image_two();
    std::fs::write(bench.work().join(FILE), "image: app:2\n").unwrap();
    bench.checkout.advance(bench.head, commit).unwrap();
    assert_eq!(
        bench.git(&["status", "--porcelain", "--ignore-submodules"]),
        ""
    );
    assert_eq!(bench.git(&["rev-parse", "main"]), commit.to_string());
}

#[test]
fn leftovers_of_killed_runs_are_swept_once_they_are_old() {
    let bench = Bench::new();
    let commit = bench.image_two();
    let git_directory = bench.work().join(".git");
    let (old, young) = (
        git_directory.join("imgauto-staging-old"),
        git_directory.join("imgauto-staging-young"),
    );
    for directory in [&old, &young] {
        std::fs::create_dir(directory).unwrap();
    }
    let yesterday = std::time::SystemTime::now() - std::time::Duration::from_secs(86_400);
    let handle = std::fs::File::open(&old).unwrap();
    handle.set_modified(yesterday).unwrap();
    bench.checkout.advance(bench.head, commit).unwrap();
    assert!(!old.exists());
    assert!(young.exists());
}

#[test]
fn a_branch_that_moved_stays_where_it_is() {
    let bench = Bench::new();
    let commit = bench.image_two();
    bench.git(&["commit", "-q", "--allow-empty", "-m", "mine"]);
    let error = bench.checkout.advance(bench.head, commit).unwrap_err();
    assert!(matches!(error, CheckoutError::BranchMoved(_)));
    assert_eq!(bench.read(FILE), "image: app:1\n");
    bench.git(&["checkout", "-q", "--detach"]);
    let error = bench.checkout.advance(bench.head, commit).unwrap_err();
    assert!(matches!(error, CheckoutError::Detached));
}

#[test]
fn files_behind_a_link_are_not_written() {
    let bench = Bench::new();
    let commit = bench.image_two();
    let outside = bench.fixture.path("outside");
    std::fs::rename(bench.work().join("clusters/a"), &outside).unwrap();
    std::os::unix::fs::symlink(&outside, bench.work().join("clusters/a")).unwrap();
    let error = bench.checkout.advance(bench.head, commit).unwrap_err();
    assert!(matches!(error, CheckoutError::BehindLink(_)), "{error:?}");
    let untouched = std::fs::read_to_string(outside.join("deploy.yaml")).unwrap();
    assert_eq!(untouched, "image: app:1\n");
}

#[test]
fn new_and_removed_files_follow() {
    let bench = Bench::new();
    bench.git(&["rm", "-q", "README"]);
    std::fs::create_dir(bench.work().join("more")).unwrap();
    std::fs::write(bench.work().join("more/new.yaml"), "new\n").unwrap();
    bench.git(&["add", "more"]);
    bench.git(&["commit", "-q", "-m", "both"]);
    let commit = Oid::from_str(&bench.git(&["rev-parse", "HEAD"])).unwrap();
    bench.git(&["reset", "-q", "--hard", &bench.head.to_string()]);
    bench.checkout.advance(bench.head, commit).unwrap();
    assert_eq!(
        bench.git(&["status", "--porcelain", "--ignore-submodules"]),
        ""
    );
    assert_eq!(bench.read("more/new.yaml"), "new\n");
    assert!(!bench.work().join("README").exists());
}

#[test]
fn line_endings_follow_the_attributes() {
    let bench = Bench::new();
    let attributes = [Edit {
        path: ".gitattributes".to_owned(),
        content: b"*.yaml text eol=crlf\n".to_vec(),
    }];
    let repository = bench.checkout.repository();
    let with_attributes = repository
        .commit(&NewCommit {
            parent: bench.head,
            edits: &attributes,
            author: &author(),
            message: "attributes",
            signer: None,
        })
        .unwrap();
    bench.checkout.advance(bench.head, with_attributes).unwrap();
    bench.git(&["rm", "-q", "--cached", "-r", "clusters/a"]);
    bench.git(&["reset", "-q", "--hard"]);
    assert_eq!(bench.read(FILE), "image: app:1\r\n");
    let commit = set_image(repository, with_attributes, "2");
    bench.checkout.advance(with_attributes, commit).unwrap();
    assert_eq!(bench.read(FILE), "image: app:2\r\n");
    assert_eq!(
        bench.git(&["status", "--porcelain", "--ignore-submodules"]),
        ""
    );
}

#[test]
fn a_checkout_is_pushed_from_and_keeps_what_others_pushed() {
    let mut bench = Bench::new();
    let upstream = bench.checkout.upstream(Some("main")).unwrap();
    let remote = bench.fixture.remote_at(&upstream.url);
    let plan = plan(
        Some(&branch(upstream.branch.as_deref().unwrap())),
        None,
        Gates::default(),
    )
    .unwrap();
    bench.fixture.somebody_commits("main", "theirs");
    let job = Job {
        remote: &remote,
        plan: &plan,
        choose: &last_tag,
        options: std::collections::BTreeMap::new(),
        refspec: None,
        attempts: DEFAULT_ATTEMPTS,
        pause: &|_| std::time::Duration::ZERO,
    };
    let written = bench
        .checkout
        .repository()
        .write(&job, |tip| {
            Ok::<_, GitError>(vec![set_image(tip.repository, tip.commit, "2")])
        })
        .unwrap();
    assert_eq!(
        bench.fixture.subjects("main"),
        ["image 2", "theirs", "first"]
    );
    let tip = *written.commits.last().unwrap();
    assert_eq!(bench.git(&["rev-parse", "origin/main"]), tip.to_string());
    assert!(!bench.work().join(".git/shallow").exists());
    bench.checkout.advance(bench.head, tip).unwrap();
    assert_eq!(bench.read("theirs"), "theirs\n");
    assert_eq!(
        bench.git(&["status", "-b", "--porcelain", "--ignore-submodules"]),
        "## main...origin/main"
    );
}
