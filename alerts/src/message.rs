//! The words of a message: short enough for a phone, plain text, in Bahasa Indonesia or English.
//!
//! A message names the root cause, the sites that it takes down, since when and how long. Whatever the inventory
//! holds, a message stays under [`LONGEST`] characters and on lines of its own making.

use std::time::Duration;

use jiff::tz::TimeZone;
use kentongan_model::{
    event::{Change, EventKind, IncidentRecord, SiteRef},
    inventory::Language,
    state::{Cause, State},
    time::Timestamp,
    wording,
};

use crate::{
    decide::outlasted,
    reason::{Says, Why},
};

/// The most names of affected sites in a message; the rest is counted.
const MOST_NAMES: usize = 10;
/// The most characters of one name.
const LONGEST_NAME: usize = 80;
/// The most characters of what is said about a revision.
const LONGEST_NOTE: usize = 300;
/// No message is longer, in characters (Telegram takes 4,096).
pub const LONGEST: usize = 2_000;

/// What people read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// One line: what happened where. The subject of a mail.
    pub title: String,
    /// The rest, a few lines.
    pub body: String,
}

impl Message {
    /// Title and body, one below the other.
    #[must_use]
    pub fn whole(&self) -> String {
        format!("{}\n{}", self.title, self.body)
    }
}

/// Whose words they are.
#[derive(Debug, Clone)]
pub struct Wording {
    /// The network's name.
    pub network: String,
    /// The language.
    pub language: Language,
    /// The time zone of the times.
    pub timezone: TimeZone,
}

impl Wording {
    /// Words what is said about an entry of the feed.
    #[must_use]
    pub fn of(&self, says: Says, told: &EventKind) -> Message {
        match told {
            EventKind::IncidentOpened { incident }
            | EventKind::IncidentAmended { incident }
            | EventKind::IncidentResolved { incident } => self.message(says, incident),
            EventKind::SiteSteady { incident: Some(incident), changes, .. } => {
                let was = self.say(
                    format!("Setelah naik-turun ({changes} kali), kini tetap putus"),
                    format!("It was up and down ({changes} times), and stays down"),
                );
                self.opened(incident, Some(was))
            }
            EventKind::SiteSteady { site, state, since, changes, .. } => {
                self.steady(site, *state, *since, *changes)
            }
            EventKind::SiteFlapping { site, changes, window_s, since } => {
                self.flapping(site, *changes, Duration::from_secs(u64::from(*window_s)), *since)
            }
            EventKind::SiteState { .. } => self.test(),
        }
    }

    /// Words what is said about an incident.
    #[must_use]
    pub fn message(&self, says: Says, incident: &IncidentRecord) -> Message {
        match says {
            Says::Resolved => self.resolved(incident),
            Says::Opened => self.opened(incident, self.outlasted(incident)),
            Says::Flapping | Says::Steady | Says::Test => self.test(),
        }
    }

    fn flapping(&self, site: &SiteRef, changes: u32, window: Duration, since: Timestamp) -> Message {
        let title = format!("🟠 {}: {}", self.say("NAIK-TURUN", "UP AND DOWN"), name(&site.name));
        let window = wording::length(window, self.language);
        let since = self.moment(since);
        let said = self.say(
            format!("Naik-turun ({changes} kali dalam {window}) sejak {since}"),
            format!("Up and down ({changes} times within {window}) since {since}"),
        );
        let next = self.say(
            format!("Kabar berikutnya setelah {window} tanpa perubahan"),
            format!("The next message comes after {window} without a change"),
        );
        self.signed(title, [said, next].into_iter().chain(self.provider(site)).collect())
    }

    fn steady(&self, site: &SiteRef, state: State, since: Timestamp, changes: u32) -> Message {
        let icon = match state {
            State::Up | State::Degraded => "🟢",
            State::Down => "🔴",
            State::Unreachable | State::Unknown => "🟠",
        };
        let word = match state {
            State::Up => self.say("tersambung", "up"),
            State::Degraded => self.say("terganggu", "degraded"),
            State::Down => self.say("putus", "down"),
            State::Unreachable => self.say("tak terjangkau", "unreachable"),
            State::Unknown => self.say("tidak diketahui", "unknown"),
        };
        let title = format!("{icon} {}: {} ({word})", self.say("STABIL", "STABLE"), name(&site.name));
        let since = self.moment(since);
        let said = self.say(
            format!("Stabil sejak {since}, setelah naik-turun ({changes} kali)"),
            format!("Stable since {since}, after it was up and down ({changes} times)"),
        );
        self.signed(title, vec![said])
    }

    fn opened(&self, incident: &IncidentRecord, note: Option<String>) -> Message {
        let (cut, since) = self.say(("PUTUS", "Sejak"), ("DOWN", "Since"));
        let mut lines = vec![format!("{since} {}", self.moment(incident.started_at))];
        lines.extend(note);
        lines.extend(self.affected(incident));
        lines.extend(self.provider(&incident.root));
        if incident.cause != Cause::Undetermined {
            lines.push(self.cause(incident.cause));
        }
        self.signed(format!("🔴 {cut}: {}", name(&incident.root.name)), lines)
    }

