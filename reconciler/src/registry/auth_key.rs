//! Which images a key of a docker configuration's `auths` speaks for.

use std::cmp::Ordering;

/// The registries one account at Docker Hub opens, as people write them.
const DOCKER_HUB: [&str; 3] = ["index.docker.io", "docker.io", "registry-1.docker.io"];

/// How a key came to match: the reading every tool agrees on, or one only this client adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reading {
    /// The key matches as the kubelet reads it.
    Exact,
    /// The key matches only because `docker.io`, `registry-1.docker.io` and
    /// `index.docker.io` are one registry, or because a trailing `/v1` or `/v2` is no path.
    Widened,
}

/// One key, such as `https://index.docker.io/v1/`, `*.azurecr.io` or `ghcr.io/acme`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AuthKey {
    /// Host with port, then the path: what keys are ordered by.
    normalised: String,
    host_length: usize,
}

impl AuthKey {
    /// Reads a key. Scheme, user, query and a `/v1/` or `/v2/` in front of the path say nothing.
    pub(super) fn new(key: &str) -> Self {
        let rest = key
            .strip_prefix("https://")
            .or_else(|| key.strip_prefix("http://"));
        let rest = rest.unwrap_or(key);
        let rest = &rest[..rest.find(['?', '#']).unwrap_or(rest.len())];
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let host = authority
            .rsplit_once('@')
            .map_or(authority, |(_, host)| host);
        let versioned = path.starts_with("/v1/") || path.starts_with("/v2/");
        let path = if versioned { &path[3..] } else { path };
        let path = if path == "/" { "" } else { path };
        Self {
            normalised: format!("{host}{path}"),
            host_length: host.len(),
        }
    }

    /// The key as it is compared, for messages.
    pub(super) fn as_str(&self) -> &str {
        &self.normalised
    }

    /// Host with port.
    pub(super) fn host(&self) -> &str {
        &self.normalised[..self.host_length]
    }

    /// Orders keys as they are tried: descending bytes, so that longer ones come first.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        other.normalised.cmp(&self.normalised)
    }

    /// Says whether and how the key speaks for `registry/repository`.
    pub(super) fn reading(&self, registry: &str, repository: &str) -> Option<Reading> {
        let host = self.host();
        let path = &self.normalised[self.host_length..];
        // The target's path starts with the slash that the key's path starts with.
        let inside = |path: &str| match path.strip_prefix('/') {
            Some(prefix) => repository.starts_with(prefix),
            None => path.is_empty(),
        };
        if host_matches(host, registry) && inside(path) {
            return Some(Reading::Exact);
        }
        let hub = is_docker_hub(host) && is_docker_hub(registry);
        let bare = matches!(path, "/v1" | "/v2");
        let widened = (hub || host_matches(host, registry)) && (bare || inside(path));
        widened.then_some(Reading::Widened)
    }
}

/// Whether `host` is one of the names of Docker Hub.
pub(super) fn is_docker_hub(host: &str) -> bool {
    DOCKER_HUB.contains(&host)
}

/// Compares label by label, case-sensitively; each label of `pattern` may be a glob.
fn host_matches(pattern: &str, host: &str) -> bool {
    let (pattern, pattern_port) = split_port(pattern);
    let (host, port) = split_port(host);
    pattern_port == port
        && pattern.split('.').count() == host.split('.').count()
        && pattern
            .split('.')
            .zip(host.split('.'))
            .all(|(glob, label)| glob_matches(glob, label))
}

/// Splits off the port and takes the brackets from an IPv6 address, which would be a class of letters in a glob.
fn split_port(authority: &str) -> (&str, &str) {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (authority, ""),
    };
    let address = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    (
        address
            .filter(|address| address.contains(':'))
            .unwrap_or(host),
        port,
    )
}

/// One element of a shell pattern.
enum Piece {
    Anything,
    One(Class),
}

/// The characters an element stands for.
enum Class {
    Literal(char),
    Ranges {
        listed: Vec<(char, char)>,
        negated: bool,
    },
}

