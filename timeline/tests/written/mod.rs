//! Observations written by hand, a line each:
//!
//! - `core noc 0 6g 3f 2- 4p`: rounds of a vantage about a target (its gateway `gw` unless named: `noc/cam`), every 10 s
//!   from a second on; good, failed, none, poor.
//! - `beat noc 0 10 20`: deliveries. `boot noc 160 70`: at 160 its gateway says that it booted at 70.
//! - `port noc sfp1 60 down`: what its gateway says of a port. `collector 58 198`: the collector did not run.

use kentongan_model::{
    observation::{Downtime, Heartbeat, InterfaceState, Observation, Oper, Round, SnmpAnswer},
    time::Timestamp,
};

/// Reads lines; second 0 is `start`.
pub(crate) fn observations(lines: &str, start: i64) -> Vec<Observation> {
    lines.lines().flat_map(|line| of_line(line, start)).collect()
}

fn of_line(line: &str, start: i64) -> Vec<Observation> {
    let at = |second: &str| Timestamp::from_millis(start + second.parse::<i64>().unwrap() * 1000);
    let words: Vec<&str> = line.split_whitespace().collect();
    let answer = |site: &str, seen: &str, boot: Option<&str>, interfaces| {
        Observation::Snmp(SnmpAnswer {
            at: at(seen),
            vantage: "core".parse().unwrap(),
            site: site.parse().unwrap(),
            target: "gw".parse().unwrap(),
            boot_at: boot.map(at),
            interfaces,
        })
    };
    match &words[..] {
        ["collector", from, to] => vec![Observation::CollectorDown(Downtime { from: at(from), to: at(to) })],
        ["boot", site, seen, boot] => vec![answer(site, seen, Some(boot), Vec::new())],
        ["port", site, name, seen, oper] => {
            let oper = Some(if *oper == "up" { Oper::Up } else { Oper::Down });
            vec![answer(
                site,
                seen,
                None,
                vec![InterfaceState { name: Some((*name).into()), alias: None, oper }],
            )]
        }
        ["beat", site, seconds @ ..] => {
            let beat = |second: &&str| {
                Observation::Heartbeat(Heartbeat {
                    at: at(second),
                    agent: site.parse().unwrap(),
                    boot_at: None,
                })
            };
            seconds.iter().map(beat).collect()
        }
        [vantage, target, first, parts @ ..] => rounds(vantage, target, at(first), parts),
        _ => panic!("what is `{line}`?"),
    }
}

fn rounds(vantage: &str, target: &str, first: Timestamp, parts: &[&str]) -> Vec<Observation> {
    let target = if target.contains('/') { target.to_owned() } else { format!("{target}/gw") };
    let letters = parts.iter().flat_map(|part| {
        let (count, letter) = part.split_at(part.len() - 1);
        std::iter::repeat_n(letter.to_owned(), count.parse().unwrap())
    });
    let round = |(k, letter): (i64, String)| {
        let rtts_us = match letter.as_str() {
            "g" => vec![900; 5],
            "p" => vec![900; 3],
            "f" => vec![],
            _ => return None,
        };
        Some(Observation::Round(Round {
            at: Timestamp::from_millis(first.as_millis() + k * 10_000),
            vantage: vantage.parse().unwrap(),
            target: target.parse().unwrap(),
            sent: 5,
            rtts_us,
        }))
    };
    (0..).zip(letters).filter_map(round).collect()
}
