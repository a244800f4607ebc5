//! An amendment in plain words: what changed, and why.
//!
//! Names come from an inventory and times from routers; whatever they are, the words stay on one line and as short as
//! the amendment, whose lists are bounded.

use std::time::Duration;

use jiff::tz::TimeZone;

use super::{length, short_moment};
use crate::{
    event::{Amendment, Change, Reason, SiteRef},
    inventory::Language,
    state::Cause,
    time::Timestamp,
};

/// What is known of a cause.
#[must_use]
pub fn cause(cause: Cause, language: Language) -> &'static str {
    let (indonesian, english) = match cause {
        Cause::Power => ("listrik padam", "power failure"),
        Cause::Link => ("jalur putus", "link cut"),
        Cause::Undetermined => ("belum diketahui", "not known yet"),
    };
    match language {
        Language::Id => indonesian,
        Language::En => english,
    }
}

/// `revisi 2: penyebab belum diketahui → jalur putus (data kec-a terlambat 10 menit)`.
#[must_use]
pub fn amendment(amendment: &Amendment, zone: &TimeZone, language: Language) -> String {
    let said = Said { at: amendment.at, zone, language };
    let changes: Vec<String> = amendment.changes.iter().map(|change| said.change(change)).collect();
    let reasons: Vec<String> = amendment.reasons.iter().map(|reason| said.reason(reason)).collect();
    let revision = said.of("revisi", "revision");
    format!("{revision} {}: {} ({})", amendment.revision, changes.join("; "), reasons.join("; "))
}

struct Said<'a> {
    at: Timestamp,
    zone: &'a TimeZone,
    language: Language,
}

impl Said<'_> {
    fn of<T>(&self, indonesian: T, english: T) -> T {
        match self.language {
            Language::Id => indonesian,
            Language::En => english,
        }
    }

    fn moment(&self, time: Timestamp) -> String {
        short_moment(time, self.at, self.zone, self.language)
    }

    fn change(&self, change: &Change) -> String {
        match change {
            Change::Beginning { was, now } => {
                format!("{} {} → {}", self.of("mulai", "beginning"), self.moment(*was), self.moment(*now))
            }
            Change::End { was: Some(was), now: Some(now) } => {
                format!("{} {} → {}", self.of("selesai", "end"), self.moment(*was), self.moment(*now))
            }
            Change::End { was: None, now: Some(now) } => {
                format!("{} {}", self.of("selesai ditemukan:", "end found:"), self.moment(*now))
            }
            Change::End { was, now: None } => {
                let was = was.map_or_else(String::new, |was| format!(" ({})", self.moment(was)));
                format!("{}{was}", self.of("ternyata belum selesai", "not over after all"))
            }
            Change::Joined { sites, count } => self.sites(("ikut terputus", "also cut off"), sites, *count),
            Change::Left { sites, count } => {
                self.sites(("tidak ikut terputus", "not cut off"), sites, *count)
            }
            Change::Cause { was, now } => {
                let [was, now] = [was, now].map(|known| cause(*known, self.language));
                format!("{} {was} → {now}", self.of("penyebab", "cause"))
            }
            Change::Maintenance { now: true } => self
                .of("seluruhnya dalam pemeliharaan terjadwal", "wholly under planned maintenance")
                .to_owned(),
            Change::Maintenance { now: false } => self
                .of("tidak hanya dalam pemeliharaan terjadwal", "not only under planned maintenance")
                .to_owned(),
            Change::OffHours { now: true } => {
                self.of("seluruhnya di luar jam layanan", "wholly outside service hours").to_owned()
            }
            Change::OffHours { now: false } => {
                self.of("masuk jam layanan", "reaches into service hours").to_owned()
            }
            Change::Withdrawn => {
                self.of("dicabut: ternyata tidak ada gangguan", "withdrawn: there was none").to_owned()
            }
            Change::Restored => self.of("ternyata memang ada gangguan", "there was one after all").to_owned(),
            Change::Merged { into } => {
                format!("{} {into}", self.of("menjadi bagian dari gangguan", "part of incident"))
            }
        }
    }

    fn sites(&self, words: (&str, &str), sites: &[SiteRef], count: u32) -> String {
        let names: Vec<&str> = sites.iter().map(|site| site.name.as_str()).collect();
        let more = usize::try_from(count).unwrap_or(usize::MAX).saturating_sub(names.len());
        let more = match more {
            0 => String::new(),
            more => self.of(format!(", dan {more} lainnya"), format!(", and {more} more")),
        };
        format!("{}: {}{more}", self.of(words.0, words.1), names.join(", "))
    }

    fn reason(&self, reason: &Reason) -> String {
        match reason {
            Reason::LateData { agent, late_s, .. } => {
                let late = length(Duration::from_secs(*late_s), self.language);
                self.of(format!("data {agent} terlambat {late}"), format!("data of {agent} came {late} late"))
            }
            Reason::MoreLateData { count } => self
                .of(format!("data {count} agen lain terlambat"), format!("late data of {count} more agents")),
            Reason::Booted { at } => {
                let at = self.moment(*at);
                self.of(
                    format!("router diketahui menyala {at}"),
                    format!("the router is known to have booted {at}"),
                )
            }
            Reason::Inventory => self.of("inventaris diubah", "the inventory was edited").to_owned(),
            Reason::Window { site, from, to, removed } => {
                let [from, to] = [from, to].map(|time| self.moment(*time));
                let done =
                    if *removed { self.of("dihapus", "taken away") } else { self.of("ditambahkan", "added") };
                self.of(
                    format!("jadwal pemeliharaan {site} {from}–{to} {done}"),
                    format!("maintenance window of {site} {from}–{to} {done}"),
                )
            }
            Reason::Time => self.of("waktu berjalan", "time passed").to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amendment_says_what_changed_and_why() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let revision = Amendment {
            revision: 3,
            at: at("2026-11-01T02:10:00Z"),
            changes: vec![
                Change::Beginning { was: at("2026-11-01T01:10:00Z"), now: at("2026-10-31T16:50:00Z") },
                Change::Cause { was: Cause::Undetermined, now: Cause::Link },
            ],
            reasons: vec![
                Reason::LateData {
                    agent: "kec-a".to_owned(),
                    from: at("2026-10-31T16:50:00Z"),
                    to: at("2026-11-01T01:59:00Z"),
                    late_s: 600,
                },
                Reason::Booted { at: at("2026-11-01T01:05:00Z") },
            ],
        };
        let zone = TimeZone::get("Asia/Jakarta").unwrap();
        assert_eq!(
            amendment(&revision, &zone, Language::Id),
            "revisi 3: mulai 08.10 → 31 Okt 23.50; penyebab belum diketahui → jalur putus \
             (data kec-a terlambat 10 menit; router diketahui menyala 08.05)"
        );
        assert_eq!(
            amendment(&revision, &zone, Language::En),
            "revision 3: beginning 08:10 → 31 Oct 23:50; cause not known yet → link cut \
             (data of kec-a came 10 minutes late; the router is known to have booted 08:05)"
        );
    }
}
