//! The methods of values: times, durations, versions, names.

use std::cmp::Ordering;
use std::rc::Rc;

use super::clock::{self, Time};
use super::fault::Fault;
use super::functions::Args;
use super::release::Release;
use super::runes::lossy;
use super::types::Type;
use super::value::{Heap, Struct, Value};
use crate::duration::GoDuration;

/// A method of a type.
pub(super) struct Method {
    name: &'static str,
    /// The types of the arguments.
    pub(super) parameters: &'static [Type],
    /// Why a template cannot call it: Go's results beside the first.
    pub(super) unusable: Option<&'static str>,
    pub(super) body: Body,
}

/// What a method does with its receiver and arguments.
pub(super) type Body = fn(&mut Heap, &Value, &Args) -> Result<Value, Fault>;

const fn method(name: &'static str, parameters: &'static [Type], body: Body) -> Method {
    Method {
        name,
        parameters,
        unusable: None,
        body,
    }
}

/// A method whose results a template cannot use.
const fn unusable(name: &'static str, reason: &'static str) -> Method {
    Method {
        name,
        parameters: &[],
        unusable: Some(reason),
        body: |_, _, _| Ok(Value::Nil),
    }
}

/// The method `name` of a value.
pub(super) fn find(value: &Value, name: &str) -> Option<&'static Method> {
    let tables: &[&'static [Method]] = match value.ty() {
        Type::NamespacedName => &[NAMED, LOGGED],
        Type::Time => &[NAMED, TIME, MARSHALLED],
        Type::Duration => &[NAMED, DURATION],
        Type::Month | Type::Weekday | Type::Location => &[NAMED],
        Type::Version => &[NAMED, VERSION],
        Type::VersionPointer => &[NAMED, VERSION, VERSION_POINTER],
        _ => &[],
    };
    tables
        .iter()
        .flat_map(|table| table.iter())
        .find(|method| method.name == name)
}

/// Whether `name` is a field of the value's struct that templates cannot see.
pub(super) fn is_hidden_field(value: &Value, name: &str) -> bool {
    match value.ty() {
        Type::Version | Type::VersionPointer => {
            matches!(
                name,
                "major" | "minor" | "patch" | "pre" | "metadata" | "original"
            )
        }
        Type::Time => matches!(name, "wall" | "ext" | "loc"),
        _ => false,
    }
}

/// What the `String` method of a value gives, if its type has one.
pub(super) fn string(value: &Value) -> Option<String> {
    match value {
        Value::Struct(name) if name.ty == Type::NamespacedName => {
            let part = |field| match name.field(field) {
                Some(Value::Text(text)) => lossy(&text),
                _ => String::new(),
            };
            Some(format!("{}/{}", part("Namespace"), part("Name")))
        }
        Value::Time(time) => Some(time.text()),
        Value::Location => Some("UTC".to_owned()),
        Value::Version(release, _) => Some(release.text()),
        Value::Int(Type::Duration, span) => Some(GoDuration::from_nanoseconds(*span).to_string()),
        Value::Int(Type::Month, month) => Some(named(&clock::MONTHS, month - 1, "Month", *month)),
        Value::Int(Type::Weekday, day) => Some(named(&clock::WEEKDAYS, *day, "Weekday", *day)),
        _ => None,
    }
}

fn named(names: &[&str], index: i64, kind: &str, number: i64) -> String {
    let name = usize::try_from(index).ok().and_then(|at| names.get(at));
    name.map_or_else(|| format!("%!{kind}({number})"), |name| (*name).to_owned())
}

static NAMED: &[Method] = &[method("String", &[], |heap, value, _| {
    heap.text(string(value).unwrap_or_default())
})];

static LOGGED: &[Method] = &[method("MarshalLog", &[], |_, value, _| match value {
    Value::Struct(name) => Ok(Value::Struct(Struct {
        ty: Type::LogName,
        fields: Rc::from([
            name.field("Name").unwrap_or(Value::Nil),
            name.field("Namespace").unwrap_or(Value::Nil),
        ]),
    })),
    _ => Ok(Value::Nil),
})];

