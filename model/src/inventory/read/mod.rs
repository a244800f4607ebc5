//! From the text of `hotspots.toml` to a [`Network`], or to all of its faults.
//!
//! The TOML is parsed into a tree that keeps every place; each table is read key by key into trusted values ([`table`],
//! [`values`]); names that must lead somewhere are settled at the end ([`promises`]). A network comes out only when
//! nothing at all was wrong.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    path::Path,
};

use jiff::tz::TimeZone;
use toml::{Spanned, de::DeTable};

use self::{
    promises::Promises,
    table::Table,
    times::{moment, time_zone},
    values::{address, text, word},
};
use super::{
    Contract, Credential, Language, MaintenanceWindow, Network, ReadError, Settings, Site,
    fault::{FaultLog, Faults, Wrong},
    limits::{MAX_CONTRACTS, MAX_CREDENTIALS, MAX_FILE_BYTES, MAX_REFERENCES, MAX_SITES, MAX_WINDOWS},
};
use crate::id::CredentialId;

mod circles;
mod contracts;
mod hours;
mod probe;
mod promises;
mod settings;
mod sites;
mod snmp;
pub(super) mod suggest;
mod table;
mod targets;
mod times;
mod values;

/// The time zone of a network that names none.
const TIMEZONE: &str = "Asia/Jakarta";

impl Network {
    /// Reads an inventory file.
    ///
    /// # Errors
    /// When the file cannot be read, or has faults: then all of them, with the text that they are in.
    pub fn read(path: &Path) -> Result<Network, ReadError> {
        let bytes = read_bytes(path).map_err(|source| ReadError::Io { path: path.to_owned(), source })?;
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                let wrong = Wrong::new("this is not UTF-8").help("save the file as UTF-8 text");
                let faults = alone(&text, at, wrong);
                return Err(ReadError::Faults { text, faults });
            }
        };
        Network::parse(&text).map_err(|faults| ReadError::Faults { text, faults })
    }

    /// Reads the text of an inventory.
    ///
    /// # Errors
    /// All of its faults.
    pub fn parse(text: &str) -> Result<Network, Faults> {
        if text.len() as u64 > MAX_FILE_BYTES {
            let wrong = Wrong::new(format!("the file is larger than {} MiB", MAX_FILE_BYTES >> 20));
            return Err(alone(
                text,
                0,
                wrong.help("one network that large is more than one collector watches"),
            ));
        }
        let log = FaultLog::new(text);
        let (root, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            log.syntax(error.span().unwrap_or_default(), not_toml(error.message()));
        }
        let network = read_root(&root, &log);
        match (log.into_faults(), network) {
            (None, Some(network)) => Ok(network),
            (Some(faults), _) => Err(faults),
            (None, None) => Err(alone(text, 0, Wrong::new("the file says too little"))),
        }
    }
}

/// A syntax error, in the words of the rest: what is wrong, and what was expected as the help.
fn not_toml(message: &str) -> Wrong {
    match message.trim().split_once(", expected ") {
        _ if message.starts_with("duplicate key") => {
            Wrong::new("this stands twice in one table").help("take one out")
        }
        Some((what, "nothing" | "")) => Wrong::new(format!("not TOML: {what}")),
        Some((what, expected)) => {
            Wrong::new(format!("not TOML: {what}")).help(format!("expected {expected}"))
        }
        None => Wrong::new(format!("not TOML: {}", message.trim())),
    }
}

/// At most one byte more than an inventory may have: enough to see that it has too many.
fn read_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A single fault that leaves nothing else to be told.
fn alone(text: &str, at: usize, wrong: Wrong) -> Faults {
    let log = FaultLog::new(text);
    log.add_wrong(at..at, wrong);
    log.into_faults().unwrap_or(Faults { list: Vec::new(), left_out: 0 })
}

/// What all the parts of a file need while they are read.
struct Reading<'a> {
    log: &'a FaultLog<'a>,
    zone: TimeZone,
    defaults: Settings,
    promises: Promises,
}

struct Head {
    name: Option<String>,
    operator: Option<String>,
    timezone: Option<TimeZone>,
    language: Language,
}

