//! A live timeline, put away and taken up again, perhaps with another inventory.
//!
//! Everything is kept by name, so that an inventory that was edited meanwhile can be applied: evidence of what it no
//! longer has is dropped, all other goes on. Rule guarded here: taking up where it was put away changes nothing.

use kentongan_model::{
    id::{SiteId, Subject, TargetId, Vantage},
    inventory::Network,
    observation::Oper,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

use super::{
    Counters, Limits, Live,
    kept::Kept,
    links::LinkMemory,
    noted::Noted,
    recall::{Answers, Power},
    series::Series,
};
use crate::{
    cause::Boots,
    places::{About, Place, Places},
    span::Span,
};

/// What is probed: a target, a reference, or (by its heartbeats) the agent of a site.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Name {
    Subject(Subject),
    Agent(SiteId),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct SavedLink {
    site: SiteId,
    target: TargetId,
    interface: String,
    memory: LinkMemory,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SavedNote {
    Round(Vantage, Name, Kept),
    Delivery(SiteId, Kept, Option<Timestamp>),
    /// Interfaces with true for up.
    Answer(Timestamp, Name, Option<Timestamp>, Vec<(String, bool)>),
    Downtime(Span),
}

type SavedAnswers = (SiteId, Timestamp, Timestamp, Vec<(Vantage, Name, Timestamp)>);
type SavedPower = (SiteId, Timestamp, Timestamp, Option<Timestamp>);

/// A live timeline as it can be stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Checkpoint {
    limits: Limits,
    from: Option<Timestamp>,
    reached: Timestamp,
    #[serde(default)]
    horizon: Timestamp,
    series: Vec<(Vantage, Name, Series)>,
    boots: Vec<(SiteId, Boots)>,
    links: Vec<SavedLink>,
    downtimes: Vec<Span>,
    ahead: Vec<SavedNote>,
    /// Of each incident: its root, its beginning, until when it was asked, and who answered when.
    answers: Vec<SavedAnswers>,
    /// Of each outage of a site with an agent: its beginning, until when a round was sought, and the round.
    power: Vec<SavedPower>,
    #[serde(default)]
    counters: Counters,
}

impl Live {
    /// What there is to store.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        let places = &self.places;
        let id = |site: usize| places.sites[site].id.clone();
        let series = self.series.iter().filter_map(|(vantage, about, series)| {
            Some((places.name_of(*vantage), name(places, *about)?, series.clone()))
        });
        let links = self.links.iter().map(|((site, target, link), memory)| {
            let target = &places.sites[*site].targets[*target as usize];
            let interface = target.links[*link as usize].interface.clone();
            SavedLink { site: id(*site), target: target.id.clone(), interface, memory: memory.clone() }
        });
        let named = |(ix, at): &(usize, Timestamp)| {
            let (vantage, about, _) = &self.series[*ix];
            Some((places.name_of(*vantage), name(places, *about)?, *at))
        };
        let answers = self.recall.answers.iter().map(|((started, root), answers)| {
            (id(*root), *started, answers.until, answers.first.iter().filter_map(named).collect())
        });
        let power = self.recall.power.iter();
        let power = power.map(|((root, started), power)| (id(*root), *started, power.until, power.first));
        Checkpoint {
            limits: self.limits,
            from: self.from,
            reached: self.reached,
            horizon: self.horizon,
            series: series.collect(),
            boots: self.boots.iter().enumerate().map(|(site, boots)| (id(site), boots.clone())).collect(),
            links: links.collect(),
            downtimes: self.downtimes.clone(),
            ahead: self.ahead.iter().filter_map(|noted| save(places, noted)).collect(),
            answers: answers.collect(),
            power: power.collect(),
            counters: self.counters,
        }
    }

    /// Takes up what was stored. What `network` does not have is dropped.
    #[must_use]
    pub fn restore(network: &Network, checkpoint: Checkpoint) -> Self {
        let mut live = Live::new(network).with_limits(checkpoint.limits);
        live.from = checkpoint.from;
        live.judged.until = checkpoint.reached;
        live.reached = checkpoint.reached;
        live.horizon = checkpoint.horizon;
        live.downtimes = checkpoint.downtimes;
        live.counters = checkpoint.counters;
        for (vantage, name, series) in checkpoint.series {
            let found = live.places.place_of(&vantage).zip(about(&live.places, &name));
            let Some((vantage, about)) = found else { continue };
            let ix = live.series.len();
            if !series.again.is_empty() {
                live.unsettled.insert(ix);
            }
            live.waiting += series.late.len();
            live.series.push((vantage, about, series));
            live.index.insert((vantage, about), ix);
            if let Some(site) = vantage.site() {
                live.own[site].push(ix);
            }
        }
        for (id, boots) in checkpoint.boots {
            if let Some(site) = live.places.site(&id) {
                live.boots[site] = boots;
            }
        }
        live.restore_recall(checkpoint.answers, checkpoint.power);
        for link in checkpoint.links {
            let about = live.places.target(&link.site, &link.target);
            let Some((site, position)) = about.and_then(|about| Some((about.site()?, about.position()?)))
            else {
                continue;
            };
            let named = &live.places.sites[site].targets[position as usize].links;
            for (number, _) in (0..).zip(named).filter(|(_, named)| named.interface == link.interface) {
                live.links.insert((site, position, number), link.memory.clone());
            }
        }
        live.ahead = checkpoint.ahead.into_iter().filter_map(|saved| take_up(&live.places, saved)).collect();
        live
    }

    fn restore_recall(&mut self, answers: Vec<SavedAnswers>, power: Vec<SavedPower>) {
        for (root, started, until, first) in answers {
            let Some(site) = self.places.site(&root) else { continue };
            let first = first.into_iter().filter_map(|(vantage, name, at)| {
                let key = (self.places.place_of(&vantage)?, about(&self.places, &name)?);
                Some((*self.index.get(&key)?, at))
            });
            let first = first.collect();
            self.recall.keep_answers((started, site), Answers { until, first });
        }
        for (root, started, until, first) in power {
            if let Some(site) = self.places.site(&root) {
                self.recall.power.insert((site, started), Power { until, first });
            }
        }
    }

    /// Goes on with another inventory. Evidence of what it does not have is dropped, all other is kept. Rounds that were
    /// taken in before keep the outcome that the old limits gave them; a replay of the journal applies the new ones.
    #[must_use]
    pub fn with_inventory(self, network: &Network) -> Self {
        let revision = self.revision;
        let mut live = Live::restore(network, self.checkpoint());
        live.revision = revision + 1;
        live
    }
}

