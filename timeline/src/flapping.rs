//! Sites that go up and down too often to be told each time.
//!
//! A pure reading of a timeline, for whoever decides what is told. Rule guarded here: more than `flap_count` changes
//! between down and up within `flap_window`; it is over when the site has been stable for `flap_window`.

use kentongan_model::{state::State, time::Timestamp};

use crate::{interval::Interval, span::plus};

/// From how many changes on, within how long, a site flaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlapRule {
    /// More changes than this are too many.
    pub count: usize,
    /// Within this long, in milliseconds.
    pub window_ms: i64,
}

impl Default for FlapRule {
    fn default() -> Self {
        FlapRule { count: 6, window_ms: 30 * 60 * 1000 }
    }
}

/// A time in which a site flapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flapping {
    /// The first of its changes.
    pub from: Timestamp,
    /// The change that was one too many: from here on it is told as flapping.
    pub told_at: Timestamp,
    /// The last of its changes so far.
    pub last: Timestamp,
    /// How many changes it had so far.
    pub changes: usize,
    /// When it had been stable long enough; none when it has not yet, by the end of the timeline.
    pub stable_at: Option<Timestamp>,
}

/// When a site flapped. What is unknown or unreachable is neither up nor down and makes no change.
#[must_use]
pub fn flapping(timeline: &[Interval], rule: FlapRule) -> Vec<Flapping> {
    let Some(end) = timeline.last().map(|last| last.to) else { return Vec::new() };
    let told = timeline.iter().filter(|interval| interval.state.serves() || interval.state == State::Down);
    let sides: Vec<(Timestamp, bool)> =
        told.map(|interval| (interval.from, interval.state.serves())).collect();
    let flips = sides.windows(2).filter(|pair| pair[0].1 != pair[1].1).map(|pair| pair[1].0);
    let flips: Vec<Timestamp> = flips.collect();
    // Changes that follow one another within the window belong together.
    let bursts = flips.chunk_by(|a, b| b.millis_since(*a) < rule.window_ms);
    let found = bursts.filter_map(|burst| {
        let mut runs = burst.windows(rule.count + 1);
        let run = runs.find(|run| run[rule.count].millis_since(run[0]) <= rule.window_ms)?;
        let last = *burst.last()?;
        let stable = plus(last, rule.window_ms);
        Some(Flapping {
            from: run[0],
            told_at: run[rule.count],
            last,
            changes: burst.len(),
            stable_at: (stable <= end).then_some(stable),
        })
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span::tests::at;

    fn timeline(minutes: &[i64], end: i64) -> Vec<Interval> {
        let states = [State::Up, State::Down].into_iter().cycle();
        let ends = minutes.iter().skip(1).chain([&end]);
        let pairs = minutes.iter().zip(ends).zip(states);
        pairs
            .map(|((from, to), state)| Interval {
                state,
                from: at(from * 60),
                to: at(to * 60),
                roots: Vec::new(),
            })
            .collect()
    }

    #[test]
    fn more_than_six_changes_in_half_an_hour_are_flapping_until_half_an_hour_is_stable() {
        let rule = FlapRule::default();
        assert_eq!(flapping(&timeline(&[0, 10, 12, 14, 16, 18, 20], 90), rule), [], "six changes");
        let seen = flapping(&timeline(&[0, 10, 12, 14, 16, 18, 20, 22, 30], 90), rule);
        let burst =
            Flapping { from: at(600), told_at: at(1320), last: at(1800), changes: 8, stable_at: None };
        assert_eq!(seen, [Flapping { stable_at: Some(at(3600)), ..burst }]);
        let open = flapping(&timeline(&[0, 10, 12, 14, 16, 18, 20, 22], 40), rule);
        assert_eq!(open[0].stable_at, None);
        assert_eq!(flapping(&timeline(&[0, 10, 20, 30, 40, 50, 60, 70], 200), rule), [], "too slow");
    }
}
