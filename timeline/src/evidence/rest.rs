//! What of an automaton its future depends on, as small as it can be told.
//!
//! Between an automaton and the milestones of the live timeline. Rule guarded here: two that are left equal go on alike,
//! whatever comes.

use kentongan_model::{state::State, time::Timestamp};
use serde::{Deserialize, Serialize};

use super::{Change, Evidence, Streak};

/// An automaton in which no streak is under way and no silence open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rest {
    pub(crate) last: Timestamp,
    pub(crate) held: State,
    pub(crate) proven: bool,
}

impl Evidence {
    /// What its future depends on, and nothing else: streaks that can decide nothing any more are ended, and of its changes
    /// the last two stay (no round takes back more than one).
    pub(crate) fn bare(&self) -> Evidence {
        let serves = self.held.is_some_and(State::serves);
        let kept = |streak: Streak, decides: bool| {
            if decides && streak.count > 0 { streak } else { Streak::default() }
        };
        Evidence {
            held: self.held,
            last: self.last,
            failed: kept(self.failed, self.held != Some(State::Down)),
            answered: kept(self.answered, !serves),
            poor: kept(self.poor, self.held != Some(State::Degraded)),
            good: kept(self.good, self.held == Some(State::Degraded)),
            stretch: self.stretch,
            proven: self.proven,
            changes: self.changes[self.changes.len().saturating_sub(2)..].to_vec(),
        }
    }

    /// Where it rests, when [`bare`](Self::bare) leaves nothing but that: the last round, what is held, whether proven.
    pub(crate) fn rest(&self) -> Option<Rest> {
        let bare = Evidence { held: None, last: None, proven: false, changes: Vec::new(), ..self.bare() };
        let rest = Rest { last: self.last?, held: self.held?, proven: self.proven };
        (bare == Evidence::default()).then_some(rest)
    }

    /// Takes up where it rested. `changes` are the last ones until then.
    pub(crate) fn resting(rest: Rest, changes: Vec<Change>) -> Evidence {
        let Rest { last, held, proven } = rest;
        Evidence { held: Some(held), last: Some(last), proven, changes, ..Evidence::default() }
    }
}
