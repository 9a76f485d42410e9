//! Accepting what the own desk hands in.
//!
//! What is handed in waits (`hand_in.rs`); workers run [`accept`] over it. A job is accepted whole or not at all, and
//! answered when durable. Must never sign what a receiver would refuse: the same rules are applied (`verdict`).

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;

use super::{
    Accepted, SubmitError,
    address::{self, Addressed},
    core::{Committing, Core},
    drafts::{self, Keeping},
    extend,
    hand_in::{Draft, SubmitJob},
    repeat,
};
use crate::{
    domain::{
        id::{AuthorityId, StatementRef},
        limits::BATCH_MAX_LEAVES,
        reason::Reason,
        receipt::LeafHash,
        routing::Routing,
        time::Timestamp,
    },
    store::{Plan, Signed, entry::Actor, event::Event, ledger::Ledger},
    trust::pae::{self, DocumentType},
    wire,
};

/// Accepts all jobs that were taken together, in one plan.
pub(super) fn accept(core: &Arc<Core>, jobs: Vec<SubmitJob>) {
    let now = core.now();
    let mut prepared = Vec::with_capacity(jobs.len());
    for job in jobs {
        match prepare_all(core, &job.drafts, now) {
            Ok(statements) => prepared.push((job, statements)),
            Err(error) => refuse_unless_known(core, job, error),
        }
    }
    if prepared.is_empty() {
        return;
    }
    let plan = core.store.decide(|ledger| {
        let mut recorded = Recorded::default();
        let decided: Vec<_> = prepared
            .into_iter()
            .map(|(job, statements)| {
                let decision = decide_job(core, ledger, now, &job, statements, &mut recorded);
                (job, decision)
            })
            .collect();
        (decided, recorded)
    });
    finish(core, plan);
}

/// A draft that today's directory refuses may have been accepted under an earlier one: then it gets its first answer.
fn refuse_unless_known(core: &Arc<Core>, job: SubmitJob, error: SubmitError) {
    let known: Vec<StatementRef> = core.store.glance(|ledger, _| {
        let fresh = job.drafts.iter().filter(|draft| draft.earlier.is_none());
        fresh
            .map(|draft| draft.statement)
            .filter(|statement| {
                ledger.message(statement).is_some() || ledger.draft(statement).is_some()
            })
            .collect()
    });
    match known.is_empty() {
        true => {
            let lost = job
                .drafts
                .iter()
                .find_map(|draft| check_not_lost(core, draft).err());
            drop(job.answer.send(Err(lost.unwrap_or(error))));
        }
        false => answer(core, job, Decision::Compare(known)),
    }
}

/// One statement before the lock is taken.
pub(super) enum Prepared {
    /// The first of its thread: ready but for being recorded.
    First(Box<Encoded>),
    /// Belongs to a thread: addressed and numbered under the lock.
    Later(Box<Addressed>),
    /// Accepted before.
    Earlier(Accepted),
    /// Not to be sent, but kept for a second person.
    Kept(Box<Keeping>),
}

/// A statement as it will be signed.
pub(super) struct Encoded {
    pub(super) routing: Arc<Routing>,
    pub(super) leaf: LeafHash,
    pub(super) document: Bytes,
    /// Recipients that run no node.
    by_hand: Vec<AuthorityId>,
}

impl Encoded {
    fn new(routing: Routing, addressed: &Addressed) -> Result<Self, SubmitError> {
        let (salt, payload) = (addressed.salt, &addressed.submission.payload);
        let document = wire::encode_statement(&routing, salt, payload);
        let max_bytes = routing.kind.max_bytes();
        if document.len() > max_bytes {
            return Err(SubmitError::refused(
                Reason::TooLarge,
                format!(
                    "{} is {} bytes when signed: expected at most {max_bytes}",
                    routing.statement.id,
                    document.len()
                ),
            ));
        }
        let recipients = routing.recipients.iter().map(|it| it.authority);
        let off_network = |it: &AuthorityId| addressed.directory.channel(it).is_some();
        Ok(Self {
            by_hand: recipients.filter(off_network).collect(),
            leaf: pae::leaf_hash(DocumentType::Statement, &document),
            routing: Arc::new(routing),
            document,
        })
    }
}

pub(super) fn prepare_all(
    core: &Core,
    drafts: &[Draft],
    now: Timestamp,
) -> Result<Vec<Prepared>, SubmitError> {
    drafts
        .iter()
        .map(|draft| match &draft.earlier {
            Some(earlier) => Ok(Prepared::Earlier(earlier.clone())),
            None => prepare(core, draft, now),
        })
        .collect()
}

