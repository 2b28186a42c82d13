//! Logins to clouds: passwords for their registries and Git hosts, from identities instead of Secrets.
//!
//! | for | clouds | what is asked |
//! |---|---|---|
//! | registries | `aws`, `azure`, `gcp` | [`CloudLogins::registry`] |
//! | Git | `github` (Apps), `azure`, `aws` | [`CloudLogins::git`] |
//!
//! The module of each cloud tells its protocol. Most logins have two steps: an access token (`access`), of the
//! program's own identity or of a `ServiceAccount`'s, and then a password made with it. Both are kept for 80 % of
//! their lifetime, and an hour at most (`cache`). Nothing is asked twice at the same time, and nobody waits for
//! somebody else's login.
//!
//! Clouds are asked on the way of the object's registry or remote, through its proxy and trusting its authorities;
//! agents and metadata servers on the node directly. Where they are can be said with the environment variables of the
//! clouds' own libraries: `AWS_ENDPOINT_URL` and `AWS_ENDPOINT_URL_<SERVICE>`, `AWS_EC2_METADATA_SERVICE_ENDPOINT`,
//! `AWS_CONTAINER_CREDENTIALS_FULL_URI`, `AZURE_AUTHORITY_HOST`, `AZURE_POD_IDENTITY_AUTHORITY_HOST`,
//! `GCE_METADATA_HOST`, and the addresses in the file of `GOOGLE_APPLICATION_CREDENTIALS`.

use std::fmt;
use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use tokio::sync::OnceCell;

use crate::git::{self, Access};
use crate::metrics::Metrics;
use crate::registry::{Credential, ProxyChoice, TlsOptions};
use crate::secret::SecretData;

mod access;
mod aws;
mod azure;
mod cache;
mod environment;
mod error;
mod expiry;
mod gcp;
mod github;
mod grant;
mod http;
mod jwt;
mod refusal;
mod service_account;
#[cfg(test)]
mod tests;
mod xml;

pub use cache::{Beneficiary, CacheLimits};
pub use environment::Environment;
pub use error::{AccountError, AnnotationError, AppError, AppMisuse, CloudError, RepositoryError};
pub use github::reject_app_data;
pub use http::HttpError;
pub use service_account::{Identity, ServiceAccounts};

use access::{Means, Office, Purpose};
use cache::{Key, TokenCache};
use grant::Grant;
use http::{Http, Route};

/// A cloud whose registries can be logged in to: `spec.provider` of an `ImageRepository`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cloud {
    /// `aws`: ECR.
    Aws,
    /// `azure`: ACR.
    Azure,
    /// `gcp`: Artifact Registry.
    Gcp,
}

impl Cloud {
    /// Returns the cloud of a provider's name; `None` for `generic` and any other.
    #[must_use]
    pub fn named(provider: &str) -> Option<Self> {
        match provider {
            "aws" => Some(Self::Aws),
            "azure" => Some(Self::Azure),
            "gcp" => Some(Self::Gcp),
            _ => None,
        }
    }
}

impl fmt::Display for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Aws => "AWS",
            Self::Azure => "Azure",
            Self::Gcp => "GCP",
        })
    }
}

/// Who logs in to a Git host: `spec.provider` of a `GitRepository`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GitProvider {
    /// `github`: an App.
    Github,
    /// `azure`: Azure DevOps.
    Azure,
    /// `aws`: `CodeCommit`.
    Aws,
}

impl GitProvider {
    /// Returns the provider of a name; `None` for `generic` and any other.
    #[must_use]
    pub fn named(provider: &str) -> Option<Self> {
        match provider {
            "github" => Some(Self::Github),
            "azure" => Some(Self::Azure),
            "aws" => Some(Self::Aws),
            _ => None,
        }
    }
}

