//! What a policy thinks of every tag, for people.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde::Serialize;

use super::number::NumberFault;
use super::rank::{Candidate, Rejection, Values};
use super::{Order, Policy, Rule, SelectError, Selected};
use crate::range::Refusal;
use crate::version::Version;

/// What a policy thinks of a list of tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdicts {
    /// The tag [`Policy::select`] gives.
    pub selected: Option<String>,
    /// Every tag once: the selected one, candidates from best to worst, then the rejected ones.
    pub tags: Vec<TagVerdict>,
    /// Why none is selected.
    pub error: Option<SelectError>,
}

/// What a policy thinks of one tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TagVerdict {
    /// The tag as the registry lists it.
    pub tag: String,
    /// The value that is compared; none when the tag has no value the rule can read.
    pub key: Option<String>,
    /// The verdict.
    pub verdict: Verdict,
    /// Why, in one line.
    pub reason: String,
}

/// A verdict on a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The policy selects it.
    Selected,
    /// The policy would select it if there were no better one.
    Candidate,
    /// The policy never selects it.
    Rejected,
}

/// A tag that cannot be selected; the filter dropped it when it has no rejection.
struct Rejected<'a> {
    tag: &'a str,
    value: &'a str,
    why: Option<Rejection<'a>>,
}

impl<'a> Rejected<'a> {
    fn version(&self) -> Option<Version<'a>> {
        match self.why {
            Some(Rejection::Refused(version, _)) => Some(version),
            _ => None,
        }
    }

    /// Versions before other tags, the higher ones first; other tags by their bytes, the greater ones first.
    fn compare(&self, other: &Rejected<'_>) -> Ordering {
        let versions = match (self.version(), other.version()) {
            (Some(left), Some(right)) => right.precedence(&left),
            (left, right) => right.is_some().cmp(&left.is_some()),
        };
        versions.then_with(|| other.tag.cmp(self.tag))
    }
}

/// Why the selected tag and no other.
#[derive(Clone, Copy)]
enum Choice {
    Best,
    CurrentAmongEquals,
}

fn judge(candidate: &Candidate<'_>, verdict: Verdict, reason: String) -> TagVerdict {
    TagVerdict {
        tag: candidate.tag.to_owned(),
        key: Some(candidate.value.to_owned()),
        verdict,
        reason,
    }
}

impl Policy {
    /// Judges every tag; `current` is the tag selected so far, as for [`Policy::select`].
    pub fn verdicts<T: AsRef<str>>(&self, tags: &[T], current: Option<&str>) -> Verdicts {
        let unique: BTreeSet<&str> = tags.iter().map(AsRef::as_ref).collect();
        let values = Values::of(self, unique.iter().copied());
        let mut filtered = unique.clone();
        let mut candidates = Vec::new();
        let mut rejected = Vec::new();
        for (tag, value) in values.iter() {
            filtered.remove(tag);
            match self.rule.key(value) {
                Ok(key) => candidates.push(Candidate { tag, value, key }),
                Err(why) => rejected.push(Rejected {
                    tag,
                    value,
                    why: Some(why),
                }),
            }
        }
        rejected.extend(filtered.into_iter().map(|tag| Rejected {
            tag,
            value: tag,
            why: None,
        }));
        candidates.sort_by(|left, right| self.rule.better(right, left));
        rejected.sort_by(|left, right| left.compare(right));

        let outcome = self.select(tags, current);
        let selected = outcome.as_ref().ok();
        let mut verdicts = Vec::with_capacity(unique.len());
        if let Some(place) = candidates
            .iter()
            .position(|candidate| selected.is_some_and(|selected| selected.tag == candidate.tag))
        {
            let best = candidates.remove(place);
            let tied = candidates
                .iter()
                .any(|other| self.rule.merit(other, &best).is_eq());
            let choice = if tied && current == Some(best.tag) {
                Choice::CurrentAmongEquals
            } else {
                Choice::Best
            };
            verdicts.push(self.chosen(&best, choice));
            verdicts.extend(
                candidates
                    .iter()
                    .map(|candidate| self.candidate(candidate, &best)),
            );
        } else {
            verdicts.extend(candidates.iter().map(|candidate| {
                let reason = "a number, but the policy fails while others are none".to_owned();
                judge(candidate, Verdict::Candidate, reason)
            }));
        }
        verdicts.extend(rejected.iter().map(|rejected| self.rejected(rejected)));
        Verdicts {
            selected: selected.map(|selected: &Selected| selected.tag.clone()),
            tags: verdicts,
            error: outcome.err(),
        }
    }
}

