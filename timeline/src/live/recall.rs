//! What single rounds told of incidents, remembered when the rounds are no longer kept: that an agent measured during an
//! outage, and who answered first after it began.
//!
//! Between the kept rounds and an incident's cause. What is neither kept nor remembered (a fall that only late rounds
//! showed) is asked of the journal. Rule guarded here: an incident keeps the cause and the moment of telling that a
//! replay gives it, however old it grows.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use kentongan_model::time::Timestamp;

use super::{kept::Kept, series::Series};
use crate::{
    cause::Boots,
    incident::Witness,
    places::{About, Place},
    round::Outcome,
    span::Span,
};

/// The answers that matter to one incident, complete until a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answers {
    pub(super) until: Timestamp,
    pub(super) first: Vec<(usize, Timestamp)>,
}

/// The first round that a site's own agent measured in an outage, sought until a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Power {
    pub(super) until: Timestamp,
    pub(super) first: Option<Timestamp>,
}

/// What the journal told of a series from some moment on: its next round, and the next answered one behind that moment.
#[derive(Debug, Clone, Copy)]
struct Heard {
    until: Timestamp,
    next: Option<Timestamp>,
    answered: Option<Timestamp>,
}

/// A series, from when, until when.
pub(super) type Question = (usize, Timestamp, Timestamp);

/// What is remembered. An entry for each incident of the retention at most, and for each that it was taken for before.
#[derive(Debug, Clone, Default)]
pub(super) struct Recall {
    /// By beginning and root.
    pub(super) answers: BTreeMap<(Timestamp, usize), Answers>,
    /// By root and beginning.
    pub(super) power: BTreeMap<(usize, Timestamp), Power>,
    heard: BTreeMap<(usize, Timestamp), Heard>,
    pub(super) questions: BTreeSet<Question>,
    /// Roots of incidents that may have been told earlier by what came.
    pub(super) retell: BTreeSet<usize>,
    /// The longest time that answers were sought for.
    longest_ms: i64,
}

impl Recall {
    /// A round has come; whatever was remembered without it is put right. Incidents that may have been told
    /// earlier by it are noted.
    pub(super) fn hear(&mut self, ix: usize, vantage: Place, round: Kept) {
        let at = round.at();
        if let Some(site) = vantage.site() {
            for (_, power) in self.power.range_mut((site, Timestamp::MIN)..=(site, at)) {
                if at < power.until {
                    power.first = Some(power.first.map_or(at, |first| first.min(at)));
                }
            }
        }
        for (_, heard) in self.heard.range_mut((ix, Timestamp::MIN)..=(ix, at)) {
            heard.next = Some(heard.next.map_or(at, |next| next.min(at)));
        }
        if round.outcome() == Outcome::Failed {
            return;
        }
        for (_, heard) in self.heard.range_mut((ix, Timestamp::MIN)..(ix, at)) {
            heard.answered = Some(heard.answered.map_or(at, |answered| answered.min(at)));
        }
        let oldest = Timestamp::from_millis(at.as_millis().saturating_sub(self.longest_ms));
        for ((_, root), answers) in self.answers.range_mut((oldest, 0)..(at, 0)) {
            if at > answers.until {
                continue;
            }
            match answers.first.iter_mut().find(|(known, _)| *known == ix) {
                Some((_, first)) if *first <= at => {}
                Some((_, first)) => {
                    *first = at;
                    self.retell.insert(*root);
                }
                None => {
                    answers.first.push((ix, at));
                    self.retell.insert(*root);
                }
            }
        }
    }

    /// The journal's answer to a question: all rounds that it has of the series in that time.
    pub(super) fn answer(&mut self, question: Question, rounds: &BTreeMap<Timestamp, Kept>) {
        let (ix, from, until) = question;
        self.questions.remove(&question);
        let answered = |(at, round): &(&Timestamp, &Kept)| **at > from && round.outcome() != Outcome::Failed;
        let heard = Heard {
            until,
            next: rounds.range(from..).next().map(|(at, _)| *at),
            answered: rounds.range(from..).find(answered).map(|(at, _)| *at),
        };
        self.heard.insert((ix, from), heard);
    }

    /// Forgets what was remembered of incidents before `cut`.
    pub(super) fn forget(&mut self, cut: Timestamp) {
        self.answers.retain(|(started, _), _| *started >= cut);
        self.power.retain(|(_, started), _| *started >= cut);
        self.heard.retain(|(_, from), _| *from >= cut);
    }

    pub(super) fn keep_answers(&mut self, incident: (Timestamp, usize), answers: Answers) {
        self.longest_ms = self.longest_ms.max(answers.until.millis_since(incident.0));
        self.answers.insert(incident, answers);
    }

