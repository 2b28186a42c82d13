//! The first step of most logins: an access token of the program's own identity or a `ServiceAccount`'s.

use std::path::Path;
use std::sync::Arc;

use futures::FutureExt as _;
use secrecy::SecretString;
use tokio::sync::OnceCell;

use super::cache::{Beneficiary, Key, TokenCache};
use super::environment::Environment;
use super::error::CloudError;
use super::gcp::cluster::Cluster;
use super::grant::Grant;
use super::http::{Http, Route};
use super::service_account::{Account, Identity, ServiceAccounts};
use super::{aws, azure, gcp};

/// What the logins of a program share.
pub(super) struct Office {
    pub(super) environment: Environment,
    pub(super) accounts: Option<ServiceAccounts>,
    pub(super) cache: Arc<TokenCache>,
    pub(super) node: Http,
    /// The GKE cluster we are in, once it has been asked for.
    pub(super) cluster: OnceCell<Cluster>,
}

/// What one login works with.
pub(super) struct Means<'a> {
    pub(super) environment: &'a Environment,
    /// To the servers on the node.
    pub(super) node: &'a Http,
    /// To the cloud, on the way the object asks for.
    pub(super) http: &'a Http,
}

impl Means<'_> {
    /// Reads a file that the environment names. Such files are replaced when their tokens are, so nothing is kept.
    pub(super) async fn read_file(
        &self,
        variable: &'static str,
        path: &Path,
    ) -> Result<SecretString, CloudError> {
        let text = tokio::fs::read_to_string(path).await;
        let text = text.map_err(|source| CloudError::File {
            variable,
            path: path.to_owned(),
            source: Arc::new(source),
        })?;
        Ok(text.trim().into())
    }
}

/// What an access token is to be good for.
#[derive(Clone)]
pub(super) enum Purpose {
    /// The services of AWS in a region.
    Aws { region: String },
    /// A scope of Azure.
    Azure { scope: String },
    /// Registries of Google.
    Gcp,
}

/// Whose access token it is; `P` is what makes a `ServiceAccount` somebody in the cloud.
enum Subject<P> {
    Controller,
    Account(Federated<P>),
}

struct Federated<P> {
    account: Account,
    /// Whom the token of the account is made for.
    audience: String,
    proof: P,
}

/// A purpose with the subject of that cloud.
enum Request {
    Aws(String, Subject<String>),
    Azure(String, Subject<azure::Client>),
    Gcp(Subject<GcpProof>),
}

/// Whom Google's STS is asked as, and whom to impersonate.
struct GcpProof {
    audience: String,
    email: Option<String>,
}

impl Office {
    pub(super) fn means<'a>(&'a self, http: &'a Http) -> Means<'a> {
        Means {
            environment: &self.environment,
            node: &self.node,
            http,
        }
    }

    /// Returns an access token and what tells it apart, from the cache or from the cloud.
    pub(super) async fn access(
        self: &Arc<Self>,
        purpose: Purpose,
        identity: Identity<'_>,
        whose: Beneficiary<'_>,
        route: &Route,
    ) -> Result<(Key, Grant), CloudError> {
        let account = Account::of(identity, self.accounts.as_ref()).await?;
        let request = self.request(purpose, account).await?;
        let key = request.key(route);
        let (office, route) = (Arc::clone(self), route.clone());
        let fetch = || async move { office.fetch(request, &route).await }.boxed();
        Ok((key, self.cache.get_or_fetch(key, whose, fetch).await?))
    }

    async fn request(
        &self,
        purpose: Purpose,
        account: Option<Account>,
    ) -> Result<Request, CloudError> {
        Ok(match purpose {
            Purpose::Aws { region } => {
                let subject = Subject::new(account, aws::AUDIENCE, aws::role)?;
                Request::Aws(region, subject)
            }
            Purpose::Azure { scope } => {
                let subject = Subject::new(account, azure::AUDIENCE, azure::client)?;
                Request::Azure(scope, subject)
            }
            Purpose::Gcp => match Subject::new(account, "", gcp::federation)? {
                Subject::Controller => Request::Gcp(Subject::Controller),
                Subject::Account(federated) => {
                    let subject = self.at_google(federated).await;
                    let subject = subject.map_err(CloudError::within(CloudError::Audience))?;
                    Request::Gcp(Subject::Account(subject))
                }
            },
        })
    }

