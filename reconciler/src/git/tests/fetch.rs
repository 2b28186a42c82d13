use engine::branch::{CheckoutRef, Course, Gates, plan};
use git2::Oid;

use super::super::*;
use super::fixture::{Fixture, branch, git, last_tag, on_main};
use crate::chain::Chain;

fn fetch(fixture: &Fixture, checkout: &CheckoutRef) -> Result<Fetched, GitError> {
    let plan = plan(Some(checkout), Some("updates"), Gates::default()).unwrap();
    fixture.mirror().fetch(&fixture.remote(), &plan, &last_tag)
}

#[test]
fn a_branch_is_fetched_without_its_history() {
    let fixture = Fixture::with_repository();
    let tip = fixture.somebody_commits("main", "second");
    let mut mirror = fixture.mirror();
    let fetched = mirror
        .fetch(&fixture.remote(), &on_main(), &last_tag)
        .unwrap();
    assert_eq!(fetched.start.to_string(), tip);
    assert_eq!(fetched.course, Course::Continue);
    let log = git(&fixture.path("mirror"), &["log", "--format=%s", &tip]);
    assert_eq!(log, "second");
}

#[test]
fn row_128_an_unchanged_remote_costs_one_listing() {
    let fixture = Fixture::with_repository();
    let mut mirror = fixture.mirror();
    let first = mirror
        .fetch(&fixture.remote(), &on_main(), &last_tag)
        .unwrap();
    fixture.requests();
    let second = mirror
        .fetch(&fixture.remote(), &on_main(), &last_tag)
        .unwrap();
    assert_eq!(first.start, second.start);
    assert_eq!(fixture.requests(), ["GET /a.git/info/refs"]);
    let listing = fixture.remote().list().unwrap();
    assert_eq!(fixture.requests(), ["GET /a.git/info/refs"]);
    assert_eq!(listing.commit("refs/heads/main"), Some(first.start));
}

#[test]
fn a_warm_mirror_survives_being_opened_again_and_follows_the_branch() {
    let fixture = Fixture::with_repository();
    fixture
        .mirror()
        .fetch(&fixture.remote(), &on_main(), &last_tag)
        .unwrap();
    let mut mirror = fixture.mirror();
    for name in ["second", "third"] {
        let tip = fixture.somebody_commits("main", name);
        let fetched = mirror
            .fetch(&fixture.remote(), &on_main(), &last_tag)
            .unwrap();
        assert_eq!(fetched.start.to_string(), tip);
        let files = mirror.files(fetched.start, "").unwrap().files;
        assert!(files.iter().any(|file| file.path == name));
    }
}

#[test]
fn tags_annotated_or_not_lead_to_their_commit() {
    let fixture = Fixture::with_repository();
    let first = git(&fixture.bare(), &["rev-parse", "main"]);
    git(&fixture.bare(), &["tag", "v1"]);
    fixture.somebody_commits("main", "second");
    let second = git(&fixture.bare(), &["rev-parse", "main"]);
    git(&fixture.bare(), &["tag", "-a", "-m", "two", "v2", "main"]);
    for (name, commit) in [("v1", first), ("v2", second.clone())] {
        let checkout = CheckoutRef {
            tag: Some(name.to_owned()),
            ..CheckoutRef::default()
        };
        let fetched = fetch(&fixture, &checkout).unwrap();
        assert_eq!(fetched.start.to_string(), commit);
        assert_eq!(fetched.course, Course::Create);
    }
    let range = CheckoutRef {
        semver: Some(">=1".to_owned()),
        ..CheckoutRef::default()
    };
    assert_eq!(fetch(&fixture, &range).unwrap().start.to_string(), second);
}

#[test]
fn commits_are_found_at_a_tip_by_id_or_in_the_history() {
    let fixture = Fixture::with_repository();
    let old = git(&fixture.bare(), &["rev-parse", "main"]);
    let new = fixture.somebody_commits("main", "second");
    let at = |id: &str, on: Option<&str>| CheckoutRef {
        commit: Some(id.to_owned()),
        branch: on.map(str::to_owned),
        ..CheckoutRef::default()
    };
    assert_eq!(
        fetch(&fixture, &at(&new, None)).unwrap().start.to_string(),
        new
    );
    assert_eq!(
        fetch(&fixture, &at(&old, Some("main")))
            .unwrap()
            .start
            .to_string(),
        old
    );
    fixture.mirror().reset().unwrap();
    git(
        &fixture.bare(),
        &["config", "uploadpack.allowAnySHA1InWant", "true"],
    );
    assert_eq!(
        fetch(&fixture, &at(&old, None)).unwrap().start.to_string(),
        old
    );
    let log = git(&fixture.path("mirror"), &["rev-list", "--count", &old]);
    assert_eq!(log, "1");
    for unknown in ["1234", &"1".repeat(40)] {
        let error = fetch(&fixture, &at(unknown, None)).unwrap_err();
        assert!(!error.to_string().is_empty());
    }
    git(
        &fixture.bare(),
        &["config", "uploadpack.allowAnySHA1InWant", "false"],
    );
    let error = fetch(&fixture, &at(&"1".repeat(40), None)).unwrap_err();
    assert!(matches!(error, GitError::MissingCommit { .. }), "{error:?}");
}

