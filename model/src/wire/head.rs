//! The head of a sealed batch: whose it is, its name for good, and when it was sealed. In plain bytes, so that a
//! delivery can be told apart without opening it.

use super::{Batch, WireError, bytes};
use crate::{
    id::Vantage,
    plan::PlanRevision,
    time::{BootId, Stamp, Timestamp},
};

/// Format 1 in the high half, the profile in the low one: 0 is full, every RTT to 1 µs.
pub(super) const FORMAT: u8 = 0x10;

/// Writes the head of `batch`.
pub(super) fn write(batch: &Batch, out: &mut Vec<u8>) {
    let agent = batch.agent.site().map_or("", |site| site.as_str());
    out.push(FORMAT);
    out.push(agent.len() as u8);
    out.extend_from_slice(agent.as_bytes());
    out.extend_from_slice(&batch.series.to_le_bytes());
    bytes::put_varint(out, batch.sequence);
    out.extend_from_slice(&batch.sealed.boot.0.to_le_bytes());
    bytes::put_varint(out, batch.sealed.mono_ms);
    bytes::put_varint(out, bytes::zigzag(batch.sealed.wall.as_millis()));
    out.extend_from_slice(&batch.plan.0.to_le_bytes());
    bytes::put_varint(out, batch.dropped_rounds);
}

/// Reads a head: a batch without rounds and readings.
pub(super) fn read(cursor: &mut bytes::Cursor<'_>) -> Result<Batch, WireError> {
    let format = cursor.byte("the format")?;
    if format != FORMAT {
        return Err(WireError::Format(format));
    }
    let length = cursor.byte("the agent's id")?;
    let agent = cursor.take(usize::from(length), "the agent's id")?;
    Ok(Batch {
        agent: vantage(agent)?,
        series: cursor.word("the series")?,
        sequence: cursor.varint("the sequence")?,
        sealed: Stamp {
            boot: BootId(cursor.word("the boot id")?),
            mono_ms: cursor.varint("the time since boot")?,
            wall: wall(bytes::unzigzag(cursor.varint("the wall clock")?))?,
        },
        plan: PlanRevision(cursor.word("the plan's revision")?),
        dropped_rounds: cursor.varint("the dropped rounds")?,
        rounds: Vec::new(),
        readings: Vec::new(),
    })
}

fn vantage(id: &[u8]) -> Result<Vantage, WireError> {
    if id.is_empty() {
        return Ok(Vantage::Core);
    }
    let text = std::str::from_utf8(id).map_err(|_| WireError::Malformed("the agent's id"))?;
    text.parse().map(Vantage::Site).map_err(WireError::Agent)
}

/// A wall clock's time, if it can be told.
pub(super) fn wall(millis: i64) -> Result<Timestamp, WireError> {
    let time = Timestamp::from_millis(millis);
    if time.as_millis() == millis { Ok(time) } else { Err(WireError::Malformed("the wall clock")) }
}
