//! Git remotes with the Secrets a `GitRepository` may have, against real servers: what opens the door, and what does not.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use engine::branch::{self, CheckoutRef, Gates};
use harness::git_server::{GitAuth, GitFault, GitServerOptions};
use harness::ssh_server::{SshKey, SshKeyKind};
use harness::tls::{ClientCertificates, Tls};
use harness::{Authority, Forge, GitServer, HttpProxy, Repository, SshServer};
use jiff::Timestamp;
use jiff::tz::Offset;
use reconciler::git::{
    Author, Cancel, Edit, GitError, Job, Mirror, NewCommit, Proxy, Remote, Settings, WriteError,
    Written,
};
use reconciler::secret::SecretData;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// A forge with one repository of one commit.
fn forge() -> (Forge, Repository) {
    let forge = Forge::new();
    let repository = forge.create("fleet");
    repository.commit("main", "first", &[("app.yaml", "image: a:1\n")]);
    (forge, repository)
}

fn secret(data: &[(&str, &str)]) -> SecretData {
    let entries = data.iter();
    entries
        .map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec()))
        .collect()
}

fn settings(url: &str, data: &[(&str, &str)]) -> Settings {
    Settings::from_secret(url, Some(&secret(data))).unwrap()
}

/// Clones into a mirror, changes `app.yaml` and pushes.
fn job(settings: Settings, cancel: Option<&Cancel>) -> Result<Written, WriteError<GitError>> {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let runtime = Runtime::new().unwrap();
    let mut remote = Remote::new(settings, runtime.handle().clone()).unwrap();
    if let Some(cancel) = cancel {
        remote = remote.with_cancel(cancel.clone());
    }
    let folder = TempDir::new().unwrap();
    let mut mirror = Mirror::open(&folder.path().join("mirror")).unwrap();
    let checkout = CheckoutRef {
        branch: Some("main".into()),
        ..CheckoutRef::default()
    };
    let plan = branch::plan(Some(&checkout), None, Gates::default()).unwrap();
    let job = Job {
        remote: &remote,
        plan: &plan,
        choose: &|_, _| Ok(Vec::new()),
        options: BTreeMap::new(),
        refspec: None,
        attempts: 3,
        pause: &|_| Duration::ZERO,
    };
    mirror.write(&job, |tip| {
        let edits = [Edit {
            path: "app.yaml".into(),
            content: b"image: a:2\n".to_vec(),
        }];
        let author = Author {
            name: "ada".into(),
            email: "ada@example.org".into(),
            time: Timestamp::UNIX_EPOCH,
            zone: Offset::UTC,
        };
        let new = NewCommit {
            parent: tip.commit,
            edits: &edits,
            author: &author,
            message: "second",
            signer: None,
        };
        Ok(vec![tip.repository.commit(&new)?])
    })
}

fn succeeds(repository: &Repository, settings: Settings) {
    job(settings, None).unwrap();
    assert_eq!(repository.read("main", "app.yaml"), "image: a:2\n");
}

