//! The way to a registry, as an `ImageRepository` describes it: credentials, TLS, proxy.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use api::ImageRepository;
use api::repository::Provider;
use engine::image::{PlainHttp, Repository};
use kube::ResourceExt as _;
use tracing::warn;

use crate::cloud::{Beneficiary, Cloud, CloudError, CloudLogins, Identity, RegistryLogin};
use crate::cluster::{LookupError, Secrets, Shared};
use crate::registry::{
    Client, ClientError, ClientOptions, CredentialError, Hosts, Keychain, ProxyChoice, ProxyError,
    ProxyOptions, TlsError, TlsOptions,
};
use crate::resources::ObjectKey;
use crate::secret::data_of;

/// How many clients are kept. Each holds connections, tokens and authorities.
const CLIENTS_LIMIT: usize = 32;

/// How long a client is kept that nobody uses: tokens and connections are of no use for much longer.
const IDLE: Duration = Duration::from_secs(30 * 60);

/// Clients of registries, one for all objects that would configure it alike.
pub struct Registries {
    secrets: Secrets,
    logins: CloudLogins,
    /// ServiceAccount whose cloud identity is used where an object names none.
    default_account: Option<String>,
    hosts: Hosts,
    clients: Mutex<HashMap<[u8; 32], Pooled>>,
}

struct Pooled {
    client: Client,
    used: Instant,
}

/// A client that is configured as an object wants it.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The client.
    pub client: Client,
    /// What tells it from clients that other objects want.
    pub fingerprint: [u8; 32],
}

/// Why there is no way to a registry. The texts are Flux's.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// A Secret or ServiceAccount cannot be had.
    #[error(transparent)]
    Lookup(#[from] LookupError),
    /// The Secret of the proxy, or one of a ServiceAccount, is missing.
    #[error("secret '{0}' not found")]
    MissingSecret(ObjectKey),
    /// The ServiceAccount is missing.
    #[error("serviceaccount '{0}' not found")]
    MissingAccount(ObjectKey),
    /// A pull secret of the ServiceAccount cannot be had.
    #[error("failed to get image pull secret for serviceaccount '{account}'")]
    PullSecret {
        /// The ServiceAccount.
        account: ObjectKey,
        /// What is wrong with the Secret.
        source: Box<Self>,
    },
    /// A pull secret cannot be used.
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    /// A TLS secret cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A proxy secret cannot be used.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// A cloud does not log us in.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// The HTTP library refuses it all.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To see whether the object can be followed at all. No cloud is logged in to for that.
    Check,
    /// To ask the registry.
    Use,
}

/// When warnings about Secrets are worth a line in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Warnings {
    /// The object is new or changed.
    Logged,
    /// They have been told.
    Known,
}

impl Registries {
    /// Reads Secrets with the rights of the program, and logs in to clouds by `logins`.
    #[must_use]
    pub fn new(shared: &Shared, logins: CloudLogins) -> Self {
        Self {
            secrets: Secrets::new(shared.client.clone()),
            logins,
            default_account: shared.options.default_service_account.clone(),
            hosts: Hosts::default(),
            clients: Mutex::default(),
        }
    }

    /// Reads what the object names and returns a client that is configured by it.
    ///
    /// # Errors
    /// When something that is named is missing or cannot be used.
    pub(crate) async fn connect(
        &self,
        object: &ImageRepository,
        image: &Repository,
        purpose: Purpose,
        warnings: Warnings,
    ) -> Result<Connection, ConnectError> {
        let spec = &object.spec;
        let namespace = object.namespace().unwrap_or_default();
        let mut options = ClientOptions {
            hosts: self.hosts.clone(),
            plain_http: if spec.insecure {
                PlainHttp::Allowed
            } else {
                PlainHttp::LocalOnly
            },
            ..ClientOptions::default()
        };
        if let Some(reference) = &spec.proxy_secret_ref {
            options.proxy = self.proxy(&namespace, &reference.name).await?;
        }
        if let Some(reference) = &spec.cert_secret_ref {
            let secret = self.secrets.secret(&namespace, &reference.name).await?;
            let name = format!("{namespace}/{}", reference.name);
            options.tls = TlsOptions::from_secret_data(&name, &data_of(&secret))?;
        }
        let cloud = match spec.provider.unwrap_or_default() {
            Provider::Generic => None,
            Provider::Aws => Some(Cloud::Aws),
            Provider::Azure => Some(Cloud::Azure),
            Provider::Gcp => Some(Cloud::Gcp),
        };
        match (cloud, purpose) {
            (None, _) => options.keychain = self.keychain(object, &namespace).await?,
            (Some(_), Purpose::Check) => {}
            (Some(cloud), Purpose::Use) => self.log_in(object, image, cloud, &mut options).await?,
        }
        if warnings == Warnings::Logged {
            let all = options.keychain.warnings().iter();
            for warning in all.chain(options.tls.warnings()) {
                warn!(namespace, name = object.name_any(), "{warning}");
            }
        }
        Ok(self.pooled(options)?)
    }

