//! Incidents: one fault with one root site, however many sites it takes down.
//!
//! Read off the timelines that the rules left. Rules guarded here: any down stay opens one, the next stay that serves
//! ends it and what lies between belongs to it; it is told once something above the root is known to be connected, and
//! `group_wait` after it was confirmed at the latest.

use std::collections::BTreeSet;

use kentongan_model::{
    id::SiteId,
    state::{Cause, State},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::{
    cause::{Boots, CauseEvidence, DarkPort, cause},
    facts::{Facts, Track},
    judge::{Stay, Verdicts},
    places::{About, Place, Spot},
    rejudge::cut,
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
    /// The first answered rounds of these tracks behind the beginning of an incident (its root, where it began), as far as
    /// they have one by then; when `one` will do, the first of all.
    fn answers(
        &self,
        incident: (usize, Timestamp),
        by: Timestamp,
        tracks: &[usize],
        one: bool,
    ) -> Vec<(usize, Timestamp)>;
    /// Whether any round of the track of that number behind `moment` was answered.
    fn answered_since(&self, track: usize, moment: Timestamp) -> bool;
    /// What was told of a site's boots.
    fn boots(&self, site: usize) -> &Boots;
}

/// What incidents are read off: facts, verdicts and witnesses, and who stands where for good.
pub(crate) struct Reading<'a, W> {
    pub(crate) facts: &'a Facts<'a>,
    pub(crate) verdicts: &'a Verdicts,
    /// For each place, the tracks that join it to places which are not behind it.
    pub(crate) uplinks: &'a [Vec<u32>],
    /// For each site, those that it was ever named as the root of.
    pub(crate) blamed: &'a [BTreeSet<u32>],
    /// When each site is under maintenance.
    pub(crate) marks: &'a [Vec<Span>],
    pub(crate) witness: &'a W,
}

/// For each place, the tracks that join it to places which are not behind it; for the core, all that it sees.
pub(crate) fn uplinks(facts: &Facts<'_>) -> Vec<Vec<u32>> {
    let places = facts.places;
    let mut uplinks = vec![Vec::new(); places.sites.len() + 1];
    for (ix, track) in (0u32..).zip(&facts.tracks) {
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
    uplinks
}

/// Notes whom the stays of a site name as their roots.
pub(crate) fn blame(blamed: &mut [BTreeSet<u32>], site: usize, stays: &[Stay]) {
    for root in stays.iter().flat_map(|stay| &stay.roots) {
        blamed[*root as usize].extend(u32::try_from(site).ok());
    }
}

impl<W: Witness> Reading<'_, W> {
    /// The incidents of one root, in order. They are read off its timeline within its period.
    pub(crate) fn incidents(&self, root: usize) -> Vec<Incident> {
        let facts = self.facts;
        let spot = &facts.places.sites[root];
        let stays = cut(&self.verdicts.timelines[root], facts.period(root));
        outages(&stays).into_iter().map(|outage| self.incident(root, spot, &outage)).collect()
    }

    fn incident(&self, root: usize, spot: &Spot, outage: &Outage) -> Incident {
        let facts = self.facts;
        let ended = outage.ended;
        let span = Span::new(outage.started, ended.unwrap_or(facts.until));
        let measured = self.witness.measured(root, span);
        let (cause, mut evidence) =
            cause(self.witness.boots(root), measured, span.from, ended, spot.correlate_ms);
        evidence.dark_port = dark_port(facts, root, span);
        let confirmed_at = self.confirmed(root, outage, spot.correlate_ms);
        Incident {
            root: spot.id.clone(),
            started_at: span.from,
            confirmed_at,
            told_at: self.told(root, span.from, confirmed_at),
            settled: ended.is_some() || settled(facts, self.verdicts, root, span.from, self.witness),
            ended_at: ended,
            affected: self.affected(root, span),
            cause,
            evidence,
            maintenance: covered(&self.marks[root], span) == span.millis(),
        }
    }

    fn affected(&self, root: usize, outage: Span) -> Vec<SiteId> {
        let facts = self.facts;
        let named = |stay: &Stay| stay.roots.iter().any(|named| *named as usize == root);
        let taken = |site: &usize| {
            let within = facts.period(*site).overlap(outage);
            let stays = &self.verdicts.timelines[*site];
            within.is_some_and(|within| {
                let first = stays.partition_point(|stay| stay.to <= within.from);
                stays[first..].iter().take_while(|stay| stay.from < within.to).any(named)
            })
        };
        let sites = self.blamed[root].iter().map(|site| *site as usize).filter(taken);
        sites.map(|site| facts.places.sites[site].id.clone()).collect()
    }
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

impl<W: Witness> Reading<'_, W> {
    fn confirmed(&self, root: usize, outage: &Outage, correlate_ms: i64) -> Timestamp {
        let started = outage.started;
        let speaking = self.verdicts.speaking[root].iter();
        let own = speaking.filter_map(|ix| self.facts.tracks[*ix as usize].told_of(started));
        let seen = own.max().or_else(|| self.known_at(started)).unwrap_or(started);
        if outage.follows { seen.max(plus(started, correlate_ms + 1)) } else { seen }
    }

    /// When the last of the changes of that moment was told, wherever it was.
    fn known_at(&self, moment: Timestamp) -> Option<Timestamp> {
        self.facts.tracks.iter().filter_map(|track| track.told_of(moment)).max()
    }

    fn told(&self, root: usize, started: Timestamp, confirmed: Timestamp) -> Option<Timestamp> {
        let latest = plus(confirmed, GROUP_WAIT_MS);
        let upstream = &self.facts.places.sites[root].upstream;
        let core = [Place::CORE.index()];
        let above: Vec<usize> = upstream.iter().map(|up| *up as usize + 1).collect();
        let above = if above.is_empty() { &core[..] } else { &above[..] };
        let speaks = |place: usize, track: &Track| {
            track.about.site() != Some(root) && (place == 0 || !matches!(track.about, About::Other(..)))
        };
        let heeded = above.iter().flat_map(|place| {
            let uplinks = self.uplinks[*place].iter().map(|ix| *ix as usize);
            uplinks.filter(|ix| speaks(*place, &self.facts.tracks[*ix])).map(|ix| (*place, ix))
        });
        let heeded: Vec<(usize, usize)> = heeded.collect();
        let tracks: Vec<usize> = heeded.iter().map(|(_, ix)| *ix).collect();
        let answers = self.witness.answers((root, started), latest, &tracks, upstream.is_empty());
        let shown = answers.iter().filter(|(ix, at)| {
            heeded
                .iter()
                .any(|(place, track)| track == ix && (*place == 0 || self.was_connected(*place, *at)))
        });
        let shown = shown.map(|(_, at)| *at);
        let told = shown.min().map_or(latest, |at| at.max(confirmed).min(latest));
        (told <= self.facts.until).then_some(told)
    }

    fn was_connected(&self, place: usize, at: Timestamp) -> bool {
        let toggles = &self.verdicts.connected[place];
        let past = toggles.partition_point(|(moment, _)| *moment <= at);
        past.checked_sub(1).is_some_and(|last| toggles[last].1)
    }
}
