//! Many containers, one line each, and what needs attention below them.

use unicode_width::UnicodeWidthStr as _;

use super::attention;
use super::cells::{self, Digests};
use super::style::{Mark, Style};
use crate::observe::Row;
use crate::session::Markers;
use crate::table::{Headings, Table};

/// How a list is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View {
    /// Marks, colours, and how much room there is.
    pub(crate) style: Style,
    /// Whether namespaces have a column.
    pub(crate) namespaces: Namespaces,
    /// How much is told.
    pub(crate) breadth: Breadth,
    /// Whether the picture moves.
    pub(crate) motion: Motion,
}

/// Whether namespaces have a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Namespaces {
    /// They have: the list is of all of them.
    Shown,
    /// They have not: the user named one.
    Hidden,
}

/// How much a list tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Breadth {
    /// As much as is looked at every day, cut to fit a terminal.
    Usual,
    /// Everything, however wide.
    Wide,
}

/// Whether a picture moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Motion {
    /// It is shown once.
    Still,
    /// It is drawn again and again: rollouts have a bar.
    Live,
}

/// A column of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Namespace,
    Workload,
    Container,
    Policy,
    PolicyName,
    Wanted,
    Git,
    Running,
    Rollout,
    State,
    Reason,
    Image,
    Line,
}

/// Everything a terminal of usual width may show.
const USUAL: &[Column] = &[
    Column::Namespace,
    Column::Workload,
    Column::Container,
    Column::Policy,
    Column::Wanted,
    Column::Git,
    Column::Running,
    Column::Rollout,
    Column::State,
];

/// What `-o wide` adds.
const MORE: &[Column] = &[Column::Reason, Column::Image, Column::Line];

/// The columns that give way when there is no room, the first one first.
const ELASTIC: [Column; 7] = [
    Column::PolicyName,
    Column::Container,
    Column::Running,
    Column::Workload,
    Column::Git,
    Column::Wanted,
    Column::Namespace,
];

/// Draws the list: the table, and what needs attention.
pub(crate) fn render(rows: &[&Row], view: &View) -> String {
    let mut text = table(rows, view);
    text += &attention::render(rows, view);
    view.style.plain(text)
}

fn table(rows: &[&Row], view: &View) -> String {
    let headings = Headings::Shown;
    let text = match view.style.width {
        Some(width) if view.breadth == Breadth::Usual => fitted(rows, view, width),
        _ => laid_out(rows, view, &columns(view)).aligned(headings),
    };
    painted(text, rows, view)
}

fn columns(view: &View) -> Vec<Column> {
    let more = match view.breadth {
        Breadth::Usual => &[],
        Breadth::Wide => MORE,
    };
    let all = USUAL.iter().chain(more).copied();
    let hidden = view.namespaces == Namespaces::Hidden;
    all.filter(|column| !(hidden && *column == Column::Namespace))
        .collect()
}

/// Lays the table out in `width` columns: what says least goes first, and only then is text cut.
fn fitted(rows: &[&Row], view: &View, width: usize) -> String {
    let full = columns(view);
    let named: Vec<_> = full
        .iter()
        .map(|column| match column {
            Column::Policy => Column::PolicyName,
            other => *other,
        })
        .collect();
    let without = |columns: &[Column], gone: Column| -> Vec<_> {
        let kept = columns.iter().filter(|column| **column != gone);
        kept.copied().collect()
    };
    let mut layouts = vec![full, named.clone()];
    if has_single_containers(rows) {
        layouts.push(without(&named, Column::Container));
    }
    let narrowest = layouts.last().unwrap_or(&named);
    layouts.push(without(narrowest, Column::PolicyName));
    for columns in &layouts {
        let text = laid_out(rows, view, columns).aligned(Headings::Shown);
        if text.lines().all(|line| line.width() <= width) {
            return text;
        }
    }
    let columns = layouts.pop().unwrap_or(named);
    let elastic: Vec<_> = ELASTIC
        .iter()
        .filter_map(|wanted| columns.iter().position(|column| column == wanted))
        .collect();
    // A bar is no reason to cut a name.
    let still = View {
        motion: Motion::Still,
        ..*view
    };
    laid_out(rows, &still, &columns).fitted(Headings::Shown, width, &elastic)
}

