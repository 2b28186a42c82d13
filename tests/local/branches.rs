//! What `--commit` and `--push` do in the checkouts people really have.

use harness::git_server::GitServerOptions;
use harness::{GitServer, git};

use crate::fleet::{Checkout, DEPLOYMENT, Fleet, deployment, resources};

const IMAGE: &str = "ghcr.io/stefanprodan/podinfo";
const OBJECTS: &str = "clusters/my-cluster/podinfo-automation.yaml";
pub(crate) const COMMIT: [&str; 4] = ["run", ".", "--tags-from=tags.txt", "--commit"];
pub(crate) const PUSH: [&str; 4] = ["run", ".", "--tags-from=tags.txt", "--push"];

fn fleet() -> Fleet {
    Fleet::new(IMAGE, &[("tags.txt", "5.0.0\n5.0.3\n")])
}

/// A fleet whose objects are written another way.
pub(crate) fn fleet_with(from: &str, to: &str) -> Fleet {
    let objects = resources(IMAGE);
    assert!(objects.contains(from), "{from}");
    let fleet = fleet();
    let objects = objects.replace(from, to);
    fleet
        .repository
        .commit("main", "objects", &[(OBJECTS, objects)]);
    fleet
}

pub(crate) fn head(checkout: &Checkout<'_>) -> String {
    git(checkout.path(), &["rev-parse", "HEAD"])
}

fn commit(checkout: &Checkout<'_>, path: &str, content: &str) -> String {
    checkout.write(path, content);
    git(checkout.path(), &["add", "--all"]);
    git(checkout.path(), &["commit", "--quiet", "--message=by hand"]);
    head(checkout)
}

/// The run ends with one error that holds the words and says what to do next.
pub(crate) fn fails(checkout: &Checkout<'_>, args: &[&str], words: &[&str]) {
    let (stdout, errors) = checkout.ends_with(1, args);
    assert_eq!(stdout, "");
    assert_eq!(errors.matches('✗').count(), 1, "{errors}");
    for words in words.iter().chain(&["next: "]) {
        assert!(errors.contains(words), "{words}: {errors}");
    }
}

#[test]
fn what_is_missing_in_a_checkout_is_named_with_the_next_step() {
    let fleet = fleet();
    let checkout = fleet.checkout();
    git(checkout.path(), &["remote", "remove", "origin"]);
    fails(&checkout, &PUSH, &["no upstream", "git remote add"]);
    git(checkout.path(), &["checkout", "--quiet", "--detach"]);
    // The automation names a branch; without one, there is none to commit to.
    let objects = resources(IMAGE).replace("    push:\n      branch: main\n", "");
    checkout.write(OBJECTS, &objects);
    fails(
        &checkout,
        &COMMIT,
        &["no branch is checked out", "git switch"],
    );
    std::fs::remove_dir_all(checkout.path().join(".git")).unwrap();
    fails(
        &checkout,
        &COMMIT,
        &["is not in a Git checkout", "git clone"],
    );
    git(checkout.path(), &["init", "--quiet"]);
    fails(&checkout, &COMMIT, &["no commit yet", "git commit"]);
    git(checkout.path(), &["add", "--all"]);
    git(checkout.path(), &["commit", "--quiet", "--message=first"]);
    let inside = [
        "run",
        "clusters",
        "-f",
        ".",
        "--tags-from=tags.txt",
        "--commit",
    ];
    fails(
        &checkout,
        &inside,
        &["clusters is not the root", "next: kubectl imgauto run /"],
    );
    checkout.ends_with(0, &COMMIT);
}

#[test]
fn a_detached_head_pushes_where_the_automation_says() {
    let fleet = fleet();
    let checkout = fleet.checkout();
    git(checkout.path(), &["checkout", "--quiet", "--detach"]);
    let before = head(&checkout);
    let report = checkout.report(0, &PUSH);
    assert_eq!(report["updates"][0]["branch"], "main");
    assert_eq!(
        fleet.repository.read("main", DEPLOYMENT),
        deployment(IMAGE, "5.0.3")
    );
    assert_eq!(head(&checkout), before);
    assert_eq!(checkout.status(), "");
}

