//! A folder of the router, tmpfs or flash, held by one agent: two agents on one spool would use the same numbers.
//!
//! The lock is on the folder itself, so that taking it writes nothing: a start costs flash nothing, and a full one is
//! no reason not to start.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::fs::{FlockOperation, flock};

use super::folder::Folder;

/// How often a folder that is held is tried again, and how long after each time.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(100);

/// Why a folder cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another agent has it.
    #[error("another agent is running in {0}; stop it, or give this one folders of its own")]
    Taken(PathBuf),
    /// It cannot be made or opened.
    #[error("cannot use {folder}; create it for the user that the agent runs as")]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// A folder of a real file system.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    /// Held as long as the agent runs; the kernel gives the lock back however the agent ends.
    held: File,
}

/// A file in it.
#[derive(Debug)]
pub struct Appended {
    file: File,
    /// Whether the file's name is on disk, not only its content.
    is_named: bool,
}

/// Whether an agent runs in the folder now. Asking holds nobody up.
pub(crate) fn is_taken(folder: &Path) -> bool {
    let Ok(file) = File::open(folder) else { return false };
    matches!(flock(&file, FlockOperation::NonBlockingLockShared), Err(rustix::io::Errno::WOULDBLOCK))
}

impl Directory {
    /// Makes the folder if it is missing, and takes it. One that is held is waited for, for a second: by an agent that is about
    /// to end, or a self-test that only asks.
    ///
    /// # Errors
    /// When another agent has it, or it cannot be used.
    pub fn take(path: &Path) -> Result<Self, LockError> {
        let failed = |source| LockError::Folder { folder: path.to_owned(), source };
        fs::create_dir_all(path).map_err(failed)?;
        let held = File::open(path).map_err(failed)?;
        for _ in 0..TRIES {
            match flock(&held, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Directory { path: path.to_owned(), held }),
                Err(rustix::io::Errno::WOULDBLOCK) => std::thread::sleep(PAUSE),
                Err(errno) => return Err(failed(errno.into())),
            }
        }
        Err(LockError::Taken(path.to_owned()))
    }
}

impl Folder for Directory {
    type File = Appended;

    fn path(&self) -> &Path {
        &self.path
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let names = fs::read_dir(&self.path)?.map(|entry| Ok(entry?.file_name().into_string().ok()));
        names.filter_map(Result::transpose).collect()
    }

    fn length(&self, name: &str) -> io::Result<u64> {
        Ok(fs::metadata(self.path.join(name))?.len())
    }

    fn create(&self, name: &str) -> io::Result<Appended> {
        let path = self.path.join(name);
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        file.set_len(0)?;
        Ok(Appended { file, is_named: false })
    }

    fn reopen(&self, name: &str, length: u64) -> io::Result<Appended> {
        let file = OpenOptions::new().append(true).open(self.path.join(name))?;
        file.set_len(length)?;
        Ok(Appended { file, is_named: true })
    }

    fn append(&self, file: &mut Appended, bytes: &[u8]) -> io::Result<()> {
        file.file.write_all(bytes)
    }

    fn cut(&self, file: &mut Appended, length: u64) -> io::Result<()> {
        file.file.set_len(length)
    }

    fn sync(&self, file: &mut Appended) -> io::Result<()> {
        file.file.sync_data()?;
        if !file.is_named {
            self.held.sync_all()?;
            file.is_named = true;
        }
        Ok(())
    }

    fn read(&self, name: &str, from: u64, into: &mut [u8]) -> io::Result<usize> {
        let file = File::open(self.path.join(name))?;
        let mut filled = 0;
        while filled < into.len() {
            match file.read_at(&mut into[filled..], from + filled as u64) {
                Ok(0) => break,
                Ok(more) => filled += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// Writes a file that is there whole or not at all, also after a power cut.
pub(crate) fn write_whole(path: &Path, parts: &[&[u8]], mode: u32) -> io::Result<()> {
    let aside = path.with_extension("aside");
    let written = (|| {
        let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(mode).open(&aside)?;
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
