//! Times and durations as people in the office say them, in both languages.
//!
//! `Minggu, 1 November 2026 07.30 WIB`: clock times with a point and the zone's Indonesian letters (WIB, WITA, WIT),
//! which the time zone database itself has.

use std::time::Duration;

use jiff::{Zoned, tz::TimeZone};

use crate::{inventory::Language, time::Timestamp};

const DAYS: [&str; 7] = ["Minggu", "Senin", "Selasa", "Rabu", "Kamis", "Jumat", "Sabtu"];
const MONTHS: [&str; 12] = [
    "Januari",
    "Februari",
    "Maret",
    "April",
    "Mei",
    "Juni",
    "Juli",
    "Agustus",
    "September",
    "Oktober",
    "November",
    "Desember",
];

const SHORT_MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "Mei", "Jun", "Jul", "Agu", "Sep", "Okt", "Nov", "Des"];

/// Day, date, time and zone.
#[must_use]
pub fn moment(time: Timestamp, zone: &TimeZone, language: Language) -> String {
    let local = time.to_jiff().to_zoned(zone.clone());
    format!("{} {}", date(&local, language), clock_time(&local, language))
}

/// The end of something that began at `start`: the mere time of day when it is still the same day.
#[must_use]
pub fn moment_after(start: Timestamp, end: Timestamp, zone: &TimeZone, language: Language) -> String {
    let [from, to] = [start, end].map(|time| time.to_jiff().to_zoned(zone.clone()));
    if from.date() == to.date() { clock_time(&to, language) } else { moment(end, zone, language) }
}

/// A time of day, with the date when it is not that of `now`: for lists, where there is little room.
#[must_use]
pub fn short_moment(time: Timestamp, now: Timestamp, zone: &TimeZone, language: Language) -> String {
    let [local, today] = [time, now].map(|time| time.to_jiff().to_zoned(zone.clone()));
    let clock = match language {
        Language::Id => local.strftime("%H.%M"),
        Language::En => local.strftime("%H:%M"),
    };
    if local.date() == today.date() {
        return clock.to_string();
    }
    let month = usize::from(local.month().unsigned_abs()) - 1;
    let month = match language {
        Language::Id => SHORT_MONTHS[month].to_owned(),
        Language::En => local.strftime("%b").to_string(),
    };
    let year = if local.year() == today.year() { String::new() } else { format!(" {}", local.year()) };
    format!("{} {month}{year} {clock}", local.day())
}

fn date(local: &Zoned, language: Language) -> String {
    match language {
        Language::En => local.strftime("%A, %-d %B %Y").to_string(),
        Language::Id => {
            let day = DAYS[usize::from(local.weekday().to_sunday_zero_offset().unsigned_abs())];
            let month = MONTHS[usize::from(local.month().unsigned_abs()) - 1];
            format!("{day}, {} {month} {}", local.day(), local.year())
        }
    }
}

fn clock_time(local: &Zoned, language: Language) -> String {
    match language {
        Language::Id => local.strftime("%H.%M %Z").to_string(),
        Language::En => local.strftime("%H:%M %Z").to_string(),
    }
}

/// A duration in its two largest units; what is smaller is cut off.
#[must_use]
pub fn length(duration: Duration, language: Language) -> String {
    let seconds = duration.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    let say = |count: u64, unit: Unit| unit.say(count, language);
    let pair = |large: String, count: u64, unit: Unit| match count {
        0 => large,
        _ => format!("{large} {}", say(count, unit)),
    };
    match seconds {
        86_400.. => pair(say(days, Unit::Day), hours, Unit::Hour),
        3_600.. => pair(say(hours, Unit::Hour), minutes, Unit::Minute),
        60.. => say(minutes, Unit::Minute),
        _ => say(seconds, Unit::Second),
    }
}

#[derive(Clone, Copy)]
enum Unit {
    Day,
    Hour,
    Minute,
    Second,
}

