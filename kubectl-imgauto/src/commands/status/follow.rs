//! `status -w`: a picture that is kept up to date on a terminal, or one line for each change.

use std::time::{Duration, Instant};

use engine::delivery::State;
use jiff::Timestamp;
use serde_json::Value;

use super::changed::{Change, Told, line};
use super::document::Item;
use super::list::Motion;
use super::screen::{Screen, Size};
use super::{Question, Until, cells, tell_missing, untold};
use crate::changes::Changes;
use crate::cluster::Cluster;
use crate::environment::Environment;
use crate::error::{CliError, ExitStatus};
use crate::format::{Document, Format};
use crate::observe::{Report, Row};
use crate::session::{Reader, Session};

/// When the ages of a picture are brought up to date.
const TICK: Duration = Duration::from_secs(1);

/// How long a failed look is let rest.
const RETRY: Duration = Duration::from_secs(2);

/// Shows what changes until what is waited for came, nobody reads on, or the user stops it.
pub(super) fn follow(
    cluster: &Cluster,
    question: &Question,
    until: Option<Until>,
    limit: Option<Duration>,
    session: &mut Session<'_>,
) -> Result<ExitStatus, CliError> {
    let mut output = Output::of(question, session);
    let watching = watch(cluster, question, until, &mut output, session);
    let watched = match limit {
        Some(limit) => cluster.run_within(limit, watching, || {
            CliError::timed_out("not everything is synced in time")
                .next(format!("kubectl imgauto status{}", question.scope.flag()))
        }),
        None => cluster.run(watching),
    };
    if let (Err(error), Output::Picture(_)) = (&watched, &output)
        && error.status() == ExitStatus::Interrupted
    {
        // The terminal wrote `^C` where the prompt is to stand.
        session.stream("\n")?;
    }
    watched
}

async fn watch(
    cluster: &Cluster,
    question: &Question,
    until: Option<Until>,
    output: &mut Output,
    session: &mut Session<'_>,
) -> Result<ExitStatus, CliError> {
    let changes = Changes::begin(&cluster.client, question.scope.namespace()).await;
    let mut last: Option<Report> = None;
    loop {
        let began = Instant::now();
        let report = match question.look(cluster).await {
            Ok(report) => report,
            Err(error) => match &last {
                None => return Err(untold(error)),
                // A server that is away for a while comes back.
                Some(_) => {
                    session.warn(error.headline());
                    tokio::time::sleep(RETRY).await;
                    continue;
                }
            },
        };
        if last.is_none() {
            question.scope.check(&report.rows).map_err(untold)?;
        }
        if last
            .as_ref()
            .is_none_or(|last| last.missing != report.missing)
        {
            tell_missing(&report, session);
        }
        let look = began.elapsed();
        if output.show(question, &report, session)? == Reader::Gone
            || holds(until, question, &report)
        {
            return Ok(ExitStatus::Done);
        }
        let next = changes.next(look);
        tokio::pin!(next);
        // Ages grow while nothing happens.
        while tokio::time::timeout(TICK, &mut next).await.is_err() {
            if output.grow_older(question, &report, session)? == Reader::Gone {
                return Ok(ExitStatus::Done);
            }
        }
        last = Some(report);
    }
}

/// Whether what the watch is to end with is true.
fn holds(until: Option<Until>, question: &Question, report: &Report) -> bool {
    let Some(Until::Synced) = until else {
        return false;
    };
    let covered = report.rows.iter().filter(|row| question.scope.covers(row));
    let mut managed = covered
        .map(|row| row.judgement.state)
        .filter(|state| *state != State::Unmanaged)
        .peekable();
    managed.peek().is_some() && managed.all(|state| matches!(state, State::Synced | State::Pinned))
}

/// How changes are shown.
enum Output {
    /// As a picture that is drawn over itself.
    Picture(Screen),
    /// As lines, each once.
    Lines(Told),
}

impl Output {
    fn of(question: &Question, session: &Session<'_>) -> Self {
        let is_for_people = matches!(question.format, Format::Table | Format::Wide);
        if is_for_people && moves_cursor(session.environment) {
            Self::Picture(Screen::default())
        } else {
            Self::Lines(Told::default())
        }
    }

    fn show(
        &mut self,
        question: &Question,
        report: &Report,
        session: &mut Session<'_>,
    ) -> Result<Reader, CliError> {
        let rows = question.rows(report);
        match self {
            Self::Picture(screen) => draw(screen, question, report, &rows, session),
            Self::Lines(told) => {
                let changes = told.changes(&rows, question.view.style);
                let mut text = String::new();
                for change in &changes {
                    text += &tell(change, &question.format, report.at)?;
                }
                session.stream(&text)
            }
        }
    }

    /// Draws the same again, some time later.
    fn grow_older(
        &mut self,
        question: &Question,
        report: &Report,
        session: &mut Session<'_>,
    ) -> Result<Reader, CliError> {
        match self {
            Self::Picture(screen) if question.scope.single().is_some() => {
                let older = Report {
                    at: Timestamp::now(),
                    ..report.clone()
                };
                draw(screen, question, &older, &question.rows(&older), session)
            }
            _ => Ok(Reader::Listens),
        }
    }
}

/// Whether the cursor may be moved: on a terminal that can do it, for people who did not ask for plain text.
pub(in crate::commands) fn moves_cursor(environment: &Environment) -> bool {
    let is_dumb = environment
        .variable("TERM")
        .is_some_and(|term| term == "dumb");
    let is_plain = environment.variable("NO_COLOR").is_some();
    environment.stdout_is_terminal && !is_dumb && !is_plain
}

fn draw(
    screen: &mut Screen,
    question: &Question,
    report: &Report,
    rows: &[&Row],
    session: &mut Session<'_>,
) -> Result<Reader, CliError> {
    let size = size(session.environment);
    let mut live = question.view;
    live.motion = Motion::Live;
    live.style.width = live.style.width.map(|_| size.columns);
    let picture = question.render(&live, report, rows)?;
    session.stream(&screen.draw(&picture, size))
}

/// The size the terminal has now: users drag its corners while they watch.
pub(in crate::commands) fn size(environment: &Environment) -> Size {
    let size = terminal_size::terminal_size_of(std::io::stdout());
    match size.map(|(width, height)| (usize::from(width.0), usize::from(height.0))) {
        Some((columns, lines)) if columns > 0 && lines > 0 => Size { columns, lines },
        _ => Size {
            columns: environment.columns.unwrap_or(80),
            lines: 24,
        },
    }
}

/// A change in the form that was asked for.
fn tell(change: &Change<'_>, format: &Format, at: Timestamp) -> Result<String, CliError> {
    let (row, text) = match change {
        Change::Seen(row, text) => (Some(row), text),
        Change::Gone(text) => (None, text),
    };
    match (format, row) {
        (Format::Document(form), Some(row)) => {
            let item = serde_json::to_value(Item::new(row))
                .map_err(|error| CliError::failure(format!("cannot write the report: {error}")))?;
            told(form, &item)
        }
        (Format::Name, Some(row)) => Ok(cells::resource_name(&row.workload) + "\n"),
        (Format::Document(_) | Format::Name, None) => Ok(String::new()),
        _ => Ok(line(text, at)),
    }
}

/// One document of a stream: JSON takes one line, YAML begins with a separator.
fn told(form: &Document, item: &Value) -> Result<String, CliError> {
    match form {
        Document::Json => Ok(format!("{item}\n")),
        Document::Yaml => Ok(format!("---\n{}", form.report(item)?)),
        Document::JsonPath(_) => Ok(format!("{}\n", form.report(item)?)),
    }
}
