//! Drafts: every example, every fault by its path, warnings, syntax.

use std::{fs, path::Path};

use proptest::prelude::*;

use super::*;
use crate::wire::alert::{decode_payload, do_not_alert, inspect_payload, read_draft_json};

fn now() -> Timestamp {
    let now: jiff::Timestamp = "2026-11-24T08:00:00Z".parse().unwrap();
    Timestamp::from_micros(now.as_microsecond())
}

fn parse_plain(draft: &pb::Draft, now: Timestamp) -> Result<ParsedDraft, Vec<Fault>> {
    parse(draft, now, Markings::default())
}

fn example(name: &str) -> pb::Draft {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples")
        .join(name);
    read_draft_json(&fs::read_to_string(path).unwrap()).unwrap()
}

fn specimen() -> pb::Draft {
    example("missing-offender.json")
}

/// Paths and expectations of the faults of the specimen after a change.
fn faults(change: impl FnOnce(&mut pb::Draft)) -> Vec<String> {
    let mut draft = specimen();
    change(&mut draft);
    let faults = parse_plain(&draft, now()).unwrap_err();
    faults.iter().map(ToString::to_string).collect()
}

fn payload(draft: &mut pb::Draft) -> &mut pb::Payload {
    draft.payload.as_mut().unwrap()
}

fn subject(draft: &mut pb::Draft) -> &mut pb::Person {
    payload(draft).subject.as_mut().unwrap()
}

fn missing_offender(draft: &mut pb::Draft) -> &mut pb::MissingOffender {
    match payload(draft).kind.as_mut().unwrap() {
        pb::payload::Kind::MissingOffender(it) => it,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_example_is_accepted_without_warning_and_its_payload_passes_a_receiver() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut kinds = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !name.ends_with(".json") {
            continue;
        }
        let parsed =
            parse_plain(&example(&name), now()).unwrap_or_else(|it| panic!("{name}: {it:#?}"));
        assert_eq!(parsed.warnings, Vec::<String>::new(), "{name}");
        assert!(
            inspect_payload(parsed.kind, &parsed.payload).is_ok(),
            "{name}"
        );
        kinds.push(parsed.kind);
    }
    kinds.sort_unstable();
    assert_eq!(kinds, Kind::ALL, "one example of each kind");
}

#[test]
fn the_specimen_is_read_whole() {
    let parsed = parse_plain(&specimen(), now()).unwrap();
    assert_eq!(parsed.kind, Kind::MissingOffender);
    assert_eq!(parsed.effect, Effect::Starts);
    assert_eq!(parsed.to, ["XB-POL", "XC-POL"]);
    let mut specimen = specimen();
    let document = &mut subject(&mut specimen).documents[0];
    document.country = "UTO".to_owned();
    document.number = "L898902C3".to_owned();
    document.expires_on = "2012-04-15".to_owned();
    assert_eq!(
        decode_payload(&parsed.payload).unwrap(),
        specimen.payload.unwrap(),
        "the bytes to sign say what the draft says, and what its zone adds"
    );
}

#[test]
fn all_faults_of_a_bad_draft_are_listed_at_once() {
    let faults = parse_plain(&example("bad/every-field.json"), now()).unwrap_err();
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(faults.len(), 16, "{lines:#?}");
    insta::with_settings!({
        snapshot_path => concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden"),
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!("every-field", lines.join("\n"));
    });
}

#[test]
fn a_wrong_check_digit_is_told_as_read_and_as_computed() {
    let told = faults(|draft| {
        let document = &mut subject(draft).documents[0];
        document.mrz = document.mrz.replace("L898902C36", "L898902C37");
    });
    assert!(
        told[0].starts_with("subject.documents[0].mrz: check digit of the number is 7, computed 6"),
        "{told:?}"
    );
}

type Change = fn(&mut pb::Draft);

