//! Drafts that wait for a second person: kept, released, given back, ended.
//!
//! The ways in are [`held_back`] for what is handed in, [`release`] and [`step`]. Must never let anything leave that a
//! rule demands a second person for, and never let the same pseudonym be both persons.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    Accepted, DraftWord, Keep, SecondPerson, Submission, SubmitError,
    core::{Committing, Core},
    extend,
    hand_in::{self, Draft, SubmitJob},
    submit::{self, Prepared, Recorded},
};
use crate::{
    domain::{
        id::{AuthorityId, StatementRef},
        limits::DRAFTS_MAX,
        lives::{DraftLife, DraftStep},
        reason::Reason,
        release::Outline,
        routing::{Lane, Recipient},
        time::Timestamp,
    },
    store::{
        Durable, StoreFailed,
        entry::Actor,
        event::{DraftEnd, Event},
        ledger::Ledger,
    },
    trust::directory::Directory,
    wire,
};

/// A draft that would be legal, and is to be kept instead of sent.
pub(super) struct Keeping {
    pub(super) prepared: Prepared,
    pub(super) keep: Keep,
    submission: Arc<Submission>,
    statement: StatementRef,
}

/// Refuses what this authority has told all others that it never sends without a second person.
pub(super) fn check_released(core: &Core, submission: &Submission) -> Result<(), SubmitError> {
    let demanded = core
        .demands_release(&core.authority)
        .contains(submission.kind);
    if demanded && submission.release == SecondPerson::NotNeeded {
        return Err(Reason::ReleaseNeeded.into());
    }
    Ok(())
}

/// What is prepared, or its keeping when a second person is awaited.
pub(super) fn held_back(draft: &Draft, prepared: Prepared) -> Prepared {
    match &draft.submission.release {
        SecondPerson::NotNeeded | SecondPerson::Attested(_) | SecondPerson::Stands(_) => prepared,
        SecondPerson::Awaited(keep) => Prepared::Kept(Box::new(Keeping {
            prepared,
            keep: keep.clone(),
            submission: Arc::clone(&draft.submission),
            statement: draft.statement,
        })),
    }
}

/// True when this id is taken: by a statement, or by a draft that its creator may not hand in anew.
pub(super) fn is_known(ledger: &Ledger, draft: &Draft, actor: Actor) -> bool {
    if ledger.message(&draft.statement).is_some() {
        return true;
    }
    let Some(kept) = ledger.draft(&draft.statement) else {
        return false;
    };
    let again = matches!(draft.submission.release, SecondPerson::Awaited(_))
        && kept.life.after(DraftStep::Kept).is_some()
        && kept.creator == actor;
    !again
}

/// That all of a job's drafts find room beside those that wait.
pub(super) fn check_room(ledger: &Ledger, statements: &[Prepared]) -> Result<(), SubmitError> {
    let kept = |prepared: &&Prepared| matches!(prepared, Prepared::Kept(_));
    let new = statements.iter().filter(kept).count();
    if new > 0 && ledger.draft_count() + new > DRAFTS_MAX {
        return Err(SubmitError::refused(
            Reason::DraftsFull,
            format!(
                "{} drafts wait for a second person: expected at most {DRAFTS_MAX}",
                ledger.draft_count()
            ),
        ));
    }
    Ok(())
}

/// Records one draft.
pub(super) fn record(
    ledger: &mut Ledger,
    now: Timestamp,
    actor: Actor,
    keeping: &Keeping,
    recorded: &mut Recorded,
) -> Result<Accepted, SubmitError> {
    let Readers {
        recipients,
        do_not_alert,
    } = readers(&keeping.prepared, ledger)?;
    let (keep, submission) = (&keeping.keep, &keeping.submission);
    let outline = Outline {
        kind: submission.kind,
        status: submission.status,
        priority: submission.priority,
        recipients: recipients.iter().map(|it| it.authority).collect(),
        created_by: keep.created_by.clone(),
        why: keep.why.to_string(),
        do_not_alert,
    };
    let accepted = Accepted {
        statement: keeping.statement,
        recipients,
        accepted_at: now,
        repeated: false,
        awaits: Some(outline.why.clone()),
    };
    let body = wire::encode_kept_draft(&keep.draft, &outline);
    let kept = Event::DraftKept {
        actor,
        statement: keeping.statement,
        outline: outline.into(),
        body,
    };
    recorded.event(ledger, now, kept);
    Ok(accepted)
}

