//! RTT and loss of a target over a period, from the journal, in steps.
//!
//! Long periods of large networks are a matter for the metric store: one question reads [`MOST_BYTES`] of the journal
//! at most, and says so when that was not enough.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State};
use kentongan_model::{
    id::{Subject, TargetId, Vantage},
    inventory::{Network, Site},
    time::Timestamp,
};
use serde::Serialize;

use super::{
    params::{Named, Params},
    site::find,
    sites::thousandths,
};
use crate::{
    latest::{Seen, median},
    problem::Problem,
    reader::Reader,
    station::Station,
};

/// The length of a period that is not told, in seconds.
const A_DAY: u64 = 86_400;
/// Steps in one answer at most.
const MOST_STEPS: i64 = 2000;
/// Steps in an answer when their length is not told.
const STEPS: i64 = 300;
/// Bytes of deliveries that one question reads at most.
const MOST_BYTES: usize = 32 << 20;
/// The longest period, in seconds.
const LONGEST: i64 = 31 * 86_400;

/// RTT and loss of a target.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Series {
    /// The site.
    site: String,
    /// The target.
    target: String,
    /// The beginning of the period.
    from: Timestamp,
    /// Its end.
    to: Timestamp,
    /// The length of a step in seconds.
    step_s: i64,
    /// What each vantage measured.
    series: Vec<VantageSeries>,
    /// Whether the period holds more than one question reads; ask for a shorter one.
    cut: bool,
}

/// What one vantage measured.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct VantageSeries {
    /// Who probed.
    vantage: String,
    /// Steps in which anything was measured.
    points: Vec<SeriesPoint>,
}

/// What was measured in one step.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct SeriesPoint {
    /// Where the step begins.
    at: Timestamp,
    /// Lowest RTT in milliseconds.
    rtt_min_ms: Option<f64>,
    /// Median of the rounds' medians.
    rtt_median_ms: Option<f64>,
    /// Highest RTT.
    rtt_max_ms: Option<f64>,
    /// Loss in percent.
    loss_pct: f64,
    /// Probes sent.
    sent: u32,
}

#[derive(Debug, Default)]
struct Bucket {
    medians: Vec<f64>,
    min_us: Option<u32>,
    max_us: Option<u32>,
    sent: u32,
    answered: u32,
}

/// RTT and loss of a target over a period
#[utoipa::path(get, path = "/api/v1/sites/{id}/series", tag = "sites",
    params(
        ("id" = String, Path, description = "The site"),
        ("target" = Option<String>, Query, description = "The target; the gateway when missing"),
        ("from" = Option<Timestamp>, Query, description = "Beginning; a day before `to` when missing"),
        ("to" = Option<Timestamp>, Query, description = "End; now when missing"),
        ("step" = Option<i64>, Query, description = "Seconds in a step; so that there are about 300 when missing")),
    responses(
        (status = 200, body = Series),
        (status = 400, description = "A parameter is wrong", body = Problem),
        (status = 404, description = "The inventory has no such site or target", body = Problem)))]
