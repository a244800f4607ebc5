//! The envelope: a sealed batch is sent as it lies in the spool, with the moment of sending in front.
//!
//! The moment is told as what has passed since the batch was sealed, which takes three bytes as a rule; after a
//! reboot it is told in full.

use super::{
    Batch, Delivery, WireError,
    bytes::{Cursor, put_varint, unzigzag, zigzag},
    error::{MAX_SEALED, within},
    head,
};
use crate::time::{BootId, Stamp};

/// First byte of a delivery sent in the boot in which its batch was sealed.
const SAME_BOOT: u8 = 0xd0;
/// First byte of a delivery sent in a later boot.
const OTHER_BOOT: u8 = 0xd1;

impl Delivery {
    /// Puts the moment of sending in front of a sealed batch.
    ///
    /// Bytes that are no sealed batch are wrapped as they are; whoever opens the delivery will refuse it.
    #[must_use]
    pub fn wrap(sent: &Stamp, sealed: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(sealed.len() + 24);
        match head::sealed_at(sealed) {
            Ok(since) if since.boot == sent.boot => {
                let passed = sent.mono_ms.wrapping_sub(since.mono_ms).cast_signed();
                let stepped = sent.wall.millis_since(since.wall).wrapping_sub(passed);
                out.push(SAME_BOOT);
                put_varint(&mut out, zigzag(passed));
                put_varint(&mut out, zigzag(stepped));
            }
            _ => {
                out.push(OTHER_BOOT);
                out.extend_from_slice(&sent.boot.0.to_le_bytes());
                put_varint(&mut out, sent.mono_ms);
                put_varint(&mut out, zigzag(sent.wall.as_millis()));
            }
        }
        out.extend_from_slice(sealed);
        out
    }

    /// Reads a delivery and opens its batch.
    ///
    /// # Errors
    /// When the bytes are no delivery, or its batch cannot be opened.
    pub fn decode(bytes: &[u8]) -> Result<Delivery, WireError> {
        let (sent, sealed) = split(bytes)?;
        Ok(Delivery { sent, batch: Batch::open(sealed)? })
    }
}

/// Takes the moment of sending off a delivery; what is left is the sealed batch, not yet checked.
///
/// # Errors
/// When the bytes do not begin as a delivery does.
pub fn split(bytes: &[u8]) -> Result<(Stamp, &[u8]), WireError> {
    let mut cursor = Cursor::new(bytes);
    match cursor.byte("the delivery's format")? {
        SAME_BOOT => {
            let passed = unzigzag(cursor.varint("the time since sealing")?);
            let stepped = unzigzag(cursor.varint("the wall clock's step")?);
            let sealed = sealed_rest(&cursor)?;
            let since = head::sealed_at(sealed)?;
            let wall = since.wall.as_millis().wrapping_add(stepped).wrapping_add(passed);
            let mono_ms = since.mono_ms.wrapping_add(passed.cast_unsigned());
            Ok((Stamp { boot: since.boot, mono_ms, wall: head::wall(wall)? }, sealed))
        }
        OTHER_BOOT => {
            let boot = BootId(cursor.word("the boot id")?);
            let mono_ms = cursor.varint("the time since boot")?;
            let wall = head::wall(unzigzag(cursor.varint("the wall clock")?))?;
            Ok((Stamp { boot, mono_ms, wall }, sealed_rest(&cursor)?))
        }
        other => Err(WireError::Format(other)),
    }
}

fn sealed_rest<'a>(cursor: &Cursor<'a>) -> Result<&'a [u8], WireError> {
    within("bytes of a batch", cursor.rest().len() as u64, MAX_SEALED)?;
    Ok(cursor.rest())
}