/// Whom a draft reaches, and whether its person must not notice.
struct Readers {
    recipients: Vec<Recipient>,
    do_not_alert: bool,
}

/// To whom it goes, as things are.
fn readers(prepared: &Prepared, ledger: &Ledger) -> Result<Readers, SubmitError> {
    match prepared {
        Prepared::First(encoded) => Ok(Readers {
            recipients: encoded.routing.recipients.clone(),
            do_not_alert: encoded.routing.terms.do_not_alert,
        }),
        Prepared::Later(addressed) => {
            let routing = addressed.later(ledger, |thread, recipient| {
                ledger.next_thread_seq(thread, recipient)
            })?;
            let mut thread = ledger.thread(&routing.thread).into_iter();
            Ok(Readers {
                // Whatever is said about a person who must not notice, the thread has said so.
                do_not_alert: routing.terms.do_not_alert
                    || thread.any(|record| record.terms.do_not_alert),
                recipients: routing.recipients,
            })
        }
        Prepared::Earlier(earlier) => Ok(Readers {
            recipients: earlier.recipients.clone(),
            do_not_alert: false,
        }),
        Prepared::Kept(keeping) => readers(&keeping.prepared, ledger),
    }
}

/// Whether a repeated draft has its first answer.
pub(super) enum Answered {
    /// It has.
    Yes,
    /// No draft is kept under this id.
    NoDraft,
}

/// A draft whose id is that of a kept one: the same content gets the first answer, other content a refusal.
pub(super) async fn answer_again(
    core: &Arc<Core>,
    job: &mut SubmitJob,
    statement: StatementRef,
) -> Result<Answered, SubmitError> {
    let Some(record) = core.read(|ledger| ledger.draft(&statement)).await? else {
        return Ok(Answered::NoDraft);
    };
    let index = record.index;
    let entry = core
        .run(job.lane(), move |core| core.store.entry(index))
        .await?
        .map_err(|error| {
            tracing::error!(%error, "a kept draft cannot be read");
            SubmitError::from(Reason::DamagedBody)
        })?;
    let (kept, outline) = wire::decode_kept_draft(&entry.body)?;
    let places = job
        .drafts
        .iter_mut()
        .filter(|draft| draft.statement == statement);
    for draft in places {
        let same = match &draft.submission.release {
            SecondPerson::Awaited(keep) => keep.draft == kept,
            SecondPerson::NotNeeded | SecondPerson::Attested(_) | SecondPerson::Stands(_) => false,
        };
        if !same {
            return Err(SubmitError::refused(
                Reason::IdConflict,
                format!(
                    "{} is a draft with other content: use a new id, or have it returned first",
                    statement.id
                ),
            ));
        }
        draft.earlier = Some(Accepted {
            statement,
            recipients: as_handed_in(&outline, &draft.submission, &core.directory.load()),
            accepted_at: record.kept_at,
            repeated: true,
            awaits: Some(outline.why.clone()),
        });
    }
    Ok(Answered::Yes)
}

/// To whom it would go: numbers in the thread are given when it leaves.
fn as_handed_in(
    outline: &Outline,
    submission: &Submission,
    directory: &Directory,
) -> Vec<Recipient> {
    let readers = outline.recipients.iter();
    let recipient = |authority: &AuthorityId| {
        let grounded = submission.ground_towards(authority, directory).ok()?;
        Some(Recipient {
            authority: *authority,
            thread_seq: 0,
            ground: grounded.ground,
            ground_reason: grounded.reason,
        })
    };
    readers.filter_map(recipient).collect()
}

/// A second person releases what is kept.
pub(super) async fn release(
    core: &Arc<Core>,
    actor: Actor,
    statement: StatementRef,
    submission: Submission,
) -> Result<Accepted, SubmitError> {
    hand_in::check_whole(core, std::slice::from_ref(&submission))?;
    let lane = Lane::of(submission.kind, submission.priority);
    let mut tries = 0..extend::TRIES_MAX;
    loop {
        let expanded = extend::expand(core, vec![submission.clone()]).await?;
        let (drafts, _) = expanded.into_parts();
        let committing = core
            .run(lane, move |core| {
                decide_release(core, actor, statement, &drafts)
            })
            .await??;
        match committing.durable().await? {
            Err(SubmitError::Refused {
                reason: Reason::ThreadMoved,
                ..
            }) if tries.next().is_some() => {}
            answer => return answer,
        }
    }
}

