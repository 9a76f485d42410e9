//! Statements: what is accepted, what is refused and why, rows of the threat matrix at this level.

use proptest::prelude::*;

use super::*;
use crate::{
    proto::alert::v1 as alert_pb,
    wire::{
        alert::{answer_payload, opened_payload, parse_draft},
        generate::{Recipe, drafts},
    },
};

const NOW_US: i64 = 1_795_000_000_000_000;
const SALT: [u8; 16] = [7; 16];

fn authority_id(text: &str) -> AuthorityId {
    text.parse().unwrap()
}

fn statement_ref(origin: &str, number: u8) -> StatementRef {
    StatementRef {
        origin: authority_id(origin),
        id: MessageId::from_parts(1_795_000_000_000, [number; 10]),
    }
}

fn alert_payload() -> Bytes {
    let recipe = Recipe {
        seed: 1,
        to: vec!["XB-POL".to_owned()],
        status: Status::Actual,
        priority: None,
        now: Timestamp::from_micros(NOW_US),
        payload_bytes: None,
    };
    let draft = drafts(recipe).next().unwrap();
    parse_draft(&draft, Timestamp::from_micros(NOW_US))
        .unwrap()
        .payload
}

fn recipient_of(authority: &str, thread_seq: u32) -> Recipient {
    Recipient {
        authority: authority_id(authority),
        thread_seq,
        ground: TransferGround::Adequacy,
        ground_reason: String::new(),
    }
}

fn alert_routing() -> Routing {
    let issued_at = Timestamp::from_micros(NOW_US);
    Routing {
        statement: statement_ref("XA-POL", 1),
        thread: statement_ref("XA-POL", 1),
        recipients: vec![recipient_of("XB-POL", 0), recipient_of("XC-POL", 0)],
        kind: Kind::MissingOffender,
        status: Status::Actual,
        priority: Priority::Urgent,
        handling: HandlingSet::new([Handling::H1]).unwrap(),
        handling_text: String::new(),
        issued_at,
        carried_until: issued_at.plus(CARRIAGE_MAX),
        in_reply_to: None,
        supersedes: None,
        release: None,
        effect: Effect::Starts,
        terms: alert::inspect_payload(Kind::MissingOffender, &alert_payload())
            .unwrap()
            .terms,
    }
}

/// An answer of XB-POL in the thread of XA-POL's alert.
fn answer_routing() -> Routing {
    Routing {
        statement: statement_ref("XB-POL", 2),
        recipients: vec![recipient_of("XA-POL", 0)],
        kind: Kind::Answer,
        in_reply_to: Some(statement_ref("XA-POL", 1)),
        effect: Effect::Answers(crate::domain::routing::AnswerCode::Opened),
        terms: <_>::default(),
        ..alert_routing()
    }
}

fn alert() -> pb::Statement {
    pb::Statement::decode(encode(&alert_routing(), SALT, &alert_payload())).unwrap()
}

fn answer() -> pb::Statement {
    let payload = opened_payload(statement_ref("XA-POL", 1));
    pb::Statement::decode(encode(&answer_routing(), SALT, &payload)).unwrap()
}

/// A recall of XA-POL's alert by its origin.
fn recall(target: StatementRef, header: StatementRef) -> Result<Parts, Reason> {
    let payload = alert_pb::Payload {
        kind: Some(alert_pb::payload::Kind::Recall(alert_pb::Recall {
            target: Some(encode_reference(&target)),
            reason: alert_pb::RecallReason::WrongPerson.into(),
            text: None,
        })),
        ..alert_pb::Payload::default()
    };
    let routing = Routing {
        statement: statement_ref("XA-POL", 3),
        kind: Kind::Recall,
        in_reply_to: Some(header),
        ..alert_routing()
    };
    let bytes = encode(&routing, SALT, &payload.encode_to_vec());
    decode(&bytes, authority_id("XA-POL"))
}

fn signed_by_origin(wire: &pb::Statement) -> Result<Parts, Reason> {
    let signer = wire.origin.parse().unwrap_or(authority_id("XA-POL"));
    decode(&wire.encode_to_vec().into(), signer)
}

