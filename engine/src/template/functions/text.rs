//! Strings.

use super::{Args, Function, signed};
use crate::template::fault::Fault;
use crate::template::format;
use crate::template::runes::{is_space, lossy, quote, runes, to_lower, to_title, to_upper};
use crate::template::types::Type;
use crate::template::value::{Heap, Key, Value};

const TEXT: &[Type] = &[Type::String];
const TWO: &[Type] = &[Type::String, Type::String];

const fn of_text(name: &'static str, body: super::Plain) -> Function {
    Function::new(name, TEXT, Type::String, body)
}

const fn of_two(name: &'static str, result: Type, body: super::Plain) -> Function {
    Function::new(name, TWO, result, body)
}

pub(super) const FUNCTIONS: &[Function] = &[
    of_text("trim", |heap, args| heap.text(trim(args.text(0)))),
    of_text("upper", |heap, args| {
        heap.text(mapped(args.text(0), to_upper))
    }),
    of_text("lower", |heap, args| {
        heap.text(mapped(args.text(0), to_lower))
    }),
    of_text("title", |heap, args| heap.text(title(args.text(0)))),
    of_text("nospace", |heap, args| {
        heap.text(without_spaces(args.text(0)))
    }),
    of_text("initials", |heap, args| heap.text(initials(args.text(0)))),
    of_two("trimAll", Type::String, trim_all),
    of_two("trimall", Type::String, trim_all),
    of_two("trimSuffix", Type::String, |heap, args| {
        let (suffix, text) = (args.text(0), args.text(1));
        heap.text(text.strip_suffix(suffix).unwrap_or(text))
    }),
    of_two("trimPrefix", Type::String, |heap, args| {
        let (prefix, text) = (args.text(0), args.text(1));
        heap.text(text.strip_prefix(prefix).unwrap_or(text))
    }),
    of_two("contains", Type::Bool, |heap, args| {
        heap.charge(args.text(1).len())?;
        let (part, text) = (args.text(0), args.text(1));
        Ok(Value::Bool(memchr::memmem::find(text, part).is_some()))
    }),
    of_two("hasPrefix", Type::Bool, |_, args| {
        Ok(Value::Bool(args.text(1).starts_with(args.text(0))))
    }),
    of_two("hasSuffix", Type::Bool, |_, args| {
        Ok(Value::Bool(args.text(1).ends_with(args.text(0))))
    }),
    Function::new("trunc", &[Type::Int, Type::String], Type::String, truncate),
    Function::new(
        "substr",
        &[Type::Int, Type::Int, Type::String],
        Type::String,
        substring,
    ),
    Function::new("repeat", &[Type::Int, Type::String], Type::String, repeat),
    Function::new(
        "replace",
        &[Type::String, Type::String, Type::String],
        Type::String,
        replace,
    ),
    Function::new(
        "indent",
        &[Type::Int, Type::String],
        Type::String,
        |heap, args| indent(heap, args, b""),
    ),
    Function::new(
        "nindent",
        &[Type::Int, Type::String],
        Type::String,
        |heap, args| indent(heap, args, b"\n"),
    ),
    Function::new(
        "plural",
        &[Type::String, Type::String, Type::Int],
        Type::String,
        |_, args| {
            let chosen = usize::from(args.int(2) != 1);
            Ok(args.any(chosen).clone())
        },
    ),
    Function::variadic("quote", &[], Type::Any, Type::String, |heap, args| {
        let mut quoted = Vec::new();
        for value in args.from(0).filter(|value| !matches!(value, Value::Nil)) {
            let text = super::cast::to_text(heap, value)?;
            heap.charge(text.len())?;
            quoted.push(quote(&text));
        }
        heap.text(quoted.join(" "))
    }),
    Function::variadic("squote", &[], Type::Any, Type::String, |heap, args| {
        each(heap, args, b"'%v'")
    }),
    Function::variadic("cat", &[], Type::Any, Type::String, |heap, args| {
        each(heap, args, b"%v")
    }),
    of_two("splitList", Type::Strings, |heap, args| {
        let parts = split(heap, args.text(1), args.text(0), None)?;
        heap.list(Type::Strings, parts.iter().map(Value::text).collect())
    }),
    of_two("split", Type::StringMap, |heap, args| {
        numbered(heap, args.text(1), args.text(0), None)
    }),
    Function::new(
        "splitn",
        &[Type::String, Type::Int, Type::String],
        Type::StringMap,
        |heap, args| numbered(heap, args.text(2), args.text(0), Some(args.int(1))),
    ),
];

