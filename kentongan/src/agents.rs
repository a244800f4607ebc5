//! `kentongan agent add SITE`: lets the agent of a site deliver, and prints the lines of its configuration, once.

use std::{path::PathBuf, process::ExitCode};

use kentongan_model::{
    id::{SiteId, Vantage},
    time::SystemClock,
};

use crate::{inventory_file, roster, settings::Settings};

/// What can be done with agents.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Give the agent of a site its token; an earlier token of that site no longer counts
    #[command(
        after_help = "Example:\n  kentongan agent add kec-kutoarjo --url https://monitor.purworejokab.go.id"
    )]
    Add(Add),
    /// Show the agents: when each was heard, and what its link carries a month
    List(roster::Arguments),
}

/// Whose agent, and how it reaches the collector.
#[derive(Debug, clap::Args)]
pub(crate) struct Add {
    /// The site that the agent runs at; the inventory says `agent = true` there
    site: SiteId,
    /// Where the agent reaches the collector
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: String,
    /// Settings (default: kentongan.toml, where there is one)
    #[arg(long)]
    config: Option<PathBuf>,
    /// The collector's data folder
    #[arg(long)]
    data: Option<PathBuf>,
    /// The inventory
    #[arg(long)]
    inventory: Option<PathBuf>,
}

/// Runs one of them.
pub(crate) fn run(command: &Command) -> ExitCode {
    let add = match command {
        Command::Add(add) => add,
        Command::List(arguments) => return roster::run(arguments),
    };
    match token(add) {
        Ok(token) => {
            println!("# agent.toml on the router of {}. The token is shown only now.", add.site);
            println!("agent = \"{}\"", add.site);
            println!("collector = \"{}\"", add.url);
            println!("token = \"{}\"", token.expose());
            ExitCode::SUCCESS
        }
        Err(code) => code,
    }
}

fn token(add: &Add) -> Result<kentongan_model::secret::Secret, ExitCode> {
    let settings = Settings::read(add.config.as_deref()).map_err(|error| crate::failed(&error))?;
    let inventory = add.inventory.clone().unwrap_or(settings.collector.inventory);
    let network = inventory_file::read(&inventory)?;
    let Some(site) = network.site(&add.site) else {
        eprintln!("error: {} has no site '{}'", inventory.display(), add.site);
        return Err(ExitCode::FAILURE);
    };
    if !site.agent {
        eprintln!(
            "error: {} says of no agent at '{}'; put `agent = true` there first",
            inventory.display(),
            add.site
        );
        return Err(ExitCode::FAILURE);
    }
    let data = add.data.clone().unwrap_or(settings.collector.data);
    kentongan_collector::add_agent(&data, &Vantage::Site(add.site.clone()), &SystemClock::new())
        .map_err(|error| crate::failed(&error))
}
