//! Dates and durations as Go's time package reads and prints them; no clock, and UTC as local time.

mod layout;
mod parse;

pub(super) use parse::parse;

use std::rc::Rc;

/// The names of the months.
pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The names of the days of the week.
pub(super) const WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

const DAY: i64 = 86_400;

/// Seconds from the beginning of year 1, Go's zero time, to 1970.
const ZERO: i64 = -62_135_596_800;

/// An instant and the zone it is shown in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Time {
    /// Seconds since 1970.
    seconds: i64,
    /// Nanoseconds after that, below a billion.
    nanoseconds: u32,
    zone: Zone,
}

/// The zone a time is shown in.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Zone {
    Utc,
    /// The zone of the machine, which is UTC by another name.
    Local,
    Fixed {
        name: Rc<str>,
        /// Seconds east of UTC.
        offset: i64,
    },
}

/// A date of the Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Date {
    pub(super) year: i64,
    /// 1 to 12.
    pub(super) month: i64,
    /// 1 to 31.
    pub(super) day: i64,
}

impl Date {
    /// Days since 1970-01-01.
    fn days(self) -> i64 {
        let year = if self.month <= 2 {
            self.year - 1
        } else {
            self.year
        };
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let month = (self.month + 9) % 12;
        let day_of_year = (153 * month + 2) / 5 + self.day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        era * 146_097 + day_of_era - 719_468
    }

    fn from_days(days: i64) -> Self {
        let days = days + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Self { year, month, day }
    }

