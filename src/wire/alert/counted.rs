//! From payloads to what statistics count, leniently: what is not legal is absent.
//!
//! The ways in are [`known`], for the first statement of a thread, and [`report`], for an outcome. Must never give a name
//! on: a person is a set of keys.

use crate::{
    domain::{
        alert::{
            kinds::OutcomeCode,
            offence::{OffenceClass, VictimAge},
            value::Day,
        },
        country::Country,
        id::StatementRef,
        statistics::{Known, PersonKey, Report},
    },
    proto::alert::v1::{self as pb, payload::Kind},
    wire::fields::coded,
};

/// What was wrong in a statement, as its corrections say: the oldest first.
#[derive(Debug, Clone, Default)]
pub struct Corrections(Vec<pb::Change>);

impl Corrections {
    /// Adds those of a correction; nothing of another payload.
    pub fn add(&mut self, payload: &pb::Payload) {
        if let Some(Kind::Correction(correction)) = &payload.kind {
            self.0.extend(correction.changes.iter().cloned());
        }
    }

    /// The payload as it is right. A change of what is not there, or to what is not legal there, changes nothing.
    #[must_use]
    pub fn apply(&self, payload: pb::Payload) -> pb::Payload {
        self.0.iter().fold(payload, |payload, change| {
            changed(&payload, change).unwrap_or(payload)
        })
    }
}

fn changed(payload: &pb::Payload, change: &pb::Change) -> Option<pb::Payload> {
    let mut json = serde_json::to_value(payload).ok()?;
    let pointer = change.path.replace('[', ".").replace(']', "");
    let (within, field) = match pointer.rsplit_once('.') {
        Some((within, field)) => (format!("/{}", within.replace('.', "/")), field),
        None => (String::new(), pointer.as_str()),
    };
    let place = json.pointer_mut(&within)?;
    match (place, field.parse::<usize>()) {
        (serde_json::Value::Object(fields), _) => {
            fields.insert(field.to_owned(), change.is.clone().into());
        }
        (serde_json::Value::Array(items), Ok(place)) => {
            *items.get_mut(place)? = change.is.clone().into();
        }
        _ => return None,
    }
    serde_json::from_value(json).ok()
}

/// What the first statement of a thread tells of its subject; `missing_on` of an alert of a missing offender that stands.
#[must_use]
pub fn known(thread: StatementRef, payload: &pb::Payload, missing_on: Option<Day>) -> Known {
    let (keys, nationalities) = subject(thread, payload);
    Known {
        keys,
        nationalities,
        by: thread.origin.country().parse().ok(),
        missing_on,
    }
}

/// What a statement of a thread reports; none when it is no outcome.
#[must_use]
pub fn report(
    statement: StatementRef,
    thread: StatementRef,
    payload: &pb::Payload,
) -> Option<Report> {
    let Some(Kind::Outcome(outcome)) = &payload.kind else {
        return None;
    };
    let (keys, nationalities) = subject(thread, payload);
    let offence = |offence: &pb::Offence| {
        (
            coded(offence.offence_class, OffenceClass::from_number),
            coded(offence.victim_age, VictimAge::from_number),
        )
    };
    Some(Report {
        statement,
        keys,
        nationalities,
        event: coded(outcome.code, OutcomeCode::from_number)?,
        country: outcome.country.parse().ok()?,
        on: outcome.happened_on.parse().ok()?,
        offences: payload.offences.iter().map(offence).collect(),
    })
}