    /// Why it is told only now.
    fn outlasted(&self, incident: &IncidentRecord) -> Option<String> {
        let said = match outlasted(incident)? {
            Why::OutlastedMaintenance => self.say(
                "Masih berlangsung setelah pemeliharaan terjadwal",
                "It runs on after the planned maintenance",
            ),
            Why::ServiceBegan => self.say(
                "Masih berlangsung saat jam layanan dimulai",
                "It runs on while the service hours begin",
            ),
            _ => return None,
        };
        Some(said.to_owned())
    }

    /// The last revision of what was told, when one was needed after all.
    fn revised(&self, incident: &IncidentRecord) -> Option<String> {
        let told = |change: &Change| {
            matches!(change, Change::Beginning { .. } | Change::End { .. } | Change::Restored)
        };
        let revised =
            incident.amendments.iter().rev().find(|amendment| amendment.changes.iter().any(told))?;
        let said = wording::amendment(revised, &self.timezone, self.language);
        Some(format!("{}: {}", self.say("Diperbaiki", "Corrected"), line(&said, LONGEST_NOTE)))
    }

    fn resolved(&self, incident: &IncidentRecord) -> Message {
        let title = format!("🟢 {}: {}", self.say("PULIH", "RESTORED"), name(&incident.root.name));
        let start = incident.started_at;
        if incident.ended_at.is_some_and(|end| end <= start) {
            let withdrawn = self.say(
                "Laporan dicabut: data yang datang kemudian menunjukkan tidak ada gangguan",
                "Report withdrawn: data that came later shows that there was no outage",
            );
            return self.signed(title, vec![withdrawn.to_owned()]);
        }
        let lasted = self.say("Terputus selama", "Down for");
        let (from, to) = self.say(("Dari", "sampai"), ("From", "to"));
        let mut lines = Vec::new();
        if let Some(end) = incident.ended_at {
            let until = wording::moment_after(start, end, &self.timezone, self.language);
            lines.push(format!("{lasted} {}", wording::length(end.since(start), self.language)));
            lines.push(format!("{from} {} {to} {until}", self.moment(start)));
        }
        lines.extend(self.affected(incident));
        lines.extend(self.provider(&incident.root));
        lines.push(self.cause(incident.cause));
        lines.extend(self.revised(incident));
        self.signed(title, lines)
    }

    pub(crate) fn test(&self) -> Message {
        let (title, body) = self.say(
            ("🔔 UJI COBA: Kentongan", "Pesan percobaan. Saluran ini berfungsi; tidak ada gangguan."),
            ("🔔 TEST: Kentongan", "This is a test. The channel works; nothing is wrong."),
        );
        self.signed(title.to_owned(), vec![body.to_owned()])
    }

    fn affected(&self, incident: &IncidentRecord) -> Option<String> {
        let sites = &incident.affected;
        let names: Vec<String> = sites.iter().take(MOST_NAMES).map(|site| name(&site.name)).collect();
        let rest = match sites.len().saturating_sub(MOST_NAMES) {
            0 => String::new(),
            rest => self.say(format!(", dan {rest} lainnya"), format!(", and {rest} more")),
        };
        let title = self.say("Ikut terputus", "Also cut off");
        (!sites.is_empty()).then(|| format!("{title} ({}): {}{rest}", sites.len(), names.join(", ")))
    }

    fn provider(&self, root: &SiteRef) -> Option<String> {
        let title = self.say("Penyedia", "Provider");
        root.provider.as_ref().map(|provider| format!("{title}: {}", name(provider)))
    }

    fn cause(&self, cause: Cause) -> String {
        let why = wording::cause(cause, self.language);
        format!("{}: {why}", self.say("Penyebab", "Cause"))
    }

    fn moment(&self, time: Timestamp) -> String {
        wording::moment(time, &self.timezone, self.language)
    }

    fn signed(&self, title: String, mut lines: Vec<String>) -> Message {
        lines.push(name(&self.network));
        Message { title, body: lines.join("\n") }
    }

    fn say<T>(&self, indonesian: T, english: T) -> T {
        match self.language {
            Language::Id => indonesian,
            Language::En => english,
        }
    }
}

/// A name on one line, cut where it is too long to be one.
fn name(text: &str) -> String {
    line(text, LONGEST_NAME)
}

/// A text on one line, cut where it is longer than `longest` characters.
fn line(text: &str, longest: usize) -> String {
    let flat = text.split(|c: char| c.is_control() || c.is_whitespace()).filter(|word| !word.is_empty());
    let flat = flat.collect::<Vec<_>>().join(" ");
    if flat.chars().count() <= longest {
        return flat;
    }
    flat.chars().take(longest - 1).chain(['…']).collect()
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
