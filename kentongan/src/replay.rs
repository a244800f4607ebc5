//! `kentongan replay`: an observation log in, the timeline that it must give out, as `docs/replay.md` describes.
//!
//! Opens the two files and prints one document; the rest is the timeline's. Rule guarded here: exit code 2 and the
//! place on standard error when anything cannot be read. Lines that are no observations are told and left out, and the
//! document tells what the others give; when a file cannot be read at all there is none.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, BufWriter, IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use indicatif::{ProgressBar, ProgressStyle};
use kentongan_model::time::Timestamp;
use kentongan_timeline::replay;

use crate::inventory_file::{self, CANNOT_READ};

/// From this size on a log is long enough to show how far it was read.
const LONG_LOG_BYTES: u64 = 16 << 20;

/// Faulty lines of a log that are told; further ones are counted.
const TOLD_FAULTS: u64 = 20;

/// What to replay.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The inventory
    #[arg(long, value_name = "FILE")]
    inventory: PathBuf,
    /// The observation log, JSON Lines; - for standard input
    #[arg(long, value_name = "FILE")]
    observations: PathBuf,
    /// Now: what was observed at that time or later is left out
    #[arg(long, value_name = "TIME")]
    until: Timestamp,
}

/// Replays the log and prints the document.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let unreadable = ExitCode::from(CANNOT_READ);
    let Ok(network) = inventory_file::read(&arguments.inventory) else { return unreadable };
    let path = arguments.observations.display();
    let log = match open(&arguments.observations) {
        Ok(log) => log,
        Err(error) => {
            eprintln!("error: cannot open {path}: {error}");
            return unreadable;
        }
    };
    let mut faults = 0;
    let tell = |fault: replay::LogError| {
        faults += 1;
        if faults <= TOLD_FAULTS {
            eprintln!("error: {path}: {}; the line is left out", crate::chain(&fault));
        }
        Ok(())
    };
    let document = match replay::run_rest(&network, log, arguments.until, tell) {
        Ok(document) => document,
        Err(error) => {
            eprintln!("error: {path}: {}", crate::chain(&error));
            return unreadable;
        }
    };
    if faults > TOLD_FAULTS {
        eprintln!("error: {path}: {} more lines are left out", faults - TOLD_FAULTS);
    }
    let mut out = BufWriter::new(io::stdout().lock());
    match document.write(&mut out).and_then(|()| out.flush()) {
        Ok(()) if faults > 0 => unreadable,
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: cannot write the document: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Opens a log, with a progress bar when it is long and somebody watches.
fn open(path: &Path) -> io::Result<Box<dyn BufRead>> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    if length < LONG_LOG_BYTES || !io::stderr().is_terminal() {
        return Ok(Box::new(BufReader::with_capacity(1 << 20, file)));
    }
    let bar = ProgressBar::new(length);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {percent}% of {total_bytes}, {eta} left") {
        bar.set_style(style);
    }
    Ok(Box::new(BufReader::with_capacity(1 << 20, bar.wrap_read(file))))
}
