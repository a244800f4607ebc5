//! What a segment holds: batches, and notes that a batch has gone. Segments are only appended to.
//!
//! A batch is a frame that tells its name and length, and its sealed bytes behind it. Their sum is looked at when they
//! are read, so that a start reads the names only.

use std::io;

use kentongan_model::sum;

use super::{
    BatchName,
    folder::Folder,
    frame::{Frames, PREFIX, frame},
    record::Input,
};

const BATCH: u8 = 1;
const GONE: u8 = 2;

/// How long the frame in front of a batch is.
pub(super) const LABEL: u64 = PREFIX as u64 + 1 + 8 + 4 + 8 + 8 + 2 * 8 + 4 + 4;
/// How long a note is that a batch has gone.
pub(super) const NOTE: u64 = PREFIX as u64 + 1 + 8;

/// What the frame in front of a batch tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Label {
    pub(super) name: BatchName,
    /// Rounds that would be missing without it: those it holds and those it reports as dropped.
    pub(super) rounds: u64,
    /// The logs or the batch that it was made of, by their order: they count no more. 0 is none.
    pub(super) made_of: [u64; 2],
    /// How many sealed bytes follow, and their CRC-32.
    pub(super) length: u32,
    pub(super) sum: u32,
}

/// What was found in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item {
    /// A batch, and where its frame begins.
    Batch(Label, u64),
    /// The batch of this order has gone.
    Gone(u64),
}

impl Label {
    pub(super) fn of(name: BatchName, rounds: u64, made_of: [u64; 2], sealed: &[u8]) -> Self {
        let length = u32::try_from(sealed.len()).unwrap_or(u32::MAX);
        Label { name, rounds, made_of, length, sum: sum::of(sealed) }
    }

    pub(super) fn frame(&self) -> Vec<u8> {
        let mut out = vec![BATCH];
        out.extend(self.name.order.to_le_bytes());
        out.extend(self.name.series.to_le_bytes());
        out.extend(self.name.sequence.to_le_bytes());
        out.extend(self.rounds.to_le_bytes());
        self.made_of.iter().for_each(|order| out.extend(order.to_le_bytes()));
        out.extend(self.length.to_le_bytes());
        out.extend(self.sum.to_le_bytes());
        frame(&out)
    }

    fn read(input: &mut Input<'_>) -> Option<Self> {
        Some(Label {
            name: BatchName { order: input.u64()?, series: input.u32()?, sequence: input.u64()? },
            rounds: input.u64()?,
            made_of: [input.u64()?, input.u64()?],
            length: input.u32()?,
            sum: input.u32()?,
        })
    }

    /// The label that a payload is; none when it is none.
    pub(super) fn of_payload(payload: &[u8]) -> Option<Self> {
        match read(payload)? {
            Item::Batch(label, _) => Some(label),
            Item::Gone(_) => None,
        }
    }
}

/// The note that a batch has gone.
pub(super) fn gone(order: u64) -> Vec<u8> {
    let mut out = vec![GONE];
    out.extend(order.to_le_bytes());
    frame(&out)
}

fn read(payload: &[u8]) -> Option<Item> {
    let mut input = Input(payload);
    let item = match input.byte()? {
        BATCH => Item::Batch(Label::read(&mut input)?, 0),
        GONE => Item::Gone(input.u64()?),
        _ => return None,
    };
    input.0.is_empty().then_some(item)
}

/// Goes through a segment, and tells how much of it is whole and how many bytes behind that are not.
pub(super) fn scan(folder: &impl Folder, name: &str, mut take: impl FnMut(Item)) -> io::Result<(u64, u64)> {
    let mut frames = Frames::of(folder, name)?;
    loop {
        let at = frames.position();
        match frames.next(read)? {
            Some(Item::Batch(label, _)) if u64::from(label.length) <= frames.left() => {
                frames.skip(label.length.into());
                take(Item::Batch(label, at));
            }
            Some(gone @ Item::Gone(_)) => take(gone),
            Some(Item::Batch(..)) => return Ok((at, frames.left() + LABEL)),
            None => return Ok((at, frames.left())),
        }
    }
}
