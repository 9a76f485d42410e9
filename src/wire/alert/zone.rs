//! What an officer need not type: a pasted machine-readable zone fills its document and the person whose document it
//! is, and a name in its own script gets ICAO's transliteration.
//!
//! The way in is [`Zones::of`], then [`Zones::fill`] before a draft is read, and [`Zones::compare`] after it. For
//! drafts alone: what a partner signed is never filled, nor judged by this.

use std::borrow::Cow;

use super::reader::Reader;
use crate::{
    domain::{
        alert::{
            person::{NameKind, NameQuality, Sex},
            value::{Day, PartialDate},
        },
        limits::FOUND_MAX_CHARS,
        mrz::Mrz,
        routing::Coded as _,
        text::excerpt,
        transliteration::icao_forms,
    },
    proto::alert::v1 as pb,
    wire::fields::coded,
};

/// The legal zones of a draft's payload, each with the place of its document.
pub(super) struct Zones {
    of_subject: Vec<(usize, Mrz)>,
    shown: Option<Mrz>,
    today: Day,
}

impl Zones {
    /// Reads every zone; one that is not legal is told when its document is read. `None` without a day to read by.
    pub(super) fn of(payload: &pb::Payload, today: Option<Day>) -> Option<Self> {
        let subject = payload.subject.iter();
        let documents = subject.flat_map(|subject| subject.documents.iter().enumerate());
        Some(Self {
            of_subject: documents
                .filter_map(|(place, document)| Some((place, zone(document)?)))
                .collect(),
            shown: shown_document(payload).and_then(zone),
            today: today?,
        })
    }

    /// Fills what is empty, and says what it proposed. Nothing is copied where nothing is empty.
    pub(super) fn fill(&self, payload: &mut Cow<'_, pb::Payload>) -> Vec<String> {
        self.fill_documents(payload);
        if let Some((_, zone)) = self.of_subject.first()
            && payload.subject.as_ref().is_some_and(lacks_something)
            && let Some(subject) = payload.to_mut().subject.as_mut()
        {
            self.fill_person(subject, zone);
        }
        propose_transliterations(payload)
    }

    fn fill_documents(&self, payload: &mut Cow<'_, pb::Payload>) {
        for (place, zone) in &self.of_subject {
            let document = |payload: &pb::Payload| {
                let subject = payload.subject.as_ref()?;
                subject.documents.get(*place).map(is_whole)
            };
            if document(payload) == Some(false)
                && let Some(subject) = payload.to_mut().subject.as_mut()
                && let Some(document) = subject.documents.get_mut(*place)
            {
                self.fill_document(document, zone);
            }
        }
        if let Some(zone) = &self.shown
            && shown_document(payload).is_some_and(|it| !is_whole(it))
            && let Some(pb::payload::Kind::Sighting(sighting)) = payload.to_mut().kind.as_mut()
            && let Some(document) = sighting.document_shown.as_mut()
        {
            self.fill_document(document, zone);
        }
    }

    fn fill_document(&self, document: &mut pb::Document, zone: &Mrz) {
        fill(&mut document.country, || {
            Some(zone.issuer().code().to_owned())
        });
        fill(&mut document.number, || Some(zone.number().to_owned()));
        fill(&mut document.expires_on, || {
            zone.expires_on(self.today).map(|day| day.to_string())
        });
    }

    fn fill_person(&self, person: &mut pb::Person, zone: &Mrz) {
        if person.names.is_empty() {
            let names = zone.names();
            let quality = match names.may_be_cut {
                true => NameQuality::Low,
                false => NameQuality::Good,
            };
            person.names.push(pb::Name {
                kind: NameKind::Legal as i32,
                surname: names.surname,
                forenames: names.forenames,
                quality: quality as i32,
                ..pb::Name::default()
            });
        }
        fill(&mut person.birth_date, || {
            zone.birth_date(self.today).map(|date| date.to_string())
        });
        if person.sex == 0 {
            person.sex = zone.sex().unwrap_or(Sex::NotKnown) as i32;
        }
        // XXX says that the nationality is not given.
        if person.nationalities.is_empty() && zone.nationality().code() != "XXX" {
            person
                .nationalities
                .push(zone.nationality().code().to_owned());
        }
    }

