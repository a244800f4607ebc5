//! The observations of a log, sorted out by what they tell about, and folded once all are in.
//!
//! Between the lines of a log and the rules. Rules guarded here: the order of lines and lines that come twice change
//! nothing; a line at `until` or later is left out, and so is one about something that the inventory does not have.

use std::collections::{BTreeMap, HashMap};

use kentongan_model::{
    observation::{InterfaceState, Oper},
    time::Timestamp,
};

use crate::{
    cause::Boots,
    evidence::Evidence,
    facts::{DarkLink, Facts, Track},
    heartbeat::{Counting, Heartbeats},
    incident::Witness,
    judgement::{Conclusion, Judgement},
    links::{dark, darker, told},
    places::{About, Place, Places},
    replay::log::Line,
    round::{Outcome, Sample, in_order},
    span::{Span, joined},
};

/// The rounds of one piece of evidence; of heartbeats the deliveries.
#[derive(Debug)]
struct Series {
    vantage: Place,
    about: About,
    samples: Vec<Sample>,
}

/// What answers told of each link: (site, target, link) by position.
type Tellings = BTreeMap<(usize, u32, u32), BTreeMap<Timestamp, Oper>>;

/// Everything that a log holds.
#[derive(Debug)]
pub(crate) struct Gathered<'a> {
    places: &'a Places,
    until: Timestamp,
    from: Option<Timestamp>,
    series: Vec<Series>,
    index: HashMap<(Place, About), usize>,
    boots: Vec<Boots>,
    tellings: Tellings,
    downtimes: Vec<Span>,
}

impl<'a> Gathered<'a> {
    pub(crate) fn new(places: &'a Places, until: Timestamp) -> Self {
        Gathered {
            places,
            until,
            from: None,
            series: Vec::new(),
            index: HashMap::new(),
            boots: vec![Boots::default(); places.sites.len()],
            tellings: Tellings::new(),
            downtimes: Vec::new(),
        }
    }

    /// Takes one line, if it counts.
    pub(crate) fn take(&mut self, line: Line<'_>) {
        match line {
            Line::CollectorDown { from, to } => {
                if from < self.until {
                    self.downtimes.push(Span::new(from, to.min(self.until)));
                }
            }
            Line::Round { at, vantage, target, sent, mut rtts_us } => {
                self.round(at, &vantage, &target, sent, &mut rtts_us);
            }
            Line::Heartbeat { at, vantage, boot_at } => {
                let Some(place) = self.places.place(&vantage) else { return };
                if !self.counts(at) {
                    return;
                }
                let Some(site) = place.site() else { return };
                self.series(Place::CORE, About::agent(site)).push(Sample::new(at, 1, &mut [0]));
                if let Some(boot) = boot_at {
                    self.boots[site].note(boot, at);
                }
            }
            Line::Snmp { at, vantage, target, boot_at, interfaces } => {
                let (Some(_), Some(about)) = (self.places.place(&vantage), self.places.about(&target)) else {
                    return;
                };
                if self.counts(at) {
                    self.answer(at, about, boot_at, &interfaces);
                }
            }
        }
    }

    /// Takes a round, if it counts.
    pub(crate) fn round(
        &mut self,
        at: Timestamp,
        vantage: &str,
        target: &str,
        sent: u32,
        rtts_us: &mut [u32],
    ) {
        let (Some(vantage), Some(about)) = (self.places.place(vantage), self.places.about(target)) else {
            return;
        };
        if self.counts(at) {
            self.series(vantage, about).push(Sample::new(at, sent, rtts_us));
        }
    }

    /// Whether a line of that moment counts; if so, the log begins there at the latest.
    fn counts(&mut self, at: Timestamp) -> bool {
        let counts = at < self.until;
        if counts {
            self.from = Some(self.from.map_or(at, |from| from.min(at)));
        }
        counts
    }

    fn series(&mut self, vantage: Place, about: About) -> &mut Vec<Sample> {
        let next = self.series.len();
        let ix = *self.index.entry((vantage, about)).or_insert(next);
        if ix == next {
            self.series.push(Series { vantage, about, samples: Vec::new() });
        }
        &mut self.series[ix].samples
    }

