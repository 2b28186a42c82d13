//! `status`: what is wanted, committed and running, for each container.

pub(crate) mod attention;
pub(crate) mod cells;
mod changed;
pub(crate) mod document;
pub(in crate::commands) mod follow;
pub(crate) mod list;
pub(in crate::commands) mod screen;
pub(crate) mod style;
mod tree;
pub(crate) mod wrap;

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use clap::ValueEnum;
use engine::delivery::State;

use crate::cluster::Cluster;
use crate::commands::inputs;
use crate::commands::scope::{Reach, Scope, ScopeFlags};
use crate::error::{CliError, ExitStatus};
use crate::format::{Document, Format};
use crate::observe::{Report, Row};
use crate::session::Session;
use document::StatusReport;
use list::{Breadth, Motion, Namespaces, View};
use style::Style;

/// Flags of `status`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 the report was shown, whatever it says; 2 nothing could be told; 124 --until did not come in
time. `kubectl imgauto verify` answers yes or no.

Examples:
  kubectl imgauto status -A
  kubectl imgauto status deployment/podinfo
  kubectl imgauto status policy/podinfo -n flux-system
  kubectl imgauto status -w --until synced --timeout 10m"
)]
pub(crate) struct Args {
    #[command(flatten)]
    scope: ScopeFlags,
    /// Go on and show what changes, until Ctrl-C
    #[arg(short, long)]
    watch: bool,
    /// Watch until this is true of everything that a policy looks after; --timeout says how long at most
    #[arg(long, value_name = "WHAT")]
    until: Option<Until>,
    /// Checkout of the manifests: what its files say counts as committed
    #[arg(long, value_name = "DIR")]
    source: Option<PathBuf>,
    /// Show the containers that no policy looks after, too
    #[arg(long)]
    unmanaged: bool,
    /// Show what needs attention only
    #[arg(long)]
    problems: bool,
    /// How to print it: table, wide, name, json, yaml, jsonpath=TEMPLATE
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: String,
}

/// What a watch ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Until {
    /// What is wanted runs
    Synced,
}

/// What is asked, and how the answer is shown.
struct Question {
    scope: Scope,
    selection: Selection,
    source: Option<PathBuf>,
    format: Format,
    view: View,
}

/// Which containers are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Selection {
    unmanaged: Choice,
    quiet_ones: Choice,
}

/// Whether something is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    Shown,
    Hidden,
}

impl Choice {
    fn shown_if(condition: bool) -> Self {
        if condition { Self::Shown } else { Self::Hidden }
    }
}

/// Shows it, once or as long as it is watched.
pub(crate) fn run(args: &Args, session: &mut Session<'_>) -> Result<ExitStatus, CliError> {
    let question = question(args, session)?;
    let cluster = Cluster::open(session)?;
    if args.watch || args.until.is_some() {
        let limit = args.until.map(|_| inputs::timeout(session.globals.timeout));
        return follow::follow(&cluster, &question, args.until, limit, session);
    }
    let limit = inputs::timeout(session.globals.timeout);
    let late = || CliError::timed_out("the API server did not answer in time");
    let look = question.look(&cluster);
    let report = cluster.run_within(limit, look, late).map_err(untold)?;
    question.scope.check(&report.rows).map_err(untold)?;
    show(&question, &report, session)
}

/// What could not be looked at is neither good nor bad news.
fn untold(error: CliError) -> CliError {
    match error.status() {
        ExitStatus::No => error.undecided(),
        _ => error,
    }
}

fn question(args: &Args, session: &mut Session<'_>) -> Result<Question, CliError> {
    let known = ["table", "wide", "name", "json", "yaml", "jsonpath"];
    let format = Format::parse(&args.output, &known)?;
    let scope = args.scope.read("status", session)?;
    let single = scope.single().is_some();
    let view = View {
        style: Style::of(session),
        namespaces: match scope.reach {
            Reach::Home => Namespaces::Hidden,
            Reach::Everywhere | Reach::Wherever => Namespaces::Shown,
        },
        breadth: match format {
            Format::Wide => Breadth::Wide,
            _ => Breadth::Usual,
        },
        motion: Motion::Still,
    };
    Ok(Question {
        selection: Selection {
            // Whoever names a workload wants to see all of it.
            unmanaged: Choice::shown_if(args.unmanaged || single),
            quiet_ones: Choice::shown_if(!args.problems),
        },
        source: args.source.clone(),
        scope,
        format,
        view,
    })
}

