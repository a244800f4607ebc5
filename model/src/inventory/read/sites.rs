//! The `[[site]]` tables, with their targets and links.

use std::collections::{HashMap, HashSet};

use toml::{Spanned, de::DeValue};

use super::{
    Reading, settings,
    table::Table,
    values::{address, flag, id, moment, number, parsed, text, whole, word},
};
use crate::{
    id::{CredentialId, IdError, SiteId, TargetId, Vantage},
    inventory::{
        Link, Location, Medium, Role, Site, Target,
        fault::Wrong,
        limits::{MAX_LINKS, MAX_TARGETS, MAX_UPSTREAMS, POPULATION},
    },
    state::Kind,
};

const KINDS: [(&str, Kind); 4] = [
    (Kind::Backbone.as_str(), Kind::Backbone),
    (Kind::Kecamatan.as_str(), Kind::Kecamatan),
    (Kind::Desa.as_str(), Kind::Desa),
    (Kind::Hotspot.as_str(), Kind::Hotspot),
];

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

/// Reads one site; none when what it cannot do without is wrong.
pub(super) fn read<'a>(mut table: Table<'a>, reading: &mut Reading<'a>) -> Option<Site> {
    let log = reading.log;
    let place = reading.promises.next_place();
    let written_id = table
        .value("id")
        .and_then(|value| value.get_ref().as_str().map(|id| Spanned::new(value.span(), id.to_owned())));
    table.call(written_id.as_ref().map_or("a site".to_owned(), |id| format!("site '{}'", id.get_ref())));
    let id = table.required("id", "id = \"kec-kutoarjo\"", id::<SiteId>).map(Spanned::into_inner);
    let name = table.required("name", "name = \"Kecamatan Kutoarjo\"", text).map(Spanned::into_inner);
    let kind = table.required("kind", "kind = \"desa\"", word(&KINDS)).map(Spanned::into_inner);
    let region = table.optional("region", parsed).map(Spanned::into_inner);
    let location = location(&mut table);
    let upstream = upstream(&mut table, place, reading);
    let agent = table.optional("agent", flag).is_some_and(Spanned::into_inner);
    let provider = table.optional("provider", text).map(Spanned::into_inner);
    let population = table.optional("population", whole(POPULATION)).map(Spanned::into_inner);
    let since = table.optional("since", moment(&reading.zone)).map(Spanned::into_inner);
    let settings = settings::read(&mut table, &reading.defaults, log);
    let targets = targets(&mut table, reading);
    let observed_by = observed_by(&mut table, written_id.as_ref().map(|id| id.get_ref().as_str()), reading);
    table.finish();
    reading.promises.site(written_id, log);
    let (id, name, kind) = (id?, name?, kind?);
    Some(Site {
        id,
        name,
        kind,
        region,
        location,
        upstream,
        agent,
        provider,
        population,
        since,
        settings,
        targets,
        observed_by,
    })
}

fn location<'a>(site: &mut Table<'a>) -> Option<Location> {
    let title = format!("`location` of {}", site.title());
    let mut table = site.table("location", title)?;
    let degrees = |most: f64, help: &'static str| {
        move |value: &DeValue<'_>| number(-most..=most)(value).map_err(|w| w.help(help))
    };
    let lat =
        table.required("lat", "lat = -7.7231", degrees(90.0, "degrees of latitude: in Indonesia -11 to 6"));
    let lon = table.required(
        "lon",
        "lon = 109.9069",
        degrees(180.0, "degrees of longitude: in Indonesia 95 to 141"),
    );
    table.finish();
    Some(Location { lat: lat?.into_inner(), lon: lon?.into_inner() })
}

/// The id of a site; the core is none.
pub(super) fn site_id(value: &DeValue<'_>) -> Result<SiteId, Wrong> {
    match value.as_str().map(str::parse::<SiteId>) {
        Some(Err(IdError::Reserved(name))) => Err(Wrong::new(format!("'{name}' is not a site"))
            .help("a site without upstream hangs directly on the core")),
        _ => id(value),
    }
}

fn upstream<'a>(table: &mut Table<'a>, place: usize, reading: &mut Reading<'a>) -> Vec<SiteId> {
    let list = table.list("upstream", MAX_UPSTREAMS, "a list of site ids", site_id).unwrap_or_default();
    list.iter().for_each(|id| reading.promises.upstream_of(place, id));
    list.into_iter().map(Spanned::into_inner).collect()
}

fn observed_by<'a>(
    table: &mut Table<'a>,
    own: Option<&str>,
    reading: &mut Reading<'a>,
) -> Option<Vec<Vantage>> {
    const KEY: &str = "observed_by";
    let at = table.value(KEY)?.span();
    let list = table.list(KEY, MAX_UPSTREAMS, "a list of site ids, or \"core\"", vantage)?;
    if list.is_empty() {
        let wrong = Wrong::new("names nobody").help("leave it out: then the rule says who probes the site");
        reading.log.add_lack(at, wrong.about(KEY));
    }
    for vantage in &list {
        let Vantage::Site(id) = vantage.get_ref() else { continue };
        if own == Some(id.as_str()) {
            let wrong = Wrong::new(format!("'{id}' cannot observe itself from outside"));
            reading.log.add_wrong(
                vantage.span(),
                wrong.help("its own agent probes it anyway; name others").about(KEY),
            );
        } else {
            reading.promises.wants_observer(KEY, id, vantage.span());
        }
    }
    Some(list.into_iter().map(Spanned::into_inner).collect())
}

fn vantage(value: &DeValue<'_>) -> Result<Vantage, Wrong> {
    if value.as_str() == Some("core") { Ok(Vantage::Core) } else { id(value).map(Vantage::Site) }
}

/// What is probed at a site: its mere address, or the targets that it lists.
fn targets<'a>(site: &mut Table<'a>, reading: &mut Reading<'a>) -> Vec<Target> {
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
