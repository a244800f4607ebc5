//! Incidents: one fault with one root site, however many sites it takes down.
//!
//! Read off the timelines that the rules left. Rules guarded here: any down stay opens one, the next stay that serves
//! ends it and what lies between belongs to it; it is told once something above the root is known to be connected, and
//! `group_wait` after it was confirmed at the latest.

use std::cell::OnceCell;

use kentongan_model::{
    id::SiteId,
    state::{Cause, State},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::{
    cause::{Boots, CauseEvidence, DarkPort, cause},
    facts::Facts,
    judge::{Stay, Verdicts},
    places::{About, Place},
    settling::settled,
    span::{Span, covered, plus},
};

/// How long an incident that is confirmed waits for word from above its root, before it is told anyway.
pub const GROUP_WAIT_MS: i64 = 10_000;

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// The site whose fault it is.
    pub root: SiteId,
    /// Where its down interval begins.
    pub started_at: Timestamp,
    /// When that was confirmed. It can lie ahead: a fall that the core's own blindness may still explain, say.
    pub confirmed_at: Timestamp,
    /// From when on it may be told; none before that.
    pub told_at: Option<Timestamp>,
    /// Whether it is known of every site behind the root whether it is taken down. While it is not, a message that is
    /// to name them all does well to wait, [`GROUP_WAIT_MS`] after confirmation at most.
    pub settled: bool,
    /// Where the root is up again; none while it lasts.
    pub ended_at: Option<Timestamp>,
    /// The sites that it makes unreachable, sorted.
    pub affected: Vec<SiteId>,
    /// Why.
    pub cause: Cause,
    /// What that rests on.
    pub evidence: CauseEvidence,
    /// Whether it lies wholly under maintenance of its root; then nobody is told.
    pub maintenance: bool,
}

/// What single rounds can still tell, long after the automatons went on.
pub(crate) trait Witness {
    /// A round that the agent of `site` measured within `outage`, whatever it probed.
    fn measured(&self, site: usize, outage: Span) -> Option<Timestamp>;
    /// The first answered round of the track of that number after `moment`.
    fn answered(&self, track: usize, moment: Timestamp) -> Option<Timestamp>;
    /// What was told of a site's boots.
    fn boots(&self, site: usize) -> &Boots;
}

/// All incidents, sorted by beginning, then root. `timelines` are cut to the period of each site.
pub(crate) fn incidents(
    facts: &Facts<'_>,
    verdicts: &Verdicts,
    timelines: &[Vec<Stay>],
    maintenance: &[Vec<Span>],
    witness: &impl Witness,
) -> Vec<Incident> {
    let mut blamed: Vec<Vec<(usize, Span)>> = vec![Vec::new(); timelines.len()];
    for (site, stay) in
        timelines.iter().enumerate().flat_map(|(site, stays)| stays.iter().map(move |stay| (site, stay)))
    {
        for root in &stay.roots {
            blamed[*root as usize].push((site, Span::new(stay.from, stay.to)));
        }
    }
    let telling = Telling::new(facts, verdicts);
    let mut all = Vec::new();
    for (root, stays) in timelines.iter().enumerate() {
        let spot = &facts.places.sites[root];
        for outage in outages(stays) {
            let ended = outage.ended;
            let span = Span::new(outage.started, ended.unwrap_or(facts.until));
            let mut affected: Vec<usize> = blamed[root]
                .iter()
                .filter(|(_, when)| when.overlap(span).is_some())
                .map(|(site, _)| *site)
                .collect();
            affected.dedup();
            let measured = witness.measured(root, span);
            let (cause, mut evidence) =
                cause(witness.boots(root), measured, span.from, ended, spot.correlate_ms);
            evidence.dark_port = dark_port(facts, root, span);
            let confirmed_at = telling.confirmed(root, &outage, spot.correlate_ms);
            all.push(Incident {
                root: spot.id.clone(),
                started_at: span.from,
                confirmed_at,
                told_at: telling.told(root, span.from, confirmed_at, witness),
                settled: ended.is_some() || settled(facts, timelines, root, span.from, witness),
                ended_at: ended,
                affected: affected.into_iter().map(|site| facts.places.sites[site].id.clone()).collect(),
                cause,
                evidence,
                maintenance: covered(&maintenance[root], span) == span.millis(),
            });
        }
    }
    all.sort_by(|a, b| (a.started_at, &a.root).cmp(&(b.started_at, &b.root)));
    all
}

/// An outage as a timeline shows it.
struct Outage {
    started: Timestamp,
    ended: Option<Timestamp>,
    /// Whether an unreachable stay came right before: it is believed only once it outlasts `correlate`.
    follows: bool,
}

