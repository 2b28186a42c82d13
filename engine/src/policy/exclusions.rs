//! The tags of a repository that are not looked at.

use crate::pattern::{Pattern, PatternError};

/// What is excluded when nothing is said: signatures of cosign.
const DEFAULT: &str = r"^.*\.sig$";
/// How many tags `ImageRepository.status.lastScanResult.latestTags` holds.
const LATEST_TAGS: usize = 10;

/// `ImageRepository.spec.exclusionList`: patterns of which one match excludes a tag.
#[derive(Clone, Debug)]
pub struct Exclusions {
    patterns: Vec<Pattern>,
}

impl Exclusions {
    /// Reads the list; an empty one is the default, `^.*\.sig$`.
    ///
    /// The empty pattern matches, and so excludes, every tag.
    pub fn new<T: AsRef<str>>(list: &[T]) -> Result<Self, ExclusionError> {
        let mut patterns = Vec::with_capacity(list.len().max(1));
        for text in list
            .iter()
            .map(AsRef::as_ref)
            .chain(list.is_empty().then_some(DEFAULT))
        {
            let pattern = Pattern::new(text).map_err(|source| ExclusionError {
                pattern: text.to_owned(),
                source,
            })?;
            patterns.push(pattern);
        }
        Ok(Self { patterns })
    }

    /// The patterns in use, the default filled in, as `status.observedExclusionList` holds them.
    pub fn patterns(&self) -> impl Iterator<Item = &str> {
        self.patterns.iter().map(Pattern::source)
    }

    /// Whether any pattern matches anywhere in the tag.
    pub fn excludes(&self, tag: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern.is_match(tag))
    }

    /// The tags that are kept, in the order they are stored in: bytewise descending.
    pub fn keep(&self, mut tags: Vec<String>) -> Vec<String> {
        tags.retain(|tag| !self.excludes(tag));
        tags.sort_unstable_by(|left, right| right.cmp(left));
        tags
    }
}

/// The first tags of a stored list, as `status.lastScanResult.latestTags` holds them.
pub fn latest_tags(stored: &[String]) -> &[String] {
    &stored[..stored.len().min(LATEST_TAGS)]
}

/// A pattern of an exclusion list that is no regular expression of Go.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to compile regex {pattern}")]
pub struct ExclusionError {
    /// The pattern as written.
    pub pattern: String,
    /// What is wrong with it, and where.
    pub source: PatternError,
}

#[cfg(test)]
mod tests {
    use super::{Exclusions, latest_tags};

    fn kept(list: &[&str], tags: &[&str]) -> Vec<String> {
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        Exclusions::new(list).unwrap().keep(tags)
    }

    #[test]
    fn row_098_an_empty_list_behaves_like_the_default() {
        let exclusions = Exclusions::new::<&str>(&[]).unwrap();
        assert_eq!(exclusions.patterns().collect::<Vec<_>>(), [r"^.*\.sig$"]);
        assert_eq!(
            kept(&[], &["1.0", "sha256-ab.sig", "x.sig.att"]),
            ["x.sig.att", "1.0"]
        );
    }

    #[test]
    fn row_099_the_empty_pattern_excludes_everything() {
        assert!(kept(&[""], &["1.0", "latest"]).is_empty());
    }

    #[test]
    fn row_100_patterns_match_anywhere() {
        assert_eq!(kept(&["1.0.2"], &["11.0.25", "1.0.3"]), ["1.0.3"]);
    }

    #[test]
    fn row_101_a_broken_pattern_is_refused_before_any_listing() {
        let error = Exclusions::new(&["ok", "[="]).unwrap_err();
        assert_eq!(error.to_string(), "failed to compile regex [=");
    }

    #[test]
    fn a_list_of_its_own_replaces_the_default_and_any_match_excludes() {
        assert_eq!(
            kept(&["^dev", "rc"], &["dev-1", "1.0-rc1", "a.sig"]),
            ["a.sig"]
        );
        assert_eq!(kept(&["^$"], &["a.sig"]), ["a.sig"]);
    }

    #[test]
    fn row_109_the_latest_tags_are_ten_in_descending_byte_order() {
        let tags: Vec<String> = ["101", "15", "2"]
            .map(str::to_owned)
            .into_iter()
            .chain((30..39).map(|n| n.to_string()))
            .collect();
        let stored = Exclusions::new(&["^$"]).unwrap().keep(tags);
        assert_eq!(
            latest_tags(&stored),
            ["38", "37", "36", "35", "34", "33", "32", "31", "30", "2"]
        );
        assert_eq!(stored[10..], ["15", "101"]);
        assert!(latest_tags(&[]).is_empty());
    }
}
