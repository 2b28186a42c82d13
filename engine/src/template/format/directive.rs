//! The format of `printf`: flags, widths, precisions and argument indexes.

use super::{Flags, Printer};
use crate::template::runes::runes;
use crate::template::value::Value;

/// The largest width or precision.
const LARGEST: i64 = 1_000_000;

impl Printer<'_> {
    pub(super) fn print_format(&mut self, format: &[u8], args: &[Value]) {
        let mut arg = 0;
        let mut at = 0;
        self.reordered = false;
        while at < format.len() {
            let length = format[at..].iter().position(|&byte| byte == b'%');
            let end = length.map_or(format.len(), |length| at + length);
            if end > at {
                self.write(&format[at..end]);
            }
            if end == format.len() {
                break;
            }
            self.flags = Flags::default();
            at = self.print_verb(format, end + 1, args, &mut arg);
        }
        self.flags = Flags::default();
        if self.reordered || arg >= args.len() {
            return;
        }
        self.write(b"%!(EXTRA ");
        for (index, extra) in args[arg..].iter().enumerate() {
            if index > 0 {
                self.write(b", ");
            }
            if let Value::Nil = extra {
                self.write(b"<nil>");
            } else {
                self.write(extra.ty().name().as_bytes());
                self.write(b"=");
                self.print_arg(extra, 'v');
            }
        }
        self.write(b")");
    }

    /// Prints the verb whose flags begin at `at`, and returns where it ends.
    fn print_verb(&mut self, format: &[u8], at: usize, args: &[Value], arg: &mut usize) -> usize {
        self.good_index = true;
        let mut at = self.read_flags(format, at);
        let mut after_index = self.read_index(format, &mut at, args.len(), arg);
        if format.get(at) == Some(&b'*') {
            at += 1;
            self.read_width_argument(args, arg);
            after_index = false;
        } else {
            self.flags.width = read_number(format, &mut at);
            if after_index && self.flags.width.is_some() {
                self.good_index = false;
            }
        }
        if format.get(at) == Some(&b'.') && at + 1 < format.len() {
            at += 1;
            if after_index {
                self.good_index = false;
            }
            after_index = self.read_index(format, &mut at, args.len(), arg);
            if format.get(at) == Some(&b'*') {
                at += 1;
                self.read_precision_argument(args, arg);
                after_index = false;
            } else {
                self.flags.precision = Some(read_number(format, &mut at).unwrap_or(0));
            }
        }
        if !after_index {
            self.read_index(format, &mut at, args.len(), arg);
        }
        let Some((verb, width)) = format.get(at..).and_then(|rest| runes(rest).next()) else {
            self.write(b"%!(NOVERB)");
            return format.len();
        };
        self.print_arg_of(verb, args, arg);
        at + width
    }

    fn print_arg_of(&mut self, verb: char, args: &[Value], arg: &mut usize) {
        if verb == '%' {
            return self.write(b"%");
        }
        let complaint: &[u8] = match args.get(*arg) {
            _ if !self.good_index => b"(BADINDEX)",
            None => b"(MISSING)",
            Some(value) => {
                if matches!(verb, 'v' | 'w') {
                    self.flags.sharp_v = std::mem::take(&mut self.flags.sharp);
                    self.flags.plus_v = std::mem::take(&mut self.flags.plus);
                }
                self.print_arg(value, verb);
                *arg += 1;
                return;
            }
        };
        self.write(b"%!");
        self.write(verb.encode_utf8(&mut [0; 4]).as_bytes());
        self.write(complaint);
    }

    fn read_flags(&mut self, format: &[u8], mut at: usize) -> usize {
        while let Some(byte) = format.get(at) {
            match byte {
                b'#' => self.flags.sharp = true,
                b'0' => self.flags.zero = true,
                b'+' => self.flags.plus = true,
                b'-' => self.flags.minus = true,
                b' ' => self.flags.space = true,
                _ => break,
            }
            at += 1;
        }
        at
    }

    /// Reads an argument index such as `[2]`; whether there was a usable one.
    fn read_index(&mut self, format: &[u8], at: &mut usize, count: usize, arg: &mut usize) -> bool {
        if format.get(*at) != Some(&b'[') {
            return false;
        }
        self.reordered = true;
        let rest = &format[*at..];
        let close = rest.iter().position(|&byte| byte == b']');
        let Some(close) = close.filter(|_| rest.len() >= 3) else {
            *at += 1;
            self.good_index = false;
            return false;
        };
        let mut end = 1;
        let number = read_number(&rest[..close], &mut end).filter(|_| end == close);
        *at += close + 1;
        match number.and_then(|number| number.checked_sub(1)) {
            Some(index) if index < count => {
                *arg = index;
                true
            }
            _ => {
                self.good_index = false;
                number.is_some()
            }
        }
    }

    fn read_width_argument(&mut self, args: &[Value], arg: &mut usize) {
        match number_argument(args, arg) {
            Some(number) => {
                self.flags.width = usize::try_from(number.unsigned_abs()).ok();
                if number < 0 {
                    self.flags.minus = true;
                    self.flags.zero = false;
                }
            }
            None => self.write(b"%!(BADWIDTH)"),
        }
    }

    fn read_precision_argument(&mut self, args: &[Value], arg: &mut usize) {
        self.flags.precision =
            number_argument(args, arg).and_then(|number| usize::try_from(number).ok());
        if self.flags.precision.is_none() {
            self.write(b"%!(BADPREC)");
        }
    }
}

/// The next argument as a width or precision.
fn number_argument(args: &[Value], arg: &mut usize) -> Option<i64> {
    let value = args.get(*arg)?;
    *arg += 1;
    let number = match value {
        Value::Int(_, number) => *number,
        Value::Uint(_, number) => i64::try_from(*number).ok()?,
        _ => return None,
    };
    (-LARGEST..=LARGEST).contains(&number).then_some(number)
}

/// Reads decimal digits; a number too large is none, and ends the format.
fn read_number(format: &[u8], at: &mut usize) -> Option<usize> {
    let mut number = None;
    while let Some(digit) = format.get(*at).filter(|byte| byte.is_ascii_digit()) {
        let so_far = number.unwrap_or(0);
        if so_far > LARGEST as usize {
            *at = format.len();
            return None;
        }
        number = Some(so_far * 10 + usize::from(digit - b'0'));
        *at += 1;
    }
    number
}
