//! Git over HTTP and SSH, with the real git as the client.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};

use harness::git_server::{GitAuth, GitFault, GitServerOptions, PushMoment};
use harness::program::{clean, output};
use harness::ssh_server::{SshKey, SshKeyKind};
use harness::tls::{ClientCertificates, Tls};
use harness::{Authority, Forge, GitServer, Repository, SshServer, git};
use tempfile::TempDir;

use super::folder;

/// A forge with one repository, `fleet`, with one commit on `main`.
fn forge() -> (Forge, Repository) {
    let forge = Forge::new();
    let repository = forge.create("fleet");
    repository.commit("main", "first", &[("app.yaml", "image: a:1\n")]);
    (forge, repository)
}

/// Runs git without looking at how it ends.
fn attempt(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new("git");
    clean(&mut command, folder);
    output(command.current_dir(folder).args(args))
}

/// Clones a repository and commits a change in the clone.
fn change(url: &str) -> TempDir {
    let clone = folder();
    git(clone.path(), &["clone", "--quiet", "--depth=1", url, "."]);
    std::fs::write(clone.path().join("app.yaml"), "image: a:2\n").unwrap();
    git(
        clone.path(),
        &["commit", "--quiet", "--all", "--message=second"],
    );
    clone
}

#[test]
fn a_shallow_clone_is_pushed_over_http() {
    let (forge, repository) = forge();
    let server = GitServer::start(&forge, GitServerOptions::default());
    repository.hook(
        "pre-receive",
        "#!/bin/sh\necho \"$GIT_PUSH_OPTION_0\" >option\n",
    );
    let clone = change(&server.url("fleet"));
    git(
        clone.path(),
        &["push", "--quiet", "--push-option=ci.skip", "origin", "main"],
    );
    assert_eq!(repository.read("main", "app.yaml"), "image: a:2\n");
    assert_eq!(repository.changed("main"), ["app.yaml"]);
    let option = std::fs::read_to_string(repository.path().join("option")).unwrap();
    assert_eq!(option, "ci.skip\n");
    let requests = server.requests();
    assert_eq!(requests[0].path, "/fleet/info/refs?service=git-upload-pack");
    assert_eq!(requests.last().unwrap().path, "/fleet/git-receive-pack");
}

#[test]
fn a_hook_refuses_a_push() {
    let (forge, repository) = forge();
    let server = GitServer::start(&forge, GitServerOptions::default());
    repository.hook(
        "pre-receive",
        "#!/bin/sh\necho no pushes on Fridays\nexit 1\n",
    );
    let clone = change(&server.url("fleet"));
    let refused = attempt(clone.path(), &["push", "origin", "main"]);
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("no pushes on Fridays"));
}

#[test]
fn a_commit_lands_between_fetch_and_push() {
    for moment in [PushMoment::Advertising, PushMoment::Receiving] {
        let (forge, repository) = forge();
        let server = GitServer::start(&forge, GitServerOptions::default());
        let clone = change(&server.url("fleet"));
        let other = repository.prepare("main", "somebody else", &[("other.yaml", "a: 1\n")]);
        let (landed, target) = (AtomicBool::new(false), repository.clone());
        let id = other.clone();
        server.on_push(move |now, path| {
            assert_eq!(path, target.path());
            if now == moment && !landed.swap(true, Ordering::Relaxed) {
                target.point("main", &id);
            }
        });
        assert!(
            !attempt(clone.path(), &["push", "origin", "main"])
                .status
                .success()
        );
        assert_eq!(repository.tip("main"), Some(other));
        git(
            clone.path(),
            &["pull", "--quiet", "--rebase", "--unshallow"],
        );
        git(clone.path(), &["push", "--quiet", "origin", "main"]);
        assert_eq!(repository.read("main", "app.yaml"), "image: a:2\n");
        assert_eq!(repository.read("main", "other.yaml"), "a: 1\n");
    }
}

#[test]
fn http_wants_the_right_credentials() {
    let (forge, _) = forge();
    let basic = GitAuth::Basic {
        username: "ada".to_owned(),
        password: "p:w".to_owned(),
    };
    let pair = "Authorization: Basic YWRhOnA6dw==";
    for (auth, right) in [
        (basic, pair),
        (
            GitAuth::Bearer("t0k3n".to_owned()),
            "Authorization: Bearer t0k3n",
        ),
    ] {
        let server = GitServer::start(
            &forge,
            GitServerOptions {
                auth,
                ..Default::default()
            },
        );
        let list = |header: &str| {
            let header = format!("http.extraHeader={header}");
            attempt(
                forge.root(),
                &["-c", &header, "ls-remote", &server.url("fleet")],
            )
            .status
            .success()
        };
        assert!(list(right));
        assert!(!list("Authorization: Bearer wrong"));
        assert!(!list("X-Nothing: 1"));
    }
}

