//! Everything that is known at `now`, gathered once and sealed; the rules read nothing else.
//!
//! Between the automatons (`evidence`, `heartbeat`) and the rules (`judge`, `incident`). Replay and the live timeline
//! both end here, which is why they agree. Rule guarded here: blindness veils the evidence of the core before any site
//! is judged.

use kentongan_model::{state::State, time::Timestamp};

use crate::{
    blind::{blindness, blur},
    evidence::Change,
    places::{About, Place, Places},
    span::{Span, joined},
};

/// One piece of evidence: who saw what, and what it went through.
#[derive(Debug, Clone)]
pub(crate) struct Track {
    pub(crate) vantage: Place,
    pub(crate) about: About,
    /// Whether it has been up in its life.
    pub(crate) proven: bool,
    pub(crate) changes: Vec<Change>,
}

impl Track {
    /// Since when it is down, if it is now.
    pub(crate) fn down_since(&self) -> Option<Timestamp> {
        self.changes.last().filter(|change| change.state == State::Down).map(|change| change.at)
    }

    /// When the change of that moment was told, if there is one.
    pub(crate) fn told_of(&self, moment: Timestamp) -> Option<Timestamp> {
        let found = self.changes.binary_search_by_key(&moment, |change| change.at);
        found.ok().map(|k| self.changes[k].told)
    }

    /// The sites that it matters to: the one it is about, and the one at the near end of what joins two places.
    pub(crate) fn concerns(&self) -> impl Iterator<Item = usize> {
        let near = self.between().and_then(|(vantage, _)| vantage.site());
        self.about.site().into_iter().chain(near)
    }

    /// The two different places that it joins; none for local evidence, for other targets than gateways and agents,
    /// and for references.
    pub(crate) fn between(&self) -> Option<(Place, Place)> {
        let (About::Agent(site) | About::Gateway(site)) = self.about else { return None };
        let far = Place::of_site(site as usize);
        (far != self.vantage).then_some((self.vantage, far))
    }
}

/// A link that was dark.
#[derive(Debug, Clone)]
pub(crate) struct DarkLink {
    pub(crate) target: u32,
    pub(crate) link: u32,
    pub(crate) spans: Vec<Span>,
}

/// What is known of a network between `from` and `until`.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) places: &'a Places,
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
    pub(crate) tracks: Vec<Track>,
    pub(crate) blind: Vec<Span>,
    /// The links of each site that were ever dark.
    pub(crate) dark: Vec<Vec<DarkLink>>,
}

impl<'a> Facts<'a> {
    /// Seals what is known in `period`. `dark` are the dark links of each site.
    pub(crate) fn gather(
        places: &'a Places,
        period: Span,
        mut tracks: Vec<Track>,
        dark: Vec<Vec<DarkLink>>,
    ) -> Self {
        let seen_by_core = |track: &&Track| track.vantage == Place::CORE;
        let references =
            tracks.iter().filter(seen_by_core).filter(|track| matches!(track.about, About::Reference(_)));
        let blind = blindness(references.map(|track| track.changes.as_slice()));
        if !blind.is_empty() {
            for track in
                tracks.iter_mut().filter(|track| track.vantage == Place::CORE && track.about.site().is_some())
            {
                let interval = places.pace(track.about).interval_ms;
                track.changes = blur(std::mem::take(&mut track.changes), interval, &blind);
            }
        }
        Facts { places, from: period.from, until: period.to, tracks, blind, dark }
    }

    /// The period of a site: from the later of the beginning and its `since` on.
    pub(crate) fn period(&self, site: usize) -> Span {
        let since = self.places.sites[site].since;
        Span::new(since.map_or(self.from, |since| since.max(self.from)), self.until)
    }

    /// When some link of a site was dark.
    pub(crate) fn dark_at(&self, site: usize) -> Vec<Span> {
        joined(self.dark[site].iter().flat_map(|link| link.spans.iter().copied()).collect())
    }
}
