//! Semantic version ranges as Masterminds/semver v3 reads them.

use std::fmt;

use crate::version::{Version, compare_prerelease};

mod error;
mod parse;
#[cfg(test)]
mod tests;

pub use error::{RangeError, RangeFault};

/// A range of versions, such as `>=1.2 <2 || 3.x-0`.
///
/// The language is that of Masterminds/semver 3.5, which Flux uses, and not Cargo's or npm's: `1.2.3`
/// means exactly that version, a blank or comma means and, `||` means or, and one bound with a
/// pre-release opens its whole `||` branch to pre-releases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    source: String,
    branches: Vec<Branch>,
}

impl Range {
    /// Reads a range; the error names the byte where it stops making sense.
    pub fn parse(source: &str) -> Result<Self, RangeError> {
        let branches = parse::branches(source)?;
        Ok(Self {
            source: source.to_owned(),
            branches,
        })
    }

    /// The range as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Tells whether the range accepts `version`.
    pub fn matches(&self, version: &Version<'_>) -> bool {
        self.branches.iter().any(|branch| branch.matches(version))
    }

    /// The only version the range accepts, as it is written there; `None` where there may be others.
    ///
    /// Builds of a version are one: `1.2.3` also accepts `1.2.3+5`.
    pub fn exact(&self) -> Option<&str> {
        let [Branch(comparators)] = self.branches.as_slice() else {
            return None;
        };
        let exact = comparators
            .iter()
            .find(|one| one.operator == Operator::Equal && one.precision == Precision::Full)?;
        Some(&exact.text)
    }

    /// Why the range does not accept `version`, `None` when it does.
    pub fn refusal(&self, version: &Version<'_>) -> Option<Refusal> {
        if self.matches(version) {
            return None;
        }
        let gate_alone = self.branches.iter().any(|branch| branch.encloses(version));
        Some(if gate_alone {
            Refusal::PreRelease
        } else {
            Refusal::OutOfRange
        })
    }
}

impl fmt::Display for Range {
    /// Writes the comparators with hyphens rewritten, one blank between them and ` || ` between branches.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, branch) in self.branches.iter().enumerate() {
            if index > 0 {
                f.write_str(" || ")?;
            }
            for (index, comparator) in branch.0.iter().enumerate() {
                if index > 0 {
                    f.write_str(" ")?;
                }
                write!(f, "{}{}", comparator.operator.sign(), comparator.text)?;
            }
        }
        Ok(())
    }
}

/// Why a range does not accept a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It would, were it not a pre-release: no bound of the branch names a pre-release.
    PreRelease,
    /// It lies outside every branch.
    OutOfRange,
}

/// Comparators that must all hold.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Branch(Vec<Comparator>);

impl Branch {
    fn matches(&self, version: &Version<'_>) -> bool {
        (version.prerelease().is_empty() || self.names_prerelease()) && self.encloses(version)
    }

    fn names_prerelease(&self) -> bool {
        self.0
            .iter()
            .any(|comparator| !comparator.prerelease.is_empty())
    }

    /// Whether every comparator holds, the pre-release gate left aside.
    fn encloses(&self, version: &Version<'_>) -> bool {
        self.0.iter().all(|comparator| comparator.holds(version))
    }
}

/// An operator with the version it compares with.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Comparator {
    operator: Operator,
    /// Missing and wildcard numbers are 0.
    numbers: [u64; 3],
    prerelease: String,
    precision: Precision,
    /// The version as written.
    text: String,
}

/// How much of a comparator's version was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Precision {
    /// All three numbers.
    Full,
    /// `1.2` or `1.2.x`.
    Minor,
    /// `1` or `1.x`.
    Major,
    /// `*`.
    Nothing,
}

/// What a comparator asks of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    /// No operator, or `=`.
    Equal,
    NotEqual,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
    Tilde,
    Caret,
}

impl Operator {
    const fn sign(self) -> &'static str {
        match self {
            Self::Equal => "",
            Self::NotEqual => "!=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Tilde => "~",
            Self::Caret => "^",
        }
    }
}

impl Comparator {
    fn bound(&self) -> Version<'_> {
        Version::bound(self.numbers, &self.prerelease)
    }

    fn holds(&self, version: &Version<'_>) -> bool {
        let order = version.precedence(&self.bound());
        match self.operator {
            Operator::Equal if self.precision == Precision::Full => order.is_eq(),
            Operator::Equal | Operator::Tilde => order.is_ge() && self.near(version),
            Operator::NotEqual => self.differs(version),
            Operator::Greater => self.exceeded_by(version),
            Operator::GreaterEqual => order.is_ge(),
            Operator::Less => order.is_lt(),
            Operator::LessEqual => self.covers(version),
            Operator::Caret => order.is_ge() && self.compatible(version),
        }
    }

    /// `~`: same major number, and same minor number where one is written.
    ///
    /// As in Masterminds, `~0.0.0` and `~*` hold for everything.
    fn near(&self, version: &Version<'_>) -> bool {
        let [major, minor, _] = self.numbers;
        let whole = matches!(self.precision, Precision::Full | Precision::Nothing);
        if self.numbers == [0; 3] && whole {
            return true;
        }
        version.major() == major && (version.minor() == minor || self.precision == Precision::Major)
    }

    /// `^`: no change of the leftmost number that is not 0.
    ///
    /// As in Masterminds, `^*` means 0.0.0 although one would expect everything.
    fn compatible(&self, version: &Version<'_>) -> bool {
        let [major, minor, patch] = self.numbers;
        if major > 0 || self.precision == Precision::Major {
            return version.major() == major;
        }
        if version.major() > 0 {
            return false;
        }
        if minor > 0 || self.precision == Precision::Minor {
            return version.minor() == minor;
        }
        version.minor() == 0 && version.patch() == patch
    }

    /// `>`: beyond everything the written numbers stand for, so that `>1` starts at 2.0.0.
    fn exceeded_by(&self, version: &Version<'_>) -> bool {
        let [major, minor, _] = self.numbers;
        match self.precision {
            Precision::Major => version.major() > major,
            Precision::Minor => (version.major(), version.minor()) > (major, minor),
            Precision::Full => version.precedence(&self.bound()).is_gt(),
            Precision::Nothing => version.major() > 0 || version.precedence(&self.bound()).is_gt(),
        }
    }

    /// `<=`: up to the last version the written numbers stand for, so that `<=1` includes all of 1.x.
    fn covers(&self, version: &Version<'_>) -> bool {
        let [major, minor, _] = self.numbers;
        match self.precision {
            Precision::Full => version.precedence(&self.bound()).is_le(),
            Precision::Major => version.major() <= major,
            Precision::Minor | Precision::Nothing => {
                (version.major(), version.minor()) <= (major, minor)
            }
        }
    }

    /// `!=`: outside everything the written numbers stand for.
    fn differs(&self, version: &Version<'_>) -> bool {
        let [major, minor, _] = self.numbers;
        match self.precision {
            Precision::Major => version.major() != major,
            Precision::Minor => {
                (version.major(), version.minor()) != (major, minor)
                    || compare_prerelease(version.prerelease(), &self.prerelease).is_ne()
            }
            Precision::Full | Precision::Nothing => version.precedence(&self.bound()).is_ne(),
        }
    }
}