const WRONG_FIELDS: &[(&str, Change)] = &[
    ("id", |d| d.id = "42".to_owned()),
    ("to[0]", |d| d.to[0] = "XB-P\u{41e}L".to_owned()),
    ("to[1]", |d| d.to[1] = "XB-POL".to_owned()),
    ("to", |d| d.to.clear()),
    ("to", |d| {
        d.to = (0..257).map(|n| format!("XB-{n}")).collect();
    }),
    ("priority", |d| d.priority = 9),
    ("status", |d| d.status = 5),
    ("handling", |d| d.handling.clear()),
    ("handling", |d| d.handling = vec![2, 2]),
    ("handlingText", |d| d.handling = vec![4]),
    ("handlingText", |d| d.handling_text = "x".to_owned()),
    ("ground", |d| d.ground = 9),
    ("groundReason", |d| d.ground_reason = "x".to_owned()),
    ("groundReason", |d| d.ground = 3),
    ("inReplyTo", |d| d.in_reply_to = "abc".to_owned()),
    ("inReplyTo", |d| d.in_reply_to = "XA-26-7F3K9".to_owned()),
    ("carriedHours", |d| d.carried_hours = 721),
    ("subject", |d| payload(d).subject = None),
    ("subject.names", |d| {
        // A document's zone would name the person.
        subject(d).documents.clear();
        subject(d).names.clear();
    }),
    ("subject.names[1].kind", |d| subject(d).names[1].kind = 0),
    ("subject.sex", |d| subject(d).sex = 4),
    ("subject.birthDate", |d| {
        subject(d).birth_date = "12.8.74".to_owned();
    }),
    ("subject.documents[0].number", |d| {
        subject(d).documents[0].number = "X1".to_owned();
    }),
    ("subject.documents[0].country", |d| {
        subject(d).documents[0].country = "GBR".to_owned();
    }),
    ("orders[0].endsOn", |d| {
        payload(d).orders[0].ends_on = "2019-03-03".to_owned();
    }),
    ("orders[0].clauses[0]", |d| {
        payload(d).orders[0].clauses[0].clause = None;
    }),
    ("asked", |d| payload(d).asked.clear()),
    ("asked[1].warrantReference", |d| {
        payload(d).asked[1].warrant_reference = "x".to_owned();
    }),
    ("basis", |d| payload(d).basis = None),
    ("basis.validUntil", |d| {
        let basis = payload(d).basis.as_mut().unwrap();
        basis.valid_until = "2026-11-23".to_owned();
        basis.review_on.clear();
    }),
    ("basis.validUntil", |d| {
        let basis = payload(d).basis.as_mut().unwrap();
        basis.valid_until = "2039-01-01".to_owned();
    }),
    ("missingOffender.missingSince", |d| {
        missing_offender(d).missing_since.clear();
    }),
    ("missingOffender.lastSeen.place", |d| {
        missing_offender(d)
            .last_seen
            .as_mut()
            .unwrap()
            .place
            .clear();
    }),
];

#[test]
fn each_fault_names_its_field() {
    for (path, change) in WRONG_FIELDS {
        let told = faults(change);
        assert_eq!(told.len(), 1, "{path}: {told:#?}");
        assert!(
            told[0].starts_with(&format!("{path}: ")),
            "{path}: {told:#?}"
        );
    }
}

#[test]
fn what_is_found_is_escaped_and_cut() {
    let told = faults(|d| subject(d).birth_date = format!("\u{202e}\u{1b}{}", "x".repeat(5000)));
    assert!(
        told[0].starts_with("subject.birthDate: `\\u{202e}\\u{1b}xxx"),
        "{told:?}"
    );
    assert!(told[0].len() < 250 && !told[0].contains(['\u{202e}', '\u{1b}']));
}

#[test]
fn ten_thousand_faults_are_counted_not_listed() {
    let told = faults(|d| {
        let bad = pb::Name::default();
        subject(d).parents = vec![bad.clone(); 64];
        subject(d).names = vec![bad; 64];
    });
    assert_eq!(told.len(), 201);
    assert!(told[200].contains("184 more faults"), "{}", told[200]);
}

#[test]
fn a_kind_is_mandatory_and_replies_need_their_target() {
    assert!(faults(|d| payload(d).kind = None)[0].starts_with("kind: nothing"));
    let mut answer = example("answer.json");
    answer.in_reply_to.clear();
    let told = parse_plain(&answer, now()).unwrap_err();
    assert_eq!(told[0].path, "inReplyTo");
}

#[test]
fn a_full_reference_becomes_the_target_and_a_short_one_waits_for_the_desk() {
    let full = parse_plain(&example("recall.json"), now()).unwrap();
    let target = full_reference(&example("recall.json").in_reply_to).unwrap();
    let named = |payload: &[u8]| inspect_payload(Kind::Recall, payload).map(|it| it.target);
    assert_eq!(named(&full.payload), Ok(Some(target)));

    let mut short = example("recall.json");
    short.in_reply_to = "019aaf00".to_owned();
    let mut short = parse_plain(&short, now()).unwrap();
    assert_eq!(
        named(&short.payload),
        Err(crate::domain::reason::Reason::Malformed)
    );
    short.aim_at(target).unwrap();
    assert_eq!(short.payload, full.payload);

    let other = StatementRef {
        origin: "XB-POL".parse().unwrap(),
        ..target
    };
    assert!(
        short.aim_at(other).is_err(),
        "an aimed payload is not aimed anew"
    );
}

