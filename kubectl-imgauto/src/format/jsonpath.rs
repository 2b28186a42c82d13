//! The JSONPath templates of kubectl: text with paths between braces, such as `{.items[*].metadata.name}`.
//!
//! kubectl has a dialect of its own, older than RFC 9535: templates with `{range}` and `{end}`, fields with escaped dots,
//! one comparison for each filter, and errors where the standard finds nothing (an index out of bounds, a number
//! compared with a text). What scripts get must not depend on which of the two programs they ask.

mod evaluate;
mod parse;

#[cfg(test)]
mod tests;

use serde_json::Value;

pub(crate) use evaluate::EvaluationError;
pub(in crate::format) use evaluate::order;
pub(crate) use parse::Mistake;

/// A template that was understood.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Template(Vec<Piece>);

/// One path that leads to values, without text around it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Path(Vec<Step>);

/// A part of a template.
#[derive(Clone, Debug, PartialEq)]
enum Piece {
    /// Text that is printed as it is.
    Text(String),
    /// What a path leads to is printed, with blanks between.
    Values(Vec<Step>),
    /// The pieces are printed for each of what a path leads to.
    Range { over: Vec<Step>, body: Vec<Self> },
}

/// A part of a path.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    /// A field of an object.
    Field(String),
    /// All fields or items.
    Wildcard,
    /// The value with all that is below it.
    Descendants,
    /// Some items of a list.
    Slice(Slice),
    /// What each of several paths leads to.
    Union(Vec<Vec<Self>>),
    /// The items of a list for which something holds.
    Filter(Filter),
    /// A value that stands in the template itself.
    Literal(Value),
}

/// Items of a list: the first, the one after the last, and how far apart they are.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Slice {
    start: Option<i64>,
    end: End,
    step: Option<i64>,
}

/// Where a slice ends.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum End {
    /// With the list.
    #[default]
    Open,
    /// Before this item; below zero counts from the end.
    Before(i64),
    /// After one item, as an index asks for.
    AfterFirst,
}

/// What has to hold for an item.
#[derive(Clone, Debug, PartialEq)]
enum Filter {
    /// The path leads to something.
    Exists(Vec<Step>),
    /// Two values compare so.
    Compare {
        left: Vec<Step>,
        operator: Operator,
        right: Vec<Step>,
    },
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Template {
    /// Reads a template; an error holds the place.
    pub(crate) fn parse(text: &str) -> Result<Self, Mistake> {
        parse::template(text).map(Self)
    }

    /// Fills it from a value. There is no newline at the end unless the template has one.
    pub(crate) fn fill(&self, value: &Value) -> Result<String, EvaluationError> {
        let mut text = String::new();
        evaluate::print(&self.0, value, &mut text)?;
        Ok(text)
    }
}

impl Path {
    /// Reads a path as `--sort-by` takes it: `.metadata.name`, with or without the dot and the braces around it.
    pub(crate) fn parse(text: &str) -> Result<Self, Mistake> {
        parse::path(text).map(Self)
    }

    /// The first value it leads to; `None` if there is none.
    pub(crate) fn first<'v>(
        &'v self,
        value: &'v Value,
    ) -> Result<Option<&'v Value>, EvaluationError> {
        let found = evaluate::walk(&self.0, vec![value])?;
        Ok(found.into_iter().next())
    }
}
