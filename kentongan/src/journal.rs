//! `kentongan journal export`: the raw material of every figure, for whoever wants to go through it himself.
//!
//! Writes the observation log and the inventories that were in force, and says how to replay them. Rule guarded here:
//! nothing of the data folder is changed.

use std::{path::PathBuf, process::ExitCode};

use kentongan_collector::proof::{Archive, Exported, ProofError};
use kentongan_model::time::{Clock, SystemClock, Timestamp};
use kentongan_timeline::Span;

use crate::{
    inventory_file::CANNOT_READ,
    verify::{bar, data_folder, show},
};

/// What to do with a journal.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Write what was observed as an observation log, with the inventories that it was judged by
    Export(Export),
}

/// What to write, and where.
#[derive(Debug, clap::Args)]
pub(crate) struct Export {
    /// Settings (default: kentongan.toml, where there is one)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the journal is kept (default: data)
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// What was observed earlier is left out (default: nothing is)
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// What was observed then or later is left out (default: now)
    #[arg(long, value_name = "TIME")]
    to: Option<Timestamp>,
    /// The folder to write to; it is made
    #[arg(short, long, value_name = "FOLDER", default_value = "journal-export")]
    output: PathBuf,
}

/// Does it.
pub(crate) fn run(command: &Command) -> ExitCode {
    let Command::Export(export) = command;
    let data = match data_folder(export.config.as_deref(), export.data.as_deref()) {
        Ok(data) => data,
        Err(code) => return code,
    };
    let to = export.to.unwrap_or_else(|| SystemClock::new().now());
    let period = Span::new(export.from.unwrap_or(Timestamp::MIN), to);
    let bar = bar("entries");
    let written = Archive::open(&data).and_then(|archive| {
        let moment = archive.latest(SystemClock::new().now())?;
        archive.export(&moment, period, &export.output, &mut |done, all| show(&bar, done, all))
    });
    bar.finish_and_clear();
    match written {
        Ok(exported) => {
            print!("{}", told(&exported, to));
            ExitCode::SUCCESS
        }
        Err(error @ ProofError::Write { .. }) => crate::failed(&error),
        Err(error) => {
            eprintln!("error: {}", crate::chain(&error));
            ExitCode::from(CANNOT_READ)
        }
    }
}

fn told(exported: &Exported, to: Timestamp) -> String {
    let mut told = format!("log        {}, {} lines\n", exported.log.display(), exported.lines);
    for inventory in &exported.inventories {
        told += &format!(
            "inventory  {}, taken over at {}, applies behind entry {}\n",
            inventory.file.display(),
            inventory.since,
            inventory.behind
        );
    }
    if exported.unread > 0 {
        told += &format!("unreadable {} entries, left out; `kentongan verify` names them\n", exported.unread);
    }
    told += &format!("digest     {}\n", exported.digest);
    match exported.command(to) {
        Some(command) => told + &format!("replay     {command}\n"),
        None => {
            told + "replay     several inventories were in force: `kentongan verify` changes them where the collector did\n"
        }
    }
}