fn release_of(created_by: &str, released_by: &str, created: i64, released: i64) -> pb::Release {
    pb::Release {
        created_by: created_by.to_owned(),
        created_at_us: created,
        released_by: released_by.to_owned(),
        released_at_us: released,
    }
}

#[test]
fn an_alert_and_an_answer_come_back_as_they_were_written() {
    let alert_bytes = encode(&alert_routing(), SALT, &alert_payload());
    let parts = decode(&alert_bytes, authority_id("XA-POL")).unwrap();
    assert_eq!(parts.routing, alert_routing());
    assert_eq!((parts.salt, &parts.payload), (SALT, &alert_payload()));
    assert_eq!(decode_kept(&alert_bytes), Ok(parts));
    assert_eq!(
        signed_by_origin(&answer()).unwrap().routing,
        answer_routing()
    );
    let code = crate::domain::routing::AnswerCode::NoTrace;
    let more = alert_pb::Answer {
        checked: vec!["border records".to_owned()],
        ..alert_pb::Answer::default()
    };
    let mut wire = answer();
    wire.payload = answer_payload(statement_ref("XA-POL", 1), code, more);
    let parts = signed_by_origin(&wire).unwrap();
    assert_eq!(parts.routing.effect, Effect::Answers(code));
    let kept = decode_kept(&wire.encode_to_vec().into()).unwrap();
    assert_eq!(kept.routing.effect, Effect::Answers(code));
}

#[test]
fn the_bytes_of_a_statement_never_change() {
    let mut routing = answer_routing();
    routing.release = Some(Release {
        created_by: "XB-POL/officer-1".to_owned(),
        created_at: routing.issued_at,
        released_by: "XB-POL/supervisor-2".to_owned(),
        released_at: routing.issued_at,
    });
    let payload = opened_payload(statement_ref("XA-POL", 1));
    let bytes = encode(&routing, SALT, &payload);
    let hex: Vec<String> = bytes
        .chunks(32)
        .map(|row| row.iter().map(|byte| format!("{byte:02x}")).collect())
        .collect();
    insta::with_settings!({
        snapshot_path => concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden"),
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!("statement-bytes", hex.join("\n"));
    });
}

type Change = fn(&mut pb::Statement);

