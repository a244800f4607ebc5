//! The rounds of one piece of evidence as they arrive, in whatever order.
//!
//! In order a round costs one step of the automaton. The last ones are kept, so that one which comes late is put where it
//! belongs and the automaton is folded again from there. What is older is settled, with milestones; a round that belongs
//! there waits until the journal gives the rounds around it (`refold`). Rule guarded here: any order of arrival and any
//! repetition end the same.

use std::collections::VecDeque;

use kentongan_model::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    automaton::{Automaton, Folding},
    kept::Kept,
    milestone::{Milestone, Stand, behind},
};
use crate::{
    evidence::{Change, Evidence},
    heartbeat::Heartbeats,
    round::Outcome,
    span::Span,
};

/// What became of a round that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// It changes nothing that was known.
    Quiet,
    /// It changes what was known.
    Changed,
    /// It belongs to what is settled, and waits for what was measured around it.
    Late,
}

/// One piece of evidence, live.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Series {
    /// Where the automaton stood before the first kept round, with its last two changes.
    base: Automaton,
    /// The first settled round.
    pub(super) begun: Option<Timestamp>,
    /// How many rounds were settled since the last milestone.
    pub(super) since: u32,
    pub(super) milestones: Vec<Milestone>,
    pub(super) kept: VecDeque<Kept>,
    /// Where it stands behind the last one, with all changes. Torn or not, it has those of what is settled.
    pub(super) head: Automaton,
    /// Whether the head has to be folded again.
    torn: bool,
    /// Rounds that belong to what is settled, sorted.
    pub(super) late: Vec<Kept>,
    /// What of the settled has to be folded again: from where, and how far at least.
    pub(super) again: Vec<Span>,
    /// Where folding again began that has not yet come to its end.
    #[serde(default)]
    pub(super) chained: Option<Timestamp>,
    /// The last round that was answered.
    pub(super) answered: Option<Timestamp>,
}

impl Series {
    pub(crate) fn of_rounds() -> Self {
        Self::starting(Automaton::Rounds(Evidence::default()))
    }

    pub(crate) fn of_deliveries() -> Self {
        Self::starting(Automaton::Deliveries(Heartbeats::default()))
    }

    fn starting(automaton: Automaton) -> Self {
        Series {
            base: automaton.clone(),
            begun: None,
            since: 0,
            milestones: Vec::new(),
            kept: VecDeque::new(),
            head: automaton,
            torn: false,
            late: Vec::new(),
            again: Vec::new(),
            chained: None,
            answered: None,
        }
    }

    /// Takes a round.
    pub(crate) fn take(&mut self, round: Kept, folding: &Folding<'_>) -> Arrival {
        if round.outcome() != Outcome::Failed {
            self.answered = self.answered.max(Some(round.at()));
        }
        if self.settled(round.at()) {
            return self.wait(round);
        }
        self.interrupt();
        if self.kept.back().is_none_or(|last| last.at() < round.at()) {
            let before = (self.last_change(), self.head.evidence().proven());
            self.head.push(round, folding);
            self.kept.push_back(round);
            self.settle(folding);
            let same = (self.last_change(), self.head.evidence().proven()) == before;
            return if same && !self.torn { Arrival::Quiet } else { Arrival::Changed };
        }
        let place = self.kept.partition_point(|kept| kept.at() < round.at());
        match self.kept.get_mut(place) {
            Some(kept) if kept.at() == round.at() && *kept >= round => return Arrival::Quiet,
            Some(kept) if kept.at() == round.at() => *kept = round,
            _ => self.kept.insert(place, round),
        }
        self.torn = true;
        self.settle(folding);
        Arrival::Changed
    }

    /// A late round waits for what was measured around it.
    fn wait(&mut self, round: Kept) -> Arrival {
        let place = self.late.partition_point(|late| late.at() < round.at());
        match self.late.get_mut(place) {
            Some(late) if late.at() == round.at() && *late >= round => return Arrival::Quiet,
            Some(late) if late.at() == round.at() => *late = round,
            _ => {
                self.late.insert(place, round);
                self.again.push(Span::new(round.at(), round.at()));
            }
        }
        Arrival::Late
    }

