//! Runs a parsed template.

mod call;
mod field;
mod range;

use super::ast::{Assignment, Branch, Command, Invocation, Node, Operand, Pipe, Term};
use super::fault::Fault;
use super::format::{self, is_integer};
use super::number::Number;
use super::parser::Bodies;
use super::types::Type;
use super::value::{Heap, Value};
use super::{Limits, NAME, TemplateError, model};

/// How deep templates, control structures and pipelines may be nested while running.
const DEPTH: usize = 300;

/// A value as the evaluator holds it.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) value: Value,
    /// Whether Go would hold it in an `interface {}`, as the item of a list of anything is. It
    /// tells a nil from no value at all.
    pub(super) boxed: bool,
}

impl Held {
    /// A value of its own type.
    pub(super) fn plain(value: Value) -> Self {
        Self {
            value,
            boxed: false,
        }
    }

    /// A value of the static type `ty`.
    pub(super) fn of(value: Value, ty: Type) -> Self {
        Self {
            value,
            boxed: ty == Type::Any,
        }
    }

    /// Whether there is no value at all.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self.value, Value::Nil) && !self.boxed
    }

    /// The name of the static type.
    pub(super) fn type_name(&self) -> &'static str {
        if self.boxed {
            return Type::Any.name();
        }
        self.value.ty().name()
    }
}

/// Renders the template named after what Flux calls it.
pub(super) fn run(
    source: &str,
    bodies: &Bodies,
    model: &model::Model,
    heap: Heap,
    limits: Limits,
) -> Result<Vec<u8>, TemplateError> {
    let data = Held::plain(model.data.clone());
    let mut machine = Machine {
        source,
        bodies,
        model,
        heap,
        limits,
        name: NAME.as_bytes(),
        at: At::Start,
        variables: vec![("$", data.clone())],
        depth: 0,
        out: Vec::new(),
    };
    if let Some(body) = bodies.get(NAME.as_bytes()) {
        machine.walk(&data, body)?;
    }
    Ok(machine.out)
}

