//! The column of RTTs, target by target.
//!
//! An RTT is a floor that distance sets, and what queues add: skewed, with a long tail. Of each target it is followed
//! where the middle of its RTTs lies and how far they spread; an RTT is expected around there by a histogram that all targets
//! share. Where it is unknown or wrong by far it is told.
//!
//! In which order a round's probes were answered is not told, and costs nothing: coded is how many of them lie in each
//! stretch, not which. RTTs that were rounded to a grid are found to be, and told as places on it.

use std::collections::BTreeMap;

use super::{
    MeasuredRound, WireError,
    coder::{Coder, Histogram, MOST_SHARED, Number},
    grain::Grain,
    stretch::{FINE, Place, Stretches},
};

/// Where a target lies is told by so many of its rounds at most.
const TOLD_BY: usize = 32;
/// It is told anew when it was wrong by so many spreads, or the spread is so many times what it was.
const FAR_OFF: u64 = 3;
const OTHERWISE: u64 = 4;

/// By so many grains, and more, do RTTs spread widely, and very widely: then few of their rounds need narrower grids.
const WIDE: [u64; 2] = [1, 2];
/// How much narrower grids are mostly, if RTTs do not spread widely, do, or very.
const NARROWER: [[u16; 8]; 3] =
    [[180, 80, 60, 26, 14, 10, 10, 3], [260, 76, 32, 7, 5, 3, 5, 1], [320, 44, 18, 3, 2, 1, 8, 1]];

/// Memory for what is known of a target, and for a round's place among those of a target.
pub(super) const A_TARGET: usize = size_of::<(u16, Known)>() + size_of::<(u16, usize)>();

/// What is known of RTTs.
pub(super) struct Distances {
    known: BTreeMap<u16, Known>,
    /// The grain of the target before.
    grain: Grain,
    columns: Columns,
}

/// What is known of a target's RTTs: where they lie, and the widest grid that rounds of its last run were on.
#[derive(Clone, Copy)]
struct Known {
    place: Place,
    grain: Grain,
}

struct Columns {
    anew: Number,
    spread: Histogram,
    middle: Number,
    grain: Number,
    /// By how many of the widest grains the RTTs spread.
    narrower: [Number; 3],
    stretches: Stretches,
}

impl Distances {
    pub(super) fn new() -> Self {
        // From 6 µs to 64 ms is usual.
        let usual = |number| if (5..60).contains(&number) { 8 } else { 1 };
        Distances {
            known: BTreeMap::new(),
            grain: Grain::ONE,
            columns: Columns {
                anew: Number::rare(),
                spread: Histogram::new((0..Grain::COUNT).map(usual).collect()),
                middle: Number::long(4..11),
                grain: Number::small(),
                narrower: NARROWER.map(|counts| Number::new(&counts)),
                stretches: Stretches::new(),
            },
        }
    }

    /// Codes the RTTs of all of a batch's `rounds`.
    pub(super) fn code(
        &mut self,
        coder: &mut dyn Coder,
        rounds: &mut [MeasuredRound],
    ) -> Result<(), WireError> {
        rounds.iter_mut().for_each(|round| round.rtts_us.sort_unstable());
        let answered = rounds.iter().zip(0..).filter(|(round, _)| !round.rtts_us.is_empty());
        let mut order: Vec<(u16, usize)> = answered.map(|(round, at)| (round.target, at)).collect();
        order.sort_unstable();
        for run in order.chunk_by(|a, b| a.0 == b.0) {
            self.run(coder, rounds, run)?;
        }
        Ok(())
    }

    /// Codes the RTTs of one target.
    fn run(
        &mut self,
        coder: &mut dyn Coder,
        rounds: &mut [MeasuredRound],
        run: &[(u16, usize)],
    ) -> Result<(), WireError> {
        let target = run[0].0;
        let told_by = &run[..run.len().min(TOLD_BY)];
        let seen = Place::of(told_by.iter().flat_map(|&(_, at)| rounds[at].rtts_us.iter().copied()));
        let columns = &mut self.columns;
        let (mut place, expected) = match self.known.get(&target) {
            Some(known) => (columns.known_place(coder, known.place, seen)?, known.grain),
            None => {
                let place = columns.place(coder, seen)?;
                let widest = Grain::widest(place.middle / FINE);
                (place, if self.grain == Grain::ONE { Grain::ONE } else { widest.unwrap_or(Grain::ONE) })
            }
        };
        let widest = widest_of(run.iter().map(|&(_, at)| rounds[at].rtts_us.as_slice()));
        let widest = columns.grain(coder, expected, widest)?;
        for &(_, at) in run {
            let rtts = &mut rounds[at].rtts_us;
            let grain = columns.narrower(coder, widest, place, rtts)?;
            for some in rtts.chunks_mut(MOST_SHARED) {
                columns.stretches.code(coder, place, grain, some)?;
            }
            rtts.sort_unstable();
            place.follow(rtts);
        }
        self.grain = widest;
        self.known.insert(target, Known { place, grain: widest });
        Ok(())
    }
}

