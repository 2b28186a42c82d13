//! The credentials a user has on their own machine, as docker and podman keep them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::auth_key::{AuthKey, is_docker_hub};
use super::credential_helper;
use super::credentials::{DockerConfig, Keychain};

/// The server name under which credential stores keep Docker Hub's account.
const DOCKER_HUB_SERVER: &str = "https://index.docker.io/v1/";

/// Where a user's registry credentials may lie. Read once, at the edge of a program.
#[derive(Clone, Debug)]
pub struct UserConfig {
    /// Value of `DOCKER_CONFIG`: the folder of docker's `config.json`.
    pub docker_config: Option<PathBuf>,
    /// Value of `REGISTRY_AUTH_FILE`: podman's file.
    pub registry_auth_file: Option<PathBuf>,
    /// Value of `XDG_RUNTIME_DIR`.
    pub runtime_dir: Option<PathBuf>,
    /// Value of `XDG_CONFIG_HOME`.
    pub config_home: Option<PathBuf>,
    /// The user's home folder.
    pub home: Option<PathBuf>,
    /// Where credential helpers are looked for.
    pub search_path: Vec<PathBuf>,
    /// How long one credential helper may take.
    pub helper_patience: Duration,
}

impl UserConfig {
    /// Reads the environment of the process.
    pub fn from_env() -> Self {
        let folder = |name: &str| {
            let value = std::env::var_os(name).filter(|value| !value.is_empty());
            value.map(PathBuf::from)
        };
        Self {
            docker_config: folder("DOCKER_CONFIG"),
            registry_auth_file: folder("REGISTRY_AUTH_FILE"),
            runtime_dir: folder("XDG_RUNTIME_DIR"),
            config_home: folder("XDG_CONFIG_HOME"),
            home: std::env::home_dir(),
            search_path: std::env::var_os("PATH")
                .map(|path| std::env::split_paths(&path).collect())
                .unwrap_or_default(),
            helper_patience: Duration::from_secs(10),
        }
    }

    /// Collects the credentials for `registries`, the hosts that are going to be asked.
    ///
    /// Every file that exists is read, docker's before podman's. A registry with a
    /// credential helper, or any registry if there is a credential store, is asked
    /// about through the helper. What cannot be read or run becomes a warning of
    /// the keychain, since most images need no credentials.
    pub async fn keychain(&self, registries: &[&str]) -> Keychain {
        let mut keychain = Keychain::default();
        for path in self.files() {
            let text = match tokio::fs::read(&path).await {
                Ok(text) => text,
                Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => continue,
                Err(fault) => {
                    keychain.warn(format!("cannot read {}: {fault}", path.display()));
                    continue;
                }
            };
            self.add_file(&mut keychain, &path, &text, registries).await;
        }
        keychain
    }

    /// The files in the order in which their entries are tried.
    fn files(&self) -> Vec<PathBuf> {
        let below = |folder: &Option<PathBuf>, path: &str| folder.as_ref().map(|f| f.join(path));
        let docker = below(&self.docker_config, "config.json");
        let config_home = self
            .config_home
            .clone()
            .or_else(|| below(&self.home, ".config"));
        let candidates = [
            docker.or_else(|| below(&self.home, ".docker/config.json")),
            self.registry_auth_file.clone(),
            below(&self.runtime_dir, "containers/auth.json"),
            below(&config_home, "containers/auth.json"),
        ];
        let mut files: Vec<PathBuf> = Vec::new();
        for path in candidates.into_iter().flatten() {
            if !files.contains(&path) {
                files.push(path);
            }
        }
        files
    }

    async fn add_file(
        &self,
        keychain: &mut Keychain,
        path: &Path,
        text: &[u8],
        registries: &[&str],
    ) {
        let origin = path.display().to_string();
        // Podman's login leaves an empty file behind when there was nothing to write.
        if text.trim_ascii().is_empty() {
            return;
        }
        let mut own = Keychain::default();
        let config = match own.add_docker_config(&origin, text) {
            Ok(config) => config,
            Err(fault) => return keychain.warn(fault.to_string()),
        };
        for problem in &config.problems {
            keychain.warn(problem.to_string());
        }
        // What a helper knows is newer than what lies in the file, so it comes first.
        for registry in registries {
            self.ask_helper(keychain, &config, registry).await;
        }
        keychain.append(own);
    }

    /// Asks the helper that is in charge of `registry`, if there is one.
    async fn ask_helper(&self, keychain: &mut Keychain, config: &DockerConfig, registry: &str) {
        let same = |key: &str| {
            let read = AuthKey::new(key);
            read.host() == registry || (is_docker_hub(read.host()) && is_docker_hub(registry))
        };
        let own = config
            .cred_helpers
            .iter()
            .flatten()
            .find(|(key, _)| same(key));
        let store = config
            .creds_store
            .as_ref()
            .filter(|store| !store.is_empty());
        let Some(helper) = own.map(|(_, helper)| helper).or(store) else {
            return;
        };
        let server = if is_docker_hub(registry) {
            DOCKER_HUB_SERVER
        } else {
            registry
        };
        // Logins are stored under the name they were made with, which `auths` remembers.
        let remembered = config
            .hosts
            .iter()
            .map(String::as_str)
            .filter(|key| same(key));
        let mut servers = vec![server];
        servers.extend(remembered.filter(|key| *key != server));
        for server in servers {
            match credential_helper::ask(helper, server, &self.search_path, self.helper_patience)
                .await
            {
                Ok(Some(credential)) => return keychain.add(registry, credential),
                Ok(None) => {}
                Err(fault) => return keychain.warn(fault.to_string()),
            }
        }
    }
}
