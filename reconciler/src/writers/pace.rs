//! Two small choices every writer makes: which tag of a range, and how long to wait.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

use engine::range::Range;
use engine::version::Version;

use crate::git::BoxError;

/// The newest of `tags` in a range of versions; several when they are equal.
pub(crate) fn newest_in_range(range: &str, tags: &[&str]) -> Result<Vec<String>, BoxError> {
    let range = Range::parse(range)?;
    let mut newest: Vec<(Version<'_>, &str)> = Vec::new();
    for tag in tags {
        let Some(version) = Version::parse_loose(tag) else {
            continue;
        };
        if !range.matches(&version) {
            continue;
        }
        match newest.first().map(|(best, _)| version.precedence(best)) {
            Some(std::cmp::Ordering::Less) => {}
            Some(std::cmp::Ordering::Equal) => newest.push((version, tag)),
            Some(std::cmp::Ordering::Greater) | None => newest = vec![(version, tag)],
        }
    }
    Ok(newest
        .into_iter()
        .map(|(_, tag)| (*tag).to_owned())
        .collect())
}

/// How long to wait before an attempt: longer each time, and never as long as somebody who lost the same race.
pub(crate) fn pause(attempt: u32) -> Duration {
    let longest = 50_u64 << attempt.min(6);
    let chance = RandomState::new().build_hasher().finish();
    Duration::from_millis(longest / 2 + chance % (longest / 2 + 1))
}
