//! A person lets a held delivery go on.
//!
//! The way in is [`resume`]; the lane is told afterwards. Must never resume what is settled, nor what nobody
//! held.

use std::sync::Arc;

use super::{SubmitError, core::Core};
use crate::{
    domain::{
        id::{AuthorityId, StatementRef},
        lives::DeliveryLife,
        reason::Reason,
    },
    store::{Durable, entry::Actor, event::Event, ledger::Ledger},
};

/// Puts a held delivery back into its queue; answers when durable.
///
/// # Errors
/// `NOT_FOUND` when there is no such delivery of ours, or it is not held.
pub(super) async fn resume(
    core: &Arc<Core>,
    actor: Actor,
    statement: StatementRef,
    recipient: AuthorityId,
) -> Result<(), SubmitError> {
    if core.is_stopping() {
        return Err(Reason::Stopping.into());
    }
    let now = core.now();
    let plan = core.store.decide(|ledger| {
        check_held(ledger, &statement, &recipient)?;
        let resumed = Event::DeliveryResumed {
            actor,
            statement,
            recipient,
        };
        ledger.record(now, resumed);
        Ok(())
    });
    plan.commit().await.map(Durable::into_inner)?
}

fn check_held(
    ledger: &Ledger,
    statement: &StatementRef,
    recipient: &AuthorityId,
) -> Result<(), SubmitError> {
    let life = ledger
        .message(statement)
        .and_then(|record| record.delivery(recipient).map(|delivery| delivery.life));
    match life {
        Some(DeliveryLife::Held(_)) => Ok(()),
        Some(_) => Err(SubmitError::refused(
            Reason::NotFound,
            format!(
                "no delivery of {statement} to {recipient} is held: there is nothing to resume"
            ),
        )),
        None => Err(SubmitError::refused(
            Reason::NotFound,
            format!("{statement} was not sent to {recipient}: check the id and the recipient"),
        )),
    }
}
