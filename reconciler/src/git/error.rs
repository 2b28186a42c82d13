//! What can go wrong between us and a remote.

use std::time::Duration;

use thiserror::Error;

use super::private_key::KeyError;

/// How much of a server's own words an error repeats, in bytes.
const MAX_SERVER_TEXT: usize = 2000;

/// Why a connection to a remote failed; no text holds a secret.
#[derive(Debug, Error)]
pub enum TransportError {
    /// HTTP 401. The text is Flux's.
    #[error("authentication required: {0}")]
    AuthenticationRequired(String),
    /// HTTP 403. The text is Flux's.
    #[error("authorization failed: {0}")]
    AuthorizationFailed(String),
    /// HTTP 404, or an SSH server that knows no such repository. The text is Flux's.
    #[error("repository not found: {0}")]
    RepositoryNotFound(String),
    /// Any other HTTP status that is no success.
    #[error("the server answered with status {status}: {text}")]
    Status {
        /// The status code.
        status: u16,
        /// What the server said.
        text: String,
        /// How long the server asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// A successful answer that is not Git's protocol.
    #[error(
        "the server answered with content type '{content_type}' instead of '{expected}': this is no Git repository, or a login page stands before it"
    )]
    NotGit {
        /// What came.
        content_type: String,
        /// What Git sends.
        expected: String,
    },
    /// A redirect to another host, port or scheme, which would be shown our credentials.
    #[error("the server redirects to {0}, which is not followed: use that URL if it is right")]
    Redirect(String),
    /// More redirects than anybody needs.
    #[error("the server redirects in circles")]
    RedirectLoop,
    /// The request could not be made or its answer not be read.
    #[error("cannot reach the server")]
    Http(#[source] reqwest::Error),
    /// CA, client certificate or proxy cannot be used.
    #[error("cannot use the {what}")]
    Client {
        /// Which of them.
        what: &'static str,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The CA is text without a certificate in it.
    #[error("cannot use the CA: there is no certificate in it")]
    EmptyCa,
    /// A token has characters that no HTTP header can hold.
    #[error("the token contains line breaks or other characters that cannot be sent")]
    Token,
    /// The time for this operation is over.
    #[error("timed out after {} s", .0.as_secs_f64())]
    Timeout(Duration),
    /// Somebody cancelled the operation.
    #[error("cancelled")]
    Cancelled,
    /// No TCP connection to an SSH server or its proxy.
    #[error("cannot connect to {to}")]
    Connect {
        /// `host:port`.
        to: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The proxy did not let us through.
    #[error("the proxy refuses the connection: {0}")]
    Proxy(String),
    /// The host is in no line of the known hosts.
    #[error("ssh: host {host} is not in known_hosts (it shows {fingerprint})")]
    HostUnknown {
        /// `host:port`.
        host: String,
        /// Algorithm and fingerprint of the key it shows.
        fingerprint: String,
    },
    /// The host shows another key than the one listed.
    #[error("ssh: host {host} shows {fingerprint}, which is not the key known_hosts lists for it")]
    HostChanged {
        /// `host:port`.
        host: String,
        /// Algorithm and fingerprint of the key it shows.
        fingerprint: String,
    },
    /// The server takes none of the keys.
    #[error("ssh: {host} takes none of {keys} for user '{user}'")]
    KeyRefused {
        /// `host:port`.
        host: String,
        /// The user we logged in as.
        user: String,
        /// The kinds of the keys that were tried, or that there were none.
        keys: String,
    },
    /// The agent cannot be asked.
    #[error("ssh: cannot use the agent at {socket}")]
    Agent {
        /// Its socket.
        socket: String,
        /// Why.
        #[source]
        source: russh::keys::Error,
    },
    /// A private key cannot be used.
    #[error("ssh: cannot use the key")]
    Key(#[source] KeyError),
    /// The SSH connection broke.
    #[error("ssh: the connection to {host} failed")]
    Ssh {
        /// `host:port`.
        host: String,
        /// Why.
        #[source]
        source: russh::Error,
    },
    /// Git on the server ended with an error.
    #[error("the server said: {0}")]
    Remote(String),
}

/// Makes a server's text fit to be shown: one line's worth of blanks, no control characters, bounded.
pub(super) fn clean(text: &str) -> String {
    let mut shown = String::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if !shown.is_empty() {
            shown.push('\n');
        }
        shown.extend(line.chars().filter(|letter| !letter.is_control()));
        if shown.len() > MAX_SERVER_TEXT {
            let end = shown.floor_char_boundary(MAX_SERVER_TEXT);
            shown.truncate(end);
            shown.push('…');
            break;
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_text_is_bounded_and_without_control_characters() {
        assert_eq!(clean(" a\u{1b}[31m \r\n\n b\n"), "a[31m\nb");
        let long = clean(&"ü".repeat(100_000));
        assert!(long.len() <= MAX_SERVER_TEXT + '…'.len_utf8());
        assert!(long.ends_with('…'));
    }
}
