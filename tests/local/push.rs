//! `run --commit` and `run --push` against real registries and Git servers.

use std::sync::atomic::{AtomicUsize, Ordering};

use harness::git_server::{GitAuth, GitServerOptions, PushMoment};
use harness::registry::RegistryOptions;
use harness::ssh_server::{SshKey, SshKeyKind};
use harness::{GitServer, Registry, SshServer, git};

use crate::fleet::{DEPLOYMENT, Fleet, deployment};

/// A registry with the guide's tags, and a fleet that scans it.
fn job() -> (Registry, Fleet, String) {
    let registry = Registry::start(RegistryOptions::default());
    registry.push_tags(
        "podinfo",
        &["4.0.6", "5.0.0", "5.0.1", "5.0.3", "5.1.0-rc.1", "latest"],
    );
    let image = registry.image("podinfo");
    let fleet = Fleet::new(
        &image,
        &[(
            "other.yaml",
            "image: x # {\"$imagepolicy\": \"flux-system:podinfo\"}\n",
        )],
    );
    (registry, fleet, image)
}

/// The remote has exactly one new commit, by the automation, that changes the marked bytes and nothing else.
fn pushed(fleet: &Fleet, image: &str) {
    let repository = &fleet.repository;
    assert_eq!(repository.changed("main"), [DEPLOYMENT]);
    assert_eq!(
        repository.read("main", DEPLOYMENT),
        deployment(image, "5.0.3")
    );
    let log = git(
        repository.path(),
        &["log", "-1", "--format=%an <%ae> %cn <%ce>%n%B", "main"],
    );
    assert_eq!(
        log.trim_end(),
        format!(
            "fluxcdbot <fluxcdbot@users.noreply.github.com> fluxcdbot <fluxcdbot@users.noreply.github.com>\n{image}:5.0.0 -> {image}:5.0.3"
        )
    );
    git(repository.path(), &["fsck", "--strict"]);
}

#[test]
fn the_whole_job_over_http() {
    let (_registry, fleet, image) = job();
    let auth = GitAuth::Basic {
        username: "ada".into(),
        password: "s3cret".into(),
    };
    let server = GitServer::start(
        &fleet.forge,
        GitServerOptions {
            auth,
            ..Default::default()
        },
    );
    let url = server.url("fleet").replace("http://", "http://ada:s3cret@");
    let checkout = fleet.clone_from(&url);
    let report = checkout.report(0, &["run", ".", "--commit", "--push"]);
    pushed(&fleet, &image);
    let update = &report["updates"][0];
    assert_eq!(update["automation"], "flux-system/flux-system");
    assert_eq!(update["commit"], fleet.repository.tip("main").unwrap());
    assert_eq!(update["changes"][0]["file"], DEPLOYMENT);
    assert_eq!(update["changes"][0]["line"], 13);
    assert_eq!(update["changes"][0]["old"], format!("{image}:5.0.0"));
    assert_eq!(update["changes"][0]["new"], format!("{image}:5.0.3"));
    assert_eq!(update["changes"][0]["setter"], "flux-system:podinfo");
    // The clone follows, and a second run has nothing to do.
    assert_eq!(
        git(checkout.path(), &["rev-parse", "HEAD"]),
        fleet.repository.tip("main").unwrap()
    );
    assert_eq!(checkout.status(), "");
    let again = checkout.report(0, &["run", ".", "--push"]);
    assert_eq!(again["updates"][0]["commit"], serde_json::Value::Null);
}

#[test]
fn the_whole_job_over_ssh() {
    let (_registry, fleet, image) = job();
    for kind in [SshKeyKind::Ed25519, SshKeyKind::Rsa] {
        fleet.repository.point("main", &first_commit(&fleet));
        let key = SshKey::generate(kind, None);
        let server = SshServer::start(&fleet.forge, SshKeyKind::Ed25519, &[&key]);
        let ssh = fleet.home.path().join(".ssh");
        std::fs::create_dir_all(&ssh).unwrap();
        let name = match kind {
            SshKeyKind::Rsa => "id_rsa",
            _ => "id_ed25519",
        };
        std::fs::write(ssh.join(name), key.private).unwrap();
        std::fs::write(ssh.join("known_hosts"), server.known_hosts()).unwrap();
        let checkout = fleet.checkout();
        git(
            checkout.path(),
            &["remote", "set-url", "origin", &server.url("fleet")],
        );
        checkout.ends_with(0, &["run", ".", "--push"]);
        pushed(&fleet, &image);
        std::fs::remove_file(ssh.join(name)).unwrap();
    }
}

