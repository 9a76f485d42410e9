//! The view's database, opened at its first use: by then the store holds its lock, so that a second process
//! never touches the view of the first.

use std::{path::PathBuf, sync::OnceLock};

use crate::store::view::{View, ViewError, sled::SledView};

/// A [`SledView`] that is opened when it is needed.
pub(super) struct LazyView {
    folder: PathBuf,
    opened: OnceLock<Result<SledView, String>>,
}

impl LazyView {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            opened: OnceLock::new(),
        }
    }

    fn view(&self) -> Result<&SledView, ViewError> {
        self.opened
            .get_or_init(|| match SledView::open(&self.folder) {
                Ok((view, None)) => Ok(view),
                Ok((view, Some(fault))) => {
                    tracing::warn!(%fault, "the view was damaged, is set aside and made anew");
                    Ok(view)
                }
                Err(fault) => Err(fault.0),
            })
            .as_ref()
            .map_err(|fault| ViewError(fault.clone()))
    }
}

impl View for LazyView {
    fn read(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ViewError> {
        self.view()?.read(key)
    }

    fn scan(
        &self,
        prefix: &[u8],
    ) -> Box<dyn Iterator<Item = Result<(Vec<u8>, Vec<u8>), ViewError>> + Send + '_> {
        match self.view() {
            Ok(view) => view.scan(prefix),
            Err(fault) => Box::new(std::iter::once(Err(fault))),
        }
    }

    fn apply(&self, rows: Vec<(Vec<u8>, Vec<u8>)>) -> Result<(), ViewError> {
        self.view()?.apply(rows)
    }

    fn clear(&self) -> Result<(), ViewError> {
        self.view()?.clear()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_made_before_the_first_use() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("view");
        let view = LazyView::new(place.clone());
        assert!(!place.exists());
        view.apply(vec![(b"k".to_vec(), b"v".to_vec())])
            .expect("written");
        assert_eq!(view.read(b"k").expect("read"), Some(b"v".to_vec()));
        assert!(place.exists());
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_a_fault_of_every_call() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let view = LazyView::new(file.path().join("view"));
        assert!(view.read(b"k").is_err() && view.apply(vec![]).is_err());
        assert!(view.scan(b"").next().is_some_and(|row| row.is_err()));
    }
}
