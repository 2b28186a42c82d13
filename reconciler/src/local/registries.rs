//! Asks registries with the credentials of a local run.

use std::time::Duration;

use api::ImageRepository;
use api::repository::Provider;
use engine::image::{PlainHttp, Repository};
use k8s_openapi::api::core::v1::Secret;
use tokio::time::Instant;

use crate::registry::{
    Client, ClientError, ClientOptions, CredentialError, Hosts, Keychain, ProxyChoice, ProxyError,
    ProxyOptions, RegistryError, TlsError, TlsOptions, UserConfig,
};
use crate::resources::{ObjectKey, Resources};
use crate::secret::data_of;

/// Access to registries: the Secrets of the files where they are there, else what docker and podman of the user know.
#[derive(Debug)]
pub struct Registries {
    user: UserConfig,
    timeout: Duration,
    hosts: Hosts,
}

/// Why a registry was not, or not successfully, asked.
#[derive(Debug, thiserror::Error)]
pub enum TagsError {
    /// It did not answer as it should.
    #[error(transparent)]
    Registry(#[from] Box<RegistryError>),
    /// It lets nobody in, or not with these credentials.
    #[error("{answer}; {advice}")]
    Denied {
        /// What it said.
        answer: Box<RegistryError>,
        /// Where credentials come from, and what was wrong with those places.
        advice: String,
    },
    /// No client can be built.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A pull secret cannot be used.
    #[error("failed to configure authentication options")]
    Credentials(#[from] CredentialError),
    /// A TLS secret cannot be used.
    #[error("failed to configure authentication options")]
    Tls(#[from] TlsError),
    /// A proxy secret cannot be used.
    #[error("failed to configure authentication options")]
    Proxy(#[from] ProxyError),
    /// A Secret that has no substitute on the user's machine is in none of the files.
    #[error(
        "{field}: secret '{secret}' is in none of the files; name the file that holds it with -f"
    )]
    MissingSecret {
        /// The field that names it.
        field: &'static str,
        /// The Secret.
        secret: ObjectKey,
    },
}

impl Registries {
    /// Asks with the credentials of `user`, each question for at most `timeout`.
    #[must_use]
    pub fn new(user: UserConfig, timeout: Duration) -> Self {
        let hosts = Hosts::default();
        Self {
            user,
            timeout,
            hosts,
        }
    }

    /// Lists all tags of the repository of `object`.
    ///
    /// # Errors
    /// When the listing is not complete, for whatever reason.
    pub async fn tags(
        &self,
        key: &ObjectKey,
        object: &ImageRepository,
        image: &Repository,
        resources: &Resources,
    ) -> Result<Vec<String>, TagsError> {
        let (client, advice) = self.client(key, object, image, resources).await?;
        let listed = client.list_tags(image, self.deadline(object)).await;
        Ok(listed.map_err(|error| explain(error, advice))?.tags)
    }

    /// Returns the digest of a tag.
    ///
    /// # Errors
    /// When the registry does not tell it.
    pub async fn digest(
        &self,
        key: &ObjectKey,
        object: &ImageRepository,
        image: &Repository,
        tag: &str,
        resources: &Resources,
    ) -> Result<String, TagsError> {
        let (client, advice) = self.client(key, object, image, resources).await?;
        let digest = client.digest(image, tag, self.deadline(object)).await;
        let digest = digest.map_err(|error| explain(error, advice))?;
        Ok(digest.to_string())
    }

    /// Tells what the user's own credentials stand in for, if they do.
    #[must_use]
    pub fn stand_in(
        key: &ObjectKey,
        object: &ImageRepository,
        resources: &Resources,
    ) -> Option<String> {
        let spec = &object.spec;
        let instead = "the credentials of docker and podman on this machine are used instead";
        if let Some(provider) = spec.provider.filter(is_cloud) {
            return Some(format!(
                "ImageRepository {key}: spec.provider {} works in the cluster only; {instead}",
                format!("{provider:?}").to_lowercase()
            ));
        }
        let secret = ObjectKey::new(&key.namespace, &spec.secret_ref.as_ref()?.name);
        let missing = !resources.secrets.contains_key(&secret);
        missing.then(|| {
            format!(
                "ImageRepository {key}: spec.secretRef: secret '{secret}' is in none of the files, or encrypted; {instead}"
            )
        })
    }

    fn deadline(&self, object: &ImageRepository) -> Instant {
        let own = object.spec.timeout.as_ref().map(|timeout| timeout.value());
        let own = own.and_then(|timeout| Duration::try_from(timeout).ok());
        Instant::now() + own.map_or(self.timeout, |own| own.min(self.timeout))
    }

    async fn client(
        &self,
        key: &ObjectKey,
        object: &ImageRepository,
        image: &Repository,
        resources: &Resources,
    ) -> Result<(Client, String), TagsError> {
        let spec = &object.spec;
        let secrets = Secrets {
            namespace: &key.namespace,
            resources,
        };
        let mut options = ClientOptions {
            hosts: self.hosts.clone(),
            plain_http: if spec.insecure {
                PlainHttp::Allowed
            } else {
                PlainHttp::default()
            },
            ..ClientOptions::default()
        };
        if let Some(reference) = &spec.cert_secret_ref {
            let (name, secret) = secrets.required("spec.certSecretRef", &reference.name)?;
            options.tls = TlsOptions::from_secret_data(&name, &data_of(secret))?;
        }
        if let Some(reference) = &spec.proxy_secret_ref {
            let (name, secret) = secrets.required("spec.proxySecretRef", &reference.name)?;
            options.proxy =
                ProxyChoice::Through(ProxyOptions::from_secret_data(&name, &data_of(secret))?);
        }
        let mut advice;
        options.keychain = match secrets.keychain(object)? {
            Some(keychain) => {
                advice = format!(
                    "the credentials are those of the Secrets that ImageRepository {key} names"
                );
                keychain
            }
            None => {
                let keychain = self.user.keychain(&[image.registry()]).await;
                advice = format!(
                    "`docker login {}` lets this machine in, or a Secret that spec.secretRef names, in the files",
                    image.registry()
                );
                for warning in keychain.warnings() {
                    advice += &format!("; {warning}");
                }
                keychain
            }
        };
        Ok((Client::new(options)?, advice))
    }
}

/// Adds where credentials come from, if they are what is missing.
fn explain(error: RegistryError, advice: String) -> TagsError {
    let answer = Box::new(error);
    match *answer {
        RegistryError::Unauthorized(_) | RegistryError::Forbidden(_) => {
            TagsError::Denied { answer, advice }
        }
        _ => TagsError::Registry(answer),
    }
}

fn is_cloud(provider: &Provider) -> bool {
    *provider != Provider::Generic
}

/// The Secrets of one namespace that the files hold.
struct Secrets<'a> {
    namespace: &'a str,
    resources: &'a Resources,
}

impl Secrets<'_> {
    fn required(&self, field: &'static str, name: &str) -> Result<(String, &Secret), TagsError> {
        let key = ObjectKey::new(self.namespace, name);
        match self.resources.secrets.get(&key) {
            Some(found) => Ok((key.to_string(), &found.object)),
            None => Err(TagsError::MissingSecret { field, secret: key }),
        }
    }

