//! Who is told what, and why not: the alerter's one decision, a pure function.
//!
//! Guards two rules: one message for one root cause, and one more when it is over; and whatever is not told has a
//! named reason. What depends on time is in the events themselves, so the same feed always ends in the same messages.

use std::{collections::BTreeSet, fmt, time::Duration};

use kentongan_model::{
    event::{Event, EventKind, IncidentRecord},
    time::Timestamp,
};

use crate::{
    config::Filter,
    reason::{Says, Why, Withheld},
};

/// An outage that was over for longer than this when it became known is not told any more.
pub const LATE: Duration = Duration::from_secs(60 * 60);

/// One address that messages go to: a channel's name, and for mail the recipient (`surel:ict@example.go.id`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutletId(String);

impl OutletId {
    /// Names an outlet.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        OutletId(name.into())
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OutletId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Somebody who can be told.
#[derive(Debug, Clone)]
pub struct Listener {
    /// Who.
    pub id: OutletId,
    /// What it wants to hear of.
    pub only: Filter,
}

/// What was already said about an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Nothing.
    Nothing,
    /// Nothing, because it lay under maintenance.
    HeldForMaintenance,
    /// Its beginning, to those who heard it or still have it coming.
    Opened {
        /// They.
        heard: BTreeSet<OutletId>,
    },
    /// Its beginning and its end.
    Resolved,
}

/// What the operator settled.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Who can be told.
    pub listeners: Vec<Listener>,
    /// What was written before is history.
    pub history_before: Timestamp,
}

/// What is done about an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Nobody is told.
    Withhold(Withheld),
    /// There is something to say.
    Tell {
        /// What.
        says: Says,
        /// Why.
        why: Why,
        /// To each listener, or why not to this one.
        to: Vec<(OutletId, Result<(), Withheld>)>,
    },
}

/// Decides about one event.
#[must_use]
pub fn decide(event: &Event, told: &Told, settings: &Settings) -> Decision {
    use Decision::Withhold;
    match &event.kind {
        EventKind::SiteState { .. } | EventKind::SiteFlapping { .. } | EventKind::SiteSteady { .. } => {
            Withhold(Withheld::StateOnly)
        }
        _ if event.at < settings.history_before => Withhold(Withheld::History),
        EventKind::IncidentOpened { incident } => match told {
            Told::Opened { .. } | Told::Resolved => Withhold(Withheld::AlreadyTold),
            Told::Nothing | Told::HeldForMaintenance => match stale(event, incident) {
                Some(reason) => Withhold(reason),
                None => opening(incident, Why::Outage, settings),
            },
        },
        EventKind::IncidentAmended { incident } => match told {
            Told::Opened { .. } | Told::Resolved => Withhold(Withheld::AlreadyTold),
            Told::Nothing => Withhold(Withheld::OpeningNotTold),
            Told::HeldForMaintenance if incident.ended_at.is_none() && !incident.maintenance => {
                opening(incident, Why::OutlastedMaintenance, settings)
            }
            Told::HeldForMaintenance => Withhold(Withheld::Maintenance),
        },
        EventKind::IncidentResolved { .. } => match told {
            Told::Nothing => Withhold(Withheld::OpeningNotTold),
            Told::HeldForMaintenance => Withhold(Withheld::Maintenance),
            Told::Resolved => Withhold(Withheld::AlreadyTold),
            Told::Opened { heard } => {
                let hears = |id: &OutletId| heard.contains(id).then_some(()).ok_or(Withheld::OpeningNotTold);
                let to = settings.listeners.iter().map(|l| (l.id.clone(), hears(&l.id))).collect();
                Decision::Tell { says: Says::Resolved, why: Why::Restored, to }
            }
        },
    }
}

/// Why an opening is none.
fn stale(event: &Event, incident: &IncidentRecord) -> Option<Withheld> {
    if incident.maintenance {
        return Some(Withheld::Maintenance);
    }
    let over = incident.ended_at.is_some_and(|end| event.at.since(end) > LATE);
    over.then_some(Withheld::AlreadyOver)
}

fn opening(incident: &IncidentRecord, why: Why, settings: &Settings) -> Decision {
    let wants = |only: &Filter| only.passes(incident).then_some(()).ok_or(Withheld::FilteredOut);
    let to = settings.listeners.iter().map(|l| (l.id.clone(), wants(&l.only))).collect();
    Decision::Tell { says: Says::Opened, why, to }
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
