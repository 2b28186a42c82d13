//! How the values of flags are read: by Go's rules, with Go's sentences.

use std::str::FromStr;
use std::time::Duration;

use engine::duration::GoDuration;

/// A switch was given a value that is neither true nor false.
#[derive(Debug, thiserror::Error)]
#[error("strconv.ParseBool: parsing {text}: invalid syntax", text = quoted(.0))]
pub(crate) struct SwitchError(String);

/// Reads the value of a switch such as `--export=false`.
pub(crate) fn switch(text: &str) -> Result<bool, SwitchError> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(SwitchError(text.to_owned())),
    }
}

/// Reads a duration such as `1h30m`.
pub(crate) fn duration(text: &str) -> Result<GoDuration, <GoDuration as FromStr>::Err> {
    text.parse()
}

/// Reads a time limit as kubectl does: a duration, or a number of seconds.
pub(crate) fn request_timeout(text: &str) -> Result<Duration, <GoDuration as FromStr>::Err> {
    if let Ok(seconds) = text.parse() {
        return Ok(Duration::from_secs(seconds));
    }
    let limit: GoDuration = text.parse()?;
    Ok(limit.try_into().unwrap_or_default())
}

/// The text between double quotes, with Go's escapes.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{b}' => quoted.push_str("\\v"),
            '\u{c}' => quoted.push_str("\\f"),
            c if c.is_ascii_control() => quoted.push_str(&format!("\\x{:02x}", u32::from(c))),
            c if is_invisible(c) && u32::from(c) > 0xffff => {
                quoted.push_str(&format!("\\U{:08x}", u32::from(c)));
            }
            c if is_invisible(c) => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Characters that would not be seen in a message.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || (c.is_whitespace() && c != ' ')
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_take_the_words_go_takes() {
        for text in ["1", "t", "T", "true", "TRUE", "True"] {
            assert!(switch(text).unwrap(), "{text}");
        }
        for text in ["0", "f", "F", "false", "FALSE", "False"] {
            assert!(!switch(text).unwrap(), "{text}");
        }
        for text in ["", "yes", "tRUE", "2"] {
            assert!(switch(text).is_err(), "{text}");
        }
    }

    #[test]
    fn time_limits_are_durations_or_seconds() {
        let rows = [
            ("0", 0),
            ("5", 5000),
            ("5s", 5000),
            ("1m", 60_000),
            ("250ms", 250),
        ];
        for (text, want) in rows {
            assert_eq!(request_timeout(text).unwrap(), Duration::from_millis(want));
        }
        for text in ["", "soon", "5x"] {
            assert!(request_timeout(text).is_err(), "{text}");
        }
    }

    #[test]
    fn quoted_texts_are_those_of_go() {
        let rows = [
            ("", r#""""#),
            ("a\"b\\", r#""a\"b\\""#),
            ("\u{7}\u{8}\u{c}\n\r\t\u{b}", r#""\a\b\f\n\r\t\v""#),
            ("\u{1}\u{7f}", r#""\x01\x7f""#),
            ("é😀", "\"é😀\""),
            (
                "\u{85}\u{a0}\u{200b}\u{2028}\u{feff}",
                r#""\u0085\u00a0\u200b\u2028\ufeff""#,
            ),
        ];
        for (text, want) in rows {
            assert_eq!(quoted(text), want);
        }
    }
}
