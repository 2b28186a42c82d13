//! The functions Go's text/template has itself.

use super::{Args, Body, Function};
use crate::template::exec::Held;
use crate::template::fault::Fault;
use crate::template::format;
use crate::template::runes::{is_print, lossy, runes};
use crate::template::types::{Kind, Type};
use crate::template::value::{Heap, Key, Value};

const fn reflect(
    name: &'static str,
    parameters: &'static [Type],
    variadic: Option<Type>,
    body: Body,
) -> Function {
    Function {
        name,
        parameters,
        variadic,
        result: Type::Reflect,
        body,
    }
}

const ONE: &[Type] = &[Type::Reflect];
const TWO: &[Type] = &[Type::Reflect, Type::Reflect];
const MORE: Option<Type> = Some(Type::Reflect);

pub(super) const FUNCTIONS: &[Function] = &[
    reflect("and", ONE, MORE, Body::And),
    reflect("or", ONE, MORE, Body::Or),
    reflect("call", ONE, MORE, Body::Call),
    reflect("index", ONE, MORE, Body::Reflect(index)),
    Function::new("not", ONE, Type::Bool, |_, args| {
        Ok(Value::Bool(!args.any(0).truth()))
    }),
    Function::new("len", ONE, Type::Int, length),
    Function::variadic("eq", ONE, Type::Reflect, Type::Bool, |heap, args| {
        Ok(Value::Bool(equal(heap, args)?))
    }),
    Function::new("ne", TWO, Type::Bool, |heap, args| {
        Ok(Value::Bool(!equal(heap, args)?))
    }),
    Function::new("lt", TWO, Type::Bool, |_, args| {
        Ok(Value::Bool(less(args.any(0), args.any(1))?))
    }),
    Function::new("le", TWO, Type::Bool, |heap, args| {
        Ok(Value::Bool(less_or_equal(heap, args)?))
    }),
    Function::new("gt", TWO, Type::Bool, |heap, args| {
        Ok(Value::Bool(!less_or_equal(heap, args)?))
    }),
    Function::new("ge", TWO, Type::Bool, |_, args| {
        Ok(Value::Bool(!less(args.any(0), args.any(1))?))
    }),
    Function::variadic("print", &[], Type::Any, Type::String, |heap, args| {
        Ok(Value::text(print(heap, args)?))
    }),
    Function::variadic("println", &[], Type::Any, Type::String, |heap, args| {
        let values: Vec<_> = args.from(0).cloned().collect();
        Ok(Value::text(format::println(heap, &values)?))
    }),
    Function::variadic(
        "printf",
        &[Type::String],
        Type::Any,
        Type::String,
        |heap, args| {
            let values: Vec<_> = args.from(1).cloned().collect();
            Ok(Value::text(format::printf(heap, args.text(0), &values)?))
        },
    ),
    Function::variadic("html", &[], Type::Any, Type::String, |heap, args| {
        let text = print_shown(heap, args)?;
        heap.text(escape_html(&text))
    }),
    Function::variadic("js", &[], Type::Any, Type::String, |heap, args| {
        let text = print_shown(heap, args)?;
        heap.text(escape_js(&text))
    }),
    Function::variadic("urlquery", &[], Type::Any, Type::String, |heap, args| {
        let text = print_shown(heap, args)?;
        heap.text(escape_query(&text))
    }),
];

fn print(heap: &mut Heap, args: &Args) -> Result<Vec<u8>, Fault> {
    let values: Vec<_> = args.from(0).cloned().collect();
    format::print(heap, &values)
}

/// Prints values as actions show them, where a nil is `<no value>`.
fn print_shown(heap: &mut Heap, args: &Args) -> Result<Vec<u8>, Fault> {
    let shown = args.from(0).map(|value| match value {
        Value::Nil => Value::text("<no value>"),
        value => value.clone(),
    });
    let values: Vec<_> = shown.collect();
    format::print(heap, &values)
}

/// The type behind a pointer.
fn pointed(ty: Type) -> Type {
    match ty {
        Type::VersionPointer => Type::Version,
        ty => ty,
    }
}

fn length(_: &mut Heap, args: &Args) -> Result<Value, Fault> {
    let held = args.held(0);
    let length = match &held.value {
        Value::Text(text) => text.len(),
        Value::List(list) => list.len(),
        Value::Map(map) => map.len(),
        Value::Nil if held.boxed => return Err(Fault::refused("len of nil pointer")),
        Value::Nil => {
            return Err(Fault::refused(
                "reflect: call of reflect.Value.Type on zero Value",
            ));
        }
        other => {
            let ty = pointed(other.ty());
            return Err(Fault::refused(format!("len of type {}", ty.name())));
        }
    };
    Ok(Value::length(length))
}

