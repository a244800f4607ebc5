//! Gauges and what they are: an agent says once what each of its numbers means, and then only values.
//!
//! Between an entry of the journal and everyone who shows it. The rule guarded here: a value is never shown under a
//! guess. What was said before a reader began is looked up in the journal, an hour and some back (agents say it again every
//! hour); what is not found there waits for the next time that it is said, and is counted.

use std::collections::HashMap;

use kentongan_model::{
    id::{SiteId, TargetId, Vantage},
    time::Timestamp,
    wire::Label,
};

use crate::store::StoreError;

/// How far back it was said at the latest what a number means: an hour, and ten minutes for what is on its way.
pub(crate) const SAID_WITHIN_MS: i64 = 70 * 60 * 1000;
/// Meanings that are kept in memory; beyond, all are forgotten and looked up again.
const MEANINGS: usize = 200_000;

/// Whose gauge it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Owner {
    /// The site.
    pub(crate) site: SiteId,
    /// Its device; none is the router that the site's agent runs on.
    pub(crate) target: Option<TargetId>,
}

/// What a gauge showed, as its agent tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    /// When.
    pub(crate) at: Timestamp,
    /// Whose it is.
    pub(crate) owner: Owner,
    /// Its number.
    pub(crate) number: u16,
    /// What it is, if that is said.
    pub(crate) label: Option<Label>,
    /// Its value, in thousandths of its kind's unit.
    pub(crate) value: i64,
}

/// What a gauge showed, with its place and its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedGauge {
    /// When.
    pub at: Timestamp,
    /// Who looked.
    pub vantage: Vantage,
    /// The site.
    pub site: SiteId,
    /// The device; none is the router that the site's agent runs on.
    pub target: Option<TargetId>,
    /// What it is.
    pub label: Label,
    /// Its value, in thousandths of its kind's unit.
    pub value: i64,
}

/// A run of an agent's numbers: the agent and its series.
pub(crate) type Source = (Vantage, u32);

/// What numbers mean, as far as one reader of the journal has been told.
#[derive(Debug, Default)]
pub(crate) struct Meanings {
    sources: HashMap<Source, HashMap<(Owner, u16), Label>>,
    kept: usize,
}

impl Meanings {
    /// Puts a meaning to what a delivery tells, and counts what has none. `said_before` is asked for what the source has
    /// said earlier, once, when it is needed.
    pub(crate) fn place(
        &mut self,
        source: &Source,
        told: Vec<Told>,
        said_before: impl FnOnce() -> Result<Vec<Told>, StoreError>,
    ) -> Result<(Vec<PlacedGauge>, u64), StoreError> {
        if !self.sources.contains_key(source) {
            let before =
                if told.iter().any(|told| told.label.is_none()) { said_before()? } else { Vec::new() };
            self.sources.insert(source.clone(), HashMap::new());
            before.into_iter().for_each(|told| self.learn(source, told));
        }
        let (mut placed, mut without) = (Vec::with_capacity(told.len()), 0);
        for told in told {
            let Told { at, value, .. } = told;
            let Owner { site, target } = told.owner.clone();
            let key = (told.owner.clone(), told.number);
            self.learn(source, told);
            match self.sources.get(source).and_then(|known| known.get(&key)) {
                Some(label) => {
                    let (vantage, label) = (source.0.clone(), label.clone());
                    placed.push(PlacedGauge { at, vantage, site, target, label, value });
                }
                None => without += 1,
            }
        }
        if self.kept > MEANINGS {
            *self = Meanings::default();
        }
        Ok((placed, without))
    }

    fn learn(&mut self, source: &Source, told: Told) {
        let (Some(label), Some(known)) = (told.label, self.sources.get_mut(source)) else { return };
        let before = known.insert((told.owner, told.number), label);
        self.kept += usize::from(before.is_none());
    }
}

#[cfg(test)]
mod tests {
    use kentongan_model::gauge::GaugeKind;

    use super::*;

    fn told(number: u16, label: Option<&str>, value: i64) -> Told {
        let owner = Owner { site: "a".parse().unwrap(), target: None };
        let label = label.map(|place| Label { kind: GaugeKind::Clients, place: place.to_owned() });
        Told { at: Timestamp::default(), owner, number, label, value }
    }

    fn source(series: u32) -> Source {
        ("a".parse().unwrap(), series)
    }

    fn shown((placed, without): (Vec<PlacedGauge>, u64)) -> (Vec<(String, i64)>, u64) {
        (placed.into_iter().map(|gauge| (gauge.label.place, gauge.value)).collect(), without)
    }

    #[test]
    fn a_number_means_what_was_said_last_of_it_in_its_series() {
        let mut meanings = Meanings::default();
        let nothing = || Ok(Vec::new());
        let mut place = |series, told| shown(meanings.place(&source(series), told, nothing).unwrap());
        assert_eq!(place(1, vec![told(0, Some("wlan0"), 5)]), (vec![("wlan0".to_owned(), 5)], 0));
        assert_eq!(place(1, vec![told(0, None, 6), told(1, None, 7)]), (vec![("wlan0".to_owned(), 6)], 1));
        assert_eq!(place(1, vec![told(0, Some("wlan1"), 6)]), (vec![("wlan1".to_owned(), 6)], 0));
        assert_eq!(place(2, vec![told(0, None, 9)]), (vec![], 1), "another series has numbers of its own");
    }

    #[test]
    fn what_was_said_before_is_asked_for_once_and_only_when_it_is_needed() {
        let mut meanings = Meanings::default();
        let never = || -> Result<Vec<Told>, StoreError> { panic!("asked") };
        meanings.place(&source(1), vec![told(0, Some("wlan0"), 1)], never).unwrap();
        let before = || Ok(vec![told(3, Some("wlan3"), 1), told(3, Some("wlan9"), 2)]);
        let found = meanings.place(&source(2), vec![told(3, None, 4), told(4, None, 4)], before).unwrap();
        assert_eq!(shown(found), (vec![("wlan9".to_owned(), 4)], 1));
        let again = meanings.place(&source(2), vec![told(4, None, 4)], never).unwrap();
        assert_eq!(shown(again), (vec![], 1));
    }

    #[test]
    fn memory_is_given_up_at_its_limit_and_what_it_held_is_looked_up_again() {
        let mut meanings = Meanings::default();
        for series in 0..4 {
            let many = (0..=u16::MAX).map(|number| told(number, Some("x"), 0)).collect();
            meanings.place(&source(series), many, || Ok(Vec::new())).unwrap();
        }
        assert_eq!(meanings.kept, 0, "4 × 65,536 are more than are kept");
        let before = || Ok(vec![told(7, Some("wlan7"), 1)]);
        let found = meanings.place(&source(0), vec![told(7, None, 1)], before).unwrap();
        assert_eq!(shown(found), (vec![("wlan7".to_owned(), 1)], 0));
    }
}
