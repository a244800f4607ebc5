//! Durations and moments as the inventory writes them. What has no offset is in the time zone of the network.

use std::{ops::RangeInclusive, time::Duration};

use jiff::{
    civil,
    tz::{Offset, TimeZone},
};
use toml::{
    de::DeValue,
    value::{Datetime, Offset as TomlOffset},
};

use super::{
    suggest::did_you_mean,
    values::{expected, string},
};
use crate::{inventory::fault::Wrong, time::Timestamp};

/// A duration as a person writes it: `500ms`, `30s`, `5m`, `2h`, whichever is shortest.
pub(super) fn written(duration: Duration) -> String {
    let ms = duration.as_millis();
    let units = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
    let (unit, unit_ms) =
        units.into_iter().find(|(_, unit_ms)| ms.is_multiple_of(*unit_ms)).unwrap_or(("ms", 1));
    format!("{}{unit}", ms / unit_ms)
}

/// A duration in a range.
pub(super) fn duration(range: RangeInclusive<Duration>) -> impl Fn(&DeValue<'_>) -> Result<Duration, Wrong> {
    const FORM: &str = "a duration such as \"500ms\", \"30s\", \"5m\" or \"2h\"";
    move |value| {
        let text = value.as_str().ok_or_else(|| {
            let wrong = expected(FORM, value);
            match value {
                DeValue::Integer(n) => {
                    wrong.help(format!("\"{n}s\" for seconds, \"{n}ms\" for milliseconds"))
                }
                _ => wrong,
            }
        })?;
        let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (digits, unit) = text.split_at(unit_at);
        let unit_ms = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => 0,
        };
        let (Ok(n), 1..) = (digits.parse::<u64>(), unit_ms) else {
            return Err(Wrong::new(format!("'{text}' is not {FORM}")).maybe_help(duration_help(digits, unit)));
        };
        let read = Duration::from_millis(n.saturating_mul(unit_ms));
        if range.contains(&read) {
            return Ok(read);
        }
        let (least, most) = (written(*range.start()), written(*range.end()));
        Err(Wrong::new(format!("'{text}' is not between {least} and {most}")))
    }
}

fn duration_help(digits: &str, unit: &str) -> Option<String> {
    let n: u64 = digits.parse().ok()?;
    let meant = match unit.trim().to_lowercase().as_str() {
        "" => format!("{n}s"),
        "d" | "day" | "days" | "hari" => format!("{}h", n.checked_mul(24)?),
        "ms" | "msec" | "millis" => format!("{n}ms"),
        "s" | "sec" | "secs" | "second" | "seconds" | "detik" => format!("{n}s"),
        "m" | "min" | "mins" | "minute" | "minutes" | "menit" => format!("{n}m"),
        "h" | "hour" | "hours" | "jam" => format!("{n}h"),
        _ => return None,
    };
    Some(format!("write \"{meant}\""))
}

/// A time zone of the IANA database.
pub(super) fn time_zone(value: &DeValue<'_>) -> Result<TimeZone, Wrong> {
    let text = string("a time zone in quotes", value)?;
    TimeZone::get(text).map_err(|_| {
        let wrong = Wrong::new(format!("'{text}' is not a time zone such as Asia/Jakarta"));
        let zone = match text.to_uppercase().as_str() {
            "WIB" => "Asia/Jakarta",
            "WITA" => "Asia/Makassar",
            "WIT" => "Asia/Jayapura",
            _ => {
                let names: Vec<_> = jiff::tz::db().available().map(|name| name.to_string()).collect();
                return wrong.maybe_help(did_you_mean(text, names.iter().map(String::as_str)));
            }
        };
        wrong.help(format!("write \"{zone}\""))
    })
}

/// A date (its midnight) or a time; in `zone` where it has no offset.
pub(super) fn moment(zone: &TimeZone) -> impl Fn(&DeValue<'_>) -> Result<Timestamp, Wrong> {
    move |value| {
        let time = value.as_datetime().ok_or_else(|| {
            let wrong =
                expected("a date such as 2026-01-15 or a time such as 2026-01-15T22:00:00+07:00", value);
            if value.is_str() { wrong.help("write it without quotes") } else { wrong }
        })?;
        if time.date.is_none() {
            return Err(Wrong::new("a time of day alone says not which day").help("put the date in front"));
        }
        instant(time, zone).ok_or_else(|| Wrong::new(format!("{time} is not on the calendar")))
    }
}

fn instant(time: &Datetime, zone: &TimeZone) -> Option<Timestamp> {
    let date = time.date?;
    let small = |n: u8| i8::try_from(n).ok();
    let date = civil::Date::new(i16::try_from(date.year).ok()?, small(date.month)?, small(date.day)?).ok()?;
    let clock = match time.time {
        Some(at) => civil::Time::new(
            small(at.hour)?,
            small(at.minute)?,
            small(at.second.unwrap_or(0))?,
            i32::try_from(at.nanosecond.unwrap_or(0)).ok()?,
        )
        .ok()?,
        None => civil::Time::midnight(),
    };
    let local = date.to_datetime(clock);
    let zone = match time.offset {
        None => zone.clone(),
        Some(TomlOffset::Z) => TimeZone::UTC,
        Some(TomlOffset::Custom { minutes }) => {
            Offset::from_seconds(i32::from(minutes) * 60).ok()?.to_time_zone()
        }
    };
    zone.to_timestamp(local).ok().map(Timestamp::from)
}
