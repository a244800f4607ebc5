//! A round as the live timeline keeps it: eight bytes.
//!
//! Made on arrival, when the outcome is decided; kept until it is settled. Rule guarded here: of two different rounds at
//! the same millisecond the larger value is the one that counts.

use kentongan_model::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::round::Outcome;

/// A round in eight bytes: its moment (42 bits, until 2109), answers (10), the complement of probes sent (10), its
/// outcome (2). At the same moment the larger value is the round that counts: with as many answers to as many probes
/// the outcome can differ by the RTT alone, and the lower one is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Kept(u64);

impl Kept {
    const LAST: i64 = (1 << 42) - 1;
    const MOST: u64 = (1 << 10) - 1;

    /// None when the moment lies before 1970 or after 2109: no clock that was ever set says so.
    pub(crate) fn new(at: Timestamp, answered: usize, sent: u32, outcome: Outcome) -> Option<Self> {
        let moment = u64::try_from(at.as_millis()).ok().filter(|_| at.as_millis() <= Self::LAST)?;
        let answered = u64::try_from(answered).unwrap_or(Self::MOST).min(Self::MOST);
        let unsent = Self::MOST - u64::from(sent).min(Self::MOST);
        let outcome = match outcome {
            Outcome::Failed => 0,
            Outcome::Poor => 1,
            Outcome::Good => 2,
        };
        Some(Kept(moment << 22 | answered << 12 | unsent << 2 | outcome))
    }

    pub(crate) fn at(self) -> Timestamp {
        Timestamp::from_millis((self.0 >> 22).cast_signed())
    }

    pub(crate) fn outcome(self) -> Outcome {
        match self.0 & 3 {
            0 => Outcome::Failed,
            1 => Outcome::Poor,
            _ => Outcome::Good,
        }
    }
}