    /// Finds out whom a token is made for: the provider of the annotation, or the pool of the cluster we are in.
    async fn at_google(
        &self,
        federated: Federated<gcp::Federation>,
    ) -> Result<Federated<GcpProof>, CloudError> {
        let gcp::Federation { provider, email } = federated.proof;
        let (pool, audience) = match provider {
            Some(provider) => {
                let audience = format!("//iam.googleapis.com/{provider}");
                (audience.clone(), audience)
            }
            None => {
                let means = self.means(&self.node);
                let cluster = self
                    .cluster
                    .get_or_try_init(|| Cluster::ask(&means))
                    .await?;
                (cluster.pool(), cluster.audience())
            }
        };
        Ok(Federated {
            account: federated.account,
            audience: pool,
            proof: GcpProof { audience, email },
        })
    }

    async fn fetch(&self, request: Request, route: &Route) -> Result<Grant, CloudError> {
        let http = Http::new(route)?;
        let means = self.means(&http);
        match request {
            Request::Aws(region, Subject::Controller) => {
                of_controller(aws::identity::of_controller(&means, &region).await)
            }
            Request::Azure(scope, Subject::Controller) => {
                of_controller(azure::of_controller(&means, &scope).await)
            }
            Request::Gcp(Subject::Controller) => of_controller(gcp::of_controller(&means).await),
            Request::Aws(region, Subject::Account(federated)) => {
                let token = federated.token(self).await?;
                let (account, role) = (&federated.account, &federated.proof);
                let grant = aws::identity::of_account(&means, &region, account, role, &token).await;
                federated.outcome(grant)
            }
            Request::Azure(scope, Subject::Account(federated)) => {
                let token = federated.token(self).await?;
                let grant = azure::of_account(&means, &federated.proof, &scope, &token).await;
                federated.outcome(grant)
            }
            Request::Gcp(Subject::Account(federated)) => {
                let token = federated.token(self).await?;
                let GcpProof { audience, email } = &federated.proof;
                let grant = gcp::of_account(&means, audience, email.as_deref(), &token).await;
                federated.outcome(grant)
            }
        }
    }
}

fn of_controller(grant: Result<Grant, CloudError>) -> Result<Grant, CloudError> {
    grant.map_err(CloudError::within(CloudError::Controller))
}

impl<P> Subject<P> {
    fn new(
        account: Option<Account>,
        audience: &str,
        read: fn(&Account) -> Result<P, super::error::AnnotationError>,
    ) -> Result<Self, CloudError> {
        let Some(account) = account else {
            return Ok(Self::Controller);
        };
        let proof = read(&account).map_err(|source| CloudError::Annotations {
            account: account.to_string(),
            source,
        })?;
        Ok(Self::Account(Federated {
            account,
            audience: audience.to_owned(),
            proof,
        }))
    }
}

impl<P> Federated<P> {
    async fn token(&self, office: &Office) -> Result<SecretString, CloudError> {
        self.account
            .token(office.accounts.as_ref(), &self.audience)
            .await
    }

    fn outcome(&self, grant: Result<Grant, CloudError>) -> Result<Grant, CloudError> {
        grant.map_err(|source| CloudError::Account {
            account: self.account.to_string(),
            source: Box::new(source),
        })
    }
}

impl Request {
    /// What tells this request from any other whose answer may be another one.
    fn key(&self, route: &Route) -> Key {
        let (cloud, purpose) = match self {
            Self::Aws(region, _) => ("aws", region.as_str()),
            Self::Azure(scope, _) => ("azure", scope.as_str()),
            Self::Gcp(_) => ("gcp", ""),
        };
        let (account, audience, proof) = match self {
            Self::Aws(_, Subject::Account(it)) => {
                (it.account.to_string(), &it.audience, it.proof.clone())
            }
            Self::Azure(_, Subject::Account(it)) => {
                let azure::Client { tenant, id } = &it.proof;
                (
                    it.account.to_string(),
                    &it.audience,
                    format!("{tenant}/{id}"),
                )
            }
            Self::Gcp(Subject::Account(it)) => {
                let email = it.proof.email.clone().unwrap_or_default();
                (
                    it.account.to_string(),
                    &it.audience,
                    format!("{} {email}", it.proof.audience),
                )
            }
            _ => (String::new(), &String::new(), String::new()),
        };
        Key::new([
            ("cloud", cloud.as_bytes()),
            ("purpose", purpose.as_bytes()),
            ("account", account.as_bytes()),
            ("audience", audience.as_bytes()),
            ("proof", proof.as_bytes()),
            ("route", route.key().as_bytes()),
        ])
    }
}
