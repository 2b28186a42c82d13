//! Emptiness and choices.

use super::{Args, Function};
use crate::template::fault::Fault;
use crate::template::types::Type;
use crate::template::value::{Heap, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::variadic("default", &[Type::Any], Type::Any, Type::Any, |_, args| {
        let given = args.any(1);
        let chosen = if is_empty(given) { args.any(0) } else { given };
        Ok(chosen.clone())
    }),
    Function::new("empty", &[Type::Any], Type::Bool, |_, args| {
        Ok(Value::Bool(is_empty(args.any(0))))
    }),
    Function::variadic("coalesce", &[], Type::Any, Type::Any, |_, args| {
        let found = args.from(0).find(|value| !is_empty(value));
        Ok(found.cloned().unwrap_or(Value::Nil))
    }),
    Function::variadic("all", &[], Type::Any, Type::Bool, |_, args| {
        Ok(Value::Bool(args.from(0).all(|value| !is_empty(value))))
    }),
    Function::variadic("any", &[], Type::Any, Type::Bool, |_, args| {
        Ok(Value::Bool(args.from(0).any(|value| !is_empty(value))))
    }),
    Function::new(
        "ternary",
        &[Type::Any, Type::Any, Type::Bool],
        Type::Any,
        |_, args| {
            let chosen = if args.truth(2) { 0 } else { 1 };
            Ok(args.any(chosen).clone())
        },
    ),
    Function::new("fail", &[Type::String], Type::String, fail),
    Function::new("hello", &[], Type::String, |_, _| Ok(Value::text("Hello!"))),
];

/// Whether a value is the zero value of its type; structs never are.
pub(super) fn is_empty(value: &Value) -> bool {
    !value.truth()
}

fn fail(_: &mut Heap, args: &Args) -> Result<Value, Fault> {
    Err(Fault::refused(crate::template::runes::lossy(args.text(0))))
}
