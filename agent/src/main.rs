//! `kentongan-agent`: the agent as a program of its own, for a router. It reads its few lines of configuration, runs the
//! library on one thread, and ends cleanly on SIGTERM and SIGINT.

use std::{process::ExitCode, sync::Arc};

use anyhow::Context;
use kentongan_agent::Config;
use kentongan_model::time::SystemClock;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

mod arguments;
mod log;

use arguments::{Arguments, Wish};
use log::Log;

/// The environment variable that says what to tell, where `--log` does not.
const LOG_VARIABLE: &str = "KENTONGAN_LOG";

fn main() -> ExitCode {
    // The plan holds secrets, the spool what was seen: nobody else's to read.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let done = match arguments::parse(std::env::args_os().skip(1)) {
        Ok(Wish::Run(arguments)) => run(&arguments),
        Ok(Wish::Help) => {
            print!("{}", arguments::HELP);
            Ok(())
        }
        Ok(Wish::Version) => {
            println!("kentongan-agent {}", env!("CARGO_PKG_VERSION"));
            Ok(())
        }
        Err(wrong) => {
            eprintln!("error: {wrong}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let log = arguments.log.clone().or_else(|| std::env::var(LOG_VARIABLE).ok());
    Log::begin(log.as_deref().unwrap_or("info").parse().context("the --log filter is not right")?);
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
