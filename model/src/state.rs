//! The states of a site and the causes of an outage, as the contract (`docs/domain.md`) names them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The state of a site, or of one piece of evidence (which is never unreachable).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum State {
    /// Connected to the core.
    Up,
    /// Connected, but something about it is wrong.
    Degraded,
    /// Cut off by a fault of its own.
    Down,
    /// Cut off by a fault further up.
    Unreachable,
    /// Nobody can tell.
    Unknown,
}

impl State {
    /// Whether the site serves its users: up or degraded.
    #[must_use]
    pub const fn serves(self) -> bool {
        matches!(self, State::Up | State::Degraded)
    }

    /// The word of the contract, as every machine-readable output has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            State::Up => "up",
            State::Degraded => "degraded",
            State::Down => "down",
            State::Unreachable => "unreachable",
            State::Unknown => "unknown",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why a site was down, as far as evidence tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Cause {
    /// Its router lost power: it booted in the outage.
    Power,
    /// It had power all the while: the link was cut.
    Link,
    /// Neither is proved.
    Undetermined,
}

/// What kind of place a site is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Kind {
    /// A node of the fibre backbone, the NOC included.
    Backbone,
    /// A sub-district office.
    Kecamatan,
    /// A village office.
    Desa,
    /// A public wifi point.
    Hotspot,
}

impl Kind {
    /// Every kind, in the order in which people list them.
    pub const ALL: [Kind; 4] = [Kind::Backbone, Kind::Kecamatan, Kind::Desa, Kind::Hotspot];

    /// The word of the inventory.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Backbone => "backbone",
            Kind::Kecamatan => "kecamatan",
            Kind::Desa => "desa",
            Kind::Hotspot => "hotspot",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
