//! The roster: which agents there are, when each was last heard, and what its link has carried this month and last.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State};
use kentongan_model::{id::Vantage, inventory::plans, time::Timestamp};
use kentongan_reports::Month;
use serde::Serialize;

use crate::{
    problem::Problem,
    station::Station,
    store::accounts::{self, Account},
};

/// One agent.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Agent {
    /// The site that it runs at, or `core`.
    agent: String,
    /// The site's name; null for the core, and for what the inventory does not know any more.
    name: Option<String>,
    /// Whether the inventory has an agent there.
    planned: bool,
    /// Whether it was given a token.
    admitted: bool,
    /// The last delivery of this month or last; null when there was none.
    seen_at: Option<Timestamp>,
    /// The version of its program.
    version: Option<String>,
    /// Whether it has a stream open now.
    streaming: bool,
    /// The month that goes on, in the network's time zone.
    this_month: Traffic,
    /// The month before.
    last_month: Traffic,
}

/// What passed between an agent and the collector in a month.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Traffic {
    /// Which month, such as 2026-11.
    month: String,
    /// Batches that were taken.
    deliveries: u64,
    /// Bytes of deliveries that came, as the collector counts them: without what HTTP, TLS and TCP put around them.
    came_bytes: u64,
    /// Bytes of answers and plans that went, counted alike.
    went_bytes: u64,
    /// Bytes that the agent says it has sent, TLS included.
    agent_sent_bytes: u64,
    /// Bytes that the agent says it has received, TLS included.
    agent_received_bytes: u64,
    /// Rounds that it dropped because its spool was full.
    dropped_rounds: u64,
}

/// The agents, by id; the core's first.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Agents {
    /// The moment that this is about.
    as_of: Timestamp,
    /// The agents.
    agents: Vec<Agent>,
}

/// All agents, and what their links carry
#[utoipa::path(get, path = "/api/v1/agents", tag = "agents", responses((status = 200, body = Agents)))]
pub(super) async fn agents(State(station): State<Arc<Station>>) -> Result<Json<Agents>, Problem> {
    let now = station.clock.now();
    let inventory = station.shelf.current();
    let zone = &inventory.network.timezone;
    let months = (Month::of(now, zone), Month::last_whole(now, zone));
    let booked = station.journal.ask(move |conn| accounts::since(conn, months.1)).await?;
    let mut known: BTreeMap<Vantage, Option<Vec<(String, Account)>>> =
        plans::vantages(&inventory.network).into_iter().map(|agent| (agent, None)).collect();
    let planned: Vec<Vantage> = known.keys().cloned().collect();
    known.extend(booked.into_iter().map(|booked| (booked.agent, Some(booked.months))));
    let agent = |(agent, booked): (Vantage, Option<Vec<(String, Account)>>)| {
        let site = agent.site().and_then(|site| inventory.network.site(site));
        let accounts = booked.as_deref().unwrap_or_default();
        Agent {
            name: site.map(|site| site.name.clone()),
            planned: planned.contains(&agent),
            admitted: booked.is_some(),
            seen_at: accounts.iter().map(|(_, account)| account.seen_at).max(),
            version: accounts.iter().find_map(|(_, account)| account.version.clone()),
            streaming: station.streams.has(&agent),
            this_month: Traffic::of(months.0, accounts),
            last_month: Traffic::of(months.1, accounts),
            agent: agent.to_string(),
        }
    };
    Ok(Json(Agents { as_of: now, agents: known.into_iter().map(agent).collect() }))
}

impl Traffic {
    fn of(month: Month, accounts: &[(String, Account)]) -> Traffic {
        let month = month.to_string();
        let account = accounts.iter().find(|(booked, _)| *booked == month);
        let account = account.map(|(_, account)| account.clone()).unwrap_or_default();
        Traffic {
            month,
            deliveries: account.deliveries,
            came_bytes: account.passed.up,
            went_bytes: account.passed.down,
            agent_sent_bytes: account.told.up,
            agent_received_bytes: account.told.down,
            dropped_rounds: account.dropped_rounds,
        }
    }
}
