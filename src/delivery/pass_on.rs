//! Passing a thread of somebody else on to authorities that are new to it: given whole, and told to its originator.
//!
//! The way in is [`passing`]. One draft becomes one carrier for each current statement and each grant of the originator, with
//! both as they were signed; and one statement that tells the originator: all in one commit. Must never give what markings
//! keep here, nor without the permission that they demand (`permit.rs`).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    SecondPerson, Submission, SubmitError, address,
    core::Core,
    extend::{self, Seen},
};
use crate::{
    domain::{
        alert::value::Day,
        id::{AuthorityId, StatementRef},
        permission::{Onward, Passed},
        reason::Reason,
        routing::{Effect, Kind, Lane},
        time::Timestamp,
    },
    store::{ledger::Ledger, record::MessageRecord},
    wire::{self, alert::Inside},
};

/// One statement that is passed on, and to whom.
#[derive(Debug, Clone)]
pub(super) struct Passing {
    pub(super) record: MessageRecord,
    pub(super) to: Vec<AuthorityId>,
    /// The originator's grant, where one is needed.
    pub(super) grant: Option<MessageRecord>,
}

/// One statement that would be passed on.
#[derive(Debug, Clone)]
pub struct GivenOn {
    /// The statement.
    pub record: MessageRecord,
    /// To whom.
    pub to: Vec<AuthorityId>,
    /// The originator's grant; `None`: its markings ask none.
    pub under: Option<StatementRef>,
}

/// What a draft would give to whom.
///
/// # Errors
/// As [`passing`].
pub(super) async fn given(
    core: &Arc<Core>,
    draft: &Submission,
) -> Result<Vec<GivenOn>, SubmitError> {
    if draft.effect != Effect::PassesOn {
        return Ok(Vec::new());
    }
    let Found::Thread(_, all) = look(core, draft).await? else {
        return Ok(Vec::new());
    };
    let given = all.into_iter().map(|one| GivenOn {
        under: one.grant.as_ref().map(|grant| grant.statement),
        record: one.record,
        to: one.to,
    });
    Ok(given.collect())
}

impl Passing {
    fn passed(&self) -> Vec<Passed> {
        let under = self.grant.as_ref().map(|grant| grant.statement);
        let to = self.to.iter();
        to.map(|to| Passed {
            to: *to,
            under,
            received_at: None,
        })
        .collect()
    }
}

/// What is found of a thread that is to be passed on.
pub(super) enum Found {
    /// This very statement was accepted before, and passed it on to these: it is compared, and nothing is given again.
    Before(Vec<Passed>),
    /// What goes to whom.
    Thread(Seen, Vec<Passing>),
}

/// The carriers, the statement that tells the originator, and what they rest on.
///
/// # Errors
/// `NOT_FOUND`, `NOT_LIVE`, `NOT_PERMITTED`, `PERMISSION_OVER`, `NEVER_PASSED_ON`, `FAULTY_DRAFT`, `TOO_LARGE`: nothing is
/// passed on.
pub(super) async fn passing(
    core: &Arc<Core>,
    submission: Submission,
) -> Result<(Vec<Submission>, Submission, Option<Seen>), SubmitError> {
    let target = submission.in_reply_to.ok_or(Reason::NotFound)?;
    let now = core.now();
    match look(core, &submission).await? {
        Found::Before(passed) => Ok((Vec::new(), telling(&submission, target, &passed)?, None)),
        Found::Thread(seen, all) => {
            let passed = newcomers(&all);
            let told = telling(&submission, target, &passed)?;
            // A draft that waits for a second person gives nothing yet.
            if matches!(submission.release, SecondPerson::Awaited(_)) {
                return Ok((Vec::new(), told, None));
            }
            let lane = Lane::of(submission.kind, submission.priority);
            let carriers = core
                .run(lane, move |core| carriers(core, &submission, &all, now))
                .await??;
            Ok((carriers, told, Some(seen)))
        }
    }
}

