//! Numbers of a numerical policy: read like Go's `ParseFloat`, compared exactly.

use std::borrow::Cow;
use std::cmp::Ordering;

mod hexadecimal;
#[cfg(test)]
pub(super) mod tests;

/// A value of a numerical policy.
#[derive(Clone, Debug)]
pub(super) enum Number<'a> {
    /// `NaN`, which compares with nothing.
    Nan,
    Infinite(Sign),
    Finite(Decimal<'a>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    Positive,
    Negative,
}

/// A finite number of any precision: 0.d₁d₂d₃… × 10^exponent, where d₁ is not 0.
#[derive(Clone, Debug)]
pub(super) struct Decimal<'a> {
    sign: Sign,
    exponent: i64,
    /// The digits from d₁ on, with the points and underscores of the literal; empty for zero.
    digits: Cow<'a, str>,
}

/// Why a value is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NumberFault {
    /// It is no literal.
    Syntax,
    /// It is beyond the greatest float64.
    Overflow,
}

impl<'a> Number<'a> {
    /// Accepts and refuses what `strconv.ParseFloat(text, 64)` does.
    ///
    /// Unlike there, decimal literals keep all their digits, so that long timestamps do not tie; what
    /// float64 rounds to zero is zero. A hexadecimal literal stands for the float64 it rounds to.
    pub(super) fn parse(text: &'a str) -> Result<Self, NumberFault> {
        let (sign, unsigned) = match text.as_bytes().first() {
            Some(b'-') => (Sign::Negative, &text[1..]),
            Some(b'+') => (Sign::Positive, &text[1..]),
            _ => (Sign::Positive, text),
        };
        if unsigned.eq_ignore_ascii_case("inf") || unsigned.eq_ignore_ascii_case("infinity") {
            return Ok(Self::Infinite(sign));
        }
        if text.eq_ignore_ascii_case("nan") {
            return Ok(Self::Nan);
        }
        let prefixed = matches!(unsigned.as_bytes(), [b'0', b'x' | b'X', _, ..]);
        let literal = if prefixed {
            Literal::scan(&unsigned[2..], Base::Hexadecimal)
        } else {
            Literal::scan(unsigned, Base::Decimal)
        };
        let literal = literal.ok_or(NumberFault::Syntax)?;
        let decimal = if prefixed {
            literal.hexadecimal(sign)?
        } else {
            literal.decimal(sign)?
        };
        Ok(Self::Finite(decimal))
    }

    /// Compares two numbers exactly; `None` when one is `NaN`.
    pub(super) fn compare(&self, other: &Number<'_>) -> Option<Ordering> {
        Some(match (self, other) {
            (Self::Nan, _) | (_, Number::Nan) => return None,
            (Self::Finite(left), Number::Finite(right)) => left.compare(right),
            (left, right) => left.infinity().cmp(&right.infinity()),
        })
    }

    const fn infinity(&self) -> i8 {
        match self {
            Self::Infinite(Sign::Positive) => 1,
            Self::Infinite(Sign::Negative) => -1,
            Self::Nan | Self::Finite(_) => 0,
        }
    }
}

impl Decimal<'_> {
    const fn zero() -> Self {
        Self {
            sign: Sign::Positive,
            exponent: 0,
            digits: Cow::Borrowed(""),
        }
    }

    fn compare(&self, other: &Decimal<'_>) -> Ordering {
        self.direction()
            .cmp(&other.direction())
            .then_with(|| match self.sign {
                Sign::Positive => self.compare_magnitude(other),
                Sign::Negative => other.compare_magnitude(self),
            })
    }

    fn direction(&self) -> i8 {
        match self.sign {
            _ if self.digits.is_empty() => 0,
            Sign::Positive => 1,
            Sign::Negative => -1,
        }
    }

    fn compare_magnitude(&self, other: &Decimal<'_>) -> Ordering {
        self.exponent
            .cmp(&other.exponent)
            .then_with(|| compare_digits(&self.digits, &other.digits))
    }
}

