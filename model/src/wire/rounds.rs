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

/// Intervals are learnt to this many milliseconds: it is what plans are made of, and jitter is not learnt with it.
const INTERVAL_STEP_MS: i64 = 50;
/// After this many rounds a target's phase is as well known as it gets.
const SETTLED: i64 = 7;
/// Phases are kept in sixteenths of a millisecond.
const FINE: i64 = 16;

/// What is known of a target from its last round.
#[derive(Debug, Clone, Copy)]
struct Last {
    mono_ms: u64,
    interval_ms: Option<i64>,
    /// How far the last round was behind its phase, in 1/16 ms.
    late: i64,
    rounds: i64,
    sent: u64,
    losses: Losses,
    followed_by: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
enum Losses {
    None,
    Some,
    All,
}

struct Columns {
    target: Number,
    first_time: Number,
    time: Number,
    sent: Number,
    lost: [Number; 3],
}

/// Codes all of `rounds` but the RTTs; what is decoded has as many of them as were answered, all 0.
pub(super) fn code(
    coder: &mut impl Coder,
    sealed_ms: u64,
    rounds: &mut Vec<MeasuredRound>,
) -> Result<(), WireError> {
    let count = within("rounds", coder.number(&mut Number::any(), rounds.len() as u64)?, MAX_ROUNDS)?;
    let mut columns = Columns {
        target: Number::rare(),
        first_time: Number::small(),
        time: Number::small(),
        sent: Number::rare(),
        lost: [Number::rare(), Number::small(), Number::small()],
    };
    let mut known: BTreeMap<u16, Last> = BTreeMap::new();
    let mut before: Option<(u16, u64)> = None;
    let mut gap_ms = 0u64;
    let mut interval_ms = None;
    let mut usual = 0u64;
    let mut rtts = 0;
    for index in 0..count {
        if index == rounds.len() {
            rounds.push(MeasuredRound { target: 0, mono_ms: 0, sent: 0, rtts_us: Vec::new() });
        }
        let round = &mut rounds[index];

        let followed =
            before.map(|(target, _)| (target, known.get(&target).and_then(|last| last.followed_by)));
        let expected = followed.map_or(0, |(target, by)| by.unwrap_or(u64::from(target) + 1));
        round.target = coder.fitting(&mut columns.target, expected, u64::from(round.target), "a target")?;
        if let Some(last) = before.and_then(|(target, _)| known.get_mut(&target)) {
            last.followed_by = Some(u64::from(round.target));
        }

        let last = known.get(&round.target).copied();
        let mut next = match last {
            Some(mut last) => {
                last.interval_ms = last.interval_ms.or(interval_ms);
                let (mono_ms, next) = last.next(coder, &mut columns.time, round.mono_ms)?;
                round.mono_ms = mono_ms;
                next
            }
            None => {
                let expected = before.map_or(sealed_ms, |(_, at)| at.wrapping_add(gap_ms));
                round.mono_ms = coder.near(&mut columns.first_time, expected, round.mono_ms)?;
                gap_ms = before.map_or(0, |(_, at)| round.mono_ms.wrapping_sub(at));
                Last {
                    mono_ms: round.mono_ms,
                    interval_ms: None,
                    late: 0,
                    rounds: 0,
                    sent: usual,
                    losses: Losses::None,
                    followed_by: None,
                }
            }
        };
        interval_ms = next.interval_ms.or(interval_ms);

        round.sent =
            coder.fitting(&mut columns.sent, next.sent, u64::from(round.sent), "the probes of a round")?;
        let sent = u64::from(round.sent);
        let lost = coder
            .number(&mut columns.lost[next.losses as usize], sent - (round.rtts_us.len() as u64).min(sent))?;
        let answered = sent
            .checked_sub(lost)
            .filter(|_| sent > 0)
            .ok_or(WireError::Malformed("the probes of a round"))?;
        rtts += answered;
        round.rtts_us.resize(within("RTTs", rtts, MAX_RTTS).map(|_| answered as usize)?, 0);

        usual = sent;
        next.sent = sent;
        next.losses = match lost {
            0 => Losses::None,
            _ if lost == sent => Losses::All,
            _ => Losses::Some,
        };
        before = Some((round.target, round.mono_ms));
        known.insert(round.target, next);
    }
    Ok(())
}

impl Last {
    /// Codes the time of the target's next round.
    fn next(
        self,
        coder: &mut impl Coder,
        times: &mut Number,
        mono_ms: u64,
    ) -> Result<(u64, Last), WireError> {
        let due = self.interval_ms.unwrap_or(0).wrapping_mul(FINE).wrapping_sub(self.late);
        let due_ms = due.wrapping_add(FINE / 2).div_euclid(FINE);
        let expected = self.mono_ms.wrapping_add(due_ms.cast_unsigned());
        let mono_ms = coder.near(times, expected, mono_ms)?;
        let off = mono_ms.wrapping_sub(expected).cast_signed();
        let mut next = Last { mono_ms, rounds: (self.rounds + 1).min(SETTLED), ..self };
        if off.unsigned_abs() < INTERVAL_STEP_MS.unsigned_abs() / 2 {
            let behind = (due_ms + off) * FINE - due;
            next.late = behind * next.rounds / (next.rounds + 1);
        } else {
            let passed = mono_ms.wrapping_sub(self.mono_ms).cast_signed();
            // Half the largest interval that the arithmetic above can bear.
            let passed = passed.clamp(-(1 << 56), 1 << 56);
            let steps = (passed + INTERVAL_STEP_MS / 2).div_euclid(INTERVAL_STEP_MS);
            next.interval_ms = Some(steps * INTERVAL_STEP_MS);
            next.late = 0;
            next.rounds = 0;
        }
        Ok((mono_ms, next))
    }
}
