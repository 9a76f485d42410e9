//! Statements: domain to exact bytes and back, with every check that needs no store.
//!
//! The way in is [`decode`] for what a peer signed and [`decode_kept`] for what the own journal holds.
//! Never re-encodes received bytes, and never looks at a clock: lateness is judged where the clock is.

use bytes::Bytes;
use prost::Message as _;

use super::{
    alert,
    fields::{authority, coded, encode_reference, optional_reference},
};
use crate::{
    domain::{
        id::{AuthorityId, MessageId, StatementRef},
        limits::{
            CARRIAGE_MAX, CARRIER_MAX_BYTES, GROUND_REASON_MAX_CHARS, HANDLING_TEXT_MAX_CHARS,
            PSEUDONYM_MAX_BYTES, RECIPIENTS_MAX,
        },
        reason::Reason,
        routing::{
            Effect, Handling, HandlingSet, Kind, Priority, Recipient, Release, Routing, Status,
            TransferGround,
        },
        terms::Terms,
        time::Timestamp,
    },
    proto::envelope::v1 as pb,
};

/// A statement in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) routing: Routing,
    pub(super) salt: [u8; 16],
    pub(super) payload: Bytes,
}

/// Decodes what `signer` signed, and checks all of it, the payload included.
pub(super) fn decode(document: &Bytes, signer: AuthorityId) -> Result<Parts, Reason> {
    let mut parts = decode_header(document)?;
    let routing = &mut parts.routing;
    if routing.statement.origin != signer {
        return Err(Reason::OriginMismatch);
    }
    let (issued_at, handling) = (Some(routing.issued_at), Some(routing.handling));
    let inspected = alert::inspect(routing.kind, &parts.payload, issued_at, handling)?;
    if alert::carries_target(routing.kind) && inspected.target != routing.in_reply_to {
        return Err(Reason::TargetMismatch);
    }
    if routing.is_first() && routing.kind.needs_person() && !inspected.names_person {
        return Err(Reason::Malformed);
    }
    routing.effect = effect_in_thread(routing, inspected.effect);
    routing.terms = inspected.terms;
    Ok(parts)
}

/// Decodes what was checked before it was kept: reads the effect, and does not judge the payload again.
pub(super) fn decode_kept(document: &Bytes) -> Result<Parts, Reason> {
    let mut parts = decode_header(document)?;
    let (effect, terms) = alert::effect_of(parts.routing.kind, &parts.payload)?;
    parts.routing.effect = effect_in_thread(&parts.routing, effect);
    parts.routing.terms = terms;
    Ok(parts)
}

pub(super) fn encode(routing: &Routing, salt: [u8; 16], payload: &[u8]) -> Bytes {
    let thread = (!routing.is_first()).then_some(routing.thread);
    pb::Statement {
        salt: salt.to_vec(),
        id: routing.statement.id.as_bytes().to_vec(),
        thread: thread.as_ref().map(encode_reference),
        origin: routing.statement.origin.as_str().to_owned(),
        recipients: routing.recipients.iter().map(encode_recipient).collect(),
        kind: routing.kind as i32,
        status: routing.status as i32,
        priority: routing.priority as i32,
        handling: routing.handling.codes().map(|code| code as i32).collect(),
        handling_text: routing.handling_text.clone(),
        issued_at_us: routing.issued_at.as_micros(),
        carried_until_us: routing.carried_until.as_micros(),
        in_reply_to: routing.in_reply_to.as_ref().map(encode_reference),
        supersedes: routing.supersedes.as_ref().map(encode_reference),
        release: routing.release.as_ref().map(encode_release),
        payload: Bytes::copy_from_slice(payload),
        critical: Vec::new(),
    }
    .encode_to_vec()
    .into()
}

fn encode_recipient(recipient: &Recipient) -> pb::Recipient {
    pb::Recipient {
        authority: recipient.authority.as_str().to_owned(),
        thread_seq: recipient.thread_seq,
        ground: recipient.ground as i32,
        ground_reason: recipient.ground_reason.clone(),
    }
}

