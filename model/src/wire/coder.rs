//! What columns are coded with: histograms that learn, and numbers made of them.
//!
//! Every column is written once, for both directions: a [`Coder`] is handed each value and hands back what it is. The
//! encoder hands back what it was given; the decoder ignores that and hands back what it reads.

use std::ops::Range;

use super::{
    WireError,
    bytes::{unzigzag, zigzag},
};
use crate::sum::Sum;

/// How much a symbol gains each time it is seen.
const GAIN: u16 = 24;
/// How much the symbols beside it gain, where that means something.
const GAIN_BESIDE: u16 = 8;
/// Where counts are halved, so that a histogram follows what changes.
const FULL: u32 = 1 << 13;

/// How often each symbol was seen so far, and a guess to begin with.
#[derive(Debug, Clone)]
pub(super) struct Histogram {
    counts: Vec<u16>,
    total: u32,
}

impl Histogram {
    /// Begins with a guess; no count of it may be 0, and the sum not over `FULL`.
    pub(super) fn new(counts: Vec<u16>) -> Self {
        let total = counts.iter().map(|&count| u32::from(count)).sum();
        Histogram { counts, total }
    }

    /// A symbol's count.
    pub(super) fn count(&self, symbol: usize) -> u32 {
        u32::from(self.counts[symbol])
    }

    /// Of all symbols.
    pub(super) fn total(&self) -> u32 {
        self.total
    }

    /// Learns.
    pub(super) fn saw(&mut self, symbol: usize) {
        self.counts[symbol] += GAIN;
        self.total += u32::from(GAIN);
        if self.total > FULL {
            self.total = 0;
            for count in &mut self.counts {
                *count = count.div_ceil(2);
                self.total += u32::from(*count);
            }
        }
    }

    /// Learns that the symbols beside one are likelier, too.
    fn expect_beside(&mut self, symbol: usize) {
        for beside in [symbol - 1, symbol + 1] {
            if let Some(count) = self.counts.get_mut(beside) {
                *count += GAIN_BESIDE;
                self.total += u32::from(GAIN_BESIDE);
            }
        }
    }
}

/// Numbers below this are symbols of their own; above, the length in bits is, and the bits below the first follow as
/// they are.
const OWN: u64 = 8;
/// Bits of [`OWN`].
const OWN_BITS: u32 = 4;
/// Symbols of a number: its own, and the lengths of 4 to 64 bits.
const SYMBOLS: usize = OWN as usize + 61;

/// The most things that are shared out at once.
pub(super) const MOST_SHARED: usize = 16;
/// Bits of a chance.
const CHANCE_BITS: u32 = 15;

/// How likely it is that none, one, … all of some things fall into `part` of a `whole`: the binomial distribution, in
/// fixed point, nothing being impossible.
fn shares(things: usize, part: u32, whole: u32) -> [u16; MOST_SHARED + 1] {
    const SURE: u32 = 1 << CHANCE_BITS;
    let falls_in = ((part << CHANCE_BITS) / whole).clamp(1, SURE - 1);
    let mut chances = [0; MOST_SHARED + 1];
    chances[0] = SURE;
    for thing in 1..=things {
        for share in (1..=thing).rev() {
            let one_more = chances[share - 1] * falls_in;
            chances[share] = (chances[share] * (SURE - falls_in) + one_more) >> CHANCE_BITS;
        }
        chances[0] = (chances[0] * (SURE - falls_in)) >> CHANCE_BITS;
    }
    chances.map(|chance| chance.max(1) as u16)
}

/// A column of numbers.
#[derive(Debug, Clone)]
pub(super) struct Number(Histogram);

impl Number {
    /// Any size is as likely as any other.
    pub(super) fn any() -> Self {
        Number::new(&[])
    }

    /// Most are near 0.
    pub(super) fn small() -> Self {
        Number::new(&[128, 96, 96, 24, 24, 6, 6, 6])
    }

    /// Hardly any is not 0.
    pub(super) fn rare() -> Self {
        Number::new(&[2000, 12, 12, 8, 8, 4, 4, 4])
    }

    /// 0, or of so many bits.
    pub(super) fn long(bits: Range<usize>) -> Self {
        let mut number = Number::new(&[24]);
        for bits in bits {
            number.0.counts[OWN as usize + bits - OWN_BITS as usize] += 8;
            number.0.total += 8;
        }
        number
    }

