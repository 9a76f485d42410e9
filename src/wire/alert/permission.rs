//! Permission in payloads: what is asked, granted, and used when a thread is passed on.
//!
//! The ways in are [`request`] and [`grant`], which judge, and [`of`], which routing reads: the same for a payload that was
//! just judged and for one that is read back. What is not legal is absent there.

use std::{collections::BTreeSet, sync::Arc};

use super::reader::Reader;
use crate::{
    domain::{
        alert::{kinds::Granted, value::Day},
        id::AuthorityId,
        limits::RECIPIENTS_MAX,
        permission::{Grant, Passed, Permission, PermissionAct, Said, Wish},
        time::Timestamp,
    },
    proto::alert::v1::{self as pb, payload::Kind},
    wire::fields::{coded, optional_reference},
};

/// What a payload says of permission.
pub(super) fn of(payload: &pb::Payload) -> Said {
    let said = match payload.kind.as_ref()? {
        Kind::InformationRequest(request) => {
            let asked = request.permission.as_ref()?;
            Permission::Asks(Wish {
                act: coded(asked.act, PermissionAct::from_number)?,
                to: authorities(&asked.to)?,
            })
        }
        Kind::InformationReply(reply) => match &reply.grant {
            Some(granted) => Permission::Grants(Grant {
                act: coded(granted.act, PermissionAct::from_number)?,
                to: authorities(&granted.to)?,
                until: granted.until.parse().ok()?,
            }),
            None if reply.result == pb::ReplyResult::Refused as i32 => Permission::Refuses,
            None => return None,
        },
        Kind::Extend(extend) => Permission::Passes(passed(extend.passing_on.as_ref()?)?),
        _ => return None,
    };
    Some(Arc::new(said))
}

fn passed(passing_on: &pb::PassingOn) -> Option<Vec<Passed>> {
    let within = passing_on.passed.len() <= RECIPIENTS_MAX;
    let one = |passed: &pb::PassedOn| {
        Some(Passed {
            to: passed.to.parse().ok()?,
            under: optional_reference(passed.grant.as_ref()).ok()?,
            received_at: match passed.received_at_us {
                0 => None,
                micros => Some(Timestamp::from_micros(micros)),
            },
        })
    };
    within.then(|| passing_on.passed.iter().map(one).collect())?
}

fn authorities(names: &[String]) -> Option<Vec<AuthorityId>> {
    let within = names.len() <= RECIPIENTS_MAX;
    within.then(|| names.iter().map(|name| name.parse().ok()).collect())?
}

/// Permission that is asked.
pub(super) fn request(reader: &mut Reader, wire: &pb::PermissionRequest) -> Option<Wish> {
    let act = reader.coded("act", wire.act);
    let to = to(reader, act, &wire.to);
    Some(Wish { act: act?, to })
}

/// Permission that is given.
pub(super) fn grant(reader: &mut Reader, wire: &pb::Grant) -> Option<Granted> {
    let act = reader.coded("act", wire.act);
    let to = to(reader, act, &wire.to);
    let until: Option<Day> = reader.needed("until", &wire.until);
    let issued_on = reader.issued_on();
    reader.in_order(
        issued_on.as_ref(),
        until.as_ref(),
        "until",
        &wire.until,
        "the day of issue",
    );
    let conditions = reader.text("conditions", wire.conditions.as_ref());
    Some(Granted {
        grant: Grant {
            act: act?,
            to,
            until: until?,
        },
        conditions,
    })
}

/// To whom it is passed on, which belongs to that act alone.
fn to(reader: &mut Reader, act: Option<PermissionAct>, names: &[String]) -> Vec<AuthorityId> {
    if names.len() > RECIPIENTS_MAX {
        let found = format!("{} authorities", names.len());
        reader.fault("to", found, format!("at most {RECIPIENTS_MAX}"));
        return Vec::new();
    }
    match act {
        Some(PermissionAct::PassOn) => {
            let expected = "the authorities to whom it would be passed on, such as `XD-POL`";
            reader.demand(!names.is_empty(), "to", expected);
        }
        Some(PermissionAct::Disclose) => {
            reader.forbid(
                !names.is_empty(),
                "to",
                "nothing: only pass_on names somebody",
            );
        }
        None => {}
    }
    let to: Vec<AuthorityId> = reader.parsed_list("to", names);
    let mut seen = BTreeSet::new();
    if let Some(twice) = to.iter().find(|it| !seen.insert(**it)) {
        reader.wrong("to", twice.as_str(), "each authority once");
    }
    to
}
