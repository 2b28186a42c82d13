//! Hexadecimal floating-point literals, as Go reads them.

use std::borrow::Cow;

use super::{Decimal, Literal, NumberFault, Sign};

/// More digits than the exact decimal form of any float64 has.
const PRECISION: usize = 766;

impl Literal<'_> {
    /// The float64 a hexadecimal literal rounds to, as an exact decimal.
    pub(super) fn hexadecimal(&self, sign: Sign) -> Result<Decimal<'static>, NumberFault> {
        let value = self.round().ok_or(NumberFault::Overflow)?;
        if value == 0.0 {
            return Ok(Decimal::zero());
        }
        let scientific = format!("{value:.PRECISION$e}");
        let (digits, exponent) = scientific.split_once('e').ok_or(NumberFault::Syntax)?;
        let exponent: i64 = exponent.parse().map_err(|_| NumberFault::Syntax)?;
        Ok(Decimal {
            sign,
            exponent: exponent + 1,
            digits: Cow::Owned(digits.trim_end_matches('0').to_owned()),
        })
    }

    /// Rounds to the nearest float64, ties to even; `None` when that is infinite.
    fn round(&self) -> Option<f64> {
        // The leading 64 bits, at least 61 of them significant, and whether anything follows.
        let mut mantissa: u64 = 0;
        let mut taken: i64 = 0;
        let mut rest = false;
        for digit in self
            .significant
            .chars()
            .filter_map(|letter| letter.to_digit(16))
        {
            if taken < 16 {
                mantissa = mantissa << 4 | u64::from(digit);
                taken += 1;
            } else {
                rest |= digit != 0;
            }
        }
        if mantissa == 0 {
            return Some(0.0);
        }
        let shift = mantissa.leading_zeros();
        let mantissa = u128::from(mantissa << shift);
        // The value is mantissa × 2^scale, with the highest of 64 bits set.
        let scale = self
            .point
            .saturating_sub(taken)
            .saturating_mul(4)
            .saturating_add(self.exponent)
            .saturating_sub(i64::from(shift));
        let top = scale.saturating_add(63);
        if top > 1023 {
            return None;
        }
        // Normal numbers have 53 bits; below 2^-1022 the last bit stays at 2^-1074.
        let dropped = (-1074_i64).saturating_sub(scale).max(64 - 53);
        if dropped > 64 {
            return Some(0.0);
        }
        let kept = mantissa >> dropped;
        let remainder = mantissa & ((1 << dropped) - 1);
        let half = 1_u128 << (dropped - 1);
        let up = remainder > half || remainder == half && (rest || kept & 1 == 1);
        let value = float(kept + u128::from(up), scale + dropped);
        value.is_finite().then_some(value)
    }
}

/// `mantissa` × 2^`exponent`, exact for at most 53 bits and exponents from -1074 to 971.
fn float(mantissa: u128, exponent: i64) -> f64 {
    let power = if exponent < -1022 {
        f64::from_bits(1 << (exponent + 1074))
    } else {
        f64::from_bits(((exponent + 1023) as u64) << 52)
    };
    mantissa as f64 * power
}