fn first_commit(fleet: &Fleet) -> String {
    git(
        fleet.repository.path(),
        &["rev-list", "--max-parents=0", "main"],
    )
}

#[test]
fn somebody_elses_commit_is_kept_and_ours_goes_on_top() {
    let (_registry, fleet, image) = job();
    let server = GitServer::start(&fleet.forge, GitServerOptions::default());
    let checkout = fleet.clone_from(&server.url("fleet"));
    let repository = fleet.repository.clone();
    let meanwhile = AtomicUsize::new(0);
    server.on_push(move |moment, _| {
        // Twice: once before the client learns of it, once when it is too late for it.
        let wanted = [PushMoment::Advertising, PushMoment::Receiving];
        let turn = meanwhile.load(Ordering::SeqCst);
        if wanted.get(turn) == Some(&moment) {
            meanwhile.store(turn + 1, Ordering::SeqCst);
            repository.commit("main", "by a human", &[("notes.md", &format!("{turn}\n"))]);
        }
    });
    checkout.ends_with(0, &["run", ".", "--push"]);
    pushed(&fleet, &image);
    assert_eq!(fleet.repository.read("main", "notes.md"), "1\n");
    let subjects = git(
        fleet.repository.path(),
        &["log", "--format=%s", "-3", "main"],
    );
    assert!(subjects.ends_with("by a human\nby a human"), "{subjects}");
}

#[test]
fn a_server_that_refuses_ends_in_one_clear_error() {
    let (_registry, fleet, image) = job();
    let server = GitServer::start(&fleet.forge, GitServerOptions::default());
    let checkout = fleet.clone_from(&server.url("fleet"));
    fleet.repository.hook(
        "pre-receive",
        "#!/bin/sh\necho 'images are frozen until monday' >&2\nexit 1\n",
    );
    let before = fleet.repository.tip("main");
    let (_, errors) = checkout.ends_with(1, &["run", ".", "--push"]);
    assert_eq!(fleet.repository.tip("main"), before);
    assert_eq!(errors.matches('✗').count(), 1, "{errors}");
    assert!(errors.contains("pre-receive hook declined"), "{errors}");
    assert!(
        errors.contains("images are frozen until monday"),
        "{errors}"
    );
    assert_eq!(checkout.read(DEPLOYMENT), deployment(&image, "5.0.0"));
    assert_eq!(checkout.status(), "");
}

#[test]
fn a_commit_without_a_push_stays_here() {
    let (_registry, fleet, image) = job();
    let checkout = fleet.checkout();
    let before = fleet.repository.tip("main");
    let report = checkout.report(0, &["run", ".", "--commit"]);
    assert_eq!(fleet.repository.tip("main"), before);
    let head = git(checkout.path(), &["rev-parse", "HEAD"]);
    assert_eq!(report["updates"][0]["commit"], head.as_str());
    assert_eq!(report["updates"][0]["branch"], "main");
    assert_eq!(checkout.read(DEPLOYMENT), deployment(&image, "5.0.3"));
    assert_eq!(checkout.status(), "");
}

#[test]
fn uncommitted_changes_of_a_human_are_never_committed_nor_lost() {
    let (_registry, fleet, image) = job();
    let checkout = fleet.checkout();
    let edited = deployment(&image, "5.0.0").replace("9898", "9999");
    checkout.write(DEPLOYMENT, &edited);
    let head = git(checkout.path(), &["rev-parse", "HEAD"]);
    let (_, errors) = checkout.ends_with(1, &["run", ".", "--commit"]);
    assert!(
        errors.contains(DEPLOYMENT) && errors.contains("not committed"),
        "{errors}"
    );
    assert_eq!(git(checkout.path(), &["rev-parse", "HEAD"]), head);
    assert_eq!(checkout.read(DEPLOYMENT), edited);
}

#[test]
fn a_push_branch_of_its_own_leaves_the_checkout_branch_alone() {
    let (_registry, fleet, image) = job();
    let server = GitServer::start(&fleet.forge, GitServerOptions::default());
    let checkout = fleet.clone_from(&server.url("fleet"));
    let main = fleet.repository.tip("main");
    checkout.ends_with(0, &["run", ".", "--push", "--branch", "updates"]);
    assert_eq!(fleet.repository.tip("main"), main);
    assert_eq!(
        fleet.repository.read("updates", DEPLOYMENT),
        deployment(&image, "5.0.3")
    );
    assert_eq!(checkout.read(DEPLOYMENT), deployment(&image, "5.0.0"));
    assert_eq!(checkout.status(), "");
}
