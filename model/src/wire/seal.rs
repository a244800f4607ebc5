//! Sealing and opening: the format, the coded columns, and a CRC-32 (IEEE 802.3) over both at the end, so that a bit
//! flipped in a router's flash is noticed.
//!
//! A batch stands alone in spool and journal. On its way it may lean on another that both ends have: the columns are
//! primed with that one first, so that only what is new costs anything. The columns keep the limits in both directions,
//! so that what was sealed can be opened.

use super::{
    Batch, WireError,
    coder::{Coder, Primer},
    counters::Meters,
    error::{MAX_SEALED, within},
    gauges::Looks,
    head::{self, CHECKSUM, Heads},
    range::{Decoder, Encoder},
    readings::Walk,
    rounds::Tour,
    rtts::Distances,
    traces,
};
use crate::sum::Sum;

impl Batch {
    /// The batch as it is spooled and kept; the same batch is always the same bytes.
    ///
    /// # Errors
    /// When the batch is beyond a limit, or holds a round without probes or with more answers than probes.
    pub fn seal(&self) -> Result<Vec<u8>, WireError> {
        let mut out = Vec::with_capacity(1024);
        out.push(head::FORMAT);
        let mut encoder = Encoder::new(out);
        Habits::new().code(&mut encoder, &mut self.clone())?;
        checked(encoder.finish(), 0)
    }

    /// Opens a sealed batch.
    ///
    /// # Errors
    /// When the bytes are anything else than a whole and undamaged batch within the limits.
    pub fn open(sealed: &[u8]) -> Result<Batch, WireError> {
        within("bytes of a batch", sealed.len() as u64, MAX_SEALED)?;
        let coded = head::coded(sealed)?;
        content(sealed, 0).ok_or(WireError::Checksum)?;
        opened(Habits::new(), coded)
    }

    /// The batch for one who has `base`: shorter, and of no use to anybody else.
    ///
    /// # Errors
    /// When either batch cannot be sealed.
    pub fn seal_on(&self, base: &Batch) -> Result<Vec<u8>, WireError> {
        let (mut habits, print) = Habits::of(base)?;
        let mut encoder = Encoder::new(Vec::with_capacity(1024));
        habits.code(&mut encoder, &mut self.clone())?;
        checked(encoder.finish(), print)
    }

    /// Opens what [`Batch::seal_on`] has made on the same `base`.
    ///
    /// # Errors
    /// When the bytes are damaged or made on another base ([`WireError::Base`]), or no batch within the limits.
    pub fn open_on(sealed: &[u8], base: &Batch) -> Result<Batch, WireError> {
        within("bytes of a batch", sealed.len() as u64, MAX_SEALED)?;
        let (habits, print) = Habits::of(base)?;
        opened(habits, content(sealed, print).ok_or(WireError::Base)?)
    }

    /// A print of the batch, by which a delivery that leans on it is told from one that leans on another: the checksum of
    /// such a delivery goes on from it.
    ///
    /// # Errors
    /// When the batch cannot be sealed.
    pub fn print(&self) -> Result<u32, WireError> {
        Habits::of(self).map(|(_, print)| print)
    }
}

/// Appends the checksum, which begins from the `print` of what the bytes lean on.
fn checked(mut coded: Vec<u8>, print: u32) -> Result<Vec<u8>, WireError> {
    let checksum = checksum(&coded, print);
    coded.extend_from_slice(&checksum);
    within("bytes of a batch", coded.len() as u64, MAX_SEALED)?;
    Ok(coded)
}

/// What is before a checksum, if that is right.
fn content(sealed: &[u8], print: u32) -> Option<&[u8]> {
    let (content, told) = sealed.split_at_checked(sealed.len().checked_sub(CHECKSUM)?)?;
    (checksum(content, print) == told).then_some(content)
}

fn checksum(content: &[u8], print: u32) -> [u8; CHECKSUM] {
    let mut sum = Sum::after(print);
    sum.add(content);
    sum.finish().to_le_bytes()
}

fn opened(mut habits: Habits, coded: &[u8]) -> Result<Batch, WireError> {
    let mut batch = head::blank();
    let mut decoder = Decoder::new(coded)?;
    habits.code(&mut decoder, &mut batch)?;
    decoder.finish()?;
    Ok(batch)
}

/// What the batches coded so far let expect of the next: all that the columns have learnt.
struct Habits {
    heads: Heads,
    tour: Tour,
    distances: Distances,
    walk: Walk,
    meters: Meters,
    looks: Looks,
}

impl Habits {
    fn new() -> Self {
        Habits {
            heads: Heads::new(),
            tour: Tour::new(),
            distances: Distances::new(),
            walk: Walk::new(),
            meters: Meters::new(),
            looks: Looks::new(),
        }
    }

    /// What `base` lets expect, and a print of it, by which another base is noticed.
    fn of(base: &Batch) -> Result<(Self, u32), WireError> {
        let mut habits = Habits::new();
        let mut primer = Primer::new();
        habits.code(&mut primer, &mut base.clone())?;
        Ok((habits, primer.finish()))
    }

    /// Codes all of `batch`.
    fn code(&mut self, coder: &mut dyn Coder, batch: &mut Batch) -> Result<(), WireError> {
        self.heads.code(coder, batch)?;
        let sealed_ms = batch.sealed.mono_ms;
        self.tour.code(coder, sealed_ms, &mut batch.rounds)?;
        self.distances.code(coder, &mut batch.rounds)?;
        self.walk.code(coder, sealed_ms, &mut batch.readings)?;
        self.meters.code(coder, &mut batch.readings)?;
        self.looks.code(coder, sealed_ms, &mut batch.gauges)?;
        traces::code(coder, sealed_ms, &mut batch.traces)
    }
}
