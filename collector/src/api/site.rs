//! One site with all that is known of it now: its targets as each vantage sees them, its links, its agent.

use std::sync::Arc;

use axum::{Json, extract::State};
use kentongan_model::{
    gauge::GaugeKind,
    id::{SiteId, TargetId},
    inventory::{Site, Target},
    time::Timestamp,
    wire::{COUNTERS, InterfaceReading},
};
use serde::Serialize;

use super::{
    incidents::IncidentShown,
    params::{Named, Params},
    sites::{SiteRow, row, thousandths},
};
use crate::{
    board::SiteNow,
    latest::{GaugeKey, GaugeSeen, SiteSeen, summary},
    problem::Problem,
    station::Station,
    store::state,
};

/// A site in full.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct SiteInFull {
    /// The moment that this is about.
    as_of: Timestamp,
    /// As in the list.
    #[serde(flatten)]
    row: SiteRow,
    /// How many people it serves.
    population: Option<u64>,
    /// The monthly uptime that was promised, in percent.
    sla_pct: f64,
    /// What is probed there; the first is the gateway.
    targets: Vec<TargetShown>,
    /// Its interfaces that matter.
    links: Vec<LinkShown>,
    /// What was read off its devices and its agent's router last: optical power, clients, temperatures and more.
    gauges: Vec<GaugeShown>,
    /// Its agent; null when it has none.
    agent: Option<AgentShown>,
    /// The incident that it is the root of, while one lasts.
    incident: Option<IncidentShown>,
}

/// A target.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct TargetShown {
    /// Its id within the site.
    id: String,
    /// What it is for, where that matters.
    #[schema(value_type = Option<String>)]
    role: Option<kentongan_model::inventory::Role>,
    /// Where it is.
    address: String,
    /// How it is asked: `icmp`, `tcp:443`, `dns:www.go.id` or a URL.
    probe: String,
    /// When it booted, from its last SNMP answer.
    booted_at: Option<Timestamp>,
    /// How each vantage sees it.
    evidence: Vec<EvidenceShown>,
}

/// How one vantage sees a target.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct EvidenceShown {
    /// Who probes.
    vantage: String,
    /// When it last probed.
    last_round: Timestamp,
    /// When it was last answered, of the last 10 minutes.
    last_answer: Option<Timestamp>,
    /// Median RTT over the last 10 minutes in milliseconds.
    rtt_ms: Option<f64>,
    /// Loss over the same in percent.
    loss_pct: Option<f64>,
    /// Whether it has not yet been answered in its life and therefore counts for nothing.
    unproven: bool,
}

/// A link.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct LinkShown {
    /// The target whose interface it is.
    target: String,
    /// ifName or ifAlias, as the inventory has it.
    interface: String,
    /// The site at its other end.
    to: Option<String>,
    /// What it is made of.
    #[schema(value_type = Option<String>)]
    medium: Option<kentongan_model::inventory::Medium>,
    /// What was read of it last; null when nothing was.
    reading: Option<ReadingShown>,
}

/// A reading of an interface.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct ReadingShown {
    /// When.
    at: Timestamp,
    /// ifName.
    name: Option<String>,
    /// ifAlias.
    alias: Option<String>,
    /// ifOperStatus, 1 (up) to 7 (RFC 2863).
    oper_status: Option<u8>,
    /// ifHighSpeed in Mbit/s.
    speed_mbps: Option<u32>,
    /// Bits a second into the interface since the reading before.
    in_bps: Option<f64>,
    /// Bits a second out of it.
    out_bps: Option<f64>,
    /// Counters as they were read, by name.
    #[schema(value_type = std::collections::HashMap<String, u64>)]
    counters: std::collections::BTreeMap<&'static str, u64>,
}

/// A gauge.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct GaugeShown {
    /// The target whose it is; null for the router that the agent runs on.
    target: Option<String>,
    /// What it says, and in which unit, such as `rx_dbm`.
    #[schema(value_type = String)]
    kind: GaugeKind,
    /// Where in the device; empty for the device as a whole.
    place: String,
    /// Its value.
    value: f64,
    /// When.
    at: Timestamp,
    /// Who looked.
    vantage: String,
}

/// An agent.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct AgentShown {
    /// When its last delivery arrived; null when none has since the collector started and 10 minutes before.
    last_delivery: Option<Timestamp>,
    /// When its router booted.
    booted_at: Option<Timestamp>,
    /// Rounds that it dropped because its spool was full.
    dropped_rounds: u64,
    /// Rounds that count for nothing, because they cannot be placed within 2 s.
    untrusted_rounds: u64,
}

/// One site in full
#[utoipa::path(get, path = "/api/v1/sites/{id}", tag = "sites", params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 200, body = SiteInFull),
        (status = 404, description = "The inventory has no such site", body = Problem),
        (status = 503, description = "Not judged yet", body = Problem)))]
