//! Whether what is handed in needs a second person: asked of rules and directory before the broker is given anything.
//!
//! The way in is [`why`], then [`hold_back`]. The payload is read for its level of risk alone. Must never let a failed
//! question pass for a no.

use prost::Message as _;
use tonic::Status;

use super::{
    actor::role_name,
    service::{DeskService, Permit},
};
use crate::{
    delivery::{Keep, SecondPerson, Submission, SubmitError},
    domain::{
        alert::measure::RiskLevel,
        id::StatementRef,
        reason::Reason,
        release::{self, KindSet, Matter, Needs, Why},
        routing::Kind,
        transfer::Towards,
    },
    proto::alert::v1 as alert,
    wire::{alert::decode_payload, decode_kept_statement, status::refusal},
};

/// What demands a second person for this draft; `None`: nothing does, or it had left before.
///
/// # Errors
/// What the broker says of a draft that it would refuse.
pub(super) async fn why(
    desk: &DeskService,
    permit: &Permit,
    submission: &Submission,
) -> Result<Option<Why>, SubmitError> {
    let parts = desk.parts();
    let is_kept = match submission.id {
        None => false,
        Some(id) => {
            let origin = parts.authority;
            let statement = StatementRef { origin, id };
            let (has_left, is_kept) = parts.store.glance(|ledger, _| {
                let has_left = ledger.message(&statement).is_some();
                (has_left, ledger.draft(&statement).is_some())
            });
            if has_left {
                return Ok(None);
            }
            is_kept
        }
    };
    // A draft for which a second person was asked stays one, whatever the rules have become.
    let asked = is_kept.then_some(Why::Asked);
    let rules = parts.release_rules.load_full();
    let directory = parts.directory.load_full();
    let own = directory.member(&parts.authority);
    let published = own.map_or_else(KindSet::default, |member| member.release_kinds);
    let policy = &submission.ground.policy;
    let rules_ask = rules.iter().any(|rule| rule.four_eyes) || policy.asks_second_person();
    if published.is_empty() && !rules_ask {
        return Ok(asked);
    }
    let held = held(submission.clone(), Vec::new(), String::new(), Why::Asked);
    let rehearsed = parts.broker.dry_run(permit.actor, &[held]).await?;
    let recipients = rehearsed.iter().flat_map(|accepted| &accepted.recipients);
    let to = recipients.map(|recipient| {
        let member = directory.member(&recipient.authority);
        let groups = member.map_or(&[][..], |member| member.groups.as_slice());
        (recipient.authority, groups)
    });
    let matter = Matter {
        kind: submission.kind,
        priority: submission.priority,
        risk: risk_of(desk, submission).await?,
        handling: submission.handling,
        to: to.collect(),
    };
    let towards = matter
        .to
        .iter()
        .map(|(authority, groups)| Towards { authority, groups });
    let by_destination = policy.second_person(submission.kind, towards);
    Ok(match release::needs(&rules, published, &matter) {
        Needs::Release(why) => Some(why),
        Needs::Nothing => by_destination.map(Why::Destination).or(asked),
    })
}

/// The same draft, to be kept.
pub(super) fn hold_back(
    submission: Submission,
    draft: &alert::Draft,
    created_by: String,
    why: Why,
) -> Submission {
    held(submission, draft.encode_to_vec(), created_by, why)
}

fn held(submission: Submission, draft: Vec<u8>, created_by: String, why: Why) -> Submission {
    let keep = Keep {
        draft: draft.into(),
        created_by,
        why,
    };
    Submission {
        release: SecondPerson::Awaited(keep),
        ..submission
    }
}

/// What is extended is as dangerous as its first statement says: an extension says nothing of the person itself.
async fn risk_of(
    desk: &DeskService,
    submission: &Submission,
) -> Result<Option<RiskLevel>, SubmitError> {
    let extended = submission
        .in_reply_to
        .filter(|_| submission.kind == Kind::Extend);
    let Some(target) = extended else {
        return Ok(risk(&submission.payload)?);
    };
    let parts = desk.parts();
    let found = parts.store.read(|ledger| ledger.message(&target)).await?;
    let index = found.ok_or(Reason::NotFound)?.index;
    let store = parts.store.clone();
    let read = tokio::task::spawn_blocking(move || store.entry(index).ok());
    let entry = read.await.ok().flatten().ok_or(Reason::DamagedBody)?;
    let (_, payload) = decode_kept_statement(&entry.body)?;
    Ok(risk(&payload)?)
}

fn risk(payload: &[u8]) -> Result<Option<RiskLevel>, Reason> {
    let risk = decode_payload(payload)?.risk;
    Ok(risk.and_then(|risk| RiskLevel::from_number(u8::try_from(risk.level).ok()?)))
}

/// The caller as other authorities know it: role, and the number of the entry that alone says whose it is.
pub(super) fn function(desk: &DeskService, permit: &Permit) -> Result<String, Status> {
    let parts = desk.parts();
    let named = parts
        .store
        .glance(|ledger, _| ledger.actor_entry(&permit.actor));
    let number = named.ok_or_else(|| {
        tracing::error!("a caller has no entry that names it");
        refusal(Reason::EntryMissing, Reason::EntryMissing.meaning())
    })?;
    let role = role_name(permit.role);
    Ok(release::function(parts.authority, role, number))
}