fn index(_: &mut Heap, args: &Args) -> Result<Held, Fault> {
    let mut held = args.held(0);
    if let Value::Nil = held.value {
        return Err(Fault::refused("index of untyped nil"));
    }
    for at in args.from(1) {
        let element = held.value.ty().element();
        held = match &held.value {
            Value::Text(text) => {
                let position = position(at, text.len())?;
                let byte = text
                    .get(position)
                    .ok_or_else(|| beyond(position, text.len(), "string"))?;
                Held::plain(Value::Uint(Type::Uint8, u64::from(*byte)))
            }
            Value::List(list) => {
                let position = position(at, list.len())?;
                let item = list
                    .get(position)
                    .ok_or_else(|| beyond(position, list.len(), "slice"))?;
                Held::of(item, element)
            }
            Value::Map(map) => {
                let key = map_key(at, map.ty)?;
                let found = key.and_then(|key| map.find(&key));
                Held::of(found.unwrap_or_else(|| zero(element)), element)
            }
            Value::Nil => return Err(Fault::refused("index of nil pointer")),
            other => {
                let ty = pointed(other.ty()).name();
                return Err(Fault::refused(format!("can't index item of type {ty}")));
            }
        };
    }
    Ok(held)
}

/// What Go panics with for the index right behind the end.
fn beyond(position: usize, length: usize, what: &str) -> Fault {
    if position == length {
        return Fault::refused(format!("reflect: {what} index out of range"));
    }
    Fault::refused(format!("index out of range: {position}"))
}

fn position(index: &Value, length: usize) -> Result<usize, Fault> {
    let number = match index {
        Value::Int(_, number) => *number,
        Value::Uint(_, number) => *number as i64,
        Value::Nil => return Err(Fault::refused("cannot index slice/array with nil")),
        other => {
            let ty = other.ty().name();
            return Err(Fault::refused(format!(
                "cannot index slice/array with type {ty}"
            )));
        }
    };
    match usize::try_from(number) {
        Ok(position) if position <= length => Ok(position),
        _ => Err(Fault::refused(format!("index out of range: {number}"))),
    }
}

/// The key of a map, checked against the map's type.
fn map_key(key: &Value, map: Type) -> Result<Option<Key>, Fault> {
    let wanted = if map == Type::ObjectChanges {
        Type::ObjectIdentifier
    } else {
        Type::String
    };
    match key {
        Value::Nil => Err(Fault::refused(format!(
            "value is nil; should be of type {}",
            wanted.name()
        ))),
        key if key.ty() == wanted => Ok(Key::of(key)),
        key => Err(Fault::refused(format!(
            "value has type {}; should be {}",
            key.ty().name(),
            wanted.name()
        ))),
    }
}

/// The zero value of an element type: what a map gives for a key it does not have.
fn zero(ty: Type) -> Value {
    use crate::template::value::{List, Map};
    match ty.kind() {
        Kind::String => Value::text(""),
        Kind::Slice => Value::List(List { ty, items: None }),
        Kind::Map => Value::Map(Map { ty, entries: None }),
        _ => Value::Nil,
    }
}

/// Kinds that can be compared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Basic {
    Bool,
    Complex,
    Int,
    Float,
    Text,
    Uint,
}

fn basic(value: &Value) -> Option<Basic> {
    Some(match value {
        Value::Bool(_) => Basic::Bool,
        Value::Complex(..) => Basic::Complex,
        Value::Int(..) => Basic::Int,
        Value::Float(_) => Basic::Float,
        Value::Text(_) => Basic::Text,
        Value::Uint(..) => Basic::Uint,
        _ => return None,
    })
}

fn incompatible(left: &Value, right: &Value) -> Fault {
    Fault::refused(format!(
        "incompatible types for comparison: {} and {}",
        left.ty().name(),
        right.ty().name()
    ))
}

