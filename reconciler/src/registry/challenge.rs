//! What a registry asks for in `WWW-Authenticate`.

use http_auth::ChallengeParser;
use reqwest::Url;
use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

/// A way to authenticate that this client can serve.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Challenge {
    /// User name and password with every request.
    Basic,
    /// A token fetched from `realm`.
    Bearer {
        /// Where tokens are given out; it may be on another host.
        realm: Url,
        /// What to ask a token for, as the token server knows the registry.
        service: Option<String>,
        /// What this very request needs, such as `repository:acme/web:pull`.
        scope: Option<String>,
    },
}

/// Picks the challenge to answer: bearer before basic, whatever stands first of each.
///
/// `base` is the URL of the refused request, against which a relative realm is
/// resolved. Schemes this client does not know are passed over, and so is what
/// follows a syntax error in one header line; other lines still count.
pub(super) fn pick(headers: &HeaderMap, base: &Url) -> Option<Challenge> {
    let mut basic = None;
    for line in headers.get_all(WWW_AUTHENTICATE) {
        let Ok(line) = line.to_str() else { continue };
        for challenge in ChallengeParser::new(line).map_while(Result::ok) {
            if challenge.scheme.eq_ignore_ascii_case("bearer") {
                let value = |name: &str| {
                    let mut parameters = challenge.params.iter();
                    let found = parameters.find(|(key, _)| key.eq_ignore_ascii_case(name));
                    found.map(|(_, value)| value.to_unescaped())
                };
                let realm = value("realm").and_then(|realm| base.join(&realm).ok());
                if let Some(realm) = realm.filter(|realm| realm.has_host()) {
                    let (service, scope) = (value("service"), value("scope"));
                    return Some(Challenge::Bearer {
                        realm,
                        service,
                        scope,
                    });
                }
            } else if challenge.scheme.eq_ignore_ascii_case("basic") {
                basic = Some(Challenge::Basic);
            }
        }
    }
    basic
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reqwest::header::HeaderValue;

    use super::*;

    fn pick_from(lines: &[&str]) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_str(line).unwrap());
        }
        pick(
            &headers,
            &Url::parse("https://r.example/v2/a/tags/list").unwrap(),
        )
    }

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Option<Challenge> {
        Some(Challenge::Bearer {
            realm: Url::parse(realm).unwrap(),
            service: service.map(str::to_owned),
            scope: scope.map(str::to_owned),
        })
    }

    #[test]
    fn quoted_strings_and_several_challenges_are_read() {
        let hub = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull""#;
        let wanted = bearer(
            "https://auth.docker.io/token",
            Some("registry.docker.io"),
            Some("repository:a/b:pull"),
        );
        assert_eq!(pick_from(&[hub]), wanted);
        assert_eq!(pick_from(&["Negotiate", hub]), wanted);
        assert_eq!(
            pick_from(&[&format!("Basic realm=\"x, y\", {hub}")]),
            wanted
        );
        assert_eq!(
            pick_from(&[r#"bEaReR realm="https://a.b/t?x=\"1\"" , SERVICE=plain"#]),
            bearer("https://a.b/t?x=\"1\"", Some("plain"), None)
        );
        assert_eq!(
            pick_from(&[r#"Bearer realm="https://a.b/t",scope="repository:x:pull,push""#]),
            bearer("https://a.b/t", None, Some("repository:x:pull,push"))
        );
    }

    #[test]
    fn a_relative_realm_is_resolved_against_the_request() {
        let wanted = bearer("https://r.example/token", None, None);
        assert_eq!(pick_from(&[r#"Bearer realm="/token""#]), wanted);
    }

    #[test]
    fn basic_is_taken_when_no_usable_bearer_is_offered() {
        assert_eq!(
            pick_from(&[r#"Basic realm="Registry""#]),
            Some(Challenge::Basic)
        );
        assert_eq!(
            pick_from(&["Negotiate dG9rZW4=", "basic realm=x"]),
            Some(Challenge::Basic)
        );
        assert_eq!(
            pick_from(&[r#"Bearer service="no realm""#, "Basic"]),
            Some(Challenge::Basic)
        );
    }

    #[test]
    fn unknown_or_broken_challenges_are_none() {
        for line in [
            "",
            "Negotiate",
            "Digest realm=\"x\", nonce=\"y\"",
            "Bearer",
            "=",
            "Bearer realm=\"",
            "Bearer realm=\"data:x\"",
        ] {
            assert_eq!(pick_from(&[line]), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn a_printed_challenge_is_read_back(
            service in "[ -~]{0,30}", scope in "[a-z:/,]{1,30}", before in "[A-Z][a-z]{1,8}",
        ) {
            let quoted = service.replace('\\', "\\\\").replace('"', "\\\"");
            let line = format!(
                "X{before} a=\"b, c\", Bearer realm=\"https://t.example/x\", service=\"{quoted}\",scope=\"{scope}\""
            );
            prop_assert_eq!(pick_from(&[&line]), bearer("https://t.example/x", Some(&service), Some(&scope)));
        }

        #[test]
        fn hostile_headers_never_panic(line in "[ -~]{0,200}", soup in "[Bearlm=\", \\\\]{0,100}") {
            pick_from(&[&line]);
            pick_from(&[&soup]);
        }
    }
}