/// Expands the addressees; encodes and hashes at once what needs nothing from the ledger.
pub(super) fn prepare(core: &Core, draft: &Draft, now: Timestamp) -> Result<Prepared, SubmitError> {
    let directory = core.directory.load_full();
    let addressed = Addressed {
        to: address::expand(&directory, &core.authority, &draft.submission)?,
        directory,
        statement: draft.statement,
        submission: Arc::clone(&draft.submission),
        salt: core.random_bytes(),
        now,
    };
    drafts::check_released(core, &draft.submission)?;
    let prepared = if draft.submission.in_reply_to.is_some() {
        Prepared::Later(Box::new(addressed))
    } else {
        let routing = addressed.first()?;
        let encoded = Encoded::new(routing, &addressed)?;
        Prepared::First(Box::new(encoded))
    };
    Ok(drafts::held_back(draft, prepared))
}

/// What is decided on one job.
enum Decision {
    /// All recorded: to be answered when durable.
    Accepted(Vec<Accepted>),
    /// Refused; nothing of it was recorded.
    Refused(SubmitError),
    /// Some ids are here already: compared outside of the lock, and then taken up again.
    Compare(Vec<StatementRef>),
}

/// Statements that a plan has recorded: the place of the event, and what is to be signed.
#[derive(Default)]
pub(super) struct Recorded {
    events: usize,
    to_sign: Vec<(usize, Arc<Routing>, LeafHash)>,
}

impl Recorded {
    /// Records any other event of this plan.
    pub(super) fn event(&mut self, ledger: &mut Ledger, now: Timestamp, event: Event) {
        ledger.record(now, event);
        self.events += 1;
    }

    /// Records one accepted statement.
    fn statement(
        &mut self,
        ledger: &mut Ledger,
        now: Timestamp,
        actor: Actor,
        encoded: Encoded,
    ) -> Accepted {
        let accepted = Accepted {
            statement: encoded.routing.statement,
            recipients: encoded.routing.recipients.clone(),
            accepted_at: now,
            repeated: false,
            awaits: None,
        };
        self.to_sign
            .push((self.events, Arc::clone(&encoded.routing), encoded.leaf));
        let event = Event::Accepted {
            actor,
            routing: encoded.routing,
            leaf: encoded.leaf,
            document: encoded.document,
        };
        self.event(ledger, now, event);
        for recipient in encoded.by_hand {
            let by_hand = Event::GoesByHand {
                actor,
                statement: accepted.statement,
                recipient,
            };
            self.event(ledger, now, by_hand);
        }
        accepted
    }
}

/// All checks first, then all records: a job is accepted whole or not at all.
fn decide_job(
    core: &Core,
    ledger: &mut Ledger,
    now: Timestamp,
    job: &SubmitJob,
    statements: Vec<Prepared>,
    recorded: &mut Recorded,
) -> Decision {
    let known: Vec<_> = job
        .drafts
        .iter()
        .zip(&statements)
        .filter(|(_, prepared)| !matches!(prepared, Prepared::Earlier(_)))
        .map(|(draft, _)| draft)
        .filter(|draft| drafts::is_known(ledger, draft, job.actor))
        .map(|draft| draft.statement)
        .collect();
    if !known.is_empty() {
        return Decision::Compare(known);
    }
    for draft in job.drafts.iter().filter(|draft| draft.earlier.is_none()) {
        if let Err(error) = check_not_lost(core, draft) {
            return Decision::Refused(error);
        }
    }
    if let Err(error) = extend::check_seen(ledger, &job.drafts) {
        return Decision::Refused(error);
    }
    for prepared in &statements {
        if let Err(error) = check_prepared(prepared, ledger) {
            return Decision::Refused(error);
        }
    }
    if let Err(error) = drafts::check_room(ledger, &statements) {
        return Decision::Refused(error);
    }
    let mut accepted = Vec::with_capacity(statements.len());
    for (draft, prepared) in job.drafts.iter().zip(statements) {
        match record_one(ledger, now, job.actor, prepared, recorded) {
            Ok(one) => {
                record_groups(ledger, now, (job.actor, draft), &one, recorded);
                accepted.push(one);
            }
            // Cannot happen after the checks above; the rest of the job stands.
            Err(error) => return Decision::Refused(error),
        }
    }
    Decision::Accepted(accepted)
}

