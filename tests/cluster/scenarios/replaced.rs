//! What a record holds in place of values that differ from play to play.

use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::Value;

use super::placeholders::Placeholders;

/// Replaces what differs from play to play, always the same by the same.
#[derive(Debug, Default)]
pub(crate) struct Replacements {
    placeholders: Placeholders,
    commits: Numbers,
    digests: Numbers,
    revisions: Numbers,
}

/// Values in the order of their first appearance.
#[derive(Debug, Default)]
struct Numbers(Vec<String>);

/// What is looked for in texts.
struct Patterns {
    revision: Regex,
    digest: Regex,
    commit: Regex,
    /// What is replaced by the same text whatever it is.
    unnumbered: [(Regex, &'static str); 5],
}

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| {
    let pattern = |text: &str| Regex::new(text).expect("the pattern is sound");
    let time = r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)";
    let remaining = r"\bnext scan in [0-9.hmsµn]+";
    let late = r#"\bGet "[^"]*": context deadline exceeded"#;
    Patterns {
        revision: pattern(r"\bwith checksum (\S+)"),
        digest: pattern(r"\bsha256:[0-9a-f]{64}\b"),
        commit: pattern(r"\b[0-9a-f]{40}\b|\bcommit '(?<short>[0-9a-f]{7})'"),
        unnumbered: [
            (pattern(time), "<time>"),
            (pattern(remaining), "next scan in <duration>"),
            (pattern(late), "context deadline exceeded"),
            (pattern(r"\b127\.0\.0\.1:\d+->"), "<local>->"),
            (pattern(r#"/tmp/[^/\s'":]+"#), "<tmp>"),
        ],
    }
});

impl Replacements {
    pub(crate) fn new(placeholders: Placeholders) -> Self {
        Self {
            placeholders,
            ..Self::default()
        }
    }

    /// The name of a commit, by its id or the beginning of it.
    pub(crate) fn commit(&mut self, id: &str) -> String {
        let known = self.commits.0.iter_mut().enumerate();
        let mut known =
            known.filter(|(_, known)| known.starts_with(id) || id.starts_with(&**known));
        let number = match known.next() {
            Some((index, known)) => {
                if known.len() < id.len() {
                    id.clone_into(known);
                }
                index + 1
            }
            None => self.commits.of(id),
        };
        format!("<commit {number}>")
    }

    /// A text without what differs.
    pub(crate) fn text(&mut self, text: &str) -> String {
        // A checksum may look like a digest, and a digest holds what looks like a commit.
        let patterns = &*PATTERNS;
        let text = patterns.revision.replace_all(text, |found: &Captures<'_>| {
            format!("with checksum <revision {}>", self.revisions.of(&found[1]))
        });
        let text = patterns.digest.replace_all(&text, |found: &Captures<'_>| {
            format!("<digest {}>", self.digests.of(&found[0]))
        });
        let text = patterns.commit.replace_all(&text, |found: &Captures<'_>| {
            let id = found
                .name("short")
                .map_or(&found[0], |short| short.as_str());
            found[0].replace(id, &self.commit(id))
        });
        let mut text = text.into_owned();
        for (pattern, by) in &patterns.unnumbered {
            text = pattern.replace_all(&text, *by).into_owned();
        }
        self.placeholders.name(&text)
    }

    /// A document without what differs.
    pub(crate) fn value(&mut self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(items) => items.iter().map(|item| self.value(item)).collect(),
            Value::Object(fields) => fields
                .iter()
                .map(|(key, value)| (key.clone(), self.field(key, value)))
                .collect(),
            other => other.clone(),
        }
    }

    fn field(&mut self, key: &str, value: &Value) -> Value {
        match (key, value) {
            ("revision", Value::String(revision)) => {
                Value::String(format!("<revision {}>", self.revisions.of(revision)))
            }
            _ => self.value(value),
        }
    }
}

impl Numbers {
    fn of(&mut self, value: &str) -> usize {
        let known = self.0.iter().position(|known| known == value);
        let index = known.unwrap_or_else(|| {
            self.0.push(value.to_owned());
            self.0.len() - 1
        });
        index + 1
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const COMMITS: [&str; 2] = [
        "0123456789abcdef0123456789abcdef01234567",
        "76543210fedcba9876543210fedcba9876543210",
    ];

    fn digest(character: &str) -> String {
        format!("sha256:{}", character.repeat(64))
    }

    #[test]
    fn equal_values_have_equal_numbers() {
        let mut replacements = Replacements::default();
        assert_eq!(replacements.commit(COMMITS[0]), "<commit 1>");
        let pushed = format!("pushed commit '{}' on {}", COMMITS[1], COMMITS[0]);
        assert_eq!(
            replacements.text(&pushed),
            "pushed commit '<commit 2>' on <commit 1>"
        );
        let short = format!("pushed commit '{}' to branch", &COMMITS[1][..7]);
        assert_eq!(
            replacements.text(&short),
            "pushed commit '<commit 2>' to branch"
        );
        let images = format!("a@{} b@{} a@{}", digest("a"), digest("b"), digest("a"));
        assert_eq!(
            replacements.text(&images),
            "a@<digest 1> b@<digest 2> a@<digest 1>"
        );
        let short = format!("remove ':{}'", "ab".repeat(32));
        assert_eq!(replacements.text(&short), short);
    }

    #[test]
    fn a_commit_first_met_by_its_beginning_is_the_same() {
        let mut replacements = Replacements::default();
        let short = format!("commit '{}'", &COMMITS[1][..7]);
        assert_eq!(replacements.text(&short), "commit '<commit 1>'");
        assert_eq!(replacements.commit(COMMITS[0]), "<commit 2>");
        assert_eq!(replacements.commit(COMMITS[1]), "<commit 1>");
    }

    #[test]
    fn a_checksum_is_a_revision_in_texts_and_in_its_field() {
        let mut replacements = Replacements::default();
        let status = json!({"lastScanResult": {"revision": digest("c"), "tagCount": 2}});
        assert_eq!(
            replacements.value(&status),
            json!({"lastScanResult": {"revision": "<revision 1>", "tagCount": 2}})
        );
        for (checksum, named) in [
            (digest("c"), "<revision 1>"),
            ("12345".into(), "<revision 2>"),
        ] {
            let message = format!("successful scan: found 2 tags with checksum {checksum}");
            let expected = format!("successful scan: found 2 tags with checksum {named}");
            assert_eq!(replacements.text(&message), expected);
        }
    }

    #[test]
    fn times_and_places_are_all_alike() {
        let mut placeholders = Placeholders::default();
        placeholders.insert("REGISTRY", "127.0.0.1:5000");
        let mut replacements = Replacements::new(placeholders);
        for (text, replaced) in [
            ("2026-11-25T12:00:00Z", "<time>"),
            (
                "tags did not change, next scan in 59m59.98s",
                "tags did not change, next scan in <duration>",
            ),
            (
                "Get \"http://127.0.0.1:5000/v2/\": context deadline exceeded",
                "context deadline exceeded",
            ),
            (
                "read tcp 127.0.0.1:40000->127.0.0.1:5000: reset",
                "read tcp <local>->${REGISTRY}: reset",
            ),
            ("lstat /tmp/x-1/none: no", "lstat <tmp>/none: no"),
        ] {
            assert_eq!(replacements.text(text), replaced);
        }
    }
}
