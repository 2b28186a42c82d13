//! Lists. They cannot be changed in place, except that sorting a list of strings does.

use super::{Args, Function, signed};
use crate::template::fault::Fault;
use crate::template::types::{Kind, Type};
use crate::template::value::{Heap, List, Value};

const LIST: &[Type] = &[Type::Any];
const LIST_AND_ITEM: &[Type] = &[Type::Any, Type::Any];

const fn of_list(name: &'static str, result: Type, body: super::Plain) -> Function {
    Function::new(name, LIST, result, body)
}

pub(super) const FUNCTIONS: &[Function] = &[
    Function::variadic("list", &[], Type::Any, Type::Anys, list),
    Function::variadic("tuple", &[], Type::Any, Type::Anys, list),
    Function::new("append", LIST_AND_ITEM, Type::Anys, push),
    Function::new("push", LIST_AND_ITEM, Type::Anys, push),
    Function::new("mustAppend", LIST_AND_ITEM, Type::Anys, push),
    Function::new("mustPush", LIST_AND_ITEM, Type::Anys, push),
    Function::new("prepend", LIST_AND_ITEM, Type::Anys, prepend),
    Function::new("mustPrepend", LIST_AND_ITEM, Type::Anys, prepend),
    of_list("first", Type::Any, first),
    of_list("mustFirst", Type::Any, first),
    of_list("last", Type::Any, last),
    of_list("mustLast", Type::Any, last),
    of_list("rest", Type::Anys, rest),
    of_list("mustRest", Type::Anys, rest),
    of_list("initial", Type::Anys, initial),
    of_list("mustInitial", Type::Anys, initial),
    of_list("reverse", Type::Anys, reverse),
    of_list("mustReverse", Type::Anys, reverse),
    of_list("compact", Type::Anys, compact),
    of_list("mustCompact", Type::Anys, compact),
    of_list("uniq", Type::Anys, uniq),
    of_list("mustUniq", Type::Anys, uniq),
    of_list("sortAlpha", Type::Strings, sort),
    Function::variadic("without", LIST, Type::Any, Type::Anys, without),
    Function::variadic("mustWithout", LIST, Type::Any, Type::Anys, without),
    Function::variadic("slice", LIST, Type::Any, Type::Any, slice),
    Function::variadic("mustSlice", LIST, Type::Any, Type::Any, slice),
    Function::variadic("concat", &[], Type::Any, Type::Any, concat),
    Function::new("has", LIST_AND_ITEM, Type::Bool, has),
    Function::new("mustHas", LIST_AND_ITEM, Type::Bool, has),
    Function::new("chunk", &[Type::Int, Type::Any], Type::AnysList, chunk),
    Function::new("mustChunk", &[Type::Int, Type::Any], Type::AnysList, chunk),
    Function::new("join", &[Type::String, Type::Any], Type::String, join),
];

/// The value as a list; `complaint` is what Go says before the kind of anything else.
fn items(heap: &mut Heap, value: &Value, complaint: &str) -> Result<Vec<Value>, Fault> {
    match value {
        Value::List(list) => {
            heap.charge_items(list.len())?;
            Ok(list.to_vec())
        }
        Value::Nil => Err(Fault::nil_pointer()),
        other => {
            let kind = other.kind().name();
            Err(Fault::refused(format!("{complaint} {kind}")))
        }
    }
}

fn nil_list() -> Value {
    Value::List(List {
        ty: Type::Anys,
        items: None,
    })
}

fn list(heap: &mut Heap, args: &Args) -> Result<Value, Fault> {
    let items: Vec<_> = args.from(0).cloned().collect();
    heap.list(Type::Anys, items)
}

fn push(heap: &mut Heap, args: &Args) -> Result<Value, Fault> {
    let mut items = items(heap, args.any(0), "Cannot push on type")?;
    items.push(args.any(1).clone());
    heap.list(Type::Anys, items)
}

fn prepend(heap: &mut Heap, args: &Args) -> Result<Value, Fault> {
    let mut items = items(heap, args.any(0), "Cannot prepend on type")?;
    items.insert(0, args.any(1).clone());
    heap.list(Type::Anys, items)
}

fn first(heap: &mut Heap, args: &Args) -> Result<Value, Fault> {
    let items = items(heap, args.any(0), "Cannot find first on type")?;
    Ok(items.into_iter().next().unwrap_or(Value::Nil))
}

fn last(heap: &mut Heap, args: &Args) -> Result<Value, Fault> {
    let items = items(heap, args.any(0), "Cannot find last on type")?;
    Ok(items.into_iter().last().unwrap_or(Value::Nil))
}

fn rest(heap: &mut Heap, args: &Args) -> Result<Value, Fault> {
    let mut items = items(heap, args.any(0), "Cannot find rest on type")?;
    if items.is_empty() {
        return Ok(nil_list());
    }
    items.remove(0);
    heap.list(Type::Anys, items)
}

fn initial(heap: &mut Heap, args: &Args) -> Result<Value, Fault> {
    let mut items = items(heap, args.any(0), "Cannot find initial on type")?;
    if items.pop().is_none() {
        return Ok(nil_list());
    }
    heap.list(Type::Anys, items)
}

