//! Unfolding: what an entry of the journal says, in the terms of the contract. Pure: the same entry with the same plan
//! is the same observations, however often it is read.

use kentongan_model::{
    id::{Subject, Vantage},
    observation::{Heartbeat, InterfaceState, Observation, Oper, Round, SnmpAnswer},
    time::Timestamp,
    wire::{Delivery, DeviceReading, GaugeReading, InterfaceReading},
};

use crate::{
    gauges::{Owner, Told},
    influx::points::PlacedReading,
    placing::{Placing, Trust},
    store::{
        plans::Contents,
        traces::{PlacedTrace, Walked},
    },
};

/// A delivery with its times placed and its indices resolved.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Unfolded {
    /// The sign of life that the delivery is; none from the core's own agent.
    pub(crate) heartbeat: Option<Heartbeat>,
    /// Rounds.
    pub(crate) rounds: Vec<Round>,
    /// Answered SNMP polls.
    pub(crate) answers: Vec<SnmpAnswer>,
    /// The interfaces in those answers, with all that was read of them.
    pub(crate) readings: Vec<PlacedReading>,
    /// Values of gauges; what they are may have been said before.
    pub(crate) gauges: Vec<Told>,
    /// Ways to targets that had gone down.
    pub(crate) traces: Vec<PlacedTrace>,
    /// Rounds that are in none of these, because nobody can say when they were.
    pub(crate) untrusted_rounds: u64,
}

impl Unfolded {
    /// What the timeline is told.
    pub(crate) fn into_observations(self) -> impl Iterator<Item = Observation> {
        let heartbeat = self.heartbeat.into_iter().map(Observation::Heartbeat);
        let rounds = self.rounds.into_iter().map(Observation::Round);
        heartbeat.chain(rounds).chain(self.answers.into_iter().map(Observation::Snmp))
    }
}

/// What is wrong with a batch in the light of its plan; none when all its indices lead somewhere.
pub(crate) fn fault(delivery: &Delivery, plan: &Contents) -> Option<String> {
    let batch = &delivery.batch;
    if let Some(round) = batch.rounds.iter().find(|round| usize::from(round.target) >= plan.targets.len()) {
        return Some(format!(
            "a round is of target {}, and its plan has {}",
            round.target,
            plan.targets.len()
        ));
    }
    if let Some(trace) = batch.traces.iter().find(|trace| usize::from(trace.target) >= plan.targets.len()) {
        return Some(format!(
            "a trace is of target {}, and its plan has {}",
            trace.target,
            plan.targets.len()
        ));
    }
    let devices = batch.gauges.iter().filter_map(|reading| reading.device);
    if let Some(device) = devices.into_iter().find(|device| usize::from(*device) >= plan.devices.len()) {
        return Some(format!("gauges are of device {device}, and its plan has {}", plan.devices.len()));
    }
    batch.readings.iter().find_map(|reading| match plan.devices.get(usize::from(reading.device)) {
        None => Some(format!(
            "a reading is of device {}, and its plan has {}",
            reading.device,
            plan.devices.len()
        )),
        Some(device) => {
            let beyond =
                reading.interfaces.iter().find(|read| usize::from(read.link) >= device.links.len())?;
            Some(format!(
                "a reading is of link {} of {}, which has {}",
                beyond.link,
                device.subject,
                device.links.len()
            ))
        }
    })
}

/// Unfolds a delivery that is placed so. What its plan does not have is left out (ingest refuses such a batch), and of
/// what cannot be placed only the sign of life is left.
pub(crate) fn unfold(delivery: &Delivery, placing: &Placing, plan: &Contents) -> Unfolded {
    let agent = &delivery.batch.agent;
    let heartbeat = agent.site().map(|site| Heartbeat {
        at: placing.received_at,
        agent: site.clone(),
        boot_at: placing.boot_at,
    });
    if placing.trust == Trust::Untrusted {
        let untrusted_rounds = delivery.batch.rounds.len() as u64;
        return Unfolded { heartbeat, untrusted_rounds, ..Unfolded::default() };
    }
    let rounds = delivery.batch.rounds.iter().filter_map(|round| {
        Some(Round {
            at: placing.at(round.mono_ms),
            vantage: agent.clone(),
            target: plan.targets.get(usize::from(round.target))?.clone(),
            sent: u32::from(round.sent),
            rtts_us: round.rtts_us.clone(),
        })
    });
    let mut answers = Vec::new();
    let mut readings = Vec::new();
    for reading in &delivery.batch.readings {
        if let Some((answer, interfaces)) = answer(reading, placing.at(reading.mono_ms), agent, plan) {
            answers.push(answer);
            readings.extend(interfaces);
        }
    }
    let gauges = delivery.batch.gauges.iter().flat_map(|reading| {
        let (at, owner) = (placing.at(reading.mono_ms), owner(reading, agent, plan));
        reading.gauges.iter().filter_map(move |gauge| {
            let (number, label, value) = (gauge.number, gauge.label.clone(), gauge.value);
            Some(Told { at, owner: owner.clone()?, number, label, value })
        })
    });
    let traces = delivery.batch.traces.iter().filter_map(|trace| {
        let hops = trace.hops.iter().map(|hop| hop.address.map(|address| (address, hop.rtt_us)));
        Some(PlacedTrace {
            at: placing.at(trace.mono_ms),
            vantage: agent.clone(),
            target: plan.targets.get(usize::from(trace.target))?.clone(),
            walked: Walked { reached: trace.reached, hops: hops.collect() },
        })
    });
    Unfolded {
        heartbeat,
        rounds: rounds.collect(),
        gauges: gauges.collect(),
        traces: traces.collect(),
        answers,
        readings,
        untrusted_rounds: 0,
    }
}