/// The job fails, the remote stays as it is; returns the error with its causes.
fn fails(repository: &Repository, settings: Settings) -> String {
    let error = job(settings, None).unwrap_err();
    assert_eq!(repository.read("main", "app.yaml"), "image: a:1\n");
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

#[test]
fn a_bearer_token_opens_http_and_a_wrong_one_does_not() {
    let (forge, repository) = forge();
    let auth = GitAuth::Bearer("t0ken".into());
    let server = GitServer::start(
        &forge,
        GitServerOptions {
            auth,
            ..Default::default()
        },
    );
    let url = server.url("fleet");
    let error = fails(&repository, settings(&url, &[("bearerToken", "wr0ng")]));
    assert!(
        error.contains("authentication required") && !error.contains("wr0ng"),
        "{error}"
    );
    succeeds(&repository, settings(&url, &[("bearerToken", "t0ken")]));
}

#[test]
fn a_ca_and_a_client_certificate_open_https() {
    let (forge, repository) = forge();
    let authority = Authority::new();
    let tls = Tls {
        authority: &authority,
        clients: ClientCertificates::Required,
    };
    let server = GitServer::start(
        &forge,
        GitServerOptions {
            tls: Some(tls),
            ..Default::default()
        },
    );
    let url = server.url("fleet");
    let client = authority.client("ada");
    let ca = ("ca.crt", authority.pem());
    let pair = [
        ("tls.crt", client.certificate.as_str()),
        ("tls.key", client.key.as_str()),
    ];
    // Neither an unknown authority nor a missing certificate of our own gets through.
    fails(&repository, settings(&url, &pair));
    fails(&repository, settings(&url, &[ca]));
    let other = Authority::new();
    fails(
        &repository,
        settings(&url, &[("ca.crt", other.pem()), pair[0], pair[1]]),
    );
    succeeds(
        &repository,
        settings(&url, &[("caFile", authority.pem()), pair[0], pair[1]]),
    );
}

#[test]
fn a_proxy_with_a_password_is_used_for_http_and_https() {
    let authority = Authority::new();
    for tls in [
        None,
        Some(Tls {
            authority: &authority,
            clients: ClientCertificates::Ignored,
        }),
    ] {
        let (forge, repository) = forge();
        let server = GitServer::start(
            &forge,
            GitServerOptions {
                tls,
                ..Default::default()
            },
        );
        let proxy = HttpProxy::with_password("ada", "p:w");
        let address = proxy.url();
        let through = |data: &[(&str, &str)]| {
            let mut settings = settings(&server.url("fleet"), &[("ca.crt", authority.pem())]);
            settings.proxy = Some(Proxy::from_secret("flux-system/proxy", &secret(data)).unwrap());
            settings
        };
        let login = [
            ("address", address.as_str()),
            ("username", "ada"),
            ("password", "wr0ng"),
        ];
        let error = fails(&repository, through(&login));
        assert!(!error.contains("wr0ng"), "{error}");
        assert!(proxy.targets().is_empty());
        let login = [login[0], login[1], ("password", "p:w")];
        succeeds(&repository, through(&login));
        assert!(!proxy.targets().is_empty());
    }
}

#[test]
fn ssh_keys_of_all_kinds_open_ssh_also_encrypted_ones() {
    for (kind, passphrase) in [
        (SshKeyKind::Ed25519, None),
        (SshKeyKind::Ecdsa, None),
        (SshKeyKind::Rsa, None),
        (SshKeyKind::Ed25519, Some("open sesame")),
        (SshKeyKind::Rsa, Some("open sesame")),
    ] {
        let (forge, repository) = forge();
        let key = SshKey::generate(kind, passphrase);
        let server = SshServer::start(&forge, SshKeyKind::Ecdsa, &[&key]);
        let hosts = server.known_hosts();
        let mut data = vec![
            ("identity", key.private.as_str()),
            ("known_hosts", hosts.as_str()),
        ];
        if let Some(passphrase) = passphrase {
            let wrong = [&data[..], &[("password", "wr0ng")]].concat();
            assert!(Settings::from_secret(&server.url("fleet"), Some(&secret(&wrong))).is_err());
            data.push(("password", passphrase));
        }
        succeeds(&repository, settings(&server.url("fleet"), &data));
    }
}

#[test]
fn an_ssh_host_that_is_not_known_and_a_key_that_is_not_wanted_stay_out() {
    let (forge, repository) = forge();
    let (key, other) = (
        SshKey::generate(SshKeyKind::Ed25519, None),
        SshKey::generate(SshKeyKind::Ed25519, None),
    );
    let server = SshServer::start(&forge, SshKeyKind::Ed25519, &[&key]);
    let impostor = SshServer::start(&forge, SshKeyKind::Ed25519, &[&key]);
    let url = server.url("fleet");
    let (hosts, foreign) = (server.known_hosts(), impostor.known_hosts());
    let identity = ("identity", key.private.as_str());
    fails(
        &repository,
        settings(&url, &[identity, ("known_hosts", &foreign)]),
    );
    // The same host, with the key of another one.
    let name = hosts.split(' ').next().unwrap();
    let changed = format!("{name} {}", foreign.split_once(' ').unwrap().1);
    let error = fails(
        &repository,
        settings(&url, &[identity, ("known_hosts", &changed)]),
    );
    assert!(
        error.contains("host key") || error.contains("known_hosts"),
        "{error}"
    );
    let unwanted = ("identity", other.private.as_str());
    fails(
        &repository,
        settings(&url, &[unwanted, ("known_hosts", &hosts)]),
    );
    assert_eq!(server.commands(), Vec::<String>::new());
}

#[test]
fn a_server_that_never_answers_ends_at_the_deadline_or_when_cancelled() {
    let (forge, repository) = forge();
    let server = GitServer::start(&forge, GitServerOptions::default());
    server.fail(Some(GitFault::Silence));
    let mut settings = settings(&server.url("fleet"), &[]);
    settings.timeout = Duration::from_millis(300);
    let start = Instant::now();
    fails(&repository, settings.clone());
    assert!(start.elapsed() < Duration::from_secs(20));
    settings.timeout = Duration::from_secs(3600);
    let cancel = Cancel::default();
    let asked = server.requests().len();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while server.requests().len() == asked {
                std::thread::yield_now();
            }
            cancel.cancel();
        });
        assert!(job(settings, Some(&cancel)).is_err());
    });
    assert!(start.elapsed() < Duration::from_secs(60));
}
