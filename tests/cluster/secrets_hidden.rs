//! What a Secret holds is shown nowhere: not where things go wrong with it, and not where they go well.

use std::fmt::Debug;
use std::path::Path;
use std::process::Command;

use api::{ImageRepository, ImageUpdateAutomation};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use harness::git_server::{GitAuth, GitServerOptions};
use harness::program::run;
use harness::reconciler::ReconcilerOptions;
use harness::registry::{RegistryAuth, RegistryOptions};
use harness::ssh_server::{SshKey, SshKeyKind};
use harness::tls::{ClientCertificates, Tls};
use harness::{
    Authority, ControlPlane, Forge, GitServer, HttpProxy, Namespace, Reconciler, Registry,
    Repository, SshServer,
};
use kube::Resource;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Who logs in everywhere; a name is no secret.
const USER: &str = "ada";

/// The secrets of the servers.
const REGISTRY: &str = "planted-registry-password";
const BASIC: &str = "planted-git-password";
const BEARER: &str = "planted-git-token";
const REGISTRY_PROXY: &str = "planted-registry-proxy-password";
const GIT_PROXY: &str = "planted-git-proxy-password";

/// The passwords of keys.
const LOGIN_KEY: &str = "planted-login-key-password";
const SSH_KEY: &str = "planted-ssh-key-password";
const GPG_KEY: &str = "planted-gpg-passphrase";

/// Stands in for each of them while things go wrong.
const WRONG: &str = "planted-but-wrong";

/// The image repositories, and what they say while their Secrets are wrong.
///
/// The registry that wants a certificate is on loopback, where plain HTTP is tried after TLS.
const REPOSITORIES: [(&str, &str); 3] = [
    ("app", "UNAUTHORIZED"),
    ("proxied", "407"),
    ("certified", "HTTP request to an HTTPS server"),
];

/// The automations, by the names of their Git repositories, and what they say while their Secrets are wrong.
const AUTOMATIONS: [(&str, &str); 7] = [
    ("basic", "authentication required"),
    ("bearer", "authentication required"),
    ("userinfo", "authentication required"),
    ("ssh", "decryption password incorrect"),
    ("proxied", "407"),
    (
        "gpg-signed",
        "could not decrypt private key of the signing key",
    ),
    ("ssh-signed", "could not parse SSH signing key"),
];

/// Whether the Secrets hold what their servers ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Secrets {
    Wrong,
    Right,
}

impl Secrets {
    fn word(self, right: &str) -> &str {
        match self {
            Self::Wrong => WRONG,
            Self::Right => right,
        }
    }
}

/// Servers that let in those only who show a secret.
struct Stage {
    registry: Registry,
    open_registry: Registry,
    tls_registry: Registry,
    registry_proxy: HttpProxy,
    forge: Forge,
    basic: GitServer,
    bearer: GitServer,
    ssh: SshServer,
    open: GitServer,
    git_proxy: HttpProxy,
    keys: Keys,
}

/// The private keys that Secrets hold.
struct Keys {
    authority: Authority,
    login: SshKey,
    signing: SshKey,
    gpg: String,
    client: String,
    stranger: String,
}

impl Stage {
    fn new() -> Self {
        let keys = Keys::generate();
        let users = vec![(USER.to_owned(), REGISTRY.to_owned())];
        let registry = Registry::start(RegistryOptions {
            auth: RegistryAuth::Htpasswd(users),
            ..RegistryOptions::default()
        });
        let open_registry = Registry::start(RegistryOptions::default());
        let tls_registry = Registry::start(RegistryOptions {
            tls: Some(Tls {
                authority: &keys.authority,
                clients: ClientCertificates::Required,
            }),
            ..RegistryOptions::default()
        });
        for registry in [&registry, &open_registry, &tls_registry] {
            registry.push_tags("app", &["1.0.0", "1.1.0"]);
        }
        let forge = Forge::new();
        let serve = |auth| {
            let options = GitServerOptions {
                auth,
                ..GitServerOptions::default()
            };
            GitServer::start(&forge, options)
        };
        let basic = GitAuth::Basic {
            username: USER.to_owned(),
            password: BASIC.to_owned(),
        };
        Self {
            basic: serve(basic),
            bearer: serve(GitAuth::Bearer(BEARER.to_owned())),
            ssh: SshServer::start(&forge, SshKeyKind::Ed25519, &[&keys.login]),
            open: serve(GitAuth::Anonymous),
            registry,
            open_registry,
            tls_registry,
            registry_proxy: HttpProxy::with_password(USER, REGISTRY_PROXY),
            git_proxy: HttpProxy::with_password(USER, GIT_PROXY),
            forge,
            keys,
        }
    }

