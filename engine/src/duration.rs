//! Durations as Go writes and reads them.
//!
//! Specs and statuses hold durations as text that users wrote for Go's `time.ParseDuration`, and that
//! comes back the way Go prints it: `90m` is read, `1h30m0s` is written.

use std::fmt::{self, Write as _};
use std::str::FromStr;
use std::time::Duration;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

const MICROSECOND: u64 = 1_000;
const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// The magnitude of the smallest duration; the largest one is a nanosecond less.
const LIMIT: u64 = 1 << 63;

/// A span of time in nanoseconds, also a negative one, up to about 292 years.
///
/// Reads and prints as Go's `time.Duration` does, and is that text in JSON and YAML.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GoDuration(i64);

impl GoDuration {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// A duration of so many nanoseconds.
    #[must_use]
    pub const fn from_nanoseconds(nanoseconds: i64) -> Self {
        Self(nanoseconds)
    }

    /// The nanoseconds in it.
    #[must_use]
    pub const fn nanoseconds(self) -> i64 {
        self.0
    }
}

/// A text that is no duration; the message is Go's.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ParseDurationError {
    /// Not a sequence of numbers with units, or too long a time for 64 bits of nanoseconds.
    #[error("time: invalid duration {}", Quoted(.text))]
    Invalid {
        /// The whole text.
        text: String,
    },
    /// A number with nothing behind it.
    #[error("time: missing unit in duration {}", Quoted(.text))]
    MissingUnit {
        /// The whole text.
        text: String,
    },
    /// A unit other than ns, us, µs, ms, s, m and h.
    #[error("time: unknown unit {} in duration {}", Quoted(.unit), Quoted(.text))]
    UnknownUnit {
        /// What stands where the unit should.
        unit: String,
        /// The whole text.
        text: String,
    },
}

/// A time that one of the two types of duration cannot hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ConvertDurationError {
    /// Longer than 64 bits of nanoseconds.
    #[error("duration of {0:?} exceeds 292 years")]
    TooLong(Duration),
    /// Less than no time.
    #[error("duration {0} is negative")]
    Negative(GoDuration),
}

impl FromStr for GoDuration {
    type Err = ParseDurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || ParseDurationError::Invalid {
            text: text.to_owned(),
        };
        let magnitude = text.strip_prefix(['-', '+']).unwrap_or(text);
        if magnitude == "0" {
            return Ok(Self::ZERO);
        }
        if magnitude.is_empty() {
            return Err(invalid());
        }
        let mut rest = magnitude;
        let mut total = 0_u64;
        while !rest.is_empty() {
            let (number, after) = Number::read(rest).ok_or_else(invalid)?;
            let end = after
                .find(|c: char| c == '.' || c.is_ascii_digit())
                .unwrap_or(after.len());
            let (unit, after) = after.split_at(end);
            if unit.is_empty() {
                return Err(ParseDurationError::MissingUnit {
                    text: text.to_owned(),
                });
            }
            let scale = unit_nanoseconds(unit).ok_or_else(|| ParseDurationError::UnknownUnit {
                unit: unit.to_owned(),
                text: text.to_owned(),
            })?;
            total = number
                .times(scale)
                .and_then(|part| total.checked_add(part))
                .filter(|total| *total <= LIMIT)
                .ok_or_else(invalid)?;
            rest = after;
        }
        if text.starts_with('-') {
            Ok(Self(0_i64.wrapping_sub_unsigned(total)))
        } else {
            i64::try_from(total).map(Self).map_err(|_| invalid())
        }
    }
}

/// A decimal number as it stands in front of a unit.
struct Number {
    whole: u64,
    fraction: u64,
    /// The power of ten the fraction is divided by.
    scale: f64,
}

impl Number {
    /// Reads a number with digits before or behind its point, and returns what follows.
    fn read(text: &str) -> Option<(Self, &str)> {
        let (digits, rest) = split_digits(text);
        let mut whole = 0_u64;
        for digit in digits.bytes() {
            whole = whole
                .checked_mul(10)?
                .checked_add(u64::from(digit - b'0'))?;
            if whole > LIMIT {
                return None;
            }
        }
        let mut number = Self {
            whole,
            fraction: 0,
            scale: 1.0,
        };
        let Some(rest) = rest.strip_prefix('.') else {
            return (!digits.is_empty()).then_some((number, rest));
        };
        let (decimals, rest) = split_digits(rest);
        for digit in decimals.bytes() {
            // Digits that do not fit are far below a nanosecond.
            if number.fraction > (LIMIT - 1) / 10 {
                break;
            }
            number.fraction = number.fraction * 10 + u64::from(digit - b'0');
            number.scale *= 10.0;
        }
        (!digits.is_empty() || !decimals.is_empty()).then_some((number, rest))
    }

