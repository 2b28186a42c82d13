//! Loops: over lists, maps and numbers.

use super::{Evaluated, Flow, Held, Machine};
use crate::template::ast::{Assignment, Branch};
use crate::template::types::Type;
use crate::template::value::Value;

impl<'t> Machine<'t> {
    pub(super) fn walk_range(&mut self, dot: &Held, branch: &'t Branch) -> Evaluated<Flow> {
        let visible = self.variables.len();
        let held = self.evaluate_pipe(dot, &branch.pipe)?;
        let ran = match &held.value {
            Value::Int(ty, count) => self.range_count(branch, *ty, *count)?,
            Value::Uint(ty, count) => {
                let count = i64::try_from(*count).unwrap_or(i64::MAX);
                self.range_count(branch, *ty, count)?
            }
            Value::List(list) => {
                let boxed = list.ty.element();
                let mut index = 0;
                while let Some(item) = list.get(index) {
                    let key = Held::plain(Value::length(index));
                    if self.iterate(branch, key, Held::of(item, boxed))? == Flow::Break {
                        break;
                    }
                    index += 1;
                }
                !list.is_empty()
            }
            Value::Map(map) => {
                let element = map.ty.element();
                if let Err(fault) = self.heap.charge_items(map.len()) {
                    return self.fail(fault.to_string());
                }
                let entries = map.to_vec();
                let any = !entries.is_empty();
                for (key, value) in entries {
                    let key = Held::plain(key.value());
                    if self.iterate(branch, key, Held::of(value, element))? == Flow::Break {
                        break;
                    }
                }
                any
            }
            Value::Nil => false,
            other => {
                let text = self.shown(other)?;
                return self.fail(format!("range can't iterate over {text}"));
            }
        };
        self.variables.truncate(visible);
        let flow = if ran {
            Flow::Next
        } else {
            self.walk_otherwise(dot, branch)?
        };
        self.variables.truncate(visible);
        // A `break` in the `else` of a range ends that range too.
        Ok(match flow {
            Flow::Break => Flow::Next,
            flow => flow,
        })
    }

    fn range_count(&mut self, branch: &'t Branch, ty: Type, count: i64) -> Evaluated<bool> {
        if branch.pipe.variables.len() > 1 {
            let text = self.shown(&Value::Int(ty, count))?;
            return self.fail(format!(
                "can't use {text} to iterate over more than one variable"
            ));
        }
        for number in 0..count {
            let value = if matches!(ty, Type::Uint8 | Type::Uint64) {
                Value::Uint(ty, number.unsigned_abs())
            } else {
                Value::Int(ty, number)
            };
            let key = Held::plain(Value::Nil);
            if self.iterate(branch, key, Held::plain(value))? == Flow::Break {
                break;
            }
        }
        Ok(count > 0)
    }

    /// Runs the body of a range once; the variables of the pipeline take index and element.
    fn iterate(&mut self, branch: &'t Branch, index: Held, element: Held) -> Evaluated<Flow> {
        let names = &branch.pipe.variables;
        let visible = self.variables.len();
        match (branch.pipe.kind, names.as_slice()) {
            (_, []) => {}
            (Assignment::Assign, [one]) => self.assign(one, element.clone())?,
            (Assignment::Assign, [first, second, ..]) => {
                self.assign(first, index)?;
                self.assign(second, element.clone())?;
            }
            (Assignment::Declare, [_]) => self.set_from_top(1, element.clone()),
            (Assignment::Declare, [_, _, ..]) => {
                self.set_from_top(1, element.clone());
                self.set_from_top(2, index);
            }
        }
        let flow = self.walk(&element, &branch.body)?;
        self.variables.truncate(visible);
        Ok(flow)
    }

    fn set_from_top(&mut self, distance: usize, held: Held) {
        let index = self.variables.len().checked_sub(distance);
        if let Some((_, slot)) = index.and_then(|index| self.variables.get_mut(index)) {
            *slot = held;
        }
    }
}
