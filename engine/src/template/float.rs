//! Floating-point numbers as Go's strconv prints them.

/// The notation of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notation {
    /// `d.dddde±dd`
    Exponent,
    /// `ddd.dd`
    Decimal,
    /// The shorter of the two, by Go's rule.
    General,
}

/// Prints `value`; without `precision`, as short as still reads back the same.
pub(super) fn print(value: f64, notation: Notation, precision: Option<usize>) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    match (notation, precision) {
        (Notation::Decimal, Some(precision)) => format!("{value:.precision$}"),
        (Notation::Decimal, None) => format!("{value}"),
        (Notation::Exponent, Some(precision)) => with_exponent(&format!("{value:.precision$e}")),
        (Notation::Exponent, None) => with_exponent(&format!("{value:e}")),
        (Notation::General, _) => general(value, precision),
    }
}

/// Gives the exponent of `1.5e7` a sign and two digits.
fn with_exponent(text: &str) -> String {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    match exponent.strip_prefix('-') {
        Some(digits) => format!("{mantissa}e-{digits:0>2}"),
        None => format!("{mantissa}e+{exponent:0>2}"),
    }
}

fn general(value: f64, precision: Option<usize>) -> String {
    let text = match precision {
        Some(precision) => format!("{value:.*e}", precision.saturating_sub(1)),
        None => format!("{value:e}"),
    };
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i64 = exponent.parse().unwrap_or(0);
    let mantissa = if mantissa.contains('.') {
        mantissa.trim_end_matches('0').trim_end_matches('.')
    } else {
        mantissa
    };
    let digits = mantissa.chars().filter(char::is_ascii_digit).count() as i64;
    let threshold = match precision {
        None => 6,
        Some(precision) => {
            let precision = precision.max(1) as i64;
            if precision > digits && digits > exponent {
                digits
            } else {
                precision
            }
        }
    };
    if exponent < -4 || exponent >= threshold {
        return with_exponent(&format!("{mantissa}e{exponent}"));
    }
    let places = usize::try_from((digits - 1 - exponent).max(0)).unwrap_or(0);
    match precision {
        Some(_) => {
            // Rounded already; the decimal form must not round a second time.
            let rounded: f64 = text.parse().unwrap_or(value);
            format!("{rounded:.places$}")
        }
        None => format!("{value}"),
    }
}

/// Prints `value` in hexadecimal with a binary exponent, `%x`.
pub(super) fn print_hex(value: f64, precision: Option<usize>) -> String {
    if !value.is_finite() {
        return print(value, Notation::Decimal, None);
    }
    let sign = if value.is_sign_negative() { "-" } else { "" };
    let bits = value.to_bits();
    let mut exponent = ((bits >> 52) & 0x7ff) as i64;
    let mut mantissa = bits & ((1 << 52) - 1);
    if exponent == 0 && mantissa == 0 {
        let zeros = "0".repeat(precision.unwrap_or(0));
        let point = if zeros.is_empty() { "" } else { "." };
        return format!("{sign}0x0{point}{zeros}p+00");
    }
    if exponent == 0 {
        exponent = 1;
    } else {
        mantissa |= 1 << 52;
    }
    exponent -= 1023;
    while mantissa & (1 << 52) == 0 {
        mantissa <<= 1;
        exponent -= 1;
    }
    if let Some(precision) = precision.filter(|&precision| precision < 13) {
        // Round half to even at the wanted number of hexadecimal digits.
        let shift = 4 * (13 - precision);
        let (kept, rest) = (mantissa >> shift, mantissa & ((1 << shift) - 1));
        let half = 1u64 << (shift - 1);
        let up = rest > half || (rest == half && kept & 1 == 1);
        mantissa = (kept + u64::from(up)) << shift;
        if mantissa >> 53 != 0 {
            mantissa >>= 1;
            exponent += 1;
        }
    }
    let fraction = format!("{:013x}", mantissa & ((1 << 52) - 1));
    let fraction = match precision {
        None => fraction.trim_end_matches('0').to_owned(),
        Some(precision) if precision <= 13 => fraction[..precision].to_owned(),
        Some(precision) => format!("{fraction:0<precision$}"),
    };
    let point = if fraction.is_empty() { "" } else { "." };
    let direction = if exponent < 0 { '-' } else { '+' };
    format!(
        "{sign}0x1{point}{fraction}p{direction}{:02}",
        exponent.abs()
    )
}

/// Prints `value` as an integer times a power of two, `%b`.
pub(super) fn print_binary(value: f64) -> String {
    if !value.is_finite() {
        return print(value, Notation::Decimal, None);
    }
    let bits = value.to_bits();
    let sign = if value.is_sign_negative() { "-" } else { "" };
    let exponent = ((bits >> 52) & 0x7ff) as i64;
    let mantissa = bits & ((1 << 52) - 1);
    let (mantissa, exponent) = if exponent == 0 {
        (mantissa, 1)
    } else {
        (mantissa | (1 << 52), exponent)
    };
    format!("{sign}{mantissa}p{:+}", exponent - 1075)
}
