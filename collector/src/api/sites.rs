//! The list of sites: one row for each, cheap enough to be asked for every few seconds with thousands of sites.

use std::sync::Arc;

use axum::{Json, extract::State};
use kentongan_model::{
    id::{SiteId, Vantage},
    inventory::{Language, Location, Network, Site},
    state::{Kind, State as SiteState},
    time::Timestamp,
    wording,
};
use kentongan_timeline::{Against, Span, service, uptime_within};
use serde::Serialize;

use super::params::Params;
use crate::{
    board::{Board, SiteNow, TAIL_MS},
    latest::SiteSeen,
    problem::Problem,
    station::Station,
};

/// Reasons that are told of one site; a full switch may have more.
const MOST_REASONS: usize = 10;

/// A site as it is now.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct SiteRow {
    /// Its id.
    pub(super) id: String,
    /// Its name.
    name: String,
    /// What kind of place it is.
    kind: Kind,
    /// Kemendagri code.
    region: Option<String>,
    /// Where it stands.
    location: Option<Place>,
    /// Who provides its link.
    provider: Option<String>,
    /// Through which sites it reaches the core.
    upstream: Vec<String>,
    /// Its state.
    pub(super) state: SiteState,
    /// Since when.
    since: Timestamp,
    /// The sites whose fault it is, when unreachable.
    roots: Vec<String>,
    /// Why it is degraded, in the network's language, as far as targets that do not answer tell; empty in other states.
    reasons: Vec<String>,
    /// Whether planned work is going on there now.
    maintenance: bool,
    /// Whether it is probed and has never answered: a firewall may drop ICMP, the address may be wrong.
    never_answered: bool,
    /// Uptime of the last 24 hours in percent; null when nothing was observed.
    uptime_24h_pct: Option<f64>,
    /// Median RTT of its gateway over the last 10 minutes in milliseconds.
    rtt_ms: Option<f64>,
    /// Loss over the same in percent.
    loss_pct: Option<f64>,
    /// When it last answered or delivered.
    last_seen: Option<Timestamp>,
}

/// Degrees, WGS84.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Place {
    lat: f64,
    lon: f64,
}

impl From<Location> for Place {
    fn from(location: Location) -> Self {
        Place { lat: location.lat, lon: location.lon }
    }
}

/// The sites in the order of the inventory.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Sites {
    /// The moment that this is about.
    as_of: Timestamp,
    /// The sites.
    sites: Vec<SiteRow>,
}

/// All sites, or those of a kind, a state, a region
#[utoipa::path(get, path = "/api/v1/sites", tag = "sites",
    params(
        ("kind" = Option<Kind>, Query, description = "Only of this kind"),
        ("state" = Option<SiteState>, Query, description = "Only in this state"),
        ("region" = Option<String>, Query, description = "Only in this region (Kemendagri code) or what lies in it")),
    responses(
        (status = 200, body = Sites),
        (status = 400, description = "A parameter is wrong", body = Problem),
        (status = 503, description = "Not judged yet", body = Problem)))]
pub(super) async fn sites(
    State(station): State<Arc<Station>>,
    mut params: Params,
) -> Result<Json<Sites>, Problem> {
    let kind = params.word("kind", &Kind::ALL.map(|kind| (kind.as_str(), kind)))?;
    let states =
        [SiteState::Up, SiteState::Degraded, SiteState::Down, SiteState::Unreachable, SiteState::Unknown];
    let state = params.word("state", &states.map(|state| (state.as_str(), state)))?;
    let region: Option<String> = params.take("region")?;
    params.done()?;
    let board = station.board()?;
    let latest = station.latest();
    let within = |site: &&Site| match &region {
        None => true,
        Some(code) => site.region.as_ref().is_some_and(|own| {
            own.as_str()
                .strip_prefix(code.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        }),
    };
    let chosen =
        board.inventory.network.sites.iter().filter(|site| kind.is_none_or(|kind| site.kind == kind));
    let rows = chosen.filter(within).map(|site| row(site, &board, latest.site(&site.id)));
    let sites = rows.filter(|row| state.is_none_or(|state| row.state == state)).collect();
    Ok(Json(Sites { as_of: board.as_of, sites }))
}

/// The row of a site.
pub(super) fn row(site: &Site, board: &Board, seen: Option<&SiteSeen>) -> SiteRow {
    let now = board.as_of;
    let judged = board.sites.get(&site.id);
    let current = judged.and_then(SiteNow::current);
    let gateway = &site.gateway().id;
    let (rtt_ms, loss_pct) = seen.map_or((None, None), |seen| seen.quality(&site.id, gateway, now));
    SiteRow {
        id: site.id.to_string(),
        name: site.name.clone(),
        kind: site.kind,
        region: site.region.as_ref().map(|code| code.as_str().to_owned()),
        location: site.location.map(Place::from),
        provider: site.provider.clone(),
        upstream: site.upstream.iter().map(SiteId::to_string).collect(),
        state: judged.map_or(SiteState::Unknown, SiteNow::state),
        since: current.map_or(now, |interval| interval.from),
        roots: current
            .map_or_else(Vec::new, |interval| interval.roots.iter().map(SiteId::to_string).collect()),
        reasons: judged.map_or_else(Vec::new, |judged| {
            reasons(site, judged, &board.inventory.network, board.inventory.network.language)
        }),
        maintenance: board.inventory.maintenance(&site.id).iter().any(|span| span.contains(now)),
        never_answered: judged.is_some_and(|judged| judged.never_answered),
        uptime_24h_pct: judged.and_then(|judged| uptime_24h(site, judged, board)),
        rtt_ms: rtt_ms.map(thousandths),
        loss_pct: loss_pct.map(thousandths),
        last_seen: seen.and_then(SiteSeen::last_seen),
    }
}

/// Why a site is degraded: what of it does not answer, and seen from where.
pub(super) fn reasons(site: &Site, judged: &SiteNow, network: &Network, language: Language) -> Vec<String> {
    if judged.state() != SiteState::Degraded {
        return Vec::new();
    }
    let name = |vantage: &Vantage| match vantage.site().and_then(|id| network.site(id)) {
        Some(from) if from.id == site.id => wording::Seen::FromThere(site.kind),
        Some(from) => wording::Seen::From(from.name.clone()),
        None => wording::Seen::FromTheCore,
    };
    let told = |against: &Against| {
        let target = match against.target {
            Some(position) => Some(site.targets.get(position as usize)?.id.as_str()),
            None => None,
        };
        // From the site itself its gateway is local evidence, which holds nothing against its connection.
        let counts = against.target != Some(0) || against.vantage.site() != Some(&site.id);
        counts.then(|| wording::unanswered(target, &name(&against.vantage), language))
    };
    judged.against.iter().filter_map(told).take(MOST_REASONS).collect()
}

fn uptime_24h(site: &Site, judged: &SiteNow, board: &Board) -> Option<f64> {
    let now = board.as_of;
    let day_ago = Timestamp::from_millis(now.as_millis() - TAIL_MS);
    let from = site.since.map_or(day_ago, |since| since.max(day_ago));
    let period = Span::new(from, now.max(from));
    let serving = service(site, &board.inventory.network.timezone, period);
    let maintenance = board.inventory.maintenance(&site.id);
    let figures = uptime_within(&judged.last_day(now), maintenance, &serving, site.settings.sla);
    figures.sums.uptime_pct().map(thousandths)
}

/// To three decimals: nobody reads more.
pub(super) fn thousandths(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
