//! Addresses of Git remotes, with their user info taken out so that they can be shown.

use std::fmt;
use std::path::PathBuf;

use secrecy::SecretString;
use thiserror::Error;
use url::Url;

/// Where a remote is; holds no secret and displays none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// `http://` or `https://`, without user info.
    Http(Url),
    /// `ssh://` or the short form `user@host:path`.
    Ssh(SshAddress),
    /// A directory on this machine: a plain path or `file://`.
    Local(PathBuf),
}

/// Where an SSH remote is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshAddress {
    /// The user of the URL; `git` is used when there is none.
    pub user: Option<String>,
    /// Host name or IP address, without brackets.
    pub host: String,
    /// The port; 22 when the URL names none.
    pub port: u16,
    /// The path as the server's shell gets it: absolute, `~user/…`, or relative to the home directory.
    pub path: String,
}

/// The user info of an HTTP URL.
#[derive(Clone, Debug, Default)]
pub struct UserInfo {
    /// Empty when the URL has none.
    pub username: String,
    /// The password, if the URL has one.
    pub password: Option<SecretString>,
}

/// Why a text is no address of a remote; the text itself may hold a password and is not repeated.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum AddressError {
    /// The text is no URL.
    #[error("cannot parse the repository URL")]
    Url(#[source] url::ParseError),
    /// The scheme is none of `http`, `https`, `ssh` and `file`.
    #[error("repository URLs with scheme '{0}' are not supported: use https, http or ssh")]
    Scheme(String),
    /// There is no host or no path.
    #[error("the repository URL has no {0}")]
    Missing(&'static str),
}

impl Address {
    /// Parses a URL, the short SSH form, or a path, and returns the user info of HTTP URLs beside it.
    ///
    /// # Errors
    ///
    /// When the scheme is unknown or a part is missing.
    pub fn parse(text: &str) -> Result<(Self, UserInfo), AddressError> {
        let no_one = UserInfo::default();
        if !text.contains("://") {
            return Ok((Self::short_or_local(text)?, no_one));
        }
        let url = Url::parse(text).map_err(AddressError::Url)?;
        match url.scheme() {
            "http" | "https" => {
                if url.host_str().is_none_or(str::is_empty) {
                    return Err(AddressError::Missing("host"));
                }
                let (mut url, info) = split_user_info(url);
                url.set_fragment(None);
                Ok((Self::Http(url), info))
            }
            "ssh" | "git+ssh" | "ssh+git" => Ok((Self::Ssh(ssh_url(&url)?), no_one)),
            "file" => {
                let path = url
                    .to_file_path()
                    .map_err(|()| AddressError::Missing("path"))?;
                Ok((Self::Local(path), no_one))
            }
            other => Err(AddressError::Scheme(other.to_owned())),
        }
    }

    /// Returns the host, if it is not this one.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        match self {
            Self::Http(url) => url.host_str(),
            Self::Ssh(ssh) => Some(&ssh.host),
            Self::Local(_) => None,
        }
    }

    fn short_or_local(text: &str) -> Result<Self, AddressError> {
        // As Git decides: a colon before the first slash makes it SSH.
        let colon = colon_behind_host(text);
        let slash = text.find('/').unwrap_or(text.len());
        let Some(colon) = colon.filter(|colon| *colon < slash && *colon > 0) else {
            if text.is_empty() {
                return Err(AddressError::Missing("path"));
            }
            return Ok(Self::Local(PathBuf::from(text)));
        };
        let (login, path) = (&text[..colon], &text[colon + 1..]);
        let (user, host) = match login.rsplit_once('@') {
            Some((user, host)) => (Some(user.to_owned()), host),
            None => (None, login),
        };
        let host = match host.strip_prefix('[') {
            Some(rest) => rest
                .strip_suffix(']')
                .ok_or(AddressError::Missing("path"))?,
            None => host,
        };
        if host.is_empty() {
            return Err(AddressError::Missing("host"));
        }
        if path.is_empty() {
            return Err(AddressError::Missing("path"));
        }
        Ok(Self::Ssh(SshAddress {
            user,
            host: host.to_owned(),
            port: 22,
            path: path.to_owned(),
        }))
    }
}

/// Finds the colon that ends the host of the short SSH form; those of an IPv6 address in brackets do not.
fn colon_behind_host(text: &str) -> Option<usize> {
    let first = text.find(':')?;
    let host = text[..first].rfind('@').map_or(0, |at| at + 1);
    if text[host..].starts_with('[') {
        let closed = text[host..].find("]:");
        Some(closed.map_or(first, |end| host + end + 1))
    } else {
        Some(first)
    }
}

/// Takes the user info out of a URL that has a host.
pub(super) fn split_user_info(mut url: Url) -> (Url, UserInfo) {
    let info = UserInfo {
        username: percent_decode(url.username()),
        password: url.password().map(|text| percent_decode(text).into()),
    };
    // Both fail only for URLs without a host, which have no user info either.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    (url, info)
}

fn ssh_url(url: &Url) -> Result<SshAddress, AddressError> {
    let host = url
        .host_str()
        .filter(|host| !host.is_empty())
        .ok_or(AddressError::Missing("host"))?;
    let path = percent_decode(url.path());
    if path.trim_matches('/').is_empty() {
        return Err(AddressError::Missing("path"));
    }
    let path = match path.strip_prefix("/~") {
        Some(home) => format!("~{home}"),
        None => path,
    };
    Ok(SshAddress {
        user: Some(percent_decode(url.username())).filter(|user| !user.is_empty()),
        host: host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned(),
        port: url.port().unwrap_or(22),
        path,
    })
}

