//! Values, the keys a rule makes of them, and the one order all selection follows.

use std::cmp::Ordering;

use super::number::{Number, NumberFault};
use super::{Filter, Order, Policy, Rule};
use crate::range::Refusal;
use crate::version::Version;

/// A tag that may be selected.
#[derive(Clone, Debug)]
pub(super) struct Candidate<'a> {
    pub(super) tag: &'a str,
    /// What the filter made of the tag.
    pub(super) value: &'a str,
    pub(super) key: Key<'a>,
}

/// What a rule compares; one rule makes one kind.
#[derive(Clone, Debug)]
pub(super) enum Key<'a> {
    Version(Version<'a>),
    Text(&'a str),
    Number(Number<'a>),
}

impl Key<'_> {
    /// Whether the key compares with others at all.
    pub(super) const fn is_comparable(&self) -> bool {
        !matches!(self, Self::Number(Number::Nan))
    }
}

/// Why a value cannot be selected.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rejection<'a> {
    NotAVersion,
    /// It would be one, had it two dots.
    TooFewDots,
    Refused(Version<'a>, Refusal),
    NotANumber(NumberFault),
}

impl Rule {
    pub(super) fn key<'a>(&self, value: &'a str) -> Result<Key<'a>, Rejection<'a>> {
        match self {
            Self::SemVer(range) => {
                let Some(version) = Version::from_tag(value) else {
                    return Err(match Version::parse_loose(value) {
                        Some(_) => Rejection::TooFewDots,
                        None => Rejection::NotAVersion,
                    });
                };
                match range.refusal(&version) {
                    None => Ok(Key::Version(version)),
                    Some(refusal) => Err(Rejection::Refused(version, refusal)),
                }
            }
            Self::Alphabetical(_) => Ok(Key::Text(value)),
            Self::Numerical(_) => Number::parse(value)
                .map(Key::Number)
                .map_err(Rejection::NotANumber),
        }
    }

    /// Compares by the rule alone: the greater one is better, equal ones tie.
    pub(super) fn merit(&self, left: &Candidate<'_>, right: &Candidate<'_>) -> Ordering {
        match (&left.key, &right.key) {
            (Key::Version(left), Key::Version(right)) => left.precedence(right),
            (Key::Text(left), Key::Text(right)) => self.order().apply(left.cmp(right)),
            (Key::Number(first), Key::Number(second)) => match first.compare(second) {
                Some(order) => self.order().apply(order),
                // NaN compares with nothing and is worse than every number, whatever the order.
                None => left.key.is_comparable().cmp(&right.key.is_comparable()),
            },
            // One rule makes one kind of key.
            _ => Ordering::Equal,
        }
    }

    /// Compares by the rule, and ties as Flux resolves them when it reads tags in descending order.
    ///
    /// Of equal versions the greatest spelling is better, of equal numbers the smallest; of equal
    /// values the smallest tag.
    pub(super) fn better(&self, left: &Candidate<'_>, right: &Candidate<'_>) -> Ordering {
        self.merit(left, right)
            .then_with(|| match self {
                Self::SemVer(_) => left.value.cmp(right.value),
                Self::Alphabetical(_) | Self::Numerical(_) => right.value.cmp(left.value),
            })
            .then_with(|| right.tag.cmp(left.tag))
    }

    const fn order(&self) -> Order {
        match self {
            Self::SemVer(_) => Order::Asc,
            Self::Alphabetical(order) | Self::Numerical(order) => *order,
        }
    }
}

impl Order {
    const fn apply(self, order: Ordering) -> Ordering {
        match self {
            Self::Asc => order,
            Self::Desc => order.reverse(),
        }
    }
}

/// The tags that pass a filter, with their values in one string.
pub(super) struct Values<'t> {
    entries: Vec<Entry<'t>>,
    text: String,
}

struct Entry<'t> {
    tag: &'t str,
    /// Where the value ends in the text; it starts where the one before ends.
    end: usize,
}

impl<'t> Values<'t> {
    pub(super) fn of(policy: &Policy, tags: impl ExactSizeIterator<Item = &'t str>) -> Self {
        let mut values = Self {
            entries: Vec::with_capacity(tags.len()),
            text: String::new(),
        };
        for tag in tags {
            if let Some(end) = values.append(policy.filter.as_ref(), tag) {
                values.entries.push(Entry { tag, end });
            }
        }
        values
    }

    /// Appends the value of a tag and returns where it ends; `None` when the filter drops the tag.
    fn append(&mut self, filter: Option<&Filter>, tag: &str) -> Option<usize> {
        match filter {
            Some(filter) if !filter.extract.expand(&filter.pattern, tag, &mut self.text) => {
                return None;
            }
            Some(_) => {}
            None => self.text.push_str(tag),
        }
        Some(self.text.len())
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Tags with their values.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'t str, &str)> {
        let mut start = 0;
        self.entries.iter().map(move |entry| {
            let value = &self.text[start..entry.end];
            start = entry.end;
            (entry.tag, value)
        })
    }
}
