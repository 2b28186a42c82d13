//! What can be wrong with a range, and what was probably meant.

use std::fmt;

/// The sentence Flux begins with where a condition has no sense.
const IMPROPER: &str = "improper constraint";

/// A text that is no range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {range:?}: {fault}, at position {}", self.sentence(), self.column())]
pub struct RangeError {
    range: String,
    position: usize,
    fault: RangeFault,
}

impl RangeError {
    pub(super) fn new(range: &str, position: usize, fault: RangeFault) -> Self {
        Self {
            range: range.to_owned(),
            position,
            fault,
        }
    }

    /// The whole range as it was written.
    pub fn range(&self) -> &str {
        &self.range
    }

    /// The byte of the range where the fault lies, counted from 0.
    pub const fn position(&self) -> usize {
        self.position
    }

    /// The character of the range where the fault lies, counted from 1.
    pub fn column(&self) -> usize {
        let before = self.range.get(..self.position).unwrap_or(&self.range);
        before.chars().count() + 1
    }

    /// What is wrong there.
    pub const fn fault(&self) -> &RangeFault {
        &self.fault
    }

    /// What Flux says, word for word: the sentence, and of an improper range the branch that is.
    pub fn flux(&self) -> String {
        let sentence = self.sentence();
        if sentence != IMPROPER {
            return sentence.to_owned();
        }
        let start = self
            .range
            .get(..self.position)
            .and_then(|before| before.rfind("||"));
        let branch = &self.range[start.map_or(0, |bars| bars + 2)..];
        let branch = branch.split("||").next().unwrap_or_default();
        format!("{sentence}: {branch:?}")
    }

    /// What to write instead, for the mistakes people make.
    pub fn hint(&self) -> Option<&'static str> {
        match &self.fault {
            RangeFault::Empty => Some("write * for every release"),
            RangeFault::Operator(operator) => match operator.as_str() {
                "==" | "===" => Some("write = or no operator for exactly one version"),
                "~=" | "=~" => Some("write ~ for patch updates or ^ for minor updates"),
                "^=" => Some("write ^ without ="),
                "&&" | "&" | ";" => Some("write a comma or a blank for and"),
                "|" => Some("write || for or"),
                "<>" | "!" | "!==" => Some("write != for every version but one"),
                _ => None,
            },
            RangeFault::Word(word) => match word.to_ascii_lowercase().as_str() {
                "and" => Some("write a comma or a blank for and"),
                "or" => Some("write || for or"),
                "v" => Some("write v1.0 without a blank"),
                _ => Some("write numbers, such as >=1.0.0, or an alphabetical policy for names"),
            },
            RangeFault::Hyphen => {
                Some("write a range as A - B with blanks on both sides, or as >=A, <=B")
            }
            RangeFault::BeforeHyphen => {
                Some("write A - B first in its branch or after a comma, without an operator")
            }
            RangeFault::Separator => Some("write a comma or a blank between two conditions"),
            RangeFault::Number(text) if text.contains('|') => Some("write || for or"),
            RangeFault::FourthNumber
            | RangeFault::Version
            | RangeFault::Comma
            | RangeFault::Number(_)
            | RangeFault::LeadingZero
            | RangeFault::VersionTooLong
            | RangeFault::TooLong
            | RangeFault::TooManyBranches => None,
        }
    }

    /// The sentence Flux begins with, which people search for.
    const fn sentence(&self) -> &'static str {
        match self.fault {
            RangeFault::Number(_) | RangeFault::LeadingZero | RangeFault::VersionTooLong => {
                "constraint parser error"
            }
            RangeFault::TooLong => "constraint string is too long (max 512 bytes)",
            RangeFault::TooManyBranches => "too many constraint groups (max 32)",
            _ => IMPROPER,
        }
    }
}

/// What is wrong with a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RangeFault {
    /// The range, or one of its `||` branches, is empty or blank.
    Empty,
    /// A run of operator characters that is no operator.
    Operator(String),
    /// A word where a version is expected.
    Word(String),
    /// A hyphen that joins nothing.
    Hyphen,
    /// Something stands before a hyphen range that cannot stand there.
    BeforeHyphen,
    /// No version follows an operator, or something else stands there.
    Version,
    /// A comma without a comparator before or after it.
    Comma,
    /// Two comparators touch.
    Separator,
    /// A version goes on after its third number.
    FourthNumber,
    /// A number with wildcards or bars in it, or beyond `u64`.
    Number(String),
    /// A numeric identifier of a pre-release starts with 0.
    LeadingZero,
    /// A bound longer than 256 bytes.
    VersionTooLong,
    /// A range longer than 512 bytes.
    TooLong,
    /// More than 32 `||` branches.
    TooManyBranches,
}

impl fmt::Display for RangeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("no condition"),
            Self::Operator(operator) => write!(f, "{operator:?} is no operator"),
            Self::Word(word) => write!(f, "{word:?} is no version"),
            Self::Hyphen => f.write_str("a hyphen that joins no two versions"),
            Self::BeforeHyphen => f.write_str("a hyphen range begins in the middle of a condition"),
            Self::Version => f.write_str("a version is missing"),
            Self::Comma => f.write_str("a comma without a condition on each side"),
            Self::Separator => f.write_str("a comma or blank is missing"),
            Self::FourthNumber => f.write_str("a version has at most three numbers, there is more"),
            Self::Number(number) => write!(f, "{number:?} is no number"),
            Self::LeadingZero => f.write_str("a number in a pre-release starts with 0"),
            Self::VersionTooLong => f.write_str("a version of more than 256 bytes"),
            Self::TooLong => f.write_str("the limit is passed"),
            Self::TooManyBranches => f.write_str("one branch too many"),
        }
    }
}