    /// Tells each field that was given and that a zone contradicts, naming both.
    pub(super) fn compare(&self, reader: &mut Reader, payload: &pb::Payload) {
        let Some(subject) = &payload.subject else {
            return;
        };
        reader.within("subject", |reader| {
            for (place, zone) in &self.of_subject {
                let told = format!("as in the zone of subject.documents[{place}]");
                self.compare_person(reader, subject, zone, &told);
                if let Some(document) = subject.documents.get(*place) {
                    let expected = zone.expires_on(self.today).map(|day| day.to_string());
                    let path = ("documents", *place);
                    reader.within_item(path, |reader| {
                        differs(reader, "expiresOn", &document.expires_on, expected, &told);
                    });
                }
            }
        });
    }

    fn compare_person(&self, reader: &mut Reader, person: &pb::Person, zone: &Mrz, told: &str) {
        let names = zone.names();
        let is_written = |name: &pb::Name| {
            [&name.surname, &name.forenames, &name.own_script]
                .into_iter()
                .any(|it| !it.is_empty())
        };
        let agrees = |name: &pb::Name| {
            let latin = !name.surname.is_empty() || !name.forenames.is_empty();
            (latin && names.may_be(&name.surname, &name.forenames))
                || [&name.own_script, &name.icao]
                    .into_iter()
                    .any(|line| !line.is_empty() && names.may_be_within(line))
        };
        if let Some(first) = person.names.iter().find(|name| is_written(name))
            && !person.names.iter().any(agrees)
        {
            let found = format!("`{} {}`", first.surname, first.forenames);
            let found = excerpt(&found, FOUND_MAX_CHARS);
            let expected = format!("a name `{} {}`, {told}", names.surname, names.forenames);
            reader.fault("names", found, expected);
        }
        let born = zone.birth_date(self.today).map(|date| date.to_string());
        differs(reader, "birthDate", &person.birth_date, born, told);
        let given = coded(person.sex, Sex::of_number);
        if let (Some(given @ (Sex::Male | Sex::Female)), Some(sex)) = (given, zone.sex())
            && given != sex
        {
            reader.fault("sex", given.to_string(), format!("{sex}, {told}"));
        }
        let nationality = zone.nationality();
        let has = |code: &String| code.parse() == Ok(nationality);
        if !person.nationalities.is_empty()
            && nationality.code() != "XXX"
            && !person.nationalities.iter().any(has)
        {
            let found = excerpt(&person.nationalities.join(", "), FOUND_MAX_CHARS);
            reader.fault(
                "nationalities",
                found,
                format!("{nationality} among them, {told}"),
            );
        }
    }
}

/// Two dates differ when neither is the other with less known. What is no date at all is told elsewhere.
fn differs(
    reader: &mut Reader,
    field: &'static str,
    given: &str,
    expected: Option<String>,
    told: &str,
) {
    let Some(expected) = expected.filter(|_| given.parse::<PartialDate>().is_ok()) else {
        return;
    };
    if !given.starts_with(&expected) && !expected.starts_with(given) {
        reader.wrong(field, given, format!("`{expected}`, {told}"));
    }
}

/// Names in their own script without a transliteration get the usual one, and the officer is told.
fn propose_transliterations(payload: &mut Cow<'_, pb::Payload>) -> Vec<String> {
    let wants = |name: &pb::Name| name.icao.is_empty() && !name.own_script.is_empty();
    let any = payload
        .subject
        .iter()
        .any(|it| it.names.iter().chain(&it.parents).any(wants));
    if !any {
        return Vec::new();
    }
    let mut proposed = Vec::new();
    if let Some(subject) = payload.to_mut().subject.as_mut() {
        let lists = [
            ("names", &mut subject.names),
            ("parents", &mut subject.parents),
        ];
        for (list, names) in lists {
            for (place, name) in names.iter_mut().enumerate().filter(|(_, name)| wants(name)) {
                if let Some(forms) = icao_forms(&name.own_script) {
                    name.icao = forms.into_iter().next().unwrap_or_default();
                    proposed.push(format!(
                        "subject.{list}[{place}].icao: was empty and is transliterated by Doc 9303 part 3: write what the document has if that differs"
                    ));
                }
            }
        }
    }
    proposed
}

fn fill(field: &mut String, value: impl FnOnce() -> Option<String>) {
    if field.is_empty() {
        *field = value().unwrap_or_default();
    }
}

