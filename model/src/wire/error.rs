//! What a batch may hold, and what is said of bytes that are not one.
//!
//! Bytes come from routers in villages: anything may be in them. Each thing that could grow while they are read has
//! its limit here; a batch beyond a limit is refused as a whole, by [`Batch::seal`](super::Batch::seal) as by
//! [`Batch::open`](super::Batch::open), so that what was sealed can be opened.

use super::{
    DeviceReading, Gauge, GaugeReading, Hop, InterfaceReading, MeasuredRound, Trace, counters, gauges,
    readings, rounds, rtts,
};
use crate::id::IdError;

/// The longest sealed batch, in bytes.
pub const MAX_SEALED: usize = 1 << 20;
/// The most rounds in a batch.
pub const MAX_ROUNDS: usize = 1 << 16;
/// The most RTTs in a batch.
pub const MAX_RTTS: usize = 1 << 19;
/// The most device readings in a batch.
pub const MAX_READINGS: usize = 1 << 12;
/// The most interface readings in a batch.
pub const MAX_INTERFACES: usize = 1 << 14;
/// The most values of gauges in a batch.
pub const MAX_GAUGES: usize = 1 << 14;
/// The most traces in a batch.
pub const MAX_TRACES: usize = 1 << 8;
/// The most hops in a trace.
pub const MAX_HOPS: usize = 64;
/// The longest name or alias of an interface, or place of a gauge, in bytes.
pub const MAX_TEXT: usize = 255;
/// The most memory that opening takes, in bytes, whatever is opened, and beside it the base that it leans on. What
/// repeats is coded in next to nothing, so that it is these limits which bound memory, not the length of what is opened.
pub const MAX_OPENED: usize = 64 << 20;

/// What is kept of a batch.
const KEPT: usize = MAX_ROUNDS * size_of::<MeasuredRound>()
    + MAX_RTTS * size_of::<u32>()
    + MAX_READINGS * (size_of::<DeviceReading>() + size_of::<GaugeReading>())
    + MAX_INTERFACES * size_of::<InterfaceReading>()
    + MAX_GAUGES * size_of::<Gauge>()
    + MAX_TRACES * (size_of::<Trace>() + MAX_HOPS * size_of::<Hop>());
/// What is known meanwhile, of as many targets as there can be, and of the interfaces and gauges of it and its base.
const KNOWN: usize = MAX_ROUNDS * (rounds::A_TARGET + rtts::A_TARGET)
    + 2 * MAX_INTERFACES * (readings::AN_INTERFACE + counters::AN_INTERFACE)
    + 2 * MAX_READINGS * (readings::A_DEVICE + gauges::A_DEVICE)
    + 2 * MAX_GAUGES * gauges::A_GAUGE;

// Vectors and trees may be half empty.
const _: () = assert!(MAX_OPENED > 2 * (KEPT + KNOWN) + MAX_SEALED);

/// Why bytes are no batch, or why a batch cannot be sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The bytes end too early.
    #[error("the bytes end within {0}")]
    Truncated(&'static str),
    /// Bytes follow the end.
    #[error("{0} bytes follow the end of the batch")]
    Trailing(usize),
    /// The checksum is not that of the bytes.
    #[error("the checksum is wrong: the batch was damaged after it was sealed")]
    Checksum,
    /// What the batch leans on is not here.
    #[error(
        "the delivery leans on a batch that is not known here, or was damaged on its way; it has to be sent whole"
    )]
    Base,
    /// The format is newer than this program, or no batch at all.
    #[error("format {0:#04x} is not known here; is the sender newer than the receiver?")]
    Format(u8),
    /// There is more of something than a batch may hold.
    #[error("{count} {what} are over the limit of {limit}")]
    TooMuch {
        /// What there is too much of.
        what: &'static str,
        /// How much of it there is.
        count: u64,
        /// How much there may be.
        limit: usize,
    },
    /// The agent's id is none.
    #[error("the batch names no agent")]
    Agent(#[source] IdError),
    /// A value that nothing can have.
    #[error("{0} has a value that it cannot have")]
    Malformed(&'static str),
}

/// Says [`WireError::TooMuch`] when it is so.
pub(super) fn within(what: &'static str, count: u64, limit: usize) -> Result<usize, WireError> {
    match usize::try_from(count) {
        Ok(fitting) if fitting <= limit => Ok(fitting),
        _ => Err(WireError::TooMuch { what, count, limit }),
    }
}
