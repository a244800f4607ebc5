//! Service hours: when a site is meant to serve, week by week. `service_hours = "Mon-Fri 07:00-17:00"`.
//!
//! Rule guarded here: an instant is in service when the clock on the wall, in the network's time zone, shows an hour of
//! service. An hour that the clocks skip is therefore none, and one that they show twice counts twice.

use std::fmt;

use jiff::tz::TimeZone;

use crate::time::Timestamp;

/// Minutes of a day.
pub(super) const DAY: u16 = 24 * 60;
/// Minutes of a week.
const WEEK: u16 = 7 * DAY;
const MINUTE_MS: i64 = 60_000;
const WEEK_MS: i64 = WEEK as i64 * MINUTE_MS;
/// The Monday before the epoch, as a wall clock shows it: 1970-01-01 was a Thursday.
const MONDAY_MS: i64 = -3 * DAY as i64 * MINUTE_MS;

/// When a site is meant to serve, in the hours of the network's time zone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServiceHours {
    /// Minutes of the week [from, to), counted from Monday 00:00, sorted, apart from each other; never empty. A week has
    /// room for as many as there are minutes.
    stretches: Vec<(u16, u16)>,
}

impl ServiceHours {
    /// The hours of `(minute of the week, length in minutes)`, in any order; what runs past Sunday goes on on Monday.
    /// None when there are none.
    pub(super) fn new(hours: impl IntoIterator<Item = (u16, u16)>) -> Option<Self> {
        let mut stretches: Vec<(u16, u16)> = Vec::new();
        for (from, length) in hours {
            let (from, to) = (from % WEEK, from % WEEK + length.min(WEEK));
            stretches.push((from, to.min(WEEK)));
            stretches.push((0, to.saturating_sub(WEEK)));
        }
        stretches.retain(|(from, to)| from < to);
        stretches.sort_unstable();
        stretches.dedup_by(|next, kept| {
            let touches = next.0 <= kept.1;
            if touches {
                kept.1 = kept.1.max(next.1);
            }
            touches
        });
        (!stretches.is_empty()).then_some(ServiceHours { stretches })
    }

    /// The stretches [from, to) of service within a period, in order, apart from each other, cut to it. There are at
    /// most two more for each week than the hours have for one; who asks bounds the period.
    #[must_use]
    pub fn within(&self, zone: &TimeZone, from: Timestamp, to: Timestamp) -> Vec<(Timestamp, Timestamp)> {
        let (mut found, mut begin) = (Vec::new(), from);
        let mut offset = zone.to_offset(from.to_jiff());
        for transition in zone.following(from.to_jiff()) {
            let change = Timestamp::from(transition.timestamp());
            if change >= to {
                break;
            }
            self.steady(i64::from(offset.seconds()) * 1000, (begin, change), &mut found);
            (begin, offset) = (change, transition.offset());
        }
        self.steady(i64::from(offset.seconds()) * 1000, (begin, to), &mut found);
        found
    }

    /// Adds the service of a period in which the clocks are not set.
    fn steady(
        &self,
        offset_ms: i64,
        (from, to): (Timestamp, Timestamp),
        found: &mut Vec<(Timestamp, Timestamp)>,
    ) {
        if from >= to {
            return;
        }
        // The Monday before, as an instant.
        let shift = MONDAY_MS - offset_ms;
        let mut monday = (from.as_millis() - shift).div_euclid(WEEK_MS) * WEEK_MS + shift;
        while monday < to.as_millis() {
            for (first, end) in &self.stretches {
                let at = |minute: u16| Timestamp::from_millis(monday + i64::from(minute) * MINUTE_MS);
                let (begin, end) = (at(*first).max(from), at(*end).min(to));
                match found.last_mut() {
                    _ if begin >= end => {}
                    Some(last) if last.1 == begin => last.1 = end,
                    _ => found.push((begin, end)),
                }
            }
            monday += WEEK_MS;
        }
    }
}

