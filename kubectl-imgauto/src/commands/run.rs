//! `run`: the whole automation on a checkout, without a cluster.

mod changes;

use clap::ValueEnum;
use reconciler::local::{Destination, Overrides, Report, Signatures};

use crate::commands::automation::{self, Order, Question};
use crate::commands::output;
use crate::error::{CliError, ExitStatus};
use crate::session::Session;

pub(crate) use changes::{diff, files};

/// Flags of `run`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  kubectl imgauto run .
  kubectl imgauto run . --dry-run -o diff
  kubectl imgauto run . -f resources.yaml --offline
  kubectl imgauto run . --commit --push")]
pub(crate) struct Args {
    #[command(flatten)]
    question: Question,
    /// Commit what changed in the repository of the checkout
    #[arg(long)]
    commit: bool,
    /// Commit on top of the remote branch, and push; implies --commit
    #[arg(long)]
    push: bool,
    /// Branch to commit to, in place of the one the automation names
    #[arg(long, value_name = "BRANCH")]
    branch: Option<String>,
    /// Author of the commit, in place of the automation's
    #[arg(long, value_name = "NAME")]
    author_name: Option<String>,
    /// Address of the author, in place of the automation's
    #[arg(long, value_name = "ADDRESS")]
    author_email: Option<String>,
    /// Template of the commit message, in place of the automation's
    #[arg(long, value_name = "TEMPLATE")]
    commit_template: Option<String>,
    /// Commit without a signature although an automation names a signing key
    #[arg(long)]
    no_sign: bool,
    /// Write nothing, only report
    #[arg(long)]
    dry_run: bool,
    /// How to report
    #[arg(short, long, value_name = "FORMAT", default_value = "files")]
    output: Format,
    /// Exit with 1 if something changed, or would change
    #[arg(long)]
    exit_code: bool,
}

/// How a run is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One line for each change
    Files,
    /// As a unified diff
    Diff,
    /// As JSON
    Json,
    /// As YAML
    Yaml,
}

/// Runs the automations.
pub(crate) fn run(args: &Args, session: &mut Session<'_>) -> Result<ExitStatus, CliError> {
    let overrides = Overrides {
        branch: args.branch.clone(),
        author_name: args.author_name.clone(),
        author_email: args.author_email.clone(),
        message_template: args.commit_template.clone(),
    };
    let order = Order {
        destination: args.destination(),
        signatures: match args.no_sign {
            true => Signatures::LeftOut,
            false => Signatures::Required,
        },
        overrides,
    };
    if args.branch.is_some() && !args.commit && !args.push {
        session.warn("--branch has no effect without --commit or --push");
    }
    let report = automation::carry_out(&args.question, &order, session)?;
    let text = match args.output {
        Format::Files => files(&report),
        Format::Diff => diff(&report),
        Format::Json => output::json(&report)?,
        Format::Yaml => output::yaml(&report)?,
    };
    session.print(&text)?;
    conclude(args, &report, session);
    let changed = report
        .updates
        .iter()
        .any(|update| !update.changes.is_empty());
    if report.failed() || (args.exit_code && changed) {
        Ok(ExitStatus::No)
    } else {
        Ok(ExitStatus::Done)
    }
}

impl Args {
    fn destination(&self) -> Destination {
        if self.dry_run {
            Destination::Nowhere
        } else if self.push {
            Destination::Push
        } else if self.commit {
            Destination::Commit
        } else {
            Destination::WorkTree
        }
    }
}

/// Tells on standard error what became of it.
fn conclude(args: &Args, report: &Report, session: &mut Session<'_>) {
    automation::tell_problems(report, session);
    let done = match args.destination() {
        Destination::Nowhere => "would change",
        Destination::WorkTree => "changed",
        Destination::Commit => "committed",
        Destination::Push => "committed and pushed",
    };
    for update in &report.updates {
        let (files, changes) = (update.files.len(), update.changes.len());
        let counts = format!("({}, {})", count(files, "file"), count(changes, "change"));
        match (&update.commit, &update.branch) {
            (Some(commit), Some(branch)) => {
                let short: String = commit.chars().take(7).collect();
                session.done(&format!("{done} {short} on {branch} {counts}"));
            }
            _ if changes == 0 => session.done(&format!("{}: nothing to change", update.automation)),
            _ => session.done(&format!("{}: {done} {counts}", update.automation)),
        }
    }
}

fn count(number: usize, thing: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{ending}")
}