fn time(value: &Value) -> Time {
    match value {
        Value::Time(time) => time.clone(),
        _ => Time::zero(),
    }
}

fn number(body: impl Fn(&Time) -> i64, value: &Value) -> Result<Value, Fault> {
    Ok(Value::int(body(&time(value))))
}

fn ordering(value: &Value, args: &Args) -> Ordering {
    time(value).compare(&args.time(0))
}

static TIME: &[Method] = &[
    method("Year", &[], |_, t, _| number(|t| t.date().year, t)),
    method("Month", &[], |_, t, _| {
        Ok(Value::Int(Type::Month, time(t).date().month))
    }),
    method("Day", &[], |_, t, _| number(|t| t.date().day, t)),
    method("Weekday", &[], |_, t, _| {
        Ok(Value::Int(Type::Weekday, time(t).weekday()))
    }),
    method("YearDay", &[], |_, t, _| number(Time::year_day, t)),
    method("Hour", &[], |_, t, _| number(|t| t.clock().0, t)),
    method("Minute", &[], |_, t, _| number(|t| t.clock().1, t)),
    method("Second", &[], |_, t, _| number(|t| t.clock().2, t)),
    method("Nanosecond", &[], |_, t, _| {
        number(|t| i64::from(t.nanosecond()), t)
    }),
    method("Unix", &[], |_, t, _| int64(time(t).unix())),
    method("UnixMilli", &[], |_, t, _| {
        let time = time(t);
        let part = i64::from(time.nanosecond() / 1_000_000);
        int64(time.unix().wrapping_mul(1_000).wrapping_add(part))
    }),
    method("UnixMicro", &[], |_, t, _| {
        let time = time(t);
        let part = i64::from(time.nanosecond() / 1_000);
        int64(time.unix().wrapping_mul(1_000_000).wrapping_add(part))
    }),
    method("UnixNano", &[], |_, t, _| int64(time(t).unix_nanoseconds())),
    method("Format", &[Type::String], |heap, t, args| {
        heap.text(time(t).format(args.text(0)))
    }),
    method("GoString", &[], |heap, t, _| {
        heap.text(clock::go_syntax(&time(t)))
    }),
    method("UTC", &[], |_, t, _| Ok(Value::Time(time(t).in_utc()))),
    method("Local", &[], |_, t, _| Ok(Value::Time(time(t).in_local()))),
    method("Location", &[], |_, _, _| Ok(Value::Location)),
    method("IsZero", &[], |_, t, _| Ok(Value::Bool(time(t).is_zero()))),
    method("IsDST", &[], |_, _, _| Ok(Value::Bool(false))),
    method("Add", &[Type::Duration], |_, t, args| {
        Ok(Value::Time(time(t).add(args.int(0))))
    }),
    method(
        "AddDate",
        &[Type::Int, Type::Int, Type::Int],
        |_, t, args| {
            Ok(Value::Time(time(t).add_date(
                args.int(0),
                args.int(1),
                args.int(2),
            )))
        },
    ),
    method("Sub", &[Type::Time], |_, t, args| {
        Ok(Value::Int(Type::Duration, time(t).since(&args.time(0))))
    }),
    method("After", &[Type::Time], |_, t, args| {
        Ok(Value::Bool(ordering(t, args) == Ordering::Greater))
    }),
    method("Before", &[Type::Time], |_, t, args| {
        Ok(Value::Bool(ordering(t, args) == Ordering::Less))
    }),
    method("Equal", &[Type::Time], |_, t, args| {
        Ok(Value::Bool(ordering(t, args) == Ordering::Equal))
    }),
    method("Compare", &[Type::Time], |_, t, args| {
        Ok(Value::int(ordering(t, args) as i64))
    }),
    method("Truncate", &[Type::Duration], |_, t, args| {
        Ok(Value::Time(time(t).truncated(args.int(0))))
    }),
    method("Round", &[Type::Duration], |_, t, args| {
        Ok(Value::Time(time(t).rounded(args.int(0))))
    }),
    unusable(
        "Date",
        "function Date has 3 return values; should be 1 or 2",
    ),
    unusable(
        "Clock",
        "function Clock has 3 return values; should be 1 or 2",
    ),
    unusable(
        "ISOWeek",
        "invalid function signature for ISOWeek: second return value should be error; is int",
    ),
    unusable(
        "Zone",
        "invalid function signature for Zone: second return value should be error; is int",
    ),
    unusable(
        "ZoneBounds",
        "invalid function signature for ZoneBounds: second return value should be error; is time.Time",
    ),
];

