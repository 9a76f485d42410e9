//! `Submit`: drafts to submissions, with every wrong field named, then all of them accepted or none.

use tonic::Status;

use super::{
    apart::apart,
    ground, second,
    service::{DeskService, Permit, submit_failed},
    statistics,
    summary::{reference_of, short_reference},
    units,
};
use crate::{
    delivery::{Accepted, GivenOn, Submission},
    domain::{
        limits::SUBMIT_MAX_DRAFTS,
        reason::Reason,
        release::Why,
        routing::{Recipient, TransferGround},
        transfer::GroundSource,
    },
    proto::{alert::v1 as alert, desk::v1 as pb, envelope::v1 as envelope},
    trust::directory::Directory,
    wire::{
        alert::{Fault, ParsedDraft, parse_marked_draft},
        status::{faulty_draft, reason_of, refusal},
    },
};

/// Accepts all drafts in one commit, or none; a dry run accepts nothing.
pub(super) async fn submit(
    desk: &DeskService,
    permit: &Permit,
    request: pb::SubmitRequest,
) -> Result<pb::SubmitResponse, Status> {
    let run = match request.dry_run {
        true => Run::Dry,
        false => Run::Real,
    };
    let submitted = take(
        desk,
        permit,
        &request.drafts,
        request.separation(),
        Wish::AsRulesSay,
        run,
    )
    .await?;
    Ok(pb::SubmitResponse { submitted })
}

/// Keeps all drafts for a second person, or none.
pub(super) async fn keep(
    desk: &DeskService,
    permit: &Permit,
    request: &pb::KeepDraftsRequest,
) -> Result<pb::KeepDraftsResponse, Status> {
    let submitted = take(
        desk,
        permit,
        &request.drafts,
        request.separation(),
        Wish::ToKeep,
        Run::Real,
    )
    .await?;
    Ok(pb::KeepDraftsResponse { submitted })
}

/// What the caller wants of a second person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    /// What rules and directory say.
    AsRulesSay,
    /// One, whatever they say.
    ToKeep,
}

/// Whether anything is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Run {
    Dry,
    Real,
}

async fn take(
    desk: &DeskService,
    permit: &Permit,
    written: &[alert::Draft],
    separation: pb::Separation,
    wish: Wish,
    run: Run,
) -> Result<Vec<pb::Submitted>, Status> {
    within_count(written.len())?;
    let of = written.len();
    let parsed = parse_all(desk, written)?;
    let (mut drafts, mut submissions, mut warnings) = (Vec::new(), Vec::new(), Vec::new());
    for (position, (mut draft, written)) in parsed.into_iter().zip(written).enumerate() {
        let mut told = std::mem::take(&mut draft.warnings);
        let resolved = resolve(desk, permit, draft).await;
        let submission =
            resolved.map_err(|unresolved| unresolved.into_status(&place(position, of)))?;
        told.extend(left_out(desk, &submission));
        let each = apart(desk, written, submission, separation);
        for (draft, submission) in each.map_err(|error| submit_failed(&error))? {
            drafts.push(draft);
            submissions.push(submission);
            // What concerns the draft as a whole is told once.
            warnings.push(std::mem::take(&mut told));
        }
    }
    within_count(drafts.len())?;
    let _one_return = statistics::admit(desk, &submissions).await?;
    let submissions = with_second_person(desk, permit, &drafts, submissions, wish).await?;
    let broker = &desk.parts().broker;
    let mut given = Vec::with_capacity(submissions.len());
    for submission in &submissions {
        let passes = broker.passes_on(submission).await;
        given.push(passes.map_err(|error| submit_failed(&error))?);
    }
    let accepted = match run {
        Run::Dry => broker.dry_run(permit.actor, &submissions).await,
        Run::Real => broker.submit(permit.actor, submissions.clone()).await,
    };
    let accepted = accepted.map_err(|error| submit_failed(&error))?;
    let directory = desk.parts().directory.load_full();
    let all = accepted.into_iter().zip(&submissions).zip(warnings);
    Ok(all
        .zip(given)
        .map(|(((accepted, submission), warnings), given)| {
            let addressees = addressees(&accepted, Some(submission), &directory);
            pb::Submitted {
                passes: given.iter().map(given_on).collect(),
                ..submitted(accepted, addressees, warnings)
            }
        })
        .collect())
}

/// One statement that goes to newcomers beside what was handed in.
fn given_on(given: &GivenOn) -> pb::GivenOn {
    let record = &given.record;
    let codes = record.handling.codes();
    pb::GivenOn {
        statement: Some(reference_of(&record.statement)),
        reference: short_reference(&record.statement),
        kind: i32::from(record.kind as u8),
        handling: codes.map(|code| i32::from(code as u8)).collect(),
        to: given.to.iter().map(ToString::to_string).collect(),
        grant: given.under.as_ref().map(reference_of),
    }
}

