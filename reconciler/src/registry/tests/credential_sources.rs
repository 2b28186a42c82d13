//! Credentials from Secrets, and from docker's and podman's files and helpers.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use secrecy::ExposeSecret as _;

use super::*;
use crate::secret::SecretData;

const JSON_TYPE: &str = "kubernetes.io/dockerconfigjson";

fn auth(login: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(login)
}

fn data(key: &str, text: &str) -> SecretData {
    SecretData::from([(key.to_owned(), text.as_bytes().to_vec())])
}

/// What a keychain shows to `image`: `user:password`, `identity:…` or `registry:…`.
fn shown(keychain: &Keychain, image: &str) -> Vec<String> {
    let repository = repository(image);
    let found = keychain.matching(repository.registry(), repository.repository());
    let show = |credential: &Credential| {
        let login = credential
            .login
            .as_ref()
            .map(|(name, secret)| format!("{name}:{}", secret.expose_secret()));
        let identity = credential
            .identity_token
            .as_ref()
            .map(|token| format!("identity:{}", token.expose_secret()));
        let registry = credential
            .registry_token
            .as_ref()
            .map(|token| format!("registry:{}", token.expose_secret()));
        [login, identity, registry]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" ")
    };
    found.into_iter().map(show).collect()
}

fn from_secret(config: &str) -> Result<Keychain, CredentialError> {
    let mut keychain = Keychain::default();
    keychain.add_secret("apps/pull", JSON_TYPE, &data(".dockerconfigjson", config))?;
    Ok(keychain)
}

#[test]
fn every_kind_of_entry_is_read() {
    let config = format!(
        r#"{{"auths":{{
            "a.io":{{"auth":"{}"}},
            "b.io":{{"username":"bob","password":"pw","email":"bob@b.io"}},
            "c.io":{{"identitytoken":"id"}},
            "d.io":{{"registrytoken":"reg"}},
            "e.io":{{"auth":"{}","username":"ignored","password":"ignored"}},
            "f.io":{{"auth":"{}"}},
            "g.io":{{}},
            "h.io":{{"auth":"{}","identitytoken":"id"}}
        }},"HttpHeaders":{{}}}}"#,
        auth("alice:s3:cret"),
        auth("carol:pw"),
        auth("dave:pw\0\0").trim_end_matches('='),
        auth("0000:"),
    );
    let keychain = from_secret(&config).unwrap();
    for (image, wanted) in [
        ("a.io/acme/web", vec!["alice:s3:cret"]),
        ("b.io/acme/web", vec!["bob:pw"]),
        ("c.io/acme/web", vec!["identity:id"]),
        ("d.io/acme/web", vec!["registry:reg"]),
        ("e.io/acme/web", vec!["carol:pw"]),
        ("f.io/acme/web", vec!["dave:pw"]),
        ("g.io/acme/web", vec![]),
        ("h.io/acme/web", vec!["0000: identity:id"]),
        ("z.io/acme/web", vec![]),
    ] {
        assert_eq!(shown(&keychain, image), wanted, "{image}");
    }
    assert_eq!(keychain.warnings(), [""; 0]);
}

#[test]
fn the_legacy_format_has_no_auths_around_it() {
    let mut keychain = Keychain::default();
    let text = format!(
        r#"{{"https://index.docker.io/v1/":{{"auth":"{}"}}}}"#,
        auth("alice:pw")
    );
    keychain
        .add_secret(
            "apps/old",
            "kubernetes.io/dockercfg",
            &data(".dockercfg", &text),
        )
        .unwrap();
    assert_eq!(shown(&keychain, "alpine"), ["alice:pw"]);
}

#[test]
fn row_132_a_secret_of_another_type_gives_nothing_and_a_warning() {
    let mut keychain = Keychain::default();
    let text = format!(
        r#"{{"auths":{{"a.io":{{"auth":"{}"}}}}}}"#,
        auth("alice:pw")
    );
    keychain
        .add_secret("apps/opaque", "Opaque", &data(".dockerconfigjson", &text))
        .unwrap();
    assert_eq!(shown(&keychain, "a.io/acme/web"), [""; 0]);
    assert!(
        keychain.warnings()[0].starts_with("secret 'apps/opaque' has type 'Opaque'"),
        "{:?}",
        keychain.warnings()
    );
}

