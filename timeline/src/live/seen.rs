//! A series as it is seen at some moment: what rounds told, and what nothing having come since tells.
//!
//! Between a series and a judgement. Rule guarded here: whatever the passing of time will change has a deadline, so that
//! nobody has to look in between.

use kentongan_model::{state::State, time::Timestamp};

use super::{
    automaton::{Automaton, Folding},
    series::Series,
};
use crate::{
    evidence::{Change, Evidence, Pace},
    round::Outcome,
    span::{Span, plus},
};

impl Series {
    /// Its changes until `now`, with those that only the passing of time makes.
    pub(crate) fn until(&self, now: Timestamp, folding: &Folding<'_>) -> Seen<'_> {
        let missed = match &self.head {
            Automaton::Deliveries(heartbeats) if heartbeats.misses(now, &folding.counting()) => {
                let mut missed = heartbeats.clone();
                missed.miss(now, &folding.counting());
                Some(missed.evidence)
            }
            _ => None,
        };
        let evidence = missed.as_ref().unwrap_or(self.head.evidence());
        let silence = evidence.silence(now, folding.pace);
        let miss = match &self.head {
            // Once down is confirmed, further misses change nothing but when it is silent.
            Automaton::Deliveries(_) if evidence.is_confirmed_down() && silence.is_none() => None,
            Automaton::Deliveries(heartbeats) => heartbeats.next_miss(now, &folding.counting()),
            Automaton::Rounds(_) => None,
        };
        let deadline =
            [miss, evidence.silent_at(folding.pace)].into_iter().flatten().filter(|at| *at > now).min();
        let proven = evidence.proven();
        let presumed = missed.is_some() || silence.is_some();
        match (missed, silence) {
            (None, None) => {
                Seen { changes: self.head.evidence().changes().into(), proven, presumed, deadline }
            }
            (missed, silence) => {
                let mut changes = missed.as_ref().unwrap_or(self.head.evidence()).changes().to_vec();
                changes.extend(silence);
                Seen { changes: changes.into(), proven, presumed, deadline }
            }
        }
    }

    /// The first kept round within `span`.
    pub(crate) fn first_within(&self, span: Span) -> Option<Timestamp> {
        let next = self.kept.partition_point(|kept| kept.at() < span.from);
        self.kept.get(next).map(|kept| kept.at()).filter(|at| span.contains(*at))
    }

    /// The first kept round after `moment` that was answered.
    pub(crate) fn answered(&self, moment: Timestamp) -> Option<Timestamp> {
        let next = self.kept.partition_point(|kept| kept.at() <= moment);
        self.kept.range(next..).find(|kept| kept.outcome() != Outcome::Failed).map(|kept| kept.at())
    }

    /// Whether any round after `moment` was answered.
    pub(crate) fn answered_since(&self, moment: Timestamp) -> bool {
        self.answered.is_some_and(|at| at > moment)
    }
}

/// A series as it stands at some moment.
#[derive(Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) changes: std::borrow::Cow<'a, [Change]>,
    pub(crate) proven: bool,
    /// Whether something is made of nothing having arrived; whatever arrives may refute it.
    pub(crate) presumed: bool,
    /// When the passing of time may change it next, if nothing arrives.
    pub(crate) deadline: Option<Timestamp>,
}

impl Evidence {
    /// When it will be silent.
    fn silent_at(&self, pace: &Pace) -> Option<Timestamp> {
        let known = self.changes().last().is_some_and(|change| change.state != State::Unknown);
        self.last().filter(|_| known).map(|last| plus(last, pace.stale_ms() + 1))
    }
}
