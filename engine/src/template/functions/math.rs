//! Arithmetic: on 64-bit integers, which wrap around, and on decimals.

use num_bigint::BigInt;

use super::cast::{to_float, to_int};
use super::{Args, Function};
use crate::template::fault::Fault;
use crate::template::types::Type;
use crate::template::value::{Heap, Value};

const ONE: &[Type] = &[Type::Any];
const TWO: &[Type] = &[Type::Any, Type::Any];
const MORE: Type = Type::Any;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("add1", ONE, Type::Int64, |_, args| {
        int64(to_int(args.any(0)).wrapping_add(1))
    }),
    Function::variadic("add", &[], MORE, Type::Int64, |_, args| {
        int64(args.from(0).map(to_int).fold(0, i64::wrapping_add))
    }),
    Function::new("sub", TWO, Type::Int64, |_, args| {
        int64(to_int(args.any(0)).wrapping_sub(to_int(args.any(1))))
    }),
    Function::variadic("mul", ONE, MORE, Type::Int64, |_, args| {
        int64(args.from(0).map(to_int).fold(1, i64::wrapping_mul))
    }),
    Function::new("div", TWO, Type::Int64, |_, args| {
        divided(args, i64::wrapping_div)
    }),
    Function::new("mod", TWO, Type::Int64, |_, args| {
        divided(args, i64::wrapping_rem)
    }),
    Function::variadic("max", ONE, MORE, Type::Int64, greatest),
    Function::variadic("biggest", ONE, MORE, Type::Int64, greatest),
    Function::variadic("min", ONE, MORE, Type::Int64, |_, args| {
        int64(args.from(0).map(to_int).min().unwrap_or(0))
    }),
    Function::variadic("maxf", ONE, MORE, Type::Float64, |_, args| {
        float(args, |left, right| match (left.is_nan(), right.is_nan()) {
            (false, false) => left.max(right),
            _ => f64::NAN,
        })
    }),
    Function::variadic("minf", ONE, MORE, Type::Float64, |_, args| {
        float(args, |left, right| match (left.is_nan(), right.is_nan()) {
            (false, false) => left.min(right),
            _ => f64::NAN,
        })
    }),
    Function::new("floor", ONE, Type::Float64, |_, args| {
        Ok(Value::Float(to_float(args.any(0)).floor()))
    }),
    Function::new("ceil", ONE, Type::Float64, |_, args| {
        Ok(Value::Float(to_float(args.any(0)).ceil()))
    }),
    Function::variadic(
        "round",
        &[Type::Any, Type::Int],
        Type::Float64,
        Type::Float64,
        round,
    ),
    Function::new("add1f", ONE, Type::Float64, |heap, args| {
        let numbers = [to_float(args.any(0)), 1.0];
        decimals(heap, &numbers, |left, right| Ok(left.add(&right)))
    }),
    Function::variadic("addf", &[], MORE, Type::Float64, |heap, args| {
        let numbers: Vec<_> = std::iter::once(0.0)
            .chain(args.from(0).map(to_float))
            .collect();
        decimals(heap, &numbers, |left, right| Ok(left.add(&right)))
    }),
    Function::variadic("subf", ONE, MORE, Type::Float64, |heap, args| {
        let numbers: Vec<_> = args.from(0).map(to_float).collect();
        decimals(heap, &numbers, |left, right| Ok(left.add(&right.negated())))
    }),
    Function::variadic("mulf", ONE, MORE, Type::Float64, |heap, args| {
        let numbers: Vec<_> = args.from(0).map(to_float).collect();
        decimals(heap, &numbers, |left, right| Ok(left.multiplied(&right)))
    }),
    Function::variadic("divf", ONE, MORE, Type::Float64, |heap, args| {
        let numbers: Vec<_> = args.from(0).map(to_float).collect();
        decimals(heap, &numbers, |left, right| left.divided(&right))
    }),
    Function::new("until", &[Type::Int], Type::Ints, |heap, args| {
        let step = if args.int(0) < 0 { -1 } else { 1 };
        let numbers = steps(heap, 0, args.int(0), step)?;
        ints(heap, numbers)
    }),
    Function::new(
        "untilStep",
        &[Type::Int, Type::Int, Type::Int],
        Type::Ints,
        |heap, args| {
            let numbers = steps(heap, args.int(0), args.int(1), args.int(2))?;
            ints(heap, numbers)
        },
    ),
    Function::variadic("seq", &[], Type::Int, Type::String, sequence),
];

