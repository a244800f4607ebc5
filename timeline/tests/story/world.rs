//! A made-up network, and what befalls it: cuts, power losses, downtimes.

use super::*;

/// When the stories begin: 2026-11-01T00:00:00Z.
pub(super) const START: i64 = 1_793_491_200_000;

pub(super) fn moment(ms: i64) -> Timestamp {
    Timestamp::from_millis(START + ms)
}

pub(super) struct Place {
    pub(super) id: String,
    pub(super) upstream: Vec<usize>,
    pub(super) agent: bool,
    pub(super) targets: Vec<String>,
    pub(super) link: bool,
    pub(super) interval: i64,
    pub(super) report: i64,
    /// Cut off, without power: stretches in ms.
    pub(super) cut: Vec<(i64, i64)>,
    pub(super) dark: Vec<(i64, i64)>,
    pub(super) deaf: bool,
}

pub(super) struct World {
    pub(super) places: Vec<Place>,
    pub(super) references: usize,
    pub(super) interval: i64,
    pub(super) core_cut: Vec<(i64, i64)>,
    pub(super) downtimes: Vec<(i64, i64)>,
    pub(super) length: i64,
}

pub(super) fn during(spans: &[(i64, i64)], at: i64) -> bool {
    spans.iter().any(|(from, to)| *from <= at && at < *to)
}

impl World {
    pub(super) fn powered(&self, place: usize, at: i64) -> bool {
        !during(&self.places[place].dark, at)
    }

    /// Whether packets pass between a place and the core.
    pub(super) fn reaches_core(&self, place: usize, at: i64) -> bool {
        let here = &self.places[place];
        let open = self.powered(place, at) && !during(&here.cut, at);
        open && (here.upstream.is_empty() && !during(&self.core_cut, at)
            || here.upstream.iter().any(|up| self.reaches_core(*up, at)))
    }

    /// Whether a probe from one place reaches another: both hang together, through the core or directly.
    pub(super) fn reaches(&self, from: Option<usize>, to: usize, at: i64) -> bool {
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

pub(super) fn spans(dice: &mut Dice, length: i64, most: i64, grid: i64) -> Vec<(i64, i64)> {
    (0..dice.below(most + 1))
        .map(|_| {
            let from = dice.below(length / grid) * grid;
            let long = if dice.chance(30) { 40 } else { 10 };
            (from, from + (1 + dice.below(long)) * grid)
        })
        .collect()
}

pub(super) fn world(dice: &mut Dice) -> World {
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

pub(super) fn inventory(dice: &mut Dice, world: World) -> (String, World) {
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
