//! The figures of one site over a period: seconds, percentages, outages.
//!
//! Computed from stored intervals alone, so that any month can be asked for at any time. Rules guarded here: the five
//! seconds figures add up to the period, or to what of it is service time; nothing under maintenance or outside service
//! hours counts, for or against; too little data gives no verdict on the SLA.

use kentongan_model::state::State;
use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::{
    interval::Interval,
    span::{Span, covered},
};

/// How much of a period must be observed for a verdict, in percent.
const ENOUGH_PCT: f64 = 90.0;

/// Milliseconds by state, outside maintenance, and under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sums {
    /// Up or degraded.
    pub up_ms: i64,
    /// Down.
    pub down_ms: i64,
    /// Unreachable.
    pub unreachable_ms: i64,
    /// Unknown.
    pub unknown_ms: i64,
    /// Under maintenance, whatever the state.
    pub maintenance_ms: i64,
}

impl Sums {
    /// All of it: the service time of the period.
    #[must_use]
    pub fn period_ms(&self) -> i64 {
        self.judged_ms() + self.unknown_ms + self.maintenance_ms
    }

    /// What the village lived through, in percent: 100 × up / (up + down + unreachable).
    #[must_use]
    pub fn uptime_pct(&self) -> Option<f64> {
        percent(self.up_ms, self.judged_ms())
    }

    /// What the site alone is to blame for, in percent: 100 × (up + unreachable) / (up + down + unreachable).
    #[must_use]
    pub fn own_uptime_pct(&self) -> Option<f64> {
        percent(self.up_ms + self.unreachable_ms, self.judged_ms())
    }

    /// How much was observed, in percent: 100 × (up + down + unreachable) / (period − maintenance).
    #[must_use]
    pub fn observed_pct(&self) -> Option<f64> {
        percent(self.judged_ms(), self.judged_ms() + self.unknown_ms)
    }

    fn judged_ms(&self) -> i64 {
        self.up_ms + self.down_ms + self.unreachable_ms
    }

    pub(crate) fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("up_s", &seconds(self.up_ms))?;
        map.serialize_entry("down_s", &seconds(self.down_ms))?;
        map.serialize_entry("unreachable_s", &seconds(self.unreachable_ms))?;
        map.serialize_entry("unknown_s", &seconds(self.unknown_ms))?;
        map.serialize_entry("maintenance_s", &seconds(self.maintenance_ms))?;
        map.serialize_entry("uptime_pct", &self.uptime_pct().map(rounded))?;
        map.serialize_entry("own_uptime_pct", &self.own_uptime_pct().map(rounded))?;
        map.serialize_entry("observed_pct", &self.observed_pct().map(rounded))
    }
}

impl std::ops::AddAssign for Sums {
    fn add_assign(&mut self, other: Sums) {
        self.up_ms += other.up_ms;
        self.down_ms += other.down_ms;
        self.unreachable_ms += other.unreachable_ms;
        self.unknown_ms += other.unknown_ms;
        self.maintenance_ms += other.maintenance_ms;
    }
}

/// The figures of one site. Serialises to the object `uptime` of `docs/replay.md`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Uptime {
    /// Time by state.
    pub sums: Sums,
    /// Episodes of down or unreachable, but for those that lie wholly under maintenance or outside service hours.
    pub outages: u32,
    /// The longest of them, what lies under maintenance or outside service hours not counted.
    pub longest_ms: i64,
    /// What was promised, in percent.
    pub sla_pct: f64,
}

impl Uptime {
    /// Whether what was promised was kept; none when too little was observed.
    #[must_use]
    pub fn sla_met(&self) -> Option<bool> {
        self.sums.observed_pct().filter(|observed| *observed >= ENOUGH_PCT)?;
        Some(self.sums.uptime_pct()? >= self.sla_pct)
    }

    /// The mean length of an outage, in seconds.
    #[must_use]
    pub fn mttr_s(&self) -> Option<f64> {
        mean(self.sums.down_ms + self.sums.unreachable_ms, self.outages)
    }

    /// Time up for each outage, in seconds.
    #[must_use]
    pub fn mtbf_s(&self) -> Option<f64> {
        mean(self.sums.up_ms, self.outages)
    }
}

/// The figures over `period`, from the site's intervals and the joined spans of its maintenance. Both may reach beyond
/// the period; the caller cuts it to the site's `since` and to now.
#[must_use]
pub fn uptime(timeline: &[Interval], maintenance: &[Span], period: Span, sla_pct: f64) -> Uptime {
    uptime_within(timeline, maintenance, &[period], sla_pct)
}

