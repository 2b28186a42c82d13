//! How a report is drawn: marks, colours, and how much room there is.

use engine::delivery::State;

use crate::session::{Markers, Session, wants_color};

/// How a report is drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    /// Which marks are used.
    pub(crate) markers: Markers,
    /// Whether colours are used.
    pub(crate) color: Color,
    /// How many columns there are; `None` if nothing has to fit.
    pub(crate) width: Option<usize>,
}

/// Whether colours are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Color {
    /// They are.
    On,
    /// They are not.
    Off,
}

/// What a mark says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// All is well.
    Good,
    /// It is on its way, or left alone on purpose.
    Pending,
    /// Somebody has to do something.
    Bad,
}

impl Mark {
    /// The mark of a state.
    pub(crate) fn of(state: State) -> Self {
        match state {
            State::Synced | State::Pinned => Self::Good,
            State::UpdateAvailable
            | State::Committed
            | State::RollingOut
            | State::Suspended
            | State::Unmanaged => Self::Pending,
            State::Degraded | State::Drifted | State::Blocked | State::Unknown => Self::Bad,
        }
    }

    /// The sign, one column wide.
    pub(crate) fn sign(self, markers: Markers) -> &'static str {
        match (self, markers) {
            (Self::Good, Markers::Flux) => "✔",
            (Self::Good, Markers::Ascii) => "+",
            (Self::Pending, Markers::Flux) => "◌",
            (Self::Pending, Markers::Ascii) => "o",
            (Self::Bad, Markers::Flux) => "✖",
            (Self::Bad, Markers::Ascii) => "x",
        }
    }

    /// The parameter of the escape sequence that sets its colour.
    fn color(self) -> u8 {
        match self {
            Self::Good => 32,
            Self::Pending => 33,
            Self::Bad => 31,
        }
    }
}

impl Style {
    /// The style for standard output.
    pub(crate) fn of(session: &Session<'_>) -> Self {
        let terminal = session.environment.stdout_is_terminal;
        let colored = wants_color(
            session.globals.color_choice(),
            session.environment,
            terminal,
        );
        Self {
            markers: Markers::of(session.globals),
            color: if colored { Color::On } else { Color::Off },
            width: session.environment.columns,
        }
    }

    /// The sign and the name of a state, without colour.
    pub(crate) fn state(self, state: State) -> String {
        format!("{} {state}", Mark::of(state).sign(self.markers))
    }

    /// Gives a text the colour of a mark.
    pub(crate) fn paint(self, mark: Mark, text: &str) -> String {
        match self.color {
            Color::On => format!("\u{1b}[{}m{text}\u{1b}[0m", mark.color()),
            Color::Off => text.to_owned(),
        }
    }

    /// Replaces what the layout put in for text that was cut off, where only ASCII may be used.
    pub(crate) fn plain(self, text: String) -> String {
        match self.markers {
            Markers::Flux => text,
            Markers::Ascii => text.replace('…', "+"),
        }
    }
}
