//! What changed between two looks, one line for each container.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::cells::{self, Digests};
use super::document::moment;
use super::style::{Mark, Style};
use crate::observe::{Role, Row, Workload};

/// What was told of each container.
#[derive(Debug, Default)]
pub(super) struct Told {
    standings: BTreeMap<(Workload, Role, String), String>,
}

/// A container of which there is something new to tell.
#[derive(Debug)]
pub(super) enum Change<'a> {
    /// It is there, and this is how it stands.
    Seen(&'a Row, String),
    /// It is there no more.
    Gone(String),
}

impl Told {
    /// Compares rows with what was told of them, and remembers them.
    pub(super) fn changes<'a>(&mut self, rows: &[&'a Row], style: Style) -> Vec<Change<'a>> {
        let mut now = BTreeMap::new();
        let mut changes = Vec::new();
        for row in rows {
            let key = (row.workload.clone(), row.role, row.container.clone());
            // Messages hold ages, which are no news.
            let standing = standing(row);
            if self.standings.remove(&key).as_ref() != Some(&standing) {
                changes.push(Change::Seen(row, describe(row, &standing, style)));
            }
            now.insert(key, standing);
        }
        let gone = std::mem::replace(&mut self.standings, now).into_keys();
        changes.extend(gone.map(|(workload, _, container)| {
            let sign = Mark::Pending.sign(style.markers);
            Change::Gone(format!(
                "{sign} {} {container}: gone",
                cells::long_place(&workload)
            ))
        }));
        changes
    }
}

/// How a container stands: `RollingOut, running 1.8.4 > 1.9.0, 1/3`, and the reason if there is one.
fn standing(row: &Row) -> String {
    let mut parts = vec![row.judgement.state.to_string()];
    if !row.running.is_empty() {
        parts.push(format!("running {}", cells::running(row, Digests::Whole)));
    }
    if row.rollout.is_some() {
        parts.push(cells::rollout(row));
    }
    parts.extend(row.judgement.reason.map(|reason| reason.to_string()));
    parts.join(", ")
}

/// `◌ default/deployment/web web: RollingOut, running 1.8.4 > 1.9.0, 1/3: 1 of 3 pods are new`.
fn describe(row: &Row, standing: &str, style: Style) -> String {
    let state = row.judgement.state;
    let sign = style.paint(Mark::of(state), Mark::of(state).sign(style.markers));
    let place = cells::long_place(&row.workload);
    let mut text = format!("{place} {}: {standing}", row.container);
    if !row.judgement.message.is_empty() {
        text += &format!(": {}", row.judgement.message);
    }
    format!("{sign} {}", cells::plain(&text))
}

/// The line for a change, with the moment it was seen.
pub(super) fn line(text: &str, at: Timestamp) -> String {
    format!("{} {text}\n", moment(at))
}