fn int64(number: i64) -> Result<Value, Fault> {
    Ok(Value::Int(Type::Int64, number))
}

fn divided(args: &Args, divide: fn(i64, i64) -> i64) -> Result<Value, Fault> {
    match to_int(args.any(1)) {
        0 => Err(Fault::refused("runtime error: integer divide by zero")),
        divisor => int64(divide(to_int(args.any(0)), divisor)),
    }
}

fn greatest(_: &mut Heap, args: &Args) -> Result<Value, Fault> {
    int64(args.from(0).map(to_int).max().unwrap_or(0))
}

fn float(args: &Args, choose: fn(f64, f64) -> f64) -> Result<Value, Fault> {
    let chosen = args.from(0).map(to_float).reduce(choose);
    Ok(Value::Float(chosen.unwrap_or(0.0)))
}

/// Rounds to so many places; a fraction of `round_on`, usually a half, goes up.
fn round(_: &mut Heap, args: &Args) -> Result<Value, Fault> {
    let round_on = if args.len() > 2 { args.float(2) } else { 0.5 };
    let power = power_of_ten(args.int(1));
    let digit = power * to_float(args.any(0));
    let rounded = if digit.fract() >= round_on {
        digit.ceil()
    } else {
        digit.floor()
    };
    Ok(Value::Float(rounded / power))
}

/// Ten to the power of `places` by squaring mantissa and exponent, with the errors Go has.
fn power_of_ten(places: i64) -> f64 {
    const LARGEST_EXPONENT: i32 = 1 << 12;
    let (mut power, mut power_exponent) = (1f64, 0i32);
    let (mut factor, mut exponent) = (0.625f64, 4i32);
    let mut rest = places.unsigned_abs();
    while rest != 0 {
        if exponent > LARGEST_EXPONENT {
            power_exponent = power_exponent.saturating_add(exponent);
            break;
        }
        if rest & 1 == 1 {
            power *= factor;
            power_exponent += exponent;
        }
        factor *= factor;
        exponent *= 2;
        if factor < 0.5 {
            factor += factor;
            exponent -= 1;
        }
        rest >>= 1;
    }
    if places < 0 {
        power = 1.0 / power;
        power_exponent = -power_exponent;
    }
    let half = power_exponent / 2;
    power * 2f64.powi(half) * 2f64.powi(power_exponent - half)
}

/// The numbers from `start` to before `stop`.
fn steps(heap: &mut Heap, start: i64, stop: i64, step: i64) -> Result<Vec<i64>, Fault> {
    let up = stop >= start;
    if step == 0 || (step > 0) != up {
        return Ok(Vec::new());
    }
    let count = (i128::from(stop) - i128::from(start)).unsigned_abs();
    let count = count.div_ceil(u128::from(step.unsigned_abs()));
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    heap.charge_items(count)?;
    let mut numbers = Vec::with_capacity(count);
    let mut number = start;
    for _ in 0..count {
        numbers.push(number);
        number = number.wrapping_add(step);
    }
    Ok(numbers)
}

fn ints(heap: &mut Heap, numbers: Vec<i64>) -> Result<Value, Fault> {
    heap.list(Type::Ints, numbers.into_iter().map(Value::int).collect())
}

