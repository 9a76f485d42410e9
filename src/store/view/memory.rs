//! A view that is lost with the process: for tests, and for nodes that rebuild at each start.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{View, ViewError, ViewRows};

/// Rows in memory.
#[derive(Debug, Default)]
pub struct MemoryView(Mutex<BTreeMap<Vec<u8>, Vec<u8>>>);

impl MemoryView {
    fn rows(&self) -> MutexGuard<'_, BTreeMap<Vec<u8>, Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl View for MemoryView {
    fn read(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ViewError> {
        Ok(self.rows().get(key).cloned())
    }

    fn scan(&self, prefix: &[u8]) -> ViewRows<'_> {
        let rows: Vec<_> = self
            .rows()
            .range(prefix.to_vec()..)
            .take_while(|(key, _)| key.starts_with(prefix))
            .map(|(key, value)| Ok((key.clone(), value.clone())))
            .collect();
        Box::new(rows.into_iter())
    }

    fn apply(&self, rows: Vec<(Vec<u8>, Vec<u8>)>) -> Result<(), ViewError> {
        self.rows().extend(rows);
        Ok(())
    }

    fn clear(&self) -> Result<(), ViewError> {
        self.rows().clear();
        Ok(())
    }
}
