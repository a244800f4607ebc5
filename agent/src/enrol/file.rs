//! The two files of an enrolment: the token that was drawn for a code, and `agent.toml`.
//!
//! Both are for their owner only, and are replaced whole or not at all.

use std::path::{Path, PathBuf};

use kentongan_model::{
    enrolment::{EnrolmentCode, TokenDigest},
    id::Vantage,
    secret::Secret,
};

use super::{EnrolError, Order};
use crate::{Config, spool::write_whole};

/// Where a router of OpenWrt keeps what outlives a power cut: its `/var` lies in memory.
const OPENWRT_STATE: &str = "/etc/kentongan/state";
/// Where it keeps what does not.
const OPENWRT_MEMORY: &str = "/tmp/kentongan-agent";
/// What tells OpenWrt from other systems.
const OPENWRT_MARK: &str = "/etc/openwrt_release";

/// What an earlier `agent.toml` may say that the next one says, too.
const KEPT: [&str; 4] = ["ca_file", "state_dir", "memory_dir", "engine"];

/// What `agent.toml` says beside who the agent is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kept {
    /// Its lines.
    lines: String,
    /// The certificates that they name.
    pub(super) ca_file: Option<PathBuf>,
}

/// What the order says, else what stood there before, line by line: one that is wrong does not take the others along.
pub(super) fn kept(order: &Order) -> Kept {
    let before = std::fs::read_to_string(&order.config).unwrap_or_default();
    // The agent that reads it runs in another folder.
    let ca_file =
        order.ca_file.as_ref().map(|path| std::path::absolute(path).unwrap_or_else(|_| path.clone()));
    let ordered = ca_file.map(|path| line("ca_file", &path.to_string_lossy()));
    let is_kept = |line: &&str| KEPT.iter().any(|key| line.trim_start().starts_with(key));
    let stood = before.lines().filter(is_kept).map(|line| format!("{line}\n"));
    let folders =
        [("state_dir", OPENWRT_STATE), ("memory_dir", OPENWRT_MEMORY)].map(|(key, value)| line(key, value));
    let folders = folders.into_iter().filter(|_| Path::new(OPENWRT_MARK).exists());
    let mut kept = Kept { lines: String::new(), ca_file: None };
    for line in ordered.into_iter().chain(stood).chain(folders) {
        // What has been said already cannot be said again.
        let lines = kept.lines.clone() + &line;
        if let Ok(config) = Config::of_router(&lines, &order.config) {
            kept = Kept { lines, ca_file: config.ca_file };
        }
    }
    kept
}

/// The token that was drawn for this code before, or a new one. It is on disk before anybody is asked, and stays there: the
/// same command once more ends with the same token, and another code with another.
pub(super) fn drawn_token(config: &Path, code: &EnrolmentCode) -> Result<Secret, EnrolError> {
    let path = config.with_extension("enrolment");
    let failed = |source| EnrolError::Write { path: path.clone(), source };
    let digest = String::from(TokenDigest::of(&code.to_string()));
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    if let Some(token) = kept.strip_prefix(&digest).map(str::trim)
        && token.len() == 64
        && token.bytes().all(|byte| byte.is_ascii_hexdigit())
    {
        return Ok(Secret::new(token));
    }
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(EnrolError::Random)?;
    let token: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    if let Some(folder) = config.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    write_whole(&path, &[digest.as_bytes(), b" ", token.as_bytes()], 0o600).map_err(failed)?;
    Ok(Secret::new(token))
}

/// Writes `agent.toml`.
pub(super) fn write(order: &Order, agent: &Vantage, token: &Secret, kept: &Kept) -> Result<(), EnrolError> {
    let text = [
        "# Written by `kentongan-agent enrol`. The token is this machine's alone: enrol another one, do not copy it.\n",
        &line("agent", &agent.to_string()),
        &line("collector", &order.collector),
        &line("token", token.expose()),
        &kept.lines,
    ]
    .concat();
    let failed = |source| EnrolError::Write { path: order.config.clone(), source };
    write_whole(&order.config, &[text.as_bytes()], 0o600).map_err(failed)
}

fn line(key: &str, value: &str) -> String {
    format!("{key} = \"{}\"\n", escaped(value))
}