    /// Makes a Git repository for each automation, with one marked manifest.
    fn make_repositories(&self, namespace: &str) -> [Repository; AUTOMATIONS.len()] {
        let image = self.registry.image("app");
        let marked = format!("image: {image}:1.0.0 # {{\"$imagepolicy\": \"{namespace}:app\"}}\n");
        AUTOMATIONS.map(|(name, _)| {
            let repository = self.forge.create(name);
            repository.commit("main", "first", &[("app.yaml", marked.as_str())]);
            repository
        })
    }

    /// The image repositories with their Secrets, and the policy.
    fn images(&self, secrets: Secrets) -> Vec<Value> {
        let login = json!({"username": USER, "password": secrets.word(REGISTRY)});
        let config = json!({"auths": {self.registry.host(): login}}).to_string();
        let proxy = [
            ("address", self.registry_proxy.url()),
            ("username", USER.to_owned()),
            ("password", secrets.word(REGISTRY_PROXY).to_owned()),
        ];
        let client = match secrets {
            Secrets::Wrong => &self.keys.stranger,
            Secrets::Right => &self.keys.client,
        };
        let (certificate, key) = client.split_at(client.find("-----BEGIN PRIVATE").unwrap());
        let certificates = [
            ("ca.crt", self.keys.authority.pem().to_owned()),
            ("tls.crt", certificate.to_owned()),
            ("tls.key", key.to_owned()),
        ];
        let pull = [(".dockerconfigjson", config)];
        let mut docker = secret("registry", &pull);
        docker["type"] = json!("kubernetes.io/dockerconfigjson");
        let repository = |name: &str, registry: &Registry, reference: &str, secret: &str| {
            let spec = json!({"image": registry.image("app"), "interval": "1h", reference: {"name": secret}});
            object("image", "ImageRepository", name, &spec)
        };
        let policy = json!({"imageRepositoryRef": {"name": "app"}, "policy": {"semver": {"range": ">=1.0.0"}}});
        vec![
            docker,
            secret("registry-proxy", &proxy),
            secret("registry-certificates", &certificates),
            repository("app", &self.registry, "secretRef", "registry"),
            repository(
                "proxied",
                &self.open_registry,
                "proxySecretRef",
                "registry-proxy",
            ),
            repository(
                "certified",
                &self.tls_registry,
                "certSecretRef",
                "registry-certificates",
            ),
            object("image", "ImagePolicy", "app", &policy),
        ]
    }

    /// The Git sources and the automations on them, with all their Secrets.
    fn automations(&self, secrets: Secrets) -> Vec<Value> {
        let word = |right: &str| secrets.word(right).to_owned();
        let basic = [("username", USER.to_owned()), ("password", word(BASIC))];
        let identity = [
            ("identity", self.keys.login.private.clone()),
            ("known_hosts", self.ssh.known_hosts()),
            ("password", word(LOGIN_KEY)),
        ];
        let proxy = [
            ("address", self.git_proxy.url()),
            ("username", USER.to_owned()),
            ("password", word(GIT_PROXY)),
        ];
        let gpg = [
            ("git.asc", self.keys.gpg.clone()),
            ("passphrase", word(GPG_KEY)),
        ];
        let signing = [
            ("identity", self.keys.signing.private.clone()),
            ("password", word(SSH_KEY)),
        ];
        let userinfo = format!("://{USER}:{}@", word(BASIC));
        let userinfo = self.basic.url("userinfo").replace("://", &userinfo);
        let by = |field: &str, name: &str| json!({field: {"name": name}});
        let key = |kind: &str| json!({"signingKey": {"type": kind, "secretRef": {"name": kind}}});
        let none = json!({});
        let (basic_url, bearer_url) = (self.basic.url("basic"), self.bearer.url("bearer"));
        [
            vec![
                secret("basic", &basic),
                secret("bearer", &[("bearerToken", word(BEARER))]),
                secret("login-key", &identity),
                secret("git-proxy", &proxy),
                secret("gpg", &gpg),
                secret("ssh", &signing),
            ],
            automation("basic", &basic_url, &by("secretRef", "basic"), &none),
            automation("bearer", &bearer_url, &by("secretRef", "bearer"), &none),
            automation("userinfo", &userinfo, &none, &none),
            automation(
                "ssh",
                &self.ssh.url("ssh"),
                &by("secretRef", "login-key"),
                &none,
            ),
            automation(
                "proxied",
                &self.open.url("proxied"),
                &by("proxySecretRef", "git-proxy"),
                &none,
            ),
            automation(
                "gpg-signed",
                &self.open.url("gpg-signed"),
                &none,
                &key("gpg"),
            ),
            automation(
                "ssh-signed",
                &self.open.url("ssh-signed"),
                &none,
                &key("ssh"),
            ),
        ]
        .concat()
    }

