//! What routing keeps of a payload beside its effect: ends, dates and caution, never a person.
//!
//! The way in is [`of`]: the same for a payload that was just judged and for one that is read back, so that live work
//! and replay keep the same. What is not legal is absent; judging is not its business.

use super::permission;
use crate::{
    domain::{
        alert::{
            basis::{AskedAction, AskedSet},
            kinds::{OutcomeCode, Presence},
            marking::Tlp,
            value::Day,
        },
        permission::Onward,
        routing::{Handling, HandlingSet},
        terms::Terms,
    },
    proto::alert::v1::{self as pb, payload::Kind},
    wire::fields::{coded, optional_reference},
};

/// The terms that a payload states.
pub(super) fn of(payload: &pb::Payload) -> Terms {
    let basis = payload.basis.as_ref();
    let mut terms = Terms {
        valid_until: basis.and_then(|basis| day(&basis.valid_until)),
        review_on: basis.and_then(|basis| day(&basis.review_on)),
        do_not_alert: super::do_not_alert(payload),
        asked: AskedSet::new(actions(payload)),
        same_person: optional_reference(payload.same_person.as_ref())
            .ok()
            .flatten(),
        states_orders: !payload.orders.is_empty(),
        onward: onward(payload),
        permission: permission::of(payload),
        ..Terms::default()
    };
    match &payload.kind {
        Some(Kind::TravelNotice(travel)) => {
            terms.expected_return_on = day(&travel.expected_return_on).max(day(&travel.report_by));
            terms.states_journey = !travel.legs.is_empty();
        }
        Some(Kind::Sighting(sighting)) => {
            terms.person_present = sighting.presence == Presence::Present as i32;
        }
        Some(Kind::Outcome(outcome)) => {
            terms.return_confirmed = outcome.code == OutcomeCode::Returned as i32;
        }
        Some(Kind::Update(update)) => {
            terms.return_confirmed = day(&update.returned_on).is_some();
            terms.expected_return_on = day(&update.expected_return_on);
        }
        _ => {}
    }
    terms
}

/// What TLP and marked paragraphs demand of who passes it on: a part that may not go holds back the whole.
fn onward(payload: &pb::Payload) -> Onward {
    let marks = payload.paragraph_marking.iter();
    let parts = marks.clone().map(|mark| mark.tlp);
    let by_tlp = parts
        .chain([payload.tlp])
        .filter_map(|tlp| coded(tlp, Tlp::from_number))
        .map(Onward::of_tlp);
    let by_handling = marks
        .flat_map(|mark| &mark.handling)
        .filter_map(|code| coded(*code, Handling::from_number))
        .filter_map(|code| HandlingSet::new([code]).ok())
        .map(Onward::of_handling);
    by_tlp.chain(by_handling).max().unwrap_or_default()
}

fn actions(payload: &pb::Payload) -> impl Iterator<Item = AskedAction> + '_ {
    let asked = payload.asked.iter();
    asked.filter_map(|asked| coded(asked.action, AskedAction::from_number))
}

fn day(text: &str) -> Option<Day> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(kind: Kind) -> Terms {
        of(&pb::Payload {
            kind: Some(kind),
            ..pb::Payload::default()
        })
    }

    #[test]
    fn ends_and_caution_stand_in_the_shared_content() {
        let payload = pb::Payload {
            basis: Some(pb::Basis {
                valid_until: "2027-06-01".to_owned(),
                review_on: "2027-03-01".to_owned(),
                ..pb::Basis::default()
            }),
            asked: vec![pb::Asked {
                action: pb::AskedAction::DiscreetCheck.into(),
                ..pb::Asked::default()
            }],
            ..pb::Payload::default()
        };
        let terms = of(&payload);
        assert_eq!(terms.valid_until, "2027-06-01".parse().ok());
        assert_eq!(terms.review_on, "2027-03-01".parse().ok());
        assert!(terms.do_not_alert);
        let red = pb::Payload {
            pap: pb::Pap::Red.into(),
            ..pb::Payload::default()
        };
        assert!(of(&red).do_not_alert);
        assert_eq!(of(&pb::Payload::default()), Terms::default());
        for action in AskedAction::ALL {
            let asked = pb::Asked {
                action: *action as i32,
                ..pb::Asked::default()
            };
            let payload = pb::Payload {
                asked: vec![asked],
                ..pb::Payload::default()
            };
            let quiet = *action == AskedAction::DiscreetCheck;
            assert_eq!(of(&payload).do_not_alert, quiet, "{action}");
        }
    }

    #[test]
    fn the_later_of_return_and_reporting_counts() {
        let back = |expected: &str, report: &str| {
            kind(Kind::TravelNotice(pb::TravelNotice {
                expected_return_on: expected.to_owned(),
                report_by: report.to_owned(),
                ..pb::TravelNotice::default()
            }))
            .expected_return_on
            .map(|day| day.to_string())
        };
        assert_eq!(
            back("2027-01-05", "2027-01-08").as_deref(),
            Some("2027-01-08")
        );
        assert_eq!(back("2027-01-05", "").as_deref(), Some("2027-01-05"));
        assert_eq!(back("", "2027-01-08").as_deref(), Some("2027-01-08"));
        assert_eq!(back("", "tomorrow"), None);
    }

    #[test]
    fn who_is_present_and_who_is_back_is_told_by_its_kind_alone() {
        for (presence, present) in [
            (pb::Presence::Present, true),
            (pb::Presence::Left, false),
            (pb::Presence::NotKnown, false),
        ] {
            let sighting = kind(Kind::Sighting(pb::Sighting {
                presence: presence.into(),
                ..pb::Sighting::default()
            }));
            assert_eq!(sighting.person_present, present, "{presence:?}");
        }
        for code in OutcomeCode::ALL {
            let outcome = kind(Kind::Outcome(pb::Outcome {
                code: *code as i32,
                ..pb::Outcome::default()
            }));
            let back = *code == OutcomeCode::Returned;
            assert_eq!(outcome.return_confirmed, back, "{code}");
        }
        let update = |returned_on: &str| {
            kind(Kind::Update(pb::Update {
                returned_on: returned_on.to_owned(),
                ..pb::Update::default()
            }))
        };
        assert!(update("2027-01-05").return_confirmed);
        assert!(!update("").return_confirmed);
    }
}
