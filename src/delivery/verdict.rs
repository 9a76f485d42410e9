//! The rules: who may write what to whom, when, and whether it is known already.
//!
//! Pure: the way in is [`recognise`] and [`admit`] for what arrives, [`check_thread`] for both directions, so that
//! a sender refuses what its receivers would. Must never keep anything, and never read the payload.

use std::time::Duration;

use super::permit;
use crate::{
    domain::{
        id::{AuthorityId, StatementRef},
        limits::CLOCK_TOLERANCE,
        permission::Permission,
        reason::{Class, Reason},
        receipt::{LeafHash, Verdict},
        release::KindSet,
        routing::{Effect, Kind, Release, Routing},
        time::Timestamp,
    },
    planted::{self, Bug},
    store::{
        ledger::{Known, Ledger},
        record::MessageRecord,
    },
};

/// What the rules ask of the ledger.
pub(super) trait Holdings {
    /// A statement that is held here.
    fn message(&self, statement: &StatementRef) -> Option<MessageRecord>;
    /// What was said of an (origin, id).
    fn known(&self, statement: &StatementRef) -> Option<Known>;
    /// True for whom we have permitted a thread of ours to be passed on to.
    fn is_expected(&self, thread: &StatementRef, authority: &AuthorityId) -> bool;
}

impl Holdings for Ledger {
    fn message(&self, statement: &StatementRef) -> Option<MessageRecord> {
        Self::message(self, statement)
    }
    fn known(&self, statement: &StatementRef) -> Option<Known> {
        Self::known(self, statement)
    }
    fn is_expected(&self, thread: &StatementRef, authority: &AuthorityId) -> bool {
        Self::is_expected(self, thread, authority)
    }
}

/// How our clock and the peer's compare, by the last greeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clocks {
    /// Within two minutes.
    Agree,
    /// Further apart, or not compared yet: refusals for time are `retry`.
    Differ,
}

impl Clocks {
    /// From the difference of two clocks.
    pub(super) fn of(apart: Duration) -> Self {
        if apart > CLOCK_TOLERANCE {
            Self::Differ
        } else {
            Self::Agree
        }
    }
}

/// The circumstances in which a statement arrives.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival {
    /// Ourselves.
    pub(super) own: AuthorityId,
    /// The authority at the other end of the connection.
    pub(super) peer: AuthorityId,
    /// Our wall clock.
    pub(super) now: Timestamp,
    /// Whether it can be relied on against the peer's.
    pub(super) clocks: Clocks,
    /// Kinds that the peer sends only after a second person's release, as it says itself in the directory.
    pub(super) demands_release: KindSet,
}

/// Whether an (origin, id) was seen before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recognised {
    /// Never; or refused only until a person acts, and therefore judged anew.
    New,
    /// The same bytes: the same verdict, and no second effect.
    Repeat(Known),
    /// Other bytes under the same id.
    Conflict(Known),
}

/// Compares what arrives with what is known under its id (invariant I6).
pub(super) fn recognise(known: Option<Known>, leaf: LeafHash) -> Recognised {
    match known {
        None => Recognised::New,
        Some(known) if known.leaf != leaf => Recognised::Conflict(known),
        Some(Known {
            verdict: Verdict::Refused(reason),
            ..
        }) if reason.class() == Class::Hold => Recognised::New,
        Some(known) => Recognised::Repeat(known),
    }
}

/// Whether a new foreign statement is held.
///
/// # Errors
/// The named reason to refuse it with; its class says whether the sender tries again.
pub(super) fn admit(
    arrival: &Arrival,
    routing: &Routing,
    holdings: &impl Holdings,
) -> Result<(), Reason> {
    if routing.statement.origin != arrival.peer {
        return Err(Reason::NoRelay);
    }
    if routing.recipient(&arrival.own).is_none() {
        return Err(Reason::NotAddressed);
    }
    check_time(arrival, routing)?;
    match &routing.release {
        Some(release) => check_release(release)?,
        None if arrival.demands_release.contains(routing.kind) => return Err(Reason::NotReleased),
        None => {}
    }
    check_thread(routing, holdings)
}

/// Issued not in our future, carriage not over. Between clocks that differ, time is no ground for a final no.
fn check_time(arrival: &Arrival, routing: &Routing) -> Result<(), Reason> {
    if routing.issued_at > arrival.now.plus(CLOCK_TOLERANCE) {
        return Err(Reason::ClockSkew);
    }
    match (routing.carried_until < arrival.now, arrival.clocks) {
        (true, Clocks::Agree) => Err(Reason::Expired),
        (true, Clocks::Differ) if planted::is(Bug::ExpireByReceiver) => Err(Reason::Expired),
        (true, Clocks::Differ) => Err(Reason::ClockSkew),
        (false, _) => Ok(()),
    }
}

