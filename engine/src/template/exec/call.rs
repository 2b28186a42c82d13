//! Calls of functions: arguments are evaluated to the types of the parameters.

use super::{At, Evaluated, Held, Machine, Operand};
use crate::template::ast::Term;
use crate::template::fault::Fault;
use crate::template::functions::{Args, Body, Function};
use crate::template::runes::lossy;
use crate::template::types::{Kind, Type};
use crate::template::value::Value;

impl<'t> Machine<'t> {
    pub(super) fn call_function(
        &mut self,
        dot: &Held,
        function: &'static Function,
        node: At<'t>,
        args: &'t [Operand],
        last: Option<Held>,
    ) -> Evaluated<Held> {
        let (variadic, name) = (function.variadic, function.name);
        match function.body {
            Body::And | Body::Or => return self.junction(dot, function, args, last),
            Body::Plain(_) | Body::Reflect(_) | Body::Call => {}
        }
        let held = self.arguments(dot, name, function.parameters, variadic, args, last)?;
        let called = match function.body {
            Body::Plain(body) => {
                body(&mut self.heap, &Args(&held)).map(|value| Held::of(value, function.result))
            }
            Body::Reflect(body) => body(&mut self.heap, &Args(&held)),
            _ => Err(refuse_call(args.first(), &held)),
        };
        match called {
            Ok(held) => Ok(held),
            Err(fault) => {
                self.at = node;
                self.fail(format!("error calling {name}: {fault}"))
            }
        }
    }

    /// `and` and `or`: arguments are evaluated until one decides.
    fn junction(
        &mut self,
        dot: &Held,
        function: &'static Function,
        args: &'t [Operand],
        last: Option<Held>,
    ) -> Evaluated<Held> {
        if args.is_empty() && last.is_none() {
            let name = function.name;
            return self.fail(format!(
                "wrong number of args for {name}: want at least 1 got 0"
            ));
        }
        let decides = matches!(function.body, Body::Or);
        let mut held = Held::plain(Value::Nil);
        for arg in args {
            held = self.argument(dot, Type::Reflect, arg)?;
            if held.value.truth() == decides {
                return Ok(held);
            }
        }
        Ok(last.unwrap_or(held))
    }

    /// Evaluates arguments, and the value of the pipeline as the last one, to the parameters' types.
    pub(super) fn arguments(
        &mut self,
        dot: &Held,
        name: &str,
        parameters: &'static [Type],
        variadic: Option<Type>,
        args: &'t [Operand],
        last: Option<Held>,
    ) -> Evaluated<Vec<Held>> {
        let given = args.len() + usize::from(last.is_some());
        let fixed = parameters.len();
        if variadic.is_some() && given < fixed {
            let got = args.len();
            return self.fail(format!(
                "wrong number of args for {name}: want at least {fixed} got {got}"
            ));
        }
        if variadic.is_none() && given != fixed {
            return self.fail(format!(
                "wrong number of args for {name}: want {fixed} got {given}"
            ));
        }
        let ty = |index: usize| {
            parameters
                .get(index)
                .copied()
                .or(variadic)
                .unwrap_or(Type::Any)
        };
        let mut held = Vec::with_capacity(given);
        for (index, arg) in args.iter().enumerate() {
            held.push(self.argument(dot, ty(index), arg)?);
        }
        if let Some(last) = last {
            held.push(self.assignable(last, ty(args.len()))?);
        }
        self.charge(held.iter().map(reading_cost).sum())?;
        Ok(held)
    }

    /// Evaluates an operand that is not a literal.
    pub(super) fn evaluate_operand(&mut self, dot: &Held, operand: &'t Operand) -> Evaluated<Held> {
        self.at = At::Operand(operand);
        match &operand.term {
            Term::Dot => Ok(dot.clone()),
            Term::Field(_) | Term::Chain(..) => self.evaluate_fields(dot, operand, &[], None),
            Term::Variable(names) => match names.as_slice() {
                [name] => self.variable(name),
                _ => self.evaluate_fields(dot, operand, &[], None),
            },
            Term::Pipe(pipe) => self.evaluate_pipe(dot, pipe),
            Term::Function(function) => {
                self.call_function(dot, function, At::Operand(operand), &[], None)
            }
            _ => self.constant(operand),
        }
    }

