//! `kentongan snmp probe ADDRESS`: asks one device once, the way an agent would, and shows all that would be read and by
//! which profiles.
//!
//! The credential is the inventory's, unless one is said. Passwords are named by where they are kept, never typed: other
//! users of the machine see what is typed.

use std::{
    fmt::Write as _,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use kentongan_agent::snmp::{Exchange, Patience, Survey, survey};
use kentongan_collector::profiles;
use kentongan_model::{
    id::CredentialId,
    inventory::Network,
    plan::{Access, AuthProtocol, PrivacyProtocol},
    secret::SecretSource,
    time::{Clock, SystemClock},
};

use crate::{inventory_file, settings::Settings};

/// An answer is waited for so long, and asked for twice.
const PATIENCE: Patience = Patience { tries: 2, wait: Duration::from_secs(3) };
/// The credential that the inventory names for a device.
const OF_INVENTORY: &str = "no target of the inventory has this address and an `snmp` credential; say --credential NAME, --community TEXT or --user NAME";

/// What can be done over SNMP.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Ask a device, and show what would be read of it and by which profiles
    #[command(
        after_help = "Examples:\n  kentongan snmp probe 10.33.6.1\n  kentongan snmp probe 10.33.6.1 --community public\n  \
                      kentongan snmp probe 10.33.6.1 --user monitor --auth sha256 --auth-password-env SNMP_AUTH \\\n      \
                      --priv aes128 --priv-password-env SNMP_PRIV"
    )]
    Probe(Probe),
}

/// Whom to ask, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct Probe {
    /// The device
    address: IpAddr,
    /// Its UDP port
    #[arg(long, default_value_t = 161)]
    port: u16,
    /// The credential of this name in the inventory (default: that of the target with this address)
    #[arg(long, conflicts_with_all = ["community", "user"])]
    credential: Option<CredentialId>,
    /// Ask in v2c with this community
    #[arg(long, conflicts_with = "user")]
    community: Option<String>,
    /// Ask in v1
    #[arg(long, requires = "community")]
    v1: bool,
    /// Ask in v3 as this user
    #[arg(long)]
    user: Option<String>,
    /// How v3 signs: md5, sha1, sha224, sha256, sha384, sha512
    #[arg(long, requires = "user", value_parser = word::<AuthProtocol>)]
    auth: Option<AuthProtocol>,
    /// The variable that holds the password for it
    #[arg(long, value_name = "VARIABLE", requires = "auth")]
    auth_password_env: Option<String>,
    /// How v3 encrypts: des, aes128, aes192, aes256
    #[arg(long = "priv", requires = "auth", value_parser = word::<PrivacyProtocol>)]
    privacy: Option<PrivacyProtocol>,
    /// The variable that holds the password for it
    #[arg(long, value_name = "VARIABLE", requires = "privacy")]
    priv_password_env: Option<String>,
    /// The inventory; device profiles of your own lie in `profiles` beside it
    #[arg(long)]
    inventory: Option<PathBuf>,
    /// Settings (default: kentongan.toml, where there is one)
    #[arg(long)]
    config: Option<PathBuf>,
}

/// A word as the inventory writes it.
fn word<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(text.into()).map_err(|error| error.to_string())
}

/// Runs one of them.
pub(crate) fn run(command: &Command) -> ExitCode {
    let Command::Probe(probe) = command;
    match asked(probe) {
        Ok(survey) => {
            print!("{}", shown(probe.address, &survey));
            if survey.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(code) => code,
    }
}

fn asked(probe: &Probe) -> Result<Survey, ExitCode> {
    let settings = Settings::read(probe.config.as_deref()).map_err(|error| crate::failed(&error))?;
    let inventory = probe.inventory.clone().unwrap_or(settings.collector.inventory);
    let access = access(probe, &inventory)?;
    let profiles =
        profiles::read(&profiles::folder_beside(&inventory)).map_err(|faults| crate::failed(&faults))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| crate::failed(&error))?;
    let address = SocketAddr::new(probe.address, probe.port);
    let now = SystemClock::new().since_boot();
    let exchange = Arc::new(Exchange::default());
    runtime
        .block_on(survey(exchange, address, &access, &profiles, PATIENCE, now))
        .map_err(|error| crate::failed(&error))
}

