//! Events: what the collector tells about states and incidents, in the order in which it came to know.
//!
//! The feed is durable and numbered without a gap that matters: whoever follows it keeps the last id as a cursor and
//! gets each event exactly once, in order. An event says what was known when it was written; it is never changed.

mod amendment;

use serde::{Deserialize, Serialize};

pub use self::amendment::{Amendment, Change, MOST_AMENDMENTS, MOST_NAMED, Reason};
use crate::{
    state::{Cause, Kind, State},
    time::Timestamp,
};

/// One entry of the feed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Event {
    /// The cursor: grows with each event.
    pub id: i64,
    /// When the collector wrote it.
    pub at: Timestamp,
    /// What it tells.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What an event tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum EventKind {
    /// The state of a site changed.
    SiteState {
        /// The site.
        site: SiteRef,
        /// Its state before.
        was: State,
        /// Its state now.
        state: State,
        /// When the state began, which is before it was known.
        since: Timestamp,
    },
    /// An incident is ripe to be told.
    IncidentOpened {
        /// As it is known now.
        incident: IncidentRecord,
    },
    /// What was told of an incident has changed: the last of its amendments says what and why.
    IncidentAmended {
        /// As it is known now.
        incident: IncidentRecord,
    },
    /// An incident that was told is over.
    IncidentResolved {
        /// As it is known now.
        incident: IncidentRecord,
    },
    /// A site goes up and down too often to be told each time.
    SiteFlapping {
        /// The site.
        site: SiteRef,
        /// How often it changed.
        changes: u32,
        /// Within how long, in seconds.
        window_s: u32,
        /// The first of these changes.
        since: Timestamp,
    },
    /// A site that was told as flapping is stable.
    SiteSteady {
        /// The site.
        site: SiteRef,
        /// Its state now.
        state: State,
        /// Since when it is stable: its last change between down and up.
        since: Timestamp,
        /// How often it changed in all.
        changes: u32,
        /// Its incident that still lasts and was not told for flapping.
        incident: Option<IncidentRecord>,
    },
}

/// A site, with what a message needs to name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SiteRef {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: Kind,
    /// Kemendagri code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Who provides its link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
}

/// An incident as it was known when the record was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IncidentRecord {
    /// Its number, for good.
    pub id: i64,
    /// The site whose fault it is.
    pub root: SiteRef,
    /// When the root went down.
    pub started_at: Timestamp,
    /// When that was confirmed.
    pub confirmed_at: Timestamp,
    /// When the root was up again; none while it lasts.
    pub ended_at: Option<Timestamp>,
    /// The sites that it took down with it, by id.
    pub affected: Vec<SiteRef>,
    /// Why, as far as evidence tells.
    pub cause: Cause,
    /// Whether it lies wholly under maintenance of its root.
    pub maintenance: bool,
    /// Whether all of it so far lies outside the service hours of its root and of the sites that it takes down.
    #[serde(default)]
    pub off_hours: bool,
    /// Whether it was one of the changes of a flapping site, which are told together.
    #[serde(default)]
    pub flapping: bool,
    /// Counted from 1; grows by 1 with each amendment.
    pub revision: u32,
    /// When it was last amended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revised_at: Option<Timestamp>,
    /// How it came to this revision: the last [`MOST_AMENDMENTS`] amendments, the earliest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amendments: Vec<Amendment>,
}
