//! Regular expressions and semantic versions.

use std::rc::Rc;

use super::{Args, Function};
use crate::pattern::{Extract, Pattern, quote_meta};
use crate::range::Range;
use crate::template::fault::Fault;
use crate::template::release::Release;
use crate::template::runes::{can_backquote, lossy, quote};
use crate::template::types::Type;
use crate::template::value::{Heap, List, Value};
use crate::version::Version;

const MATCH: &[Type] = &[Type::String, Type::String];
const COUNTED: &[Type] = &[Type::String, Type::String, Type::Int];
const REPLACE: &[Type] = &[Type::String, Type::String, Type::String];

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("regexMatch", MATCH, Type::Bool, |heap, args| {
        let matched = is_match(heap, args, must_compile);
        match matched {
            Err(Fault::Refused(_)) => Ok(Value::Bool(false)),
            matched => matched,
        }
    }),
    Function::new("mustRegexMatch", MATCH, Type::Bool, |heap, args| {
        is_match(heap, args, compile)
    }),
    Function::new("regexFind", MATCH, Type::String, |heap, args| {
        find(heap, args, must_compile)
    }),
    Function::new("mustRegexFind", MATCH, Type::String, |heap, args| {
        find(heap, args, compile)
    }),
    Function::new("regexFindAll", COUNTED, Type::Strings, |heap, args| {
        find_all(heap, args, must_compile)
    }),
    Function::new("mustRegexFindAll", COUNTED, Type::Strings, |heap, args| {
        find_all(heap, args, compile)
    }),
    Function::new("regexSplit", COUNTED, Type::Strings, |heap, args| {
        split(heap, args, must_compile)
    }),
    Function::new("mustRegexSplit", COUNTED, Type::Strings, |heap, args| {
        split(heap, args, compile)
    }),
    Function::new("regexReplaceAll", REPLACE, Type::String, |heap, args| {
        replace(heap, args, must_compile)
    }),
    Function::new(
        "mustRegexReplaceAll",
        REPLACE,
        Type::String,
        |heap, args| replace(heap, args, compile),
    ),
    Function::new(
        "regexReplaceAllLiteral",
        REPLACE,
        Type::String,
        |heap, args| replace_literal(heap, args, must_compile),
    ),
    Function::new(
        "mustRegexReplaceAllLiteral",
        REPLACE,
        Type::String,
        |heap, args| replace_literal(heap, args, compile),
    ),
    Function::new(
        "regexQuoteMeta",
        &[Type::String],
        Type::String,
        |heap, args| heap.text(quote_meta(&lossy(args.text(0)))),
    ),
    Function::new(
        "semver",
        &[Type::String],
        Type::VersionPointer,
        |_, args| match Release::parse(&lossy(args.text(0))) {
            Some(release) => Ok(Value::Version(Rc::new(release), Type::VersionPointer)),
            None => Err(no_version(&lossy(args.text(0)))),
        },
    ),
    Function::new("semverCompare", MATCH, Type::Bool, |_, args| {
        let (range, version) = (lossy(args.text(0)), lossy(args.text(1)));
        let range = Range::parse(&range).map_err(|error| Fault::refused(error.to_string()))?;
        match Version::parse_loose(&version) {
            Some(version) => Ok(Value::Bool(range.matches(&version))),
            None => Err(no_version(&version)),
        }
    }),
];

/// Why a text is no version.
fn no_version(text: &str) -> Fault {
    let fault = if text.len() > 256 {
        "version string is too long"
    } else {
        "invalid semantic version"
    };
    Fault::refused(fault)
}

type Compile = fn(&mut Heap, &str) -> Result<Pattern, Fault>;

/// About how many states the compiled pattern has: its length, times what it repeats.
fn weight(source: &str) -> usize {
    let repeated = source
        .split('{')
        .skip(1)
        .filter_map(|counted| counted.split('}').next()?.rsplit(',').next()?.parse().ok())
        .filter(|count| *count > 1)
        .fold(1, usize::saturating_mul);
    // Classes of all scripts and letters of either case are large.
    let large = source.contains("\\p") || source.contains("\\P") || source.contains("(?i");
    let class = if large { 30 } else { 1 };
    source.len().saturating_mul(repeated).saturating_mul(class)
}

