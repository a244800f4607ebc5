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
pub fn judge(network: &Network, mut log: impl BufRead, until: Timestamp) -> Result<Judgement, LogError> {
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
            gathered.take(log::parse(&text).map_err(|message| LogError::Form { line, message })?);
        }
    }
    Ok(gathered.conclude())
}

/// Judges what a log holds, with *now* = `until`, and tells it as a document.
///
/// # Errors
/// When a line cannot be read or is not of the described form.
pub fn run(network: &Network, log: impl BufRead, until: Timestamp) -> Result<Document, LogError> {
    Ok(Document::of(network, judge(network, log, until)?))
}