impl Class {
    fn contains(&self, wanted: char) -> bool {
        match self {
            Self::Literal(one) => *one == wanted,
            Self::Ranges { listed, negated } => {
                listed
                    .iter()
                    .any(|(low, high)| (*low..=*high).contains(&wanted))
                    != *negated
            }
        }
    }
}

/// Shell pattern of Go's `path.Match`: `*`, `[a-z]`, `[^a]`, `\c`. A malformed one matches nothing.
///
/// A `?` cannot occur: in a key it begins a query.
fn glob_matches(glob: &str, label: &str) -> bool {
    let Some(pieces) = parse_glob(glob) else {
        return false;
    };
    let label: Vec<char> = label.chars().collect();
    let (mut at, mut piece) = (0, 0);
    // Where to go on when the text after the last star does not fit: one character later.
    let mut retry: Option<(usize, usize)> = None;
    while at < label.len() {
        match pieces.get(piece) {
            Some(Piece::Anything) => {
                retry = Some((piece, at));
                piece += 1;
            }
            Some(Piece::One(class)) if class.contains(label[at]) => {
                at += 1;
                piece += 1;
            }
            _ => {
                let Some((star, from)) = retry else {
                    return false;
                };
                retry = Some((star, from + 1));
                at = from + 1;
                piece = star + 1;
            }
        }
    }
    pieces[piece..]
        .iter()
        .all(|rest| matches!(rest, Piece::Anything))
}

fn parse_glob(glob: &str) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut chars = glob.chars().peekable();
    while let Some(next) = chars.next() {
        pieces.push(match next {
            '*' => Piece::Anything,
            '\\' => Piece::One(Class::Literal(chars.next()?)),
            '[' => {
                let negated = chars.next_if_eq(&'^').is_some();
                let mut listed = Vec::new();
                while listed.is_empty() || chars.next_if_eq(&']').is_none() {
                    let low = class_char(&mut chars)?;
                    let ranged = chars.next_if_eq(&'-').is_some();
                    let high = if ranged { class_char(&mut chars)? } else { low };
                    listed.push((low, high));
                }
                Piece::One(Class::Ranges { listed, negated })
            }
            literal => Piece::One(Class::Literal(literal)),
        });
    }
    Some(pieces)
}