/// What would be passed on to whom, under which grants.
///
/// # Errors
/// As [`passing`].
pub(super) async fn look(core: &Arc<Core>, submission: &Submission) -> Result<Found, SubmitError> {
    let now = core.now();
    let directory = core.directory.load_full();
    let to = address::expand(&directory, &core.authority, submission)?;
    core.read(|ledger| find(ledger, &core.authority, submission, &to, now))
        .await?
}

fn find(
    ledger: &Ledger,
    own: &AuthorityId,
    submission: &Submission,
    to: &BTreeSet<AuthorityId>,
    now: Timestamp,
) -> Result<Found, SubmitError> {
    let faulty = |text: String| SubmitError::refused(Reason::FaultyDraft, text);
    if let Some(earlier) = extend::earlier(ledger, own, submission) {
        let said = earlier.terms.permission.clone();
        let passed = said.map_or_else(Vec::new, |it| it.passed().to_vec());
        let same = to.iter().all(|to| passed.iter().any(|it| it.to == *to));
        let as_asked = || {
            to.iter().map(|to| Passed {
                to: *to,
                under: None,
                received_at: None,
            })
        };
        return Ok(Found::Before(match same {
            true => passed,
            false => as_asked().collect(),
        }));
    }
    let named = submission.in_reply_to.and_then(|it| ledger.message(&it));
    let Some(first) = named else {
        return Err(SubmitError::refused(
            Reason::NotFound,
            "`in_reply_to` names no statement that is here: check the id",
        ));
    };
    if first.thread.origin == *own {
        return Err(faulty(
            "it is our own: `allpoints extend` gives it to others".to_owned(),
        ));
    }
    extend::check_live(&first, now)?;
    let lacks = |to: &&AuthorityId| first.is_lacked_by(to);
    let newcomers: Vec<AuthorityId> = to.iter().filter(lacks).copied().collect();
    if newcomers.is_empty() {
        return Err(faulty(
            "`to` names nobody who is new to this thread: see `allpoints tree` for who holds it"
                .to_owned(),
        ));
    }
    let current = extend::current(ledger, &first, now);
    extend::check_count(current.len())?;
    let grants = grants(ledger, own, &current, &newcomers, now)?;
    let passing = grants.into_iter().flat_map(|(grant, to)| {
        let of = move |record: &MessageRecord| Passing {
            record: record.clone(),
            to: to.clone(),
            grant: grant.as_ref().and_then(|grant| ledger.message(grant)),
        };
        current.iter().map(of).collect::<Vec<_>>()
    });
    let passing = passing.collect();
    Ok(Found::Thread(Seen::of(ledger, first.statement), passing))
}

/// Newcomers by the grant that names them; all under none where the markings leave it free.
fn grants(
    ledger: &Ledger,
    own: &AuthorityId,
    current: &[MessageRecord],
    newcomers: &[AuthorityId],
    now: Timestamp,
) -> Result<BTreeMap<Option<StatementRef>, Vec<AuthorityId>>, SubmitError> {
    let strictest = current.iter().max_by_key(|record| record.onward());
    let Some(strictest) = strictest else {
        return Ok(BTreeMap::new());
    };
    match strictest.onward() {
        Onward::Free => return Ok(BTreeMap::from([(None, newcomers.to_vec())])),
        Onward::Never => return Err(kept_here(strictest, newcomers)),
        Onward::Permitted => {}
    }
    let today = Day::of(now).ok_or(Reason::CheckOwnClock)?;
    let mut by_grant: BTreeMap<_, Vec<AuthorityId>> = BTreeMap::new();
    for to in newcomers {
        let thread = strictest.thread;
        match ledger.grant_to_pass(&thread, own, to, today) {
            Ok(grant) => by_grant.entry(Some(grant.statement)).or_default().push(*to),
            Err(reason) => return Err(not_permitted(reason, strictest, to)),
        }
    }
    Ok(by_grant)
}

