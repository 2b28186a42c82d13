//! `CodeCommit`: a user and a password that are made of keys, without asking anybody.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::Url;
use secrecy::ExposeSecret as _;

use super::is_region;
use super::signature::Scope;
use crate::cloud::error::RepositoryError;
use crate::cloud::grant::Grant;

/// How long `CodeCommit` takes a password.
const LIFETIME: Duration = Duration::from_secs(15 * 60);

/// What comes behind the region in the name of a host.
const DOMAINS: [&str; 3] = ["amazonaws.com", "amazonaws.com.cn", "amazonaws.eu"];

/// A repository of `CodeCommit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Repository {
    /// Where it is.
    pub(crate) region: String,
    host: String,
    path: String,
}

impl Repository {
    /// Parses the URL of a repository: `https://git-codecommit.<region>.amazonaws.com/v1/repos/<name>`.
    pub(crate) fn parse(address: &str) -> Result<Self, RepositoryError> {
        let url = Url::parse(address)
            .ok()
            .filter(|url| url.scheme() == "https");
        let url = url.ok_or(RepositoryError::NotHttps)?;
        let name = url.host_str().unwrap_or_default();
        let host = match url.port() {
            Some(port) => format!("{name}:{port}"),
            None => name.to_owned(),
        };
        let region = region(name).ok_or_else(|| RepositoryError::Host(host.clone()))?;
        let repository = url.path().strip_prefix("/v1/repos/").unwrap_or_default();
        if repository.is_empty() || repository.contains('/') {
            return Err(RepositoryError::Path(format!(
                "https://{host}{}",
                url.path()
            )));
        }
        Ok(Self {
            region: region.to_owned(),
            path: url.path().to_owned(),
            host,
        })
    }

    /// Makes user and password.
    pub(crate) fn login(&self, keys: &Grant, now: Timestamp) -> Grant {
        let user = match &keys.session {
            Some(session) => format!("{}%{}", keys.name, session.expose_secret()),
            None => keys.name.clone(),
        };
        // This request is never sent: its signature is the password. It has no payload, not even the digest of none.
        let request = format!("GIT\n{}\n\nhost:{}\n\nhost\n", self.path, self.host);
        let scope = Scope {
            region: &self.region,
            service: "codecommit",
            at: now,
        };
        let time = now.strftime("%Y%m%dT%H%M%S").to_string();
        let password = format!("{time}Z{}", scope.sign(&keys.secret, &time, &request));
        let end = now.checked_add(LIFETIME).unwrap_or(Timestamp::MAX);
        Grant::login(&user, password, end.min(keys.expires))
    }

    /// The address, as what tells repositories apart.
    pub(crate) fn address(&self) -> String {
        format!("{}{}", self.host, self.path)
    }
}

fn region(host: &str) -> Option<&str> {
    let rest = host.strip_prefix("git-codecommit")?;
    let rest = rest
        .strip_prefix("-fips")
        .unwrap_or(rest)
        .strip_prefix('.')?;
    let (region, domain) = rest.split_once('.')?;
    (is_region(region) && DOMAINS.contains(&domain)).then_some(region)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ADDRESS: &str = "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/fleet";

    #[test]
    fn other_repositories_are_refused() {
        for (address, text) in [
            (
                "http://git-codecommit.eu-west-1.amazonaws.com/v1/repos/fleet",
                "AWS CodeCommit authentication requires an HTTPS Git URL",
            ),
            (
                "ssh://git-codecommit.eu-west-1.amazonaws.com/v1/repos/fleet",
                "AWS CodeCommit authentication requires an HTTPS Git URL",
            ),
            (
                "https://github.com/acme/fleet",
                "invalid AWS CodeCommit Git URL: github.com",
            ),
            (
                "https://git-codecommit.eu-west-1.amazonaws.com.evil.example/v1/repos/fleet",
                "invalid AWS CodeCommit Git URL: git-codecommit.eu-west-1.amazonaws.com.evil.example",
            ),
            (
                "https://u:hunter2@git-codecommit.eu-west-1.amazonaws.com/v1/repos/a/b",
                "invalid CodeCommit URL \"https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/a/b\": path must be /v1/repos/{repository}",
            ),
        ] {
            assert_eq!(Repository::parse(address).unwrap_err().to_string(), text);
        }
    }

    /// The signature was computed outside of this program, in Python, by the rules of AWS's `git-remote-codecommit`.
    #[test]
    fn user_and_password_are_made_of_keys_and_address() {
        let repository = Repository::parse(ADDRESS).unwrap();
        assert_eq!(repository.region, "eu-west-1");
        let now: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        let keys = Grant::login(
            "AKIDEXAMPLE",
            "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            Timestamp::MAX,
        );
        let login = repository.login(&keys, now);
        assert_eq!(login.name, "AKIDEXAMPLE");
        assert_eq!(
            login.secret.expose_secret(),
            "20260301T120000Z040bfd7a1a1788278c22590bae0b7396708558c0ca037f79bdf2d0ae3bfd48eb"
        );
        assert_eq!(login.expires, "2026-03-01T12:15:00Z".parse().unwrap());
        let soon: Timestamp = "2026-03-01T12:01:00Z".parse().unwrap();
        let session = Grant {
            session: Some("IQoJ//session==".into()),
            expires: soon,
            ..keys
        };
        let login = repository.login(&session, now);
        assert_eq!(login.name, "AKIDEXAMPLE%IQoJ//session==");
        assert_eq!(login.expires, soon);
    }

    proptest! {
        #[test]
        fn no_address_makes_it_panic(address in "https://git-codecommit[a-z0-9./:-]{0,60}|.{0,40}") {
            if let Ok(repository) = Repository::parse(&address) {
                prop_assert!(is_region(&repository.region));
            }
        }
    }
}
