//! Numbers, dates and lengths as people in that language write them: `99,87 %`, `1.234`, `1 Oktober 2026 22.00 WIB`
//! and `99.87 %`, `1,234`, `1 October 2026 22:00 WIB`.
//!
//! Rule guarded here: an uptime is cut after its second decimal, never rounded up: 99.996 % is not 100 %, and what
//! missed its target never looks like the target.

use jiff::{Zoned, civil, tz::TimeZone};
use kentongan_model::{inventory::Language, time::Timestamp};
use kentongan_reports::Month;

use crate::{PrintError, words::Words};

const MONTHS: [[&str; 2]; 12] = [
    ["Januari", "January"],
    ["Februari", "February"],
    ["Maret", "March"],
    ["April", "April"],
    ["Mei", "May"],
    ["Juni", "June"],
    ["Juli", "July"],
    ["Agustus", "August"],
    ["September", "September"],
    ["Oktober", "October"],
    ["November", "November"],
    ["Desember", "December"],
];

/// Holds a number and its unit together on one line.
const NO_BREAK: char = '\u{a0}';

/// One language, in one time zone.
#[derive(Debug, Clone)]
pub(crate) struct Voice {
    pub(crate) words: &'static Words,
    language: Language,
    zone: TimeZone,
}

impl Voice {
    pub(crate) fn new(language: Language, timezone: &str) -> Result<Voice, PrintError> {
        let zone = TimeZone::get(timezone).map_err(|error| PrintError::Zone(timezone.to_owned(), error))?;
        Ok(Voice { words: Words::of(language), language, zone })
    }

    fn pick<T>(&self, indonesian: T, english: T) -> T {
        match self.language {
            Language::Id => indonesian,
            Language::En => english,
        }
    }

    /// The sign before the decimals.
    pub(crate) fn point(&self) -> char {
        self.pick(',', '.')
    }

