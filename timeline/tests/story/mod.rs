//! Made-up networks and what was observed of them: rings, agents at several levels, cuts, power losses, a core that is
//! cut off, a collector that is down, silence, odd single rounds, doubled and contradictory lines.
//!
//! Times lie on a coarse grid more often than in life, so that things happen at the same millisecond.

use std::fmt::Write as _;

use kentongan_model::{
    observation::{Downtime, Heartbeat, InterfaceState, Observation, Oper, Round, SnmpAnswer},
    time::Timestamp,
};

/// SplitMix64: a story is known by its seed.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Dice(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// One of 0..n.
    pub(crate) fn below(&mut self, n: i64) -> i64 {
        (self.next() % n.cast_unsigned()).cast_signed()
    }

    fn chance(&mut self, percent: i64) -> bool {
        self.below(100) < percent
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[usize::try_from(self.below(i64::try_from(from.len()).unwrap())).unwrap()]
    }

    pub(crate) fn shuffle<T>(&mut self, list: &mut [T]) {
        for k in (1..list.len()).rev() {
            let other = usize::try_from(self.below(i64::try_from(k).unwrap() + 1)).unwrap();
            list.swap(k, other);
        }
    }
}

/// A network, what was observed, and now.
pub(crate) struct Story {
    pub(crate) inventory: String,
    pub(crate) observations: Vec<Observation>,
    pub(crate) until: Timestamp,
}

/// When the stories begin: 2026-11-01T00:00:00Z.
const START: i64 = 1_793_491_200_000;

fn moment(ms: i64) -> Timestamp {
    Timestamp::from_millis(START + ms)
}

struct Place {
    id: String,
    upstream: Vec<usize>,
    agent: bool,
    targets: Vec<String>,
    link: bool,
    interval: i64,
    report: i64,
    /// Cut off, without power: stretches in ms.
    cut: Vec<(i64, i64)>,
    dark: Vec<(i64, i64)>,
    deaf: bool,
}

struct World {
    places: Vec<Place>,
    references: usize,
    interval: i64,
    core_cut: Vec<(i64, i64)>,
    downtimes: Vec<(i64, i64)>,
    length: i64,
}

fn during(spans: &[(i64, i64)], at: i64) -> bool {
    spans.iter().any(|(from, to)| *from <= at && at < *to)
}

impl World {
    fn powered(&self, place: usize, at: i64) -> bool {
        !during(&self.places[place].dark, at)
    }

    /// Whether packets pass between a place and the core.
    fn reaches_core(&self, place: usize, at: i64) -> bool {
        let here = &self.places[place];
        let open = self.powered(place, at) && !during(&here.cut, at);
        open && (here.upstream.is_empty() && !during(&self.core_cut, at)
            || here.upstream.iter().any(|up| self.reaches_core(*up, at)))
    }

    /// Whether a probe from one place reaches another: both hang together, through the core or directly.
    fn reaches(&self, from: Option<usize>, to: usize, at: i64) -> bool {
        let Some(from) = from else { return self.reaches_core(to, at) };
        if from == to {
            return self.powered(to, at);
        }
        let adjacent = |low: usize, high: usize| {
            self.places[low].upstream.contains(&high)
                && !during(&self.places[low].cut, at)
                && self.powered(low, at)
                && self.powered(high, at)
        };
        adjacent(from, to) || adjacent(to, from) || self.reaches_core(from, at) && self.reaches_core(to, at)
    }
}

fn spans(dice: &mut Dice, length: i64, most: i64, grid: i64) -> Vec<(i64, i64)> {
    (0..dice.below(most + 1))
        .map(|_| {
            let from = dice.below(length / grid) * grid;
            let long = if dice.chance(30) { 40 } else { 10 };
            (from, from + (1 + dice.below(long)) * grid)
        })
        .collect()
}

/// Makes up a story.
pub(crate) fn story(seed: u64) -> Story {
    let mut dice = Dice::new(seed);
    let world = world(&mut dice);
    let (inventory, world) = inventory(&mut dice, world);
    let mut observations = observations(&mut dice, &world);
    noise(&mut dice, &world, &mut observations);
    let until = moment(world.length - dice.below(world.length / 4));
    Story { inventory, observations, until }
}

