//! Who is told what, and why not: the alerter's one decision, a pure function.
//!
//! Guards two rules: one message for one root cause, and one more when it is over; and whatever is not told has a
//! named reason. What depends on time is in the events themselves, so the same feed always ends in the same messages.

use std::{collections::BTreeSet, fmt, time::Duration};

use kentongan_model::{
    event::{Change, Event, EventKind, IncidentRecord},
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

/// What was already said about an incident, or about the flapping of a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Nothing.
    Nothing,
    /// Nothing, for a reason that may pass.
    Held(Withheld),
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
        EventKind::SiteState { .. } => Withhold(Withheld::StateOnly),
        _ if event.at < settings.history_before => Withhold(Withheld::History),
        EventKind::IncidentOpened { incident } => match told {
            Told::Opened { .. } | Told::Resolved => Withhold(Withheld::AlreadyTold),
            Told::Nothing | Told::Held(_) => match held(event, incident) {
                Some(reason) => Withhold(reason),
                None => opening(incident, outlasted(incident).unwrap_or(Why::Outage), settings),
            },
        },
        EventKind::IncidentAmended { incident } => match told {
            Told::Opened { .. } | Told::Resolved => Withhold(Withheld::AlreadyTold),
            Told::Nothing => Withhold(Withheld::OpeningNotTold),
            Told::Held(reason) => match (reason, held(event, incident)) {
                (Withheld::Maintenance, None) if incident.ended_at.is_none() => {
                    opening(incident, Why::OutlastedMaintenance, settings)
                }
                (Withheld::OffHours, None) if incident.ended_at.is_none() => {
                    opening(incident, Why::ServiceBegan, settings)
                }
                _ => Withhold(*reason),
            },
        },
        EventKind::IncidentResolved { .. } => match told {
            Told::Nothing => Withhold(Withheld::OpeningNotTold),
            Told::Held(reason) => Withhold(*reason),
            Told::Resolved => Withhold(Withheld::AlreadyTold),
            Told::Opened { heard } => ending(Says::Resolved, Why::Restored, heard, settings),
        },
        EventKind::SiteFlapping { site, .. } => {
            let to = to_those_who_want(settings, |only| only.passes_site(site));
            Decision::Tell { says: Says::Flapping, why: Why::Flaps, to }
        }
        EventKind::SiteSteady { incident: Some(incident), .. } => match told {
            Told::Opened { .. } | Told::Resolved => Withhold(Withheld::AlreadyTold),
            Told::Nothing | Told::Held(_) => opening(incident, Why::OutlastedFlapping, settings),
        },
        EventKind::SiteSteady { incident: None, .. } => match told {
            Told::Opened { heard } => ending(Says::Steady, Why::Stable, heard, settings),
            Told::Nothing | Told::Held(_) | Told::Resolved => Withhold(Withheld::OpeningNotTold),
        },
    }
}

/// Why an opening is none.
fn held(event: &Event, incident: &IncidentRecord) -> Option<Withheld> {
    let over = incident.ended_at.is_some_and(|end| event.at.since(end) > LATE);
    let reasons = [
        (incident.maintenance, Withheld::Maintenance),
        (incident.off_hours, Withheld::OffHours),
        (incident.flapping, Withheld::Flapping),
        (over, Withheld::AlreadyOver),
    ];
    reasons.into_iter().find(|(holds, _)| *holds).map(|(_, reason)| reason)
}

/// What an incident that is told only now was withheld for, as its last amendment says.
#[must_use]
pub fn outlasted(incident: &IncidentRecord) -> Option<Why> {
    incident.amendments.last()?.changes.iter().find_map(|change| match change {
        Change::Maintenance { now: false } => Some(Why::OutlastedMaintenance),
        Change::OffHours { now: false } => Some(Why::ServiceBegan),
        _ => None,
    })
}

fn opening(incident: &IncidentRecord, why: Why, settings: &Settings) -> Decision {
    let to = to_those_who_want(settings, |only| only.passes(incident));
    Decision::Tell { says: Says::Opened, why, to }
}

fn to_those_who_want(
    settings: &Settings,
    wants: impl Fn(&Filter) -> bool,
) -> Vec<(OutletId, Result<(), Withheld>)> {
    let verdict = |only: &Filter| wants(only).then_some(()).ok_or(Withheld::FilteredOut);
    settings.listeners.iter().map(|l| (l.id.clone(), verdict(&l.only))).collect()
}

/// What ends is told to who heard that it began.
fn ending(says: Says, why: Why, heard: &BTreeSet<OutletId>, settings: &Settings) -> Decision {
    let hears = |id: &OutletId| heard.contains(id).then_some(()).ok_or(Withheld::OpeningNotTold);
    let to = settings.listeners.iter().map(|l| (l.id.clone(), hears(&l.id))).collect();
    Decision::Tell { says, why, to }
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
