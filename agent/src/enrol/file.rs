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

/// Folders that the configuration has to name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Told {
    state_dir: Option<PathBuf>,
    memory_dir: Option<PathBuf>,
    ca_file: Option<PathBuf>,
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
pub(super) fn write(order: &Order, agent: &Vantage, token: &Secret) -> Result<(), EnrolError> {
    let before = Config::read(&order.config).ok();
    let mut told = match before {
        Some(before) => Told {
            state_dir: Some(before.state_dir),
            memory_dir: Some(before.memory_dir),
            ca_file: before.ca_file,
        },
        None if Path::new(OPENWRT_MARK).exists() => Told {
            state_dir: Some(OPENWRT_STATE.into()),
            memory_dir: Some(OPENWRT_MEMORY.into()),
            ca_file: None,
        },
        None => Told::default(),
    };
    told.ca_file = order.ca_file.clone().or(told.ca_file);
    let text = text(agent, &order.collector, token, &told);
    let failed = |source| EnrolError::Write { path: order.config.clone(), source };
    write_whole(&order.config, &[text.as_bytes()], 0o600).map_err(failed)
}

fn text(agent: &Vantage, collector: &str, token: &Secret, told: &Told) -> String {
    let mut text = String::from(
        "# Written by `kentongan-agent enrol`. The token is this machine's alone: enrol another one, do not copy it.\n",
    );
    let agent = agent.to_string();
    let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.to_string_lossy().into_owned());
    for (key, value) in [
        ("agent", Some(agent)),
        ("collector", Some(collector.to_owned())),
        ("token", Some(token.expose().to_owned())),
        ("state_dir", path(&told.state_dir)),
        ("memory_dir", path(&told.memory_dir)),
        ("ca_file", path(&told.ca_file)),
    ] {
        if let Some(value) = value {
            text.push_str(&format!("{key} = \"{}\"\n", escaped(&value)));
        }
    }
    text
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
        write(&order, &agent, &token).unwrap();
        let config = Config::read(&order.config).unwrap();
        assert_eq!((config.agent, config.token), (agent, token.clone()));
        assert_eq!(config.collector, order.collector);
        assert_eq!(config.ca_file, order.ca_file);
        assert_eq!(order.config.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(drawn(&order.code), token, "the same command once more");
        let next = EnrolmentCode::from_random([1; 12]);
        assert_ne!(drawn(&next), token, "the next enrolment has a token of its own");
    }

    #[test]
    fn enrolling_again_keeps_the_folders_and_the_certificates() {
        let folder = tempfile::tempdir().unwrap();
        let order = order(folder.path(), None);
        std::fs::create_dir_all(order.config.parent().unwrap()).unwrap();
        let before = "agent = \"kec-b\"\ncollector = \"http://lama\"\ntoken = \"lama\"\n\
                      state_dir = \"/mnt/flash\"\nmemory_dir = \"/mnt/ram\"\nca_file = \"/ca.pem\"\n";
        std::fs::write(&order.config, before).unwrap();
        let token = drawn_token(&order.config, &order.code).unwrap();
        write(&order, &"kec-a".parse().unwrap(), &token).unwrap();
        let config = Config::read(&order.config).unwrap();
        assert_eq!(config.agent.to_string(), "kec-a");
        assert_eq!(
            [config.state_dir, config.memory_dir, config.ca_file.unwrap()],
            ["/mnt/flash", "/mnt/ram", "/ca.pem"].map(PathBuf::from)
        );
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
