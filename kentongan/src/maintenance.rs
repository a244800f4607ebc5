//! `kentongan maintenance`: adds, lists and removes maintenance windows of a running collector, over its API.
//!
//! What has no offset is in the network's time zone, as in the inventory: the collector reads it, which knows the zone.

use std::{io::IsTerminal, net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets};
use jiff::tz::TimeZone;
use kentongan_collector::OPERATOR_TOKEN_FILE;
use kentongan_model::time::Timestamp;
use reqwest::{Method, StatusCode};
use serde::{Deserialize, Serialize};

use crate::{running::reachable, settings::Settings};

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

/// Whom to ask, and by what right.
#[derive(Debug, clap::Args)]
pub(crate) struct Whom {
    /// Where the collector listens (default: as the settings say)
    #[arg(long, env = "KENTONGAN_URL")]
    url: Option<String>,
    /// The operator's token (default: operator.token in the data folder)
    #[arg(long, env = "KENTONGAN_TOKEN_FILE")]
    token_file: Option<PathBuf>,
    /// Settings (default: kentongan.toml, where there is one)
    #[arg(long)]
    config: Option<PathBuf>,
    /// The collector's data folder
    #[arg(long)]
    data: Option<PathBuf>,
}

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
enum MaintenanceError {
    #[error("no collector answers at {url}; start one, or name another with --url")]
    Unreachable { url: String, source: reqwest::Error },
    #[error(
        "cannot read the operator's token {path}; run this as the collector's user or name it with --token-file"
    )]
    Token { path: PathBuf, source: std::io::Error },
    #[error("{url} answers, but not as a collector of this version does")]
    Foreign { url: String, source: serde_json::Error },
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Settings(#[from] crate::settings::SettingsError),
    #[error("cannot prepare a request")]
    Prepare { source: std::io::Error },
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

/// What the API tells.
#[derive(Debug, Deserialize)]
struct Listing {
    timezone: String,
    windows: Vec<Window>,
    left_out: usize,
}

/// One window.
#[derive(Debug, Deserialize)]
struct Window {
    id: Option<u64>,
    site: String,
    from: Timestamp,
    to: Timestamp,
    reason: Option<String>,
    standing: String,
    site_known: bool,
    in_retrospect: bool,
    added_at: Option<Timestamp>,
    added_by: Option<String>,
    removed_at: Option<Timestamp>,
}

/// The part of a problem that people read.
#[derive(Debug, Deserialize)]
struct Problem {
    title: String,
    detail: String,
}

impl Listing {
    fn zone(&self) -> TimeZone {
        TimeZone::get(&self.timezone).unwrap_or(TimeZone::UTC)
    }
}

impl Window {
    fn number(&self) -> String {
        self.id.map_or_else(|| "file".to_owned(), |id| id.to_string())
    }

    fn reason(&self) -> &str {
        self.reason.as_deref().unwrap_or_default()
    }

    fn told(&self, zone: &TimeZone) -> String {
        let retrospect = if self.in_retrospect { ", in retrospect" } else { "" };
        let (from, to) = (local(self.from, zone), local(self.to, zone));
        format!("{} from {from} to {to} ({}){retrospect}", self.site, self.reason())
    }
}

/// A time as the clocks there show it.
fn local(at: Timestamp, zone: &TimeZone) -> String {
    at.to_jiff().to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()
}

fn table(listing: &Listing) -> String {
    if listing.windows.is_empty() {
        return "nothing is planned\n".to_owned();
    }
    let zone = listing.zone();
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Disabled);
    if !std::io::stdout().is_terminal() {
        table.force_no_tty();
    }
    table.set_header(
        ["no.", "site", "from", "to", "standing", "added", "reason"]
            .map(|head| Cell::new(head).add_attribute(Attribute::Bold)),
    );
    for window in &listing.windows {
        let by = window.added_by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default();
        let late = if window.in_retrospect { ", in retrospect" } else { "" };
        let added = window.added_at.map(|at| format!("{}{by}{late}", local(at, &zone))).unwrap_or_default();
        let ended = window.removed_at.filter(|_| window.standing == "ended_early");
        let (standing, colour) = match window.standing.as_str() {
            _ if !window.site_known => ("no such site", Color::Red),
            "planned" => ("planned", Color::Reset),
            "under_way" => ("under way", Color::Cyan),
            "over" => ("over", Color::DarkGrey),
            "ended_early" => ("ended early", Color::DarkGrey),
            "withdrawn" => ("withdrawn", Color::DarkGrey),
            other => (other, Color::Reset),
        };
        table.add_row([
            Cell::new(window.number()),
            Cell::new(&window.site),
            Cell::new(local(window.from, &zone)),
            Cell::new(local(ended.unwrap_or(window.to), &zone)),
            Cell::new(standing).fg(colour),
            Cell::new(added),
            Cell::new(window.reason()),
        ]);
    }
    let more = if listing.left_out > 0 { format!("{} more\n", listing.left_out) } else { String::new() };
    format!("{table}\nTimes are those of {}.\n{more}", listing.timezone)
}

/// Whether a request needs the operator's token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Right {
    Anyone,
    Operator,
}

/// A collector that is asked.
#[derive(Debug)]
struct Desk {
    url: String,
    token_file: PathBuf,
}

impl Whom {
    fn desk(&self) -> Result<Desk, MaintenanceError> {
        let settings = Settings::read(self.config.as_deref())?.collector;
        let data = self.data.clone().unwrap_or(settings.data);
        let token_file = self.token_file.clone().unwrap_or_else(|| data.join(OPERATOR_TOKEN_FILE));
        let here = |listen: SocketAddr| format!("http://{}", reachable(listen));
        let url = self.url.clone().unwrap_or_else(|| here(settings.listen));
        Ok(Desk { url: url.trim_end_matches('/').to_owned(), token_file })
    }
}

impl Desk {
    async fn ask(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<Vec<u8>>,
        right: Right,
    ) -> Result<(StatusCode, String), MaintenanceError> {
        let unreachable = |source| MaintenanceError::Unreachable { url: self.url.clone(), source };
        let client =
            reqwest::Client::builder().timeout(Duration::from_secs(20)).build().map_err(unreachable)?;
        let mut request =
            client.request(method, format!("{}/api/v1/maintenance{path}", self.url)).query(query);
        if right == Right::Operator {
            let token = std::fs::read_to_string(&self.token_file)
                .map_err(|source| MaintenanceError::Token { path: self.token_file.clone(), source })?;
            request = request.bearer_auth(token.trim());
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body);
        }
        let answer = request.send().await.map_err(unreachable)?;
        let status = answer.status();
        let body = answer.text().await.map_err(unreachable)?;
        if status.is_success() {
            return Ok((status, body));
        }
        Err(MaintenanceError::Refused(match serde_json::from_str::<Problem>(&body) {
            Ok(problem) if status == StatusCode::UNAUTHORIZED => {
                format!(
                    "{}: {} is not the token of the collector at {}",
                    problem.title,
                    self.token_file.display(),
                    self.url
                )
            }
            Ok(problem) => problem.detail,
            Err(_) => format!("the collector at {} answered {status}", self.url),
        }))
    }

    fn read<T: serde::de::DeserializeOwned>(&self, body: &str) -> Result<T, MaintenanceError> {
        serde_json::from_str(body)
            .map_err(|source| MaintenanceError::Foreign { url: self.url.clone(), source })
    }
}