    /// Keeps what a judgement of all found out, and asks what it could not.
    pub(super) fn learn(&mut self, notes: Notes) {
        self.questions.clear();
        self.learn_more(notes);
    }

    /// Keeps what a judgement of some found out, and asks what it could not.
    pub(super) fn learn_more(&mut self, notes: Notes) {
        notes.answers.into_iter().for_each(|(incident, answers)| self.keep_answers(incident, answers));
        self.power.extend(notes.power);
        self.questions.extend(notes.questions);
    }
}

/// What a judgement found out about incidents, and what it could not.
#[derive(Debug, Default)]
pub(super) struct Notes {
    answers: Vec<((Timestamp, usize), Answers)>,
    power: Vec<((usize, Timestamp), Power)>,
    pub(super) questions: BTreeSet<Question>,
    /// How often something was asked, the same question by two incidents twice.
    asked: usize,
}

/// The kept rounds and what is remembered of others, as witnesses of one judgement.
#[derive(Debug)]
pub(super) struct Witnesses<'a> {
    pub(super) series: &'a [(Place, About, Series)],
    pub(super) own: &'a [Vec<usize>],
    pub(super) boots: &'a [Boots],
    pub(super) recall: &'a Recall,
    pub(super) now: Timestamp,
    pub(super) notes: RefCell<Notes>,
}

impl Witnesses<'_> {
    /// What the journal told of a series from `from` until `until` at least; if nothing, it is asked.
    fn heard(&self, ix: usize, from: Timestamp, until: Timestamp) -> Option<Heard> {
        let settled = self.series[ix].2.settled_until().unwrap_or(Timestamp::MIN);
        let heard = self.recall.heard.get(&(ix, from)).filter(|heard| heard.until >= until.min(settled));
        if heard.is_none() {
            let mut notes = self.notes.borrow_mut();
            notes.questions.insert((ix, from, until));
            notes.asked += 1;
        }
        heard.copied()
    }

    fn own_round(&self, ix: usize, sought: Span) -> Option<Timestamp> {
        let series = &self.series[ix].2;
        let kept = series.first_within(sought);
        if !series.settled(sought.from) {
            return kept;
        }
        let heard = self.heard(ix, sought.from, sought.to).and_then(|heard| heard.next);
        [kept, heard.filter(|at| sought.contains(*at))].into_iter().flatten().min()
    }
}

impl Witness for Witnesses<'_> {
    fn measured(&self, site: usize, outage: Span) -> Option<Timestamp> {
        let known = self.recall.power.get(&(site, outage.from));
        if let Some(first) = known.and_then(|power| power.first) {
            return Some(first).filter(|at| outage.contains(*at));
        }
        let sought = Span::new(known.map_or(outage.from, |power| power.until), outage.to);
        let asked = self.notes.borrow().asked;
        let first = if sought.is_empty() {
            None
        } else {
            self.own[site].iter().filter_map(|ix| self.own_round(*ix, sought)).min()
        };
        let mut notes = self.notes.borrow_mut();
        if notes.asked == asked && !sought.is_empty() && !self.own[site].is_empty() {
            notes.power.push(((site, outage.from), Power { until: sought.to, first }));
        }
        first
    }

    fn answers(
        &self,
        (root, started): (usize, Timestamp),
        by: Timestamp,
        tracks: &[usize],
        one: bool,
    ) -> Vec<(usize, Timestamp)> {
        let in_time = |(_, at): &(usize, Timestamp)| *at <= by;
        if let Some(known) = self.recall.answers.get(&(started, root)).filter(|known| known.until >= by) {
            let heeded = known.first.iter().copied().filter(|(ix, _)| tracks.contains(ix));
            return heeded.filter(in_time).collect();
        }
        let asked = self.notes.borrow().asked;
        let answered = |ix: usize| {
            let series = &self.series[ix].2;
            // Rounds behind `started` are all kept when what is settled ends there.
            let covered = series.settled_until().is_none_or(|last| last <= started);
            let kept = series.answered(started);
            let heard =
                if covered { None } else { self.heard(ix, started, by).and_then(|heard| heard.answered) };
            [kept, heard].into_iter().flatten().min().map(|at| (ix, at))
        };
        let mut first: Vec<_> = tracks.iter().filter_map(|ix| answered(*ix)).filter(in_time).collect();
        if one {
            first.sort_by_key(|(_, at)| *at);
            first.truncate(1);
        }
        let mut notes = self.notes.borrow_mut();
        if notes.asked == asked && by < self.now {
            notes.answers.push(((started, root), Answers { until: by, first: first.clone() }));
        }
        first
    }

    fn answered_since(&self, track: usize, moment: Timestamp) -> bool {
        self.series[track].2.answered_since(moment)
    }

    fn boots(&self, site: usize) -> &Boots {
        &self.boots[site]
    }
}
