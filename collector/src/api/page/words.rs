//! What the page says, in both languages, and how it tells times, lengths of time and percentages in them.

use std::time::Duration;

use jiff::tz::TimeZone;
use kentongan_model::{inventory::Language, state::State, time::Timestamp, wording};

/// Characters of a name that are shown.
const NAME: usize = 48;

/// The words of one language.
#[derive(Debug)]
pub(super) struct Words {
    pub(super) language: Language,
    pub(super) lang: &'static str,
    pub(super) other: &'static str,
    pub(super) other_name: &'static str,
    pub(super) as_of: &'static str,
    pub(super) outages: &'static str,
    pub(super) no_outage: &'static str,
    pub(super) since: &'static str,
    pub(super) took_down: &'static str,
    pub(super) maintenance: &'static str,
    pub(super) off_hours: &'static str,
    pub(super) flapping: &'static str,
    pub(super) cause: &'static str,
    pub(super) uptime_today: &'static str,
    pub(super) no_figure: &'static str,
    pub(super) sites: &'static str,
    pub(super) site_count: &'static str,
    pub(super) backbone: &'static str,
    pub(super) nowhere: &'static str,
    pub(super) more_groups: &'static str,
    pub(super) waiting: &'static str,
    states: [&'static str; 5],
}

const INDONESIAN: Words = Words {
    language: Language::Id,
    lang: "id",
    other: "en",
    other_name: "English",
    as_of: "Keadaan",
    outages: "Gangguan yang berlangsung",
    no_outage: "Tidak ada gangguan.",
    since: "sejak",
    took_down: "Ikut terputus",
    maintenance: "pemeliharaan terjadwal",
    off_hours: "di luar jam layanan",
    flapping: "naik-turun",
    cause: "Penyebab",
    uptime_today: "Ketersediaan hari ini",
    no_figure: "Belum ada data",
    sites: "Lokasi",
    site_count: "lokasi",
    backbone: "Jaringan tulang punggung",
    nowhere: "Tanpa wilayah",
    more_groups: "kecamatan lainnya",
    waiting: "Data sedang disiapkan setelah sistem dijalankan. Halaman ini dimuat ulang sendiri.",
    states: ["Tersambung", "Terganggu", "Putus", "Tak terjangkau", "Tidak diketahui"],
};

const ENGLISH: Words = Words {
    language: Language::En,
    lang: "en",
    other: "id",
    other_name: "Bahasa Indonesia",
    as_of: "As of",
    outages: "Outages now",
    no_outage: "No outage.",
    since: "since",
    took_down: "Took down",
    maintenance: "planned maintenance",
    off_hours: "outside service hours",
    flapping: "up and down",
    cause: "Cause",
    uptime_today: "Uptime today",
    no_figure: "No data yet",
    sites: "Sites",
    site_count: "sites",
    backbone: "Backbone",
    nowhere: "Without a region",
    more_groups: "more kecamatan",
    waiting: "The data is being prepared after the start. This page reloads by itself.",
    states: ["Up", "Degraded", "Down", "Unreachable", "Unknown"],
};

impl Words {
    /// Those of a language.
    pub(super) fn of(language: Language) -> &'static Words {
        match language {
            Language::Id => &INDONESIAN,
            Language::En => &ENGLISH,
        }
    }

    /// A state.
    pub(super) fn state(&self, state: State) -> &'static str {
        self.states[match state {
            State::Up => 0,
            State::Degraded => 1,
            State::Down => 2,
            State::Unreachable => 3,
            State::Unknown => 4,
        }]
    }

    /// A time of day, with the date when it is not that of `now`.
    pub(super) fn moment(&self, time: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
        wording::short_moment(time, now, zone, self.language)
    }

    /// The letters of the zone, such as WIB.
    pub(super) fn zone(time: Timestamp, zone: &TimeZone) -> String {
        time.to_jiff().to_zoned(zone.clone()).strftime("%Z").to_string()
    }

    /// A length of time in its two largest units.
    pub(super) fn length(&self, length: Duration) -> String {
        wording::length(length, self.language)
    }

    /// A percentage, cut off (never rounded up) after two decimals: 100 % means that nothing was missing.
    pub(super) fn percent(&self, pct: f64) -> String {
        let text = format!("{:.2}", (pct * 100.0 + 1e-6).floor() / 100.0);
        match self.language {
            Language::Id => format!("{} %", text.replace('.', ",")),
            Language::En => format!("{text}%"),
        }
    }

    /// When the router booted, which was told after it.
    pub(super) fn booted(&self, at: &str) -> String {
        match self.language {
            Language::Id => format!("router menyala {at}"),
            Language::En => format!("its router booted {at}"),
        }
    }

    /// That the agent had power.
    pub(super) fn measured(&self, at: &str) -> String {
        match self.language {
            Language::Id => format!("agennya masih mengukur {at}"),
            Language::En => format!("its agent still measured {at}"),
        }
    }

    /// Which port was dark.
    pub(super) fn dark(&self, interface: &str, site: &str, since: &str) -> String {
        match self.language {
            Language::Id => format!("port {interface} di {site} padam sejak {since}"),
            Language::En => format!("port {interface} at {site} dark since {since}"),
        }
    }

    /// That there are more.
    pub(super) fn more(&self, rest: usize) -> String {
        match self.language {
            Language::Id => format!("dan {rest} lainnya"),
            Language::En => format!("and {rest} more"),
        }
    }
}

/// A name, cut when it is very long.
pub(super) fn clipped(name: &str) -> String {
    clipped_to(name, NAME)
}

/// A text, cut when it has more characters than that.
pub(super) fn clipped_to(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The bytes of a text once the template has escaped it.
pub(super) fn escaped(text: &str) -> usize {
    text.chars()
        .map(|c| if matches!(c, '<' | '>' | '&' | '"' | '\'') { "&#38;".len() } else { c.len_utf8() })
        .sum()
}