/// Whose gauges they are; nobody's are those of the machine at the core, which is no site.
fn owner(reading: &GaugeReading, agent: &Vantage, plan: &Contents) -> Option<Owner> {
    let Some(device) = reading.device else {
        return agent.site().map(|site| Owner { site: site.clone(), target: None });
    };
    match &plan.devices.get(usize::from(device))?.subject {
        Subject::Target { site, target } => Some(Owner { site: site.clone(), target: Some(target.clone()) }),
        Subject::Reference(_) => None,
    }
}

fn answer(
    reading: &DeviceReading,
    at: Timestamp,
    vantage: &Vantage,
    plan: &Contents,
) -> Option<(SnmpAnswer, Vec<PlacedReading>)> {
    let device = plan.devices.get(usize::from(reading.device))?;
    let Subject::Target { site, target } = &device.subject else { return None };
    let read = |interface: &InterfaceReading| {
        let link = device.links.get(usize::from(interface.link))?;
        let placed = PlacedReading {
            at,
            vantage: vantage.clone(),
            site: site.clone(),
            target: target.clone(),
            link: link.clone(),
            interface: interface.clone(),
        };
        Some(placed)
    };
    let readings: Vec<PlacedReading> = reading.interfaces.iter().filter_map(read).collect();
    // A reading is of the interface that the inventory means by the link's name, whether that is its ifName or its
    // ifAlias; the agent tells the two only when they are new.
    let state = |read: &PlacedReading| InterfaceState {
        name: Some(read.link.clone()),
        alias: read.interface.alias.clone(),
        oper: read.interface.oper_status.and_then(oper),
    };
    let boot_at = reading.uptime_cs.map(|cs| at - std::time::Duration::from_millis(u64::from(cs) * 10));
    let interfaces = readings.iter().map(state).collect();
    let answer = SnmpAnswer {
        at,
        vantage: vantage.clone(),
        site: site.clone(),
        target: target.clone(),
        boot_at,
        interfaces,
    };
    Some((answer, readings))
}

/// ifOperStatus of RFC 2863: 1 is up; 3 (testing) and 4 (unknown) do not tell; all else is down.
fn oper(status: u8) -> Option<Oper> {
    match status {
        1 => Some(Oper::Up),
        3 | 4 => None,
        _ => Some(Oper::Down),
    }
}

#[cfg(test)]
mod tests {
    use kentongan_model::{
        gauge::GaugeKind,
        plan::PlanRevision,
        time::{BootId, Stamp},
        wire::{Batch, Gauge, Hop, Label, MeasuredRound, Trace},
    };

    use super::*;
    use crate::store::plans::Device;

    fn plan() -> Contents {
        let router: Subject = "kec-a/router".parse().unwrap();
        let device = Device { subject: router.clone(), links: vec!["sfp1".to_owned()] };
        Contents { targets: vec![router, "reference/10.0.0.1".parse().unwrap()], devices: vec![device] }
    }

    fn gauges(device: Option<u16>) -> GaugeReading {
        let label = Some(Label { kind: GaugeKind::Load, place: String::new() });
        GaugeReading { device, mono_ms: 57_000, gauges: vec![Gauge { number: 3, label, value: 250 }] }
    }

    fn delivery(agent: &str) -> Delivery {
        let answered = Hop { address: Some([10, 0, 0, 9].into()), rtt_us: 900 };
        let hops = vec![answered, Hop { address: None, rtt_us: 0 }];
        let trace = Trace { target: 0, mono_ms: 58_000, reached: false, hops };
        let stamp = Stamp { boot: BootId(1), mono_ms: 60_000, wall: Timestamp::default() };
        let round = MeasuredRound { target: 1, mono_ms: 50_000, sent: 3, rtts_us: vec![7, 9] };
        let interface = InterfaceReading { link: 0, oper_status: Some(7), ..InterfaceReading::default() };
        let reading =
            DeviceReading { device: 0, mono_ms: 55_000, uptime_cs: Some(300), interfaces: vec![interface] };
        let batch = Batch {
            agent: agent.parse().unwrap(),
            series: 1,
            sequence: 1,
            sealed: stamp,
            plan: PlanRevision(0),
            dropped_rounds: 0,
            rounds: vec![round],
            readings: vec![reading],
            gauges: vec![gauges(None), gauges(Some(0))],
            traces: vec![trace],
        };
        Delivery { sent: stamp, batch }
    }

