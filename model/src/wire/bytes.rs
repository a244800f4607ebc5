//! Plain bytes: what the heads of batches and deliveries are written in.
//!
//! Numbers are LEB128 varints in their shortest form; signed ones are zigzagged first. A reader never reads past its
//! slice and says what it was reading when the slice ended.

use super::WireError;

/// Appends a varint.
pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Maps small signed numbers to small unsigned ones: 0, -1, 1, -2, …
pub(super) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

/// Undoes [`zigzag`].
pub(super) fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// Reads a slice from its front.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Cursor { rest: bytes }
    }

    /// What has not been read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn take(&mut self, count: usize, what: &'static str) -> Result<&'a [u8], WireError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(WireError::Truncated(what))?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn byte(&mut self, what: &'static str) -> Result<u8, WireError> {
        Ok(self.take(1, what)?[0])
    }

    /// Four bytes, the least significant first.
    pub(super) fn word(&mut self, what: &'static str) -> Result<u32, WireError> {
        let bytes = self.take(4, what)?;
        Ok(bytes.iter().rev().fold(0, |word, &byte| word << 8 | u32::from(byte)))
    }

    pub(super) fn varint(&mut self, what: &'static str) -> Result<u64, WireError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte(what)?;
            let digit = u64::from(byte & 0x7f);
            let overflows = shift == 63 && digit > 1;
            let padded = byte == 0 && shift > 0;
            if overflows || padded {
                return Err(WireError::Malformed(what));
            }
            value |= digit << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(WireError::Malformed(what))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_read_back_as_they_were_written(value: u64, signed: i64) {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            put_varint(&mut out, zigzag(signed));
            let mut cursor = Cursor::new(&out);
            prop_assert_eq!(cursor.varint("value"), Ok(value));
            prop_assert_eq!(cursor.varint("signed").map(unzigzag), Ok(signed));
            prop_assert!(cursor.rest().is_empty());
        }
    }

    #[test]
    fn a_varint_has_one_form_only() {
        for (bytes, why) in
            [(&[0x80, 0x00][..], "padded"), (&[0xff; 10], "over 64 bits"), (&[0x80; 11], "endless")]
        {
            assert_eq!(Cursor::new(bytes).varint("it"), Err(WireError::Malformed("it")), "{why}");
        }
        assert_eq!(Cursor::new(&[0x80]).varint("it"), Err(WireError::Truncated("it")));
    }
}