#[test]
fn a_secret_that_cannot_be_read_is_an_error_without_its_content() {
    for (config, wanted) in [
        (
            "{\n hunter2",
            "secret 'apps/pull' is not a docker configuration: invalid JSON at line 2 column 2",
        ),
        (
            r#"{"auths":"hunter2"}"#,
            "secret 'apps/pull' is not a docker configuration: invalid JSON at line 1 column 18",
        ),
        (
            r#"{"auths":{"a.io":{"auth":"hunter2!"}}}"#,
            "secret 'apps/pull': auth of \"a.io\" is not base64 of user:password",
        ),
        (
            r#"{"auths":{"a.io":{"auth":"aHVudGVyMg=="}}}"#,
            "secret 'apps/pull': auth of \"a.io\" is not base64 of user:password",
        ),
        (
            r#"{"auths":{"a.io":"hunter2"}}"#,
            "secret 'apps/pull': auth of \"a.io\" is not base64 of user:password",
        ),
    ] {
        let fault = from_secret(config).unwrap_err();
        assert_eq!(fault.to_string(), wanted);
        assert!(!format!("{fault:?}").contains("hunter2"));
    }
    let missing = Keychain::default()
        .add_secret("apps/pull", JSON_TYPE, &data("other", "{}"))
        .unwrap_err();
    assert_eq!(
        missing.to_string(),
        "secret 'apps/pull': key '.dockerconfigjson' not found"
    );
}

#[test]
fn specific_keys_come_first_and_aliases_last() {
    let config = format!(
        r#"{{"auths":{{
            "docker.io/acme":{{"auth":"{}"}},
            "*.docker.io":{{"auth":"{}"}},
            "index.docker.io":{{"auth":"{}"}},
            "https://index.docker.io/v1/acme":{{"auth":"{}"}}
        }}}}"#,
        auth("alias:1"),
        auth("star:2"),
        auth("host:3"),
        auth("path:4"),
    );
    let keychain = from_secret(&config).unwrap();
    assert_eq!(
        shown(&keychain, "acme/web"),
        ["path:4", "host:3", "star:2", "alias:1"]
    );
    assert_eq!(shown(&keychain, "alpine"), ["host:3", "star:2"]);
}

#[test]
fn keys_that_mean_the_same_keep_their_order_and_are_warned_of() {
    let config = format!(
        r#"{{"auths":{{"https://a.io":{{"auth":"{}"}},"a.io":{{"auth":"{}"}},"http://a.io/":{{"auth":"{}"}}}}}}"#,
        auth("first:1"),
        auth("second:2"),
        auth("first:1"),
    );
    for _ in 0..20 {
        let mut keychain = from_secret(&config).unwrap();
        let later = format!(r#"{{"auths":{{"a.io":{{"auth":"{}"}}}}}}"#, auth("third:3"));
        keychain
            .add_secret("apps/more", JSON_TYPE, &data(".dockerconfigjson", &later))
            .unwrap();
        assert_eq!(
            shown(&keychain, "a.io/acme/web"),
            ["first:1", "second:2", "third:3"]
        );
        assert!(
            keychain.warnings()[0].contains("key \"a.io\" means \"a.io\""),
            "{:?}",
            keychain.warnings()
        );
    }
}

#[test]
fn row_133_names_of_docker_hub_work_and_are_warned_of() {
    for key in [
        "docker.io",
        "https://registry-1.docker.io",
        "https://docker.io/v1/",
    ] {
        let keychain = from_secret(&format!(
            r#"{{"auths":{{"{key}":{{"auth":"{}"}}}}}}"#,
            auth("alice:pw")
        ))
        .unwrap();
        assert_eq!(shown(&keychain, "alpine"), ["alice:pw"], "{key}");
        assert_eq!(keychain.warnings().len(), 1, "{key}");
    }
    let keychain = from_secret(&format!(
        r#"{{"auths":{{"ghcr.io/v2":{{"auth":"{}"}}}}}}"#,
        auth("alice:pw")
    ))
    .unwrap();
    assert_eq!(shown(&keychain, "ghcr.io/acme/web"), ["alice:pw"]);
    assert!(
        keychain.warnings()[0].contains("\"ghcr.io/v2\" is read as \"ghcr.io\""),
        "{:?}",
        keychain.warnings()
    );
}

/// A user without any environment, but with the helpers of these tests.
fn nobody() -> UserConfig {
    UserConfig {
        docker_config: None,
        registry_auth_file: None,
        runtime_dir: None,
        config_home: None,
        home: None,
        search_path: vec![
            Path::new(env!("CARGO_MANIFEST_DIR")).join("src/registry/tests/credential-helpers"),
        ],
        helper_patience: Duration::from_secs(20),
    }
}

fn write(folder: &Path, path: &str, text: &str) -> PathBuf {
    let file = folder.join(path);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, text).unwrap();
    file
}

