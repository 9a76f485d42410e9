//! Own live alerts that are for a group or for all, and that who belongs to these now does not have.
//!
//! The way in is [`Question::offers`]. Found when it is asked, under the directory in force; whom an officer has declined
//! is not offered again. Routing and state only, no person.

use std::collections::BTreeSet;

use crate::{
    domain::{id::AuthorityId, limits::OFFERS_LOOK_RECORDS, lives::AlertLife, time::Timestamp},
    store::{
        ledger::Ledger,
        record::{MessageRecord, Ordinal},
    },
    trust::directory::{Beginning, Directory},
};

/// An alert that is offered.
#[derive(Debug, Clone)]
pub struct Offer {
    /// The alert.
    pub record: MessageRecord,
    /// All of its thread that is here.
    pub thread: Vec<MessageRecord>,
    /// Who belongs to those for whom it is, and does not have it.
    pub newcomers: Vec<AuthorityId>,
}

/// Offers, and behind which alert to go on.
#[derive(Debug, Clone)]
pub struct Found {
    /// The newest first.
    pub offers: Vec<Offer>,
    /// `None`: there are no more.
    pub next: Option<Ordinal>,
}

/// What is asked of the ledger: under which directory, when, and of whom.
pub struct Question<'a> {
    /// In force.
    pub directory: &'a Directory,
    /// Ourselves.
    pub own: AuthorityId,
    /// Now.
    pub now: Timestamp,
}

impl Question<'_> {
    /// At most so many offers, out of the next [`OFFERS_LOOK_RECORDS`] alerts: the ledger is not held for longer.
    #[must_use]
    pub fn offers(&self, ledger: &Ledger, before: Option<Ordinal>, limit: usize) -> Found {
        let looked_at = ledger.addressed(before, OFFERS_LOOK_RECORDS);
        let is_all = looked_at.len() < OFFERS_LOOK_RECORDS;
        let oldest = looked_at.last().map(|record| record.ordinal);
        let mut offers = Vec::new();
        for record in looked_at {
            let newcomers = self.newcomers(&record);
            if newcomers.is_empty() {
                continue;
            }
            if offers.len() == limit {
                let next = offers.last().map(|offer: &Offer| offer.record.ordinal);
                return Found { offers, next };
            }
            offers.push(Offer {
                thread: ledger.thread(&record.statement),
                record,
                newcomers,
            });
        }
        Found {
            offers,
            next: oldest.filter(|_| !is_all),
        }
    }

    /// Who belongs to those for whom it is and does not have it, while it lives. A group that is gone has nobody.
    #[must_use]
    pub fn newcomers(&self, record: &MessageRecord) -> Vec<AuthorityId> {
        if record.life_at(self.now) != AlertLife::Live || !record.kind.is_carried() {
            return Vec::new();
        }
        // As when it was addressed: whoever does not receive its kind was not meant.
        let beginning = Beginning::With(record.kind);
        let now: BTreeSet<AuthorityId> = record
            .is_for()
            .filter_map(|name| self.directory.expand(name, beginning, &self.own).ok())
            .flatten()
            .collect();
        now.into_iter()
            .filter(|authority| record.is_lacked_by(authority) && !record.is_declined_to(authority))
            .collect()
    }
}
