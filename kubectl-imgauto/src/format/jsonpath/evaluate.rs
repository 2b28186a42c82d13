//! How a template is filled.

use std::cmp::Ordering;

use serde_json::Value;

use super::{End, Filter, Operator, Piece, Slice, Step};
use crate::format::json;

/// Why a value does not fit a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EvaluationError {
    /// Something is treated as a list and is none.
    #[error("{0} is no list")]
    NoList(String),
    /// An item is asked for that the list does not have.
    #[error("array index out of bounds: index {index}, length {length}")]
    OutOfBounds {
        /// The index.
        index: i64,
        /// How many items there are.
        length: usize,
    },
    /// A slice ends before it starts.
    #[error("starting index {start} is greater than ending index {end}")]
    Backwards {
        /// The first item.
        start: i64,
        /// The one after the last.
        end: i64,
    },
    /// A slice does not go forward.
    #[error("step must be > 0")]
    Step,
    /// Two values of different kinds, or of a kind without an order.
    #[error("cannot compare {left} with {right}")]
    Incomparable {
        /// The one.
        left: String,
        /// The other.
        right: String,
    },
    /// A filter compares several values at once.
    #[error("can only compare one element at a time")]
    Several,
}

/// Appends what the pieces of a template print for a value.
pub(super) fn print(
    pieces: &[Piece],
    value: &Value,
    text: &mut String,
) -> Result<(), EvaluationError> {
    for piece in pieces {
        match piece {
            Piece::Text(written) => text.push_str(written),
            Piece::Values(steps) => {
                let found = walk(steps, vec![value])?;
                let shown: Vec<_> = found.into_iter().map(shown).collect();
                text.push_str(&shown.join(" "));
            }
            Piece::Range { over, body } => {
                for item in walk(over, vec![value])? {
                    print(body, item, text)?;
                }
            }
        }
    }
    Ok(())
}

/// Goes along a path from each of some values.
pub(super) fn walk<'v>(
    steps: &'v [Step],
    from: Vec<&'v Value>,
) -> Result<Vec<&'v Value>, EvaluationError> {
    steps
        .iter()
        .try_fold(from, |values, step| take(step, values))
}

fn take<'v>(step: &'v Step, values: Vec<&'v Value>) -> Result<Vec<&'v Value>, EvaluationError> {
    match step {
        Step::Field(name) => Ok(values.iter().filter_map(|value| value.get(name)).collect()),
        Step::Wildcard => Ok(values.into_iter().flat_map(children).collect()),
        Step::Descendants => {
            let mut found = Vec::new();
            for value in values {
                descend(value, &mut found);
            }
            Ok(found)
        }
        Step::Slice(slice) => join(values, |value| items(*slice, value)),
        Step::Union(paths) => join(paths, |path| walk(path, values.clone())),
        Step::Filter(filter) => join(values, |value| filtered(filter, value)),
        // A text takes the place of all values, a number or a switch that of each, as with kubectl.
        Step::Literal(text @ Value::String(_)) => Ok(vec![text]),
        Step::Literal(literal) => Ok(vec![literal; values.len()]),
    }
}

fn join<'v, T>(
    parts: impl IntoIterator<Item = T>,
    find: impl Fn(T) -> Result<Vec<&'v Value>, EvaluationError>,
) -> Result<Vec<&'v Value>, EvaluationError> {
    let found: Result<Vec<_>, _> = parts.into_iter().map(find).collect();
    Ok(found?.concat())
}

/// What is directly below a value. kubectl takes fields as they come; here they are in the order of their names.
fn children(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| *name);
            fields.into_iter().map(|(_, value)| value).collect()
        }
        _ => Vec::new(),
    }
}

/// Adds a value and all below it; what is empty, and what is neither text nor holds anything, is passed over.
fn descend<'v>(value: &'v Value, found: &mut Vec<&'v Value>) {
    let children = children(value);
    if !children.is_empty() || value.as_str().is_some_and(|text| !text.is_empty()) {
        found.push(value);
    }
    for child in children {
        descend(child, found);
    }
}

