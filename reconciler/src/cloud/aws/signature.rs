//! Signature version 4 of AWS.

use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use crate::cloud::grant::Grant;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// What a signature is good for.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) region: &'a str,
    pub(super) service: &'a str,
    pub(super) at: Timestamp,
}

impl Scope<'_> {
    fn text(&self) -> String {
        let Self {
            region, service, ..
        } = self;
        format!(
            "{}/{region}/{service}/aws4_request",
            self.at.strftime("%Y%m%d")
        )
    }

    /// Signs a canonical request; `time` is how this service wants the time written.
    pub(super) fn sign(&self, key: &SecretString, time: &str, canonical_request: &str) -> String {
        let digest = hex(&Sha256::digest(canonical_request));
        let signed = format!("{ALGORITHM}\n{time}\n{}\n{digest}", self.text());
        hex(&mac(&self.signing_key(key), &signed))
    }

    fn signing_key(&self, key: &SecretString) -> [u8; 32] {
        let first = format!("AWS4{}", key.expose_secret());
        let date = self.at.strftime("%Y%m%d").to_string();
        let key = mac(first.as_bytes(), &date);
        [self.region, self.service, "aws4_request"]
            .iter()
            .fold(key, |key, part| mac(&key, part))
    }
}

/// Returns the headers of a signed POST: those given, the time, the session if there is one, and the signature.
///
/// `None` when a key has characters that no header can hold. Names are given in lower case.
pub(super) fn sign_post(
    keys: &Grant,
    scope: Scope<'_>,
    url: &Url,
    headers: &[(&str, &str)],
    body: &str,
) -> Option<HeaderMap> {
    let time = scope.at.strftime("%Y%m%dT%H%M%SZ").to_string();
    let host = match url.port() {
        Some(port) => format!("{}:{port}", url.host_str()?),
        None => url.host_str()?.to_owned(),
    };
    let session = keys.session.as_ref().map(|session| session.expose_secret());
    let mut shown: Vec<(&str, &str)> = headers.to_vec();
    shown.push(("x-amz-date", &time));
    shown.extend(session.map(|session| ("x-amz-security-token", session)));
    let mut signed = shown.clone();
    signed.push(("host", &host));
    signed.sort_unstable();
    let names: Vec<&str> = signed.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let lines: String = signed
        .iter()
        .map(|(name, value)| format!("{name}:{}\n", value.trim()))
        .collect();
    let digest = hex(&Sha256::digest(body));
    let path = url.path();
    let request = format!("POST\n{path}\n\n{lines}\n{names}\n{digest}");
    let signature = scope.sign(&keys.secret, &time, &request);
    let authorization = format!(
        "{ALGORITHM} Credential={}/{}, SignedHeaders={names}, Signature={signature}",
        keys.name,
        scope.text()
    );
    shown.push(("authorization", &authorization));
    let headers = shown.into_iter().map(|(name, value)| {
        let mut value = HeaderValue::from_str(value).ok()?;
        value.set_sensitive(name == "authorization" || name == "x-amz-security-token");
        Some((name.parse::<HeaderName>().ok()?, value))
    });
    headers.collect()
}

fn mac(key: &[u8], text: &str) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().into()
}

/// Writes bytes as AWS wants them.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    fn scope(service: &str) -> Scope<'_> {
        Scope {
            region: "us-east-1",
            service,
            at: "2015-08-30T12:36:00Z".parse().unwrap(),
        }
    }

    /// The example of AWS's manual, step by step.
    #[test]
    fn the_manuals_example_is_signed_as_in_the_manual() {
        let secret = SecretString::from(SECRET);
        assert_eq!(
            hex(&scope("iam").signing_key(&secret)),
            "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"
        );
        let request = "GET\n/\nAction=ListUsers&Version=2010-05-08\n\
            content-type:application/x-www-form-urlencoded; charset=utf-8\nhost:iam.amazonaws.com\nx-amz-date:20150830T123600Z\n\n\
            content-type;host;x-amz-date\ne3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(
            scope("iam").sign(&secret, "20150830T123600Z", request),
            "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
        );
    }

    /// `post-vanilla` and `post-x-www-form-urlencoded` of AWS's test suite.
    #[test]
    fn posts_are_signed_as_in_the_test_suite() {
        let keys = Grant::login("AKIDEXAMPLE", SECRET, Timestamp::MAX);
        let url = Url::parse("https://example.amazonaws.com/").unwrap();
        let vanilla = sign_post(&keys, scope("service"), &url, &[], "").unwrap();
        assert_eq!(
            vanilla["authorization"],
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
        );
        assert_eq!(vanilla["x-amz-date"], "20150830T123600Z");
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        let form = sign_post(&keys, scope("service"), &url, &kind, "Param1=value1").unwrap();
        assert_eq!(
            form["authorization"],
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"
        );
        assert!(form["authorization"].is_sensitive());
    }
}
