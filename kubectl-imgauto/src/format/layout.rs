//! How wide a table may be, and what gives way when it is too wide.

use unicode_width::UnicodeWidthStr as _;

use super::Format;
use crate::environment::Environment;
use crate::session::printable;
use crate::table::{Headings, Table};

/// How wide a table may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    /// As flux prints it for other programs.
    AsFlux,
    /// As wide as it is.
    Unlimited,
    /// No wider than this many columns.
    Columns(usize),
}

/// The columns that give way, the first before the others.
const ELASTIC: [&str; 5] = ["MESSAGE", "IMAGE", "NAME", "OBJECT", "NAMESPACE"];

impl Width {
    /// What a format and standard output allow.
    pub(crate) fn of(format: &Format, environment: &Environment) -> Self {
        match environment.columns {
            _ if !environment.stdout_is_terminal => Self::AsFlux,
            Some(columns) if *format == Format::Table => Self::Columns(columns),
            _ => Self::Unlimited,
        }
    }
}

impl Width {
    /// Whether a table has room in it as it is.
    pub(crate) fn holds(self, table: &Table) -> bool {
        match self {
            Self::AsFlux | Self::Unlimited => true,
            Self::Columns(columns) => {
                let text = table.on_one_line_each().aligned(Headings::Shown);
                text.lines().all(|line| line.width() <= columns)
            }
        }
    }
}

/// A document as it is printed: other programs get it as it is, and terminals get nothing that would steer them.
pub(crate) fn for_reader(text: &str, environment: &Environment) -> String {
    if environment.stdout_is_terminal {
        printable(text).into_owned()
    } else {
        text.to_owned()
    }
}

/// Lays a table out; what its columns cannot hold is taken from messages first.
///
/// Cells are words of servers: what would steer a terminal is replaced.
pub(crate) fn lay_out(table: &Table, headings: Headings, width: Width) -> String {
    let text = match width {
        Width::AsFlux => table.as_flux(headings),
        Width::Unlimited => table.on_one_line_each().aligned(headings),
        Width::Columns(columns) => {
            let place = |wanted: &str| table.headings.iter().position(|found| found == wanted);
            let elastic: Vec<_> = ELASTIC.into_iter().filter_map(place).collect();
            table.on_one_line_each().fitted(headings, columns, &elastic)
        }
    };
    printable(&text).into_owned()
}
