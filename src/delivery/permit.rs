//! Whether a holder may pass a thread on, as whoever receives it judges for itself.
//!
//! Pure: the ways in are [`check_passing`] for the header, [`check_permitted`] for what is inside, and [`is_breach`] for what
//! the originator is told. Must never believe the holder: what permits it is the originator's own signed word.

use crate::{
    domain::{
        alert::value::Day,
        id::AuthorityId,
        permission::{Onward, Passed, Permission},
        reason::Reason,
        routing::{Effect, Routing},
        time::Timestamp,
    },
    store::{ledger::Ledger, record::MessageRecord},
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
    Onward::of(routing.kind, routing.handling, routing.terms.onward)
}

/// True for the word that a thread of ours was passed on without the permission that its markings demand.
pub(super) fn is_breach(ledger: &Ledger, own: &AuthorityId, routing: &Routing) -> bool {
    let is_word = tells(routing) && routing.thread.origin == *own;
    let permitted = |passed: &Passed| {
        let giver = &routing.statement.origin;
        ledger.is_permitted(&routing.thread, giver, passed, routing.issued_at)
    };
    // A second word tells of nothing new.
    let mut new = passed(routing).iter().filter(|it| it.received_at.is_none());
    is_word && !new.all(permitted)
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
    let allows = |to: &AuthorityId, at: Timestamp| {
        let today = Day::of(at).ok_or(Reason::PermissionOver)?;
        match permission.permits(to, today) {
            Err(Reason::PermissionOver) if newness == Newness::Follows => Ok(()),
            result => result,
        }
    };
    let mut recipients = carrier.recipients.iter();
    recipients.try_for_each(|to| times.iter().try_for_each(|at| allows(&to.authority, *at)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        delivery::testing::{Shelf, first, id, later, named},
        delivery::verdict::check_thread,
        domain::{id::StatementRef, routing::Kind},
    };

    /// XB's statement that says to whom it passes XA's alert on.
    fn passing(to: &[&str], target: StatementRef, newcomers: &[&str]) -> Routing {
        let thread = named("XA", 1);
        let mut routing = Routing {
            effect: Effect::PassesOn,
            ..later("XB", 9, to, Kind::Extend, target, thread)
        };
        let passed = newcomers.iter().map(|name| Passed {
            to: id(name),
            under: None,
            received_at: None,
        });
        let said = Permission::Passes(passed.collect());
        routing.terms.permission = Some(said.into());
        routing
    }

    #[test]
    fn a_holder_gives_newcomers_the_originators_word_and_tells_the_originator_alone() {
        let alert = first("XA", 1, &["XB", "XC"]);
        let target = alert.statement;
        let by = |origin: &str| Routing {
            statement: named(origin, 9),
            ..passing(&["XA"], target, &["XD"])
        };
        let table = [
            ("to a newcomer", passing(&["XD"], target, &["XD"]), Ok(())),
            (
                "to another than it says",
                passing(&["XC"], target, &["XD"]),
                Err(Reason::Malformed),
            ),
            (
                "to the originator beside the newcomer",
                passing(&["XA", "XD"], target, &["XA", "XD"]),
                Err(Reason::Malformed),
            ),
            ("it tells", passing(&["XA"], target, &["XD"]), Ok(())),
            (
                "it tells of nobody",
                passing(&["XA"], target, &[]),
                Err(Reason::Malformed),
            ),
            (
                "who is not in the thread tells",
                by("XE"),
                Err(Reason::NotInThread),
            ),
            ("the originator itself", by("XA"), Err(Reason::Malformed)),
            (
                "somebody else's word",
                passing(&["XD"], named("XC", 3), &["XD"]),
                Err(Reason::NotOwner),
            ),
        ];
        let shelf = Shelf::with(&[alert]);
        for (name, routing, expected) in table {
            assert_eq!(check_thread(&routing, &shelf), expected, "{name}");
        }
        // To who is new to it, the thread comes inside.
        let empty = Shelf::default();
        let new = passing(&["XD"], target, &["XD"]);
        assert_eq!(check_thread(&new, &empty), Ok(()));
        let told = passing(&["XA"], target, &["XD"]);
        assert_eq!(check_thread(&told, &empty), Err(Reason::ThreadNotYet));
    }
}