fn encode_release(release: &Release) -> pb::Release {
    pb::Release {
        created_by: release.created_by.clone(),
        created_at_us: release.created_at.as_micros(),
        released_by: release.released_by.clone(),
        released_at_us: release.released_at.as_micros(),
    }
}

/// The header alone; the effect is that of the kind until the payload was read.
fn decode_header(document: &Bytes) -> Result<Parts, Reason> {
    if document.len() > CARRIER_MAX_BYTES {
        return Err(Reason::TooLarge);
    }
    // Decoding from `Bytes` lets the payload share the document's memory.
    let wire = pb::Statement::decode(document.clone()).map_err(|_| Reason::Malformed)?;
    if !wire.critical.is_empty() {
        return Err(Reason::UnsupportedVersion);
    }
    let kind = kind(wire.kind)?;
    if document.len() > kind.max_bytes() {
        return Err(Reason::TooLarge);
    }
    let statement = StatementRef {
        origin: authority(&wire.origin)?,
        id: MessageId::from_bytes(&wire.id).map_err(|_| Reason::Malformed)?,
    };
    let in_reply_to = optional_reference(wire.in_reply_to.as_ref())?;
    let supersedes = optional_reference(wire.supersedes.as_ref())?;
    let thread = thread(&wire, statement, kind, in_reply_to)?;
    check_owner(statement, kind, in_reply_to, supersedes)?;
    let handling = handling(&wire.handling, &wire.handling_text)?;
    let (issued_at, carried_until) = carriage(&wire)?;
    let salt = wire
        .salt
        .as_slice()
        .try_into()
        .map_err(|_| Reason::Malformed)?;
    let routing = Routing {
        statement,
        thread,
        recipients: recipients(&wire.recipients)?,
        kind,
        status: coded(wire.status, Status::from_number).ok_or(Reason::Malformed)?,
        priority: coded(wire.priority, Priority::from_number).ok_or(Reason::Malformed)?,
        handling,
        handling_text: wire.handling_text,
        issued_at,
        carried_until,
        in_reply_to,
        supersedes,
        release: wire
            .release
            .map(|wire| release(wire, issued_at))
            .transpose()?,
        effect: Effect::Starts,
        terms: Terms::default(),
    };
    Ok(Parts {
        routing,
        salt,
        payload: wire.payload,
    })
}

/// A kind that this version does not carry may be right elsewhere; one without a number never is.
fn kind(number: i32) -> Result<Kind, Reason> {
    match number {
        0 => Err(Reason::Malformed),
        number => coded(number, Kind::from_number).ok_or(Reason::UnsupportedVersion),
    }
}

fn thread(
    wire: &pb::Statement,
    statement: StatementRef,
    kind: Kind,
    in_reply_to: Option<StatementRef>,
) -> Result<StatementRef, Reason> {
    let thread = match optional_reference(wire.thread.as_ref())? {
        Some(thread) if thread == statement => return Err(Reason::Malformed),
        Some(thread) => thread,
        // What begins a thread cannot answer something in another.
        None if kind.starts_thread() && in_reply_to.is_none() => statement,
        None => return Err(Reason::Malformed),
    };
    let refers = in_reply_to.is_some_and(|target| target != statement);
    match (kind.starts_thread(), in_reply_to) {
        (true, None) => Ok(thread),
        (_, Some(_)) if refers => Ok(thread),
        _ => Err(Reason::Malformed),
    }
}

/// Who names the target's origin names its owner: no store is needed to see that it is another.
fn check_owner(
    statement: StatementRef,
    kind: Kind,
    in_reply_to: Option<StatementRef>,
    supersedes: Option<StatementRef>,
) -> Result<(), Reason> {
    let foreign =
        |target: Option<StatementRef>| target.is_some_and(|it| it.origin != statement.origin);
    if foreign(supersedes) || (kind.owner_only() && foreign(in_reply_to)) {
        return Err(Reason::NotOwner);
    }
    if supersedes == Some(statement) {
        return Err(Reason::Malformed);
    }
    Ok(())
}

