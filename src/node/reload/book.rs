//! What of each part is in force, since when, and what newer was refused: for `status` and metrics.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::Config;
use crate::{
    desk::{Loaded, RefusedLoad},
    domain::time::Timestamp,
    node::listeners::short,
    trust::merkle::sha256,
};

/// What is read anew by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::node) enum Part {
    Configuration,
    Directory,
    NodeCertificate,
    DeskCertificate,
    DeskTrust,
    LogKey,
    StatementKey,
    ReceiptKey,
}

impl Part {
    /// As people see it.
    const fn name(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Directory => "directory",
            Self::NodeCertificate => "node certificate",
            Self::DeskCertificate => "desk certificate",
            Self::DeskTrust => "desk trust",
            Self::LogKey => "log key",
            Self::StatementKey => "statement key",
            Self::ReceiptKey => "receipt key",
        }
    }
}

/// The book of all parts. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(in crate::node) struct Book(Arc<Mutex<BTreeMap<Part, Loaded>>>);

impl Book {
    /// A part is in force. The same version as before stays in force since then.
    pub(in crate::node) fn took(&self, part: Part, version: String, now: Timestamp) {
        let mut book = self.lock();
        let what = part.name();
        let held = book.get(&part);
        let is_new = held.is_none_or(|held| held.version != version);
        // Whoever mended what was refused wants to read it, too.
        if is_new || held.is_some_and(|held| held.refused.is_some()) {
            tracing::info!(what, version, "in force");
        }
        let held = book.entry(part).or_insert_with(|| Loaded {
            what,
            version: String::new(),
            at: now,
            refused: None,
        });
        if is_new {
            held.at = now;
            held.version = version;
        }
        held.refused = None;
    }

    /// Something newer was refused; true when that is news. Told once, not at every look.
    pub(in crate::node) fn refused(&self, part: Part, why: String, now: Timestamp) -> bool {
        let what = part.name();
        let mut book = self.lock();
        // What was read at the start is in force until the first look has told its version.
        let held = book.entry(part).or_insert_with(|| Loaded {
            what,
            version: "as at the start".to_owned(),
            at: now,
            refused: None,
        });
        if held.refused.as_ref().is_some_and(|it| it.why == why) {
            return false;
        }
        tracing::error!(what, why, "refused; the old stays in force");
        let since = held.refused.as_ref().map_or(now, |it| it.since);
        held.refused = Some(RefusedLoad { since, why });
        true
    }

    /// All parts.
    pub(in crate::node) fn list(&self) -> Vec<Loaded> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Part, Loaded>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells two configurations apart.
pub(in crate::node) fn version_of(config: &Config) -> String {
    short(&sha256(format!("{config:?}").as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(second * 1_000_000)
    }

    #[test]
    fn what_is_in_force_stays_so_while_newer_files_are_refused() {
        let book = Book::default();
        let took = |version: &str, second| book.took(Part::DeskTrust, version.into(), at(second));
        let refused = |why: &str, second| book.refused(Part::DeskTrust, why.into(), at(second));
        let line = || book.list().remove(0);
        assert!(refused("broken", 1));
        assert_eq!(line().version, "as at the start");
        took("one", 2);
        took("one", 3);
        assert_eq!((line().version.as_str(), line().at), ("one", at(2)));
        assert!(refused("broken", 4));
        assert!(!refused("broken", 5), "told once");
        assert!(refused("broken otherwise", 6));
        let told = line();
        assert_eq!((told.version.as_str(), told.at), ("one", at(2)));
        let why = told.refused.expect("refused");
        assert_eq!((why.since, why.why.as_str()), (at(4), "broken otherwise"));
        took("two", 7);
        assert_eq!((line().at, line().refused), (at(7), None));
    }
}
