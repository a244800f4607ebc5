//! The automaton of one piece of evidence: rounds in, state changes out.
//!
//! Rounds are pushed in event-time order, each in constant time; what stays is a list of changes that grows with what
//! happened, not with what was measured. Rules guarded here: streaks and where a confirmed state begins, silence,
//! the bridge over the collector's downtime, and that evidence counts for nothing until it has once been up.

mod pace;
mod rest;

use kentongan_model::{state::State, time::Timestamp};
use serde::{Deserialize, Serialize};

pub(crate) use pace::Pace;
pub(crate) use rest::Rest;

use crate::{
    bridge,
    round::Outcome,
    span::{Span, plus},
};

/// From `at` on the evidence is in `state`; `told` is when that was known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Change {
    pub(crate) at: Timestamp,
    pub(crate) state: State,
    pub(crate) told: Timestamp,
}

/// Rounds in a row, and the first of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Streak {
    count: u32,
    from: Timestamp,
}

impl Streak {
    fn grow(&mut self, at: Timestamp) {
        if self.count == 0 {
            self.from = at;
        }
        self.count = self.count.saturating_add(1);
    }

    fn end(&mut self) {
        self.count = 0;
    }
}

/// A silence, or several in a row, after which nothing is confirmed yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Stretch {
    from: Timestamp,
    before: State,
    explained: bool,
}

/// One piece of evidence: where its automaton stands and what it went through.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Evidence {
    held: Option<State>,
    last: Option<Timestamp>,
    failed: Streak,
    answered: Streak,
    poor: Streak,
    good: Streak,
    stretch: Option<Stretch>,
    proven: bool,
    changes: Vec<Change>,
}

impl Evidence {
    /// What it went through, as far as rounds tell. It is unknown before the first change.
    pub(crate) fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// The moment of its last round.
    pub(crate) fn last(&self) -> Option<Timestamp> {
        self.last
    }

    /// Whether down was the last thing that rounds confirmed, proven or not.
    pub(crate) fn is_confirmed_down(&self) -> bool {
        self.held == Some(State::Down)
    }

    /// Whether it has been up in its life.
    pub(crate) fn proven(&self) -> bool {
        self.proven
    }

    /// Puts changes in the place of its own.
    pub(crate) fn replace_changes(&mut self, changes: Vec<Change>) -> Vec<Change> {
        std::mem::replace(&mut self.changes, changes)
    }

    fn state(&self) -> State {
        self.changes.last().map_or(State::Unknown, |change| change.state)
    }

    /// Moves on by one round, which is later than all before it. `downtimes` are the collector's where they can be
    /// bridged, and empty elsewhere.
    pub(crate) fn push(&mut self, at: Timestamp, outcome: Outcome, pace: &Pace, downtimes: &[Span]) {
        self.break_silence(at, pace, downtimes);
        self.last = Some(at);
        if outcome == Outcome::Failed {
            self.answered.end();
            self.poor.end();
            self.good.end();
            self.failed.grow(at);
            if self.failed.count >= pace.down_after && self.held != Some(State::Down) {
                self.confirm(State::Down, self.failed.from, at);
            }
            return;
        }
        self.failed.end();
        self.answered.grow(at);
        if outcome == Outcome::Poor {
            self.good.end();
            self.poor.grow(at);
        } else {
            self.poor.end();
            self.good.grow(at);
        }
        if !self.held.is_some_and(State::serves) && self.answered.count >= pace.up_after {
            self.confirm(State::Up, self.answered.from, at);
        }
        if self.held == Some(State::Up) && self.poor.count >= pace.down_after {
            self.confirm(State::Degraded, self.poor.from, at);
        } else if self.held == Some(State::Degraded) && self.good.count >= pace.up_after {
            self.confirm(State::Up, self.good.from, at);
        }
    }

    /// Moves on by `count` failed rounds, one every interval, of which `first` is the first. Constant time: once down
    /// is confirmed, further failures change nothing but the moment of the last round.
    pub(crate) fn push_failures(&mut self, first: Timestamp, count: i64, pace: &Pace, downtimes: &[Span]) {
        let single = count.min(i64::from(pace.down_after));
        for k in 0..single {
            self.push(plus(first, k * pace.interval_ms), Outcome::Failed, pace, downtimes);
        }
        if count > single {
            self.failed.count =
                self.failed.count.saturating_add(u32::try_from(count - single).unwrap_or(u32::MAX));
            self.last = Some(plus(first, (count - 1) * pace.interval_ms));
        }
    }

