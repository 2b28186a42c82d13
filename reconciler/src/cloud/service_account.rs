//! The identities of `ServiceAccount`s: their annotations, and tokens that the API server makes for them.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{Api, PostParams};
use secrecy::SecretString;

use super::error::{AccountError, CloudError};

/// What the token of an account is good for, in seconds; the least the API server grants is ten minutes.
const TOKEN_SECONDS: i64 = 600;

/// Whose identity a login uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity<'a> {
    /// The program's own.
    Controller,
    /// That of the `ServiceAccount` an object names, in the object's namespace.
    Account {
        /// The object's namespace.
        namespace: &'a str,
        /// `spec.serviceAccountName`.
        name: &'a str,
    },
    /// That of the `ServiceAccount` the operator requires of objects that name none.
    DefaultAccount {
        /// The object's namespace.
        namespace: &'a str,
        /// The flag `--default-service-account`.
        name: &'a str,
    },
}

impl<'a> Identity<'a> {
    /// Chooses the identity of an object: its own account, else the default one, else the program's.
    ///
    /// `named` is `spec.serviceAccountName`, `default` the flag `--default-service-account`; empty means absent.
    #[must_use]
    pub fn choose(namespace: &'a str, named: Option<&'a str>, default: Option<&'a str>) -> Self {
        let given = |name: Option<&'a str>| name.filter(|name| !name.is_empty());
        match (given(named), given(default)) {
            (Some(name), _) => Self::Account { namespace, name },
            (None, Some(name)) => Self::DefaultAccount { namespace, name },
            (None, None) => Self::Controller,
        }
    }
}

/// Reads `ServiceAccount`s and has tokens made for them: `get serviceaccounts`, `create serviceaccounts/token`.
#[derive(Clone)]
pub struct ServiceAccounts(kube::Client);

impl ServiceAccounts {
    /// Asks through this client.
    #[must_use]
    pub fn new(client: kube::Client) -> Self {
        Self(client)
    }

    async fn find(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<ServiceAccount>, AccountError> {
        let accounts = Api::<ServiceAccount>::namespaced(self.0.clone(), namespace);
        accounts.get_opt(name).await.map_err(fault)
    }

    async fn make_token(
        &self,
        account: &Account,
        audience: &str,
    ) -> Result<SecretString, AccountError> {
        let accounts = Api::<ServiceAccount>::namespaced(self.0.clone(), &account.namespace);
        let request = TokenRequest {
            spec: TokenRequestSpec {
                audiences: vec![audience.to_owned()],
                expiration_seconds: Some(TOKEN_SECONDS),
                bound_object_ref: None,
            },
            ..TokenRequest::default()
        };
        let made = accounts
            .create_token_request(&account.name, &PostParams::default(), &request)
            .await
            .map_err(fault)?;
        let token = made.status.map(|status| status.token);
        let token = token.filter(|token| !token.is_empty());
        token.map(Into::into).ok_or(AccountError::NoToken)
    }
}

fn fault(fault: kube::Error) -> AccountError {
    match fault {
        kube::Error::Api(status) => AccountError::Refused(status.message),
        other => AccountError::Unreachable(Arc::new(other)),
    }
}

/// A `ServiceAccount` that was found.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) namespace: String,
    pub(super) name: String,
    annotations: BTreeMap<String, String>,
}

impl Account {
    /// Reads the account of an identity; `None` for the program's own.
    pub(super) async fn of(
        identity: Identity<'_>,
        accounts: Option<&ServiceAccounts>,
    ) -> Result<Option<Self>, CloudError> {
        let (namespace, name, is_default) = match identity {
            Identity::Controller => return Ok(None),
            Identity::Account { namespace, name } => (namespace, name, false),
            Identity::DefaultAccount { namespace, name } => (namespace, name, true),
        };
        let found = match accounts {
            Some(accounts) => accounts.find(namespace, name).await,
            None => Err(AccountError::NoCluster),
        };
        let found = found.and_then(|found| match found {
            Some(account) => Ok(account),
            None if is_default => Err(AccountError::Lockdown),
            None => Err(AccountError::Refused(format!(
                "serviceaccounts \"{name}\" not found"
            ))),
        });
        let found = found.map_err(|source| CloudError::AccountAbsent {
            account: format!("{namespace}/{name}"),
            source,
        })?;
        Ok(Some(Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            annotations: found.metadata.annotations.unwrap_or_default(),
        }))
    }

    /// Returns an annotation; an empty one counts as absent.
    pub(super) fn annotation(&self, key: &str) -> Option<&str> {
        let value = self.annotations.get(key)?;
        (!value.is_empty()).then_some(value)
    }

    /// Has a token made for this account.
    pub(super) async fn token(
        &self,
        accounts: Option<&ServiceAccounts>,
        audience: &str,
    ) -> Result<SecretString, CloudError> {
        let made = match accounts {
            Some(accounts) => accounts.make_token(self, audience).await,
            None => Err(AccountError::NoCluster),
        };
        made.map_err(|source| CloudError::AccountToken {
            account: self.to_string(),
            source,
        })
    }

    #[cfg(test)]
    pub(super) fn with_annotations(pairs: &[(&str, &str)]) -> Self {
        let pairs = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Self {
            namespace: "apps".to_owned(),
            name: "robot".to_owned(),
            annotations: pairs.collect(),
        }
    }
}

impl std::fmt::Display for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}
