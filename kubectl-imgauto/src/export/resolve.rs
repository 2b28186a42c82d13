//! Which plain texts a YAML 1.1 reader takes for something else than a string.
//!
//! Follows go-yaml 2.4, which is neither YAML 1.1 nor 1.2: `y` and `off` are booleans, `1_000` and
//! `0o7` are integers, dates are timestamps, and base 60 numbers are quoted for other readers.

/// Returns true if `text`, written without quotes, would be read back as the same string.
pub(super) fn is_string(text: &str) -> bool {
    let Some(first) = text.bytes().next() else {
        return false;
    };
    match first {
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' => {
            !WORDS.contains(&text)
        }
        b'.' => !WORDS.contains(&text) && !is_point_float(text),
        b'+' | b'-' | b'0'..=b'9' => {
            !WORDS.contains(&text) && !is_timestamp(text) && !is_number(text) && !is_base_60(text)
        }
        _ => true,
    }
}

const WORDS: &[&str] = &[
    "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON", "n", "N", "no", "No",
    "NO", "false", "False", "FALSE", "off", "Off", "OFF", "~", "null", "Null", "NULL", ".nan",
    ".NaN", ".NAN", ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF",
];

/// Integers and floats that begin with a digit or a sign.
fn is_number(text: &str) -> bool {
    let plain = text.replace('_', "");
    is_integer(&plain) || is_float(&plain) || is_signed_binary(&plain)
}

/// `0b-1`: go-yaml reads what follows `0b` as a signed number of its own.
fn is_signed_binary(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("0b") else {
        return false;
    };
    let (sign, digits) = split_sign(rest);
    fits(digits, 2, sign)
}

/// Go's `ParseInt` with base 0 into 64 bits, signed or, without a sign, unsigned.
fn is_integer(text: &str) -> bool {
    let (sign, unsigned) = split_sign(text);
    let bytes = unsigned.as_bytes();
    let (base, digits) = match bytes {
        [b'0', b'b' | b'B', _, ..] => (2, &unsigned[2..]),
        [b'0', b'o' | b'O', _, ..] => (8, &unsigned[2..]),
        [b'0', b'x' | b'X', _, ..] => (16, &unsigned[2..]),
        [b'0'] => return true,
        [b'0', ..] => (8, &unsigned[1..]),
        _ => (10, unsigned),
    };
    fits(digits, base, sign)
}

/// The sign in front of a number.
#[derive(Clone, Copy, PartialEq)]
enum Sign {
    Plus,
    Minus,
    Absent,
}

fn split_sign(text: &str) -> (Sign, &str) {
    if let Some(rest) = text.strip_prefix('-') {
        (Sign::Minus, rest)
    } else if let Some(rest) = text.strip_prefix('+') {
        (Sign::Plus, rest)
    } else {
        (Sign::Absent, text)
    }
}