fn kept_here(record: &MessageRecord, newcomers: &[AuthorityId]) -> SubmitError {
    let names: Vec<&str> = newcomers.iter().map(AuthorityId::as_str).collect();
    SubmitError::refused(
        Reason::NeverPassedOn,
        format!(
            "the TLP of {} ({}) keeps it to those whom {} gave it: ask {} to extend it to {}",
            record.statement.reference(),
            record.kind,
            record.thread.origin,
            record.thread.origin,
            names.join(", ")
        ),
    )
}

/// Says what to ask of whom.
fn not_permitted(reason: Reason, record: &MessageRecord, to: &AuthorityId) -> SubmitError {
    let originator = record.thread.origin;
    let found = match reason {
        Reason::PermissionOver => "its permission to pass it on there is over",
        _ => "it has permitted nobody here to pass it on there",
    };
    SubmitError::refused(
        reason,
        format!(
            "{} ({}) goes to {to} with the permission of {originator} alone, and {found}: ask it with `allpoints permission ask {} --pass-on-to {to}`",
            record.statement.reference(),
            record.kind,
            record.thread.reference()
        ),
    )
}

/// Every newcomer once, in byte order.
fn newcomers(all: &[Passing]) -> Vec<Passed> {
    let each = all.iter().flat_map(Passing::passed);
    let by_name: BTreeMap<AuthorityId, Passed> = each.map(|passed| (passed.to, passed)).collect();
    by_name.into_values().collect()
}

/// What tells the originator.
///
/// # Errors
/// `MALFORMED` when the submission is no extension.
pub(super) fn telling(
    submission: &Submission,
    target: StatementRef,
    passed: &[Passed],
) -> Result<Submission, SubmitError> {
    let payload = wire::alert::passing(&submission.payload, &target, passed, None, None)?;
    let terms = wire::alert::inspect_payload(Kind::Extend, &payload)?.terms;
    Ok(Submission {
        to: vec![target.origin.to_string()],
        payload,
        terms,
        ..submission.clone()
    })
}

/// Reads the signed bytes, and makes the carriers.
pub(super) fn carriers(
    core: &Core,
    head: &Submission,
    all: &[Passing],
    now: Timestamp,
) -> Result<Vec<Submission>, SubmitError> {
    let mut bytes = 0;
    let mut carriers = Vec::with_capacity(all.len());
    for one in all {
        let (carried, inside) = extend::kept(core, &one.record)?;
        bytes += inside.document.len();
        extend::check_bytes(bytes)?;
        check_proves(core, &one.record, &inside, now)?;
        let grant = one.grant.as_ref().map(|grant| {
            let (_, inside) = extend::kept(core, grant)?;
            check_proves(core, grant, &inside, now)?;
            Ok::<_, SubmitError>(inside)
        });
        let target = carried.statement;
        let payload = wire::alert::passing(
            &head.payload,
            &target,
            &one.passed(),
            Some(inside),
            grant.transpose()?,
        )?;
        let terms = wire::alert::inspect_payload(Kind::Extend, &payload)?.terms;
        carriers.push(Submission {
            id: None,
            to: one.to.iter().map(ToString::to_string).collect(),
            kind: Kind::Extend,
            effect: Effect::PassesOn,
            terms,
            status: carried.status,
            priority: head.priority,
            handling: carried.handling,
            handling_text: carried.handling_text,
            ground: head.ground.clone(),
            in_reply_to: Some(target),
            carried_hours: head.carried_hours,
            payload,
            release: head.release.clone(),
        });
    }
    Ok(carriers)
}

/// We cannot sign it again: that is its originator's.
fn check_proves(
    core: &Core,
    record: &MessageRecord,
    inside: &Inside,
    now: Timestamp,
) -> Result<(), SubmitError> {
    let origin = record.statement.origin;
    extend::proves(core, &origin, inside, now).map_err(|reason| {
        SubmitError::refused(
            reason,
            format!(
                "{} was signed with a key that proves it to no newcomer any more: ask {origin} to extend its thread",
                record.statement.reference()
            ),
        )
    })
}
