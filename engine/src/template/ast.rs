//! The tree of a parsed template. `Display` prints a node as Go shows it in errors.

use std::fmt;

use super::functions::Function;
use super::number::Number;
use super::runes::quote;

/// A part of a template.
#[derive(Debug)]
pub(super) enum Node {
    Text(String),
    Action(Pipe),
    Break,
    Continue,
    If(Branch),
    Range(Branch),
    With(Branch),
    Template(Invocation),
}

/// A control structure with its two bodies.
#[derive(Debug)]
pub(super) struct Branch {
    pub(super) pipe: Pipe,
    pub(super) body: Vec<Node>,
    pub(super) otherwise: Option<Vec<Node>>,
}

/// `{{ template "name" pipe }}`.
#[derive(Debug)]
pub(super) struct Invocation {
    pub(super) offset: usize,
    pub(super) name: Vec<u8>,
    pub(super) pipe: Option<Pipe>,
}

/// Commands, each feeding the next, and the variables that take the result.
#[derive(Debug)]
pub(super) struct Pipe {
    pub(super) offset: usize,
    pub(super) variables: Vec<String>,
    pub(super) kind: Assignment,
    pub(super) commands: Vec<Command>,
}

/// Whether the variables of a pipeline are new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Assignment {
    Declare,
    Assign,
}

/// A function or value with its arguments.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) offset: usize,
    pub(super) args: Vec<Operand>,
}

/// One word of a command.
#[derive(Debug)]
pub(super) struct Operand {
    /// Byte offset in the template.
    pub(super) offset: usize,
    pub(super) term: Term,
}

/// What an operand is.
#[derive(Debug)]
pub(super) enum Term {
    Function(&'static Function),
    Dot,
    Nil,
    Bool(bool),
    Number(Number),
    /// The text as written, with quotes, and what it stands for.
    Text(String, Vec<u8>),
    /// The variable, and the fields that follow it.
    Variable(Vec<String>),
    Field(Vec<String>),
    Chain(Box<Operand>, Vec<String>),
    Pipe(Pipe),
}

impl fmt::Display for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.variables.is_empty() {
            let sign = match self.kind {
                Assignment::Declare => ":=",
                Assignment::Assign => "=",
            };
            write!(f, "{} {sign} ", self.variables.join(", "))?;
        }
        for (index, command) in self.commands.iter().enumerate() {
            if index > 0 {
                f.write_str(" | ")?;
            }
            write!(f, "{command}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, arg) in self.args.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            write_parenthesised(f, arg)?;
        }
        Ok(())
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.term {
            Term::Function(function) => f.write_str(function.name),
            Term::Dot => f.write_str("."),
            Term::Nil => f.write_str("nil"),
            Term::Bool(value) => write!(f, "{value}"),
            Term::Number(number) => f.write_str(&number.text),
            Term::Text(written, _) => f.write_str(written),
            Term::Variable(names) => f.write_str(&names.join(".")),
            Term::Field(names) => write_fields(f, names),
            Term::Chain(node, names) => {
                write_parenthesised(f, node)?;
                write_fields(f, names)
            }
            Term::Pipe(pipe) => write!(f, "{pipe}"),
        }
    }
}

/// Writes an operand as part of something larger.
fn write_parenthesised(f: &mut fmt::Formatter<'_>, operand: &Operand) -> fmt::Result {
    match &operand.term {
        Term::Pipe(pipe) => write!(f, "({pipe})"),
        _ => write!(f, "{operand}"),
    }
}

fn write_fields(f: &mut fmt::Formatter<'_>, names: &[String]) -> fmt::Result {
    names.iter().try_for_each(|name| write!(f, ".{name}"))
}

impl fmt::Display for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{{template {}", quote(&self.name))?;
        if let Some(pipe) = &self.pipe {
            write!(f, " {pipe}")?;
        }
        f.write_str("}}")
    }
}
