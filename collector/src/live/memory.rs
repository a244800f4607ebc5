//! The timeline's memory as it is stored: JSON, deflated.
//!
//! The rule it guards: what was stored may be damaged or made to harm; no more than [`LARGEST`] bytes are unpacked.

use std::io::{Read as _, Write as _};

use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};
use kentongan_timeline::Checkpoint;
use serde::{Deserialize, Serialize};

use super::absences::Absences;

/// Bytes of a checkpoint that are unpacked at most; one that is larger is not taken up, and the journal judged anew.
pub(super) const LARGEST: u64 = 512 << 20;

/// What a course needs to go on, besides its place.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Memory {
    pub(super) absences: Absences,
    pub(super) live: Checkpoint,
}

pub(super) fn pack(memory: &Memory) -> std::io::Result<Vec<u8>> {
    let json = serde_json::to_vec(memory)?;
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&json)?;
    packed.finish()
}

pub(super) fn unpack(packed: &[u8], most: u64) -> std::io::Result<Memory> {
    let mut json = Vec::new();
    ZlibDecoder::new(packed).take(most.saturating_add(1)).read_to_end(&mut json)?;
    if json.len() as u64 > most {
        return Err(std::io::Error::other(format!("it is larger than {most} bytes")));
    }
    Ok(serde_json::from_slice(&json)?)
}
