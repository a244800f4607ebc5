//! A shelf: a folder of sealed batches with a limit, in memory (tmpfs) or on disk (flash).
//!
//! A batch appears whole or not at all (written aside, synced, renamed). Its file name tells all that the spool has to
//! know of it, so that nothing is read until it is sent; its first four bytes are the CRC-32 of the rest.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::BatchName;

/// A sealed batch on a shelf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sealed {
    pub(super) name: BatchName,
    /// Rounds that would be missing without it: those it holds and those it reports as dropped.
    pub(super) rounds: u64,
    /// Length of its file.
    pub(super) bytes: u64,
}

/// A folder with a limit.
#[derive(Debug)]
pub(super) struct Shelf {
    pub(super) folder: PathBuf,
    pub(super) limit: u64,
}

impl Sealed {
    fn file_name(&self) -> String {
        format!("{}-{}.batch", self.name.stem(), self.rounds)
    }

    fn parse(file_name: &str, bytes: u64) -> Option<Sealed> {
        let (stem, rounds) = file_name.strip_suffix(".batch")?.rsplit_once('-')?;
        Some(Sealed { name: BatchName::parse(stem)?, rounds: rounds.parse().ok()?, bytes })
    }
}

impl Shelf {
    /// What lies on the shelf. Files that were being written when the agent died are removed.
    pub(super) fn list(&self) -> io::Result<Vec<Sealed>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            if name.ends_with(".aside") {
                fs::remove_file(entry.path())?;
            } else {
                found.extend(Sealed::parse(name, entry.metadata()?.len()));
            }
        }
        Ok(found)
    }

    /// Puts a batch on the shelf; `Sealed` tells its length.
    pub(super) fn put(&self, name: BatchName, rounds: u64, sealed: &[u8]) -> io::Result<Sealed> {
        let batch = Sealed { name, rounds, bytes: sealed.len() as u64 + 4 };
        let sum = crc32fast::hash(sealed).to_le_bytes();
        write_whole(&self.folder.join(batch.file_name()), &[&sum, sealed], 0o600)?;
        Ok(batch)
    }

    /// The sealed bytes; none when they are not what was put there.
    pub(super) fn get(&self, batch: &Sealed) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = fs::read(self.folder.join(batch.file_name()))?;
        if bytes.len() < 4 {
            return Ok(None);
        }
        let sealed = bytes.split_off(4);
        Ok((crc32fast::hash(&sealed).to_le_bytes() == bytes[..]).then_some(sealed))
    }

    pub(super) fn remove(&self, batch: &Sealed) -> io::Result<()> {
        match fs::remove_file(self.folder.join(batch.file_name())) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// Writes a file that is there whole or not at all, also after a power cut.
pub(crate) fn write_whole(path: &Path, parts: &[&[u8]], mode: u32) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let aside = path.with_extension("aside");
    let written = (|| {
        let mut file =
            fs::OpenOptions::new().create(true).write(true).truncate(true).mode(mode).open(&aside)?;
        for part in parts {
            file.write_all(part)?;
        }
        file.sync_all()?;
        fs::rename(&aside, path)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    })();
    if written.is_err() {
        let _ = fs::remove_file(&aside);
    }
    written
}