#[test]
fn refs_outside_branches_and_tags_are_fetched_by_name() {
    let fixture = Fixture::with_repository();
    let tip = git(&fixture.bare(), &["rev-parse", "main"]);
    git(&fixture.bare(), &["update-ref", "refs/pull/1/head", &tip]);
    let named = |name: &str| CheckoutRef {
        name: Some(name.to_owned()),
        ..CheckoutRef::default()
    };
    let fetched = fetch(&fixture, &named("refs/pull/1/head")).unwrap();
    assert_eq!(fetched.start.to_string(), tip);
    assert_eq!(
        fetch(&fixture, &named("refs/pull/2/head"))
            .unwrap_err()
            .to_string(),
        "unable to resolve ref 'refs/pull/2/head' to a specific commit"
    );
}

#[test]
fn branches_with_names_that_are_no_text_disturb_nobody() {
    use std::os::unix::ffi::OsStrExt as _;
    let fixture = Fixture::with_repository();
    let tip = git(&fixture.bare(), &["rev-parse", "main"]);
    let odd = std::ffi::OsStr::from_bytes(b"refs/heads/f\xfcr");
    std::fs::write(fixture.bare().join(odd), format!("{tip}\n")).unwrap();
    let mut mirror = fixture.mirror();
    let remote = fixture.remote();
    let start = mirror.fetch(&remote, &on_main(), &last_tag).unwrap().start;
    assert_eq!(start.to_string(), tip);
    let update = Update {
        commit: super::fixture::set_image(&mirror, start, "2"),
        reference: "refs/heads/main".to_owned(),
        expect: Expect::ForwardFrom(start),
    };
    let pushed = mirror.push(&remote, &[update], &Push::default()).unwrap();
    assert_eq!(pushed.outcomes, [Outcome::Pushed]);
}

#[test]
fn a_missing_branch_is_named() {
    let fixture = Fixture::with_repository();
    let error = fetch(&fixture, &branch("nope")).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "unable to clone '{}': couldn't find remote ref \"refs/heads/nope\"",
            fixture.url("a.git")
        )
    );
}

#[test]
fn a_range_without_a_tag_is_named() {
    let fixture = Fixture::with_repository();
    let range = CheckoutRef {
        semver: Some(">=9".to_owned()),
        ..CheckoutRef::default()
    };
    assert_eq!(
        fetch(&fixture, &range).unwrap_err().to_string(),
        "no match found for semver: >=9"
    );
}

#[test]
fn row_127_an_empty_repository_is_told_apart() {
    let fixture = Fixture::with_repository();
    git(fixture.dir.path(), &["init", "-q", "--bare", "empty.git"]);
    let remote = fixture.remote_at(&fixture.url("empty.git"));
    let error = fixture
        .mirror()
        .fetch(&remote, &on_main(), &last_tag)
        .unwrap_err();
    assert!(
        matches!(error, GitError::EmptyRepository { .. }),
        "{error:?}"
    );
}

#[test]
fn sha256_repositories_are_told_apart() {
    let fixture = Fixture::with_repository();
    let arguments = ["init", "-q", "--bare", "--object-format=sha256", "new.git"];
    git(fixture.dir.path(), &arguments);
    let tree = git(&fixture.path("new.git"), &["mktree"]);
    let commit = git(&fixture.path("new.git"), &["commit-tree", "-m", "x", &tree]);
    git(
        &fixture.path("new.git"),
        &["update-ref", "refs/heads/main", &commit],
    );
    let remote = fixture.remote_at(&fixture.url("new.git"));
    let error = fixture
        .mirror()
        .fetch(&remote, &on_main(), &last_tag)
        .unwrap_err();
    assert!(matches!(error, GitError::Sha256 { .. }), "{error:?}");
}