/// Whether the name of the workload says which container is meant.
fn has_single_containers(rows: &[&Row]) -> bool {
    rows.is_sorted_by(|left, right| left.workload != right.workload)
}

fn laid_out(rows: &[&Row], view: &View, columns: &[Column]) -> Table {
    let headings: Vec<_> = columns.iter().map(|column| heading(*column)).collect();
    let mut table = Table::new(&headings);
    table.rows = rows
        .iter()
        .map(|row| {
            columns
                .iter()
                .map(|column| cell(row, *column, view))
                .collect()
        })
        .collect();
    table
}

fn heading(column: Column) -> &'static str {
    match column {
        Column::Namespace => "NAMESPACE",
        Column::Workload => "WORKLOAD",
        Column::Container => "CONTAINER",
        Column::Policy | Column::PolicyName => "POLICY",
        Column::Wanted => "WANTED",
        Column::Git => "GIT",
        Column::Running => "RUNNING",
        Column::Rollout => "ROLLOUT",
        Column::State => "STATE",
        Column::Reason => "REASON",
        Column::Image => "IMAGE",
        Column::Line => "LINE",
    }
}

fn cell(row: &Row, column: Column, view: &View) -> String {
    let digests = match (view.breadth, view.style.width) {
        (Breadth::Usual, Some(_)) => Digests::Short,
        _ => Digests::Whole,
    };
    let text = match column {
        Column::Namespace => row.workload.namespace.clone(),
        Column::Workload => cells::short_name(&row.workload),
        Column::Container => cells::container(row),
        Column::Policy => cells::policy(row),
        Column::PolicyName => cells::policy_name(row),
        Column::Wanted => cells::wanted(row),
        Column::Git => cells::git(row, digests),
        Column::Running => cells::running(row, digests),
        Column::Rollout => rollout(row, view),
        Column::State => view.style.state(row.judgement.state),
        Column::Reason => match row.judgement.reason {
            Some(reason) => reason.to_string(),
            None => cells::NOTHING.to_owned(),
        },
        Column::Image => row.image.clone(),
        Column::Line => row
            .git
            .as_ref()
            .and_then(cells::place)
            .unwrap_or_else(|| cells::NOTHING.to_owned()),
    };
    cells::plain(&text)
}

fn rollout(row: &Row, view: &View) -> String {
    let numbers = cells::rollout(row);
    match &row.rollout {
        Some(progress) if view.motion == Motion::Live && cells::is_under_way(row) => {
            let (done, all) = (cells::fresh(progress), progress.desired);
            format!("{} {numbers}", bar(done, all, view.style.markers))
        }
        _ => numbers,
    }
}

/// A bar of ten cells; it is full only when all is done.
fn bar(done: i32, all: i32, markers: Markers) -> String {
    const CELLS: usize = 10;
    let (full, empty) = match markers {
        Markers::Flux => ("█", "░"),
        Markers::Ascii => ("#", "."),
    };
    let (done, all) = (i64::from(done.max(0)), i64::from(all.max(1)));
    let filled = usize::try_from(done.min(all) * 10 / all).unwrap_or(0);
    format!("{}{}", full.repeat(filled), empty.repeat(CELLS - filled))
}

/// Gives each line's state its colour; the layout has been made without.
fn painted(text: String, rows: &[&Row], view: &View) -> String {
    let mut lines = text.lines();
    let mut painted = lines.next().unwrap_or_default().to_owned() + "\n";
    for (line, row) in lines.zip(rows) {
        let state = view.style.state(row.judgement.state);
        let colored = view.style.paint(Mark::of(row.judgement.state), &state);
        painted += &line.replacen(&state, &colored, 1);
        painted.push('\n');
    }
    painted
}
