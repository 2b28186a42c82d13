//! Google Cloud: Artifact Registry and Container Registry.
//!
//! The access token is the password of the user `oauth2accesstoken`. The program's own comes from the file that
//! `GOOGLE_APPLICATION_CREDENTIALS` names ([`credential_file`]), or else from the metadata server. For a
//! `ServiceAccount`, Google's STS exchanges a token of it. On GKE that token is made for the cluster's workload identity
//! pool, about which the metadata server is asked; elsewhere for the provider an annotation names. If another
//! annotation names a service account of Google, the STS token is exchanged once more, for one of that account.

use std::path::Path;

use jiff::Timestamp;
use reqwest::Url;
use reqwest::header::HeaderName;
use secrecy::SecretString;
use serde_json::json;

use super::error::{AnnotationError, CloudError};
use super::grant::Grant;
use super::http::{Call, HttpError, Reply, secret};
use super::service_account::Account;
use super::{Cloud, Means, expiry};

pub(super) mod cluster;
mod credential_file;

/// The user of an access token at a registry.
pub(super) const USER: &str = "oauth2accesstoken";

/// What tokens are asked for.
const SCOPES: [&str; 2] = [
    "https://www.googleapis.com/auth/cloud-platform",
    "https://www.googleapis.com/auth/userinfo.email",
];

/// What hosts look like, as users are told.
const PATTERN: &str = r"^(((.+\.)?gcr\.io)|(.+-docker\.pkg\.dev)|(docker\.s3nsregistry\.fr))$";

/// The annotation that names a service account of Google to impersonate.
const EMAIL_ANNOTATION: &str = "iam.gke.io/gcp-service-account";
const EMAIL_PATTERN: &str = r"^[a-zA-Z0-9-]{1,100}@[a-zA-Z0-9-]{1,100}\.iam\.gserviceaccount\.com$";

/// The annotation that names the provider that knows the cluster, outside of GKE.
const PROVIDER_ANNOTATION: &str = "gcp.auth.fluxcd.io/workload-identity-provider";
const PROVIDER_PATTERN: &str =
    r"^projects/\d{1,30}/locations/global/workloadIdentityPools/[^/]{1,100}/providers/[^/]{1,100}$";

const STS: &str = "https://sts.googleapis.com/v1/token";

/// The type of the tokens of Kubernetes.
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// How long a token of an impersonated account lasts, in seconds, when nothing else is said.
const IMPERSONATION_SECONDS: u64 = 3600;

/// Where the metadata server of a node is.
const METADATA: &str = "169.254.169.254";

/// How a `ServiceAccount` becomes somebody at Google.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Federation {
    /// The provider that knows the cluster; `None` on GKE.
    pub(super) provider: Option<String>,
    /// The service account of Google to impersonate.
    pub(super) email: Option<String>,
}

/// Reads the annotations of a `ServiceAccount`.
pub(super) fn federation(account: &Account) -> Result<Federation, AnnotationError> {
    let read = |key, pattern, valid: fn(&str) -> bool| match account.annotation(key) {
        Some(value) if !valid(value) => Err(AnnotationError::Form {
            key,
            value: value.to_owned(),
            pattern,
        }),
        value => Ok(value.map(str::to_owned)),
    };
    Ok(Federation {
        provider: read(PROVIDER_ANNOTATION, PROVIDER_PATTERN, is_provider)?,
        email: read(EMAIL_ANNOTATION, EMAIL_PATTERN, is_email)?,
    })
}

