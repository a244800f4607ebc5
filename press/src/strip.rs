//! A month as a strip of days: what each day of a site was, as a sign and a tone.
//!
//! Rule guarded here: a day is told by its sign and by how dark it is, never by hue alone, so that a strip reads the
//! same on a black and white print and to eyes that see no red.

use kentongan_reports::Day;
use serde::Serialize;

use crate::words::Words;

/// From this much time cut off a day is more than brief.
const LONG_MS: i64 = 15 * 60 * 1000;
/// From this much time cut off a day is severe.
const SEVERE_MS: i64 = 4 * 60 * 60 * 1000;

/// What a day was, as the village lived through it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mark {
    /// No outage.
    Good,
    /// No outage, but degraded for a tenth of the day or more.
    Degraded,
    /// Cut off for less than a quarter of an hour.
    Brief,
    /// Cut off for less than four hours.
    Long,
    /// Cut off for longer, or all of what counts of the day.
    Severe,
    /// A tenth of the day or more was not observed.
    Unknown,
    /// Half of the day or more was under maintenance.
    Maintenance,
    /// Nothing of the day counts: not yet in service, off hours, or still to come.
    Blank,
}

impl Mark {
    /// Every mark, in the order of the legend.
    pub(crate) const ALL: [Mark; 8] = [
        Mark::Good,
        Mark::Degraded,
        Mark::Brief,
        Mark::Long,
        Mark::Severe,
        Mark::Unknown,
        Mark::Maintenance,
        Mark::Blank,
    ];

    /// Its place in the legend, from 0.
    pub(crate) const fn place(self) -> usize {
        self as usize
    }

    /// What `day` was.
    pub(crate) fn of(day: &Day) -> Mark {
        let cut_off = day.down_ms + day.unreachable_ms;
        let observed = day.up_ms + day.degraded_ms + cut_off;
        let counts = observed + day.unknown_ms;
        let whole = counts + day.maintenance_ms;
        if whole == 0 {
            Mark::Blank
        } else if cut_off >= SEVERE_MS || (cut_off > 0 && cut_off == counts && cut_off >= LONG_MS) {
            Mark::Severe
        } else if cut_off >= LONG_MS {
            Mark::Long
        } else if day.maintenance_ms * 2 >= whole {
            Mark::Maintenance
        } else if day.unknown_ms * 10 >= counts {
            Mark::Unknown
        } else if cut_off > 0 {
            Mark::Brief
        } else if day.degraded_ms * 10 >= observed {
            Mark::Degraded
        } else {
            Mark::Good
        }
    }

    /// Its sign, one ASCII character in both languages.
    pub(crate) const fn sign(self) -> &'static str {
        match self {
            Mark::Good => ".",
            Mark::Degraded => "~",
            Mark::Brief => "1",
            Mark::Long => "2",
            Mark::Severe => "3",
            Mark::Unknown => "?",
            Mark::Maintenance => "M",
            Mark::Blank => "-",
        }
    }

    /// Its colour, from light to dark as the day gets worse, as `RRGGBB`.
    pub(crate) const fn paper(self) -> &'static str {
        match self {
            Mark::Good => "E4F0F8",
            Mark::Degraded => "B5D3EA",
            Mark::Brief => "FBD77C",
            Mark::Long => "E5852B",
            Mark::Severe => "7E1710",
            Mark::Unknown | Mark::Blank => "FFFFFF",
            Mark::Maintenance => "D2D2D6",
        }
    }

    /// The colour of its sign on it, as `RRGGBB`.
    pub(crate) const fn ink(self) -> &'static str {
        match self {
            Mark::Severe => "FFFFFF",
            Mark::Blank => "9AA0A6",
            Mark::Good => "7C97A8",
            _ => "1A1A1A",
        }
    }

    /// What it means.
    pub(crate) const fn meaning(self, words: &Words) -> &'static str {
        match self {
            Mark::Good => words.day_good,
            Mark::Degraded => words.day_degraded,
            Mark::Brief => words.day_brief,
            Mark::Long => words.day_long,
            Mark::Severe => words.day_severe,
            Mark::Unknown => words.day_unknown,
            Mark::Maintenance => words.day_maintenance,
            Mark::Blank => words.day_blank,
        }
    }
}

/// Days in a row that were the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Run {
    /// The first, counted from 0.
    pub(crate) from: usize,
    /// How many.
    pub(crate) days: usize,
    /// What they were.
    pub(crate) mark: Mark,
}

/// The runs of a month.
pub(crate) fn runs(days: &[Day]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (at, mark) in days.iter().map(Mark::of).enumerate() {
        match runs.last_mut() {
            Some(run) if run.mark == mark => run.days += 1,
            _ => runs.push(Run { from: at, days: 1, mark }),
        }
    }
    runs
}

/// The signs of a month, one character a day.
pub(crate) fn signs(days: &[Day]) -> String {
    days.iter().map(|day| Mark::of(day).sign()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;
    const MINUTE: i64 = 60_000;

    fn day(cut_off: i64, unknown: i64, maintenance: i64) -> Day {
        Day {
            up_ms: DAY - cut_off - unknown - maintenance,
            down_ms: cut_off,
            unknown_ms: unknown,
            maintenance_ms: maintenance,
            ..Day::default()
        }
    }

    #[test]
    fn a_day_is_marked_by_the_worst_that_can_be_said_of_it() {
        for (what, mark) in [
            (day(0, 0, 0), Mark::Good),
            (day(1, 0, 0), Mark::Brief),
            (day(15 * MINUTE - 1, 0, 0), Mark::Brief),
            (day(15 * MINUTE, 0, 0), Mark::Long),
            (day(4 * 60 * MINUTE, 0, 0), Mark::Severe),
            (day(0, DAY / 10, 0), Mark::Unknown),
            (day(MINUTE, DAY / 2, 0), Mark::Unknown),
            (day(20 * MINUTE, DAY / 2, 0), Mark::Long),
            (day(0, 0, DAY / 2), Mark::Maintenance),
            (day(0, 0, DAY), Mark::Maintenance),
            (Day::default(), Mark::Blank),
            (Day { degraded_ms: DAY / 10, up_ms: DAY - DAY / 10, ..Day::default() }, Mark::Degraded),
            (Day { unreachable_ms: 60 * MINUTE, ..Day::default() }, Mark::Severe),
        ] {
            assert_eq!(Mark::of(&what), mark, "{what:?}");
        }
    }

    #[test]
    fn runs_cover_each_day_once() {
        let days = [day(0, 0, 0), day(0, 0, 0), day(MINUTE, 0, 0), day(0, 0, 0)];
        let found = runs(&days);
        assert_eq!(
            found.iter().map(|run| (run.from, run.days)).collect::<Vec<_>>(),
            [(0, 2), (2, 1), (3, 1)]
        );
        assert_eq!(signs(&days), "..1.");
    }

    #[test]
    fn worse_days_are_darker_so_that_they_read_without_colour() {
        let luminance = |mark: Mark| {
            let part = |at: usize| f64::from(u8::from_str_radix(&mark.paper()[at..at + 2], 16).unwrap());
            0.2126 * part(0) + 0.7152 * part(2) + 0.0722 * part(4)
        };
        let steps = [Mark::Good, Mark::Brief, Mark::Long, Mark::Severe].map(luminance);
        assert!(steps.windows(2).all(|pair| pair[0] - pair[1] > 20.0), "{steps:?}");
        let signs: std::collections::BTreeSet<_> = Mark::ALL.iter().map(|mark| mark.sign()).collect();
        assert_eq!(signs.len(), Mark::ALL.len(), "each mark has a sign of its own");
    }
}