    /// A count: `1.234`.
    pub(crate) fn count(&self, count: impl TryInto<u64>) -> String {
        let digits = count.try_into().unwrap_or(u64::MAX).to_string();
        let mut text = String::new();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at) % 3 == 0 {
                text.push(self.pick('.', ','));
            }
            text.push(digit);
        }
        text
    }

    /// An uptime, cut after the second decimal: `99,87 %`.
    pub(crate) fn percent(&self, percentage: f64) -> String {
        self.hundredths((percentage * 100.0 + 1e-6).floor())
    }

    /// A share or an amount, rounded to the nearest hundredth: `2,50 %`.
    pub(crate) fn share(&self, percentage: f64) -> String {
        self.hundredths((percentage * 100.0).round())
    }

    fn hundredths(&self, hundredths: f64) -> String {
        let text = format!("{:.2}", hundredths / 100.0).replace('.', self.pick(",", "."));
        format!("{text}{NO_BREAK}%")
    }

    /// What was agreed, with no more decimals than it has: `99 %`, `98,5 %`.
    pub(crate) fn agreed(&self, percentage: f64) -> String {
        format!("{}{NO_BREAK}%", percentage.to_string().replace('.', self.pick(",", ".")))
    }

    /// A length in its two largest units; what is smaller is cut off: `2 jam 5 mnt`.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a month's seconds fit")]
    pub(crate) fn length(&self, seconds: f64) -> String {
        let seconds = seconds.max(0.0) as u64;
        let units = [
            (86_400, self.pick("hari", "d")),
            (3_600, self.pick("jam", "h")),
            (60, self.pick("mnt", "min")),
            (1, self.pick("dtk", "s")),
        ];
        let largest = units.iter().position(|(size, _)| seconds >= *size).unwrap_or(units.len() - 1);
        let said = units[largest..].iter().take(2).enumerate().filter_map(|(at, (size, unit))| {
            let count = if at == 0 { seconds / size } else { seconds % units[largest].0 / size };
            (at == 0 || count > 0).then(|| format!("{count}{NO_BREAK}{unit}"))
        });
        said.collect::<Vec<_>>().join(" ")
    }

    /// The month: `Oktober 2026`.
    pub(crate) fn month(&self, month: Month) -> String {
        format!("{} {}", self.month_name(month.month), month.year)
    }

    fn month_name(&self, month: i8) -> &'static str {
        let [indonesian, english] = MONTHS[usize::try_from(month - 1).unwrap_or(0).min(11)];
        self.pick(indonesian, english)
    }

    /// The same instant in the network's time zone.
    pub(crate) fn local(&self, time: Timestamp) -> Zoned {
        time.to_jiff().to_zoned(self.zone.clone())
    }

    /// The same instant as clock and calendar on the wall show it.
    pub(crate) fn civil(&self, time: Timestamp) -> civil::DateTime {
        self.local(time).datetime()
    }

    /// Date, time and zone: `1 Oktober 2026 22.00 WIB`.
    pub(crate) fn moment(&self, time: Timestamp) -> String {
        let local = self.local(time);
        let clock = local.strftime(self.pick("%H.%M %Z", "%H:%M %Z"));
        format!("{} {} {} {clock}", local.day(), self.month_name(local.month()), local.year())
    }

    /// Where an outage begins or ends, to the second, in the month of the report: `3 Okt 22.00.05`.
    pub(crate) fn instant(&self, time: Timestamp) -> String {
        let local = self.local(time);
        let month: String = self.month_name(local.month()).chars().take(3).collect();
        let clock = local.strftime(self.pick("%H.%M.%S", "%H:%M:%S"));
        format!("{}{NO_BREAK}{month} {clock}", local.day())
    }

    /// The time zone, as its letters and as IANA names it: `WIB (Asia/Jakarta)`.
    pub(crate) fn zone(&self, time: Timestamp, name: &str) -> String {
        format!("{} ({name})", self.local(time).strftime("%Z"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voices(zone: &str) -> [Voice; 2] {
        [Language::Id, Language::En].map(|language| Voice::new(language, zone).unwrap())
    }

    fn plain(text: &str) -> String {
        text.replace(NO_BREAK, " ")
    }

    #[test]
    fn numbers_have_the_signs_of_their_language() {
        let [id, en] = voices("Asia/Jakarta");
        for (count, indonesian, english) in [
            (0, "0", "0"),
            (999, "999", "999"),
            (1_234, "1.234", "1,234"),
            (12_345_678, "12.345.678", "12,345,678"),
        ] {
            assert_eq!([id.count(count), en.count(count)], [indonesian, english]);
        }
        assert_eq!(id.agreed(98.5), "98,5\u{a0}%");
        assert_eq!(en.agreed(99.0), "99\u{a0}%");
        assert_eq!(plain(&id.share(2.499_9)), "2,50 %");
    }

    #[test]
    fn an_uptime_is_never_rounded_up() {
        let [id, en] = voices("Asia/Jakarta");
        for (uptime, indonesian, english) in [
            (100.0, "100,00 %", "100.00 %"),
            (99.999_9, "99,99 %", "99.99 %"),
            (98.996, "98,99 %", "98.99 %"),
            (99.87, "99,87 %", "99.87 %"),
            (4.35, "4,35 %", "4.35 %"),
            (0.0, "0,00 %", "0.00 %"),
        ] {
            assert_eq!([plain(&id.percent(uptime)), plain(&en.percent(uptime))], [indonesian, english]);
        }
    }

    #[test]
    fn lengths_are_said_in_their_two_largest_units() {
        let [id, en] = voices("Asia/Jakarta");
        for (seconds, indonesian, english) in [
            (0.0, "0 dtk", "0 s"),
            (59.999, "59 dtk", "59 s"),
            (60.0, "1 mnt", "1 min"),
            (299.0, "4 mnt 59 dtk", "4 min 59 s"),
            (7_500.0, "2 jam 5 mnt", "2 h 5 min"),
            (3_601.0, "1 jam", "1 h"),
            (86_400.0 + 3.0 * 3_600.0 + 59.0, "1 hari 3 jam", "1 d 3 h"),
        ] {
            assert_eq!([plain(&id.length(seconds)), plain(&en.length(seconds))], [indonesian, english]);
        }
    }

    #[test]
    fn times_are_those_on_the_wall_of_each_indonesian_zone() {
        let time: Timestamp = "2026-09-30T17:00:05Z".parse().unwrap();
        for (zone, indonesian, english, instant) in [
            ("Asia/Jakarta", "1 Oktober 2026 00.00 WIB", "1 October 2026 00:00 WIB", "1 Okt 00.00.05"),
            ("Asia/Makassar", "1 Oktober 2026 01.00 WITA", "1 October 2026 01:00 WITA", "1 Okt 01.00.05"),
            ("Asia/Jayapura", "1 Oktober 2026 02.00 WIT", "1 October 2026 02:00 WIT", "1 Okt 02.00.05"),
        ] {
            let [id, en] = voices(zone);
            assert_eq!([id.moment(time), en.moment(time)], [indonesian, english]);
            assert_eq!(plain(&id.instant(time)), instant);
        }
        assert!(Voice::new(Language::Id, "Asia/Atlantis").is_err());
    }
}