fn world(dice: &mut Dice) -> World {
    let length = (10 + dice.below(50)) * 60_000;
    let interval = *dice.pick(&[10_000, 20_000, 30_000]);
    let count = 2 + dice.below(6);
    let mut places: Vec<Place> = Vec::new();
    for k in 0..count {
        let mut upstream: Vec<usize> = Vec::new();
        if k > 0 && dice.chance(85) {
            let ways = 1 + i64::from(dice.chance(35)) + i64::from(dice.chance(10));
            for _ in 0..ways {
                let up = usize::try_from(dice.below(k)).unwrap();
                if !upstream.contains(&up) {
                    upstream.push(up);
                }
            }
        }
        let more = if dice.chance(35) { 1 + dice.below(2) } else { 0 };
        places.push(Place {
            id: format!("s{}", (k * 7 + 3) % 11),
            upstream,
            agent: dice.chance(55),
            targets: (0..=more).map(|n| format!("t{n}")).collect(),
            link: dice.chance(25),
            interval: if dice.chance(75) { interval } else { *dice.pick(&[10_000, 15_000, 40_000]) },
            report: *dice.pick(&[10_000, 10_000, 30_000, 15_001]),
            cut: spans(dice, length, 2, 15_000),
            dark: if dice.chance(40) { spans(dice, length, 1, 15_000) } else { vec![] },
            deaf: dice.chance(8),
        });
    }
    World {
        places,
        references: usize::try_from(*dice.pick(&[0, 0, 1, 2])).unwrap(),
        interval,
        core_cut: if dice.chance(40) { spans(dice, length, 2, 15_000) } else { vec![] },
        downtimes: if dice.chance(50) { spans(dice, length, 3, 20_000) } else { vec![] },
        length,
    }
}

fn inventory(dice: &mut Dice, world: World) -> (String, World) {
    let mut text = String::from("[network]\nname = \"Kabupaten Uji\"\n\n[defaults]\n");
    let (down_after, up_after) = (1 + dice.below(4), 1 + dice.below(4));
    writeln!(text, "interval = \"{}ms\"\nreport_interval = \"10s\"", world.interval).unwrap();
    writeln!(
        text,
        "down_after = {down_after}\nup_after = {up_after}\nloss_warn = {}",
        dice.pick(&[20, 40, 50])
    )
    .unwrap();
    if dice.chance(40) {
        writeln!(text, "rtt_warn = \"2ms\"").unwrap();
    }
    if world.references > 0 {
        let all: Vec<String> = (0..world.references).map(|k| format!("\"192.168.88.{}\"", k + 1)).collect();
        writeln!(text, "\n[core]\nreferences = [{}]", all.join(", ")).unwrap();
    }
    for (k, place) in world.places.iter().enumerate() {
        let kind = *dice.pick(&["backbone", "kecamatan", "desa", "hotspot", "hotspot"]);
        writeln!(
            text,
            "\n[[site]]\nid = \"{}\"\nname = \"S\"\nkind = \"{kind}\"\nagent = {}",
            place.id, place.agent
        )
        .unwrap();
        let ups: Vec<String> =
            place.upstream.iter().map(|up| format!("\"{}\"", world.places[*up].id)).collect();
        writeln!(text, "upstream = [{}]", ups.join(", ")).unwrap();
        writeln!(text, "interval = \"{}ms\"\nreport_interval = \"{}ms\"", place.interval, place.report)
            .unwrap();
        if dice.chance(30) {
            writeln!(text, "down_after = {}\nup_after = {}", 1 + dice.below(3), 1 + dice.below(3)).unwrap();
        }
        if dice.chance(25) {
            writeln!(text, "since = {}", moment(dice.below(world.length / 1000) * 1000)).unwrap();
        }
        if dice.chance(40) {
            writeln!(text, "population = {}", 100 + dice.below(900)).unwrap();
        }
        if dice.chance(40) {
            writeln!(text, "provider = \"{}\"", dice.pick(&["Icon+", "Telkom"])).unwrap();
        }
        if dice.chance(60) {
            writeln!(
                text,
                "region = \"{}\"",
                dice.pick(&["33.03", "33.03.07", "33.03.07.2012", "33.03.12.2001"])
            )
            .unwrap();
        }
        for (n, target) in place.targets.iter().enumerate() {
            writeln!(text, "\n[[site.target]]\nid = \"{target}\"\naddress = \"10.{k}.0.{}\"", n + 1).unwrap();
            if dice.chance(if n > 0 { 70 } else { 15 }) {
                writeln!(text, "role = \"ap\"").unwrap();
            }
            if n == 0 && place.link {
                let to = place.upstream.first().map(|up| format!(", to = \"{}\"", world.places[*up].id));
                writeln!(
                    text,
                    "snmp = \"r\"\nlinks = [{{ interface = \"sfp1\"{} }}]",
                    to.unwrap_or_default()
                )
                .unwrap();
            }
        }
    }
    if dice.chance(50) {
        for (from, to) in spans(dice, world.length, 3, 30_000) {
            let site = &dice.pick(&world.places).id;
            writeln!(
                text,
                "\n[[maintenance]]\nsite = \"{site}\"\nfrom = {}\nto = {}",
                moment(from),
                moment(to)
            )
            .unwrap();
        }
    }
    if world.places.iter().any(|place| place.link) {
        text.push_str("\n[snmp.r]\nversion = \"2c\"\ncommunity = { env = \"X\" }\n");
    }
    (text, world)
}

