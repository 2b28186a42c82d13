//! Dates and durations.

use super::{Args, Function};
use crate::duration::GoDuration;
use crate::template::clock::{self, Time};
use crate::template::fault::Fault;
use crate::template::number::parse_int;
use crate::template::runes::lossy;
use crate::template::types::Type;
use crate::template::value::{Heap, Value};

const LAYOUT: &[Type] = &[Type::String, Type::String];
const MODIFY: &[Type] = &[Type::String, Type::Time];

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("toDate", LAYOUT, Type::Time, |_, args| {
        let time = clock::parse(args.text(0), args.text(1));
        Ok(Value::Time(time.unwrap_or_else(|_| Time::zero())))
    }),
    Function::new("mustToDate", LAYOUT, Type::Time, |_, args| {
        clock::parse(args.text(0), args.text(1))
            .map(Value::Time)
            .map_err(Fault::Refused)
    }),
    Function::new("must_date_modify", MODIFY, Type::Time, modify),
    Function::new("mustDateModify", MODIFY, Type::Time, modify),
    Function::new("unixEpoch", &[Type::Time], Type::String, |_, args| {
        Ok(Value::text(args.time(0).unix().to_string()))
    }),
    Function::new("duration", &[Type::Any], Type::String, duration),
    Function::new("durationRound", &[Type::Any], Type::String, round),
];

fn modify(_: &mut Heap, args: &Args) -> Result<Value, Fault> {
    match lossy(args.text(0)).parse::<GoDuration>() {
        Ok(duration) => Ok(Value::Time(args.time(1).add(duration.nanoseconds()))),
        Err(error) => Err(Fault::refused(error.to_string())),
    }
}

/// Prints a number of seconds as a duration.
fn duration(_: &mut Heap, args: &Args) -> Result<Value, Fault> {
    use crate::template::number::NumberError;
    let seconds = match args.any(0) {
        Value::Int(Type::Int64, seconds) => *seconds,
        Value::Text(text) => {
            let text = lossy(text);
            match parse_int(&text, 10) {
                Ok(seconds) => seconds,
                Err(NumberError::Range(_)) if text.starts_with('-') => i64::MIN,
                Err(NumberError::Range(_)) => i64::MAX,
                Err(NumberError::Syntax) => 0,
            }
        }
        _ => 0,
    };
    let nanoseconds = seconds.wrapping_mul(1_000_000_000);
    Ok(Value::text(
        GoDuration::from_nanoseconds(nanoseconds).to_string(),
    ))
}

/// Prints a duration in its largest unit.
fn round(_: &mut Heap, args: &Args) -> Result<Value, Fault> {
    const SECOND: u64 = 1_000_000_000;
    const DAY: u64 = 24 * 3600 * SECOND;
    let nanoseconds = match args.any(0) {
        Value::Text(text) => lossy(text)
            .parse::<GoDuration>()
            .map_or(0, GoDuration::nanoseconds),
        Value::Int(Type::Int64, nanoseconds) => *nanoseconds,
        Value::Time(_) => {
            return Err(Fault::refused(
                "the time since a date depends on the clock, and a commit message must be reproducible",
            ));
        }
        _ => 0,
    };
    let magnitude = nanoseconds.unsigned_abs();
    let units = [
        (DAY * 365, "y"),
        (DAY * 30, "mo"),
        (DAY, "d"),
        (3600 * SECOND, "h"),
        (60 * SECOND, "m"),
        (SECOND, "s"),
    ];
    let largest = units.iter().find(|(unit, _)| magnitude > *unit);
    Ok(Value::text(match largest {
        Some((unit, name)) => format!("{}{name}", magnitude / unit),
        None => "0s".to_owned(),
    }))
}
