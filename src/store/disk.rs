//! The file operations under the journal, so that tests can lose what was not synced.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

/// A folder of files. Implementations: the real one, and a simulated one for tests.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Creates a new file; fails when it exists.
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>>;
    /// Opens an existing file for reading and writing.
    fn open(&self, path: &Path) -> io::Result<Box<dyn File>>;
    /// Renames, over an existing target.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    fn remove(&self, path: &Path) -> io::Result<()>;
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// Files of a folder.
    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>>;
    fn exists(&self, path: &Path) -> bool;
    /// Makes creations, renames and removals in a folder durable.
    fn sync_dir(&self, folder: &Path) -> io::Result<()>;
    /// Takes the store's lock for the life of the returned value.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>>;
}
/// An open file, addressed by offset.
pub trait File: Send + Sync + fmt::Debug {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// `fdatasync`.
    fn sync_data(&self) -> io::Result<()>;
    /// `fsync`, length included.
    fn sync_all(&self) -> io::Result<()>;
    fn len(&self) -> io::Result<u64>;
}
/// The operating system's files.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;
