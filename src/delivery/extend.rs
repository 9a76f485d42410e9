//! Adding recipients to a thread of our own: the newcomers are given all that stands in it, everybody is told.
//!
//! The way in is [`expand`]. One draft becomes one carrier for each current statement that a newcomer lacks, as it was
//! signed, and then the draft itself, which goes to all who hold the thread: all in one commit. Must never give a part of
//! what stands, nor anything that was taken back.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    Accepted, SecondPerson, Submission, SubmitError, address, core::Core, hand_in::Draft, pass_on,
};
use crate::{
    domain::{
        id::{AuthorityId, StatementRef},
        limits::{EXTEND_MAX_BYTES, EXTEND_MAX_STATEMENTS},
        lives::AlertLife,
        reason::Reason,
        routing::{Effect, Kind, Lane, Routing},
        terms::Terms,
        time::Timestamp,
    },
    store::{
        ledger::Ledger,
        record::{MessageRecord, Ordinal},
    },
    trust::{
        batch::{Purpose, Unverified, UnverifiedItem},
        directory::Beginning,
    },
    wire::{self, alert::Inside},
};

/// How often a thread that goes on meanwhile is looked at anew.
pub(super) const TRIES_MAX: usize = 8;

/// The state of a thread when its statements were read to be given to a newcomer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    thread: StatementRef,
    tail: Option<Ordinal>,
}

impl Seen {
    /// As it stands now.
    pub(super) fn of(ledger: &Ledger, thread: StatementRef) -> Self {
        Self {
            thread,
            tail: ledger.thread_tail(&thread),
        }
    }
}

/// Drafts as they are handed in, and those that are sent beside them.
pub(super) struct Expanded {
    pub(super) drafts: Vec<Draft>,
    /// Places of what was handed in.
    asked: Vec<usize>,
}

impl Expanded {
    /// The answers to what was handed in; what is sent beside it is not asked after.
    pub(super) fn answers(asked: &[usize], accepted: Vec<Accepted>) -> Vec<Accepted> {
        let all = accepted.into_iter().enumerate();
        all.filter(|(place, _)| asked.contains(place))
            .map(|(_, accepted)| accepted)
            .collect()
    }

    /// Drafts, and the places of what was handed in.
    pub(super) fn into_parts(self) -> (Vec<Draft>, Vec<usize>) {
        (self.drafts, self.asked)
    }
}

/// True for what becomes more than one statement.
pub(super) fn is_extension(submission: &Submission) -> bool {
    submission.kind == Kind::Extend
}

/// Groups and `all` among the addressees of what begins a thread, or extends one: it is for whoever belongs to them.
pub(super) fn groups(submission: &Submission) -> Option<Arc<str>> {
    let is_group = |name: &&String| name.starts_with('@') || name.as_str() == "all";
    let groups: BTreeSet<&str> = submission
        .to
        .iter()
        .filter(is_group)
        .map(String::as_str)
        .collect();
    let extends = submission.effect == Effect::Extends;
    let remembers = submission.in_reply_to.is_none() || extends;
    (remembers && !groups.is_empty()).then(|| Vec::from_iter(groups).join(",").into())
}

/// Reads what newcomers must be given, and puts it before each extension.
///
/// # Errors
/// `NOT_FOUND`, `NOT_OWNER`, `NOT_LIVE`, `FAULTY_DRAFT`, `TOO_LARGE`: nothing is extended.
pub(super) async fn expand(
    core: &Arc<Core>,
    submissions: Vec<Submission>,
) -> Result<Expanded, SubmitError> {
    let mut expanded = Expanded {
        drafts: Vec::with_capacity(submissions.len()),
        asked: Vec::with_capacity(submissions.len()),
    };
    for submission in submissions {
        let drafts = &mut expanded.drafts;
        if submission.effect == Effect::PassesOn {
            let (carriers, told, seen) = pass_on::passing(core, submission).await?;
            let all = carriers.into_iter().chain([told]);
            drafts.extend(all.map(|one| Draft::new(core, one, seen)));
        } else if is_extension(&submission) {
            let addressed = groups(&submission);
            let (carriers, head, seen) = extension(core, submission).await?;
            drafts.extend(carriers.into_iter().map(|one| Draft::new(core, one, seen)));
            drafts.push(Draft {
                addressed,
                ..Draft::new(core, head, seen)
            });
        } else {
            drafts.push(Draft::new(core, submission, None));
        }
        expanded.asked.push(drafts.len() - 1);
    }
    Ok(expanded)
}

