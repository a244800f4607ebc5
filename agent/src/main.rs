//! `kentongan-agent`: the agent as a program of its own, for a router. It reads its few lines of configuration, runs the
//! library on one thread, and ends cleanly on SIGTERM and SIGINT.

use std::{io::IsTerminal, path::PathBuf, sync::Arc};

use anyhow::Context;
use clap::Parser;
use kentongan_agent::Config;
use kentongan_model::time::SystemClock;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

const EXAMPLES: &str = "\
Examples:
  kentongan-agent --config /etc/kentongan/agent.toml
  KENTONGAN_TOKEN=… kentongan-agent --config agent.toml --log debug

agent.toml, as `kentongan agent add kec-kutasari` prints it at the collector:
  agent = \"kec-kutasari\"                       # the site, or \"core\"
  collector = \"https://kentongan.example.go.id\"
  token = \"…\"                                  # or token_file, or the variable KENTONGAN_TOKEN
  state_dir = \"/var/lib/kentongan-agent\"       # flash: the plan, what could not be delivered
  memory_dir = \"/run/kentongan-agent\"          # tmpfs: what is being measured
  # ca_file = \"/etc/kentongan/ca.pem\"          # certificates to trust beside the usual ones

The right to ping comes from `sysctl -w net.ipv4.ping_group_range=\"0 2147483647\"` or from
`setcap cap_net_raw+ep` on this program.";

/// Probes what the collector's plan says and delivers what it measured.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES)]
struct Arguments {
    /// The agent's configuration.
    #[arg(long, value_name = "FILE", default_value = "/etc/kentongan/agent.toml")]
    config: PathBuf,
    /// What to tell on standard error: error, warn, info, debug, or a filter such as kentongan_agent=debug.
    #[arg(long, value_name = "FILTER", env = "KENTONGAN_LOG", default_value = "info")]
    log: String,
}

fn main() -> anyhow::Result<()> {
    // The plan holds secrets, the spool what was seen: nobody else's to read.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_new(&arguments.log).context("the --log filter is not right")?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let config = Config::read(&arguments.config)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let stop = CancellationToken::new();
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let on_signal = stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            on_signal.cancel();
        });
        kentongan_agent::run(config, Arc::new(SystemClock::new()), stop).await?;
        Ok(())
    })
}
