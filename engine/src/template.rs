//! Commit message templates: Go text/template with the deterministic sprig functions.
//!
//! The language, its functions and its errors are those of Flux's automation controller, which uses
//! Go 1.26 and sprig 3.3; so are the data, [`Data`]. What differs:
//!
//! - the order of changes, random in Flux, is that of files and positions;
//! - functions that draw random numbers, make keys or read the clock are refused by name;
//! - there are limits on work, on depth and on the length of the message.

mod ast;
mod clock;
mod exec;
mod fault;
mod float;
mod format;
mod functions;
mod lexer;
mod methods;
mod model;
mod number;
mod parser;
mod release;
mod runes;
#[cfg(test)]
mod tests;
mod types;
mod value;

use std::collections::BTreeMap;
use std::fmt;

use thiserror::Error;

use crate::change::Change;

/// The name Flux gives the template; it is part of every error.
const NAME: &str = "commit message";

/// The message where the automation has no template.
const DEFAULT: &str = "Update from image update automation";

/// A parsed commit message template.
#[derive(Debug)]
pub struct Template {
    source: String,
    bodies: parser::Bodies,
}

/// What a message can be made of.
#[derive(Clone, Copy, Debug)]
pub struct Data<'a> {
    /// Namespace and name of the automation, `.AutomationObject`.
    pub automation: (&'a str, &'a str),
    /// What is committed, in any order, `.Changed`.
    pub changes: &'a [Change],
    /// `spec.git.commit.messageTemplateValues`, `.Values`.
    pub values: &'a BTreeMap<String, String>,
}

/// Bounds of one run. They count work, not time, so that a run ends the same everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest message in bytes.
    pub output: usize,
    /// The most work: about one unit for each byte written or copied, 16 for each step.
    pub work: u64,
}

impl Default for Limits {
    /// 1 MiB of message, which is some ten thousand changes, and work for a small part of a second.
    fn default() -> Self {
        Self {
            output: 1 << 20,
            work: 32 << 20,
        }
    }
}

/// Why there is no message.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TemplateError {
    /// The template cannot be parsed.
    #[error("{text}")]
    Parse {
        /// 1-based line.
        line: usize,
        /// `template: commit message:<line>: …`, as Go says it.
        text: String,
    },
    /// The template fails while it runs.
    #[error("{text}")]
    Execute {
        /// 1-based line.
        line: usize,
        /// 0-based column in bytes, as Go counts.
        column: usize,
        /// `template: commit message:<line>:<column>: executing …`, as Go says it.
        text: String,
    },
    /// The template uses a field that Flux removed; trying again cannot help.
    #[error("template uses removed '{field}' field. Please use {} instead. See: {DOCUMENTATION}", field.replacement())]
    RemovedField {
        /// The field.
        field: RemovedField,
        /// 1-based line.
        line: usize,
        /// 0-based column in bytes.
        column: usize,
    },
}

/// Where Flux documents what templates can use.
const DOCUMENTATION: &str =
    "https://fluxcd.io/flux/components/image/imageupdateautomations/#message-template";

/// A field that templates could use before Flux 2.7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemovedField {
    /// `.Updated`
    Updated,
    /// `.Changed.ImageResult`
    ImageResult,
}

impl RemovedField {
    fn replacement(self) -> &'static str {
        match self {
            Self::Updated => "'.Changed'",
            Self::ImageResult => "'.Changed.FileChanges' or '.Changed.Objects'",
        }
    }
}

impl fmt::Display for RemovedField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Updated => ".Updated",
            Self::ImageResult => ".Changed.ImageResult",
        })
    }
}

impl Template {
    /// Parses a template; an empty one gives the message Flux has for that.
    pub fn parse(source: &str) -> Result<Self, TemplateError> {
        let source = if source.is_empty() { DEFAULT } else { source };
        Ok(Self {
            source: source.to_owned(),
            bodies: parser::parse(source)?,
        })
    }

    /// Renders the message; bytes that are not UTF-8 become U+FFFD.
    pub fn render(&self, data: &Data<'_>, limits: Limits) -> Result<String, TemplateError> {
        let mut heap = value::Heap::new(limits.work);
        let model = match model::Model::new(&mut heap, data) {
            Ok(model) => model,
            Err(fault) => {
                return Err(TemplateError::Execute {
                    line: 1,
                    column: 0,
                    text: format!("template: {NAME}:1:0: {fault}"),
                });
            }
        };
        let message = exec::run(&self.source, &self.bodies, &model, heap, limits)?;
        Ok(runes::lossy(&message))
    }
}