/// The same of a site that is meant to serve in the stretches of `service` alone (see [`service`](crate::service)),
/// which are those of the period. An episode that runs on through the night is one outage; what of it lies in service
/// is counted.
#[must_use]
pub fn uptime_within(timeline: &[Interval], maintenance: &[Span], service: &[Span], sla_pct: f64) -> Uptime {
    let maintenance_ms = service.iter().map(|stretch| covered(maintenance, *stretch)).sum();
    let mut sums = Sums { maintenance_ms, ..Sums::default() };
    let (mut outages, mut longest_ms) = (0, 0);
    let mut episode: Option<(kentongan_model::time::Timestamp, i64)> = None;
    let (Some(begin), Some(end)) = (service.first(), service.last()) else {
        return Uptime { sums, outages, longest_ms, sla_pct };
    };
    let period = Span::new(begin.from, end.to);
    let first = timeline.partition_point(|interval| interval.to <= period.from);
    for interval in timeline[first..].iter().take_while(|interval| interval.from < period.to) {
        let Some(part) = interval.span().overlap(period) else { continue };
        let counted = counted(maintenance, service, part);
        match interval.state {
            State::Up | State::Degraded => sums.up_ms += counted,
            State::Down => sums.down_ms += counted,
            State::Unreachable => sums.unreachable_ms += counted,
            State::Unknown => sums.unknown_ms += counted,
        }
        if matches!(interval.state, State::Down | State::Unreachable) {
            let before = episode.filter(|(end, _)| *end == part.from).map_or(0, |(_, length)| length);
            if before == 0 && counted > 0 {
                outages += 1;
            }
            longest_ms = longest_ms.max(before + counted);
            episode = Some((part.to, before + counted));
        }
    }
    Uptime { sums, outages, longest_ms, sla_pct }
}

/// How many milliseconds of `part` lie in service and outside maintenance.
fn counted(maintenance: &[Span], service: &[Span], part: Span) -> i64 {
    let first = service.partition_point(|stretch| stretch.to <= part.from);
    let near = service[first..].iter().take_while(|stretch| stretch.from < part.to);
    let serving = near.filter_map(|stretch| stretch.overlap(part));
    serving.map(|stretch| stretch.millis() - covered(maintenance, stretch)).sum()
}

impl Serialize for Uptime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.sums.write(&mut map)?;
        map.serialize_entry("outages", &self.outages)?;
        map.serialize_entry("mttr_s", &self.mttr_s().map(|mean| decimals(mean, 3)))?;
        map.serialize_entry("mtbf_s", &self.mtbf_s().map(|mean| decimals(mean, 3)))?;
        map.serialize_entry("longest_s", &seconds(self.longest_ms))?;
        map.serialize_entry("sla_met", &self.sla_met())?;
        map.end()
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of thousands of years fit")]
fn percent(part: i64, whole: i64) -> Option<f64> {
    (whole > 0).then(|| 100.0 * part as f64 / whole as f64)
}

fn mean(sum_ms: i64, count: u32) -> Option<f64> {
    (count > 0).then(|| seconds(sum_ms) / f64::from(count))
}

/// Seconds, to the millisecond.
#[expect(clippy::cast_precision_loss, reason = "milliseconds of thousands of years fit")]
fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}

/// A percentage to four decimals.
pub(crate) fn rounded(percentage: f64) -> f64 {
    decimals(percentage, 4)
}

