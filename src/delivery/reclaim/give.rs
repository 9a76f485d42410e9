//! A partner asks for what it lost.

use std::sync::Arc;

use super::{Given, ReclaimAsk, ReclaimPage, Reclaimed};
use crate::{
    delivery::{core::Core, quota::Asked, receive},
    domain::{
        id::{AuthorityId, StatementRef},
        limits::{
            FRAME_MAX_BYTES, RECLAIM_LOOK_RECORDS, RECLAIM_MAX_NAMES, RECLAIM_MAX_STATEMENTS,
        },
        reason::Reason,
        receipt::LeafHash,
        routing::Lane,
        time::Timestamp,
    },
    store::{
        Store,
        entry::EntryIndex,
        event::Event,
        ledger::Ledger,
        record::{Direction, MessageRecord, Ordinal},
    },
    trust::batch::{Proof, Unverified, UnverifiedItem},
};

/// Answers a page. What is given is journaled, and durable, before it leaves.
///
/// # Errors
/// When the call as a whole is refused: by the peer's standing, its share of the minute, or because we stop.
pub(in crate::delivery) async fn give_back(
    core: &Arc<Core>,
    peer: AuthorityId,
    ask: ReclaimAsk,
) -> Result<ReclaimPage, Reason> {
    match admitted(core, peer, ask).await {
        Ok(page) => {
            let refused = page
                .items
                .iter()
                .find_map(|item| item.outcome.as_ref().err());
            if let Some(reason) = refused {
                receive::turned_away(core, peer, *reason).await;
            }
            Ok(page)
        }
        Err(reason) => Err(receive::turned_away(core, peer, reason).await),
    }
}

async fn admitted(
    core: &Arc<Core>,
    peer: AuthorityId,
    ask: ReclaimAsk,
) -> Result<ReclaimPage, Reason> {
    if core.is_stopping() {
        return Err(Reason::Stopping);
    }
    receive::check_standing(core, &peer)?;
    let _under_way = core
        .quotas
        .enter(peer, asked(&ask), core.clock.monotonic())?;
    match ask {
        ReclaimAsk::Since { at, after } => core
            .read(|ledger| look(ledger, &peer, at, after))
            .await
            .map_err(|_| Reason::Stopping),
        ReclaimAsk::Statements(names) => give(core, peer, names).await,
    }
}

/// What a page may cost us, as if the peer had sent it.
fn asked(ask: &ReclaimAsk) -> Asked {
    let (statements, bytes) = match ask {
        ReclaimAsk::Since { .. } => (1, 0),
        ReclaimAsk::Statements(names) => (names.len(), FRAME_MAX_BYTES),
    };
    let number = |count| u64::try_from(count).unwrap_or(u64::MAX);
    Asked {
        statements: number(statements),
        bytes: number(bytes),
    }
}

/// Names, and where the next page begins.
fn look(ledger: &Ledger, peer: &AuthorityId, at: Timestamp, after: Option<Ordinal>) -> ReclaimPage {
    let from = after.map_or(0, |ordinal| ordinal.saturating_add(1));
    let end = ledger
        .message_count()
        .min(from.saturating_add(RECLAIM_LOOK_RECORDS));
    let mut page = ReclaimPage::default();
    for ordinal in from..end {
        if page.held.len() == RECLAIM_MAX_NAMES {
            page.next = ordinal.checked_sub(1);
            return page;
        }
        let record = ledger.message_at(ordinal);
        page.held.extend(
            record
                .filter(|record| concerns(record, peer, at))
                .map(|record| record.statement),
        );
    }
    page.next = (end < ledger.message_count()).then_some(end.saturating_sub(1));
    page
}

/// What the peer may have lost since then: its own, what it receipted, and what others sent to both of us.
fn concerns(record: &MessageRecord, peer: &AuthorityId, at: Timestamp) -> bool {
    match record.direction {
        Direction::Own => record.delivery(peer).is_some_and(|delivery| {
            delivery.receipt.is_some() && delivery.extended.is_none() && delivery.since >= at
        }),
        // What was extended to the peer comes back inside its carrier.
        Direction::Foreign => {
            let is_named = record.statement.origin == *peer || record.names(peer);
            record.recorded_at >= at && is_named
        }
    }
}

/// What is the peer's own, was sent to it, or was extended to it.
fn is_party(record: &MessageRecord, peer: &AuthorityId) -> bool {
    record.statement.origin == *peer || record.delivery(peer).is_some()
}

