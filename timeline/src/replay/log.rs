//! The observation log: JSON Lines in, observations out, each fault with its line.
//!
//! The first step of a replay. Nothing is judged here; names that the inventory does not have make a line that does
//! not count, anything that is not of the described form makes an error. Rule guarded here: unknown keys are refused,
//! but for those of an interface, where others may follow.

use std::{borrow::Cow, io};

use kentongan_model::{
    observation::{InterfaceState, Oper},
    time::Timestamp,
};
use serde::Deserialize;

/// Why a log cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Reading failed.
    #[error("cannot read line {line}")]
    Io {
        /// The line, from 1.
        line: u64,
        /// What the system says.
        source: io::Error,
    },
    /// A line is not JSON of the described form.
    #[error("line {line}: {message}")]
    Form {
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        message: String,
    },
}

/// One line as it stands there. Which keys a line needs depends on its type.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw<'a> {
    at: Option<Timestamp>,
    #[serde(rename = "received_at")]
    _received_at: Option<Timestamp>,
    #[serde(borrow)]
    vantage: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    target: Option<Cow<'a, str>>,
    sent: Option<u32>,
    rtts_us: Option<Vec<u32>>,
    boot_at: Option<Timestamp>,
    interfaces: Option<Vec<Interface>>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
struct Interface {
    name: Option<String>,
    alias: Option<String>,
    oper: Option<OperWord>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum OperWord {
    Up,
    Down,
}

/// One observation, with names as the log spells them.
#[derive(Debug, PartialEq)]
pub(crate) enum Line<'a> {
    Round {
        at: Timestamp,
        vantage: Cow<'a, str>,
        target: Cow<'a, str>,
        sent: u32,
        rtts_us: Vec<u32>,
    },
    Heartbeat {
        at: Timestamp,
        vantage: Cow<'a, str>,
        boot_at: Option<Timestamp>,
    },
    Snmp {
        at: Timestamp,
        vantage: Cow<'a, str>,
        target: Cow<'a, str>,
        boot_at: Option<Timestamp>,
        interfaces: Vec<InterfaceState>,
    },
    CollectorDown {
        from: Timestamp,
        to: Timestamp,
    },
}

/// Reads one line.
pub(crate) fn parse(text: &[u8]) -> Result<Line<'_>, String> {
    let raw: Raw<'_> = serde_json::from_slice(text).map_err(|fault| without_line(&fault))?;
    let needs = |key: &str| format!("a line of type '{}' needs the key '{key}'", raw.kind);
    Ok(match &*raw.kind {
        "round" => {
            let sent = raw.sent.ok_or_else(|| needs("sent"))?;
            let rtts_us = raw.rtts_us.ok_or_else(|| needs("rtts_us"))?;
            if sent == 0 {
                return Err("a round sends at least 1 probe, 'sent' is 0".to_owned());
            }
            if rtts_us.len() > sent as usize {
                return Err(format!("{} answers to {sent} probes", rtts_us.len()));
            }
            let (at, vantage) =
                (raw.at.ok_or_else(|| needs("at"))?, raw.vantage.ok_or_else(|| needs("vantage"))?);
            Line::Round { at, vantage, target: raw.target.ok_or_else(|| needs("target"))?, sent, rtts_us }
        }
        "heartbeat" => Line::Heartbeat {
            at: raw.at.ok_or_else(|| needs("at"))?,
            vantage: raw.vantage.ok_or_else(|| needs("vantage"))?,
            boot_at: raw.boot_at,
        },
        "snmp" => Line::Snmp {
            at: raw.at.ok_or_else(|| needs("at"))?,
            vantage: raw.vantage.ok_or_else(|| needs("vantage"))?,
            target: raw.target.ok_or_else(|| needs("target"))?,
            boot_at: raw.boot_at,
            interfaces: raw.interfaces.unwrap_or_default().into_iter().map(interface).collect(),
        },
        "collector_down" => {
            let (from, to) = (raw.from.ok_or_else(|| needs("from"))?, raw.to.ok_or_else(|| needs("to"))?);
            if to < from {
                return Err(format!("the downtime ends at {to}, before it begins at {from}"));
            }
            Line::CollectorDown { from, to }
        }
        other => return Err(format!("'{other}' is not one of round, heartbeat, snmp and collector_down")),
    })
}

fn interface(raw: Interface) -> InterfaceState {
    let oper = raw.oper.map(|oper| match oper {
        OperWord::Up => Oper::Up,
        OperWord::Down => Oper::Down,
    });
    InterfaceState { name: raw.name, alias: raw.alias, oper }
}

/// The message of a JSON fault: its line is always 1 here, its column is worth telling.
fn without_line(fault: &serde_json::Error) -> String {
    let told = fault.to_string();
    let message = told.split(" at line ").next().unwrap_or_default();
    format!("{message} (column {})", fault.column())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_not_of_the_described_form_says_what_is_wrong() {
        let table = [
            (
                r#"{"at":"2026-11-01T00:00:05Z","vantage":"core","type":"round","target":"noc/gateway","sent":5}"#,
                "rtts_us",
            ),
            (
                r#"{"at":"2026-11-01T00:00:05Z","vantage":"core","type":"round","sent":5,"rtts_us":[]}"#,
                "target",
            ),
            (r#"{"vantage":"core","type":"round","target":"noc/g","sent":5,"rtts_us":[]}"#, "'at'"),
            (
                r#"{"at":"2026-11-01T00:00:05Z","vantage":"core","type":"round","target":"n/g","sent":0,"rtts_us":[]}"#,
                "at least 1",
            ),
            (
                r#"{"at":"2026-11-01T00:00:05Z","vantage":"core","type":"round","target":"n/g","sent":1,"rtts_us":[1,2]}"#,
                "2 answers to 1",
            ),
            (r#"{"at":"yesterday","vantage":"noc","type":"heartbeat"}"#, "yesterday"),
            (r#"{"at":"2026-11-01T00:00:05Z","vantage":"noc","type":"hartbeat"}"#, "hartbeat"),
            (r#"{"at":"2026-11-01T00:00:05Z","vantage":"noc","type":"heartbeat","boot":"x"}"#, "boot"),
            (
                r#"{"from":"2026-11-01T02:00:00Z","to":"2026-11-01T01:00:00Z","type":"collector_down"}"#,
                "before it begins",
            ),
            (r#"{"at":"2026-11-01T00:00:05Z","#, "column"),
            ("[]", "column"),
        ];
        for (line, word) in table {
            let message = parse(line.as_bytes()).expect_err(line);
            assert!(message.contains(word), "{message:?} does not say {word:?}");
        }
    }

    #[test]
    fn an_interface_may_hold_keys_that_nobody_knows() {
        let line = r#"{"at":"2026-11-01T00:00:30Z","vantage":"kec-a","type":"snmp","target":"kec-a/router","interfaces":[{"name":"sfp1","alias":"ke noc","oper":"up","in":7}]}"#;
        let Line::Snmp { interfaces, .. } = parse(line.as_bytes()).unwrap() else { panic!("no SNMP answer") };
        assert_eq!(interfaces[0].oper, Some(Oper::Up));
    }
}
