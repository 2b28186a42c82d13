//! Dictionaries, which unlike everything else can be changed in place.

use std::collections::BTreeMap;

use super::{Args, Function};
use crate::template::fault::Fault;
use crate::template::types::Type;
use crate::template::value::{Heap, Key, Map, Value};

const KEYED: &[Type] = &[Type::Dict, Type::String];

pub(super) const FUNCTIONS: &[Function] = &[
    Function::variadic("dict", &[], Type::Any, Type::Dict, dict),
    Function::new("get", KEYED, Type::Any, |_, args| {
        let found = args.dict(0).and_then(|dict| dict.get(args.text(1)));
        Ok(found.unwrap_or_else(|| Value::text("")))
    }),
    Function::new(
        "set",
        &[Type::Dict, Type::String, Type::Any],
        Type::Dict,
        |heap, args| {
            let key = Key::Text(args.text(1).into());
            insert(heap, args.dict(0), key, args.any(2).clone())?;
            Ok(args.any(0).clone())
        },
    ),
    Function::new("unset", KEYED, Type::Dict, |_, args| {
        if let Some(entries) = args.dict(0).and_then(|dict| dict.entries.as_ref()) {
            entries.borrow_mut().remove(&Key::Text(args.text(1).into()));
        }
        Ok(args.any(0).clone())
    }),
    Function::new("hasKey", KEYED, Type::Bool, |_, args| {
        let found = args.dict(0).and_then(|dict| dict.get(args.text(1)));
        Ok(Value::Bool(found.is_some()))
    }),
    Function::variadic(
        "pluck",
        &[Type::String],
        Type::Dict,
        Type::Anys,
        |heap, args| {
            let found = args.from(1).filter_map(|value| match value {
                Value::Map(dict) => dict.get(args.text(0)),
                _ => None,
            });
            heap.list(Type::Anys, found.collect())
        },
    ),
    Function::variadic("keys", &[], Type::Dict, Type::Strings, |heap, args| {
        let mut keys = Vec::new();
        for value in args.from(0) {
            keys.extend(
                entries(heap, value)?
                    .into_iter()
                    .map(|(key, _)| key.value()),
            );
        }
        heap.list(Type::Strings, keys)
    }),
    Function::new("values", &[Type::Dict], Type::Anys, |heap, args| {
        let entries = entries(heap, args.any(0))?;
        let values = entries.into_iter().map(|(_, value)| value).collect();
        heap.list(Type::Anys, values)
    }),
    Function::variadic(
        "pick",
        &[Type::Dict],
        Type::String,
        Type::Dict,
        |heap, args| {
            let names = names(args);
            let mut kept = entries(heap, args.any(0))?;
            kept.retain(|(key, _)| names.contains(key));
            heap.map(Type::Dict, kept.into_iter().collect())
        },
    ),
    Function::variadic(
        "omit",
        &[Type::Dict],
        Type::String,
        Type::Dict,
        |heap, args| {
            let names = names(args);
            let mut kept = entries(heap, args.any(0))?;
            kept.retain(|(key, _)| !names.contains(key));
            heap.map(Type::Dict, kept.into_iter().collect())
        },
    ),
    Function::variadic("dig", &[], Type::Any, Type::Any, dig),
    Function::variadic(
        "merge",
        &[Type::Dict],
        Type::Dict,
        Type::Any,
        |heap, args| merge_all(heap, args, Existing::Kept),
    ),
    Function::variadic(
        "mustMerge",
        &[Type::Dict],
        Type::Dict,
        Type::Any,
        |heap, args| merge_all(heap, args, Existing::Kept),
    ),
    Function::variadic(
        "mergeOverwrite",
        &[Type::Dict],
        Type::Dict,
        Type::Any,
        |heap, args| merge_all(heap, args, Existing::Replaced),
    ),
    Function::variadic(
        "mustMergeOverwrite",
        &[Type::Dict],
        Type::Dict,
        Type::Any,
        |heap, args| merge_all(heap, args, Existing::Replaced),
    ),
];

fn names(args: &Args) -> std::collections::BTreeSet<Key> {
    args.from(1).filter_map(Key::of).collect()
}

