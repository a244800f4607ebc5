//! The range coder: symbols of known probability in, hardly more bits than they deserve out.
//!
//! After G. N. N. Martin, "Range encoding" (1979), with 32 bits, output by bytes and carries done in the output itself.
//! Integers only, so that a router's MIPS and the collector's x86 agree on every bit.

use super::{WireError, coder::Coder};

/// Below this the range is widened by a byte; no total may exceed its square root by far, lest precision be lost.
const NARROW: u32 = 1 << 24;
/// How far a decoder reads past the end of its bytes, no more and no less.
const OVERREAD: usize = 3;

/// Turns symbols into bytes.
#[derive(Debug)]
pub(super) struct Encoder {
    low: u32,
    range: u32,
    out: Vec<u8>,
}

impl Encoder {
    /// An encoder that appends to `out`.
    pub(super) fn new(out: Vec<u8>) -> Self {
        Encoder { low: 0, range: u32::MAX, out }
    }

    /// Narrows the range to `width` parts from `start`, out of `total`.
    fn narrow(&mut self, start: u32, width: u32, total: u32) {
        let part = self.range / total;
        self.add(start * part);
        self.range = width * part;
        while self.range < NARROW {
            self.out.push((self.low >> 24) as u8);
            self.low <<= 8;
            self.range <<= 8;
        }
    }

    fn add(&mut self, more: u32) {
        let (sum, carries) = self.low.overflowing_add(more);
        self.low = sum;
        if carries {
            for byte in self.out.iter_mut().rev() {
                *byte = byte.wrapping_add(1);
                if *byte != 0 {
                    break;
                }
            }
        }
    }

    /// What was written, finished with the one byte that still tells it apart.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.add(NARROW - 1);
        self.out.push((self.low >> 24) as u8);
        self.out
    }
}

impl Coder for Encoder {
    fn slot(&mut self, widths: &[u16], total: u32, symbol: usize) -> Result<usize, WireError> {
        let start = widths[..symbol].iter().map(|&width| u32::from(width)).sum();
        self.narrow(start, u32::from(widths[symbol]), total);
        Ok(symbol)
    }

    fn even(&mut self, total: u32, value: u32) -> Result<u32, WireError> {
        self.narrow(value, 1, total);
        Ok(value)
    }
}

/// Turns bytes back into symbols.
#[derive(Debug)]
pub(super) struct Decoder<'a> {
    bytes: &'a [u8],
    overread: usize,
    code: u32,
    range: u32,
}

impl<'a> Decoder<'a> {
    /// A decoder of all of `bytes`.
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut decoder = Decoder { bytes, overread: 0, code: 0, range: u32::MAX };
        for _ in 0..4 {
            decoder.shift()?;
        }
        Ok(decoder)
    }

    fn shift(&mut self) -> Result<(), WireError> {
        let byte = match self.bytes.split_first() {
            Some((&byte, rest)) => {
                self.bytes = rest;
                byte
            }
            None if self.overread < OVERREAD => {
                self.overread += 1;
                0
            }
            None => return Err(WireError::Truncated("the measurements")),
        };
        self.code = self.code << 8 | u32::from(byte);
        Ok(())
    }

    /// Which part of `total` the code lies in.
    fn part(&self, total: u32) -> Result<u32, WireError> {
        let part = self.code / (self.range / total);
        if part < total { Ok(part) } else { Err(WireError::Malformed("a code")) }
    }

    fn narrow(&mut self, start: u32, width: u32, total: u32) -> Result<(), WireError> {
        let part = self.range / total;
        self.code -= start * part;
        self.range = width * part;
        while self.range < NARROW {
            self.shift()?;
            self.range <<= 8;
        }
        Ok(())
    }

    /// Makes sure that nothing is left.
    pub(super) fn finish(self) -> Result<(), WireError> {
        match OVERREAD - self.overread + self.bytes.len() {
            0 => Ok(()),
            left => Err(WireError::Trailing(left)),
        }
    }
}

impl Coder for Decoder<'_> {
    fn slot(&mut self, widths: &[u16], total: u32, _: usize) -> Result<usize, WireError> {
        let part = self.part(total)?;
        let (mut symbol, mut start) = (0, 0);
        while part >= start + u32::from(widths[symbol]) {
            start += u32::from(widths[symbol]);
            symbol += 1;
        }
        self.narrow(start, u32::from(widths[symbol]), total)?;
        Ok(symbol)
    }

    fn even(&mut self, total: u32, _: u32) -> Result<u32, WireError> {
        let value = self.part(total)?;
        self.narrow(value, 1, total)?;
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::wire::coder::Number;

    fn code(coder: &mut dyn Coder, values: &mut [(u64, i64, u32)]) -> Result<(), WireError> {
        let (mut plain, mut signed) = (Number::any(), Number::small());
        for (value, delta, rest) in values {
            *value = coder.number(&mut plain, *value)?;
            *delta = coder.signed(&mut signed, *delta)?;
            *rest = coder.even(1000, *rest)?;
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn numbers_come_out_as_they_went_in(
            mut values in vec((prop_oneof![any::<u64>(), 0..20u64], prop_oneof![any::<i64>(), -3..3i64], 0..1000u32), 0..300)
        ) {
            let mut encoder = Encoder::new(Vec::new());
            code(&mut encoder, &mut values).unwrap();
            let bytes = encoder.finish();
            let mut decoded = vec![(0, 0, 0); values.len()];
            let mut decoder = Decoder::new(&bytes).unwrap();
            code(&mut decoder, &mut decoded).unwrap();
            prop_assert_eq!(decoder.finish(), Ok(()));
            prop_assert_eq!(decoded, values);
        }
    }

    #[test]
    fn what_is_certain_costs_next_to_nothing() {
        let mut encoder = Encoder::new(Vec::new());
        let mut zeros = Number::small();
        let coder: &mut dyn Coder = &mut encoder;
        for _ in 0..1000 {
            coder.number(&mut zeros, 0).unwrap();
        }
        assert!(encoder.finish().len() < 12);
    }
}
