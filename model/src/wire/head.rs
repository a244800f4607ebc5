//! The head of a sealed batch: whose it is, its name for good, and when it was sealed.
//!
//! It comes first in the coded bytes, so that a delivery can be told apart without opening all of it.

use super::{
    Batch, WireError,
    coder::{Coder, Number},
    range::Decoder,
};
use crate::{
    id::{MAX_ID_LEN, Vantage},
    plan::PlanRevision,
    time::{BootId, Stamp, Timestamp},
};

/// The first byte of every sealed batch: format 2 in the high half, the profile in the low one, where 0 is full: every
/// RTT to 1 µs.
pub(super) const FORMAT: u8 = 0x20;
/// What an id is made of.
const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789-_.";
/// Length of the checksum at the end of a sealed batch.
pub(super) const CHECKSUM: usize = 4;

/// Codes the head of `batch`.
pub(super) fn code(coder: &mut impl Coder, batch: &mut Batch) -> Result<(), WireError> {
    batch.agent = agent(coder, &batch.agent)?;
    batch.series = coder.raw(32, batch.series.into())? as u32;
    batch.sequence = coder.number(&mut Number::any(), batch.sequence)?;
    batch.sealed = Stamp {
        boot: BootId(coder.raw(32, batch.sealed.boot.0.into())? as u32),
        mono_ms: coder.number(&mut Number::any(), batch.sealed.mono_ms)?,
        wall: wall(coder.signed(&mut Number::any(), batch.sealed.wall.as_millis())?)?,
    };
    batch.plan = PlanRevision(coder.raw(64, batch.plan.0)?);
    batch.dropped_rounds = coder.number(&mut Number::rare(), batch.dropped_rounds)?;
    Ok(())
}

/// Codes an agent's id letter by letter; the core's is empty.
fn agent(coder: &mut impl Coder, agent: &Vantage) -> Result<Vantage, WireError> {
    let id = agent.site().map_or("", |site| site.as_str()).as_bytes();
    let length = coder.even(MAX_ID_LEN as u32 + 1, id.len() as u32)? as usize;
    let mut text = String::with_capacity(length);
    for place in 0..length {
        let letter = id.get(place).and_then(|letter| LETTERS.iter().position(|known| known == letter));
        let letter = coder.even(LETTERS.len() as u32, letter.unwrap_or(0) as u32)?;
        text.push(char::from(LETTERS[letter as usize]));
    }
    if text.is_empty() {
        return Ok(Vantage::Core);
    }
    text.parse().map(Vantage::Site).map_err(WireError::Agent)
}

/// A wall clock's time, if it can be told.
pub(super) fn wall(millis: i64) -> Result<Timestamp, WireError> {
    let time = Timestamp::from_millis(millis);
    if time.as_millis() == millis { Ok(time) } else { Err(WireError::Malformed("the wall clock")) }
}

/// The coded bytes of a sealed batch, without the format and the checksum.
pub(super) fn coded(sealed: &[u8]) -> Result<&[u8], WireError> {
    match sealed {
        [] => Err(WireError::Truncated("the format")),
        [FORMAT, rest @ ..] => rest
            .len()
            .checked_sub(CHECKSUM)
            .map(|length| &rest[..length])
            .ok_or(WireError::Truncated("the checksum")),
        [other, ..] => Err(WireError::Format(*other)),
    }
}

/// Reads the moment of sealing, unchecked.
pub(super) fn sealed_at(sealed: &[u8]) -> Result<Stamp, WireError> {
    let mut batch = blank();
    code(&mut Decoder::new(coded(sealed)?)?, &mut batch)?;
    Ok(batch.sealed)
}

/// What decoding begins with.
pub(super) fn blank() -> Batch {
    Batch {
        agent: Vantage::Core,
        series: 0,
        sequence: 0,
        sealed: Stamp { boot: BootId(0), mono_ms: 0, wall: Timestamp::default() },
        plan: PlanRevision(0),
        dropped_rounds: 0,
        rounds: Vec::new(),
        readings: Vec::new(),
        gauges: Vec::new(),
        traces: Vec::new(),
    }
}
