//! Azure: ACR registries and Azure DevOps repositories.
//!
//! 1. An Entra token for a scope: that of ACR, that of the private cloud of `AZURE_ENVIRONMENT_FILEPATH`, or that of
//!    Azure DevOps. The program's own, from the first of these the environment tells of: a client with its secret; a
//!    federated token (workload identity); the managed identity of the node, asked of its metadata server. That of a
//!    `ServiceAccount`: a token of it goes to Entra for the client and tenant its annotations name.
//! 2. ACR: the registry's `/oauth2/exchange` gives a refresh token for the Entra token, which is the password of a
//!    user whose name is all zeros. Azure DevOps: the Entra token is the bearer token.

use std::path::Path;

use jiff::Timestamp;
use reqwest::Url;
use reqwest::header::HeaderName;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::error::{AnnotationError, CloudError};
use super::grant::Grant;
use super::http::{Call, HttpError, Reply, secret};
use super::service_account::Account;
use super::{Cloud, Means, expiry};

/// Whom tokens of `ServiceAccount`s are made for.
pub(super) const AUDIENCE: &str = "api://AzureADTokenExchange";

/// The scope of Azure DevOps.
pub(super) const DEVOPS_SCOPE: &str = "499b84ac-1321-427f-aa17-267ca6975798/.default";

/// The scope of ACR; it is the same in the public, the Chinese and the American cloud.
const ACR_SCOPE: &str = "https://containerregistry.azure.net/.default";

/// The user of a refresh token of ACR.
const USER: &str = "00000000-0000-0000-0000-000000000000";

/// What hosts look like, as users are told.
const PATTERN: &str = r"^.+\.(azurecr\.io|azurecr\.cn|azurecr\.de|azurecr\.us)$";

/// What comes last in the hosts of the clouds everybody knows.
const SUFFIXES: [&str; 4] = [".azurecr.io", ".azurecr.cn", ".azurecr.de", ".azurecr.us"];

const TENANT_ANNOTATION: &str = "azure.workload.identity/tenant-id";
const CLIENT_ANNOTATION: &str = "azure.workload.identity/client-id";

/// The variable that names a file about a private cloud.
const CLOUD_FILE: &str = "AZURE_ENVIRONMENT_FILEPATH";

/// Where Entra is.
const AUTHORITY: &str = "https://login.microsoftonline.com";

/// Where the metadata server of a node is.
const METADATA: &str = "http://169.254.169.254";

/// A client of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Client {
    pub(super) tenant: String,
    pub(super) id: String,
}

/// Returns the client a `ServiceAccount` stands for.
pub(super) fn client(account: &Account) -> Result<Client, AnnotationError> {
    let tenant = account.annotation(TENANT_ANNOTATION);
    let id = account.annotation(CLIENT_ANNOTATION);
    Ok(Client {
        tenant: tenant
            .ok_or(AnnotationError::Tenant(TENANT_ANNOTATION))?
            .to_owned(),
        id: id
            .ok_or(AnnotationError::Client(CLIENT_ANNOTATION))?
            .to_owned(),
    })
}

/// A private cloud, as far as registries are concerned.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PrivateCloud {
    #[serde(default)]
    resource_manager_endpoint: String,
    #[serde(default, rename = "containerRegistryDNSSuffix")]
    registry_suffix: String,
}

/// Checks that a host is a registry of Azure and returns the scope of tokens for it.
pub(super) async fn registry_scope(means: &Means<'_>, host: &str) -> Result<String, CloudError> {
    let known = SUFFIXES.iter().any(|suffix| {
        host.strip_suffix(suffix)
            .is_some_and(|name| !name.is_empty())
    });
    let Some(path) = means.environment.get(CLOUD_FILE) else {
        let fault = || CloudError::Registry {
            cloud: Cloud::Azure,
            host: host.to_owned(),
            pattern: PATTERN,
        };
        return known.then(|| ACR_SCOPE.to_owned()).ok_or_else(fault);
    };
    let text = means.read_file(CLOUD_FILE, Path::new(path)).await?;
    let cloud: PrivateCloud =
        serde_json::from_str(text.expose_secret()).map_err(|fault| wrong_file(&fault))?;
    if !known {
        let suffix = cloud.registry_suffix;
        if suffix.is_empty() {
            return Err(wrong_file(&"containerRegistryDNSSuffix is not set"));
        }
        if !host.ends_with(&suffix) {
            let host = host.to_owned();
            return Err(CloudError::RegistrySuffix { host, suffix });
        }
    }
    if cloud.resource_manager_endpoint.is_empty() {
        return Err(wrong_file(&"resourceManagerEndpoint is not set"));
    }
    // A slash at the end of the endpoint is part of the name Entra knows it by, so it is kept.
    Ok(format!("{}/.default", cloud.resource_manager_endpoint))
}

fn wrong_file(what: &dyn std::fmt::Display) -> CloudError {
    CloudError::Environment {
        variable: CLOUD_FILE,
        what: what.to_string(),
    }
}

