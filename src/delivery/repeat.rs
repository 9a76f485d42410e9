//! A draft whose id is here already: the same content gets the first answer, other content a refusal.
//!
//! The way in is [`take_up_again`]. Salt, time and numbers differ from try to try, so what the officer said is
//! compared, by reading back what is kept. Must never record anything itself.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;

use super::{
    Accepted, Ground, Submission, SubmitError, address, core::Core, submit::SubmitJob, workers::Job,
};
use crate::{
    domain::{
        id::{AuthorityId, StatementRef},
        reason::Reason,
        routing::{Lane, Routing},
    },
    wire,
};

/// Compares the drafts whose ids are known, and hands the job in again with their first answers.
pub(super) async fn take_up_again(core: &Arc<Core>, mut job: SubmitJob, known: Vec<StatementRef>) {
    let lane = job.lane();
    for statement in known {
        let earlier = match kept(core, lane, statement).await {
            Ok(earlier) => earlier,
            Err(error) => return drop(job.answer.send(Err(error))),
        };
        let places = job
            .drafts
            .iter_mut()
            .filter(|draft| draft.statement == statement);
        for draft in places {
            let to = match address::expand(
                &core.directory.load(),
                &core.authority,
                &draft.submission.to,
            ) {
                Ok(to) => to,
                Err(error) => return drop(job.answer.send(Err(error))),
            };
            if !is_same(&draft.submission, &to, &earlier.routing, &earlier.payload) {
                let error = SubmitError::refused(
                    Reason::IdConflict,
                    format!(
                        "{} was accepted with other content: use a new id",
                        statement.id
                    ),
                );
                return drop(job.answer.send(Err(error)));
            }
            draft.earlier = Some(earlier.accepted.clone());
        }
    }
    if job.drafts.iter().all(|draft| draft.earlier.is_some()) {
        let answers = job.drafts.into_iter().filter_map(|d| d.earlier).collect();
        return drop(job.answer.send(Ok(answers)));
    }
    // A refused push drops the job, and its caller is told that the node is stopping or full.
    if let Err(reason) = core.queue.push(None, lane, Job::Submits(vec![job])) {
        tracing::debug!(%reason, "a repeated job was not taken up again");
    }
}

/// What was accepted first.
struct Earlier {
    routing: Routing,
    payload: Bytes,
    accepted: Accepted,
}

async fn kept(
    core: &Arc<Core>,
    lane: Lane,
    statement: StatementRef,
) -> Result<Earlier, SubmitError> {
    let record = core
        .read(|ledger| ledger.message(&statement))
        .await?
        .ok_or(Reason::NotFound)?;
    let entry = core
        .run(lane, move |core| core.store.entry(record.index))
        .await?
        .map_err(|error| {
            tracing::error!(%error, "a kept statement cannot be read");
            SubmitError::from(Reason::DamagedBody)
        })?;
    let (routing, payload) = wire::decode_kept_statement(&entry.body)?;
    let accepted = Accepted {
        statement,
        recipients: routing.recipients.clone(),
        accepted_at: record.recorded_at,
        repeated: true,
    };
    Ok(Earlier {
        routing,
        payload,
        accepted,
    })
}

/// True when an officer would call it the same: everything that the draft says, and nothing that the node adds.
fn is_same(
    draft: &Submission,
    to: &BTreeSet<AuthorityId>,
    kept: &Routing,
    payload: &Bytes,
) -> bool {
    let same_readers = to.is_empty()
        || kept
            .recipients
            .iter()
            .map(|recipient| &recipient.authority)
            .eq(to.iter());
    let same_ground = kept.recipients.iter().all(|recipient| {
        match &draft.ground {
            Ground::Named(ground, reason) => {
                recipient.ground == *ground && recipient.ground_reason == *reason
            }
            // It says nothing, so it says nothing else.
            Ground::Left { .. } => true,
        }
    });
    same_readers
        && same_ground
        && draft.payload == *payload
        && draft.kind == kept.kind
        && draft.status == kept.status
        && draft.priority == kept.priority
        && draft.handling == kept.handling
        && draft.handling_text == kept.handling_text
        && draft.in_reply_to == kept.in_reply_to
}
