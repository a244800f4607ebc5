//! Calendar months, as the people of a network have them: from midnight to midnight in its own time zone.
//!
//! The rule guarded here: a month begins and ends where its calendar says, not where UTC's does. The edges of a year in
//! Jayapura lie two hours before those in Jakarta.

use std::{fmt, str::FromStr};

use jiff::{ToSpan, civil::Date, tz::TimeZone};
use kentongan_model::time::Timestamp;
use kentongan_timeline::Span;
use serde::{Deserialize, Serialize};

/// A calendar month, in the network's time zone. Written as `2026-10`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Month {
    /// The year, 1970 to 9998.
    pub year: i16,
    /// The month, 1 to 12.
    pub month: i8,
}

/// A text that is no month.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a month such as 2026-10")]
pub struct MonthError(String);

impl Month {
    /// The month in which `at` lies.
    #[must_use]
    pub fn of(at: Timestamp, zone: &TimeZone) -> Month {
        let date = zone.to_datetime(at.to_jiff()).date();
        Month { year: date.year().clamp(1970, 9998), month: date.month() }
    }

    /// The last month that was over at `now`.
    #[must_use]
    pub fn last_whole(now: Timestamp, zone: &TimeZone) -> Month {
        let Month { year, month } = Month::of(now, zone);
        if month > 1 { Month { year, month: month - 1 } } else { Month { year: year - 1, month: 12 } }
    }

    /// The month [from, to).
    #[must_use]
    pub fn period(self, zone: &TimeZone) -> Span {
        let first = self.first();
        Span::new(midnight(first, zone), midnight(first.saturating_add(1.month()), zone))
    }

    /// Its days, each [midnight, midnight).
    #[must_use]
    pub fn days(self, zone: &TimeZone) -> Vec<Span> {
        let first = self.first();
        let edges: Vec<_> = (0..=i32::from(first.days_in_month()))
            .map(|day| midnight(first.saturating_add(day.days()), zone))
            .collect();
        edges.windows(2).map(|edge| Span::new(edge[0], edge[1])).collect()
    }

    fn first(self) -> Date {
        Date::new(self.year, self.month, 1).unwrap_or(Date::ZERO)
    }
}

/// Where a day begins: at midnight, or where a zone's clocks leave that out, when they go on.
fn midnight(date: Date, zone: &TimeZone) -> Timestamp {
    date.to_zoned(zone.clone()).map_or(Timestamp::MAX, |zoned| zoned.timestamp().into())
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl FromStr for Month {
    type Err = MonthError;
    fn from_str(text: &str) -> Result<Self, MonthError> {
        let no_month = || MonthError(text.to_owned());
        let digits = |part: &str, width| part.len() == width && part.bytes().all(|b| b.is_ascii_digit());
        let (year, month) = text.split_once('-').ok_or_else(no_month)?;
        if !digits(year, 4) || !digits(month, 2) {
            return Err(no_month());
        }
        let (year, month) = (year.parse().map_err(|_| no_month())?, month.parse().map_err(|_| no_month())?);
        let known = (1970..=9998).contains(&year) && (1..=12).contains(&month);
        if known { Ok(Month { year, month }) } else { Err(no_month()) }
    }
}

impl TryFrom<String> for Month {
    type Error = MonthError;
    fn try_from(text: String) -> Result<Self, MonthError> {
        text.parse()
    }
}

impl From<Month> for String {
    fn from(month: Month) -> Self {
        month.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_month_lasts_from_midnight_to_midnight_where_the_network_is() {
        for (name, month, from, to) in [
            ("Asia/Jakarta", "2026-10", "2026-09-30T17:00:00Z", "2026-10-31T17:00:00Z"),
            ("Asia/Makassar", "2026-10", "2026-09-30T16:00:00Z", "2026-10-31T16:00:00Z"),
            ("Asia/Jayapura", "2026-10", "2026-09-30T15:00:00Z", "2026-10-31T15:00:00Z"),
            ("Asia/Jakarta", "2026-12", "2026-11-30T17:00:00Z", "2026-12-31T17:00:00Z"),
            ("Asia/Jayapura", "2028-02", "2028-01-31T15:00:00Z", "2028-02-29T15:00:00Z"),
            ("UTC", "2026-02", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"),
        ] {
            let period = month.parse::<Month>().unwrap().period(&zone(name));
            assert_eq!(period, Span::new(at(from), at(to)), "{month} in {name}");
        }
    }

    #[test]
    fn an_instant_before_midnight_belongs_to_the_year_that_ends_there() {
        for (name, instant, month, last) in [
            ("Asia/Jakarta", "2026-12-31T16:59:59.999Z", "2026-12", "2026-11"),
            ("Asia/Jakarta", "2026-12-31T17:00:00Z", "2027-01", "2026-12"),
            ("Asia/Makassar", "2026-12-31T15:59:59.999Z", "2026-12", "2026-11"),
            ("Asia/Makassar", "2026-12-31T16:00:00Z", "2027-01", "2026-12"),
            ("Asia/Jayapura", "2026-12-31T14:59:59.999Z", "2026-12", "2026-11"),
            ("Asia/Jayapura", "2026-12-31T15:00:00Z", "2027-01", "2026-12"),
        ] {
            assert_eq!(Month::of(at(instant), &zone(name)).to_string(), month, "{instant} in {name}");
            assert_eq!(Month::last_whole(at(instant), &zone(name)).to_string(), last, "{instant} in {name}");
        }
    }

    #[test]
    fn days_fill_the_month_without_a_gap_also_where_one_is_an_hour_short() {
        for (name, month, count, hours) in [
            ("Asia/Jakarta", "2026-10", 31, 744),
            ("Asia/Jayapura", "2027-02", 28, 672),
            ("Europe/Berlin", "2026-03", 31, 743),
        ] {
            let (month, zone) = (month.parse::<Month>().unwrap(), zone(name));
            let days = month.days(&zone);
            assert_eq!(days.len(), count);
            assert!(days.windows(2).all(|pair| pair[0].to == pair[1].from));
            assert_eq!(days.iter().map(|day| day.millis()).sum::<i64>(), hours * 3_600_000);
            assert_eq!(Span::new(days[0].from, days[count - 1].to), month.period(&zone));
        }
    }

    #[test]
    fn what_is_no_month_is_refused() {
        for bad in [
            "",
            "2026",
            "2026-13",
            "2026-00",
            "2026-1",
            "26-10",
            "2026-10-01",
            "1969-12",
            "+026-10",
            "9999-01",
        ] {
            assert!(bad.parse::<Month>().is_err(), "{bad:?} was taken for a month");
        }
        assert_eq!("2026-10".parse::<Month>().unwrap().to_string(), "2026-10");
    }
}
