//! What was measured last, for the eye: the latest rounds of each target, readings of links, signs of life of agents.
//!
//! Kept in memory only and made again from the end of the journal after a restart; no state or uptime depends on it.

use std::collections::{BTreeMap, HashMap, VecDeque};

use kentongan_model::{
    gauge::GaugeKind,
    id::{SiteId, Subject, TargetId, Vantage},
    inventory::Network,
    observation::Round,
    time::Timestamp,
    wire::InterfaceReading,
};

use crate::{gauges::PlacedGauge, influx::points::PlacedReading, unfold::Unfolded};

/// How far back the latest rounds reach.
pub(crate) const REACH_MS: i64 = 10 * 60 * 1000;
/// Rounds that are kept of one target from one vantage; the oldest goes.
const MOST_ROUNDS: usize = 120;
/// Gauges that are kept of one site; at that number those go that are older than [`GAUGES_LAST_MS`], and while there are
/// none, further ones are not shown. A full OLT has some 4,000.
const MOST_GAUGES: usize = 8_192;
/// How long a gauge that is not read any more is shown at least.
const GAUGES_LAST_MS: i64 = 3_600_000;
/// Between readings that lie further apart no rate is told.
const LONGEST_GAP_MS: i64 = 3_600_000;

/// A round, reduced to what is shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Seen {
    /// When.
    pub(crate) at: Timestamp,
    /// Probes sent.
    pub(crate) sent: u32,
    /// Probes answered.
    pub(crate) answered: u32,
    /// Median RTT in microseconds; none when no probe was answered.
    pub(crate) median_us: Option<f64>,
}

/// The latest rounds of one target from one vantage, in order.
pub(crate) type Rounds = VecDeque<Seen>;

/// What was read of a link last.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LinkSeen {
    /// When.
    pub(crate) at: Timestamp,
    /// What; names are those that were told last.
    pub(crate) reading: InterfaceReading,
    /// Bits a second into the interface since the reading before.
    pub(crate) in_bps: Option<f64>,
    /// Bits a second out of it.
    pub(crate) out_bps: Option<f64>,
}

/// What a gauge showed last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GaugeSeen {
    /// When.
    pub(crate) at: Timestamp,
    /// Who looked.
    pub(crate) vantage: Vantage,
    /// Its value, in thousandths of its kind's unit.
    pub(crate) value: i64,
}

/// Which gauge of a site: of which device (none is the agent's own router), what it says, and where.
pub(crate) type GaugeKey = (Option<TargetId>, GaugeKind, String);

/// The last sign of life of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AgentSeen {
    /// When its last delivery arrived.
    pub(crate) at: Timestamp,
    /// When its router booted.
    pub(crate) boot_at: Option<Timestamp>,
    /// Rounds that it has dropped, as told since the collector started.
    pub(crate) dropped_rounds: u64,
    /// Rounds that count for nothing, because nobody can say when they were, since the collector started.
    pub(crate) untrusted_rounds: u64,
}

/// What is known of one site.
#[derive(Debug, Clone, Default)]
pub(crate) struct SiteSeen {
    /// Rounds by target and vantage.
    pub(crate) rounds: BTreeMap<(TargetId, Vantage), Rounds>,
    /// Links by target and name in the inventory.
    pub(crate) links: BTreeMap<(TargetId, String), LinkSeen>,
    /// Gauges.
    pub(crate) gauges: BTreeMap<GaugeKey, GaugeSeen>,
    /// When targets booted, from their last SNMP answers.
    pub(crate) boots: BTreeMap<TargetId, Timestamp>,
    /// Its agent.
    pub(crate) agent: Option<AgentSeen>,
}

/// What is known of all sites.
#[derive(Debug, Default)]
pub(crate) struct Latest {
    sites: HashMap<SiteId, SiteSeen>,
    last_received: Option<Timestamp>,
}

