//! Figures as a report shows them, made of what the timeline computes.
//!
//! The rules guarded here: seconds and percentages are those of `kentongan_timeline`, never computed a second way; a
//! month without enough data gives no uptime.

use kentongan_model::{id::SiteId, inventory::Site};
use kentongan_timeline::{GroupUptime, Sums, Uptime, group};

use crate::{
    outage::{Split, seconds},
    report::{Figures, GroupReport},
};

/// What of a period has to be observed for a verdict, in percent; the same as for `sla_met`.
const ENOUGH_PCT: f64 = 90.0;

/// Whether enough was observed for a verdict.
pub(crate) fn enough(sums: &Sums) -> bool {
    sums.observed_pct().is_some_and(|observed| observed >= ENOUGH_PCT)
}

/// The figures of a site.
pub(crate) fn figures(uptime: &Uptime, causes: Split) -> Figures {
    let (sums, enough) = (uptime.sums, enough(&uptime.sums));
    Figures {
        up_s: seconds(sums.up_ms),
        down_s: seconds(sums.down_ms),
        unreachable_s: seconds(sums.unreachable_ms),
        unknown_s: seconds(sums.unknown_ms),
        maintenance_s: seconds(sums.maintenance_ms),
        uptime_pct: sums.uptime_pct().filter(|_| enough),
        own_uptime_pct: sums.own_uptime_pct().filter(|_| enough),
        observed_pct: sums.observed_pct(),
        outages: uptime.outages,
        mttr_s: uptime.mttr_s(),
        mtbf_s: uptime.mtbf_s(),
        longest_s: seconds(uptime.longest_ms),
        causes: causes.into(),
        enough,
    }
}

/// One site's part of a group.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member<'a> {
    pub(crate) site: &'a Site,
    pub(crate) uptime: Uptime,
    pub(crate) causes: Split,
}

/// The report of some sites together. Median, worst site and the weighted uptime are those of the sites with enough
/// data.
pub(crate) fn group_report(key: String, name: String, members: &[&Member<'_>]) -> GroupReport {
    let all = group(members.iter().map(|member| (member.site, &member.uptime)));
    let known: Vec<_> = members.iter().filter(|member| enough(&member.uptime.sums)).collect();
    let of_known = group(known.iter().map(|member| (member.site, &member.uptime)));
    let mut causes = Split::default();
    members.iter().for_each(|member| causes += member.causes);
    let met = known.iter().filter(|member| member.uptime.sla_met() == Some(true)).count();
    GroupReport {
        key,
        name,
        sites: all.sites,
        sites_enough: known.len(),
        sites_met: met,
        figures: figures(&together(&all, members), causes),
        median_uptime_pct: of_known.median_uptime_pct,
        population_uptime_pct: of_known.population_uptime_pct,
        worst_site: of_known.worst_site,
    }
}

/// The sums of a group with its outages counted.
fn together(all: &GroupUptime, members: &[&Member<'_>]) -> Uptime {
    Uptime {
        sums: all.sums,
        outages: members.iter().map(|member| member.uptime.outages).sum(),
        longest_ms: members.iter().map(|member| member.uptime.longest_ms).max().unwrap_or(0),
        sla_pct: 0.0,
    }
}

/// The ten with the lowest uptime of those that have enough data, worst first, by id where several have the same.
pub(crate) fn worst(members: &[Member<'_>]) -> Vec<SiteId> {
    const TEN: usize = 10;
    let mut known: Vec<(f64, &SiteId)> = members
        .iter()
        .filter(|member| enough(&member.uptime.sums))
        .filter_map(|member| Some((member.uptime.sums.uptime_pct()?, &member.site.id)))
        .collect();
    known.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(b.1)));
    known.into_iter().take(TEN).map(|(_, id)| id.clone()).collect()
}
