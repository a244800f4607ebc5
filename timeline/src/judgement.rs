//! What is known of a network at one moment, in names: timelines, maintenance, incidents.
//!
//! The last step of the timeline, for replay and live alike: verdicts are cut to the period of each site and named.
//! Rule guarded here: a site's period is [the later of the log's beginning and its `since`, now).

use kentongan_model::{
    id::{SiteId, Vantage},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::{
    facts::Facts,
    incident::{Incident, Witness, incidents},
    interval::Interval,
    judge::{Stay, Verdicts, judge},
    maintenance::marks,
    places::Places,
    span::{Span, within},
};

/// What is known of a network at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Judgement {
    /// The earliest observation.
    pub from: Timestamp,
    /// The moment at which it was judged: now.
    pub until: Timestamp,
    /// Every site of the inventory, sorted by id.
    pub sites: Vec<SiteJudgement>,
    /// Every incident, sorted by beginning, then root.
    pub incidents: Vec<Incident>,
}

impl Judgement {
    /// The judgement of one site.
    #[must_use]
    pub fn site(&self, id: &SiteId) -> Option<&SiteJudgement> {
        self.sites.binary_search_by(|site| site.id.cmp(id)).ok().map(|at| &self.sites[at])
    }
}

/// What is known of one site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteJudgement {
    /// The site.
    pub id: SiteId,
    /// Its states, without a gap, from the beginning of its period to now.
    pub timeline: Vec<Interval>,
    /// When it was under maintenance, within its period.
    pub maintenance: Vec<Span>,
    /// Whether it has been probed and nothing of it was ever up: nobody has seen it answer.
    pub never_answered: bool,
    /// The evidence about it that has not yet been up and therefore counts for nothing.
    pub unproven: Vec<Unproven>,
}

/// Evidence that has not yet been up: a firewall may drop ICMP, an address may be wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Unproven {
    /// Who probes.
    pub vantage: Vantage,
    /// Which target of the site, by position; none: its agent's heartbeats.
    pub target: Option<u32>,
}

/// Applies the rules to the facts.
pub(crate) fn conclude(facts: &Facts<'_>, witness: &impl Witness) -> (Judgement, Verdicts) {
    let verdicts = judge(facts);
    let places = facts.places;
    let marks = marks(places);
    let periods: Vec<Span> = places.sites.iter().map(|spot| period(facts, spot.since)).collect();
    let timelines: Vec<Vec<Stay>> =
        verdicts.timelines.iter().zip(&periods).map(|(stays, period)| cut(stays, *period)).collect();
    let incidents = incidents(facts, &verdicts, &timelines, &marks, witness);
    let mut sites: Vec<SiteJudgement> = Vec::with_capacity(places.sites.len());
    for (site, spot) in places.sites.iter().enumerate() {
        sites.push(SiteJudgement {
            id: spot.id.clone(),
            timeline: timelines[site].iter().map(|stay| named(places, stay)).collect(),
            maintenance: within(&marks[site], periods[site]),
            never_answered: false,
            unproven: Vec::new(),
        });
    }
    list_unproven(facts, &mut sites);
    (Judgement { from: facts.from, until: facts.until, sites, incidents }, verdicts)
}

fn period(facts: &Facts<'_>, since: Option<Timestamp>) -> Span {
    Span::new(since.map_or(facts.from, |since| since.max(facts.from)), facts.until)
}

fn cut(stays: &[Stay], period: Span) -> Vec<Stay> {
    let first = stays.partition_point(|stay| stay.to <= period.from);
    let cut =
        |stay: &Stay| Stay { from: stay.from.max(period.from), to: stay.to.min(period.to), ..stay.clone() };
    stays[first..].iter().map(cut).filter(|stay| stay.from < stay.to).collect()
}

fn named(places: &Places, stay: &Stay) -> Interval {
    let roots = stay.roots.iter().map(|root| places.sites[*root as usize].id.clone());
    Interval { state: stay.state, from: stay.from, to: stay.to, roots: roots.collect() }
}

fn list_unproven(facts: &Facts<'_>, sites: &mut [SiteJudgement]) {
    let mut answered = vec![false; sites.len()];
    for track in &facts.tracks {
        let Some(site) = track.about.site() else { continue };
        if track.proven {
            answered[site] = true;
            continue;
        }
        let target = track.about.position();
        sites[site].unproven.push(Unproven { vantage: facts.places.name_of(track.vantage), target });
    }
    for (site, answered) in sites.iter_mut().zip(answered) {
        site.unproven.sort();
        site.never_answered = !answered && !site.unproven.is_empty();
    }
}
