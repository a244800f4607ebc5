//! Whether it is settled whom an open incident takes down, so that one message can name them all.
//!
//! Read when the judgement is complete. Rule guarded here: a site behind the root that still seems to serve is waited
//! for, until its evidence goes or something it answered after the outage began shows that it does serve.

use kentongan_model::time::Timestamp;

use crate::{facts::Facts, incident::Witness, judge::Stay, place::Place};

/// Whether every site that reaches the core only through `root` is accounted for in an outage since `started`.
pub(crate) fn settled(
    facts: &Facts<'_>,
    timelines: &[Vec<Stay>],
    root: usize,
    started: Timestamp,
    witness: &impl Witness,
) -> bool {
    let lost = behind(facts, root);
    let inside = |place: Place| place.site().is_some_and(|site| lost[site]);
    let mut serving: Vec<bool> = timelines
        .iter()
        .zip(&lost)
        .map(|(stays, lost)| *lost && stays.last().is_some_and(|stay| stay.state.serves()))
        .collect();
    for (ix, track) in facts.tracks.iter().enumerate() {
        let Some((near, far)) = track.between().filter(|(near, far)| inside(*near) != inside(*far)) else {
            continue;
        };
        for site in [near, far].into_iter().filter_map(Place::site).filter(|site| lost[*site]) {
            serving[site] = serving[site] && witness.answered(ix, started).is_none();
        }
    }
    !serving.contains(&true)
}

/// The sites of which every way to the core passes `root`, the root itself among them.
fn behind(facts: &Facts<'_>, root: usize) -> Vec<bool> {
    let sites = &facts.places.sites;
    let mut lost = vec![false; sites.len()];
    lost[root] = true;
    loop {
        let more: Vec<usize> = (0..sites.len())
            .filter(|site| !lost[*site] && !sites[*site].upstream.is_empty())
            .filter(|site| sites[*site].upstream.iter().all(|up| lost[*up as usize]))
            .collect();
        if more.is_empty() {
            return lost;
        }
        more.into_iter().for_each(|site| lost[site] = true);
    }
}
