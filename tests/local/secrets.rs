//! Where credentials come from: the Secrets of the files, else what the user has.

use harness::git_server::{GitAuth, GitServerOptions};
use harness::registry::{RegistryAuth, RegistryOptions};
use harness::ssh_server::{SshKey, SshKeyKind};
use harness::tls::{ClientCertificates, Tls};
use harness::{Authority, GitServer, HttpProxy, Registry, SshServer, git};
use serde_json::{Map, Value, json};

use crate::fleet::{Checkout, DEPLOYMENT, Fleet, deployment};

const IMAGE: &str = "ghcr.io/stefanprodan/podinfo";
const PUSH: [&str; 4] = ["run", ".", "--tags-from=tags.txt", "--push"];

fn secret(name: &str, data: &[(&str, &str)]) -> Value {
    let data: Map<String, Value> = data
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).into()))
        .collect();
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "flux-system"},
        "stringData": data})
}

fn documents(objects: &[Value]) -> String {
    objects
        .iter()
        .map(|object| format!("---\n{object}\n"))
        .collect()
}

/// A clone whose remote is at `url`, with a `GitRepository` of that URL and its Secrets.
fn clone_with<'a>(fleet: &'a Fleet, url: &str, spec: Value, secrets: &[Value]) -> Checkout<'a> {
    let mut repository = json!({"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository",
        "metadata": {"name": "flux-system", "namespace": "flux-system"},
        "spec": {"url": url, "interval": "1m"}});
    for (key, value) in spec.as_object().unwrap() {
        repository["spec"][key] = value.clone();
    }
    let checkout = fleet.checkout();
    git(checkout.path(), &["remote", "set-url", "origin", url]);
    checkout.write(
        "source.yaml",
        &(documents(&[repository]) + &documents(secrets)),
    );
    checkout
}

fn is_pushed(fleet: &Fleet) -> bool {
    fleet.repository.read("main", DEPLOYMENT) == deployment(IMAGE, "5.0.3")
}

fn fleet() -> Fleet {
    Fleet::new(IMAGE, &[("tags.txt", "5.0.3\n")])
}

fn reference(field: &str) -> Value {
    json!({field: {"name": "login"}})
}

#[test]
fn the_secret_of_a_git_repository_opens_its_remote() {
    let basic = GitAuth::Basic {
        username: "ada".into(),
        password: "s3cret".into(),
    };
    let bearer = GitAuth::Bearer("t0ken".into());
    for (auth, good, bad) in [
        (
            basic,
            vec![("username", "ada"), ("password", "s3cret")],
            vec![("username", "ada"), ("password", "wr0ng")],
        ),
        (
            bearer,
            vec![("bearerToken", "t0ken")],
            vec![("bearerToken", "wr0ng")],
        ),
    ] {
        let fleet = fleet();
        let server = GitServer::start(
            &fleet.forge,
            GitServerOptions {
                auth,
                ..Default::default()
            },
        );
        let url = server.url("fleet");
        let none = clone_with(&fleet, &url, json!({}), &[]);
        let (_, told) = none.ends_with(1, &PUSH);
        assert!(told.contains("authentication required"), "{told}");
        assert!(told.contains("next: credentials come from"), "{told}");
        let checkout = clone_with(
            &fleet,
            &url,
            reference("secretRef"),
            &[secret("login", &bad)],
        );
        let (_, told) = checkout.ends_with(1, &PUSH);
        assert!(!told.contains("wr0ng") && told.contains("next: "), "{told}");
        assert!(!is_pushed(&fleet));
        let checkout = clone_with(
            &fleet,
            &url,
            reference("secretRef"),
            &[secret("login", &good)],
        );
        checkout.ends_with(0, &PUSH);
        assert!(is_pushed(&fleet));
    }
}

#[test]
fn an_authority_and_a_client_certificate_come_from_the_secret() {
    let fleet = fleet();
    let authority = Authority::new();
    let tls = Tls {
        authority: &authority,
        clients: ClientCertificates::Required,
    };
    let server = GitServer::start(
        &fleet.forge,
        GitServerOptions {
            tls: Some(tls),
            ..Default::default()
        },
    );
    let url = server.url("fleet");
    let (_, told) = clone_with(&fleet, &url, json!({}), &[]).ends_with(1, &PUSH);
    assert!(told.to_lowercase().contains("certificate"), "{told}");
    let client = authority.client("ada");
    let data = [
        ("ca.crt", authority.pem()),
        ("tls.crt", &client.certificate),
        ("tls.key", &client.key),
    ];
    let checkout = clone_with(
        &fleet,
        &url,
        reference("secretRef"),
        &[secret("login", &data)],
    );
    checkout.ends_with(0, &PUSH);
    assert!(is_pushed(&fleet));
}

