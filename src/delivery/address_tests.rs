//! Whom a draft reaches, and until when.

use std::{collections::BTreeMap, sync::Arc};

use super::*;
use crate::{
    delivery::{
        Ground, SecondPerson,
        testing::{Shelf, at, effect, first, id, later, named},
    },
    domain::routing::{Handling, HandlingSet, Kind, Status, TransferGround},
};

/// A draft of ours, XA, about a statement.
fn draft(own: &str, kind: Kind, to: &[&str], target: Option<StatementRef>) -> Addressed {
    Addressed {
        to: to.iter().map(|name| id(name)).collect(),
        statement: named(own, 50),
        salt: [0; 16],
        now: at(2000),
        submission: Arc::new(Submission {
            id: None,
            to: Vec::new(),
            kind,
            effect: effect(kind),
            terms: <_>::default(),
            status: Status::Actual,
            priority: Priority::Urgent,
            handling: HandlingSet::new([Handling::H1]).unwrap(),
            handling_text: String::new(),
            ground: Ground::Named(TransferGround::Adequacy, String::new()),
            in_reply_to: target,
            carried_hours: None,
            payload: bytes::Bytes::new(),
            release: SecondPerson::NotNeeded,
        }),
    }
}

/// XA alerted XB and XC; XB told of a sighting, and of a second one XC, too; XA updated XB alone; XC asked both.
fn shelf() -> Shelf {
    let alert = first("XA", 1, &["XB", "XC"]);
    let sighting = later(
        "XB",
        2,
        &["XA"],
        Kind::Sighting,
        alert.statement,
        alert.statement,
    );
    let about = alert.statement;
    let told_both = later("XB", 3, &["XA", "XC"], Kind::Sighting, about, about);
    let for_one = later("XA", 4, &["XB"], Kind::Update, about, about);
    let question = later(
        "XC",
        5,
        &["XA", "XB"],
        Kind::InformationRequest,
        about,
        about,
    );
    Shelf::with(&[alert, sighting, told_both, for_one, question])
}

fn reached(draft: &Addressed) -> Result<String, Reason> {
    match draft.later(&shelf(), |_, _| 3) {
        Ok(routing) => Ok(routing
            .recipients
            .iter()
            .map(|recipient| recipient.authority.country().to_owned())
            .collect::<Vec<_>>()
            .join(" ")),
        Err(SubmitError::Refused { reason, .. }) => Err(reason),
        Err(SubmitError::Store(_)) => panic!("no store here"),
    }
}

#[test]
fn a_kind_says_whom_it_reaches_when_nobody_is_named() {
    let alert = Some(named("XA", 1));
    let sighting = Some(named("XB", 2));
    let ok = |names: &str| Ok(names.to_owned());
    let table = [
        (draft("XA", Kind::Recall, &[], alert), ok("XB XC")),
        (draft("XA", Kind::Recall, &["XB", "XC"], alert), ok("XB XC")),
        (
            draft("XA", Kind::Recall, &["XB"], alert),
            Err(Reason::RecipientsNarrowed),
        ),
        (draft("XB", Kind::Recall, &[], alert), Err(Reason::NotOwner)),
        (draft("XB", Kind::Correction, &[], sighting), ok("XA")),
        // Who got it gets what changes it, be that more than the thread began with, or fewer.
        (
            draft("XB", Kind::Correction, &[], Some(named("XB", 3))),
            ok("XA XC"),
        ),
        (
            draft("XA", Kind::Correction, &[], Some(named("XA", 4))),
            ok("XB"),
        ),
        (draft("XC", Kind::Answer, &[], alert), ok("XA")),
        (
            draft("XC", Kind::Answer, &["XB"], alert),
            Err(Reason::Malformed),
        ),
        (
            draft("XA", Kind::Answer, &[], alert),
            Err(Reason::NotInThread),
        ),
        (draft("XA", Kind::Instruction, &[], sighting), ok("XB")),
        (draft("XA", Kind::Instruction, &[], alert), ok("XB XC")),
        (
            draft("XB", Kind::Instruction, &[], alert),
            Err(Reason::NotOwner),
        ),
        (draft("XC", Kind::Sighting, &[], alert), ok("XA")),
        (
            draft("XC", Kind::Sighting, &["XA", "XB"], alert),
            ok("XA XB"),
        ),
        (
            draft("XD", Kind::Sighting, &[], alert),
            Err(Reason::NotInThread),
        ),
        (
            draft("XA", Kind::InformationRequest, &[], alert),
            ok("XB XC"),
        ),
        (draft("XB", Kind::InformationRequest, &[], alert), ok("XA")),
        (
            draft("XB", Kind::InformationReply, &[], Some(named("XC", 5))),
            ok("XC"),
        ),
        (
            draft("XB", Kind::InformationReply, &["XA"], Some(named("XC", 5))),
            Err(Reason::NotAsked),
        ),
        (
            draft("XC", Kind::InformationReply, &[], Some(named("XC", 5))),
            Err(Reason::NotInThread),
        ),
        (
            draft("XB", Kind::InformationReply, &[], alert),
            Err(Reason::NotARequest),
        ),
        (
            draft("XB", Kind::Answer, &[], Some(named("XA", 9))),
            Err(Reason::NotFound),
        ),
    ];
    for (draft, expected) in table {
        let what = format!("{} by {}", draft.submission.kind, draft.statement.origin);
        assert_eq!(reached(&draft), expected, "{what}");
    }
}