#[test]
fn https_wants_a_client_certificate() {
    let (forge, _) = forge();
    let authority = Authority::new();
    let tls = Some(Tls {
        authority: &authority,
        clients: ClientCertificates::Required,
    });
    let server = GitServer::start(
        &forge,
        GitServerOptions {
            tls,
            ..Default::default()
        },
    );
    let folder = folder();
    let (certificate, key) = authority.client("ada").write(folder.path(), "client");
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, authority.pem()).unwrap();
    let option = |name: &str, path: &Path| format!("http.{name}={}", path.display());
    let (ca, certificate) = (option("sslCAInfo", &ca), option("sslCert", &certificate));
    let key = option("sslKey", &key);
    let url = server.url("fleet");
    assert!(
        !attempt(folder.path(), &["-c", &ca, "ls-remote", &url])
            .status
            .success()
    );
    git(
        folder.path(),
        &["-c", &ca, "-c", &certificate, "-c", &key, "ls-remote", &url],
    );
}

#[test]
fn a_git_server_fails_as_told() {
    let (forge, _) = forge();
    let server = GitServer::start(&forge, GitServerOptions::default());
    let list = || attempt(forge.root(), &["ls-remote", &server.url("fleet")]);
    server.fail(Some(GitFault::Status(403, "not yours".to_owned())));
    let refused = list();
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("403"),
        "{refused:?}"
    );
    server.fail(Some(GitFault::Silence));
    let url = format!("{}/info/refs?service=git-upload-pack", server.url("fleet"));
    assert!(super::get(&url, None).unwrap_err().is_timeout());
    server.fail(None);
    assert!(list().status.success());
}

#[test]
fn ssh_serves_all_kinds_of_keys() {
    let (forge, repository) = forge();
    let kinds = [SshKeyKind::Ed25519, SshKeyKind::Ecdsa, SshKeyKind::Rsa];
    let keys = kinds.map(|kind| SshKey::generate(kind, None));
    for host_key in kinds {
        let server = SshServer::start(&forge, host_key, &[&keys[0], &keys[1], &keys[2]]);
        for key in &keys {
            assert!(
                list_over_ssh(&server, key).status.success(),
                "{}",
                server.log()
            );
        }
        let upload = format!("git-upload-pack '{}'", repository.path().display());
        assert_eq!(server.commands(), vec![upload; 3]);
    }
}

#[test]
fn ssh_refuses_strangers_and_locked_keys() {
    let (forge, _) = forge();
    let locked = SshKey::generate(SshKeyKind::Ed25519, Some("secret"));
    let server = SshServer::start(&forge, SshKeyKind::Ed25519, &[&locked]);
    let stranger = SshKey::generate(SshKeyKind::Ed25519, None);
    assert!(!list_over_ssh(&server, &stranger).status.success());
    assert!(
        !list_over_ssh(&server, &locked).status.success(),
        "nobody typed the passphrase"
    );
    assert!(server.commands().is_empty());
}

#[test]
fn ssh_runs_a_script_before_a_push() {
    let (forge, repository) = forge();
    let key = SshKey::generate(SshKeyKind::Ed25519, None);
    let server = SshServer::start(&forge, SshKeyKind::Ed25519, &[&key]);
    let clone = change(repository.path().to_str().unwrap());
    let other = repository.prepare("main", "somebody else", &[("other.yaml", "a: 1\n")]);
    let path = repository.path().display();
    server.before_push(&format!(
        "#!/bin/sh\ngit -C '{path}' update-ref refs/heads/main {other}\n"
    ));
    assert!(
        !over_ssh(
            &server,
            &key,
            clone.path(),
            &["push", &server.url("fleet"), "main"]
        )
        .status
        .success()
    );
    assert_eq!(repository.tip("main"), Some(other));
}

fn list_over_ssh(server: &SshServer, key: &SshKey) -> Output {
    let folder = folder();
    over_ssh(
        server,
        key,
        folder.path(),
        &["ls-remote", &server.url("fleet")],
    )
}

/// Runs git with the real ssh, which knows the server and one key.
fn over_ssh(server: &SshServer, key: &SshKey, folder: &Path, args: &[&str]) -> Output {
    use std::os::unix::fs::PermissionsExt as _;
    let home = super::folder();
    let (identity, hosts) = (home.path().join("key"), home.path().join("known_hosts"));
    std::fs::write(&identity, &key.private).unwrap();
    std::fs::set_permissions(&identity, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&hosts, server.known_hosts()).unwrap();
    let ssh = format!(
        "ssh -F none -o BatchMode=yes -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes -o UserKnownHostsFile={} -i {}",
        hosts.display(),
        identity.display()
    );
    let mut command = Command::new("git");
    clean(&mut command, home.path());
    output(
        command
            .current_dir(folder)
            .args(args)
            .env("GIT_SSH_COMMAND", ssh),
    )
}