#[test]
fn a_branch_is_made_continued_and_never_taken_back() {
    let fleet = fleet();
    let checkout = fleet.checkout();
    let main = head(&checkout);
    let on = |what: &'static str| [&COMMIT[..3], &[what, "--branch=updates"]].concat();
    checkout.ends_with(0, &on("--commit"));
    assert_eq!(head(&checkout), main);
    let parents = git(checkout.path(), &["rev-parse", "updates^"]);
    assert_eq!(parents, main);
    assert_eq!(checkout.read(DEPLOYMENT), deployment(IMAGE, "5.0.0"));
    // A second run continues it, and has nothing to do.
    let tip = git(checkout.path(), &["rev-parse", "updates"]);
    checkout.ends_with(0, &on("--commit"));
    assert_eq!(git(checkout.path(), &["rev-parse", "updates"]), tip);
    // At the remote: new, then ahead by somebody else's commit.
    checkout.ends_with(0, &on("--push"));
    assert_eq!(fleet.repository.tip("main").unwrap(), main);
    fleet.repository.commit(
        "updates",
        "theirs",
        &[("notes.md", "x"), ("tags.txt", "5.0.4\n")],
    );
    checkout.write("tags.txt", "5.0.4\n");
    checkout.ends_with(0, &on("--push"));
    assert_eq!(fleet.repository.read("updates", "notes.md"), "x");
    assert_eq!(
        fleet.repository.read("updates", DEPLOYMENT),
        deployment(IMAGE, "5.0.4")
    );
    assert_eq!(
        git(
            fleet.repository.path(),
            &["rev-list", "--count", "main..updates"]
        ),
        "3"
    );
}

#[test]
fn a_checkout_that_is_behind_follows_and_one_that_is_ahead_keeps_its_commits_to_itself() {
    let fleet = fleet();
    let behind = fleet.checkout();
    fleet
        .repository
        .commit("main", "theirs", &[("notes.md", "x")]);
    behind.ends_with(0, &PUSH);
    assert_eq!(head(&behind), fleet.repository.tip("main").unwrap());
    assert_eq!(
        (behind.read("notes.md"), behind.status()),
        ("x".into(), String::new())
    );

    let fleet = self::fleet();
    let ahead = fleet.checkout();
    let own = commit(&ahead, "secret-plan.md", "not yet\n");
    let (_, told) = ahead.ends_with(0, &PUSH);
    assert!(told.contains("git pull"), "{told}");
    assert_eq!(fleet.repository.changed("main"), [DEPLOYMENT]);
    assert_eq!((head(&ahead), ahead.status()), (own, String::new()));
}

#[test]
fn files_a_human_is_at_work_on_stay_as_they_are_when_the_commit_is_pushed() {
    let fleet = fleet();
    let checkout = fleet.checkout();
    let edited = deployment(IMAGE, "5.0.0").replace("9898", "9999");
    checkout.write(DEPLOYMENT, &edited);
    checkout.write("untracked.md", "x");
    let (_, told) = checkout.ends_with(0, &PUSH);
    assert_eq!(
        fleet.repository.read("main", DEPLOYMENT),
        deployment(IMAGE, "5.0.3")
    );
    assert_eq!(fleet.repository.changed("main"), [DEPLOYMENT]);
    assert_eq!(checkout.read(DEPLOYMENT), edited);
    assert!(
        told.contains("stays behind") && told.contains(DEPLOYMENT),
        "{told}"
    );
    fails(&checkout, &COMMIT, &["not committed", "git stash"]);
}

#[test]
fn a_shallow_clone_and_an_upstream_of_another_name() {
    let fleet = fleet_with("    checkout:\n      ref:\n        branch: main\n", "");
    let server = GitServer::start(&fleet.forge, GitServerOptions::default());
    let repository = &fleet.repository;
    repository.commit("main", "second", &[("b.md", "")]);
    let checkout = fleet.checkout();
    git(
        checkout.path(),
        &[
            "fetch",
            "--quiet",
            "--depth=1",
            &format!("file://{}", repository.path().display()),
            "main",
        ],
    );
    git(
        checkout.path(),
        &["remote", "set-url", "origin", &server.url("fleet")],
    );
    let shallow = checkout.path().join(".git/shallow");
    let tip = repository.tip("main").unwrap();
    std::fs::write(&shallow, format!("{tip}\n")).unwrap();
    checkout.ends_with(0, &PUSH);
    assert_eq!(repository.changed("main"), [DEPLOYMENT]);
    assert_eq!(git(checkout.path(), &["rev-list", "--count", "HEAD"]), "2");

    // `trunk` here is `main` there, and the automation names neither.
    let fleet = fleet_with("    push:\n      branch: main\n", "");
    let objects = fleet.repository.read("main", OBJECTS);
    let objects = objects.replace("    checkout:\n      ref:\n        branch: main\n", "");
    fleet
        .repository
        .commit("main", "no ref", &[(OBJECTS, objects)]);
    let checkout = fleet.checkout();
    git(checkout.path(), &["branch", "--quiet", "--move", "trunk"]);
    git(checkout.path(), &["remote", "rename", "origin", "upstream"]);
    let report = checkout.report(0, &PUSH);
    assert_eq!(report["updates"][0]["branch"], "main");
    assert_eq!(head(&checkout), fleet.repository.tip("main").unwrap());
    assert!(fleet.repository.tip("trunk").is_none());
}

