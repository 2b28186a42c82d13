//! What needs attention, and the command that leads on.

use unicode_width::UnicodeWidthStr as _;

use super::cells;
use super::list::{Breadth, Namespaces, View};
use super::style::Mark;
use super::wrap::wrapped;
use crate::observe::Row;

/// Draws the list of what needs attention; nothing if nothing does.
///
/// One line for each container if that fits, else the message and the command have lines of their own: a command is
/// there to be copied and is never cut.
pub(super) fn render(rows: &[&Row], view: &View) -> String {
    let needy: Vec<_> = rows
        .iter()
        .filter(|row| row.judgement.state.needs_attention())
        .copied()
        .collect();
    if needy.is_empty() {
        return String::new();
    }
    let verb = if needy.len() == 1 { "needs" } else { "need" };
    let title = format!("\n{} of {} {verb} attention:\n", needy.len(), rows.len());
    let entries = entries(&needy, rows, view);
    let table = beside(&entries);
    let limit = match view.breadth {
        Breadth::Usual => view.style.width.unwrap_or(usize::MAX),
        Breadth::Wide => usize::MAX,
    };
    if table.lines().all(|line| line.width() <= limit) {
        title + &table
    } else {
        title + &below(&entries, view, limit)
    }
}

/// One container that needs attention.
struct Entry {
    place: String,
    message: String,
    next: String,
}

fn entries(needy: &[&Row], all: &[&Row], view: &View) -> Vec<Entry> {
    let entry = |row: &&Row| {
        let siblings = all.iter().filter(|other| other.workload == row.workload);
        let place = match view.namespaces {
            Namespaces::Shown => cells::short_place(&row.workload),
            Namespaces::Hidden => cells::short_name(&row.workload),
        };
        Entry {
            place: cells::plain(&if siblings.count() > 1 {
                format!("{place} {}", row.container)
            } else {
                place
            }),
            message: match cells::explanation(row) {
                nothing if nothing.is_empty() => row.judgement.state.to_string(),
                text => text,
            },
            next: cells::plain(row.next.as_deref().unwrap_or_default()),
        }
    };
    needy.iter().map(entry).collect()
}

fn beside(entries: &[Entry]) -> String {
    let places = entries.iter().map(|entry| entry.place.width()).max();
    let messages = entries.iter().map(|entry| entry.message.width()).max();
    let mut text = String::new();
    for entry in entries {
        let place = padded(&entry.place, places.unwrap_or(0));
        let message = padded(&entry.message, messages.unwrap_or(0));
        let line = format!("  {place}    {message}    {}", entry.next);
        text += line.trim_end();
        text.push('\n');
    }
    text
}

fn below(entries: &[Entry], view: &View, width: usize) -> String {
    let mut text = String::new();
    for entry in entries {
        text += &format!("  {}\n", view.style.paint(Mark::Bad, &entry.place));
        for line in wrapped(&entry.message, width.saturating_sub(4)) {
            text += &format!("    {line}\n");
        }
        if !entry.next.is_empty() {
            text += &format!("    {}\n", entry.next);
        }
    }
    text
}

fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}
