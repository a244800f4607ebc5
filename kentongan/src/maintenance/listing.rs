//! Maintenance windows as the API tells them, and as they are shown.

use std::io::IsTerminal;

use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets};
use jiff::tz::TimeZone;
use kentongan_model::time::Timestamp;
use serde::Deserialize;

/// What the API tells.
#[derive(Debug, Deserialize)]
pub(super) struct Listing {
    pub(super) timezone: String,
    pub(super) windows: Vec<Window>,
    pub(super) left_out: usize,
}

/// One window.
#[derive(Debug, Deserialize)]
pub(super) struct Window {
    pub(super) id: Option<u64>,
    pub(super) site: String,
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) reason: Option<String>,
    pub(super) standing: String,
    pub(super) site_known: bool,
    pub(super) in_retrospect: bool,
    pub(super) added_at: Option<Timestamp>,
    pub(super) added_by: Option<String>,
    pub(super) removed_at: Option<Timestamp>,
}

impl Listing {
    pub(super) fn zone(&self) -> TimeZone {
        TimeZone::get(&self.timezone).unwrap_or(TimeZone::UTC)
    }
}

impl Window {
    pub(super) fn number(&self) -> String {
        self.id.map_or_else(|| "file".to_owned(), |id| id.to_string())
    }

    pub(super) fn reason(&self) -> &str {
        self.reason.as_deref().unwrap_or_default()
    }

    pub(super) fn told(&self, zone: &TimeZone) -> String {
        let retrospect = if self.in_retrospect { ", in retrospect" } else { "" };
        let (from, to) = (local(self.from, zone), local(self.to, zone));
        format!("{} from {from} to {to} ({}){retrospect}", self.site, self.reason())
    }
}

/// A time as the clocks there show it.
fn local(at: Timestamp, zone: &TimeZone) -> String {
    at.to_jiff().to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()
}

/// The windows as a table, in the network's time zone.
pub(super) fn table(listing: &Listing) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_tells_when_windows_are_there_and_which_were_added_late() {
        let text = r#"{"timezone": "Asia/Makassar", "now": "2026-11-07T12:00:00.000Z", "left_out": 0, "windows": [
          {"id": null, "site": "noc", "from": "2026-11-01T15:00:00.000Z", "to": "2026-11-01T16:00:00.000Z", "reason": null,
           "standing": "over", "counts": null, "site_known": true, "in_retrospect": false, "added_at": null,
           "added_by": null, "removed_at": null, "removed_by": null},
          {"id": 7, "site": "kec-kutoarjo", "from": "2026-11-07T11:00:00.000Z", "to": "2026-11-07T19:00:00.000Z",
           "reason": "splicing ulang", "standing": "ended_early", "counts": null, "site_known": true,
           "in_retrospect": true, "added_at": "2026-11-07T11:05:00.000Z", "added_by": "Bu Sri",
           "removed_at": "2026-11-07T12:00:00.000Z", "removed_by": null},
          {"id": 9, "site": "desa-lama", "from": "2026-11-08T15:00:00.000Z", "to": "2026-11-08T16:00:00.000Z",
           "reason": "ganti tiang", "standing": "planned", "counts": null, "site_known": false,
           "in_retrospect": false, "added_at": "2026-11-07T11:05:00.000Z", "added_by": null, "removed_at": null,
           "removed_by": null}]}"#;
        insta::assert_snapshot!(table(&serde_json::from_str(text).unwrap()));
    }
}
