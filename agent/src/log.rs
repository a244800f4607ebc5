//! What the agent tells on standard error, line by line, while a measurement goes its way.
//!
//! procd and systemd carry the lines to the system's log. The usual subscriber of `tracing` knows spans, formats and
//! reloading, none of which the agent has, and would be 50 kB of a router's flash: this one filters by level and by the
//! module that speaks, and writes each event as one line, at once.

use std::{
    fmt::{self, Write as _},
    io::Write as _,
    str::FromStr,
};

use kentongan_model::time::{Clock, SystemClock};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span,
};

/// What is let through: a level, and others for modules: `warn,kentongan_agent=debug`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Filter {
    level: LevelFilter,
    /// The longest that fits counts.
    modules: Vec<(String, LevelFilter)>,
}

/// A filter that is none.
#[derive(Debug, thiserror::Error)]
#[error(
    "'{0}' is no level; there are error, warn, info, debug, trace and off, as in warn,kentongan_agent=debug"
)]
pub(crate) struct FilterError(String);

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        let level = |text: &str| text.parse().map_err(|_| FilterError(text.to_owned()));
        let mut filter = Filter { level: LevelFilter::OFF, modules: Vec::new() };
        for part in text.split(',').map(str::trim) {
            match part.split_once('=') {
                Some((module, of_module)) => filter.modules.push((module.to_owned(), level(of_module)?)),
                None => filter.level = level(part)?,
            }
        }
        Ok(filter)
    }
}

impl Filter {
    fn admits(&self, level: Level, module: &str) -> bool {
        let fitting = self.modules.iter().filter(|(prefix, _)| {
            module.strip_prefix(prefix.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        });
        let closest = fitting.max_by_key(|(prefix, _)| prefix.len());
        level <= closest.map_or(self.level, |(_, level)| *level)
    }
}

/// Writes what the filter admits.
pub(crate) struct Log {
    filter: Filter,
    clock: SystemClock,
}

impl Log {
    /// The log of this process from now on.
    pub(crate) fn begin(filter: Filter) {
        // Fails when there is one already, which then goes on.
        let _ = tracing::subscriber::set_global_default(Log { filter, clock: SystemClock::new() });
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.filter.admits(*metadata.level(), metadata.target())
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        self.filter.modules.iter().map(|(_, level)| *level).chain([self.filter.level]).max()
    }

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        let mut line = Line(String::with_capacity(160));
        let _ = write!(line.0, "{} {:>5} {}:", self.clock.now(), metadata.level(), metadata.target());
        event.record(&mut line);
        line.0.push('\n');
        // Whoever reads may have gone; then nobody misses it.
        let _ = std::io::stderr().write_all(line.0.as_bytes());
    }

    // The agent has no spans, and those of its libraries are not told.
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

/// An event as text: the message, then what it is about.
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self.0, " {value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_module_that_is_named_decides() {
        let filter: Filter = "warn,kentongan_agent=info,kentongan_agent::snmp=debug".parse().unwrap();
        for (level, module, admitted) in [
            (Level::WARN, "hyper", true),
            (Level::INFO, "hyper", false),
            (Level::INFO, "kentongan_agent::rounds", true),
            (Level::DEBUG, "kentongan_agent::rounds", false),
            (Level::DEBUG, "kentongan_agent::snmp::device", true),
            (Level::DEBUG, "kentongan_agent::snmpd", false),
            (Level::INFO, "kentongan_agents", false),
        ] {
            assert_eq!(filter.admits(level, module), admitted, "{level} of {module}");
        }
        assert!(!"kentongan_agent=debug".parse::<Filter>().unwrap().admits(Level::ERROR, "hyper"));
    }

    #[test]
    fn what_is_no_level_is_told_with_those_that_there_are() {
        let told = "kentongan_agent=laut".parse::<Filter>().unwrap_err().to_string();
        assert!(told.starts_with("'laut' is no level") && told.contains("debug"), "{told}");
    }
}