impl Question {
    /// Looks at the cluster.
    async fn look(&self, cluster: &Cluster) -> Result<Report, CliError> {
        self.scope.look(cluster, self.source.as_deref()).await
    }

    /// The containers of a report that are shown.
    fn rows<'a>(&self, report: &'a Report) -> Vec<&'a Row> {
        let rows = report.rows.iter().filter(|row| self.scope.covers(row));
        rows.filter(|row| self.selection.keeps(row)).collect()
    }

    /// The result as text: the table, the tree, or a document.
    fn render(&self, view: &View, report: &Report, rows: &[&Row]) -> Result<String, CliError> {
        match &self.format {
            Format::Document(form) => document(form, report, rows),
            Format::Name => Ok(cells::names(rows)),
            Format::Table if self.scope.single().is_some() => {
                Ok(tree::render(rows, report.at, view.style))
            }
            _ => Ok(list::render(rows, view)),
        }
    }
}

impl Selection {
    fn keeps(self, row: &Row) -> bool {
        let state = row.judgement.state;
        let managed = self.unmanaged == Choice::Shown || state != State::Unmanaged;
        let quiet = self.quiet_ones == Choice::Shown || state.needs_attention();
        managed && quiet
    }
}

fn document(form: &Document, report: &Report, rows: &[&Row]) -> Result<String, CliError> {
    let value = serde_json::to_value(StatusReport::new(report, rows));
    let value =
        value.map_err(|error| CliError::failure(format!("cannot write the report: {error}")))?;
    form.report(&value)
}

fn show(
    question: &Question,
    report: &Report,
    session: &mut Session<'_>,
) -> Result<ExitStatus, CliError> {
    tell_missing(report, session);
    let rows = question.rows(report);
    let is_for_people = matches!(question.format, Format::Table | Format::Wide);
    if rows.is_empty() && is_for_people {
        if report.rows.is_empty() && !report.missing.is_empty() {
            return Ok(ExitStatus::Usage);
        }
        session.note(&nothing(question, report));
        return Ok(ExitStatus::Done);
    }
    session.print(&question.render(&question.view, report, &rows)?)?;
    if let Some(text) = hidden(question, report)
        && is_for_people
    {
        session.note(&text);
    }
    Ok(ExitStatus::Done)
}

/// Says what could not be looked at.
fn tell_missing(report: &Report, session: &mut Session<'_>) {
    for missing in &report.missing {
        session.warn(&format!("partial: {missing}"));
    }
}

/// Says why nothing is shown.
fn nothing(question: &Question, report: &Report) -> String {
    let place = match question.scope.reach {
        Reach::Home => format!("in namespace {}", question.scope.home),
        Reach::Everywhere | Reach::Wherever => "in any namespace".to_owned(),
    };
    if let Some(text) = hidden(question, report) {
        text
    } else if report.rows.iter().any(|row| question.scope.covers(row)) {
        format!("nothing {place} needs attention")
    } else {
        format!("there is no workload {place}")
    }
}

/// Says how many containers are not shown because no policy looks after them.
fn hidden(question: &Question, report: &Report) -> Option<String> {
    if question.selection.unmanaged == Choice::Shown {
        return None;
    }
    let unmanaged = report
        .rows
        .iter()
        .filter(|row| row.judgement.state == State::Unmanaged && question.scope.covers(row));
    match unmanaged.count() {
        0 => None,
        1 => Some("1 container has no policy; --unmanaged shows it".to_owned()),
        count => Some(format!(
            "{count} containers have no policy; --unmanaged shows them"
        )),
    }
}
