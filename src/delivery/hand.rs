//! What goes by hand: a bundle is written, carried, and reported.
//!
//! The ways in are [`bundle`] and [`carried`]; that a recipient runs no node is seen when a statement is accepted. Must
//! never call anything delivered, nor let a delivery to a node go by hand.

use std::sync::Arc;

use bytes::Bytes;

use super::{SubmitError, core::Core};
use crate::{
    domain::{
        id::{AuthorityId, StatementRef},
        lives::{DeliveryLife, DeliveryStep, Hand},
        reason::Reason,
        time::Timestamp,
    },
    store::{
        Durable,
        entry::Actor,
        event::{Event, Word},
        ledger::Ledger,
    },
};

/// Records that a bundle with these statements is written for a recipient; answers when durable, with the time that the
/// journal has of it.
///
/// # Errors
/// `NOT_BY_HAND` when one of them does not go there by hand; nothing was recorded then.
pub(super) async fn bundle(
    core: &Arc<Core>,
    actor: Actor,
    statements: &[StatementRef],
    recipient: AuthorityId,
) -> Result<Timestamp, SubmitError> {
    if core.is_stopping() {
        return Err(Reason::Stopping.into());
    }
    let now = core.now();
    let is_off_network = core.directory.load().channel(&recipient).is_some();
    let plan = core.store.decide(|ledger| {
        let mut changes = Vec::new();
        for &statement in statements {
            match life(ledger, &statement, &recipient)? {
                DeliveryLife::ByHand(_) => changes.push(Event::Bundled {
                    actor,
                    statement,
                    recipient,
                }),
                // It ran a node when this was accepted, or what was lost came back.
                DeliveryLife::Queued | DeliveryLife::Held(_) if is_off_network => {
                    changes.push(Event::GoesByHand {
                        actor,
                        statement,
                        recipient,
                    });
                    changes.push(Event::Bundled {
                        actor,
                        statement,
                        recipient,
                    });
                }
                _ => return Err(not_by_hand(&statement, &recipient)),
            }
        }
        for event in changes {
            ledger.record(now, event);
        }
        Ok(now)
    });
    plan.commit().await.map(Durable::into_inner)?
}

/// Records a report that these were carried; answers when durable.
///
/// # Errors
/// `NOT_BY_HAND`, and `NOTHING_CARRIED` when no bundle was written with one of them, or it is acknowledged already and
/// the report says no more; nothing was recorded then.
pub(super) async fn carried(
    core: &Arc<Core>,
    actor: Actor,
    statements: &[StatementRef],
    recipient: AuthorityId,
    word: Word,
    report: Bytes,
) -> Result<(), SubmitError> {
    if core.is_stopping() {
        return Err(Reason::Stopping.into());
    }
    let now = core.now();
    let plan = core.store.decide(|ledger| {
        for statement in statements {
            check_carried(ledger, statement, &recipient, word)?;
        }
        for &statement in statements {
            let event = Event::HandReported {
                actor,
                statement,
                recipient,
                word,
                report: report.clone(),
            };
            ledger.record(now, event);
        }
        Ok(())
    });
    plan.commit().await.map(Durable::into_inner)?
}

fn check_carried(
    ledger: &Ledger,
    statement: &StatementRef,
    recipient: &AuthorityId,
    word: Word,
) -> Result<(), SubmitError> {
    let life = life(ledger, statement, recipient)?;
    match life {
        DeliveryLife::ByHand(_) if life.after(DeliveryStep::Hand(word.step())).is_some() => Ok(()),
        DeliveryLife::ByHand(Hand::Acknowledged) => Err(SubmitError::refused(
            Reason::NothingCarried,
            format!("{statement} is acknowledged by {recipient} already"),
        )),
        DeliveryLife::ByHand(_) => Err(SubmitError::refused(
            Reason::NothingCarried,
            format!(
                "no bundle with {statement} was written for {recipient}: `allpoints carry` writes one"
            ),
        )),
        _ => Err(not_by_hand(statement, recipient)),
    }
}

fn life(
    ledger: &Ledger,
    statement: &StatementRef,
    recipient: &AuthorityId,
) -> Result<DeliveryLife, SubmitError> {
    let record = ledger.message(statement);
    let delivery = record.and_then(|record| record.delivery(recipient).map(|it| it.life));
    delivery.ok_or_else(|| {
        SubmitError::refused(
            Reason::NotFound,
            format!("{statement} was not sent to {recipient}: check the id and the recipient"),
        )
    })
}

fn not_by_hand(statement: &StatementRef, recipient: &AuthorityId) -> SubmitError {
    SubmitError::refused(
        Reason::NotByHand,
        format!("{statement} goes to {recipient} over the network: see `allpoints track`"),
    )
}