    /// The nanoseconds of so many units, or `None` if there are too many.
    fn times(&self, unit: u64) -> Option<u64> {
        let whole = self
            .whole
            .checked_mul(unit)
            .filter(|whole| *whole <= LIMIT)?;
        // In floating point, since Go computes fractions so: the last digit has to agree.
        #[expect(
            clippy::cast_precision_loss,
            reason = "both are rounded as Go rounds them"
        )]
        let part = self.fraction as f64 * (unit as f64 / self.scale);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "not negative, and at most one unit"
        )]
        let part = part as u64;
        whole.checked_add(part).filter(|sum| *sum <= LIMIT)
    }
}

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().take_while(u8::is_ascii_digit).count())
}

fn unit_nanoseconds(unit: &str) -> Option<u64> {
    Some(match unit {
        "ns" => 1,
        // With the micro sign, or with the Greek letter.
        "us" | "\u{b5}s" | "\u{3bc}s" => MICROSECOND,
        "ms" => MILLISECOND,
        "s" => SECOND,
        "m" => MINUTE,
        "h" => HOUR,
        _ => return None,
    })
}

/// The largest units that fit, as `1h30m0s`, `1.5s`, `20µs` or `0s`.
impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 0 {
            f.write_char('-')?;
        }
        let nanoseconds = self.0.unsigned_abs();
        match nanoseconds {
            0 => f.write_str("0s"),
            1..MICROSECOND => write!(f, "{nanoseconds}ns"),
            MICROSECOND..MILLISECOND => write_fraction(f, nanoseconds, MICROSECOND, "µs"),
            MILLISECOND..SECOND => write_fraction(f, nanoseconds, MILLISECOND, "ms"),
            _ => {
                if nanoseconds >= HOUR {
                    write!(f, "{}h", nanoseconds / HOUR)?;
                }
                if nanoseconds >= MINUTE {
                    write!(f, "{}m", nanoseconds % HOUR / MINUTE)?;
                }
                write_fraction(f, nanoseconds % MINUTE, SECOND, "s")
            }
        }
    }
}

/// Writes a number of units without trailing zeros behind the point.
fn write_fraction(
    f: &mut fmt::Formatter<'_>,
    nanoseconds: u64,
    unit: u64,
    name: &str,
) -> fmt::Result {
    write!(f, "{}", nanoseconds / unit)?;
    let mut fraction = nanoseconds % unit;
    if fraction > 0 {
        let mut digits = unit.ilog10() as usize;
        while fraction.is_multiple_of(10) {
            fraction /= 10;
            digits -= 1;
        }
        write!(f, ".{fraction:0digits$}")?;
    }
    f.write_str(name)
}

/// A text in quotes as Go's `time` quotes it: everything but printable ASCII byte by byte.
struct Quoted<'t>(&'t str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for byte in self.0.bytes() {
            match byte {
                b'"' | b'\\' => write!(f, "\\{}", char::from(byte))?,
                b' '..=0x7f => f.write_char(char::from(byte))?,
                _ => write!(f, "\\x{byte:02x}")?,
            }
        }
        f.write_char('"')
    }
}

impl TryFrom<Duration> for GoDuration {
    type Error = ConvertDurationError;

    fn try_from(duration: Duration) -> Result<Self, Self::Error> {
        i64::try_from(duration.as_nanos())
            .map(Self)
            .map_err(|_| ConvertDurationError::TooLong(duration))
    }
}

impl TryFrom<GoDuration> for Duration {
    type Error = ConvertDurationError;

    fn try_from(duration: GoDuration) -> Result<Self, Self::Error> {
        u64::try_from(duration.0)
            .map(Self::from_nanos)
            .map_err(|_| ConvertDurationError::Negative(duration))
    }
}

impl Serialize for GoDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for GoDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = GoDuration;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration such as 5m or 1h30m")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<GoDuration, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Text)
    }
}

/// Whether the API server takes `text` for an interval: `^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`.
///
/// Narrower than what [`GoDuration`] reads: no sign, no bare fraction, no unit below milliseconds.
#[must_use]
pub fn is_interval(text: &str) -> bool {
    is_sequence(text, &["ms", "s", "m", "h"])
}

/// Whether the API server takes `text` for a timeout: `^([0-9]+(\.[0-9]+)?(ms|s|m))+$`.
#[must_use]
pub fn is_timeout(text: &str) -> bool {
    is_sequence(text, &["ms", "s", "m"])
}

/// Whether `text` is one or more decimal numbers, each with one of the units.
fn is_sequence(text: &str, units: &[&str]) -> bool {
    let mut rest = text;
    while !rest.is_empty() {
        match skip_number(rest)
            .and_then(|rest| units.iter().find_map(|unit| rest.strip_prefix(unit)))
        {
            Some(after) => rest = after,
            None => return false,
        }
    }
    !text.is_empty()
}

/// What follows a number with digits on both sides of its point, if it has one.
fn skip_number(text: &str) -> Option<&str> {
    let (digits, rest) = split_digits(text);
    if digits.is_empty() {
        return None;
    }
    match rest.strip_prefix('.').map(split_digits) {
        None => Some(rest),
        Some(("", _)) => None,
        Some((_, rest)) => Some(rest),
    }
}

#[cfg(test)]
mod tests;