/// Returns an Entra token of the program's own identity.
pub(super) async fn of_controller(means: &Means<'_>, scope: &str) -> Result<Grant, CloudError> {
    let environment = means.environment;
    let id = environment.get("AZURE_CLIENT_ID");
    let client = id
        .zip(environment.get("AZURE_TENANT_ID"))
        .map(|(id, tenant)| Client {
            tenant: tenant.to_owned(),
            id: id.to_owned(),
        });
    if let Some(client) = client {
        if let Some(secret) = environment.get("AZURE_CLIENT_SECRET") {
            let secret = SecretString::from(secret);
            return ask_entra(means, &client, scope, &[], ("client_secret", &secret)).await;
        }
        let variable = "AZURE_FEDERATED_TOKEN_FILE";
        if let Some(file) = environment.get(variable) {
            let token = means.read_file(variable, Path::new(file)).await?;
            return of_account(means, &client, scope, &token).await;
        }
    }
    of_node(means, id, scope).await
}

/// Returns an Entra token of a client that a token of Kubernetes vouches for.
pub(super) async fn of_account(
    means: &Means<'_>,
    client: &Client,
    scope: &str,
    token: &SecretString,
) -> Result<Grant, CloudError> {
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let plain = [("client_assertion_type", kind)];
    ask_entra(means, client, scope, &plain, ("client_assertion", token)).await
}

async fn ask_entra(
    means: &Means<'_>,
    client: &Client,
    scope: &str,
    plain: &[(&str, &str)],
    proof: (&str, &SecretString),
) -> Result<Grant, CloudError> {
    let variable = "AZURE_AUTHORITY_HOST";
    let authority = means.environment.get(variable).unwrap_or(AUTHORITY);
    let mut url = url(variable, authority)?;
    let wrong = || CloudError::Environment {
        variable,
        what: "not a URL that can have a path".to_owned(),
    };
    url.path_segments_mut()
        .map_err(|()| wrong())?
        .pop_if_empty()
        .extend([&client.tenant, "oauth2", "v2.0", "token"]);
    let mut form = vec![
        ("grant_type", "client_credentials"),
        ("client_id", &client.id),
        ("scope", scope),
    ];
    form.extend_from_slice(plain);
    let reply = means
        .http
        .send(&Call::post(url).form(&form, &[proof]))
        .await?;
    Ok(access_token(&reply)?)
}

/// Asks the metadata server for a token of the node's identity, or of another one the node has, named by its client.
async fn of_node(
    means: &Means<'_>,
    client: Option<&str>,
    scope: &str,
) -> Result<Grant, CloudError> {
    let variable = "AZURE_POD_IDENTITY_AUTHORITY_HOST";
    let base = means
        .environment
        .get(variable)
        .unwrap_or(METADATA)
        .trim_end_matches('/');
    let mut url = url(variable, &format!("{base}/metadata/identity/oauth2/token"))?;
    let resource = scope.strip_suffix("/.default").unwrap_or(scope);
    url.query_pairs_mut()
        .append_pair("api-version", "2018-02-01")
        .append_pair("resource", resource)
        .extend_pairs(client.map(|client| ("client_id", client)));
    let call = Call::get(url).header(HeaderName::from_static("metadata"), "true");
    Ok(access_token(&means.node.send(&call).await?)?)
}

fn access_token(reply: &Reply) -> Result<Grant, HttpError> {
    let answer = reply.json()?;
    let token = || {
        let expires = expiry::lifetime(answer.get("expires_in")?, Timestamp::now())?;
        Some(Grant::token(secret(&answer, "access_token")?, expires))
    };
    token().ok_or_else(|| reply.garbage("no access token in the answer"))
}

/// Has a registry exchange an Entra token for a refresh token, which is its password.
pub(super) async fn login(
    means: &Means<'_>,
    host: &str,
    token: &Grant,
) -> Result<Grant, CloudError> {
    let url = Url::parse(&format!("https://{host}/oauth2/exchange"));
    let url = url.map_err(|_| CloudError::Registry {
        cloud: Cloud::Azure,
        host: host.to_owned(),
        pattern: PATTERN,
    })?;
    let plain = [("grant_type", "access_token"), ("service", host)];
    let call = Call::post(url).form(&plain, &[("access_token", &token.secret)]);
    let reply = means.http.send(&call).await?;
    let answer = reply.json()?;
    let password = || {
        let token = secret(&answer, "refresh_token")?;
        let expires = expiry::of_jwt(token.expose_secret())?;
        Some(Grant::login(USER, token, expires))
    };
    Ok(password().ok_or_else(|| reply.garbage("no refresh token in the answer"))?)
}

fn url(variable: &'static str, address: &str) -> Result<Url, CloudError> {
    let url = Url::parse(address).ok().filter(Url::has_host);
    url.ok_or_else(|| CloudError::Environment {
        variable,
        what: "not a URL with a host".to_owned(),
    })
}
