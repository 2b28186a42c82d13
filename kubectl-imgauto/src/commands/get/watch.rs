//! `get --watch`: for other programs a table for each change, as flux prints it; on a terminal one table that is kept current.

use std::time::Duration;

use kube::runtime::watcher;
use serde_json::Value;
use terminal_size::terminal_size_of;
use tokio::time::{Instant, timeout_at};

use super::feed::{Change, Feed, Watched};
use super::fetch::{Place, field_of_name};
use super::screen::Screen;
use super::select::Selection;
use super::{Query, View};
use crate::cluster::Cluster;
use crate::error::{CliError, ExitStatus};
use crate::format::{Format, Width};
use crate::session::{Reader, Session, wants_color};
use crate::table::Headings;

/// Time between two pictures, so that eyes and slow lines can follow.
const REDRAW: Duration = Duration::from_millis(200);

/// Shows objects and their changes until the user or the reader has enough.
pub(super) fn run(
    cluster: &Cluster,
    query: &Query,
    place: &Place,
    selection: &Selection,
    view: &View,
    session: &mut Session<'_>,
) -> Result<ExitStatus, CliError> {
    let feed = Feed::open(watched(cluster, query, place));
    let environment = session.environment;
    let can_redraw = environment.stdout_is_terminal
        && wants_color(session.globals.color_choice(), environment, true)
        // What is wider than the terminal takes more lines than are counted.
        && view.format == Format::Table;
    cluster.run(async {
        if can_redraw {
            redraw(feed, query, selection, view, session).await
        } else {
            print(feed, query, selection, view, session).await
        }
    })
}

fn watched(cluster: &Cluster, query: &Query, place: &Place) -> Vec<Watched> {
    let config = watcher::Config {
        label_selector: place.labels.clone(),
        ..watcher::Config::default()
    };
    let resource = &query.kind.resource;
    let watched = |config| Watched {
        api: place.api(&cluster.client, &query.kind),
        config,
        kind: resource.kind.clone(),
        api_version: resource.api_version.clone(),
    };
    if query.names.is_empty() {
        return vec![watched(config)];
    }
    let of_name = |name: &String| watched(config.clone().fields(&field_of_name(name)));
    query.names.iter().map(of_name).collect()
}

/// Prints each object when it is found, and each time it changes or goes.
async fn print(
    mut feed: Feed,
    query: &Query,
    selection: &Selection,
    view: &View,
    session: &mut Session<'_>,
) -> Result<ExitStatus, CliError> {
    let mut view = view.clone();
    let mut separator = "";
    while let Some(changes) = feed.next(session).await? {
        for change in changes {
            let (Change::Applied(object) | Change::Gone(object)) = change;
            let taken: Vec<Value> = Some(object)
                .filter(|object| selection.takes(object))
                .into_iter()
                .collect();
            let text = match &view.format {
                Format::Document(document) => {
                    let texts = taken.into_iter().map(|object| document.objects(object));
                    let text = texts.collect::<Result<String, _>>()?;
                    let text = if text.is_empty() {
                        text
                    } else {
                        format!("{separator}{text}")
                    };
                    separator = document.separator();
                    text
                }
                _ => view.table(query.kind.noun, &taken),
            };
            view.headings = Headings::Hidden;
            if session.stream(&text)? == Reader::Gone {
                return Ok(ExitStatus::Done);
            }
        }
    }
    Ok(ExitStatus::Done)
}

/// Keeps one table current.
async fn redraw(
    mut feed: Feed,
    query: &Query,
    selection: &Selection,
    view: &View,
    session: &mut Session<'_>,
) -> Result<ExitStatus, CliError> {
    let mut view = view.clone();
    let mut screen = Screen::default();
    let mut earliest = Instant::now();
    let mut due = None;
    loop {
        let next = feed.next(session);
        let changes = match due {
            None => Some(next.await?),
            Some(at) => timeout_at(at, next).await.ok().transpose()?,
        };
        match changes {
            Some(None) => return Ok(ExitStatus::Done),
            Some(Some(_)) => {
                due = due.or_else(|| feed.is_settled().then_some(earliest));
            }
            None => {
                let objects = feed.objects().filter(|object| selection.takes(object));
                let objects: Vec<_> = objects.cloned().collect();
                let (columns, rows) = size();
                view.width = Width::Columns(columns);
                let text = view.table(query.kind.noun, &objects);
                if session.stream(&screen.draw(&text, columns, rows))? == Reader::Gone {
                    return Ok(ExitStatus::Done);
                }
                earliest = Instant::now() + REDRAW;
                due = None;
            }
        }
    }
}

/// Columns and lines of the terminal, which may change at any time.
fn size() -> (usize, usize) {
    let size = terminal_size_of(std::io::stdout());
    size.map_or((80, 24), |(columns, rows)| {
        (usize::from(columns.0), usize::from(rows.0))
    })
}