/// How to ask: as said, or as the inventory says.
fn access(probe: &Probe, inventory: &Path) -> Result<Access, ExitCode> {
    if let Some(community) = probe.community.clone() {
        return Ok(if probe.v1 { Access::V1 { community } } else { Access::V2c { community } });
    }
    if let Some(user) = probe.user.clone() {
        let auth: Option<Result<_, ExitCode>> = probe
            .auth
            .map(|how| Ok((how, password(probe.auth_password_env.as_ref(), "--auth-password-env")?)));
        let privacy: Option<Result<_, ExitCode>> = probe
            .privacy
            .map(|how| Ok((how, password(probe.priv_password_env.as_ref(), "--priv-password-env")?)));
        return Ok(Access::V3 { user, auth: auth.transpose()?, privacy: privacy.transpose()? });
    }
    let network = inventory_file::read(inventory)?;
    let Some(id) = probe.credential.as_ref().or_else(|| of_inventory(&network, probe.address)) else {
        eprintln!("error: {OF_INVENTORY}");
        return Err(ExitCode::FAILURE);
    };
    let Some(credential) = network.credentials.get(id) else {
        eprintln!("error: {} has no [snmp.{id}]", inventory.display());
        return Err(ExitCode::FAILURE);
    };
    credential.access().map_err(|error| crate::failed(&error))
}

fn of_inventory(network: &Network, address: IpAddr) -> Option<&CredentialId> {
    let targets = network.sites.iter().flat_map(|site| &site.targets);
    targets.filter(|target| target.address == address).find_map(|target| target.snmp.as_ref())
}

fn password(variable: Option<&String>, option: &str) -> Result<String, ExitCode> {
    let Some(variable) = variable else {
        eprintln!("error: say with {option} which variable holds the password");
        return Err(ExitCode::from(inventory_file::CANNOT_READ));
    };
    let secret = SecretSource::Env(variable.clone()).read().map_err(|error| crate::failed(&error))?;
    Ok(secret.expose().to_owned())
}

/// What a device told, as tables.
fn shown(address: IpAddr, survey: &Survey) -> String {
    let mut text = String::new();
    let description = survey.description.split_whitespace().collect::<Vec<_>>().join(" ");
    let _ = writeln!(text, "{address}: {description}");
    let _ = writeln!(text, "sysObjectID {}", survey.object_id);
    if let Some(uptime) = survey.uptime_cs {
        let minutes = uptime / 6_000;
        let (days, hours, minutes) = (minutes / 1_440, minutes / 60 % 24, minutes % 60);
        let _ = writeln!(text, "up for {days} days {hours} h {minutes} min");
    }
    let _ = writeln!(text, "profiles: {}", survey.profiles.join(", "));
    if !survey.interfaces.is_empty() {
        let mut table =
            table(&["ifIndex", "name", "alias", "state", "Mbit/s", "bytes in", "bytes out", "errors"]);
        for (if_index, interface) in &survey.interfaces {
            let number = |number: Option<u64>| number.map(|n| n.to_string()).unwrap_or_default();
            let errors = interface.counters[4].zip(interface.counters[5]).map(|(i, o)| i + o);
            table.add_row([
                if_index.to_string(),
                interface.name.clone().unwrap_or_default(),
                interface.alias.clone().unwrap_or_default(),
                state(interface.oper_status).to_owned(),
                number(interface.high_speed_mbps.map(u64::from)),
                number(interface.counters[0]),
                number(interface.counters[1]),
                number(errors),
            ]);
        }
        align(&mut table, &[0, 4, 5, 6, 7]);
        let _ = writeln!(text, "\n{table}");
    }
    if survey.gauges.is_empty() {
        text.push_str("\nno gauges: none of the profiles' tables has a reading\n");
    } else {
        let mut table = table(&["kind", "place", "value", "sent", "object"]);
        for seen in &survey.gauges {
            let value = seen.value.map(|value| format!("{:.3}", value as f64 / 1_000.0));
            let object = seen.object.as_ref().map_or_else(|| "a row counted".to_owned(), ToString::to_string);
            table.add_row([
                seen.label.kind.to_string(),
                seen.label.place.clone(),
                value.unwrap_or_else(|| "no reading".to_owned()),
                seen.sent.clone(),
                object,
            ]);
        }
        align(&mut table, &[2]);
        let _ = writeln!(text, "\n{table}");
    }
    for fault in &survey.faults {
        let _ = writeln!(text, "not read: {fault}");
    }
    text
}

