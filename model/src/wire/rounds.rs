//! The columns of rounds: which target, when, how many probes, how many lost.
//!
//! An agent goes round its targets, so each of these is mostly what it was the last time: the target that followed
//! then, one interval later, as many probes, none lost. What is coded is how far that is wrong.

use std::collections::BTreeMap;

use super::{
    MeasuredRound, WireError,
    coder::{Coder, Number},
    error::{MAX_ROUNDS, MAX_RTTS, within},
};

/// Intervals are learnt to this many milliseconds: plans are made of such, and jitter is not learnt with them.
const INTERVAL_STEP_MS: i64 = 50;
/// The longest interval that is learnt, either way: far beyond any, and small enough to multiply.
const LONGEST_MS: i64 = 1 << 56;
/// After this many rounds a target's phase is as well known as it gets.
const SETTLED: i64 = 7;
/// Phases are kept in sixteenths of a millisecond.
const FINE: i64 = 16;

/// Memory for what is known of a target.
pub(super) const A_TARGET: usize = size_of::<(u16, Last)>();

/// What is known after some rounds.
pub(super) struct Tour {
    /// Rounds of the batch before, if there is one.
    count: Option<u64>,
    /// Each target's last round.
    known: BTreeMap<u16, Last>,
    /// The target of the round before.
    before: Option<u16>,
    /// The time of the round before; at first, of sealing.
    mono_ms: u64,
    /// How long after the round before it a target's first round was, the last time.
    gap_ms: u64,
    /// The interval that was last learnt.
    interval_ms: i64,
    /// Probes of the round before.
    sent: u64,
    /// How many batches there were, this one included.
    batches: u8,
    /// By how much more than an interval the targets' rounds lie behind those of the batch before.
    slip_ms: i64,
    /// RTTs of this batch so far.
    rtts: u64,
    columns: Columns,
}

struct Columns {
    count: Number,
    target: Number,
    first_time: Number,
    time: Number,
    sent: Number,
    /// By what the target's round before had lost.
    lost: [Number; 3],
}

/// A target's last round.
#[derive(Debug, Clone, Copy)]
struct Last {
    mono_ms: u64,
    /// The target's interval, if it has had more than one round.
    interval_ms: Option<i64>,
    /// How far it was behind the target's phase, in 1/16 ms.
    late: i64,
    /// Rounds by which the phase is known.
    rounds: i64,
    sent: u64,
    loss: Loss,
    followed_by: Option<u16>,
    /// Which batch it was in.
    batch: u8,
}

#[derive(Debug, Clone, Copy)]
enum Loss {
    None,
    Partial,
    Total,
}

impl Tour {
    pub(super) fn new() -> Self {
        Tour {
            count: None,
            known: BTreeMap::new(),
            before: None,
            mono_ms: 0,
            gap_ms: 0,
            interval_ms: 0,
            sent: 0,
            batches: 0,
            slip_ms: 0,
            rtts: 0,
            columns: Columns {
                count: Number::small(),
                target: Number::rare(),
                first_time: Number::small(),
                time: Number::small(),
                sent: Number::rare(),
                lost: [Number::rare(), Number::small(), Number::small()],
            },
        }
    }

    /// Codes all of a batch's `rounds` but the RTTs; what is decoded has as many of them as were answered, all 0.
    pub(super) fn code(
        &mut self,
        coder: &mut dyn Coder,
        sealed_ms: u64,
        rounds: &mut Vec<MeasuredRound>,
    ) -> Result<(), WireError> {
        let count = rounds.len() as u64;
        let count = match self.count {
            None => coder.number(&mut Number::any(), count)?,
            Some(before) => coder.near(&mut self.columns.count, before, count)?,
        };
        self.count = Some(count);
        if self.known.is_empty() {
            self.mono_ms = sealed_ms;
        }
        self.batches = self.batches.wrapping_add(1);
        (self.slip_ms, self.rtts) = (0, 0);
        for index in 0..within("rounds", count, MAX_ROUNDS)? {
            if index == rounds.len() {
                rounds.push(MeasuredRound { target: 0, mono_ms: 0, sent: 0, rtts_us: Vec::new() });
            }
            self.round(coder, &mut rounds[index])?;
        }
        Ok(())
    }

    fn round(&mut self, coder: &mut dyn Coder, round: &mut MeasuredRound) -> Result<(), WireError> {
        self.target(coder, round)?;
        let mut last = match self.known.get(&round.target).copied() {
            Some(last) if last.batch == self.batches => {
                last.next(coder, &mut self.columns.time, self.interval_ms, &mut round.mono_ms)?
            }
            Some(last) => self.again(coder, last, &mut round.mono_ms)?,
            None => self.first(coder, &mut round.mono_ms)?,
        };
        last.batch = self.batches;
        self.probes(coder, round, &mut last)?;
        self.mono_ms = round.mono_ms;
        self.interval_ms = last.interval_ms.unwrap_or(self.interval_ms);
        self.known.insert(round.target, last);
        Ok(())
    }

