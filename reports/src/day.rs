//! The day-by-day strip: how long a site was in each state on each day of the month.
//!
//! The rule guarded here: the days of a month add up to the month, to the millisecond.

use kentongan_model::state::State;
use kentongan_timeline::{Interval, Span, covered};

use crate::{outage::Counting, report::Day};

/// Each of `days`, of a timeline that covers the period without a gap.
pub(crate) fn days(days: &[Span], timeline: &[Interval], counting: &Counting) -> Vec<Day> {
    let mut next = timeline.partition_point(|interval| interval.to <= counting.period.from);
    let of_day = |day: &Span| {
        let mut shown = Day::default();
        let Some(day) = day.overlap(counting.period) else { return shown };
        let mut stated_ms = 0;
        while let Some(interval) = timeline.get(next).filter(|interval| interval.from < day.to) {
            let counted_ms = interval.span().overlap(day).map_or(0, |part| covered(&counting.open, part));
            stated_ms += counted_ms;
            *match interval.state {
                State::Up => &mut shown.up_ms,
                State::Degraded => &mut shown.degraded_ms,
                State::Down => &mut shown.down_ms,
                State::Unreachable => &mut shown.unreachable_ms,
                State::Unknown => &mut shown.unknown_ms,
            } += counted_ms;
            if interval.to > day.to {
                break;
            }
            next += 1;
        }
        shown.maintenance_ms = covered(&counting.service, day) - stated_ms;
        shown
    };
    days.iter().map(of_day).collect()
}
