//! The `[[site]]` tables: what a place is, what it hangs on, who looks at it.

use toml::{Spanned, de::DeValue};

use super::{
    Reading, hours, settings,
    table::Table,
    targets,
    times::moment,
    values::{flag, id, number, parsed, text, whole, word},
};
use crate::{
    id::{IdError, SiteId, Vantage},
    inventory::{
        Location, Site,
        fault::Wrong,
        limits::{MAX_UPSTREAMS, POPULATION},
    },
    state::Kind,
};

const KINDS: [(&str, Kind); 4] = [
    (Kind::Backbone.as_str(), Kind::Backbone),
    (Kind::Kecamatan.as_str(), Kind::Kecamatan),
    (Kind::Desa.as_str(), Kind::Desa),
    (Kind::Hotspot.as_str(), Kind::Hotspot),
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
    provider.iter().for_each(|provider| reading.promises.provider(provider));
    let population = table.optional("population", whole(POPULATION)).map(Spanned::into_inner);
    let since = table.optional("since", moment(&reading.zone)).map(Spanned::into_inner);
    let service_hours = hours::read(&mut table, reading);
    let settings = settings::read(&mut table, &reading.defaults, log);
    let targets = targets::read(&mut table, &settings, reading);
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
        service_hours,
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