pub(super) async fn site(
    State(station): State<Arc<Station>>,
    Named(id): Named,
    params: Params,
) -> Result<Json<SiteInFull>, Problem> {
    params.done()?;
    let board = station.board()?;
    let site = find(&board.inventory.network, &id)?;
    let now = board.as_of;
    let root = site.id.clone();
    let open = station.state.ask(|conn| state::open_incidents(conn, i64::MAX)).await?;
    let incident =
        open.into_iter().find(|kept| kept.record.root.id == root.as_str()).map(IncidentShown::from);
    let latest = station.latest();
    let nothing = SiteSeen::default();
    let seen = latest.site(&site.id).unwrap_or(&nothing);
    let judged = board.sites.get(&site.id);
    Ok(Json(SiteInFull {
        as_of: now,
        row: row(site, &board, Some(seen)),
        population: site.population,
        sla_pct: site.settings.sla,
        targets: site.targets.iter().enumerate().map(|(k, target)| shown(k, target, seen, judged)).collect(),
        links: site.targets.iter().flat_map(|target| links(target, seen)).collect(),
        gauges: seen.gauges.iter().map(|(key, seen)| gauge(key, seen)).collect(),
        agent: site.agent.then(|| AgentShown {
            last_delivery: seen.agent.map(|agent| agent.at),
            booted_at: seen.agent.and_then(|agent| agent.boot_at),
            dropped_rounds: seen.agent.map_or(0, |agent| agent.dropped_rounds),
            untrusted_rounds: seen.agent.map_or(0, |agent| agent.untrusted_rounds),
        }),
        incident,
    }))
}

/// The site of that id, or a problem.
pub(super) fn find<'n>(
    network: &'n kentongan_model::inventory::Network,
    id: &str,
) -> Result<&'n Site, Problem> {
    let known = id.parse::<SiteId>().ok().and_then(|id| network.site(&id));
    known.ok_or_else(|| {
        Problem::not_found(format!("the inventory has no site '{id}'; /api/v1/sites lists them"))
    })
}

fn shown(position: usize, target: &Target, seen: &SiteSeen, judged: Option<&SiteNow>) -> TargetShown {
    let of_target = seen.rounds.iter().filter(|((id, _), _)| *id == target.id);
    let evidence = of_target.filter_map(|((_, vantage), rounds)| {
        let last_round = rounds.back()?.at;
        let (rtt_ms, loss_pct) = summary(rounds.iter());
        let counts_not = |judged: &SiteNow| {
            let position = u32::try_from(position).ok();
            judged.unproven.iter().any(|unproven| unproven.vantage == *vantage && unproven.target == position)
        };
        Some(EvidenceShown {
            vantage: vantage.to_string(),
            last_round,
            last_answer: rounds.iter().rev().find(|seen| seen.answered > 0).map(|seen| seen.at),
            rtt_ms: rtt_ms.map(thousandths),
            loss_pct: loss_pct.map(thousandths),
            unproven: judged.is_some_and(counts_not),
        })
    });
    TargetShown {
        id: target.id.to_string(),
        role: target.role,
        address: target.address.to_string(),
        probe: target.probe.to_string(),
        booted_at: seen.boots.get(&target.id).copied(),
        evidence: evidence.collect(),
    }
}

fn gauge((target, kind, place): &GaugeKey, seen: &GaugeSeen) -> GaugeShown {
    #[expect(clippy::cast_precision_loss, reason = "counters of bytes need no more than 53 bits")]
    let value = seen.value as f64 / 1000.0;
    GaugeShown {
        target: target.as_ref().map(TargetId::to_string),
        kind: *kind,
        place: place.clone(),
        value,
        at: seen.at,
        vantage: seen.vantage.to_string(),
    }
}

fn links<'s>(target: &'s Target, seen: &'s SiteSeen) -> impl Iterator<Item = LinkShown> + 's {
    target.links.iter().map(|link| {
        let read = seen.links.get(&(target.id.clone(), link.interface.clone()));
        LinkShown {
            target: target.id.to_string(),
            interface: link.interface.clone(),
            to: link.to.as_ref().map(SiteId::to_string),
            medium: link.medium,
            reading: read.map(|seen| reading(seen.at, &seen.reading, seen.in_bps, seen.out_bps)),
        }
    })
}

fn reading(
    at: Timestamp,
    read: &InterfaceReading,
    in_bps: Option<f64>,
    out_bps: Option<f64>,
) -> ReadingShown {
    let counters = COUNTERS.into_iter().zip(read.counters);
    ReadingShown {
        at,
        name: read.name.clone(),
        alias: read.alias.clone(),
        oper_status: read.oper_status,
        speed_mbps: read.high_speed_mbps,
        in_bps: in_bps.map(f64::round),
        out_bps: out_bps.map(f64::round),
        counters: counters.filter_map(|(name, count)| Some((name, count?))).collect(),
    }
}
