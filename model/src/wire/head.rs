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

/// Report intervals are multiples of this many milliseconds, and mostly so many.
const TICK_MS: i64 = 5_000;
const USUAL_TICKS: i64 = 6;

/// What of a head is not as in the batch before, a bit for each.
const OTHER_SERIES: u64 = 1;
const OTHER_BOOT: u64 = 2;
const OTHER_PLAN: u64 = 4;

/// The head of the batch before, if there is one, and the columns of what differs from it.
pub(super) struct Heads {
    last: Option<Head>,
    changed: Number,
    sequence: Number,
    ticks: Number,
    off_tick: Number,
    wall: Number,
}

#[derive(Clone, PartialEq)]
struct Head {
    agent: Vantage,
    series: u32,
    sequence: u64,
    sealed: Stamp,
    plan: PlanRevision,
}

impl Heads {
    pub(super) fn new() -> Self {
        Heads {
            last: None,
            changed: Number::rare(),
            sequence: Number::rare(),
            ticks: Number::rare(),
            off_tick: Number::small(),
            wall: Number::small(),
        }
    }

    /// Codes the head of `batch`.
    pub(super) fn code(&mut self, coder: &mut dyn Coder, batch: &mut Batch) -> Result<(), WireError> {
        let head = Head {
            agent: batch.agent.clone(),
            series: batch.series,
            sequence: batch.sequence,
            sealed: batch.sealed,
            plan: batch.plan,
        };
        let head = match self.last.take() {
            None => whole(coder, &head)?,
            Some(last) => self.after(coder, &last, &head)?,
        };
        batch.agent = head.agent.clone();
        (batch.series, batch.sequence) = (head.series, head.sequence);
        (batch.sealed, batch.plan) = (head.sealed, head.plan);
        batch.dropped_rounds = coder.number(&mut Number::rare(), batch.dropped_rounds)?;
        self.last = Some(head);
        Ok(())
    }

    /// Codes a head as what differs from the last, one report interval later.
    fn after(&mut self, coder: &mut dyn Coder, last: &Head, head: &Head) -> Result<Head, WireError> {
        let bit = |differs: bool, bit| if differs { bit } else { 0 };
        let other_series = (&head.agent, head.series) != (&last.agent, last.series);
        let changed = bit(other_series, OTHER_SERIES)
            | bit(head.sealed.boot != last.sealed.boot, OTHER_BOOT)
            | bit(head.plan != last.plan, OTHER_PLAN);
        let changed = coder.number(&mut self.changed, changed)?;
        if changed >= OTHER_PLAN << 1 {
            return Err(WireError::Malformed("what a batch has in common with its base"));
        }
        let mut next = last.clone();
        if changed & OTHER_SERIES != 0 {
            (next.agent, next.series) = name(coder, head)?;
        }
        if changed & OTHER_BOOT != 0 {
            next.sealed.boot = BootId(coder.raw(32, head.sealed.boot.0.into())? as u32);
        }
        if changed & OTHER_PLAN != 0 {
            next.plan = PlanRevision(coder.raw(64, head.plan.0)?);
        }
        next.sequence = coder.near(&mut self.sequence, last.sequence.wrapping_add(1), head.sequence)?;

        let passed = head.sealed.mono_ms.wrapping_sub(last.sealed.mono_ms).cast_signed();
        let ticks = passed.saturating_add(TICK_MS / 2).div_euclid(TICK_MS);
        let ticks = coder.signed(&mut self.ticks, ticks.wrapping_sub(USUAL_TICKS))?.wrapping_add(USUAL_TICKS);
        let on_tick = ticks.wrapping_mul(TICK_MS);
        let passed = coder.signed(&mut self.off_tick, passed.wrapping_sub(on_tick))?.wrapping_add(on_tick);
        next.sealed.mono_ms = last.sealed.mono_ms.wrapping_add(passed.cast_unsigned());
        let expected = last.sealed.wall.as_millis().wrapping_add(passed);
        let off = coder.signed(&mut self.wall, head.sealed.wall.as_millis().wrapping_sub(expected))?;
        next.sealed.wall = wall(expected.wrapping_add(off))?;
        Ok(next)
    }
}

/// Codes a head that nothing is known of.
fn whole(coder: &mut dyn Coder, head: &Head) -> Result<Head, WireError> {
    let (agent, series) = name(coder, head)?;
    let sequence = coder.number(&mut Number::any(), head.sequence)?;
    let sealed = Stamp {
        boot: BootId(coder.raw(32, head.sealed.boot.0.into())? as u32),
        mono_ms: coder.number(&mut Number::any(), head.sealed.mono_ms)?,
        wall: wall(coder.signed(&mut Number::any(), head.sealed.wall.as_millis())?)?,
    };
    Ok(Head { agent, series, sequence, sealed, plan: PlanRevision(coder.raw(64, head.plan.0)?) })
}

/// Codes whose a batch is, and which series.
fn name(coder: &mut dyn Coder, head: &Head) -> Result<(Vantage, u32), WireError> {
    Ok((agent(coder, &head.agent)?, coder.raw(32, head.series.into())? as u32))
}

/// Codes an agent's id letter by letter; the core's is empty.
fn agent(coder: &mut dyn Coder, agent: &Vantage) -> Result<Vantage, WireError> {
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
    Heads::new().code(&mut Decoder::new(coded(sealed)?)?, &mut batch)?;
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