    fn answer(
        &mut self,
        at: Timestamp,
        about: About,
        boot_at: Option<Timestamp>,
        interfaces: &[InterfaceState],
    ) {
        let (Some(site), Some(position)) = (about.site(), about.position()) else { return };
        if let Some(boot) = boot_at.filter(|_| position == 0) {
            self.boots[site].note(boot, at);
        }
        for (link, meant) in (0..).zip(&self.places.sites[site].targets[position as usize].links) {
            if let Some(oper) = told(&meant.interface, interfaces) {
                let tellings = self.tellings.entry((site, position, link)).or_default();
                tellings.entry(at).and_modify(|before| *before = darker(*before, oper)).or_insert(oper);
            }
        }
    }

    /// Folds what was gathered and applies the rules.
    pub(crate) fn conclude(mut self) -> Judgement {
        self.series.sort_by_key(|series| (series.vantage, series.about));
        let downtimes = joined(std::mem::take(&mut self.downtimes));
        for series in &mut self.series {
            in_order(&mut series.samples);
        }
        let tracks: Vec<Track> = self.series.iter().map(|series| self.fold(series, &downtimes)).collect();
        let period = Span::new(self.from.unwrap_or(self.until), self.until);
        let facts = Facts::gather(self.places, period, tracks, self.dark());
        Conclusion::of(&facts).judgement(&facts, &self)
    }

    fn dark(&self) -> Vec<Vec<DarkLink>> {
        let mut links = vec![Vec::new(); self.places.sites.len()];
        for ((site, target, link), told) in &self.tellings {
            links[*site].push(DarkLink { target: *target, link: *link, spans: dark(told) });
        }
        links
    }

    fn fold(&self, series: &Series, downtimes: &[Span]) -> Track {
        let (pace, limits) = (self.places.pace(series.about), self.places.limits(series.about));
        let bridged = self.places.bridged(series.vantage, series.about);
        let evidence = if matches!(series.about, About::Agent(_)) {
            let counting = Counting { pace, downtimes, bridged };
            let mut heartbeats = Heartbeats::default();
            series.samples.iter().for_each(|delivery| heartbeats.deliver(delivery.at, &counting));
            heartbeats.miss(self.until, &counting);
            heartbeats.evidence
        } else {
            let downtimes = if bridged { downtimes } else { &[] };
            let mut evidence = Evidence::default();
            for sample in &series.samples {
                evidence.push(sample.at, sample.outcome(limits), pace, downtimes);
            }
            evidence
        };
        let silence = evidence.silence(self.until, pace);
        let changes = evidence.changes().iter().copied().chain(silence).collect();
        Track { vantage: series.vantage, about: series.about, proven: evidence.proven(), changes }
    }
}

impl Gathered<'_> {
    /// The first answered round of a series after `moment`.
    fn answered(&self, track: usize, moment: Timestamp) -> Option<Timestamp> {
        let series = &self.series[track];
        let limits = self.places.limits(series.about);
        let next = series.samples.partition_point(|sample| sample.at <= moment);
        let answered = |sample: &&Sample| sample.outcome(limits) != Outcome::Failed;
        series.samples[next..].iter().find(answered).map(|sample| sample.at)
    }
}

impl Witness for Gathered<'_> {
    fn measured(&self, site: usize, outage: Span) -> Option<Timestamp> {
        // The series are sorted by vantage.
        let place = Place::of_site(site);
        let first = self.series.partition_point(|series| series.vantage < place);
        let own = self.series[first..].iter().take_while(|series| series.vantage == place);
        let measured = own.filter_map(|series| {
            let next = series.samples.partition_point(|sample| sample.at < outage.from);
            series.samples.get(next).map(|sample| sample.at).filter(|at| outage.contains(*at))
        });
        measured.min()
    }

    fn answers(
        &self,
        (_, started): (usize, Timestamp),
        by: Timestamp,
        tracks: &[usize],
        _one: bool,
    ) -> Vec<(usize, Timestamp)> {
        let first = |ix: usize| self.answered(ix, started).filter(|at| *at <= by).map(|at| (ix, at));
        tracks.iter().filter_map(|ix| first(*ix)).collect()
    }

    fn answered_since(&self, track: usize, moment: Timestamp) -> bool {
        self.answered(track, moment).is_some()
    }

    fn boots(&self, site: usize) -> &Boots {
        &self.boots[site]
    }
}
