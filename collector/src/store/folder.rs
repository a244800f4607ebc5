//! The data folder: made when it is missing, readable by nobody else, and used by one collector at a time.
//!
//! The lock is the kernel's (`flock`), so that it is gone when the process is, however it ends.

use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// A data folder that this process alone uses.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    _lock: File,
}

/// Why a folder cannot be used. Each is one sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Another process has it.
    #[error("{folder} is in use by another kentongan (pid {pid}); stop it or choose another --data")]
    InUse {
        /// The folder.
        folder: PathBuf,
        /// The process, as far as it can be read.
        pid: String,
    },
    /// It cannot be made or written.
    #[error("cannot write in {folder}; make it writable for this user or choose another --data")]
    Unwritable {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

impl Folder {
    /// Makes the folder (mode 0700) and takes its lock.
    pub(crate) fn take(path: &Path) -> Result<Folder, FolderError> {
        let unwritable = |source| FolderError::Unwritable { folder: path.to_owned(), source };
        make(path).map_err(unwritable)?;
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path.join("kentongan.lock"))
            .map_err(unwritable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(source)) => return Err(unwritable(source)),
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                let read = lock.read_to_string(&mut pid).is_ok() && !pid.trim().is_empty();
                let pid = if read { pid.trim().to_owned() } else { "unknown".to_owned() };
                return Err(FolderError::InUse { folder: path.to_owned(), pid });
            }
        }
        let write = |lock: &mut File| {
            lock.set_len(0)?;
            lock.rewind()?;
            writeln!(lock, "{}", std::process::id())
        };
        write(&mut lock).map_err(unwritable)?;
        Ok(Folder { path: path.to_owned(), _lock: lock })
    }

    /// The path of a file in it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The folder itself.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Makes the folder with what leads to it, for this user alone.
pub(crate) fn make(path: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_collector_is_told_who_has_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        let first = Folder::take(&path).unwrap();
        let error = Folder::take(&path).unwrap_err().to_string();
        let pid = std::process::id();
        assert!(error.ends_with(&format!("(pid {pid}); stop it or choose another --data")), "{error}");
        drop(first);
        Folder::take(&path).unwrap();
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = Folder::take(&file.join("data")).unwrap_err().to_string();
        assert!(error.starts_with("cannot write in ") && error.contains("file/data"), "{error}");
    }
}