    /// The credentials the object names, as far as the files hold them; `None` when they hold none of them.
    ///
    /// Of a cloud provider only the cluster knows the identity: the user's own credentials take its place.
    fn keychain(&self, object: &ImageRepository) -> Result<Option<Keychain>, TagsError> {
        let spec = &object.spec;
        if spec.provider.as_ref().is_some_and(is_cloud) {
            return Ok(None);
        }
        let mut names: Vec<&str> = spec
            .secret_ref
            .iter()
            .map(|reference| reference.name.as_str())
            .collect();
        if let Some(account) = &spec.service_account_name {
            let key = ObjectKey::new(self.namespace, account);
            let account = self.resources.service_accounts.get(&key);
            let pull_secrets = account.and_then(|found| found.object.image_pull_secrets.as_ref());
            names.extend(
                pull_secrets
                    .into_iter()
                    .flatten()
                    .map(|reference| reference.name.as_str()),
            );
        }
        let mut keychain = None;
        for name in names {
            let key = ObjectKey::new(self.namespace, name);
            let Some(found) = self.resources.secrets.get(&key) else {
                continue;
            };
            let kind = found.object.type_.as_deref().unwrap_or("Opaque");
            let keychain = keychain.get_or_insert_with(Keychain::default);
            keychain.add_secret(&key.to_string(), kind, &data_of(&found.object))?;
        }
        Ok(keychain)
    }
}