/// That nothing was said in a thread since its statements were read: what is given is all that stands.
///
/// # Errors
/// `THREAD_MOVED`.
pub(super) fn check_seen(ledger: &Ledger, drafts: &[Draft]) -> Result<(), SubmitError> {
    let seen = drafts
        .iter()
        .filter(|draft| draft.earlier.is_none())
        .filter_map(|draft| draft.seen);
    for seen in seen {
        if ledger.thread_tail(&seen.thread) != seen.tail {
            return Err(Reason::ThreadMoved.into());
        }
    }
    Ok(())
}

/// What is found of a thread that is to be extended.
enum Found {
    /// This very extension was accepted before: it is compared, and nothing is given again.
    Before(BTreeSet<AuthorityId>),
    /// A live alert of ours.
    Thread(Box<Thread>),
}

struct Thread {
    seen: Seen,
    /// All who hold the first statement, newcomers included.
    everybody: BTreeSet<AuthorityId>,
    given: Vec<Given>,
}

/// One statement, and who is given it.
struct Given {
    record: MessageRecord,
    to: Vec<String>,
}

/// The carriers, the extension itself with everybody as its recipients, and what they rest on.
async fn extension(
    core: &Arc<Core>,
    submission: Submission,
) -> Result<(Vec<Submission>, Submission, Option<Seen>), SubmitError> {
    let now = core.now();
    let directory = core.directory.load_full();
    let to = address::expand(&directory, &core.authority, &submission)?;
    let found = core
        .read(|ledger| find(ledger, &core.authority, &submission, &to, now))
        .await??;
    let addressed = |everybody: &BTreeSet<AuthorityId>| Submission {
        to: everybody.iter().map(ToString::to_string).collect(),
        ..submission.clone()
    };
    let thread = match found {
        Found::Before(everybody) => return Ok((Vec::new(), addressed(&everybody), None)),
        Found::Thread(thread) => *thread,
    };
    // Whoever has left, or is suspended, is told nothing: its own node would refuse it, and our directory its name.
    let reachable = |it: &&AuthorityId| {
        let named = directory.expand(it.as_str(), Beginning::InThread, &core.authority);
        named.is_ok()
    };
    let everybody = thread.everybody.iter().filter(reachable);
    let head = addressed(&everybody.copied().collect());
    let seen = Some(thread.seen);
    // A draft that waits for a second person gives nothing yet: what stands when it is released is read then.
    if matches!(submission.release, SecondPerson::Awaited(_)) {
        return Ok((Vec::new(), head, None));
    }
    let lane = Lane::of(submission.kind, submission.priority);
    let carriers = core
        .run(lane, move |core| read(core, &submission, thread.given, now))
        .await??;
    Ok((carriers, head, seen))
}

