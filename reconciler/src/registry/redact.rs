//! Keeps secrets and walls of text out of messages.

use std::borrow::Cow;

use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

/// The longest piece of a registry's own words that goes into a message, in bytes.
const EXCERPT_LIMIT: usize = 512;

/// Query parameters that are shown; any other may be a token or a signature.
const SHOWN: [&str; 5] = ["n", "last", "next_page", "scope", "service"];

const HIDDEN: &str = "REDACTED";

/// Prints a URL without user, password, fragment and the values of unknown parameters.
pub(super) fn url(url: &Url) -> String {
    let mut shown = url.clone();
    // Both fail only for URLs that cannot have a user.
    shown.set_username("").ok();
    shown.set_password(None).ok();
    shown.set_fragment(None);
    let secret = url
        .query_pairs()
        .any(|(name, _)| !SHOWN.contains(&name.as_ref()));
    if secret {
        shown
            .query_pairs_mut()
            .clear()
            .extend_pairs(url.query_pairs().map(|(name, value)| {
                let value = if SHOWN.contains(&name.as_ref()) {
                    value
                } else {
                    Cow::Borrowed(HIDDEN)
                };
                (name, value)
            }));
    }
    shown.into()
}

/// Cuts text to what fits into a message and replaces control characters and `secrets`.
pub(crate) fn excerpt(text: &str, secrets: &[SecretString]) -> String {
    let mut text = Cow::Borrowed(text.trim());
    for secret in secrets.iter().map(ExposeSecret::expose_secret) {
        if !secret.is_empty() && text.contains(secret) {
            text = Cow::Owned(text.replace(secret, HIDDEN));
        }
    }
    let mut shown: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if shown.len() > EXCERPT_LIMIT {
        let end = (0..=EXCERPT_LIMIT)
            .rev()
            .find(|at| shown.is_char_boundary(*at))
            .unwrap_or(0);
        shown.truncate(end);
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_shows_neither_user_nor_unknown_parameters() {
        for (given, shown) in [
            (
                "https://u:p@r.io/v2/a/tags/list?n=1000&last=b",
                "https://r.io/v2/a/tags/list?n=1000&last=b",
            ),
            (
                "https://r.io/t?account=bob&scope=x&sig=abc#f",
                "https://r.io/t?account=REDACTED&scope=x&sig=REDACTED",
            ),
            (
                "https://r.io/t?scope=repository%3Aa%2Fb%3Apull",
                "https://r.io/t?scope=repository%3Aa%2Fb%3Apull",
            ),
            ("http://[::1]:5000/v2/", "http://[::1]:5000/v2/"),
        ] {
            assert_eq!(url(&Url::parse(given).unwrap()), shown);
        }
    }

    #[test]
    fn an_excerpt_is_short_and_holds_no_secret() {
        let secrets = [SecretString::from("hunter2"), SecretString::from("")];
        assert_eq!(
            excerpt(" you sent\nhunter2! ", &secrets),
            "you sent REDACTED!"
        );
        let long = excerpt(&"ä".repeat(1000), &secrets);
        assert_eq!(long.chars().count(), EXCERPT_LIMIT / 2 + 1);
    }
}