fn zone(document: &pb::Document) -> Option<Mrz> {
    let pasted = !document.mrz.is_empty();
    pasted.then(|| Mrz::parse(&document.mrz).ok()).flatten()
}

fn is_whole(document: &pb::Document) -> bool {
    [&document.country, &document.number, &document.expires_on]
        .into_iter()
        .all(|field| !field.is_empty())
}

fn lacks_something(person: &pb::Person) -> bool {
    person.names.is_empty()
        || person.sex == 0
        || person.birth_date.is_empty()
        || person.nationalities.is_empty()
}

fn shown_document(payload: &pb::Payload) -> Option<&pb::Document> {
    match &payload.kind {
        Some(pb::payload::Kind::Sighting(sighting)) => sighting.document_shown.as_ref(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::time::Timestamp,
        wire::alert::{Fault, ParsedDraft, decode_payload, parse_draft, read_draft_json},
    };

    const ZONE: &str = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10";

    fn now() -> Timestamp {
        let now: jiff::Timestamp = "2026-11-24T08:00:00Z".parse().unwrap();
        Timestamp::from_micros(now.as_microsecond())
    }

    fn specimen() -> pb::Draft {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/examples/missing-offender.json"
        );
        read_draft_json(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    fn subject(draft: &mut pb::Draft) -> &mut pb::Person {
        draft.payload.as_mut().unwrap().subject.as_mut().unwrap()
    }

    /// The specimen with a person of whom nothing is known but one document and its zone.
    fn pasted(change: impl FnOnce(&mut pb::Person)) -> Result<ParsedDraft, Vec<Fault>> {
        let mut draft = specimen();
        let person = subject(&mut draft);
        *person = pb::Person {
            documents: vec![pb::Document {
                category: pb::DocumentCategory::Passport.into(),
                status: pb::DocumentStatus::Valid.into(),
                mrz: ZONE.to_owned(),
                ..pb::Document::default()
            }],
            ..pb::Person::default()
        };
        change(person);
        parse_draft(&draft, now())
    }

    fn person_of(parsed: &ParsedDraft) -> pb::Person {
        decode_payload(&parsed.payload).unwrap().subject.unwrap()
    }

    #[test]
    fn a_pasted_zone_fills_document_and_person() {
        let person = person_of(&pasted(|_| ()).unwrap());
        let document = &person.documents[0];
        assert_eq!(
            (document.country.as_str(), document.number.as_str()),
            ("UTO", "L898902C3")
        );
        assert_eq!(document.expires_on, "2012-04-15");
        assert_eq!(person.names.len(), 1);
        assert_eq!(
            (
                person.names[0].surname.as_str(),
                person.names[0].forenames.as_str()
            ),
            ("ERIKSSON", "ANNA MARIA")
        );
        assert_eq!(person.birth_date, "1974-08-12");
        assert_eq!(person.sex(), pb::Sex::Female);
        assert_eq!(person.nationalities, ["UTO"]);
    }

    #[test]
    fn what_was_given_and_agrees_stays_as_it_was_given() {
        let person = person_of(
            &pasted(|person| {
                person.birth_date = "1974".to_owned();
                person.nationalities = vec!["XA".to_owned(), "UTO".to_owned()];
                person.sex = pb::Sex::NotKnown.into();
                person.names = vec![pb::Name {
                    kind: 1,
                    quality: 1,
                    surname: "Eriksson".to_owned(),
                    forenames: "Anna".to_owned(),
                    ..pb::Name::default()
                }];
            })
            .unwrap(),
        );
        assert_eq!(
            (person.birth_date.as_str(), person.sex()),
            ("1974", pb::Sex::NotKnown)
        );
        assert_eq!(person.nationalities, ["XA", "UTO"]);
        assert_eq!(person.names[0].surname, "Eriksson");
    }

    #[test]
    fn what_was_given_and_disagrees_is_a_fault_that_names_both() {
        type Change = fn(&mut pb::Person);
        let table: [(&str, Change); 5] = [
            (
                "subject.birthDate: `1975-08-12`; expected `1974-08-12`, as in the zone of subject.documents[0]",
                |person| {
                    person.birth_date = "1975-08-12".to_owned();
                },
            ),
            (
                "subject.sex: male; expected female, as in the zone of subject.documents[0]",
                |person| {
                    person.sex = pb::Sex::Male.into();
                },
            ),
            (
                "subject.nationalities: XA; expected UTO among them, as in the zone of subject.documents[0]",
                |person| {
                    person.nationalities = vec!["XA".to_owned()];
                },
            ),
            (
                "subject.names: `Ericson Ania`; expected a name `ERIKSSON ANNA MARIA`, as in the zone of subject.documents[0]",
                |person| {
                    person.names = vec![pb::Name {
                        kind: 1,
                        quality: 1,
                        surname: "Ericson".to_owned(),
                        forenames: "Ania".to_owned(),
                        ..pb::Name::default()
                    }];
                },
            ),
            (
                "subject.documents[0].expiresOn: `2022-04-15`; expected `2012-04-15`, as in the zone of subject.documents[0]",
                |person| {
                    person.documents[0].expires_on = "2022-04-15".to_owned();
                },
            ),
        ];
        for (told, change) in table {
            let faults = pasted(change).unwrap_err();
            let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
            assert_eq!(faults, [told]);
        }
    }

    #[test]
    fn a_wrong_zone_fills_nothing() {
        let faults =
            pasted(|person| person.documents[0].mrz = ZONE.replace("C36", "C37")).unwrap_err();
        let paths: Vec<&str> = faults.iter().map(|fault| fault.path.as_str()).collect();
        assert!(paths.contains(&"subject.names") && paths.contains(&"subject.documents[0].mrz"));
    }

    #[test]
    fn a_document_that_was_shown_is_filled_and_says_nothing_of_the_person() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/sighting.json");
        let mut draft = read_draft_json(&std::fs::read_to_string(path).unwrap()).unwrap();
        let payload = draft.payload.as_mut().unwrap();
        let Some(pb::payload::Kind::Sighting(sighting)) = payload.kind.as_mut() else {
            panic!("no sighting");
        };
        sighting.document_shown = Some(pb::Document {
            category: 1,
            status: 4,
            mrz: ZONE.to_owned(),
            ..pb::Document::default()
        });
        let subject = payload.subject.clone();
        let parsed = parse_draft(&draft, now()).unwrap();
        let filled = decode_payload(&parsed.payload).unwrap();
        assert_eq!(filled.subject, subject);
        let Some(pb::payload::Kind::Sighting(sighting)) = filled.kind else {
            panic!("no sighting");
        };
        assert_eq!(sighting.document_shown.unwrap().number, "L898902C3");
    }

    fn written(own_script: &str, icao: &str) -> ParsedDraft {
        let mut draft = specimen();
        subject(&mut draft).names.push(pb::Name {
            kind: 3,
            quality: 2,
            own_script: own_script.to_owned(),
            icao: icao.to_owned(),
            ..pb::Name::default()
        });
        parse_draft(&draft, now()).unwrap()
    }

    #[test]
    fn a_name_in_its_own_script_is_transliterated_and_another_form_is_warned_of() {
        let proposed = written("Юлия Щеглова", "");
        assert_eq!(person_of(&proposed).names[2].icao, "IULIIA SHCHEGLOVA");
        assert_eq!(proposed.warnings.len(), 1, "{:?}", proposed.warnings);
        assert!(proposed.warnings[0].starts_with("subject.names[2].icao: was empty"));

        let agreed = written("Müller", "MUELLER");
        assert_eq!(agreed.warnings, Vec::<String>::new());
        assert_eq!(written("Müller", "MULLER").warnings, Vec::<String>::new());

        let other = written("Юлия Щеглова", "YULIA SHCHEGLOVA");
        assert_eq!(person_of(&other).names[2].icao, "YULIA SHCHEGLOVA");
        let told =
            "subject.names[2].icao: disagrees with ownScript by the tables of Doc 9303 part 3";
        assert_eq!(other.warnings, [told]);

        let unknown = written("王小明", "");
        assert_eq!(person_of(&unknown).names[2].icao, "");
        assert_eq!(unknown.warnings, Vec::<String>::new());
    }

    #[test]
    fn what_lacks_nothing_is_not_copied() {
        let parsed = pasted(|_| ()).unwrap();
        let payload = decode_payload(&parsed.payload).unwrap();
        let zones = Zones::of(&payload, Day::of(now())).unwrap();
        let mut cow = Cow::Borrowed(&payload);
        assert_eq!(zones.fill(&mut cow), Vec::<String>::new());
        assert!(matches!(cow, Cow::Borrowed(_)));
    }
}
