//! Where RTTs lie, stretch by stretch: how many of a round's RTTs are in each, and where in it.
//!
//! Stretches are laid out from two spreads below a target's middle to nine and a half above it, each a quarter of a
//! spread, or one place of the grid where that is wider. How likely each is says a histogram that all targets share.

use super::{
    WireError,
    coder::{Coder, Histogram, Number},
    grain::Grain,
};

/// Middles and spreads are kept in sixteenths of a microsecond.
pub(super) const FINE: u64 = 16;
/// The histogram has so many symbols a spread.
const A_SPREAD: u64 = 4;
/// It reaches from so many spreads below the middle …
const BELOW: u64 = 2;
/// … over so many symbols; and one symbol is for all below, one for all beyond.
const SYMBOLS: usize = 46;
/// A symbol is divided into so many parts, each as likely as another.
const PARTS: u64 = 8;
/// No spread is less, so that it can grow again.
const LEAST_SPREAD: u64 = 8;
/// What the spread is of a single RTT: so many times less.
const UNKNOWN: u64 = 32;
/// RTTs count as at most so many spreads off the middle.
const OUTLIER: u64 = 4;

/// So many equally likely values are told at once.
const MOST_EVEN: u64 = 1 << 16;

/// RTTs around their middle, as they mostly are.
const SHAPE: [u16; SYMBOLS + 2] = [
    20, 45, 110, 215, 365, 455, 500, 470, 420, 370, 325, 275, 240, 190, 165, 135, 110, 100, 80, 70, 55, 50,
    40, 35, 27, 22, 18, 15, 14, 13, 11, 10, 8, 7, 6, 6, 5, 5, 4, 4, 3, 3, 3, 3, 3, 3, 3, 40,
];

/// Where a target's RTTs lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Their median.
    pub(super) middle: u64,
    /// How far they are off it, in the mean.
    pub(super) spread: u64,
}

impl Place {
    /// Where some RTTs lie.
    pub(super) fn of(rtts_us: impl Iterator<Item = u32>) -> Place {
        let mut rtts_us: Vec<u32> = rtts_us.collect();
        rtts_us.sort_unstable();
        let middle = median(&rtts_us);
        if rtts_us.len() < 2 {
            return Place { middle, spread: (middle / UNKNOWN).max(LEAST_SPREAD) };
        }
        // Without outliers: the farthest tenth is left out.
        let mut off: Vec<u64> = rtts_us.iter().map(|&rtt| (u64::from(rtt) * FINE).abs_diff(middle)).collect();
        off.sort_unstable();
        off.truncate((off.len() * 9).div_ceil(10));
        let mean = off.iter().sum::<u64>() / off.len().max(1) as u64;
        Place { middle, spread: (mean + mean / 2).max(LEAST_SPREAD) }
    }

    /// Moves with the ascending RTTs of a round: the middle by a quarter, the spread by an eighth of what it is off.
    pub(super) fn follow(&mut self, rtts_us: &[u32]) {
        let farthest = OUTLIER * self.spread;
        let off = |rtt: &u32| (u64::from(*rtt) * FINE).abs_diff(self.middle).min(farthest);
        let spread = rtts_us.iter().map(off).sum::<u64>() / (rtts_us.len() as u64).max(1);
        let middle = median(rtts_us);
        let step = middle.abs_diff(self.middle).min(farthest) / 4;
        self.middle = if middle > self.middle { self.middle + step } else { self.middle - step };
        self.spread = (self.spread - self.spread / 8 + spread / 8).max(LEAST_SPREAD);
    }
}

/// The median of ascending RTTs.
fn median(rtts_us: &[u32]) -> u64 {
    let of = |at: usize| rtts_us.get(at).map_or(0, |&rtt| u64::from(rtt));
    (of(rtts_us.len() / 2) + of(rtts_us.len().saturating_sub(1) / 2)) * (FINE / 2)
}

/// How likely RTTs are where.
pub(super) struct Stretches {
    shape: Histogram,
    far: Number,
}

/// The stretches of one round.
struct Layout {
    place: Place,
    /// How wide a place of the grid is, in sixteenths of a microsecond.
    grain: u64,
    /// How many places of the grid a stretch is wide.
    width: u64,
    /// The place that the first stretch begins with.
    first: u64,
    /// The counts of all symbols before each.
    before: [u32; SYMBOLS + 2],
    /// Of all.
    total: u32,
}

impl Stretches {
    pub(super) fn new() -> Self {
        Stretches { shape: Histogram::new(SHAPE.to_vec()), far: Number::any() }
    }

    /// Codes ascending RTTs of one round, which lie on a grid.
    pub(super) fn code(
        &mut self,
        coder: &mut dyn Coder,
        place: Place,
        grain: Grain,
        rtts_us: &mut [u32],
    ) -> Result<(), WireError> {
        let layout = Layout::new(place, grain, &self.shape);
        let us = grain.us() as u32;
        rtts_us.iter_mut().for_each(|rtt| *rtt /= us);
        self.places(coder, &layout, rtts_us)?;
        for rtt in rtts_us {
            let symbol = layout.part(u64::from(*rtt) * layout.grain) / PARTS;
            self.shape.saw(symbol as usize);
            *rtt = rtt.checked_mul(us).ok_or(WireError::Malformed("an RTT"))?;
        }
        Ok(())
    }

