//! The order of objects that `--sort-by` asks for.

use std::cmp::Ordering;

use serde_json::Value;

use super::jsonpath::{self, Path};
use super::misread;
use crate::error::CliError;

/// The order by a field.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Order {
    field: String,
    path: Path,
}

impl Order {
    /// Reads a path such as `.metadata.name` or `{.status.lastPushTime}`.
    pub(crate) fn parse(field: &str) -> Result<Self, CliError> {
        let path = Path::parse(field).map_err(|mistake| misread("--sort-by", field, &mistake))?;
        Ok(Self {
            field: field.to_owned(),
            path,
        })
    }

    /// Sorts objects as kubectl does: those without the field come first, and equal ones stay in their order.
    pub(crate) fn sort(&self, objects: Vec<Value>) -> Result<Vec<Value>, CliError> {
        let field = &self.field;
        let keyed = objects.into_iter().map(|object| {
            let key = self.path.first(&object).map_err(|error| {
                CliError::failure(format!("--sort-by: cannot follow {field}: {error}"))
            })?;
            Ok((key.cloned(), object))
        });
        let mut keyed: Vec<_> = keyed.collect::<Result<_, CliError>>()?;
        if !keyed.is_empty() && keyed.iter().all(|(key, _)| key.is_none()) {
            let error = CliError::failure(format!("--sort-by: no object has the field {field}"));
            return Err(error.next("-o json shows what there is"));
        }
        keyed.sort_by(|(left, _), (right, _)| compare(left.as_ref(), right.as_ref()));
        Ok(keyed.into_iter().map(|(_, object)| object).collect())
    }
}

fn compare(left: Option<&Value>, right: Option<&Value>) -> Ordering {
    match (left, right) {
        (Some(left), Some(right)) => match (left.as_f64(), right.as_f64()) {
            (Some(left), Some(right)) => left.total_cmp(&right),
            // What has no order by itself is told apart by its kind.
            _ => jsonpath::order(left, right).unwrap_or_else(|| rank(left).cmp(&rank(right))),
        },
        (left, right) => left.is_some().cmp(&right.is_some()),
    }
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) => 4,
        Value::Object(_) => 5,
    }
}
