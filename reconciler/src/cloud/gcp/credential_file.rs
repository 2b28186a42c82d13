//! The file that `GOOGLE_APPLICATION_CREDENTIALS` names, in three of its types.
//!
//! `service_account`: a JSON web token signed with the key in the file is exchanged for an access token.
//! `authorized_user`: a refresh token is. `external_account`: a token of another issuer, read from a file or fetched
//! from an address, is exchanged by Google's STS, and once more if a service account is to be impersonated.

use std::path::PathBuf;

use jiff::Timestamp;
use reqwest::header::HeaderName;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use super::{Exchange, IMPERSONATION_SECONDS, SCOPES, access_token, address, impersonate};
use crate::cloud::Means;
use crate::cloud::error::CloudError;
use crate::cloud::grant::Grant;
use crate::cloud::http::Call;
use crate::cloud::jwt::RsaKey;

const VARIABLE: &str = "GOOGLE_APPLICATION_CREDENTIALS";

const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";

/// How long a signed assertion is good for, in seconds.
const ASSERTION_SECONDS: i64 = 3600;

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum File {
    ServiceAccount(KeyFile),
    AuthorizedUser(UserFile),
    ExternalAccount(ExternalFile),
}

#[derive(Deserialize)]
struct KeyFile {
    client_email: String,
    #[serde(deserialize_with = "text")]
    private_key: SecretString,
    private_key_id: Option<String>,
    token_uri: Option<String>,
}

#[derive(Deserialize)]
struct UserFile {
    client_id: String,
    #[serde(deserialize_with = "text")]
    client_secret: SecretString,
    #[serde(deserialize_with = "text")]
    refresh_token: SecretString,
    token_uri: Option<String>,
}

#[derive(Deserialize)]
struct ExternalFile {
    audience: String,
    subject_token_type: String,
    token_url: Option<String>,
    credential_source: Source,
    service_account_impersonation_url: Option<String>,
    #[serde(default)]
    service_account_impersonation: Impersonation,
}

#[derive(Default, Deserialize)]
struct Impersonation {
    token_lifetime_seconds: Option<u64>,
}

/// Where the token of another issuer is.
#[derive(Deserialize)]
struct Source {
    file: Option<PathBuf>,
    url: Option<String>,
    #[serde(default)]
    headers: Map<String, Value>,
    #[serde(default)]
    format: Format,
}

/// How it is written: as it is, or as a field of JSON.
#[derive(Default, Deserialize)]
struct Format {
    #[serde(rename = "type")]
    kind: Option<String>,
    subject_token_field_name: Option<String>,
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(Into::into)
}

/// Returns an access token for what a credential file says.
pub(super) async fn token(means: &Means<'_>, text: &SecretString) -> Result<Grant, CloudError> {
    // The parser's words may quote a secret, so only the place is passed on.
    let file: File = serde_json::from_str(text.expose_secret()).map_err(|fault| {
        wrong(format!(
            "line {} is not of a service_account, authorized_user or external_account",
            fault.line()
        ))
    })?;
    match file {
        File::ServiceAccount(file) => of_key(means, &file).await,
        File::AuthorizedUser(file) => of_user(means, &file).await,
        File::ExternalAccount(file) => of_external(means, &file).await,
    }
}

async fn of_key(means: &Means<'_>, file: &KeyFile) -> Result<Grant, CloudError> {
    let uri = file.token_uri.as_deref().unwrap_or(TOKEN_URI);
    let now = Timestamp::now().as_second();
    let claims = json!({
        "iss": file.client_email,
        "scope": SCOPES.join(" "),
        "aud": uri,
        "iat": now,
        "exp": now + ASSERTION_SECONDS,
    });
    let key = RsaKey::parse(file.private_key.expose_secret().as_bytes())?;
    let assertion = key.sign(file.private_key_id.as_deref(), &claims)?;
    let plain = [("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")];
    let call = Call::post(address(uri)?).form(&plain, &[("assertion", &assertion)]);
    Ok(access_token(&means.http.send(&call).await?)?)
}