fn class_char(chars: &mut impl Iterator<Item = char>) -> Option<char> {
    match chars.next()? {
        '\\' => chars.next(),
        '-' | ']' => None,
        other => Some(other),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reading(key: &str, registry: &str, repository: &str) -> Option<Reading> {
        AuthKey::new(key).reading(registry, repository)
    }

    #[test]
    fn keys_are_normalised() {
        for (key, wanted) in [
            ("https://index.docker.io/v1/", "index.docker.io"),
            ("http://r.io/v2/", "r.io"),
            ("r.io/", "r.io"),
            ("r.io/v1/acme", "r.io/acme"),
            ("https://ghcr.io/v2", "ghcr.io/v2"),
            ("user@r.io:5000/a?x#y", "r.io:5000/a"),
            ("", ""),
        ] {
            assert_eq!(AuthKey::new(key).as_str(), wanted, "{key}");
        }
    }

    #[test]
    fn every_rule_of_the_kubelet_holds() {
        for (key, registry, repository, wanted) in [
            ("ghcr.io", "ghcr.io", "acme/web", true),
            ("https://ghcr.io", "ghcr.io", "acme/web", true),
            ("ghcr.io/acme", "ghcr.io", "acme/web", true),
            // Row 134: a path is a plain string prefix.
            ("ghcr.io/org", "ghcr.io", "organization/app", true),
            ("ghcr.io/acme/other", "ghcr.io", "acme/web", false),
            ("GHCR.io", "ghcr.io", "acme/web", false),
            ("ghcr.io", "GHCR.io", "acme/web", false),
            ("r.io:5000", "r.io:5000", "a/b", true),
            ("r.io", "r.io:5000", "a/b", false),
            ("r.io:443", "r.io", "a/b", false),
            ("*.azurecr.io", "acme.azurecr.io", "web", true),
            ("*.azurecr.io", "azurecr.io", "web", false),
            ("*.azurecr.io", "a.b.azurecr.io", "web", false),
            ("*.*.io", "acme.azurecr.io", "web", true),
            ("acme-1.r[a-c].io", "acme-1.rb.io", "web", true),
            // What follows a question mark is a query.
            ("acme-?.r.io", "acme-1.r.io", "web", false),
            ("acme-[^1].r.io", "acme-1.r.io", "web", false),
            ("a\\*b.io", "a*b.io", "web", true),
            ("acme-[1.r.io", "acme-[1.r.io", "web", false),
            (
                "https://index.docker.io/v1/",
                "index.docker.io",
                "library/alpine",
                true,
            ),
            ("*.docker.io", "index.docker.io", "library/alpine", true),
            ("[::1]:5000", "[::1]:5000", "a/b", true),
            ("[::1]", "[::1]", "a/b", true),
            ("[::1]", "[::1]:5000", "a/b", false),
            ("", "ghcr.io", "acme/web", false),
        ] {
            let wanted = wanted.then_some(Reading::Exact);
            assert_eq!(
                reading(key, registry, repository),
                wanted,
                "{key} for {registry}/{repository}"
            );
        }
    }

    #[test]
    fn row_133_every_name_of_docker_hub_is_accepted() {
        for key in [
            "docker.io",
            "https://registry-1.docker.io",
            "https://docker.io/v1/",
            "docker.io/library",
        ] {
            assert_eq!(
                reading(key, "index.docker.io", "library/alpine"),
                Some(Reading::Widened),
                "{key}"
            );
        }
        assert_eq!(
            reading(
                "https://index.docker.io/v1/",
                "registry-1.docker.io",
                "library/alpine"
            ),
            Some(Reading::Widened)
        );
        assert_eq!(
            reading("docker.io/acme", "index.docker.io", "library/alpine"),
            None
        );
        assert_eq!(reading("docker.io", "ghcr.io", "acme/web"), None);
    }

    #[test]
    fn an_api_version_without_a_slash_behind_it_is_no_path() {
        assert_eq!(
            reading("https://ghcr.io/v2", "ghcr.io", "acme/web"),
            Some(Reading::Widened)
        );
        assert_eq!(
            reading("ghcr.io/v2", "ghcr.io", "v2ray/web"),
            Some(Reading::Exact)
        );
    }

    #[test]
    fn longer_keys_come_first() {
        let mut keys = ["ghcr.io", "ghcr.io/acme/web", "*.io", "ghcr.io/acme"].map(AuthKey::new);
        keys.sort_by(AuthKey::order);
        let order: Vec<&str> = keys.iter().map(AuthKey::as_str).collect();
        assert_eq!(
            order,
            ["ghcr.io/acme/web", "ghcr.io/acme", "ghcr.io", "*.io"]
        );
    }

    proptest! {
        #[test]
        fn a_host_matches_itself_and_its_stars(host in "[a-z0-9-]{1,9}(\\.[a-z0-9]{1,9}){1,3}(:[0-9]{2,4})?", repository in "[a-z/]{2,20}") {
            prop_assert_eq!(reading(&host, &host, &repository), Some(Reading::Exact));
            let url = format!("https://{host}/v2/");
            prop_assert_eq!(reading(&url, &host, &repository), Some(Reading::Exact));
            let (_, parent) = host.split_once('.').unwrap();
            prop_assert_eq!(reading(&format!("*.{parent}"), &host, &repository), Some(Reading::Exact));
        }

        #[test]
        fn hostile_keys_never_panic(key in "\\PC{0,60}", globs in "[*?\\[\\]^\\\\a.:/@-]{0,60}") {
            reading(&key, "ghcr.io", "acme/web");
            reading(&globs, "aaa.aaaaaaaaaaaaaaaaaaaaaaaa", "acme/web");
        }
    }
}
