//! `kentongan-agent`: the agent as a program of its own, for a router. It reads its few lines of configuration, runs the
//! library on one thread, and ends cleanly on SIGTERM and SIGINT. Beside that it has two errands: to enrol, and to test itself.

use std::{process::ExitCode, sync::Arc};

use anyhow::Context;
use kentongan_agent::{Config, enrol};
use kentongan_model::time::SystemClock;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

mod arguments;
mod errands;
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
        Ok(Wish::Enrol { order, log, language }) => {
            alone(log.as_deref(), async || Ok(errands::enrol(&order, language).await))
        }
        Ok(Wish::SelfTest { config, log, language, as_json }) => {
            alone(log.as_deref(), async || Ok(errands::test(&config, language, as_json).await))
        }
        Ok(Wish::Help) => {
            print!("{}", arguments::HELP);
            Ok(ExitCode::SUCCESS)
        }
        Ok(Wish::Version) => {
            println!("kentongan-agent {}", env!("CARGO_PKG_VERSION"));
            Ok(ExitCode::SUCCESS)
        }
        Err(wrong) => {
            eprintln!("error: {wrong}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs something on this one thread; `log` says what is told of it.
fn alone(
    log: Option<&str>,
    what: impl AsyncFnOnce() -> anyhow::Result<ExitCode>,
) -> anyhow::Result<ExitCode> {
    let log = log.map(str::to_owned).or_else(|| std::env::var(LOG_VARIABLE).ok());
    Log::begin(log.as_deref().unwrap_or("info").parse().context("the --log filter is not right")?);
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(what())
}

fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    alone(arguments.log.as_deref(), async || {
        enrol::at_first_start(&arguments.config).await?;
        let config = Config::read(&arguments.config)?;
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
        Ok(ExitCode::SUCCESS)
    })
}