impl fmt::Display for ServiceHours {
    /// As people write it: `Mon-Fri 07:00-17:00, Sat 07:00-12:00`; in the inventory each part is a text of its own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
        let hours = |day: u16| -> Vec<(u16, u16)> {
            let near = self
                .stretches
                .iter()
                .map(|(from, to)| (*from.max(&(day * DAY)), *to.min(&((day + 1) * DAY))));
            near.filter(|(from, to)| from < to).map(|(from, to)| (from - day * DAY, to - day * DAY)).collect()
        };
        let mut days = (0..7_u16).map(|day| (day, hours(day))).peekable();
        let mut separator = "";
        while let Some((first, hours)) = days.next() {
            let mut last = first;
            while let Some((day, _)) = days.next_if(|(_, next)| *next == hours) {
                last = day;
            }
            let (first, last) = (NAMES[usize::from(first)], NAMES[usize::from(last)]);
            for (from, to) in hours {
                let to_last = if first == last { String::new() } else { format!("-{last}") };
                let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
                write!(f, "{separator}{first}{to_last} {}-{}", clock(from), clock(to))?;
                separator = ", ";
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use jiff::{ToSpan, civil::Weekday};
    use proptest::prelude::*;

    use super::*;

    fn naive(hours: &[(u16, u16)], zone: &TimeZone, from: Timestamp, to: Timestamp) -> i64 {
        let mut minutes = 0;
        let mut at = from;
        while at < to {
            let wall = at.to_jiff().to_zoned(zone.clone());
            let day = wall.weekday().to_monday_zero_offset();
            let minute =
                u16::try_from(i32::from(day) * 1440 + i32::from(wall.hour()) * 60 + i32::from(wall.minute()));
            let minute = minute.unwrap();
            let serves = |(begin, length): &(u16, u16)| (minute + WEEK - begin % WEEK) % WEEK < *length;
            minutes += i64::from(hours.iter().any(serves));
            at = at + std::time::Duration::from_secs(60);
        }
        minutes
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]
        #[test]
        fn service_is_what_a_wall_clock_shows_minute_by_minute(
            hours in prop::collection::vec((0..WEEK, 1..3 * DAY), 1..5),
            zone in prop::sample::select(vec![
                "Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura", "Europe/Amsterdam", "Australia/Lord_Howe",
            ]),
            // Around the days on which Europe and Lord Howe set their clocks, and anywhere else in two years.
            start in prop_oneof![0..1_051_200_i64, 124_000..129_000_i64, 427_000..432_000_i64, 133_000..136_000_i64],
            length in 0..20_000_i64,
        ) {
            let zone = TimeZone::get(zone).unwrap();
            let begin: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
            let from = Timestamp::from_millis(begin.as_millis() + start * MINUTE_MS);
            let to = Timestamp::from_millis(from.as_millis() + length * MINUTE_MS);
            let service = ServiceHours::new(hours.iter().copied()).unwrap();
            let found = service.within(&zone, from, to);
            prop_assert!(found.iter().all(|(a, b)| a < b && from <= *a && *b <= to));
            prop_assert!(found.windows(2).all(|pair| pair[0].1 < pair[1].0), "sorted and apart: {found:?}");
            let sum: i64 = found.iter().map(|(a, b)| b.millis_since(*a)).sum();
            prop_assert_eq!(sum, naive(&hours, &zone, from, to) * MINUTE_MS);
            for (a, b) in found {
                prop_assert_eq!(naive(&hours, &zone, a, b) * MINUTE_MS, b.millis_since(a));
            }
        }
    }

    #[test]
    fn a_period_that_begins_and_ends_between_two_minutes_is_cut_there() {
        let service = ServiceHours::new([(7 * 60, 10 * 60)]).unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let zone = TimeZone::get("Asia/Jakarta").unwrap();
        // A Monday, 07:00 to 17:00 there.
        let (from, to) = (at("2026-11-02T00:00:00.250Z"), at("2026-11-02T09:59:59.999Z"));
        assert_eq!(service.within(&zone, from, to), [(from, to)]);
        assert_eq!(service.within(&zone, to, from), []);
        assert_eq!(from.to_jiff().to_zoned(zone).weekday(), Weekday::Monday);
    }

    #[test]
    fn years_of_service_are_read_at_once_and_however_long_ago() {
        let service = ServiceHours::new((0..5).map(|day| (day * DAY + 420, 600))).unwrap();
        let zone = TimeZone::get("Asia/Jakarta").unwrap();
        let begin = "1900-01-01T00:00:00Z".parse::<jiff::Timestamp>().unwrap();
        let end = begin + (200 * 365 * 24).hours();
        let found = service.within(&zone, begin.into(), end.into());
        // 10,428 weeks and four days, from a Monday on.
        assert_eq!(found.len(), 10_428 * 5 + 4);
        assert_eq!(service.to_string(), "Mon-Fri 07:00-17:00");
    }

    #[test]
    fn hours_are_told_as_they_may_be_written() {
        for (hours, told) in [
            (vec![(0, WEEK)], "Mon-Sun 00:00-24:00"),
            (vec![(4 * DAY + 22 * 60, 360)], "Fri 22:00-24:00, Sat 00:00-04:00"),
            (vec![(6 * DAY + 23 * 60, 120)], "Mon 00:00-01:00, Sun 23:00-24:00"),
            (vec![(60, 60), (90, 60), (300, 1)], "Mon 01:00-02:30, Mon 05:00-05:01"),
        ] {
            assert_eq!(ServiceHours::new(hours).unwrap().to_string(), told);
        }
        assert_eq!(ServiceHours::new([(5, 0)]), None);
    }
}
