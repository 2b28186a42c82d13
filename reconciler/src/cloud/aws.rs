//! AWS: ECR registries and `CodeCommit` repositories.
//!
//! 1. Keys. The program's own, from the first of these the environment tells of: keys in it; IRSA, a web identity that
//!    STS `AssumeRoleWithWebIdentity` takes for a role; EKS Pod Identity, asked of its agent on the node; the role of
//!    the node, asked of its metadata server (IMDSv2). Those of a `ServiceAccount`: a token of it goes to STS for the
//!    role its annotation names.
//! 2. ECR: `GetAuthorizationToken`, signed with the keys (SigV4), gives user and password.
//!    `CodeCommit`: the user is the access key, with `%` and session token if there is one, and the password is the
//!    time with a signature of the repository's address.
//!
//! The region is that of the registry or repository, never that of the environment.

use reqwest::Url;

use super::Means;
use super::error::{AnnotationError, CloudError};
use super::service_account::Account;

pub(super) mod codecommit;
pub(super) mod identity;
pub(super) mod registry;
mod signature;

/// Whom tokens of `ServiceAccount`s are made for.
pub(super) const AUDIENCE: &str = "sts.amazonaws.com";

/// The annotation that names the role of a `ServiceAccount`.
const ROLE_ANNOTATION: &str = "eks.amazonaws.com/role-arn";

/// What roles look like, as users are told.
const ROLE_PATTERN: &str = r"^arn:aws[\w-]*:iam::[0-9]{1,30}:role/.{1,200}$";

/// Returns the role of a `ServiceAccount`.
pub(super) fn role(account: &Account) -> Result<String, AnnotationError> {
    let arn = account.annotation(ROLE_ANNOTATION).unwrap_or_default();
    if is_role(arn) {
        return Ok(arn.to_owned());
    }
    Err(AnnotationError::Role {
        arn: arn.to_owned(),
        pattern: ROLE_PATTERN,
    })
}

/// Whether the text matches [`ROLE_PATTERN`].
fn is_role(arn: &str) -> bool {
    let mut parts = arn.splitn(6, ':');
    let mut next = || parts.next().unwrap_or_default();
    let (scheme, partition, service, region, account, resource) =
        (next(), next(), next(), next(), next(), next());
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let in_partition = partition
        .strip_prefix("aws")
        .is_some_and(|rest| rest.chars().all(word));
    let is_account =
        (1..=30).contains(&account.len()) && account.bytes().all(|b| b.is_ascii_digit());
    let is_named = resource
        .strip_prefix("role/")
        .is_some_and(|name| (1..=200).contains(&name.chars().count()) && !name.contains('\n'));
    scheme == "arn"
        && in_partition
        && service == "iam"
        && region.is_empty()
        && is_account
        && is_named
}

/// Whether the text can be a region, so that it can stand in a host name.
fn is_region(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// The domain under which a region serves.
fn domain(region: &str) -> &'static str {
    match region {
        _ if region.starts_with("cn-") => "amazonaws.com.cn",
        _ if region.starts_with("eusc-") => "amazonaws.eu",
        _ if region.starts_with("us-iso-") => "c2s.ic.gov",
        _ if region.starts_with("us-isob-") => "sc2s.sgov.gov",
        _ if region.starts_with("us-isof-") => "csp.hci.ic.gov",
        _ if region.starts_with("eu-isoe-") => "cloud.adc-e.uk",
        _ => "amazonaws.com",
    }
}

/// Returns where a service is: at `host` of its region, or where the environment says, as for the SDKs of AWS.
fn endpoint(
    means: &Means<'_>,
    variable: &'static str,
    host: &str,
    region: &str,
) -> Result<Url, CloudError> {
    let everything = "AWS_ENDPOINT_URL";
    let ignored = means.environment.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") == Some("true");
    let configured = [variable, everything]
        .into_iter()
        .find_map(|name| Some((name, means.environment.get(name)?)));
    match configured.filter(|_| !ignored) {
        Some((name, address)) => url(name, address),
        None => url(
            variable,
            &format!("https://{host}.{region}.{}", domain(region)),
        ),
    }
}

/// Parses an address of the environment.
fn url(variable: &'static str, address: &str) -> Result<Url, CloudError> {
    let url = Url::parse(address).ok().filter(Url::has_host);
    url.ok_or_else(|| CloudError::Environment {
        variable,
        what: "not a URL with a host".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_role_is_what_the_pattern_says() {
        for good in [
            "arn:aws:iam::123456789012:role/flux",
            "arn:aws-cn:iam::1:role/path/to:role",
            "arn:aws-us-gov:iam::123456789012:role/ä",
        ] {
            assert!(is_role(good), "{good}");
        }
        for bad in [
            "",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:iam::123456789012:user/flux",
            "arn:aws:iam:eu-west-1:123456789012:role/flux",
            "arn:aws:iam::12345678901x:role/flux",
            "arn:aws:sts::123456789012:role/flux",
            "arn:gcp:iam::123456789012:role/flux",
            "arn:aws!:iam::123456789012:role/flux",
            " arn:aws:iam::123456789012:role/flux",
            "arn:aws:iam::123456789012:role/a\nb",
        ] {
            assert!(!is_role(bad), "{bad}");
        }
        let account = Account::with_annotations(&[(ROLE_ANNOTATION, "none")]);
        assert_eq!(
            role(&account).unwrap_err().to_string(),
            r"invalid AWS role ARN: 'none'. must match ^arn:aws[\w-]*:iam::[0-9]{1,30}:role/.{1,200}$"
        );
    }

    proptest! {
        #[test]
        fn roles_are_told_from_other_text(
            partition in "[a-z-]{0,8}",
            account in "[0-9]{1,30}",
            name in "[ -~]{1,200}",
        ) {
            let good = format!("arn:aws{partition}:iam::{account}:role/{name}");
            prop_assert!(is_role(&good));
            let bad = [format!("{good}\n"), format!("x{good}"), good.replacen("role/", "rule/", 1)];
            prop_assert!(!bad.iter().any(|bad| is_role(bad)));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,80}") {
            is_role(&text);
            is_region(&text);
        }
    }
}