#[test]
fn a_minors_name_and_hidden_characters_are_warned_of_and_not_refused() {
    let mut draft = specimen();
    missing_offender(&mut draft)
        .circumstances
        .as_mut()
        .unwrap()
        .text = "Seen with a girl named Berta.".to_owned();
    subject(&mut draft).names[1].surname = "ERIC\u{200b}SON".to_owned();
    let parsed = parse_plain(&draft, now()).unwrap();
    assert_eq!(parsed.warnings.len(), 2, "{:?}", parsed.warnings);
    assert!(parsed.warnings[0].starts_with("subject.names[1].surname: "));
    assert!(parsed.warnings[1].starts_with("missingOffender.circumstances.text: "));
    assert!(!parsed.warnings.iter().any(|it| it.contains("Berta")));
}

#[test]
fn a_reply_may_leave_its_recipients_to_the_rules() {
    let mut answer = example("answer.json");
    answer.to.clear();
    assert!(parse_plain(&answer, now()).is_ok());
}

#[test]
fn a_ground_may_be_left_to_thread_and_policy_but_no_reason_stands_without_one() {
    let mut answer = example("answer.json");
    answer.ground = 0;
    assert_eq!(parse_plain(&answer, now()).unwrap().ground, None);
    answer.ground_reason = "a reason of what?".to_owned();
    assert!(parse_plain(&answer, now()).is_err());
    let mut first = specimen();
    first.ground = 0;
    assert_eq!(parse_plain(&first, now()).unwrap().ground, None);
    first.ground_reason = "a reason of what?".to_owned();
    let faults = parse_plain(&first, now()).unwrap_err();
    assert_eq!(faults[0].path, "ground");
}

proptest! {
    #[test]
    fn no_payload_bytes_bring_a_receiver_down(
        kind in prop::sample::select(Kind::ALL),
        noise in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = specimen().payload.unwrap().encode_to_vec();
        let length = bytes.len();
        for (place, byte) in noise {
            bytes[place.index(length)] = byte;
        }
        let _ = inspect_payload(kind, &bytes);
        let _ = inspect_payload(Kind::MissingOffender, &bytes);
    }

    #[test]
    fn what_a_draft_accepts_a_receiver_accepts_and_what_it_says_is_shown_safely(surname in any::<String>(), text in any::<String>()) {
        let mut draft = specimen();
        subject(&mut draft).names[0].surname = surname;
        missing_offender(&mut draft).circumstances.as_mut().unwrap().text = text;
        match parse_plain(&draft, now()) {
            Ok(parsed) => prop_assert!(inspect_payload(parsed.kind, &parsed.payload).is_ok()),
            Err(faults) => {
                let hidden = |text: &str| text.chars().any(|it| it.is_control() || it == '\u{202e}');
                prop_assert!(!faults.iter().any(|it| hidden(&it.to_string())));
            }
        }
    }
}

/// Faults of the specimen (H1, H2) with these markings, in a federation that uses some of them.
fn marked(tlp: pb::Tlp, pap: pb::Pap, markings: Markings) -> Vec<String> {
    let mut draft = specimen();
    payload(&mut draft).tlp = tlp.into();
    payload(&mut draft).pap = pap.into();
    let faults = parse(&draft, now(), markings).err().unwrap_or_default();
    faults.iter().map(ToString::to_string).collect()
}

#[test]
fn tlp_and_pap_are_refused_where_the_federation_does_not_use_them() {
    let (on, off) = (Use::On, Use::Off);
    let both = |tlp, pap| marked(pb::Tlp::Red, pb::Pap::Red, Markings { tlp, pap });
    assert_eq!(both(on, on), Vec::<String>::new());
    let told = both(off, off);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[0].starts_with("tlp: TLP_RED; expected nothing"),
        "{told:?}"
    );
    assert!(told[0].contains("`[marking] tlp = true`"), "{told:?}");
    assert!(
        told[1].starts_with("pap: PAP_RED; expected nothing"),
        "{told:?}"
    );
    assert!(told[1].contains("`[marking] pap = true`"), "{told:?}");
    assert!(both(on, off)[0].starts_with("pap: ") && both(off, on)[0].starts_with("tlp: "));
    let none = marked(
        pb::Tlp::Unspecified,
        pb::Pap::Unspecified,
        Markings::default(),
    );
    assert_eq!(none, Vec::<String>::new());
}