#[test]
fn the_rewritten_urls_of_the_users_configuration_count() {
    let fleet = fleet();
    let checkout = fleet.checkout();
    let root = format!("{}/", fleet.forge.root().display());
    git(
        checkout.path(),
        &["config", &format!("url.{root}.insteadOf"), "forge:"],
    );
    git(
        checkout.path(),
        &["remote", "set-url", "origin", "forge:fleet"],
    );
    checkout.ends_with(0, &PUSH);
    assert_eq!(fleet.repository.changed("main"), [DEPLOYMENT]);
}

#[test]
fn push_options_and_a_second_refspec_reach_the_server() {
    let fleet = fleet_with(
        "    push:\n      branch: main\n",
        "    push:\n      branch: main\n      refspec: refs/heads/main:refs/for/main\n      options: {topic: images, ci.skip: ''}\n",
    );
    fleet.repository.hook(
        "post-receive",
        "#!/bin/sh\nenv | grep ^GIT_PUSH_OPTION_ | sort >> options\n",
    );
    let server = GitServer::start(&fleet.forge, GitServerOptions::default());
    let checkout = fleet.clone_from(&server.url("fleet"));
    checkout.ends_with(0, &PUSH);
    let review = git(fleet.repository.path(), &["rev-parse", "refs/for/main"]);
    assert_eq!(review, fleet.repository.tip("main").unwrap());
    let options = std::fs::read_to_string(fleet.repository.path().join("options")).unwrap();
    assert!(
        options.contains("topic=images") && options.contains("=ci.skip"),
        "{options}"
    );

    let fleet = fleet_with(
        "    push:\n      branch: main\n",
        "    push:\n      branch: main\n      refspec: 'a:b:c'\n",
    );
    fails(&fleet.checkout(), &PUSH, &["spec.git.push.refspec"]);
}

#[test]
fn two_automations_on_one_branch_make_two_commits_in_one_push() {
    let fleet = fleet();
    let second = resources(IMAGE);
    let second = second.split("---\n").nth(2).unwrap();
    let second = second
        .replace(
            "  name: flux-system\n  namespace",
            "  name: other\n  namespace",
        )
        .replace("./clusters/my-cluster", "./other");
    let marked = "image: x # {\"$imagepolicy\": \"flux-system:podinfo\"}\n";
    let files = [("other.yaml", second.as_str()), ("other/a.yaml", marked)];
    fleet.repository.commit("main", "second", &files);
    let checkout = fleet.checkout();
    let report = checkout.report(0, &PUSH);
    let updates = report["updates"].as_array().unwrap();
    assert_eq!(updates.len(), 2);
    assert_eq!(updates[1]["commit"], fleet.repository.tip("main").unwrap());
    let parent = git(fleet.repository.path(), &["rev-parse", "main^"]);
    assert_eq!(updates[0]["commit"], parent);
    assert_eq!(fleet.repository.changed("main"), ["other/a.yaml"]);
    assert_eq!(fleet.repository.changed("main^"), [DEPLOYMENT]);
    assert_eq!(
        (head(&checkout), checkout.status()),
        (fleet.repository.tip("main").unwrap(), String::new())
    );
}

#[test]
fn a_locked_index_is_found_before_any_file_is_written() {
    let fleet = fleet();
    let checkout = fleet.checkout();
    let lock = checkout.path().join(".git/index.lock");
    std::fs::write(&lock, "").unwrap();
    fails(&checkout, &COMMIT, &["index.lock exists", "can be removed"]);
    assert_eq!(checkout.read(DEPLOYMENT), deployment(IMAGE, "5.0.0"));
    std::fs::remove_file(lock).unwrap();
    checkout.ends_with(0, &COMMIT);
}

#[test]
fn row_132_a_submodule_is_left_alone_whatever_its_name() {
    let fleet = fleet();
    let checkout = fleet.checkout();
    let id = head(&checkout);
    let entry = format!("160000,{id},clusters/my-cluster/module.yaml");
    git(
        checkout.path(),
        &["update-index", "--add", "--cacheinfo", &entry],
    );
    git(
        checkout.path(),
        &["commit", "--quiet", "--message=a submodule"],
    );
    let report = checkout.report(0, &COMMIT);
    assert_eq!(report["problems"], serde_json::json!([]));
    assert_eq!(
        git(checkout.path(), &["diff", "--name-only", "HEAD^", "HEAD"]),
        DEPLOYMENT
    );
    let kept = git(
        checkout.path(),
        &["ls-tree", "HEAD", "clusters/my-cluster/module.yaml"],
    );
    assert!(kept.starts_with("160000 commit"), "{kept}");
}