#[test]
fn a_key_and_known_hosts_come_from_the_secret() {
    let fleet = fleet();
    let key = SshKey::generate(SshKeyKind::Ed25519, Some("pass phrase"));
    let server = SshServer::start(&fleet.forge, SshKeyKind::Ed25519, &[&key]);
    let url = server.url("fleet");
    let (_, told) = clone_with(&fleet, &url, json!({}), &[]).ends_with(1, &PUSH);
    assert!(told.contains("next: keys come from"), "{told}");
    let known_hosts = server.known_hosts();
    let data = [
        ("identity", key.private.as_str()),
        ("password", "pass phrase"),
        ("known_hosts", &known_hosts),
    ];
    let other = known_hosts.replace("AAAA", "BBBB");
    let wrong = [data[0], data[1], ("known_hosts", other.as_str())];
    let checkout = clone_with(
        &fleet,
        &url,
        reference("secretRef"),
        &[secret("login", &wrong)],
    );
    checkout.ends_with(1, &PUSH);
    let checkout = clone_with(
        &fleet,
        &url,
        reference("secretRef"),
        &[secret("login", &data)],
    );
    checkout.ends_with(0, &PUSH);
    assert!(is_pushed(&fleet));
}

#[test]
fn the_proxy_of_a_git_repository_is_used_with_and_without_a_login() {
    let fleet = fleet();
    let server = GitServer::start(&fleet.forge, GitServerOptions::default());
    let proxy = HttpProxy::with_password("p", "w");
    let data = [
        ("address", proxy.url()),
        ("username", "p".into()),
        ("password", "w".into()),
    ];
    let data = data.each_ref().map(|(key, value)| (*key, value.as_str()));
    let url = server.url("fleet");
    let checkout = clone_with(
        &fleet,
        &url,
        reference("proxySecretRef"),
        &[secret("login", &data)],
    );
    checkout.ends_with(0, &PUSH);
    assert!(is_pushed(&fleet));
    assert!(!proxy.targets().is_empty());
}

/// A registry that lets `ada` in, and a fleet whose ImageRepository has more in its spec.
fn locked(options: RegistryOptions<'_>, spec: &str) -> (Registry, Fleet, String) {
    let registry = Registry::start(options);
    registry.push_tags("podinfo", &["5.0.0", "5.0.3"]);
    let image = registry.image("podinfo");
    let fleet = Fleet::new(&image, &[]);
    let path = "clusters/my-cluster/podinfo-automation.yaml";
    let objects = fleet.repository.read("main", path);
    let objects = objects.replace("  interval: 5m0s\n", &format!("  interval: 5m0s\n{spec}"));
    fleet.repository.commit("main", "spec", &[(path, objects)]);
    (registry, fleet, image)
}

fn htpasswd() -> RegistryOptions<'static> {
    RegistryOptions {
        auth: RegistryAuth::Htpasswd(vec![("ada".into(), "s3cret".into())]),
        ..Default::default()
    }
}

fn docker_config(host: &str) -> String {
    // ada:s3cret
    json!({"auths": {host: {"auth": "YWRhOnMzY3JldA=="}}}).to_string()
}

#[test]
fn a_registry_is_asked_with_the_secret_of_the_files_else_as_the_user() {
    for (spec, note) in [
        ("", ""),
        (
            "  secretRef: {name: pull}\n",
            "spec.secretRef: secret 'flux-system/pull' is in none of the files",
        ),
        (
            "  provider: aws\n",
            "spec.provider aws works in the cluster only",
        ),
    ] {
        let (registry, fleet, image) = locked(htpasswd(), spec);
        let checkout = fleet.checkout();
        let (_, told) = checkout.ends_with(1, &["run", "."]);
        assert!(
            told.contains("docker login") && told.contains("UNAUTHORIZED"),
            "{told}"
        );
        assert_eq!(told.matches('✗').count(), 1, "{told}");
        assert_eq!(checkout.read(DEPLOYMENT), deployment(&image, "5.0.0"));
        let folder = fleet.home.path().join(".docker");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("config.json"), docker_config(&registry.host())).unwrap();
        let (_, told) = checkout.ends_with(0, &["run", "."]);
        assert!(told.contains(note), "{told}");
        assert_eq!(
            told.contains("is used instead") || told.contains("are used instead"),
            !note.is_empty(),
            "{told}"
        );
        assert_eq!(checkout.read(DEPLOYMENT), deployment(&image, "5.0.3"));
        let (stdout, told) = checkout.ends_with(0, &["tags", "repository/podinfo"]);
        assert!(stdout.contains("5.0.3") && told.contains(note), "{told}");
    }
    let (registry, fleet, image) = locked(htpasswd(), "  secretRef: {name: pull}\n");
    let checkout = fleet.checkout();
    let mut pull = secret(
        "pull",
        &[(".dockerconfigjson", &docker_config(&registry.host()))],
    );
    pull["type"] = "kubernetes.io/dockerconfigjson".into();
    checkout.write("pull.yaml", &documents(&[pull]));
    let (_, told) = checkout.ends_with(0, &["run", "."]);
    assert!(!told.contains("instead"), "{told}");
    assert_eq!(checkout.read(DEPLOYMENT), deployment(&image, "5.0.3"));
}