/// Every rune replaced by another; bytes that are not UTF-8 become U+FFFD.
fn mapped(text: &[u8], map: fn(char) -> char) -> String {
    runes(text).map(|(c, _)| map(c)).collect()
}

pub(super) fn trim(text: &[u8]) -> &[u8] {
    trim_where(text, |c, width| {
        is_space(c) && (c != char::REPLACEMENT_CHARACTER || width > 1)
    })
}

/// The text without the runes at both ends that a test accepts.
fn trim_where(text: &[u8], drop: impl Fn(char, usize) -> bool) -> &[u8] {
    let mut start = 0;
    let mut end = 0;
    let mut at = 0;
    let mut inside = false;
    for (c, width) in runes(text) {
        if !drop(c, width) {
            if !inside {
                start = at;
                inside = true;
            }
            end = at + width;
        }
        at += width;
    }
    &text[start..end]
}

fn trim_all(heap: &mut Heap, args: &Args) -> Result<Value, Fault> {
    let cutset: std::collections::BTreeSet<char> = runes(args.text(0)).map(|(c, _)| c).collect();
    heap.text(trim_where(args.text(1), |c, _| cutset.contains(&c)))
}

/// Upper-cases the first letter of each word by Go's old idea of words.
fn title(text: &[u8]) -> String {
    use crate::template::runes::{DIGIT, LETTER};
    let mut previous = ' ';
    let mut titled = String::with_capacity(text.len());
    for (c, _) in runes(text) {
        let in_word = match previous {
            '_' => true,
            p if p.is_ascii() => p.is_ascii_alphanumeric(),
            p => LETTER.contains(p) || DIGIT.contains(p) || !is_space(p),
        };
        titled.push(if in_word { c } else { to_title(c) });
        previous = c;
    }
    titled
}

/// Drops white space byte by byte, so that text outside ASCII is garbled as sprig garbles it.
fn without_spaces(text: &[u8]) -> Vec<u8> {
    let kept: String = text
        .iter()
        .map(|byte| char::from(*byte))
        .filter(|c| !is_space(*c))
        .collect();
    if kept.chars().count() == text.len() {
        return text.to_vec();
    }
    kept.into_bytes()
}

/// The first byte of each word.
fn initials(text: &[u8]) -> String {
    let mut after_gap = true;
    let mut initials = String::new();
    for byte in text {
        let c = char::from(*byte);
        if is_space(c) {
            after_gap = true;
        } else if std::mem::take(&mut after_gap) {
            initials.push(c);
        }
    }
    initials
}

fn truncate(heap: &mut Heap, args: &Args) -> Result<Value, Fault> {
    let text = args.text(1);
    let count = args.int(0);
    let magnitude = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    let kept = match (count < 0, text.len().checked_sub(magnitude)) {
        (true, Some(start)) if start > 0 => &text[start..],
        (false, Some(_)) => &text[..magnitude],
        _ => text,
    };
    heap.text(kept)
}

fn substring(heap: &mut Heap, args: &Args) -> Result<Value, Fault> {
    let text = args.text(2);
    let length = signed(text.len());
    let (start, end) = (args.int(0), args.int(1));
    let range = if start < 0 {
        (0, end)
    } else if end < 0 || end > length {
        (start, length)
    } else {
        (start, end)
    };
    let bounds = usize::try_from(range.0)
        .ok()
        .zip(usize::try_from(range.1).ok());
    match bounds.and_then(|(start, end)| text.get(start..end)) {
        Some(part) => heap.text(part),
        None => Err(out_of_bounds(range, length)),
    }
}

/// What Go says about a slice of a string that is none.
fn out_of_bounds((start, end): (i64, i64), length: i64) -> Fault {
    const ERROR: &str = "runtime error: slice bounds out of range";
    Fault::refused(if end < 0 {
        format!("{ERROR} [:{end}]")
    } else if end > length {
        format!("{ERROR} [:{end}] with length {length}")
    } else {
        format!("{ERROR} [{start}:{end}]")
    })
}

fn repeat(heap: &mut Heap, args: &Args) -> Result<Value, Fault> {
    let text = args.text(1);
    let Ok(count) = usize::try_from(args.int(0)) else {
        return Err(Fault::refused("strings: negative Repeat count"));
    };
    heap.charge(text.len().saturating_mul(count))?;
    Ok(Value::text(if text.is_empty() {
        Vec::new()
    } else {
        text.repeat(count)
    }))
}

