//! Folding again what is settled, between two milestones, with the rounds that the journal gives back.
//!
//! Where a late round meets its neighbours. It goes on from milestone to milestone until the automaton has become again
//! what it was. Rule guarded here: the cost is the touched stretch, not history; and what the journal no longer has is
//! never taken for silence.

use std::collections::BTreeMap;

use kentongan_model::{state::State, time::Timestamp};

use super::{
    automaton::Folding,
    kept::Kept,
    limits::Limits,
    milestone::{Milestone, Stand, behind},
    series::Series,
};
use crate::{
    evidence::Change,
    span::{Span, plus},
};

/// What became of folding again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refolded {
    /// It is done, up to the next milestone at least.
    Done,
    /// Rounds that were settled are no longer to be had; so many late ones are given up.
    GivenUp(usize),
}

impl Series {
    /// The stretch of settled rounds that has to be read again next.
    pub(super) fn wanted(&self, limits: Limits) -> Option<Span> {
        let first = self.again.iter().min_by_key(|span| span.from)?;
        let next = self.milestones.partition_point(|milestone| milestone.at <= first.from);
        let from = match next.checked_sub(1) {
            Some(before) => self.milestones[before].at,
            None => limits.grid(self.begun.map_or(first.from, |begun| begun.min(first.from))),
        };
        let reaches = |milestone: &&Milestone| milestone.stand.last() >= Some(first.to);
        let end = self.milestones[next..].iter().find(reaches).map(|milestone| milestone.at);
        let last = || self.settled_until().map_or(first.to, |last| last.max(first.from));
        Some(Span::new(from, end.unwrap_or_else(|| plus(last(), 1))))
    }

    /// Folds `span`, which is [`wanted`](Self::wanted), again.
    pub(super) fn refold(
        &mut self,
        span: Span,
        mut rounds: BTreeMap<Timestamp, Kept>,
        folding: &Folding<'_>,
    ) -> Refolded {
        let within = |at: Timestamp| span.contains(at);
        for late in self.late.iter().filter(|late| within(late.at())) {
            rounds.entry(late.at()).and_modify(|known| *known = (*known).max(*late)).or_insert(*late);
        }
        let late = self.late.len();
        self.late.retain(|late| !within(late.at()));
        let late = late - self.late.len();
        let begin = self.milestones.partition_point(|milestone| milestone.at <= span.from);
        let end = self.milestones.partition_point(|milestone| milestone.at < span.to);
        let open = end == self.milestones.len();
        let passed = self.milestones.iter().take(end + 1).skip(begin);
        let settled: usize = passed.map(|milestone| milestone.rounds as usize).sum();
        if rounds.len() < settled + if open { self.since as usize } else { 0 } {
            self.again.retain(|again| again.from >= span.to);
            self.chained = None;
            return Refolded::GivenUp(late);
        }
        let begun = rounds.keys().next().copied();
        self.begun = [self.begun, begun].into_iter().flatten().min();
        let start = begin.checked_sub(1).map(|before| self.milestones[before].stand.evidence(self.changes()));
        let mut automaton = self.automaton(start.unwrap_or_default());
        let known = automaton.evidence().changes().first().map(|change| change.at);
        let (mut passed, mut count) = (Vec::new(), 0);
        for round in rounds.into_values() {
            let grid = folding.limits.grid(round.at());
            if grid > span.from && automaton.evidence().last().is_some_and(|last| last < grid) {
                let stand = Stand::of(automaton.evidence());
                passed.push(Milestone { at: grid, stand, rounds: std::mem::take(&mut count) });
            }
            automaton.push(round, folding);
            count += 1;
        }
        let folded = behind(self.changes().to_vec(), known, automaton.evidence().changes());
        let touched: Vec<Span> = self.again.extract_if(.., |again| again.from < span.to).collect();
        if open {
            self.milestones.splice(begin.., passed);
            self.replace_changes(folded);
            self.rebase(&automaton, count);
            self.chained = None;
            return Refolded::Done;
        }
        let stand = Stand::of(automaton.evidence());
        let before = &self.milestones[end];
        let begun = touched.iter().map(|again| again.from).max();
        let same = stand == before.stand && stand.stands_behind(begun.unwrap_or(span.from));
        let changes = if same {
            stand.splice(folded, self.changes())
        } else {
            joined_at(span.to, folded, self.changes())
        };
        let reach = touched.iter().map(|again| again.to).max();
        if !same || reach > stand.last() {
            self.again.push(Span::new(span.to, reach.map_or(span.to, |to| to.max(span.to))));
        }
        passed.push(Milestone { at: before.at, stand, rounds: count });
        let reach = stand_reach(&passed);
        self.milestones.splice(begin..=end, passed);
        self.replace_changes(changes);
        if same {
            self.realign(reach);
        }
        let chained = self.chained.map_or(span.from, |from| from.min(span.from));
        self.chained = (!self.again.is_empty()).then_some(chained);
        Refolded::Done
    }

    /// What stands behind a stretch that was folded again remembers its last two changes; those that lie before `reach` may
    /// be others now.
    fn realign(&mut self, reach: Timestamp) {
        let all = self.changes().to_vec();
        let known = all.partition_point(|change| change.at <= reach);
        // It can remember fewer than two, where one was taken back: only what it has is put right.
        let realigned = |own: &[Change]| -> Vec<Change> {
            let past = own.partition_point(|change| change.at <= reach);
            [&all[known.saturating_sub(past)..known], &own[past..]].concat()
        };
        let behind = self.milestones.partition_point(|milestone| milestone.stand.last() <= Some(reach));
        for milestone in &mut self.milestones[behind..] {
            if let Stand::Turning(evidence) = &mut milestone.stand {
                let changes = realigned(evidence.changes());
                evidence.replace_changes(changes);
            }
        }
        let base = realigned(self.base_changes());
        self.replace_base_changes(base);
    }
}

/// What was folded again up to `seam`, and what was known before behind it: until the next stretch is folded, or if it
/// never can be, the series goes on there in the state that it was known to be in.
fn joined_at(seam: Timestamp, mut folded: Vec<Change>, all: &[Change]) -> Vec<Change> {
    let rest = all.partition_point(|change| change.at <= seam);
    let state = |changes: &[Change]| changes.last().map_or(State::Unknown, |change| change.state);
    let known = state(&all[..rest]);
    if state(&folded) != known {
        folded.push(Change { at: seam, state: known, told: seam });
    }
    folded.extend_from_slice(&all[rest..]);
    folded
}

/// Up to where changes may be others now, after folding up to the last of `passed`.
fn stand_reach(passed: &[Milestone]) -> Timestamp {
    match passed.last().map(|milestone| &milestone.stand) {
        Some(Stand::Resting(rest)) => rest.last,
        Some(Stand::Turning(evidence)) => {
            evidence.changes().first().map_or(Timestamp::MIN, |change| plus(change.at, -1))
        }
        None => Timestamp::MIN,
    }
}
