//! `kentongan alerts`: runs the alerter beside a collector elsewhere, shows what was told and withheld, tries a channel.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use kentongan_alerts::config::{ChannelConfig, ChannelName, Pace};
use kentongan_model::{
    inventory::Network,
    time::{Clock, SystemClock},
};
use tokio_util::sync::CancellationToken;

use crate::{inventory_file, settings::Settings};

/// The file of cursor, outbox and log, in the data folder.
const DATABASE: &str = "alerts.sqlite";

/// Without a further word the alerter runs until Ctrl-C.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  kentongan alerts --url https://monitor.purworejokab.go.id\n  kentongan alerts log\n  kentongan alerts test grup-jaga"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    task: Option<Task>,
    /// Settings (default: kentongan.toml, where there is one)
    #[arg(long, global = true)]
    config: Option<PathBuf>,
    /// The inventory, for name, language and time zone
    #[arg(long, global = true)]
    inventory: Option<PathBuf>,
    /// Where the alerter keeps its database
    #[arg(long, global = true)]
    data: Option<PathBuf>,
    /// Where the collector listens
    #[arg(long, env = "KENTONGAN_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
}

#[derive(Debug, clap::Subcommand)]
enum Task {
    /// Show what was told and what was withheld, and why, newest first
    Log {
        /// How many entries
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// Changes of sites' states as well, which are told through incidents
        #[arg(long)]
        all: bool,
    },
    /// Send a test message to a channel
    Test {
        /// The channel's name
        channel: ChannelName,
    },
}

/// What the alerter works with, out of the program's settings and the inventory.
pub(crate) fn config(
    network: &Network,
    channels: Vec<ChannelConfig>,
    base_url: String,
    data: &Path,
) -> kentongan_alerts::Config {
    kentongan_alerts::Config {
        base_url,
        database: data.join(DATABASE),
        network: network.name.clone(),
        language: network.language,
        timezone: network.timezone.clone(),
        channels,
        pace: Pace::default(),
    }
}

/// Runs the alerter, or one of its tasks.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    crate::log_to_stderr();
    let settings = match Settings::read(arguments.config.as_deref()) {
        Ok(settings) => settings,
        Err(error) => return crate::failed(&error),
    };
    let data = arguments.data.as_ref().unwrap_or(&settings.collector.data);
    if let Some(Task::Log { limit, all }) = arguments.task {
        return show_log(&data.join(DATABASE), limit, all);
    }
    let inventory = arguments.inventory.as_ref().unwrap_or(&settings.collector.inventory);
    let network = match inventory_file::read(inventory) {
        Ok(network) => network,
        Err(code) => return code,
    };
    let config = config(&network, settings.channels, arguments.url.clone(), data);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return crate::failed(&error),
    };
    let clock = SystemClock::new();
    let done = match &arguments.task {
        Some(Task::Test { channel }) => runtime.block_on(kentongan_alerts::test(&config, channel, &clock)),
        _ => runtime.block_on(follow(config, Arc::new(clock))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => crate::failed(&error),
    }
}

/// Prints the log, newest first, and what was counted since the database was made.
fn show_log(database: &Path, limit: usize, all: bool) -> ExitCode {
    let read = if all { kentongan_alerts::log } else { kentongan_alerts::log_of_incidents };
    let counted = kentongan_alerts::counters(database);
    match read(database, limit).and_then(|entries| Ok((entries, counted?))) {
        Ok((entries, counted)) => {
            entries.iter().for_each(|entry| println!("{}", told(entry)));
            println!("in all: {counted}");
            ExitCode::SUCCESS
        }
        Err(error) => crate::failed(&error),
    }
}

/// One entry of the log in one line: when, about what, to whom, and what became of it and why.
fn told(entry: &kentongan_alerts::Entry) -> String {
    let outlet = entry.outlet.as_ref().map_or_else(|| "everybody".to_owned(), ToString::to_string);
    let about = entry.title.as_ref().or(entry.root.as_ref()).map_or("–", String::as_str);
    let trouble = entry.trouble.as_ref().map_or_else(String::new, |trouble| format!(" ({trouble})"));
    // What has a title says the rest in its message; an amendment has no other words than these.
    let note = entry.body.as_ref().filter(|_| entry.title.is_none());
    let note = note.map_or_else(String::new, |note| format!(" – {note}"));
    format!("{}  {about}{note}  → {outlet}: {}{trouble}", entry.decided_at, entry.fate)
}

async fn follow(
    config: kentongan_alerts::Config,
    clock: Arc<dyn Clock>,
) -> Result<(), kentongan_alerts::AlertError> {
    let stop = CancellationToken::new();
    println!("following {}/api/v1/events; Ctrl-C ends it", config.base_url);
    let ending = stop.clone();
    let signals = tokio::spawn(async move {
        if let Err(error) = crate::running::interrupted().await {
            tracing::error!("{error:#}");
        }
        ending.cancel();
    });
    let ran = kentongan_alerts::run(config, clock, stop).await;
    signals.abort();
    ran
}
