//! What is observed of a made-up world, and what no world explains.

use super::*;

pub(super) fn rtts(dice: &mut Dice, answered: bool, sent: i64, bad: i64) -> Vec<u32> {
    if !answered {
        return Vec::new();
    }
    let count = if dice.chance(bad) { 1 + dice.below(sent) } else { sent };
    let slow = dice.chance(bad);
    (0..count)
        .map(|_| u32::try_from(if slow { 1_900 + dice.below(300) } else { 200 + dice.below(99) }).unwrap())
        .collect()
}

pub(super) fn observations(dice: &mut Dice, world: &World) -> Vec<Observation> {
    let mut all: Vec<Observation> = Vec::new();
    let bad = *dice.pick(&[0, 2, 15, 40]);
    let vantage = |from: Option<usize>| from.map_or("core", |k| &world.places[k].id).parse().unwrap();
    let mut probes: Vec<(Option<usize>, usize, usize)> = Vec::new();
    for (k, place) in world.places.iter().enumerate() {
        for n in 0..place.targets.len() {
            let mut from: Vec<Option<usize>> = vec![];
            from.extend(place.upstream.iter().filter(|up| world.places[**up].agent).map(|up| Some(*up)));
            if from.is_empty() || dice.chance(20) {
                from.push(None);
            }
            if place.agent {
                from.push(Some(k));
            }
            probes.extend(from.into_iter().map(|from| (from, k, n)));
        }
        if place.agent {
            probes.extend(place.upstream.iter().map(|up| (Some(k), *up, 0)));
        }
    }
    for (from, to, n) in probes {
        let place = &world.places[to];
        let jitter = dice.chance(50);
        let mut at = dice.below(place.interval / 5_000) * 5_000;
        while at < world.length {
            let alive = from.is_none_or(|from| world.powered(from, at));
            let running = from.is_some() || !during(&world.downtimes, at);
            if alive && running && !dice.chance(2) {
                let answered =
                    !place.deaf && world.reaches(from, to, at) && !(n > 0 && during(&place.cut, at));
                let target = format!("{}/{}", place.id, place.targets[n]).parse().unwrap();
                let rtts_us = rtts(dice, answered, 5, bad);
                all.push(Observation::Round(Round {
                    at: moment(at),
                    vantage: vantage(from),
                    target,
                    sent: 5,
                    rtts_us,
                }));
            }
            at += place.interval + if jitter { dice.below(300) - 150 } else { 0 };
        }
    }
    for k in 0..world.references {
        let mut at = dice.below(world.interval / 5_000) * 5_000;
        while at < world.length {
            if !during(&world.downtimes, at) {
                let rtts_us = rtts(dice, !during(&world.core_cut, at), 5, bad);
                let target = format!("reference/192.168.88.{}", k + 1).parse().unwrap();
                all.push(Observation::Round(Round {
                    at: moment(at),
                    vantage: vantage(None),
                    target,
                    sent: 5,
                    rtts_us,
                }));
            }
            at += world.interval;
        }
    }
    for (k, place) in world.places.iter().enumerate().filter(|(_, place)| place.agent) {
        let boots: Vec<i64> = place.dark.iter().map(|(_, to)| to + 4_000).chain([-90_000_000]).collect();
        let boot_at = |at: i64| boots.iter().copied().filter(|boot| *boot <= at).max().map(moment);
        let mut at = dice.below(place.report / 5_000) * 5_000;
        while at < world.length {
            if world.reaches_core(k, at) && !during(&world.downtimes, at) {
                let agent = place.id.parse().unwrap();
                all.push(Observation::Heartbeat(Heartbeat { at: moment(at), agent, boot_at: boot_at(at) }));
            }
            at +=
                place.report + if dice.chance(30) { dice.below(place.report) - place.report / 2 } else { 0 };
        }
    }
    for (k, place) in world.places.iter().enumerate().filter(|(_, place)| place.link) {
        let mut at = dice.below(60) * 1000;
        while at < world.length {
            if world.powered(k, at) {
                all.push(answer(dice, place, at, if during(&place.cut, at) { Oper::Down } else { Oper::Up }));
            }
            at += *dice.pick(&[60_000, 60_000, 240_000, 1_200_000]);
        }
    }
    for (from, to) in &world.downtimes {
        all.push(Observation::CollectorDown(Downtime { from: moment(*from), to: moment(*to) }));
    }
    all
}

pub(super) fn answer(dice: &mut Dice, place: &Place, at: i64, oper: Oper) -> Observation {
    let name = (!dice.chance(10)).then(|| "sfp1".to_owned());
    let alias = dice.chance(20).then(|| "sfp1".to_owned());
    let mut interfaces = vec![InterfaceState { name, alias, oper: (!dice.chance(10)).then_some(oper) }];
    if dice.chance(10) {
        interfaces.push(InterfaceState {
            name: Some("ether1".into()),
            alias: Some("sfp1".into()),
            oper: Some(Oper::Down),
        });
    }
    Observation::Snmp(SnmpAnswer {
        at: moment(at),
        vantage: if dice.chance(50) { "core".parse().unwrap() } else { place.id.parse().unwrap() },
        site: place.id.parse().unwrap(),
        target: place.targets[0].parse().unwrap(),
        boot_at: dice.chance(50).then(|| moment(at - dice.below(400_000))),
        interfaces,
    })
}

/// What no world explains: stretches that are missing, single rounds, contradictions, strangers.
pub(super) fn noise(dice: &mut Dice, world: &World, all: &mut Vec<Observation>) {
    if dice.chance(50) {
        for gap in spans(dice, world.length, 3, 20_000) {
            let victim = dice.below(7);
            all.retain(|observation| {
                let (at, kind) = match observation {
                    Observation::Round(round) => {
                        (round.at, i64::try_from(round.target.to_string().len() % 3).unwrap())
                    }
                    Observation::Heartbeat(heartbeat) => (heartbeat.at, 4),
                    Observation::Snmp(answer) => (answer.at, 5),
                    Observation::CollectorDown(_) => return true,
                };
                !(during(&[gap], at.as_millis() - START) && (kind == victim || victim == 6))
            });
        }
    }
    for _ in 0..dice.below(12) {
        let Some(Observation::Round(round)) =
            all.get(usize::try_from(dice.below(1 << 20)).unwrap() % all.len().max(1))
        else {
            continue;
        };
        let mut twin = round.clone();
        if dice.chance(50) {
            twin.at = moment(dice.below(world.length / 1000) * 1000);
        }
        twin.sent = u32::try_from(1 + dice.below(8)).unwrap();
        let answered = dice.chance(60);
        let sent = i64::from(twin.sent);
        twin.rtts_us = rtts(dice, answered, sent, 50);
        all.push(Observation::Round(twin));
    }
    for _ in 0..dice.below(4) {
        let vantage = if dice.chance(30) { "core".to_owned() } else { dice.pick(&world.places).id.clone() };
        let target = match dice.below(4) {
            0 => "reference/192.168.88.1".to_owned(),
            1 => "nowhere/gateway".to_owned(),
            _ => format!("{}/t0", dice.pick(&world.places).id),
        };
        let from = dice.below(world.length);
        let good = dice.chance(70);
        for k in 0..1 + dice.below(8) {
            let rtts_us = rtts(dice, good, 3, 10);
            let at = moment(from + k * 10_000);
            all.push(Observation::Round(Round {
                at,
                vantage: vantage.parse().unwrap(),
                target: target.parse().unwrap(),
                sent: 3,
                rtts_us,
            }));
        }
    }
}