/// Decodes `%xx`; what is not UTF-8 afterwards becomes U+FFFD.
fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes
            .get(at + 1..at + 3)
            .and_then(|pair| std::str::from_utf8(pair).ok())
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match hex.filter(|_| bytes[at] == b'%') {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

impl SshAddress {
    /// Returns `host:port`, as errors name a server.
    pub(super) fn host_and_port(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(url) => {
                // A query may hold a token.
                let shown = url.as_str();
                f.write_str(shown.split('?').next().unwrap_or(shown))
            }
            Self::Ssh(ssh) => write!(f, "{ssh}"),
            Self::Local(path) => write!(f, "{}", path.display()),
        }
    }
}

impl fmt::Display for SshAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ssh://")?;
        if let Some(user) = &self.user {
            // The part after a colon would be a password somebody put there.
            write!(f, "{}@", user.split(':').next().unwrap_or_default())?;
        }
        match self.host.contains(':') {
            true => write!(f, "[{}]", self.host)?,
            false => f.write_str(&self.host)?,
        }
        if self.port != 22 {
            write!(f, ":{}", self.port)?;
        }
        match self.path.starts_with('/') {
            true => f.write_str(&self.path),
            false => write!(f, "/{}", self.path),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::ExposeSecret as _;

    use super::*;

    fn ssh(text: &str) -> SshAddress {
        match Address::parse(text).unwrap().0 {
            Address::Ssh(ssh) => ssh,
            other => panic!("{text} is {other:?}"),
        }
    }

    #[test]
    fn user_info_leaves_the_address() {
        let (address, info) = Address::parse("https://me:s%40cret@example.com:8443/a.git").unwrap();
        assert_eq!(address.to_string(), "https://example.com:8443/a.git");
        assert_eq!(info.username, "me");
        assert_eq!(info.password.as_ref().unwrap().expose_secret(), "s@cret");
        let shown = format!("{address:?}{info:?}");
        assert!(!shown.contains("s@cret") && !shown.contains("s%40cret"));
    }

    #[test]
    fn queries_are_not_shown() {
        let (address, _) = Address::parse("https://example.com/a.git?token=secret").unwrap();
        assert_eq!(address.to_string(), "https://example.com/a.git");
    }

    #[test]
    fn ssh_urls_name_user_port_and_path() {
        let full = ssh("ssh://me@[::1]:2222/srv/a%20b.git");
        assert_eq!(
            (
                full.user.as_deref(),
                full.host.as_str(),
                full.port,
                full.path.as_str()
            ),
            (Some("me"), "::1", 2222, "/srv/a b.git")
        );
        assert_eq!(full.to_string(), "ssh://me@[::1]:2222/srv/a b.git");
        assert_eq!(ssh("ssh://host/~me/a").path, "~me/a");
        assert_eq!(ssh("ssh://host/a").user, None);
    }

    #[test]
    fn the_short_form_is_relative_to_the_home_directory() {
        let short = ssh("git@github.com:acme/fleet.git");
        assert_eq!(short.path, "acme/fleet.git");
        assert_eq!(short.to_string(), "ssh://git@github.com/acme/fleet.git");
        let bracketed = ssh("git@[::1]:acme/fleet.git");
        assert_eq!(bracketed.host, "::1");
        assert_eq!(bracketed.to_string(), "ssh://git@[::1]/acme/fleet.git");
        let unfinished = Address::parse("[::1]").unwrap_err();
        assert_eq!(unfinished, AddressError::Missing("path"));
    }

    #[test]
    fn paths_and_file_urls_are_local() {
        for text in ["/srv/a.git", "./a:b", "../a", "file:///srv/a.git"] {
            assert!(
                matches!(Address::parse(text).unwrap().0, Address::Local(_)),
                "{text}"
            );
        }
    }

    #[test]
    fn errors_do_not_repeat_the_text() {
        for text in [
            "ftp://me:secret@host/a",
            "https://",
            "ssh://me:secret@host",
            "https://me:secret@ho st/",
        ] {
            let error = Address::parse(text).unwrap_err();
            assert!(!format!("{error:?} {error}").contains("secret"), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_password_is_taken_out_and_never_shown(password in "[!-~é]{8,20}", path in "/[a-z/.~]{1,20}") {
            let encoded: String = password.bytes().map(|byte| format!("%{byte:02x}")).collect();
            let (address, info) = Address::parse(&format!("https://me:{encoded}@example.com{path}")).unwrap();
            prop_assert_eq!(info.password.as_ref().map(|secret| secret.expose_secret()), Some(password.as_str()));
            let shown = format!("{address} {address:?} {info:?}");
            prop_assert!(!shown.contains(&password) && !shown.contains(&encoded));
        }

        #[test]
        fn an_address_is_shown_as_one_that_reads_back(
            text in "((https?|ssh|git\\+ssh|file)://)?([a-z]{1,4}(:[a-z]{0,3})?@)?(\\[::1\\]|[a-z.-]{0,6})(:[0-9]{0,3})?/?[a-z0-9~-]{1,6}(/[a-z0-9~-]{1,4})?"
        ) {
            if let Ok((address, _)) = Address::parse(&text) {
                let shown = address.to_string();
                let again = Address::parse(&shown).map(|(again, _)| again.to_string());
                prop_assert_eq!(again, Ok(shown));
            }
        }

        #[test]
        fn any_text_is_survived(text in any::<String>()) {
            if let Ok((Address::Ssh(ssh), _)) = Address::parse(&text) {
                prop_assert!(!ssh.host.is_empty() && !ssh.path.is_empty());
            }
        }
    }
}