#[test]
fn a_first_statement_needs_a_kind_that_begins_and_somebody_to_reach() {
    let reason = |draft: Addressed| match draft.first() {
        Ok(routing) => Ok(routing.recipients.len()),
        Err(SubmitError::Refused { reason, .. }) => Err(reason),
        Err(SubmitError::Store(_)) => panic!("no store here"),
    };
    let alert = Kind::MissingOffender;
    assert_eq!(reason(draft("XA", alert, &["XB", "XC"], None)), Ok(2));
    assert_eq!(
        reason(draft("XA", alert, &[], None)),
        Err(Reason::FaultyDraft)
    );
    assert_eq!(
        reason(draft("XA", Kind::Recall, &["XB"], None)),
        Err(Reason::FaultyDraft)
    );
}

#[test]
fn carriage_is_as_asked_up_to_thirty_days_and_outlasts_a_week() {
    let days = |hours, priority| carriage(hours, priority).as_secs() / 86_400;
    assert_eq!(carriage(Some(1), Priority::Flash).as_secs(), 3600);
    assert_eq!(days(Some(720), Priority::Flash), 30);
    assert_eq!(days(Some(u32::MAX), Priority::Flash), 30);
    assert_eq!(days(None, Priority::Flash), 14);
    assert_eq!(days(Some(0), Priority::Routine), 30);
}

/// Accepts what somebody named a ground for, draft, thread or authority in this order; refuses what nobody did.
#[test]
fn a_ground_is_named_by_the_draft_the_thread_or_the_authority_and_by_nobody_else() {
    let (xb, xc) = (id("XB"), id("XC"));
    let derogation = (TransferGround::Derogation, "a life is at stake".to_owned());
    let left = |default| Ground::Left {
        of_thread: BTreeMap::from([(xb, derogation.clone())]),
        default,
    };
    let recall = |ground| {
        let mut draft = draft("XA", Kind::Recall, &[], Some(named("XA", 1)));
        Arc::make_mut(&mut draft.submission).ground = ground;
        draft.later(&shelf(), |_, _| 3)
    };
    let grounds = |ground| {
        let routing = recall(ground).expect("legal");
        let each = routing.recipients.into_iter();
        each.map(|it| (it.ground, it.ground_reason))
            .collect::<Vec<_>>()
    };
    let adequacy = (TransferGround::Adequacy, String::new());
    let safeguards = (TransferGround::Safeguards, String::new());
    let given = Ground::Named(TransferGround::Adequacy, String::new());
    assert_eq!(grounds(given), [adequacy.clone(), adequacy]);
    let with_default = left(Some((TransferGround::Safeguards, String::new())));
    assert_eq!(grounds(with_default), [derogation.clone(), safeguards]);
    let Err(SubmitError::Refused { reason, detail }) = recall(left(None)) else {
        panic!("nobody named a ground for XC");
    };
    assert_eq!(reason, Reason::FaultyDraft);
    assert!(
        detail.contains(xc.as_str()) && !detail.contains(xb.as_str()),
        "{detail}"
    );
}