/// The number nearest to `value` with that many decimals, as writing it out would round it.
fn decimals(value: f64, count: usize) -> f64 {
    format!("{value:.count$}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::span::tests::{at, span};

    fn interval(state: State, from: i64, to: i64) -> Interval {
        Interval { state, from: at(from), to: at(to), roots: Vec::new() }
    }

    fn story() -> Vec<Interval> {
        vec![
            interval(State::Unknown, 0, 100),
            interval(State::Up, 100, 400),
            interval(State::Down, 400, 450),
            interval(State::Unreachable, 450, 500),
            interval(State::Degraded, 500, 800),
            interval(State::Down, 800, 820),
            interval(State::Up, 820, 1000),
        ]
    }

    #[test]
    fn seconds_add_up_to_the_period_and_touching_outages_are_one() {
        let seen = uptime(&story(), &[], span(0, 1000), 80.0);
        let sums = seen.sums;
        assert_eq!(sums.period_ms(), 1_000_000);
        assert_eq!(
            (sums.up_ms, sums.down_ms, sums.unreachable_ms, sums.unknown_ms),
            (780_000, 70_000, 50_000, 100_000)
        );
        assert_eq!((seen.outages, seen.longest_ms), (2, 100_000));
        assert_eq!((seen.mttr_s(), seen.mtbf_s()), (Some(60.0), Some(390.0)));
        assert_eq!(sums.observed_pct(), Some(90.0));
        assert_eq!(seen.sla_met(), Some(true), "86.7 percent of 80");
    }

    #[test]
    fn what_lies_under_maintenance_counts_neither_for_nor_against() {
        let work = [span(390, 460), span(795, 830)];
        let seen = uptime(&story(), &work, span(0, 1000), 99.0);
        assert_eq!(seen.sums.maintenance_ms, 105_000);
        assert_eq!(seen.sums.period_ms(), 1_000_000);
        assert_eq!(
            (seen.outages, seen.longest_ms),
            (1, 40_000),
            "one began under it, one lies wholly inside"
        );
    }

    #[test]
    fn what_lies_outside_service_counts_neither_for_nor_against_and_tears_no_outage_apart() {
        let hours = [span(0, 420), span(460, 510), span(805, 900)];
        let seen = uptime_within(&story(), &[], &hours, 99.0);
        assert_eq!(seen.sums.period_ms(), 565_000, "the service time");
        assert_eq!((seen.sums.up_ms, seen.sums.down_ms), (390_000, 35_000));
        assert_eq!((seen.sums.unreachable_ms, seen.sums.unknown_ms), (40_000, 100_000));
        assert_eq!(
            (seen.outages, seen.longest_ms),
            (2, 60_000),
            "20 s before the break and 40 s behind it are one"
        );

        let night = [span(0, 390), span(510, 790)];
        assert_eq!(uptime_within(&story(), &[], &night, 99.0).outages, 0, "both while nobody is served");
        let work = [span(100, 200), span(395, 600)];
        let seen = uptime_within(&story(), &work, &night, 99.0);
        assert_eq!((seen.sums.maintenance_ms, seen.sums.period_ms()), (190_000, 670_000));
        assert_eq!(uptime_within(&story(), &work, &[], 99.0).sums.period_ms(), 0);
    }

    /// Spans of a thousand seconds, from places where they begin and end in turn.
    fn spans() -> impl Strategy<Value = Vec<Span>> {
        prop::collection::btree_set(0..1000_i64, 0..8).prop_map(|places| {
            let places: Vec<i64> = places.into_iter().collect();
            places.chunks_exact(2).map(|pair| span(pair[0], pair[1])).collect()
        })
    }

    proptest! {
        #[test]
        fn figures_are_those_of_counting_second_by_second(
            changes in prop::collection::btree_map(1..1000_i64, 0..5_usize, 0..12),
            first in 0..5_usize,
            (work, hours) in (spans(), spans()),
        ) {
            const STATES: [State; 5] =
                [State::Up, State::Degraded, State::Down, State::Unreachable, State::Unknown];
            let from = std::iter::once((0, first)).chain(changes);
            let from: Vec<(i64, State)> = from.map(|(at, state)| (at, STATES[state])).collect();
            let ends = from.iter().skip(1).map(|(at, _)| *at).chain([1000]);
            let story: Vec<_> = from.iter().zip(ends).map(|((at, state), end)| interval(*state, *at, end)).collect();
            let seen = uptime_within(&story, &work, &hours, 99.0);

            let (mut sums, mut episodes, mut broken) = (Sums::default(), vec![0_i64], false);
            for second in 0..1000 {
                let inside = |spans: &[Span]| spans.iter().any(|span| span.contains(at(second)));
                let state = story.iter().find(|it| it.span().contains(at(second))).map(|it| it.state);
                let out = matches!(state, Some(State::Down | State::Unreachable));
                if out && !broken {
                    episodes.push(0);
                }
                broken = out;
                match state.filter(|_| inside(&hours)) {
                    None => {}
                    Some(_) if inside(&work) => sums.maintenance_ms += 1000,
                    Some(State::Up | State::Degraded) => sums.up_ms += 1000,
                    Some(State::Down) => sums.down_ms += 1000,
                    Some(State::Unreachable) => sums.unreachable_ms += 1000,
                    Some(State::Unknown) => sums.unknown_ms += 1000,
                }
                if out && inside(&hours) && !inside(&work) {
                    *episodes.last_mut().unwrap() += 1000;
                }
            }
            prop_assert_eq!(seen.sums, sums);
            prop_assert_eq!(seen.sums.period_ms(), hours.iter().map(|span| span.millis()).sum::<i64>());
            prop_assert_eq!(seen.longest_ms, episodes.iter().copied().max().unwrap());
            prop_assert_eq!(seen.outages as usize, episodes.iter().filter(|length| **length > 0).count());
        }
    }

    #[test]
    fn without_data_there_are_no_percentages_and_no_verdict() {
        let seen = uptime(&[interval(State::Unknown, 0, 50)], &[], span(0, 50), 99.0);
        assert_eq!(
            (seen.sums.uptime_pct(), seen.sums.observed_pct(), seen.sla_met()),
            (None, Some(0.0), None)
        );
        let seen = uptime(&story(), &[span(0, 1000)], span(0, 1000), 99.0);
        assert_eq!((seen.sums.observed_pct(), seen.sla_met(), seen.mttr_s()), (None, None, None));
        assert_eq!(uptime(&[], &[], span(50, 50), 99.0).sums.period_ms(), 0);
    }
}
