//! Go's strconv: numbers and quoted text as a template writes them.

/// A number constant; which of the types can hold it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Number {
    /// The text as written.
    pub(super) text: String,
    /// The value as an integer.
    pub(super) int: Option<i64>,
    /// The value as an unsigned integer.
    pub(super) uint: Option<u64>,
    /// The value as a floating-point number.
    pub(super) float: Option<f64>,
    /// The value, if it was written as an imaginary or complex number.
    pub(super) complex: Option<(f64, f64)>,
}

impl Number {
    /// Reads a character constant with its quotes.
    pub(super) fn from_char_constant(text: &str) -> Result<Self, String> {
        let malformed = || format!("malformed character constant: {text}");
        let inner = text.get(1..).ok_or_else(malformed)?;
        let (code, rest) = match unquote_char(inner, '\'') {
            Some((Unquoted::Rune(c), rest)) => (u32::from(c), rest),
            Some((Unquoted::Byte(byte), rest)) => (u32::from(byte), rest),
            None => return Err("invalid syntax".to_owned()),
        };
        if rest != "'" {
            return Err(malformed());
        }
        Ok(Self {
            text: text.to_owned(),
            int: Some(i64::from(code)),
            uint: Some(u64::from(code)),
            float: Some(f64::from(code)),
            complex: None,
        })
    }

    /// Reads a complex constant such as `1+2i`.
    pub(super) fn from_complex(text: &str) -> Result<Self, String> {
        let split = text
            .char_indices()
            .skip(1)
            .find(|&(at, c)| matches!(c, '+' | '-') && !text[..at].ends_with(['e', 'E', 'p', 'P']))
            .map(|(at, _)| at);
        let parts = split.and_then(|at| {
            let imaginary = text[at..].strip_suffix('i')?;
            Some((parse_float(&text[..at])?, parse_float(imaginary)?))
        });
        match parts {
            Some((re, im)) => Ok(Self::complex(text, re, im)),
            None => Err("syntax error scanning complex number".to_owned()),
        }
    }

    fn complex(text: &str, re: f64, im: f64) -> Self {
        let float = (im == 0.0).then_some(re);
        Self {
            text: text.to_owned(),
            int: float.and_then(exact_int),
            uint: float.and_then(exact_uint),
            float,
            complex: Some((re, im)),
        }
    }

    /// Reads any other number constant.
    pub(super) fn from_text(text: &str) -> Result<Self, String> {
        if let Some(imaginary) = text.strip_suffix('i')
            && let Some(im) = parse_float(imaginary)
        {
            return Ok(Self::complex(text, 0.0, im));
        }
        let mut number = Self {
            text: text.to_owned(),
            uint: parse_uint(text, 0).ok(),
            int: parse_int(text, 0).ok(),
            ..Self::default()
        };
        if number.int == Some(0) {
            number.uint = Some(0);
        }
        if let Some(int) = number.int {
            number.float = Some(int as f64);
        } else if let Some(uint) = number.uint {
            number.float = Some(uint as f64);
        } else if let Some(float) = parse_float(text) {
            if !text.contains(['.', 'e', 'E', 'p', 'P']) {
                return Err(format!("integer overflow: {text:?}"));
            }
            number.float = Some(float);
            number.int = exact_int(float);
            number.uint = exact_uint(float);
        }
        if number.float.is_none() {
            return Err(format!("illegal number syntax: {text:?}"));
        }
        Ok(number)
    }
}

/// The float as an integer, if it is one.
fn exact_int(float: f64) -> Option<i64> {
    let int = float as i64;
    (int as f64 == float && int != i64::MAX).then_some(int)
}

fn exact_uint(float: f64) -> Option<u64> {
    let uint = float as u64;
    (uint as f64 == float && uint != u64::MAX).then_some(uint)
}

/// Why a text is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NumberError {
    /// The text is none.
    Syntax,
    /// The number does not fit; the nearest that does.
    Range(u64),
}

/// Go's `strconv.ParseUint` for 64 bits; base 0 reads prefixes and underscores.
pub(super) fn parse_uint(text: &str, base: u32) -> Result<u64, NumberError> {
    let lower = text.to_ascii_lowercase();
    let (digits, radix) = match (base, lower.as_bytes()) {
        (0, [b'0', b'b', ..]) if text.len() > 2 => (&lower[2..], 2),
        (0, [b'0', b'o', ..]) if text.len() > 2 => (&lower[2..], 8),
        (0, [b'0', b'x', ..]) if text.len() > 2 => (&lower[2..], 16),
        (0, [b'0', _, ..]) => (&lower[1..], 8),
        (0, _) => (&lower[..], 10),
        _ => (&lower[..], base),
    };
    if digits.is_empty() || (base == 0 && !underscores_are_right(&lower)) {
        return Err(NumberError::Syntax);
    }
    let mut value: Option<u64> = Some(0);
    for c in digits.chars() {
        if c == '_' && base == 0 {
            continue;
        }
        let digit = c.to_digit(radix).ok_or(NumberError::Syntax)?;
        value = value
            .and_then(|value| value.checked_mul(u64::from(radix)))
            .and_then(|value| value.checked_add(u64::from(digit)));
    }
    value.ok_or(NumberError::Range(u64::MAX))
}

