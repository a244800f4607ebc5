//! The network as a whole: how many sites are in which state, and how fresh that is.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State};
use kentongan_model::{
    state::{Kind, State as SiteState},
    time::Timestamp,
};
use serde::Serialize;

use super::params::Params;
use crate::{problem::Problem, station::Station};

/// The network at a glance.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Network {
    /// Its name.
    name: String,
    /// Who runs it.
    operator: Option<String>,
    /// The moment that this is about.
    as_of: Timestamp,
    /// The earliest observation; none while there is none.
    from: Option<Timestamp>,
    /// How many sites there are.
    sites: usize,
    /// How many are in which state.
    states: BTreeMap<&'static str, usize>,
    /// The same for each kind.
    kinds: BTreeMap<&'static str, BTreeMap<&'static str, usize>>,
    /// Sites that have never answered.
    never_answered: usize,
    /// When the last delivery of any agent arrived.
    last_delivery: Option<Timestamp>,
    /// Deliveries in the journal are numbered up to here.
    journal: i64,
    /// Judged up to here.
    judged: i64,
    /// What is wrong with the inventory file; the one before it is in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    inventory_fault: Option<String>,
}

/// The network at a glance
#[utoipa::path(get, path = "/api/v1/network", tag = "network",
    responses((status = 200, body = Network), (status = 503, description = "Not judged yet", body = Problem)))]
pub(super) async fn network(
    State(station): State<Arc<Station>>,
    params: Params,
) -> Result<Json<Network>, Problem> {
    params.done()?;
    let board = station.board()?;
    let network = &board.inventory.network;
    let words =
        [SiteState::Up, SiteState::Degraded, SiteState::Down, SiteState::Unreachable, SiteState::Unknown];
    let none: BTreeMap<&str, usize> = words.iter().map(|state| (state.as_str(), 0)).collect();
    let mut states = none.clone();
    let mut kinds: BTreeMap<&str, _> = Kind::ALL.iter().map(|kind| (kind.as_str(), none.clone())).collect();
    let mut never_answered = 0;
    for site in &network.sites {
        let now = board.sites.get(&site.id);
        let state = now.map_or(SiteState::Unknown, crate::board::SiteNow::state);
        never_answered += usize::from(now.is_some_and(|now| now.never_answered));
        for counts in [Some(&mut states), kinds.get_mut(site.kind.as_str())].into_iter().flatten() {
            *counts.entry(state.as_str()).or_default() += 1;
        }
    }
    let last_delivery = station.latest().last_received();
    Ok(Json(Network {
        name: network.name.clone(),
        operator: network.operator.clone(),
        as_of: board.as_of,
        from: (board.from < board.as_of).then_some(board.from),
        sites: network.sites.len(),
        states,
        kinds,
        never_answered,
        last_delivery,
        journal: *station.writer.committed().borrow(),
        judged: board.position,
        inventory_fault: station.shelf.fault(),
    }))
}
