//! Putting a directory in force: journaled, verified under, connections closed that it no longer admits, partners told.
//!
//! The way in is [`Adoption::take`], whoever brought the directory: the own folder or a partner. Must never put an older
//! one in force.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::book::{Book, Part};
use crate::{
    delivery::Broker,
    domain::time::Clock,
    node::listeners::short,
    store::StoreFailed,
    trust::{
        directory::{Directory, DirectoryHandle},
        tls::{Connections, Dialled, MemberSource},
    },
};

/// Cheap to clone.
#[derive(Clone)]
pub(in crate::node) struct Adoption {
    pub(in crate::node) directory: DirectoryHandle,
    pub(in crate::node) broker: Broker,
    pub(in crate::node) clock: Arc<dyn Clock>,
    pub(in crate::node) book: Book,
    /// Those that partners opened.
    pub(in crate::node) connections: Connections,
    /// Those that we opened.
    pub(in crate::node) dialled: Dialled,
    /// One at a time: the folder and a partner may bring one at once.
    pub(in crate::node) turn: Arc<Mutex<()>>,
}

impl Adoption {
    /// The directory in force.
    pub(in crate::node) fn held(&self) -> Arc<Directory> {
        self.directory.load_full()
    }

    /// Puts a newer one in force; one that is not newer than what is meanwhile in force changes nothing.
    pub(in crate::node) async fn take(&self, newer: Directory) -> Result<(), StoreFailed> {
        let _turn = self.turn.lock().await;
        if newer.version() <= self.held().version() {
            return Ok(());
        }
        self.directory.store(Arc::new(newer));
        // Shut out first, journaled next: a revoked peer does not wait for the disk.
        self.close_unwelcome();
        self.broker.adopt_directory().await?;
        self.still_held();
        // A heartbeat on every lane names the new version: who is behind asks for it.
        let broker = self.broker.clone();
        tokio::spawn(async move { broker.check_links().await });
        Ok(())
    }

    /// Writes down what is in force.
    pub(in crate::node) fn still_held(&self) {
        let held = self.held();
        let version = format!("{} {}", held.version(), short(&held.hash()));
        self.book.took(Part::Directory, version, self.clock.now());
    }

    /// Closes connections whose peers would not be admitted now: the directory has changed, or time has gone on.
    pub(in crate::node) fn close_unwelcome(&self) {
        let members: Arc<dyn MemberSource> = Arc::new(Arc::clone(&self.directory));
        let now = self.clock.now();
        let accepted = self.connections.close_unwelcome(Arc::clone(&members), now);
        let dialled = self.dialled.close_unwelcome(&members, now);
        if accepted + dialled > 0 {
            tracing::warn!(
                accepted,
                dialled,
                "connections were closed: no longer admitted"
            );
        }
    }
}