fn one_login(host: &str, login: &str) -> String {
    format!(r#"{{"auths":{{"{host}":{{"auth":"{}"}}}}}}"#, auth(login))
}

#[tokio::test]
async fn all_files_of_docker_and_podman_are_read_docker_first() {
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| folder.path().join(path);
    write(
        folder.path(),
        "docker/config.json",
        &one_login("a.io", "docker:1"),
    );
    write(
        folder.path(),
        "home/.docker/config.json",
        &one_login("a.io", "home:2"),
    );
    let auth_file = write(folder.path(), "auth.json", &one_login("a.io", "file:3"));
    write(
        folder.path(),
        "run/containers/auth.json",
        &one_login("a.io", "run:4"),
    );
    write(
        folder.path(),
        "home/.config/containers/auth.json",
        &one_login("a.io", "config:5"),
    );
    write(
        folder.path(),
        "xdg/containers/auth.json",
        &one_login("a.io", "xdg:6"),
    );
    let home = UserConfig {
        home: Some(at("home")),
        ..nobody()
    };
    assert_eq!(
        shown(&home.keychain(&[]).await, "a.io/acme/web"),
        ["home:2", "config:5"]
    );
    let all = UserConfig {
        docker_config: Some(at("docker")),
        registry_auth_file: Some(auth_file),
        runtime_dir: Some(at("run")),
        config_home: Some(at("xdg")),
        ..home
    };
    assert_eq!(
        shown(&all.keychain(&[]).await, "a.io/acme/web"),
        ["docker:1", "file:3", "run:4", "xdg:6"]
    );
}

#[tokio::test]
async fn files_that_are_absent_or_empty_are_no_matter_and_broken_ones_are_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "run/containers/auth.json", "\n");
    write(
        folder.path(),
        ".config/containers/auth.json",
        &one_login("a.io", "alice:pw"),
    );
    let user = UserConfig {
        home: Some(folder.path().to_owned()),
        runtime_dir: Some(folder.path().join("run")),
        ..nobody()
    };
    assert_eq!(user.keychain(&["a.io"]).await.warnings(), [""; 0]);
    let broken = write(folder.path(), ".docker/config.json", "{hunter2");
    let keychain = user.keychain(&["a.io"]).await;
    assert_eq!(shown(&keychain, "a.io/acme/web"), ["alice:pw"]);
    let warning = &keychain.warnings()[0];
    assert!(
        warning.starts_with(&broken.display().to_string()) && !warning.contains("hunter2"),
        "{warning}"
    );
    write(
        folder.path(),
        ".docker/config.json",
        r#"{"auths":{"a.io":{"auth":"?"},"b.io":{"username":"b","password":"pw"}}}"#,
    );
    let keychain = user.keychain(&[]).await;
    assert_eq!(shown(&keychain, "b.io/acme/web"), ["b:pw"]);
    assert!(
        keychain.warnings()[0].contains("auth of \"a.io\""),
        "{:?}",
        keychain.warnings()
    );
}