/// Whether the text matches [`EMAIL_PATTERN`].
fn is_email(text: &str) -> bool {
    let word = |text: &str| {
        (1..=100).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let name = text.strip_suffix(".iam.gserviceaccount.com");
    name.and_then(|name| name.split_once('@'))
        .is_some_and(|(account, project)| word(account) && word(project))
}

/// Whether the text matches [`PROVIDER_PATTERN`].
fn is_provider(text: &str) -> bool {
    let parts: Vec<&str> = text.split('/').collect();
    let &[
        "projects",
        project,
        "locations",
        "global",
        "workloadIdentityPools",
        pool,
        "providers",
        provider,
    ] = parts.as_slice()
    else {
        return false;
    };
    let number = (1..=30).contains(&project.len()) && project.bytes().all(|b| b.is_ascii_digit());
    let named = |text: &str| (1..=100).contains(&text.chars().count());
    number && named(pool) && named(provider)
}

/// Checks that a host is a registry of Google.
pub(super) fn check_registry(host: &str) -> Result<(), CloudError> {
    let before = |end| host.strip_suffix(end).is_some_and(|name| !name.is_empty());
    let ours = ["gcr.io", "docker.s3nsregistry.fr"].contains(&host)
        || before(".gcr.io")
        || before("-docker.pkg.dev");
    ours.then_some(()).ok_or_else(|| CloudError::Registry {
        cloud: Cloud::Gcp,
        host: host.to_owned(),
        pattern: PATTERN,
    })
}

/// Returns an access token of the program's own identity.
pub(super) async fn of_controller(means: &Means<'_>) -> Result<Grant, CloudError> {
    let variable = "GOOGLE_APPLICATION_CREDENTIALS";
    if let Some(path) = means.environment.get(variable) {
        let text = means.read_file(variable, Path::new(path)).await?;
        return credential_file::token(means, &text).await;
    }
    let path = format!(
        "instance/service-accounts/default/token?scopes={}",
        SCOPES.join(",")
    );
    Ok(access_token(&ask_metadata(means, &path).await?)?)
}

/// Returns an access token for a token of a `ServiceAccount`; `audience` is whom STS is asked as.
pub(super) async fn of_account(
    means: &Means<'_>,
    audience: &str,
    email: Option<&str>,
    token: &SecretString,
) -> Result<Grant, CloudError> {
    let exchange = Exchange {
        sts: address(STS)?,
        audience,
        token_type: JWT,
        token,
    };
    let Some(email) = email else {
        return exchange.token(means, &SCOPES).await;
    };
    let url = format!(
        "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{email}:generateAccessToken"
    );
    let federated = exchange.token(means, &SCOPES[..1]).await?;
    impersonate(
        means,
        address(&url)?,
        &federated.secret,
        IMPERSONATION_SECONDS,
    )
    .await
}

/// A token of somebody else's that Google's STS exchanges for one of its own.
struct Exchange<'a> {
    sts: Url,
    audience: &'a str,
    token_type: &'a str,
    token: &'a SecretString,
}

impl Exchange<'_> {
    async fn token(&self, means: &Means<'_>, scopes: &[&str]) -> Result<Grant, CloudError> {
        let scopes = scopes.join(" ");
        let plain = [
            (
                "grant_type",
                "urn:ietf:params:oauth:grant-type:token-exchange",
            ),
            ("audience", self.audience),
            ("scope", &scopes),
            (
                "requested_token_type",
                "urn:ietf:params:oauth:token-type:access_token",
            ),
            ("subject_token_type", self.token_type),
        ];
        let call = Call::post(self.sts.clone()).form(&plain, &[("subject_token", self.token)]);
        Ok(access_token(&means.http.send(&call).await?)?)
    }
}

/// Exchanges a token for one of a service account it may act as.
async fn impersonate(
    means: &Means<'_>,
    url: Url,
    token: &SecretString,
    seconds: u64,
) -> Result<Grant, CloudError> {
    let body = json!({"lifetime": format!("{seconds}s"), "scope": SCOPES});
    let call = Call::post(url)
        .body("application/json", body.to_string())
        .bearer(token)?;
    let reply = means.http.send(&call).await?;
    let answer = reply.json()?;
    let token = || {
        let expires = expiry::moment(answer.get("expireTime")?)?;
        Some(Grant::token(secret(&answer, "accessToken")?, expires))
    };
    Ok(token().ok_or_else(|| reply.garbage("no access token in the answer"))?)
}

