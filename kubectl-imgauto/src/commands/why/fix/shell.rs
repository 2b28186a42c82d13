//! Words for a shell.

use std::borrow::Cow;

/// Writes a text so that a POSIX shell reads it as one word, as it is.
pub(super) fn word(text: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:=@%+,".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) {
        return text.into();
    }
    format!("'{}'", text.replace('\'', r"'\''")).into()
}

/// `sed` that replaces a text in one line of a file, in place.
pub(in crate::commands::why) fn replace(file: &str, line: i64, old: &str, new: &str) -> String {
    let script = format!("{line}s|{}|{}|", pattern(old), replacement(new));
    format!("sed -i {} {}", word(&script), word(file))
}

/// `sed` that puts a text at the end of one line of a file, instead of a comment that may be there.
pub(in crate::commands::why) fn append(
    file: &str,
    line: i64,
    text: &str,
    ending: Ending,
) -> String {
    let old = match ending {
        Ending::Plain => "$",
        Ending::Comment => " *#.*$",
    };
    let script = format!("{line}s|{old}| {}|", replacement(text));
    format!("sed -i {} {}", word(&script), word(file))
}

/// What stands at the end of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::commands::why) enum Ending {
    /// The value itself.
    Plain,
    /// A comment.
    Comment,
}

/// A text as a basic regular expression.
fn pattern(text: &str) -> String {
    escaped(text, r"\.*[]^$|")
}

/// A text as the replacement of a substitution.
fn replacement(text: &str) -> String {
    escaped(text, r"\&|")
}

fn escaped(text: &str, special: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        if special.contains(letter) {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}