fn fits(digits: &str, base: u32, sign: Sign) -> bool {
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(base)) {
        return false;
    }
    let limit = match sign {
        Sign::Plus => i64::MAX.unsigned_abs(),
        Sign::Minus => i64::MIN.unsigned_abs(),
        Sign::Absent => u64::MAX,
    };
    u64::from_str_radix(digits, base).is_ok_and(|value| value <= limit)
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`, within the range of a 64-bit float.
fn is_float(text: &str) -> bool {
    let (_, unsigned) = split_sign(text);
    let (whole, rest) = split_digits(unsigned);
    let rest = match rest.strip_prefix('.') {
        Some(fraction) => {
            let (digits, rest) = split_digits(fraction);
            if whole.is_empty() && digits.is_empty() {
                return false;
            }
            rest
        }
        None if whole.is_empty() => return false,
        None => rest,
    };
    let well_formed = match rest.strip_prefix(['e', 'E']) {
        Some(exponent) => {
            let (digits, rest) = split_digits(split_sign(exponent).1);
            !digits.is_empty() && rest.is_empty()
        }
        None => rest.is_empty(),
    };
    well_formed && text.parse::<f64>().is_ok_and(f64::is_finite)
}

/// A float that begins with its point: Go's `ParseFloat`, where `_` may stand between digits.
fn is_point_float(text: &str) -> bool {
    let bytes = text.as_bytes();
    let separates = |at: usize| {
        at > 0
            && bytes[at - 1].is_ascii_digit()
            && bytes.get(at + 1).is_some_and(u8::is_ascii_digit)
    };
    let well_placed = text.match_indices('_').all(|(at, _)| separates(at));
    well_placed && is_float(&text.replace('_', ""))
}

/// `[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?`
fn is_base_60(text: &str) -> bool {
    let (_, unsigned) = split_sign(text);
    let mut parts = unsigned.split(':');
    let starts_with_digit = unsigned.starts_with(|c: char| c.is_ascii_digit());
    let first = parts.next().is_some_and(is_digits_and_underscores);
    let mut rest: Vec<&str> = parts.collect();
    let Some(last) = rest.pop() else {
        return false;
    };
    let last = match last.split_once('.') {
        Some((last, fraction)) if is_digits_and_underscores(fraction) => last,
        Some(_) => return false,
        None => last,
    };
    rest.push(last);
    starts_with_digit && first && rest.iter().all(|part| is_sixtieth(part))
}

fn is_sixtieth(part: &str) -> bool {
    match part.as_bytes() {
        [digit] => digit.is_ascii_digit(),
        [tens, digit] => (b'0'..=b'5').contains(tens) && digit.is_ascii_digit(),
        _ => false,
    }
}

fn is_digits_and_underscores(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || b == b'_')
}

fn split_digits(text: &str) -> (&str, &str) {
    let end = text
        .bytes()
        .position(|b| !b.is_ascii_digit())
        .unwrap_or(text.len());
    text.split_at(end)
}

/// A date, or a date and a time: `2024-1-2`, `2024-1-2 3:4:5`, `2024-01-02T03:04:05.6+07:00`.
fn is_timestamp(text: &str) -> bool {
    date(text).is_some_and(|rest| {
        if rest.is_empty() {
            return true;
        }
        if let Some(time) = rest.strip_prefix(['T', 't']) {
            return clock(time).is_some_and(is_zone);
        }
        rest.starts_with(' ') && clock(rest.trim_start_matches(' ')) == Some("")
    })
}

/// Returns what follows the date at the start of `text`.
fn date(text: &str) -> Option<&str> {
    let (year, rest) = split_digits(text);
    if year.len() != 4 {
        return None;
    }
    let year: u32 = year.parse().ok()?;
    let (month, rest) = short_number(rest.strip_prefix('-')?)?;
    let (day, rest) = short_number(rest.strip_prefix('-')?)?;
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    (1..=days).contains(&day).then_some(rest)
}

/// Returns what follows the time of day at the start of `text`.
fn clock(text: &str) -> Option<&str> {
    let (hour, rest) = short_number(text)?;
    let (minute, rest) = short_number(rest.strip_prefix(':')?)?;
    let (second, rest) = short_number(rest.strip_prefix(':')?)?;
    if hour >= 24 || minute >= 60 || second >= 60 {
        return None;
    }
    let fraction = rest.strip_prefix(['.', ',']).map(split_digits);
    Some(match fraction {
        Some((digits, rest)) if !digits.is_empty() => rest,
        _ => rest,
    })
}

/// `Z` or an offset of exactly two and two digits; Go lets 24 hours and 60 minutes pass.
fn is_zone(text: &str) -> bool {
    if text == "Z" {
        return true;
    }
    let [b'+' | b'-', hours @ .., b':', m1, m2] = text.as_bytes() else {
        return false;
    };
    let two = |digits: &[u8]| match digits {
        [tens, ones] if tens.is_ascii_digit() && ones.is_ascii_digit() => {
            Some((tens - b'0') * 10 + (ones - b'0'))
        }
        _ => None,
    };
    two(hours).is_some_and(|h| h <= 24) && two(&[*m1, *m2]).is_some_and(|m| m <= 60)
}

/// Returns a number of one or two digits and what follows it.
fn short_number(text: &str) -> Option<(u32, &str)> {
    let digits = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(digits);
    Some((number.parse().ok()?, rest))
}
