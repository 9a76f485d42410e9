//! Keeping what a partner gave back: verified as ever, proved to be ours to have, and once.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;

use super::Reclaimed;
use crate::{
    delivery::{
        carried,
        core::{Committing, Core, Incident},
        receipts,
        verdict::{self, Recognised},
    },
    domain::{
        id::{AuthorityId, StatementRef},
        reason::{Class, Reason},
        receipt::{LeafHash, Receipt, Verdict},
        time::Timestamp,
    },
    store::{
        entry::{Act, Actor, EntryIndex},
        event::Event,
        journal::MissingEntry,
        ledger::Ledger,
        record::Direction,
    },
    trust::batch::{Proof, ProofSource, Purpose, Unverified, Verified},
    wire,
};

/// What a page brought.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// Lost entries whose content is here again.
    pub(super) entries: Vec<EntryIndex>,
    /// Statements and receipts that were kept.
    pub(super) documents: u64,
    /// Why something was not believed that may be later, as our own clock or directory may be wrong now.
    pub(super) again: Option<Reason>,
}

/// A statement that verifies, with the receipt for it.
struct Proved {
    statement: wire::Statement,
    /// What it carries.
    carried: Option<wire::Statement>,
    receipt: Option<ProvedReceipt>,
}

struct ProvedReceipt {
    receipt: Receipt,
    verified: Verified,
}

/// Verifies, decides, records. Runs on a worker.
pub(super) fn keep(
    core: &Arc<Core>,
    peer: AuthorityId,
    items: Vec<Reclaimed>,
) -> (Committing<()>, Settled) {
    let now = core.now();
    let mut proved = Vec::new();
    let mut faults = Vec::new();
    let mut again = None;
    for item in items {
        match prove(core, &peer, &item, now) {
            Ok(found) => proved.push(found),
            Err(Reason::NotFound) => {}
            Err(reason) => {
                again = again.or((reason.class() == Class::Retry).then_some(reason));
                faults.push((item.statement, reason));
            }
        }
    }
    let missing = core.store.loss().missing;
    let mut sitting = Sitting {
        core,
        peer,
        now,
        saved: saved_receipts(core, &missing, &proved),
        missing,
        events: 0,
        settled: Settled {
            again,
            ..Settled::default()
        },
        statements: Vec::new(),
        receipts: Vec::new(),
        to_receipt: Vec::new(),
    };
    let mut plan = core.store.decide(|ledger| {
        for (statement, reason) in faults {
            sitting.alarm(ledger, statement, reason, None);
        }
        for found in proved {
            sitting.judge(ledger, found);
        }
    });
    for (signed, links) in receipts::by_signature(sitting.statements) {
        plan.attach_signature(signed, &links);
    }
    for (proof, document, position) in sitting.receipts {
        plan.attach_receipt_again(proof, document, position);
    }
    for (origin, verdict) in sitting.to_receipt {
        // One by one: each goes to its own origin when it asks again.
        let _ = receipts::issue(core, origin, now, &mut plan, &[verdict]);
    }
    (core.commit(plan), sitting.settled)
}

/// Receipts that we had issued for these, and that stand beside the bodies that were lost: whoever gives a body back may
/// not have them, and a second receipt would be another one.
fn saved_receipts(
    core: &Core,
    missing: &[MissingEntry],
    proved: &[Proved],
) -> BTreeMap<EntryIndex, (Bytes, Proof)> {
    let names: BTreeSet<StatementRef> = proved
        .iter()
        .map(|found| found.statement.routing.statement)
        .collect();
    let lost = missing.iter().filter(|entry| {
        let subject = entry.header.as_ref().and_then(|header| header.subject);
        subject.is_some_and(|subject| names.contains(&subject))
    });
    let receipt = |entry: &MissingEntry| {
        let saved = core.store.issued_receipt(entry.index).ok()??;
        Some((entry.index, saved))
    };
    lost.filter_map(receipt).collect()
}

