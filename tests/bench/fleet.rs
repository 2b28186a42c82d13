//! A repository of 20,000 manifests on real servers, and a registry with the image in it.

use harness::crowd::deployment;
use harness::git_server::GitServerOptions;
use harness::registry::RegistryOptions;
use harness::ssh_server::{SshKey, SshKeyKind};
use harness::{Forge, GitServer, Registry, Repository, SshServer};

const FILES: usize = 20_000;

pub(crate) struct Fleet {
    pub(crate) registry: Registry,
    /// What the marked lines name, without a tag.
    pub(crate) image: String,
    pub(crate) repository: Repository,
    /// The first commit.
    pub(crate) start: String,
    pub(crate) http: GitServer,
    pub(crate) ssh: SshServer,
    pub(crate) key: SshKey,
    _forge: Forge,
}

impl Fleet {
    pub(crate) fn new() -> Self {
        let registry = Registry::start(RegistryOptions::default());
        let image = registry.image("app");
        let forge = Forge::new();
        let repository = forge.create("fleet");
        let files: Vec<(String, String)> =
            (0..FILES).map(|index| manifest(index, &image)).collect();
        repository.commit("main", "the fleet", &files);
        let objects = [("clusters/automation.yaml", objects(&image))];
        let start = repository.commit("main", "the automation", &objects);
        let key = SshKey::generate(SshKeyKind::Ed25519, None);
        Self {
            registry,
            image,
            start,
            http: GitServer::start(&forge, GitServerOptions::default()),
            ssh: SshServer::start(&forge, SshKeyKind::Ed25519, &[&key]),
            key,
            repository,
            _forge: forge,
        }
    }
}

/// Path and text; the first is marked for the policy `one`, the 200 that follow for `many`.
fn manifest(index: usize, image: &str) -> (String, String) {
    let marker = match index {
        0 => " # {\"$imagepolicy\": \"flux-system:one\"}",
        1..=200 => " # {\"$imagepolicy\": \"flux-system:many\"}",
        _ => "",
    };
    let text = deployment(index, &format!("{image}:1.0.0{marker}"));
    let path = format!("clusters/c{}/ns{}/app{index}.yaml", index % 20, index % 400);
    (path, text)
}

/// One repository of images and the policy `one`; nothing names `many` here.
fn objects(image: &str) -> String {
    format!(
        "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\nmetadata: {{name: app, namespace: flux-system}}\nspec: {{image: {image}, interval: 5m}}\n---\napiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\nmetadata: {{name: one, namespace: flux-system}}\nspec: {{imageRepositoryRef: {{name: app}}, policy: {{semver: {{range: '>=1.0.0'}}}}}}\n"
    )
}
