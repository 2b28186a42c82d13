//! ECR: which hosts are registries of AWS, and the password for them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use secrecy::ExposeSecret as _;

use super::signature::{Scope, sign_post};
use super::{endpoint, is_region};
use crate::cloud::error::CloudError;
use crate::cloud::grant::Grant;
use crate::cloud::http::{Call, secret};
use crate::cloud::{Cloud, Means, expiry};

/// What hosts look like, as users are told.
const PATTERN: &str = r"([0-9+]*).dkr[.-]ecr(?:-fips)?\.([^/.]*)\.(amazonaws\.com[.cn]*|amazonaws\.eu|sc2s\.sgov\.gov|c2s\.ic\.gov|cloud\.adc-e\.uk|csp\.hci\.ic\.gov|on\.aws)";

/// The registry that is not in a region.
const PUBLIC: &str = "public.ecr.aws";

/// Where the public registry gives passwords.
const PUBLIC_REGION: &str = "us-east-1";

/// What comes behind the region in the name of a registry.
const DOMAINS: [&str; 8] = [
    "amazonaws.com",
    "amazonaws.com.cn",
    "amazonaws.eu",
    "sc2s.sgov.gov",
    "c2s.ic.gov",
    "cloud.adc-e.uk",
    "csp.hci.ic.gov",
    "on.aws",
];

/// A registry of AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Registry {
    /// An account's, in a region.
    Private(String),
    /// The public one.
    Public,
}

impl Registry {
    /// Finds out which registry a host is.
    ///
    /// The whole host has to match, not a part of it: passwords of AWS are not for `….amazonaws.com.example.org`.
    pub(crate) fn parse(host: &str) -> Result<Self, CloudError> {
        if host == PUBLIC {
            return Ok(Self::Public);
        }
        let region = region(host).ok_or_else(|| CloudError::Registry {
            cloud: Cloud::Aws,
            host: host.to_owned(),
            pattern: PATTERN,
        })?;
        Ok(Self::Private(region.to_owned()))
    }

    /// Where keys for it are to be had, and its password.
    pub(crate) fn region(&self) -> &str {
        match self {
            Self::Private(region) => region,
            Self::Public => PUBLIC_REGION,
        }
    }
}

fn region(host: &str) -> Option<&str> {
    let host = match host.split_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        Some(_) => return None,
        None => host,
    };
    let (account, rest) = host.split_once('.')?;
    let rest = rest
        .strip_prefix("dkr.ecr")
        .or_else(|| rest.strip_prefix("dkr-ecr"))?;
    let rest = rest
        .strip_prefix("-fips")
        .unwrap_or(rest)
        .strip_prefix('.')?;
    let (region, domain) = rest.split_once('.')?;
    let valid = account.bytes().all(|b| b.is_ascii_digit()) && is_region(region);
    (valid && DOMAINS.contains(&domain)).then_some(region)
}

/// `GetAuthorizationToken`: has ECR make a user and password from keys.
pub(crate) async fn login(
    means: &Means<'_>,
    registry: &Registry,
    keys: &Grant,
) -> Result<Grant, CloudError> {
    let (variable, host, service, target) = match registry {
        Registry::Private(_) => (
            "AWS_ENDPOINT_URL_ECR",
            "api.ecr",
            "ecr",
            "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken",
        ),
        Registry::Public => (
            "AWS_ENDPOINT_URL_ECR_PUBLIC",
            "api.ecr-public",
            "ecr-public",
            "SpencerFrontendService.GetAuthorizationToken",
        ),
    };
    let region = registry.region();
    let endpoint = endpoint(means, variable, host, region)?;
    let scope = Scope {
        region,
        service,
        at: Timestamp::now(),
    };
    let kind = "application/x-amz-json-1.1";
    let headers = [("content-type", kind), ("x-amz-target", target)];
    let signed = sign_post(keys, scope, &endpoint, &headers, "{}");
    let call = Call::post(endpoint).body(kind, "{}".to_owned());
    let signed =
        signed.ok_or_else(|| call.garbage("the keys have characters that cannot be sent"))?;
    let call = call.signed(signed, keys.session.as_ref());
    let reply = means.http.send(&call).await?;
    let answer = reply.json()?;
    let data = answer.get("authorizationData");
    // The private registry answers with a list, the public one with what would be in it.
    let data = data.and_then(|data| {
        if data.is_array() {
            data.get(0)
        } else {
            Some(data)
        }
    });
    let password = || {
        let data = data?;
        let pair = STANDARD
            .decode(secret(data, "authorizationToken")?.expose_secret())
            .ok()?;
        let pair = String::from_utf8(pair).ok()?;
        let (user, password) = pair.split_once(':')?;
        Some(Grant::login(
            user,
            password,
            expiry::moment(data.get("expiresAt")?)?,
        ))
    };
    Ok(password().ok_or_else(|| reply.garbage("no authorization token in the answer"))?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn registries_of_aws_are_known_with_their_region() {
        for (host, region) in [
            (
                "123456789012.dkr.ecr.eu-central-1.amazonaws.com",
                "eu-central-1",
            ),
            (
                "123456789012.dkr.ecr.eu-central-1.amazonaws.com:443",
                "eu-central-1",
            ),
            (
                "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com",
                "us-gov-west-1",
            ),
            (
                "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn",
                "cn-north-1",
            ),
            ("123456789012.dkr-ecr.us-west-2.on.aws", "us-west-2"),
            (
                "123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu",
                "eusc-de-east-1",
            ),
            (
                "123456789012.dkr.ecr.us-iso-east-1.c2s.ic.gov",
                "us-iso-east-1",
            ),
            ("public.ecr.aws", "us-east-1"),
        ] {
            assert_eq!(Registry::parse(host).unwrap().region(), region, "{host}");
        }
        assert_eq!(Registry::parse(PUBLIC).unwrap(), Registry::Public);
    }

    #[test]
    fn any_other_host_is_told_the_pattern() {
        for host in [
            "ghcr.io",
            "",
            "123456789012.dkr.ecr.eu-central-1.amazonaws.com.evil.example",
            "evil.example.123456789012.dkr.ecr.eu-central-1.amazonaws.com",
            "123456789012.dkr.ecr..amazonaws.com",
            "123456789012.dkr.ecr.eu@x.amazonaws.com",
            "123456789012.dkr.ecr.eu-central-1.amazonaws.com:x",
            "xpublic.ecr.aws",
        ] {
            let fault = Registry::parse(host).unwrap_err().to_string();
            assert_eq!(
                fault,
                format!("invalid AWS registry: '{host}'. must match {PATTERN}")
            );
        }
    }

    proptest! {
        #[test]
        fn no_host_makes_it_panic(host in "[0-9a-z.:-]{0,60}|.{0,40}") {
            if let Ok(registry) = Registry::parse(&host) {
                prop_assert!(is_region(registry.region()));
            }
        }
    }
}
