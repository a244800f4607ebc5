//! Sealing and opening: the format, the coded columns, and a CRC-32 (IEEE 802.3) over both at the end, so that a bit
//! flipped in a router's flash is noticed.
//!
//! The columns keep the limits in both directions, so that what was sealed can be opened.

use super::{
    Batch, WireError,
    coder::Coder,
    counters,
    error::{MAX_SEALED, within},
    gauges,
    head::{self, CHECKSUM},
    range::{Decoder, Encoder},
    readings, rounds, rtts, traces,
};

impl Batch {
    /// The batch as it is spooled, sent and kept.
    ///
    /// # Errors
    /// When the batch is beyond a limit, or holds a round without probes or with more answers than probes.
    pub fn seal(&self) -> Result<Vec<u8>, WireError> {
        let mut out = Vec::with_capacity(1024);
        out.push(head::FORMAT);
        let mut encoder = Encoder::new(out);
        code(&mut encoder, &mut self.clone())?;
        let mut out = encoder.finish();
        let checksum = crc32fast::hash(&out);
        out.extend_from_slice(&checksum.to_le_bytes());
        within("bytes of a batch", out.len() as u64, MAX_SEALED)?;
        Ok(out)
    }

    /// Opens a sealed batch.
    ///
    /// # Errors
    /// When the bytes are anything else than a whole and undamaged batch within the limits.
    pub fn open(sealed: &[u8]) -> Result<Batch, WireError> {
        within("bytes of a batch", sealed.len() as u64, MAX_SEALED)?;
        let coded = head::coded(sealed)?;
        let (content, checksum) = sealed.split_at(sealed.len() - CHECKSUM);
        if crc32fast::hash(content).to_le_bytes() != checksum {
            return Err(WireError::Checksum);
        }
        let mut batch = head::blank();
        let mut decoder = Decoder::new(coded)?;
        code(&mut decoder, &mut batch)?;
        decoder.finish()?;
        Ok(batch)
    }
}

/// Codes all of `batch`.
fn code(coder: &mut impl Coder, batch: &mut Batch) -> Result<(), WireError> {
    head::code(coder, batch)?;
    rounds::code(coder, batch.sealed.mono_ms, &mut batch.rounds)?;
    rtts::code(coder, &mut batch.rounds)?;
    readings::code(coder, batch.sealed.mono_ms, &mut batch.readings)?;
    counters::code(coder, &mut batch.readings)?;
    gauges::code(coder, batch.sealed.mono_ms, &mut batch.gauges)?;
    traces::code(coder, batch.sealed.mono_ms, &mut batch.traces)
}