/// As it stands within a basic string of TOML.
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            c if c.is_control() => text.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::icmp::Engine;

    fn order(folder: &Path, ca_file: Option<&str>) -> Order {
        Order {
            collector: "https://k.example/kentongan".to_owned(),
            code: "0000-0000-0000-0000-0000".parse().unwrap(),
            config: folder.join("etc/agent.toml"),
            ca_file: ca_file.map(PathBuf::from),
        }
    }

    #[test]
    fn a_token_is_drawn_once_for_a_code_however_often_the_enrolment_is_tried() {
        let folder = tempfile::tempdir().unwrap();
        let order = order(folder.path(), Some("/etc/kentongan/ca \"satu\".pem"));
        let drawn = |code: &EnrolmentCode| drawn_token(&order.config, code).unwrap();
        let token = drawn(&order.code);
        assert_eq!(drawn(&order.code), token);
        assert_eq!(token.expose().len(), 64);
        let agent = "kec-a".parse().unwrap();
        write(&order, &agent, &token, &kept(&order)).unwrap();
        let config = Config::read(&order.config).unwrap();
        assert_eq!((config.agent, config.token), (agent, token.clone()));
        assert_eq!(config.collector, order.collector);
        assert_eq!(config.ca_file, order.ca_file);
        assert_eq!(order.config.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(drawn(&order.code), token, "the same command once more");
        let next = EnrolmentCode::from_random([1; 12]);
        assert_ne!(drawn(&next), token, "the next enrolment has a token of its own");
    }

    /// What the next `agent.toml` says when this stood there.
    fn enrolled_again(before: &str, ca_file: Option<&str>) -> (Config, Option<PathBuf>) {
        let folder = tempfile::tempdir().unwrap();
        let order = order(folder.path(), ca_file);
        std::fs::create_dir_all(order.config.parent().unwrap()).unwrap();
        std::fs::write(&order.config, before).unwrap();
        let kept = kept(&order);
        write(&order, &"kec-a".parse().unwrap(), &Secret::new("baru"), &kept).unwrap();
        let config = Config::read(&order.config).unwrap();
        assert_eq!((config.agent.to_string().as_str(), config.token.expose()), ("kec-a", "baru"));
        assert_eq!(config.collector, order.collector);
        (config, kept.ca_file)
    }

    const BEFORE: &str = "agent = \"kec-b\"\ncollector = \"http://lama\"\ntoken = \"lama\"\n\
        state_dir = \"/mnt/flash\" # USB\nmemory_dir = \"/mnt/ram\"\nca_file = \"/ca.pem\"\nengine = \"surge-ping\"\n";

    #[test]
    fn enrolling_again_keeps_the_folders_the_certificates_and_the_engine_whatever_else_is_wrong() {
        for before in [
            BEFORE.to_owned(),
            BEFORE.replace("token = \"lama\"", "token = \"lama"),
            BEFORE.replace("token = ", "sandi = "),
            BEFORE.replace("token = \"lama\"\n", ""),
        ] {
            let (config, asked_with) = enrolled_again(&before, None);
            assert_eq!(
                [config.state_dir, config.memory_dir, config.ca_file.unwrap()],
                ["/mnt/flash", "/mnt/ram", "/ca.pem"].map(PathBuf::from)
            );
            assert_eq!(config.engine, Engine::SurgePing);
            assert_eq!(
                asked_with,
                Some("/ca.pem".into()),
                "the collector is asked with the certificates that are kept"
            );
        }
        let (config, _) = enrolled_again(&BEFORE.replace("\"/mnt/ram\"", "/mnt/ram"), None);
        assert_eq!((config.state_dir, config.engine), ("/mnt/flash".into(), Engine::SurgePing));
    }

    #[test]
    fn certificates_are_named_so_that_they_are_found_from_any_folder() {
        let (config, asked_with) = enrolled_again(BEFORE, Some("ca-kabupaten.pem"));
        let here = std::env::current_dir().unwrap().join("ca-kabupaten.pem");
        assert_eq!((config.ca_file, asked_with), (Some(here.clone()), Some(here)));
    }

    #[test]
    fn a_torn_token_of_an_earlier_try_is_drawn_anew() {
        let folder = tempfile::tempdir().unwrap();
        let order = order(folder.path(), None);
        let token = drawn_token(&order.config, &order.code).unwrap();
        let path = order.config.with_extension("enrolment");
        let whole = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert_ne!(drawn_token(&order.config, &order.code).unwrap(), token);
    }
}