    /// Begins with these counts of the first numbers, and 1 of all others.
    pub(super) fn new(first: &[u16]) -> Self {
        let mut counts = vec![1; SYMBOLS];
        counts[..first.len()].copy_from_slice(first);
        Number(Histogram::new(counts))
    }
}

/// A direction: into bytes or out of them.
///
/// What codes columns takes it as a `dyn`: made anew for each direction, it would be 40 kB more on a router.
pub(super) trait Coder {
    /// Codes a symbol that is as likely as its slot is wide among slots that are `total` wide together, at most 2^16.
    fn slot(&mut self, widths: &[u16], total: u32, symbol: usize) -> Result<usize, WireError>;

    /// Codes how many of some things, at most [`MOST_SHARED`], fall into `part` of a `whole` into which all of them fall.
    fn share(&mut self, things: usize, part: u32, whole: u32, share: usize) -> Result<usize, WireError> {
        let widths = &shares(things, part, whole)[..=things];
        self.slot(widths, widths.iter().map(|&width| u32::from(width)).sum(), share)
    }

    /// Codes one of `total` equally likely values, `total` being at most 2^16.
    fn even(&mut self, total: u32, value: u32) -> Result<u32, WireError>;
}

impl dyn Coder + '_ {
    /// Codes a symbol by what `histogram` has learnt, and lets it learn.
    pub(super) fn symbol(&mut self, histogram: &mut Histogram, symbol: usize) -> Result<usize, WireError> {
        let symbol = self.slot(&histogram.counts, histogram.total, symbol)?;
        histogram.saw(symbol);
        Ok(symbol)
    }

    /// Codes the lowest `bits` of a value, the low ones first.
    pub(super) fn raw(&mut self, bits: u32, value: u64) -> Result<u64, WireError> {
        let mut coded = 0;
        for at in (0..bits).step_by(16) {
            let total = 1 << (bits - at).min(16);
            coded |= u64::from(self.even(total, (value >> at) as u32 & (total - 1))?) << at;
        }
        Ok(coded)
    }

    /// Codes a number of any size.
    pub(super) fn number(&mut self, column: &mut Number, value: u64) -> Result<u64, WireError> {
        let length = u64::BITS - value.leading_zeros();
        let own = value < OWN;
        let symbol = if own { value as usize } else { (length - OWN_BITS) as usize + OWN as usize };
        let symbol = self.symbol(&mut column.0, symbol)?;
        let Some(longer) = symbol.checked_sub(OWN as usize) else { return Ok(symbol as u64) };
        column.0.expect_beside(symbol);
        let below = longer as u32 + OWN_BITS - 1;
        Ok(1 << below | self.raw(below, value)?)
    }

    /// Codes a number with a sign.
    pub(super) fn signed(&mut self, column: &mut Number, value: i64) -> Result<i64, WireError> {
        self.number(column, zigzag(value)).map(unzigzag)
    }

    /// Codes `value` as what it differs from `expected`.
    pub(super) fn near(&mut self, column: &mut Number, expected: u64, value: u64) -> Result<u64, WireError> {
        let off = self.signed(column, value.wrapping_sub(expected).cast_signed())?;
        Ok(expected.wrapping_add(off.cast_unsigned()))
    }

    /// Codes a number that must fit into a smaller type.
    pub(super) fn fitting<T: TryFrom<u64>>(
        &mut self,
        column: &mut Number,
        expected: u64,
        value: u64,
        what: &'static str,
    ) -> Result<T, WireError> {
        T::try_from(self.near(column, expected, value)?).map_err(|_| WireError::Malformed(what))
    }
}

/// Codes into nothing: what is coded with it is learnt, and leaves a print, the CRC-32 (IEEE 802.3) of all symbols and
/// values, each as two bytes, the low one first.
pub(super) struct Primer(Sum);

impl Primer {
    pub(super) fn new() -> Self {
        Primer(Sum::new())
    }

    /// The print of all that was coded.
    pub(super) fn finish(self) -> u32 {
        self.0.finish()
    }
}

impl Coder for Primer {
    fn slot(&mut self, _: &[u16], _: u32, symbol: usize) -> Result<usize, WireError> {
        self.0.add(&(symbol as u16).to_le_bytes());
        Ok(symbol)
    }

    /// As any, but for the chances, which matter to nobody here.
    fn share(&mut self, _: usize, _: u32, _: u32, share: usize) -> Result<usize, WireError> {
        self.slot(&[], 0, share)
    }

    fn even(&mut self, _: u32, value: u32) -> Result<u32, WireError> {
        self.0.add(&(value as u16).to_le_bytes());
        Ok(value)
    }
}