impl Latest {
    /// Takes a delivery in. What the inventory does not have is left out, so that the memory is bounded by it.
    pub(crate) fn take(
        &mut self,
        network: &Network,
        received_at: Timestamp,
        unfolded: &Unfolded,
        gauges: &[PlacedGauge],
        dropped: u64,
    ) {
        self.last_received = self.last_received.max(Some(received_at));
        for round in &unfolded.rounds {
            let Subject::Target { site, target } = &round.target else { continue };
            if let Some(seen) = self.site_of(network, site, Some(target)) {
                note(seen.rounds.entry((target.clone(), round.vantage.clone())).or_default(), round);
            }
        }
        for answer in &unfolded.answers {
            if let Some(seen) = self.site_of(network, &answer.site, Some(&answer.target))
                && let Some(boot_at) = answer.boot_at
            {
                seen.boots.insert(answer.target.clone(), boot_at);
            }
        }
        for reading in &unfolded.readings {
            if let Some(seen) = self.site_of(network, &reading.site, Some(&reading.target)) {
                read(seen, reading);
            }
        }
        for gauge in gauges {
            if let Some(seen) = self.site_of(network, &gauge.site, gauge.target.as_ref()) {
                show(&mut seen.gauges, gauge);
            }
        }
        if let Some(heartbeat) = &unfolded.heartbeat
            && let Some(seen) = self.site_of(network, &heartbeat.agent, None)
        {
            let before = seen.agent.map_or((0, 0), |agent| (agent.dropped_rounds, agent.untrusted_rounds));
            if seen.agent.is_none_or(|agent| agent.at <= heartbeat.at) {
                let (at, boot_at) = (heartbeat.at, heartbeat.boot_at);
                let (dropped_rounds, untrusted_rounds) =
                    (before.0 + dropped, before.1 + unfolded.untrusted_rounds);
                seen.agent = Some(AgentSeen { at, boot_at, dropped_rounds, untrusted_rounds });
            }
        }
    }

    /// What is known of a site.
    pub(crate) fn site(&self, id: &SiteId) -> Option<&SiteSeen> {
        self.sites.get(id)
    }

    /// When the last delivery of all arrived.
    pub(crate) fn last_received(&self) -> Option<Timestamp> {
        self.last_received
    }

    /// Forgets what another inventory does not have.
    pub(crate) fn change_inventory(&mut self, network: &Network) {
        self.sites.retain(|id, seen| {
            let Some(site) = network.site(id) else { return false };
            let known = |target: &TargetId| site.targets.iter().any(|known| known.id == *target);
            seen.rounds.retain(|(target, _), _| known(target));
            seen.links.retain(|(target, _), _| known(target));
            seen.boots.retain(|target, _| known(target));
            seen.gauges.retain(|(target, ..), _| target.as_ref().is_none_or(known));
            true
        });
    }

    fn site_of(
        &mut self,
        network: &Network,
        id: &SiteId,
        target: Option<&TargetId>,
    ) -> Option<&mut SiteSeen> {
        let site = network.site(id)?;
        let known = target.is_none_or(|target| site.targets.iter().any(|known| known.id == *target));
        known.then(|| self.sites.entry(id.clone()).or_default())
    }
}

impl SiteSeen {
    /// When anything at the site last showed that it lives.
    pub(crate) fn last_seen(&self) -> Option<Timestamp> {
        let answered =
            self.rounds.values().flat_map(|rounds| rounds.iter().rev().find(|seen| seen.answered > 0));
        answered.map(|seen| seen.at).chain(self.agent.map(|agent| agent.at)).max()
    }