#[test]
fn a_tlp_laxer_than_the_handling_set_is_refused_by_sender_and_receiver() {
    let on = Markings {
        tlp: Use::On,
        pap: Use::Off,
    };
    let told = marked(pb::Tlp::Green, pb::Pap::Unspecified, on);
    assert_eq!(
        told,
        ["tlp: TLP_GREEN; expected TLP_AMBER or stricter, beside this handling set"]
    );
    let amber = marked(pb::Tlp::Amber, pb::Pap::Unspecified, on);
    assert_eq!(amber, Vec::<String>::new());
}

#[test]
fn a_tlp_that_version_2_does_not_have_is_refused_with_the_one_to_use() {
    let told = read_draft_json(r#"{"payload":{"tlp":"TLP_WHITE"}}"#).unwrap_err();
    assert_eq!(told[0].expected, "TLP:CLEAR: TLP 2.0 has no WHITE any more");
    assert!(told[0].found.contains("TLP_WHITE"), "{told:?}");
    let draft = read_draft_json(r#"{"payload":{"tlp":"TLP_AMBER_STRICT"}}"#).unwrap();
    assert_eq!(draft.payload.unwrap().tlp(), pb::Tlp::AmberStrict);
}

#[test]
fn a_part_may_be_marked_stricter_than_the_whole_and_not_laxer() {
    let marked = |path: &str, handling: &[i32], tlp: pb::Tlp| {
        faults_of(|d| {
            payload(d).paragraph_marking = vec![pb::ParagraphMark {
                path: path.to_owned(),
                handling: handling.to_vec(),
                tlp: tlp.into(),
            }];
            d.handling = vec![2];
        })
    };
    let none = pb::Tlp::Unspecified;
    assert_eq!(
        marked("offences[0].description", &[2, 3], none),
        Vec::<String>::new()
    );
    let told = |fields: &[&str]| {
        fields
            .iter()
            .map(|it| format!("paragraphMarking[0]{it}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(marked("offences[0].description", &[2], none), told(&[""]));
    assert_eq!(marked("offences[0].description", &[3], none), told(&[""]));
    assert_eq!(
        marked("offences[1].description", &[2, 3], none),
        told(&[".path"])
    );
    assert_eq!(marked("remarks", &[2, 3], none), told(&[".path"]));
    assert_eq!(marked("offences", &[1, 2], none), told(&[".handling"]));
    assert_eq!(marked("offences", &[2, 3], pb::Tlp::Red), told(&[".tlp"]));
}

#[test]
fn an_evaluation_is_whole_and_of_what_says_something_of_a_person() {
    let evaluated = |source, information| {
        faults_of(|d| {
            payload(d).evaluation = Some(pb::Evaluation {
                source,
                information,
            });
        })
    };
    assert_eq!(evaluated(2, 3), Vec::<String>::new());
    assert_eq!(evaluated(0, 3), ["evaluation.source"]);
    assert_eq!(evaluated(2, 5), ["evaluation.information"]);
    let mut answer = example("answer.json");
    payload(&mut answer).evaluation = Some(pb::Evaluation {
        source: 1,
        information: 1,
    });
    assert_eq!(
        parse_plain(&answer, now()).unwrap_err()[0].path,
        "evaluation"
    );
}

#[test]
fn what_must_be_kept_from_the_person_is_told_by_the_payload() {
    let of = |pap: pb::Pap, action: pb::AskedAction| {
        let mut draft = specimen();
        payload(&mut draft).pap = pap.into();
        payload(&mut draft).asked[0].action = action.into();
        do_not_alert(payload(&mut draft))
    };
    assert!(of(pb::Pap::Red, pb::AskedAction::InformOnly));
    assert!(of(pb::Pap::Unspecified, pb::AskedAction::DiscreetCheck));
    assert!(!of(pb::Pap::Amber, pb::AskedAction::InquiryCheck));
}

/// Paths of the faults of the specimen after a change, if any.
fn faults_of(change: impl FnOnce(&mut pb::Draft)) -> Vec<String> {
    let mut draft = specimen();
    change(&mut draft);
    let faults = parse_plain(&draft, now()).err().unwrap_or_default();
    faults.into_iter().map(|fault| fault.path).collect()
}

#[test]
fn syntax_faults_name_line_and_column() {
    for (text, path) in [
        ("{\n  \"to\": [\"XB-POL\",,]\n}", "line 2, column 19"),
        ("{\n  \"payloda\": {}\n}", "line 2, column 11"),
        ("{\"priority\": \"PRIORITY_HIGH\"}", "line 1, column 28"),
        ("", "line 1, column 0"),
    ] {
        let told = read_draft_json(text).unwrap_err();
        assert_eq!((told.len(), told[0].path.as_str()), (1, path), "{told:?}");
    }
}
