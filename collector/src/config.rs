//! The `[collector]` section of `kentongan.toml`: where to listen, where the data and the inventory lie, and every
//! limit of the collector in one place.
//!
//! The rule it guards: whatever can grow has its limit here, with what happens at the limit beside it.

use std::{net::SocketAddr, path::PathBuf};

use serde::Deserialize;

/// The settings of the collector. Every key has a default, so that an empty section runs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the API listens.
    pub listen: SocketAddr,
    /// The folder of journal and state; made when it is missing.
    pub data: PathBuf,
    /// The inventory file.
    pub inventory: PathBuf,
    /// The folder of the agent's packages, which `/packages/` serves. It may be missing.
    pub packages: PathBuf,
    /// How many days deliveries stay in the journal, at least 1. Older ones go, oldest first, and are counted
    /// (`kentongan_journal_dropped_total`). Intervals, incidents and events stay as long.
    pub journal_days: u32,
    /// The limits of the API.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            data: "data".into(),
            inventory: "hotspots.toml".into(),
            packages: "packages".into(),
            journal_days: 400,
            limits: Limits::default(),
        }
    }
}

/// The limits of the API; what is refused is counted in `kentongan_http_refused_total`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes in the body of a request. More: 413.
    pub body_bytes: usize,
    /// Deliveries that one agent may make at once. More: 429 with `Retry-After`.
    pub deliveries_burst: u32,
    /// Deliveries a second that one agent may make for long. More: 429 with `Retry-After`.
    pub deliveries_per_second: u32,
    /// Deliveries that wait for the disk. More: 503 with `Retry-After`.
    pub deliveries_waiting: usize,
    /// Streams of deliveries that are open at the same time. More: 503, and the agent posts its deliveries.
    pub streams: usize,
    /// Seconds after which a stream ends on which nothing is delivered; its agent opens another when it has something.
    pub stream_idle_s: u64,
    /// Seconds that a request may take, body included; a long poll may wait on top. More: 503.
    pub request_timeout_s: u64,
    /// Long polls of the event feed at the same time. More: 503 with `Retry-After`.
    pub long_polls: usize,
    /// Codes of enrolment that may be tried in a minute, by all together. More: 429 with `Retry-After`.
    pub enrolments_per_minute: u32,
    /// Questions to the store that run at the same time. More wait their turn.
    pub reads: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            body_bytes: 1 << 20,
            deliveries_burst: 60,
            deliveries_per_second: 5,
            deliveries_waiting: 1024,
            streams: 4096,
            stream_idle_s: 900,
            request_timeout_s: 15,
            long_polls: 64,
            enrolments_per_minute: 60,
            reads: 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_section_that_the_documentation_shows_is_valid_and_says_the_defaults() {
        #[derive(Deserialize)]
        struct File {
            collector: Config,
        }
        let text = include_str!("../../docs/collector.md");
        let blocks: Vec<_> =
            text.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
        assert_eq!(blocks.len(), 1);
        let file: File = toml::from_str(blocks[0]).unwrap();
        assert_eq!(file.collector, Config::default());
        assert!(toml::from_str::<Config>("lisen = '0.0.0.0:80'").is_err());
    }
}
