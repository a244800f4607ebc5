//! Deliveries of an agent as evidence: each is a good round, each that is overdue a failed one.
//!
//! The collector supplies the failed rounds itself, so an agent that falls silent is down, not unknown. Rules guarded
//! here: overdue is half a `report_interval` after due; during its own downtime the collector supplies none and counts
//! anew from its return; nothing is supplied before the first delivery.

use kentongan_model::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    evidence::{Evidence, Pace},
    round::Outcome,
    span::{Span, plus},
};

/// The heartbeats of one agent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Heartbeats {
    pub(crate) evidence: Evidence,
    /// From where the collector counts: the last delivery.
    pub(crate) counted_from: Option<Timestamp>,
}

/// What deliveries are counted with: the agent's pace, every downtime of the collector, and whether they can be bridged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counting<'a> {
    pub(crate) pace: &'a Pace,
    pub(crate) downtimes: &'a [Span],
    pub(crate) bridged: bool,
}

impl Counting<'_> {
    fn bridge(&self) -> &[Span] {
        if self.bridged { self.downtimes } else { &[] }
    }
}

impl Heartbeats {
    /// Moves on by a delivery, which is later than all before it.
    pub(crate) fn deliver(&mut self, at: Timestamp, counting: &Counting<'_>) {
        self.miss(at, counting);
        self.evidence.push(at, Outcome::Good, counting.pace, counting.bridge());
        self.counted_from = Some(at);
    }

    /// Supplies the failed rounds of what was overdue before `limit`.
    pub(crate) fn miss(&mut self, limit: Timestamp, counting: &Counting<'_>) {
        let Some(mut from) = self.counted_from else { return };
        let first = counting.downtimes.partition_point(|down| down.to <= from);
        for down in counting.downtimes[first..].iter().take_while(|down| down.from < limit) {
            self.supply(from, down.from, counting);
            if down.to > limit {
                return;
            }
            from = down.to;
        }
        self.supply(from, limit, counting);
    }

    /// Whether anything is overdue before `limit`.
    pub(crate) fn misses(&self, limit: Timestamp, counting: &Counting<'_>) -> bool {
        let interval = counting.pace.interval_ms;
        self.counted_from.is_some_and(|from| overdue(from, limit, interval) > 0)
    }

    /// When the next failed round comes to exist, if no delivery does.
    pub(crate) fn next_miss(&self, now: Timestamp, counting: &Counting<'_>) -> Option<Timestamp> {
        let ended = counting.downtimes.iter().rev().map(|down| down.to).find(|to| *to <= now);
        let from = self.counted_from?;
        let from = ended.map_or(from, |ended| ended.max(from));
        let interval = counting.pace.interval_ms;
        let next = overdue(from, now, interval) + 1;
        // Overdue half an interval after due, known at the first millisecond behind that.
        Some(plus(from, next * interval + interval / 2 + 1))
    }

    fn supply(&mut self, from: Timestamp, limit: Timestamp, counting: &Counting<'_>) {
        let interval = counting.pace.interval_ms;
        let count = overdue(from, limit, interval);
        if count > 0 {
            self.evidence.push_failures(plus(from, interval), count, counting.pace, counting.bridge());
        }
    }
}

/// How many deliveries, counted from `from`, were overdue before `limit`: the k-th is half an interval after
/// `from` + k × interval. In half milliseconds, as an interval can be odd.
fn overdue(from: Timestamp, limit: Timestamp, interval_ms: i64) -> i64 {
    let room = 2 * limit.millis_since(from) - interval_ms;
    if room > 0 { (room - 1) / (2 * interval_ms) } else { 0 }
}

#[cfg(test)]
mod tests {
    use kentongan_model::state::State;

    use super::*;
    use crate::span::tests::{at, span};

    const PACE: Pace = Pace { interval_ms: 30_000, down_after: 3, up_after: 2 };

    fn changes(deliveries: &[i64], downtimes: &[Span], now: Timestamp, bridged: bool) -> Vec<(i64, State)> {
        let counting = Counting { pace: &PACE, downtimes, bridged };
        let mut heartbeats = Heartbeats::default();
        for second in deliveries {
            heartbeats.deliver(at(*second), &counting);
        }
        heartbeats.miss(now, &counting);
        let silence = heartbeats.evidence.silence(now, &PACE);
        let all = heartbeats.evidence.changes().iter().copied().chain(silence);
        all.map(|change| (change.at.as_millis() / 1000, change.state)).collect()
    }

    #[test]
    fn an_agent_is_down_from_its_first_missing_delivery() {
        let up = (0, State::Up);
        assert_eq!(changes(&[0, 30], &[], at(135), true), [up], "the third is overdue at 135, not before");
        assert_eq!(changes(&[0, 30], &[], Timestamp::from_millis(135_001), true), [up, (60, State::Down)]);
        assert_eq!(changes(&[0, 30, 135], &[], at(140), true), [up], "it came just in time");
        assert_eq!(
            changes(&[0, 30, 75, 118, 160], &[], at(170), true),
            [up],
            "deliveries are never on the dot"
        );
        assert_eq!(
            changes(&[0, 30, 200, 230], &[], at(231), true),
            [up, (60, State::Down), (200, State::Up)]
        );
    }

    #[test]
    fn during_its_own_downtime_the_collector_supplies_nothing_and_counts_anew_after_it() {
        let up = (0, State::Up);
        let down = [span(60, 1000)];
        assert_eq!(changes(&[0, 30], &down, at(1000), true), [up, (60, State::Unknown)]);
        let seen = changes(&[0, 30], &down, at(1200), true);
        assert_eq!(seen, [up, (60, State::Unknown), (1030, State::Down)]);
        assert_eq!(changes(&[0, 30, 1010, 1040], &down, at(1041), true), [up], "bridged");
        assert_eq!(
            changes(&[0, 30, 1010, 1040], &down, at(1041), false),
            [up, (60, State::Unknown), (1010, State::Up)]
        );
        assert_eq!(
            changes(&[0, 30, 990, 1020], &down, at(1021), true),
            [up],
            "a delivery inside a downtime is good"
        );
        assert_eq!(
            changes(&[990], &down, at(1136), true),
            [],
            "one good round confirms nothing, failures prove nothing"
        );
    }
}