/// Who is meant. Numbers and documents of somebody who uses another's identity may be that other's.
fn subject(thread: StatementRef, payload: &pb::Payload) -> (Vec<PersonKey>, Vec<Country>) {
    let mut keys = vec![PersonKey::Thread(thread)];
    let Some(person) = &payload.subject else {
        return (keys, Vec::new());
    };
    let nationalities = person.nationalities.iter();
    let nationalities = nationalities.filter_map(|it| it.parse().ok()).collect();
    if person.misused_identity.is_some() {
        return (keys, nationalities);
    }
    let is_numbered = |number: &str| number.chars().any(char::is_alphanumeric);
    keys.extend(person.register_numbers.iter().filter_map(|it| {
        let country = it.country.parse().ok()?;
        let key = || PersonKey::register(country, &it.register, &it.number);
        is_numbered(&it.number).then(key)
    }));
    keys.extend(person.documents.iter().filter_map(|it| {
        let country = it.country.parse().ok()?;
        let category = u8::try_from(it.category).ok()?;
        let key = || PersonKey::document(country, category, &it.number);
        is_numbered(&it.number).then(key)
    }));
    (keys, nationalities)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::MessageId;

    fn statement(number: u64) -> StatementRef {
        StatementRef {
            origin: "XB-POL".parse().unwrap(),
            id: MessageId::from_parts(number, [0; 10]),
        }
    }

    fn payload(json: &str) -> pb::Payload {
        serde_json::from_str(json).unwrap()
    }

    const ARREST: &str = r#"{
        "subject": {"nationalities": ["XA"], "documents": [{"category": 1, "country": "UTO", "number": "L898902C3"}, {}],
            "registerNumbers": [{"register": "offenders", "country": "XA", "number": "7"}, {"country": "XA", "number": "-"}]},
        "offences": [{"offenceClass": 1, "victimAge": 3}, {}],
        "outcome": {"code": 3, "happenedOn": "2026-11-20", "country": "XB"}}"#;

    #[test]
    fn an_outcome_is_read_with_all_that_tells_who_and_what() {
        let report = report(statement(2), statement(1), &payload(ARREST)).unwrap();
        let utopia = "UTO".parse().unwrap();
        let keys = [
            PersonKey::Thread(statement(1)),
            PersonKey::register("XA".parse().unwrap(), "Offenders", "7"),
            PersonKey::document(utopia, 1, "L898902C3"),
        ];
        assert_eq!(report.keys, keys);
        assert_eq!(report.event, OutcomeCode::Arrested);
        let grave = (Some(OffenceClass::Rape), Some(VictimAge::From13To15));
        assert_eq!(report.offences, [grave, (None, None)]);
        let update = payload(r#"{"update": {"text": {"text": "x"}}}"#);
        assert!(super::report(statement(2), statement(1), &update).is_none());
    }

    #[test]
    fn what_may_be_of_whose_identity_is_misused_is_no_key() {
        let mut payload = payload(ARREST);
        payload.subject.as_mut().unwrap().misused_identity = Some(pb::MisusedIdentity {
            telling_apart: "a scar".to_owned(),
        });
        let known = known(statement(1), &payload, None);
        assert_eq!(known.keys, [PersonKey::Thread(statement(1))]);
    }

    #[test]
    fn a_correction_changes_what_is_counted_and_a_wrong_one_nothing() {
        let corrected = |path: &str, is: &str| {
            let change = pb::Change {
                path: path.to_owned(),
                is: is.to_owned(),
                ..pb::Change::default()
            };
            let correction = pb::Correction {
                changes: vec![change],
                ..pb::Correction::default()
            };
            let mut corrections = Corrections::default();
            corrections.add(&pb::Payload {
                kind: Some(Kind::Correction(correction)),
                ..pb::Payload::default()
            });
            corrections.add(&payload(ARREST));
            corrections.apply(payload(ARREST))
        };
        let on = corrected("outcome.happenedOn", "2026-11-21");
        let read = report(statement(2), statement(1), &on).unwrap();
        assert_eq!(read.on.to_string(), "2026-11-21");
        let adult = corrected("offences[0].victimAge", "VICTIM_AGE_ADULT");
        assert_eq!(adult.offences[0].victim_age(), pb::VictimAge::Adult);
        let nationality = corrected("subject.nationalities[0]", "XC");
        assert_eq!(nationality.subject.unwrap().nationalities, ["XC"]);
        for (path, is) in [
            ("offences[7].victimAge", "VICTIM_AGE_ADULT"),
            ("offences[0].victimAge", "old"),
            ("outcome.nothing", "x"),
            ("", ""),
        ] {
            assert_eq!(corrected(path, is), payload(ARREST), "{path}");
        }
    }
}
