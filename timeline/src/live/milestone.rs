//! Where an automaton stood, remembered sparsely: what is settled can be folded again from here, and no further than to
//! where it has become again what it was.
//!
//! Between a series and the journal. Rule guarded here: two milestones are equal only when everything that comes after
//! them is.

use kentongan_model::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::evidence::{Change, Evidence, Rest};

/// An automaton between two rounds. Mostly it rests; streaks and silences under way take more room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Stand {
    Resting(Rest),
    Turning(Box<Evidence>),
}

/// What was settled up to some moment of the grid.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Milestone {
    /// A multiple of the grid; the next round lies behind it.
    pub(super) at: Timestamp,
    pub(super) stand: Stand,
    /// How many rounds were settled since the milestone before.
    pub(super) rounds: u32,
}

impl Stand {
    pub(super) fn of(evidence: &Evidence) -> Self {
        evidence.rest().map_or_else(|| Stand::Turning(Box::new(evidence.bare())), Stand::Resting)
    }

    /// The last round before it.
    pub(super) fn last(&self) -> Option<Timestamp> {
        match self {
            Stand::Resting(rest) => Some(rest.last),
            Stand::Turning(evidence) => evidence.last(),
        }
    }

    /// The automaton as it stood, with its last two changes. `all` is what the series went through.
    pub(super) fn evidence(&self, all: &[Change]) -> Evidence {
        match self {
            Stand::Resting(rest) => {
                let known = all.partition_point(|change| change.at <= rest.last);
                Evidence::resting(*rest, all[known.saturating_sub(2)..known].to_vec())
            }
            Stand::Turning(evidence) => (**evidence).clone(),
        }
    }

    /// Whether all that it remembers lies behind `moment`. Up to where folding again came before, the old changes that
    /// were confirmed later are gone, so nothing from before may be taken from them.
    pub(super) fn stands_behind(&self, moment: Timestamp) -> bool {
        match self {
            Stand::Resting(_) => true,
            Stand::Turning(evidence) => evidence.changes().first().is_some_and(|first| first.at > moment),
        }
    }

    /// Joins what was folded again up to here with what follows and stays as it was.
    pub(super) fn splice(&self, mut folded: Vec<Change>, all: &[Change]) -> Vec<Change> {
        match self {
            // No change behind a rest reaches back before it.
            Stand::Resting(rest) => {
                let known = all.partition_point(|change| change.at <= rest.last);
                folded.extend_from_slice(&all[known..]);
            }
            // The last change may be taken back by what follows: that knows of it.
            Stand::Turning(evidence) => {
                let first = evidence.changes().first().map_or(Timestamp::MIN, |change| change.at);
                folded.truncate(folded.partition_point(|change| change.at < first));
                folded.extend_from_slice(&all[all.partition_point(|change| change.at < first)..]);
            }
        }
        folded
    }
}

/// Puts changes that were folded from a point whose last two were `known` into their place: whatever lies before those
/// stays.
pub(super) fn behind(mut all: Vec<Change>, known: Option<Timestamp>, folded: &[Change]) -> Vec<Change> {
    all.truncate(known.map_or(0, |first| all.partition_point(|change| change.at < first)));
    all.extend_from_slice(folded);
    all
}
