//! `get --watch`: for other programs a table for each change, as flux prints it; on a terminal one table that is kept current.

use std::time::Duration;

use kube::runtime::watcher;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::feed::{Change, Feed, Watched};
use super::fetch::{Place, field_of_name};
use super::select::Selection;
use super::{Query, View};
use crate::cli::ColorChoice;
use crate::cluster::Cluster;
use crate::commands::status::follow::{moves_cursor, size};
use crate::commands::status::screen::Screen;
use crate::error::{CliError, ExitStatus};
use crate::format::{Format, Width, for_reader};
use crate::session::{Reader, Session};
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
    let can_redraw = moves_cursor(environment)
        && session.globals.color_choice() != ColorChoice::Never
        // What is wider than the terminal takes more lines than are counted.
        && view.format == Format::Table;
    cluster.run(async {
        if can_redraw {
            redraw(feed, query, selection, view, session).await
        } else {
            if view.order.is_some() {
                session.warn("--sort-by has no effect on changes, which are printed as they come");
            }
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
                    let mut text = String::new();
                    for object in taken {
                        text = format!("{separator}{}", document.objects(object)?);
                        separator = document.separator();
                    }
                    for_reader(&text, session.environment)
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
                let mut objects: Vec<_> = objects.cloned().collect();
                if let Some(order) = &view.order {
                    objects = order.sort(objects)?;
                }
                let size = size(session.environment);
                view.width = Width::Columns(size.columns);
                let text = view.table(query.kind.noun, &objects);
                if session.stream(&screen.draw(&text, size))? == Reader::Gone {
                    return Ok(ExitStatus::Done);
                }
                earliest = Instant::now() + REDRAW;
                due = None;
            }
        }
    }
}
