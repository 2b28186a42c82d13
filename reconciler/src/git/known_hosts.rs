//! Host keys a remote may show, in OpenSSH's `known_hosts` format.

use hmac::{Hmac, KeyInit as _, Mac as _};
use russh::keys::ssh_key::known_hosts::{Entry, HostPatterns, Marker};
use russh::keys::{Algorithm, HashAlg, PublicKey};
use sha1::Sha1;

/// The parsed lines of a `known_hosts` text.
#[derive(Clone, Debug, Default)]
pub struct KnownHosts {
    entries: Vec<Entry>,
}

/// What the lines say about a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The host is listed with this key.
    Known,
    /// The host is listed, with other keys only.
    Changed,
    /// The host is not listed.
    Unknown,
    /// The key is marked `@revoked` for the host.
    Revoked,
}

impl KnownHosts {
    /// Parses the lines; those that cannot be read are left out, as OpenSSH does, and so are certificate authorities.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let entries = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .filter_map(|line| line.replace('\t', " ").parse::<Entry>().ok())
            .filter(|entry| entry.marker() != Some(&Marker::CertAuthority))
            .collect();
        Self { entries }
    }

    /// Returns whether no line could be used.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn check(&self, host: &str, port: u16, key: &PublicKey) -> Verdict {
        let mut verdict = Verdict::Unknown;
        for entry in self.of(host, port) {
            let same = entry.public_key().key_data() == key.key_data();
            match (entry.marker(), same) {
                (Some(Marker::Revoked), true) => return Verdict::Revoked,
                (Some(_), _) => {}
                (None, true) => verdict = Verdict::Known,
                (None, false) if verdict == Verdict::Unknown => verdict = Verdict::Changed,
                (None, false) => {}
            }
        }
        verdict
    }

    /// Returns the signature algorithms of the keys listed for a host, strongest first.
    ///
    /// A client that asks for another kind of key than the one listed could not check it.
    pub(super) fn algorithms(&self, host: &str, port: u16) -> Vec<Algorithm> {
        let mut found = Vec::new();
        for entry in self.of(host, port).filter(|entry| entry.marker().is_none()) {
            let algorithms = match entry.public_key().algorithm() {
                Algorithm::Rsa { .. } => [Some(HashAlg::Sha512), Some(HashAlg::Sha256)]
                    .map(|hash| Algorithm::Rsa { hash })
                    .to_vec(),
                other => vec![other],
            };
            for algorithm in algorithms {
                if !found.contains(&algorithm) {
                    found.push(algorithm);
                }
            }
        }
        found
    }

    fn of(&self, host: &str, port: u16) -> impl Iterator<Item = &Entry> {
        let host = host.to_ascii_lowercase();
        let name = match port {
            22 => host,
            port => format!("[{host}]:{port}"),
        };
        self.entries
            .iter()
            .filter(move |entry| matches(entry.host_patterns(), &name))
    }
}

fn matches(patterns: &HostPatterns, name: &str) -> bool {
    match patterns {
        HostPatterns::HashedName { salt, hash } => {
            let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(salt) else {
                return false;
            };
            mac.update(name.as_bytes());
            mac.verify_slice(hash).is_ok()
        }
        HostPatterns::Patterns(patterns) => {
            let mut matched = false;
            for pattern in patterns {
                match pattern.strip_prefix('!') {
                    Some(refused) if glob(refused, name) => return false,
                    Some(_) => {}
                    None => matched |= glob(pattern, name),
                }
            }
            matched
        }
    }
}

