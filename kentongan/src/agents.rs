//! `kentongan agent add SITE`: lets the agent of a site enrol, and prints the one command that installs and enrols it.
//!
//! The rule it guards: what is printed may travel by chat. It is a code that is good once and not for long; only
//! `--token` prints a secret that lasts, for those who configure agents themselves.

mod command;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use command::{Kind, Order};
use kentongan_collector::GivenOut;
use kentongan_model::{
    id::{SiteId, Vantage},
    time::SystemClock,
};

use crate::{inventory_file, roster, settings::Settings};

/// What can be done with agents.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Print the one command that installs and enrols the agent of a site
    ///
    /// Its code is good once. The agent that delivers for the site so far goes on until then.
    #[command(after_help = EXAMPLES)]
    Add(Add),
    /// Show the agents: when each was heard, and what its link carries a month
    List(roster::Arguments),
}

const EXAMPLES: &str = "\
Examples:
  kentongan agent add kec-kutoarjo --url https://monitor.example.go.id
  kentongan agent add kec-kutoarjo --url https://monitor.example.go.id --for routeros --valid 3d
  kentongan agent add kec-kutoarjo --url http://10.20.0.2:8080 --token     the lines of an agent.toml, with a token that lasts";

/// Whose agent, and how it reaches the collector.
#[derive(Debug, clap::Args)]
pub(crate) struct Add {
    /// The site that the agent runs at; the inventory says `agent = true` there
    site: SiteId,
    /// Where the agent reaches the collector
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: String,
    /// What the agent is to run on: `linux` (OpenWrt, Debian), `routeros`, or `installed` where its package is there already
    #[arg(long = "for", value_enum, default_value = "linux")]
    kind: Kind,
    /// How long the code is good, such as 2h or 3d; 30 days at most
    #[arg(long, default_value = "24h", value_parser = validity)]
    valid: Duration,
    /// Print a configuration with a token instead; an earlier token of that site no longer counts
    #[arg(long, conflicts_with_all = ["kind", "valid"])]
    token: bool,
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
    match command {
        Command::Add(add) => add.run().map_or_else(|code| code, |()| ExitCode::SUCCESS),
        Command::List(arguments) => roster::run(arguments),
    }
}

fn validity(text: &str) -> Result<Duration, String> {
    let days = text.strip_suffix('d').and_then(|days| days.parse::<u64>().ok());
    let valid = match days {
        Some(days) => Some(Duration::from_secs(days.saturating_mul(86_400))),
        None => text.parse::<jiff::SignedDuration>().ok().and_then(|length| length.try_into().ok()),
    };
    match valid {
        Some(valid) if valid >= Duration::from_secs(60) && valid <= Duration::from_secs(30 * 86_400) => {
            Ok(valid)
        }
        _ => Err("say a length between 1m and 30d, such as 2h or 3d".to_owned()),
    }
}

impl Add {
    fn run(&self) -> Result<(), ExitCode> {
        let settings = Settings::read(self.config.as_deref()).map_err(|error| crate::failed(&error))?;
        let inventory = self.inventory.clone().unwrap_or(settings.collector.inventory);
        let network = inventory_file::read(&inventory)?;
        let told = |fault: String| {
            eprintln!("error: {} {fault}", inventory.display());
            ExitCode::FAILURE
        };
        let site = network.site(&self.site).ok_or_else(|| told(format!("has no site '{}'", self.site)))?;
        if !site.agent {
            return Err(told(format!("says of no agent at '{}'; put `agent = true` there first", self.site)));
        }
        let data = self.data.clone().unwrap_or(settings.collector.data);
        let (vantage, clock) = (Vantage::Site(self.site.clone()), SystemClock::new());
        if self.token {
            let token = kentongan_collector::add_agent(&data, &vantage, &clock);
            let token = token.map_err(|error| crate::failed(&error))?;
            println!("# agent.toml on the router of {}. The token is shown only now.", self.site);
            println!("agent = \"{}\"", self.site);
            println!("collector = \"{}\"", self.url);
            println!("token = \"{}\"", token.expose());
            return Ok(());
        }
        if let Err(fault) = command::fits_a_shell(&self.url) {
            eprintln!("error: {fault}");
            return Err(ExitCode::FAILURE);
        }
        let given_out = kentongan_collector::give_out_code(&data, &vantage, self.valid, &clock);
        let GivenOut { code, expires_at } = given_out.map_err(|error| crate::failed(&error))?;
        let until = expires_at.to_jiff().to_zoned(network.timezone.clone());
        let until = until.strftime("%Y-%m-%d %H:%M %Z").to_string();
        let sums = settings.collector.packages.join("SHA256SUMS");
        let order = Order {
            site: &self.site,
            url: self.url.trim_end_matches('/'),
            code: &code,
            until: &until,
            sums: &std::fs::read_to_string(sums).unwrap_or_default(),
        };
        print!("{}", order.text(self.kind));
        for caution in command::cautions(&self.url, self.kind, &settings.collector.packages) {
            eprintln!("note: {caution}");
        }
        Ok(())
    }
}
