//! Permission that was asked in a thread, as its desks see it: names and days, no words.
//!
//! The way in is [`of`].

use super::summary::{reference_of, short_reference};
use crate::{
    domain::{alert::value::Day, id::StatementRef, time::Timestamp},
    proto::desk::v1 as pb,
    store::ledger::{AskedPermission, Ledger},
};

/// All that was asked, oldest first.
pub(super) fn of(
    ledger: &Ledger,
    thread: &StatementRef,
    now: Timestamp,
) -> Vec<pb::AskedPermission> {
    let asked = ledger.permissions(thread);
    asked.iter().map(|asked| line(asked, now)).collect()
}

fn line(asked: &AskedPermission, now: Timestamp) -> pb::AskedPermission {
    let reply = asked.reply.as_ref();
    let grant = reply.and_then(|reply| reply.grant.as_ref());
    let names = |all: &[crate::domain::id::AuthorityId]| -> Vec<String> {
        all.iter().map(ToString::to_string).collect()
    };
    pb::AskedPermission {
        request: Some(reference_of(&asked.request.statement)),
        reference: short_reference(&asked.request.statement),
        asked_by: asked.request.statement.origin.to_string(),
        asked_at_us: asked.request.recorded_at.as_micros(),
        act: i32::from(asked.wish.act as u8),
        to: names(&asked.wish.to),
        state: state(asked, now).into(),
        reply: reply.map(|reply| reference_of(&reply.record.statement)),
        replied_at_us: reply.map_or(0, |reply| reply.record.recorded_at.as_micros()),
        granted_to: grant.map_or_else(Vec::new, |grant| names(&grant.to)),
        until: grant.map_or_else(String::new, |grant| grant.until.to_string()),
    }
}

fn state(asked: &AskedPermission, now: Timestamp) -> pb::PermissionState {
    let Some(reply) = &asked.reply else {
        return pb::PermissionState::Asked;
    };
    match (&reply.grant, reply.standing()) {
        (None, _) => pb::PermissionState::Refused,
        (Some(_), None) => pb::PermissionState::TakenBack,
        (Some(_), Some(grant)) if Day::of(now).is_some_and(|today| today > grant.until) => {
            pb::PermissionState::Over
        }
        (Some(_), Some(_)) => pb::PermissionState::Granted,
    }
}
