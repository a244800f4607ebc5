//! Sealing and opening: head, body, and a CRC-32 (IEEE 802.3) over both at the end, so that a bit flipped in a
//! router's flash is noticed.

use super::{
    Batch, WireError,
    coder::Coder,
    counters,
    error::{MAX_INTERFACES, MAX_READINGS, MAX_ROUNDS, MAX_RTTS, MAX_SEALED, MAX_TEXT, within},
    head::{self, CHECKSUM},
    range::{Decoder, Encoder},
    readings, rounds, rtts,
};

impl Batch {
    /// The batch as it is spooled, sent and kept.
    ///
    /// # Errors
    /// When the batch is beyond a limit, or holds a round without probes or with more answers than probes.
    pub fn seal(&self) -> Result<Vec<u8>, WireError> {
        self.check()?;
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

    fn check(&self) -> Result<(), WireError> {
        within("rounds", self.rounds.len() as u64, MAX_ROUNDS)?;
        within("RTTs", self.rounds.iter().map(|round| round.rtts_us.len() as u64).sum(), MAX_RTTS)?;
        within("device readings", self.readings.len() as u64, MAX_READINGS)?;
        within(
            "interface readings",
            self.readings.iter().map(|r| r.interfaces.len() as u64).sum(),
            MAX_INTERFACES,
        )?;
        if self.rounds.iter().any(|round| round.sent == 0 || round.rtts_us.len() > usize::from(round.sent)) {
            return Err(WireError::Malformed("the number of probes of a round"));
        }
        let texts = self.readings.iter().flat_map(|r| &r.interfaces).flat_map(|i| [&i.name, &i.alias]);
        for text in texts.flatten() {
            within("bytes of an interface's name", text.len() as u64, MAX_TEXT)?;
        }
        Ok(())
    }
}

/// Codes all of `batch`.
fn code(coder: &mut impl Coder, batch: &mut Batch) -> Result<(), WireError> {
    head::code(coder, batch)?;
    rounds::code(coder, batch.sealed.mono_ms, &mut batch.rounds)?;
    rtts::code(coder, &mut batch.rounds)?;
    readings::code(coder, batch.sealed.mono_ms, &mut batch.readings)?;
    counters::code(coder, &mut batch.readings)
}
