use russh::keys::ssh_key::LineEnding;

use super::*;

fn secret(pairs: &[(&str, &str)]) -> SecretData {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec()))
        .collect()
}

fn from(url: &str, pairs: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    Settings::from_secret(url, Some(&secret(pairs)))
}

fn refusal(url: &str, pairs: &[(&str, &str)]) -> String {
    let error = from(url, pairs).unwrap_err();
    match std::error::Error::source(&error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

const HTTPS: &str = "https://example.com/a.git";
const SSH: &str = "ssh://example.com/a.git";
const HOSTS: &str =
    "example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

/// An ed25519 key of no use, in OpenSSH's form; with a password if one is given.
fn key(password: Option<&str>) -> String {
    let seed = russh::keys::ssh_key::private::Ed25519Keypair::from_seed(&[7; 32]);
    let key = PrivateKey::from(seed);
    let key = match password {
        None => key,
        Some(password) => {
            let mut salt = vec![1; 16];
            salt[0] = 2;
            let kdf = russh::keys::ssh_key::Kdf::Bcrypt { salt, rounds: 2 };
            let cipher = russh::keys::ssh_key::Cipher::Aes256Ctr;
            key.encrypt_with(cipher, kdf, 5, password).unwrap()
        }
    };
    key.to_openssh(LineEnding::LF).unwrap().to_string()
}

#[test]
fn http_credentials_come_from_the_secret_then_the_url() {
    let basic = |url: &str, pairs: &[(&str, &str)]| match from(url, pairs).unwrap().access {
        Access::Basic { username, password } => {
            format!("{username}:{}", password.expose_secret())
        }
        other => panic!("{other:?}"),
    };
    let both = [("username", "me"), ("password", "pw")];
    assert_eq!(basic(HTTPS, &both), "me:pw");
    assert_eq!(basic("http://u:p@example.com/a", &both), "me:pw");
    assert_eq!(basic("http://u:p@example.com/a", &[]), "u:p");
    assert_eq!(
        basic("http://u@example.com/a", &[("password", "pw")]),
        "u:pw"
    );
    assert_eq!(basic(HTTPS, &[("username", "me")]), "me:");
    assert!(matches!(
        from(HTTPS, &[]).unwrap().access,
        Access::Anonymous
    ));
}

#[test]
fn a_token_wins_over_a_user_of_the_secret_but_not_of_the_url() {
    let pairs = [
        ("bearerToken", "tok"),
        ("username", "me"),
        ("password", "pw"),
    ];
    match from(HTTPS, &pairs).unwrap().access {
        Access::Bearer(token) => assert_eq!(token.expose_secret(), "tok"),
        other => panic!("{other:?}"),
    }
    assert_eq!(
        refusal("https://u:p@example.com/a", &pairs),
        "basic auth and bearer token cannot be set at the same time"
    );
}

#[test]
fn a_password_needs_a_user() {
    assert_eq!(
        refusal(HTTPS, &[("password", "pw")]),
        "invalid 'https' auth option: 'password' requires 'username' to be set"
    );
    assert_eq!(
        refusal("http://example.com/a", &[("password", "pw")]),
        "invalid 'http' auth option: 'password' requires 'username' to be set"
    );
}

#[test]
fn certificates_come_in_pairs_and_the_old_ca_key_still_counts() {
    let tls = from(
        HTTPS,
        &[("caFile", "old"), ("tls.crt", "c"), ("tls.key", "k")],
    );
    let tls = tls.unwrap().tls;
    assert_eq!(tls.ca.unwrap(), b"old");
    assert!(tls.identity.is_some());
    let new = from(HTTPS, &[("caFile", "old"), ("ca.crt", "new")]).unwrap();
    assert_eq!(new.tls.ca.unwrap(), b"new");
    assert_eq!(
        refusal(HTTPS, &[("tls.crt", "c")]),
        "'tls.crt' and 'tls.key' must be given together"
    );
}

#[test]
fn ssh_needs_identity_and_known_hosts() {
    let without = |pairs: &[(&str, &str)]| refusal(SSH, pairs);
    assert_eq!(
        without(&[]),
        "invalid 'ssh' auth option: 'identity' is required"
    );
    let plain = key(None);
    assert_eq!(
        without(&[("identity", &plain)]),
        "invalid 'ssh' auth option: 'known_hosts' is required"
    );
    let garbled = [("identity", plain.as_str()), ("known_hosts", "garbage")];
    assert_eq!(
        without(&garbled),
        "invalid 'ssh' auth option: 'known_hosts' has no usable line"
    );
    assert!(Settings::from_secret(SSH, None).is_err());
}

#[test]
fn the_ssh_user_is_that_of_the_url_or_git() {
    let plain = key(None);
    let pairs = [("identity", plain.as_str()), ("known_hosts", HOSTS)];
    let user = |url: &str| match from(url, &pairs).unwrap().access {
        Access::Ssh(ssh) => ssh.user,
        other => panic!("{other:?}"),
    };
    assert_eq!(user(SSH), "git");
    assert_eq!(user("ssh://me@example.com/a.git"), "me");
}

#[test]
fn keys_that_cannot_be_used_are_told_apart_in_fluxs_words() {
    let locked = key(Some("open"));
    let with = |identity: &str, password: &str| {
        let pairs = [
            ("identity", identity),
            ("known_hosts", HOSTS),
            ("password", password),
        ];
        from(SSH, &pairs)
            .map(drop)
            .map_err(|_| refusal(SSH, &pairs))
    };
    let prefix = "unable to construct auth method with options: ";
    assert_eq!(with(&locked, "open"), Ok(()));
    assert_eq!(
        with("garbage", ""),
        Err(format!("{prefix}ssh: no key found"))
    );
    assert_eq!(
        with(&locked, ""),
        Err(format!(
            "{prefix}ssh: this private key is passphrase protected"
        ))
    );
    assert_eq!(
        with(&locked, "wrong"),
        Err(format!("{prefix}x509: decryption password incorrect"))
    );
}

#[test]
fn local_remotes_are_for_local_runs() {
    for url in ["/srv/a.git", "file:///srv/a.git"] {
        assert_eq!(
            refusal(url, &[]),
            "repository URLs must begin with https://, http:// or ssh://"
        );
        assert!(Settings::local(url, None).is_ok());
    }
}

#[test]
fn local_ssh_takes_key_files_and_an_agent() {
    let directory = tempfile::tempdir().unwrap();
    let (file, hosts) = (directory.path().join("key"), directory.path().join("hosts"));
    std::fs::write(&file, key(Some("open"))).unwrap();
    std::fs::write(&hosts, HOSTS).unwrap();
    let password = SecretString::from("open");
    let agent = Some(PathBuf::from("/tmp/agent"));
    let ssh = Ssh::local(agent, std::slice::from_ref(&file), Some(&password), &hosts).unwrap();
    assert_eq!(ssh.identities.len(), 2);
    let settings = Settings::local("me@example.com:a.git", Some(ssh)).unwrap();
    assert!(matches!(settings.access, Access::Ssh(ssh) if ssh.user == "me"));
    assert!(Ssh::local(None, &[], None, &hosts).is_err());
    let missing = directory.path().join("missing");
    let error = Ssh::local(None, &[missing], None, &hosts).unwrap_err();
    assert!(error.to_string().starts_with("cannot read /"), "{error}");
    assert!(Settings::local(SSH, None).is_err());
}

#[test]
fn proxies_are_http_https_or_socks5() {
    let proxy = Proxy::parse("socks5://me:pw@proxy:1081").unwrap();
    assert_eq!(proxy.address.as_str(), "socks5://proxy:1081");
    assert_eq!(proxy.login.unwrap().0, "me");
    for wrong in [
        "proxy:3128",
        "ftp://proxy",
        "http://",
        &"http://p/".repeat(300),
    ] {
        assert!(
            matches!(Proxy::parse(wrong), Err(SettingsError::ProxyAddress)),
            "{wrong}"
        );
    }
    let named = secret(&[
        ("address", "http://proxy:3128"),
        ("username", "me"),
        ("password", "pw"),
    ]);
    let proxy = Proxy::from_secret("ns/p", &named).unwrap();
    assert_eq!(proxy.login.unwrap().1.expose_secret(), "pw");
    assert_eq!(
        Proxy::from_secret("ns/p", &SecretData::new())
            .unwrap_err()
            .to_string(),
        "secret 'ns/p': key 'address' not found"
    );
}

#[test]
fn nothing_secret_is_shown() {
    let locked = key(None);
    let shown = [
        format!(
            "{:?}",
            from(HTTPS, &[("username", "me"), ("password", "hunter2")]).unwrap()
        ),
        format!("{:?}", from(HTTPS, &[("bearerToken", "hunter2")]).unwrap()),
        format!(
            "{:?}",
            from(HTTPS, &[("tls.crt", "c"), ("tls.key", "hunter2")]).unwrap()
        ),
        format!(
            "{:?}",
            from(SSH, &[("identity", &locked), ("known_hosts", HOSTS)]).unwrap()
        ),
        format!("{:?}", Proxy::parse("http://me:hunter2@proxy").unwrap()),
    ];
    for text in shown {
        assert!(
            !text.contains("hunter2") && !text.contains("Ed25519Keypair"),
            "{text}"
        );
    }
}
