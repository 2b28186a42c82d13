//! Semantic versions as values: what `semver` gives.

use std::cmp::Ordering;

use super::types::Type;
use super::value::Value;
use crate::version::Version;

/// A version that owns its text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Release {
    major: u64,
    minor: u64,
    patch: u64,
    prerelease: String,
    metadata: String,
    original: String,
}

impl Release {
    /// Reads a version by the loose rules.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let version = Version::parse_loose(text)?;
        Some(Self {
            major: version.major(),
            minor: version.minor(),
            patch: version.patch(),
            prerelease: version.prerelease().to_owned(),
            metadata: version.metadata().to_owned(),
            original: text.to_owned(),
        })
    }

    /// The canonical text, without a `v`.
    pub(super) fn text(&self) -> String {
        let mut text = format!("{}.{}.{}", self.major, self.minor, self.patch);
        if !self.prerelease.is_empty() {
            text.push('-');
            text.push_str(&self.prerelease);
        }
        if !self.metadata.is_empty() {
            text.push('+');
            text.push_str(&self.metadata);
        }
        text
    }

    /// The text it was read from.
    pub(super) fn original(&self) -> &str {
        &self.original
    }

    /// Major, minor and patch.
    pub(super) fn numbers(&self) -> [u64; 3] {
        [self.major, self.minor, self.patch]
    }

    /// The pre-release identifiers.
    pub(super) fn prerelease(&self) -> &str {
        &self.prerelease
    }

    /// The build metadata.
    pub(super) fn metadata(&self) -> &str {
        &self.metadata
    }

    /// The order of precedence.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        match (
            Version::parse_loose(&self.text()),
            Version::parse_loose(&other.text()),
        ) {
            (Some(left), Some(right)) => left.precedence(&right),
            _ => self.numbers().cmp(&other.numbers()),
        }
    }

    /// The version with new numbers and suffixes, keeping the `v` of the original.
    fn changed(&self, [major, minor, patch]: [u64; 3], prerelease: &str, metadata: &str) -> Self {
        let mut changed = Self {
            major,
            minor,
            patch,
            prerelease: prerelease.to_owned(),
            metadata: metadata.to_owned(),
            original: String::new(),
        };
        let prefix = if self.original.starts_with('v') {
            "v"
        } else {
            ""
        };
        changed.original = format!("{prefix}{}", changed.text());
        changed
    }

    /// The next major version; `None` when the number overflows.
    pub(super) fn next_major(&self) -> Option<Self> {
        Some(self.changed([self.major.checked_add(1)?, 0, 0], "", ""))
    }

    /// The next minor version.
    pub(super) fn next_minor(&self) -> Option<Self> {
        let minor = self.minor.checked_add(1)?;
        Some(self.changed([self.major, minor, 0], "", ""))
    }

    /// The next patch version; of a pre-release, the release.
    pub(super) fn next_patch(&self) -> Option<Self> {
        let step = u64::from(self.prerelease.is_empty());
        let patch = self.patch.checked_add(step)?;
        Some(self.changed([self.major, self.minor, patch], "", ""))
    }

    /// The version with another pre-release.
    pub(super) fn with_prerelease(&self, prerelease: &str) -> Self {
        self.changed(self.numbers(), prerelease, &self.metadata)
    }

    /// The version with other metadata.
    pub(super) fn with_metadata(&self, metadata: &str) -> Self {
        self.changed(self.numbers(), &self.prerelease, metadata)
    }

    /// The fields of the struct, for verbs that print the inside.
    pub(super) fn fields(&self) -> [(&'static str, Value); 6] {
        let number = |number| Value::Uint(Type::Uint64, number);
        [
            ("major", number(self.major)),
            ("minor", number(self.minor)),
            ("patch", number(self.patch)),
            ("pre", Value::text(&self.prerelease)),
            ("metadata", Value::text(&self.metadata)),
            ("original", Value::text(&self.original)),
        ]
    }
}
