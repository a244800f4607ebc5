//! How fast one piece of evidence is believed and how long it lasts.
//!
//! Between the inventory and the automaton. Rule guarded here: rounds keep the pace of the site that is probed, deliveries
//! that of its `report_interval`.

use kentongan_model::inventory::Settings;

/// How fast evidence is believed and how long it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pace {
    pub(crate) interval_ms: i64,
    pub(crate) down_after: u32,
    pub(crate) up_after: u32,
}

impl Pace {
    /// The pace of rounds.
    pub(crate) fn of_rounds(settings: &Settings) -> Self {
        Pace {
            interval_ms: kentongan_model::time::millis(settings.interval).max(1),
            down_after: settings.down_after.max(1),
            up_after: settings.up_after.max(1),
        }
    }

    /// The pace of deliveries.
    pub(crate) fn of_deliveries(settings: &Settings) -> Self {
        let report_ms = kentongan_model::time::millis(settings.report_interval).max(1);
        Pace { interval_ms: report_ms, ..Pace::of_rounds(settings) }
    }

    /// After this long without a round evidence is silent.
    pub(crate) fn stale_ms(&self) -> i64 {
        self.interval_ms.saturating_mul(3)
    }
}
