//! Layouts: the reference time `Mon Jan 2 15:04:05 MST 2006` spelled as wanted.

use super::{Date, MONTHS, Time, WEEKDAYS};

/// An element of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    LongMonth,
    Month,
    NumberMonth,
    ZeroMonth,
    LongWeekday,
    Weekday,
    Day,
    UnderDay,
    ZeroDay,
    UnderYearDay,
    ZeroYearDay,
    Hour,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    LongYear,
    Year,
    UpperPm,
    LowerPm,
    ZoneName,
    Offset(Offset),
    /// A fraction of so many digits after the given separator.
    Fraction(u8, usize),
    /// The same, without trailing zeros.
    OptionalFraction(u8, usize),
}

/// The form of an offset from UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Offset {
    /// Whether zero is written as `Z`.
    pub(super) zulu: Zulu,
    pub(super) form: OffsetForm,
}

/// How an offset of zero is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zulu {
    Letter,
    Digits,
}

/// Which parts an offset has, and whether colons separate them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OffsetForm {
    Hours,
    Minutes,
    ColonMinutes,
    Seconds,
    ColonSeconds,
}

const OFFSETS: [(&[u8], OffsetForm); 5] = [
    (b"070000", OffsetForm::Seconds),
    (b"07:00:00", OffsetForm::ColonSeconds),
    (b"0700", OffsetForm::Minutes),
    (b"07:00", OffsetForm::ColonMinutes),
    (b"07", OffsetForm::Hours),
];

/// The text before the next element, the element, and the rest of the layout.
pub(super) fn next(layout: &[u8]) -> (&[u8], Option<Element>, &[u8]) {
    for at in 0..layout.len() {
        if let Some((skipped, element, length)) = element(&layout[at..]) {
            let start = at + skipped;
            return (&layout[..start], Some(element), &layout[start + length..]);
        }
    }
    (layout, None, &[])
}

/// The element a text begins with: bytes before it that are literal, and its length.
fn element(text: &[u8]) -> Option<(usize, Element, usize)> {
    let not_lower = |at: usize| !text.get(at).is_some_and(u8::is_ascii_lowercase);
    let found = |element, length| Some((0, element, length));
    match text {
        [b'J', b'a', b'n', b'u', b'a', b'r', b'y', ..] => found(Element::LongMonth, 7),
        [b'J', b'a', b'n', ..] if not_lower(3) => found(Element::Month, 3),
        [b'M', b'o', b'n', b'd', b'a', b'y', ..] => found(Element::LongWeekday, 6),
        [b'M', b'o', b'n', ..] if not_lower(3) => found(Element::Weekday, 3),
        [b'M', b'S', b'T', ..] => found(Element::ZoneName, 3),
        [b'0', b'1', ..] => found(Element::ZeroMonth, 2),
        [b'0', b'2', ..] => found(Element::ZeroDay, 2),
        [b'0', b'3', ..] => found(Element::ZeroHour12, 2),
        [b'0', b'4', ..] => found(Element::ZeroMinute, 2),
        [b'0', b'5', ..] => found(Element::ZeroSecond, 2),
        [b'0', b'6', ..] => found(Element::Year, 2),
        [b'0', b'0', b'2', ..] => found(Element::ZeroYearDay, 3),
        [b'1', b'5', ..] => found(Element::Hour, 2),
        [b'1', ..] => found(Element::NumberMonth, 1),
        [b'2', b'0', b'0', b'6', ..] => found(Element::LongYear, 4),
        [b'2', ..] => found(Element::Day, 1),
        [b'_', b'2', b'0', b'0', b'6', ..] => Some((1, Element::LongYear, 4)),
        [b'_', b'2', ..] => found(Element::UnderDay, 2),
        [b'_', b'_', b'2', ..] => found(Element::UnderYearDay, 3),
        [b'3', ..] => found(Element::Hour12, 1),
        [b'4', ..] => found(Element::Minute, 1),
        [b'5', ..] => found(Element::Second, 1),
        [b'P', b'M', ..] => found(Element::UpperPm, 2),
        [b'p', b'm', ..] => found(Element::LowerPm, 2),
        [sign @ (b'-' | b'Z'), rest @ ..] => {
            let (digits, form) = OFFSETS
                .iter()
                .find(|(digits, _)| rest.starts_with(digits))?;
            let zulu = if *sign == b'Z' {
                Zulu::Letter
            } else {
                Zulu::Digits
            };
            let offset = Offset { zulu, form: *form };
            found(Element::Offset(offset), digits.len() + 1)
        }
        [separator @ (b'.' | b','), digit @ (b'0' | b'9'), ..] => {
            let digits = text[1..].iter().take_while(|byte| *byte == digit).count();
            if text.get(digits + 1).is_some_and(u8::is_ascii_digit) {
                return None;
            }
            let element = if *digit == b'0' {
                Element::Fraction(*separator, digits)
            } else {
                Element::OptionalFraction(*separator, digits)
            };
            found(element, digits + 1)
        }
        _ => None,
    }
}