#[test]
fn a_damaged_mirror_is_made_anew() {
    let fixture = Fixture::with_repository();
    let mut mirror = fixture.mirror();
    mirror
        .fetch(&fixture.remote(), &on_main(), &last_tag)
        .unwrap();
    drop(mirror);
    for entry in std::fs::read_dir(fixture.path("mirror/objects/pack")).unwrap() {
        let path = entry.unwrap().path();
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "not a pack").unwrap();
    }
    let fetched = fixture
        .mirror()
        .fetch(&fixture.remote(), &on_main(), &last_tag)
        .unwrap();
    assert!(fixture.mirror().files(fetched.start, "").is_ok());
    std::fs::remove_file(fixture.path("mirror/HEAD")).unwrap();
    assert!(
        fixture
            .mirror()
            .fetch(&fixture.remote(), &on_main(), &last_tag)
            .is_ok()
    );
}

#[test]
fn a_worn_mirror_is_made_anew() {
    let fixture = Fixture::with_repository();
    let mut mirror = fixture.mirror();
    for number in 0..60 {
        let pack = format!("mirror/objects/pack/pack-{number}.pack");
        std::fs::write(fixture.path(&pack), "").unwrap();
    }
    mirror
        .fetch(&fixture.remote(), &on_main(), &last_tag)
        .unwrap();
    assert!(!fixture.path("mirror/objects/pack/pack-1.pack").exists());
}

#[test]
fn a_mirror_has_one_user() {
    let fixture = Fixture::with_repository();
    let first = fixture.mirror();
    let second = Mirror::open(&fixture.path("mirror"));
    assert!(matches!(second, Err(GitError::InUse(_))));
    drop(first);
    assert!(Mirror::open(&fixture.path("mirror")).is_ok());
}

#[test]
fn directories_are_remotes_too() {
    let fixture = Fixture::with_repository();
    let tip = git(&fixture.bare(), &["rev-parse", "main"]);
    let path = fixture.bare().display().to_string();
    for url in [path.clone(), format!("file://{path}")] {
        let mut mirror = fixture.mirror();
        mirror.reset().unwrap();
        let remote = fixture.remote_at(&url);
        let fetched = mirror.fetch(&remote, &on_main(), &last_tag).unwrap();
        assert_eq!(fetched.start.to_string(), tip);
    }
    let nowhere = fixture.remote_at("/nonexistent/a.git");
    let error = nowhere.list().unwrap_err();
    assert!(
        Chain(&error).to_string().contains("/nonexistent/a.git"),
        "{error:?}"
    );
}

#[test]
fn files_are_listed_with_their_kinds() {
    let fixture = Fixture::with_repository();
    let mut mirror = fixture.mirror();
    let start = mirror
        .fetch(&fixture.remote(), &on_main(), &last_tag)
        .unwrap()
        .start;
    let list = |path: &str| -> Vec<(String, Kind)> {
        let files = mirror.files(start, path).unwrap().files;
        files
            .into_iter()
            .map(|file| (file.path, file.kind))
            .collect()
    };
    let below = [
        ("clusters/a/deploy.yaml".to_owned(), Kind::Regular),
        ("clusters/a/link".to_owned(), Kind::Symlink),
        ("clusters/module".to_owned(), Kind::Submodule),
        ("clusters/run.sh".to_owned(), Kind::Executable),
    ];
    assert_eq!(list("/../clusters/"), below);
    assert_eq!(list("clusters/run.sh"), below[3..]);
    assert_eq!(list("").len(), 5);
    let error = |path: &str| mirror.files(start, path).unwrap_err();
    assert!(matches!(error("clusters/b"), GitError::MissingPath(_)));
    assert!(matches!(error("README/x"), GitError::MissingPath(_)));
    assert!(matches!(error("clusters/a/link"), GitError::NotFollowed(_)));
    assert!(matches!(
        error("clusters/module/x"),
        GitError::NotFollowed(_)
    ));
}

#[test]
fn names_that_are_no_text_are_reported_and_contents_read() {
    let fixture = Fixture::with_repository();
    let blob = git(&fixture.bare(), &["rev-parse", "main:README"]);
    let input = format!("100644 blob {blob}\t\"\\377.yaml\"\n");
    let tree = super::fixture::git_with_input(&fixture.bare(), &["mktree"], &input);
    let commit = git(&fixture.bare(), &["commit-tree", "-m", "odd", &tree]);
    git(&fixture.bare(), &["update-ref", "refs/heads/main", &commit]);
    let mut mirror = fixture.mirror();
    let start = mirror
        .fetch(&fixture.remote(), &on_main(), &last_tag)
        .unwrap()
        .start;
    let files = mirror.files(start, "").unwrap().files;
    assert_eq!(files[0].kind, Kind::Unnamable);
    let blobs = mirror.blobs().unwrap();
    assert_eq!(blobs.read(files[0].id).unwrap().as_ref(), b"hello\n");
    assert_eq!(blobs.size(files[0].id).unwrap(), 6);
    let unknown = Oid::from_str(&"1".repeat(40)).unwrap();
    assert!(blobs.read(unknown).err().unwrap().is_damage());
}