/// Two different people, in order.
fn check_release(release: &Release) -> Result<(), Reason> {
    let two_people = release.created_by != release.released_by;
    if two_people && release.released_at >= release.created_at {
        Ok(())
    } else {
        Err(Reason::NotReleased)
    }
}

/// Who may write what in which thread. The writer is the statement's origin.
///
/// # Errors
/// `NOT_IN_THREAD`, `NOT_OWNER`, `RECIPIENTS_NARROWED`, `EXERCISE_MIXED`, `TARGET_MISMATCH`, `NOT_A_REQUEST`,
/// `NOT_ASKED`, `ASK_ORIGINATOR`, `NOTHING_ASKED`, `VALIDITY_EXCEEDED`, `MALFORMED`; and `THREAD_NOT_YET` when what must be here first is not.
pub(super) fn check_thread(routing: &Routing, holdings: &impl Holdings) -> Result<(), Reason> {
    check_asks(routing)?;
    if routing.is_first() {
        return check_first(routing.kind);
    }
    if routing.kind.only_starts() {
        return Err(Reason::Malformed);
    }
    let target = check_target(routing, holdings)?;
    check_reply(routing, target.as_ref())?;
    let Some(first) = holdings.message(&routing.thread) else {
        return before_first(routing, holdings);
    };
    if first.status != routing.status {
        return Err(Reason::ExerciseMixed);
    }
    if routing.effect == Effect::PassesOn {
        return permit::check_passing(routing, Some(&first));
    }
    check_participants(routing, &first, holdings)?;
    check_writer(routing)?;
    check_extension(routing, &first)?;
    check_extends(routing)?;
    check_breadth(routing, target.as_ref())
}

/// Only some kinds stand first in a thread.
///
/// # Errors
/// `MALFORMED`: this kind refers to another statement.
pub(super) fn check_first(kind: Kind) -> Result<(), Reason> {
    if kind.starts_thread() {
        Ok(())
    } else {
        Err(Reason::Malformed)
    }
}

/// Nobody but its origin changes a statement.
///
/// # Errors
/// `NOT_OWNER`.
pub(super) fn check_owner(
    kind: Kind,
    writer: &AuthorityId,
    target: &StatementRef,
) -> Result<(), Reason> {
    if kind.owner_only() && target.origin != *writer {
        Err(Reason::NotOwner)
    } else {
        Ok(())
    }
}

/// A thread is its first origin's and that of those whom its first statement names.
///
/// # Errors
/// `NOT_IN_THREAD`.
pub(super) fn check_part(first: &MessageRecord, authority: &AuthorityId) -> Result<(), Reason> {
    let takes_part = first.statement.origin == *authority || first.delivery(authority).is_some();
    if takes_part {
        Ok(())
    } else {
        Err(Reason::NotInThread)
    }
}

/// What a kind aims at, if it must: a statement of the same thread, changed by nobody but its origin.
fn check_target(
    routing: &Routing,
    holdings: &impl Holdings,
) -> Result<Option<MessageRecord>, Reason> {
    let Some(named) = routing.in_reply_to else {
        let needs_target = routing.kind.owner_only()
            || matches!(
                routing.effect,
                Effect::Answers(_) | Effect::Instructs | Effect::Extends | Effect::PassesOn
            )
            || routing.kind == Kind::InformationReply;
        return if needs_target {
            Err(Reason::Malformed)
        } else {
            Ok(None)
        };
    };
    check_owner(routing.kind, &routing.statement.origin, &named)?;
    let target = holdings.message(&named);
    match &target {
        Some(target) if target.thread != routing.thread => Err(Reason::TargetMismatch),
        _ => Ok(target),
    }
}

/// A reply is of somebody whom an information request asks, and goes to whoever asked, alone. So its one reader holds
/// the request, unless it was lost: then the reply is tried again.
fn check_reply(routing: &Routing, target: Option<&MessageRecord>) -> Result<(), Reason> {
    let (Kind::InformationReply, Some(request)) = (routing.kind, routing.in_reply_to) else {
        return Ok(());
    };
    match routing.recipients.as_slice() {
        [only] if only.authority == request.origin => {}
        _ => return Err(Reason::NotAsked),
    }
    let request = target.ok_or(Reason::ThreadNotYet)?;
    if request.kind != Kind::InformationRequest {
        return Err(Reason::NotARequest);
    }
    match request.delivery(&routing.statement.origin) {
        Some(_) => check_grant(routing, request),
        None => Err(Reason::NotAsked),
    }
}

/// Permission is asked of the thread's originator alone, whose it is to give.
fn check_asks(routing: &Routing) -> Result<(), Reason> {
    let Some(Permission::Asks(_)) = routing.terms.permission.as_deref() else {
        return Ok(());
    };
    match routing.recipients.as_slice() {
        [only] if only.authority == routing.thread.origin && !routing.is_first() => Ok(()),
        _ => Err(Reason::AskOriginator),
    }
}

