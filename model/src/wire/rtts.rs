//! The column of RTTs, target by target.
//!
//! An RTT is a floor that distance sets, and what queues add: skewed, with a long tail. For each run of a target's
//! rounds the encoder tells the floor and a step; an RTT then is so many steps above the floor, as a histogram that all
//! targets share expects it, and anywhere within the step, which is noise.
//!
//! In which order a round's probes were answered is not told, and costs nothing: coded is how many of them lie in each
//! step, not which.

use std::{collections::BTreeMap, ops::Range};

use super::{
    MeasuredRound, WireError,
    coder::{Coder, Histogram, MOST_SHARED, Number},
};

/// Floor and step are told anew after so many rounds of a target.
const RUN: usize = 32;
/// So many steps have a symbol of their own; the last symbol says that a number follows.
const STEPS: u64 = 20;
/// The steps' histogram begins as a smooth skewed bump with a tail: RTTs above their least, in a third of their spread.
const SHAPE: [u16; STEPS as usize + 1] =
    [230, 270, 240, 205, 172, 143, 118, 97, 80, 65, 53, 43, 35, 28, 23, 19, 16, 13, 11, 9, 40];
/// Steps are 1, 2, 3, 4, 6, 8, 12, … µs: powers of two, and one and a half of them.
const STEP_SIZES: usize = 63;
/// From 6 µs to 64 ms.
const USUAL_STEPS: Range<usize> = 4..32;

/// What is known of RTTs.
pub(super) struct Distances {
    /// The floor and the step's number of each target's last run.
    known: BTreeMap<u16, (u64, usize)>,
    step: Histogram,
    step_change: Number,
    floor: Number,
    floor_change: Number,
    steps: Histogram,
    far: Number,
}

impl Distances {
    pub(super) fn new() -> Self {
        Distances {
            known: BTreeMap::new(),
            step: Histogram::new(
                (0..STEP_SIZES).map(|number| if USUAL_STEPS.contains(&number) { 8 } else { 1 }).collect(),
            ),
            step_change: Number::small(),
            floor: Number::any(),
            floor_change: Number::small(),
            steps: Histogram::new(SHAPE.to_vec()),
            far: Number::any(),
        }
    }

    /// Codes the RTTs of all of a batch's `rounds`.
    pub(super) fn code(
        &mut self,
        coder: &mut impl Coder,
        rounds: &mut [MeasuredRound],
    ) -> Result<(), WireError> {
        let mut order: Vec<(u16, usize)> = rounds.iter().map(|round| round.target).zip(0..).collect();
        order.sort_unstable();
        for of_target in order.chunk_by(|a, b| a.0 == b.0) {
            for run in of_target.chunks(RUN) {
                self.run(coder, rounds, run)?;
            }
        }
        Ok(())
    }

    fn run(
        &mut self,
        coder: &mut impl Coder,
        rounds: &mut [MeasuredRound],
        run: &[(u16, usize)],
    ) -> Result<(), WireError> {
        let all = || run.iter().flat_map(|&(_, index)| &rounds[index].rtts_us).copied();
        let (Some(least), Some(&(target, _))) = (all().min(), run.first()) else { return Ok(()) };
        let number = step_number(all(), least);
        let known = self.known.get(&target).copied();
        let number = match known {
            None => coder.symbol(&mut self.step, number)?,
            Some((_, before)) => {
                let number = coder.near(&mut self.step_change, before as u64, number as u64)?;
                let number = usize::try_from(number).ok().filter(|&number| number < STEP_SIZES);
                number.ok_or(WireError::Malformed("the step of RTTs"))?
            }
        };
        let step = step_size(number);
        let floor = u64::from(least) / step;
        let floor = match known {
            None => coder.number(&mut self.floor, floor)?,
            Some((before, _)) => coder.near(&mut self.floor_change, before / step, floor)?,
        };
        let floor = floor.saturating_mul(step);
        self.known.insert(target, (floor, number));
        for &(_, index) in run {
            let rtts = &mut rounds[index].rtts_us;
            rtts.sort_unstable();
            for some in rtts.chunks_mut(MOST_SHARED) {
                self.ascending(coder, (floor, step), some)?;
            }
            rtts.sort_unstable();
        }
        Ok(())
    }