/// The node being evaluated: where an error is reported.
#[derive(Clone, Copy)]
enum At<'t> {
    Start,
    Pipe(&'t Pipe),
    Command(&'t Command),
    Operand(&'t Operand),
    Invocation(&'t Invocation),
}

/// How a list of nodes was left.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Next,
    Break,
    Continue,
}

type Evaluated<T> = Result<T, TemplateError>;

struct Machine<'t> {
    source: &'t str,
    bodies: &'t Bodies,
    model: &'t model::Model,
    heap: Heap,
    limits: Limits,
    /// The name of the template being run.
    name: &'t [u8],
    at: At<'t>,
    variables: Vec<(&'t str, Held)>,
    depth: usize,
    out: Vec<u8>,
}

impl<'t> Machine<'t> {
    /// The byte offset of the node being evaluated, and how it is written.
    fn context(&self) -> (usize, String) {
        match self.at {
            At::Start => (0, String::new()),
            At::Pipe(pipe) => (pipe.offset, pipe.to_string()),
            At::Command(command) => (command.offset, command.to_string()),
            At::Operand(operand) => (operand.offset, operand.to_string()),
            At::Invocation(invocation) => (invocation.offset, invocation.to_string()),
        }
    }

    /// The line, from 1, and the column in bytes, from 0, of that node.
    fn place(&self) -> (usize, usize) {
        let (offset, _) = self.context();
        let before = &self.source[..offset];
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (1 + before.matches('\n').count(), offset - start)
    }

    fn fail<T>(&self, message: impl AsRef<str>) -> Evaluated<T> {
        let (_, context) = self.context();
        let (line, column) = self.place();
        let name = super::runes::quote(self.name);
        let message = message.as_ref();
        Err(TemplateError::Execute {
            line,
            column,
            text: format!(
                "template: {NAME}:{line}:{column}: executing {name} at <{context}>: {message}"
            ),
        })
    }

    fn charge(&mut self, amount: usize) -> Evaluated<()> {
        match self.heap.charge(amount) {
            Ok(()) => Ok(()),
            Err(fault) => self.fail(fault.to_string()),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Evaluated<()> {
        if self.out.len() + bytes.len() > self.limits.output {
            let limit = self.limits.output;
            return self.fail(format!("the message is longer than {limit} bytes"));
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn enter(&mut self) -> Evaluated<()> {
        /// What a step costs, in units of work.
        const STEP: usize = 16;
        self.charge(STEP)?;
        if self.depth == DEPTH {
            return self.fail(format!("exceeded maximum template depth ({DEPTH})"));
        }
        self.depth += 1;
        Ok(())
    }

    fn walk(&mut self, dot: &Held, nodes: &'t [Node]) -> Evaluated<Flow> {
        self.enter()?;
        for node in nodes {
            let flow = self.walk_node(dot, node)?;
            if flow != Flow::Next {
                self.depth -= 1;
                return Ok(flow);
            }
        }
        self.depth -= 1;
        Ok(Flow::Next)
    }

    fn walk_node(&mut self, dot: &Held, node: &'t Node) -> Evaluated<Flow> {
        match node {
            Node::Text(text) => self.write(text.as_bytes())?,
            Node::Action(pipe) => {
                let held = self.evaluate_pipe(dot, pipe)?;
                if pipe.variables.is_empty() {
                    self.print(pipe, &held)?;
                }
            }
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
            Node::If(branch) => return self.walk_if(dot, branch),
            Node::With(branch) => return self.walk_with(dot, branch),
            Node::Range(branch) => return self.walk_range(dot, branch),
            Node::Template(invocation) => self.walk_template(dot, invocation)?,
        }
        Ok(Flow::Next)
    }

    fn print(&mut self, pipe: &'t Pipe, held: &Held) -> Evaluated<()> {
        self.at = At::Pipe(pipe);
        if let Value::Nil = held.value {
            return self.write(b"<no value>");
        }
        if let Value::Text(text) = &held.value {
            return self.write(text);
        }
        match format::print(&mut self.heap, std::slice::from_ref(&held.value)) {
            Ok(text) => self.write(&text),
            Err(fault) => self.fail(fault.to_string()),
        }
    }

    fn walk_if(&mut self, dot: &Held, branch: &'t Branch) -> Evaluated<Flow> {
        let visible = self.variables.len();
        let held = self.evaluate_pipe(dot, &branch.pipe)?;
        let flow = if held.value.truth() {
            self.walk(dot, &branch.body)?
        } else {
            self.walk_otherwise(dot, branch)?
        };
        self.variables.truncate(visible);
        Ok(flow)
    }

    fn walk_with(&mut self, dot: &Held, branch: &'t Branch) -> Evaluated<Flow> {
        let visible = self.variables.len();
        let held = self.evaluate_pipe(dot, &branch.pipe)?;
        let flow = if held.value.truth() {
            self.walk(&held, &branch.body)?
        } else {
            self.walk_otherwise(dot, branch)?
        };
        self.variables.truncate(visible);
        Ok(flow)
    }

    fn walk_otherwise(&mut self, dot: &Held, branch: &'t Branch) -> Evaluated<Flow> {
        match &branch.otherwise {
            Some(nodes) => self.walk(dot, nodes),
            None => Ok(Flow::Next),
        }
    }

    fn assign(&mut self, name: &str, held: Held) -> Evaluated<()> {
        let slot = self
            .variables
            .iter_mut()
            .rev()
            .find(|(known, _)| *known == name);
        match slot {
            Some((_, slot)) => {
                *slot = held;
                Ok(())
            }
            None => self.fail(format!("undefined variable: {name}")),
        }
    }

    fn variable(&self, name: &str) -> Evaluated<Held> {
        let mut newest_first = self.variables.iter().rev();
        match newest_first.find(|(known, _)| *known == name) {
            Some((_, held)) => Ok(held.clone()),
            None => self.fail(format!("undefined variable: {name}")),
        }
    }

    fn walk_template(&mut self, dot: &Held, invocation: &'t Invocation) -> Evaluated<()> {
        self.at = At::Invocation(invocation);
        let Some(body) = self.bodies.get(&invocation.name) else {
            let name = super::runes::quote(&invocation.name);
            return self.fail(format!("template {name} not defined"));
        };
        let argument = match &invocation.pipe {
            Some(pipe) => self.evaluate_pipe(dot, pipe)?,
            None => Held::plain(Value::Nil),
        };
        let scope = vec![("$", argument.clone())];
        let variables = std::mem::replace(&mut self.variables, scope);
        let name = std::mem::replace(&mut self.name, &invocation.name);
        self.walk(&argument, body)?;
        self.variables = variables;
        self.name = name;
        Ok(())
    }

    fn evaluate_pipe(&mut self, dot: &Held, pipe: &'t Pipe) -> Evaluated<Held> {
        self.enter()?;
        self.at = At::Pipe(pipe);
        let mut last: Option<Held> = None;
        for command in &pipe.commands {
            let mut held = self.evaluate_command(dot, command, last)?;
            held.boxed = false;
            last = Some(held);
        }
        let held = last.unwrap_or_else(|| Held::plain(Value::Nil));
        for name in &pipe.variables {
            match pipe.kind {
                Assignment::Assign => self.assign(name, held.clone())?,
                Assignment::Declare => self.variables.push((name, held.clone())),
            }
        }
        self.depth -= 1;
        Ok(held)
    }

    fn evaluate_command(
        &mut self,
        dot: &Held,
        command: &'t Command,
        last: Option<Held>,
    ) -> Evaluated<Held> {
        let Some((word, args)) = command.args.split_first() else {
            return self.fail("empty command");
        };
        match &word.term {
            Term::Field(_) | Term::Chain(..) => self.evaluate_fields(dot, word, args, last),
            Term::Variable(names) if names.len() > 1 => self.evaluate_fields(dot, word, args, last),
            Term::Function(function) => {
                self.at = At::Operand(word);
                self.call_function(dot, function, At::Command(command), args, last)
            }
            Term::Pipe(pipe) => {
                self.refuse_arguments(word, args, &last)?;
                self.evaluate_pipe(dot, pipe)
            }
            term => {
                self.at = At::Operand(word);
                self.refuse_arguments(word, args, &last)?;
                match term {
                    Term::Dot => Ok(dot.clone()),
                    Term::Nil => self.fail("nil is not a command"),
                    Term::Variable(names) => self.variable(names.first().map_or("$", |n| n)),
                    _ => self.constant(word),
                }
            }
        }
    }

    fn refuse_arguments(
        &self,
        word: &Operand,
        args: &[Operand],
        last: &Option<Held>,
    ) -> Evaluated<()> {
        if args.is_empty() && last.is_none() {
            return Ok(());
        }
        self.fail(format!("can't give argument to non-function {word}"))
    }

    /// The value of a literal where no type is asked for.
    fn constant(&mut self, operand: &'t Operand) -> Evaluated<Held> {
        self.at = At::Operand(operand);
        let value = match &operand.term {
            Term::Bool(value) => Value::Bool(*value),
            Term::Text(_, bytes) => self.text(bytes)?,
            Term::Number(number) => self.ideal(number)?,
            _ => return self.fail(format!("can't evaluate command {operand}")),
        };
        Ok(Held::plain(value))
    }

    fn text(&mut self, bytes: &[u8]) -> Evaluated<Value> {
        match self.heap.text(bytes) {
            Ok(value) => Ok(value),
            Err(fault) => self.fail(fault.to_string()),
        }
    }

    /// The value of a number constant by the way it is written.
    fn ideal(&self, number: &Number) -> Evaluated<Value> {
        let text = number.text.as_str();
        if let Some((re, im)) = number.complex {
            return Ok(Value::Complex(re, im));
        }
        let hex = (text.starts_with("0x") || text.starts_with("0X")) && !text.contains(['p', 'P']);
        let fractional =
            !hex && !text.starts_with('\'') && text.contains(['.', 'e', 'E', 'p', 'P']);
        match (number.float, number.int) {
            (Some(float), _) if fractional => Ok(Value::Float(float)),
            (_, Some(int)) => Ok(Value::int(int)),
            _ => self.fail(format!("{text} overflows int")),
        }
    }

    /// A value as `%v` prints it.
    fn shown(&mut self, value: &Value) -> Evaluated<String> {
        match format::print(&mut self.heap, std::slice::from_ref(value)) {
            Ok(text) => Ok(super::runes::lossy(&text)),
            Err(Fault::Refused(text)) if !is_integer(value) => Ok(text),
            Err(fault) => self.fail(fault.to_string()),
        }
    }
}
