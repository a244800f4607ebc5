//! Made-up networks and what was observed of them: rings, agents at several levels, cuts, power losses, a core that is
//! cut off, a collector that is down, silence, odd single rounds, doubled and contradictory lines.
//!
//! Times lie on a coarse grid more often than in life, so that things happen at the same millisecond.

use std::fmt::Write as _;

use kentongan_model::{
    observation::{Downtime, Heartbeat, InterfaceState, Observation, Oper, Round, SnmpAnswer},
    time::Timestamp,
};

mod dice;
mod observing;
mod world;

pub(crate) use dice::Dice;
use observing::*;
use world::*;

/// A network, what was observed, and now.
pub(crate) struct Story {
    pub(crate) inventory: String,
    pub(crate) observations: Vec<Observation>,
    pub(crate) until: Timestamp,
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