    /// Codes ascending RTTs of one round: how many of those that are left lie in each step, and where in it.
    fn ascending(
        &mut self,
        coder: &mut impl Coder,
        (floor, step): (u64, u64),
        rtts: &mut [u32],
    ) -> Result<(), WireError> {
        let mut left = rtts;
        let mut shares = [0; STEPS as usize];
        let mut whole = self.steps.total();
        let mut start = floor;
        for (steps, share) in shares.iter_mut().enumerate() {
            if left.is_empty() {
                break;
            }
            let next = start.saturating_add(step);
            let part = self.steps.count(steps);
            *share = coder.share(left.len(), part, whole, below(left, next))?;
            let (here, beyond) = left.split_at_mut(*share);
            spread(coder, start, step, here)?;
            (left, start) = (beyond, next);
            whole -= part;
        }
        for far in &mut *left {
            let steps = coder.number(&mut self.far, u64::from(*far).saturating_sub(start) / step)?;
            spread(coder, start.saturating_add(steps.saturating_mul(step)), step, std::slice::from_mut(far))?;
        }
        let seen = shares.into_iter().chain([left.len()]).enumerate();
        seen.for_each(|(steps, share)| (0..share).for_each(|_| self.steps.saw(steps)));
        Ok(())
    }
}

/// How many of ascending RTTs are below `end`.
fn below(rtts: &[u32], end: u64) -> usize {
    rtts.partition_point(|&rtt| u64::from(rtt) < end)
}

/// Codes ascending RTTs that lie anywhere in `width` from `start`: how many in either half, until each is alone.
fn spread(coder: &mut impl Coder, start: u64, width: u64, rtts: &mut [u32]) -> Result<(), WireError> {
    if rtts.len() > 1 && width > 1 {
        let half = width / 2;
        let middle = start.saturating_add(half);
        let halves = if width == 3 { 3 } else { 2 };
        let share = coder.share(rtts.len(), 1, halves, below(rtts, middle))?;
        let (lower, upper) = rtts.split_at_mut(share);
        spread(coder, start, half, lower)?;
        return spread(coder, middle, width - half, upper);
    }
    for rtt in rtts {
        let coded = start.saturating_add(rest(coder, width, u64::from(*rtt).saturating_sub(start))?);
        *rtt = u32::try_from(coded).map_err(|_| WireError::Malformed("an RTT"))?;
    }
    Ok(())
}

/// Codes a number below `width`, one as likely as the other; where that is over 2^16, it is 2 or 3 times a power of two.
fn rest(coder: &mut impl Coder, width: u64, rest: u64) -> Result<u64, WireError> {
    if width <= 1 << 16 {
        return Ok(u64::from(coder.even(width as u32, rest as u32)?));
    }
    let low = width.ilog2() - 1;
    let high = coder.even((width >> low) as u32, (rest >> low) as u32)?;
    Ok(u64::from(high) << low | coder.raw(low, rest)?)
}

/// The sizes of steps: 1, 2, 3, 4, 6, 8, 12, …
fn step_size(number: usize) -> u64 {
    match number {
        0 => 1,
        _ => (2 + (number as u64 + 1) % 2) << ((number - 1) / 2),
    }
}

/// The step that fits: about a third of how far the RTTs lie above the least of them, outliers left out.
fn step_number(rtts: impl Iterator<Item = u32>, least: u32) -> usize {
    let mut above: Vec<u32> = rtts.map(|rtt| rtt - least).collect();
    above.sort_unstable();
    above.truncate((above.len() * 9 / 10).max(1));
    let sum: u64 = above.iter().map(|&rtt| u64::from(rtt)).sum();
    let third = sum / above.len() as u64 / 3;
    (0..STEP_SIZES).rev().find(|&number| step_size(number) <= third).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::wire::range::Decoder;

    proptest! {
        #[test]
        fn whatever_is_decoded_ascends(bytes in vec(any::<u8>(), 300)) {
            let round = MeasuredRound { target: 0, mono_ms: 0, sent: 40, rtts_us: vec![0; 40] };
            let mut rounds = [round.clone(), round];
            if Distances::new().code(&mut Decoder::new(&bytes).unwrap(), &mut rounds).is_ok() {
                prop_assert!(rounds.iter().all(|round| round.rtts_us.is_sorted()));
            }
        }
    }

    #[test]
    fn steps_are_powers_of_two_and_one_and_a_half_of_them() {
        let sizes: Vec<u64> = (0..8).map(step_size).collect();
        assert_eq!(sizes, [1, 2, 3, 4, 6, 8, 12, 16]);
        assert!(step_size(STEP_SIZES - 1) <= u64::from(u32::MAX));
    }
}