async fn of_user(means: &Means<'_>, file: &UserFile) -> Result<Grant, CloudError> {
    let uri = file.token_uri.as_deref().unwrap_or(TOKEN_URI);
    let plain = [
        ("grant_type", "refresh_token"),
        ("client_id", &file.client_id),
    ];
    let secret = [
        ("client_secret", &file.client_secret),
        ("refresh_token", &file.refresh_token),
    ];
    let call = Call::post(address(uri)?).form(&plain, &secret);
    Ok(access_token(&means.http.send(&call).await?)?)
}

async fn of_external(means: &Means<'_>, file: &ExternalFile) -> Result<Grant, CloudError> {
    let token = subject_token(means, &file.credential_source).await?;
    let exchange = Exchange {
        sts: address(file.token_url.as_deref().unwrap_or(super::STS))?,
        audience: &file.audience,
        token_type: &file.subject_token_type,
        token: &token,
    };
    let Some(url) = &file.service_account_impersonation_url else {
        return exchange.token(means, &SCOPES).await;
    };
    let federated = exchange.token(means, &SCOPES[..1]).await?;
    let lifetime = file.service_account_impersonation.token_lifetime_seconds;
    let lifetime = lifetime.unwrap_or(IMPERSONATION_SECONDS);
    impersonate(means, address(url)?, &federated.secret, lifetime).await
}

async fn subject_token(means: &Means<'_>, source: &Source) -> Result<SecretString, CloudError> {
    let text = match (&source.file, &source.url) {
        (Some(file), _) => means.read_file(VARIABLE, file).await?,
        (None, Some(url)) => {
            let mut call = Call::get(address(url)?);
            for (name, value) in &source.headers {
                let name: HeaderName = name
                    .parse()
                    .map_err(|_| wrong("a name in credential_source.headers is none".to_owned()))?;
                let value = SecretString::from(value.as_str().unwrap_or_default());
                call = call.secret_header(name, &value)?;
            }
            SecretString::from(means.http.send(&call).await?.text())
        }
        (None, None) => {
            let what = "credential_source has neither file nor url: other programs are not started";
            return Err(wrong(what.to_owned()));
        }
    };
    let token = source.format.token(text.expose_secret());
    token.ok_or_else(|| wrong("there is no token where credential_source says".to_owned()))
}

impl Format {
    fn token(&self, text: &str) -> Option<SecretString> {
        if self.kind.as_deref() != Some("json") {
            let text = text.trim();
            return (!text.is_empty()).then(|| text.into());
        }
        let json: Value = serde_json::from_str(text).ok()?;
        let token = json
            .get(self.subject_token_field_name.as_deref()?)?
            .as_str()?;
        Some(token.into())
    }
}

fn wrong(what: String) -> CloudError {
    CloudError::Environment {
        variable: VARIABLE,
        what,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn format(kind: Option<&str>, field: Option<&str>) -> Format {
        Format {
            kind: kind.map(str::to_owned),
            subject_token_field_name: field.map(str::to_owned),
        }
    }

    fn read(format: &Format, text: &str) -> Option<String> {
        format
            .token(text)
            .map(|token| token.expose_secret().to_owned())
    }

    #[test]
    fn a_token_is_the_text_or_a_field_of_it() {
        let plain = format(None, None);
        assert_eq!(read(&plain, " ey.J \n").as_deref(), Some("ey.J"));
        assert_eq!(read(&plain, " \n"), None);
        let json = format(Some("json"), Some("id_token"));
        assert_eq!(
            read(&json, r#"{"id_token":"ey.J"}"#).as_deref(),
            Some("ey.J")
        );
        assert_eq!(read(&json, r#"{"token":"ey.J"}"#), None);
        assert_eq!(
            read(&format(Some("json"), None), r#"{"id_token":"x"}"#),
            None
        );
    }

    proptest! {
        #[test]
        fn no_file_makes_it_panic(text in ".{0,60}", field in "[a-z]{0,5}") {
            format(Some("json"), Some(&field)).token(&text);
            let file = format!(r#"{{"type":"external_account","{field}":"{field}"}}"#);
            prop_assert!(serde_json::from_str::<File>(&file).is_err());
        }
    }
}
