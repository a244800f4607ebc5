//! `kentongan report`: a month's report as a file, from the data folder or from a collector's API.
//!
//! Reads what is wanted, has it computed and printed, and writes the file. Rule guarded here: a file is either written
//! whole or not at all, and both ways give the same bytes.

mod verify;

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use kentongan_collector::{Monthly, MonthlyError, monthly};
use kentongan_model::inventory::Language;
use kentongan_press::Format;
use kentongan_reports::{Month, Report};
use kentongan_timeline::By;

use crate::{inventory_file::CANNOT_READ, settings::Settings};

const EXAMPLES: &str = "\
Examples:
  kentongan report -o laporan.pdf                          last month, to print and sign
  kentongan report --month 2026-10 --by kecamatan -o oktober.xlsx
  kentongan report --month 2026-10 --lang en --format json -o - | jq .summary
  kentongan report --verify laporan.pdf                    whether it still holds

The same over the API: GET /api/v1/reports/2026-10?by=kecamatan&format=xlsx

Exit codes: 0 written, or it holds; 1 failed, or it does not hold; 2 wrong usage, or nothing to hold it against.";

/// What is wanted.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The month, such as 2026-10 (default: the last one that is over)
    #[arg(long)]
    month: Option<Month>,
    /// How sites are put together: site, kecamatan, kind or provider
    #[arg(long, default_value = "site", value_parser = grouping)]
    by: By,
    /// json, csv, xlsx, pdf or html (default: as the file's name ends)
    #[arg(long)]
    format: Option<Format>,
    /// id or en (default: that of the inventory)
    #[arg(long, value_parser = language)]
    lang: Option<Language>,
    /// Where it is written; - for standard output
    #[arg(short, long, value_name = "FILE", required_unless_present = "verify")]
    output: Option<PathBuf>,
    /// Compute a report again from the raw observations, and say whether it still holds
    #[arg(long, value_name = "FILE", conflicts_with_all = ["output", "month", "format", "lang"])]
    verify: Option<PathBuf>,
    /// Where journal and state are kept (default: as in kentongan.toml, or data)
    #[arg(long)]
    data: Option<PathBuf>,
    /// Settings (default: kentongan.toml, where there is one)
    #[arg(long)]
    config: Option<PathBuf>,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
enum ReportError {
    #[error("the name '{}' does not say which format; add --format json, csv, xlsx, pdf or html", .0.display())]
    Format(PathBuf),
    #[error(transparent)]
    Monthly(#[from] MonthlyError),
    #[error(transparent)]
    Print(#[from] kentongan_press::PrintError),
    #[error("cannot write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

/// Writes or verifies a report.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let data = match &arguments.data {
        Some(data) => Ok(data.clone()),
        None => Settings::read(arguments.config.as_deref()).map(|settings| settings.collector.data),
    };
    let data = match data {
        Ok(data) => data,
        Err(error) => return crate::failed(&error),
    };
    if let Some(file) = &arguments.verify {
        return match verify::verify(file, &data) {
            Ok(verify::Verdict::Holds) => ExitCode::SUCCESS,
            Ok(_) => ExitCode::FAILURE,
            Err(error) => {
                crate::failed(&error);
                ExitCode::from(CANNOT_READ)
            }
        };
    }
    match report(arguments, &data) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => crate::failed(&error),
    }
}

fn report(arguments: &Arguments, data: &Path) -> Result<(), ReportError> {
    let output = arguments.output.as_deref().unwrap_or(Path::new("-"));
    let format = arguments
        .format
        .or_else(|| Format::of_path(output))
        .ok_or_else(|| ReportError::Format(output.to_owned()))?;
    let Monthly { report, language } = monthly(data, arguments.month, arguments.by)?;
    let bytes = kentongan_press::print(&report, format, arguments.lang.unwrap_or(language))?;
    write(output, &bytes).map_err(|source| ReportError::Write { path: output.to_owned(), source })
}

/// Prints a report for the API, which speaks of formats by their words.
pub(crate) fn print(report: &Report, format: &str, language: Language) -> Result<Vec<u8>, String> {
    let format: Format = format.parse().map_err(|error: kentongan_press::FormatError| error.to_string())?;
    kentongan_press::print(report, format, language).map_err(|error| crate::chain(&error))
}

/// Writes a file whole: beside its place first, then there.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if path == Path::new("-") {
        return match io::stdout().lock().write_all(bytes) {
            // Whoever reads has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => written,
        };
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(".part");
    std::fs::write(&beside, bytes)?;
    std::fs::rename(&beside, path)
}

fn grouping(word: &str) -> Result<By, String> {
    match word.parse() {
        Ok(By::Network) | Err(_) => Err("it is site, kecamatan, kind or provider".to_owned()),
        Ok(by) => Ok(by),
    }
}

fn language(word: &str) -> Result<Language, String> {
    match word {
        "id" => Ok(Language::Id),
        "en" => Ok(Language::En),
        _ => Err("it is id or en".to_owned()),
    }
}
