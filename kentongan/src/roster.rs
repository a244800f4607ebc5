//! `kentongan agent list`: the agents as a table, with what their links carry, asked of a running collector over its API.

use std::{io::IsTerminal, process::ExitCode};

use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, Table, presets};
use kentongan_model::time::{Clock, SystemClock, Timestamp};
use serde::Deserialize;

use crate::status::{self, ago};

/// Whom to ask, and how to show it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  kentongan agent list\n  kentongan agent list --json | jq '.agents[].this_month'"
)]
pub(crate) struct Arguments {
    /// Where the collector listens
    #[arg(long, env = "KENTONGAN_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// Print what the API says, for machines
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Deserialize)]
struct Agents {
    agents: Vec<Row>,
}

#[derive(Debug, Deserialize)]
struct Row {
    agent: String,
    name: Option<String>,
    planned: bool,
    admitted: bool,
    seen_at: Option<Timestamp>,
    version: Option<String>,
    streaming: bool,
    this_month: Month,
    last_month: Month,
}

#[derive(Debug, Deserialize)]
struct Month {
    month: String,
    came_bytes: u64,
    went_bytes: u64,
    agent_sent_bytes: u64,
    agent_received_bytes: u64,
    dropped_rounds: u64,
}

/// Prints the table (or JSON); exit code 1 when no collector answers.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let url = &arguments.url;
    let shown = status::ask_once(url, "/api/v1/agents").and_then(|body| {
        if arguments.json {
            return Ok(body + "\n");
        }
        let agents: Agents = status::parse(url, &body)?;
        Ok(table(&agents.agents, SystemClock::new().now()))
    });
    match shown {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => crate::failed(&error),
    }
}

fn table(agents: &[Row], now: Timestamp) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Disabled);
    if !std::io::stdout().is_terminal() {
        table.force_no_tty();
    }
    let month = |of: fn(&Row) -> &Month, else_: &str| {
        agents.first().map_or_else(|| else_.to_owned(), |row| of(row).month.clone())
    };
    let (this, last) = (month(|row| &row.this_month, "month"), month(|row| &row.last_month, "before"));
    let heads = ["agent", "name", "last heard", "version", "by", &this, &last, "rounds dropped"];
    table.set_header(heads.map(|head| Cell::new(head).add_attribute(Attribute::Bold)));
    for column in [5, 6, 7] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for row in agents {
        let (heard, colour) = match (row.seen_at, row.admitted, row.planned) {
            (Some(at), ..) => (format!("{} ago", ago(at, now)), Color::Reset),
            (None, true, true) => ("never".to_owned(), Color::Yellow),
            (None, false, _) => ("has no token: kentongan agent add".to_owned(), Color::Yellow),
            (None, true, false) => ("not in the inventory".to_owned(), Color::Grey),
        };
        table.add_row([
            Cell::new(&row.agent),
            Cell::new(row.name.as_deref().unwrap_or("–")),
            Cell::new(heard).fg(colour),
            Cell::new(row.version.as_deref().unwrap_or("–")),
            Cell::new(if row.streaming { "stream" } else { "–" }),
            Cell::new(bytes(row.this_month.carried())),
            Cell::new(bytes(row.last_month.carried())),
            Cell::new(row.this_month.dropped_rounds + row.last_month.dropped_rounds),
        ]);
    }
    format!(
        "{table}\nBytes are what the agents say that their sockets carried, both ways, TLS included; those of an agent \
             that does not say so\nare what the collector saw of deliveries and answers (marked *).\n"
    )
}

impl Month {
    /// What the link carried, and whether the agent itself says so.
    fn carried(&self) -> (u64, bool) {
        match self.agent_sent_bytes + self.agent_received_bytes {
            0 => (self.came_bytes + self.went_bytes, false),
            told => (told, true),
        }
    }
}

/// Bytes as people read them, in powers of 1000 as providers bill them.
fn bytes((count, is_told): (u64, bool)) -> String {
    let mark = if is_told || count == 0 { "" } else { " *" };
    let shown = match count {
        0..1_000 => format!("{count} B"),
        1_000..1_000_000 => format!("{:.1} kB", count as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.2} MB", count as f64 / 1e6),
        _ => format!("{:.2} GB", count as f64 / 1e9),
    };
    shown + mark
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_who_was_heard_when_and_what_it_cost() {
        let month = |sent, came| Month {
            month: "2026-11".to_owned(),
            came_bytes: came,
            went_bytes: 50,
            agent_sent_bytes: sent,
            agent_received_bytes: 0,
            dropped_rounds: 2,
        };
        let row = |agent: &str, seen: Option<i64>, sent| Row {
            agent: agent.to_owned(),
            name: Some("Kutasari".to_owned()),
            planned: true,
            admitted: agent != "kec-b",
            seen_at: seen.map(Timestamp::from_millis),
            version: Some("0.1.0".to_owned()),
            streaming: seen.is_some(),
            this_month: month(sent, 900),
            last_month: month(0, 2_500_000),
        };
        let rows = [row("kec-a", Some(0), 41_234_567), row("kec-b", None, 0)];
        let shown = table(&rows, Timestamp::from_millis(90_000));
        for part in ["kec-a", "41.23 MB", "2.50 MB *", "950 B *", "kentongan agent add", "stream"] {
            assert!(shown.contains(part), "{part} is not in\n{shown}");
        }
    }
}
