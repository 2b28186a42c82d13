//! The verbs of numbers and strings.

use super::{Flags, Printer};
use crate::template::float::{self, Notation};
use crate::template::runes::{Escape, can_backquote, is_print, quote_with, runes};
use crate::template::value::Value;

impl Printer<'_> {
    pub(super) fn print_integer(&mut self, value: &Value, verb: char) {
        let (magnitude, negative, signed) = match value {
            Value::Int(_, number) => (number.unsigned_abs(), *number < 0, true),
            Value::Uint(_, number) => (*number, false, false),
            _ => return,
        };
        // Characters are chosen by the bits of the number.
        let bits = if negative {
            magnitude.wrapping_neg()
        } else {
            magnitude
        };
        match verb {
            'v' if self.flags.sharp_v && !signed => {
                let sharp = std::mem::replace(&mut self.flags.sharp, true);
                self.print_radix(bits, false, 16, verb);
                self.flags.sharp = sharp;
            }
            'v' | 'd' => self.print_radix(magnitude, negative, 10, verb),
            'b' => self.print_radix(magnitude, negative, 2, verb),
            'o' | 'O' => self.print_radix(magnitude, negative, 8, verb),
            'x' | 'X' => self.print_radix(magnitude, negative, 16, verb),
            'c' => {
                let c = character(bits);
                self.pad(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            'q' => {
                let c = character(bits);
                let escape = self.escape();
                let quoted = quote_with(c.encode_utf8(&mut [0; 4]).as_bytes(), '\'', escape);
                self.pad(quoted.as_bytes());
            }
            'U' => self.print_unicode(bits),
            _ => self.bad_verb(value, verb),
        }
    }

    fn escape(&self) -> Escape {
        if self.flags.plus {
            Escape::NonAscii
        } else {
            Escape::Unprintable
        }
    }

    fn print_radix(&mut self, magnitude: u64, negative: bool, radix: u32, verb: char) {
        let Flags {
            width,
            precision,
            minus,
            plus,
            sharp,
            space,
            zero,
            ..
        } = self.flags;
        if precision == Some(0) && magnitude == 0 {
            return self.write_padding(width.unwrap_or(0), b' ');
        }
        let mut least = precision.unwrap_or(0);
        if let (None, true, false, Some(width)) = (precision, zero, minus, width) {
            least = width - usize::from((negative || plus || space) && width > 0);
        }
        let digits = match (radix, verb) {
            (2, _) => format!("{magnitude:b}"),
            (8, _) => format!("{magnitude:o}"),
            (16, 'X') => format!("{magnitude:X}"),
            (16, _) => format!("{magnitude:x}"),
            _ => magnitude.to_string(),
        };
        let zeros = least.saturating_sub(digits.len());
        if let Err(fault) = self.heap.charge(zeros) {
            self.fault.get_or_insert(fault);
            return;
        }
        let mut number = "0".repeat(zeros) + &digits;
        if sharp {
            match radix {
                2 => number.insert_str(0, "0b"),
                8 if !number.starts_with('0') => number.insert(0, '0'),
                16 => number.insert_str(0, if verb == 'X' { "0X" } else { "0x" }),
                _ => {}
            }
        }
        if verb == 'O' {
            number.insert_str(0, "0o");
        }
        if negative {
            number.insert(0, '-');
        } else if plus {
            number.insert(0, '+');
        } else if space {
            number.insert(0, ' ');
        }
        self.pad_with(number.as_bytes(), b' ');
    }

    fn print_unicode(&mut self, code: u64) {
        let digits = self.flags.precision.filter(|&digits| digits > 4);
        let mut text = format!("U+{code:0width$X}", width = digits.unwrap_or(4));
        if self.flags.sharp
            && let Some(c) = u32::try_from(code).ok().and_then(char::from_u32)
            && is_print(c)
        {
            text.push_str(&format!(" '{c}'"));
        }
        self.pad_with(text.as_bytes(), b' ');
    }

    pub(super) fn print_float(&mut self, value: &Value, float: f64, verb: char) {
        let precision = self.flags.precision;
        let six = Some(precision.unwrap_or(6));
        let text = match verb {
            'v' | 'g' | 'G' => float::print(float, Notation::General, precision),
            'e' | 'E' => float::print(float, Notation::Exponent, six),
            'f' | 'F' => float::print(float, Notation::Decimal, six),
            'x' | 'X' => float::print_hex(float, precision),
            'b' => float::print_binary(float),
            _ => return self.bad_verb(value, verb),
        };
        let text = if matches!(verb, 'E' | 'G' | 'X') && float.is_finite() {
            text.to_uppercase()
        } else {
            text
        };
        self.print_number(&text, float, verb);
    }

    /// Prints the text of a float with sign, decimal point and padding as the flags ask.
    fn print_number(&mut self, text: &str, float: f64, verb: char) {
        let (sign, digits) = match text.as_bytes() {
            [b'-', ..] => ('-', &text[1..]),
            [b'+', ..] => ('+', &text[1..]),
            _ => ('+', text),
        };
        let sign = if sign == '+' && self.flags.space && !self.flags.plus {
            ' '
        } else {
            sign
        };
        if !float.is_finite() {
            let bare = float.is_nan() && !self.flags.space && !self.flags.plus;
            let shown = if bare || (sign == '+' && !self.flags.plus && float.is_nan()) {
                digits.to_owned()
            } else {
                format!("{sign}{digits}")
            };
            return self.pad_with(shown.as_bytes(), b' ');
        }
        let digits = if self.flags.sharp && verb != 'b' {
            with_point(digits, verb, self.flags.precision)
        } else {
            digits.to_owned()
        };
        if !self.flags.plus && sign == '+' {
            return self.pad(digits.as_bytes());
        }
        let width = self.flags.width.unwrap_or(0);
        if self.flags.zero && !self.flags.minus && width > digits.len() + 1 {
            self.write(sign.encode_utf8(&mut [0; 4]).as_bytes());
            self.write_padding(width - digits.len() - 1, b'0');
            return self.write(digits.as_bytes());
        }
        self.pad(format!("{sign}{digits}").as_bytes());
    }

    pub(super) fn print_complex(&mut self, value: &Value, re: f64, im: f64, verb: char) {
        if !matches!(
            verb,
            'v' | 'b' | 'g' | 'G' | 'x' | 'X' | 'f' | 'F' | 'e' | 'E'
        ) {
            return self.bad_verb(value, verb);
        }
        let plus = self.flags.plus;
        self.write(b"(");
        self.print_float(value, re, verb);
        self.flags.plus = true;
        self.print_float(value, im, verb);
        self.write(b"i)");
        self.flags.plus = plus;
    }

    pub(super) fn print_text(&mut self, text: &[u8], verb: char) {
        match verb {
            'x' | 'X' => self.print_hex_text(text, verb),
            'q' => self.print_quoted(text),
            _ if self.flags.sharp_v && verb == 'v' => self.print_quoted(text),
            _ => self.print_text_verbatim(text),
        }
    }

    pub(super) fn print_text_verbatim(&mut self, text: &[u8]) {
        let text = self.truncated(text);
        self.pad(text);
    }

    fn truncated<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        match self.flags.precision {
            None => text,
            Some(precision) => {
                let length = runes(text).take(precision).map(|(_, width)| width).sum();
                &text[..length]
            }
        }
    }

    fn print_quoted(&mut self, text: &[u8]) {
        let text = self.truncated(text);
        if self.flags.sharp && can_backquote(text) {
            let quoted = [b"`", text, b"`"].concat();
            return self.pad(&quoted);
        }
        let quoted = quote_with(text, '"', self.escape());
        self.pad(quoted.as_bytes());
    }

    fn print_hex_text(&mut self, text: &[u8], verb: char) {
        let length = self.flags.precision.unwrap_or(text.len()).min(text.len());
        let prefix = if verb == 'X' { "0X" } else { "0x" };
        let mut hex = String::with_capacity(length * 2);
        for (index, byte) in text[..length].iter().enumerate() {
            if self.flags.space && index > 0 {
                hex.push(' ');
            }
            if self.flags.sharp && (index == 0 || self.flags.space) {
                hex.push_str(prefix);
            }
            hex.push_str(&if verb == 'X' {
                format!("{byte:02X}")
            } else {
                format!("{byte:02x}")
            });
        }
        self.pad(hex.as_bytes());
    }
}

/// The character of a code, or U+FFFD.
fn character(code: u64) -> char {
    u32::try_from(code)
        .ok()
        .and_then(char::from_u32)
        .unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// Gives a number a decimal point, and the trailing zeros of `%#g`.
fn with_point(digits: &str, verb: char, precision: Option<usize>) -> String {
    let hex = matches!(verb, 'x' | 'X');
    let exponent = digits.find(|c| matches!(c, 'p' | 'P') || (!hex && matches!(c, 'e' | 'E')));
    let (mantissa, tail) = digits.split_at(exponent.unwrap_or(digits.len()));
    let mut number = mantissa.to_owned();
    let wanted = match verb {
        'v' | 'g' | 'G' | 'x' => precision.unwrap_or(6),
        _ => 0,
    };
    let shown = mantissa
        .chars()
        .filter(|c| *c != '.')
        .skip_while(|c| *c == '0')
        .count();
    let shown = shown + usize::from(mantissa == "0");
    if !number.contains('.') {
        number.push('.');
    }
    number.push_str(&"0".repeat(wanted.saturating_sub(shown)));
    number + tail
}
