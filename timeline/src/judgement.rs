//! What is known of a network at one moment, in names: timelines, maintenance, incidents.
//!
//! The last step of the timeline, for replay and live alike: verdicts are cut to the period of each site and named.
//! Rule guarded here: a site's period is [the later of the log's beginning and its `since`, now).

use std::collections::BTreeSet;

use kentongan_model::{
    id::{SiteId, Vantage},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::{
    facts::{Facts, Track},
    incident::{Incident, Reading, Witness, blame, uplinks},
    interval::Interval,
    judge::{Stay, Verdicts, judge},
    maintenance::marks,
    places::Places,
    rejudge::cut,
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
    /// The evidence about it that is down now, and therefore speaks against it.
    #[serde(default)]
    pub against: Vec<Against>,
}

/// Evidence that has not yet been up: a firewall may drop ICMP, an address may be wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Unproven {
    /// Who probes.
    pub vantage: Vantage,
    /// Which target of the site, by position; none: its agent's heartbeats.
    pub target: Option<u32>,
}

/// Evidence that is down: the target does not answer whoever probes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Against {
    /// Which target of the site, by position; none: its agent's heartbeats.
    pub target: Option<u32>,
    /// Who probes.
    pub vantage: Vantage,
    /// Since when it is down.
    pub since: Timestamp,
}

/// Everything that was concluded, to be gone on with where little changes.
#[derive(Debug, Default)]
pub(crate) struct Conclusion {
    pub(crate) verdicts: Verdicts,
    pub(crate) uplinks: Vec<Vec<u32>>,
    pub(crate) blamed: Vec<BTreeSet<u32>>,
    pub(crate) marks: Vec<Vec<Span>>,
}

impl Conclusion {
    /// Applies the rules to the facts.
    pub(crate) fn of(facts: &Facts<'_>) -> Self {
        let verdicts = judge(facts);
        let mut blamed = vec![BTreeSet::new(); facts.places.sites.len()];
        for (site, stays) in verdicts.timelines.iter().enumerate() {
            blame(&mut blamed, site, stays);
        }
        Conclusion { uplinks: uplinks(facts), marks: marks(facts.places), blamed, verdicts }
    }

    /// What is known of one site.
    pub(crate) fn site(&self, facts: &Facts<'_>, site: usize) -> SiteJudgement {
        let (places, period) = (facts.places, facts.period(site));
        let timeline = cut(&self.verdicts.timelines[site], period);
        let about = self.verdicts.speaking[site].iter().map(|ix| &facts.tracks[*ix as usize]);
        let about = about.filter(|track| track.about.site() == Some(site));
        let (proven, unproven): (Vec<_>, Vec<_>) = about.partition(|track| track.proven);
        let name = |track: &&Track| Unproven {
            vantage: places.name_of(track.vantage),
            target: track.about.position(),
        };
        let mut unproven: Vec<Unproven> = unproven.iter().map(name).collect();
        unproven.sort();
        let down = |track: &&Track| {
            let since = track.down_since()?;
            let (target, vantage) = (track.about.position(), places.name_of(track.vantage));
            Some(Against { target, vantage, since })
        };
        let mut against: Vec<Against> = proven.iter().filter_map(down).collect();
        against.sort();
        SiteJudgement {
            id: places.sites[site].id.clone(),
            timeline: timeline.iter().map(|stay| named(places, stay)).collect(),
            maintenance: within(&self.marks[site], period),
            never_answered: proven.is_empty() && !unproven.is_empty(),
            unproven,
            against,
        }
    }

    /// What incidents are read off.
    pub(crate) fn reading<'a, W>(&'a self, facts: &'a Facts<'a>, witness: &'a W) -> Reading<'a, W> {
        let Conclusion { verdicts, uplinks, blamed, marks } = self;
        Reading { facts, verdicts, uplinks, blamed, marks, witness }
    }

    /// All of it.
    pub(crate) fn judgement(&self, facts: &Facts<'_>, witness: &impl Witness) -> Judgement {
        let sites = 0..facts.places.sites.len();
        let reading = self.reading(facts, witness);
        let mut incidents: Vec<Incident> = sites.clone().flat_map(|root| reading.incidents(root)).collect();
        in_order(&mut incidents);
        let sites = sites.map(|site| self.site(facts, site)).collect();
        Judgement { from: facts.from, until: facts.until, sites, incidents }
    }
}

/// Sorts incidents by beginning, then root.
pub(crate) fn in_order(incidents: &mut [Incident]) {
    incidents.sort_by(|a, b| (a.started_at, &a.root).cmp(&(b.started_at, &b.root)));
}

fn named(places: &Places, stay: &Stay) -> Interval {
    let roots = stay.roots.iter().map(|root| places.sites[*root as usize].id.clone());
    Interval { state: stay.state, from: stay.from, to: stay.to, roots: roots.collect() }
}
