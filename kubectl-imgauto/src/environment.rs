//! What the process was given besides its arguments.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::IsTerminal as _;
use std::path::PathBuf;

/// Environment variables and the nature of the standard streams.
///
/// Commands get it as a value, so that tests need neither a process nor global state.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    /// The environment variables.
    pub(crate) variables: BTreeMap<OsString, OsString>,
    /// Standard input is a terminal.
    pub(crate) stdin_is_terminal: bool,
    /// Standard output is a terminal.
    pub(crate) stdout_is_terminal: bool,
    /// Standard error is a terminal.
    pub(crate) stderr_is_terminal: bool,
    /// How many columns standard output has; `None` if it is no terminal, and nothing has to fit.
    pub(crate) columns: Option<usize>,
}

impl Environment {
    /// Returns the environment of this process.
    pub(crate) fn of_process() -> Self {
        Self {
            variables: std::env::vars_os().collect(),
            stdin_is_terminal: std::io::stdin().is_terminal(),
            stdout_is_terminal: std::io::stdout().is_terminal(),
            stderr_is_terminal: std::io::stderr().is_terminal(),
            columns: terminal_size::terminal_size_of(std::io::stdout())
                .map(|(width, _)| usize::from(width.0))
                .filter(|columns| *columns > 0),
        }
    }

    /// Returns the variable `name`; one that is set to nothing counts as not set.
    pub(crate) fn variable(&self, name: &str) -> Option<&OsStr> {
        let value = self.variables.get(OsStr::new(name))?;
        (!value.is_empty()).then_some(value)
    }

    /// Returns the user's home directory.
    pub(crate) fn home(&self) -> Option<PathBuf> {
        let home = self
            .variable("HOME")
            .or_else(|| self.variable("USERPROFILE"))?;
        Some(PathBuf::from(home))
    }
}
