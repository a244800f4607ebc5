//! A frame: length, CRC-32 and payload, little-endian. Bytes that tell by themselves whether they are whole.
//!
//! Logs and segments are made of frames. Whatever does not read back exactly (a torn tail, a flipped bit) ends a file
//! there, and is counted, never fatal. Files are read a piece at a time: a router has no memory for whole ones.

use std::io;

use kentongan_model::sum;

use super::folder::Folder;

/// The largest payload. A round of 65,535 answered probes takes 262 kB.
const MAX_PAYLOAD: usize = 512 * 1024;
/// Length and CRC-32.
pub(super) const PREFIX: usize = 8;
/// How much is read at a time, if it need not be more.
const PIECE: usize = 8 * 1024;

/// A payload as a frame.
pub(super) fn frame(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + PREFIX);
    out.extend(u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend(sum::of(payload).to_le_bytes());
    out.extend(payload);
    out
}

/// The length of the payload that a prefix announces, and its sum; none when no payload is so long.
fn announced(prefix: [u8; PREFIX]) -> Option<(usize, u32)> {
    let [a, b, c, d, sum @ ..] = prefix;
    let length = usize::try_from(u32::from_le_bytes([a, b, c, d])).ok()?;
    (length <= MAX_PAYLOAD).then_some((length, u32::from_le_bytes(sum)))
}

/// The payload of the one frame that `bytes` begin with; none when it is not whole.
pub(super) fn first(bytes: &[u8]) -> Option<&[u8]> {
    let (prefix, rest) = bytes.split_first_chunk::<PREFIX>()?;
    let (length, sum) = announced(*prefix)?;
    rest.get(..length).filter(|payload| sum::of(payload) == sum)
}

/// Reads the frames of a file one after the other.
#[derive(Debug)]
pub(super) struct Frames<'a, F> {
    folder: &'a F,
    name: &'a str,
    length: u64,
    /// Where in the file the next frame begins.
    at: u64,
    /// Bytes of the file from `at - taken` on.
    buffer: Vec<u8>,
    taken: usize,
}

impl<'a, F: Folder> Frames<'a, F> {
    pub(super) fn of(folder: &'a F, name: &'a str) -> io::Result<Self> {
        let length = folder.length(name)?;
        Ok(Frames { folder, name, length, at: 0, buffer: Vec::new(), taken: 0 })
    }

    /// Where the next frame begins: all before it is whole.
    pub(super) fn position(&self) -> u64 {
        self.at
    }

    /// Bytes from there to the end.
    pub(super) fn left(&self) -> u64 {
        self.length.saturating_sub(self.at)
    }

    /// The next payload if it is whole, and what `read` makes of it; none leaves the place where it is.
    pub(super) fn next<T>(&mut self, read: impl FnOnce(&[u8]) -> Option<T>) -> io::Result<Option<T>> {
        if !self.has(PREFIX)? {
            return Ok(None);
        }
        let prefix = self.buffer[self.taken..].first_chunk().copied();
        let Some((length, _)) = prefix.and_then(announced) else { return Ok(None) };
        if !self.has(PREFIX + length)? {
            return Ok(None);
        }
        let read = first(&self.buffer[self.taken..]).and_then(read);
        if read.is_some() {
            self.skip((PREFIX + length) as u64);
        }
        Ok(read)
    }

    /// Goes over bytes that are no frame, or to the end.
    pub(super) fn skip(&mut self, bytes: u64) {
        let bytes = bytes.min(self.left());
        self.at += bytes;
        let taken = usize::try_from(bytes).unwrap_or(usize::MAX).saturating_add(self.taken);
        if taken < self.buffer.len() {
            self.taken = taken;
        } else {
            (self.taken, self.buffer) = (0, Vec::new());
        }
    }

    /// Whether so many bytes lie ahead; then they are in the buffer.
    fn has(&mut self, wanted: usize) -> io::Result<bool> {
        if wanted as u64 > self.left() {
            return Ok(false);
        }
        let held = self.buffer.len() - self.taken;
        if held < wanted {
            self.buffer.drain(..self.taken);
            self.taken = 0;
            self.buffer.resize(wanted.max(PIECE), 0);
            let read = self.folder.read(self.name, self.at + held as u64, &mut self.buffer[held..])?;
            self.buffer.truncate(held + read);
        }
        Ok(self.buffer.len() - self.taken >= wanted)
    }
}
