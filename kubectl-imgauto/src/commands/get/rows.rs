//! The tables of flux, row by row.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::commands::events::age;
use crate::noun::Noun;
use crate::table::Table;

/// The columns that depend on the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    /// A column of its own.
    pub(super) namespace: Presence,
    /// In front of the name.
    pub(super) kind: Presence,
}

/// Whether something is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    /// It is.
    Shown,
    /// It is not.
    Hidden,
}

/// How cells are written.
#[derive(Clone, Debug)]
pub(super) enum Writing {
    /// As flux has them, with times in this zone.
    AsFlux(TimeZone),
    /// In few letters: times as ages seen from this time, kinds by our words for them.
    Short(Timestamp),
}

impl From<bool> for Presence {
    fn from(shown: bool) -> Self {
        if shown { Self::Shown } else { Self::Hidden }
    }
}

/// Makes the table of some objects of one kind.
pub(super) fn table(noun: Noun, objects: &[Value], columns: Columns, writing: &Writing) -> Table {
    let own: &[&str] = match noun {
        Noun::Repository => &["NAME", "LAST SCAN", "SUSPENDED", "READY", "MESSAGE"],
        Noun::Policy => &["NAME", "IMAGE", "TAG", "READY", "MESSAGE"],
        _ => &["NAME", "LAST RUN", "SUSPENDED", "READY", "MESSAGE"],
    };
    let namespace: &[&str] = match columns.namespace {
        Presence::Shown => &["NAMESPACE"],
        Presence::Hidden => &[],
    };
    let mut table = Table::new(&[namespace, own].concat());
    let rows = objects.iter();
    table.rows = rows
        .map(|object| row(noun, object, columns, writing))
        .collect();
    table
}

fn row(noun: Noun, object: &Value, columns: Columns, writing: &Writing) -> Vec<String> {
    let mut cells = Vec::new();
    if columns.namespace == Presence::Shown {
        cells.push(text(object, "/metadata/namespace").to_owned());
    }
    let name = text(object, "/metadata/name");
    cells.push(match (columns.kind, writing) {
        (Presence::Shown, Writing::AsFlux(_)) => {
            format!("{}/{name}", text(object, "/kind").to_ascii_lowercase())
        }
        (Presence::Shown, Writing::Short(_)) => format!("{}/{name}", noun.word()),
        (Presence::Hidden, _) => name.to_owned(),
    });
    match noun {
        Noun::Policy => {
            let latest = ["name", "tag"].map(|field| format!("/status/latestRef/{field}"));
            cells.extend(latest.map(|field| text(object, &field).to_owned()));
        }
        _ => {
            let time = match noun {
                Noun::Repository => "/status/lastScanResult/scanTime",
                _ => "/status/lastAutomationRunTime",
            };
            cells.push(written(text(object, time), writing));
            let suspended = if is_suspended(object) {
                "True"
            } else {
                "False"
            };
            cells.push(suspended.to_owned());
        }
    }
    let ready = conditions(object).find(|condition| text(condition, "/type") == api::keys::READY);
    let (status, message) = match ready {
        Some(ready) => (text(ready, "/status"), text(ready, "/message")),
        None => ("False", "waiting to be reconciled"),
    };
    cells.extend([status.to_owned(), message.to_owned()]);
    cells
}

/// The conditions of an object, in their order.
pub(super) fn conditions(object: &Value) -> impl DoubleEndedIterator<Item = &Value> {
    let conditions = object.pointer("/status/conditions");
    conditions.and_then(Value::as_array).into_iter().flatten()
}

/// Whether an object is suspended.
pub(super) fn is_suspended(object: &Value) -> bool {
    object.pointer("/spec/suspend") == Some(&Value::Bool(true))
}

/// A text of an object; empty if it is not there.
pub(in crate::commands) fn text<'v>(object: &'v Value, pointer: &str) -> &'v str {
    let found = object.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_default()
}

/// A time as it is written; what is no time stays as it is.
fn written(time: &str, writing: &Writing) -> String {
    let Ok(timestamp) = time.parse::<Timestamp>() else {
        return time.to_owned();
    };
    match writing {
        Writing::AsFlux(zone) => local_time(timestamp, zone),
        Writing::Short(now) => age(Some(timestamp), *now),
    }
}

/// A time as Go's RFC 3339 has it in a time zone.
fn local_time(time: Timestamp, zone: &TimeZone) -> String {
    let local = time.to_zoned(zone.clone());
    let text = local.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    if local.offset().is_zero() {
        text + "Z"
    } else {
        format!("{text}{}", local.strftime("%:z"))
    }
}