    /// All that must not be seen, as it is and as it travels.
    fn planted(&self) -> Vec<String> {
        let words = [
            REGISTRY,
            BASIC,
            BEARER,
            REGISTRY_PROXY,
            GIT_PROXY,
            LOGIN_KEY,
            SSH_KEY,
            GPG_KEY,
            WRONG,
        ];
        let sent = words.map(|word| BASE64_STANDARD.encode(format!("{USER}:{word}")));
        let Keys {
            login,
            signing,
            gpg,
            client,
            stranger,
            ..
        } = &self.keys;
        let private = |pem: &str| {
            let key = pem.find("PRIVATE KEY").unwrap();
            let lines = pem[key..].lines().filter(|line| line.len() > 40);
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        let keys = [&login.private, &signing.private, gpg, client, stranger];
        let mut planted = keys.map(|pem| private(pem)).concat();
        assert!(planted.len() > 20, "keys have lines: {planted:?}");
        planted.extend(words.map(str::to_owned));
        planted.extend(sent);
        planted
    }
}

impl Keys {
    fn generate() -> Self {
        let authority = Authority::new();
        let pair = |authority: &Authority| {
            let identity = authority.client("reconciler");
            format!("{}{}", identity.certificate, identity.key)
        };
        Self {
            login: SshKey::generate(SshKeyKind::Ed25519, Some(LOGIN_KEY)),
            signing: SshKey::generate(SshKeyKind::Ed25519, Some(SSH_KEY)),
            gpg: gpg_key(),
            client: pair(&authority),
            stranger: pair(&Authority::new()),
            authority,
        }
    }
}

/// Makes an OpenPGP key with a passphrase, as a user would.
fn gpg_key() -> String {
    let home = TempDir::new().unwrap();
    // By default a passphrase is hashed so often that a debug build takes ten seconds.
    std::fs::write(home.path().join("gpg-agent.conf"), "s2k-count 65536\n").unwrap();
    let gpg = |arguments: &[&str]| {
        let mut gpg = Command::new("gpg");
        gpg.arg("--homedir")
            .arg(home.path())
            .args(["--batch", "--quiet", "--armor"]);
        run(gpg
            .args(["--pinentry-mode=loopback", "--passphrase", GPG_KEY])
            .args(arguments))
    };
    gpg(&[
        "--quick-generate-key",
        "Bot <bot@example.org>",
        "ed25519",
        "sign",
        "never",
    ]);
    let key = gpg(&["--export-secret-keys"]);
    run(Command::new("gpgconf")
        .arg("--homedir")
        .arg(home.path())
        .args(["--kill", "gpg-agent"]));
    key
}

fn object(group: &str, kind: &str, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": format!("{group}.toolkit.fluxcd.io/v1"), "kind": kind, "metadata": {"name": name}, "spec": spec})
}

fn secret(name: &str, data: &[(&str, String)]) -> Value {
    let data: serde_json::Map<_, _> = data
        .iter()
        .map(|(key, value)| ((*key).to_owned(), json!(value)))
        .collect();
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data})
}

