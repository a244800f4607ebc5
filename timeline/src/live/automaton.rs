//! One automaton, whatever it is fed: rounds, or deliveries between which it supplies what is missing.
//!
//! Between what arrives and the changes of a series. Rule guarded here: only evidence that can be bridged knows of the
//! collector's downtime, but the deliveries of every agent are counted anew after it.

use kentongan_model::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::{kept::Kept, limits::Limits};
use crate::{
    evidence::{Change, Evidence, Pace},
    heartbeat::{Counting, Heartbeats},
    span::Span,
};

/// What one piece of evidence is folded with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Folding<'a> {
    pub(crate) pace: &'a Pace,
    pub(crate) downtimes: &'a [Span],
    pub(crate) bridged: bool,
    pub(crate) limits: Limits,
}

impl Folding<'_> {
    pub(super) fn counting(&self) -> Counting<'_> {
        Counting { pace: self.pace, downtimes: self.downtimes, bridged: self.bridged }
    }
}

/// An automaton: of rounds, or of deliveries, which supplies what is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Automaton {
    Rounds(Evidence),
    Deliveries(Heartbeats),
}

impl Automaton {
    pub(super) fn push(&mut self, kept: Kept, folding: &Folding<'_>) {
        match self {
            Automaton::Rounds(evidence) => {
                let downtimes = if folding.bridged { folding.downtimes } else { &[] };
                evidence.push(kept.at(), kept.outcome(), folding.pace, downtimes);
            }
            Automaton::Deliveries(heartbeats) => heartbeats.deliver(kept.at(), &folding.counting()),
        }
    }

    pub(super) fn evidence(&self) -> &Evidence {
        match self {
            Automaton::Rounds(evidence) => evidence,
            Automaton::Deliveries(heartbeats) => &heartbeats.evidence,
        }
    }

    /// The same kind of automaton, standing where `evidence` does.
    pub(super) fn at(&self, evidence: Evidence) -> Self {
        match self {
            Automaton::Rounds(_) => Automaton::Rounds(evidence),
            // Behind a delivery the collector counts from it.
            Automaton::Deliveries(_) => {
                Automaton::Deliveries(Heartbeats { counted_from: evidence.last(), evidence })
            }
        }
    }

    /// Puts changes in the place of its own, and gives those back.
    pub(super) fn replace_changes(&mut self, changes: Vec<Change>) -> Vec<Change> {
        self.evidence_mut().replace_changes(changes)
    }

    /// Forgets changes before `cut`, but for the state there.
    pub(super) fn forget(&mut self, cut: Timestamp) {
        self.evidence_mut().forget(cut);
    }

    fn evidence_mut(&mut self) -> &mut Evidence {
        match self {
            Automaton::Rounds(evidence) => evidence,
            Automaton::Deliveries(heartbeats) => &mut heartbeats.evidence,
        }
    }
}
