//! What the nodes have acknowledged, in a file of the driver's own: each line is synced before the driver goes on.
//!
//! At the end only the file is believed. `outstanding` is what was handed in and not yet answered: its outcome
//! is unknown once a node dies, and it is handed in again with the same id.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use allpoints::{
    domain::id::{AuthorityId, MessageId, StatementRef},
    proto::alert::v1::Draft,
};

use super::fleet::Outcome;

/// The driver's own list.
pub(super) struct Book {
    inner: Mutex<Inner>,
    path: PathBuf,
}

struct Inner {
    file: File,
    outstanding: BTreeMap<StatementRef, Draft>,
    threads: BTreeMap<StatementRef, Vec<StatementRef>>,
    /// Handed in again after an unknown outcome; of these, known already.
    repeated: (u64, u64),
    refused: Vec<String>,
}

/// What the file says.
#[derive(Default)]
pub(super) struct Acknowledged {
    pub(super) accepted: BTreeSet<StatementRef>,
    pub(super) delivered: BTreeSet<StatementRef>,
}

/// Which word of a node is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    Accepted,
    Delivered,
}

impl Book {
    pub(super) fn open(path: &Path) -> Outcome<Self> {
        let inner = Inner {
            file: File::create_new(path)?,
            outstanding: BTreeMap::new(),
            threads: BTreeMap::new(),
            repeated: (0, 0),
            refused: Vec::new(),
        };
        Ok(Self {
            inner: Mutex::new(inner),
            path: path.to_owned(),
        })
    }

    /// Before a draft leaves the driver.
    pub(super) fn hand_in(&self, origin: AuthorityId, drafts: &[Draft]) -> Outcome<()> {
        let mut inner = self.lock();
        for draft in drafts {
            let id = draft.id.parse()?;
            inner
                .outstanding
                .insert(StatementRef { origin, id }, draft.clone());
        }
        Ok(())
    }

    /// A node's word: on the disk before anything else is done.
    pub(super) fn write(&self, said: Said, origin: AuthorityId, ids: &[MessageId]) -> Outcome<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let word = match said {
            Said::Accepted => "accepted",
            Said::Delivered => "delivered",
        };
        let lines: String = ids
            .iter()
            .map(|id| format!("{word} {origin} {id}\n"))
            .collect();
        let mut inner = self.lock();
        inner.file.write_all(lines.as_bytes())?;
        inner.file.sync_data()?;
        if said == Said::Accepted {
            for id in ids {
                let id = *id;
                inner.outstanding.remove(&StatementRef { origin, id });
            }
        }
        Ok(())
    }

    /// What was accepted and asks for an order of its own.
    pub(super) fn add_to_thread(&self, thread: StatementRef, statement: StatementRef) {
        let mut inner = self.lock();
        let order = inner.threads.entry(thread).or_default();
        if !order.contains(&statement) {
            order.push(statement);
        }
    }

    /// What was handed in to this node and not answered.
    pub(super) fn outstanding(&self, origin: AuthorityId) -> Vec<Draft> {
        let inner = self.lock();
        let own = inner
            .outstanding
            .iter()
            .filter(|(statement, _)| statement.origin == origin);
        own.map(|(_, draft)| draft.clone()).collect()
    }

    pub(super) fn count_repeat(&self, known: bool) {
        let mut inner = self.lock();
        inner.repeated.0 += 1;
        inner.repeated.1 += u64::from(known);
    }

    pub(super) fn repeated(&self) -> (u64, u64) {
        self.lock().repeated
    }

    /// A draft that no node should refuse was refused.
    pub(super) fn refused(&self, what: String) {
        self.lock().refused.push(what);
    }

    pub(super) fn refusals(&self) -> Vec<String> {
        self.lock().refused.clone()
    }

    /// Threads with their statements in the order of their acceptance.
    pub(super) fn threads(&self) -> BTreeMap<StatementRef, Vec<StatementRef>> {
        self.lock().threads.clone()
    }

    /// Reads the file back.
    pub(super) fn acknowledged(&self) -> Outcome<Acknowledged> {
        let mut all = Acknowledged::default();
        for line in std::fs::read_to_string(&self.path)?.lines() {
            let mut words = line.split(' ');
            let (Some(word), Some(origin), Some(id)) = (words.next(), words.next(), words.next())
            else {
                return Err(format!("{}: a line with too few words", self.path.display()).into());
            };
            let statement = StatementRef {
                origin: origin.parse()?,
                id: id.parse()?,
            };
            match word {
                "accepted" => all.accepted.insert(statement),
                _ => all.delivered.insert(statement),
            };
        }
        Ok(all)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
