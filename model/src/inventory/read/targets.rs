//! What is probed at a site: its mere address, or the targets that it lists, with their links.

use std::collections::{HashMap, HashSet};

use toml::Spanned;

use super::{
    Reading,
    sites::site_id,
    table::Table,
    values::{address, id, text, word},
};
use crate::{
    id::{CredentialId, TargetId},
    inventory::{
        Link, Medium, Role, Target,
        fault::Wrong,
        limits::{MAX_LINKS, MAX_TARGETS},
    },
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
pub(super) fn read<'a>(site: &mut Table<'a>, reading: &mut Reading<'a>) -> Vec<Target> {
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
            .map(|id| Target { id, role: None, address: address.into_inner(), snmp: None, links: Vec::new() })
            .into_iter()
            .collect();
    }
    let mut used = HashMap::new();
    tables.into_iter().filter_map(|table| target(table, &mut used, reading)).collect()
}

fn nothing_to_watch(site: &Table<'_>) -> Wrong {
    Wrong::new(format!("{} has nothing to watch: neither an `address` nor a target", site.title()))
        .help("give the address of its router, behind NAT the one that its own agent sees")
}

fn target<'a>(
    mut table: Table<'a>,
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
    Some(Target { id: name?.into_inner(), role, address: address?.into_inner(), snmp, links })
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
