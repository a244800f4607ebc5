//! Thin: RTTs rounded as far as nobody who reads them would mind, for links that are paid by the byte.
//!
//! The RTTs of a round are put on a grid, the widest on which each of them stays within 1 % of what was measured and the
//! round's jitter within 5 %. Rounding is all there is to it: the columns find grids by themselves, and what was
//! rounded once is left as it is.

use super::{Batch, grain::Grain};

/// An RTT may be off by one part in so many.
const RTT_PARTS: u64 = 100;
/// Grids are tried from the widest that can be within the limits, a 50th of the least RTT, down to so many times
/// narrower; then the round is left as it was.
const NARROWEST: u64 = 16;

impl Batch {
    /// Rounds RTTs to 1 %, and so that the jitter of each round (the standard deviation of its RTTs) stays within 5 %.
    /// Done twice it is the same.
    pub fn thin(&mut self) {
        for round in &mut self.rounds {
            if let Some(rounded) = rounded(&round.rtts_us) {
                round.rtts_us = rounded;
            }
        }
    }
}

/// The RTTs of a round on the widest grid that is within the limits; none when they are as well left as they are.
fn rounded(rtts_us: &[u32]) -> Option<Vec<u32>> {
    let least = u64::from(*rtts_us.iter().min()?);
    let widest = Grain::at_most(2 * least / RTT_PARTS)?;
    // With a hundredth to spare, as the least RTT may have been rounded up.
    let narrowest = if rtts_us.len() == 1 { least / 51 * 4 / 5 } else { least / (51 * NARROWEST) };
    let grains = || widest.and_narrower().take_while(|grain| grain.us() > narrowest.max(1));
    if grains().any(|grain| rtts_us.iter().all(|&rtt| u64::from(rtt) % grain.us() == 0)) {
        return None;
    }
    grains().find_map(|grain| on_grid(rtts_us, grain))
}

/// The RTTs on a grid, if that is within the limits.
fn on_grid(rtts_us: &[u32], grain: Grain) -> Option<Vec<u32>> {
    let nearest = |&rtt: &u32| {
        let rtt = u64::from(rtt);
        let put = (rtt + grain.us() / 2) / grain.us() * grain.us();
        let off = put.abs_diff(rtt) * RTT_PARTS <= rtt;
        off.then(|| u32::try_from(put).ok()).flatten()
    };
    let put: Vec<u32> = rtts_us.iter().map(nearest).collect::<Option<_>>()?;
    let (was, is) = (variance(rtts_us), variance(&put));
    // 0.95² and 1.05², in ten thousandths.
    let within = was * 9_025 <= is * 10_000 && is * 10_000 <= was * 11_025;
    within.then_some(put)
}

/// The variance of RTTs times the square of how many they are.
fn variance(rtts_us: &[u32]) -> u128 {
    let sum: u128 = rtts_us.iter().map(|&rtt| u128::from(rtt)).sum();
    let squares: u128 = rtts_us.iter().map(|&rtt| u128::from(rtt) * u128::from(rtt)).sum();
    squares * rtts_us.len() as u128 - sum * sum
}