#[test]
fn certificates_of_a_registry_come_from_the_secret_and_a_missing_one_is_named() {
    let authority = Authority::new();
    let tls = Tls {
        authority: &authority,
        clients: ClientCertificates::Required,
    };
    let options = RegistryOptions {
        tls: Some(tls),
        ..Default::default()
    };
    let (_registry, fleet, image) = locked(options, "  certSecretRef: {name: tls}\n");
    let checkout = fleet.checkout();
    let (_, told) = checkout.ends_with(1, &["run", "."]);
    assert!(
        told.contains("spec.certSecretRef: secret 'flux-system/tls' is in none of the files"),
        "{told}"
    );
    let client = authority.client("ada");
    let data = [
        ("ca.crt", authority.pem()),
        ("tls.crt", &client.certificate),
        ("tls.key", &client.key),
    ];
    checkout.write("tls.yaml", &documents(&[secret("tls", &data)]));
    checkout.ends_with(0, &["run", "."]);
    assert_eq!(checkout.read(DEPLOYMENT), deployment(&image, "5.0.3"));
}

#[test]
fn the_proxy_of_a_registry_is_used() {
    let proxy = HttpProxy::start();
    let (registry, fleet, image) = locked(
        RegistryOptions::default(),
        "  proxySecretRef: {name: proxy}\n",
    );
    let checkout = fleet.checkout();
    checkout.write(
        "proxy.yaml",
        &documents(&[secret("proxy", &[("address", &proxy.url())])]),
    );
    checkout.ends_with(0, &["run", "."]);
    assert_eq!(checkout.read(DEPLOYMENT), deployment(&image, "5.0.3"));
    assert!(
        proxy.targets().contains(&registry.host()),
        "{:?}",
        proxy.targets()
    );
}

#[test]
fn digests_are_read_when_the_policy_says_so() {
    let registry = Registry::start(RegistryOptions::default());
    let old = registry.push_tag("podinfo", "5.0.0");
    let digest = registry.push_tag("podinfo", "5.0.3");
    let image = registry.image("podinfo");
    let path = "clusters/my-cluster/podinfo-automation.yaml";
    let status = |tag: &str, digest: &str| {
        format!("status:\n  latestRef: {{name: '{image}', tag: '{tag}', digest: '{digest}'}}\n")
    };
    let policy = "    semver:\n      range: '>=5.0.0'\n";
    for (reflection, status, wanted) in [
        ("Never", String::new(), String::new()),
        (
            "Always\n  interval: 10m",
            String::new(),
            format!("@{digest}"),
        ),
        ("IfNotPresent", String::new(), format!("@{digest}")),
        // The digest the cluster knows is kept while name and tag are the same.
        ("IfNotPresent", status("5.0.3", &old), format!("@{old}")),
        ("IfNotPresent", status("5.0.0", &old), format!("@{digest}")),
        (
            "Always\n  interval: 10m",
            status("5.0.3", &old),
            format!("@{digest}"),
        ),
    ] {
        let fleet = Fleet::new(&image, &[]);
        let checkout = fleet.checkout();
        let objects = checkout.read(path);
        let with = format!("{policy}  digestReflectionPolicy: {reflection}\n{status}");
        checkout.write(path, &objects.replace(policy, &with));
        checkout.ends_with(0, &["run", "."]);
        let tag = format!("5.0.3{wanted}");
        assert_eq!(
            checkout.read(DEPLOYMENT),
            deployment(&image, &tag),
            "{reflection}"
        );
    }
    let fleet = Fleet::new(&image, &[]);
    let checkout = fleet.checkout();
    let (stdout, _) = checkout.ends_with(0, &["tags", "policy/podinfo", "--digests", "-o=json"]);
    let report: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(
        (&report["selected"], &report["digest"]),
        (&"5.0.3".into(), &digest.into())
    );
}
