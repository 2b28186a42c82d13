//! Reads a time by a layout.

use std::rc::Rc;

use super::layout::{self, Element, Offset, OffsetForm, Zulu};
use super::{DAY, Date, MONTHS, Time, WEEKDAYS, Zone, is_leap};

/// Reads `value` by `layout`; what names no zone is local time. The error is Go's text.
pub(in crate::template) fn parse(layout: &[u8], value: &[u8]) -> Result<Time, String> {
    let mut reader = Reader {
        rest: value,
        fields: Fields::default(),
    };
    let mut remaining = layout;
    loop {
        let (literal, element, after) = layout::next(remaining);
        if let Err(rest) = skip(reader.rest, literal) {
            return Err(mismatch(layout, value, rest, literal));
        }
        reader.rest = skip(reader.rest, literal).unwrap_or_default();
        let Some(element) = element else {
            if reader.rest.is_empty() {
                break;
            }
            let extra = quote(reader.rest);
            return Err(complaint(value, &format!("extra text: {extra}")));
        };
        let spelled = &remaining[literal.len()..remaining.len() - after.len()];
        remaining = after;
        let hold = reader.rest;
        match reader.read(element, remaining) {
            Ok(()) => {}
            Err(Misread::Range(what)) => {
                return Err(complaint(value, &format!("{what} out of range")));
            }
            Err(Misread::Syntax) => return Err(mismatch(layout, value, hold, spelled)),
        }
    }
    reader.fields.time().map_err(|what| complaint(value, what))
}

fn mismatch(layout: &[u8], value: &[u8], rest: &[u8], element: &[u8]) -> String {
    format!(
        "parsing time {} as {}: cannot parse {} as {}",
        quote(value),
        quote(layout),
        quote(rest),
        quote(element)
    )
}

fn complaint(value: &[u8], text: &str) -> String {
    format!("parsing time {}: {text}", quote(value))
}

/// Quotes like the time package, which escapes bytes outside ASCII.
pub(super) fn quote(text: &[u8]) -> String {
    let mut quoted = String::from("\"");
    for &byte in text {
        match byte {
            b'"' | b'\\' => {
                quoted.push('\\');
                quoted.push(char::from(byte));
            }
            b' '..=0x7f => quoted.push(char::from(byte)),
            _ => quoted.push_str(&format!("\\x{byte:02x}")),
        }
    }
    quoted.push('"');
    quoted
}

/// Removes a literal; a space in it stands for any number of spaces. The error is where it ends.
fn skip<'t>(mut text: &'t [u8], mut literal: &[u8]) -> Result<&'t [u8], &'t [u8]> {
    while let Some((first, rest)) = literal.split_first() {
        if *first == b' ' {
            if text.first().is_some_and(|byte| *byte != b' ') {
                return Err(text);
            }
            literal = without_spaces(literal);
            text = without_spaces(text);
            continue;
        }
        if text.first() != Some(first) {
            return Err(text);
        }
        literal = rest;
        text = &text[1..];
    }
    Ok(text)
}

fn without_spaces(text: &[u8]) -> &[u8] {
    let spaces = text.iter().take_while(|byte| **byte == b' ').count();
    &text[spaces..]
}

/// Why an element could not be read.
enum Misread {
    Syntax,
    Range(&'static str),
}

/// The parts of a time read so far.
#[derive(Default)]
struct Fields {
    year: i64,
    month: Option<i64>,
    day: Option<i64>,
    year_day: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    nanoseconds: u32,
    afternoon: Option<Half>,
    utc: Option<Zulu>,
    offset: Option<i64>,
    zone_name: Option<Rc<str>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Half {
    Morning,
    Afternoon,
}

struct Reader<'t> {
    rest: &'t [u8],
    fields: Fields,
}

type Read<T> = Result<T, Misread>;

impl<'t> Reader<'t> {
    fn take(&mut self, length: usize) -> Read<&'t [u8]> {
        if self.rest.len() < length {
            return Err(Misread::Syntax);
        }
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        Ok(taken)
    }

    fn is_digit(&self, at: usize) -> bool {
        self.rest.get(at).is_some_and(u8::is_ascii_digit)
    }

