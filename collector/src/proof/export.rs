//! Getting the raw material out: the journal as an observation log (`docs/replay.md`) with the inventories that it was
//! judged by, for whoever wants to go through it with means of his own.
//!
//! The rule it guards: a line is what the judge was given, no more and no less; what cannot be read is counted.

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
};

use kentongan_model::{
    inventory::MaintenanceWindow,
    observation::{Observation, Oper},
    time::Timestamp,
};
use kentongan_timeline::Span;
use serde_json::{Value, json};

use super::{Archive, Moment, Progress, ProofError};
use crate::{inventory::Inventory, live::course::CHUNK, store::inventories, unfold::Unfolded};

/// The file of the observations.
const LOG: &str = "observations.jsonl";

/// What was written.
#[derive(Debug, Clone)]
pub struct Exported {
    /// The observation log.
    pub log: PathBuf,
    /// Lines in it.
    pub lines: u64,
    /// The inventories that were in force, in order.
    pub inventories: Vec<InForceThere>,
    /// Entries that could not be read.
    pub unread: u64,
    /// The digest of the journal up to the last entry.
    pub digest: String,
}

/// An inventory that was in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InForceThere {
    /// The file that it was written to, windows added by command included.
    pub file: PathBuf,
    /// It applies to what lies in the journal behind this entry.
    pub behind: i64,
    /// When it was taken over.
    pub since: Timestamp,
}

impl Archive {
    /// Writes what was observed within `period`, and recorded up to `moment`, into `folder`, in the order of the journal.
    ///
    /// # Errors
    /// When the journal cannot be read or the folder not written.
    pub fn export(
        &self,
        moment: &Moment,
        period: Span,
        folder: &Path,
        progress: Progress<'_>,
    ) -> Result<Exported, ProofError> {
        let unwritten = |file: &Path| {
            let file = file.to_owned();
            move |source| ProofError::Write { file, source }
        };
        std::fs::create_dir_all(folder).map_err(unwritten(folder))?;
        let mut written = Vec::new();
        for known in self.journal_said(self.in_force(moment))? {
            let read = self.journal.ask_here(|conn| inventories::read(conn, known.id));
            let file = folder.join(format!("inventory-{}.toml", known.id));
            std::fs::write(&file, text(&self.journal_said(read)?)).map_err(unwritten(&file))?;
            written.push(InForceThere { file, behind: known.position, since: known.since });
        }
        let log = folder.join(LOG);
        let mut out = BufWriter::new(File::create(&log).map_err(unwritten(&log))?);
        let (mut lines, mut unread) = (0, 0);
        let mut put = |line: Value| {
            lines += 1;
            writeln!(out, "{line}").map_err(unwritten(&log))
        };
        for down in self.journal_said(self.downtimes(moment.as_of))? {
            if Span::new(down.from, down.to).overlap(period).is_some() {
                put(json!({"type": "collector_down", "from": down.from, "to": down.to}))?;
            }
        }
        let mut reader = self.reader();
        let (first, _) = self.journal_said(self.reach())?;
        let mut position = first - 1;
        while position < moment.position {
            let entries = self.journal_said(reader.after(position, CHUNK))?;
            let Some(last) = entries.last().map(|entry| entry.position) else { break };
            for entry in entries.into_iter().filter(|entry| entry.position <= moment.position) {
                unread += u64::from(entry.unfolded.is_none());
                let observations = entry.unfolded.into_iter().flat_map(Unfolded::into_observations);
                for (at, line) in observations.filter_map(|observation| line(&observation, entry.received_at))
                {
                    if period.contains(at) {
                        put(line)?;
                    }
                }
            }
            position = last;
            progress(position - first + 1, moment.position - first + 1);
        }
        out.flush().map_err(unwritten(&log))?;
        Ok(Exported { log, lines, inventories: written, unread, digest: self.digest(moment.position)? })
    }

    /// The moment of the last entry of the journal: what there is to export when nothing was judged.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn latest(&self, now: Timestamp) -> Result<Moment, ProofError> {
        let last = self.journal.ask_here(crate::store::journal::last_position);
        Ok(Moment { position: self.journal_said(last)?, as_of: now, inventory: None })
    }
}

/// The inventory as a file: the windows that were added by command behind those that stand in it.
fn text(inventory: &Inventory) -> String {
    let known = |window: &&MaintenanceWindow| inventory.network.site(&window.site).is_some();
    inventory.windows.iter().filter(known).fold(inventory.text.to_string(), |text, window| {
        let MaintenanceWindow { site, from, to, .. } = window;
        format!("{text}\n[[maintenance]] # added by command\nsite = \"{site}\"\nfrom = {from}\nto = {to}\n")
    })
}

/// When something was observed, and its line of the log.
fn line(observation: &Observation, received_at: Timestamp) -> Option<(Timestamp, Value)> {
    Some(match observation {
        Observation::Round(round) => (
            round.at,
            json!({
                "at": round.at, "received_at": received_at, "vantage": round.vantage, "type": "round",
                "target": round.target, "sent": round.sent, "rtts_us": round.rtts_us,
            }),
        ),
        Observation::Heartbeat(beat) => {
            let mut line = json!({
                "at": beat.at, "received_at": received_at, "vantage": beat.agent, "type": "heartbeat",
            });
            if let Some(boot_at) = beat.boot_at {
                line["boot_at"] = json!(boot_at);
            }
            (beat.at, line)
        }
        Observation::Snmp(answer) => {
            let interfaces = answer.interfaces.iter().map(|interface| {
                let mut told = json!({"name": interface.name, "alias": interface.alias});
                if let Some(oper) = interface.oper {
                    told["oper"] = json!(if oper == Oper::Up { "up" } else { "down" });
                }
                told
            });
            let mut line = json!({
                "at": answer.at, "received_at": received_at, "vantage": answer.vantage, "type": "snmp",
                "target": format!("{}/{}", answer.site, answer.target),
                "interfaces": interfaces.collect::<Vec<_>>(),
            });
            if let Some(boot_at) = answer.boot_at {
                line["boot_at"] = json!(boot_at);
            }
            (answer.at, line)
        }
        Observation::CollectorDown(_) => return None,
    })
}

impl Exported {
    /// The `kentongan replay` that goes through what was written, when one inventory was in force all the time.
    #[must_use]
    pub fn command(&self, until: Timestamp) -> Option<String> {
        let [only] = &self.inventories[..] else { return None };
        let (inventory, log) = (only.file.display(), self.log.display());
        Some(format!("kentongan replay --inventory {inventory} --observations {log} --until {until}"))
    }
}
