//! How a local run logs in to a Git remote.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use tokio::runtime::Handle;

use crate::git::{
    Access as GitAccess, Address, Proxy, Remote, Settings, SettingsError, Ssh, TransportError,
};
use crate::resources::{ObjectKey, Resources};
use crate::secret::data_of;

/// The user's own means to log in, used where the files hold no Secret for a remote.
pub struct Access<'a> {
    /// The user's home folder, with `.ssh` in it.
    pub home: Option<PathBuf>,
    /// The socket of the SSH agent.
    pub agent: Option<PathBuf>,
    /// Asks the user's credential helpers for user name and password of an HTTP URL.
    pub login: &'a dyn Fn(&str) -> Option<(String, SecretString)>,
    /// How long one exchange with a remote may take.
    pub timeout: Duration,
    /// Where network traffic runs.
    pub runtime: Handle,
}

/// Why a remote cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// Keys or Secrets cannot be used.
    #[error("cannot log in to the remote")]
    Settings(#[from] SettingsError),
    /// No connection can be set up.
    #[error("cannot set up the connection to the remote")]
    Transport(#[from] TransportError),
}

impl Access<'_> {
    /// Makes ready a remote: with the Secret of the `GitRepository` that has the same URL, or as the user.
    pub(super) fn remote(&self, url: &str, resources: &Resources) -> Result<Remote, AccessError> {
        let mut settings = match from_resources(url, resources)? {
            Some(settings) => settings,
            None => self.as_user(url)?,
        };
        settings.timeout = self.timeout;
        Ok(Remote::new(settings, self.runtime.clone())?)
    }

    fn as_user(&self, url: &str) -> Result<Settings, SettingsError> {
        let (address, _) = Address::parse(url)?;
        let ssh = match address {
            Address::Ssh(_) => Some(self.ssh()?),
            _ => None,
        };
        let mut settings = Settings::local(url, ssh)?;
        if let (Address::Http(_), GitAccess::Anonymous) = (&settings.address, &settings.access)
            && let Some((username, password)) = (self.login)(url)
        {
            settings.access = GitAccess::Basic { username, password };
        }
        Ok(settings)
    }

    fn ssh(&self) -> Result<Ssh, SettingsError> {
        let folder = self.home.clone().unwrap_or_default().join(".ssh");
        let names = ["id_ed25519", "id_ecdsa", "id_rsa"];
        let keys: Vec<PathBuf> = names
            .map(|name| folder.join(name))
            .into_iter()
            .filter(|key| key.is_file())
            .collect();
        Ssh::local(self.agent.clone(), &keys, None, &folder.join("known_hosts"))
    }
}

/// The settings of a `GitRepository` with this URL whose Secret is in the files.
fn from_resources(url: &str, resources: &Resources) -> Result<Option<Settings>, SettingsError> {
    let wanted = Address::parse(url)?.0;
    for (key, found) in &resources.git_repositories {
        let spec = &found.object.spec;
        if Address::parse(&spec.url)
            .map(|(address, _)| address)
            .ok()
            .as_ref()
            != Some(&wanted)
        {
            continue;
        }
        let secret = |name: &str| {
            let key = ObjectKey::new(&key.namespace, name);
            resources
                .secrets
                .get(&key)
                .map(|found| (key, data_of(&found.object)))
        };
        let Some((_, data)) = spec
            .secret_ref
            .as_ref()
            .and_then(|reference| secret(&reference.name))
        else {
            continue;
        };
        let mut settings = Settings::from_secret(&spec.url, Some(&data))?;
        if let Some((key, data)) = spec
            .proxy_secret_ref
            .as_ref()
            .and_then(|reference| secret(&reference.name))
        {
            settings.proxy = Some(Proxy::from_secret(&key.to_string(), &data)?);
        }
        return Ok(Some(settings));
    }
    Ok(None)
}
