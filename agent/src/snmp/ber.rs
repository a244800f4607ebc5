//! The encoding of SNMP (the part of BER that RFC 3417 section 8 names): snmp2 reads, and a writer of our own writes.
//!
//! The rule it guards: what a device sends can at most be refused. snmp2's reader trusts no length and allocates nothing.
//! Its sessions are not used: each holds two buffers of 64 kB, takes the next datagram for the answer whatever it is, hashes
//! two megabytes to begin v3, and subtracts clocks that a device may choose so that the difference overflows. Its writer
//! is not to be had without them.

use snmp2::AsnReader;

pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const NULL: u8 = 0x05;
pub(super) const OBJECT_ID: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;

/// Bytes that are no BER, or not what was expected there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoBer;

/// What snmp2 says of bytes is of no further interest: they are refused.
impl From<snmp2::Error> for NoBer {
    fn from(_: snmp2::Error) -> Self {
        NoBer
    }
}

/// An INTEGER that fits 32 bits.
pub(super) fn integer(from: &mut AsnReader<'_>) -> Result<i32, NoBer> {
    i32::try_from(from.read_asn_integer()?).map_err(|_| NoBer)
}

/// The content of the next element, which must have this tag, to be read on.
pub(super) fn enter<'a>(from: &mut AsnReader<'a>, tag: u8) -> Result<AsnReader<'a>, NoBer> {
    Ok(AsnReader::from_bytes(from.read_raw(tag)?))
}

/// A writer that begins at the end: the content of an element stands before its length is needed.
#[derive(Debug, Default)]
pub(super) struct Writer {
    reversed: Vec<u8>,
}

impl Writer {
    /// How much has been written: the end of the element that is begun now.
    pub(super) fn end(&self) -> usize {
        self.reversed.len()
    }

    /// Puts tag and length in front of all that was written since `end`.
    pub(super) fn close(&mut self, tag: u8, end: usize) {
        let length = self.reversed.len() - end;
        let bytes = length.to_le_bytes();
        let count = (1..bytes.len()).rev().find(|place| bytes[*place] != 0).unwrap_or(0) + 1;
        self.reversed.extend_from_slice(&bytes[..count]);
        if length > 0x7f {
            self.reversed.push(0x80 | count as u8);
        }
        self.reversed.push(tag);
    }

    /// Bytes as they are.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.reversed.extend(bytes.iter().rev());
    }

    /// A whole element.
    pub(super) fn element(&mut self, tag: u8, content: &[u8]) {
        let end = self.end();
        self.bytes(content);
        self.close(tag, end);
    }

    /// An INTEGER.
    pub(super) fn integer(&mut self, number: i32) {
        let end = self.end();
        let bytes = number.to_le_bytes();
        let redundant = |place: usize| {
            let spare = if bytes[place - 1] & 0x80 == 0 { 0 } else { 0xff };
            bytes[place] == spare
        };
        let mut count = bytes.len();
        while count > 1 && redundant(count - 1) {
            count -= 1;
        }
        self.reversed.extend_from_slice(&bytes[..count]);
        self.close(INTEGER, end);
    }

    /// All that was written.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.reversed.reverse();
        self.reversed
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_and_numbers_of_every_size_read_back() {
        for length in [0, 1, 127, 128, 255, 256, 65_535, 65_536] {
            let mut writer = Writer::default();
            writer.element(OCTET_STRING, &vec![7; length]);
            let bytes = writer.finish();
            assert_eq!(AsnReader::from_bytes(&bytes).read_raw(OCTET_STRING).unwrap().len(), length);
            let cut = AsnReader::from_bytes(&bytes[..bytes.len() - 1]).read_raw(OCTET_STRING);
            assert!(cut.is_err(), "{length}");
        }
        for number in [0, 1, -1, 127, 128, -128, -129, 32_767, 32_768, i32::MAX, i32::MIN] {
            let mut writer = Writer::default();
            writer.integer(number);
            assert_eq!(integer(&mut AsnReader::from_bytes(&writer.finish())), Ok(number));
        }
    }

    proptest! {
        #[test]
        fn whatever_the_bytes_they_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let mut reader = AsnReader::from_bytes(&bytes);
            let mut left = bytes.len();
            while reader.next().is_some() {
                prop_assert!(reader.bytes_left() < left);
                left = reader.bytes_left();
            }
            let _ = integer(&mut AsnReader::from_bytes(&bytes));
        }
    }
}