/// Compares digits from the first one on; the shorter number goes on with zeros.
fn compare_digits(left: &str, right: &str) -> Ordering {
    let mut left = left.bytes().filter(u8::is_ascii_digit);
    let mut right = right.bytes().filter(u8::is_ascii_digit);
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (left, right) => left.unwrap_or(b'0').cmp(&right.unwrap_or(b'0')),
        };
        if order.is_ne() {
            return order;
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Base {
    Decimal,
    Hexadecimal,
}

impl Base {
    const fn is_digit(self, byte: u8) -> bool {
        match self {
            Self::Decimal => byte.is_ascii_digit(),
            Self::Hexadecimal => byte.is_ascii_hexdigit(),
        }
    }

    const fn exponent_mark(self) -> u8 {
        match self {
            Self::Decimal => b'e',
            Self::Hexadecimal => b'p',
        }
    }
}

/// A literal without sign and prefix, taken apart.
struct Literal<'a> {
    text: &'a str,
    /// From the first digit that is not 0 to the end of the mantissa, with points and underscores.
    significant: &'a str,
    /// How many digits of the mantissa stand before the point, counted from the first significant one.
    point: i64,
    /// The written exponent.
    exponent: i64,
}

impl<'a> Literal<'a> {
    fn scan(text: &'a str, base: Base) -> Option<Self> {
        let bytes = text.as_bytes();
        // Nearly all values are build numbers and timestamps.
        if base == Base::Decimal && !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit) {
            let significant = text.trim_start_matches('0');
            return Some(Self {
                text,
                significant,
                point: i64::try_from(significant.len()).ok()?,
                exponent: 0,
            });
        }
        let is_mantissa = |byte: &u8| base.is_digit(*byte) || matches!(byte, b'.' | b'_');
        let end = bytes.iter().take_while(|byte| is_mantissa(byte)).count();
        let mantissa = &text[..end];
        let points = mantissa.bytes().filter(|byte| *byte == b'.').count();
        let has_digits = mantissa.bytes().any(|byte| base.is_digit(byte));
        if points > 1 || !has_digits || !underscores_fit(bytes, base) {
            return None;
        }
        let exponent = match bytes.get(end) {
            Some(mark) if mark.to_ascii_lowercase() == base.exponent_mark() => {
                exponent(&text[end + 1..])?
            }
            Some(_) => return None,
            None if base == Base::Hexadecimal => return None,
            None => 0,
        };
        let first = mantissa
            .bytes()
            .position(|byte| base.is_digit(byte) && byte != b'0')
            .unwrap_or(end);
        let dot = mantissa
            .bytes()
            .position(|byte| byte == b'.')
            .unwrap_or(end);
        let between = if first < dot {
            &mantissa[first..dot]
        } else {
            &mantissa[dot..first]
        };
        let count =
            i64::try_from(between.bytes().filter(|byte| base.is_digit(*byte)).count()).ok()?;
        Some(Self {
            text,
            significant: &mantissa[first..],
            point: if first < dot { count } else { -count },
            exponent,
        })
    }

    fn decimal(&self, sign: Sign) -> Result<Decimal<'a>, NumberFault> {
        let exponent = self.point.saturating_add(self.exponent);
        // Beyond these bounds float64 is infinite or zero, within them it is neither.
        let (overflows, vanishes) = match exponent {
            _ if self.significant.is_empty() => (false, true),
            310.. => (true, false),
            309 => (self.rounded().is_infinite(), false),
            -323 => (false, self.rounded() == 0.0),
            ..-323 => (false, true),
            _ => (false, false),
        };
        if overflows {
            return Err(NumberFault::Overflow);
        }
        if vanishes {
            return Ok(Decimal::zero());
        }
        Ok(Decimal {
            sign,
            exponent,
            digits: Cow::Borrowed(self.significant),
        })
    }

    /// The float64 next to a decimal literal.
    fn rounded(&self) -> f64 {
        let plain: String = self.text.chars().filter(|letter| *letter != '_').collect();
        plain.parse().unwrap_or(f64::NAN)
    }
}

/// Whether every underscore stands between two digits, or between the prefix `0x` and a digit.
fn underscores_fit(bytes: &[u8], base: Base) -> bool {
    let is_digit = |byte: Option<&u8>| byte.is_some_and(|byte| base.is_digit(*byte));
    bytes
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'_')
        .all(|(at, _)| {
            let before = match at.checked_sub(1) {
                Some(before) => is_digit(bytes.get(before)),
                None => base == Base::Hexadecimal,
            };
            before && is_digit(bytes.get(at + 1))
        })
}

/// Reads what follows the exponent mark; huge exponents saturate.
fn exponent(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if !digits.as_bytes().first()?.is_ascii_digit() {
        return None;
    }
    let mut value: i64 = 0;
    for byte in digits.bytes() {
        match byte {
            b'_' => {}
            b'0'..=b'9' => {
                value = value
                    .saturating_mul(10)
                    .saturating_add(i64::from(byte - b'0'));
            }
            _ => return None,
        }
    }
    Some(if negative { -value } else { value })
}
