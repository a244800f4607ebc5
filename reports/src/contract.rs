//! What a contract counts of what the villages lived through.
//!
//! The rule guarded here: every outage that is left out is listed with why, and what is left out plus what is counted is
//! what was lived through.

use std::collections::BTreeMap;

use kentongan_model::{
    inventory::{Contract, Network, Site},
    state::State,
    time::millis,
};
use kentongan_timeline::{Sums, covered, group};

use crate::{
    figures::{Member, enough},
    outage::{Counting, Episode, Stretch, seconds},
    report::{ContractResult, Excluded, LeftOut, SiteContract},
};

/// A contract's view of one site, with the milliseconds that it counts.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) shown: SiteContract,
    pub(crate) outage_ms: i64,
}

/// What `contract` makes of a site's episodes.
pub(crate) fn judge(
    (contract, network): (&Contract, &Network),
    site: &Site,
    counting: &Counting,
    sums: &Sums,
    episodes: &[Episode<'_>],
) -> Judged {
    let (mut outages, mut outage_ms) = (0, 0);
    let mut left_out: Vec<Excluded> = Vec::new();
    let mut leave_out = |episode: &Episode<'_>, why, millis| {
        left_out.push(Excluded { outage: episode.shown(&site.id), why, left_out_s: seconds(millis) });
    };
    for episode in episodes {
        let lived_ms = episode.counted_ms();
        if lived_ms == 0 {
            let served = covered(&counting.service, episode.span) > 0;
            let why = if served { LeftOut::Maintenance } else { LeftOut::OffHours };
            leave_out(episode, why, episode.span.millis());
            continue;
        }
        if episode.whole.millis() < millis(contract.min_outage) {
            leave_out(episode, LeftOut::Short, lived_ms);
            continue;
        }
        let mut counted_ms = 0;
        let mut excused: BTreeMap<LeftOut, i64> = BTreeMap::new();
        for stretch in &episode.stretches {
            match excuse(stretch, contract, network) {
                None => counted_ms += stretch.counted_ms,
                Some(why) => *excused.entry(why).or_default() += stretch.counted_ms,
            }
        }
        outages += u32::from(counted_ms > 0);
        outage_ms += counted_ms;
        excused
            .into_iter()
            .filter(|(_, millis)| *millis > 0)
            .for_each(|(why, millis)| leave_out(episode, why, millis));
    }
    let uptime_pct = uptime(sums, outage_ms);
    let met = uptime_pct.map(|uptime| uptime >= contract.target);
    let shown = SiteContract { uptime_pct, outages, outage_s: seconds(outage_ms), met, left_out };
    Judged { shown, outage_ms }
}

/// Why a stretch that counts for the village does not count for the contract.
fn excuse(stretch: &Stretch<'_>, contract: &Contract, network: &Network) -> Option<LeftOut> {
    let unreachable = stretch.interval.state == State::Unreachable;
    let theirs =
        |root| network.site(root).and_then(|site| site.provider.as_ref()) == Some(&contract.provider);
    if unreachable && !stretch.interval.roots.iter().any(theirs) {
        return Some(LeftOut::Elsewhere);
    }
    contract.not_counted.contains(&stretch.cause).then_some(LeftOut::Cause)
}

/// 100 × (observed − counted outage) / observed; none without enough data.
fn uptime(sums: &Sums, outage_ms: i64) -> Option<f64> {
    let observed = sums.up_ms + sums.down_ms + sums.unreachable_ms;
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of thousands of years fit")]
    enough(sums).then(|| 100.0 * (observed - outage_ms) as f64 / observed as f64)
}

/// What a contract makes of all its sites together.
pub(crate) fn result(contract: &Contract, members: &[(&Member<'_>, &Judged)]) -> ContractResult {
    let sums = group(members.iter().map(|(member, _)| (member.site, &member.uptime))).sums;
    let outage_ms = members.iter().map(|(_, judged)| judged.outage_ms).sum();
    let uptime_pct = uptime(&sums, outage_ms);
    let met = uptime_pct.map(|uptime| uptime >= contract.target);
    let missed_by = uptime_pct.map(|uptime| contract.target - uptime).filter(|missed| *missed > 0.0);
    let mut left_out: BTreeMap<LeftOut, (u32, f64)> = BTreeMap::new();
    for excluded in members.iter().flat_map(|(_, judged)| &judged.shown.left_out) {
        let (count, seconds) = left_out.entry(excluded.why).or_default();
        *count += 1;
        *seconds += excluded.left_out_s;
    }
    ContractResult {
        provider: contract.provider.clone(),
        target: contract.target,
        min_outage_s: contract.min_outage.as_secs_f64(),
        not_counted: contract.not_counted.clone(),
        restitution: contract.restitution,
        sites: members.len(),
        sites_missed: members.iter().filter(|(_, judged)| judged.shown.met == Some(false)).count(),
        uptime_pct,
        lived_uptime_pct: sums.uptime_pct().filter(|_| enough(&sums)),
        met,
        restitution_pct: missed_by
            .zip(contract.restitution)
            .map(|(missed, restitution)| missed * restitution),
        left_out,
    }
}
