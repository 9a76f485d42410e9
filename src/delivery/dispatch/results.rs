//! What a partner said of a frame: receipts are verified, checked against what was sent, and kept.
//!
//! The way in is [`take`]. Must never call anything delivered but on a receipt that verifies, fits, and is durable.

use std::{collections::HashMap, sync::Arc};

use super::window::Sent;
use crate::{
    delivery::{
        core::{Committing, Core, Incident},
        link::StatementOutcome,
        receipts,
    },
    domain::{
        id::{AuthorityId, MessageId},
        lives::DeliveryLife,
        reason::{Class, Reason},
        receipt::{LeafHash, Receipt, Verdict},
    },
    store::{event::Event, ledger::Ledger, record::Ordinal},
    trust::batch::{ProofSource, Purpose, Unverified, Verified},
    wire,
};

/// What the lane does about one statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing: its delivery is settled, or waits for a person.
    Settled,
    /// Tries again later.
    Retry(Reason),
    /// Tries once more in a frame of its own; an unsigned `final` is believed only then, and only as `held`.
    Alone(Reason),
}

/// A frame's result, worked up and durable.
#[derive(Debug)]
pub(super) struct Worked {
    pub(super) next: Vec<(Ordinal, Next)>,
    pub(super) receipts: usize,
}

/// A statement of the frame, what was said of it, and whether that was said before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said {
    pub(super) sent: Sent,
    /// `None`: the partner says that it holds it.
    pub(super) refused: Option<Reason>,
    pub(super) tried_alone: bool,
}

/// Puts the results beside what was sent. A result over other bytes says nothing.
pub(super) fn match_up(sent: Vec<(Sent, bool)>, results: &[StatementOutcome]) -> Vec<Said> {
    let mut results = results.iter();
    sent.into_iter()
        .map(|(sent, tried_alone)| Said {
            sent,
            tried_alone,
            refused: match results.next() {
                Some(result) if result.leaf == sent.leaf => result.refused,
                Some(_) | None => Some(Reason::FrameBroken),
            },
        })
        .collect()
}

/// A receipt that verifies, with its document.
struct Kept {
    receipt: Receipt,
    verified: Verified,
}

/// Verifies and keeps the receipts, and says what to do about each statement. Runs on a worker.
pub(super) fn take(
    core: &Arc<Core>,
    peer: AuthorityId,
    said: &[Said],
    receipts: &[Unverified],
) -> Committing<Worked> {
    let (mut kept, mut incidents) = verify(core, peer, said, receipts);
    let now = core.now();
    let mut proofs = Vec::new();
    let mut plan = core.store.decide(|ledger| {
        let mut events = 0;
        let mut record = |ledger: &mut Ledger, event| {
            ledger.record(now, event);
            events += 1;
            events - 1
        };
        for incident in incidents.drain(..) {
            record(ledger, incident);
        }
        let mut worked = Worked {
            next: Vec::with_capacity(said.len()),
            receipts: 0,
        };
        for said in said {
            let receipt = kept.remove(&(said.sent.statement.id, said.sent.leaf));
            let verdict = receipt.as_ref().map(|kept| kept.receipt.verdict);
            let open = is_open(ledger, said, &peer);
            let (next, held) = decide(said, verdict);
            if let (true, Some(receipt)) = (open, receipt) {
                worked.receipts += 1;
                let event = Event::ReceiptStored {
                    leaf: receipt.verified.leaf(),
                    document: receipt.verified.document().clone(),
                    receipt: Box::new(receipt.receipt),
                };
                let place = record(ledger, event);
                proofs.push((place, receipt.verified.proof().clone()));
            }
            if let (true, Some(reason)) = (open, held) {
                let event = Event::DeliveryHeld {
                    statement: said.sent.statement,
                    recipient: peer,
                    reason,
                };
                record(ledger, event);
            }
            if said.refused == Some(Reason::ClockSkew)
                && let Some(alarm) = core.incident(clocks_differ(peer))
            {
                record(ledger, alarm);
            }
            worked.next.push((said.sent.ordinal, next));
        }
        worked
    });
    for (signed, links) in
        receipts::by_signature(std::mem::take::<Vec<(usize, ProofSource)>>(&mut proofs))
    {
        plan.attach_signature(signed, &links);
    }
    core.commit(plan)
}