/// A login to a registry.
#[derive(Clone, Copy, Debug)]
pub struct RegistryLogin<'a> {
    /// The cloud it belongs to.
    pub cloud: Cloud,
    /// Its host, with the port if the image names one.
    pub host: &'a str,
    /// The object that wants it.
    pub whose: Beneficiary<'a>,
    /// Who logs in.
    pub identity: Identity<'a>,
    /// What the way to the cloud trusts, as the way to the registry does.
    pub tls: &'a TlsOptions,
    /// How the cloud is reached, as the registry is.
    pub proxy: &'a ProxyChoice,
}

/// A login to a Git host. Without `Debug`: the Secret is as plain as it comes.
#[derive(Clone, Copy)]
pub struct GitLogin<'a> {
    /// Whom to log in as.
    pub provider: GitProvider,
    /// The URL of the repository.
    pub url: &'a str,
    /// The Secret of the `GitRepository`: that of an App. Only `github` reads it.
    pub secret: Option<&'a SecretData>,
    /// The object that wants it.
    pub whose: Beneficiary<'a>,
    /// Who logs in, where that is not an App.
    pub identity: Identity<'a>,
    /// What the way to the cloud trusts, as the way to the remote does.
    pub tls: &'a git::Tls,
    /// How the cloud is reached, as the remote is.
    pub proxy: Option<&'a git::Proxy>,
}

/// Logs in to clouds. Clones share what was granted.
#[derive(Clone)]
pub struct CloudLogins(Arc<Office>);

impl CloudLogins {
    /// Makes logins of what the environment says; without `accounts`, only the program's own identity can be used.
    ///
    /// What the cache does is counted in `metrics`.
    ///
    /// # Errors
    ///
    /// When the HTTP library cannot be set up.
    ///
    /// # Panics
    ///
    /// When no rustls crypto provider is installed.
    pub fn new(
        environment: Environment,
        accounts: Option<ServiceAccounts>,
        limits: CacheLimits,
        metrics: Metrics,
    ) -> Result<Self, CloudError> {
        Ok(Self(Arc::new(Office {
            environment,
            accounts,
            cache: TokenCache::new(limits, metrics),
            node: Http::of_node()?,
            cluster: OnceCell::new(),
        })))
    }

    /// Returns user and password of a registry.
    ///
    /// # Errors
    ///
    /// When the host is none of the cloud's, the identity has no access, or a cloud cannot be asked.
    pub async fn registry(&self, login: RegistryLogin<'_>) -> Result<Credential, CloudError> {
        let grant = self.registry_grant(&login).await?;
        Ok(Credential::login(grant.name, grant.secret.expose_secret()))
    }

    /// Returns what a Git host is shown.
    ///
    /// # Errors
    ///
    /// When provider, Secret and URL do not go together, the identity has no access, or a cloud cannot be asked.
    pub async fn git(&self, login: GitLogin<'_>) -> Result<Access, CloudError> {
        let route = Route::of_git(login.tls, login.proxy);
        let grant = match login.provider {
            GitProvider::Github => self.github(&login, route).await?,
            GitProvider::Aws => self.codecommit(&login, &route).await?,
            GitProvider::Azure => {
                let scope = azure::DEVOPS_SCOPE.to_owned();
                let access = self
                    .0
                    .access(
                        Purpose::Azure { scope },
                        login.identity,
                        login.whose,
                        &route,
                    )
                    .await;
                let (_, grant) = access.map_err(CloudError::within(CloudError::GitAccess))?;
                return Ok(Access::Bearer(grant.secret));
            }
        };
        Ok(Access::Basic {
            username: grant.name,
            password: grant.secret,
        })
    }

    async fn registry_grant(&self, login: &RegistryLogin<'_>) -> Result<Grant, CloudError> {
        let route = Route::of_registry(login.tls, login.proxy);
        match login.cloud {
            Cloud::Aws => self.ecr(login, &route).await,
            Cloud::Azure => self.acr(login, &route).await,
            Cloud::Gcp => {
                gcp::check_registry(login.host)?;
                let (_, token) = self.registry_access(Purpose::Gcp, login, &route).await?;
                let name = gcp::USER.to_owned();
                Ok(Grant { name, ..token })
            }
        }
    }

