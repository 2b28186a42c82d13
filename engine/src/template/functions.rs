//! The functions of templates: Go's own, and those of sprig that are the same in every run.

mod builtin;
mod cases;
mod cast;
mod date;
mod defaults;
mod dict;
mod encoding;
mod json;
mod list;
mod math;
mod path;
mod reflection;
mod regex;
mod text;
mod url;
mod wrap;

use std::rc::Rc;

use super::clock::Time;
use super::exec::Held;
use super::fault::Fault;
use super::release::Release;
use super::types::Type;
use super::value::{Heap, Map, Value};

/// A function and the Go types of its parameters.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) name: &'static str,
    pub(super) parameters: &'static [Type],
    /// The type of any number of further arguments.
    pub(super) variadic: Option<Type>,
    pub(super) result: Type,
    pub(super) body: Body,
}

/// How a function is called.
#[derive(Clone, Copy, Debug)]
pub(super) enum Body {
    /// With values, giving one of the function's result type.
    Plain(fn(&mut Heap, &Args) -> Result<Value, Fault>),
    /// With values as Go's reflection has them, giving one of those.
    Reflect(fn(&mut Heap, &Args) -> Result<Held, Fault>),
    /// By the evaluator: arguments are evaluated only as far as needed.
    And,
    Or,
    /// By the evaluator, which knows how the callee is written.
    Call,
}

type Plain = fn(&mut Heap, &Args) -> Result<Value, Fault>;

impl Function {
    /// A function of a fixed number of parameters.
    const fn new(
        name: &'static str,
        parameters: &'static [Type],
        result: Type,
        body: Plain,
    ) -> Self {
        Self {
            name,
            parameters,
            variadic: None,
            result,
            body: Body::Plain(body),
        }
    }

    /// A function that takes any number of further arguments.
    const fn variadic(
        name: &'static str,
        parameters: &'static [Type],
        further: Type,
        result: Type,
        body: Plain,
    ) -> Self {
        Self {
            name,
            parameters,
            variadic: Some(further),
            result,
            body: Body::Plain(body),
        }
    }
}

/// What a name in a template stands for.
pub(super) enum Known {
    Function(&'static Function),
    /// A function that Flux has and imgauto has not, and why.
    LeftOut(&'static str),
    No,
}

/// Looks a function up by its name.
pub(super) fn find(name: &str) -> Known {
    const TABLES: [&[Function]; 16] = [
        builtin::FUNCTIONS,
        cases::FUNCTIONS,
        cast::FUNCTIONS,
        date::FUNCTIONS,
        defaults::FUNCTIONS,
        dict::FUNCTIONS,
        encoding::FUNCTIONS,
        json::FUNCTIONS,
        list::FUNCTIONS,
        math::FUNCTIONS,
        path::FUNCTIONS,
        reflection::FUNCTIONS,
        regex::FUNCTIONS,
        text::FUNCTIONS,
        url::FUNCTIONS,
        wrap::FUNCTIONS,
    ];
    let found = TABLES
        .iter()
        .flat_map(|table| table.iter())
        .find(|function| function.name == name);
    match (found, left_out(name)) {
        (Some(function), _) => Known::Function(function),
        (None, Some(reason)) => Known::LeftOut(reason),
        (None, None) => Known::No,
    }
}

/// Why a function that Flux has is left out.
fn left_out(name: &str) -> Option<&'static str> {
    Some(match name {
        "randInt" | "shuffle" => "its result is random, and a commit message must be reproducible",
        "ago" => "it reads the clock, and a commit message must be reproducible",
        "bcrypt" | "htpasswd" => "it hashes passwords with a random salt; create secrets elsewhere",
        "encryptAES" | "decryptAES" => "it encrypts with a random vector; create secrets elsewhere",
        "derivePassword" => "it makes passwords; create secrets elsewhere",
        "genPrivateKey"
        | "buildCustomCert"
        | "genCA"
        | "genCAWithKey"
        | "genSelfSignedCert"
        | "genSelfSignedCertWithKey"
        | "genSignedCert"
        | "genSignedCertWithKey" => "it makes keys and certificates; create secrets elsewhere",
        _ => return None,
    })
}

/// The arguments of a call. The evaluator has checked their number and types.
pub(super) struct Args<'a>(pub(super) &'a [Held]);

impl<'a> Args<'a> {
    /// The number of arguments.
    fn len(&self) -> usize {
        self.0.len()
    }

    /// The argument as it is held.
    fn held(&self, index: usize) -> Held {
        match self.0.get(index) {
            Some(held) => held.clone(),
            None => Held::plain(Value::Nil),
        }
    }

    /// The argument of any type.
    fn any(&self, index: usize) -> &'a Value {
        self.0.get(index).map_or(&Value::Nil, |held| &held.value)
    }

    /// The arguments from `index` on.
    fn from(&self, index: usize) -> impl Iterator<Item = &'a Value> {
        self.0.iter().skip(index).map(|held| &held.value)
    }

    /// The argument of type string.
    pub(super) fn text(&self, index: usize) -> &'a [u8] {
        match self.any(index) {
            Value::Text(text) => text,
            _ => b"",
        }
    }

    /// The argument of an integer type.
    pub(super) fn int(&self, index: usize) -> i64 {
        match self.any(index) {
            Value::Int(_, number) => *number,
            _ => 0,
        }
    }

    /// The argument of type bool.
    fn truth(&self, index: usize) -> bool {
        matches!(self.any(index), Value::Bool(true))
    }

    /// The argument of type float64.
    fn float(&self, index: usize) -> f64 {
        match self.any(index) {
            Value::Float(number) => *number,
            _ => 0.0,
        }
    }

    /// The argument of a map type; `None` for nil.
    fn dict(&self, index: usize) -> Option<&'a Map> {
        match self.any(index) {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The argument of type time.
    pub(super) fn time(&self, index: usize) -> Time {
        match self.any(index) {
            Value::Time(time) => time.clone(),
            _ => Time::zero(),
        }
    }

    /// The argument of type version; `None` for nil.
    pub(super) fn version(&self, index: usize) -> Option<&'a Rc<Release>> {
        match self.any(index) {
            Value::Version(release, _) => Some(release),
            _ => None,
        }
    }
}

/// The length of something as Go's `int`.
fn signed(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}
