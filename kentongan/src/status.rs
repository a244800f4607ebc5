//! `kentongan status`: the network as a table, or as JSON for machines, asked of a running collector over its API.
//!
//! The tree is drawn as the fibre runs: each site below the first of its upstreams.

use std::{collections::BTreeMap, io::IsTerminal, process::ExitCode, time::Duration};

use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, Table, presets};
use kentongan_model::{
    state::State,
    time::{Clock, SystemClock, Timestamp},
};
use serde::Deserialize;

/// Whom to ask, and how to show it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  kentongan status\n  kentongan status --json | jq '.sites[] | select(.state != \"up\")'"
)]
pub(crate) struct Arguments {
    /// Where the collector listens
    #[arg(long, env = "KENTONGAN_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// Print what the API says, for machines
    #[arg(long)]
    json: bool,
}

/// The list of sites, as the API tells it.
#[derive(Debug, Deserialize)]
pub(crate) struct Listing {
    pub(crate) sites: Vec<Row>,
}

/// One site.
#[derive(Debug, Deserialize)]
pub(crate) struct Row {
    id: String,
    name: String,
    upstream: Vec<String>,
    pub(crate) state: State,
    since: Timestamp,
    roots: Vec<String>,
    uptime_24h_pct: Option<f64>,
    rtt_ms: Option<f64>,
    loss_pct: Option<f64>,
}

/// Why the state of the network cannot be told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StatusError {
    #[error("no collector answers at {url}; start one with `make up`, or name another with --url")]
    Unreachable { url: String, source: reqwest::Error },
    #[error("{url} answers, but not as a collector of this version does")]
    Foreign { url: String, source: serde_json::Error },
    #[error("the collector at {url} answered {status}: {body}")]
    Refused { url: String, status: u16, body: String },
    #[error("cannot prepare a request")]
    Prepare { source: std::io::Error },
}

/// Prints the table (or JSON); exit code 1 when no collector answers.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let shown = ask_once(&arguments.url, SITES).and_then(|body| {
        if arguments.json {
            Ok(body + "\n")
        } else {
            Ok(table(&parse::<Listing>(&arguments.url, &body)?, SystemClock::new().now()))
        }
    });
    match shown {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => crate::failed(&error),
    }
}

/// Where the list of sites is.
const SITES: &str = "/api/v1/sites";

/// What the collector at `url` says at `path`, asked by a program that does nothing else.
pub(crate) fn ask_once(url: &str, path: &str) -> Result<String, StatusError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|source| StatusError::Prepare { source })?.block_on(ask_for(url, path))
}

/// The list of sites of the collector at `url`, as JSON.
pub(crate) async fn ask(url: &str) -> Result<String, StatusError> {
    ask_for(url, SITES).await
}

async fn ask_for(url: &str, path: &str) -> Result<String, StatusError> {
    let unreachable = |source| StatusError::Unreachable { url: url.to_owned(), source };
    let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).build().map_err(unreachable)?;
    let answer =
        client.get(format!("{}{path}", url.trim_end_matches('/'))).send().await.map_err(unreachable)?;
    let status = answer.status();
    let body = answer.text().await.map_err(unreachable)?;
    if status.is_success() {
        return Ok(body);
    }
    Err(StatusError::Refused { url: url.to_owned(), status: status.as_u16(), body: body.trim().to_owned() })
}

/// Reads what was answered.
pub(crate) fn parse<T: serde::de::DeserializeOwned>(url: &str, body: &str) -> Result<T, StatusError> {
    serde_json::from_str(body).map_err(|source| StatusError::Foreign { url: url.to_owned(), source })
}

/// The table and a line that counts the states, as of `now`.
pub(crate) fn table(listing: &Listing, now: Timestamp) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Disabled);
    if !std::io::stdout().is_terminal() {
        table.force_no_tty();
    }
    table.set_header(
        ["site", "name", "state", "since", "uptime 24 h", "RTT", "loss"]
            .map(|head| Cell::new(head).add_attribute(Attribute::Bold)),
    );
    for column in [4, 5, 6] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for (depth, row) in tree(&listing.sites) {
        let number = |value: Option<f64>, unit: &str, digits: usize| {
            value.map_or_else(|| "–".to_owned(), |value| format!("{value:.digits$} {unit}"))
        };
        table.add_row([
            Cell::new(format!("{}{}", "  ".repeat(depth), row.id)),
            Cell::new(&row.name),
            Cell::new(told(row)).fg(colour(row.state)),
            Cell::new(ago(row.since, now)),
            Cell::new(number(row.uptime_24h_pct, "%", 2)),
            Cell::new(number(row.rtt_ms, "ms", 2)),
            Cell::new(number(row.loss_pct, "%", 0)),
        ]);
    }
    format!("{table}\n{}\n", counts(&listing.sites))
}

fn told(row: &Row) -> String {
    if row.roots.is_empty() {
        row.state.to_string()
    } else {
        format!("{} ({})", row.state, row.roots.join(", "))
    }
}

fn colour(state: State) -> Color {
    match state {
        State::Up => Color::Green,
        State::Degraded => Color::Yellow,
        State::Down => Color::Red,
        State::Unreachable => Color::Magenta,
        State::Unknown => Color::DarkGrey,
    }
}

/// How long ago, in the two largest units: `3 d 4 h`, `12 min 5 s`.
pub(crate) fn ago(since: Timestamp, now: Timestamp) -> String {
    let seconds = now.since(since).as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

fn counts(sites: &[Row]) -> String {
    let mut by_state: BTreeMap<State, usize> = BTreeMap::new();
    for row in sites {
        *by_state.entry(row.state).or_default() += 1;
    }
    let told: Vec<String> = by_state.iter().map(|(state, count)| format!("{count} {state}")).collect();
    format!("{} sites: {}", sites.len(), told.join(", "))
}

/// The sites with their depth, each below the first of its upstreams, in the order of the list.
fn tree(sites: &[Row]) -> Vec<(usize, &Row)> {
    let mut children: BTreeMap<Option<&str>, Vec<&Row>> = BTreeMap::new();
    for row in sites {
        children.entry(row.upstream.first().map(String::as_str)).or_default().push(row);
    }
    let mut ordered = Vec::with_capacity(sites.len());
    let mut stack: Vec<(usize, &Row)> =
        children.get(&None).into_iter().flatten().rev().map(|&row| (0, row)).collect();
    while let Some((depth, row)) = stack.pop() {
        ordered.push((depth, row));
        stack.extend(
            children.get(&Some(row.id.as_str())).into_iter().flatten().rev().map(|&row| (depth + 1, row)),
        );
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing() -> Listing {
        parse("", include_str!("../tests/sites.json")).expect("a list of sites")
    }

    #[test]
    fn the_table_shows_the_tree_with_states_and_figures() {
        insta::assert_snapshot!(table(&listing(), "2026-11-01T02:00:00Z".parse().unwrap()));
    }

    #[test]
    fn an_age_is_told_in_its_two_largest_units() {
        let now = Timestamp::from_millis(10_000_000_000);
        for (seconds, told) in
            [(0, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (7260, "2 h 1 min"), (180_000, "2 d 2 h")]
        {
            assert_eq!(ago(now - Duration::from_secs(seconds), now), told);
        }
    }
}