/// Go's `strconv.ParseInt` for 64 bits.
pub(super) fn parse_int(text: &str, base: u32) -> Result<i64, NumberError> {
    let (negative, digits) = match text.as_bytes() {
        [b'-', ..] => (true, &text[1..]),
        [b'+', ..] => (false, &text[1..]),
        _ => (false, text),
    };
    let limit = if negative {
        1u64 << 63
    } else {
        (1u64 << 63) - 1
    };
    match parse_uint(digits, base) {
        Ok(value) if value <= limit => Ok(if negative {
            (value as i64).wrapping_neg()
        } else {
            value as i64
        }),
        Ok(_) | Err(NumberError::Range(_)) => Err(NumberError::Range(limit)),
        Err(NumberError::Syntax) => Err(NumberError::Syntax),
    }
}

/// Whether underscores stand between digits only, or after the prefix of a base.
fn underscores_are_right(text: &str) -> bool {
    let body = text.strip_prefix(['+', '-']).unwrap_or(text);
    let lower = body.to_ascii_lowercase();
    let prefixed = lower.len() >= 2 && lower.starts_with('0') && "box".contains(&lower[1..2]);
    let hex = prefixed && lower[1..].starts_with('x');
    let mut last = if prefixed { '0' } else { '^' };
    for c in lower.chars().skip(if prefixed { 2 } else { 0 }) {
        if c.is_ascii_digit() || (hex && c.is_ascii_hexdigit()) {
            last = '0';
        } else if c == '_' {
            if last != '0' {
                return false;
            }
            last = '_';
        } else {
            if last == '_' {
                return false;
            }
            last = '!';
        }
    }
    last != '_'
}

/// Go's `strconv.ParseFloat` for 64 bits; `None` for no number and for one out of range.
pub(super) fn parse_float(text: &str) -> Option<f64> {
    let lower = text.to_ascii_lowercase();
    let unsigned = lower.strip_prefix(['+', '-']).unwrap_or(&lower);
    if matches!(unsigned, "inf" | "infinity" | "nan") {
        return lower.parse().ok();
    }
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        || !underscores_are_right(&lower)
    {
        return None;
    }
    let value = if let Some(hex) = unsigned.strip_prefix("0x") {
        let value = parse_hex_float(&hex.replace('_', ""))?;
        if lower.starts_with('-') {
            -value
        } else {
            value
        }
    } else {
        lower.replace('_', "").parse().ok()?
    };
    value.is_finite().then_some(value)
}

/// A hexadecimal mantissa and a binary exponent, which is mandatory.
fn parse_hex_float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once('p')?;
    let exponent: i32 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value = 0f64;
    for c in whole.chars().chain(fraction.chars()) {
        value = value * 16.0 + f64::from(c.to_digit(16)?);
    }
    let shift = i32::try_from(fraction.len()).ok()?.checked_mul(4)?;
    Some(value * 2f64.powi(exponent.checked_sub(shift)?))
}

/// What one element of quoted text stands for.
enum Unquoted {
    Rune(char),
    Byte(u8),
}

/// Reads one character or escape of quoted text, and what follows it.
fn unquote_char(text: &str, quote: char) -> Option<(Unquoted, &str)> {
    let mut chars = text.chars();
    let c = chars.next()?;
    if c == quote {
        return None;
    }
    if c != '\\' {
        return Some((Unquoted::Rune(c), chars.as_str()));
    }
    let escape = chars.next()?;
    let rest = chars.as_str();
    let rune = |c| Some((Unquoted::Rune(c), rest));
    match escape {
        'a' => rune('\x07'),
        'b' => rune('\x08'),
        'f' => rune('\x0c'),
        'n' => rune('\n'),
        'r' => rune('\r'),
        't' => rune('\t'),
        'v' => rune('\x0b'),
        '\\' => rune('\\'),
        '\'' | '"' if escape == quote => rune(escape),
        'x' | 'u' | 'U' => {
            let width = match escape {
                'x' => 2,
                'u' => 4,
                _ => 8,
            };
            let digits = rest.get(..width)?;
            if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return None;
            }
            let code = u32::from_str_radix(digits, 16).ok()?;
            let unquoted = if escape == 'x' {
                Unquoted::Byte(u8::try_from(code).ok()?)
            } else {
                Unquoted::Rune(char::from_u32(code)?)
            };
            Some((unquoted, &rest[width..]))
        }
        '0'..='7' => {
            let digits = text.get(1..4)?;
            if !digits.bytes().all(|digit| matches!(digit, b'0'..=b'7')) {
                return None;
            }
            let code = u8::from_str_radix(digits, 8).ok()?;
            Some((Unquoted::Byte(code), &text[4..]))
        }
        _ => None,
    }
}

/// Go's `strconv.Unquote` for `"…"` and `` `…` ``.
pub(super) fn unquote(text: &str) -> Option<Vec<u8>> {
    let quote = text.chars().next()?;
    let inner = text.get(1..text.len().checked_sub(1)?)?;
    if quote == '`' {
        return Some(inner.replace('\r', "").into_bytes());
    }
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while !rest.is_empty() {
        let (unquoted, after) = unquote_char(rest, quote)?;
        match unquoted {
            Unquoted::Byte(byte) => bytes.push(byte),
            Unquoted::Rune(c) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
        rest = after;
    }
    Some(bytes)
}
