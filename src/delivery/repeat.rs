//! A draft whose id is here already: the same content gets the first answer, other content a refusal.
//!
//! The way in is [`take_up_again`]. Salt, time and numbers differ from try to try, so what the officer said is
//! compared, by reading back what is kept. Must never record anything itself.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;

use super::{
    Accepted, Submission, SubmitError, address,
    core::Core,
    drafts::{self, Answered},
    hand_in::SubmitJob,
    workers::Job,
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
        match drafts::answer_again(core, &mut job, statement).await {
            Ok(Answered::Yes) => continue,
            Ok(Answered::NoDraft) => {}
            Err(error) => return drop(job.answer.send(Err(error))),
        }
        let earlier = match kept(core, lane, statement).await {
            Ok(earlier) => earlier,
            Err(error) => return drop(job.answer.send(Err(error))),
        };
        let places = job
            .drafts
            .iter_mut()
            .filter(|draft| draft.statement == statement);
        for draft in places {
            if !(same_readers(core, &draft.submission, &earlier)
                && is_same(&draft.submission, &earlier.routing, &earlier.payload))
            {
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
    under: Under,
}

/// Under which directory it was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Under {
    /// The one that is in force.
    Present,
    /// One before it: its groups and members may have been others.
    Former,
}

async fn kept(
    core: &Arc<Core>,
    lane: Lane,
    statement: StatementRef,
) -> Result<Earlier, SubmitError> {
    let version = core.directory.load().version();
    let (record, adopted) = core
        .read(|ledger| {
            let message = ledger.message(&statement);
            (message, ledger.directory_entry(version))
        })
        .await?;
    let record = record.ok_or(Reason::NotFound)?;
    // What was lost and came back stands behind the directories that were adopted since it was accepted.
    let came_back = record.recorded_at != record.issued_at;
    // A directory is in force a moment before the journal says so.
    let under = match adopted {
        Some(index) if index < record.index && !came_back => Under::Present,
        _ => Under::Former,
    };
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
        awaits: None,
    };
    Ok(Earlier {
        routing,
        payload,
        accepted,
        under,
    })
}

/// True when the draft names those to whom it went. What a group was under a former directory is not known any more:
/// then it is enough that whoever is named went with it.
fn same_readers(core: &Core, draft: &Submission, earlier: &Earlier) -> bool {
    let to = &draft.to;
    let kept: BTreeSet<AuthorityId> = earlier
        .routing
        .recipients
        .iter()
        .map(|recipient| recipient.authority)
        .collect();
    if to.is_empty() {
        return true;
    }
    let under = match address::expand(&core.directory.load(), &core.authority, draft) {
        Ok(expanded) if expanded == kept => return true,
        Ok(_) => earlier.under,
        // What this directory refuses it has not accepted.
        Err(_) => Under::Former,
    };
    let named: BTreeSet<AuthorityId> = to.iter().filter_map(|name| name.parse().ok()).collect();
    let all_named = named.len() == to.len();
    under == Under::Former && named.is_subset(&kept) && (!all_named || named == kept)
}

/// True when an officer would call it the same: everything that the draft says, and nothing that the node adds.
fn is_same(draft: &Submission, kept: &Routing, payload: &Bytes) -> bool {
    let same_ground = kept.recipients.iter().all(|recipient| {
        match &draft.ground.named {
            Some((ground, reason)) => {
                recipient.ground == *ground && recipient.ground_reason == *reason
            }
            // It says nothing, so it says nothing else.
            None => true,
        }
    });
    same_ground
        && draft.payload == *payload
        && draft.kind == kept.kind
        && draft.status == kept.status
        && draft.priority == kept.priority
        && draft.handling == kept.handling
        && draft.handling_text == kept.handling_text
        && draft.in_reply_to == kept.in_reply_to
}
