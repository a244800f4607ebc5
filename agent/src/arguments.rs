//! What is typed after `kentongan-agent`: before a measurement begins. Parsed by hand with `lexopt`, since the usual
//! parser would be a tenth of the program; what it gives, help with examples and errors that say what to do, is kept.

use std::{ffi::OsString, path::PathBuf};

/// What `--help` tells.
pub(crate) const HELP: &str = "\
Probes what the collector's plan says and delivers what it measured.

Usage: kentongan-agent [--config FILE] [--log FILTER]

Options:
  --config FILE  The agent's configuration [default: /etc/kentongan/agent.toml]
  --log FILTER   What to tell on standard error: error, warn, info, debug, or a filter such as
                 warn,kentongan_agent=debug [default: info; or the variable KENTONGAN_LOG]
  -h, --help     Print this
  -V, --version  Print the version

Examples:
  kentongan-agent --config /etc/kentongan/agent.toml
  KENTONGAN_TOKEN=… kentongan-agent --config agent.toml --log debug

agent.toml, as `kentongan agent add kec-kutasari` prints it at the collector:
  agent = \"kec-kutasari\"                       # the site, or \"core\"
  collector = \"https://kentongan.example.go.id\"
  token = \"…\"                                  # or token_file, or the variable KENTONGAN_TOKEN
  state_dir = \"/var/lib/kentongan-agent\"       # flash: the plan, what could not be delivered
  memory_dir = \"/run/kentongan-agent\"          # tmpfs: what is being measured
  # ca_file = \"/etc/kentongan/ca.pem\"          # certificates to trust beside the usual ones

The right to ping comes from `sysctl -w net.ipv4.ping_group_range=\"0 2147483647\"` or from
`setcap cap_net_raw+ep` on this program.

Exit codes: 0 ended when told to, 1 failed, 2 wrong usage.
";

/// What is wanted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// To run.
    Run(Arguments),
    /// To read the help.
    Help,
    /// To know the version.
    Version,
}

/// With what to run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// The agent's configuration.
    pub(crate) config: PathBuf,
    /// What to tell on standard error, if that is said.
    pub(crate) log: Option<String>,
}

/// What cannot be understood, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{0}; `kentongan-agent --help` tells what there is")]
pub(crate) struct UsageError(#[from] lexopt::Error);

/// Reads what was typed after the program's name.
pub(crate) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Wish, UsageError> {
    use lexopt::{
        Arg::{Long, Short},
        ValueExt,
    };
    let mut arguments = Arguments { config: "/etc/kentongan/agent.toml".into(), log: None };
    let mut parser = lexopt::Parser::from_args(words);
    while let Some(word) = parser.next()? {
        match word {
            Long("config") => arguments.config = parser.value()?.into(),
            Long("log") => arguments.log = Some(parser.value()?.string()?),
            Short('h') | Long("help") => return Ok(Wish::Help),
            Short('V') | Long("version") => return Ok(Wish::Version),
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(Wish::Run(arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &str) -> Result<Wish, String> {
        parse(words.split_whitespace().map(OsString::from)).map_err(|error| error.to_string())
    }

    fn run(config: &str, log: Option<&str>) -> Result<Wish, String> {
        Ok(Wish::Run(Arguments { config: config.into(), log: log.map(str::to_owned) }))
    }

    #[test]
    fn what_is_not_said_is_as_the_help_tells() {
        assert_eq!(parsed(""), run("/etc/kentongan/agent.toml", None));
        assert!(HELP.contains("[default: /etc/kentongan/agent.toml]"));
    }

    #[test]
    fn an_option_and_its_value_may_be_joined_or_not() {
        assert_eq!(parsed("--config a.toml --log=debug"), run("a.toml", Some("debug")));
        assert_eq!(parsed("--config=a.toml --log debug"), run("a.toml", Some("debug")));
        assert_eq!((parsed("--log x -h"), parsed("--version")), (Ok(Wish::Help), Ok(Wish::Version)));
    }

    #[test]
    fn what_is_not_understood_is_named_and_the_way_to_the_help_told() {
        for (words, named) in [("--konfig a", "--konfig"), ("a.toml", "a.toml"), ("--config", "--config")] {
            let told = parsed(words).unwrap_err();
            assert!(told.contains(named) && told.contains("--help"), "{told}");
        }
    }
}
