//! Which style a text is written in.

use super::resolve;

/// The character some editors put at the start of a file.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// How a text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// As it is.
    Plain,
    /// Between single quotes, which are doubled inside.
    SingleQuoted,
    /// Between double quotes, with escapes.
    DoubleQuoted,
    /// A block that keeps its lines.
    Literal,
}

/// Where a text stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A key on one line with its value.
    SimpleKey,
    /// Everything else.
    Value,
}

/// Returns the style of `text`: the one it asks for if its characters allow that.
pub(super) fn style(text: &str, place: Place) -> Style {
    let allowed = Allowed::analyse(text);
    let wanted = if text.contains('\n') {
        Style::Literal
    } else if resolve::is_string(text) {
        Style::Plain
    } else {
        Style::DoubleQuoted
    };
    match wanted {
        _ if place == Place::SimpleKey && allowed.has_breaks => Style::DoubleQuoted,
        Style::Plain if allowed.plain => Style::Plain,
        Style::Plain if allowed.single_quoted => Style::SingleQuoted,
        Style::Literal if allowed.block => Style::Literal,
        _ => Style::DoubleQuoted,
    }
}

/// Returns true if `key` may share a line with its value.
pub(super) fn is_simple_key(key: &str) -> bool {
    key.len() <= 128 && !key.chars().any(is_break)
}

/// What YAML takes for the end of a line.
pub(super) fn is_break(c: char) -> bool {
    matches!(c, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Returns true if `c` may stand in a file as it is.
///
/// The library counts everything outside the basic plane as unprintable, emoji included.
pub(super) fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
        && c != BYTE_ORDER_MARK
}

/// Returns true if every character of `text` has to be escaped between double quotes.
///
/// The library looks for the byte order mark at the start of the text for each of its characters.
pub(super) fn escapes_everything(text: &str) -> bool {
    text.starts_with(BYTE_ORDER_MARK)
}

/// The styles that can hold a text.
struct Allowed {
    has_breaks: bool,
    plain: bool,
    single_quoted: bool,
    block: bool,
}

impl Allowed {
    fn analyse(text: &str) -> Self {
        let mut seen = Seen {
            indicators: text.starts_with("---") || text.starts_with("..."),
            ..Seen::default()
        };
        let mut previous = None;
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            seen.character(previous, c, rest.peek().copied());
            previous = Some(c);
        }
        let is_blank = |c: char| c == ' ' || is_break(c);
        let ends_in_space = text.ends_with(' ');
        Self {
            has_breaks: seen.breaks,
            plain: !(seen.indicators
                || seen.breaks
                || seen.specials
                || text.starts_with(is_blank)
                || ends_in_space),
            single_quoted: !(seen.specials || seen.space_then_break || seen.break_then_space),
            block: !(seen.specials || seen.space_then_break || ends_in_space),
        }
    }
}

/// What was met while reading a text.
#[derive(Default)]
struct Seen {
    indicators: bool,
    breaks: bool,
    specials: bool,
    space_then_break: bool,
    break_then_space: bool,
}

impl Seen {
    fn character(&mut self, previous: Option<char>, c: char, next: Option<char>) {
        let before_blank = next.is_none_or(|c| c == ' ' || c == '\t');
        self.indicators |= match (previous, c) {
            (
                None,
                '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%'
                | '@' | '`',
            ) => true,
            (None, '?' | '-') | (_, ':') => before_blank,
            (Some(previous), '#') => matches!(previous, ' ' | '\t' | '\0') || is_break(previous),
            _ => false,
        };
        self.specials |= !is_printable(c);
        self.breaks |= is_break(c);
        if c == ' ' {
            self.break_then_space |= previous.is_some_and(is_break);
        } else if is_break(c) {
            self.space_then_break |= previous == Some(' ');
        }
    }
}