/// Matches `*` and `?`, in linear space and without recursion.
fn glob(pattern: &str, name: &str) -> bool {
    let pattern = pattern.to_ascii_lowercase().into_bytes();
    let name = name.as_bytes();
    let (mut at, mut seen) = (0, 0);
    let mut star = None;
    while seen < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(byte) if *byte == b'?' || *byte == name[seen] => {
                at += 1;
                seen += 1;
            }
            _ => match star {
                Some((star_at, star_seen)) => {
                    star = Some((star_at, star_seen + 1));
                    at = star_at + 1;
                    seen = star_seen + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ED25519: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    const OTHER: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA6rWI3G1sz07DnfFlrouTcysQlj2P+jpNSOEWD9OJ3X";
    const ECDSA: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBMFbB4nvL1GlAUqIiFWEmVdIpbkiqyMaKlRiNnC3u8l0TEjMsEUPKZXRKhZPoxfCQtYIJB3kPcPWS2ur7k4xlDw=";

    fn check(text: &str, host: &str, port: u16) -> Verdict {
        let key = ED25519.parse().unwrap();
        KnownHosts::parse(text).check(host, port, &key)
    }

    #[test]
    fn names_ports_and_wildcards() {
        let plain = format!("# comment\n\nexample.com,10.0.0.1 {ED25519}\n");
        assert_eq!(check(&plain, "Example.com", 22), Verdict::Known);
        assert_eq!(check(&plain, "10.0.0.1", 22), Verdict::Known);
        assert_eq!(check(&plain, "example.com", 2222), Verdict::Unknown);
        let port = format!("[example.com]:2222 {ED25519}");
        assert_eq!(check(&port, "example.com", 2222), Verdict::Known);
        assert_eq!(check(&port, "example.com", 22), Verdict::Unknown);
        let wild = format!("*.example.com,!bad.example.com {ED25519}");
        assert_eq!(check(&wild, "git.example.com", 22), Verdict::Known);
        assert_eq!(check(&wild, "bad.example.com", 22), Verdict::Unknown);
    }

    #[test]
    fn hashed_names() {
        // What `ssh-keygen -H` made of "example.com" and "[example.com]:2222".
        let plain =
            format!("|1|iCWMLaQK1QAw1zoo49U3rFRfhmY=|FmY4xr68EWxWC27IBaiGNF8Re+g= {ED25519}");
        let port =
            format!("|1|8mt8gplSH2fD/T9VPgPz1TsiiIY=|mJpocEjchPch9QmSbP8hvv2noC4= {ED25519}");
        assert_eq!(check(&plain, "example.com", 22), Verdict::Known);
        assert_eq!(check(&plain, "example.org", 22), Verdict::Unknown);
        assert_eq!(check(&plain, "example.com", 2222), Verdict::Unknown);
        assert_eq!(check(&port, "example.com", 2222), Verdict::Known);
    }

    #[test]
    fn changed_and_revoked_keys() {
        assert_eq!(check(&format!("h {OTHER}"), "h", 22), Verdict::Changed);
        assert_eq!(
            check(&format!("h {OTHER}\nh {ED25519}"), "h", 22),
            Verdict::Known
        );
        assert_eq!(
            check(&format!("h {ED25519}\n@revoked * {ED25519}"), "h", 22),
            Verdict::Revoked
        );
        assert_eq!(
            check(&format!("@cert-authority * {ED25519}"), "h", 22),
            Verdict::Unknown
        );
    }

    #[test]
    fn unreadable_lines_are_left_out() {
        let hosts = KnownHosts::parse("garbage\nh ssh-ed25519 !!!\n");
        assert!(hosts.is_empty());
    }

    #[test]
    fn only_algorithms_of_listed_keys_are_asked_for() {
        let hosts = KnownHosts::parse(&format!("h {ECDSA}\nother {ED25519}"));
        assert_eq!(
            hosts.algorithms("h", 22),
            ["ecdsa-sha2-nistp256".parse().unwrap()]
        );
        assert!(hosts.algorithms("none", 22).is_empty());
    }

    #[test]
    fn globs_match_as_shells_do() {
        for (pattern, name, expected) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abbd", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*a*a*", "aa", false),
        ] {
            assert_eq!(glob(pattern, name), expected, "{pattern} {name}");
        }
    }

    /// Lines of fragments, none of which holds the key of the tests.
    fn noise() -> impl Strategy<Value = String> {
        let fragment = prop::sample::select(vec![
            "\n",
            " ",
            "\t",
            "\r",
            "#",
            "@revoked ",
            "@cert-authority ",
            "@",
            "|1|",
            "|",
            "=",
            "*",
            "?",
            "!",
            ",",
            "h",
            "[h]:22",
            "h ",
            OTHER,
            ECDSA,
            "ssh-ed25519 ",
            "AAAA",
            "é",
            "\0",
        ]);
        prop::collection::vec(fragment, 0..24).prop_map(|fragments| fragments.concat())
    }

    proptest! {
        #[test]
        fn a_listed_key_stays_known_whatever_stands_around_it(before in noise(), after in noise()) {
            let text = format!("{before}\nh {ED25519}\n{after}");
            prop_assert_eq!(check(&text, "h", 22), Verdict::Known);
        }

        #[test]
        fn any_text_is_survived(text in any::<String>(), host in any::<String>(), port: u16) {
            prop_assert_eq!(check(&text, &host, port), Verdict::Unknown);
        }

        #[test]
        fn a_glob_with_stars_between_matches_what_it_was_made_from(parts in prop::collection::vec("[ab]{0,3}", 1..6)) {
            let (pattern, name) = (parts.join("*"), parts.concat());
            prop_assert!(glob(&pattern, &name));
            prop_assert!(glob(&"?".repeat(name.len()), &name));
            prop_assert_eq!(glob(&pattern, &(name + "c")), pattern.ends_with('*'));
        }
    }
}
