//! The draft that follows when somebody who travelled is not known to be back: a missing offender, filled from the
//! travel notice and what was added to it. Nothing is sent by itself: an officer reads it, and sends it or not.

use crate::{
    domain::{
        alert::{basis::Validity, value::Day},
        routing::Kind,
        time::Timestamp,
    },
    proto::{
        alert::v1::{self as pb, payload::Kind as Content},
        envelope::v1 as envelope,
    },
};

/// Where the travel notice went, and how.
#[derive(Debug, Clone, Default)]
pub struct Went {
    /// As people say it.
    pub reference: String,
    /// To whom, on what ground.
    pub recipients: Vec<envelope::Recipient>,
    /// Who may do what with it.
    pub handling: Vec<i32>,
    /// Words of H3.
    pub handling_text: String,
    /// Real or not.
    pub status: i32,
    /// How quick; the draft is at least urgent.
    pub priority: i32,
}

/// Why there is no such draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unprepared {
    /// It is of another kind.
    #[error("it is no travel notice: expected the travel notice whose return is not confirmed")]
    NotATravelNotice,
    /// It names no day.
    #[error("the travel notice names no day of return: expected `expectedReturnOn` or `reportBy`")]
    NoReturn,
    /// The person may still come.
    #[error("the person is expected back by {0}, which has not passed: wait until then")]
    NotYet(Day),
    /// Somebody said so.
    #[error("the return is confirmed: there is nobody missing")]
    Returned,
}

/// The filled draft: of the thread's payloads, the travel notice first, then what its originator and others said.
///
/// # Errors
/// When it is no travel notice, its day has not passed, or the return was confirmed.
pub fn missing_offender(
    thread: &[pb::Payload],
    went: &Went,
    now: Timestamp,
) -> Result<pb::Draft, Unprepared> {
    let (first, later) = thread.split_first().ok_or(Unprepared::NotATravelNotice)?;
    let Some(Content::TravelNotice(travel)) = &first.kind else {
        return Err(Unprepared::NotATravelNotice);
    };
    let terms = later
        .iter()
        .map(super::terms::of)
        .fold(super::terms::of(first), |terms, said| {
            terms.amended_by(&said, None)
        });
    let back = terms.expected_return_on.ok_or(Unprepared::NoReturn)?;
    if terms.return_confirmed {
        return Err(Unprepared::Returned);
    }
    if now < back.end() {
        return Err(Unprepared::NotYet(back));
    }
    let latest = latest(first, later);
    let today = Day::of(now);
    let payload = pb::Payload {
        asked: asked(&latest.asked),
        basis: latest.basis.map(|basis| pb::Basis {
            valid_until: today.map_or_else(String::new, |today| {
                let usual = Validity::of(Kind::MissingOffender).default_days;
                today.plus_days(usual).to_string()
            }),
            review_on: String::new(),
            ..basis
        }),
        kind: Some(Content::MissingOffender(pb::MissingOffender {
            missing_since: back.to_string(),
            last_seen: None,
            circumstances: Some(circumstances(&went.reference, back)),
            likely_countries: countries(travel),
        })),
        ..latest
    };
    Ok(draft(payload, went))
}

/// The shared content as it stands: what an update brings takes the place of what was there.
fn latest(first: &pb::Payload, later: &[pb::Payload]) -> pb::Payload {
    let mut latest = first.clone();
    let updates = later
        .iter()
        .filter(|payload| matches!(payload.kind, Some(Content::Update(_))));
    for update in updates {
        latest.subject = update.subject.clone().or(latest.subject);
        latest.risk = update.risk.clone().or(latest.risk);
        latest.basis = update.basis.clone().or(latest.basis);
        replace(&mut latest.warnings, &update.warnings);
        replace(&mut latest.registrations, &update.registrations);
        replace(&mut latest.orders, &update.orders);
        replace(&mut latest.offences, &update.offences);
        replace(&mut latest.asked, &update.asked);
    }
    latest
}

fn replace<T: Clone>(held: &mut Vec<T>, new: &[T]) {
    if !new.is_empty() {
        *held = new.to_vec();
    }
}

