//! Ways to what went down, with the names of those who still answered: where on the way it was cut.

use std::{collections::HashMap, net::IpAddr};

use kentongan_model::{event::IncidentRecord, inventory::Network, time::Timestamp};
use rusqlite::Connection;
use serde::Serialize;

use super::sites::thousandths;
use crate::store::{
    StoreError,
    traces::{self, KeptTrace},
};

/// Ways that are shown of one incident; the earliest tell most.
const MOST: usize = 20;
/// Sites that an incident took down whose ways are looked for, too.
const SITES: usize = 200;
/// A way may have been walked so long before the outage of its root was dated, since probes are staggered.
const BEFORE_MS: i64 = 60_000;

/// A way that was walked when a target went down.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct WayShown {
    /// When.
    at: Timestamp,
    /// Who walked it.
    vantage: String,
    /// The target that it was to, as `site/target`.
    to: String,
    /// Whether the target itself answered.
    reached: bool,
    /// The farthest place of the inventory that answered, as `site/target`; null when none of them did.
    last_known: Option<String>,
    /// Who answered at each distance, from 1 on.
    hops: Vec<HopShown>,
}

/// Who answered at one distance.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct HopShown {
    /// Its address; null when nobody answered.
    address: Option<String>,
    /// What the inventory knows it as, as `site/target`.
    place: Option<String>,
    /// After how many milliseconds.
    rtt_ms: Option<f64>,
}

/// The ways that were walked to the root of an incident, and to what it took down, while it lasted.
pub(super) fn of_incident(
    conn: &Connection,
    incident: &IncidentRecord,
    now: Timestamp,
) -> Result<Vec<KeptTrace>, StoreError> {
    let from = Timestamp::from_millis(incident.started_at.as_millis() - BEFORE_MS);
    let period = (from, incident.ended_at.unwrap_or(now).max(from));
    let mut found = Vec::new();
    for site in std::iter::once(&incident.root).chain(incident.affected.iter().take(SITES)) {
        found.extend(traces::of_site(conn, &site.id, period, MOST)?);
    }
    found.sort_by_key(|trace| trace.at);
    found.truncate(MOST);
    Ok(found)
}

/// Ways as they are shown, with the names that this network has for addresses.
pub(super) fn shown(network: &Network, ways: &[KeptTrace]) -> Vec<WayShown> {
    let met = ways.iter().flat_map(|way| &way.walked.hops).filter_map(|hop| hop.map(|(address, _)| address));
    let mut names: HashMap<IpAddr, Option<String>> = met.map(|address| (address, None)).collect();
    if names.is_empty() && ways.is_empty() {
        return Vec::new();
    }
    for (site, target) in network.sites.iter().flat_map(|site| site.targets.iter().map(move |it| (site, it)))
    {
        if let Some(name) = names.get_mut(&target.address) {
            // Behind NAT several have the same address: then nobody knows which of them it was.
            *name =
                if name.is_none() { Some(format!("{}/{}", site.id, target.id)) } else { Some(String::new()) };
        }
    }
    let place = |address: &IpAddr| names.get(address).cloned().flatten().filter(|name| !name.is_empty());
    let way = |kept: &KeptTrace| {
        let hops = &kept.walked.hops;
        let known = hops.iter().rev().find_map(|hop| place(&hop.as_ref()?.0));
        WayShown {
            at: kept.at,
            vantage: kept.vantage.clone(),
            to: format!("{}/{}", kept.site, kept.target),
            reached: kept.walked.reached,
            last_known: known,
            hops: hops
                .iter()
                .map(|hop| HopShown {
                    address: hop.map(|(address, _)| address.to_string()),
                    place: hop.and_then(|(address, _)| place(&address)),
                    rtt_ms: hop.map(|(_, rtt_us)| thousandths(f64::from(rtt_us) / 1000.0)),
                })
                .collect(),
        }
    };
    ways.iter().map(way).collect()
}

#[cfg(test)]
mod tests {
    use kentongan_model::id::TargetId;

    use super::*;
    use crate::store::traces::Walked;

    #[test]
    fn a_way_names_who_is_in_the_inventory_unless_several_have_the_address() {
        let site = |id: &str, address: &str| {
            format!("[[site]]\nid = \"{id}\"\nname = \"{id}\"\nkind = \"desa\"\naddress = \"{address}\"\n")
        };
        let text = "[network]\nname = \"Uji\"\n".to_owned()
            + &site("noc", "10.0.0.1")
            + &site("kec", "10.0.0.2")
            + &site("a", "192.168.1.1")
            + &site("b", "192.168.1.1");
        let network = Network::parse(&text).unwrap();
        let hop = |address: &str| Some((address.parse().unwrap(), 1_500));
        let kept = KeptTrace {
            at: Timestamp::default(),
            vantage: "core".to_owned(),
            site: "a".parse().unwrap(),
            target: TargetId::try_from("gateway".to_owned()).unwrap(),
            walked: Walked {
                reached: false,
                hops: vec![hop("10.0.0.1"), None, hop("10.0.0.2"), hop("10.9.9.9"), hop("192.168.1.1")],
            },
        };
        let shown = serde_json::to_value(shown(&network, &[kept])).unwrap();
        let way = &shown[0];
        assert_eq!((&way["to"], &way["last_known"]), (&"a/gateway".into(), &"kec/gateway".into()));
        let places: Vec<_> = way["hops"].as_array().unwrap().iter().map(|hop| hop["place"].clone()).collect();
        assert_eq!(
            places,
            [
                "noc/gateway".into(),
                serde_json::Value::Null,
                "kec/gateway".into(),
                serde_json::Value::Null,
                serde_json::Value::Null
            ]
        );
        assert_eq!(
            (&way["hops"][1]["address"], &way["hops"][0]["rtt_ms"]),
            (&serde_json::Value::Null, &1.5.into())
        );
    }
}