/// Where the documents of a statement stand.
#[derive(Debug, Clone, Copy)]
struct Found {
    statement: EntryIndex,
    /// Entry that holds the peer's own receipt; of the peer's own statement, ours stands beside it.
    receipt: Option<EntryIndex>,
}

/// # Errors
/// `NOT_FOUND`: it is not here, or not the peer's to have; which of the two is not told.
fn find(ledger: &Ledger, name: &StatementRef, peer: &AuthorityId) -> Result<Found, Reason> {
    let record = ledger.message(name).filter(|it| is_party(it, peer));
    let record = record.ok_or(Reason::NotFound)?;
    let receipt = match record.direction {
        // A receipt for a carrier says nothing of what is inside.
        Direction::Own => record
            .delivery(peer)
            .filter(|delivery| delivery.extended.is_none())
            .and_then(|delivery| delivery.receipt),
        Direction::Foreign => None,
    };
    Ok(Found {
        statement: record.index,
        receipt,
    })
}

async fn give(
    core: &Arc<Core>,
    peer: AuthorityId,
    names: Vec<StatementRef>,
) -> Result<ReclaimPage, Reason> {
    if names.is_empty() || names.len() > RECLAIM_MAX_STATEMENTS {
        return Err(Reason::FrameBroken);
    }
    core.given.take(peer, names.len(), core.now())?;
    let found = core.read(|ledger| {
        let named = |name: StatementRef| (name, find(ledger, &name, &peer));
        names.into_iter().map(named).collect::<Vec<_>>()
    });
    let found = found.await.map_err(|_| Reason::Stopping)?;
    let reading = core.run_for(Some(peer), Lane::Bulk, move |core| {
        read(&core.store, &peer, found)
    });
    let (items, leaves) = reading.await?;
    let given = leaves
        .into_iter()
        .map(|(statement, leaf)| Event::GivenBack {
            statement,
            peer,
            leaf,
        });
    let journaled = core.record(given.collect()).await;
    journaled.map_err(|_| Reason::Stopping)?;
    Ok(ReclaimPage {
        items,
        ..ReclaimPage::default()
    })
}

type Named = (StatementRef, Result<Found, Reason>);

/// Reads as many as fit into one message, at least one.
fn read(
    store: &Store,
    peer: &AuthorityId,
    found: Vec<Named>,
) -> (Vec<Reclaimed>, Vec<(StatementRef, LeafHash)>) {
    let mut items: Vec<Reclaimed> = Vec::new();
    let mut leaves = Vec::new();
    let mut bytes = 0;
    for (statement, found) in found {
        let outcome = found.and_then(|found| documents(store, peer, &statement, found));
        if let Ok((given, leaf)) = &outcome {
            bytes += size(&given.document) + given.receipt.as_ref().map_or(0, size);
            if bytes > FRAME_MAX_BYTES && !items.is_empty() {
                break;
            }
            leaves.push((statement, *leaf));
        }
        items.push(Reclaimed {
            statement,
            outcome: outcome.map(|(given, _)| given),
        });
    }
    (items, leaves)
}

fn size(batch: &Unverified) -> usize {
    let items = batch.items.iter();
    items
        .map(|item| item.document.len() + item.path.len() * 32)
        .sum()
}

fn documents(
    store: &Store,
    peer: &AuthorityId,
    statement: &StatementRef,
    found: Found,
) -> Result<(Given, LeafHash), Reason> {
    let read = |index| {
        store.entry(index).map_err(|error| {
            tracing::error!(%error, "what a partner lost cannot be read here either");
            Reason::DamagedBody
        })
    };
    let entry = read(found.statement)?;
    let leaf = entry.header.leaf.ok_or(Reason::DamagedBody)?;
    let proof = entry.proof.ok_or(Reason::DamagedBody)?;
    let receipt = match found.receipt {
        Some(index) => {
            let kept = read(index)?;
            kept.proof.map(|proof| single(kept.body, proof))
        }
        None if statement.origin == *peer => entry
            .receipt
            .map(|(document, proof)| single(document, proof)),
        None => None,
    };
    let given = Given {
        document: single(entry.body, proof),
        receipt,
    };
    Ok((given, leaf))
}

fn single(document: bytes::Bytes, proof: Proof) -> Unverified {
    Unverified {
        signed: proof.signed.as_ref().clone(),
        items: vec![UnverifiedItem {
            document,
            index: proof.index,
            path: proof.path,
        }],
    }
}