/// Permission is the originator's to give, for what was asked or less.
fn check_grant(reply: &Routing, request: &MessageRecord) -> Result<(), Reason> {
    let said = reply.terms.permission.as_deref();
    let Some(grant) = said.and_then(Permission::grant) else {
        return Ok(());
    };
    if reply.statement.origin != reply.thread.origin {
        return Err(Reason::NotOwner);
    }
    match request.terms.permission.as_deref() {
        Some(Permission::Asks(wish))
            if wish.act == grant.act && grant.to.iter().all(|to| wish.to.contains(to)) =>
        {
            Ok(())
        }
        _ => Err(Reason::NothingAsked),
    }
}

/// The first statement is not here. Its own origin's later ones are kept and wait for it (a recall may overtake);
/// anybody else's cannot be judged yet. What we refused for good never gets a thread.
fn before_first(routing: &Routing, holdings: &impl Holdings) -> Result<(), Reason> {
    let refused = holdings.known(&routing.thread).is_some_and(
        |known| matches!(known.verdict, Verdict::Refused(reason) if reason.class() == Class::Final),
    );
    if refused {
        Err(Reason::NotInThread)
    } else if routing.effect == Effect::PassesOn {
        permit::check_passing(routing, None)
    } else if routing.thread.origin == routing.statement.origin {
        check_writer(routing)?;
        check_extends(routing)
    } else {
        Err(Reason::ThreadNotYet)
    }
}

/// Writer and readers take part in the thread. Whom its first origin names takes part by that: what it says to a newcomer
/// may overtake what tells us of the newcomer.
fn check_participants(
    routing: &Routing,
    first: &MessageRecord,
    holdings: &impl Holdings,
) -> Result<(), Reason> {
    let writer = &routing.statement.origin;
    check_part(first, writer).map_err(|reason| {
        // To whom we let it be passed on may be quicker than the word of who did.
        match holdings.is_expected(&first.statement, writer) {
            true => Reason::ThreadNotYet,
            false => reason,
        }
    })?;
    if routing.statement.origin == first.statement.origin {
        return Ok(());
    }
    let mut readers = routing.recipients.iter();
    readers.try_for_each(|recipient| check_part(first, &recipient.authority))
}

/// Instructions come from the thread's first origin; answers go to it, alone.
fn check_writer(routing: &Routing) -> Result<(), Reason> {
    let first_origin = routing.thread.origin;
    match routing.effect {
        Effect::Instructs if routing.statement.origin != first_origin => Err(Reason::NotOwner),
        Effect::Answers(_) => match routing.recipients.as_slice() {
            [only] if only.authority == first_origin => Ok(()),
            _ => Err(Reason::Malformed),
        },
        _ => Ok(()),
    }
}

/// An alert stands at most as long as its kind allows, extended or not.
fn check_extension(routing: &Routing, first: &MessageRecord) -> Result<(), Reason> {
    let asked = routing
        .terms
        .valid_until
        .filter(|_| routing.effect == Effect::Updates && first.is_alert());
    match asked.zip(first.last_day()) {
        Some((until, last)) if until > last => Err(Reason::ValidityExceeded),
        _ => Ok(()),
    }
}

/// Only its first origin adds to a thread, and gives what is its own.
fn check_extends(routing: &Routing) -> Result<(), Reason> {
    let first_origin = routing.thread.origin;
    let given_by = [Some(routing.statement), routing.in_reply_to];
    let all_own = given_by
        .into_iter()
        .flatten()
        .all(|it| it.origin == first_origin);
    match routing.effect {
        Effect::Extends if !all_own => Err(Reason::NotOwner),
        _ => Ok(()),
    }
}

/// What a statement carries is what its header says that it extends, of the same thread and no stricter than the whole.
///
/// # Errors
/// `CARRIED_FAULTY`.
pub(super) fn check_carried(carrier: &Routing, carried: &Routing) -> Result<(), Reason> {
    let is_carried = match carrier.effect {
        Effect::Extends => carried.kind.is_carried(),
        Effect::PassesOn => carried.kind.is_passed_on(),
        _ => false,
    };
    let fits = is_carried
        && carrier.in_reply_to == Some(carried.statement)
        && carried.thread == carrier.thread
        && carried.status == carrier.status
        && carrier.handling.includes(carried.handling)
        && carried.issued_at <= carrier.issued_at.plus(CLOCK_TOLERANCE);
    if fits {
        Ok(())
    } else {
        Err(Reason::CarriedFaulty)
    }
}

/// What changes a statement goes to all to whom its origin gave it; whoever passed it on sends it on.
fn check_breadth(routing: &Routing, target: Option<&MessageRecord>) -> Result<(), Reason> {
    let Some(target) = target.filter(|_| routing.kind.reaches_all_holders()) else {
        return Ok(());
    };
    let all = target
        .given()
        .all(|delivery| routing.recipient(&delivery.recipient).is_some());
    if all {
        Ok(())
    } else {
        Err(Reason::RecipientsNarrowed)
    }
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
