//! The ground of a draft: as it says, else as our own statements of its thread went to each recipient, else by policy.
//!
//! The way in is [`of_draft`]. Grounds stand in the signed statements alone, so these are read; never guessed.

use std::collections::{BTreeMap, BTreeSet};

use tonic::Status;

use super::{
    service::{DeskService, read_failed, store_failed},
    thread::blocking,
};
use crate::{
    delivery::Ground,
    domain::{
        id::{AuthorityId, StatementRef},
        reason::Reason,
        routing::{Kind, TransferGround},
    },
    store::{
        Store,
        entry::EntryIndex,
        record::{Direction, MessageRecord},
    },
    wire::{decode_kept_statement, status::refusal},
};

/// What holds for a draft of this kind that answers or changes `target`, and names this ground or none.
pub(super) async fn of_draft(
    desk: &DeskService,
    kind: Kind,
    named: Option<(TransferGround, String)>,
    target: Option<StatementRef>,
) -> Result<Ground, Status> {
    let parts = desk.parts();
    let policy = parts.policy.load_full();
    let is_needed = named.is_none() || kind == Kind::Extend;
    let Some(target) = target.filter(|_| is_needed) else {
        return Ok(Ground {
            named,
            policy,
            ..Ground::default()
        });
    };
    let reading = parts.store.read(|ledger| {
        let thread = ledger.message(&target).map(|record| record.thread);
        thread.map_or_else(Vec::new, |thread| ledger.thread(&thread))
    });
    let records = reading.await.map_err(|error| store_failed(&error))?;
    let latest = latest(&records);
    let store = parts.store.clone();
    let of_thread = blocking(move || read(&store, &latest)).await?;
    Ok(Ground {
        named,
        of_thread,
        policy,
    })
}

/// The entry of our latest statement to each recipient.
fn latest(records: &[MessageRecord]) -> BTreeMap<AuthorityId, EntryIndex> {
    let mut latest = BTreeMap::new();
    for record in records.iter().filter(|it| it.direction == Direction::Own) {
        for delivery in &record.deliveries {
            let index = latest.entry(delivery.recipient).or_insert(record.index);
            *index = record.index.max(*index);
        }
    }
    latest
}

fn read(
    store: &Store,
    latest: &BTreeMap<AuthorityId, EntryIndex>,
) -> Result<BTreeMap<AuthorityId, (TransferGround, String)>, Status> {
    let mut of_thread = BTreeMap::new();
    let entries: BTreeSet<EntryIndex> = latest.values().copied().collect();
    for index in entries {
        let entry = store.entry(index).map_err(|error| read_failed(&error))?;
        let (routing, _) = decode_kept_statement(&entry.body)
            .map_err(|_| refusal(Reason::DamagedBody, Reason::DamagedBody.meaning()))?;
        for recipient in routing.recipients {
            if latest.get(&recipient.authority) == Some(&index) {
                let ground = (recipient.ground, recipient.ground_reason);
                of_thread.insert(recipient.authority, ground);
            }
        }
    }
    Ok(of_thread)
}
