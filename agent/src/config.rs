//! What the agent is told on its own machine: whose agent it is, where the collector is, where it may write.
//!
//! Everything else comes from the collector as a plan. `File` is `agent.toml` as it is written, [`Config`] what the
//! agent runs on.

use std::path::{Path, PathBuf};

use kentongan_model::{
    id::Vantage,
    secret::{Secret, SecretError, SecretSource},
};
use serde::Deserialize;

use crate::icmp::Engine;

/// The environment variable that may hold the token.
pub const TOKEN_VARIABLE: &str = "KENTONGAN_TOKEN";

/// What an agent runs on.
#[derive(Debug, Clone)]
pub struct Config {
    /// Whose agent it is.
    pub agent: Vantage,
    /// Base URL of the collector, `http://` or `https://`; a path in it is kept.
    pub collector: String,
    /// The agent's token.
    pub token: Secret,
    /// A folder on flash: the plan, and what could not be delivered.
    pub state_dir: PathBuf,
    /// A folder in memory (tmpfs): what is being measured.
    pub memory_dir: PathBuf,
    /// CA certificates (PEM) that are trusted beside the usual ones.
    pub ca_file: Option<PathBuf>,
    /// What pings.
    pub engine: Engine,
}

/// `agent.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    agent: Vantage,
    collector: String,
    token: Option<String>,
    token_file: Option<PathBuf>,
    #[serde(default = "default_state_dir")]
    state_dir: PathBuf,
    #[serde(default = "default_memory_dir")]
    memory_dir: PathBuf,
    ca_file: Option<PathBuf>,
    #[serde(default)]
    engine: Engine,
}

fn default_state_dir() -> PathBuf {
    "/var/lib/kentongan-agent".into()
}

fn default_memory_dir() -> PathBuf {
    "/run/kentongan-agent".into()
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}; give the agent's configuration with --config")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// It does not say what it should.
    #[error("{path} is not right")]
    Parse {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        source: Box<toml::de::Error>,
    },
    /// The token is kept where it is not.
    #[error("no token for the agent")]
    Token(#[from] SecretError),
    /// There is no token.
    #[error("no token: write `token = \"…\"` or `token_file = \"…\"` into {0}, or set {TOKEN_VARIABLE}")]
    NoToken(PathBuf),
    /// There are two.
    #[error("{0} gives both token and token_file; leave one of them out")]
    TwoTokens(PathBuf),
}

impl Config {
    /// Reads `agent.toml`. A token in the environment goes before the file's.
    ///
    /// # Errors
    /// When the file or its token cannot be used; the message says what to do.
    pub fn read(path: &Path) -> Result<Config, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let from_environment = SecretSource::Env(TOKEN_VARIABLE.to_owned()).read().ok();
        Self::parse(&text, path, from_environment)
    }

    /// What such lines of `agent.toml` say that do not tell who the agent is.
    pub(crate) fn of_router(lines: &str, path: &Path) -> Result<Config, ConfigError> {
        let nobody = "agent = \"core\"\ncollector = \"\"\n";
        Self::parse(&format!("{nobody}{lines}"), path, Some(Secret::new("")))
    }

    fn parse(text: &str, path: &Path, from_environment: Option<Secret>) -> Result<Config, ConfigError> {
        let file: File = toml::from_str(text)
            .map_err(|error| ConfigError::Parse { path: path.to_owned(), source: Box::new(error) })?;
        let token = match (from_environment, file.token, file.token_file) {
            (Some(token), _, _) => token,
            (None, Some(_), Some(_)) => return Err(ConfigError::TwoTokens(path.to_owned())),
            (None, Some(token), None) if !token.is_empty() => Secret::new(token),
            (None, None, Some(file)) => SecretSource::File(file).read()?,
            (None, _, None) => return Err(ConfigError::NoToken(path.to_owned())),
        };
        Ok(Config {
            agent: file.agent,
            collector: file.collector,
            token,
            state_dir: file.state_dir,
            memory_dir: file.memory_dir,
            ca_file: file.ca_file,
            engine: file.engine,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, Path::new("agent.toml"), None).map_err(|error| crate::told(&error))
    }

    #[test]
    fn the_three_lines_that_the_collector_prints_are_enough() {
        let config =
            parse("agent = \"kec-a\"\ncollector = \"https://k.example\"\ntoken = \"rahasia\"").unwrap();
        assert_eq!((config.agent.to_string(), config.token.expose()), ("kec-a".to_owned(), "rahasia"));
        assert_eq!(config.memory_dir, Path::new("/run/kentongan-agent"));
        assert!(!format!("{config:?}").contains("rahasia"));
    }

    #[test]
    fn the_sample_in_the_docs_is_a_configuration() {
        let docs = include_str!("../../docs/agent.md");
        let sample = docs.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let config = parse(sample).unwrap();
        assert_eq!(config.state_dir, default_state_dir());
        parse(&sample.replace("# ca_file", "ca_file")).unwrap();
    }

    #[test]
    fn a_wrong_file_is_told_with_line_and_remedy() {
        let lines = "agent = \"kec-a\"\ncollector = \"https://k.example\"\n";
        for (rest, told) in [
            ("", "KENTONGAN_TOKEN"),
            ("token = \"a\"\ntoken_file = \"b\"", "leave one of them out"),
            ("token = \"a\"\nmemory = \"x\"", "line 4"),
            ("token_file = \"/nonexistent\"", "/nonexistent"),
        ] {
            let error = parse(&format!("{lines}{rest}")).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
        assert!(parse("agent = \"Kec A\"\ncollector = \"x\"\ntoken = \"t\"").unwrap_err().contains("a-z"));
    }

    #[test]
    fn a_token_in_the_environment_goes_before_the_files() {
        let text = "agent = \"core\"\ncollector = \"http://k\"\ntoken = \"a\"";
        let config = Config::parse(text, Path::new("agent.toml"), Some(Secret::new("b"))).unwrap();
        assert_eq!(config.token.expose(), "b");
    }
}