/// What is to be given to whom, as the thread stands.
fn find(
    ledger: &Ledger,
    own: &AuthorityId,
    submission: &Submission,
    to: &BTreeSet<AuthorityId>,
    now: Timestamp,
) -> Result<Found, SubmitError> {
    let faulty = |text: String| SubmitError::refused(Reason::FaultyDraft, text);
    if let Some(earlier) = earlier(ledger, own, submission) {
        let kept: BTreeSet<AuthorityId> =
            earlier.deliveries.iter().map(|it| it.recipient).collect();
        let same = to.is_subset(&kept);
        return Ok(Found::Before(if same { kept } else { to.clone() }));
    }
    let named = submission.in_reply_to.and_then(|it| ledger.message(&it));
    let Some(first) = named else {
        return Err(SubmitError::refused(
            Reason::NotFound,
            "`in_reply_to` names no statement that is here: check the id",
        ));
    };
    check_first(&first, own, now)?;
    let holders: BTreeSet<AuthorityId> = first.given().map(|it| it.recipient).collect();
    let newcomers: BTreeSet<AuthorityId> = to
        .iter()
        .filter(|to| first.is_lacked_by(to))
        .copied()
        .collect();
    if newcomers.is_empty() {
        return Err(faulty(
            "`to` names nobody who is new to this thread: see `allpoints track` for who holds it"
                .to_owned(),
        ));
    }
    let given: Vec<Given> = current(ledger, &first, now)
        .into_iter()
        .filter_map(|record| {
            let lacks = |to: &&AuthorityId| record.is_lacked_by(to);
            let to: Vec<_> = newcomers
                .iter()
                .filter(lacks)
                .map(ToString::to_string)
                .collect();
            (!to.is_empty()).then_some(Given { record, to })
        })
        .collect();
    check_count(given.len())?;
    Ok(Found::Thread(Box::new(Thread {
        seen: Seen::of(ledger, first.statement),
        everybody: holders.union(&newcomers).copied().collect(),
        given,
    })))
}

/// What was accepted under this draft's id before.
pub(super) fn earlier(
    ledger: &Ledger,
    own: &AuthorityId,
    submission: &Submission,
) -> Option<MessageRecord> {
    let id = submission.id?;
    ledger.message(&StatementRef { origin: *own, id })
}

/// A live alert, or what else begins a thread and says something of a person, of our own.
fn check_first(
    first: &MessageRecord,
    own: &AuthorityId,
    now: Timestamp,
) -> Result<(), SubmitError> {
    if first.statement == first.thread && first.statement.origin != *own {
        return Err(Reason::NotOwner.into());
    }
    check_live(first, now)
}

/// The first statement of a thread, that lives and may be given to others.
pub(super) fn check_live(first: &MessageRecord, now: Timestamp) -> Result<(), SubmitError> {
    if first.statement != first.thread {
        return Err(SubmitError::refused(
            Reason::FaultyDraft,
            format!(
                "`in_reply_to` names a {} within a thread: expected the thread's first statement, {}",
                first.kind, first.thread
            ),
        ));
    }
    if !first.kind.is_carried() {
        return Err(SubmitError::refused(
            Reason::FaultyDraft,
            format!("a {} is not extended: send it anew", first.kind),
        ));
    }
    match first.life_at(now) {
        AlertLife::Live => Ok(()),
        _ => Err(Reason::NotLive.into()),
    }
}

/// What stands: its origin's own word on the person that went to all whom the first statement names, and was not taken back. What
/// was told to one of them alone stays theirs, and what others said is theirs to give.
pub(super) fn current(
    ledger: &Ledger,
    first: &MessageRecord,
    now: Timestamp,
) -> Vec<MessageRecord> {
    let stands = |record: &MessageRecord| {
        record.statement != first.statement
            && record.kind.is_carried()
            && record.life_at(now) == AlertLife::Live
            && is_for_all(first, record)
    };
    let thread = ledger.thread_in_order(&first.statement);
    let later = thread.into_iter().filter(stands);
    [first.clone()].into_iter().chain(later).collect()
}

/// The word of a thread's first origin to all whom its first statement names.
pub(super) fn is_for_all(first: &MessageRecord, record: &MessageRecord) -> bool {
    let mut named = first.deliveries.iter().filter(|it| it.extended.is_none());
    record.statement.origin == first.statement.origin
        && named.all(|it| record.delivery(&it.recipient).is_some())
}