/// The keychain of a user whose docker configuration is `config`.
async fn from_config(config: &str, registries: &[&str]) -> Keychain {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "config.json", config);
    let docker_config = Some(folder.path().to_owned());
    UserConfig {
        docker_config,
        ..nobody()
    }
    .keychain(registries)
    .await
}

#[tokio::test]
async fn a_registry_with_a_helper_is_asked_about_through_it() {
    let config = r#"{"credHelpers":{"a.io":"good"},"credsStore":"identity","auths":{"b.io":{"auth":"Yjpi"}}}"#;
    let keychain = from_config(config, &["a.io", "b.io", "index.docker.io"]).await;
    assert_eq!(shown(&keychain, "a.io/acme/web"), ["bob:for a.io"]);
    assert_eq!(shown(&keychain, "b.io/acme/web"), ["b:b"]);
    assert_eq!(shown(&keychain, "alpine"), ["identity:refresh"]);
    assert_eq!(keychain.warnings(), [""; 0]);
}

#[tokio::test]
async fn only_the_registries_that_are_needed_are_asked_about() {
    let keychain = from_config(r#"{"credHelpers":{"a.io":"broken"}}"#, &["b.io"]).await;
    assert_eq!(keychain.warnings(), [""; 0]);
}

#[tokio::test]
async fn docker_hub_is_known_to_helpers_by_its_old_url() {
    for key in [
        "docker.io",
        "index.docker.io",
        "https://index.docker.io/v1/",
    ] {
        let config = format!(r#"{{"credHelpers":{{"{key}":"good"}}}}"#);
        let keychain = from_config(&config, &["index.docker.io"]).await;
        assert_eq!(
            shown(&keychain, "alpine"),
            ["bob:for https://index.docker.io/v1/"],
            "{key}"
        );
    }
}

#[tokio::test]
async fn a_helper_that_fails_is_warned_of_without_what_it_printed() {
    for (helper, wanted) in [
        (
            "broken",
            "docker-credential-broken failed for a.io with exit status: 3",
        ),
        (
            "garbage",
            "docker-credential-garbage gave an answer for a.io that is not what helpers print",
        ),
        ("absent", "docker-credential-absent is not in PATH"),
        (
            "../good",
            "credential helper name \"../good\" is not a plain program name",
        ),
    ] {
        let keychain = from_config(&format!(r#"{{"credsStore":"{helper}"}}"#), &["a.io"]).await;
        assert_eq!(shown(&keychain, "a.io/acme/web"), [""; 0]);
        assert_eq!(keychain.warnings(), [wanted]);
    }
}

#[tokio::test]
async fn a_helper_that_does_not_answer_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "config.json", r#"{"credsStore":"slow"}"#);
    let user = UserConfig {
        docker_config: Some(folder.path().to_owned()),
        helper_patience: Duration::from_millis(100),
        ..nobody()
    };
    let keychain = user.keychain(&["a.io"]).await;
    assert_eq!(
        keychain.warnings(),
        ["docker-credential-slow gave no answer for a.io within 0.1 s"]
    );
}

#[test]
fn a_fingerprint_tells_credentials_apart() {
    let of = |credential: Credential| {
        let mut keychain = Keychain::default();
        keychain.add("a.io", credential);
        ClientOptions {
            keychain,
            ..ClientOptions::default()
        }
        .fingerprint()
    };
    assert_eq!(
        of(Credential::login("a", "b")),
        of(Credential::login("a", "b"))
    );
    assert_ne!(
        of(Credential::login("a", "b")),
        of(Credential::login("ab", ""))
    );
    assert_ne!(
        of(Credential::identity_token("t")),
        of(Credential::registry_token("t"))
    );
    assert_ne!(
        of(Credential::login("a", "b")),
        ClientOptions::default().fingerprint()
    );
}
