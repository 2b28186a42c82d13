//! Splices edits into a file and proves that nothing else changed.

use granit_parser::{Event, ScanError};
use thiserror::Error;

use super::plan::Edit;
use super::scan::{parser, scalar_span};

/// Why edits were not applied.
#[derive(Debug, Error)]
pub enum EditError {
    /// An edit lies outside the file or overlaps another: the file is not the one that was scanned.
    #[error("edit at byte {at} does not fit the file")]
    Misplaced {
        /// Where the edit begins.
        at: usize,
    },
    /// The file is not UTF-8.
    #[error("cannot edit a file that is not UTF-8")]
    NotUtf8(#[source] std::str::Utf8Error),
    /// The file does not parse before, or would not after the edits.
    #[error("edited file would not be YAML")]
    NotYaml(#[source] ScanError),
    /// The edits would change something else, or something else than was wanted.
    #[error("edit would change more than the marked values at line {line}")]
    Collateral {
        /// 1-based line in the file before the edits.
        line: usize,
    },
}

/// Applies the edits of a plan to the bytes that were scanned.
///
/// Returns the new file only if a parser reads the wanted values at the edited places and the same
/// as before everywhere else. Time and memory are linear in the size of the file.
pub fn apply(source: &[u8], edits: &[Edit]) -> Result<Vec<u8>, EditError> {
    if edits.is_empty() {
        return Ok(source.to_vec());
    }
    let old = std::str::from_utf8(source).map_err(EditError::NotUtf8)?;
    let new = splice(old, edits)?;
    verify(old, &new, edits)?;
    Ok(new.into_bytes())
}

fn splice(old: &str, edits: &[Edit]) -> Result<String, EditError> {
    let splices = || edits.iter().flat_map(|edit| &edit.splices);
    let added: usize = splices().map(|splice| splice.text.len()).sum();
    let mut new = String::with_capacity(old.len() + added);
    let mut at = 0;
    for splice in splices() {
        let misplaced = || EditError::Misplaced {
            at: splice.span.start,
        };
        let kept = old.get(at..splice.span.start).ok_or_else(misplaced)?;
        old.get(splice.span.clone()).ok_or_else(misplaced)?;
        new.push_str(kept);
        new.push_str(&splice.text);
        at = splice.span.end;
    }
    new.push_str(&old[at..]);
    Ok(new)
}

/// Reads both texts in step.
fn verify(old: &str, new: &str, edits: &[Edit]) -> Result<(), EditError> {
    let mut edits = edits.iter().peekable();
    let mut after = parser(new);
    for event in parser(old) {
        let (before, span) = event.map_err(EditError::NotYaml)?;
        let Some(next) = after.next() else {
            return Err(EditError::Collateral {
                line: span.start.line(),
            });
        };
        let (next, _) = next.map_err(EditError::NotYaml)?;
        let edit = match &before {
            Event::Scalar(value, ..) => {
                let scalar = scalar_span(old, value, &span);
                edits.next_if(|edit| edit.scalar == scalar)
            }
            _ => None,
        };
        let same = match (edit, &before, &next) {
            (None, before, next) => before == next,
            (
                Some(edit),
                Event::Scalar(_, _, anchor, tag),
                Event::Scalar(value, _, new_anchor, new_tag),
            ) => *value == edit.value && anchor == new_anchor && tag == new_tag,
            _ => false,
        };
        if !same {
            return Err(EditError::Collateral {
                line: span.start.line(),
            });
        }
    }
    match (edits.next(), after.next()) {
        (Some(edit), _) => Err(EditError::Misplaced {
            at: edit.scalar.start,
        }),
        (None, Some(_)) => Err(EditError::Collateral { line: 1 }),
        (None, None) => Ok(()),
    }
}