fn rtts(dice: &mut Dice, answered: bool, sent: i64, bad: i64) -> Vec<u32> {
    if !answered {
        return Vec::new();
    }
    let count = if dice.chance(bad) { 1 + dice.below(sent) } else { sent };
    let slow = dice.chance(bad);
    (0..count)
        .map(|_| u32::try_from(if slow { 1_900 + dice.below(300) } else { 200 + dice.below(99) }).unwrap())
        .collect()
}

fn observations(dice: &mut Dice, world: &World) -> Vec<Observation> {
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

fn answer(dice: &mut Dice, place: &Place, at: i64, oper: Oper) -> Observation {
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
fn noise(dice: &mut Dice, world: &World, all: &mut Vec<Observation>) {
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

/// An observation as a line of a log.
pub(crate) fn line(observation: &Observation) -> String {
    let time =
        |key: &str, at: Option<Timestamp>| at.map_or(String::new(), |at| format!(",\"{key}\":\"{at}\""));
    match observation {
        Observation::Round(round) => format!(
            r#"{{"at":"{}","vantage":"{}","type":"round","target":"{}","sent":{},"rtts_us":{:?}}}"#,
            round.at, round.vantage, round.target, round.sent, round.rtts_us
        ),
        Observation::Heartbeat(beat) => format!(
            r#"{{"at":"{}","vantage":"{}","type":"heartbeat"{}}}"#,
            beat.at,
            beat.agent,
            time("boot_at", beat.boot_at)
        ),
        Observation::Snmp(answer) => {
            let word = |key: &str, text: Option<&str>| text.map(|text| format!("\"{key}\":\"{text}\""));
            let interfaces = answer.interfaces.iter().map(|interface| {
                let oper = interface.oper.map(|oper| if oper == Oper::Up { "up" } else { "down" });
                let keys = [
                    word("name", interface.name.as_deref()),
                    word("alias", interface.alias.as_deref()),
                    word("oper", oper),
                ];
                format!("{{{}}}", keys.into_iter().flatten().collect::<Vec<_>>().join(","))
            });
            format!(
                r#"{{"at":"{}","vantage":"{}","type":"snmp","target":"{}/{}"{},"interfaces":[{}]}}"#,
                answer.at,
                answer.vantage,
                answer.site,
                answer.target,
                time("boot_at", answer.boot_at),
                interfaces.collect::<Vec<_>>().join(",")
            )
        }
        Observation::CollectorDown(down) => {
            format!(r#"{{"from":"{}","to":"{}","type":"collector_down"}}"#, down.from, down.to)
        }
    }
}

/// A log of these observations.
pub(crate) fn log(observations: &[Observation]) -> String {
    observations.iter().map(|observation| line(observation) + "\n").collect()
}