    /// The number of days of the month.
    fn days_in_month(year: i64, month: i64) -> i64 {
        match month {
            2 if is_leap(year) => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

impl Time {
    /// Go's zero time, the beginning of year 1.
    pub(super) fn zero() -> Self {
        Self {
            seconds: ZERO,
            nanoseconds: 0,
            zone: Zone::Utc,
        }
    }

    /// Whether this is the zero time.
    pub(super) fn is_zero(&self) -> bool {
        self.seconds == ZERO && self.nanoseconds == 0
    }

    /// Seconds since 1970.
    pub(super) fn unix(&self) -> i64 {
        self.seconds
    }

    /// Nanoseconds since 1970, wrapping around as Go's do.
    pub(super) fn unix_nanoseconds(&self) -> i64 {
        self.seconds
            .wrapping_mul(1_000_000_000)
            .wrapping_add(i64::from(self.nanoseconds))
    }

    /// The nanoseconds within the second.
    pub(super) fn nanosecond(&self) -> u32 {
        self.nanoseconds
    }

    fn offset(&self) -> i64 {
        match &self.zone {
            Zone::Utc | Zone::Local => 0,
            Zone::Fixed { offset, .. } => *offset,
        }
    }

    fn zone_name(&self) -> &str {
        match &self.zone {
            Zone::Utc | Zone::Local => "UTC",
            Zone::Fixed { name, .. } => name,
        }
    }

    fn shown_seconds(&self) -> i64 {
        self.seconds.saturating_add(self.offset())
    }

    /// The date in the time's zone.
    pub(super) fn date(&self) -> Date {
        Date::from_days(self.shown_seconds().div_euclid(DAY))
    }

    /// Hour, minute and second in the time's zone.
    pub(super) fn clock(&self) -> (i64, i64, i64) {
        let second = self.shown_seconds().rem_euclid(DAY);
        (second / 3600, second / 60 % 60, second % 60)
    }

    /// The day of the week, Sunday being 0.
    pub(super) fn weekday(&self) -> i64 {
        (self.shown_seconds().div_euclid(DAY) + 4).rem_euclid(7)
    }

    /// The day of the year, from 1.
    pub(super) fn year_day(&self) -> i64 {
        let date = self.date();
        let first = Date {
            month: 1,
            day: 1,
            ..date
        };
        date.days() - first.days() + 1
    }

    /// The same instant, shown in UTC.
    pub(super) fn in_utc(&self) -> Self {
        Self {
            zone: Zone::Utc,
            ..self.clone()
        }
    }

    /// The same instant, shown in local time.
    pub(super) fn in_local(&self) -> Self {
        Self {
            zone: Zone::Local,
            ..self.clone()
        }
    }

    /// The instant `nanoseconds` later.
    pub(super) fn add(&self, nanoseconds: i64) -> Self {
        let sum = i64::from(self.nanoseconds) + nanoseconds % 1_000_000_000;
        let seconds = nanoseconds / 1_000_000_000 + sum.div_euclid(1_000_000_000);
        Self {
            seconds: self.seconds.wrapping_add(seconds),
            nanoseconds: u32::try_from(sum.rem_euclid(1_000_000_000)).unwrap_or(0),
            zone: self.zone.clone(),
        }
    }

    /// Nanoseconds since the zero time modulo `unit`.
    fn rest(&self, unit: i64) -> i64 {
        let since_zero = i128::from(self.seconds - ZERO) * 1_000_000_000;
        let rest = (since_zero + i128::from(self.nanoseconds)).rem_euclid(i128::from(unit));
        i64::try_from(rest).unwrap_or(0)
    }

    /// The time rounded down to a multiple of `unit` since the zero time.
    pub(super) fn truncated(&self, unit: i64) -> Self {
        if unit <= 0 {
            return self.clone();
        }
        self.add(-self.rest(unit))
    }

    /// The time rounded to a multiple of `unit` since the zero time, a half up.
    pub(super) fn rounded(&self, unit: i64) -> Self {
        if unit <= 0 {
            return self.clone();
        }
        let rest = self.rest(unit);
        if rest < unit - rest {
            self.add(-rest)
        } else {
            self.add(unit - rest)
        }
    }

    /// The date `years`, `months` and `days` later, at the same time of day.
    pub(super) fn add_date(&self, years: i64, months: i64, days: i64) -> Self {
        let date = self.date();
        let month = date.month.saturating_add(months).saturating_sub(1);
        let year = date
            .year
            .saturating_add(years)
            .saturating_add(month.div_euclid(12));
        // Beyond this, Go's arithmetic wraps around; no commit message is that old.
        let year = year.clamp(-1_000_000, 1_000_000);
        let first = Date {
            year,
            month: month.rem_euclid(12) + 1,
            day: 1,
        };
        let days = days.clamp(-400_000_000, 400_000_000);
        let day = first.days() + date.day - 1 + days;
        let seconds = day * DAY + self.shown_seconds().rem_euclid(DAY) - self.offset();
        Self {
            seconds,
            ..self.clone()
        }
    }

    /// Nanoseconds from `other` to this, at most what fits.
    pub(super) fn since(&self, other: &Self) -> i64 {
        let seconds = i128::from(self.seconds) - i128::from(other.seconds);
        let nanoseconds = i128::from(self.nanoseconds) - i128::from(other.nanoseconds);
        let total = seconds * 1_000_000_000 + nanoseconds;
        i64::try_from(total).unwrap_or(if total < 0 { i64::MIN } else { i64::MAX })
    }

    /// The order of the two instants.
    pub(super) fn compare(&self, other: &Self) -> std::cmp::Ordering {
        (self.seconds, self.nanoseconds).cmp(&(other.seconds, other.nanoseconds))
    }

    /// The time by a layout such as `2006-01-02`.
    pub(super) fn format(&self, layout: &[u8]) -> Vec<u8> {
        layout::format(self, layout)
    }

    /// The default print form.
    pub(super) fn text(&self) -> String {
        let text = self.format(b"2006-01-02 15:04:05.999999999 -0700 MST");
        super::runes::lossy(&text)
    }

    /// The form in JSON, RFC 3339; `None` for a year JSON has no place for.
    pub(super) fn rfc3339(&self) -> Option<String> {
        let text = self.format(b"2006-01-02T15:04:05.999999999Z07:00");
        (0..=9999)
            .contains(&self.date().year)
            .then(|| super::runes::lossy(&text))
    }
}

/// The time as Go source, for `%#v`.
pub(super) fn go_syntax(time: &Time) -> String {
    let Date { year, month, day } = time.date();
    let (hour, minute, second) = time.clock();
    let month = usize::try_from(month - 1)
        .ok()
        .and_then(|index| MONTHS.get(index))
        .unwrap_or(&"January");
    let location = match &time.zone {
        Zone::Utc => "time.UTC".to_owned(),
        Zone::Local => "time.Local".to_owned(),
        Zone::Fixed { name, .. } => format!("time.Location({name:?})"),
    };
    let nanosecond = time.nanoseconds;
    format!(
        "time.Date({year}, time.{month}, {day}, {hour}, {minute}, {second}, {nanosecond}, {location})"
    )
}