/// Whether the first argument equals any of the others.
fn equal(heap: &mut Heap, args: &Args) -> Result<bool, Fault> {
    if args.len() < 2 {
        return Err(Fault::refused("missing argument for comparison"));
    }
    for other in args.from(1) {
        if equal_pair(heap, args.any(0), other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn equal_pair(heap: &mut Heap, left: &Value, right: &Value) -> Result<bool, Fault> {
    match (left, right) {
        (Value::Int(_, int), Value::Uint(_, uint)) | (Value::Uint(_, uint), Value::Int(_, int)) => {
            Ok(u64::try_from(*int) == Ok(*uint))
        }
        (Value::Bool(left), Value::Bool(right)) => Ok(left == right),
        (Value::Int(_, left), Value::Int(_, right)) => Ok(left == right),
        (Value::Uint(_, left), Value::Uint(_, right)) => Ok(left == right),
        (Value::Float(left), Value::Float(right)) => Ok(left == right),
        (Value::Complex(re, im), Value::Complex(other_re, other_im)) => {
            Ok(re == other_re && im == other_im)
        }
        (Value::Text(left), Value::Text(right)) => {
            heap.charge(left.len().min(right.len()))?;
            Ok(left == right)
        }
        _ if basic(left) != basic(right) => {
            if matches!(left, Value::Nil) || matches!(right, Value::Nil) {
                Ok(false)
            } else {
                Err(incompatible(left, right))
            }
        }
        _ => equal_composite(heap, left, right),
    }
}

fn equal_composite(heap: &mut Heap, left: &Value, right: &Value) -> Result<bool, Fault> {
    let nil = |value: &Value| match value {
        Value::Nil => true,
        Value::List(list) => list.items.is_none(),
        Value::Map(map) => map.entries.is_none(),
        _ => false,
    };
    let missing = matches!(left, Value::Nil) || matches!(right, Value::Nil);
    if !missing && left.kind() != right.kind() {
        let left_text = format::printf(heap, b"%s", std::slice::from_ref(left))?;
        let right_text = format::print(heap, std::slice::from_ref(right))?;
        let (left_text, right_text) = (lossy(&left_text), lossy(&right_text));
        return Err(Fault::refused(format!(
            "non-comparable types {left_text}: {}, {}: {right_text}",
            left.ty().name(),
            right.ty().name()
        )));
    }
    if nil(left) || nil(right) {
        return Ok(nil(left) == nil(right));
    }
    match (left, right) {
        (_, Value::List(_) | Value::Map(_)) => uncomparable(heap, right),
        (_, Value::Struct(value)) if matches!(value.ty, Type::TemplateData | Type::Result) => {
            uncomparable(heap, right)
        }
        _ => Ok(left.ty() == right.ty() && super::reflection::deep_equal(heap, left, right)?),
    }
}

fn uncomparable(heap: &mut Heap, value: &Value) -> Result<bool, Fault> {
    let text = format::printf(heap, b"%s", std::slice::from_ref(value))?;
    Err(Fault::refused(format!(
        "non-comparable type {}: {}",
        lossy(&text),
        value.ty().name()
    )))
}

fn less(left: &Value, right: &Value) -> Result<bool, Fault> {
    let invalid = || Fault::refused("invalid type for comparison");
    let (Some(_), Some(_)) = (basic(left), basic(right)) else {
        return Err(invalid());
    };
    match (left, right) {
        (Value::Int(_, int), Value::Uint(_, uint)) => {
            Ok(u64::try_from(*int).map_or(true, |int| int < *uint))
        }
        (Value::Uint(_, uint), Value::Int(_, int)) => {
            Ok(u64::try_from(*int).is_ok_and(|int| *uint < int))
        }
        (Value::Int(_, left), Value::Int(_, right)) => Ok(left < right),
        (Value::Uint(_, left), Value::Uint(_, right)) => Ok(left < right),
        (Value::Float(left), Value::Float(right)) => Ok(left < right),
        (Value::Text(left), Value::Text(right)) => Ok(left < right),
        (Value::Bool(_), Value::Bool(_)) | (Value::Complex(..), Value::Complex(..)) => {
            Err(invalid())
        }
        _ => Err(incompatible(left, right)),
    }
}

fn less_or_equal(heap: &mut Heap, args: &Args) -> Result<bool, Fault> {
    Ok(less(args.any(0), args.any(1))? || equal(heap, args)?)
}

fn escape_html(text: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(text.len());
    for byte in text {
        match byte {
            0 => escaped.extend_from_slice("\u{fffd}".as_bytes()),
            b'"' => escaped.extend_from_slice(b"&#34;"),
            b'\'' => escaped.extend_from_slice(b"&#39;"),
            b'&' => escaped.extend_from_slice(b"&amp;"),
            b'<' => escaped.extend_from_slice(b"&lt;"),
            b'>' => escaped.extend_from_slice(b"&gt;"),
            byte => escaped.push(*byte),
        }
    }
    escaped
}

fn escape_js(text: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(text.len());
    let mut at = 0;
    for (c, width) in runes(text) {
        let code = u32::from(c);
        match c {
            '\\' => escaped.extend_from_slice(b"\\\\"),
            '\'' => escaped.extend_from_slice(b"\\'"),
            '"' => escaped.extend_from_slice(b"\\\""),
            '<' | '>' | '&' | '=' | '\0'..'\x20' => {
                escaped.extend_from_slice(format!("\\u{code:04X}").as_bytes());
            }
            c if c.is_ascii() || is_print(c) => escaped.extend_from_slice(&text[at..at + width]),
            _ => escaped.extend_from_slice(format!("\\u{code:04X}").as_bytes()),
        }
        at += width;
    }
    escaped
}

fn escape_query(text: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(text.len());
    for &byte in text {
        match byte {
            b' ' => escaped.push(b'+'),
            b'-' | b'_' | b'.' | b'~' => escaped.push(byte),
            byte if byte.is_ascii_alphanumeric() => escaped.push(byte),
            byte => escaped.extend_from_slice(format!("%{byte:02X}").as_bytes()),
        }
    }
    escaped
}