fn replace(heap: &mut Heap, args: &Args) -> Result<Value, Fault> {
    let (old, new, text) = (args.text(0), args.text(1), args.text(2));
    heap.charge(text.len())?;
    if old == new {
        return Ok(args.any(2).clone());
    }
    let mut replaced = Vec::with_capacity(text.len());
    if old.is_empty() {
        let mut rest = text;
        for (_, width) in runes(text) {
            heap.charge(new.len() + width)?;
            replaced.extend_from_slice(new);
            replaced.extend_from_slice(&rest[..width]);
            rest = &rest[width..];
        }
        replaced.extend_from_slice(new);
        return heap.text(replaced);
    }
    let mut copied = 0;
    for at in memchr::memmem::find_iter(text, old) {
        heap.charge(new.len() + 1)?;
        replaced.extend_from_slice(&text[copied..at]);
        replaced.extend_from_slice(new);
        copied = at + old.len();
    }
    replaced.extend_from_slice(&text[copied..]);
    heap.text(replaced)
}

/// Puts spaces before each line.
fn indent(heap: &mut Heap, args: &Args, before: &[u8]) -> Result<Value, Fault> {
    let text = args.text(1);
    let Ok(width) = usize::try_from(args.int(0)) else {
        return Err(Fault::refused("strings: negative Repeat count"));
    };
    let lines = memchr::memchr_iter(b'\n', text).count() + 1;
    heap.charge(width.saturating_mul(lines).saturating_add(text.len()))?;
    let padding = vec![b' '; width];
    let mut indented = before.to_vec();
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        if index > 0 {
            indented.push(b'\n');
        }
        indented.extend_from_slice(&padding);
        indented.extend_from_slice(line);
    }
    Ok(Value::text(indented))
}

/// Prints each argument that is not nil, with spaces between.
fn each(heap: &mut Heap, args: &Args, verb: &[u8]) -> Result<Value, Fault> {
    let mut joined = Vec::new();
    for (index, value) in args
        .from(0)
        .filter(|value| !matches!(value, Value::Nil))
        .enumerate()
    {
        if index > 0 {
            joined.push(b' ');
        }
        joined.append(&mut format::printf(
            heap,
            verb,
            std::slice::from_ref(value),
        )?);
    }
    Ok(Value::text(joined))
}

/// Splits at a separator, or between runes if it is empty; at most `limit` parts if it is positive.
fn split<'t>(
    heap: &mut Heap,
    text: &'t [u8],
    separator: &[u8],
    limit: Option<i64>,
) -> Result<Vec<&'t [u8]>, Fault> {
    let most = match limit {
        Some(0) => return Ok(Vec::new()),
        Some(limit) => usize::try_from(limit).unwrap_or(usize::MAX),
        None => usize::MAX,
    };
    heap.charge(text.len())?;
    let mut parts = Vec::new();
    let mut start = 0;
    if separator.is_empty() {
        let mut widths = runes(text).map(|(_, width)| width).peekable();
        while let Some(width) = widths.next() {
            let last = parts.len() + 1 == most || widths.peek().is_none();
            let end = if last { text.len() } else { start + width };
            heap.charge_items(1)?;
            parts.push(&text[start..end]);
            start = end;
            if last {
                break;
            }
        }
        return Ok(parts);
    }
    for at in memchr::memmem::find_iter(text, separator) {
        if parts.len() + 1 >= most {
            break;
        }
        heap.charge_items(1)?;
        parts.push(&text[start..at]);
        start = at + separator.len();
    }
    parts.push(&text[start..]);
    Ok(parts)
}

/// The parts as a map with keys `_0`, `_1` and so on.
fn numbered(
    heap: &mut Heap,
    text: &[u8],
    separator: &[u8],
    limit: Option<i64>,
) -> Result<Value, Fault> {
    let parts = split(heap, text, separator, limit)?;
    let entries = parts
        .iter()
        .enumerate()
        .map(|(index, part)| {
            let key = format!("_{index}").into_bytes();
            (Key::Text(key.into()), Value::text(part))
        })
        .collect();
    heap.map(Type::StringMap, entries)
}

/// The text as UTF-8, for functions that work on characters.
pub(super) fn characters(text: &[u8]) -> Vec<char> {
    lossy(text).chars().collect()
}
