//! `diff`: what `run` would change; writes nothing.

use clap::ValueEnum;
use reconciler::local::{Destination, Overrides, Signatures};

use crate::commands::automation::{self, Order, Question};
use crate::commands::{output, run};
use crate::error::{CliError, ExitStatus};
use crate::session::Session;

/// Flags of `diff`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 nothing would change, 1 something would, 2 it could not be told.

Examples:
  kubectl imgauto diff .
  kubectl imgauto diff . -f resources.yaml --offline"
)]
pub(crate) struct Args {
    #[command(flatten)]
    question: Question,
    /// How to print it
    #[arg(short, long, value_name = "FORMAT", default_value = "diff")]
    output: Format,
}

/// How a difference is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// As a unified diff
    Diff,
    /// One line for each change
    Files,
    /// As JSON
    Json,
    /// As YAML
    Yaml,
}

/// Prints what would change.
pub(crate) fn run(args: &Args, session: &mut Session<'_>) -> Result<ExitStatus, CliError> {
    let order = Order {
        destination: Destination::Nowhere,
        signatures: Signatures::Required,
        overrides: Overrides::default(),
    };
    let report = automation::carry_out(&args.question, &order, session);
    // What could not be told is neither yes nor no.
    let report = report.map_err(CliError::undecided)?;
    let text = match args.output {
        Format::Diff => run::diff(&report),
        Format::Files => run::files(&report),
        Format::Json => output::json(&report)?,
        Format::Yaml => output::yaml(&report)?,
    };
    session.print(&text)?;
    automation::tell_problems(&report, session);
    let changed = report
        .updates
        .iter()
        .any(|update| !update.changes.is_empty());
    Ok(match (report.failed(), changed) {
        (true, _) => ExitStatus::Usage,
        (false, true) => ExitStatus::No,
        (false, false) => ExitStatus::Done,
    })
}