/// Methods that give bytes.
static MARSHALLED: &[Method] = &[
    method("MarshalJSON", &[], |heap, t, _| {
        let text = rfc3339(t)?;
        bytes(heap, format!("\"{text}\"").as_bytes())
    }),
    method("MarshalText", &[], |heap, t, _| {
        let text = rfc3339(t)?;
        bytes(heap, text.as_bytes())
    }),
];

fn rfc3339(value: &Value) -> Result<String, Fault> {
    time(value)
        .rfc3339()
        .ok_or_else(|| Fault::refused("Time.MarshalJSON: year outside of range [0,9999]"))
}

fn bytes(heap: &mut Heap, bytes: &[u8]) -> Result<Value, Fault> {
    let items = bytes
        .iter()
        .map(|byte| Value::Uint(Type::Uint8, u64::from(*byte)))
        .collect();
    heap.list(Type::Bytes, items)
}

fn int64(number: i64) -> Result<Value, Fault> {
    Ok(Value::Int(Type::Int64, number))
}

fn span(value: &Value) -> i64 {
    match value {
        Value::Int(_, span) => *span,
        _ => 0,
    }
}

fn float(span: i64, unit: i64) -> Result<Value, Fault> {
    let (whole, part) = (span / unit, span % unit);
    Ok(Value::Float(whole as f64 + part as f64 / unit as f64))
}

fn duration(span: i64) -> Result<Value, Fault> {
    Ok(Value::Int(Type::Duration, span))
}

static DURATION: &[Method] = &[
    method("Nanoseconds", &[], |_, d, _| int64(span(d))),
    method("Microseconds", &[], |_, d, _| int64(span(d) / 1_000)),
    method("Milliseconds", &[], |_, d, _| int64(span(d) / 1_000_000)),
    method("Seconds", &[], |_, d, _| float(span(d), 1_000_000_000)),
    method("Minutes", &[], |_, d, _| float(span(d), 60_000_000_000)),
    method("Hours", &[], |_, d, _| float(span(d), 3_600_000_000_000)),
    method("Abs", &[], |_, d, _| duration(span(d).saturating_abs())),
    method("Truncate", &[Type::Duration], |_, d, args| {
        let unit = args.int(0);
        duration(if unit <= 0 {
            span(d)
        } else {
            span(d) - span(d) % unit
        })
    }),
    method("Round", &[Type::Duration], |_, d, args| {
        let unit = args.int(0);
        duration(if unit <= 0 {
            span(d)
        } else {
            rounded(span(d), unit)
        })
    }),
];

/// Rounds half away from zero.
fn rounded(span: i64, unit: i64) -> i64 {
    let rest = span % unit;
    let twice = rest.unsigned_abs().saturating_mul(2);
    let truncated = span - rest;
    if twice < unit.unsigned_abs() {
        truncated
    } else if span < 0 {
        truncated.saturating_sub(unit)
    } else {
        truncated.saturating_add(unit)
    }
}

fn release(value: &Value) -> Option<&Rc<Release>> {
    match value {
        Value::Version(release, _) => Some(release),
        _ => None,
    }
}