fn name(places: &Places, about: About) -> Option<Name> {
    match about {
        About::Agent(site) => Some(Name::Agent(places.sites[site as usize].id.clone())),
        other => places.subject_of(other).map(Name::Subject),
    }
}

fn about(places: &Places, name: &Name) -> Option<About> {
    match name {
        Name::Agent(id) => places.site(id).map(About::agent),
        Name::Subject(subject) => places.subject(subject),
    }
}

fn save(places: &Places, noted: &Noted) -> Option<SavedNote> {
    Some(match noted {
        Noted::Round { vantage, about, round } => {
            SavedNote::Round(places.name_of(*vantage), name(places, *about)?, *round)
        }
        Noted::Delivery { site, delivery, boot_at } => {
            SavedNote::Delivery(places.sites[*site].id.clone(), *delivery, *boot_at)
        }
        Noted::Answer { at, about, boot_at, links } => {
            let target = &places.sites[about.site()?].targets[about.position()? as usize];
            let named = |(link, oper): &(u32, Oper)| {
                (target.links[*link as usize].interface.clone(), *oper == Oper::Up)
            };
            SavedNote::Answer(*at, name(places, *about)?, *boot_at, links.iter().map(named).collect())
        }
        Noted::Downtime(span) => SavedNote::Downtime(*span),
    })
}

fn take_up(places: &Places, saved: SavedNote) -> Option<Noted> {
    Some(match saved {
        SavedNote::Round(vantage, name, round) => {
            let (vantage, about): (Place, About) = (places.place_of(&vantage)?, about(places, &name)?);
            Noted::Round { vantage, about, round }
        }
        SavedNote::Delivery(id, delivery, boot_at) => {
            Noted::Delivery { site: places.site(&id)?, delivery, boot_at }
        }
        SavedNote::Answer(at, name, boot_at, told) => {
            let about = about(places, &name)?;
            let target = &places.sites[about.site()?].targets[about.position()? as usize];
            let links = (0..).zip(&target.links).filter_map(|(number, link)| {
                let (_, up) = told.iter().find(|(interface, _)| *interface == link.interface)?;
                Some((number, if *up { Oper::Up } else { Oper::Down }))
            });
            Noted::Answer { at, about, boot_at, links: links.collect() }
        }
        SavedNote::Downtime(span) => Noted::Downtime(span),
    })
}