const ILLEGAL_HEADERS: &[(&str, Reason, Change)] = &[
    ("no salt", Reason::Malformed, |s| s.salt.clear()),
    ("long salt", Reason::Malformed, |s| s.salt.push(0)),
    ("no id", Reason::Malformed, |s| s.id.clear()),
    ("id of version 4", Reason::Malformed, |s| s.id[6] = 0x40),
    ("thread is itself", Reason::Malformed, |s| {
        s.thread = Some(encode_reference(&statement_ref("XA-POL", 1)));
    }),
    ("first, and answers", Reason::Malformed, |s| {
        s.in_reply_to = Some(encode_reference(&statement_ref("XA-POL", 9)));
    }),
    ("thread without origin", Reason::Malformed, |s| {
        s.thread = Some(pb::StatementRef::default());
    }),
    ("row 11: slash", Reason::Malformed, |s| {
        s.origin = "XA-POL/".to_owned();
    }),
    ("row 11: case", Reason::Malformed, |s| {
        s.origin = "xa-POL".to_owned();
    }),
    ("row 11: dot", Reason::Malformed, |s| {
        s.origin = "XA-POL.".to_owned();
    }),
    ("row 11: homoglyph", Reason::Malformed, |s| {
        s.origin = "XA-P\u{41e}L".to_owned();
    }),
    ("row 11: fullwidth", Reason::Malformed, |s| {
        s.origin = "\u{ff38}A-POL".to_owned();
    }),
    ("row 11: recipient", Reason::Malformed, |s| {
        s.recipients[0].authority = "xb-POL".to_owned();
    }),
    ("no recipients", Reason::Malformed, |s| s.recipients.clear()),
    ("recipient twice", Reason::Malformed, |s| {
        s.recipients[1] = s.recipients[0].clone();
    }),
    ("recipients out of order", Reason::Malformed, |s| {
        s.recipients.reverse();
    }),
    ("257 recipients", Reason::Malformed, |s| {
        s.recipients = (0..257)
            .map(|n| pb::Recipient {
                authority: format!("XB-{n:03}"),
                ..s.recipients[0].clone()
            })
            .collect();
    }),
    ("no ground", Reason::Malformed, |s| {
        s.recipients[0].ground = 0;
    }),
    ("derogation without reason", Reason::Malformed, |s| {
        s.recipients[0].ground = 3;
    }),
    ("reason without derogation", Reason::Malformed, |s| {
        s.recipients[0].ground_reason = "why".to_owned();
    }),
    ("no kind", Reason::Malformed, |s| s.kind = 0),
    ("planned kind", Reason::UnsupportedVersion, |s| s.kind = 5),
    ("unknown kind", Reason::UnsupportedVersion, |s| s.kind = 99),
    ("negative kind", Reason::UnsupportedVersion, |s| s.kind = -1),
    ("row 31: critical", Reason::UnsupportedVersion, |s| {
        s.critical.push("tlp".to_owned());
    }),
    ("no status", Reason::Malformed, |s| s.status = 0),
    ("draft", Reason::Malformed, |s| s.status = 5),
    ("no priority", Reason::Malformed, |s| s.priority = 0),
    ("no handling", Reason::Malformed, |s| s.handling.clear()),
    ("H0 with H1", Reason::Malformed, |s| s.handling = vec![1, 2]),
    ("H3 without text", Reason::Malformed, |s| {
        s.handling = vec![4];
    }),
    ("text without H3", Reason::Malformed, |s| {
        s.handling_text = "x".to_owned();
    }),
    ("issued at zero", Reason::Malformed, |s| s.issued_at_us = 0),
    ("carried until issue", Reason::Malformed, |s| {
        s.carried_until_us = s.issued_at_us;
    }),
    ("carried 30 days and 1 us", Reason::Malformed, |s| {
        s.carried_until_us += 1;
    }),
    ("supersedes another's", Reason::NotOwner, |s| {
        s.supersedes = Some(encode_reference(&statement_ref("XB-POL", 5)));
    }),
    ("supersedes itself", Reason::Malformed, |s| {
        s.supersedes = Some(encode_reference(&statement_ref("XA-POL", 1)));
    }),
    ("released by its writer", Reason::NotReleased, |s| {
        s.release = Some(release_of("XA-POL/a", "XA-POL/a", 1, 2));
    }),
    ("released before it was written", Reason::NotReleased, |s| {
        s.release = Some(release_of("XA-POL/a", "XA-POL/b", 2, 1));
    }),
    ("released after issue", Reason::NotReleased, |s| {
        s.release = Some(release_of("XA-POL/a", "XA-POL/b", 1, NOW_US + 1));
    }),
    ("released by nobody", Reason::NotReleased, |s| {
        s.release = Some(release_of("XA-POL/a", "", 1, 2));
    }),
    ("payload of another kind", Reason::KindMismatch, |s| {
        s.kind = 2;
    }),
    ("no payload", Reason::KindMismatch, |s| {
        s.payload = Bytes::new();
    }),
    ("payload is no protobuf", Reason::Malformed, |s| {
        s.payload = Bytes::from_static(&[0xff; 9]);
    }),
];

#[test]
fn each_illegal_header_is_refused_for_its_reason() {
    assert!(signed_by_origin(&alert()).is_ok());
    for (what, reason, change) in ILLEGAL_HEADERS {
        let mut wire = alert();
        change(&mut wire);
        assert_eq!(signed_by_origin(&wire).map(drop), Err(*reason), "{what}");
    }
}