fn part(value: &Value, index: usize) -> Result<Value, Fault> {
    let number = release(value).map_or(0, |release| release.numbers()[index]);
    Ok(Value::Uint(Type::Uint64, number))
}

fn bumped(next: Option<Release>, what: &str) -> Result<Value, Fault> {
    match next {
        Some(next) => Ok(Value::Version(Rc::new(next), Type::Version)),
        None => Err(Fault::refused(format!(
            "{what} version increment would overflow uint64"
        ))),
    }
}

static VERSION: &[Method] = &[
    method("Major", &[], |_, v, _| part(v, 0)),
    method("Minor", &[], |_, v, _| part(v, 1)),
    method("Patch", &[], |_, v, _| part(v, 2)),
    method("Prerelease", &[], |heap, v, _| {
        heap.text(release(v).map_or("", |release| release.prerelease()))
    }),
    method("Metadata", &[], |heap, v, _| {
        heap.text(release(v).map_or("", |release| release.metadata()))
    }),
    method("IncMajor", &[], |_, v, _| {
        bumped(release(v).and_then(|release| release.next_major()), "major")
    }),
    method("IncMinor", &[], |_, v, _| {
        bumped(release(v).and_then(|release| release.next_minor()), "minor")
    }),
    method("IncPatch", &[], |_, v, _| {
        bumped(release(v).and_then(|release| release.next_patch()), "patch")
    }),
    method("SetPrerelease", &[Type::String], |_, v, args| {
        let text = lossy(args.text(0));
        if !text.is_empty() && Release::parse(&format!("0.0.0-{text}")).is_none() {
            return Err(Fault::refused(identifiers_fault(&text, "Prerelease")));
        }
        bumped(release(v).map(|release| release.with_prerelease(&text)), "")
    }),
    method("SetMetadata", &[Type::String], |_, v, args| {
        let text = lossy(args.text(0));
        if !text.is_empty() && Release::parse(&format!("0.0.0+{text}")).is_none() {
            return Err(Fault::refused(identifiers_fault(&text, "Metadata")));
        }
        bumped(release(v).map(|release| release.with_metadata(&text)), "")
    }),
];

/// Why a text is no pre-release or metadata.
fn identifiers_fault(text: &str, what: &str) -> String {
    let numeric = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let leading_zero = what == "Prerelease"
        && text
            .split('.')
            .any(|part| part.len() > 1 && part.starts_with('0') && numeric(part));
    if leading_zero {
        "version segment starts with 0".to_owned()
    } else {
        format!("invalid {what} string")
            .to_lowercase()
            .replace("invalid ", "Invalid ")
    }
}

fn precedence(value: &Value, args: &Args) -> Result<Ordering, Fault> {
    match (release(value), args.version(0)) {
        (Some(left), Some(right)) => Ok(left.compare(right)),
        _ => Err(Fault::nil_pointer()),
    }
}

static VERSION_POINTER: &[Method] = &[
    method("Original", &[], |heap, v, _| {
        heap.text(release(v).map_or("", |release| release.original()))
    }),
    method("Compare", &[Type::VersionPointer], |_, v, args| {
        Ok(Value::int(precedence(v, args)? as i64))
    }),
    method("LessThan", &[Type::VersionPointer], |_, v, args| {
        Ok(Value::Bool(precedence(v, args)?.is_lt()))
    }),
    method("LessThanEqual", &[Type::VersionPointer], |_, v, args| {
        Ok(Value::Bool(precedence(v, args)?.is_le()))
    }),
    method("GreaterThan", &[Type::VersionPointer], |_, v, args| {
        Ok(Value::Bool(precedence(v, args)?.is_gt()))
    }),
    method("GreaterThanEqual", &[Type::VersionPointer], |_, v, args| {
        Ok(Value::Bool(precedence(v, args)?.is_ge()))
    }),
    method("Equal", &[Type::VersionPointer], |_, v, args| {
        Ok(Value::Bool(
            args.version(0).is_some() && precedence(v, args)?.is_eq(),
        ))
    }),
];