    /// The change that the silence since the last round makes by `now`, if it does.
    pub(crate) fn silence(&self, now: Timestamp, pace: &Pace) -> Option<Change> {
        let last = self.last.filter(|last| now.millis_since(*last) > pace.stale_ms())?;
        let told = plus(last, pace.stale_ms() + 1);
        (self.state() != State::Unknown).then_some(Change {
            at: plus(last, pace.interval_ms),
            state: State::Unknown,
            told,
        })
    }

    /// Forgets what it went through before `cut`, but for the state it had there.
    pub(crate) fn forget(&mut self, cut: Timestamp) {
        let past = self.changes.partition_point(|change| change.at <= cut);
        self.changes.drain(..past.saturating_sub(1));
    }

    fn break_silence(&mut self, at: Timestamp, pace: &Pace, downtimes: &[Span]) {
        let Some(last) = self.last.filter(|last| at.millis_since(*last) > pace.stale_ms()) else { return };
        let explained = bridge::explains(downtimes, Span::new(last, at), pace.stale_ms());
        match &mut self.stretch {
            Some(stretch) => stretch.explained &= explained,
            None => {
                let from = plus(last, pace.interval_ms);
                if let Some(before) = self.held.take() {
                    self.stretch = Some(Stretch { from, before, explained });
                    self.change(from, State::Unknown, plus(last, pace.stale_ms() + 1));
                }
            }
        }
        for streak in [&mut self.failed, &mut self.answered, &mut self.poor, &mut self.good] {
            streak.end();
        }
    }

    fn confirm(&mut self, state: State, from: Timestamp, told: Timestamp) {
        self.held = Some(state);
        if let Some(stretch) = self.stretch.take() {
            let same = state == stretch.before || (state.serves() && stretch.before.serves());
            if same && stretch.explained {
                self.change(stretch.from, if state.serves() { State::Up } else { state }, told);
            }
        }
        self.proven |= state == State::Up;
        self.change(from, state, told);
    }

