//! `kentongan up` and `kentongan collector`: opens what the program runs on, says where to look, runs it until Ctrl-C.
//!
//! In `up` the rooms talk as they do in the field: the core's agent over HTTP, the alerter by the event feed. Whatever
//! cannot be had (folder, port, ICMP rights) is told in one sentence before anything is watched.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::Context;
use kentongan_agent::icmp::{Engine, IcmpPinger};
use kentongan_collector::Collector;
use kentongan_model::{
    id::Vantage,
    inventory::Network,
    time::{Clock, SystemClock},
};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{alerting, first_states, inventory_file, report, settings::Settings};

/// What may be said on the command line; it goes before what stands in the settings.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  kentongan up\n  kentongan up --inventory purworejo.toml --data /var/lib/kentongan --listen 127.0.0.1:9090\n\nCtrl-C ends it; a second start goes on where it was."
)]
pub(crate) struct Arguments {
    /// Settings (default: kentongan.toml, where there is one)
    #[arg(long)]
    config: Option<PathBuf>,
    /// What is watched (default: hotspots.toml)
    #[arg(long)]
    inventory: Option<PathBuf>,
    /// Where journal and state are kept (default: data)
    #[arg(long)]
    data: Option<PathBuf>,
    /// Where the API listens (default: 127.0.0.1:8080)
    #[arg(long)]
    listen: Option<SocketAddr>,
}

/// Which parts of the program run in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// Collector, alerter and the core's agent.
    All,
    /// The collector, and the core's agent that belongs to it.
    Collector,
}

/// Runs everything in one process.
pub(crate) fn up(arguments: &Arguments) -> ExitCode {
    start(arguments, Extent::All)
}

/// Runs the collector with the core's agent; alerts are another process's.
pub(crate) fn collector(arguments: &Arguments) -> ExitCode {
    start(arguments, Extent::Collector)
}

fn start(arguments: &Arguments, extent: Extent) -> ExitCode {
    crate::log_to_stderr();
    let mut settings = match Settings::read(arguments.config.as_deref()) {
        Ok(settings) => settings,
        Err(error) => return crate::failed(&error),
    };
    if let Some(inventory) = &arguments.inventory {
        settings.collector.inventory.clone_from(inventory);
    }
    if let Some(data) = &arguments.data {
        settings.collector.data.clone_from(data);
    }
    settings.collector.listen = arguments.listen.unwrap_or(settings.collector.listen);
    let network = match inventory_file::read(&settings.collector.inventory) {
        Ok(network) => network,
        Err(code) => return code,
    };
    let ran = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")
        .and_then(|runtime| runtime.block_on(run(settings, network, extent)));
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(settings: Settings, network: Network, extent: Extent) -> anyhow::Result<()> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let data = settings.collector.data.clone();
    let listen = settings.collector.listen;
    let channels = settings.channels.len();

    let mut collector = Collector::open(settings.collector, Arc::clone(&clock))?;
    if let Some(influx) = settings.influx {
        collector = collector.with_influx(influx)?;
    }
    let collector = collector.with_press(Arc::new(report::print));
    let pinger = IcmpPinger::open(Engine::default(), &clock)?;
    let listener = TcpListener::bind(listen).await.with_context(|| {
        format!("cannot listen on {listen}; stop what listens there, or choose another address with --listen")
    })?;
    let address = listener.local_addr().context("the listener has no address")?;
    let url = format!("http://{}", reachable(address));
    let token = collector.add_agent(&Vantage::Core).await?;

    let stop = CancellationToken::new();
    let mut rooms: JoinSet<anyhow::Result<()>> = JoinSet::new();
    let agent = kentongan_agent::Config {
        agent: Vantage::Core,
        collector: url.clone(),
        token,
        state_dir: data.join("agent"),
        memory_dir: data.join("agent").join("open"),
        ca_file: None,
        engine: Engine::default(),
    };
    // The collector outlives the others: it takes what they deliver to the end.
    let collecting = CancellationToken::new();
    let mut serving = tokio::spawn(collector.serve(listener, collecting.clone()));
    rooms.spawn({
        let (clock, stop) = (Arc::clone(&clock), stop.clone());
        async move { Ok(kentongan_agent::run_with(pinger, agent, clock, stop).await?) }
    });
    if extent == Extent::All {
        let alerts = alerting::config(&network, settings.channels, url.clone(), &data);
        let (clock, stop) = (Arc::clone(&clock), stop.clone());
        rooms.spawn(async move { Ok(kentongan_alerts::run(alerts, clock, stop).await?) });
    }

    welcome(&network, &url, &data.display().to_string(), extent, channels);
    let showing = tokio::spawn(first_states::show(url, Arc::clone(&clock)));

    // Whatever ends first ends everything: a signal in order, anything else as a failure that is told.
    let first = tokio::select! {
        signal = interrupted() => signal,
        Some(room) = rooms.join_next() => room.context("a part of the program has a fault").flatten(),
        served = &mut serving => {
            stop.cancel();
            return served.context("the collector has a fault")?.map_err(Into::into);
        }
    };
    println!("stopping …");
    showing.abort();
    stop.cancel();
    let mut ended = first;
    while let Some(room) = rooms.join_next().await {
        ended = ended.and(room.context("a part of the program has a fault").flatten());
    }
    collecting.cancel();
    serving.await.context("the collector has a fault")??;
    ended
}

/// Waits for Ctrl-C or SIGTERM.
pub(crate) async fn interrupted() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for signals")?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed.context("cannot listen for Ctrl-C"),
        _ = terminate.recv() => Ok(()),
    }
}

/// The address under which the listener is reached from this machine.
pub(crate) fn reachable(address: SocketAddr) -> SocketAddr {
    let mut address = address;
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

fn welcome(network: &Network, url: &str, data: &str, extent: Extent, channels: usize) {
    println!("Kentongan watches {}: {} sites.", network.name, network.sites.len());
    println!("  page    {url}/");
    println!("  API     {url}/api/v1/network   (all of it: {url}/openapi.json)");
    println!("  table   kentongan status --url {url}");
    println!("  data    {data}");
    match (extent, channels) {
        (Extent::Collector, _) => println!("  alerts  kentongan alerts --url {url}"),
        (Extent::All, 0) => println!("  alerts  shown here only; docs/alerts.md tells how to add a channel"),
        (Extent::All, count) => println!("  alerts  {count} channels, and shown here"),
    }
    println!("Ctrl-C ends it; a second start goes on where it was.");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_every_address_is_reached_on_loopback() {
        for (bound, reached) in
            [("0.0.0.0:8080", "127.0.0.1:8080"), ("[::]:8080", "[::1]:8080"), ("10.0.0.1:80", "10.0.0.1:80")]
        {
            assert_eq!(reachable(bound.parse().unwrap()).to_string(), reached);
        }
    }
}