fn reverse(heap: &mut Heap, args: &Args) -> Result<Value, Fault> {
    let mut items = items(heap, args.any(0), "Cannot find reverse on type")?;
    items.reverse();
    heap.list(Type::Anys, items)
}

fn compact(heap: &mut Heap, args: &Args) -> Result<Value, Fault> {
    let mut items = items(heap, args.any(0), "Cannot compact on type")?;
    items.retain(|item| !super::defaults::is_empty(item));
    heap.list(Type::Anys, items)
}

fn uniq(heap: &mut Heap, args: &Args) -> Result<Value, Fault> {
    let items = items(heap, args.any(0), "Cannot find uniq on type")?;
    let mut distinct = Vec::new();
    for item in items {
        if !contains(heap, &distinct, &item)? {
            distinct.push(item);
        }
    }
    heap.list(Type::Anys, distinct)
}

fn without(heap: &mut Heap, args: &Args) -> Result<Value, Fault> {
    let items = items(heap, args.any(0), "Cannot find without on type")?;
    let omitted: Vec<_> = args.from(1).cloned().collect();
    let mut kept = Vec::new();
    for item in items {
        if !contains(heap, &omitted, &item)? {
            kept.push(item);
        }
    }
    heap.list(Type::Anys, kept)
}

fn contains(heap: &mut Heap, items: &[Value], wanted: &Value) -> Result<bool, Fault> {
    for item in items {
        if super::reflection::deep_equal(heap, wanted, item)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn has(heap: &mut Heap, args: &Args) -> Result<Value, Fault> {
    if let Value::Nil = args.any(1) {
        return Ok(Value::Bool(false));
    }
    let items = items(heap, args.any(1), "Cannot find has on type")?;
    Ok(Value::Bool(contains(heap, &items, args.any(0))?))
}

fn slice(heap: &mut Heap, args: &Args) -> Result<Value, Fault> {
    let list = args.any(0);
    let items = items(heap, list, "list should be type of slice or array but")?;
    if items.is_empty() {
        return Ok(Value::Nil);
    }
    let length = items.len();
    let start = super::cast::to_int(args.any(1));
    let end = if args.len() < 3 {
        signed(length)
    } else {
        super::cast::to_int(args.any(2))
    };
    let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
    match range.and_then(|(start, end)| items.get(start..end)) {
        Some(part) => heap.list(list.ty(), part.to_vec()),
        None => Err(Fault::refused(
            "reflect.Value.Slice: slice index out of bounds",
        )),
    }
}

fn concat(heap: &mut Heap, args: &Args) -> Result<Value, Fault> {
    let mut joined = Vec::new();
    for value in args.from(0) {
        match value.kind() {
            Kind::Slice => joined.append(&mut items(heap, value, "")?),
            Kind::Invalid => return Err(Fault::nil_pointer()),
            kind => {
                let kind = kind.name();
                return Err(Fault::refused(format!("Cannot concat type {kind} as list")));
            }
        }
    }
    if joined.is_empty() {
        return Ok(nil_list());
    }
    heap.list(Type::Anys, joined)
}

fn chunk(heap: &mut Heap, args: &Args) -> Result<Value, Fault> {
    let items = items(heap, args.any(1), "Cannot chunk type")?;
    let size = args.int(0);
    let length = usize::try_from(size.unsigned_abs()).unwrap_or(usize::MAX);
    // With a negative size sprig's arithmetic still gives one chunk of one item, or none.
    let sized = match (size.signum(), items.len()) {
        (1, _) | (-1, 1) => Some(length),
        (-1, count) if count > 1 && count <= length.saturating_add(1) => None,
        _ => {
            return Err(Fault::refused("runtime error: makeslice: len out of range"));
        }
    };
    let mut chunks = Vec::new();
    for chunk in sized.map(|size| items.chunks(size)).into_iter().flatten() {
        chunks.push(heap.list(Type::Anys, chunk.to_vec())?);
    }
    heap.list(Type::AnysList, chunks)
}

fn join(heap: &mut Heap, args: &Args) -> Result<Value, Fault> {
    let texts = super::cast::to_texts(heap, args.any(1))?;
    let length: usize = texts
        .iter()
        .map(|text| text.len() + args.text(0).len())
        .sum();
    heap.charge(length)?;
    Ok(Value::text(texts.join(args.text(0))))
}

/// Sorts strings by their bytes; a list of strings is sorted in place.
fn sort(heap: &mut Heap, args: &Args) -> Result<Value, Fault> {
    let value = args.any(0);
    let Value::List(list) = value else {
        let text = Value::Text(super::cast::to_text(heap, value)?);
        return heap.list(Type::Strings, vec![text]);
    };
    let mut texts = super::cast::to_texts(heap, value)?;
    texts.sort();
    let sorted: Vec<_> = texts.into_iter().map(Value::Text).collect();
    match &list.items {
        Some(items) if list.ty == Type::Strings => {
            items.replace(sorted);
            Ok(value.clone())
        }
        _ => heap.list(Type::Strings, sorted),
    }
}