/// The reasons of tags that could be selected.
impl Policy {
    fn chosen(&self, best: &Candidate<'_>, choice: Choice) -> TagVerdict {
        let reason = match &self.rule {
            Rule::SemVer(_) => "highest version in range",
            Rule::Alphabetical(Order::Asc) => "last in alphabetical order",
            Rule::Alphabetical(Order::Desc) => "first in alphabetical order",
            Rule::Numerical(Order::Asc) => "highest number",
            Rule::Numerical(Order::Desc) => "lowest number",
        };
        let reason = match choice {
            Choice::Best => reason.to_owned(),
            Choice::CurrentAmongEquals => format!("{reason}, and the current choice among equals"),
        };
        judge(best, Verdict::Selected, reason)
    }

    fn candidate(&self, candidate: &Candidate<'_>, best: &Candidate<'_>) -> TagVerdict {
        let than = best.value;
        let reason = if candidate.value == than {
            format!("has the same value as {}", best.tag)
        } else {
            let equal = self.rule.merit(candidate, best).is_eq();
            match &self.rule {
                Rule::SemVer(_) if equal => format!("in range, equal to {than}"),
                Rule::SemVer(_) => format!("in range, lower than {than}"),
                Rule::Alphabetical(Order::Asc) => format!("sorts before {than}"),
                Rule::Alphabetical(Order::Desc) => format!("sorts after {than}"),
                Rule::Numerical(_) if equal => format!("equal to {than}"),
                Rule::Numerical(_) if !candidate.key.is_comparable() => {
                    "NaN, which is worse than every number".to_owned()
                }
                Rule::Numerical(Order::Asc) => format!("lower than {than}"),
                Rule::Numerical(Order::Desc) => format!("higher than {than}"),
            }
        };
        judge(candidate, Verdict::Candidate, reason)
    }

    fn rejected(&self, rejected: &Rejected<'_>) -> TagVerdict {
        let value = rejected.value;
        let reason = match rejected.why {
            None => {
                let pattern = self
                    .filter
                    .as_ref()
                    .map_or("", |filter| filter.pattern.source());
                format!("does not match {pattern}")
            }
            Some(Rejection::NotAVersion) => "not a semantic version".to_owned(),
            Some(Rejection::TooFewDots) => "not a semantic version: it needs two dots".to_owned(),
            Some(Rejection::Refused(_, Refusal::PreRelease)) => {
                "pre-release; the range has no -0 suffix".to_owned()
            }
            Some(Rejection::Refused(_, Refusal::OutOfRange)) => {
                let range = match &self.rule {
                    Rule::SemVer(range) => range.source(),
                    Rule::Alphabetical(_) | Rule::Numerical(_) => "",
                };
                format!("out of range {range}")
            }
            Some(Rejection::NotANumber(NumberFault::Syntax)) => format!("not a number: '{value}'"),
            Some(Rejection::NotANumber(NumberFault::Overflow)) => {
                format!("too large a number: '{value}'")
            }
        };
        TagVerdict {
            tag: rejected.tag.to_owned(),
            key: rejected.version().map(|_| value.to_owned()),
            verdict: Verdict::Rejected,
            reason,
        }
    }
}