    /// Notes a change, unless the evidence is unproven or it changes nothing. One at the moment of the last change
    /// takes its place.
    fn change(&mut self, at: Timestamp, state: State, told: Timestamp) {
        if state == State::Down && !self.proven {
            return;
        }
        if self.changes.last().is_some_and(|last| last.at >= at) {
            self.changes.pop();
        }
        if self.state() != state {
            self.changes.push(Change { at, state, told });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span::tests::{at, span};

    const PACE: Pace = Pace { interval_ms: 10_000, down_after: 3, up_after: 2 };

    /// Folds rounds written as `second:outcomes`, one every 10 s, and tells the changes as `second=state`.
    fn story(text: &str, pace: &Pace, downtimes: &[Span]) -> String {
        let mut evidence = Evidence::default();
        for part in text.split_whitespace() {
            let (start, outcomes) = part.split_once(':').unwrap();
            for (k, letter) in (0..).zip(outcomes.chars()) {
                let outcome = match letter {
                    'g' => Outcome::Good,
                    'p' => Outcome::Poor,
                    _ => Outcome::Failed,
                };
                evidence.push(at(start.parse::<i64>().unwrap() + 10 * k), outcome, pace, downtimes);
            }
        }
        let told: Vec<String> =
            evidence.changes().iter().map(|c| format!("{}={}", c.at.as_millis() / 1000, c.state)).collect();
        told.join(" ")
    }

    #[test]
    fn what_is_confirmed_begins_with_the_first_round_of_its_streak() {
        let table = [
            ("0:g", ""),
            ("0:gg", "0=up"),
            ("0:ggff", "0=up"),
            ("0:ggfff", "0=up 20=down"),
            ("0:ggfffgfgg", "0=up 20=down 70=up"),
            ("0:ggppp", "0=up 20=degraded"),
            ("0:ggppfppp", "0=up 50=degraded"),
            ("0:ggpppgfgpgg", "0=up 20=degraded 90=up"),
            ("0:ggpppfff", "0=up 20=degraded 50=down"),
        ];
        for (rounds, changes) in table {
            assert_eq!(story(rounds, &PACE, &[]), changes, "{rounds}");
        }
    }

    #[test]
    fn poor_rounds_that_confirm_up_are_degraded_at_once_when_they_are_enough() {
        let slow = Pace { up_after: 4, ..PACE };
        assert_eq!(story("0:pppp", &slow, &[]), "0=degraded");
        assert_eq!(story("0:gppp", &slow, &[]), "0=up 10=degraded");
        assert_eq!(story("0:pppg", &slow, &[]), "0=up", "the streak ended before up was confirmed");
    }

    #[test]
    fn silence_is_unknown_from_one_interval_after_the_last_round_and_forgets_streaks() {
        assert_eq!(story("0:gg 40:gg", &PACE, &[]), "0=up", "three intervals are not yet silence");
        assert_eq!(story("0:gg 41:g", &PACE, &[]), "0=up 20=unknown");
        assert_eq!(story("0:gg 41:gg", &PACE, &[]), "0=up 20=unknown 41=up");
        assert_eq!(story("0:ggff 71:ff", &PACE, &[]), "0=up 40=unknown");
        let mut evidence = Evidence::default();
        evidence.push(at(0), Outcome::Good, &Pace { up_after: 1, ..PACE }, &[]);
        assert_eq!(evidence.silence(at(30), &PACE), None);
        assert_eq!(evidence.silence(Timestamp::from_millis(30_001), &PACE).unwrap().at, at(10));
    }

    #[test]
    fn evidence_that_was_never_up_counts_for_nothing() {
        assert_eq!(story("0:fffff", &PACE, &[]), "");
        assert_eq!(story("0:fffffgg", &PACE, &[]), "50=up");
        assert_eq!(
            story("0:gg 100:fff", &PACE, &[]),
            "0=up 20=unknown 100=down",
            "it was up once in its life"
        );
    }

    #[test]
    fn a_downtime_is_bridged_when_the_same_is_confirmed_behind_it() {
        let table = [
            ("0:gg 100:gg", vec![span(20, 90)], "0=up"),
            ("0:gg 100:gg", vec![span(50, 90)], "0=up 20=unknown 100=up"),
            ("0:ggppp 200:gg", vec![span(45, 195)], "0=up 20=degraded 50=up"),
            ("0:gg 200:pppgg", vec![span(15, 195)], "0=up 200=degraded 230=up"),
            ("0:ggfff 200:fff", vec![span(45, 195)], "0=up 20=down"),
            ("0:gg 200:fff", vec![span(15, 195)], "0=up 20=unknown 200=down"),
            ("0:ggff 200:gg", vec![span(35, 195)], "0=up"),
            ("0:gg 100:g 200:gg", vec![span(15, 99), span(110, 190)], "0=up"),
            ("0:gg 100:g 200:gg", vec![span(15, 99)], "0=up 20=unknown 200=up"),
            ("0:gg 100:g 200:gg", vec![span(110, 190)], "0=up 20=unknown 200=up"),
            ("0:gg 100:g", vec![span(15, 99)], "0=up 20=unknown"),
        ];
        for (rounds, downtimes, changes) in table {
            let pace = Pace { down_after: if rounds.contains("pppgg") { 2 } else { 3 }, ..PACE };
            assert_eq!(story(rounds, &pace, &downtimes), changes, "{rounds} with {downtimes:?}");
        }
    }

    #[test]
    fn many_failures_at_once_are_the_same_as_one_by_one() {
        for count in 0..9 {
            let (mut once, mut each) = (Evidence::default(), Evidence::default());
            for evidence in [&mut once, &mut each] {
                evidence.push(at(0), Outcome::Good, &PACE, &[]);
                evidence.push(at(10), Outcome::Good, &PACE, &[]);
            }
            once.push_failures(at(20), count, &PACE, &[]);
            (0..count).for_each(|k| each.push(at(20 + 10 * k), Outcome::Failed, &PACE, &[]));
            assert_eq!(once, each, "{count} failures");
        }
    }
}
