//! Somebody sees a thread: journaled, and told to the origin the first time that an officer sees it in full.
//!
//! The way in is [`consult`]. Must never tell anything to the origin for a peek.

use std::sync::Arc;

use super::{
    Ground, SecondPerson, Submission, SubmitError,
    core::{Committing, Core},
    hand_in::Draft,
    submit::{self, Prepared, Recorded},
};
use crate::{
    domain::{
        id::{MessageId, StatementRef},
        reason::Reason,
        routing::{AnswerCode, Effect, Handling, HandlingSet, Kind, Lane, TransferGround},
    },
    store::{
        entry::Actor,
        event::{Event, Peek},
        ledger::Ledger,
        record::{Direction, MessageRecord},
    },
    wire,
};

/// Journals a consultation; answers when durable.
///
/// # Errors
/// `NOT_FOUND` when the thread's first statement is not here.
pub(super) async fn consult(
    core: &Arc<Core>,
    actor: Actor,
    thread: StatementRef,
    peek: Peek,
    why: Option<Arc<str>>,
) -> Result<(), SubmitError> {
    let committing = core
        .run(Lane::Fast, move |core| {
            decide(core, actor, thread, peek, why)
        })
        .await?;
    committing.durable().await?
}

fn decide(
    core: &Arc<Core>,
    actor: Actor,
    thread: StatementRef,
    peek: Peek,
    why: Option<Arc<str>>,
) -> Committing<Result<(), SubmitError>> {
    let now = core.now();
    let id = MessageId::from_parts(
        u64::try_from(now.as_micros() / 1000).unwrap_or(0),
        core.random_bytes(),
    );
    let mut recorded = Recorded::default();
    let mut plan = core.store.decide(|ledger: &mut Ledger| {
        let Some(first) = ledger.message(&thread) else {
            return Err(Reason::NotFound.into());
        };
        let consulted = Event::Consulted {
            actor,
            thread,
            peek,
            why,
        };
        recorded.event(ledger, now, consulted);
        if !tells_origin(&first, peek) {
            return Ok(());
        }
        let draft = Draft {
            submission: Arc::new(opened(&first)?),
            statement: StatementRef {
                origin: core.authority,
                id,
            },
            earlier: None,
            seen: None,
            addressed: None,
        };
        match submit::prepare(core, &draft, now)? {
            prepared @ Prepared::Later(_) => {
                submit::record_one(ledger, now, actor, prepared, &mut recorded).map(drop)
            }
            Prepared::First(_) | Prepared::Earlier(_) | Prepared::Kept(_) => Ok(()),
        }
    });
    submit::sign(core, &mut plan, &recorded);
    core.commit(plan)
}

/// The first full view of a foreign alert.
fn tells_origin(first: &MessageRecord, peek: Peek) -> bool {
    peek == Peek::Opens && first.direction == Direction::Foreign && first.opened_at.is_none()
}

/// The answer `opened`: no person in it, so handled as H0 whatever the alert says.
fn opened(first: &MessageRecord) -> Result<Submission, SubmitError> {
    let handling = HandlingSet::new([Handling::H0])
        .map_err(|error| SubmitError::refused(Reason::FaultyDraft, error.to_string()))?;
    Ok(Submission {
        id: None,
        to: Vec::new(),
        kind: Kind::Answer,
        effect: Effect::Answers(AnswerCode::Opened),
        terms: <_>::default(),
        status: first.status,
        priority: first.priority,
        handling,
        handling_text: String::new(),
        // No person is in it: what the federation agreed on carries it.
        ground: Ground::named(TransferGround::Safeguards, String::new()),
        in_reply_to: Some(first.statement),
        carried_hours: None,
        payload: wire::alert::opened_payload(first.statement),
        // The node itself gives it: nobody demands a second person for that.
        release: SecondPerson::NotNeeded,
    })
}