    /// Evaluates an argument to the type of its parameter.
    fn argument(&mut self, dot: &Held, ty: Type, operand: &'t Operand) -> Evaluated<Held> {
        self.at = At::Operand(operand);
        match &operand.term {
            Term::Nil if ty.takes_nil() => Ok(Held::of(Value::Nil, ty)),
            Term::Nil => self.fail(format!("cannot assign nil to {}", ty.name())),
            Term::Bool(_) | Term::Number(_) | Term::Text(..) => self.literal(ty, operand),
            _ => {
                let held = self.evaluate_operand(dot, operand)?;
                self.assignable(held, ty)
            }
        }
    }

    fn literal(&mut self, ty: Type, operand: &'t Operand) -> Evaluated<Held> {
        if matches!(ty, Type::Any | Type::Reflect) {
            return self.constant(operand);
        }
        let (value, expected) = match (ty.kind(), &operand.term) {
            (Kind::Bool, Term::Bool(value)) => (Some(Value::Bool(*value)), "bool"),
            (Kind::Bool, _) => (None, "bool"),
            (Kind::Int | Kind::Int64, Term::Number(number)) => {
                (number.int.map(|int| Value::Int(ty, int)), "integer")
            }
            (Kind::Int | Kind::Int64, _) => (None, "integer"),
            (Kind::Float64, Term::Number(number)) => (number.float.map(Value::Float), "float"),
            (Kind::Float64, _) => (None, "float"),
            (Kind::String, Term::Text(_, bytes)) => (Some(self.text(bytes)?), "string"),
            (Kind::String, _) => (None, "string"),
            _ => {
                let ty = ty.name();
                return self.fail(format!("can't handle {operand} for arg of type {ty}"));
            }
        };
        match value {
            Some(value) => Ok(Held::plain(value)),
            None => self.fail(format!("expected {expected}; found {operand}")),
        }
    }

    /// The value as one of the type `ty`, if Go would assign it.
    fn assignable(&self, held: Held, ty: Type) -> Evaluated<Held> {
        if held.is_missing() {
            if ty.takes_nil() {
                return Ok(Held::of(Value::Nil, ty));
            }
            return self.fail(format!("invalid value; expected {}", ty.name()));
        }
        if ty == Type::Reflect {
            return Ok(held);
        }
        if ty == Type::Any {
            return Ok(Held::of(held.value, ty));
        }
        let actual = held.value.ty();
        if actual == ty {
            return Ok(Held::plain(held.value));
        }
        if let (Type::VersionPointer, Type::Version, Value::Version(release, _)) =
            (actual, ty, &held.value)
        {
            return Ok(Held::plain(Value::Version(release.clone(), ty)));
        }
        let got = if actual == Type::Nil {
            held.type_name()
        } else {
            actual.name()
        };
        let expected = ty.name();
        self.fail(format!(
            "wrong type for value; expected {expected}; got {got}"
        ))
    }
}

/// What it costs a function to read an argument: strings are read whole.
fn reading_cost(held: &Held) -> usize {
    match &held.value {
        Value::Text(text) => text.len(),
        _ => 1,
    }
}

/// `call` finds no function in any value a template can have.
fn refuse_call(callee: Option<&Operand>, held: &[Held]) -> Fault {
    let Some(value) = held.first().map(|held| &held.value) else {
        return Fault::refused("call of nil");
    };
    let ty = value.ty().name();
    let callee = match (callee, value) {
        (_, Value::Nil) => return Fault::refused("call of nil"),
        (Some(callee), _) => callee.to_string(),
        (None, Value::Text(text)) => lossy(text),
        (None, _) => format!("<{ty} Value>"),
    };
    Fault::refused(format!("non-function {callee} of type {ty}"))
}