    /// Codes ascending places of the grid: how many of those that are left lie in each stretch, and where in it.
    fn places(
        &mut self,
        coder: &mut dyn Coder,
        layout: &Layout,
        places: &mut [u32],
    ) -> Result<(), WireError> {
        let (mut start, mut done) = (layout.first, layout.up_to(layout.first));
        let below = count_below(places, start);
        let below = coder.share(places.len(), done, layout.whole(), below)?;
        let (far_below, mut left) = places.split_at_mut(below);
        for place in far_below {
            let off = start.saturating_sub(u64::from(*place) + 1) / layout.width;
            let off = coder.number(&mut self.far, off)?;
            let end = off.checked_mul(layout.width).and_then(|off| start.checked_sub(off));
            let end = end.filter(|&end| end > 0).ok_or(WireError::Malformed("an RTT"))?;
            let from = end.saturating_sub(layout.width);
            spread(coder, from, end - from, std::slice::from_mut(place))?;
        }
        while !left.is_empty() && !layout.is_beyond(start) {
            let next = start + layout.width;
            let up_to = layout.up_to(next);
            let share = count_below(left, next);
            let share = coder.share(left.len(), up_to - done, layout.whole() - done, share)?;
            let (here, beyond) = left.split_at_mut(share);
            spread(coder, start, layout.width, here)?;
            (left, start, done) = (beyond, next, up_to);
        }
        for place in left {
            let off = u64::from(*place).saturating_sub(start) / layout.width;
            let off = coder.number(&mut self.far, off)?;
            let from = off.saturating_mul(layout.width).saturating_add(start);
            spread(coder, from, layout.width, std::slice::from_mut(place))?;
        }
        Ok(())
    }
}

impl Layout {
    fn new(place: Place, grain: Grain, shape: &Histogram) -> Self {
        let grain = grain.us() * FINE;
        let mut before = [0; SYMBOLS + 2];
        for symbol in 1..before.len() {
            before[symbol] = before[symbol - 1] + shape.count(symbol - 1);
        }
        Layout {
            place,
            grain,
            width: (place.spread / A_SPREAD / grain).max(1),
            first: (place.middle.saturating_sub(BELOW * place.spread) + grain / 2) / grain,
            before,
            total: shape.total(),
        }
    }

    /// Which part of which symbol something lies in.
    fn part(&self, at: u64) -> u64 {
        let from = self.place.middle.saturating_sub(BELOW * self.place.spread);
        // Far below the middle, where there is room for no more than that above 0, symbols are left out.
        let left_out = (BELOW * self.place.spread).saturating_sub(self.place.middle);
        let Some(above) = at.checked_sub(from) else { return 0 };
        let parts = (above + left_out).saturating_mul(A_SPREAD * PARTS) / self.place.spread;
        (PARTS + parts).min(PARTS * (SYMBOLS as u64 + 1))
    }

    /// How likely an RTT is before a place of the grid, which begins half a grain earlier.
    fn up_to(&self, place: u64) -> u32 {
        if place == 0 {
            return 0;
        }
        let part = self.part(place * self.grain - self.grain / 2);
        let (symbol, parts) = ((part / PARTS) as usize, (part % PARTS) as u32);
        let end = self.before.get(symbol + 1).copied().unwrap_or(self.total);
        self.before[symbol] * PARTS as u32 + (end - self.before[symbol]) * parts
    }

    /// How likely all of them are.
    fn whole(&self) -> u32 {
        self.total * PARTS as u32
    }

    /// Whether a place of the grid is beyond all stretches.
    fn is_beyond(&self, place: u64) -> bool {
        self.part((place * self.grain).saturating_sub(self.grain / 2)) == PARTS * (SYMBOLS as u64 + 1)
    }
}

/// How many of ascending places are below `end`.
fn count_below(places: &[u32], end: u64) -> usize {
    places.partition_point(|&place| u64::from(place) < end)
}

/// Codes ascending places that lie anywhere in `width` from `start`: how many in either half, until each is alone.
fn spread(coder: &mut dyn Coder, start: u64, width: u64, places: &mut [u32]) -> Result<(), WireError> {
    if places.len() > 1 && width > 1 {
        let half = width / 2;
        let middle = start.saturating_add(half);
        let (part, whole) = if width < MOST_EVEN { (half as u32, width as u32) } else { (1, 2) };
        let share = coder.share(places.len(), part, whole, count_below(places, middle))?;
        let (lower, upper) = places.split_at_mut(share);
        spread(coder, start, half, lower)?;
        return spread(coder, middle, width - half, upper);
    }
    for place in places {
        let coded = start.saturating_add(rest(coder, width, u64::from(*place).saturating_sub(start))?);
        *place = u32::try_from(coded).map_err(|_| WireError::Malformed("an RTT"))?;
    }
    Ok(())
}

/// Codes a number below `width`, one as likely as the other.
fn rest(coder: &mut dyn Coder, width: u64, rest: u64) -> Result<u64, WireError> {
    if width <= MOST_EVEN {
        return Ok(u64::from(coder.even(width as u32, rest as u32)?));
    }
    let low = width.ilog2() - MOST_EVEN.ilog2() + 1;
    let high = coder.even(((width - 1) >> low) as u32 + 1, (rest >> low) as u32)?;
    Ok(u64::from(high) << low | coder.raw(low, rest)?)
}
