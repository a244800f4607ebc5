//! The columns of a site, once: CSV and workbook print the same figures in the same order, as values, not as words.
//!
//! Rule guarded here: where too little was observed there is no uptime, but [`Value::NotEnough`].

use kentongan_model::time::Timestamp;
use kentongan_reports::SiteReport;

use crate::{strip::signs, voice::Voice, words::Words};

/// What stands in a cell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// What people wrote, or a word.
    Text(String),
    /// A percentage, unrounded.
    Percent(f64),
    /// A length in seconds.
    Seconds(f64),
    Count(u64),
    Moment(Timestamp),
    Flag(bool),
    /// Too little was observed to say.
    NotEnough,
    Nothing,
}

/// A column: its name for scripts, its title for people, what it holds of a site.
pub(crate) struct Column {
    pub(crate) key: &'static str,
    pub(crate) title: fn(&Words) -> &'static str,
    pub(crate) value: fn(&SiteReport, &Voice) -> Value,
}

const fn column(
    key: &'static str,
    title: fn(&Words) -> &'static str,
    value: fn(&SiteReport, &Voice) -> Value,
) -> Column {
    Column { key, title, value }
}

/// Every column.
pub(crate) static COLUMNS: [Column; 32] = [
    column("site", |w| w.site_id, |s, _| Value::Text(s.id.to_string())),
    column("name", |w| w.site, |s, _| Value::Text(s.name.clone())),
    column("kind", |w| w.kind, |s, v| Value::Text(v.words.kind(s.kind).to_owned())),
    column("kecamatan", |w| w.kecamatan, |s, _| text(s.kecamatan.as_ref())),
    column("provider", |w| w.provider, |s, _| text(s.provider.as_ref())),
    column("from", |w| w.from, |s, _| Value::Moment(s.period.from)),
    column("to", |w| w.to, |s, _| Value::Moment(s.period.to)),
    column("service_hours", |w| w.service_hours, |s, _| Value::Flag(s.service_hours)),
    column("enough", |w| w.enough, |s, _| Value::Flag(s.figures.enough)),
    column("uptime_pct", |w| w.uptime, |s, _| uptime(s, s.figures.uptime_pct)),
    column("own_uptime_pct", |w| w.own_uptime, |s, _| uptime(s, s.figures.own_uptime_pct)),
    column(
        "observed_pct",
        |w| w.observed,
        |s, _| s.figures.observed_pct.map_or(Value::Nothing, Value::Percent),
    ),
    column("sla_pct", |w| w.target, |s, _| Value::Percent(s.sla)),
    column("sla_met", |w| w.target_met, |s, _| s.sla_met.map_or(Value::NotEnough, Value::Flag)),
    column("outages", |w| w.outages, |s, _| Value::Count(s.figures.outages.into())),
    column("mttr_s", |w| w.mttr, |s, _| s.figures.mttr_s.map_or(Value::Nothing, Value::Seconds)),
    column(
        "mtbf_s",
        |w| w.mtbf,
        |s, _| s.figures.mtbf_s.filter(|_| s.figures.enough).map_or(Value::Nothing, Value::Seconds),
    ),
    column("longest_s", |w| w.longest, |s, _| Value::Seconds(s.figures.longest_s)),
    column("up_s", |w| w.up, |s, _| Value::Seconds(s.figures.up_s)),
    column("down_s", |w| w.down, |s, _| Value::Seconds(s.figures.down_s)),
    column("unreachable_s", |w| w.unreachable, |s, _| Value::Seconds(s.figures.unreachable_s)),
    column("unknown_s", |w| w.unknown, |s, _| Value::Seconds(s.figures.unknown_s)),
    column("maintenance_s", |w| w.maintenance, |s, _| Value::Seconds(s.figures.maintenance_s)),
    column("power_s", |w| w.power, |s, _| Value::Seconds(s.figures.causes.power_s)),
    column("link_s", |w| w.link, |s, _| Value::Seconds(s.figures.causes.link_s)),
    column("undetermined_s", |w| w.undetermined, |s, _| Value::Seconds(s.figures.causes.undetermined_s)),
    column(
        "contract_uptime_pct",
        |w| w.contract_uptime,
        |s, _| s.contract.as_ref().map_or(Value::Nothing, |contract| uptime(s, contract.uptime_pct)),
    ),
    column(
        "contract_met",
        |w| w.contract_met,
        |s, _| {
            s.contract
                .as_ref()
                .map_or(Value::Nothing, |contract| contract.met.map_or(Value::NotEnough, Value::Flag))
        },
    ),
    column(
        "contract_outages",
        |w| w.contract_outages,
        |s, _| s.contract.as_ref().map_or(Value::Nothing, |contract| Value::Count(contract.outages.into())),
    ),
    column(
        "contract_outage_s",
        |w| w.contract_outage,
        |s, _| s.contract.as_ref().map_or(Value::Nothing, |contract| Value::Seconds(contract.outage_s)),
    ),
    column(
        "contract_left_out",
        |w| w.left_out,
        |s, _| {
            s.contract
                .as_ref()
                .map_or(Value::Nothing, |contract| Value::Count(contract.left_out.len() as u64))
        },
    ),
    column("days", |w| w.days, |s, _| Value::Text(signs(&s.days))),
];

fn text(text: Option<&String>) -> Value {
    text.map_or(Value::Nothing, |text| Value::Text(text.clone()))
}

fn uptime(site: &SiteReport, percentage: Option<f64>) -> Value {
    percentage.filter(|_| site.figures.enough).map_or(Value::NotEnough, Value::Percent)
}
