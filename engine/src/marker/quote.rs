//! How to write a string as a YAML scalar so that every reader gets that string.

use super::Context;

/// As a plain scalar, or in quotes if a reader of YAML 1.1 or 1.2 would not get the string.
pub(super) fn plain(value: &str, context: Context) -> String {
    if is_plain_shape(value, context) && !is_typed(value) {
        return value.to_owned();
    }
    // Flux's writer uses single quotes where only the place asks for quotes, inside `[]` and `{}`.
    if context == Context::Flow && is_plain_shape(value, Context::Block) && !is_typed(value) {
        return single(value);
    }
    double(value)
}

/// In single quotes, or in double quotes if the value has characters that need escapes.
pub(super) fn single(value: &str) -> String {
    if value.chars().any(needs_escape) {
        return double(value);
    }
    format!("'{}'", value.replace('\'', "''"))
}

/// In double quotes.
pub(super) fn double(value: &str) -> String {
    let mut text = String::with_capacity(value.len() + 2);
    text.push('"');
    for c in value.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            '\n' => text.push_str("\\n"),
            '\t' => text.push_str("\\t"),
            '\r' => text.push_str("\\r"),
            c if needs_escape(c) => text.push_str(&escape(c)),
            c => text.push(c),
        }
    }
    text.push('"');
    text
}

/// Whether the value can be the only line of a block scalar.
pub(super) fn fits_block(value: &str) -> bool {
    let blank = [' ', '\t'];
    !value.is_empty()
        && !value.starts_with(blank)
        && !value.ends_with(blank)
        && !value.chars().any(needs_escape)
}

fn escape(c: char) -> String {
    match u32::from(c) {
        code @ ..=0xff => format!("\\x{code:02x}"),
        code @ ..=0xffff => format!("\\u{code:04x}"),
        code => format!("\\U{code:08x}"),
    }
}

/// Control characters, line breaks of any YAML version, the BOM and what is not printable.
fn needs_escape(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
        )
}

/// Whether the characters make a plain scalar at all.
fn is_plain_shape(value: &str, context: Context) -> bool {
    let Some(first) = value.chars().next() else {
        return false;
    };
    let indicator = match first {
        ',' | '[' | ']' | '{' | '}' | '#' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%'
        | '@' | '`' => true,
        '-' | '?' | ':' => {
            let next = value[1..].chars().next();
            next.is_none_or(|c| matches!(c, ' ' | ',' | '[' | ']' | '{' | '}'))
        }
        '.' => value.starts_with("..."),
        _ => false,
    };
    let flow = context == Context::Flow && value.contains([',', '[', ']', '{', '}', ':', '?']);
    !indicator
        && !flow
        && !value.starts_with([' ', '\t'])
        && !value.starts_with("---")
        && !value.ends_with([' ', ':'])
        && !value.contains(": ")
        && !value.contains(" #")
        && !value.chars().any(needs_escape)
}

/// Whether a reader of YAML 1.1 or 1.2 takes the plain text for something other than a string.
fn is_typed(value: &str) -> bool {
    is_word(value) || is_number(value) || is_sexagesimal(value) || is_timestamp(value)
}

fn is_word(value: &str) -> bool {
    const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    if matches!(value, "~" | "=" | "<<") {
        return true;
    }
    let lower = value.to_ascii_lowercase();
    let Some((head, tail)) = value.split_at_checked(1) else {
        return false;
    };
    // Lower, upper or title case: other mixtures are strings to every reader.
    let cased = value == lower || value == value.to_ascii_uppercase();
    let title = head != head.to_ascii_lowercase() && tail == tail.to_ascii_lowercase();
    WORDS.contains(&lower.as_str()) && (cased || title)
}

/// Integers and floats of any size, with `_` between digits as YAML 1.1 has them.
fn is_number(value: &str) -> bool {
    let unsigned = value.strip_prefix(['+', '-']).unwrap_or(value);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(value, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return false;
    }
    let text = unsigned.replace('_', "");
    let radix = match text.get(..2) {
        Some("0x" | "0X") => Some(16),
        Some("0o" | "0O") => Some(8),
        Some("0b" | "0B") => Some(2),
        _ => None,
    };
    if let Some(radix) = radix {
        return text.len() > 2 && text[2..].chars().all(|c| c.is_digit(radix));
    }
    is_float(&text)
}

/// `digits [. digits] [e [sign] digits]`, where one side of the point may be empty.
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa = match mantissa.split_once('.') {
        Some((whole, part)) => {
            digits(whole) && digits(part) && !(whole.is_empty() && part.is_empty())
        }
        None => !mantissa.is_empty() && digits(mantissa),
    };
    let exponent = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    mantissa && exponent
}

/// `1:20` and `1:20:30.5`, numbers of base 60 in YAML 1.1.
fn is_sexagesimal(value: &str) -> bool {
    let unsigned = value.strip_prefix(['+', '-']).unwrap_or(value);
    let mut parts = unsigned.split(':');
    let whole = parts.next().unwrap_or_default();
    if !whole.starts_with(|c: char| c.is_ascii_digit()) || !unsigned.contains(':') {
        return false;
    }
    whole
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'_')
        && parts.all(|part| {
            let digits = part.split('.').next().unwrap_or_default();
            let fraction = part.get(digits.len() + 1..).unwrap_or_default();
            matches!(digits.len(), 1 | 2)
                && digits.bytes().all(|byte| byte.is_ascii_digit())
                && fraction
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || byte == b'_')
        })
}

/// `2024-01-01`, also with one digit for month or day, and dates with a time behind them.
fn is_timestamp(value: &str) -> bool {
    let (date, time) = match value.find(['T', 't', ' ', '\t']) {
        Some(at) => (&value[..at], value[at + 1..].trim_start()),
        None => (value, ""),
    };
    let digits = |text: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let parts: Vec<&str> = date.splitn(4, '-').collect();
    let [year, month, day] = parts.as_slice() else {
        return false;
    };
    let clock = time.split(':').next().unwrap_or_default();
    digits(year, 4..=4)
        && digits(month, 1..=2)
        && digits(day, 1..=2)
        && (date.len() == value.len() || (time.contains(':') && digits(clock, 1..=2)))
}