/// Of an id that the client made, and that is not here: that it was not accepted, and lost.
pub(super) fn check_not_lost(core: &Core, draft: &Draft) -> Result<(), SubmitError> {
    if draft.submission.id.is_none() {
        return Ok(());
    }
    core.asking.check_id(&draft.statement.id).map_err(|reason| {
        let id = draft.statement.id;
        let text = match reason {
            Reason::Reclaiming => {
                format!("{id} may have been accepted before, and partners are asked for it")
            }
            _ => format!("{id} was accepted, and is lost: use a new id"),
        };
        SubmitError::refused(reason, text)
    })
}

/// Everything that could refuse it, its size included: sequence numbers are taken at their longest.
pub(super) fn check_prepared(prepared: &Prepared, ledger: &Ledger) -> Result<(), SubmitError> {
    match prepared {
        Prepared::Later(addressed) => {
            let longest = addressed.later(ledger, |_, _| u32::MAX)?;
            Encoded::new(longest, addressed).map(drop)
        }
        Prepared::Kept(keeping) => check_prepared(&keeping.prepared, ledger),
        Prepared::First(_) | Prepared::Earlier(_) => Ok(()),
    }
}

/// Gives a later statement its numbers, and records.
pub(super) fn record_one(
    ledger: &mut Ledger,
    now: Timestamp,
    actor: Actor,
    prepared: Prepared,
    recorded: &mut Recorded,
) -> Result<Accepted, SubmitError> {
    let encoded = match prepared {
        Prepared::Earlier(earlier) => return Ok(earlier),
        Prepared::First(encoded) => *encoded,
        Prepared::Later(addressed) => {
            let routing = addressed.later(ledger, |thread, recipient| {
                ledger.next_thread_seq(thread, recipient)
            })?;
            Encoded::new(routing, &addressed)?
        }
        Prepared::Kept(keeping) => {
            return drafts::record(ledger, now, actor, &keeping, recorded);
        }
    };
    Ok(recorded.statement(ledger, now, actor, encoded))
}

/// Remembers for whom it was, when it was accepted just now: whoever joins later is offered to us.
pub(super) fn record_groups(
    ledger: &mut Ledger,
    now: Timestamp,
    (actor, draft): (Actor, &Draft),
    accepted: &Accepted,
    recorded: &mut Recorded,
) {
    let Some(names) = &draft.addressed else {
        return;
    };
    if accepted.repeated || accepted.awaits.is_some() {
        return;
    }
    let addressed = Event::Addressed {
        actor,
        statement: draft.submission.in_reply_to.unwrap_or(accepted.statement),
        names: Arc::clone(names),
    };
    recorded.event(ledger, now, addressed);
}

/// Signs what was recorded: one batch for each set of recipients.
pub(super) fn sign<T>(core: &Core, plan: &mut Plan<T>, recorded: &Recorded) {
    let mut by_recipients: BTreeMap<Vec<AuthorityId>, Vec<(usize, LeafHash)>> = BTreeMap::new();
    for (position, routing, leaf) in &recorded.to_sign {
        let recipients = routing.recipients.iter().map(|r| r.authority).collect();
        by_recipients
            .entry(recipients)
            .or_default()
            .push((*position, *leaf));
    }
    for together in by_recipients.values() {
        for part in together.chunks(BATCH_MAX_LEAVES) {
            let leaves = part.iter().map(|(_, leaf)| *leaf).collect();
            let links: Vec<(usize, u32)> = part
                .iter()
                .zip(0..)
                .map(|((position, _), index)| (*position, index))
                .collect();
            let batch = core.statement_signer.sign(leaves);
            plan.attach_signature(Signed::Whole(batch), &links);
        }
    }
}

/// Signs, commits, and answers every job when durable.
fn finish(core: &Arc<Core>, plan: Plan<(Vec<(SubmitJob, Decision)>, Recorded)>) {
    let mut plan = plan;
    let recorded = std::mem::take(&mut plan.value.1);
    sign(core, &mut plan, &recorded);
    let committing: Committing<_> = core.commit(plan);
    let waiting = Arc::clone(core);
    core.spawn(async move {
        // On failure every job's answer is dropped with the plan, and its caller learns that the store failed.
        if let Ok((decided, _)) = committing.durable().await {
            failpoint!(AcknowledgeBefore);
            for (job, decision) in decided {
                answer(&waiting, job, decision);
            }
            failpoint!(AcknowledgeAfter);
        }
    });
}

fn answer(core: &Arc<Core>, job: SubmitJob, decision: Decision) {
    match decision {
        Decision::Accepted(accepted) => drop(job.answer.send(Ok(accepted))),
        Decision::Refused(error) => drop(job.answer.send(Err(error))),
        Decision::Compare(known) => {
            let waiting = Arc::clone(core);
            core.spawn(async move { repeat::take_up_again(&waiting, job, known).await });
        }
    }
}
