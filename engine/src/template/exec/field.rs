//! Fields, map entries and methods: `.A.B`, `$x.A`, `(pipe).A`.

use super::{At, Evaluated, Held, Machine, Operand};
use crate::template::ast::Term;
use crate::template::functions::Args;
use crate::template::methods;
use crate::template::types::Type;
use crate::template::value::{Key, Value};
use crate::template::{RemovedField, TemplateError};

impl<'t> Machine<'t> {
    /// Evaluates an operand that ends in fields; the last may be a method, which gets the arguments.
    pub(super) fn evaluate_fields(
        &mut self,
        dot: &Held,
        operand: &'t Operand,
        args: &'t [Operand],
        last: Option<Held>,
    ) -> Evaluated<Held> {
        self.at = At::Operand(operand);
        let (mut receiver, names): (Held, &'t [String]) = match &operand.term {
            Term::Field(names) => (dot.clone(), names),
            Term::Variable(names) => match names.split_first() {
                Some((name, fields)) => (self.variable(name)?, fields),
                None => (Held::plain(Value::Nil), names),
            },
            Term::Chain(node, names) => {
                if let Term::Nil = node.term {
                    let text = format!("indirection through explicit nil in {operand}");
                    return self.fail(text);
                }
                let receiver = self.evaluate_operand(dot, node)?;
                (receiver, names)
            }
            _ => return self.fail("no fields"),
        };
        let Some((method, path)) = names.split_last() else {
            return Ok(receiver);
        };
        for name in path {
            receiver = self.field(dot, operand, receiver, name, &[], None)?;
        }
        self.field(dot, operand, receiver, method, args, last)
    }

    fn field(
        &mut self,
        dot: &Held,
        operand: &'t Operand,
        receiver: Held,
        name: &'t str,
        args: &'t [Operand],
        last: Option<Held>,
    ) -> Evaluated<Held> {
        if receiver.is_missing() {
            return Ok(receiver);
        }
        let ty = receiver.type_name();
        if let Value::Nil = receiver.value {
            return self.fail(format!("nil pointer evaluating {ty}.{name}"));
        }
        if let Some(held) = self.model_method(&receiver, name, args, &last)? {
            return Ok(held);
        }
        if let Some(method) = methods::find(&receiver.value, name) {
            let held = self.arguments(dot, name, method.parameters, None, args, last)?;
            if let Some(reason) = method.unusable {
                return self.fail(reason);
            }
            let called = (method.body)(&mut self.heap, &receiver.value, &Args(&held));
            return match called {
                Ok(value) => Ok(Held::plain(value)),
                Err(fault) => {
                    self.at = At::Operand(operand);
                    self.fail(format!("error calling {name}: {fault}"))
                }
            };
        }
        let given = args.len() + usize::from(last.is_some());
        self.plain_field(&receiver, ty, name, given)
    }

    /// The methods of Flux's result, whose values are made once.
    fn model_method(
        &self,
        receiver: &Held,
        name: &str,
        args: &[Operand],
        last: &Option<Held>,
    ) -> Evaluated<Option<Held>> {
        if receiver.value.ty() != Type::Result {
            return Ok(None);
        }
        let value = match name {
            "Changes" => &self.model.changes,
            "Objects" => &self.model.objects,
            _ => return Ok(None),
        };
        let given = args.len() + usize::from(last.is_some());
        if given > 0 {
            return self.fail(format!(
                "wrong number of args for {name}: want 0 got {given}"
            ));
        }
        Ok(Some(Held::plain(value.clone())))
    }

    /// A field of a struct or an entry of a map.
    fn plain_field(&self, receiver: &Held, ty: &str, name: &str, given: usize) -> Evaluated<Held> {
        match &receiver.value {
            Value::Struct(value) => {
                if let Some(field) = value.field(name) {
                    if given > 0 {
                        return self.fail(format!(
                            "{name} has arguments but cannot be invoked as function"
                        ));
                    }
                    return Ok(Held::plain(field));
                }
            }
            Value::Map(map) if map.ty != Type::ObjectChanges => {
                if given > 0 {
                    return self.fail(format!("{name} is not a method but has arguments"));
                }
                let found = map.find(&Key::Text(name.as_bytes().into()));
                return Ok(match found {
                    Some(value) => Held::of(value, map.ty.element()),
                    None => Held::plain(Value::Nil),
                });
            }
            other if methods::is_hidden_field(other, name) => {
                return self.fail(format!("{name} is an unexported field of struct type {ty}"));
            }
            _ => {}
        }
        match (receiver.value.ty(), name) {
            (Type::TemplateData, "Updated") => self.removed(RemovedField::Updated),
            (Type::Result, "ImageResult") => self.removed(RemovedField::ImageResult),
            _ => self.fail(format!("can't evaluate field {name} in type {ty}")),
        }
    }

    fn removed<T>(&self, field: RemovedField) -> Evaluated<T> {
        let (line, column) = self.place();
        Err(TemplateError::RemovedField {
            field,
            line,
            column,
        })
    }
}
