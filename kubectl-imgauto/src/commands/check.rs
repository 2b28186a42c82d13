//! `check`: whether everything is there that imgauto needs, one line for each thing, with a hint where it is not.

mod client;
mod cluster;
mod git;
mod reconciler;
mod report;
mod rights;
mod seen;
mod webhook;

use std::time::{Duration, Instant};

use clap::ValueEnum;
use jiff::Timestamp;

use crate::cluster::Cluster;
use crate::commands::{inputs, output};
use crate::environment::Environment;
use crate::error::{CliError, ExitStatus};
use crate::session::{Markers, Session};
use report::{Category, Finding, Report};
use seen::Seen;

/// How often it is looked again with --wait.
const PERIOD: Duration = Duration::from_secs(1);

/// Flags of `check`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Ends with 0 if nothing fails, 1 if something does, 2 if the cluster cannot be asked, \
and 124 if --wait runs out.

Examples:
  kubectl imgauto check --pre
  kubectl imgauto check --wait --timeout=2m
  kubectl imgauto check -o json"
)]
pub(crate) struct Args {
    /// Look for what `install` needs, before it is there
    #[arg(long)]
    pre: bool,
    /// Look again until nothing fails
    #[arg(long)]
    wait: bool,
    /// How to print it; `short` leaves out what is good
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: Format,
}

/// How a check is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// All, for people
    Table,
    /// What is not good, for people
    Short,
    /// As JSON
    Json,
}

/// When a check is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Before imgauto is installed.
    Before,
    /// Afterwards.
    After,
}

/// Looks, and says what was found.
pub(crate) fn run(args: &Args, session: &mut Session<'_>) -> Result<ExitStatus, CliError> {
    let stage = if args.pre {
        Stage::Before
    } else {
        Stage::After
    };
    let (report, ending) = look_until_good(args, stage, session)?;
    let markers = Markers::of(session.globals);
    session.print(&match args.output {
        Format::Table => report.table(markers),
        Format::Short => report.short(markers),
        Format::Json => output::json(&report.document())?,
    })?;
    let passed = match stage {
        Stage::Before => "prerequisites checks passed",
        Stage::After => "all checks passed",
    };
    match (report.status(), report.warnings()) {
        (ExitStatus::Done, 0) => session.done(passed),
        (ExitStatus::Done, 1) => session.done(&format!("{passed}, with 1 warning")),
        (ExitStatus::Done, count) => session.done(&format!("{passed}, with {count} warnings")),
        _ => session.fail("check failed"),
    }
    Ok(ending)
}

/// Looks once, or with --wait until nothing fails or the time is over.
fn look_until_good(
    args: &Args,
    stage: Stage,
    session: &mut Session<'_>,
) -> Result<(Report, ExitStatus), CliError> {
    let namespace = session.namespace()?;
    let mut findings = client::findings(session.environment);
    let cluster = match Cluster::open(session) {
        Ok(cluster) => cluster,
        Err(error) => {
            findings.push(Finding::unanswered(Category::Cluster, &error));
            let report = Report::new(findings);
            let status = report.status();
            return Ok((report, status));
        }
    };
    let deadline = Instant::now() + inputs::timeout(session.globals.timeout);
    loop {
        let seen =
            cluster.run(async { Ok(Seen::gather(&cluster.client, &namespace, stage).await) })?;
        let report = report(session.environment, &seen, stage);
        let status = report.status();
        if status == ExitStatus::Done || !args.wait {
            return Ok((report, status));
        }
        if Instant::now() + PERIOD > deadline {
            return Ok((report, ExitStatus::TimedOut));
        }
        session.progress("not yet, looking again");
        cluster.run(async {
            tokio::time::sleep(PERIOD).await;
            Ok(())
        })?;
    }
}

/// Judges what was seen.
fn report(environment: &Environment, seen: &Seen, stage: Stage) -> Report {
    let mut findings = client::findings(environment);
    findings.extend(cluster::findings(seen, stage));
    if stage == Stage::After && seen.kubernetes.is_ok() {
        findings.extend(reconciler::findings(seen, Timestamp::now()));
        findings.extend(seen.automations.iter().flat_map(git::findings));
        findings.extend(webhook::findings(seen, Timestamp::now()));
    }
    Report::new(findings)
}
