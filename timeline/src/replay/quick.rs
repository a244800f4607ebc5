//! The line that a log has millions of, read without a general JSON parser: a round, with its keys in the usual order.
//!
//! Rule guarded here: what this reads, [`log::parse`](super::log::parse) reads the same; anything unusual (other keys or
//! order, spaces, escapes, offsets, faults) is left to that. A property test holds the two together.

use kentongan_model::time::Timestamp;

/// A round as its line spells it; the RTTs stand in the caller's buffer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct QuickRound<'a> {
    pub(crate) at: Timestamp,
    pub(crate) vantage: &'a str,
    pub(crate) target: &'a str,
    pub(crate) sent: u32,
}

/// Reads a round, if the line is the usual one.
pub(crate) fn round<'a>(line: &'a [u8], rtts_us: &mut Vec<u32>) -> Option<QuickRound<'a>> {
    let (at, rest) = time(line.strip_prefix(br#"{"at":""#)?)?;
    let rest = match rest.strip_prefix(br#","received_at":""#) {
        Some(received) => time(received)?.1,
        None => rest,
    };
    let (vantage, rest) = word(rest.strip_prefix(br#","vantage":""#)?)?;
    let (target, rest) = word(rest.strip_prefix(br#","type":"round","target":""#)?)?;
    let (sent, rest) = number(rest.strip_prefix(br#","sent":"#)?)?;
    let mut rest = rest.strip_prefix(br#","rtts_us":["#)?;
    rtts_us.clear();
    if rest.first() != Some(&b']') {
        loop {
            let (rtt, behind) = number(rest)?;
            rtts_us.push(rtt);
            match behind.split_first()? {
                (b',', next) => rest = next,
                (b']', _) => {
                    rest = behind;
                    break;
                }
                _ => return None,
            }
        }
    }
    let ends = matches!(rest, b"]}" | b"]}\n" | b"]}\r\n");
    (ends && sent > 0 && rtts_us.len() <= sent as usize).then_some(QuickRound { at, vantage, target, sent })
}

/// A text without escapes, up to its closing quote.
fn word(text: &[u8]) -> Option<(&str, &[u8])> {
    let end = text.iter().position(|byte| *byte == b'"')?;
    let (word, rest) = text.split_at(end);
    let plain = word.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'\\');
    Some((str::from_utf8(word).ok().filter(|_| plain)?, &rest[1..]))
}

fn number(text: &[u8]) -> Option<(u32, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    // Nine digits always fit, and a leading zero is no JSON.
    if digits == 0 || digits > 9 || (digits > 1 && text[0] == b'0') {
        return None;
    }
    let (number, rest) = text.split_at(digits);
    Some((number.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0')), rest))
}

/// A time in UTC, `2026-11-01T00:00:05.250Z`, up to its closing quote; further digits are cut off.
fn time(text: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (fixed, rest) = text.split_at_checked(19)?;
    let marks =
        fixed[4] == b'-' && fixed[7] == b'-' && fixed[10] == b'T' && fixed[13] == b':' && fixed[16] == b':';
    let digits = |from: usize, count: usize| {
        fixed[from..from + count]
            .iter()
            .try_fold(0i64, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
    };
    let (year, month, day) = (digits(0, 4)?, digits(5, 2)?, digits(8, 2)?);
    let (hour, minute, second) = (digits(11, 2)?, digits(14, 2)?, digits(17, 2)?);
    let possible = (1..=12).contains(&month) && day >= 1 && hour < 24 && minute < 60 && second < 60;
    if !marks || !possible || day > month_days(year, month) {
        return None;
    }
    let (millis, rest) = match rest.strip_prefix(b".") {
        Some(fraction) => {
            let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 || digits > 9 {
                return None;
            }
            let padded = (0..3).map(|k| if k < digits { i64::from(fraction[k] - b'0') } else { 0 });
            (padded.fold(0, |sum, digit| sum * 10 + digit), &fraction[digits..])
        }
        None => (0, rest),
    };
    let seconds = ((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    Some((Timestamp::from_millis(seconds * 1000 + millis), rest.strip_prefix(b"Z\"")?))
}

fn month_days(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date of the Gregorian calendar: years begin in March, so that a leap day ends one.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    365 * year + year / 4 - year / 100 + year / 400 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::replay::log::{Line, parse};

    fn agree(line: &str) -> bool {
        let mut rtts = Vec::new();
        let Some(quick) = round(line.as_bytes(), &mut rtts) else { return false };
        let Ok(Line::Round { at, vantage, target, sent, rtts_us }) = parse(line.as_bytes()) else {
            panic!("only the quick one reads {line}");
        };
        assert_eq!(
            (at, &*vantage, &*target, sent, rtts_us),
            (quick.at, quick.vantage, quick.target, quick.sent, rtts)
        );
        true
    }

    #[test]
    fn the_usual_line_is_read_quickly() {
        assert!(agree(
            "{\"at\":\"2026-11-01T00:00:05Z\",\"vantage\":\"core\",\"type\":\"round\",\"target\":\"noc/gateway\",\"sent\":5,\"rtts_us\":[1210,1188]}\n"
        ));
        assert!(agree(
            r#"{"at":"2028-02-29T23:59:59.1239Z","received_at":"2026-11-01T00:00:21Z","vantage":"noc","type":"round","target":"reference/fd00::1","sent":1,"rtts_us":[]}"#
        ));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_read_quickly_is_read_the_same_with_care(
            year in 0u32..10000, month in 0u32..14, day in 0u32..33, hour in 0u32..26, minute in 0u32..62, second in 0u32..62,
            fraction in "(|\\.[0-9]{0,10})", zone in "(Z|Z|Z|z|\\+07:00|)", sent in "(5|0|05|1|4294967295|9999999999|-1)",
            rtts in "(|1|1,2|0|01|1,|,1|1 ,2|1.5|4294967295|999999999)", target in "[a-z/\\\\\"é -]{0,5}", end in "(|\n|\r\n| |})",
        ) {
            let line = format!(
                "{{\"at\":\"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}{zone}\",\"vantage\":\"core\",\
                 \"type\":\"round\",\"target\":\"{target}\",\"sent\":{sent},\"rtts_us\":[{rtts}]}}{end}"
            );
            agree(&line);
        }
    }
}
