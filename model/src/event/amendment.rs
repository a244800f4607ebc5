//! Amendments: how the record of an incident came to be what it is, change by change.
//!
//! The last of what a late measurement can do: it changes no message that was sent, only the books, and the books say
//! so. Rule guarded here: whatever a record says anew carries what changed *and* why.

use serde::{Deserialize, Serialize};

use super::SiteRef;
use crate::{state::Cause, time::Timestamp};

/// How many amendments a record shows, the last ones. All of them are counted by its revision: it is 1 when the record
/// is first whole and grows by 1 with each.
pub const MOST_AMENDMENTS: usize = 32;
/// How many sites, agents or windows one change or reason names; `count` tells how many there are.
pub const MOST_NAMED: usize = 5;

/// One change of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Amendment {
    /// The revision that it made.
    pub revision: u32,
    /// When.
    pub at: Timestamp,
    /// What changed.
    pub changes: Vec<Change>,
    /// Why; never empty.
    pub reasons: Vec<Reason>,
}

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Change {
    /// The beginning moved.
    Beginning {
        /// Where it was.
        was: Timestamp,
        /// Where it is.
        now: Timestamp,
    },
    /// The end was found, moved or taken back.
    End {
        /// Where it was; none: the incident lasted.
        was: Option<Timestamp>,
        /// Where it is; none: the incident lasts.
        now: Option<Timestamp>,
    },
    /// Sites are affected that were not.
    Joined {
        /// The first of them.
        sites: Vec<SiteRef>,
        /// How many.
        count: u32,
    },
    /// Sites that were affected are not.
    Left {
        /// The first of them.
        sites: Vec<SiteRef>,
        /// How many.
        count: u32,
    },
    /// Another cause is known.
    Cause {
        /// Which was known.
        was: Cause,
        /// Which is.
        now: Cause,
    },
    /// Whether it lies wholly under maintenance.
    Maintenance {
        /// It does.
        now: bool,
    },
    /// Whether it lies wholly outside the service hours.
    OffHours {
        /// It does.
        now: bool,
    },
    /// It never was: the record stays with no length.
    Withdrawn,
    /// It was after all.
    Restored,
    /// It is one with another incident, in whose record it goes on: this one stays with no length.
    Merged {
        /// The number of the other.
        into: i64,
    },
}

/// Why something changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Reason {
    /// An agent delivered late what it had measured.
    LateData {
        /// Whose agent: a site's id, or `core`.
        agent: String,
        /// The earliest that it had measured.
        from: Timestamp,
        /// The latest.
        to: Timestamp,
        /// How late it came at most, in seconds.
        late_s: u64,
    },
    /// Further agents delivered late.
    MoreLateData {
        /// How many.
        count: u32,
    },
    /// A boot time became known.
    Booted {
        /// When the router at the root booted.
        at: Timestamp,
    },
    /// The inventory was edited.
    Inventory,
    /// A maintenance window was added or taken away.
    Window {
        /// Where.
        site: String,
        /// When it begins.
        from: Timestamp,
        /// When it ends.
        to: Timestamp,
        /// Whether it was taken away.
        removed: bool,
    },
    /// Nothing but time has passed.
    Time,
}
