//! Replay: an observation log in, a timeline out, as `docs/replay.md` describes.
//!
//! Gather, fold, judge, print. Rule guarded here: nothing is read but the inventory and the log.

mod gathered;
mod log;
mod output;
mod quick;

use std::io::BufRead;

use kentongan_model::{inventory::Network, time::Timestamp};

pub use log::LogError;
pub use output::Document;

use crate::{judgement::Judgement, places::Places, replay::gathered::Gathered};

/// Judges what a log holds, with *now* = `until`.
///
/// # Errors
/// When a line cannot be read or is not of the described form.
pub fn judge(network: &Network, log: impl BufRead, until: Timestamp) -> Result<Judgement, LogError> {
    judge_rest(network, log, until, Err)
}

/// Judges what a log holds, with *now* = `until`, but for its faulty lines: each is given to `faulty`, which lets it be left
/// out or gives up.
///
/// # Errors
/// When the log cannot be read, or `faulty` gives up.
pub fn judge_rest(
    network: &Network,
    mut log: impl BufRead,
    until: Timestamp,
    mut faulty: impl FnMut(LogError) -> Result<(), LogError>,
) -> Result<Judgement, LogError> {
    let places = Places::of(network);
    let mut gathered = Gathered::new(&places, until);
    let (mut text, mut rtts_us) = (Vec::new(), Vec::new());
    for line in 1.. {
        text.clear();
        let length = log.read_until(b'\n', &mut text).map_err(|source| LogError::Io { line, source })?;
        if length == 0 {
            break;
        }
        if let Some(round) = quick::round(&text, &mut rtts_us) {
            gathered.round(round.at, round.vantage, round.target, round.sent, &mut rtts_us);
        } else if !text.trim_ascii().is_empty() {
            match log::parse(&text) {
                Ok(entry) => gathered.take(entry),
                Err(message) => faulty(LogError::Form { line, message })?,
            }
        }
    }
    Ok(gathered.conclude())
}

/// Judges what a log holds, with *now* = `until`, and tells it as a document.
///
/// # Errors
/// When a line cannot be read or is not of the described form.
pub fn run(network: &Network, log: impl BufRead, until: Timestamp) -> Result<Document, LogError> {
    run_rest(network, log, until, Err)
}

/// Judges what a log holds but for its faulty lines, as [`judge_rest`] does, and tells it as a document.
///
/// # Errors
/// As [`judge_rest`].
pub fn run_rest(
    network: &Network,
    log: impl BufRead,
    until: Timestamp,
    faulty: impl FnMut(LogError) -> Result<(), LogError>,
) -> Result<Document, LogError> {
    Ok(Document::of(network, judge_rest(network, log, until, faulty)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_faulty_line_is_told_with_its_place_and_the_rest_is_used() {
        let site = "[[site]]\nid = 'a'\nname = 'a'\nkind = 'desa'\naddress = '10.0.0.1'\n";
        let network = Network::parse(&format!("[network]\nname = 'n'\n{site}")).unwrap();
        let round = |second: u32| {
            let at = format!("2026-11-01T00:00:{second:02}Z");
            format!(
                r#"{{"at":"{at}","vantage":"core","type":"round","target":"a/gateway","sent":1,"rtts_us":[9]}}"#
            )
        };
        let until = "2026-11-01T00:01:00Z".parse().unwrap();
        let good = format!("{}\n{}\n", round(0), round(30));
        let bad = format!("{}\n\u{0} garbage\n{}\n{}", round(0), round(30), &round(40)[..50]);
        let mut told = Vec::new();
        let note = |fault: LogError| {
            told.push(fault.to_string());
            Ok(())
        };
        let rest = judge_rest(&network, bad.as_bytes(), until, note).unwrap();
        assert_eq!(rest, judge(&network, good.as_bytes(), until).unwrap());
        let places: Vec<bool> =
            ["line 2", "line 4"].iter().zip(&told).map(|(at, fault)| fault.contains(at)).collect();
        assert_eq!(places, [true, true], "{told:?}");
        assert!(
            judge(&network, bad.as_bytes(), until).is_err(),
            "who wants all of it is told that it is not"
        );
    }
}
