//! The command `kentongan`: reads what the user wants, wires the rooms together and does nothing else.
//!
//! `up` runs collector, alerter and the core's agent in one process; they talk as they do in the field.

use std::{io::IsTerminal, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

mod addresses;
mod agents;
mod alerting;
mod check;
mod first_states;
mod inventory_file;
mod journal;
mod maintenance;
mod replay;
mod report;
mod roster;
mod running;
mod settings;
mod snmp;
mod status;
mod verify;

#[derive(Debug, Parser)]
#[command(name = "kentongan", version, about = "Watches a district's fibre backbone and public wifi", after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  kentongan check hotspots.toml            tell every fault of an inventory
  kentongan up                             watch what hotspots.toml names; http://127.0.0.1:8080
  kentongan status                         the network as a table
  kentongan agent add kec-kutoarjo         let the agent of a site deliver
  kentongan report -o laporan.pdf          last month's report, to print and sign
  kentongan maintenance add kec-kutoarjo --from now --for 2h --reason splicing
  kentongan verify                         prove that the figures follow from the journal
  kentongan replay --inventory inventory.toml --observations log.jsonl --until 2026-11-01T06:00:00Z

Exit codes: 0 fine, 1 failed or faults found, 2 cannot read or wrong usage.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run collector, alerter and the core's agent in one process
    Up(running::Arguments),
    /// Run the collector and the core's agent; the alerter runs elsewhere
    Collector(running::Arguments),
    /// Run the alerter alone, following a collector's event feed
    Alerts(alerting::Arguments),
    /// Show the network as a table
    Status(status::Arguments),
    /// Tell every fault of an inventory, with line and column
    #[command(after_help = "Exit codes: 0 fine, 1 faults, 2 cannot read.")]
    Check {
        /// The inventory
        #[arg(default_value = "hotspots.toml")]
        file: PathBuf,
    },
    /// Compute the timeline that an observation log must give
    Replay(replay::Arguments),
    /// Write a month's report: JSON, CSV, XLSX, PDF or HTML
    Report(report::Arguments),
    /// Hold what the collector shows against a replay of its own journal
    Verify(verify::Arguments),
    /// The journal: get its raw material out
    #[command(subcommand)]
    Journal(journal::Command),
    /// Agents in the field: give one its token, list them all
    #[command(subcommand)]
    Agent(agents::Command),
    /// Devices over SNMP: what would be read of one
    #[command(subcommand)]
    Snmp(snmp::Command),
    /// Planned work: add, list and remove maintenance windows
    #[command(subcommand)]
    Maintenance(maintenance::Command),
    /// Print the addresses of a site and of all that hangs behind it
    Addresses(addresses::Arguments),
}

fn main() -> ExitCode {
    // What is kept (journal, tokens' digests, messages and their recipients) is nobody else's to read.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    match Arguments::parse().command {
        Command::Up(arguments) => running::up(&arguments),
        Command::Collector(arguments) => running::collector(&arguments),
        Command::Alerts(arguments) => alerting::run(&arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::Check { file } => check::run(&file),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Journal(command) => journal::run(&command),
        Command::Agent(command) => agents::run(&command),
        Command::Snmp(command) => snmp::run(&command),
        Command::Maintenance(command) => maintenance::run(&command),
        Command::Addresses(arguments) => addresses::run(&arguments),
    }
}

/// Logs to standard error: what the rooms tell, and warnings of everything else; `RUST_LOG` says otherwise.
fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| {
        tracing_subscriber::EnvFilter::new("warn,kentongan_collector=info,kentongan_alerts=info")
    });
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
}

/// Tells an error and what it comes from in one line, and gives the code to exit with.
fn failed(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("error: {}", chain(error));
    ExitCode::FAILURE
}

/// An error and what it comes from, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(error.source(), |inner| inner.source())
        .fold(error.to_string(), |told, inner| format!("{told}: {inner}"))
}
