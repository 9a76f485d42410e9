//! A statement that came inside another one: verified by its own signature, and held as if it had come alone.
//!
//! The way in is [`open`], then [`event`]. Its carrier's signature says nothing for it: whoever carries a statement can
//! neither write nor change it.

use std::sync::Arc;

use super::{core::Core, permit, verdict};
use crate::{
    domain::{
        id::AuthorityId,
        reason::{Class, Reason},
        routing::Effect,
        time::Timestamp,
    },
    store::event::Event,
    trust::batch::{Purpose, Unverified, Verified},
    wire,
};

/// What a carrier holds inside.
pub(super) struct Inside {
    /// The statement that it brings.
    pub(super) carried: wire::Statement,
    /// Of a holder's carrier: the originator's reply that permits it.
    pub(super) grant: Option<wire::Statement>,
}

/// What a legal statement carries, verified and legal itself; `None`: nothing.
///
/// # Errors
/// `CARRIED_FAULTY`, `GRANT_FAULTY`; or, when our directory or a person may make it good, why it does not verify now.
pub(super) fn open(
    core: &Core,
    carrier: &wire::Statement,
    now: Timestamp,
) -> Result<Option<Inside>, Reason> {
    let routing = &carrier.routing;
    let inside = wire::carried(routing.kind, &carrier.payload)?;
    // A holder either gives newcomers something, or tells the originator of it.
    if routing.effect == Effect::PassesOn && inside.is_some() == permit::tells(routing) {
        return Err(Reason::CarriedFaulty);
    }
    let Some(inside) = inside else {
        return Ok(None);
    };
    let named = routing.in_reply_to.ok_or(Reason::CarriedFaulty)?;
    let faulty = |reason| inside_reason(reason, Reason::CarriedFaulty);
    let verified = verified(core, &named.origin, &inside, now).map_err(faulty)?;
    let carried = wire::decode_statement(verified).map_err(faulty)?;
    verdict::check_carried(routing, &carried.routing)?;
    let grant = grant(core, carrier, now)?;
    Ok(Some(Inside { carried, grant }))
}

/// The originator's permission, which it signed itself.
fn grant(
    core: &Core,
    carrier: &wire::Statement,
    now: Timestamp,
) -> Result<Option<wire::Statement>, Reason> {
    let routing = &carrier.routing;
    let Some(inside) = wire::granted(routing.kind, &carrier.payload)? else {
        return Ok(None);
    };
    let faulty = |reason| inside_reason(reason, Reason::GrantFaulty);
    let verified = verified(core, &routing.thread.origin, &inside, now).map_err(faulty)?;
    wire::decode_statement(verified).map(Some).map_err(faulty)
}

/// The event that holds it, in the block of its carrier.
pub(super) fn event(peer: AuthorityId, carried: &wire::Statement) -> Event {
    Event::Carried {
        peer,
        leaf: carried.verified.leaf(),
        document: carried.verified.document().clone(),
        routing: Arc::new(carried.routing.clone()),
    }
}

/// Under a key that is good now; or that has retired since, and was good when the statement was issued. A revoked one
/// proves nothing here: who holds it now could have signed for a day before it was revoked.
fn verified(
    core: &Core,
    signer: &AuthorityId,
    inside: &Unverified,
    now: Timestamp,
) -> Result<Verified, Reason> {
    let only = |mut results: Vec<Result<Verified, Reason>>| match results.len() {
        1 => results.pop().unwrap_or(Err(Reason::CarriedFaulty)),
        _ => Err(Reason::CarriedFaulty),
    };
    let verifier = &core.verifier;
    match only(verifier.verify(Purpose::Statement, signer, inside, now)) {
        Err(Reason::KeyRetired) => {
            let document = inside.items.first().map(|item| &item.document);
            let issued_at = document.and_then(wire::issued_at).unwrap_or(now);
            only(verifier.verify_at(Purpose::Statement, signer, inside, issued_at))
        }
        result => result,
    }
}

/// A refusal for good is told as one of what is inside, so that nobody takes it for one of the carrier's own signature.
fn inside_reason(reason: Reason, faulty: Reason) -> Reason {
    match reason.class() {
        Class::Final => faulty,
        Class::Retry | Class::Hold => reason,
    }
}