    /// Expects the target that followed the one before the last time, or else the next number.
    fn target(&mut self, coder: &mut dyn Coder, round: &mut MeasuredRound) -> Result<(), WireError> {
        let mut before = self.before.and_then(|target| self.known.get_mut(&target));
        let followed_by = before.as_ref().and_then(|last| last.followed_by);
        let expected =
            followed_by.map_or_else(|| self.before.map_or(0, |target| u64::from(target) + 1), u64::from);
        round.target =
            coder.fitting(&mut self.columns.target, expected, u64::from(round.target), "a target")?;
        if let Some(last) = &mut before {
            last.followed_by = Some(round.target);
        }
        self.before = Some(round.target);
        Ok(())
    }

    /// Codes the time of a target's first round, expected as long after the round before as the last such was.
    fn first(&mut self, coder: &mut dyn Coder, mono_ms: &mut u64) -> Result<Last, WireError> {
        let expected = self.mono_ms.wrapping_add(self.gap_ms);
        *mono_ms = coder.near(&mut self.columns.first_time, expected, *mono_ms)?;
        self.gap_ms = if self.known.is_empty() { 0 } else { mono_ms.wrapping_sub(self.mono_ms) };
        Ok(Last {
            mono_ms: *mono_ms,
            interval_ms: None,
            late: 0,
            rounds: 0,
            sent: self.sent,
            loss: Loss::None,
            followed_by: None,
            batch: self.batches,
        })
    }

    /// Codes the time of the first round in a batch of a target that the batch before knew: expected one interval after
    /// its last, and what the target before was later than that. Several intervals may lie between two batches.
    fn again(&mut self, coder: &mut dyn Coder, last: Last, mono_ms: &mut u64) -> Result<Last, WireError> {
        let (due, due_ms) = last.due(self.interval_ms);
        let expected = last.mono_ms.wrapping_add(due_ms.wrapping_add(self.slip_ms).cast_unsigned());
        *mono_ms = coder.near(&mut self.columns.time, expected, *mono_ms)?;
        let off = mono_ms.wrapping_sub(expected).cast_signed();
        if is_on_time(off) {
            return Ok(last.on_time(*mono_ms, (due_ms + off) * FINE - due, self.interval_ms));
        }
        self.slip_ms = self.slip_ms.wrapping_add(off);
        Ok(Last { mono_ms: *mono_ms, late: 0, rounds: 0, ..last })
    }

    fn probes(
        &mut self,
        coder: &mut dyn Coder,
        round: &mut MeasuredRound,
        last: &mut Last,
    ) -> Result<(), WireError> {
        let what = "the probes of a round";
        round.sent = coder.fitting(&mut self.columns.sent, last.sent, u64::from(round.sent), what)?;
        let sent = u64::from(round.sent);
        let lost = sent.checked_sub(round.rtts_us.len() as u64).ok_or(WireError::Malformed(what))?;
        let lost = coder.number(&mut self.columns.lost[last.loss as usize], lost)?;
        let answered = sent.checked_sub(lost).filter(|_| sent > 0).ok_or(WireError::Malformed(what))?;
        self.rtts += answered;
        within("RTTs", self.rtts, MAX_RTTS)?;
        round.rtts_us.resize(answered as usize, 0);
        self.sent = sent;
        last.sent = sent;
        last.loss = match lost {
            0 => Loss::None,
            _ if answered > 0 => Loss::Partial,
            _ => Loss::Total,
        };
        Ok(())
    }
}

impl Last {
    /// Codes the time of the target's next round, expected one interval later on the target's own phase.
    fn next(
        self,
        coder: &mut dyn Coder,
        column: &mut Number,
        usual_ms: i64,
        mono_ms: &mut u64,
    ) -> Result<Last, WireError> {
        let (due, due_ms) = self.due(usual_ms);
        let expected = self.mono_ms.wrapping_add(due_ms.cast_unsigned());
        *mono_ms = coder.near(column, expected, *mono_ms)?;
        let off = mono_ms.wrapping_sub(expected).cast_signed();
        if is_on_time(off) {
            return Ok(self.on_time(*mono_ms, (due_ms + off) * FINE - due, usual_ms));
        }
        let passed = mono_ms.wrapping_sub(self.mono_ms).cast_signed().clamp(-LONGEST_MS, LONGEST_MS);
        let steps = (passed + INTERVAL_STEP_MS / 2).div_euclid(INTERVAL_STEP_MS);
        let interval_ms = Some(steps * INTERVAL_STEP_MS);
        Ok(Last { mono_ms: *mono_ms, interval_ms, late: 0, rounds: 0, ..self })
    }

    /// How long after this round the next is due, in 1/16 ms and in milliseconds.
    fn due(&self, usual_ms: i64) -> (i64, i64) {
        let due = self.interval_ms.unwrap_or(usual_ms) * FINE - self.late;
        (due, (due + FINE / 2).div_euclid(FINE))
    }

    /// The next round, which was so far `behind` its phase, in 1/16 ms.
    fn on_time(self, mono_ms: u64, behind: i64, usual_ms: i64) -> Last {
        let rounds = (self.rounds + 1).min(SETTLED);
        let interval_ms = self.interval_ms.or(Some(usual_ms));
        Last { mono_ms, interval_ms, late: behind * rounds / (rounds + 1), rounds, ..self }
    }
}

/// Whether a round was so little off what was expected that its interval is still the same.
fn is_on_time(off_ms: i64) -> bool {
    off_ms.unsigned_abs() < INTERVAL_STEP_MS.unsigned_abs() / 2
}
