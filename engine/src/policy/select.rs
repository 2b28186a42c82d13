//! The selection itself: one pass, independent of the order of tags.

use super::Policy;
use super::rank::{Candidate, Rejection, Values};

impl Policy {
    /// Selects the tag that the policy wants out of a repository's whole list, in any order.
    ///
    /// Ties resolve as [`Selected`] tells. `current` is the tag selected so far: it stays when
    /// nothing is better, so that equal tags do not take turns.
    pub fn select<T: AsRef<str>>(
        &self,
        tags: &[T],
        current: Option<&str>,
    ) -> Result<Selected, SelectError> {
        let values = Values::of(self, tags.iter().map(AsRef::as_ref));
        if values.is_empty() {
            return Err(SelectError::NoTags);
        }
        let mut best: Option<Candidate<'_>> = None;
        let mut held: Option<Candidate<'_>> = None;
        let mut unreadable: Option<&str> = None;
        for (tag, value) in values.iter() {
            match self.rule.key(value) {
                Ok(key) => {
                    let candidate = Candidate { tag, value, key };
                    if current == Some(tag) {
                        held = Some(candidate.clone());
                    }
                    if best
                        .as_ref()
                        .is_none_or(|best| self.rule.better(&candidate, best).is_gt())
                    {
                        best = Some(candidate);
                    }
                }
                Err(Rejection::NotANumber(_)) => unreadable = unreadable.max(Some(value)),
                Err(_) => {}
            }
        }
        if let Some(value) = unreadable {
            return Err(SelectError::NotANumber {
                value: value.to_owned(),
            });
        }
        let best = best.ok_or(SelectError::NoMatch)?;
        let selected = match held {
            Some(held) if self.rule.merit(&held, &best).is_eq() => held,
            _ => best,
        };
        Ok(Selected {
            tag: selected.tag.to_owned(),
            value: selected.value.to_owned(),
        })
    }
}

/// The tag a policy selects.
///
/// Of tags that tie it is the current one; else, as in Flux, the one of the bytewise greatest
/// value for versions and of the smallest for numbers; of tags with one value the smallest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selected {
    /// The tag as the registry lists it.
    pub tag: String,
    /// What the filter made of the tag and the rule compared.
    pub value: String,
}

/// No tag can be selected. The texts are Flux's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// The list is empty, or the filter drops every tag.
    #[error("version list argument cannot be empty")]
    NoTags,
    /// No tag is a version in the range.
    #[error("unable to determine latest version from provided list")]
    NoMatch,
    /// Values that are no numbers make a numerical policy fail; this is the bytewise greatest one.
    #[error("failed to parse invalid numeric value '{value}'")]
    NotANumber {
        /// What the filter made of the tag.
        value: String,
    },
}