/// Each as it is, or to be kept where a second person is demanded or wished for.
async fn with_second_person(
    desk: &DeskService,
    permit: &Permit,
    drafts: &[alert::Draft],
    submissions: Vec<Submission>,
    wish: Wish,
) -> Result<Vec<Submission>, Status> {
    let mut judged = Vec::with_capacity(submissions.len());
    for (submission, draft) in submissions.into_iter().zip(drafts) {
        let why = second::why(desk, permit, &submission).await;
        let why = match (why.map_err(|error| submit_failed(&error))?, wish) {
            (Some(why), _) => why,
            (None, Wish::ToKeep) => Why::Asked,
            (None, Wish::AsRulesSay) => {
                judged.push(submission);
                continue;
            }
        };
        let created_by = second::function(desk, permit)?;
        judged.push(second::hold_back(submission, draft, created_by, why));
    }
    Ok(judged)
}

/// A draft whose reply does not name one statement.
#[derive(Debug)]
pub(super) struct Unresolved {
    status: Status,
    found: String,
}

impl Unresolved {
    /// Not found and ambiguous are faults of a field; anything else is told as it is.
    pub(super) fn into_status(self, place: &str) -> Status {
        self.fault().map_or(self.status.clone(), |fault| {
            faulty_draft(&[at(place, fault)])
        })
    }

    /// The fault of the field, unless the store failed.
    pub(super) fn fault(&self) -> Option<Fault> {
        let expected = match reason_of(&self.status)? {
            Reason::NotFound => "the id of a statement that is held here",
            Reason::AmbiguousId => "an id long enough to name one statement",
            Reason::TargetMismatch => "the statement that the payload names as its target",
            _ => return None,
        };
        Some(Fault {
            path: "inReplyTo".to_owned(),
            found: format!("`{}`", self.found.escape_default()),
            expected: expected.to_owned(),
        })
    }

    /// As it is.
    pub(super) fn status(&self) -> &Status {
        &self.status
    }
}

/// Looks up what a draft replies to, which the caller may see.
pub(super) async fn resolve(
    desk: &DeskService,
    permit: &Permit,
    mut draft: ParsedDraft,
) -> Result<Submission, Unresolved> {
    let in_reply_to = match draft.in_reply_to.clone() {
        None => None,
        Some(found) => {
            let unresolved = |status| Unresolved {
                status,
                found: found.clone(),
            };
            let target = desk.find(&found).await.map_err(unresolved)?;
            let seen = units::check_follow(desk, permit, &target).await;
            seen.map_err(unresolved)?;
            // The payload names its target too, and receivers refuse one that differs from the header's.
            draft
                .aim_at(target)
                .map_err(|reason| unresolved(refusal(reason, reason.meaning())))?;
            Some(target)
        }
    };
    let named = draft
        .ground
        .map(|ground| (ground, std::mem::take(&mut draft.ground_reason)));
    let ground = ground::of_draft(desk, draft.kind, named, in_reply_to).await;
    let ground = ground.map_err(|status| Unresolved {
        status,
        found: draft.in_reply_to.take().unwrap_or_default(),
    })?;
    Ok(Submission::of(draft, in_reply_to, ground))
}

/// Who is named as one of a group, or of all, and gets nothing: it does not receive this kind.
fn left_out(desk: &DeskService, submission: &Submission) -> Vec<String> {
    let parts = desk.parts();
    let directory = parts.directory.load();
    let names = submission.to.iter();
    names
        .flat_map(|name| {
            let without = directory.left_out(name, submission.beginning(), &parts.authority);
            let kind = submission.kind;
            let name = name.escape_default().to_string();
            without.into_iter().map(move |authority| {
                format!("{authority} is in `{name}` and gets nothing: it receives no {kind}")
            })
        })
        .collect()
}

/// Each recipient with its name, its ground, and who has named it, as far as the submission is known.
pub(super) fn addressees(
    accepted: &Accepted,
    submission: Option<&Submission>,
    directory: &Directory,
) -> Vec<pb::Addressee> {
    let recipients = accepted.recipients.iter();
    recipients
        .map(|recipient| {
            let authority = &recipient.authority;
            // What was accepted before went on the grounds of then, whoever would name them today.
            let submission = submission.filter(|_| !accepted.repeated);
            let grounded = submission.and_then(|it| it.ground_towards(authority, directory).ok());
            let (source, rule) = ground_source(grounded.map(|it| it.source));
            let member = directory.member(authority);
            pb::Addressee {
                authority: authority.to_string(),
                name: member.map_or_else(String::new, |member| member.name.clone()),
                country: authority.country().to_owned(),
                ground: i32::from(recipient.ground as u8),
                ground_reason: recipient.ground_reason.clone(),
                ground_source: source.into(),
                rule,
                channel: directory
                    .channel(authority)
                    .map_or_else(String::new, |channel| channel.to_string()),
            }
        })
        .collect()
}