    #[test]
    fn a_delivery_becomes_a_heartbeat_its_rounds_and_its_answers() {
        let received_at = Timestamp::from_millis(1_000_000);
        let delivery = delivery("kec-a");
        let unfolded = unfold(&delivery, &Placing::alone(&delivery, received_at), &plan());
        let heartbeat = unfolded.heartbeat.clone().unwrap();
        assert_eq!((heartbeat.at, heartbeat.boot_at), (received_at, Some(Timestamp::from_millis(940_000))));
        assert_eq!(unfolded.rounds[0].at, Timestamp::from_millis(990_000));
        assert_eq!(unfolded.rounds[0].target.to_string(), "reference/10.0.0.1");
        let answer = &unfolded.answers[0];
        assert_eq!(answer.at, Timestamp::from_millis(995_000));
        assert_eq!(answer.boot_at, Some(Timestamp::from_millis(992_000)));
        assert_eq!(answer.interfaces[0].name.as_deref(), Some("sfp1"));
        assert_eq!(answer.interfaces[0].oper, Some(Oper::Down));
        assert_eq!(unfolded.into_observations().count(), 3);
    }

    #[test]
    fn gauges_belong_to_the_agents_site_or_to_a_device_and_a_way_to_its_target() {
        let owners = |agent: &str| {
            let delivery = delivery(agent);
            let unfolded =
                unfold(&delivery, &Placing::alone(&delivery, Timestamp::from_millis(1_000_000)), &plan());
            assert_eq!(unfolded.traces[0].at, Timestamp::from_millis(998_000));
            assert_eq!(unfolded.traces[0].target.to_string(), "kec-a/router");
            assert_eq!(unfolded.traces[0].walked.hops, [Some(([10, 0, 0, 9].into(), 900)), None]);
            assert!(unfolded.gauges.iter().all(|told| told.at == Timestamp::from_millis(997_000)));
            let owner =
                |told: Told| (told.owner.site.to_string(), told.owner.target.map(|it| it.to_string()));
            unfolded.gauges.into_iter().map(owner).collect::<Vec<_>>()
        };
        let device = ("kec-a".to_owned(), Some("router".to_owned()));
        assert_eq!(owners("kec-a"), [("kec-a".to_owned(), None), device.clone()]);
        assert_eq!(owners("core"), [device], "the machine at the core is no site");
    }

    #[test]
    fn the_cores_own_agent_has_no_heartbeat() {
        let delivery = delivery("core");
        let placing = Placing::alone(&delivery, Timestamp::default());
        assert_eq!(unfold(&delivery, &placing, &plan()).heartbeat, None);
    }

    #[test]
    fn of_a_delivery_that_cannot_be_placed_the_sign_of_life_is_left_and_its_rounds_are_counted() {
        let delivery = delivery("kec-a");
        let placing = Placing {
            trust: Trust::Untrusted,
            boot_at: None,
            ..Placing::alone(&delivery, Timestamp::from_millis(1_000_000))
        };
        let unfolded = unfold(&delivery, &placing, &plan());
        assert_eq!((unfolded.untrusted_rounds, unfolded.readings.len()), (1, 0));
        assert_eq!((unfolded.gauges.len(), unfolded.traces.len()), (0, 0));
        let told: Vec<Observation> = unfolded.into_observations().collect();
        let [Observation::Heartbeat(beat)] = &told[..] else { panic!("{told:?}") };
        assert_eq!((beat.at, beat.boot_at), (Timestamp::from_millis(1_000_000), None));
    }

    #[test]
    fn indices_that_lead_nowhere_are_told() {
        assert_eq!(fault(&delivery("kec-a"), &plan()), None);
        let mut few = plan();
        few.targets.pop();
        assert_eq!(fault(&delivery("kec-a"), &few).unwrap(), "a round is of target 1, and its plan has 1");
        let mut bare = plan();
        bare.devices[0].links.clear();
        assert_eq!(
            fault(&delivery("kec-a"), &bare).unwrap(),
            "a reading is of link 0 of kec-a/router, which has 0"
        );
        let mut lost = delivery("kec-a");
        lost.batch.traces[0].target = 2;
        assert_eq!(fault(&lost, &plan()).unwrap(), "a trace is of target 2, and its plan has 2");
        lost.batch.traces.clear();
        lost.batch.gauges[1].device = Some(1);
        assert_eq!(fault(&lost, &plan()).unwrap(), "gauges are of device 1, and its plan has 1");
        let mut none = plan();
        none.devices.clear();
        let mut bare = delivery("kec-a");
        bare.batch.gauges.clear();
        assert_eq!(fault(&bare, &none).unwrap(), "a reading is of device 0, and its plan has 0");
    }
}