/// Statement and end of the draft stand in one block, with what goes beside the statement. It is the last of `drafts`.
fn decide_release(
    core: &Arc<Core>,
    actor: Actor,
    statement: StatementRef,
    drafts: &[Draft],
) -> Result<Committing<Result<Accepted, SubmitError>>, SubmitError> {
    let now = core.now();
    let (last, beside) = drafts.split_last().ok_or(Reason::NotFound)?;
    submit::check_not_lost(core, last)?;
    let released = submit::prepare(core, last, now)?;
    let beside = beside
        .iter()
        .map(|draft| submit::prepare(core, draft, now))
        .collect::<Result<Vec<_>, SubmitError>>()?;
    let mut recorded = Recorded::default();
    let mut plan = core.store.decide(|ledger: &mut Ledger| {
        let kept = awaiting(ledger, &statement)?;
        if kept.creator == actor {
            return Err(Reason::SamePerson.into());
        }
        check_readers(&kept.outline, &readers(&released, ledger)?.recipients)?;
        extend::check_seen(ledger, drafts)?;
        for prepared in beside.iter().chain([&released]) {
            submit::check_prepared(prepared, ledger)?;
        }
        for prepared in beside {
            submit::record_one(ledger, now, actor, prepared, &mut recorded)?;
        }
        let accepted = submit::record_one(ledger, now, actor, released, &mut recorded)?;
        submit::record_groups(ledger, now, (actor, last), &accepted, &mut recorded);
        let ended = Event::DraftEnded {
            actor,
            statement,
            end: DraftEnd::Released,
        };
        recorded.event(ledger, now, ended);
        Ok(accepted)
    });
    submit::sign(core, &mut plan, &recorded);
    Ok(core.commit(plan))
}

/// A draft that waits for a second person.
fn awaiting(
    ledger: &Ledger,
    statement: &StatementRef,
) -> Result<crate::store::record::DraftRecord, SubmitError> {
    let Some(kept) = ledger.draft(statement) else {
        return Err(SubmitError::refused(
            Reason::NotFound,
            format!(
                "no draft {} is kept: see `allpoints draft list`",
                statement.id
            ),
        ));
    };
    match kept.life {
        DraftLife::Awaiting => Ok(kept),
        _ => Err(Reason::NotAwaiting.into()),
    }
}

/// Nobody gets it whom neither of the two persons has seen.
fn check_readers(outline: &Outline, now: &[Recipient]) -> Result<(), SubmitError> {
    let seen: BTreeSet<AuthorityId> = outline.recipients.iter().copied().collect();
    let unseen: Vec<&str> = now
        .iter()
        .filter(|recipient| !seen.contains(&recipient.authority))
        .map(|recipient| recipient.authority.as_str())
        .collect();
    if unseen.is_empty() {
        return Ok(());
    }
    Err(SubmitError::refused(
        Reason::RecipientsChanged,
        format!(
            "it would go to {} as well, whom the draft did not name when it was handed in",
            unseen.join(", ")
        ),
    ))
}

/// A draft goes back, or ends unsent.
pub(super) async fn step(
    core: &Arc<Core>,
    actor: Actor,
    statement: StatementRef,
    word: DraftWord,
) -> Result<(), SubmitError> {
    if core.is_stopping() {
        return Err(Reason::Stopping.into());
    }
    let now = core.now();
    let plan = core.store.decide(|ledger| {
        let Some(kept) = ledger.draft(&statement) else {
            return awaiting(ledger, &statement).map(drop);
        };
        if kept.life.after(word.step()).is_none() {
            return Err(Reason::NotAwaiting.into());
        }
        let event = match word {
            DraftWord::Return(text) => Event::DraftReturned {
                actor,
                statement,
                text,
            },
            DraftWord::Discard => Event::DraftEnded {
                actor,
                statement,
                end: DraftEnd::Discarded,
            },
        };
        ledger.record(now, event);
        Ok(())
    });
    plan.commit().await.map(Durable::into_inner)?
}

/// Journals a refusal.
pub(super) async fn act_refused(
    core: &Arc<Core>,
    actor: Actor,
    statement: StatementRef,
    reason: Reason,
) -> Result<(), StoreFailed> {
    let refused = Event::ActRefused {
        actor,
        statement,
        reason,
    };
    core.record(vec![refused]).await
}