fn recipients(wire: &[pb::Recipient]) -> Result<Vec<Recipient>, Reason> {
    if wire.is_empty() || wire.len() > RECIPIENTS_MAX {
        return Err(Reason::Malformed);
    }
    let recipients = wire.iter().map(recipient).collect::<Result<Vec<_>, _>>()?;
    recipients
        .is_sorted_by(|a, b| a.authority.as_str() < b.authority.as_str())
        .then_some(recipients)
        .ok_or(Reason::Malformed)
}

fn recipient(wire: &pb::Recipient) -> Result<Recipient, Reason> {
    let ground = coded(wire.ground, TransferGround::from_number).ok_or(Reason::Malformed)?;
    let reasoned = !wire.ground_reason.trim().is_empty();
    let short = wire.ground_reason.chars().count() <= GROUND_REASON_MAX_CHARS;
    let fits = if ground == TransferGround::Derogation {
        reasoned
    } else {
        wire.ground_reason.is_empty()
    };
    if !fits || !short {
        return Err(Reason::Malformed);
    }
    Ok(Recipient {
        authority: authority(&wire.authority)?,
        thread_seq: wire.thread_seq,
        ground,
        ground_reason: wire.ground_reason.clone(),
    })
}

fn handling(codes: &[i32], text: &str) -> Result<HandlingSet, Reason> {
    let codes = codes
        .iter()
        .map(|code| coded(*code, Handling::from_number))
        .collect::<Option<Vec<_>>>()
        .ok_or(Reason::Malformed)?;
    let set = HandlingSet::new(codes).map_err(|_| Reason::Malformed)?;
    let fits = if set.contains(Handling::H3) {
        !text.trim().is_empty() && text.chars().count() <= HANDLING_TEXT_MAX_CHARS
    } else {
        text.is_empty()
    };
    fits.then_some(set).ok_or(Reason::Malformed)
}

fn carriage(wire: &pb::Statement) -> Result<(Timestamp, Timestamp), Reason> {
    let issued_at = Timestamp::from_micros(wire.issued_at_us);
    let carried_until = Timestamp::from_micros(wire.carried_until_us);
    let legal = wire.issued_at_us > 0
        && carried_until > issued_at
        && carried_until <= issued_at.plus(CARRIAGE_MAX);
    legal
        .then_some((issued_at, carried_until))
        .ok_or(Reason::Malformed)
}

fn release(wire: pb::Release, issued_at: Timestamp) -> Result<Release, Reason> {
    let named = |name: &str| {
        !name.is_empty()
            && name.len() <= PSEUDONYM_MAX_BYTES
            && name.bytes().all(|byte| byte.is_ascii_graphic())
    };
    let in_order = 0 < wire.created_at_us
        && wire.created_at_us <= wire.released_at_us
        && wire.released_at_us <= issued_at.as_micros();
    let two_people = !wire.created_by.eq_ignore_ascii_case(&wire.released_by);
    if !named(&wire.created_by) || !named(&wire.released_by) || !in_order || !two_people {
        return Err(Reason::NotReleased);
    }
    Ok(Release {
        created_by: wire.created_by,
        created_at: Timestamp::from_micros(wire.created_at_us),
        released_by: wire.released_by,
        released_at: Timestamp::from_micros(wire.released_at_us),
    })
}

/// What begins a thread starts it; the same kind within a thread tells something.
fn effect_in_thread(routing: &Routing, effect: Effect) -> Effect {
    match effect {
        Effect::Starts | Effect::Informs if routing.is_first() => Effect::Starts,
        Effect::Starts => Effect::Informs,
        effect => effect,
    }
}

#[cfg(test)]
mod tests;
