//! `kentongan.toml`: what the operator may set of collector, InfluxDB and channels. Without the file, defaults run.
//!
//! Each room declares its own section; unknown keys are refused with line and column.

use std::path::{Path, PathBuf};

use kentongan_alerts::config::ChannelConfig;
use kentongan_collector::influx::InfluxConfig;
use serde::Deserialize;

/// The file that is read when no other is named and it exists.
pub(crate) const DEFAULT_FILE: &str = "kentongan.toml";

/// Everything that can be set.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// `[collector]`
    pub(crate) collector: kentongan_collector::Config,
    /// `[influx]`
    pub(crate) influx: Option<InfluxConfig>,
    /// `[[channel]]`
    #[serde(rename = "channel")]
    pub(crate) channels: Vec<ChannelConfig>,
}

/// Why the settings cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error("cannot read {path}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{path}: {fault}")]
    Parse { path: PathBuf, fault: String },
}

impl Settings {
    /// Reads the named file; when none is named, `kentongan.toml` if it is there, else the defaults.
    ///
    /// # Errors
    /// When the file cannot be read or has a fault; the message shows line and column.
    pub(crate) fn read(named: Option<&Path>) -> Result<Self, SettingsError> {
        let path = named.unwrap_or(Path::new(DEFAULT_FILE));
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(source) => return Err(SettingsError::Read { path: path.to_owned(), source }),
        };
        toml::from_str(&text).map_err(|fault| SettingsError::Parse {
            path: path.to_owned(),
            fault: fault.to_string().trim_end().to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Settings, SettingsError> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(DEFAULT_FILE);
        std::fs::write(&path, text).expect("a file");
        Settings::read(Some(&path))
    }

    #[test]
    fn an_empty_file_and_no_file_mean_the_defaults() {
        assert_eq!(parse("").unwrap().collector, kentongan_collector::Config::default());
    }

    #[test]
    fn a_misspelt_key_is_told_with_its_place() {
        let told = parse("[collector]\nlissen = \"127.0.0.1:1\"\n").unwrap_err().to_string();
        assert!(told.contains("line 2, column 1") && told.contains("lissen"), "{told}");
    }

    #[test]
    fn a_file_that_was_named_has_to_be_there() {
        assert!(Settings::read(Some(Path::new("no-such.toml"))).is_err());
    }

    #[test]
    fn the_sample_of_the_project_can_be_read() {
        let sample = include_str!("../../docs/kentongan.toml");
        let settings = parse(sample).expect("the sample");
        assert!(settings.influx.is_some() && settings.channels.len() == 3);
    }
}
