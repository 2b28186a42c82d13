//! What a text goes through on its way into the manifest: out as JSON, in as YAML.

use std::borrow::Cow;

const NEXT_LINE: char = '\u{85}';

/// Why a text cannot be carried by a YAML file.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TransitError {
    /// A character no YAML file may hold.
    #[error("yaml: control characters are not allowed: U+{code:04X} at character {position}", code = u32::from(*character))]
    ControlCharacter {
        /// The character.
        character: char,
        /// Its place in the text, counted in characters from 1.
        position: usize,
    },
    /// A next-line character (U+0085) followed by what ends a YAML document.
    #[error(
        "yaml: found unexpected document indicator: `---` or `...` after U+0085 at character {position}"
    )]
    DocumentIndicator {
        /// The place of the U+0085, counted in characters from 1.
        position: usize,
    },
}

/// Returns `text` as it arrives.
///
/// JSON writes control characters below U+0020 as escapes and the rest as they are. Of the rest,
/// YAML refuses some and takes U+0085 (next line) for the end of a line, which it folds.
pub(super) fn carry(text: &str) -> Result<Cow<'_, str>, TransitError> {
    if let Some((index, character)) = text.chars().enumerate().find(|(_, c)| is_refused(*c)) {
        return Err(TransitError::ControlCharacter {
            character,
            position: index + 1,
        });
    }
    if text.contains(NEXT_LINE) {
        fold(text).map(Cow::Owned)
    } else {
        Ok(Cow::Borrowed(text))
    }
}

fn is_refused(c: char) -> bool {
    matches!(c, '\u{7f}'..='\u{84}' | '\u{86}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}')
}

/// Folds lines: one break becomes a blank, several become one less, blanks around them go.
fn fold(text: &str) -> Result<String, TransitError> {
    let mut folded = String::with_capacity(text.len());
    let mut lines = text.split(NEXT_LINE);
    let first = lines.next().unwrap_or_default();
    folded.push_str(first.trim_end_matches(' '));
    let mut position = first.chars().count() + 1;
    let mut breaks = 0;
    let mut lines = lines.peekable();
    while let Some(line) = lines.next() {
        breaks += 1;
        if ends_document(line, lines.peek().is_some()) {
            return Err(TransitError::DocumentIndicator { position });
        }
        position += line.chars().count() + 1;
        let last = lines.peek().is_none();
        let content = line.trim_start_matches(' ');
        let content = if last {
            content
        } else {
            content.trim_end_matches(' ')
        };
        if content.is_empty() && !last {
            continue;
        }
        match breaks {
            1 => folded.push(' '),
            more => folded.extend(std::iter::repeat_n('\n', more - 1)),
        }
        breaks = 0;
        folded.push_str(content);
    }
    Ok(folded)
}

/// Returns true for a line that starts with `---` or `...` and then ends or has a blank.
fn ends_document(line: &str, line_follows: bool) -> bool {
    let Some(rest) = line
        .strip_prefix("---")
        .or_else(|| line.strip_prefix("..."))
    else {
        return false;
    };
    match rest.chars().next() {
        // The text goes on with its closing quote unless another line follows.
        None => line_follows,
        Some(next) => next == ' ',
    }
}
