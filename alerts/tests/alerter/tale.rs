//! Small stories for tests: what a collector writes when Kutoarjo is cut off, and when it is back.

use std::time::Duration;

use kentongan_model::{
    event::{Event, EventKind, IncidentRecord, SiteRef},
    state::{Cause, Kind, State},
    time::Timestamp,
};

/// When the stories begin: a Sunday, 07:30 in Purworejo.
pub(crate) fn morning() -> Timestamp {
    "2026-11-01T00:30:00Z".parse().unwrap()
}

pub(crate) fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

pub(crate) fn kutoarjo() -> SiteRef {
    SiteRef {
        id: "kec-kutoarjo".to_owned(),
        name: "Kecamatan Kutoarjo".to_owned(),
        kind: Kind::Kecamatan,
        region: Some("33.06.07".to_owned()),
        provider: Some("Telkom Akses".to_owned()),
    }
}

pub(crate) fn desa(number: usize) -> SiteRef {
    const NAMES: [&str; 4] = ["Kaligesing", "Suren", "Semawung Daleman", "Kiyangkongrejo"];
    SiteRef {
        id: format!("desa-{number}"),
        name: match NAMES.get(number - 1) {
            Some(name) => format!("Desa {name}"),
            None => format!("Desa Nomor {number}"),
        },
        kind: Kind::Desa,
        region: Some(format!("33.06.07.2{number:03}")),
        provider: None,
    }
}

/// Kutoarjo is cut off from half past seven on, and four villages with it.
pub(crate) fn outage(id: i64) -> IncidentRecord {
    IncidentRecord {
        id,
        root: kutoarjo(),
        started_at: morning(),
        confirmed_at: morning() + Duration::from_secs(15),
        ended_at: None,
        affected: (1..=4).map(desa).collect(),
        cause: Cause::Undetermined,
        maintenance: false,
        off_hours: false,
        flapping: false,
        revision: 1,
        revised_at: None,
        amendments: Vec::new(),
    }
}

/// The same, over after 34 minutes.
pub(crate) fn mended(id: i64) -> IncidentRecord {
    IncidentRecord { ended_at: Some(morning() + minutes(34)), cause: Cause::Link, revision: 2, ..outage(id) }
}

pub(crate) fn opened(event: i64, incident: IncidentRecord) -> Event {
    Event { id: event, at: incident.confirmed_at, kind: EventKind::IncidentOpened { incident } }
}

pub(crate) fn amended(event: i64, incident: IncidentRecord) -> Event {
    Event { id: event, at: incident.confirmed_at + minutes(1), kind: EventKind::IncidentAmended { incident } }
}

pub(crate) fn resolved(event: i64, incident: IncidentRecord) -> Event {
    let at = incident.ended_at.unwrap_or(incident.started_at) + Duration::from_secs(10);
    Event { id: event, at, kind: EventKind::IncidentResolved { incident } }
}

pub(crate) fn state_changed(event: i64) -> Event {
    let (was, state) = (State::Up, State::Down);
    let kind = EventKind::SiteState { site: kutoarjo(), was, state, since: morning() };
    Event { id: event, at: morning() + minutes(1), kind }
}

/// Kutoarjo goes up and down.
pub(crate) fn flapping(event: i64) -> Event {
    let kind = EventKind::SiteFlapping { site: kutoarjo(), changes: 7, window_s: 1800, since: morning() };
    Event { id: event, at: morning() + minutes(20), kind }
}

/// It no longer does; `lasting` is its incident that lasts.
pub(crate) fn steady(event: i64, lasting: Option<IncidentRecord>) -> Event {
    let state = if lasting.is_some() { State::Down } else { State::Up };
    let since = morning() + minutes(40);
    let kind = EventKind::SiteSteady { site: kutoarjo(), state, since, changes: 9, incident: lasting };
    Event { id: event, at: morning() + minutes(70), kind }
}