fn ground_source(source: Option<GroundSource>) -> (pb::GroundSource, u32) {
    match source {
        None => (pb::GroundSource::Unspecified, 0),
        Some(GroundSource::Draft) => (pb::GroundSource::Draft, 0),
        Some(GroundSource::Thread) => (pb::GroundSource::Thread, 0),
        Some(GroundSource::Default) => (pb::GroundSource::Default, 0),
        Some(GroundSource::Destination(rule)) => (
            pb::GroundSource::Destination,
            u32::try_from(rule).unwrap_or(u32::MAX),
        ),
    }
}

/// One accepted draft, as its officer sees it.
pub(super) fn submitted(
    accepted: Accepted,
    addressees: Vec<pb::Addressee>,
    warnings: Vec<String>,
) -> pb::Submitted {
    pb::Submitted {
        statement: Some(reference_of(&accepted.statement)),
        reference: short_reference(&accepted.statement),
        recipients: accepted.recipients.into_iter().map(recipient).collect(),
        accepted_at_us: accepted.accepted_at.as_micros(),
        repeated_submission: accepted.repeated,
        warnings,
        life: match accepted.awaits {
            Some(_) => pb::AlertLife::AwaitingRelease.into(),
            None => pb::AlertLife::Unspecified.into(),
        },
        release_rule: accepted.awaits.unwrap_or_default(),
        addressees,
        passes: Vec::new(),
    }
}

/// Refuses none and too many.
pub(super) fn within_count(found: usize) -> Result<(), Status> {
    if (1..=SUBMIT_MAX_DRAFTS).contains(&found) {
        return Ok(());
    }
    Err(refusal(
        Reason::FaultyDraft,
        format!("drafts: found {found}, expected 1 to {SUBMIT_MAX_DRAFTS}"),
    ))
}

fn parse_all(desk: &DeskService, drafts: &[alert::Draft]) -> Result<Vec<ParsedDraft>, Status> {
    let now = desk.parts().clock.now();
    let mut parsed = Vec::with_capacity(drafts.len());
    let mut faults = Vec::new();
    for (position, draft) in drafts.iter().enumerate() {
        match parse_marked_draft(draft, now, desk.parts().markings) {
            Ok(draft) => parsed.push(draft),
            Err(found) => {
                let place = place(position, drafts.len());
                faults.extend(found.into_iter().map(|fault| at(&place, fault)));
            }
        }
    }
    if faults.is_empty() {
        Ok(parsed)
    } else {
        Err(faulty_draft(&faults))
    }
}

/// `drafts[3].`, or nothing when there is only one draft: then paths are those of its file.
fn place(position: usize, of: usize) -> String {
    if of == 1 {
        String::new()
    } else {
        format!("drafts[{position}].")
    }
}

fn at(place: &str, fault: Fault) -> Fault {
    Fault {
        path: format!("{place}{}", fault.path),
        ..fault
    }
}

/// Where a statement goes, and on what ground.
pub(super) fn recipient(recipient: Recipient) -> envelope::Recipient {
    let ground = match recipient.ground {
        TransferGround::Adequacy => envelope::TransferGround::Adequacy,
        TransferGround::Safeguards => envelope::TransferGround::Safeguards,
        TransferGround::Derogation => envelope::TransferGround::Derogation,
    };
    envelope::Recipient {
        authority: recipient.authority.to_string(),
        thread_seq: recipient.thread_seq,
        ground: ground.into(),
        ground_reason: recipient.ground_reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_several_drafts_are_counted_in_paths() {
        assert_eq!(place(0, 1), "");
        assert_eq!(place(3, 4), "drafts[3].");
    }

    #[test]
    fn none_and_too_many_drafts_are_refused() {
        assert!(within_count(1).is_ok() && within_count(SUBMIT_MAX_DRAFTS).is_ok());
        assert!(within_count(0).is_err() && within_count(SUBMIT_MAX_DRAFTS + 1).is_err());
    }

    #[test]
    fn an_unknown_reply_is_a_fault_of_its_field_and_a_failed_store_is_not() {
        let unresolved = |reason| Unresolved {
            status: refusal(reason, ""),
            found: "0198".to_owned(),
        };
        let fault = unresolved(Reason::NotFound).fault().expect("a fault");
        assert_eq!(
            (fault.path.as_str(), fault.found.as_str()),
            ("inReplyTo", "`0198`")
        );
        assert!(unresolved(Reason::AmbiguousId).fault().is_some());
        assert!(unresolved(Reason::Stopping).fault().is_none());
    }
}
