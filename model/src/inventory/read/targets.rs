//! What is probed at a site: its mere address, or the targets that it lists, with their links.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use toml::Spanned;

use super::{
    Reading, probe,
    sites::site_id,
    table::Table,
    times::{duration, written},
    values::{address, id, text, word},
};
use crate::{
    id::{CredentialId, TargetId},
    inventory::{
        Link, Medium, Role, Settings, Target,
        fault::{FaultLog, Wrong},
        limits::{MAX_LINKS, MAX_TARGETS, TIMEOUT},
    },
    probe::Probe,
};

const ROLES: &[(&str, Role)] = &[
    ("ap", Role::Ap),
    ("router", Role::Router),
    ("switch", Role::Switch),
    ("radio", Role::Radio),
    ("olt", Role::Olt),
];

const MEDIA: &[(&str, Medium)] = &[
    ("fiber", Medium::Fiber),
    ("radio", Medium::Radio),
    ("copper", Medium::Copper),
    ("satellite", Medium::Satellite),
];

/// Reads the targets of a site; where there are none, that is a fault.
pub(super) fn read<'a>(site: &mut Table<'a>, settings: &Settings, reading: &mut Reading<'a>) -> Vec<Target> {
    let log = reading.log;
    let short = site.value("address").map(Spanned::span);
    let listed = site.value("target").map(Spanned::span);
    let address = site.optional("address", address);
    let title = format!("a target of {}", site.title());
    let tables = site.tables("target", MAX_TARGETS, &title);
    match (short, listed) {
        (Some(at), Some(_)) => {
            let wrong = Wrong::new("a site has either an `address` or targets of its own");
            log.add_wrong(at, wrong.help("make it the address of the first [[site.target]], the gateway"));
        }
        (None, Some(at)) if tables.is_empty() => log.add_lack(at, nothing_to_watch(site)),
        (None, None) => site.lacks("address", nothing_to_watch(site)),
        _ => {}
    }
    if let Some(address) = address {
        return TargetId::try_from("gateway".to_owned())
            .map(|id| Target {
                id,
                role: None,
                address: address.into_inner(),
                probe: Probe::Icmp,
                timeout: None,
                snmp: None,
                links: Vec::new(),
            })
            .into_iter()
            .collect();
    }
    let mut used = HashMap::new();
    let numbered = tables.into_iter().enumerate();
    numbered.filter_map(|(n, table)| target(table, n == 0, settings, &mut used, reading)).collect()
}

fn nothing_to_watch(site: &Table<'_>) -> Wrong {
    Wrong::new(format!("{} has nothing to watch: neither an `address` nor a target", site.title()))
        .help("give the address of its router, behind NAT the one that its own agent sees")
}

fn target<'a>(
    mut table: Table<'a>,
    is_gateway: bool,
    settings: &Settings,
    used: &mut HashMap<TargetId, usize>,
    reading: &mut Reading<'a>,
) -> Option<Target> {
    let log = reading.log;
    let name = table.required("id", "id = \"router\"", id::<TargetId>);
    if let Some(name) = &name {
        let line = log.line(name.span().start);
        if let Some(first) = used.get(name.get_ref()) {
            let wrong =
                Wrong::new(format!("'{}' is taken: it was first used in line {first}", name.get_ref()));
            log.add_wrong(name.span(), wrong.help("each target of a site has an id of its own").about("id"));
        } else {
            used.insert(name.get_ref().clone(), line);
        }
    }
    let address = table.required("address", "address = \"10.33.7.1\"", address);
    let role = table.optional("role", word(ROLES)).map(Spanned::into_inner);
    let probe = probe::read(&mut table, log);
    if let Some(probe) = &probe
        && is_gateway
        && matches!(probe.get_ref(), Probe::Dns { .. } | Probe::Http(_))
    {
        let wrong =
            Wrong::new("the first target stands for the site's connection, and this asks for a service");
        let help =
            "ping the gateway, or connect to it with { tcp = 22 }, and give the service a target of its own";
        log.add_wrong(probe.span(), wrong.help(help).about("probe"));
    }
    let timeout = timeout(&mut table, settings.interval, log);
    let snmp = table.optional("snmp", id::<CredentialId>);
    snmp.iter().for_each(|snmp| reading.promises.wants_credential("snmp", snmp));
    let without_snmp = table.value("snmp").is_none().then(|| table.value("links")).flatten();
    if let Some(links) = without_snmp {
        let wrong = Wrong::new("the state of a link is read over SNMP, and this target has no `snmp`");
        log.add_lack(links.span(), wrong.help("name a credential: snmp = \"routers-ro\"").about("links"));
    }
    let links = links(&mut table, reading);
    table.finish();
    let snmp = snmp.map(Spanned::into_inner);
    let (id, address) = (name?.into_inner(), address?.into_inner());
    Some(Target {
        id,
        role,
        address,
        probe: probe.map_or(Probe::Icmp, Spanned::into_inner),
        timeout,
        snmp,
        links,
    })
}

fn timeout(target: &mut Table<'_>, interval: Duration, log: &FaultLog<'_>) -> Option<Duration> {
    let timeout = target.optional("timeout", duration(TIMEOUT))?;
    if *timeout.get_ref() > interval {
        let (long, interval) = (written(*timeout.get_ref()), written(interval));
        let wrong =
            Wrong::new(format!("the timeout of {long} is longer than the site's interval of {interval}"));
        log.add_wrong(timeout.span(), wrong.help("a round has to end before the next one begins"));
    }
    Some(timeout.into_inner())
}

fn links<'a>(target: &mut Table<'a>, reading: &mut Reading<'a>) -> Vec<Link> {
    let log = reading.log;
    let title = format!("a link of {}", target.title());
    let mut used = HashSet::new();
    let mut links = Vec::new();
    for mut table in target.tables("links", MAX_LINKS, &title) {
        let interface = table.required("interface", "interface = \"ether1\"", text);
        let to = table.optional("to", site_id);
        let medium = table.optional("medium", word(MEDIA)).map(Spanned::into_inner);
        table.finish();
        to.iter().for_each(|to| reading.promises.wants_site("to", to));
        let Some(interface) = interface else { continue };
        if !used.insert(interface.get_ref().clone()) {
            let wrong = Wrong::new(format!("'{}' is named twice", interface.get_ref()));
            log.add_wrong(interface.span(), wrong.help("one entry for each interface").about("interface"));
        }
        links.push(Link { interface: interface.into_inner(), to: to.map(Spanned::into_inner), medium });
    }
    links
}
