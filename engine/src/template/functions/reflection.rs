//! Types and kinds of values, and equality in depth.

use std::rc::Rc;

use super::Function;
use crate::template::fault::Fault;
use crate::template::release::Release;
use crate::template::types::Type;
use crate::template::value::{Heap, Map, Value};

const TARGET: &[Type] = &[Type::String, Type::Any];

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("typeOf", &[Type::Any], Type::String, |_, args| {
        Ok(Value::text(args.any(0).ty().name()))
    }),
    Function::new("typeIs", TARGET, Type::Bool, |_, args| {
        let name = args.any(1).ty().name();
        Ok(Value::Bool(args.text(0) == name.as_bytes()))
    }),
    Function::new("typeIsLike", TARGET, Type::Bool, |_, args| {
        let name = args.any(1).ty().name().as_bytes();
        let pointed = name.strip_prefix(b"*").unwrap_or(name);
        Ok(Value::Bool(args.text(0) == name || args.text(0) == pointed))
    }),
    Function::new("kindOf", &[Type::Any], Type::String, |_, args| {
        Ok(Value::text(args.any(0).kind().name()))
    }),
    Function::new("kindIs", TARGET, Type::Bool, |_, args| {
        let name = args.any(1).kind().name();
        Ok(Value::Bool(args.text(0) == name.as_bytes()))
    }),
    Function::new(
        "deepEqual",
        &[Type::Any, Type::Any],
        Type::Bool,
        |heap, args| {
            let equal = deep_equal(heap, args.any(0), args.any(1))?;
            Ok(Value::Bool(equal))
        },
    ),
    Function::new("deepCopy", &[Type::Any], Type::Any, |heap, args| {
        copy_value(heap, args.any(0)).map_err(|fault| match fault {
            Fault::Refused(text) => Fault::refused(format!("deepCopy error: {text}")),
            fault => fault,
        })
    }),
    Function::new("mustDeepCopy", &[Type::Any], Type::Any, |heap, args| {
        copy_value(heap, args.any(0))
    }),
];

/// How deep values may nest to be walked.
const DEPTH: usize = 100;

/// Go's `reflect.DeepEqual`.
pub(super) fn deep_equal(heap: &mut Heap, left: &Value, right: &Value) -> Result<bool, Fault> {
    equal_at(heap, left, right, 0)
}

fn equal_at(heap: &mut Heap, left: &Value, right: &Value, depth: usize) -> Result<bool, Fault> {
    heap.charge(1)?;
    if depth > DEPTH {
        return Err(Fault::Depth);
    }
    if left.ty() != right.ty() {
        return Ok(false);
    }
    match (left, right) {
        (Value::List(left), Value::List(right)) => {
            if left.items.is_none() != right.items.is_none() || left.len() != right.len() {
                return Ok(false);
            }
            for index in 0..left.len() {
                if let (Some(left), Some(right)) = (left.get(index), right.get(index))
                    && !equal_at(heap, &left, &right, depth + 1)?
                {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Value::Map(left), Value::Map(right)) => equal_maps(heap, left, right, depth),
        (Value::Struct(left), Value::Struct(right)) => {
            for (left, right) in left.fields.iter().zip(right.fields.iter()) {
                if !equal_at(heap, left, right, depth + 1)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Value::Text(left), Value::Text(right)) => {
            heap.charge(left.len().min(right.len()))?;
            Ok(left == right)
        }
        (Value::Bool(left), Value::Bool(right)) => Ok(left == right),
        (Value::Int(_, left), Value::Int(_, right)) => Ok(left == right),
        (Value::Uint(_, left), Value::Uint(_, right)) => Ok(left == right),
        (Value::Float(left), Value::Float(right)) => Ok(left == right),
        (Value::Complex(re, im), Value::Complex(other_re, other_im)) => {
            Ok(re == other_re && im == other_im)
        }
        (Value::Time(left), Value::Time(right)) => Ok(left == right),
        (Value::Version(left, _), Value::Version(right, _)) => Ok(left == right),
        (Value::Nil, Value::Nil) | (Value::Location, Value::Location) => Ok(true),
        _ => Ok(false),
    }
}

fn equal_maps(heap: &mut Heap, left: &Map, right: &Map, depth: usize) -> Result<bool, Fault> {
    if left.entries.is_none() != right.entries.is_none() || left.len() != right.len() {
        return Ok(false);
    }
    heap.charge_items(left.len())?;
    for (key, left) in left.to_vec() {
        match right.find(&key) {
            Some(right) if equal_at(heap, &left, &right, depth + 1)? => {}
            _ => return Ok(false),
        }
    }
    Ok(true)
}

/// A copy that shares nothing that can change.
fn copy_value(heap: &mut Heap, value: &Value) -> Result<Value, Fault> {
    if let Value::Nil = value {
        return Ok(Value::Nil);
    }
    copy_at(heap, value, 0)
}

fn copy_at(heap: &mut Heap, value: &Value, depth: usize) -> Result<Value, Fault> {
    heap.charge(1)?;
    if depth > DEPTH {
        return Err(Fault::Depth);
    }
    match value {
        Value::List(list) if list.items.is_some() => {
            heap.charge_items(list.len())?;
            let mut items = Vec::with_capacity(list.len());
            for item in list.to_vec() {
                items.push(copy_at(heap, &item, depth + 1)?);
            }
            heap.list(list.ty, items)
        }
        Value::Map(map) if map.entries.is_some() => {
            heap.charge_items(map.len())?;
            let mut entries = std::collections::BTreeMap::new();
            for (key, value) in map.to_vec() {
                entries.insert(key, copy_at(heap, &value, depth + 1)?);
            }
            heap.map(map.ty, entries)
        }
        // The copy is made by reflection, which does not see the fields of a version.
        Value::Version(_, ty) => Ok(Value::Version(Rc::new(Release::default()), *ty)),
        other => Ok(other.clone()),
    }
}