fn read_root<'a>(root: &'a Spanned<DeTable<'a>>, log: &'a FaultLog<'a>) -> Option<Network> {
    let mut root = Table::new("the file", root, log);
    root.require("network", "[network] with the name of what is watched");
    let head = root.table("network", "[network]").map(head);
    let timezone = match &head {
        Some(Head { timezone: Some(zone), .. }) => zone.clone(),
        _ => TimeZone::get(TIMEZONE).unwrap_or(TimeZone::UTC),
    };
    let defaults = root.table("defaults", "[defaults]").map(|mut table| {
        let settings = settings::read(&mut table, &Settings::default(), log);
        table.finish();
        settings
    });
    let mut reading = Reading {
        log,
        zone: timezone,
        defaults: defaults.unwrap_or_default(),
        promises: Promises::default(),
    };
    let references = root.table("core", "[core]").map(|mut table| {
        let list = table.list("references", MAX_REFERENCES, "a list of IP addresses", address);
        table.finish();
        list.unwrap_or_default().into_iter().map(Spanned::into_inner).collect()
    });
    let credentials =
        root.table("snmp", "[snmp]").map(|table| credentials(&table, &mut reading)).unwrap_or_default();
    let sites: Vec<Option<Site>> = root
        .tables("site", MAX_SITES, "[[site]]")
        .into_iter()
        .map(|table| sites::read(table, &mut reading))
        .collect();
    let maintenance: Vec<Option<MaintenanceWindow>> = root
        .tables("maintenance", MAX_WINDOWS, "[[maintenance]]")
        .into_iter()
        .map(|table| window(table, &mut reading))
        .collect();
    let contracts: Vec<Option<Contract>> = root
        .tables("contract", MAX_CONTRACTS, "[[contract]]")
        .into_iter()
        .map(|table| contracts::read(table, &mut reading))
        .collect();
    root.finish();
    reading.promises.settle(log);
    let head = head?;
    Some(Network {
        name: head.name?,
        operator: head.operator,
        timezone: reading.zone,
        language: head.language,
        defaults: reading.defaults,
        references: references.unwrap_or_default(),
        sites: sites.into_iter().collect::<Option<Vec<Site>>>()?.into(),
        maintenance: maintenance.into_iter().collect::<Option<_>>()?,
        contracts: contracts.into_iter().collect::<Option<_>>()?,
        credentials,
    })
}

fn head(mut table: Table<'_>) -> Head {
    let head = Head {
        name: table.required("name", "name = \"Kabupaten Purworejo\"", text).map(Spanned::into_inner),
        operator: table.optional("operator", text).map(Spanned::into_inner),
        timezone: table.optional("timezone", time_zone).map(Spanned::into_inner),
        language: table
            .optional("language", word(&[("id", Language::Id), ("en", Language::En)]))
            .map_or(Language::default(), Spanned::into_inner),
    };
    table.finish();
    head
}

fn credentials<'a>(table: &Table<'a>, reading: &mut Reading<'a>) -> BTreeMap<CredentialId, Credential> {
    let log = reading.log;
    let mut credentials = BTreeMap::new();
    for (n, (name, value)) in table.entries().enumerate() {
        if n == MAX_CREDENTIALS {
            log.add_wrong(name.span(), Wrong::new(format!("more than {MAX_CREDENTIALS} credentials")));
            break;
        }
        reading.promises.credential(name.get_ref());
        let id = name.get_ref().parse::<CredentialId>();
        if let Err(error) = &id {
            log.add_wrong(name.span(), Wrong::new(error.to_string()));
        }
        let title = format!("[snmp.{}]", name.get_ref());
        let read = Table::of(title, name.get_ref(), value, log).and_then(|table| snmp::read(table, log));
        if let (Ok(id), Some(credential)) = (id, read) {
            credentials.insert(id, credential);
        }
    }
    credentials
}

fn window<'a>(mut table: Table<'a>, reading: &mut Reading<'a>) -> Option<MaintenanceWindow> {
    const FROM: &str = "from = 2026-11-07T22:00:00+07:00";
    const TO: &str = "to = 2026-11-08T02:00:00+07:00";
    let site = table.required("site", "site = \"kec-kutoarjo\"", sites::site_id);
    let from = table.required("from", FROM, moment(&reading.zone)).map(Spanned::into_inner);
    let to = table.required("to", TO, moment(&reading.zone));
    let reason = table.optional("reason", text).map(Spanned::into_inner);
    table.finish();
    site.iter().for_each(|site| reading.promises.wants_site("site", site));
    if let (Some(from), Some(to)) = (from, &to)
        && *to.get_ref() <= from
    {
        let wrong = Wrong::new("the window ends before it begins, or at once").about("to");
        reading.log.add_wrong(
            to.span(),
            wrong.help("`to` lies after `from`; a missing offset means the network's time zone"),
        );
    }
    Some(MaintenanceWindow {
        site: site?.into_inner(),
        from: from?,
        to: to?.into_inner(),
        reason,
        added_at: None,
    })
}