    /// Reads up to `most` digits, at least `least`.
    fn number(&mut self, least: usize, most: usize) -> Read<i64> {
        let digits = (0..most).take_while(|at| self.is_digit(*at)).count();
        if digits < least.max(1) {
            return Err(Misread::Syntax);
        }
        decimal(self.take(digits)?)
    }

    fn ranged(
        &mut self,
        least: usize,
        range: std::ops::RangeInclusive<i64>,
        what: &'static str,
    ) -> Read<i64> {
        let number = self.number(least, 2)?;
        if range.contains(&number) {
            Ok(number)
        } else {
            Err(Misread::Range(what))
        }
    }

    fn name(&mut self, names: &[&'static str], length: Option<usize>) -> Read<i64> {
        for (index, name) in names.iter().enumerate() {
            let name = &name[..length.unwrap_or(name.len())];
            let text = self.rest.get(..name.len());
            if text.is_some_and(|text| text.eq_ignore_ascii_case(name.as_bytes())) {
                self.rest = &self.rest[name.len()..];
                return i64::try_from(index).map_err(|_| Misread::Syntax);
            }
        }
        Err(Misread::Syntax)
    }

    fn read(&mut self, element: Element, following: &[u8]) -> Read<()> {
        match element {
            Element::Year => {
                let year = atoi(self.take(2)?)?;
                self.fields.year = if year >= 69 { year + 1900 } else { year + 2000 };
            }
            Element::LongYear => {
                if !self.is_digit(0) {
                    return Err(Misread::Syntax);
                }
                self.fields.year = decimal(self.take(4)?)?;
            }
            Element::Month => self.fields.month = Some(self.name(&MONTHS, Some(3))? + 1),
            Element::LongMonth => self.fields.month = Some(self.name(&MONTHS, None)? + 1),
            Element::NumberMonth => self.fields.month = Some(self.ranged(1, 1..=12, "month")?),
            Element::ZeroMonth => self.fields.month = Some(self.ranged(2, 1..=12, "month")?),
            Element::Weekday => {
                self.name(&WEEKDAYS, Some(3))?;
            }
            Element::LongWeekday => {
                self.name(&WEEKDAYS, None)?;
            }
            Element::Day => self.fields.day = Some(self.number(1, 2)?),
            Element::ZeroDay => self.fields.day = Some(self.number(2, 2)?),
            Element::UnderDay => {
                self.skip_space();
                self.fields.day = Some(self.number(1, 2)?);
            }
            Element::UnderYearDay => {
                self.skip_space();
                self.skip_space();
                self.fields.year_day = Some(self.number(1, 3)?);
            }
            Element::ZeroYearDay => self.fields.year_day = Some(self.number(3, 3)?),
            Element::Hour => self.fields.hour = self.ranged(1, 0..=23, "hour")?,
            Element::Hour12 => self.fields.hour = self.ranged(1, 0..=12, "hour")?,
            Element::ZeroHour12 => self.fields.hour = self.ranged(2, 0..=12, "hour")?,
            Element::Minute => self.fields.minute = self.ranged(1, 0..=59, "minute")?,
            Element::ZeroMinute => self.fields.minute = self.ranged(2, 0..=59, "minute")?,
            Element::Second => self.second(1, following)?,
            Element::ZeroSecond => self.second(2, following)?,
            Element::UpperPm => self.half(b"AM", b"PM")?,
            Element::LowerPm => self.half(b"am", b"pm")?,
            Element::ZoneName => self.zone_name()?,
            Element::Offset(offset) => self.offset(offset)?,
            Element::Fraction(_, digits) => {
                let text = self.take(digits + 1)?;
                self.fields.nanoseconds = nanoseconds(text)?;
            }
            Element::OptionalFraction(..) => self.optional_fraction()?,
        }
        Ok(())
    }

    fn skip_space(&mut self) {
        if let Some((b' ', rest)) = self.rest.split_first() {
            self.rest = rest;
        }
    }

    /// Reads seconds, and a fraction that the layout does not name.
    fn second(&mut self, least: usize, following: &[u8]) -> Read<()> {
        self.fields.second = self.ranged(least, 0..=59, "second")?;
        let (_, next, _) = layout::next(following);
        let named = matches!(
            next,
            Some(Element::Fraction(..) | Element::OptionalFraction(..))
        );
        if named {
            return Ok(());
        }
        self.optional_fraction()
    }

    fn optional_fraction(&mut self) -> Read<()> {
        if !matches!(self.rest.first(), Some(b'.' | b',')) || !self.is_digit(1) {
            return Ok(());
        }
        let digits = (1..self.rest.len())
            .take_while(|at| self.is_digit(*at))
            .count();
        let text = self.take(digits + 1)?;
        self.fields.nanoseconds = nanoseconds(text)?;
        Ok(())
    }

    fn half(&mut self, morning: &[u8], afternoon: &[u8]) -> Read<()> {
        let text = self.take(2)?;
        self.fields.afternoon = Some(if text == afternoon {
            Half::Afternoon
        } else if text == morning {
            Half::Morning
        } else {
            return Err(Misread::Syntax);
        });
        Ok(())
    }

    fn zone_name(&mut self) -> Read<()> {
        if self.rest.starts_with(b"UTC") {
            self.rest = &self.rest[3..];
            self.fields.utc = Some(Zulu::Letter);
            return Ok(());
        }
        let length = zone_name_length(self.rest).ok_or(Misread::Syntax)?;
        let name = self.take(length)?;
        self.fields.zone_name = Some(String::from_utf8_lossy(name).into());
        Ok(())
    }

    fn offset(&mut self, offset: Offset) -> Read<()> {
        if offset.zulu == Zulu::Letter && self.rest.first() == Some(&b'Z') {
            self.rest = &self.rest[1..];
            self.fields.utc = Some(Zulu::Letter);
            return Ok(());
        }
        let (length, colons, minute, second): (usize, &[usize], _, _) = match offset.form {
            OffsetForm::Hours => (3, &[], None, None),
            OffsetForm::Minutes => (5, &[], Some(3), None),
            OffsetForm::ColonMinutes => (6, &[3], Some(4), None),
            OffsetForm::Seconds => (7, &[], Some(3), Some(5)),
            OffsetForm::ColonSeconds => (9, &[3, 6], Some(4), Some(7)),
        };
        let text = self.take(length)?;
        if colons.iter().any(|at| text.get(*at) != Some(&b':')) {
            return Err(Misread::Syntax);
        }
        let part = |at: Option<usize>| match at {
            None => Ok(0),
            Some(at) => decimal(text.get(at..at + 2).unwrap_or_default()),
        };
        let (hour, minute, second) = (part(Some(1))?, part(minute)?, part(second)?);
        for (number, most, what) in [
            (hour, 24, "time zone offset hour"),
            (minute, 60, "time zone offset minute"),
            (second, 60, "time zone offset second"),
        ] {
            if number > most {
                return Err(Misread::Range(what));
            }
        }
        let seconds = (hour * 60 + minute) * 60 + second;
        self.fields.offset = Some(match text.first() {
            Some(b'+') => seconds,
            Some(b'-') => -seconds,
            _ => return Err(Misread::Syntax),
        });
        Ok(())
    }
}

fn decimal(text: &[u8]) -> Read<i64> {
    if text.is_empty() {
        return Err(Misread::Syntax);
    }
    text.iter().try_fold(0i64, |number, byte| {
        if !byte.is_ascii_digit() {
            return Err(Misread::Syntax);
        }
        number
            .checked_mul(10)
            .and_then(|number| number.checked_add(i64::from(byte - b'0')))
            .ok_or(Misread::Syntax)
    })
}

/// A number that may have a sign.
fn atoi(text: &[u8]) -> Read<i64> {
    match text {
        [b'-', digits @ ..] => Ok(-decimal(digits)?),
        [b'+', digits @ ..] => decimal(digits),
        digits => decimal(digits),
    }
}

/// A fraction with its separator, in nanoseconds; digits beyond the ninth are dropped.
fn nanoseconds(text: &[u8]) -> Read<u32> {
    let Some((b'.' | b',', digits)) = text.split_first() else {
        return Err(Misread::Syntax);
    };
    let digits = &digits[..digits.len().min(9)];
    let mut number = atoi(digits)?;
    if number < 0 {
        return Err(Misread::Range("fractional second"));
    }
    for _ in digits.len()..9 {
        number *= 10;
    }
    u32::try_from(number).map_err(|_| Misread::Syntax)
}

/// The length of the abbreviation of a zone, if the text begins with one.
fn zone_name_length(text: &[u8]) -> Option<usize> {
    if text.starts_with(b"ChST") || text.starts_with(b"MeST") {
        return Some(4);
    }
    if text.len() < 3 {
        return None;
    }
    if text.starts_with(b"GMT") {
        return Some(3 + signed_offset_length(&text[3..]));
    }
    if matches!(text.first(), Some(b'+' | b'-')) {
        return Some(signed_offset_length(text)).filter(|length| *length > 0);
    }
    let upper = text
        .iter()
        .take(6)
        .take_while(|byte| byte.is_ascii_uppercase());
    match upper.count() {
        3 => Some(3),
        4 if text.get(3) == Some(&b'T') || text.starts_with(b"WITA") => Some(4),
        5 if text.get(4) == Some(&b'T') => Some(5),
        _ => None,
    }
}

fn signed_offset_length(text: &[u8]) -> usize {
    if !matches!(text.first(), Some(b'+' | b'-')) {
        return 0;
    }
    let digits = text[1..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    match decimal(&text[1..=digits]) {
        Ok(hours) if hours <= 23 => digits + 1,
        _ => 0,
    }
}

impl Fields {
    fn time(self) -> Result<Time, &'static str> {
        let hour = match self.afternoon {
            Some(Half::Afternoon) if self.hour < 12 => self.hour + 12,
            Some(Half::Morning) if self.hour == 12 => 0,
            _ => self.hour,
        };
        let (month, day) = self.month_and_day()?;
        if day < 1 || day > Date::days_in_month(self.year, month) {
            return Err("day out of range");
        }
        let date = Date {
            year: self.year,
            month,
            day,
        };
        let seconds = date.days() * DAY + hour * 3600 + self.minute * 60 + self.second;
        let time = |seconds, zone| Time {
            seconds,
            nanoseconds: self.nanoseconds,
            zone,
        };
        if self.utc.is_some() {
            return Ok(time(seconds, Zone::Utc));
        }
        let name = self.zone_name.clone();
        if let Some(offset) = self.offset.filter(|offset| *offset != -1) {
            let local = offset == 0 && name.as_deref().is_none_or(|name| name == "UTC");
            let zone = if local {
                Zone::Local
            } else {
                let name = name.unwrap_or_else(|| Rc::from(""));
                Zone::Fixed { name, offset }
            };
            return Ok(time(seconds - offset, zone));
        }
        let Some(name) = name else {
            return Ok(time(seconds, Zone::Local));
        };
        // An abbreviation says nothing about the offset, except `GMT+3`.
        let hours = name.strip_prefix("GMT").filter(|hours| !hours.is_empty());
        let hours = hours.and_then(|hours| atoi(hours.as_bytes()).ok());
        let offset = hours.unwrap_or(0) * 3600;
        Ok(time(seconds, Zone::Fixed { name, offset }))
    }

    fn month_and_day(&self) -> Result<(i64, i64), &'static str> {
        let Some(year_day) = self.year_day else {
            return Ok((self.month.unwrap_or(1), self.day.unwrap_or(1)));
        };
        let most = if is_leap(self.year) { 366 } else { 365 };
        if year_day < 1 || year_day > most {
            return Err("day-of-year out of range");
        }
        let first = Date {
            year: self.year,
            month: 1,
            day: 1,
        };
        let date = Date::from_days(first.days() + year_day - 1);
        if self.month.is_some_and(|month| month != date.month) {
            return Err("day-of-year does not match month");
        }
        if self.day.is_some_and(|day| day != date.day) {
            return Err("day-of-year does not match day");
        }
        Ok((date.month, date.day))
    }
}