/// Reads the signed bytes, and makes a carrier of each.
fn read(
    core: &Core,
    head: &Submission,
    given: Vec<Given>,
    now: Timestamp,
) -> Result<Vec<Submission>, SubmitError> {
    let mut bytes = 0;
    let mut carriers = Vec::with_capacity(given.len());
    for one in given {
        let (routing, inside) = signed(core, &one.record, now)?;
        bytes += inside.document.len();
        check_bytes(bytes)?;
        let target = routing.statement;
        carriers.push(Submission {
            id: None,
            to: one.to,
            kind: Kind::Extend,
            effect: Effect::Extends,
            terms: Terms::default(),
            status: routing.status,
            priority: head.priority,
            handling: routing.handling,
            handling_text: routing.handling_text,
            ground: head.ground.clone(),
            in_reply_to: Some(target),
            carried_hours: head.carried_hours,
            payload: wire::alert::carrying(&head.payload, &target, inside)?,
            release: head.release.clone(),
        });
    }
    Ok(carriers)
}

/// That a thread is not too large to be given to a newcomer.
///
/// # Errors
/// `TOO_LARGE`.
pub(super) fn check_bytes(bytes: usize) -> Result<(), SubmitError> {
    match bytes > EXTEND_MAX_BYTES {
        true => Err(SubmitError::refused(
            Reason::TooLarge,
            format!(
                "what stands in this thread is more than {EXTEND_MAX_BYTES} bytes: issue an alert anew"
            ),
        )),
        false => Ok(()),
    }
}

/// That not too many statements stand in a thread to be given to a newcomer.
///
/// # Errors
/// `FAULTY_DRAFT`.
pub(super) fn check_count(count: usize) -> Result<(), SubmitError> {
    match count > EXTEND_MAX_STATEMENTS {
        true => Err(SubmitError::refused(
            Reason::FaultyDraft,
            format!(
                "{count} statements stand in this thread: expected at most {EXTEND_MAX_STATEMENTS}; issue an alert anew"
            ),
        )),
        false => Ok(()),
    }
}

/// A kept statement of ours, with a signature that a newcomer can verify. Under a key that is revoked, or that the
/// directory no longer lists, the same bytes are signed again: their leaf stays what it is.
fn signed(
    core: &Core,
    record: &MessageRecord,
    now: Timestamp,
) -> Result<(Routing, Inside), SubmitError> {
    let (routing, inside) = kept(core, record)?;
    match proves(core, &core.authority, &inside, now) {
        Ok(()) => Ok((routing, inside)),
        Err(_) => {
            let again = core.statement_signer.sign(vec![record.leaf]).proof(0);
            let proof = again.ok_or_else(|| damaged(&"it cannot be signed again"))?;
            Ok((routing, Inside { proof, ..inside }))
        }
    }
}

/// A kept statement as it was signed.
///
/// # Errors
/// `DAMAGED_BODY`.
pub(super) fn kept(core: &Core, record: &MessageRecord) -> Result<(Routing, Inside), SubmitError> {
    let entry = core.store.entry(record.index);
    let entry = entry.map_err(|error| damaged(&error))?;
    let proof = entry.proof.ok_or_else(|| damaged(&"it has no signature"))?;
    let (routing, _) = wire::decode_kept_statement(&entry.body)?;
    let document = entry.body;
    Ok((routing, Inside { document, proof }))
}

fn damaged(error: &dyn std::fmt::Display) -> SubmitError {
    tracing::error!(%error, "a kept statement cannot be read");
    SubmitError::from(Reason::DamagedBody)
}

/// Whether a newcomer believes it by its own signature: under a key that is good now, or has retired since.
///
/// # Errors
/// Why not.
pub(super) fn proves(
    core: &Core,
    origin: &AuthorityId,
    inside: &Inside,
    now: Timestamp,
) -> Result<(), Reason> {
    let alone = Unverified {
        signed: inside.proof.signed.as_ref().clone(),
        items: vec![UnverifiedItem {
            document: inside.document.clone(),
            index: inside.proof.index,
            path: inside.proof.path.clone(),
        }],
    };
    let verified = core
        .verifier
        .verify(Purpose::Statement, origin, &alone, now);
    let faults = verified.into_iter().filter_map(Result::err);
    match faults.into_iter().find(|it| *it != Reason::KeyRetired) {
        Some(reason) => Err(reason),
        None => Ok(()),
    }
}
