//! Semantic versions read from tags, by the loose rules Flux uses.

use std::cmp::Ordering;
use std::fmt;

#[cfg(test)]
mod tests;

/// Longest text in bytes that is read as a version, the limit of Masterminds/semver 3.5.
const MAX_LENGTH: usize = 256;

/// A version that borrows the text it was read from, so that reading one allocates nothing.
///
/// It has no `Ord`: versions that differ only in build metadata or spelling are equal in
/// precedence without being the same, see [`Version::precedence`].
#[derive(Clone, Copy, Debug)]
pub struct Version<'a> {
    major: u64,
    minor: u64,
    patch: u64,
    prerelease: &'a str,
    metadata: &'a str,
    original: &'a str,
}

impl<'a> Version<'a> {
    /// Reads a tag as a semver policy does: [`Version::parse_loose`], and at least two dots anywhere.
    ///
    /// Only dots are counted, so `1.2-rc.1` is a version (1.2.0-rc.1) while `1.2` is none.
    pub fn from_tag(tag: &'a str) -> Option<Self> {
        let version = Self::parse_loose(tag)?;
        let dots = tag.bytes().filter(|byte| *byte == b'.').count();
        (dots >= 2).then_some(version)
    }

    /// Reads `v? MAJOR [. MINOR [. PATCH]] [- PRE] [+ META]` as `NewVersion` of Masterminds/semver 3.5 does.
    ///
    /// Numbers are decimal `u64` and may have leading zeros; missing ones are 0. `None` when the
    /// whole text is no such version or is longer than 256 bytes.
    pub fn parse_loose(text: &'a str) -> Option<Self> {
        if text.len() > MAX_LENGTH {
            return None;
        }
        let bytes = text.as_bytes();
        let start = usize::from(bytes.first() == Some(&b'v'));
        let (major, mut at) = number(bytes, start)?;
        let mut rest = [0; 2];
        for slot in &mut rest {
            if bytes.get(at) != Some(&b'.') {
                break;
            }
            (*slot, at) = number(bytes, at + 1)?;
        }
        let (prerelease, at) = suffix(text, at, b'-')?;
        let (metadata, at) = suffix(text, at, b'+')?;
        if at != text.len() || leading_zero(prerelease).is_some() {
            return None;
        }
        let [minor, patch] = rest;
        Some(Self {
            major,
            minor,
            patch,
            prerelease,
            metadata,
            original: text,
        })
    }

    /// A bound of a range, whose spelling nobody asks for.
    pub(crate) const fn bound([major, minor, patch]: [u64; 3], prerelease: &'a str) -> Self {
        Self {
            major,
            minor,
            patch,
            prerelease,
            metadata: "",
            original: "",
        }
    }

    /// The first number.
    pub const fn major(&self) -> u64 {
        self.major
    }

    /// The second number, 0 when it is missing.
    pub const fn minor(&self) -> u64 {
        self.minor
    }

    /// The third number, 0 when it is missing.
    pub const fn patch(&self) -> u64 {
        self.patch
    }

    /// The dot-separated identifiers after `-`, empty for a release.
    pub const fn prerelease(&self) -> &'a str {
        self.prerelease
    }

    /// The dot-separated identifiers after `+`, empty when there are none.
    pub const fn metadata(&self) -> &'a str {
        self.metadata
    }

    /// The text the version was read from.
    pub const fn original(&self) -> &'a str {
        self.original
    }

    /// Compares by precedence; build metadata and spelling do not count.
    ///
    /// A pre-release is lower than its release. Its identifiers compare left to right: numbers
    /// numerically and below words, words by their bytes, a missing one lowest. As in
    /// Masterminds/semver a number beyond `u64` counts as a word.
    pub fn precedence(&self, other: &Version<'_>) -> Ordering {
        (self.major, self.minor, self.patch)
            .cmp(&(other.major, other.minor, other.patch))
            .then_with(|| compare_prerelease(self.prerelease, other.prerelease))
    }
}

impl fmt::Display for Version<'_> {
    /// Writes the version in its normal form: no `v`, three numbers, no leading zeros.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if !self.prerelease.is_empty() {
            write!(f, "-{}", self.prerelease)?;
        }
        if !self.metadata.is_empty() {
            write!(f, "+{}", self.metadata)?;
        }
        Ok(())
    }
}

/// Orders two pre-release parts; the empty one is the release and highest.
pub(crate) fn compare_prerelease(left: &str, right: &str) -> Ordering {
    if left.is_empty() || right.is_empty() {
        return left.is_empty().cmp(&right.is_empty());
    }
    let mut others = right.split('.');
    for identifier in left.split('.') {
        let Some(other) = others.next() else {
            return Ordering::Greater;
        };
        let order = compare_identifier(identifier, other);
        if order.is_ne() {
            return order;
        }
    }
    if others.next().is_some() {
        Ordering::Less
    } else {
        Ordering::Equal
    }
}

fn compare_identifier(left: &str, right: &str) -> Ordering {
    match (decimal(left), decimal(right)) {
        (Some(left), Some(right)) => left.cmp(&right),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => left.cmp(right),
    }
}

/// The value of an identifier of digits only, `None` beyond `u64`.
///
/// `str::parse` alone would also take a leading `+`, which no identifier has.
fn decimal(identifier: &str) -> Option<u64> {
    identifier.parse().ok()
}

/// Reads a decimal `u64` at `at` and returns it with the position behind it.
fn number(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let digits = bytes
        .get(at..)?
        .iter()
        .take_while(|byte| byte.is_ascii_digit());
    let mut value: u64 = 0;
    let mut end = at;
    for digit in digits {
        value = value
            .checked_mul(10)?
            .checked_add(u64::from(digit - b'0'))?;
        end += 1;
    }
    (end > at).then_some((value, end))
}

/// Reads `sign` and its identifiers at `at`, if they are there; `None` when `sign` stands without identifiers.
fn suffix(text: &str, at: usize, sign: u8) -> Option<(&str, usize)> {
    if text.as_bytes().get(at) != Some(&sign) {
        return Some(("", at));
    }
    let end = identifiers_end(text.as_bytes(), at + 1)?;
    Some((text.get(at + 1..end)?, end))
}

/// The end of the longest run of dot-separated non-empty identifiers that starts at `at`.
pub(crate) fn identifiers_end(bytes: &[u8], at: usize) -> Option<usize> {
    let mut end = None;
    let mut start = at;
    loop {
        let length = bytes
            .get(start..)?
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'-')
            .count();
        if length == 0 {
            return end;
        }
        end = Some(start + length);
        if bytes.get(start + length) != Some(&b'.') {
            return end;
        }
        start += length + 1;
    }
}

/// The offset of the first numeric identifier with a leading zero, which a pre-release must not have.
pub(crate) fn leading_zero(prerelease: &str) -> Option<usize> {
    let mut at = 0;
    for identifier in prerelease.split('.') {
        if identifier.len() > 1
            && identifier.starts_with('0')
            && identifier.bytes().all(|byte| byte.is_ascii_digit())
        {
            return Some(at);
        }
        at += identifier.len() + 1;
    }
    None
}