    /// Gets the credential of a cloud's registry, over the way to that registry.
    async fn log_in(
        &self,
        object: &ImageRepository,
        image: &Repository,
        cloud: Cloud,
        options: &mut ClientOptions,
    ) -> Result<(), CloudError> {
        let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
        let account = object.spec.service_account_name.as_deref();
        let credential = self.logins.registry(RegistryLogin {
            cloud,
            host: image.registry(),
            whose: Beneficiary {
                kind: "ImageRepository",
                namespace: &namespace,
                name: &name,
            },
            identity: Identity::choose(&namespace, account, self.default_account.as_deref()),
            tls: &options.tls,
            proxy: &options.proxy,
        });
        let credential = credential.await?;
        options.keychain.add(image.registry(), credential);
        Ok(())
    }

    async fn proxy(&self, namespace: &str, name: &str) -> Result<ProxyChoice, ConnectError> {
        let key = ObjectKey::new(namespace, name);
        let secret = self.secrets.secret(namespace, name).await;
        let secret = secret.map_err(|error| named(error, || ConnectError::MissingSecret(key)))?;
        let name = format!("{namespace}/{name}");
        let proxy = ProxyOptions::from_secret_data(&name, &data_of(&secret))?;
        Ok(ProxyChoice::Through(proxy))
    }

    /// The pull secret of the object, then those of its ServiceAccount.
    async fn keychain(
        &self,
        object: &ImageRepository,
        namespace: &str,
    ) -> Result<Keychain, ConnectError> {
        let mut keychain = Keychain::anonymous();
        if let Some(reference) = &object.spec.secret_ref {
            let secret = self.secrets.secret(namespace, &reference.name).await?;
            add(&mut keychain, namespace, &reference.name, &secret)?;
        }
        let account = object.spec.service_account_name.as_deref();
        let Some(account) = account.filter(|name| !name.is_empty()) else {
            return Ok(keychain);
        };
        let key = ObjectKey::new(namespace, account);
        let found = self.secrets.service_account(namespace, account).await;
        let found =
            found.map_err(|error| named(error, || ConnectError::MissingAccount(key.clone())))?;
        for reference in found.image_pull_secrets.iter().flatten() {
            let name = &reference.name;
            let secret = self.secrets.secret(namespace, name).await;
            let secret = secret.map_err(|error| ConnectError::PullSecret {
                account: key.clone(),
                source: Box::new(named(error, || {
                    ConnectError::MissingSecret(ObjectKey::new(namespace, name))
                })),
            })?;
            add(&mut keychain, namespace, name, &secret)?;
        }
        Ok(keychain)
    }

    /// Returns the client for these options that is there, or makes one.
    fn pooled(&self, options: ClientOptions) -> Result<Connection, ClientError> {
        let fingerprint = options.fingerprint();
        let used = Instant::now();
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pooled) = clients.get_mut(&fingerprint) {
            pooled.used = used;
            let client = pooled.client.clone();
            return Ok(Connection {
                client,
                fingerprint,
            });
        }
        let client = Client::new(options)?;
        if clients.len() >= CLIENTS_LIMIT {
            let oldest = clients.iter().min_by_key(|(_, pooled)| pooled.used);
            let oldest = oldest.map(|(key, _)| *key);
            oldest.and_then(|key| clients.remove(&key));
        }
        let pooled = Pooled {
            client: client.clone(),
            used,
        };
        clients.insert(fingerprint, pooled);
        Ok(Connection {
            client,
            fingerprint,
        })
    }

    /// Reads the labels of a namespace.
    ///
    /// # Errors
    /// When it is missing or cannot be read.
    pub(crate) async fn namespace_labels(
        &self,
        name: &str,
    ) -> Result<std::collections::BTreeMap<String, String>, LookupError> {
        self.secrets.namespace_labels(name).await
    }

    /// Lets clients go that have not been used for a while.
    pub(crate) fn prune(&self) {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.retain(|_, pooled| pooled.used.elapsed() < IDLE);
    }
}

/// Says what is missing in another way, and passes on any other error.
fn named(error: LookupError, missing: impl FnOnce() -> ConnectError) -> ConnectError {
    match error {
        LookupError::Missing { .. } => missing(),
        LookupError::Api(_) => error.into(),
    }
}

fn add(
    keychain: &mut Keychain,
    namespace: &str,
    name: &str,
    secret: &k8s_openapi::api::core::v1::Secret,
) -> Result<(), CredentialError> {
    let kind = secret.type_.as_deref().unwrap_or("Opaque");
    keychain.add_secret(&format!("{namespace}/{name}"), kind, &data_of(secret))
}
