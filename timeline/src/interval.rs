//! A site in one state from one moment to another: what timelines are made of, stored, shown and summed up.
//!
//! The named form of what `judge` works out on indices. Rule guarded here: roots stand with unreachable only.

use kentongan_model::{id::SiteId, state::State, time::Timestamp};
use serde::{Deserialize, Serialize};

use crate::span::Span;

/// A site in one state in [from, to).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interval {
    /// The state.
    pub state: State,
    /// Where it begins.
    pub from: Timestamp,
    /// Where it ends; this instant is no longer part of it.
    pub to: Timestamp,
    /// The sites whose fault it is, sorted; only when unreachable.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roots: Vec<SiteId>,
}

impl Interval {
    /// The time that it takes.
    #[must_use]
    pub fn span(&self) -> Span {
        Span::new(self.from, self.to)
    }
}
