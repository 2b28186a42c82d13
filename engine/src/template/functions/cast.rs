//! Conversions between strings and numbers.

use super::{Args, Function};
use crate::template::fault::Fault;
use crate::template::format;
use crate::template::methods;
use crate::template::number::{NumberError, parse_float, parse_int};
use crate::template::runes::lossy;
use crate::template::types::Type;
use crate::template::value::{Heap, Text, Value};

const ANY: &[Type] = &[Type::Any];

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("atoi", &[Type::String], Type::Int, |_, args| {
        Ok(Value::int(atoi(args.text(0))))
    }),
    Function::new("int", ANY, Type::Int, |_, args| {
        Ok(Value::int(to_int(args.any(0))))
    }),
    Function::new("int64", ANY, Type::Int64, |_, args| {
        Ok(Value::Int(Type::Int64, to_int(args.any(0))))
    }),
    Function::new("float64", ANY, Type::Float64, |_, args| {
        Ok(Value::Float(to_float(args.any(0))))
    }),
    Function::new("toDecimal", ANY, Type::Int64, to_decimal),
    Function::new("toString", ANY, Type::String, |heap, args| {
        Ok(Value::Text(to_text(heap, args.any(0))?))
    }),
    Function::new("toStrings", ANY, Type::Strings, |heap, args| {
        let texts = to_texts(heap, args.any(0))?;
        if let Value::List(list) = args.any(0)
            && list.ty == Type::Strings
        {
            return Ok(args.any(0).clone());
        }
        heap.list(Type::Strings, texts.into_iter().map(Value::Text).collect())
    }),
];

/// `strconv.Atoi` without its error: the nearest number when it does not fit.
fn atoi(text: &[u8]) -> i64 {
    let text = lossy(text);
    match parse_int(&text, 10) {
        Ok(number) => number,
        Err(NumberError::Range(_)) if text.starts_with('-') => i64::MIN,
        Err(NumberError::Range(_)) => i64::MAX,
        Err(NumberError::Syntax) => 0,
    }
}

/// The value as an integer, 0 for what is none.
pub(super) fn to_int(value: &Value) -> i64 {
    match value {
        Value::Int(Type::Int | Type::Int64 | Type::Month | Type::Weekday, number) => *number,
        Value::Uint(_, number) => *number as i64,
        Value::Float(number) => truncate(*number),
        Value::Bool(truth) => i64::from(*truth),
        Value::Text(text) => {
            let text = lossy(text);
            parse_int(without_zero_decimals(&text), 0).unwrap_or(0)
        }
        _ => 0,
    }
}

/// Go's conversion of a float to int64 on amd64: what does not fit is the smallest number.
fn truncate(number: f64) -> i64 {
    const BOUND: f64 = (1u64 << 63) as f64;
    if (-BOUND..BOUND).contains(&number) {
        number as i64
    } else {
        i64::MIN
    }
}

/// `12.00` as `12`.
fn without_zero_decimals(text: &str) -> &str {
    let zeros = text.trim_end_matches('0');
    match zeros.strip_suffix('.') {
        Some(whole) if zeros.len() < text.len() => whole,
        _ => text,
    }
}

/// The value as a float, 0 for what is none.
pub(super) fn to_float(value: &Value) -> f64 {
    match value {
        Value::Float(number) => *number,
        Value::Int(Type::Int | Type::Int64 | Type::Month | Type::Weekday, number) => *number as f64,
        Value::Uint(_, number) => *number as f64,
        Value::Bool(truth) => f64::from(u8::from(*truth)),
        Value::Text(text) => parse_float(&lossy(text)).unwrap_or(0.0),
        _ => 0.0,
    }
}

/// Reads the print form as an octal number.
fn to_decimal(heap: &mut Heap, args: &Args) -> Result<Value, Fault> {
    let text = format::print(heap, std::slice::from_ref(args.any(0)))?;
    let number = parse_int(&lossy(&text), 8).unwrap_or(0);
    Ok(Value::Int(Type::Int64, number))
}

/// The value as a string: itself, its bytes, what its `String` method says, or its print form.
pub(super) fn to_text(heap: &mut Heap, value: &Value) -> Result<Text, Fault> {
    match value {
        Value::Text(text) => Ok(text.clone()),
        Value::List(list) if list.ty == Type::Bytes => {
            let text = format::printf(heap, b"%s", std::slice::from_ref(value))?;
            Ok(text.into())
        }
        value => match methods::string(value) {
            Some(text) => Ok(text.into_bytes().into()),
            None => Ok(format::print(heap, std::slice::from_ref(value))?.into()),
        },
    }
}

/// The items of a list as strings, nils left out; anything else is a list of one.
pub(super) fn to_texts(heap: &mut Heap, value: &Value) -> Result<Vec<Text>, Fault> {
    let items = match value {
        Value::Nil => return Ok(Vec::new()),
        Value::List(list) => {
            heap.charge_items(list.len())?;
            list.to_vec()
        }
        single => vec![single.clone()],
    };
    items
        .iter()
        .filter(|item| !matches!(item, Value::Nil))
        .map(|item| to_text(heap, item))
        .collect()
}
