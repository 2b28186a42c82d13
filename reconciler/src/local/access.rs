//! How a local run logs in to a Git remote.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use tokio::runtime::Handle;

use crate::git::{
    Access as GitAccess, Address, Proxy, Remote, Settings, SettingsError, Ssh, TransportError,
};
use crate::resources::{ObjectKey, Resources};
use crate::secret::{SecretData, data_of};

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
    /// Makes ready a remote: with the Secrets of the `GitRepository` that has the same URL, else as the user.
    pub(super) fn remote(&self, url: &str, resources: &Resources) -> Result<Remote, AccessError> {
        let Secrets { login, proxy } = secrets_of(url, resources)?;
        let mut settings = match login {
            Some((url, data)) => Settings::from_secret(url, Some(&data))?,
            None => self.as_user(url)?,
        };
        if let Some((key, data)) = proxy {
            settings.proxy = Some(Proxy::from_secret(&key.to_string(), &data)?);
        }
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

/// What the files hold to reach a remote.
#[derive(Default)]
struct Secrets<'a> {
    /// The URL of the `GitRepository`, which may name a user, and the data of its Secret.
    login: Option<(&'a str, SecretData)>,
    /// The Secret of its proxy.
    proxy: Option<(ObjectKey, SecretData)>,
}

/// The Secrets of the first `GitRepository` with this URL that has any in the files.
fn secrets_of<'a>(url: &str, resources: &'a Resources) -> Result<Secrets<'a>, SettingsError> {
    let wanted = Address::parse(url)?.0;
    for (key, found) in &resources.git_repositories {
        let spec = &found.object.spec;
        let address = Address::parse(&spec.url).map(|(address, _)| address);
        if address.ok().as_ref() != Some(&wanted) {
            continue;
        }
        let secret = |name: &str| {
            let key = ObjectKey::new(&key.namespace, name);
            let found = resources.secrets.get(&key)?;
            Some((key, data_of(&found.object)))
        };
        let login = spec.secret_ref.as_ref();
        let login = login.and_then(|reference| secret(&reference.name));
        let proxy = spec.proxy_secret_ref.as_ref();
        let proxy = proxy.and_then(|reference| secret(&reference.name));
        if login.is_some() || proxy.is_some() {
            let login = login.map(|(_, data)| (spec.url.as_str(), data));
            return Ok(Secrets { login, proxy });
        }
    }
    Ok(Secrets::default())
}