impl Columns {
    /// Codes whether a target still lies where it is known to, and where else.
    fn known_place(&mut self, coder: &mut dyn Coder, known: Place, seen: Place) -> Result<Place, WireError> {
        let (narrow, wide) = (known.spread.min(seen.spread), known.spread.max(seen.spread));
        let moved = seen.middle.abs_diff(known.middle) > FAR_OFF * wide || wide > OTHERWISE * narrow;
        let moved = coder.number(&mut self.anew, u64::from(moved))? != 0;
        if moved { self.place(coder, seen) } else { Ok(known) }
    }

    /// Codes where a target lies: the spread as a grain, the middle in such grains.
    fn place(&mut self, coder: &mut dyn Coder, seen: Place) -> Result<Place, WireError> {
        let spread = Grain::at_most(seen.spread / FINE).unwrap_or(Grain::ONE);
        let number = coder.symbol(&mut self.spread, spread.number())?;
        let spread = Grain::of_number(number as u64).ok_or(WireError::Malformed("the spread of RTTs"))?;
        let middle = coder.number(&mut self.middle, seen.middle / FINE / spread.us())?;
        let middle = middle.checked_mul(spread.us()).filter(|&middle| middle <= u64::from(u32::MAX));
        let middle = middle.ok_or(WireError::Malformed("the middle of RTTs"))? + spread.us() / 2;
        Ok(Place { middle: middle * FINE, spread: spread.us() * FINE })
    }

    /// Codes the widest grid that a target's rounds are on.
    fn grain(&mut self, coder: &mut dyn Coder, expected: Grain, widest: Grain) -> Result<Grain, WireError> {
        let number = coder.near(&mut self.grain, expected.number() as u64, widest.number() as u64)?;
        Grain::of_number(number).ok_or(WireError::Malformed("the grain of RTTs"))
    }

    /// Codes by how much the grid of one round is narrower than that.
    fn narrower(
        &mut self,
        coder: &mut dyn Coder,
        widest: Grain,
        place: Place,
        rtts_us: &[u32],
    ) -> Result<Grain, WireError> {
        if widest == Grain::ONE {
            return Ok(Grain::ONE);
        }
        let grain = widest.and_narrower().find(|grain| grain.holds(rtts_us)).unwrap_or(Grain::ONE);
        let wide = place.spread / FINE / widest.us();
        let wide = WIDE.iter().filter(|&&from| wide >= from).count();
        let narrower = coder.number(&mut self.narrower[wide], (widest.number() - grain.number()) as u64)?;
        let number = (widest.number() as u64).checked_sub(narrower);
        number.and_then(Grain::of_number).ok_or(WireError::Malformed("the grain of a round"))
    }
}

/// The widest grid that any of a target's rounds is on, if telling all grids is worth it; else 1 µs.
fn widest_of<'a>(rounds: impl Iterator<Item = &'a [u32]> + Clone) -> Grain {
    let of_round = |rtts: &[u32]| {
        let widest = Grain::widest(u64::from(rtts.iter().copied().min()?))?;
        widest.and_narrower().find(|grain| grain.holds(rtts))
    };
    let of_round = |rtts: &[u32]| of_round(rtts).unwrap_or(Grain::ONE);
    // Four grains are a bit for each RTT. A grain takes about four bits to tell, and the widest of all a byte.
    let worth: usize = rounds.clone().map(|rtts| rtts.len() * of_round(rtts).number() / 4).sum();
    let cost = rounds.clone().count() * 4 + 8;
    if worth > cost { rounds.map(of_round).max().unwrap_or(Grain::ONE) } else { Grain::ONE }
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
}
