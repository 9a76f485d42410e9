//! The view on disk. The only file that names sled (0.34.7, pinned).
//!
//! sled may panic on damaged files, and never syncs them: every call is guarded, and what is damaged is set
//! aside as `NAME.damaged-N` and begun anew. Nothing here may be the only copy of anything.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{PoisonError, RwLock},
    thread,
    time::Duration,
};

use super::{View, ViewError};

/// Bytes of sled's own cache.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;
/// Between sled's own flushes.
const FLUSH_EVERY_MS: u64 = 500;
/// A database that was just dropped frees its lock a moment later.
const LOCK_TRIES: u32 = 40;
const LOCK_WAIT: Duration = Duration::from_millis(25);
/// Set-aside folders that may stand side by side.
const SET_ASIDE_MAX: u32 = 10_000;

/// A sled database in a folder of its own.
pub struct SledView {
    folder: PathBuf,
    /// `None` only after a failed [`View::clear`].
    database: RwLock<Option<sled::Db>>,
}

impl SledView {
    /// Opens or creates; a folder that does not open is set aside, and the fault is told.
    ///
    /// # Errors
    /// When not even a new one can be made: a matter of the disk or its permissions.
    pub fn open(folder: &Path) -> Result<(Self, Option<ViewError>), ViewError> {
        let (database, fault) = match open_database(folder) {
            Ok(database) => (database, None),
            Err(fault) => {
                set_aside(folder)?;
                (open_database(folder)?, Some(fault))
            }
        };
        let view = Self {
            folder: folder.to_owned(),
            database: RwLock::new(Some(database)),
        };
        Ok((view, fault))
    }

    fn database(&self) -> Result<sled::Db, ViewError> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        database
            .clone()
            .ok_or_else(|| ViewError("it could not be begun anew".into()))
    }
}

impl View for SledView {
    fn read(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ViewError> {
        let database = self.database()?;
        let value = guarded(|| database.get(key))?;
        Ok(value.map(|value| value.to_vec()))
    }

    fn scan(
        &self,
        prefix: &[u8],
    ) -> Box<dyn Iterator<Item = Result<(Vec<u8>, Vec<u8>), ViewError>> + Send + '_> {
        let mut rows = match self.database().map(|database| database.scan_prefix(prefix)) {
            Ok(rows) => rows,
            Err(fault) => return Box::new(std::iter::once(Err(fault))),
        };
        let mut ended = false;
        Box::new(std::iter::from_fn(move || {
            if ended {
                return None;
            }
            match guarded(|| rows.next().transpose()) {
                Ok(row) => row.map(|(key, value)| Ok((key.to_vec(), value.to_vec()))),
                Err(fault) => {
                    ended = true;
                    Some(Err(fault))
                }
            }
        }))
    }

    fn apply(&self, rows: Vec<(Vec<u8>, Vec<u8>)>) -> Result<(), ViewError> {
        let database = self.database()?;
        let mut batch = sled::Batch::default();
        for (key, value) in rows {
            batch.insert(key, value);
        }
        guarded(|| database.apply_batch(batch))
    }

    fn clear(&self) -> Result<(), ViewError> {
        let mut database = self
            .database
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *database = None;
        set_aside(&self.folder)?;
        *database = Some(open_database(&self.folder)?);
        Ok(())
    }
}

fn open_database(folder: &Path) -> Result<sled::Db, ViewError> {
    let open = || {
        guarded(|| {
            sled::Config::new()
                .path(folder)
                .mode(sled::Mode::HighThroughput)
                .cache_capacity(CACHE_BYTES)
                .flush_every_ms(Some(FLUSH_EVERY_MS))
                .open()
        })
    };
    let mut result = open();
    for _ in 0..LOCK_TRIES {
        match &result {
            Err(ViewError(fault)) if fault.contains("could not acquire lock") => {
                thread::sleep(LOCK_WAIT);
                result = open();
            }
            _ => break,
        }
    }
    result
}

/// Renames the folder to the first free `NAME.damaged-N`.
fn set_aside(folder: &Path) -> Result<(), ViewError> {
    if !folder.exists() {
        return Ok(());
    }
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let free = (1..SET_ASIDE_MAX)
        .map(|number| folder.with_file_name(format!("{name}.damaged-{number}")))
        .find(|path| !path.exists());
    let to = free.ok_or_else(|| {
        ViewError("too many damaged views are kept: remove some `*.damaged-N` folders".into())
    })?;
    fs::rename(folder, &to).map_err(|error| ViewError(format!("it cannot be set aside: {error}")))
}

fn guarded<T>(work: impl FnOnce() -> Result<T, sled::Error>) -> Result<T, ViewError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(ViewError(error.to_string())),
        Err(_) => Err(ViewError("sled panicked on its files".into())),
    }
}
