//! What the live timeline wants to read again in the journal, because late rounds belong between rounds that it no longer
//! keeps.
//!
//! The judge asks [`Live::wanting`] after it has read on, reads what is named there in the journal, gives it to
//! [`Live::settle_again`], and so on until nothing is wanted. Rule guarded here: what was answered is never wanted again.

use std::collections::{BTreeMap, HashMap};

use kentongan_model::{
    id::{Subject, Vantage},
    observation::Observation,
    time::Timestamp,
};

use super::{Live, folding, kept::Kept, noted::Noted, refold::Refolded};
use crate::{
    places::{About, Place},
    span::{Span, plus},
};

/// Observations that are wanted again from the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanting {
    /// Who made them.
    pub vantage: Vantage,
    /// What they are about; none: the agent's deliveries, by when they arrived. Those about others may be given as well: they
    /// are taken where they are wanted, too, and else left out.
    pub subject: Option<Subject>,
    /// When they were made.
    pub span: Span,
}

impl Live {
    /// What has to be read again in the journal, if anything.
    #[must_use]
    pub fn wanting(&self) -> Option<Wanting> {
        let unsettled = self.unsettled.first().map(|ix| (*ix, self.series[*ix].2.wanted(self.limits)));
        let asked = self.recall.questions.first();
        let asked = asked.map(|(ix, from, until)| (*ix, Some(Span::new(*from, plus(*until, 1)))));
        let (ix, span) = unsettled.or(asked)?;
        let (vantage, about, _) = &self.series[ix];
        let span = span?;
        let agent = match about {
            About::Agent(site) => Place::of_site(*site as usize),
            _ => *vantage,
        };
        Some(Wanting { vantage: self.places.name_of(agent), subject: self.places.subject_of(*about), span })
    }

    /// Takes all observations that the journal has of what was [`wanting`](Self::wanting), late ones included, in any order
    /// and any number of times, and folds what is settled again. What the journal no longer has is noticed by its number:
    /// then the late rounds are given up and counted `too_late`.
    pub fn settle_again(&mut self, wanting: &Wanting, observations: impl IntoIterator<Item = Observation>) {
        let mut found: HashMap<usize, BTreeMap<Timestamp, Kept>> = HashMap::new();
        for observation in observations {
            let Ok(noted) = Noted::of(&self.places, &observation) else { continue };
            let (key, round) = match noted {
                Noted::Round { vantage, about, round } => ((vantage, about), round),
                Noted::Delivery { site, delivery, .. } => ((Place::CORE, About::agent(site)), delivery),
                Noted::Answer { .. } | Noted::Downtime(_) => continue,
            };
            if let Some(ix) = self.index.get(&key) {
                let rounds = found.entry(*ix).or_default();
                rounds.entry(round.at()).and_modify(|known| *known = (*known).max(round)).or_insert(round);
            }
        }
        let meant = self.meant(wanting);
        for (ix, from, until) in self.recall.questions.clone() {
            let told = found.contains_key(&ix) && self.asked(ix, wanting) || meant == Some(ix);
            if told && wanting.span.from <= from && until < wanting.span.to {
                let rounds = found.get(&ix);
                self.recall.answer((ix, from, until), rounds.unwrap_or(&BTreeMap::new()));
                self.whole = true;
            }
        }
        for ix in self.unsettled.clone() {
            // Whoever gave only what was asked for says nothing of others.
            let told = found.contains_key(&ix) && self.asked(ix, wanting) || meant == Some(ix);
            let Some(span) = self.series[ix].2.wanted(self.limits).filter(|_| told) else { continue };
            if wanting.span.from > span.from || span.to > wanting.span.to {
                continue;
            }
            let (vantage, about, series) = &mut self.series[ix];
            let mut rounds = found.remove(&ix).unwrap_or_default();
            rounds.retain(|at, _| span.contains(*at));
            let folding = folding((&self.places, self.limits), &self.downtimes, *vantage, *about);
            let waited = series.late.len();
            if let Refolded::GivenUp(rounds) = series.refold(span, rounds, &folding) {
                self.counters.too_late += rounds as u64;
            }
            self.waiting -= waited - series.late.len();
            if series.again.is_empty() {
                self.unsettled.remove(&ix);
            }
            self.touched.insert(ix);
        }
    }

    /// Gives up what was [`wanting`](Self::wanting), because the journal no longer has it: the late rounds are counted
    /// `too_late`.
    pub fn give_up(&mut self, wanting: &Wanting) {
        let Some(ix) = self.meant(wanting) else { return };
        let asked = self.recall.questions.iter().filter(|question| question.0 == ix).copied();
        for question in asked.collect::<Vec<_>>() {
            self.recall.answer(question, &BTreeMap::new());
            self.whole = true;
        }
        if self.unsettled.remove(&ix) {
            let series = &mut self.series[ix].2;
            self.counters.too_late += series.late.len() as u64;
            self.waiting -= series.late.len();
            series.late.clear();
            series.again.clear();
            series.chained = None;
        }
    }

    /// The series that is meant.
    fn meant(&self, wanting: &Wanting) -> Option<usize> {
        let place = self.places.place_of(&wanting.vantage)?;
        let key = match &wanting.subject {
            Some(subject) => (place, self.places.subject(subject)?),
            None => (Place::CORE, About::agent(place.site()?)),
        };
        self.index.get(&key).copied()
    }

    /// Whether `wanting` asks of the same agent for the same as this series: deliveries, or rounds.
    fn asked(&self, ix: usize, wanting: &Wanting) -> bool {
        let (vantage, about, _) = &self.series[ix];
        let deliveries = wanting.subject.is_none();
        let (place, same) = match about {
            About::Agent(site) => (Place::of_site(*site as usize), deliveries),
            _ => (*vantage, !deliveries),
        };
        same && self.places.place_of(&wanting.vantage) == Some(place)
    }
}