impl Unit {
    fn say(self, count: u64, language: Language) -> String {
        let (indonesian, english) = match self {
            Unit::Day => ("hari", "day"),
            Unit::Hour => ("jam", "hour"),
            Unit::Minute => ("menit", "minute"),
            Unit::Second => ("detik", "second"),
        };
        match language {
            Language::Id => format!("{count} {indonesian}"),
            Language::En => format!("{count} {english}{}", if count == 1 { "" } else { "s" }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_indonesian_zone_has_its_own_letters() {
        let time: Timestamp = "2026-11-01T00:30:59Z".parse().unwrap();
        for (zone, indonesian, english) in [
            ("Asia/Jakarta", "Minggu, 1 November 2026 07.30 WIB", "Sunday, 1 November 2026 07:30 WIB"),
            ("Asia/Makassar", "Minggu, 1 November 2026 08.30 WITA", "Sunday, 1 November 2026 08:30 WITA"),
            ("Asia/Jayapura", "Minggu, 1 November 2026 09.30 WIT", "Sunday, 1 November 2026 09:30 WIT"),
        ] {
            let zone = TimeZone::get(zone).unwrap();
            assert_eq!(moment(time, &zone, Language::Id), indonesian);
            assert_eq!(moment(time, &zone, Language::En), english);
        }
    }

    #[test]
    fn every_day_and_month_has_its_name_and_midnight_turns_the_date() {
        let zone = TimeZone::get("Asia/Jakarta").unwrap();
        let say = |text: &str| moment(text.parse().unwrap(), &zone, Language::Id);
        assert_eq!(say("2026-12-31T16:59:59Z"), "Kamis, 31 Desember 2026 23.59 WIB");
        assert_eq!(say("2026-12-31T17:00:00Z"), "Jumat, 1 Januari 2027 00.00 WIB");
        let (start, end) = ("2026-12-31T16:59:00Z".parse().unwrap(), "2026-12-31T17:01:00Z".parse().unwrap());
        assert_eq!(moment_after(start, end, &zone, Language::Id), "Jumat, 1 Januari 2027 00.01 WIB");
        assert_eq!(moment_after(start, start, &zone, Language::Id), "23.59 WIB");
    }

    #[test]
    fn a_short_moment_leaves_out_what_goes_without_saying() {
        let zone = TimeZone::get("Asia/Jakarta").unwrap();
        let now = "2026-08-17T03:00:00Z".parse().unwrap();
        for (time, indonesian, english) in [
            ("2026-08-17T00:30:00Z", "07.30", "07:30"),
            ("2026-08-16T16:59:00Z", "16 Agu 23.59", "16 Aug 23:59"),
            ("2025-12-31T17:00:00Z", "1 Jan 00.00", "1 Jan 00:00"),
            ("2025-10-01T00:00:00Z", "1 Okt 2025 07.00", "1 Oct 2025 07:00"),
        ] {
            let time = time.parse().unwrap();
            assert_eq!(short_moment(time, now, &zone, Language::Id), indonesian);
            assert_eq!(short_moment(time, now, &zone, Language::En), english);
        }
    }

    #[test]
    fn durations_are_said_in_their_two_largest_units() {
        for (seconds, indonesian, english) in [
            (0, "0 detik", "0 seconds"),
            (45, "45 detik", "45 seconds"),
            (60, "1 menit", "1 minute"),
            (34 * 60 + 59, "34 menit", "34 minutes"),
            (3_600, "1 jam", "1 hour"),
            (2 * 3_600 + 5 * 60, "2 jam 5 menit", "2 hours 5 minutes"),
            (86_400 + 3 * 3_600 + 59, "1 hari 3 jam", "1 day 3 hours"),
        ] {
            assert_eq!(length(Duration::from_secs(seconds), Language::Id), indonesian);
            assert_eq!(length(Duration::from_secs(seconds), Language::En), english);
        }
    }
}
