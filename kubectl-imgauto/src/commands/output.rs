//! How a report is printed.

use clap::ValueEnum;
use serde::Serialize;

use crate::error::CliError;

/// The forms every report has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// As a table, for people
    Table,
    /// As JSON
    Json,
    /// As YAML
    Yaml,
}

impl Format {
    /// Returns the text for standard output; `table` is asked only where it is wanted.
    pub(crate) fn render(
        self,
        report: &impl Serialize,
        table: impl FnOnce() -> String,
    ) -> Result<String, CliError> {
        match self {
            Self::Table => Ok(table()),
            Self::Json => json(report),
            Self::Yaml => yaml(report),
        }
    }
}

/// Writes `report` as indented JSON with a final newline.
pub(crate) fn json(report: &impl Serialize) -> Result<String, CliError> {
    let text = serde_json::to_string_pretty(report);
    let mut text = text
        .map_err(|error| CliError::failure(format!("cannot write the report as JSON: {error}")))?;
    text.push('\n');
    Ok(text)
}

/// Writes `report` as YAML with a final newline.
pub(crate) fn yaml(report: &impl Serialize) -> Result<String, CliError> {
    serde_saphyr::to_string(report)
        .map_err(|error| CliError::failure(format!("cannot write the report as YAML: {error}")))
}
