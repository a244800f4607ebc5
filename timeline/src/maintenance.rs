//! Planned work: a mark laid over the timeline, no state.
//!
//! Rule guarded here: a window counts for its site and for every site whose every upstream path passes a site under a
//! window at that time; a second way around keeps a village out of it.

use std::collections::BTreeMap;

use kentongan_model::{id::SiteId, inventory::Network};

use crate::{
    places::Places,
    span::{Span, common, joined},
};

/// When each site of the network is under maintenance, past and to come, joined; sites that never are, are left out.
#[must_use]
pub fn maintenance(network: &Network) -> BTreeMap<SiteId, Vec<Span>> {
    let places = Places::of(network);
    let marked = places.sites.iter().zip(marks(&places)).filter(|(_, spans)| !spans.is_empty());
    marked.map(|(spot, spans)| (spot.id.clone(), spans)).collect()
}

/// When each site is under maintenance.
pub(crate) fn marks(places: &Places) -> Vec<Vec<Span>> {
    let mut marks: Vec<Vec<Span>> = vec![Vec::new(); places.sites.len()];
    for site in places.order.iter().map(|ix| *ix as usize) {
        let spot = &places.sites[site];
        let mut ways = spot.upstream.iter().map(|up| &marks[*up as usize]);
        let behind = ways.next().cloned().map(|first| ways.fold(first, |both, way| common(&both, way)));
        marks[site] = joined(spot.windows.iter().copied().chain(behind.into_iter().flatten()).collect());
    }
    marks
}
