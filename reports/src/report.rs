//! The report as a value: what every format prints, and what the JSON of the API is.

use std::collections::BTreeMap;

use kentongan_model::{
    id::SiteId,
    state::{Cause, Kind},
    time::Timestamp,
};
use kentongan_timeline::Span;
use serde::{Deserialize, Serialize};

use crate::month::Month;

/// What one month was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What it was computed from.
    pub seal: Seal,
    /// The network's name.
    pub network: String,
    /// Who runs it.
    pub operator: Option<String>,
    /// The month.
    pub month: Month,
    /// The network's time zone, as IANA names it.
    pub timezone: String,
    /// The month [from, to), whole.
    pub period: Span,
    /// Until when it was known: the end of the month, or the moment of computing where that is earlier.
    pub as_of: Timestamp,
    /// How the sites are put together: `site`, `kecamatan`, `kind` or `provider`.
    pub by: String,
    /// The network as a whole.
    pub summary: GroupReport,
    /// The groups, worst uptime first, those without enough data last; empty by site.
    pub groups: Vec<GroupReport>,
    /// The ten sites with the lowest uptime, worst first, of those that have enough data.
    pub worst: Vec<SiteId>,
    /// Every site, sorted by kind, then id.
    pub sites: Vec<SiteReport>,
    /// What the contracts make of it, in the order of the inventory.
    pub contracts: Vec<ContractResult>,
}

/// What a report was computed from: enough to compute it again and to tell what has changed since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// When it was computed.
    pub made_at: Timestamp,
    /// The last entry of the journal that was judged by then.
    pub journal_position: i64,
    /// SHA-256 over the journal's entries up to there, in hexadecimal digits.
    pub journal_digest: String,
    /// SHA-256 of the inventory that was in force, in hexadecimal digits.
    pub inventory_digest: String,
    /// The version of the time zone data, such as `2026b`, or `unknown`.
    pub tzdata: String,
    /// The version of the program.
    pub version: String,
    /// SHA-256 over the figures, in hexadecimal digits.
    pub figures_digest: String,
}

/// The figures of a site or a group, as docs/domain.md defines them. Seconds to the millisecond, percentages unrounded.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Figures {
    /// Seconds up or degraded, outside maintenance.
    pub up_s: f64,
    /// Seconds down, outside maintenance.
    pub down_s: f64,
    /// Seconds unreachable, outside maintenance.
    pub unreachable_s: f64,
    /// Seconds unknown, outside maintenance.
    pub unknown_s: f64,
    /// Seconds under maintenance.
    pub maintenance_s: f64,
    /// What the village lived through; none without enough data.
    pub uptime_pct: Option<f64>,
    /// What this site alone is to blame for; none without enough data.
    pub own_uptime_pct: Option<f64>,
    /// How much of the period was observed.
    pub observed_pct: Option<f64>,
    /// Episodes of down or unreachable.
    pub outages: u32,
    /// Their mean length.
    pub mttr_s: Option<f64>,
    /// Seconds up for each.
    pub mtbf_s: Option<f64>,
    /// The longest.
    pub longest_s: f64,
    /// The seconds of outage by cause.
    pub causes: CauseSplit,
    /// Whether at least 90 % was observed. Without it a report prints no uptime, it says so instead.
    pub enough: bool,
}

/// Seconds of outage, outside maintenance, by the cause of the incident that they belong to.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct CauseSplit {
    /// Power was lost.
    pub power_s: f64,
    /// The link was cut.
    pub link_s: f64,
    /// Neither is proved.
    pub undetermined_s: f64,
}

/// Some sites together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupReport {
    /// Its key, such as `kecamatan:33.03.07`, or `network`.
    pub key: String,
    /// Its name, as people say it.
    pub name: String,
    /// How many sites belong to it.
    pub sites: usize,
    /// How many of them have enough data.
    pub sites_enough: usize,
    /// How many of those met what was promised for them.
    pub sites_met: usize,
    /// Their figures together: seconds summed, divided once.
    pub figures: Figures,
    /// The median of their uptimes.
    pub median_uptime_pct: Option<f64>,
    /// The uptime weighted with their populations.
    pub population_uptime_pct: Option<f64>,
    /// The site with the lowest uptime.
    pub worst_site: Option<SiteId>,
}

