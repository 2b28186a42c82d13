//! Logins against loopback servers that speak the clouds' protocols.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::*;
use crate::chain::Chain;

mod aws;
mod azure;
mod clients;
mod gcp;
mod github;
mod kubernetes;
mod world;

use world::{Seen, World, nothing, ok};

/// The key of an app as GitHub gives it (PKCS#1); it guards nothing.
const APP_KEY: &str = include_str!("tests/app-key.pem");

/// The same key as Google gives it (PKCS#8).
const SERVICE_KEY: &str = include_str!("tests/service-key.pem");

/// A moment an hour from now, as text.
fn in_an_hour() -> String {
    let moment = Timestamp::now() + SignedDuration::from_hours(1);
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A web token that ends an hour from now, as a registry would sign it.
fn web_token() -> String {
    let end = (Timestamp::now() + SignedDuration::from_hours(1)).as_second();
    let claims = json!({ "exp": end, "sub": "acme" }).to_string();
    format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
}

/// Header and claims of a web token whose signature is that of the test key.
fn open(token: &str) -> (Value, Value) {
    let parts: Vec<&str> = token.split('.').collect();
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
    let (signed, _) = token.rsplit_once('.').unwrap();
    let provider = rustls::crypto::ring::default_provider();
    let (_, algorithms) = provider
        .signature_verification_algorithms
        .mapping
        .iter()
        .find(|(scheme, _)| *scheme == rustls::SignatureScheme::RSA_PKCS1_SHA256)
        .unwrap();
    let key = rcgen::KeyPair::from_pem(SERVICE_KEY).unwrap();
    algorithms[0]
        .verify_signature(key.public_key_raw(), signed.as_bytes(), &decode(parts[2]))
        .unwrap();
    let json = |part| serde_json::from_slice(&decode(part)).unwrap();
    (json(parts[0]), json(parts[1]))
}

impl World {
    /// Logs in to a registry on the way through this world; returns user and password.
    async fn registry(
        &self,
        logins: &CloudLogins,
        cloud: Cloud,
        host: &str,
        identity: Identity<'_>,
    ) -> Result<(String, String), String> {
        let login = RegistryLogin {
            cloud,
            host,
            whose: WEB,
            identity,
            tls: &self.tls(),
            proxy: &self.proxy(),
        };
        let grant = logins.registry_grant(&login).await;
        let grant = grant.map_err(|fault| Chain(&fault).to_string())?;
        Ok((grant.name, grant.secret.expose_secret().to_owned()))
    }

    /// Logs in to a Git host on the way through this world.
    async fn git(
        &self,
        logins: &CloudLogins,
        provider: GitProvider,
        url: &str,
        secret: Option<&SecretData>,
        identity: Identity<'_>,
    ) -> Result<(String, String), String> {
        let login = GitLogin {
            provider,
            url,
            secret,
            whose: WEB,
            identity,
            tls: &self.git_tls(),
            proxy: Some(&self.git_proxy()),
        };
        let access = logins.git(login).await;
        match access.map_err(|fault| Chain(&fault).to_string())? {
            Access::Basic { username, password } => {
                Ok((username, password.expose_secret().to_owned()))
            }
            Access::Bearer(token) => Ok(("bearer".to_owned(), token.expose_secret().to_owned())),
            other => panic!("{other:?}"),
        }
    }
}

/// The object that logs in, in these tests.
const WEB: Beneficiary<'_> = Beneficiary {
    kind: "ImageRepository",
    namespace: "apps",
    name: "web",
};

/// The `ServiceAccount` of an object in these tests.
const ROBOT: Identity<'_> = Identity::Account {
    namespace: "apps",
    name: "robot",
};

/// Answers for Kubernetes: the account `apps/robot` has these annotations, and its token is `<kubernetes token>`.
fn kubernetes(seen: &Seen, annotations: &Value) -> Option<world::Answer> {
    let account = "/api/v1/namespaces/apps/serviceaccounts/robot";
    if seen.path == account {
        let metadata = json!({"namespace": "apps", "name": "robot", "annotations": annotations});
        return Some(ok(
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}),
        ));
    }
    if seen.path == format!("{account}/token") {
        let mut answer = seen.json();
        answer["status"] = json!({"token": KUBERNETES_TOKEN, "expirationTimestamp": in_an_hour()});
        return Some((201, answer.to_string()));
    }
    None
}

/// The token that Kubernetes gives for the account.
const KUBERNETES_TOKEN: &str = "kubernetes.token.robot";
