//! The rounds of one piece of evidence as they arrive, in whatever order.
//!
//! In order a round costs one step of the automaton. The last [`KEPT_ROUNDS`] are kept, so that one which comes late
//! is put where it belongs and the automaton is folded again from there: the cost is the kept window, not history.
//! What is older than that is settled; a round that would belong there is too late (counted, for a replay of the
//! journal to take in). Rule guarded here: any order of arrival and any repetition end the same.

use std::collections::VecDeque;

use kentongan_model::{state::State, time::Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    evidence::{Change, Evidence, Pace},
    heartbeat::{Counting, Heartbeats},
    round::Outcome,
    span::{Span, plus},
};

/// How many rounds are kept for late ones to be put between: 17 hours at 30 s, 16 kB.
pub(crate) const KEPT_ROUNDS: usize = 2048;

/// A round in eight bytes: its moment (42 bits, until 2109), answers (10), the complement of probes sent (10), its
/// outcome (2). At the same moment the larger value is the round that counts: with as many answers to as many probes
/// the outcome can differ by the RTT alone, and the lower one is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Kept(u64);

impl Kept {
    const LAST: i64 = (1 << 42) - 1;
    const MOST: u64 = (1 << 10) - 1;

    /// None when the moment lies before 1970 or after 2109: no clock that was ever set says so.
    pub(crate) fn new(at: Timestamp, answered: usize, sent: u32, outcome: Outcome) -> Option<Self> {
        let moment = u64::try_from(at.as_millis()).ok().filter(|_| at.as_millis() <= Self::LAST)?;
        let answered = u64::try_from(answered).unwrap_or(Self::MOST).min(Self::MOST);
        let unsent = Self::MOST - u64::from(sent).min(Self::MOST);
        let outcome = match outcome {
            Outcome::Failed => 0,
            Outcome::Poor => 1,
            Outcome::Good => 2,
        };
        Some(Kept(moment << 22 | answered << 12 | unsent << 2 | outcome))
    }

    pub(crate) fn at(self) -> Timestamp {
        Timestamp::from_millis((self.0 >> 22).cast_signed())
    }

    pub(crate) fn outcome(self) -> Outcome {
        match self.0 & 3 {
            0 => Outcome::Failed,
            1 => Outcome::Poor,
            _ => Outcome::Good,
        }
    }
}

/// What one piece of evidence is folded with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Folding<'a> {
    pub(crate) pace: &'a Pace,
    pub(crate) downtimes: &'a [Span],
    pub(crate) bridged: bool,
}

impl Folding<'_> {
    fn counting(&self) -> Counting<'_> {
        Counting { pace: self.pace, downtimes: self.downtimes, bridged: self.bridged }
    }
}

/// An automaton: of rounds, or of deliveries, which supplies what is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Automaton {
    Rounds(Evidence),
    Deliveries(Heartbeats),
}

impl Automaton {
    fn push(&mut self, kept: Kept, folding: &Folding<'_>) {
        match self {
            Automaton::Rounds(evidence) => {
                let downtimes = if folding.bridged { folding.downtimes } else { &[] };
                evidence.push(kept.at(), kept.outcome(), folding.pace, downtimes);
            }
            Automaton::Deliveries(heartbeats) => heartbeats.deliver(kept.at(), &folding.counting()),
        }
    }

    fn evidence(&self) -> &Evidence {
        match self {
            Automaton::Rounds(evidence) => evidence,
            Automaton::Deliveries(heartbeats) => &heartbeats.evidence,
        }
    }

    fn forget(&mut self, cut: Timestamp) {
        match self {
            Automaton::Rounds(evidence) => evidence.forget(cut),
            Automaton::Deliveries(heartbeats) => heartbeats.evidence.forget(cut),
        }
    }
}

/// What became of a round that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// It changes nothing that was known.
    Quiet,
    /// It changes what was known.
    Changed,
    /// It belongs to what is already settled.
    TooLate,
}

/// One piece of evidence, live.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Series {
    /// Where the automaton stood before the first kept round.
    base: Automaton,
    kept: VecDeque<Kept>,
    /// Where it stands behind the last one.
    head: Automaton,
    /// Whether the head has to be folded again.
    torn: bool,
}

impl Series {
    pub(crate) fn of_rounds() -> Self {
        Self::starting(Automaton::Rounds(Evidence::default()))
    }

    pub(crate) fn of_deliveries() -> Self {
        Self::starting(Automaton::Deliveries(Heartbeats::default()))
    }

    fn starting(automaton: Automaton) -> Self {
        Series { base: automaton.clone(), kept: VecDeque::new(), head: automaton, torn: false }
    }

    /// Takes a round.
    pub(crate) fn take(&mut self, round: Kept, folding: &Folding<'_>) -> Arrival {
        if self.kept.back().is_none_or(|last| last.at() < round.at()) && !self.settled(round) {
            let before = (self.last_change(), self.head.evidence().proven());
            self.head.push(round, folding);
            self.kept.push_back(round);
            self.settle(folding);
            let same = (self.last_change(), self.head.evidence().proven()) == before;
            return if same && !self.torn { Arrival::Quiet } else { Arrival::Changed };
        }
        if self.settled(round) {
            return Arrival::TooLate;
        }
        let place = self.kept.partition_point(|kept| kept.at() < round.at());
        match self.kept.get_mut(place) {
            Some(kept) if kept.at() == round.at() && *kept >= round => return Arrival::Quiet,
            Some(kept) if kept.at() == round.at() => *kept = round,
            _ => self.kept.insert(place, round),
        }
        self.torn = true;
        Arrival::Changed
    }

    /// Has everything that is kept folded again, at the next [`mend`](Self::mend).
    pub(crate) fn tear(&mut self) {
        self.torn = true;
    }

    /// Folds the kept rounds again, where one came late.
    pub(crate) fn mend(&mut self, folding: &Folding<'_>) {
        if self.torn {
            self.torn = false;
            self.head = self.base.clone();
            self.kept.iter().for_each(|round| self.head.push(*round, folding));
            self.settle(folding);
        }
    }

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

    /// Forgets changes before `cut`, but for the state there.
    pub(crate) fn forget(&mut self, cut: Timestamp) {
        self.base.forget(cut);
        self.head.forget(cut);
    }

    fn last_change(&self) -> Option<Change> {
        self.head.evidence().changes().last().copied()
    }

    fn settled(&self, round: Kept) -> bool {
        self.base.evidence().last().is_some_and(|last| round.at() <= last)
    }

    /// Settles the oldest rounds, down to [`KEPT_ROUNDS`].
    fn settle(&mut self, folding: &Folding<'_>) {
        while self.kept.len() > KEPT_ROUNDS {
            if let Some(oldest) = self.kept.pop_front() {
                self.base.push(oldest, folding);
            }
        }
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
