//! The bench: figures, each against peers in the same run.
//!
//! Each subcommand measures one promise and prints it beside what one would use instead; `all` runs every one, as
//! `make bench` does. `docs/bench.md` says what each figure means.

use anyhow::Result;
use clap::{Args, Command, Parser, Subcommand};

mod first_states;
mod footprint;
mod icmp;
mod intake;
mod latency;
mod pings;
mod processor;
mod prometheus;
mod report;
mod rtt;
mod snmp;
mod table;
mod timeline;
mod wire;

#[derive(Parser)]
#[command(name = "kentongan-bench", about = "Figures of Kentongan, each against peers in the same run")]
struct Arguments {
    #[command(subcommand)]
    figure: Figure,
}

#[derive(Subcommand)]
enum Figure {
    /// All of them, as their defaults are.
    All,
    /// Bytes a sample on the wire, against gzip'd InfluxDB line protocol and zlib'd Zabbix JSON.
    Wire(wire::Wire),
    /// Processor time of a probe and memory of an agent, against fping (root).
    Icmp(icmp::Icmp),
    /// RTTs as they are told, beside the kernel's own stamps and fping (root).
    Rtt(rtt::Rtt),
    /// What the agent for routers takes of one, against collectd (root).
    Footprint(footprint::Footprint),
    /// From a cut to the webhook, against Prometheus and Alertmanager (root).
    Latency(latency::Latency),
    /// What judging costs: a replay, a month, a large network, a late batch.
    Timeline(timeline::Timeline),
    /// What the report of a month costs, from stored intervals.
    Report(report::Report),
    /// Processor time of an SNMP poll, against net-snmp's C library.
    Snmp(snmp::Snmp),
    /// The engine's half of that.
    #[command(hide = true)]
    SnmpPolls(snmp::Polls),
    /// From the start of the program to a state of every site (root).
    FirstStates(first_states::FirstStates),
    #[command(hide = true)]
    Pings(pings::Pings),
}

fn main() -> Result<()> {
    let figure = Arguments::parse().figure;
    if let Figure::Pings(pings) = figure {
        return pings.run();
    }
    if let Figure::SnmpPolls(polls) = &figure {
        return polls.run();
    }
    table::print_machine();
    match figure {
        Figure::All => {
            by_default::<wire::Wire>().run()?;
            by_default::<timeline::Timeline>().run()?;
            by_default::<report::Report>().run()?;
            by_default::<footprint::Footprint>().run()?;
            by_default::<icmp::Icmp>().run()?;
            by_default::<rtt::Rtt>().run()?;
            by_default::<snmp::Snmp>().run()?;
            by_default::<first_states::FirstStates>().run()?;
            by_default::<latency::Latency>().run()
        }
        Figure::Wire(wire) => wire.run(),
        Figure::Timeline(timeline) => timeline.run(),
        Figure::Report(report) => report.run(),
        Figure::Footprint(footprint) => footprint.run(),
        Figure::Icmp(icmp) => icmp.run(),
        Figure::Rtt(rtt) => rtt.run(),
        Figure::Snmp(snmp) => snmp.run(),
        Figure::SnmpPolls(_) => Ok(()),
        Figure::Latency(latency) => latency.run(),
        Figure::FirstStates(first_states) => first_states.run(),
        Figure::Pings(pings) => pings.run(),
    }
}

/// A measurement as it is when nothing is said about it.
fn by_default<T: Args>() -> T {
    let matches = T::augment_args(Command::new("all")).get_matches_from(["all"]);
    T::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}