    async fn ecr(&self, login: &RegistryLogin<'_>, route: &Route) -> Result<Grant, CloudError> {
        let registry = aws::registry::Registry::parse(login.host)?;
        let region = registry.region().to_owned();
        let (key, keys) = self
            .registry_access(Purpose::Aws { region }, login, route)
            .await?;
        let what = match registry {
            aws::registry::Registry::Public => "public",
            aws::registry::Registry::Private(_) => "private",
        };
        let (office, route) = (Arc::clone(&self.0), route.clone());
        self.registry_password(key, what, login.whose, || {
            async move {
                let http = Http::new(&route)?;
                aws::registry::login(&office.means(&http), &registry, &keys).await
            }
            .boxed()
        })
        .await
    }

    async fn acr(&self, login: &RegistryLogin<'_>, route: &Route) -> Result<Grant, CloudError> {
        let means = self.0.means(&self.0.node);
        let scope = azure::registry_scope(&means, login.host).await?;
        let (key, token) = self
            .registry_access(Purpose::Azure { scope }, login, route)
            .await?;
        let (office, route, host) = (Arc::clone(&self.0), route.clone(), login.host.to_owned());
        self.registry_password(key, login.host, login.whose, || {
            async move {
                let http = Http::new(&route)?;
                azure::login(&office.means(&http), &host, &token).await
            }
            .boxed()
        })
        .await
    }

    async fn registry_access(
        &self,
        purpose: Purpose,
        login: &RegistryLogin<'_>,
        route: &Route,
    ) -> Result<(Key, Grant), CloudError> {
        let access = self
            .0
            .access(purpose, login.identity, login.whose, route)
            .await;
        access.map_err(CloudError::within(CloudError::RegistryAccess))
    }

    /// Returns the password that an access token buys at a registry.
    async fn registry_password(
        &self,
        access: Key,
        registry: &str,
        whose: Beneficiary<'_>,
        fetch: impl FnOnce() -> BoxFuture<'static, Result<Grant, CloudError>>,
    ) -> Result<Grant, CloudError> {
        let key = Key::new([
            ("access", access.as_bytes()),
            ("registry", registry.as_bytes()),
        ]);
        let password = self.0.cache.get_or_fetch(key, whose, fetch).await;
        password.map_err(CloudError::within(CloudError::RegistryCredentials))
    }

    async fn codecommit(&self, login: &GitLogin<'_>, route: &Route) -> Result<Grant, CloudError> {
        let repository = aws::codecommit::Repository::parse(login.url)?;
        let region = repository.region.clone();
        let access = self
            .0
            .access(Purpose::Aws { region }, login.identity, login.whose, route)
            .await;
        let (key, keys) = access.map_err(CloudError::within(CloudError::GitAccess))?;
        let address = repository.address();
        let key = Key::new([
            ("access", key.as_bytes()),
            ("repository", address.as_bytes()),
        ]);
        let sign = || std::future::ready(Ok(repository.login(&keys, Timestamp::now()))).boxed();
        self.0.cache.get_or_fetch(key, login.whose, sign).await
    }

    async fn github(&self, login: &GitLogin<'_>, route: Route) -> Result<Grant, CloudError> {
        let app = github::App::from_secret(login.secret)?;
        let (digest, way) = (app.digest(), route.key());
        let key = Key::new([("app", digest.as_bytes()), ("route", way.as_bytes())]);
        let fetch = || async move { app.login(&Http::new(&route)?).await }.boxed();
        self.0.cache.get_or_fetch(key, login.whose, fetch).await
    }
}

impl fmt::Debug for CloudLogins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CloudLogins(..)")
    }
}
