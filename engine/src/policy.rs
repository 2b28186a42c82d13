//! Select one tag from many, and say why for each.

use std::fmt;

use crate::pattern::{Extract, Pattern, PatternError};
use crate::range::{Range, RangeError};

mod digest;
mod exclusions;
mod number;
mod rank;
mod select;
#[cfg(test)]
mod tests;
mod verdict;

pub use digest::{DigestPlan, DigestReflection, ObservedRefs};
pub use exclusions::{ExclusionError, Exclusions, latest_tags};
pub use select::{SelectError, Selected};
pub use verdict::{TagVerdict, Verdict, Verdicts};

/// The rule of an `ImagePolicy`, ready to be applied to any list of tags.
#[derive(Clone, Debug)]
pub struct Policy {
    /// What makes one tag better than another.
    pub rule: Rule,
    /// Which tags take part and what of them is compared; without one, every tag as a whole.
    pub filter: Option<Filter>,
}

impl Policy {
    /// Builds the policy that Flux would from the same fields.
    ///
    /// Of several rules the first counts in the order semver, alphabetical, numerical; the others
    /// are not looked at.
    pub fn new(spec: &PolicySpec<'_>) -> Result<Self, PolicyError> {
        let rule = if let Some(range) = spec.semver_range {
            Rule::SemVer(Range::parse(range).map_err(PolicyError::Range)?)
        } else if let Some(order) = spec.alphabetical_order {
            Rule::Alphabetical(Order::parse(order, PolicyField::AlphabeticalOrder)?)
        } else if let Some(order) = spec.numerical_order {
            Rule::Numerical(Order::parse(order, PolicyField::NumericalOrder)?)
        } else {
            return Err(PolicyError::NoRule);
        };
        let filter = Filter::new(
            spec.filter_pattern.unwrap_or_default(),
            spec.filter_extract.unwrap_or_default(),
        )?;
        Ok(Self { rule, filter })
    }

    /// Tells whether the policy would select the tag if there were no better one.
    pub fn admits(&self, tag: &str) -> bool {
        self.select(&[tag], None).is_ok()
    }

    /// The only version the policy can select; `None` where there may be others.
    pub fn exact(&self) -> Option<&str> {
        match &self.rule {
            Rule::SemVer(range) => range.exact(),
            Rule::Alphabetical(_) | Rule::Numerical(_) => None,
        }
    }
}

/// The fields of `ImagePolicy.spec` that select a tag, as loose as the API admits them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PolicySpec<'a> {
    /// `policy.semver.range`.
    pub semver_range: Option<&'a str>,
    /// `policy.alphabetical.order`; empty when `policy.alphabetical` is there without an order.
    pub alphabetical_order: Option<&'a str>,
    /// `policy.numerical.order`; empty when `policy.numerical` is there without an order.
    pub numerical_order: Option<&'a str>,
    /// `filterTags.pattern`; empty matches every tag.
    pub filter_pattern: Option<&'a str>,
    /// `filterTags.extract`; empty takes the whole tag.
    pub filter_extract: Option<&'a str>,
}

/// What makes one tag better than another.
#[derive(Clone, Debug)]
pub enum Rule {
    /// The highest version in a range.
    SemVer(Range),
    /// The last or first value by its bytes.
    Alphabetical(Order),
    /// The highest or lowest number.
    Numerical(Order),
}

impl fmt::Display for Rule {
    /// Writes the rule as people name it: `semver >=1.0.0`, `numerical desc`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SemVer(range) => write!(f, "semver {}", range.source()),
            Self::Alphabetical(order) => write!(f, "alphabetical {order}"),
            Self::Numerical(order) => write!(f, "numerical {order}"),
        }
    }
}

/// The order values are lined up in; the last one is selected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The greatest value is selected.
    #[default]
    Asc,
    /// The smallest value is selected.
    Desc,
}

impl Order {
    fn parse(text: &str, field: PolicyField) -> Result<Self, PolicyError> {
        match text.to_uppercase().as_str() {
            "" | "ASC" => Ok(Self::Asc),
            "DESC" => Ok(Self::Desc),
            other => Err(PolicyError::Order {
                order: other.to_owned(),
                field,
            }),
        }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Asc => "asc",
            Self::Desc => "desc",
        })
    }
}

/// Which tags take part in the selection, and what of each is compared.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Tags without a match take no part.
    pub pattern: Pattern,
    /// Makes the value of a tag from its first match; an empty template takes the whole tag.
    pub extract: Extract,
}

impl Filter {
    /// Reads `filterTags`; `None` when both fields are empty.
    pub fn new(pattern: &str, extract: &str) -> Result<Option<Self>, PolicyError> {
        if pattern.is_empty() && extract.is_empty() {
            return Ok(None);
        }
        let parsed = Pattern::new(pattern).map_err(|source| PolicyError::Pattern {
            pattern: pattern.to_owned(),
            source,
        })?;
        Ok(Some(Self {
            pattern: parsed,
            extract: Extract::parse(extract),
        }))
    }
}

/// Fields that cannot make a policy. The texts begin as Flux's do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// No rule is given.
    #[error("given ImagePolicyChoice object is invalid")]
    NoRule,
    /// The range is none.
    #[error(transparent)]
    Range(RangeError),
    /// The order is neither `asc` nor `desc`, in any case of letters.
    #[error("invalid order argument provided: '{order}', must be one of: ASC, DESC")]
    Order {
        /// What was read, in upper case.
        order: String,
        /// Where it stands.
        field: PolicyField,
    },
    /// The pattern is no regular expression of Go.
    #[error("invalid regular expression pattern '{pattern}'")]
    Pattern {
        /// The pattern as written.
        pattern: String,
        /// What is wrong with it, and where.
        source: PatternError,
    },
}

impl PolicyError {
    /// What is wrong with a pattern, and where, where Go's own words do not say it.
    pub fn place(&self) -> Option<String> {
        match self {
            Self::Pattern { pattern, source } => Some(format!(
                "{}, at position {}",
                source.reason(),
                source.column(pattern)
            )),
            Self::NoRule | Self::Range(_) | Self::Order { .. } => None,
        }
    }

    /// The field that is wrong.
    pub const fn field(&self) -> PolicyField {
        match self {
            Self::NoRule => PolicyField::Rule,
            Self::Range(_) => PolicyField::SemverRange,
            Self::Order { field, .. } => *field,
            Self::Pattern { .. } => PolicyField::FilterPattern,
        }
    }
}

/// A field of `ImagePolicy.spec` that selects a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyField {
    /// `policy` itself.
    Rule,
    /// `policy.semver.range`.
    SemverRange,
    /// `policy.alphabetical.order`.
    AlphabeticalOrder,
    /// `policy.numerical.order`.
    NumericalOrder,
    /// `filterTags.pattern`.
    FilterPattern,
}

impl PolicyField {
    /// The path of the field within the object.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Rule => "spec.policy",
            Self::SemverRange => "spec.policy.semver.range",
            Self::AlphabeticalOrder => "spec.policy.alphabetical.order",
            Self::NumericalOrder => "spec.policy.numerical.order",
            Self::FilterPattern => "spec.filterTags.pattern",
        }
    }
}
