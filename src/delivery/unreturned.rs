//! The draft that stands by itself when somebody who travelled is not known to be back: kept for a person, never sent.
//!
//! The way in is [`prepare`]. Its id follows from the travel notice and the day of return, so that one return makes one
//! draft, however often it is asked for. Must never name a ground that nobody has named, and never let anything leave.

use std::sync::Arc;

use prost::Message as _;

use super::{Ground, Keep, SecondPerson, Submission, SubmitError, core::Core, hand_in};
use crate::{
    domain::{
        alert::marking::Markings,
        id::{MessageId, StatementRef},
        reason::Reason,
        release::{self, Why},
        routing::{Lane, Routing},
        transfer::Policy,
    },
    proto::{alert::v1 as alert, envelope::v1 as envelope},
    store::{Store, entry::Actor, record::MessageRecord},
    trust::derived::derived_id,
    wire::{
        alert::{Unprepared, Went, decode_payload, missing_offender, parse_marked_draft},
        decode_kept_statement,
    },
};

/// What the authority has set, beside the draft.
#[derive(Debug, Clone)]
pub struct Setting {
    /// On what grounds it goes abroad.
    pub policy: Arc<Policy>,
    /// Which optional markings are in use.
    pub markings: Markings,
}

/// Keeps a filled draft of a missing offender for a second person, unless this return had one, or nobody is missing.
///
/// # Errors
/// What is refused of any draft: above all when the travel notice had no one ground of transfer, and policy names none.
pub(super) async fn prepare(
    core: &Arc<Core>,
    travel: StatementRef,
    setting: Setting,
) -> Result<(), SubmitError> {
    let reading = core.read(|ledger| {
        let records = ledger.thread_in_order(&travel);
        let back_on = records.first()?.terms.expected_return_on?;
        let day = back_on.number().to_be_bytes();
        let id = derived_id(travel.id, "unreturned", &day);
        let draft = StatementRef {
            origin: travel.origin,
            id,
        };
        let is_known = ledger.message(&draft).is_some() || ledger.draft(&draft).is_some();
        (!is_known).then_some((id, records))
    });
    let Some((id, records)) = reading.await? else {
        return Ok(());
    };
    let now = core.now();
    let read = core.run(Lane::Bulk, move |core| read(&core.store, &records));
    let (payloads, went) = read.await??;
    let draft = match missing_offender(&payloads, &went, now) {
        Ok(draft) => draft,
        Err(why @ (Unprepared::NotYet(_) | Unprepared::Returned)) => {
            tracing::debug!(%why, "nobody is missing");
            return Ok(());
        }
        Err(why) => return Err(SubmitError::refused(Reason::FaultyDraft, why.to_string())),
    };
    let submission = kept(core, id, draft, setting)?;
    hand_in::hand_in(core, Actor::NODE, vec![submission], hand_in::Run::Real)
        .await
        .map(drop)
}

/// What the thread says, and where its travel notice went.
fn read(
    store: &Store,
    records: &[MessageRecord],
) -> Result<(Vec<alert::Payload>, Went), SubmitError> {
    let damaged = |_| SubmitError::from(Reason::DamagedBody);
    let mut payloads = Vec::with_capacity(records.len());
    let mut went = Went::default();
    for record in records {
        let entry = store.entry(record.index).map_err(|error| {
            tracing::error!(%error, "a kept statement cannot be read");
            SubmitError::from(Reason::DamagedBody)
        })?;
        let (routing, payload) = decode_kept_statement(&entry.body).map_err(damaged)?;
        payloads.push(decode_payload(&payload).map_err(damaged)?);
        if record.is_first() {
            went = of_header(&routing);
        }
    }
    Ok((payloads, went))
}

fn of_header(routing: &Routing) -> Went {
    let recipients = routing.recipients.iter();
    Went {
        reference: routing.statement.reference().to_string(),
        recipients: recipients
            .map(|recipient| envelope::Recipient {
                authority: recipient.authority.to_string(),
                thread_seq: recipient.thread_seq,
                ground: i32::from(recipient.ground as u8),
                ground_reason: recipient.ground_reason.clone(),
            })
            .collect(),
        handling: { routing.handling.codes() }
            .map(|code| i32::from(code as u8))
            .collect(),
        handling_text: routing.handling_text.clone(),
        status: i32::from(routing.status as u8),
        priority: i32::from(routing.priority as u8),
    }
}

/// The draft, to be kept: written by the node, which is nobody's second person.
fn kept(
    core: &Core,
    id: MessageId,
    draft: alert::Draft,
    setting: Setting,
) -> Result<Submission, SubmitError> {
    let draft = alert::Draft {
        id: id.to_string(),
        ..draft
    };
    let parsed = parse_marked_draft(&draft, core.now(), setting.markings).map_err(|faults| {
        let paths: Vec<&str> = faults.iter().map(|fault| fault.path.as_str()).collect();
        SubmitError::refused(Reason::FaultyDraft, paths.join(", "))
    })?;
    let named = parsed
        .ground
        .map(|ground| (ground, parsed.ground_reason.clone()));
    let ground = Ground {
        named,
        policy: setting.policy,
        ..Ground::default()
    };
    Ok(Submission {
        release: SecondPerson::Awaited(Keep {
            draft: draft.encode_to_vec().into(),
            created_by: release::of_node(core.authority),
            why: Why::Unreturned,
        }),
        ..Submission::of(parsed, None, ground)
    })
}