#[test]
fn each_legal_variant_is_accepted() {
    let table: [(&str, Change); 6] = [
        ("exercise", |s| s.status = 2),
        ("H3 with text", |s| {
            s.handling = vec![2, 4];
            s.handling_text = "not to the press".to_owned();
        }),
        ("derogation with reason", |s| {
            s.recipients[0].ground = 3;
            s.recipients[0].ground_reason = "art. 38(1)(c)".to_owned();
        }),
        ("released", |s| {
            s.release = Some(release_of("XA-POL/a", "XA-POL/b", NOW_US - 2, NOW_US));
        }),
        ("carried one microsecond", |s| {
            s.carried_until_us = s.issued_at_us + 1;
        }),
        ("supersedes its own", |s| {
            s.supersedes = Some(encode_reference(&statement_ref("XA-POL", 5)));
        }),
    ];
    for (what, change) in table {
        let mut wire = alert();
        change(&mut wire);
        assert!(signed_by_origin(&wire).is_ok(), "{what}");
    }
    let mut exercise = alert();
    exercise.status = 2;
    let status = signed_by_origin(&exercise).unwrap().routing.status;
    assert_eq!(status, Status::Exercise, "the flag is carried (I10)");
}

#[test]
fn row_10_a_signer_that_is_not_the_origin_is_refused() {
    let bytes: Bytes = alert().encode_to_vec().into();
    let refused = decode(&bytes, authority_id("XC-POL")).map(drop);
    assert_eq!(refused, Err(Reason::OriginMismatch));
}

#[test]
fn kinds_that_begin_no_thread_need_thread_and_target() {
    for change in [
        (|s: &mut pb::Statement| s.thread = None) as fn(&mut pb::Statement),
        |s| s.in_reply_to = None,
        |s| s.in_reply_to = Some(encode_reference(&statement_ref("XB-POL", 2))),
    ] {
        let mut wire = answer();
        change(&mut wire);
        assert_eq!(signed_by_origin(&wire).map(drop), Err(Reason::Malformed));
    }
}

#[test]
fn row_23_a_body_that_changes_another_statement_is_refused() {
    let (own, other) = (statement_ref("XA-POL", 1), statement_ref("XA-POL", 8));
    assert_eq!(recall(own, own).unwrap().routing.effect, Effect::Recalls);
    assert_eq!(recall(other, own).map(drop), Err(Reason::TargetMismatch));
}

#[test]
fn row_22_a_recall_of_anothers_statement_is_refused() {
    let foreign = statement_ref("XB-POL", 1);
    assert_eq!(recall(foreign, foreign).map(drop), Err(Reason::NotOwner));
}

#[test]
fn a_sighting_begins_a_thread_only_with_a_person() {
    let sighting = |subject: Option<alert_pb::Person>| {
        let payload = alert_pb::Payload {
            subject,
            kind: Some(alert_pb::payload::Kind::Sighting(alert_pb::Sighting {
                place: "Vesle".to_owned(),
                country: "XB".to_owned(),
                seen_at: "2026-11-24T06:40:00Z".to_owned(),
                awareness: 1,
                presence: 1,
                ..alert_pb::Sighting::default()
            })),
            ..alert_pb::Payload::default()
        };
        let routing = Routing {
            kind: Kind::Sighting,
            ..alert_routing()
        };
        let bytes = encode(&routing, SALT, &payload.encode_to_vec());
        decode(&bytes, authority_id("XA-POL")).map(|parts| parts.routing.effect)
    };
    let alert = alert::decode_payload(&alert_payload()).unwrap();
    assert_eq!(sighting(alert.subject), Ok(Effect::Starts));
    assert_eq!(sighting(None), Err(Reason::Malformed));
}

