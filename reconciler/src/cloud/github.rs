//! GitHub Apps: installation tokens for Git.
//!
//! A JSON web token signed with the app's key (RS256, two minutes, from half a minute ago for clocks that differ)
//! proves who asks. If the installation is not given by its number, it is looked up by its owner, as an organization
//! first and as a user then. The installation's access token is the password of the user `x-access-token`.

use jiff::{SignedDuration, Timestamp};
use reqwest::header::{ACCEPT, HeaderName};
use reqwest::{StatusCode, Url};
use secrecy::SecretString;
use serde_json::json;

use super::cache::Key;
use super::error::{AppError, AppMisuse, CloudError};
use super::expiry;
use super::grant::Grant;
use super::http::{Call, Http, HttpError, secret};
use super::jwt::RsaKey;
use crate::secret::SecretData;

/// The user of an installation's token.
const USER: &str = "x-access-token";

const API: &str = "https://api.github.com";

const APP_ID: &str = "githubAppID";
const CLIENT_ID: &str = "githubAppClientID";
const INSTALLATION_ID: &str = "githubAppInstallationID";
const INSTALLATION_OWNER: &str = "githubAppInstallationOwner";
const PRIVATE_KEY: &str = "githubAppPrivateKey";
const BASE_URL: &str = "githubAppBaseURL";

/// How long before now a token says it was made.
const CLOCK_DRIFT: SignedDuration = SignedDuration::from_secs(30);

/// How long a token is good for.
const LIFETIME: SignedDuration = SignedDuration::from_secs(120);

/// Refuses a Secret with an app for a `GitRepository` whose provider is `generic`; `name` is `namespace/name`.
///
/// # Errors
///
/// When the Secret has the number of an app.
pub fn reject_app_data(name: &str, secret: &SecretData) -> Result<(), AppMisuse> {
    if has_app(secret) {
        let secret = name.to_owned();
        return Err(AppMisuse::DataUnexpected { secret });
    }
    Ok(())
}

fn has_app(secret: &SecretData) -> bool {
    secret.get(APP_ID).is_some_and(|id| !id.is_empty())
}

/// An app, as a Secret tells of it.
#[derive(Clone, Debug)]
pub(super) struct App {
    issuer: String,
    installation: Installation,
    key: RsaKey,
    api: Url,
    digest: Key,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Installation {
    Number(u64),
    Owner(String),
}

impl App {
    /// Reads an app from a Secret.
    pub(super) fn from_secret(secret: Option<&SecretData>) -> Result<Self, CloudError> {
        let secret = secret
            .filter(|secret| has_app(secret))
            .ok_or(AppMisuse::DataMissing)?;
        let id = number(secret, APP_ID)?.ok_or(AppMisuse::DataMissing)?;
        let owner = text(secret, INSTALLATION_OWNER)?;
        let installation = match (number(secret, INSTALLATION_ID)?, owner) {
            (Some(number), None) => Installation::Number(number),
            (None, Some(owner)) => Installation::Owner(owner.to_owned()),
            (None, None) => return Err(AppError::NoInstallation.into()),
            (Some(_), Some(_)) => return Err(AppError::TwoInstallations.into()),
        };
        let pem = secret
            .get(PRIVATE_KEY)
            .filter(|pem| !pem.is_empty())
            .ok_or(AppError::NoKey)?;
        let api = Url::parse(text(secret, BASE_URL)?.unwrap_or(API));
        let api = api.map_err(|_| AppError::BaseUrl("not a URL"))?;
        if !matches!(api.scheme(), "https" | "http") {
            return Err(AppError::BaseUrl("neither https nor http").into());
        }
        let read = [
            APP_ID,
            CLIENT_ID,
            INSTALLATION_ID,
            INSTALLATION_OWNER,
            PRIVATE_KEY,
            BASE_URL,
        ];
        let parts = read.map(|key| (key, secret.get(key).map_or(&[] as &[u8], Vec::as_slice)));
        Ok(Self {
            issuer: text(secret, CLIENT_ID)?.map_or_else(|| id.to_string(), str::to_owned),
            installation,
            key: RsaKey::parse(pem)?,
            api,
            digest: Key::new(parts),
        })
    }

    /// What tells apps apart.
    pub(super) fn digest(&self) -> Key {
        self.digest
    }

    /// Has GitHub make a token of the installation.
    pub(super) async fn login(&self, http: &Http) -> Result<Grant, CloudError> {
        let made = Timestamp::now() - CLOCK_DRIFT;
        let claims = json!({
            "iat": made.as_second(),
            "exp": (made + LIFETIME).as_second(),
            "iss": self.issuer,
        });
        let proof = self.key.sign(None, &claims)?;
        let number = match &self.installation {
            Installation::Number(number) => *number,
            Installation::Owner(owner) => self.find_installation(http, owner, &proof).await?,
        };
        let path = ["app", "installations", &number.to_string(), "access_tokens"];
        let reply = http.send(&self.call(Call::post, &path, &proof)?).await?;
        let answer = reply.json()?;
        let token = || {
            let expires = expiry::moment(answer.get("expires_at")?)?;
            Some(Grant::login(USER, secret(&answer, "token")?, expires))
        };
        Ok(token().ok_or_else(|| reply.garbage("no token in the answer"))?)
    }

    async fn find_installation(
        &self,
        http: &Http,
        owner: &str,
        proof: &SecretString,
    ) -> Result<u64, CloudError> {
        let mut unknown = Vec::new();
        for kind in ["orgs", "users"] {
            let call = self.call(Call::get, &[kind, owner, "installation"], proof)?;
            match http.send(&call).await {
                Ok(reply) => {
                    let number = reply.json()?.get("id").and_then(serde_json::Value::as_u64);
                    return Ok(
                        number.ok_or_else(|| reply.garbage("no installation in the answer"))?
                    );
                }
                Err(
                    fault @ HttpError::Refused {
                        status: StatusCode::NOT_FOUND,
                        ..
                    },
                ) => {
                    unknown.push(fault.to_string());
                }
                Err(other) => return Err(other.into()),
            }
        }
        let user = unknown.pop().unwrap_or_default();
        let organization = unknown.pop().unwrap_or_default();
        Err(AppError::NotInstalled { organization, user }.into())
    }

    fn call(
        &self,
        method: fn(Url) -> Call,
        path: &[&str],
        proof: &SecretString,
    ) -> Result<Call, CloudError> {
        let mut url = self.api.clone();
        // Both schemes that are accepted have paths.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        let version = HeaderName::from_static("x-github-api-version");
        let call = method(url).bearer(proof)?;
        Ok(call
            .header(ACCEPT, "application/vnd.github+json")
            .header(version, "2022-11-28"))
    }
}

/// Returns a value without the blanks and line breaks around it; an empty one counts as absent.
fn text<'a>(secret: &'a SecretData, key: &'static str) -> Result<Option<&'a str>, AppError> {
    let value = secret
        .get(key)
        .map(|value| std::str::from_utf8(value))
        .transpose();
    let value = value.map_err(|_| AppError::NotText(key))?;
    Ok(value.map(str::trim).filter(|text| !text.is_empty()))
}

fn number(secret: &SecretData, key: &'static str) -> Result<Option<u64>, AppError> {
    let number = text(secret, key)?.map(str::parse).transpose();
    number.map_err(|_| AppError::NotANumber(key))
}
