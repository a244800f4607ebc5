//! Whether it is settled whom an open incident takes down, so that one message can name them all.
//!
//! Read when the judgement is complete. Rule guarded here: a site behind the root that still seems to serve is waited
//! for, until its evidence goes or something it answered after the outage began shows that it does serve.

use std::collections::BTreeSet;

use kentongan_model::time::Timestamp;

use crate::{facts::Facts, incident::Witness, judge::Verdicts, place::Place, places::Places};

/// Whether every site that reaches the core only through `root` is accounted for in an outage since `started`.
pub(crate) fn settled(
    facts: &Facts<'_>,
    verdicts: &Verdicts,
    root: usize,
    started: Timestamp,
    witness: &impl Witness,
) -> bool {
    let lost = behind(facts.places, root);
    let inside = |place: Place| place.site().is_some_and(|site| lost.contains(&site));
    lost.iter().all(|site| {
        let last = verdicts.timelines[*site].last().filter(|_| !facts.period(*site).is_empty());
        let serves = last.is_some_and(|stay| stay.state.serves());
        !serves || {
            let mut tracks = verdicts.speaking[*site].iter().map(|ix| *ix as usize);
            tracks.any(|ix| {
                let ends = facts.tracks[ix].between();
                let out = ends.is_some_and(|(near, far)| inside(near) != inside(far));
                out && witness.answered_since(ix, started)
            })
        }
    })
}

/// The sites of which every way to the core passes `root`, the root itself among them.
fn behind(places: &Places, root: usize) -> BTreeSet<usize> {
    let (mut lost, mut next) = (BTreeSet::from([root]), vec![root]);
    while let Some(site) = next.pop() {
        for low in places.behind[site].iter().map(|low| *low as usize) {
            let all = places.sites[low].upstream.iter().all(|up| lost.contains(&(*up as usize)));
            if all && lost.insert(low) {
                next.push(low);
            }
        }
    }
    lost
}