/// Asks the metadata server of the node for something.
async fn ask_metadata(means: &Means<'_>, path: &str) -> Result<Reply, CloudError> {
    let variable = "GCE_METADATA_HOST";
    let host = means.environment.get(variable).unwrap_or(METADATA);
    let url = Url::parse(&format!("http://{host}/computeMetadata/v1/{path}"));
    let url = url.map_err(|_| CloudError::Environment {
        variable,
        what: "not a host".to_owned(),
    })?;
    let call = Call::get(url).header(HeaderName::from_static("metadata-flavor"), "Google");
    Ok(means.node.send(&call).await?)
}

fn access_token(reply: &Reply) -> Result<Grant, HttpError> {
    let answer = reply.json()?;
    let token = || {
        let expires = expiry::lifetime(answer.get("expires_in")?, Timestamp::now())?;
        Some(Grant::token(secret(&answer, "access_token")?, expires))
    };
    token().ok_or_else(|| reply.garbage("no access token in the answer"))
}

/// Parses an address that Google or one of its files gives.
fn address(text: &str) -> Result<Url, CloudError> {
    let url = Url::parse(text).ok().filter(Url::has_host);
    url.ok_or_else(|| CloudError::Environment {
        variable: "GOOGLE_APPLICATION_CREDENTIALS",
        what: "an address in it is not a URL with a host".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn registries_of_google_are_known() {
        for host in [
            "gcr.io",
            "eu.gcr.io",
            "europe-west1-docker.pkg.dev",
            "docker.s3nsregistry.fr",
        ] {
            check_registry(host).unwrap();
        }
        for host in [
            "ghcr.io",
            "xgcr.io",
            ".gcr.io",
            "-docker.pkg.dev",
            "gcr.io.evil.example",
            "gcr.io:443",
            "",
        ] {
            let fault = check_registry(host).unwrap_err().to_string();
            assert_eq!(
                fault,
                format!("invalid GCP registry: '{host}'. must match {PATTERN}")
            );
        }
    }

    #[test]
    fn annotations_have_a_form() {
        let provider = "projects/1/locations/global/workloadIdentityPools/p/providers/q";
        let good = [
            (EMAIL_ANNOTATION, "flux@acme.iam.gserviceaccount.com"),
            (PROVIDER_ANNOTATION, provider),
        ];
        let federation = |pairs: &[_]| super::federation(&Account::with_annotations(pairs));
        assert_eq!(
            federation(&good).unwrap().provider.as_deref(),
            Some(provider)
        );
        assert_eq!(federation(&good[..1]).unwrap().provider, None);
        let fault = federation(&[(EMAIL_ANNOTATION, "flux@gmail.com")]).unwrap_err();
        assert_eq!(
            fault.to_string(),
            format!(
                "invalid {EMAIL_ANNOTATION} annotation: 'flux@gmail.com'. must match {EMAIL_PATTERN}"
            )
        );
        let fault = federation(&[(PROVIDER_ANNOTATION, "x")]).unwrap_err();
        assert_eq!(
            fault.to_string(),
            format!("invalid {PROVIDER_ANNOTATION} annotation: 'x'. must match {PROVIDER_PATTERN}")
        );
    }

    proptest! {
        #[test]
        fn only_what_matches_is_an_email(account in "[a-zA-Z0-9-]{1,100}", project in "[a-zA-Z0-9-]{1,100}", odd in "[@./ ä%]") {
            let email = |account: &str| format!("{account}@{project}.iam.gserviceaccount.com");
            prop_assert!(is_email(&email(&account)));
            let odd = format!("{account}{odd}");
            prop_assert!(!is_email(&email(&odd)));
        }

        #[test]
        fn only_what_matches_is_a_provider(project in "[0-9]{1,30}", pool in "[^/]{1,100}", provider in "[^/]{1,100}") {
            let good = format!("projects/{project}/locations/global/workloadIdentityPools/{pool}/providers/{provider}");
            prop_assert!(is_provider(&good));
            let longer = format!("{good}/");
            prop_assert!(!is_provider(&longer));
            prop_assert!(!is_provider(&good.replacen("global", "eu", 1)));
        }
    }
}