/// The partner finds us in its future: both sides alarm.
fn clocks_differ(peer: AuthorityId) -> Incident {
    Incident {
        peer,
        reason: Reason::ClockSkew,
        statement: None,
        leaf: None,
    }
}

/// True while the delivery waits for a receipt: a second one changes nothing.
fn is_open(ledger: &Ledger, said: &Said, peer: &AuthorityId) -> bool {
    ledger
        .message(&said.sent.statement)
        .and_then(|record| record.delivery(peer).map(|delivery| delivery.life))
        .is_some_and(|life| matches!(life, DeliveryLife::Queued | DeliveryLife::Held(_)))
}

/// What follows from a result and its receipt: what the lane does, and whether the delivery is held, and why.
fn decide(said: &Said, verdict: Option<Verdict>) -> (Next, Option<Reason>) {
    match (verdict, said.refused) {
        (Some(Verdict::Held), _) => (Next::Settled, None),
        // The receipt itself settles or holds the delivery, by its reason's class.
        (Some(Verdict::Refused(reason)), _) => match reason.class() {
            Class::Final | Class::Hold => (Next::Settled, None),
            Class::Retry => (Next::Retry(reason), None),
        },
        // Said to be held, and no receipt that proves it: it stays pending.
        (None, None) => (Next::Retry(Reason::ForgedReceipt), None),
        (None, Some(reason)) => match reason.class() {
            Class::Retry if reason == Reason::FrameBroken => (Next::Alone(reason), None),
            Class::Retry => (Next::Retry(reason), None),
            Class::Hold => (Next::Settled, Some(reason)),
            Class::Final if said.tried_alone => (Next::Settled, Some(reason)),
            Class::Final => (Next::Alone(reason), None),
        },
    }
}

/// Receipts by what they are for; those that do not verify or fit are ignored, and told once.
fn verify(
    core: &Core,
    peer: AuthorityId,
    said: &[Said],
    receipts: &[Unverified],
) -> (HashMap<(MessageId, LeafHash), Kept>, Vec<Event>) {
    let sent: HashMap<(MessageId, LeafHash), &Sent> = said
        .iter()
        .map(|said| ((said.sent.statement.id, said.sent.leaf), &said.sent))
        .collect();
    let federation = core.directory.load().federation().to_owned();
    let mut kept = HashMap::new();
    let mut incidents = Vec::new();
    let now = core.now();
    for batch in receipts {
        for verified in core.verifier.verify(Purpose::Receipt, &peer, batch, now) {
            let fitting = verified.ok().and_then(|verified| {
                let receipt = wire::decode_receipt(verified.document()).ok()?;
                let fits = receipt.federation == federation
                    && receipt.recipient == peer
                    && receipt.sender == core.authority
                    && is_verdict(receipt.verdict)
                    && sent.contains_key(&(receipt.message, receipt.leaf));
                fits.then_some(Kept { receipt, verified })
            });
            match fitting {
                Some(fitting) => {
                    kept.insert((fitting.receipt.message, fitting.receipt.leaf), fitting);
                }
                None => incidents.extend(core.incident(Incident {
                    peer,
                    reason: Reason::ForgedReceipt,
                    statement: said.first().map(|said| said.sent.statement),
                    leaf: None,
                })),
            }
        }
    }
    (kept, incidents)
}

/// A receipt holds, or refuses for good or until a person acts; it never says `retry`.
fn is_verdict(verdict: Verdict) -> bool {
    match verdict {
        Verdict::Held => true,
        Verdict::Refused(reason) => reason.class() != Class::Retry,
    }
}

#[cfg(test)]
#[path = "results_tests.rs"]
mod tests;