    /// Median RTT in milliseconds and loss in percent of the gateway in the rounds before `now` that reach back
    /// [`REACH_MS`]; as seen from outside where anybody looks from outside.
    pub(crate) fn quality(
        &self,
        site: &SiteId,
        gateway: &TargetId,
        now: Timestamp,
    ) -> (Option<f64>, Option<f64>) {
        let of_gateway = || self.rounds.iter().filter(|((target, _), _)| target == gateway);
        let outside = |vantage: &Vantage| vantage.site() != Some(site);
        let any_outside = of_gateway().any(|((_, vantage), _)| outside(vantage));
        let chosen = of_gateway().filter(|((_, vantage), _)| outside(vantage) == any_outside);
        let recent =
            chosen.flat_map(|(_, rounds)| rounds.iter()).filter(|seen| now.millis_since(seen.at) <= REACH_MS);
        summary(recent)
    }
}

/// Median of the medians in milliseconds, and loss in percent.
pub(crate) fn summary<'a>(rounds: impl Iterator<Item = &'a Seen>) -> (Option<f64>, Option<f64>) {
    let (mut medians, mut sent, mut answered) = (Vec::new(), 0_u32, 0_u32);
    for seen in rounds {
        medians.extend(seen.median_us);
        sent = sent.saturating_add(seen.sent);
        answered = answered.saturating_add(seen.answered);
    }
    medians.sort_by(f64::total_cmp);
    let loss = (sent > 0).then(|| 100.0 * f64::from(sent.saturating_sub(answered)) / f64::from(sent));
    (median(&medians).map(|us| us / 1000.0), loss)
}

/// The median of sorted numbers; of an even number of them the mean of the middle two.
pub(crate) fn median(sorted: &[f64]) -> Option<f64> {
    let upper = *sorted.get(sorted.len() / 2)?;
    Some(f64::midpoint(sorted[(sorted.len() - 1) / 2], upper))
}

impl From<&Round> for Seen {
    fn from(round: &Round) -> Self {
        let mut rtts: Vec<f64> = round.rtts_us.iter().map(|us| f64::from(*us)).collect();
        rtts.sort_by(f64::total_cmp);
        let answered = u32::try_from(rtts.len()).unwrap_or(u32::MAX);
        Seen { at: round.at, sent: round.sent, answered, median_us: median(&rtts) }
    }
}

fn note(rounds: &mut Rounds, round: &Round) {
    let place = rounds.partition_point(|seen| seen.at < round.at);
    if rounds.get(place).is_some_and(|seen| seen.at == round.at) {
        return;
    }
    rounds.insert(place, Seen::from(round));
    let newest = rounds.back().map_or(round.at, |seen| seen.at);
    while rounds.len() > MOST_ROUNDS
        || rounds.front().is_some_and(|seen| newest.millis_since(seen.at) > REACH_MS)
    {
        rounds.pop_front();
    }
}

fn read(seen: &mut SiteSeen, placed: &PlacedReading) {
    let key = (placed.target.clone(), placed.link.clone());
    let before = seen.links.get(&key).filter(|before| before.at < placed.at);
    if before.is_none() && seen.links.contains_key(&key) {
        return; // An older one that came late.
    }
    let mut reading = placed.interface.clone();
    let (mut in_bps, mut out_bps) = (None, None);
    if let Some(before) = before {
        reading.name = reading.name.or_else(|| before.reading.name.clone());
        reading.alias = reading.alias.or_else(|| before.reading.alias.clone());
        let length = placed.at.millis_since(before.at);
        let rate = |k: usize| rate(before.reading.counters[k]?, reading.counters[k]?, length);
        (in_bps, out_bps) = (rate(0), rate(1));
    }
    seen.links.insert(key, LinkSeen { at: placed.at, reading, in_bps, out_bps });
}

fn show(gauges: &mut BTreeMap<GaugeKey, GaugeSeen>, placed: &PlacedGauge) {
    let key = (placed.target.clone(), placed.label.kind, placed.label.place.clone());
    let known = gauges.get(&key);
    if known.is_some_and(|seen| seen.at >= placed.at) {
        return; // An older one that came late.
    }
    if known.is_none() && gauges.len() >= MOST_GAUGES {
        gauges.retain(|_, seen| placed.at.millis_since(seen.at) <= GAUGES_LAST_MS);
        if gauges.len() >= MOST_GAUGES {
            return;
        }
    }
    gauges.insert(key, GaugeSeen { at: placed.at, vantage: placed.vantage.clone(), value: placed.value });
}