pub(super) async fn series(
    State(station): State<Arc<Station>>,
    Named(id): Named,
    mut params: Params,
) -> Result<Json<Series>, Problem> {
    let inventory = station.shelf.current();
    let (from, to) = params.period(station.clock.now(), A_DAY)?;
    let length = to.millis_since(from).div_euclid(1000) + 1;
    if length > LONGEST + 1 {
        return Err(Problem::parameter(
            "from",
            "the period is 31 days long at most; the metric store has more",
        ));
    }
    let least = (length / MOST_STEPS).max(1);
    let step_s = params.number("step", (length / STEPS).max(1), least, LONGEST)?;
    let target: Option<TargetId> = params.take("target")?;
    params.done()?;
    let site = find(&inventory.network, &id)?;
    let target = target.unwrap_or_else(|| site.gateway().id.clone());
    if !site.targets.iter().any(|known| known.id == target) {
        return Err(Problem::not_found(format!(
            "{id} has no target '{target}'; /api/v1/sites/{id} lists them"
        )));
    }
    let subject = Subject::Target { site: site.id.clone(), target: target.clone() };
    let vantages = watchers(&inventory.network, site);
    let mut reader = Reader::new(station.journal.clone(), Arc::clone(&station.metrics));
    let (series, cut) = station
        .journal
        .ask(move |_| {
            let (mut budget, mut series) = (MOST_BYTES, Vec::new());
            for vantage in vantages {
                let buckets = measure(&mut reader, &vantage, &subject, (from, to), step_s, &mut budget)?;
                if !buckets.is_empty() {
                    let points = buckets.into_iter().map(|(at, bucket)| bucket.point(at)).collect();
                    series.push(VantageSeries { vantage: vantage.to_string(), points });
                }
            }
            Ok((series, budget == 0))
        })
        .await?;
    Ok(Json(Series { site: id, target: target.to_string(), from, to, step_s, series, cut }))
}

/// Who may have probed a site: the core, its own agent, the agents above and right below, whom it names.
fn watchers(network: &Network, site: &Site) -> Vec<Vantage> {
    let mut found = std::collections::BTreeSet::from([Vantage::Core]);
    found.extend(site.observed_by.iter().flatten().cloned());
    let mut above = vec![site];
    let mut visited = std::collections::BTreeSet::new();
    while let Some(site) = above.pop() {
        if visited.insert(&site.id) {
            found.extend(site.agent.then(|| Vantage::Site(site.id.clone())));
            above.extend(site.upstream.iter().filter_map(|id| network.site(id)));
        }
    }
    let below = network.sites.iter().filter(|other| other.agent && other.upstream.contains(&site.id));
    found.extend(below.map(|site| Vantage::Site(site.id.clone())));
    found.into_iter().collect()
}

fn measure(
    reader: &mut Reader,
    vantage: &Vantage,
    subject: &Subject,
    (from, to): (Timestamp, Timestamp),
    step_s: i64,
    budget: &mut usize,
) -> Result<BTreeMap<Timestamp, Bucket>, crate::StoreError> {
    let mut buckets: BTreeMap<Timestamp, Bucket> = BTreeMap::new();
    reader.between(vantage, (from, to), |read, bytes| {
        *budget = budget.saturating_sub(bytes);
        let rounds = read.unfolded.into_iter().flat_map(|unfolded| unfolded.rounds);
        for round in rounds.filter(|round| round.target == *subject && from <= round.at && round.at < to) {
            let step = round.at.millis_since(from).div_euclid(step_s * 1000);
            let at = Timestamp::from_millis(from.as_millis() + step * step_s * 1000);
            buckets.entry(at).or_default().take(&round);
        }
        *budget > 0
    })?;
    Ok(buckets)
}

impl Bucket {
    fn take(&mut self, round: &kentongan_model::observation::Round) {
        let seen = Seen::from(round);
        self.medians.extend(seen.median_us);
        self.min_us = self.min_us.into_iter().chain(round.rtts_us.iter().copied()).min();
        self.max_us = self.max_us.max(round.rtts_us.iter().copied().max());
        self.sent = self.sent.saturating_add(seen.sent);
        self.answered = self.answered.saturating_add(seen.answered);
    }

    fn point(mut self, at: Timestamp) -> SeriesPoint {
        self.medians.sort_by(f64::total_cmp);
        let millis = |us: f64| thousandths(us / 1000.0);
        let lost = f64::from(self.sent.saturating_sub(self.answered));
        SeriesPoint {
            at,
            rtt_min_ms: self.min_us.map(|us| millis(us.into())),
            rtt_median_ms: median(&self.medians).map(millis),
            rtt_max_ms: self.max_us.map(|us| millis(us.into())),
            loss_pct: thousandths(100.0 * lost / f64::from(self.sent.max(1))),
            sent: self.sent,
        }
    }
}
