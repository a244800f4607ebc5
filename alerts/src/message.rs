//! The words of a message: short enough for a phone, plain text, in Bahasa Indonesia or English.
//!
//! A message names the root cause, the sites that it takes down, since when and how long. Whatever the inventory
//! holds, a message stays under [`LONGEST`] characters and on lines of its own making.

use jiff::tz::TimeZone;
use kentongan_model::{
    event::{IncidentRecord, SiteRef},
    inventory::Language,
    state::Cause,
};

use crate::{calendar, reason::Says};

/// The most names of affected sites in a message; the rest is counted.
const MOST_NAMES: usize = 10;
/// The most characters of one name.
const LONGEST_NAME: usize = 80;
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
    /// Words what is said about an incident.
    #[must_use]
    pub fn message(&self, says: Says, incident: &IncidentRecord) -> Message {
        match says {
            Says::Opened => self.opened(incident),
            Says::Resolved => self.resolved(incident),
            Says::Test => self.test(),
        }
    }

    fn opened(&self, incident: &IncidentRecord) -> Message {
        let (cut, since) = self.say(("PUTUS", "Sejak"), ("DOWN", "Since"));
        let mut lines = vec![format!("{since} {}", self.moment(incident.started_at))];
        lines.extend(self.affected(incident));
        lines.extend(self.provider(&incident.root));
        if incident.cause != Cause::Undetermined {
            lines.push(self.cause(incident.cause));
        }
        self.signed(format!("🔴 {cut}: {}", name(&incident.root.name)), lines)
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
            let until = calendar::moment_after(start, end, &self.timezone, self.language);
            lines.push(format!("{lasted} {}", calendar::length(end.since(start), self.language)));
            lines.push(format!("{from} {} {to} {until}", self.moment(start)));
        }
        lines.extend(self.affected(incident));
        lines.extend(self.provider(&incident.root));
        lines.push(self.cause(incident.cause));
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
        let why = match cause {
            Cause::Power => self.say("listrik padam", "power failure"),
            Cause::Link => self.say("jalur putus", "link cut"),
            Cause::Undetermined => self.say("belum diketahui", "not known yet"),
        };
        format!("{}: {why}", self.say("Penyebab", "Cause"))
    }

    fn moment(&self, time: kentongan_model::time::Timestamp) -> String {
        calendar::moment(time, &self.timezone, self.language)
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
    let flat = text.split(|c: char| c.is_control() || c.is_whitespace()).filter(|word| !word.is_empty());
    let flat = flat.collect::<Vec<_>>().join(" ");
    if flat.chars().count() <= LONGEST_NAME {
        return flat;
    }
    flat.chars().take(LONGEST_NAME - 1).chain(['…']).collect()
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