fn outages(stays: &[Stay]) -> Vec<Outage> {
    let mut found: Vec<Outage> = Vec::new();
    let mut open = false;
    for (k, stay) in stays.iter().enumerate() {
        if stay.state == State::Down && !open {
            open = true;
            let follows = k.checked_sub(1).is_some_and(|k| stays[k].state == State::Unreachable);
            found.push(Outage { started: stay.from, ended: None, follows });
        } else if stay.state.serves() && open {
            open = false;
            if let Some(outage) = found.last_mut() {
                outage.ended = Some(stay.from);
            }
        }
    }
    found
}

/// A port of an upstream towards `root` that was dark during `outage`.
fn dark_port(facts: &Facts<'_>, root: usize, outage: Span) -> Option<DarkPort> {
    let spots = &facts.places.sites;
    spots[root].upstream.iter().map(|up| *up as usize).find_map(|up| {
        facts.dark[up].iter().find_map(|dark| {
            let link = &spots[up].targets[dark.target as usize].links[dark.link as usize];
            let towards = link.to.map(|to| to as usize) == Some(root);
            let span = dark.spans.iter().filter(|_| towards).find(|span| span.overlap(outage).is_some())?;
            Some(DarkPort { site: spots[up].id.clone(), interface: link.interface.clone(), since: span.from })
        })
    })
}

/// When incidents are confirmed, and when they may be told.
struct Telling<'a> {
    facts: &'a Facts<'a>,
    verdicts: &'a Verdicts,
    /// For each place, the tracks that join it to places which are not behind it.
    uplinks: Vec<Vec<usize>>,
    /// When each change of the network was told, by its moment; sorted when first needed.
    known: OnceCell<Vec<(Timestamp, Timestamp)>>,
}

impl<'a> Telling<'a> {
    fn new(facts: &'a Facts<'a>, verdicts: &'a Verdicts) -> Self {
        let places = facts.places;
        let mut uplinks = vec![Vec::new(); places.sites.len() + 1];
        for (ix, track) in facts.tracks.iter().enumerate() {
            if track.vantage == Place::CORE {
                uplinks[0].push(ix);
            }
            let Some((near, far)) = track.between() else { continue };
            for (place, peer) in [(near, far), (far, near)] {
                let Some(site) = place.site() else { continue };
                if !peer.site().is_some_and(|peer| places.is_downstream(peer, site)) {
                    uplinks[place.index()].push(ix);
                }
            }
        }
        Telling { facts, verdicts, uplinks, known: OnceCell::new() }
    }

    fn confirmed(&self, root: usize, outage: &Outage, correlate_ms: i64) -> Timestamp {
        let started = outage.started;
        let own = self.verdicts.speaking[root].iter().filter_map(|ix| {
            let changes = &self.facts.tracks[*ix as usize].changes;
            changes.binary_search_by_key(&started, |change| change.at).ok().map(|k| changes[k].told)
        });
        let seen = own.max().or_else(|| self.known_at(started)).unwrap_or(started);
        if outage.follows { seen.max(plus(started, correlate_ms + 1)) } else { seen }
    }

    /// When the last of the changes of that moment was told, wherever it was.
    fn known_at(&self, moment: Timestamp) -> Option<Timestamp> {
        let known = self.known.get_or_init(|| {
            let changes = self.facts.tracks.iter().flat_map(|track| track.changes.iter());
            let mut known: Vec<_> = changes.map(|change| (change.at, change.told)).collect();
            known.sort_unstable();
            known
        });
        let past = known.partition_point(|(at, _)| *at <= moment);
        known[..past].last().filter(|(at, _)| *at == moment).map(|(_, told)| *told)
    }

    fn told(
        &self,
        root: usize,
        started: Timestamp,
        confirmed: Timestamp,
        witness: &impl Witness,
    ) -> Option<Timestamp> {
        let upstream = &self.facts.places.sites[root].upstream;
        let above: Vec<usize> =
            if upstream.is_empty() { vec![0] } else { upstream.iter().map(|up| *up as usize + 1).collect() };
        let shown =
            above.iter().flat_map(|place| self.uplinks[*place].iter().map(move |track| (*place, *track)));
        let shown = shown.filter_map(|(place, ix)| {
            let track = &self.facts.tracks[ix];
            if track.about.site() == Some(root) || matches!(track.about, About::Other(..)) && place != 0 {
                return None;
            }
            let at = witness.answered(ix, started)?;
            (place == 0 || self.was_connected(place, at)).then_some(at)
        });
        let latest = plus(confirmed, GROUP_WAIT_MS);
        let told = shown.min().map_or(latest, |at| at.max(confirmed).min(latest));
        (told <= self.facts.until).then_some(told)
    }

    fn was_connected(&self, place: usize, at: Timestamp) -> bool {
        let toggles = &self.verdicts.connected[place];
        let past = toggles.partition_point(|(moment, _)| *moment <= at);
        past.checked_sub(1).is_some_and(|last| toggles[last].1)
    }
}
