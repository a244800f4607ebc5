//! CRC-32 as Ethernet and zip have it (IEEE 802.3), also as one that goes on where another ended.
//!
//! The rule guarded here: its table is 1 kB. Those that are faster have 16 kB, which no router should spend on a sum.

use crc::{CRC_32_ISO_HDLC, Crc, Digest, Table};

static IEEE: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&CRC_32_ISO_HDLC);

/// The sum of some bytes.
#[must_use]
pub fn of(bytes: &[u8]) -> u32 {
    IEEE.checksum(bytes)
}

/// A sum of bytes that come one after the other.
pub struct Sum(Digest<'static, u32, Table<1>>);

impl Sum {
    /// Of no bytes.
    #[must_use]
    pub fn new() -> Self {
        Sum(IEEE.digest())
    }

    /// Goes on from the sum of other bytes, as if they had come before.
    #[must_use]
    pub fn after(sum: u32) -> Self {
        // What the register held, which the sum is inverted, in the order of bits that the crate asks for.
        Sum(IEEE.digest_with_initial((!sum).reverse_bits()))
    }

    /// Takes in more bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The sum of all bytes so far.
    #[must_use]
    pub fn finish(self) -> u32 {
        self.0.finalize()
    }
}

impl Default for Sum {
    fn default() -> Self {
        Sum::new()
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn it_is_the_sum_that_others_compute_and_goes_on_where_one_ended(
            before in vec(any::<u8>(), 0..90), after in vec(any::<u8>(), 0..90)
        ) {
            let mut sum = Sum::after(of(&before));
            sum.add(&after);
            prop_assert_eq!(sum.finish(), crc32fast::hash(&[before, after].concat()));
        }
    }
}