/// # Errors
/// Why it is not believed.
fn prove(
    core: &Core,
    peer: &AuthorityId,
    item: &Reclaimed,
    now: Timestamp,
) -> Result<Proved, Reason> {
    let given = item.outcome.as_ref().map_err(|reason| *reason)?;
    let name = item.statement;
    let verified = verified(
        core,
        Purpose::Statement,
        &name.origin,
        &given.document,
        (&name, now),
    )?;
    let leaf = verified.leaf();
    let statement = wire::decode_statement(verified)?;
    if statement.routing.statement != name {
        return Err(Reason::TargetMismatch);
    }
    let carried = carried::open(core, &statement, now)?.map(|inside| inside.carried);
    // Of our own statement the giver's receipt; of the giver's, our own.
    let giver = if name.origin == core.authority {
        *peer
    } else {
        core.authority
    };
    let receipt = given.receipt.as_ref().map(|receipt| {
        let verified = verified_receipt(core, &giver, receipt, (&name, now))?;
        let fits = verified.receipt.leaf == leaf;
        fits.then_some(verified).ok_or(Reason::ForgedReceipt)
    });
    let receipt = match receipt.transpose() {
        // By a key that is not in force now, or by our clock is not: the statement is good without it.
        Err(reason) if reason.class() == Class::Retry => None,
        receipt => receipt?,
    };
    Ok(Proved {
        statement,
        carried,
        receipt,
    })
}

fn verified_receipt(
    core: &Core,
    giver: &AuthorityId,
    receipt: &Unverified,
    of: (&StatementRef, Timestamp),
) -> Result<ProvedReceipt, Reason> {
    let verified = verified(core, Purpose::Receipt, giver, receipt, of)?;
    let receipt = wire::decode_receipt(verified.document())?;
    let fits = receipt.federation == core.directory.load().federation()
        && receipt.recipient == *giver
        && receipt.sender == of.0.origin
        && receipt.message == of.0.id;
    fits.then_some(ProvedReceipt { receipt, verified })
        .ok_or(Reason::ForgedReceipt)
}

/// Good now; or by a key that has retired, or an authority that is suspended by now, when the statement's id was made:
/// what was good when it was kept comes back, whatever became of its signer. The signer may be ourselves.
fn verified(
    core: &Core,
    purpose: Purpose,
    signer: &AuthorityId,
    batch: &Unverified,
    (name, now): (&StatementRef, Timestamp),
) -> Result<Verified, Reason> {
    let only = |mut results: Vec<Result<Verified, Reason>>| match results.len() {
        1 => results.pop().unwrap_or(Err(Reason::FrameBroken)),
        _ => Err(Reason::FrameBroken),
    };
    match only(core.verifier.verify(purpose, signer, batch, now)) {
        Err(Reason::KeyRetired | Reason::PeerSuspended) => {
            let then = name.id.time();
            only(core.verifier.verify_at(purpose, signer, batch, then))
        }
        result => result,
    }
}

/// Judging under the lock.
struct Sitting<'a> {
    core: &'a Arc<Core>,
    peer: AuthorityId,
    now: Timestamp,
    missing: Vec<MissingEntry>,
    /// Our own receipts that stand beside lost bodies.
    saved: BTreeMap<EntryIndex, (Bytes, Proof)>,
    events: usize,
    settled: Settled,
    /// Signatures of statements and receipts that are kept, with the place of the event.
    statements: Vec<(usize, ProofSource)>,
    /// Receipts that we had issued.
    receipts: Vec<(Proof, Bytes, usize)>,
    /// Statements of which nobody could give our receipt back.
    to_receipt: Vec<(AuthorityId, receipts::ToReceipt)>,
}

