//! The order of objects that `--sort-by` asks for.

use std::cmp::Ordering;

use serde_json::Value;

use super::jsonpath::{self, Path};
use super::misread;
use crate::error::CliError;

/// Sorts objects by a field, as kubectl does: those without it come first, and equal ones stay in their order.
///
/// `field` is a path such as `.metadata.name` or `{.status.lastPushTime}`.
pub(crate) fn sort_by(field: &str, objects: &mut [Value]) -> Result<(), CliError> {
    let path = Path::parse(field).map_err(|mistake| misread("--sort-by", field, &mistake))?;
    let mut keys = Vec::new();
    for object in objects.iter() {
        let key = path.first(object).map_err(|error| {
            CliError::failure(format!("--sort-by: cannot follow {field}: {error}"))
        })?;
        keys.push(key.cloned());
    }
    if !objects.is_empty() && keys.iter().all(Option::is_none) {
        return Err(
            CliError::failure(format!("--sort-by: no object has the field {field}"))
                .next("-o json shows what there is"),
        );
    }
    let mut places: Vec<_> = (0..objects.len()).collect();
    places.sort_by(|left, right| compare(keys[*left].as_ref(), keys[*right].as_ref()));
    let sorted: Vec<_> = places.iter().map(|place| objects[*place].clone()).collect();
    objects.clone_from_slice(&sorted);
    Ok(())
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