/// The numbers like the command `seq` prints them, separated by spaces.
fn sequence(heap: &mut Heap, args: &Args) -> Result<Value, Fault> {
    let (start, step, end) = match args.len() {
        1 => (1, None, args.int(0)),
        2 => (args.int(0), None, args.int(1)),
        3 => (args.int(0), Some(args.int(1)), args.int(2)),
        _ => return Ok(Value::text("")),
    };
    let direction = if end < start { -1 } else { 1 };
    if direction < 0 && step.is_some_and(|step| step > 0) {
        return Ok(Value::text(""));
    }
    let stop = end.wrapping_add(direction);
    let numbers = steps(heap, start, stop, step.unwrap_or(direction))?;
    let texts: Vec<_> = numbers.iter().map(ToString::to_string).collect();
    heap.text(texts.join(" "))
}

/// A decimal number: `digits` times ten to the power of `exponent`.
struct Decimal {
    digits: BigInt,
    exponent: i64,
}

/// Places after the decimal point that a division keeps.
const DIVISION_PLACES: i64 = 16;

impl Decimal {
    /// The shortest decimal that reads back as the float.
    fn new(number: f64) -> Result<Self, Fault> {
        if !number.is_finite() {
            let name = crate::template::float::print(
                number,
                crate::template::float::Notation::General,
                None,
            );
            return Err(Fault::refused(format!(
                "Cannot create a Decimal from {name}"
            )));
        }
        let text = format!("{number:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let places = mantissa
            .split_once('.')
            .map_or(0, |(_, places)| places.len());
        let exponent: i64 = exponent.parse().unwrap_or(0);
        Ok(Self {
            digits: mantissa.replace('.', "").parse().unwrap_or_default(),
            exponent: exponent - super::signed(places),
        })
    }

    fn negated(&self) -> Self {
        Self {
            digits: -&self.digits,
            exponent: self.exponent,
        }
    }

    /// The digits for a smaller exponent.
    fn scaled(&self, exponent: i64) -> BigInt {
        &self.digits * power(self.exponent - exponent)
    }

    fn add(&self, other: &Self) -> Self {
        let exponent = self.exponent.min(other.exponent);
        Self {
            digits: self.scaled(exponent) + other.scaled(exponent),
            exponent,
        }
    }

    fn multiplied(&self, other: &Self) -> Self {
        Self {
            digits: &self.digits * &other.digits,
            exponent: self.exponent + other.exponent,
        }
    }

    /// The quotient to 16 places, a half rounded away from zero.
    fn divided(&self, other: &Self) -> Result<Self, Fault> {
        if other.digits == BigInt::ZERO {
            return Err(Fault::refused("decimal division by 0"));
        }
        let shift = self.exponent - other.exponent + DIVISION_PLACES;
        let numerator = &self.digits * power(shift);
        let denominator = &other.digits * power(-shift);
        let mut quotient = &numerator / &denominator;
        let rest = numerator.clone() - &quotient * &denominator;
        if rest.magnitude() * 2u32 >= *denominator.magnitude() {
            let negative = numerator.sign() != denominator.sign();
            quotient += if negative { -1 } else { 1 };
        }
        Ok(Self {
            digits: quotient,
            exponent: -DIVISION_PLACES,
        })
    }

    fn float(&self) -> f64 {
        format!("{}e{}", self.digits, self.exponent)
            .parse()
            .unwrap_or(0.0)
    }
}

fn power(exponent: i64) -> BigInt {
    BigInt::from(10).pow(u32::try_from(exponent).unwrap_or(0))
}

type Operation = fn(Decimal, Decimal) -> Result<Decimal, Fault>;

/// Applies an operation from left to right, exactly.
fn decimals(heap: &mut Heap, numbers: &[f64], operation: Operation) -> Result<Value, Fault> {
    let mut numbers = numbers.iter();
    let mut result = Decimal::new(numbers.next().copied().unwrap_or(0.0))?;
    for number in numbers {
        let bits = usize::try_from(result.digits.bits()).unwrap_or(usize::MAX);
        let scale = usize::try_from(result.exponent.unsigned_abs()).unwrap_or(usize::MAX);
        heap.charge(
            bits.saturating_add(scale.saturating_mul(4))
                .saturating_add(1000),
        )?;
        result = operation(result, Decimal::new(*number)?)?;
    }
    Ok(Value::Float(result.float()))
}