impl Sitting<'_> {
    fn judge(&mut self, ledger: &mut Ledger, found: Proved) {
        let name = found.statement.routing.statement;
        let leaf = found.statement.verified.leaf();
        match verdict::recognise(ledger.known(&name), leaf) {
            Recognised::Conflict(known) => {
                self.alarm(ledger, name, Reason::IdConflict, Some(known.leaf));
            }
            Recognised::Repeat(_) => self.receipt(ledger, &name, found.receipt),
            Recognised::New if name.origin == self.core.authority => {
                self.accept(ledger, found.statement);
                self.receipt(ledger, &name, found.receipt);
            }
            Recognised::New => self.receive(ledger, found),
        }
    }

    /// Our own: its deliveries wait again, and receivers answer as to any repeat.
    fn accept(&mut self, ledger: &mut Ledger, statement: wire::Statement) {
        let name = statement.routing.statement;
        let leaf = statement.verified.leaf();
        let lost = self.lost(Act::Accepted, &name, None);
        let actor = lost.and_then(|entry| Some(entry.header.as_ref()?.actor));
        let lost = lost.map(|entry| entry.index);
        let event = self.record(
            ledger,
            Event::Accepted {
                actor: actor.unwrap_or(Actor::NODE),
                leaf,
                document: statement.verified.document().clone(),
                routing: Arc::new(statement.routing),
            },
        );
        self.statements
            .push((event, statement.verified.proof().clone()));
        self.note(ledger, name, leaf, lost);
    }

    /// A foreign one: only what we had receipted, or what a saved header names by its hash.
    fn receive(&mut self, ledger: &mut Ledger, found: Proved) {
        let Proved {
            statement,
            carried,
            receipt,
        } = found;
        let name = statement.routing.statement;
        let leaf = statement.verified.leaf();
        let index = receipt.as_ref().map(|it| it.receipt.journal_index);
        let lost = self.lost(Act::Received, &name, index);
        let missed = lost
            .and_then(|entry| entry.header.as_ref())
            .is_some_and(|header| header.leaf == Some(leaf));
        let lost = lost.map(|entry| entry.index);
        let is_ours = statement.routing.recipient(&self.core.authority).is_some();
        if !is_ours && let Some((peer, lost)) = self.lost_inside(&name, leaf) {
            self.carry(ledger, peer, &statement);
            return self.note(ledger, name, leaf, Some(lost));
        }
        if !is_ours || (receipt.is_none() && !missed) {
            return self.alarm(ledger, name, Reason::NotReceipted, Some(leaf));
        }
        let event = match receipt.as_ref().map(|it| it.receipt.verdict) {
            Some(Verdict::Refused(reason)) => Event::RefusedStatement {
                statement: name,
                peer: name.origin,
                leaf,
                reason,
            },
            Some(Verdict::Held) | None => Event::Received {
                routing: Arc::new(statement.routing),
                leaf,
                document: statement.verified.document().clone(),
            },
        };
        let is_held = matches!(event, Event::Received { .. });
        let event = self.record(ledger, event);
        if is_held {
            self.statements
                .push((event, statement.verified.proof().clone()));
            let inside = carried.filter(|carried| {
                let inside = carried.routing.statement;
                inside.origin != self.core.authority && ledger.known(&inside).is_none()
            });
            if let Some(carried) = inside {
                let (inside, leaf) = (carried.routing.statement, carried.verified.leaf());
                self.carry(ledger, name.origin, &carried);
                let lost = self.lost_inside(&inside, leaf).map(|(_, index)| index);
                self.note(ledger, inside, leaf, lost);
            }
        }
        match receipt {
            Some(again) => {
                if let Some(proof) = path(again.verified.proof()) {
                    let document = again.verified.document().clone();
                    self.receipts.push((proof, document, event));
                }
            }
            None if let Some((document, proof)) =
                lost.and_then(|index| self.saved.remove(&index)) =>
            {
                self.receipts.push((proof, document, event));
            }
            None => self.to_receipt.push((
                name.origin,
                receipts::ToReceipt {
                    statement: name,
                    leaf,
                    verdict: Verdict::Held,
                    event,
                },
            )),
        }
        self.note(ledger, name, leaf, lost);
    }

    /// What came inside a statement of this peer's.
    fn carry(&mut self, ledger: &mut Ledger, peer: AuthorityId, carried: &wire::Statement) {
        let event = self.record(ledger, carried::event(peer, carried));
        self.statements
            .push((event, carried.verified.proof().clone()));
    }

    /// The entry that held what came inside another statement, and whose that was; its header names these very bytes.
    fn lost_inside(
        &self,
        name: &StatementRef,
        leaf: LeafHash,
    ) -> Option<(AuthorityId, EntryIndex)> {
        let entry = self.lost(Act::Carried, name, None)?;
        let header = entry.header.as_ref()?;
        (header.leaf == Some(leaf)).then_some((header.peer?, entry.index))
    }

    /// The partner's receipt for one of our own, unless it is here.
    fn receipt(
        &mut self,
        ledger: &mut Ledger,
        name: &StatementRef,
        receipt: Option<ProvedReceipt>,
    ) {
        let is_open = ledger
            .message(name)
            .filter(|record| record.direction == Direction::Own)
            .and_then(|record| record.delivery(&self.peer).map(|it| it.receipt.is_none()));
        let Some(given) = receipt.filter(|_| is_open == Some(true)) else {
            return;
        };
        let leaf = given.verified.leaf();
        let lost = self.missing.iter().find(|entry| {
            entry
                .header
                .as_ref()
                .is_some_and(|it| it.act == Act::ReceiptStored && it.leaf == Some(leaf))
        });
        let lost = lost.map(|entry| entry.index);
        let event = self.record(
            ledger,
            Event::ReceiptStored {
                receipt: Box::new(given.receipt),
                document: given.verified.document().clone(),
                leaf,
            },
        );
        self.statements
            .push((event, given.verified.proof().clone()));
        self.note(ledger, *name, leaf, lost);
    }

    /// The entry that was lost: by its header, or by the index that our receipt names.
    fn lost(
        &self,
        act: Act,
        name: &StatementRef,
        index: Option<EntryIndex>,
    ) -> Option<&MissingEntry> {
        let by_header = |entry: &&MissingEntry| {
            let header = entry.header.as_ref();
            header.is_some_and(|header| header.act == act && header.subject == Some(*name))
        };
        let by_index = |entry: &&MissingEntry| entry.header.is_none() && Some(entry.index) == index;
        let entries = || self.missing.iter();
        entries()
            .find(by_header)
            .or_else(|| entries().find(by_index))
    }

    fn note(
        &mut self,
        ledger: &mut Ledger,
        statement: StatementRef,
        leaf: LeafHash,
        lost: Option<EntryIndex>,
    ) {
        self.settled.documents += 1;
        self.settled.entries.extend(lost);
        self.record(
            ledger,
            Event::Reclaimed {
                statement,
                peer: self.peer,
                leaf,
                lost,
            },
        );
    }

    fn alarm(
        &mut self,
        ledger: &mut Ledger,
        statement: StatementRef,
        reason: Reason,
        leaf: Option<LeafHash>,
    ) {
        let incident = Incident {
            peer: self.peer,
            reason,
            statement: Some(statement),
            leaf,
        };
        if let Some(event) = self.core.incident(incident) {
            self.record(ledger, event);
        }
    }

    /// Records, and gives the place of the event in this plan.
    fn record(&mut self, ledger: &mut Ledger, event: Event) -> usize {
        ledger.record(self.now, event);
        self.events += 1;
        self.events - 1
    }
}

/// What came with a path, or as the only one of its batch.
fn path(proof: &ProofSource) -> Option<Proof> {
    match proof {
        ProofSource::Path(proof) => Some(proof.clone()),
        ProofSource::Whole(batch, index) => batch.proof(*index),
    }
}