fn items(slice: Slice, value: &Value) -> Result<Vec<&Value>, EvaluationError> {
    if value.is_null() {
        return Ok(Vec::new());
    }
    let list = list(value)?;
    let length = list.len();
    let count = i64::try_from(length).unwrap_or(i64::MAX);
    let from_end = |index: i64| if index < 0 { index + count } else { index };
    let start = from_end(slice.start.unwrap_or(0));
    let end = match slice.end {
        End::Open => count,
        End::Before(end) => from_end(end),
        End::AfterFirst => start.saturating_add(1),
    };
    if start == end {
        return Ok(Vec::new());
    }
    if !(0..count).contains(&start) {
        let index = start;
        return Err(EvaluationError::OutOfBounds { index, length });
    }
    if !(0..=count).contains(&end) {
        let index = end.saturating_sub(1);
        return Err(EvaluationError::OutOfBounds { index, length });
    }
    if start > end {
        return Err(EvaluationError::Backwards { start, end });
    }
    let step = slice.step.map_or(Ok(1), usize::try_from);
    let step = step.ok().filter(|step| *step > 0);
    let step = step.ok_or(EvaluationError::Step)?;
    let whole = |index: i64| usize::try_from(index).unwrap_or(length);
    Ok(list[whole(start)..whole(end)]
        .iter()
        .step_by(step)
        .collect())
}

fn filtered<'v>(filter: &'v Filter, value: &'v Value) -> Result<Vec<&'v Value>, EvaluationError> {
    let mut kept = Vec::new();
    for item in list(value)? {
        let holds = match filter {
            // What cannot be asked of an item is not there.
            Filter::Exists(path) => walk(path, vec![item]).is_ok_and(|found| !found.is_empty()),
            Filter::Compare {
                left,
                operator,
                right,
            } => match (single(left, item)?, single(right, item)?) {
                (Some(left), Some(right)) => compare(left, *operator, right)?,
                _ => false,
            },
        };
        if holds {
            kept.push(item);
        }
    }
    Ok(kept)
}

/// The one value a path leads to, if there is one.
fn single<'v>(path: &'v [Step], item: &'v Value) -> Result<Option<&'v Value>, EvaluationError> {
    match walk(path, vec![item])?.as_slice() {
        [] => Ok(None),
        [value] => Ok(Some(value)),
        _ => Err(EvaluationError::Several),
    }
}

fn compare(left: &Value, operator: Operator, right: &Value) -> Result<bool, EvaluationError> {
    let order = order(left, right).filter(|_| {
        // Whether a switch is less than another is no question.
        !left.is_boolean() || matches!(operator, Operator::Equal | Operator::NotEqual)
    });
    let order = order.ok_or_else(|| EvaluationError::Incomparable {
        left: json::compact(left),
        right: json::compact(right),
    })?;
    Ok(match operator {
        Operator::Equal => order.is_eq(),
        Operator::NotEqual => order.is_ne(),
        Operator::Less => order.is_lt(),
        Operator::LessOrEqual => order.is_le(),
        Operator::Greater => order.is_gt(),
        Operator::GreaterOrEqual => order.is_ge(),
    })
}

/// The order of two values of one kind; whole numbers and others are two kinds.
pub(in crate::format) fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (Value::Number(left), Value::Number(right)) => match (left.as_i64(), right.as_i64()) {
            (Some(left), Some(right)) => Some(left.cmp(&right)),
            (None, None) => left.as_f64()?.partial_cmp(&right.as_f64()?),
            _ => None,
        },
        _ => None,
    }
}

fn list(value: &Value) -> Result<&[Value], EvaluationError> {
    let list = value.as_array().map(Vec::as_slice);
    list.ok_or_else(|| EvaluationError::NoList(json::compact(value)))
}

/// A value as text: what holds others as JSON, the rest as Go prints it.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Object(_) => json::compact(value),
        Value::Null => "null".to_owned(),
        Value::Bool(switch) => switch.to_string(),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (None, Some(float)) => float_text(float),
            _ => number.to_string(),
        },
    }
}

/// A number as Go prints it: with an exponent where it would be long.
fn float_text(number: f64) -> String {
    let scientific = format!("{number:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..21).contains(&exponent) && number != 0.0 => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.abs())
        }
        _ => number.to_string(),
    }
}
