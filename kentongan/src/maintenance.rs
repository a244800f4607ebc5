//! `kentongan maintenance`: adds, lists and removes maintenance windows of a running collector, over its API.
//!
//! What has no offset is in the network's time zone, as in the inventory: the collector reads it, which knows the zone.

use std::process::ExitCode;

use reqwest::{Method, StatusCode};
use serde::Serialize;

use self::{
    desk::{MaintenanceError, Right, Whom},
    listing::{Listing, Window, table},
};

mod desk;
mod listing;

/// What can be done with windows.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Plan work at a site: nobody is alarmed by it, and it counts against nobody
    #[command(after_help = "\
Times without an offset are in the network's time zone. The window counts for every site, too, that is reached through
this one alone.

Examples:
  kentongan maintenance add kec-kutoarjo --from 2026-11-07T22:00 --to 2026-11-08T02:00 --reason \"splicing ulang\"
  kentongan maintenance add kec-kutoarjo --from now --for 2h --reason \"ganti router\"")]
    Add(Add),
    /// Show what is planned and what was
    #[command(after_help = "\
Examples:
  kentongan maintenance list
  kentongan maintenance list --site kec-kutoarjo --json")]
    List(List),
    /// Take a window back; one that goes on ends now, one that is over stays
    #[command(after_help = "Example:\n  kentongan maintenance remove 7")]
    Remove(Remove),
}

/// A window to add.
#[derive(Debug, clap::Args)]
pub(crate) struct Add {
    /// The site
    site: String,
    /// When it begins: now, or a time such as 2026-11-07T22:00
    #[arg(long)]
    from: String,
    /// When it ends
    #[arg(long, required_unless_present = "length", conflicts_with = "length")]
    to: Option<String>,
    /// How long it lasts, such as 2h or 90m
    #[arg(long = "for", value_name = "LENGTH")]
    length: Option<String>,
    /// Why
    #[arg(long)]
    reason: String,
    /// Who adds it
    #[arg(long, env = "USER")]
    by: Option<String>,
    #[command(flatten)]
    collector: Whom,
}

/// What to show.
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    /// Of this site alone
    #[arg(long)]
    site: Option<String>,
    /// Print what the API says, for machines
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    collector: Whom,
}

/// Which one goes.
#[derive(Debug, clap::Args)]
pub(crate) struct Remove {
    /// Its number, as `list` shows it
    id: u64,
    /// Who removes it
    #[arg(long, env = "USER")]
    by: Option<String>,
    #[command(flatten)]
    collector: Whom,
}

/// Runs one of them; exit code 1 when it was not done.
pub(crate) fn run(command: &Command) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let told = runtime
        .map_err(|source| MaintenanceError::Prepare { source })
        .and_then(|runtime| runtime.block_on(order(command)));
    match told {
        Ok(told) => {
            print!("{told}");
            ExitCode::SUCCESS
        }
        Err(error) => crate::failed(&error),
    }
}

async fn order(command: &Command) -> Result<String, MaintenanceError> {
    match command {
        Command::Add(add) => {
            let desk = add.collector.desk()?;
            let body = Asked {
                site: &add.site,
                from: Some(add.from.trim()).filter(|from| !from.eq_ignore_ascii_case("now")),
                to: add.to.as_deref(),
                length: add.length.as_deref(),
                reason: &add.reason,
                by: add.by.as_deref().filter(|by| !by.is_empty()),
            };
            let body = serde_json::to_vec(&body).unwrap_or_default();
            let (status, body) = desk.ask(Method::POST, "", &[], Some(body), Right::Operator).await?;
            let listing = desk.ask(Method::GET, "", &[("site", &add.site)], None, Right::Anyone).await?.1;
            let zone = desk.read::<Listing>(&listing)?.zone();
            let window: Window = desk.read(&body)?;
            let done = if status == StatusCode::CREATED { "added" } else { "was there before" };
            Ok(format!("{} {done}: {}\n", window.number(), window.told(&zone)))
        }
        Command::List(list) => {
            let desk = list.collector.desk()?;
            let query: Vec<_> = list.site.iter().map(|site| ("site", site.as_str())).collect();
            let (_, body) = desk.ask(Method::GET, "", &query, None, Right::Anyone).await?;
            if list.json {
                return Ok(body + "\n");
            }
            Ok(table(&desk.read(&body)?))
        }
        Command::Remove(remove) => {
            let desk = remove.collector.desk()?;
            let query: Vec<_> = remove.by.iter().map(|by| ("by", by.as_str())).collect();
            let query: Vec<_> = query.into_iter().filter(|(_, by)| !by.is_empty()).collect();
            let path = format!("/{}", remove.id);
            let (_, body) = desk.ask(Method::DELETE, &path, &query, None, Right::Operator).await?;
            let window: Window = desk.read(&body)?;
            let done = if window.standing == "ended_early" { "ended now" } else { "withdrawn" };
            Ok(format!("{} {done}: {} ({})\n", window.number(), window.site, window.reason()))
        }
    }
}

/// What is asked for.
#[derive(Debug, Serialize)]
struct Asked<'a> {
    site: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    length: Option<&'a str>,
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a str>,
}
