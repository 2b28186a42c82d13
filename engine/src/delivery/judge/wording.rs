//! The words that several links share.

use std::time::Duration;

use crate::delivery::facts::{Condition, ConditionStatus};

/// An age in the unit that says most: `30s ago`, `5m ago`, `3h ago`, `4d ago`.
pub(super) fn ago(age: Duration) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let seconds = age.as_secs();
    if seconds < 2 * MINUTE {
        format!("{seconds}s ago")
    } else if seconds < 2 * HOUR {
        format!("{}m ago", seconds / MINUTE)
    } else if seconds < 2 * DAY {
        format!("{}h ago", seconds / HOUR)
    } else {
        format!("{}d ago", seconds / DAY)
    }
}

/// Adds an age, where it is known: `, 30s ago`.
pub(super) fn and_ago(age: Option<Duration>) -> String {
    age.map_or_else(String::new, |age| format!(", {}", ago(age)))
}

/// A revision as people write it: `main@3f9c2ab` for `main@sha1:3f9c2ab…`.
pub(super) fn short_revision(revision: &str) -> String {
    match revision.rsplit_once('@') {
        Some((branch, commit)) => format!("{branch}@{}", short_commit(commit)),
        None => short_commit(revision),
    }
}

/// The start of a commit, without its algorithm.
pub(super) fn short_commit(commit: &str) -> String {
    let hex = commit.rsplit_once(':').map_or(commit, |(_, hex)| hex);
    let is_hex = hex.len() >= 12 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    match hex.get(..7) {
        Some(start) if is_hex => start.to_owned(),
        _ => hex.to_owned(),
    }
}

/// A message in one line.
pub(super) fn line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `1 tag`, `2 tags`.
pub(super) fn count(number: impl TryInto<u64>, one: &str, many: &str) -> String {
    match number.try_into().unwrap_or_default() {
        1 => format!("1 {one}"),
        number => format!("{number} {many}"),
    }
}

/// A condition that says no of the object as it is now.
pub(super) fn refusal(condition: Option<&Condition>) -> Option<&Condition> {
    condition
        .filter(|condition| condition.status == ConditionStatus::False && !condition.is_outdated)
}

/// Whether a condition says yes of the object as it is now.
pub(super) fn is_true(condition: Option<&Condition>) -> bool {
    condition.is_some_and(|condition| {
        condition.status == ConditionStatus::True && !condition.is_outdated
    })
}

/// Whether any of these is in a text, in any case of letters.
pub(super) fn mentions(text: &str, words: &[&str]) -> bool {
    let text = text.to_ascii_lowercase();
    words.iter().any(|word| text.contains(word))
}
