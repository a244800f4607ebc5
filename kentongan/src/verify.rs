//! `kentongan verify`: holds what a collector shows against a replay of its own journal, and tells the first difference.
//!
//! Shows how far it is and says the outcome; the proof is the collector's (`docs/verify.md`). Rule guarded here: exit
//! code 0 only when everything that was compared agrees, 1 when something differs, 2 when nothing could be compared.

use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
    process::ExitCode,
};

use indicatif::{ProgressBar, ProgressStyle};
use kentongan_collector::proof::{Archive, ProofError, Verdict};
use kentongan_model::time::{Clock, SystemClock, Timestamp};
use kentongan_timeline::Span;

use crate::{inventory_file::CANNOT_READ, settings::Settings};

/// What to compare.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "It may be run while the collector runs: both sides are taken as of the same entry of the journal.\n\nExamples:\n  kentongan verify\n  kentongan verify --data /var/lib/kentongan --from 2026-10-01T00:00:00+07:00 --to 2026-11-01T00:00:00+07:00\n\nExit codes: 0 agrees, 1 differs, 2 cannot read."
)]
pub(crate) struct Arguments {
    /// Settings (default: kentongan.toml, where there is one)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where journal and state are kept (default: data)
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// The beginning of the period (default: that of the month before this one)
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// Its end (default: now)
    #[arg(long, value_name = "TIME")]
    to: Option<Timestamp>,
}

/// Compares and tells.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let data = match data_folder(arguments.config.as_deref(), arguments.data.as_deref()) {
        Ok(data) => data,
        Err(code) => return code,
    };
    match verify(&data, arguments) {
        Ok(verdict) => {
            print!("{}", told(&verdict));
            if verdict.agrees() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("error: {}", crate::chain(&error));
            ExitCode::from(CANNOT_READ)
        }
    }
}

fn verify(data: &Path, arguments: &Arguments) -> Result<Verdict, ProofError> {
    let archive = Archive::open(data)?;
    let to = arguments.to.unwrap_or_else(|| SystemClock::new().now());
    let from = match arguments.from {
        Some(from) => from,
        None => archive.month_before(to)?,
    };
    let bar = bar("entries");
    let verdict = archive.verify(Span::new(from, to), &mut |done, all| show(&bar, done, all));
    bar.finish_and_clear();
    verdict
}

/// The data folder of the settings, or the one that was named.
pub(crate) fn data_folder(config: Option<&Path>, named: Option<&Path>) -> Result<PathBuf, ExitCode> {
    if let Some(named) = named {
        return Ok(named.to_owned());
    }
    Settings::read(config).map(|settings| settings.collector.data).map_err(|error| {
        eprintln!("error: {}", crate::chain(&error));
        ExitCode::from(CANNOT_READ)
    })
}

/// A progress bar, where somebody watches.
pub(crate) fn bar(of: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    if let Ok(style) =
        ProgressStyle::with_template(&format!("{{bar:40}} {{percent}}% of {{len}} {of}, {{eta}} left"))
    {
        bar.set_style(style);
    }
    bar
}

/// Shows how far it is.
pub(crate) fn show(bar: &ProgressBar, done: i64, all: i64) {
    bar.set_length(u64::try_from(all).unwrap_or(0));
    bar.set_position(u64::try_from(done).unwrap_or(0));
}

fn told(verdict: &Verdict) -> String {
    let Verdict { period, moment, entries, inventories, sites, intervals, incidents, blocks, .. } = verdict;
    let mut told = format!(
        "period     {} to {}\njournal    {entries} entries up to {}, judged as of {}\ninventory  {inventories} in force, one after the other\n\
         compared   {sites} sites, {intervals} intervals, {incidents} incidents, {blocks} kept digests\n",
        period.from, period.to, moment.position, moment.as_of
    );
    for unread in &verdict.unread {
        told += &format!("unreadable entry {}: {}; it counts for nothing\n", unread.position, unread.fault);
    }
    if verdict.unread_count > verdict.unread.len() as u64 {
        told += &format!("unreadable entries in all: {}\n", verdict.unread_count);
    }
    if let Some((first, last)) = verdict.altered {
        told += &format!("ALTERED    the entries {first} to {last} are not those that were written\n");
    }
    match &verdict.difference {
        None if verdict.altered.is_none() => told += "agrees\n",
        None => {}
        Some(difference) => {
            told += &format!(
                "DIFFERS    {} at {}\n  the store says   {}\n  the journal says {}\n",
                difference.site, difference.at, difference.stored, difference.replayed
            );
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use kentongan_collector::proof::{Difference, Moment, Unread};

    use super::*;

    #[test]
    fn the_outcome_names_what_was_compared_and_where_it_differs() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let mut verdict = Verdict {
            period: Span::new(at("2026-10-01T00:00:00Z"), at("2026-11-20T08:00:00Z")),
            moment: Moment { position: 4711, as_of: at("2026-11-20T08:00:00Z"), inventory: None },
            entries: 4711,
            inventories: 2,
            sites: 12,
            intervals: 90,
            incidents: 7,
            blocks: 1,
            unread: vec![Unread { position: 17, fault: "the checksum does not fit".to_owned() }],
            unread_count: 1,
            altered: None,
            difference: None,
        };
        assert!(told(&verdict).ends_with("counts for nothing\nagrees\n"), "{}", told(&verdict));
        verdict.difference = Some(Difference {
            site: "desa-a".parse().unwrap(),
            at: at("2026-10-03T01:00:00Z"),
            stored: "up".to_owned(),
            replayed: "down".to_owned(),
        });
        let shown = told(&verdict);
        assert!(shown.contains("DIFFERS    desa-a at 2026-10-03T01:00:00.000Z"), "{shown}");
        assert!(!shown.contains("agrees"));
    }
}