/// One site's month.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SiteReport {
    /// Its id.
    pub id: SiteId,
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: Kind,
    /// The kecamatan that it stands for or lies in.
    pub kecamatan: Option<String>,
    /// Who provides its link.
    pub provider: Option<String>,
    /// What of the month counts: cut to its `since` and to `as_of`.
    pub period: Span,
    /// Whether it has service hours, outside which nothing counts.
    pub service_hours: bool,
    /// Its figures.
    pub figures: Figures,
    /// The uptime that was promised, in percent.
    pub sla: f64,
    /// Whether it was met; none without enough data.
    pub sla_met: Option<bool>,
    /// Each day of the month, in order.
    pub days: Vec<Day>,
    /// Its outages, in order.
    pub outages: Vec<Outage>,
    /// What its contract counts; none without a contract.
    pub contract: Option<SiteContract>,
}

/// One day of one site: milliseconds in each state, which add up to what of the day counts. What is zero is not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Day {
    /// Up.
    #[serde(skip_serializing_if = "is_zero")]
    pub up_ms: i64,
    /// Degraded.
    #[serde(skip_serializing_if = "is_zero")]
    pub degraded_ms: i64,
    /// Down.
    #[serde(skip_serializing_if = "is_zero")]
    pub down_ms: i64,
    /// Unreachable.
    #[serde(skip_serializing_if = "is_zero")]
    pub unreachable_ms: i64,
    /// Unknown.
    #[serde(skip_serializing_if = "is_zero")]
    pub unknown_ms: i64,
    /// Under maintenance.
    #[serde(skip_serializing_if = "is_zero")]
    pub maintenance_ms: i64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(millis: &i64) -> bool {
    *millis == 0
}

/// An episode of down or unreachable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outage {
    /// From when to when, cut to the site's period.
    pub span: Span,
    /// From when to when all of it, also beyond the month; what lasts ends at `as_of` so far.
    pub whole: Span,
    /// What of it counts: outside maintenance, within service hours.
    pub counted_s: f64,
    /// Whose fault it was: the site itself, or the roots of the unreachable part.
    pub roots: Vec<SiteId>,
    /// Why, as far as evidence tells: `undetermined`, too, when parts of it have different causes.
    pub cause: Cause,
}

/// What a contract makes of one site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SiteContract {
    /// 100 × (observed − counted outage) / observed; none without enough data.
    pub uptime_pct: Option<f64>,
    /// Outages that count.
    pub outages: u32,
    /// Their seconds.
    pub outage_s: f64,
    /// Whether the target was met; none without enough data.
    pub met: Option<bool>,
    /// Outages that do not count, and the parts that do not of those that do, with why.
    pub left_out: Vec<Excluded>,
}

/// An outage that the contract does not count, or only in part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Excluded {
    /// Which.
    pub outage: Outage,
    /// Why.
    pub why: LeftOut,
    /// How many seconds of it are left out: of its `counted_s`, or all of `span` where nothing of that counts anyway.
    pub left_out_s: f64,
}

/// Why a contract does not count an outage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeftOut {
    /// It lies wholly under maintenance.
    Maintenance,
    /// It lies wholly outside service hours.
    OffHours,
    /// It is shorter than `min_outage`.
    Short,
    /// Its cause is not counted.
    Cause,
    /// The fault was at a site of another provider, or of none.
    Elsewhere,
}

/// What a contract makes of the month.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContractResult {
    /// Whose contract.
    pub provider: String,
    /// The uptime that was promised, in percent.
    pub target: f64,
    /// Outages shorter than this are not counted.
    pub min_outage_s: f64,
    /// Causes that are not counted.
    pub not_counted: Vec<Cause>,
    /// Percent of the month's price for each percent missed.
    pub restitution: Option<f64>,
    /// How many sites it covers.
    pub sites: usize,
    /// How many of them missed the target.
    pub sites_missed: usize,
    /// Over all its sites, seconds summed and divided once; none when too little was observed.
    pub uptime_pct: Option<f64>,
    /// What the villages lived through, beside it.
    pub lived_uptime_pct: Option<f64>,
    /// Whether the target was met; none without enough data.
    pub met: Option<bool>,
    /// What the provider gives back, in percent of the month's price; none when met, not agreed, or without enough data.
    pub restitution_pct: Option<f64>,
    /// Outages that were left out, wholly or in part, and the seconds left out, by why.
    pub left_out: BTreeMap<LeftOut, (u32, f64)>,
}