fn compile(heap: &mut Heap, source: &str) -> Result<Pattern, Fault> {
    if let Some(pattern) = heap.pattern(source) {
        return Ok(pattern);
    }
    heap.charge(weight(source).saturating_mul(20).saturating_add(2000))?;
    let pattern = Pattern::new(source).map_err(|error| Fault::refused(error.to_string()))?;
    heap.keep_pattern(pattern.clone());
    Ok(pattern)
}

/// Compiles as a function that panics does: the error names the pattern.
fn must_compile(heap: &mut Heap, source: &str) -> Result<Pattern, Fault> {
    compile(heap, source).map_err(|fault| match fault {
        Fault::Refused(text) => {
            let quoted = if can_backquote(source.as_bytes()) {
                format!("`{source}`")
            } else {
                quote(source.as_bytes())
            };
            Fault::Refused(format!("regexp: Compile({quoted}): {text}"))
        }
        fault => fault,
    })
}

/// The pattern and the text to search, whose search is paid for.
fn prepared(heap: &mut Heap, args: &Args, compile: Compile) -> Result<(Pattern, String), Fault> {
    let (source, text) = (lossy(args.text(0)), lossy(args.text(1)));
    let each = weight(&source) / 16 + 4;
    heap.charge(text.len().saturating_mul(each))?;
    Ok((compile(heap, &source)?, text))
}

/// A count of Go, where a negative one means all.
fn limit(count: i64) -> Option<usize> {
    usize::try_from(count).ok()
}

fn is_match(heap: &mut Heap, args: &Args, compile: Compile) -> Result<Value, Fault> {
    let (pattern, text) = prepared(heap, args, compile)?;
    Ok(Value::Bool(pattern.is_match(&text)))
}

fn find(heap: &mut Heap, args: &Args, compile: Compile) -> Result<Value, Fault> {
    let (pattern, text) = prepared(heap, args, compile)?;
    heap.text(pattern.find(&text).unwrap_or_default())
}

fn find_all(heap: &mut Heap, args: &Args, compile: Compile) -> Result<Value, Fault> {
    let (pattern, text) = prepared(heap, args, compile)?;
    let found = pattern.find_all(&text, limit(args.int(2)));
    texts(heap, &found)
}

fn split(heap: &mut Heap, args: &Args, compile: Compile) -> Result<Value, Fault> {
    let (pattern, text) = prepared(heap, args, compile)?;
    let parts = pattern.split(&text, limit(args.int(2)));
    texts(heap, &parts)
}

/// A list of strings, nil when there are none.
fn texts<T: AsRef<[u8]>>(heap: &mut Heap, texts: &[T]) -> Result<Value, Fault> {
    if texts.is_empty() {
        return Ok(Value::List(List {
            ty: Type::Strings,
            items: None,
        }));
    }
    heap.charge_items(texts.len())?;
    let items = texts.iter().map(Value::text).collect();
    heap.list(Type::Strings, items)
}

fn replace(heap: &mut Heap, args: &Args, compile: Compile) -> Result<Value, Fault> {
    let (pattern, text) = prepared(heap, args, compile)?;
    let replacement = lossy(args.text(2));
    charge_replacement(heap, &text, &replacement)?;
    heap.text(pattern.replace_all(&text, &Extract::parse(&replacement)))
}

fn replace_literal(heap: &mut Heap, args: &Args, compile: Compile) -> Result<Value, Fault> {
    let (pattern, text) = prepared(heap, args, compile)?;
    let replacement = lossy(args.text(2));
    charge_replacement(heap, &text, &replacement)?;
    heap.text(pattern.replace_all_literal(&text, &replacement))
}

/// Pays for the longest result: the replacement between all characters, each reference being as
/// long as the text.
fn charge_replacement(heap: &mut Heap, text: &str, replacement: &str) -> Result<(), Fault> {
    let references = replacement.matches('$').count();
    let each = replacement.len().saturating_mul(text.len() + 1);
    heap.charge(each.saturating_add(references.saturating_mul(text.len())))
}
