//! Thin: RTTs rounded as far as nobody who reads them would mind, for links that are paid by the byte.
//!
//! The RTTs of a round are put on a grid, the widest on which each of them stays within 1 % of what was measured and the
//! round's jitter within 5 %. Rounding is all there is to it: the columns find grids by themselves, and what was
//! rounded once is left as it is.

use std::{collections::BTreeMap, ops::Range};

use super::{Batch, grain::Grain};

/// An RTT may be off by one part in so many.
const RTT_PARTS: u64 = 100;
/// The squares of how far a jitter may be off, in ten thousandths.
const JITTER: Range<u128> = 9_025..11_025;
/// From the widest grid, a 50th of the target's least RTT, on so many narrower ones are tried (four octaves); then the
/// round is left as it is.
const TRIED: usize = 16;
/// Of a round of one RTT, which has no jitter. Fewer, as many a number happens to lie on one of many grids.
const TRIED_OF_ONE: usize = 2;
/// Jitter is mended in rounds of at most so many RTTs; in longer ones it hardly needs to be.
const MENDED: usize = 16;

impl Batch {
    /// Rounds RTTs to 1 %, and so that the jitter of each round (the standard deviation of its RTTs) stays within 5 %.
    /// Done twice it is the same.
    pub fn thin(&mut self) {
        let mut least: BTreeMap<u16, u32> = BTreeMap::new();
        for round in &self.rounds {
            for &rtt in &round.rtts_us {
                least.entry(round.target).and_modify(|least| *least = rtt.min(*least)).or_insert(rtt);
            }
        }
        for round in &mut self.rounds {
            let widest = least.get(&round.target).and_then(|&least| Grain::widest(least.into()));
            if let Some(rounded) = widest.and_then(|widest| rounded(&round.rtts_us, widest)) {
                round.rtts_us = rounded;
            }
        }
    }
}

/// The RTTs of a round on the widest grid that is within the limits; none when they are as well left as they are.
fn rounded(rtts_us: &[u32], widest: Grain) -> Option<Vec<u32>> {
    let tried = if rtts_us.len() == 1 { TRIED_OF_ONE } else { TRIED };
    let mut grains = widest.and_narrower().take(tried).filter(|&grain| grain != Grain::ONE);
    if grains.clone().any(|grain| grain.holds(rtts_us)) {
        return None;
    }
    grains.find_map(|grain| Grid::new(grain, widest).put(rtts_us))
}

/// A grid, and the bounds that RTTs stay on their side of: those between which a target's least RTT has the same widest
/// grid, so that what was rounded has it, too.
struct Grid {
    grain: u64,
    bounds: [u64; 2],
}

impl Grid {
    fn new(grain: Grain, widest: Grain) -> Self {
        Grid { grain: grain.us(), bounds: [widest.least_rtt(), widest.wider().least_rtt()] }
    }

    /// The RTTs on the grid, if that is within the limits.
    fn put(&self, rtts_us: &[u32]) -> Option<Vec<u32>> {
        let nearest = |&rtt: &u32| {
            let places = (u64::from(rtt) + self.grain / 2) / self.grain;
            self.may_be(rtt, places * self.grain)
        };
        let mut put: Vec<u32> = rtts_us.iter().map(nearest).collect::<Option<_>>()?;
        let was = variance(rtts_us);
        let (least, most) = (was * JITTER.start, was * JITTER.end);
        for _ in 0..=put.len() {
            let is = variance(&put);
            if (least..=most).contains(&(is * 10_000)) {
                return Some(put);
            }
            self.mend(rtts_us, &mut put, was)?;
        }
        None
    }

    /// Puts that RTT on the place beside its own which brings the jitter nearest to what it was; none does not help.
    fn mend(&self, rtts_us: &[u32], put: &mut [u32], was: u128) -> Option<()> {
        if put.len() > MENDED {
            return None;
        }
        let mut best = (variance(put).abs_diff(was), None);
        for at in 0..put.len() {
            let here = put[at];
            let beside = [u64::from(here).checked_sub(self.grain), Some(u64::from(here) + self.grain)];
            for there in beside.into_iter().flatten().filter_map(|there| self.may_be(rtts_us[at], there)) {
                put[at] = there;
                let off = variance(put).abs_diff(was);
                if off < best.0 {
                    best = (off, Some((at, there)));
                }
            }
            put[at] = here;
        }
        let (at, there) = best.1?;
        put[at] = there;
        Some(())
    }

    /// Where an RTT is put, if it may be put there.
    fn may_be(&self, rtt: u32, put: u64) -> Option<u32> {
        let was = u64::from(rtt);
        let is_near = put.abs_diff(was) * RTT_PARTS <= was;
        let stays = self.bounds.iter().all(|&bound| (was < bound) == (put < bound));
        u32::try_from(put).ok().filter(|_| is_near && stays)
    }
}

/// The variance of RTTs times the square of how many they are.
fn variance(rtts_us: &[u32]) -> u128 {
    let sum: u128 = rtts_us.iter().map(|&rtt| u128::from(rtt)).sum();
    let squares: u128 = rtts_us.iter().map(|&rtt| u128::from(rtt) * u128::from(rtt)).sum();
    squares * rtts_us.len() as u128 - sum * sum
}
