//! Kubernetes objects as the YAML that `flux … --export` prints, to the byte.
//!
//! Flux turns an object into JSON, reads that JSON with go-yaml 2.4 and writes it again with the
//! same library. Manifests live in Git, so a difference in a quote or in a fold would show as a
//! change of somebody's file: this module follows that library rather than any other YAML writer.

mod order;
mod resolve;
mod scalar;
mod transit;
mod writer;

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;

pub(crate) use transit::TransitError;

/// Why an object cannot be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExportError {
    /// A text of the object cannot be carried by a YAML file.
    #[error("cannot write {field}")]
    Text {
        /// The path of the field, as `kubectl explain` spells it.
        field: String,
        /// What is wrong with the text.
        #[source]
        source: TransitError,
    },
    /// The object has no JSON form.
    #[error("cannot turn the object into JSON")]
    Json(#[from] serde_json::Error),
}

/// Returns the document for `object`: `---`, the sorted fields, one final newline.
///
/// `object` must not carry a status: Flux cuts an empty one out of its text afterwards.
pub(crate) fn document(object: &impl Serialize) -> Result<String, ExportError> {
    let mut value = serde_json::to_value(object)?;
    carry(&mut value, &mut Vec::new())?;
    let text = writer::write(&value);
    Ok(format!("---\n{}\n", text.trim()))
}

/// Returns `value` as kubectl prints it with `-o yaml`: as [`document`], but with no mark in front.
pub(crate) fn plain(value: &Value) -> Result<String, ExportError> {
    let mut value = value.clone();
    carry(&mut value, &mut Vec::new())?;
    let text = writer::write(&value);
    Ok(format!("{}\n", text.trim_end_matches('\n')))
}

/// Does to every text of `value` what the way through JSON does to it.
fn carry(value: &mut Value, path: &mut Vec<String>) -> Result<(), ExportError> {
    match value {
        Value::String(text) => {
            let carried = transit::carry(text).map_err(|source| ExportError::Text {
                field: path.join("."),
                source,
            })?;
            if let Cow::Owned(changed) = carried {
                *text = changed;
            }
            Ok(())
        }
        Value::Array(items) => items.iter_mut().enumerate().try_for_each(|(index, item)| {
            path.push(index.to_string());
            let done = carry(item, path);
            path.pop();
            done
        }),
        Value::Object(fields) => fields.iter_mut().try_for_each(|(key, field)| {
            path.push(key.clone());
            let done = carry(field, path);
            path.pop();
            done
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests;
