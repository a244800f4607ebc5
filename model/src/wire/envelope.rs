//! The envelope: a batch is sent with the moment of sending in front, sealed as it lies in the spool, or leaning on a
//! batch that the collector has acknowledged.
//!
//! The moment is told as what has passed since the batch was sealed, which takes three bytes as a rule; after a
//! reboot it is told in full. What a batch leans on is named by one byte: the collector keeps the last few of each
//! agent's batches at hand, and the checksum tells whether it took the right one.

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
/// Added to the first byte of a delivery that leans on a batch of format 2.
const LEANING: u8 = 2;

/// Which batch another leans on: the last byte of its sequence. Of those that an agent has sent of late, and of one
/// series, the one with that byte is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BaseTag(pub u8);

impl BaseTag {
    /// The tag of a batch with this sequence.
    #[must_use]
    pub fn of(sequence: u64) -> Self {
        BaseTag((sequence & 0xff) as u8)
    }
}

impl Delivery {
    /// Puts the moment of sending in front of a sealed batch.
    ///
    /// Bytes that are no sealed batch are wrapped as they are; whoever opens the delivery will refuse it.
    #[must_use]
    pub fn wrap(sent: &Stamp, sealed: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(sealed.len() + 24);
        put_moment(&mut out, 0, sent, head::sealed_at(sealed).ok().as_ref());
        out.extend_from_slice(sealed);
        out
    }

    /// A delivery of `batch` to one who has `base`, which is shorter; both of one boot and series as a rule.
    ///
    /// # Errors
    /// When either batch cannot be sealed.
    pub fn wrap_on(sent: &Stamp, batch: &Batch, base: &Batch) -> Result<Vec<u8>, WireError> {
        let leaning = batch.seal_on(base)?;
        let mut out = Vec::with_capacity(leaning.len() + 24);
        put_moment(&mut out, LEANING, sent, Some(&batch.sealed));
        out.push(BaseTag::of(base.sequence).0);
        out.extend_from_slice(&leaning);
        Ok(out)
    }

    /// Reads a delivery that stands alone, and opens its batch.
    ///
    /// # Errors
    /// When the bytes are no delivery, its batch cannot be opened, or it leans on another ([`WireError::Base`]).
    pub fn decode(bytes: &[u8]) -> Result<Delivery, WireError> {
        Delivery::decode_with(bytes, |_| None)
    }

    /// Reads a delivery and opens its batch. If it leans on another, `find` is asked for that.
    ///
    /// # Errors
    /// When the bytes are no delivery, or its batch cannot be opened. [`WireError::Base`] when it leans on a batch that
    /// is not found or was not the right one: then the batch has to be sent whole.
    pub fn decode_with(
        bytes: &[u8],
        find: impl FnOnce(BaseTag) -> Option<Batch>,
    ) -> Result<Delivery, WireError> {
        let (kind, moment, mut cursor) = take_moment(bytes)?;
        let batch = if kind < SAME_BOOT + LEANING {
            Batch::open(sealed_rest(&cursor)?)?
        } else {
            let base = find(BaseTag(cursor.byte("the name of the base")?)).ok_or(WireError::Base)?;
            Batch::open_on(cursor.rest(), &base)?
        };
        Ok(Delivery { sent: moment.after(&batch.sealed)?, batch })
    }
}

/// Takes the moment of sending off a delivery that stands alone; what is left is the sealed batch, not yet checked.
///
/// # Errors
/// When the bytes do not begin as a delivery does, or lean on another batch ([`WireError::Base`]).
pub fn split(bytes: &[u8]) -> Result<(Stamp, &[u8]), WireError> {
    let (kind, moment, cursor) = take_moment(bytes)?;
    if kind >= SAME_BOOT + LEANING {
        return Err(WireError::Base);
    }
    let sealed = sealed_rest(&cursor)?;
    match moment {
        Moment::At(sent) => Ok((sent, sealed)),
        since @ Moment::Since { .. } => Ok((since.after(&head::sealed_at(sealed)?)?, sealed)),
    }
}

/// When a delivery was sent.
enum Moment {
    /// So long after its batch was sealed, in the same boot; and how far the wall clock was set since.
    Since { passed: i64, stepped: i64 },
    /// In another boot.
    At(Stamp),
}

impl Moment {
    /// The moment itself, `sealed` being when the batch was sealed.
    fn after(self, sealed: &Stamp) -> Result<Stamp, WireError> {
        match self {
            Moment::At(sent) => Ok(sent),
            Moment::Since { passed, stepped } => {
                let wall = sealed.wall.as_millis().wrapping_add(stepped).wrapping_add(passed);
                let mono_ms = sealed.mono_ms.wrapping_add(passed.cast_unsigned());
                Ok(Stamp { boot: sealed.boot, mono_ms, wall: head::wall(wall)? })
            }
        }
    }
}

fn put_moment(out: &mut Vec<u8>, leaning: u8, sent: &Stamp, sealed: Option<&Stamp>) {
    match sealed {
        Some(since) if since.boot == sent.boot => {
            let passed = sent.mono_ms.wrapping_sub(since.mono_ms).cast_signed();
            let stepped = sent.wall.millis_since(since.wall).wrapping_sub(passed);
            out.push(SAME_BOOT + leaning);
            put_varint(out, zigzag(passed));
            put_varint(out, zigzag(stepped));
        }
        _ => {
            out.push(OTHER_BOOT + leaning);
            out.extend_from_slice(&sent.boot.0.to_le_bytes());
            put_varint(out, sent.mono_ms);
            put_varint(out, zigzag(sent.wall.as_millis()));
        }
    }
}

/// Takes the first byte and the moment of sending.
fn take_moment(bytes: &[u8]) -> Result<(u8, Moment, Cursor<'_>), WireError> {
    let mut cursor = Cursor::new(bytes);
    let kind = cursor.byte("the delivery's format")?;
    let moment = match kind.checked_sub(SAME_BOOT) {
        Some(0 | LEANING) => Moment::Since {
            passed: unzigzag(cursor.varint("the time since sealing")?),
            stepped: unzigzag(cursor.varint("the wall clock's step")?),
        },
        Some(1 | 3) => Moment::At(Stamp {
            boot: BootId(cursor.word("the boot id")?),
            mono_ms: cursor.varint("the time since boot")?,
            wall: head::wall(unzigzag(cursor.varint("the wall clock")?))?,
        }),
        _ => return Err(WireError::Format(kind)),
    };
    Ok((kind, moment, cursor))
}

fn sealed_rest<'a>(cursor: &Cursor<'a>) -> Result<&'a [u8], WireError> {
    within("bytes of a batch", cursor.rest().len() as u64, MAX_SEALED)?;
    Ok(cursor.rest())
}