fn entries(heap: &mut Heap, value: &Value) -> Result<Vec<(Key, Value)>, Fault> {
    match value {
        Value::Map(map) => {
            heap.charge_items(map.len())?;
            Ok(map.to_vec())
        }
        _ => Ok(Vec::new()),
    }
}

fn dict(heap: &mut Heap, args: &Args) -> Result<Value, Fault> {
    let mut entries = BTreeMap::new();
    for at in (0..args.len()).step_by(2) {
        let key = super::cast::to_text(heap, args.any(at))?;
        let value = if at + 1 < args.len() {
            args.any(at + 1).clone()
        } else {
            Value::text("")
        };
        entries.insert(Key::Text(key), value);
    }
    heap.map(Type::Dict, entries)
}

fn insert(heap: &mut Heap, dict: Option<&Map>, key: Key, value: Value) -> Result<(), Fault> {
    let Some(entries) = dict.and_then(|dict| dict.entries.as_ref()) else {
        return Err(Fault::refused("assignment to entry in nil map"));
    };
    heap.charge_items(1)?;
    entries.borrow_mut().insert(key, value);
    Ok(())
}

/// Follows keys through dictionaries; the last but one argument is for a key that is missing.
fn dig(_: &mut Heap, args: &Args) -> Result<Value, Fault> {
    let count = args.len();
    if count < 3 {
        return Err(Fault::refused("dig needs at least three arguments"));
    }
    let mut at = args.any(count - 1).clone();
    let converted = |value: &Value, wanted: Type| {
        Fault::refused(format!(
            "interface conversion: interface {{}} is {}, not {}",
            match value.ty() {
                Type::Nil => "nil",
                ty => ty.name(),
            },
            wanted.name()
        ))
    };
    if at.ty() != Type::Dict {
        return Err(converted(&at, Type::Dict));
    }
    let keys: Vec<&Value> = args.from(0).take(count - 2).collect();
    if let Some(key) = keys.iter().find(|key| key.ty() != Type::String) {
        return Err(converted(key, Type::String));
    }
    for key in keys {
        let next = match (&at, key) {
            (Value::Map(dict), Value::Text(key)) if dict.ty == Type::Dict => dict.get(key),
            _ => return Err(converted(&at, Type::Dict)),
        };
        match next {
            Some(next) => at = next,
            None => return Ok(args.any(count - 2).clone()),
        }
    }
    Ok(at)
}

/// What happens to a value the target of a merge has already.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Existing {
    Kept,
    Replaced,
}

/// How deep dictionaries may nest to be merged.
const DEPTH: usize = 100;

fn merge_all(heap: &mut Heap, args: &Args, existing: Existing) -> Result<Value, Fault> {
    for source in args.from(1) {
        if let (Some(target), Value::Map(source)) = (args.dict(0), source) {
            merge(heap, target, source, existing, 0)?;
        }
    }
    Ok(args.any(0).clone())
}

/// Merges like mergo: dictionaries in both are merged in turn, empty values count as missing.
fn merge(
    heap: &mut Heap,
    target: &Map,
    source: &Map,
    existing: Existing,
    depth: usize,
) -> Result<(), Fault> {
    if depth > DEPTH {
        return Err(Fault::Depth);
    }
    heap.charge_items(source.len())?;
    for (key, value) in source.to_vec() {
        let old = target.find(&key);
        if let Value::Nil = value {
            if existing == Existing::Replaced {
                insert(heap, Some(target), key, value)?;
            }
            continue;
        }
        if let (Some(Value::Map(old)), Value::Map(new)) = (&old, &value) {
            if old.ty == new.ty {
                merge(heap, old, new, existing, depth + 1)?;
            }
            if old.len() != 0 {
                continue;
            }
        }
        let blank = old.as_ref().is_none_or(is_blank);
        if blank || existing == Existing::Replaced {
            insert(heap, Some(target), key, value)?;
        }
    }
    Ok(())
}

/// Whether mergo takes a value for empty.
fn is_blank(value: &Value) -> bool {
    match value {
        Value::Struct(_) | Value::Version(..) | Value::Location => false,
        Value::Time(time) => time.is_zero(),
        other => !other.truth(),
    }
}
