//! Whether a holder may pass a thread on: the same rules for who sends it and for who receives it.
//!
//! Pure: the ways in are [`check_passing`] for the header and [`check_permitted`] for what is inside. Must never believe the
//! holder: what permits it is the originator's own signed word.

use crate::{
    domain::{
        alert::value::Day,
        id::AuthorityId,
        permission::{Onward, Passed, Permission},
        reason::Reason,
        routing::{Effect, Routing},
        time::Timestamp,
    },
    store::record::MessageRecord,
};

/// What is passed on is the originator's word, by somebody else; to newcomers alone, or told to the originator alone.
///
/// # Errors
/// `NOT_OWNER`, `NOT_IN_THREAD`, `MALFORMED`.
pub(super) fn check_passing(
    routing: &Routing,
    first: Option<&MessageRecord>,
) -> Result<(), Reason> {
    let originator = routing.thread.origin;
    let is_its_word = routing
        .in_reply_to
        .is_some_and(|it| it.origin == originator);
    if !is_its_word {
        return Err(Reason::NotOwner);
    }
    let passed = passed(routing);
    if routing.statement.origin == originator || passed.is_empty() {
        return Err(Reason::Malformed);
    }
    if tells(routing) {
        // The originator knows to whom it gave it; who did not get it there has nothing to pass on.
        let first = first.ok_or(Reason::ThreadNotYet)?;
        return super::verdict::check_part(first, &routing.statement.origin);
    }
    let to = routing.recipients.iter().map(|it| it.authority);
    match to.eq(passed.iter().map(|it| it.to)) && routing.recipient(&originator).is_none() {
        true => Ok(()),
        false => Err(Reason::Malformed),
    }
}

/// True for what tells the originator that its thread was passed on; what passes it on goes to newcomers.
pub(super) fn tells(routing: &Routing) -> bool {
    let originator = routing.thread.origin;
    routing.effect == Effect::PassesOn
        && matches!(routing.recipients.as_slice(), [only] if only.authority == originator)
}

/// To whom a statement passes its thread on.
pub(super) fn passed(routing: &Routing) -> &[Passed] {
    let said = routing.terms.permission.as_deref();
    said.map_or(&[], Permission::passed)
}

/// What the markings of a statement demand of who passes it on.
pub(super) fn demand(routing: &Routing) -> Onward {
    Onward::of_handling(routing.handling).max(routing.terms.onward)
}

/// The same of a statement that is here.
pub(super) fn demand_of(record: &MessageRecord) -> Onward {
    Onward::of_handling(record.handling).max(record.terms.onward)
}

/// Whether the thread is new to who receives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Newness {
    /// The permission's last day counts.
    New,
    /// This holder has passed it on there before: what follows goes there too, whatever day it is.
    Follows,
}

/// Whether what is inside a carrier may be passed on by its writer to its recipients at these times: of issue and arrival.
///
/// # Errors
/// `NEVER_PASSED_ON`, `NOT_PERMITTED`, `PERMISSION_OVER`, `GRANT_FAULTY`.
pub(super) fn check_permitted(
    carrier: &Routing,
    carried: &Routing,
    grant: Option<&Routing>,
    newness: Newness,
    times: &[Timestamp],
) -> Result<(), Reason> {
    match demand(carried) {
        Onward::Never => return Err(Reason::NeverPassedOn),
        Onward::Free => return Ok(()),
        Onward::Permitted => {}
    }
    let grant = grant.ok_or(Reason::NotPermitted)?;
    let is_originators = grant.statement.origin == carrier.thread.origin
        && grant.thread == carrier.thread
        && grant.status == carrier.status;
    let is_named = |passed: &Passed| passed.under == Some(grant.statement);
    if !is_originators || !passed(carrier).iter().all(is_named) {
        return Err(Reason::GrantFaulty);
    }
    let said = grant.terms.permission.as_deref();
    let permission = said
        .and_then(Permission::grant)
        .ok_or(Reason::NotPermitted)?;
    if grant.recipient(&carrier.statement.origin).is_none() {
        return Err(Reason::NotPermitted);
    }
    // What takes a statement back is never too late.
    let in_time_always = newness == Newness::Follows || carried.kind.overtakes();
    let allows = |to: &AuthorityId, at: Timestamp| {
        let today = Day::of(at).ok_or(Reason::PermissionOver)?;
        match permission.permits(to, today) {
            Err(Reason::PermissionOver) if in_time_always => Ok(()),
            result => result,
        }
    };
    let mut recipients = carrier.recipients.iter();
    recipients.try_for_each(|to| times.iter().try_for_each(|at| allows(&to.authority, *at)))
}
