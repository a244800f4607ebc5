//! How much the live timeline remembers of single rounds.
//!
//! Read wherever something is kept or settled. Rule guarded here: whatever the limits, the judgement is the same; smaller
//! ones only ask the journal more often.

use kentongan_model::time::Timestamp;
use serde::{Deserialize, Serialize};

/// How much is remembered. Tests make it small; everybody else takes the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Rounds that are kept of each piece of evidence, for late ones to be put between: 256 are 2 hours at 30 s, 2 kB.
    pub rounds: usize,
    /// What lies further back is remembered as milestones on a grid of this many milliseconds: 12 hours, 32 bytes each.
    pub milestone_ms: i64,
    /// Rounds that wait to be put between settled ones, in all; those beyond are dropped and counted `too_late`.
    pub late: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { rounds: 256, milestone_ms: 12 * 3_600_000, late: 1 << 20 }
    }
}

impl Limits {
    /// The last moment of the grid of milestones that is not after `at`.
    pub(crate) fn grid(&self, at: Timestamp) -> Timestamp {
        let step = self.milestone_ms.max(1);
        Timestamp::from_millis(at.as_millis().div_euclid(step) * step)
    }
}