    /// Has what is kept folded again, and what is settled where `downtime` touches it.
    pub(crate) fn tear(&mut self, downtime: Span) {
        self.torn = true;
        if self.settled(downtime.from) {
            self.again.push(downtime);
        }
    }

    /// What is kept goes on while folding again is halfway: it begins anew then, and goes to the end at once.
    fn interrupt(&mut self) {
        if let Some((from, last)) = self.chained.take().zip(self.settled_until()) {
            self.again.push(Span::new(from, last.max(from)));
        }
    }

    /// Folds the kept rounds again, where one came late.
    pub(crate) fn mend(&mut self, folding: &Folding<'_>) {
        if !std::mem::take(&mut self.torn) {
            return;
        }
        self.interrupt();
        let before = self.head.replace_changes(Vec::new());
        self.head = self.base.clone();
        self.kept.iter().for_each(|round| self.head.push(*round, folding));
        let folded = behind(before, self.base_begins(), self.head.evidence().changes());
        self.head.replace_changes(folded);
    }

    /// Whether a round of that moment belongs to what is settled.
    pub(super) fn settled(&self, at: Timestamp) -> bool {
        self.settled_until().is_some_and(|last| at <= last)
    }

    /// The last settled round.
    pub(super) fn settled_until(&self) -> Option<Timestamp> {
        self.base.evidence().last()
    }

    /// What it went through, as far as rounds tell.
    pub(super) fn changes(&self) -> &[Change] {
        self.head.evidence().changes()
    }

    pub(super) fn replace_changes(&mut self, changes: Vec<Change>) {
        self.head.replace_changes(changes);
    }

    /// From where on the base knows what is settled.
    fn base_begins(&self) -> Option<Timestamp> {
        self.base_changes().first().map(|change| change.at)
    }

    /// The last two changes of what is settled.
    pub(super) fn base_changes(&self) -> &[Change] {
        self.base.evidence().changes()
    }

    pub(super) fn replace_base_changes(&mut self, changes: Vec<Change>) {
        self.base.replace_changes(changes);
    }

    /// An automaton of its kind that stands where `evidence` does.
    pub(super) fn automaton(&self, evidence: Evidence) -> Automaton {
        self.base.at(evidence)
    }

    /// What is settled now ends in `automaton`; the kept rounds have to be folded behind it.
    pub(super) fn rebase(&mut self, automaton: &Automaton, rounds: u32) {
        self.base = automaton.at(automaton.evidence().bare());
        self.since = rounds;
        self.torn = true;
    }

    /// Forgets changes and milestones before `cut`, but for the last before it.
    pub(crate) fn forget(&mut self, cut: Timestamp) {
        let past = self.milestones.partition_point(|milestone| milestone.at <= cut).saturating_sub(1);
        self.milestones.drain(..past);
        let reach = self.milestones.first().and_then(|milestone| milestone.stand.last());
        // Before the first milestone nothing was ever forgotten, and what is kept is small.
        self.head.forget(reach.map_or(cut, |last| last.min(cut)));
    }

    fn last_change(&self) -> Option<Change> {
        self.head.evidence().changes().last().copied()
    }

    /// Settles the oldest rounds, down to what is kept.
    fn settle(&mut self, folding: &Folding<'_>) {
        while self.kept.len() > folding.limits.rounds {
            let Some(oldest) = self.kept.pop_front() else { return };
            let grid = folding.limits.grid(oldest.at());
            if self.settled_until().is_some_and(|last| last < grid) {
                let stand = Stand::of(self.base.evidence());
                self.milestones.push(Milestone { at: grid, stand, rounds: std::mem::take(&mut self.since) });
            }
            let known = self.base_begins();
            self.base.push(oldest, folding);
            if self.torn {
                // The head has not seen what is settled now, and the base forgets it: it is handed on.
                let before = self.head.replace_changes(Vec::new());
                self.head.replace_changes(behind(before, known, self.base_changes()));
            }
            if self.base.evidence().changes().len() > 2 {
                let all = self.base.evidence().changes();
                let last = all[all.len() - 2..].to_vec();
                self.base.replace_changes(last);
            }
            self.begun = self.begun.or(Some(oldest.at()));
            self.since += 1;
        }
    }
}
