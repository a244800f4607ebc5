//! The encoding of SNMP (the part of BER that RFC 3417 section 8 names): a reader that trusts no length, and a writer.
//!
//! The rule it guards: what a device sends can at most be refused. Nothing here panics, and nothing is allocated for
//! what an answer merely claims to hold.

pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const NULL: u8 = 0x05;
pub(super) const OBJECT_ID: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;

/// Bytes that are no BER, or not what was expected there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoBer;

/// What is still to be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    /// The next element: its tag and its content.
    pub(super) fn element(&mut self) -> Result<(u8, &'a [u8]), NoBer> {
        let [tag, first, rest @ ..] = self.0 else { return Err(NoBer) };
        let (length, rest) = match first {
            0..=0x7f => (usize::from(*first), rest),
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f)).ok_or(NoBer)?;
                let length = bytes.iter().fold(0u32, |length, byte| length << 8 | u32::from(*byte));
                (usize::try_from(length).map_err(|_| NoBer)?, rest)
            }
            _ => return Err(NoBer),
        };
        let (content, rest) = rest.split_at_checked(length).ok_or(NoBer)?;
        self.0 = rest;
        Ok((*tag, content))
    }

    /// The content of the next element, which must have this tag.
    pub(super) fn take(&mut self, tag: u8) -> Result<&'a [u8], NoBer> {
        match self.element()? {
            (found, content) if found == tag => Ok(content),
            _ => Err(NoBer),
        }
    }

    /// The content of the next element, to be read on.
    pub(super) fn enter(&mut self, tag: u8) -> Result<Reader<'a>, NoBer> {
        self.take(tag).map(Reader)
    }

    /// An INTEGER that fits 32 bits.
    pub(super) fn integer(&mut self) -> Result<i32, NoBer> {
        i32::try_from(signed(self.take(INTEGER)?)?).map_err(|_| NoBer)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Where a part that was read begins in the whole that it was read from.
pub(super) fn offset(whole: &[u8], part: &[u8]) -> usize {
    (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize)
}

/// A number in two's complement.
pub(super) fn signed(content: &[u8]) -> Result<i64, NoBer> {
    let (first, _) = content.split_first().filter(|_| content.len() <= 8).ok_or(NoBer)?;
    let start = if first & 0x80 == 0 { 0 } else { -1 };
    Ok(content.iter().fold(start, |number, byte| number << 8 | i64::from(*byte)))
}

/// A number that has no sign. Devices put a zero in front of a first byte from 128 on, or do not.
pub(super) fn unsigned(content: &[u8]) -> Result<u64, NoBer> {
    let digits = match content {
        [0, rest @ ..] if rest.len() == 8 => rest,
        _ => content,
    };
    if digits.is_empty() || digits.len() > 8 {
        return Err(NoBer);
    }
    Ok(digits.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
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
            assert_eq!(Reader(&bytes).take(OCTET_STRING).unwrap().len(), length);
            assert!(Reader(&bytes[..bytes.len() - 1]).element().is_err() || length == 0);
        }
        for number in [0, 1, -1, 127, 128, -128, -129, 32_767, 32_768, i32::MAX, i32::MIN] {
            let mut writer = Writer::default();
            writer.integer(number);
            assert_eq!(Reader(&writer.finish()).integer(), Ok(number));
        }
        assert_eq!(unsigned(&[0, 255, 255, 255, 255, 255, 255, 255, 255]), Ok(u64::MAX));
        assert_eq!(unsigned(&[0xff, 0xff, 0xff, 0xff]), Ok(u64::from(u32::MAX)), "a sign byte left out");
        assert!(unsigned(&[1; 9]).is_err() && unsigned(&[]).is_err() && signed(&[0; 9]).is_err());
    }

    proptest! {
        #[test]
        fn whatever_the_bytes_they_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let mut reader = Reader(&bytes);
            while let Ok((_, content)) = reader.element() {
                let _ = (signed(content), unsigned(content), Reader(content).integer());
                prop_assert!(content.len() < bytes.len());
            }
        }
    }
}
