//! `version`: which version this is.

use clap::ValueEnum;

use crate::error::{CliError, ExitStatus};
use crate::session::Session;

/// Flags of `version`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  kubectl imgauto version\n  kubectl imgauto version --client -o json"
)]
pub(crate) struct Args {
    /// Print the version of this program only, without asking a cluster
    #[arg(long)]
    client: bool,
    /// How to print it
    #[arg(short, long, value_name = "FORMAT")]
    output: Option<Format>,
}

/// How to print the version.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// As YAML
    Yaml,
    /// As JSON
    Json,
}

/// Prints the version; no cluster is asked, with or without `--client`.
pub(crate) fn run(args: &Args, session: &mut Session<'_>) -> Result<ExitStatus, CliError> {
    let version = concat!("v", env!("CARGO_PKG_VERSION"));
    session.print(&match args.output {
        None | Some(Format::Yaml) => format!("kubectl-imgauto: {version}\n"),
        Some(Format::Json) => format!("{{\n  \"kubectl-imgauto\": \"{version}\"\n}}\n"),
    })
}
