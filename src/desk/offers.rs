//! `Offers`: own live alerts that are for a group or for all, and that who belongs to these now does not have.
//!
//! The way in is [`list`]. Whoever joins is offered to the originator, never given anything by itself: extending is an
//! officer's act. Routing and state only, no person.

use std::collections::BTreeSet;

use tonic::Status;

use super::{
    cursor::{self, Paged},
    inbox::page_size,
    moment::Moment,
    service::{DeskService, store_failed},
    summary::summary,
};
use crate::{
    domain::{id::AuthorityId, limits::OFFERS_LOOK_RECORDS, lives::AlertLife, time::Timestamp},
    proto::desk::v1 as pb,
    store::{
        ledger::Ledger,
        record::{MessageRecord, Ordinal},
    },
    trust::directory::{Beginning, Directory},
};

/// An alert that is offered.
struct Offer {
    record: MessageRecord,
    thread: Vec<MessageRecord>,
    newcomers: Vec<AuthorityId>,
}

/// What is asked of the ledger: under which directory, when, and of whom.
struct Question<'a> {
    directory: &'a Directory,
    own: AuthorityId,
    now: Timestamp,
}

/// One page, newest first. It may be short of the limit, or empty, and not be the last.
pub(super) async fn list(
    desk: &DeskService,
    request: &pb::OffersRequest,
) -> Result<pb::OffersResponse, Status> {
    let before = cursor::read(Paged::Offers, &request.cursor)?;
    let limit = page_size(request.limit)?;
    let found = find(desk, before, limit).await?;
    let moment = Moment::of(desk.parts());
    let next = found.next;
    Ok(pb::OffersResponse {
        next_cursor: next.map_or_else(String::new, |next| cursor::write(Paged::Offers, next)),
        items: found
            .offers
            .iter()
            .map(|offer| line(offer, &moment))
            .collect(),
    })
}

/// How many there are among the newest that are for groups or for all.
pub(super) async fn count(desk: &DeskService) -> Result<u64, Status> {
    let found = find(desk, None, OFFERS_LOOK_RECORDS).await?;
    Ok(found.offers.len() as u64)
}

/// Offers, and behind which alert to go on.
struct Found {
    offers: Vec<Offer>,
    next: Option<Ordinal>,
}

/// At most so many offers, out of the next [`OFFERS_LOOK_RECORDS`] alerts: the ledger is not held for longer.
async fn find(desk: &DeskService, before: Option<Ordinal>, limit: usize) -> Result<Found, Status> {
    let parts = desk.parts();
    let directory = parts.directory.load_full();
    let question = Question {
        directory: &directory,
        own: parts.authority,
        now: parts.clock.now(),
    };
    let reading = parts
        .store
        .read(|ledger| question.offers(ledger, before, limit));
    reading.await.map_err(|error| store_failed(&error))
}

impl Question<'_> {
    fn offers(&self, ledger: &Ledger, before: Option<Ordinal>, limit: usize) -> Found {
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
    fn newcomers(&self, record: &MessageRecord) -> Vec<AuthorityId> {
        if record.life_at(self.now) != AlertLife::Live || !record.kind.is_carried() {
            return Vec::new();
        }
        // As when it was addressed: whoever does not receive its kind was not meant.
        let beginning = Beginning::With(record.kind);
        let names = record.addressed.as_deref().unwrap_or_default().split(',');
        let now: BTreeSet<AuthorityId> = names
            .filter_map(|name| self.directory.expand(name, beginning, &self.own).ok())
            .flatten()
            .collect();
        now.into_iter()
            .filter(|authority| record.is_lacked_by(authority))
            .collect()
    }
}

fn line(offer: &Offer, moment: &Moment) -> pb::Offer {
    let names = offer.record.addressed.as_deref().unwrap_or_default();
    pb::Offer {
        summary: Some(summary(&offer.record, &offer.thread, moment)),
        addressed: names.split(',').map(ToOwned::to_owned).collect(),
        newcomers: offer.newcomers.iter().map(ToString::to_string).collect(),
    }
}
