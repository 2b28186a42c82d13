//! Reading the Secrets, ServiceAccounts and namespaces that objects name, when they are needed.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Namespace, Secret, ServiceAccount};
use kube::{Api, Client};
use thiserror::Error;

/// Why an object could not be read.
#[derive(Debug, Error)]
pub enum LookupError {
    /// There is none of that name.
    #[error("{kind} \"{name}\" not found")]
    Missing {
        /// The kind as the API server names it in this message, such as `secrets`.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// The API server did not give it.
    #[error(transparent)]
    Api(#[from] kube::Error),
}

/// Reads objects straight from the API server: nothing of them is kept, and no right to list them is needed.
#[derive(Clone)]
pub struct Secrets {
    client: Client,
}

impl Secrets {
    /// Reads with the rights of `client`.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// Reads a Secret.
    ///
    /// # Errors
    ///
    /// When it is missing or cannot be read.
    pub async fn secret(&self, namespace: &str, name: &str) -> Result<Secret, LookupError> {
        let secrets = Api::<Secret>::namespaced(self.client.clone(), namespace);
        secrets
            .get_opt(name)
            .await?
            .ok_or_else(|| LookupError::Missing {
                kind: "secrets",
                name: name.to_owned(),
            })
    }

    /// Reads a ServiceAccount.
    ///
    /// # Errors
    ///
    /// When it is missing or cannot be read.
    pub async fn service_account(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<ServiceAccount, LookupError> {
        let accounts = Api::<ServiceAccount>::namespaced(self.client.clone(), namespace);
        accounts
            .get_opt(name)
            .await?
            .ok_or_else(|| LookupError::Missing {
                kind: "serviceaccounts",
                name: name.to_owned(),
            })
    }

    /// Reads the labels of a namespace.
    ///
    /// # Errors
    ///
    /// When it is missing or cannot be read.
    pub async fn namespace_labels(
        &self,
        name: &str,
    ) -> Result<BTreeMap<String, String>, LookupError> {
        let namespaces = Api::<Namespace>::all(self.client.clone());
        let namespace = namespaces.get_opt(name).await?;
        let namespace = namespace.ok_or_else(|| LookupError::Missing {
            kind: "namespaces",
            name: name.to_owned(),
        })?;
        Ok(namespace.metadata.labels.unwrap_or_default())
    }
}