/// A `GitRepository` with what `source` adds to its spec, and an automation on it with what `commit` adds.
fn automation(name: &str, url: &str, source: &Value, commit: &Value) -> Vec<Value> {
    let with = |mut object: Value, more: &Value| {
        for (key, value) in more.as_object().unwrap() {
            object[key] = value.clone();
        }
        object
    };
    let source = with(
        json!({"url": url, "interval": "1h", "ref": {"branch": "main"}}),
        source,
    );
    let commit = with(json!({"author": {"email": "bot@example.org"}}), commit);
    let spec = json!({
        "interval": "1h",
        "sourceRef": {"kind": "GitRepository", "name": name},
        "git": {"commit": commit},
    });
    vec![
        object("source", "GitRepository", name, &source),
        object("image", "ImageUpdateAutomation", name, &spec),
    ]
}

fn apply(namespace: &Namespace<'_>, objects: &[Value]) {
    namespace.apply(&json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string());
}

/// Waits until objects are ready, or until they say what is wrong with their Secrets.
fn settle<K>(namespace: &Namespace<'_>, objects: &[(&str, &str)], secrets: Secrets)
where
    K: Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>,
    K: Clone + Debug + DeserializeOwned + Serialize + Send + 'static,
{
    for (name, complaint) in objects {
        namespace.settles(name, |object: &K| {
            let object = serde_json::to_value(object).unwrap();
            let mut conditions = object["status"]["conditions"].as_array()?.iter();
            let ready = conditions.find(|condition| condition["type"] == "Ready")?;
            let settled = match secrets {
                Secrets::Wrong => ready["message"].as_str()?.contains(complaint),
                Secrets::Right => ready["status"] == "True",
            };
            settled.then_some(())
        });
    }
}

/// All that the program shows: its log, its metrics, the events and objects it writes, and the files it keeps.
fn shown(namespace: &Namespace<'_>, reconciler: &Reconciler) -> String {
    let mut get = namespace.kubectl();
    let kinds = "events,imagerepositories,imagepolicies,imageupdateautomations,imageinventories";
    let objects = run(get.args(["get", kinds, "--output=json"]));
    let log = reconciler.logs().join("\n");
    let told = [&log, &objects].map(|text| text.matches(namespace.name()).count());
    assert!(
        told.iter().all(|times| *times > 0) && objects.contains("\"Event\""),
        "{log}"
    );
    let files = files(reconciler.storage());
    [log, objects, reconciler.metrics(), files].join("\n")
}

/// The content of all files below a folder, with their names.
fn files(folder: &Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        text.push_str(&format!("\n{}\n", path.display()));
        if path.is_dir() {
            text.push_str(&files(&path));
        } else {
            // It may be gone by now: mirrors are at work.
            let content = std::fs::read(&path).unwrap_or_default();
            text.push_str(&String::from_utf8_lossy(&content));
        }
    }
    text
}

#[test]
fn no_secret_is_shown_whether_it_opens_its_server_or_not() {
    let stage = Stage::new();
    let namespace = ControlPlane::shared().namespace("hidden");
    let repositories = stage.make_repositories(namespace.name());
    let planted = stage.planted();
    let reconciler = Reconciler::start(
        ControlPlane::shared(),
        ReconcilerOptions {
            namespace: Some(namespace.name()),
            flags: &[
                "--log-level=trace",
                "--min-retry-delay=100ms",
                "--max-retry-delay=1s",
            ],
            ..ReconcilerOptions::default()
        },
    );
    let hidden = || {
        let shown = shown(&namespace, &reconciler);
        for secret in &planted {
            let found = shown.lines().find(|line| line.contains(secret));
            assert_eq!(found, None, "{secret} is shown");
        }
    };

    for secrets in [Secrets::Wrong, Secrets::Right] {
        apply(&namespace, &stage.images(secrets));
        settle::<ImageRepository>(&namespace, &REPOSITORIES, secrets);
        hidden();
    }
    apply(&namespace, &stage.automations(Secrets::Wrong));
    settle::<ImageUpdateAutomation>(&namespace, &AUTOMATIONS, Secrets::Wrong);
    hidden();
    let before = repositories
        .each_ref()
        .map(|repository| repository.tip("main"));
    apply(&namespace, &stage.automations(Secrets::Right));
    settle::<ImageUpdateAutomation>(&namespace, &AUTOMATIONS, Secrets::Right);
    hidden();
    for (repository, before) in repositories.iter().zip(before) {
        assert_ne!(repository.tip("main"), before, "{repository:?}");
    }
}
