//! The document that a replay prints.
//!
//! Rule guarded here: the form of `docs/replay.md`, and that the same input gives the same bytes: everything is sorted,
//! times have three decimals, seconds three, percentages four.

use std::{collections::BTreeMap, io};

use kentongan_model::{
    id::SiteId,
    inventory::{Network, Site},
    state::Cause,
    time::Timestamp,
};
use serde::Serialize;

use crate::{
    group::{By, GroupUptime, groups},
    incident::Incident,
    interval::Interval,
    judgement::Judgement,
    service::service,
    span::Span,
    uptime::{Uptime, uptime_within},
};

/// What a replay prints.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Document {
    network: String,
    from: Timestamp,
    until: Timestamp,
    sites: BTreeMap<SiteId, SiteEntry>,
    groups: BTreeMap<String, GroupUptime>,
    incidents: Vec<IncidentEntry>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct SiteEntry {
    timeline: Vec<Interval>,
    maintenance: Vec<Span>,
    uptime: Uptime,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct IncidentEntry {
    root: SiteId,
    started_at: Timestamp,
    ended_at: Option<Timestamp>,
    affected: Vec<SiteId>,
    cause: Cause,
    maintenance: bool,
}

impl Document {
    /// The document of a judgement.
    #[must_use]
    pub fn of(network: &Network, judgement: Judgement) -> Self {
        let (from, until) = (judgement.from, judgement.until);
        let by_id: BTreeMap<&SiteId, &Site> = network.sites.iter().map(|site| (&site.id, site)).collect();
        let mut sites = BTreeMap::new();
        for site in judgement.sites {
            let Some(listed) = by_id.get(&site.id) else { continue };
            let period = Span::new(listed.since.map_or(from, |since| since.max(from)), until);
            let serving = service(listed, &network.timezone, period);
            let figures = uptime_within(&site.timeline, &site.maintenance, &serving, listed.settings.sla);
            sites.insert(
                site.id,
                SiteEntry { timeline: site.timeline, maintenance: site.maintenance, uptime: figures },
            );
        }
        let figures = || sites.iter().filter_map(|(id, entry)| Some((*by_id.get(id)?, &entry.uptime)));
        let groups = By::REPLAYED.into_iter().flat_map(|by| groups(by, figures())).collect();
        let incidents = judgement.incidents.into_iter().map(IncidentEntry::from).collect();
        Document { network: network.name.clone(), from, until, sites, groups, incidents }
    }

    /// Writes it as indented JSON, with a line feed behind.
    ///
    /// # Errors
    /// When writing fails.
    pub fn write(&self, mut out: impl io::Write) -> io::Result<()> {
        let indented = serde_json::ser::PrettyFormatter::with_indent(b" ");
        self.serialize(&mut serde_json::Serializer::with_formatter(&mut out, indented))?;
        out.write_all(b"\n")
    }
}

impl From<Incident> for IncidentEntry {
    fn from(incident: Incident) -> Self {
        IncidentEntry {
            root: incident.root,
            started_at: incident.started_at,
            ended_at: incident.ended_at,
            affected: incident.affected,
            cause: incident.cause,
            maintenance: incident.maintenance,
        }
    }
}
