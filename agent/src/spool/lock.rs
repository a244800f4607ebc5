//! The lock on a folder: two agents on one spool would use the same sequence numbers.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, flock};

/// Why a folder cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another agent has it.
    #[error("another agent is running in {0}; stop it, or give this one folders of its own")]
    Taken(PathBuf),
    /// It cannot be made or written.
    #[error("cannot write in {folder}; create it for the user that the agent runs as")]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Held as long as the agent runs; the kernel gives it back however the agent ends.
#[derive(Debug)]
pub(super) struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Makes the folder if it is missing, and takes it.
    pub(super) fn take(folder: &Path) -> Result<Self, LockError> {
        let failed = |source| LockError::Folder { folder: folder.to_owned(), source };
        fs::create_dir_all(folder).map_err(failed)?;
        let file = File::create(folder.join("lock")).map_err(failed)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(FolderLock { _file: file }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(LockError::Taken(folder.to_owned())),
            Err(errno) => Err(failed(errno.into())),
        }
    }
}