/// Every kind that may begin a thread, by its example: which of them need to say whom they are about.
#[test]
fn what_is_of_no_person_begins_a_thread_without_one_and_nothing_else_does() {
    for kind in Kind::ALL.iter().copied() {
        let name = kind.name().replace('_', "-");
        let path = format!("{}/examples/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let draft = alert::read_draft_json(&std::fs::read_to_string(path).unwrap()).unwrap();
        let mut payload = draft.payload.unwrap();
        payload.subject = None;
        if let Some(alert_pb::payload::Kind::InformationRequest(request)) = &mut payload.kind {
            request.purpose = alert_pb::RequestPurpose::Tracing.into();
            (request.position, request.consent_reference) = (String::new(), String::new());
        }
        let routing = Routing {
            kind,
            ..alert_routing()
        };
        let bytes = encode(&routing, SALT, &payload.encode_to_vec());
        let begins = decode(&bytes, authority_id("XA-POL")).is_ok();
        let without = matches!(
            kind,
            Kind::InformationRequest | Kind::NoticeOfService | Kind::Statistics
        );
        assert_eq!(begins, without, "{kind}");
    }
}

#[test]
fn a_tlp_laxer_than_the_handling_set_is_malformed() {
    let marked = |codes: &[Handling], tlp: alert_pb::Tlp| {
        let payload = alert_pb::Payload {
            tlp: tlp.into(),
            ..alert::decode_payload(&alert_payload()).unwrap()
        };
        let routing = Routing {
            handling: HandlingSet::new(codes.iter().copied()).unwrap(),
            handling_text: String::new(),
            ..alert_routing()
        };
        let bytes = encode(&routing, SALT, &payload.encode_to_vec());
        decode(&bytes, authority_id("XA-POL")).map(drop)
    };
    assert_eq!(marked(&[Handling::H2], alert_pb::Tlp::Amber), Ok(()));
    assert_eq!(
        marked(&[Handling::H2], alert_pb::Tlp::Green),
        Err(Reason::Malformed)
    );
    assert_eq!(marked(&[Handling::H0], alert_pb::Tlp::Clear), Ok(()));
}

#[test]
fn a_part_marked_laxer_than_the_whole_is_malformed() {
    let marked = |part: Handling| {
        let payload = alert_pb::Payload {
            paragraph_marking: vec![alert_pb::ParagraphMark {
                path: "risk".to_owned(),
                handling: vec![Handling::H1 as i32, part as i32],
                ..alert_pb::ParagraphMark::default()
            }],
            ..alert::decode_payload(&alert_payload()).unwrap()
        };
        let bytes = encode(&alert_routing(), SALT, &payload.encode_to_vec());
        decode(&bytes, authority_id("XA-POL")).map(drop)
    };
    assert_eq!(marked(Handling::H2), Ok(()));
    assert_eq!(
        marked(Handling::H3),
        Err(Reason::Malformed),
        "H3 has no words here"
    );
}

#[test]
fn row_27_a_statement_over_its_limit_is_too_large() {
    let mut wire = alert();
    wire.payload = vec![0; crate::domain::limits::STATEMENT_MAX_BYTES].into();
    assert_eq!(signed_by_origin(&wire).map(drop), Err(Reason::TooLarge));
}

#[test]
fn row_29_nesting_bombs_are_errors_and_no_crash() {
    // Field 1000, start of a group, 40,000 deep; and the same as nested messages in the payload.
    let groups: Bytes = [0xc3, 0x3e].repeat(40_000).into();
    assert_eq!(
        decode(&groups, authority_id("XA-POL")).map(drop),
        Err(Reason::Malformed)
    );
    let mut wire = alert();
    wire.payload = groups;
    assert_eq!(signed_by_origin(&wire).map(drop), Err(Reason::Malformed));
}

#[test]
fn row_30_unknown_fields_are_skipped_and_the_payload_bytes_kept() {
    // Field 900, varint 1: from a newer version, in payload and statement.
    let unknown = [0xa0, 0x38, 0x01];
    let mut wire = alert();
    wire.payload = [alert_payload().as_ref(), &unknown].concat().into();
    let document: Bytes = [wire.encode_to_vec().as_slice(), &unknown].concat().into();
    let parts = decode(&document, authority_id("XA-POL")).unwrap();
    assert_eq!(parts.payload, wire.payload, "not written anew");
    assert_eq!(parts.routing, alert_routing());
}

#[test]
fn row_16_the_same_statement_in_another_order_of_fields_is_other_bytes() {
    let bytes = encode(&alert_routing(), SALT, &alert_payload());
    // The salt is the first field: tag, length, 16 bytes. Moved to the end it means the same.
    let moved: Bytes = [&bytes[18..], &bytes[..18]].concat().into();
    let of = |document: &Bytes| decode(document, authority_id("XA-POL")).unwrap();
    assert_eq!(of(&bytes), of(&moved));
    assert_ne!(
        bytes, moved,
        "so its leaf hash is another, and its signature does not hold"
    );
}

#[test]
fn row_15_no_changed_bit_brings_it_down_or_goes_unseen() {
    let bytes = encode(&alert_routing(), SALT, &alert_payload());
    let whole = decode(&bytes, authority_id("XA-POL"));
    for place in 0..bytes.len() * 8 {
        let mut changed = bytes.to_vec();
        changed[place / 8] ^= 1 << (place % 8);
        let read = decode(&changed.into(), authority_id("XA-POL"));
        assert_ne!(read, whole, "bit {place}");
    }
}

prop_compose! {
    fn any_reference()(origin in "X[A-Z]-[A-Z0-9]{1,13}", ms in 0u64..1 << 48, random in any::<[u8; 10]>()) -> StatementRef {
        StatementRef { origin: origin.parse().unwrap(), id: MessageId::from_parts(ms, random) }
    }
}

prop_compose! {
    fn any_routing()(
        statement in any_reference(),
        authorities in prop::collection::btree_map("[A-Z]{2}-[A-Z0-9]{1,13}", any::<(u32, bool)>(), 1..20),
        status in prop::sample::select(Status::ALL),
        priority in prop::sample::select(Priority::ALL),
        h3 in prop::option::of("[a-z]{1,512}"),
        issued in 1i64..i64::MAX / 2,
        carried_us in 1i64..30 * 24 * 3600 * 1_000_000,
        release in prop::option::of(("[a-z]{1,30}", "[A-Z]{31,40}")),
    ) -> Routing {
        let issued_at = Timestamp::from_micros(issued);
        let recipients = authorities.into_iter().map(|(authority, (thread_seq, derogation))| Recipient {
            authority: authority.parse().unwrap(),
            thread_seq,
            ground: if derogation { TransferGround::Derogation } else { TransferGround::Safeguards },
            ground_reason: if derogation { "urgent".to_owned() } else { String::new() },
        }).collect();
        let codes = if h3.is_some() { vec![Handling::H2, Handling::H3] } else { vec![Handling::H0] };
        Routing {
            statement,
            thread: statement,
            recipients,
            status,
            priority,
            handling: HandlingSet::new(codes).unwrap(),
            handling_text: h3.unwrap_or_default(),
            issued_at,
            carried_until: Timestamp::from_micros(issued + carried_us),
            release: release.map(|(created_by, released_by)| Release {
                created_by, created_at: issued_at, released_by, released_at: issued_at,
            }),
            ..alert_routing()
        }
    }
}

proptest! {
    #[test]
    fn headers_come_back_as_they_were_written(routing in any_routing(), salt in any::<[u8; 16]>()) {
        let payload = alert_payload();
        let bytes = encode(&routing, salt, &payload);
        let parts = decode_kept(&bytes).unwrap();
        prop_assert_eq!(&parts, &Parts { routing, salt, payload });
        prop_assert_eq!(encode(&parts.routing, parts.salt, &parts.payload), bytes);
    }

    #[test]
    fn no_bytes_bring_it_down(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode(&bytes.into(), authority_id("XA-POL"));
    }

    #[test]
    fn payloads_come_back_as_they_were_written(seed in any::<u64>()) {
        let recipe = Recipe {
            seed, to: vec!["all".to_owned()], status: Status::Test, priority: None,
            now: Timestamp::from_micros(NOW_US), payload_bytes: None,
        };
        for draft in drafts(recipe).take(4) {
            let parsed = parse_draft(&draft, Timestamp::from_micros(NOW_US)).unwrap();
            prop_assert_eq!(Some(alert::decode_payload(&parsed.payload).unwrap()), draft.payload);
            prop_assert!(alert::inspect_payload(parsed.kind, &parsed.payload).is_ok());
        }
    }
}