/// ifOperStatus in the words of RFC 2863.
fn state(oper_status: Option<u8>) -> &'static str {
    match oper_status {
        Some(1) => "up",
        Some(2) => "down",
        Some(3) => "testing",
        Some(5) => "dormant",
        Some(6) => "notPresent",
        Some(7) => "lowerLayerDown",
        _ => "unknown",
    }
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.to_vec());
    table
}

fn align(table: &mut Table, columns: &[usize]) {
    for column in columns {
        if let Some(column) = table.column_mut(*column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

#[cfg(test)]
mod tests {
    use kentongan_agent::snmp::Seen;
    use kentongan_model::{gauge::GaugeKind, wire::InterfaceReading, wire::Label};

    use super::*;

    #[test]
    fn what_a_device_told_is_shown_with_what_it_sent() {
        let seen = |kind, place: &str, sent: &str, value| Seen {
            label: Label { kind, place: place.to_owned() },
            object: Some("1.3.6.1.4.1.14988.1.1.19.1.1.10.25".parse().unwrap()),
            table: "1.3.6.1.4.1.14988.1.1.19.1.1".parse().unwrap(),
            sent: sent.to_owned(),
            value,
            sum: false,
        };
        let interface = InterfaceReading {
            name: Some("sfp1".to_owned()),
            oper_status: Some(1),
            high_speed_mbps: Some(1_000),
            counters: [Some(700), Some(800), None, None, Some(1), Some(2), None, None],
            ..InterfaceReading::default()
        };
        let survey = Survey {
            object_id: "1.3.6.1.4.1.14988.1".parse().unwrap(),
            description: "RouterOS\r\nRB4011".to_owned(),
            uptime_cs: Some(8_640_000 + 366_000),
            profiles: vec!["MikroTik RouterOS".to_owned()],
            interfaces: vec![(25, interface)],
            gauges: vec![
                seen(GaugeKind::RxDbm, "sfp1", "-5673", Some(-5_673)),
                seen(GaugeKind::TxDbm, "sfp2", "0", None),
            ],
            faults: vec!["table 1.3.6.1: no answer".to_owned()],
        };
        let shown = shown("10.33.6.1".parse().unwrap(), &survey);
        let words: Vec<Vec<&str>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
        let has = |line: &str| words.contains(&line.split_whitespace().collect());
        for line in [
            "10.33.6.1: RouterOS RB4011",
            "up for 1 days 1 h 1 min",
            "profiles: MikroTik RouterOS",
            "25 sfp1 up 1000 700 800 3",
            "rx_dbm sfp1 -5.673 -5673 1.3.6.1.4.1.14988.1.1.19.1.1.10.25",
            "tx_dbm sfp2 no reading 0 1.3.6.1.4.1.14988.1.1.19.1.1.10.25",
            "not read: table 1.3.6.1: no answer",
        ] {
            assert!(has(line), "{line}\n{shown}");
        }
    }

    #[test]
    fn the_credential_is_that_of_the_target_with_this_address() {
        let text = "[network]\nname = \"Uji\"\n[snmp.core]\nversion = \"2c\"\ncommunity = { env = \"X\" }\n\
            [[site]]\nid = \"a\"\nname = \"A\"\nkind = \"desa\"\n[[site.target]]\nid = \"router\"\naddress = \"10.0.0.1\"\nsnmp = \"core\"\n";
        let network = Network::parse(text).expect("no fault");
        let found = |address: &str| of_inventory(&network, address.parse().unwrap()).map(ToString::to_string);
        assert_eq!((found("10.0.0.1").as_deref(), found("10.0.0.2")), (Some("core"), None));
    }
}