/// To locate and report, with what was asked before; to inform only is over.
fn asked(before: &[pb::Asked]) -> Vec<pb::Asked> {
    let is = |asked: &pb::Asked, action: pb::AskedAction| asked.action == i32::from(action);
    let mut asked: Vec<pb::Asked> = before
        .iter()
        .filter(|it| !is(it, pb::AskedAction::InformOnly))
        .cloned()
        .collect();
    if !asked
        .iter()
        .any(|it| is(it, pb::AskedAction::LocateAndReport))
    {
        asked.push(pb::Asked {
            action: pb::AskedAction::LocateAndReport.into(),
            ..pb::Asked::default()
        });
    }
    asked
}

fn circumstances(reference: &str, back: Day) -> pb::Text {
    pb::Text {
        text: format!(
            "Not known to be back by {back} from the journey of travel notice {reference}."
        ),
        language: "en".to_owned(),
    }
}

/// Where the journey led, each country once.
fn countries(travel: &pb::TravelNotice) -> Vec<String> {
    let mut countries: Vec<String> = Vec::new();
    for leg in &travel.legs {
        if !leg.to_country.is_empty() && !countries.contains(&leg.to_country) {
            countries.push(leg.to_country.clone());
        }
    }
    countries
}

/// To whom the travel notice went, on its ground where that was one and the same for all: none is invented.
fn draft(payload: pb::Payload, went: &Went) -> pb::Draft {
    let ground = |it: &envelope::Recipient| (it.ground, it.ground_reason.clone());
    let first = went.recipients.first().map(ground);
    let same = first.filter(|first| went.recipients.iter().all(|it| ground(it) == *first));
    let (ground, ground_reason) = same.unwrap_or_default();
    let to = went.recipients.iter();
    pb::Draft {
        to: to.map(|recipient| recipient.authority.clone()).collect(),
        status: went.status,
        priority: went.priority.max(envelope::Priority::Urgent.into()),
        handling: went.handling.clone(),
        handling_text: went.handling_text.clone(),
        ground,
        ground_reason,
        payload: Some(payload),
        ..pb::Draft::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::routing::Status,
        trust::testing::NOW,
        wire::{
            alert::parse_draft,
            generate::{Recipe, drafts},
        },
    };

    /// A generated travel notice with its day of return, seven days ago.
    fn travel() -> (pb::Payload, Went) {
        let recipe = Recipe {
            seed: 7,
            to: vec!["XB-POL".to_owned(), "XC-POL".to_owned()],
            status: Status::Actual,
            priority: None,
            now: NOW,
            payload_bytes: None,
        };
        let draft = { drafts(recipe) }
            .find(|draft| kind(draft) == Some(Kind::TravelNotice))
            .unwrap();
        let mut payload = draft.payload.unwrap();
        let Some(Content::TravelNotice(travel)) = &mut payload.kind else {
            unreachable!("found above")
        };
        travel.expected_return_on = ago(7).to_string();
        travel.report_by.clear();
        let recipient = |to: &String| envelope::Recipient {
            authority: to.clone(),
            ground: envelope::TransferGround::Safeguards.into(),
            ..<_>::default()
        };
        let went = Went {
            reference: "XA-26-7F3K9".to_owned(),
            recipients: draft.to.iter().map(recipient).collect(),
            handling: draft.handling,
            handling_text: draft.handling_text,
            status: draft.status,
            priority: envelope::Priority::Routine.into(),
        };
        (payload, went)
    }

    fn kind(draft: &pb::Draft) -> Option<Kind> {
        crate::wire::alert::kinds::kind_of(draft.payload.as_ref()?)
    }

    fn ago(days: i32) -> Day {
        Day::from_number(Day::of(NOW).unwrap().number() - days).unwrap()
    }

    fn update(change: impl FnOnce(&mut pb::Update, &mut pb::Payload)) -> pb::Payload {
        let (mut update, mut payload) = (pb::Update::default(), pb::Payload::default());
        change(&mut update, &mut payload);
        payload.kind = Some(Content::Update(update));
        payload
    }

    #[test]
    fn the_draft_is_ready_to_be_sent() {
        let (payload, went) = travel();
        let draft = missing_offender(std::slice::from_ref(&payload), &went, NOW).unwrap();
        let parsed = parse_draft(&draft, NOW).unwrap();
        assert_eq!(parsed.kind, Kind::MissingOffender);
        assert_eq!(parsed.to, ["XB-POL", "XC-POL"]);
        let filled = draft.payload.unwrap();
        assert_eq!(filled.subject, payload.subject);
        assert_eq!(draft.priority, i32::from(envelope::Priority::Urgent));
        let Some(Content::MissingOffender(missing)) = filled.kind else {
            panic!("a missing offender")
        };
        assert_eq!(missing.missing_since, ago(7).to_string());
        assert!(!missing.likely_countries.is_empty());
        assert!(missing.circumstances.unwrap().text.contains("XA-26-7F3K9"));
    }

    #[test]
    fn what_was_added_since_counts() {
        let (payload, went) = travel();
        let risk = pb::Risk {
            level: pb::RiskLevel::High.into(),
            ..pb::Risk::default()
        };
        let thread = [
            payload,
            update(|update, payload| {
                update.expected_return_on = ago(2).to_string();
                payload.risk = Some(risk.clone());
            }),
        ];
        let draft = missing_offender(&thread, &went, NOW).unwrap();
        assert_eq!(draft.payload.as_ref().unwrap().risk, Some(risk));
        let Some(Content::MissingOffender(missing)) = draft.payload.unwrap().kind else {
            panic!("a missing offender")
        };
        assert_eq!(missing.missing_since, ago(2).to_string());
    }

    #[test]
    fn nobody_is_missing_who_is_back_or_may_still_come() {
        let (payload, went) = travel();
        let with = |more: pb::Payload| missing_offender(&[payload.clone(), more], &went, NOW);
        let back = update(|update, _| update.returned_on = ago(6).to_string());
        assert_eq!(with(back), Err(Unprepared::Returned));
        let outcome = pb::Payload {
            kind: Some(Content::Outcome(pb::Outcome {
                code: pb::OutcomeCode::Returned.into(),
                ..pb::Outcome::default()
            })),
            ..pb::Payload::default()
        };
        assert_eq!(with(outcome), Err(Unprepared::Returned));
        let later = update(|update, _| update.expected_return_on = ago(0).to_string());
        assert_eq!(with(later), Err(Unprepared::NotYet(ago(0))));
        let no_day = pb::Payload {
            kind: Some(Content::TravelNotice(pb::TravelNotice::default())),
            ..payload.clone()
        };
        let no_day = missing_offender(&[no_day], &went, NOW);
        assert_eq!(no_day, Err(Unprepared::NoReturn));
        let other = update(|_, _| ());
        assert_eq!(
            missing_offender(&[other], &went, NOW),
            Err(Unprepared::NotATravelNotice)
        );
        assert_eq!(
            missing_offender(&[], &went, NOW),
            Err(Unprepared::NotATravelNotice)
        );
    }

    #[test]
    fn no_ground_is_invented_and_what_was_asked_stays() {
        let (mut payload, mut went) = travel();
        went.recipients[1].ground = envelope::TransferGround::Adequacy.into();
        payload.asked = [pb::AskedAction::InformOnly, pb::AskedAction::DiscreetCheck]
            .map(|action| pb::Asked {
                action: action.into(),
                ..pb::Asked::default()
            })
            .to_vec();
        let draft = missing_offender(&[payload], &went, NOW).unwrap();
        assert_eq!((draft.ground, draft.ground_reason.as_str()), (0, ""));
        let asked: Vec<i32> = { draft.payload.unwrap().asked }
            .into_iter()
            .map(|asked| asked.action)
            .collect();
        let expected = [
            pb::AskedAction::DiscreetCheck,
            pb::AskedAction::LocateAndReport,
        ];
        assert_eq!(asked, expected.map(i32::from));
    }
}
