//! Service hours as the inventory writes them: `"Mon-Fri 07:00-17:00"`, or a list of such texts. Days and times of day are
//! what people write there: English or Indonesian names, a dash of any length, `07.00` for `07:00`.

use toml::de::DeValue;

use super::{
    Reading,
    suggest::did_you_mean,
    table::Table,
    values::{expected, string},
};
use crate::inventory::{
    ServiceHours,
    fault::Wrong,
    limits::{MAX_SERVICE_HOURS, MAX_TEXT},
    service::DAY,
};

const KEY: &str = "service_hours";
const FORM: &str = "hours of service such as \"Mon-Fri 07:00-17:00\"";
/// The days of the week from Monday on, as they are written.
const DAYS: [[&str; 4]; 7] = [
    ["mon", "monday", "sen", "senin"],
    ["tue", "tuesday", "sel", "selasa"],
    ["wed", "wednesday", "rab", "rabu"],
    ["thu", "thursday", "kam", "kamis"],
    ["fri", "friday", "jum", "jumat"],
    ["sat", "saturday", "sab", "sabtu"],
    ["sun", "sunday", "min", "minggu"],
];

/// Minutes of the week with their lengths.
type Stretches = Vec<(u16, u16)>;

/// Reads the hours of a site; none without the key, and when one of them is wrong.
pub(super) fn read<'a>(table: &mut Table<'a>, reading: &Reading<'a>) -> Option<ServiceHours> {
    let value = table.value(KEY)?;
    let wrong = match value.get_ref() {
        DeValue::String(_) => {
            return table.optional(KEY, stretches).and_then(|read| ServiceHours::new(read.into_inner()));
        }
        DeValue::Array(list) if list.is_empty() => {
            Wrong::new("names no hours").help("leave it out: then the site serves at all hours")
        }
        DeValue::Array(_) => {
            let list = table.list(KEY, MAX_SERVICE_HOURS, FORM, stretches)?;
            return ServiceHours::new(list.into_iter().flat_map(toml::Spanned::into_inner));
        }
        other => expected(FORM, other).help("write service_hours = \"Mon-Fri 07:00-17:00\""),
    };
    reading.log.add_wrong(value.span(), wrong.about(KEY));
    None
}

/// What one text says: days, then times of day.
fn stretches(value: &DeValue<'_>) -> Result<Stretches, Wrong> {
    let text = string(FORM, value)?;
    if text.chars().count() > MAX_TEXT {
        return Err(Wrong::new(format!("is longer than {MAX_TEXT} characters")).help("write a list of them"));
    }
    let plain = text.replace(['–', '—', '−'], "-").to_lowercase();
    let begin = plain.find(|c: char| c.is_ascii_digit()).unwrap_or(plain.len());
    let (days, times) = (plain[..begin].trim(), plain[begin..].trim());
    let wrong = || Wrong::new(format!("'{text}' is not {FORM}"));
    match (days, times) {
        ("", "24/7") | ("always" | "selalu", "") => {
            return Err(wrong().help("leave it out: then the site serves at all hours"));
        }
        ("", "") => return Err(wrong()),
        ("", times) => return Err(wrong().help(format!("name the days: \"Mon-Sun {times}\""))),
        (days, "") => return Err(wrong().help(format!("name the times: \"{days} 00:00-24:00\""))),
        _ => {}
    }
    let days = on_days(days)?;
    let mut found = Stretches::new();
    for piece in times.split(',').map(str::trim) {
        if piece.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return Err(wrong().help("days with other times are a text of their own: [\"…\", \"…\"]"));
        }
        let (from, length) = stretch(piece)?;
        found.extend(days.iter().map(|day| (day * DAY + from, length)));
    }
    Ok(found)
}

/// `mon-fri, sun` as numbers from Monday on.
fn on_days(text: &str) -> Result<Vec<u16>, Wrong> {
    let mut days = Vec::new();
    for piece in text.split(',') {
        let (first, last) = piece.split_once('-').unwrap_or((piece, piece));
        let (first, last) = (day(first)?, day(last)?);
        let count = (last + 7 - first) % 7;
        days.extend((first..=first + count).map(|day| day % 7));
    }
    Ok(days)
}

fn day(name: &str) -> Result<u16, Wrong> {
    let name = name.trim().trim_end_matches('.');
    let found = (0..).zip(DAYS).find(|(_, names)| names.contains(&name)).map(|(day, _)| day);
    found.ok_or_else(|| {
        let help = did_you_mean(name, DAYS.into_iter().flatten());
        let help = help.unwrap_or_else(|| "days are Mon, Tue, Wed, Thu, Fri, Sat and Sun".to_owned());
        Wrong::new(format!("'{name}' is no day of the week")).help(help)
    })
}

/// `07:00-17:00` as a minute of the day and a length in minutes; what ends before it begins ends on the next day.
fn stretch(text: &str) -> Result<(u16, u16), Wrong> {
    let Some((from, to)) = text.split_once('-') else {
        return Err(Wrong::new(format!("'{text}' is not from when till when")).help("write \"07:00-17:00\""));
    };
    let (from, to) = (minute(from)?, minute(to)?);
    if from == DAY {
        return Err(
            Wrong::new("24:00 is the end of a day, and no beginning").help("write 00:00 of the next day")
        );
    }
    if from == to {
        return Err(Wrong::new(format!("'{text}' ends where it begins")).help("a whole day is 00:00-24:00"));
    }
    Ok((from, if to > from { to - from } else { DAY - from + to }))
}

fn minute(text: &str) -> Result<u16, Wrong> {
    let text = text.trim();
    let number = |digits: &str, most: u16| {
        let fits = (1..=2).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<u16>().ok().filter(|n| fits && *n <= most)
    };
    let read = text.split_once([':', '.']).filter(|(_, minutes)| minutes.len() == 2);
    let read = read.and_then(|(hours, minutes)| Some(number(hours, 24)? * 60 + number(minutes, 59)?));
    read.filter(|minute| *minute <= DAY).ok_or_else(|| {
        let wrong = Wrong::new(format!("'{text}' is not a time of day"));
        match number(text, 24) {
            Some(hour) => wrong.help(format!("write \"{hour:02}:00\"")),
            None => wrong.help("hours and minutes, from 00:00 to 24:00; the time zone is the network's"),
        }
    })
}