/// Bits a second between two readings of a counter of octets; none when it was set back or they lie too far apart.
fn rate(before: u64, after: u64, length_ms: i64) -> Option<f64> {
    let octets = after.checked_sub(before).filter(|_| (1..=LONGEST_GAP_MS).contains(&length_ms))?;
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no more digits")]
    Some(octets as f64 * 8000.0 / length_ms as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(second: i64, rtts_us: &[u32]) -> Round {
        Round {
            at: Timestamp::from_millis(second * 1000),
            vantage: Vantage::Core,
            target: "a/gateway".parse().unwrap(),
            sent: 4,
            rtts_us: rtts_us.to_vec(),
        }
    }

    #[test]
    fn rounds_are_kept_in_order_once_each_and_not_for_long() {
        let mut rounds = Rounds::new();
        for second in [30, 10, 20, 20, 0] {
            note(&mut rounds, &round(second, &[second.unsigned_abs() as u32]));
        }
        let seconds: Vec<i64> = rounds.iter().map(|seen| seen.at.as_millis() / 1000).collect();
        assert_eq!(seconds, [0, 10, 20, 30]);
        note(&mut rounds, &round(625, &[]));
        assert_eq!(rounds.front().unwrap().at, Timestamp::from_millis(30_000));
        for second in 700..1000 {
            note(&mut rounds, &round(second, &[]));
        }
        assert_eq!(rounds.len(), MOST_ROUNDS);
    }

    #[test]
    fn of_a_gauge_the_newest_value_is_shown_and_at_the_limit_the_stale_ones_go() {
        let placed = |second: i64, place: String, value: i64| PlacedGauge {
            at: Timestamp::from_millis(second * 1000),
            vantage: Vantage::Core,
            site: "a".parse().unwrap(),
            target: None,
            label: kentongan_model::wire::Label { kind: GaugeKind::RxDbm, place },
            value,
        };
        let mut gauges = BTreeMap::new();
        for (second, value) in [(20, -21_400), (10, -3_000), (30, -21_500)] {
            show(&mut gauges, &placed(second, "pon0/1".to_owned(), value));
        }
        assert_eq!(gauges.values().map(|seen| seen.value).collect::<Vec<_>>(), [-21_500]);
        for n in 0..MOST_GAUGES + 5 {
            show(&mut gauges, &placed(40, format!("onu {n}"), 0));
        }
        assert_eq!(gauges.len(), MOST_GAUGES);
        show(&mut gauges, &placed(30 + GAUGES_LAST_MS / 1000 + 1, "onu baru".to_owned(), 0));
        assert_eq!(gauges.len(), MOST_GAUGES, "the one from second 30 went for it");
        assert!(!gauges.keys().any(|(_, _, place)| place == "pon0/1"));
    }

    #[test]
    fn loss_and_median_are_those_of_all_rounds_together() {
        let seen: Vec<Seen> = [round(1, &[1000, 3000, 2000, 9000]), round(2, &[]), round(3, &[500, 500])]
            .iter()
            .map(Seen::from)
            .collect();
        let (rtt, loss) = summary(seen.iter());
        assert_eq!(rtt, Some(1.5));
        assert_eq!(loss, Some(50.0));
        assert_eq!(summary([].iter()), (None, None));
    }

    #[test]
    fn a_counter_that_was_set_back_or_read_long_ago_gives_no_rate() {
        assert_eq!(rate(1000, 2000, 8000), Some(1000.0));
        assert_eq!(rate(2000, 1000, 8000), None);
        assert_eq!(rate(1000, 2000, 0), None);
        assert_eq!(rate(1000, 2000, LONGEST_GAP_MS + 1), None);
    }
}
