//! What is typed after `kentongan-agent`: before a measurement begins. Parsed by hand with `lexopt`, since the usual
//! parser would be a tenth of the program; what it gives, help with examples and errors that say what to do, is kept.

use std::{ffi::OsString, path::PathBuf};

use kentongan_agent::{enrol::Order, language::Language};

/// What `--help` tells.
pub(crate) const HELP: &str = "\
Probes what the collector's plan says and delivers what it measured.

Usage: kentongan-agent [--config FILE] [--log FILTER]
       kentongan-agent enrol COLLECTOR CODE [--ca-file FILE] [--lang id|en]
       kentongan-agent --self-test [--json] [--lang id|en]

Options:
  --config FILE  The agent's configuration [default: /etc/kentongan/agent.toml]
  --self-test    Tell what works on this machine and what does not, also while an agent runs
  --json         The same for programs
  --ca-file FILE CA certificates (PEM) to trust beside the usual ones
  --lang LANG    The language of enrolment and self-test, id or en [default: id]
  --log FILTER   What to tell on standard error: error, warn, info, debug, or a filter such as
                 warn,kentongan_agent=debug [default: info; or the variable KENTONGAN_LOG]
  -h, --help     Print this
  -V, --version  Print the version

Examples:
  kentongan-agent enrol https://kentongan.example.go.id K7QF-02MX-…    with the code of `kentongan agent add`
  kentongan-agent --self-test --lang en
  kentongan-agent --config /etc/kentongan/agent.toml
  KENTONGAN_TOKEN=… kentongan-agent --config agent.toml --log debug

agent.toml, as the enrolment writes it:
  agent = \"kec-kutasari\"                       # the site, or \"core\"
  collector = \"https://kentongan.example.go.id\"
  token = \"…\"                                  # or token_file, or the variable KENTONGAN_TOKEN
  state_dir = \"/var/lib/kentongan-agent\"       # flash: the plan, what could not be delivered
  memory_dir = \"/run/kentongan-agent\"          # tmpfs: what is being measured
  # ca_file = \"/etc/kentongan/ca.pem\"          # certificates to trust beside the usual ones

The right to ping comes from `sysctl -w net.ipv4.ping_group_range=\"0 2147483647\"` or from
`setcap cap_net_raw+ep` on this program.

Exit codes: 0 ended when told to, 1 failed (of a self-test: something fails), 2 wrong usage.
";

/// What is wanted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// To run.
    Run(Arguments),
    /// To exchange a code for the right to deliver.
    Enrol {
        /// With which code, where.
        order: Order,
        /// What to tell on standard error, if that is said.
        log: Option<String>,
        /// In which language the outcome is told.
        language: Language,
    },
    /// To know what works.
    SelfTest {
        /// The agent's configuration.
        config: PathBuf,
        /// What to tell on standard error, if that is said.
        log: Option<String>,
        /// In which language it is told.
        language: Language,
        /// Whether it is told to a program.
        as_json: bool,
    },
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
        Arg::{Long, Short, Value},
        ValueExt,
    };
    let mut arguments = Arguments { config: "/etc/kentongan/agent.toml".into(), log: None };
    let (mut language, mut ca_file, mut self_test, mut as_json) = (Language::default(), None, false, false);
    let mut enrolling: Option<Vec<String>> = None;
    let mut parser = lexopt::Parser::from_args(words);
    while let Some(word) = parser.next()? {
        match word {
            Long("config") => arguments.config = parser.value()?.into(),
            Long("log") => arguments.log = Some(parser.value()?.string()?),
            Long("lang") => language = parser.value()?.parse()?,
            Long("self-test") => self_test = true,
            Long("json") => as_json = true,
            Long("ca-file") if enrolling.is_some() => ca_file = Some(parser.value()?.into()),
            Value(word) => match &mut enrolling {
                None if word == "enrol" => enrolling = Some(Vec::new()),
                Some(words) if words.len() < 2 => words.push(word.string()?),
                _ => return Err(Value(word).unexpected().into()),
            },
            Short('h') | Long("help") => return Ok(Wish::Help),
            Short('V') | Long("version") => return Ok(Wish::Version),
            other => return Err(other.unexpected().into()),
        }
    }
    let Arguments { config, log } = arguments;
    match enrolling.map(<[String; 2]>::try_from) {
        Some(Ok([collector, code])) => {
            let code = code.parse().map_err(|wrong| lexopt::Error::Custom(Box::new(wrong)))?;
            Ok(Wish::Enrol { order: Order { collector, code, config, ca_file }, log, language })
        }
        Some(Err(_)) => {
            Err(lexopt::Error::MissingValue { option: Some("enrol COLLECTOR CODE".to_owned()) }.into())
        }
        None if self_test => Ok(Wish::SelfTest { config, log, language, as_json }),
        None => Ok(Wish::Run(Arguments { config, log })),
    }
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
    fn an_enrolment_takes_an_address_and_a_code_in_their_order() {
        let code = kentongan_model::enrolment::EnrolmentCode::from_random([3; 12]);
        let line = format!("enrol https://k.example {code} --ca-file ca.pem --lang en");
        let Ok(Wish::Enrol { order, language, .. }) = parsed(&line) else { panic!("{line}") };
        assert_eq!(
            (order.collector.as_str(), order.code, language),
            ("https://k.example", code, Language::En)
        );
        assert_eq!(order.ca_file, Some("ca.pem".into()));
        for (line, told) in [
            ("enrol", "enrol COLLECTOR CODE"),
            ("enrol https://k.example", "enrol COLLECTOR CODE"),
            ("enrol https://k.example 12", "copy it again"),
            ("enrol https://k.example a b", "\"b\""),
            ("--ca-file x", "--ca-file"),
            ("--lang fr", "say id or en"),
        ] {
            let wrong = parsed(line).unwrap_err();
            assert!(wrong.contains(told), "{wrong}");
        }
    }

    #[test]
    fn a_self_test_may_be_told_to_a_program() {
        let config = PathBuf::from("/etc/kentongan/agent.toml");
        let wish = Wish::SelfTest { config, log: None, language: Language::Id, as_json: true };
        assert_eq!(parsed("--self-test --json"), Ok(wish));
    }

    #[test]
    fn what_is_not_understood_is_named_and_the_way_to_the_help_told() {
        for (words, named) in [("--konfig a", "--konfig"), ("a.toml", "a.toml"), ("--config", "--config")] {
            let told = parsed(words).unwrap_err();
            assert!(told.contains(named) && told.contains("--help"), "{told}");
        }
    }
}
