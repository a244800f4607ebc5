//! What the spool asks of a folder, so that the same spool runs on a router's file systems and on one that tears,
//! reorders and refuses writes whenever a test wants it to.
//!
//! The promises are those of POSIX and no more: what was appended is read back by this process at once, outlives the
//! process, and outlives a power cut only when it was synced. A removal may be undone by a power cut.

use std::{fmt, io, path::Path};

/// A flat folder of files that are appended to, cut at their end, read and removed.
pub trait Folder: fmt::Debug {
    /// A file that is being appended to.
    type File: fmt::Debug;

    /// Where it is, as errors tell it.
    fn path(&self) -> &Path;

    /// The names of all files, in any order.
    ///
    /// # Errors
    /// When the folder cannot be read.
    fn list(&self) -> io::Result<Vec<String>>;

    /// How long a file is.
    ///
    /// # Errors
    /// When there is none, or it cannot be told.
    fn length(&self, name: &str) -> io::Result<u64>;

    /// An empty file of this name; what had the name before is gone.
    ///
    /// # Errors
    /// When it cannot be made.
    fn create(&self, name: &str) -> io::Result<Self::File>;

    /// The file of this name, cut to a length, to be appended to from there.
    ///
    /// # Errors
    /// When it cannot be opened or cut.
    fn reopen(&self, name: &str, length: u64) -> io::Result<Self::File>;

    /// Writes at the end.
    ///
    /// # Errors
    /// When not all was written; any part of it may have been.
    fn append(&self, file: &mut Self::File, bytes: &[u8]) -> io::Result<()>;

    /// Takes off what lies behind this length.
    ///
    /// # Errors
    /// When it cannot be done.
    fn cut(&self, file: &mut Self::File, length: u64) -> io::Result<()>;

    /// Makes sure that the file, its name and all that was appended outlive a power cut.
    ///
    /// # Errors
    /// When that is not sure.
    fn sync(&self, file: &mut Self::File) -> io::Result<()>;

    /// Fills `into` from a place in a file, and tells how much there was: less than asked for only at the end.
    ///
    /// # Errors
    /// When there is no such file, or it cannot be read.
    fn read(&self, name: &str, from: u64, into: &mut [u8]) -> io::Result<usize>;

    /// Removes a file. One that is missing is no error.
    ///
    /// # Errors
    /// When it is still there.
    fn remove(&self, name: &str) -> io::Result<()>;
}
