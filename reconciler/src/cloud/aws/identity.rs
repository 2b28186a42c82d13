//! Whose keys: those of the program, or those of the role of a `ServiceAccount`.

use std::path::Path;

use jiff::Timestamp;
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderName};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::{endpoint, url};
use crate::cloud::Means;
use crate::cloud::error::CloudError;
use crate::cloud::grant::Grant;
use crate::cloud::http::{Call, HttpError, Reply, secret};
use crate::cloud::service_account::Account;
use crate::cloud::{expiry, xml};

/// How long a session name may be.
const SESSION_NAME_LIMIT: usize = 64;

/// Where the metadata server of an EC2 node is.
const METADATA: &str = "http://169.254.169.254";

/// Where agents on the node give keys, so that plain HTTP to them is safe.
const AGENTS: [&str; 6] = [
    "169.254.170.2",
    "169.254.170.23",
    "[fd00:ec2::23]",
    "localhost",
    "127.0.0.1",
    "[::1]",
];

/// Returns the program's own keys.
pub(crate) async fn of_controller(means: &Means<'_>, region: &str) -> Result<Grant, CloudError> {
    let environment = means.environment;
    let of_environment = environment
        .get("AWS_ACCESS_KEY_ID")
        .zip(environment.get("AWS_SECRET_ACCESS_KEY"));
    if let Some((id, key)) = of_environment {
        let session = environment.get("AWS_SESSION_TOKEN").map(SecretString::from);
        return Ok(Grant {
            session,
            ..Grant::login(id, key, Timestamp::MAX)
        });
    }
    if let Some(file) = environment.get("AWS_WEB_IDENTITY_TOKEN_FILE") {
        let role = environment
            .get("AWS_ROLE_ARN")
            .ok_or(CloudError::Environment {
                variable: "AWS_ROLE_ARN",
                what: "not set, although AWS_WEB_IDENTITY_TOKEN_FILE is".to_owned(),
            })?;
        let token = means
            .read_file("AWS_WEB_IDENTITY_TOKEN_FILE", Path::new(file))
            .await?;
        let session = environment
            .get("AWS_ROLE_SESSION_NAME")
            .unwrap_or("imgauto");
        return assume_role(means, region, role, session, &token).await;
    }
    if let Some(agent) = agent(means)? {
        return of_agent(means, agent).await;
    }
    of_node(means).await
}

/// Returns the keys of the role of a `ServiceAccount`, whose token is shown.
pub(crate) async fn of_account(
    means: &Means<'_>,
    region: &str,
    account: &Account,
    role: &str,
    token: &SecretString,
) -> Result<Grant, CloudError> {
    let session = format!("{}.{}.{region}.fluxcd.io", account.name, account.namespace);
    // STS refuses longer names; what is cut off tells nobody apart who has another role.
    let session: String = session.chars().take(SESSION_NAME_LIMIT).collect();
    assume_role(means, region, role, &session, token).await
}

/// STS `AssumeRoleWithWebIdentity`: the token is what proves who asks, so nothing is signed.
async fn assume_role(
    means: &Means<'_>,
    region: &str,
    role: &str,
    session: &str,
    token: &SecretString,
) -> Result<Grant, CloudError> {
    let sts = endpoint(means, "AWS_ENDPOINT_URL_STS", "sts", region)?;
    let plain = [
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", "2011-06-15"),
        ("RoleArn", role),
        ("RoleSessionName", session),
    ];
    let call = Call::post(sts).form(&plain, &[("WebIdentityToken", token)]);
    let reply = means.http.send(&call).await?;
    let text = |name| xml::text(reply.text(), name).filter(|text| !text.is_empty());
    let keys = || {
        let expires = expiry::moment(&Value::String(text("Expiration")?))?;
        Some(Grant {
            session: Some(text("SessionToken")?.into()),
            ..Grant::login(&text("AccessKeyId")?, text("SecretAccessKey")?, expires)
        })
    };
    Ok(keys().ok_or_else(|| reply.garbage("no credentials in the answer"))?)
}

/// Returns where the agent of Pod Identity (or of ECS) is, if there is one.
fn agent(means: &Means<'_>) -> Result<Option<Url>, CloudError> {
    let variable = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
    if let Some(path) = means
        .environment
        .get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
    {
        return url(variable, &format!("http://169.254.170.2{path}")).map(Some);
    }
    let Some(address) = means.environment.get(variable) else {
        return Ok(None);
    };
    let agent = url(variable, address)?;
    let safe =
        agent.scheme() == "https" || agent.host_str().is_some_and(|host| AGENTS.contains(&host));
    if safe {
        return Ok(Some(agent));
    }
    Err(CloudError::Environment {
        variable,
        what: "plain HTTP is spoken to agents on the node only".to_owned(),
    })
}

async fn of_agent(means: &Means<'_>, agent: Url) -> Result<Grant, CloudError> {
    let variable = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
    let token = match means.environment.get(variable) {
        Some(file) => Some(means.read_file(variable, Path::new(file)).await?),
        None => means
            .environment
            .get("AWS_CONTAINER_AUTHORIZATION_TOKEN")
            .map(SecretString::from),
    };
    let mut call = Call::get(agent);
    if let Some(token) = &token {
        call = call.secret_header(AUTHORIZATION, token)?;
    }
    Ok(keys(&means.node.send(&call).await?)?)
}

/// Asks the metadata server in its second version: a session first, then the role's name, then its keys.
async fn of_node(means: &Means<'_>) -> Result<Grant, CloudError> {
    let variable = "AWS_EC2_METADATA_SERVICE_ENDPOINT";
    let off = means.environment.get("AWS_EC2_METADATA_DISABLED");
    if off.is_some_and(|off| off.eq_ignore_ascii_case("true")) {
        return Err(CloudError::Environment {
            variable: "AWS_EC2_METADATA_DISABLED",
            what: "no credentials in the environment, and the metadata server may not be asked"
                .to_owned(),
        });
    }
    let base = means
        .environment
        .get(variable)
        .unwrap_or(METADATA)
        .trim_end_matches('/');
    let at = |path: &str| url(variable, &format!("{base}/latest/{path}"));
    let lifetime = HeaderName::from_static("x-aws-ec2-metadata-token-ttl-seconds");
    let call = Call::put(at("api/token")?).header(lifetime, "300");
    let session = SecretString::from(means.node.send(&call).await?.text());
    let ask = async |path: &str| -> Result<Reply, CloudError> {
        let header = HeaderName::from_static("x-aws-ec2-metadata-token");
        let call = Call::get(at(path)?).secret_header(header, &session)?;
        Ok(means.node.send(&call).await?)
    };
    let roles = "meta-data/iam/security-credentials/";
    let reply = ask(roles).await?;
    let role = reply.text().lines().next().unwrap_or_default().trim();
    if role.is_empty() {
        return Err(reply.garbage("the node has no role").into());
    }
    Ok(keys(&ask(&format!("{roles}{role}")).await?)?)
}

/// Reads the keys that agents and metadata servers answer with.
fn keys(reply: &Reply) -> Result<Grant, HttpError> {
    let answer = reply.json()?;
    let keys = || {
        let id = secret(&answer, "AccessKeyId")?;
        let key = secret(&answer, "SecretAccessKey")?;
        let expires = match answer.get("Expiration") {
            Some(expiration) => expiry::moment(expiration)?,
            None => Timestamp::MAX,
        };
        Some(Grant {
            session: secret(&answer, "Token"),
            ..Grant::login(id.expose_secret(), key, expires)
        })
    };
    keys().ok_or_else(|| reply.garbage("no credentials in the answer"))
}
