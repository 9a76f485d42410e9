//! Rehearsing what the own desk would hand in: checked and expanded as the real thing is, and nothing of it kept.
//!
//! The way in is [`rehearse`]. Must never record anything.

use std::sync::Arc;

use super::{
    Accepted, SubmitError,
    core::Core,
    hand_in::Draft,
    submit::{Prepared, prepare_all},
};
use crate::{
    domain::{routing::Routing, time::Timestamp},
    store::ledger::Ledger,
};

/// Checks drafts as [`accept`] would, and keeps nothing.
pub(super) fn rehearse(core: &Arc<Core>, drafts: &[Draft]) -> Result<Vec<Accepted>, SubmitError> {
    let now = core.now();
    let prepared = prepare_all(core, drafts, now)?;
    let reading = core.store.read(|ledger| {
        prepared
            .iter()
            .map(|prepared| rehearse_one(prepared, ledger, now))
            .collect::<Result<Vec<_>, SubmitError>>()
    });
    core.runtime.block_on(reading)?
}

fn rehearse_one(
    prepared: &Prepared,
    ledger: &Ledger,
    now: Timestamp,
) -> Result<Accepted, SubmitError> {
    match prepared {
        Prepared::Earlier(earlier) => Ok(earlier.clone()),
        Prepared::First(encoded) => Ok(rehearsed(&encoded.routing, now)),
        Prepared::Later(addressed) => addressed
            .later(ledger, |thread, recipient| {
                ledger.next_thread_seq(thread, recipient)
            })
            .map(|routing| rehearsed(&routing, now)),
        Prepared::Kept(keeping) => Ok(Accepted {
            awaits: Some(keeping.keep.why.to_string()),
            ..rehearse_one(&keeping.prepared, ledger, now)?
        }),
    }
}

fn rehearsed(routing: &Routing, now: Timestamp) -> Accepted {
    Accepted {
        statement: routing.statement,
        recipients: routing.recipients.clone(),
        accepted_at: now,
        repeated: false,
        awaits: None,
    }
}
