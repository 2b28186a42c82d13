//! Why a function call or the whole run ends early.

use thiserror::Error;

/// What stops the evaluation of a function.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(super) enum Fault {
    /// The function refuses its arguments; the text is what Go says.
    #[error("{0}")]
    Refused(String),
    /// The budget of work is used up.
    #[error("the template does more work than allowed")]
    Work,
    /// A value contains itself, or is nested deeper than can be walked.
    #[error("a value is nested too deeply")]
    Depth,
}

impl Fault {
    /// A refusal with the text Go gives.
    pub(super) fn refused(text: impl Into<String>) -> Self {
        Self::Refused(text.into())
    }

    /// What Go reports when a function looks into a nil interface.
    pub(super) fn nil_pointer() -> Self {
        Self::refused("runtime error: invalid memory address or nil pointer dereference")
    }
}