/// Prints a time by a layout.
pub(super) fn format(time: &Time, layout: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = layout;
    while !rest.is_empty() {
        let (literal, element, after) = next(rest);
        out.extend_from_slice(literal);
        match element {
            Some(element) => out.extend_from_slice(print(time, element).as_bytes()),
            None => break,
        }
        rest = after;
    }
    out
}

fn print(time: &Time, element: Element) -> String {
    let Date { year, month, day } = time.date();
    let (hour, minute, second) = time.clock();
    let hour12 = if hour % 12 == 0 { 12 } else { hour % 12 };
    let name = |names: &[&'static str], index: i64| {
        let index = usize::try_from(index).unwrap_or(0);
        names.get(index).copied().unwrap_or_default()
    };
    match element {
        Element::LongMonth => name(&MONTHS, month - 1).to_owned(),
        Element::Month => name(&MONTHS, month - 1)[..3].to_owned(),
        Element::NumberMonth => month.to_string(),
        Element::ZeroMonth => format!("{month:02}"),
        Element::LongWeekday => name(&WEEKDAYS, time.weekday()).to_owned(),
        Element::Weekday => name(&WEEKDAYS, time.weekday())[..3].to_owned(),
        Element::Day => day.to_string(),
        Element::UnderDay => format!("{day:2}"),
        Element::ZeroDay => format!("{day:02}"),
        Element::UnderYearDay => format!("{:3}", time.year_day()),
        Element::ZeroYearDay => format!("{:03}", time.year_day()),
        Element::Hour => format!("{hour:02}"),
        Element::Hour12 => hour12.to_string(),
        Element::ZeroHour12 => format!("{hour12:02}"),
        Element::Minute => minute.to_string(),
        Element::ZeroMinute => format!("{minute:02}"),
        Element::Second => second.to_string(),
        Element::ZeroSecond => format!("{second:02}"),
        Element::LongYear if year < 0 => format!("-{:04}", year.unsigned_abs()),
        Element::LongYear => format!("{year:04}"),
        Element::Year => format!("{:02}", year.unsigned_abs() % 100),
        Element::UpperPm => if hour >= 12 { "PM" } else { "AM" }.to_owned(),
        Element::LowerPm => if hour >= 12 { "pm" } else { "am" }.to_owned(),
        Element::ZoneName if time.zone_name().is_empty() => {
            print_offset(time.offset(), OffsetForm::Minutes)
        }
        Element::ZoneName => time.zone_name().to_owned(),
        Element::Offset(offset) if offset.zulu == Zulu::Letter && time.offset() == 0 => {
            "Z".to_owned()
        }
        Element::Offset(offset) => print_offset(time.offset(), offset.form),
        Element::Fraction(separator, digits) => {
            let nanoseconds = format!("{:09}", time.nanosecond());
            let shown: String = nanoseconds.chars().take(digits).collect();
            format!("{}{shown:0<digits$}", char::from(separator))
        }
        Element::OptionalFraction(separator, digits) => {
            let nanoseconds = format!("{:09}", time.nanosecond());
            let shown: String = nanoseconds.chars().take(digits).collect();
            match shown.trim_end_matches('0') {
                "" => String::new(),
                shown => format!("{}{shown}", char::from(separator)),
            }
        }
    }
}

fn print_offset(offset: i64, form: OffsetForm) -> String {
    let minutes = offset / 60;
    let sign = if minutes < 0 { '-' } else { '+' };
    let (hour, minute) = (minutes.abs() / 60, minutes.abs() % 60);
    let second = offset.abs() % 60;
    match form {
        OffsetForm::Hours => format!("{sign}{hour:02}"),
        OffsetForm::Minutes => format!("{sign}{hour:02}{minute:02}"),
        OffsetForm::ColonMinutes => format!("{sign}{hour:02}:{minute:02}"),
        OffsetForm::Seconds => format!("{sign}{hour:02}{minute:02}{second:02}"),
        OffsetForm::ColonSeconds => format!("{sign}{hour:02}:{minute:02}:{second:02}"),
    }
}
