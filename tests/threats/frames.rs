//! Rows 27 to 30, 60: bytes that are too many, compressed, too deep, unknown, or for another service.

use allpoints::{
    domain::{limits, reason::Reason},
    proto::{desk::v1 as pb, envelope::v1::SignedItem},
    trust::tls::Role,
    wire,
};
use bytes::{Bytes, BytesMut};
use prost::Message as _;
use tonic::{Code, Status};
use tower::{Service as _, ServiceExt as _};

use crate::{
    SENDER, Scene, VICTIM, in_realm,
    intruder::{self, Badge, refused_by_service},
    officer,
};

#[test]
fn t27_too_large_a_statement_is_refused_in_band_and_too_large_a_frame_ends_the_stream() {
    in_realm(async |realm| {
        let mut scene = Scene::of(&realm, "XC-T27").await;
        let mut large = scene.alert();
        large.payload = vec![b'x'; limits::STATEMENT_MAX_BYTES].into();
        let said = scene.sign_and_send(&large).await;
        said.refused_with(Code::ResourceExhausted, Reason::TooLarge);
        let fits = scene.alert();
        scene.sign_and_send(&fits).await.is_held();
        scene
            .victim_wrote(&["refused-input TOO_LARGE", "received"], 1)
            .await;

        // Too many statements, too many bytes, and more than one message may have.
        let small = scene.partner.signs(&scene.alert());
        let crowd = small.clone().with(|batch| {
            let item = batch.items.first().cloned().expect("one");
            batch.items = vec![item; limits::FRAME_MAX_STATEMENTS + 1];
        });
        let heavy = small.clone().with(|batch| {
            let item = SignedItem {
                document: vec![b'x'; limits::FRAME_MAX_BYTES / 2 + 1].into(),
                index: 0,
                path: vec![],
            };
            batch.items = vec![item.clone(), item];
        });
        for envelope in [crowd, heavy] {
            let mut scene = Scene::of(&realm, "XC-T27").await;
            let ended = scene.intruder.send_frame(vec![envelope.0]).await;
            refused_by_service(ended, Code::InvalidArgument, Reason::FrameBroken);
        }
        let scene = Scene::of(&realm, "XC-T27").await;
        let huge = vec![0; limits::EXCHANGE_MESSAGE_MAX_BYTES + 1];
        scene.intruder.say_bytes(huge.into()).await;
        let ended = Err::<(), _>(scene.intruder.end().await);
        refused_by_service(ended, Code::InvalidArgument, Reason::FrameBroken);
        let broken = "refused-input FRAME_BROKEN";
        let scene = Scene::of(&realm, "XC-T27").await;
        let entries = [
            "refused-input TOO_LARGE",
            "received",
            broken,
            broken,
            broken,
        ];
        scene.victim_wrote(&entries, 1).await;
    });
}

#[test]
fn t27_too_large_an_alert_is_refused_at_submit() {
    in_realm(async |realm| {
        let mut officer = officer(&realm).await;
        let legal = realm.draft(SENDER);
        let mut large = legal.clone();
        let remarks = allpoints::proto::alert::v1::Text {
            text: "x".repeat(limits::STATEMENT_MAX_BYTES),
            language: String::new(),
        };
        large.payload.as_mut().expect("a payload").remarks = Some(remarks);
        let submit = |draft| pb::SubmitRequest {
            drafts: vec![draft],
            dry_run: false,
            ..<_>::default()
        };
        let refused = officer.submit(submit(large)).await;
        refused_by_service(refused, Code::InvalidArgument, Reason::FaultyDraft);
        // Each field is within its own bound, and all together are too many bytes.
        let mut heavy = realm.draft(SENDER);
        let payload = heavy.payload.as_mut().expect("a payload");
        let registration = allpoints::proto::alert::v1::Registration {
            register: "Register of specimens".to_owned(),
            country: "XB".to_owned(),
            conditions: vec!["x".repeat(limits::LINE_MAX_CHARS); limits::LIST_MAX_ITEMS],
            ..<_>::default()
        };
        payload.registrations = vec![registration; limits::LIST_MAX_ITEMS];
        let id = heavy.id.clone();
        let refused = officer.submit(submit(heavy)).await;
        let faults = refused
            .as_ref()
            .err()
            .map(tonic_types::StatusExt::get_error_details);
        let faults = faults.and_then(|it| it.bad_request().cloned());
        let faults = faults.expect("the faults").field_violations;
        let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(fields, ["payload"], "{faults:?}");
        refused_by_service(refused, Code::InvalidArgument, Reason::FaultyDraft);
        let show = pb::ShowRequest {
            id,
            peek: true,
            ..<_>::default()
        };
        let shown = officer.show(show).await;
        refused_by_service(shown, Code::NotFound, Reason::NotFound);
        officer.submit(submit(legal)).await.expect("accepted");
    });
}

#[test]
fn t28_a_compressed_message_is_not_unpacked() {
    in_realm(async |realm| {
        let badge = Badge::of_member(&realm, "XC-T28");
        let at = realm.exchange_of(VICTIM);
        let mut channel = intruder::dial(at, badge).await.expect("let in");
        // A gRPC message that says it is compressed; the bytes do not matter, they are not looked at.
        let mut message = BytesMut::from(&[1, 0, 0, 0, 4][..]);
        message.extend_from_slice(&[0x1f, 0x8b, 8, 0]);
        for encoding in ["gzip", "deflate", "zstd"] {
            let request = http::Request::post(format!("http://node.invalid{}", intruder::DELIVER))
                .header("content-type", "application/grpc")
                .header("te", "trailers")
                .header("grpc-encoding", encoding)
                .body(body(message.clone().freeze()))
                .expect("a request");
            let channel = channel.ready().await.expect("connected");
            let answer = channel.call(request).await.expect("an answer");
            let status = Status::from_header_map(answer.headers()).expect("a status");
            refused_by_service(
                Err::<(), _>(status),
                Code::Unimplemented,
                Reason::NotOffered,
            );
        }
        let mut scene = Scene::of(&realm, "XC-T28").await;
        let plain = scene.alert();
        scene.sign_and_send(&plain).await.is_held();
        let not_offered = "refused-input NOT_OFFERED";
        let entries = [not_offered, not_offered, not_offered, "received"];
        scene.victim_wrote(&entries, 1).await;
    });
}

fn body(bytes: Bytes) -> tonic::body::Body {
    tonic::body::Body::new(axum::body::Body::from(bytes))
}

/// Deeper than any decoder may go, and within the size that a statement may have.
const DEEP: usize = 30_000;

/// Groups within groups, in an unknown field: as deep as a decoder would recurse.
fn nested(depth: usize) -> Vec<u8> {
    // Field 1000 as start and end of a group.
    let mut bytes = [0xc3, 0x3e].repeat(depth);
    bytes.extend([0xc4, 0x3e].repeat(depth));
    bytes
}

#[test]
fn t29_nesting_bombs_are_errors_and_crash_nothing() {
    in_realm(async |realm| {
        let mut scene = Scene::of(&realm, "XC-T29").await;
        let mut bomb = scene.alert().encode_to_vec();
        bomb.extend(nested(DEEP));
        let said = scene.send(scene.partner.signs_bytes(bomb)).await;
        said.refused_with(Code::InvalidArgument, Reason::Malformed);
        let mut payload = scene.alert();
        payload.payload = [payload.payload.to_vec(), nested(DEEP)].concat().into();
        let said = scene.sign_and_send(&payload).await;
        said.refused_with(Code::InvalidArgument, Reason::Malformed);
        // Shallow enough to be skipped like any unknown field.
        let mut shallow = scene.alert().encode_to_vec();
        shallow.extend(nested(20));
        scene
            .send(scene.partner.signs_bytes(shallow))
            .await
            .is_held();
        let entries = ["refused-input MALFORMED", "refused MALFORMED", "received"];
        scene.victim_wrote(&entries, 1).await;

        for garbage in [nested(DEEP), vec![0xff; 64], vec![0x0a, 0x7f], vec![]] {
            let scene = Scene::of(&realm, "XC-T29").await;
            scene.intruder.say_bytes(garbage.into()).await;
            let ended = Err::<(), _>(scene.intruder.end().await);
            refused_by_service(ended, Code::InvalidArgument, Reason::FrameBroken);
        }
        let scene = Scene::of(&realm, "XC-T29").await;
        let broken = ["refused-input FRAME_BROKEN"; 4];
        scene
            .victim_wrote(&[&entries[..], &broken[..]].concat(), 1)
            .await;
    });
}

#[test]
fn t30_unknown_fields_are_kept_as_they_came() {
    in_realm(async |realm| {
        let mut scene = Scene::of(&realm, "XC-T30").await;
        let mut document = scene.alert().encode_to_vec();
        // Field 999, length-delimited.
        document.extend([0xba, 0x3e, 4]);
        document.extend(b"NEW!");
        let envelope = scene.partner.signs_bytes(document.clone());
        let said = scene.send(envelope.clone()).await;
        said.is_held();
        let receipt = said.receipts.first().and_then(|batch| batch.items.first());
        let receipt = wire::decode_receipt(&receipt.expect("one").document).expect("legal");
        assert_eq!(receipt.leaf, envelope.leaf(), "over the bytes as they came");
        scene.victim_wrote(&["received"], 1).await;

        // The evidence has those very bytes.
        let item = realm.inbox(VICTIM, "XC-T30").await.remove(0);
        let mut auditor = realm.desk(VICTIM, Role::Auditor).await;
        let request = pb::AuditExportRequest {
            id: item.reference,
            reason: "a test".to_owned(),
        };
        let mut stream = auditor
            .audit_export(request)
            .await
            .expect("exported")
            .into_inner();
        let mut file = Vec::new();
        while let Some(part) = stream.message().await.expect("a chunk") {
            file.extend_from_slice(&part.chunk);
        }
        let kept = file.windows(document.len()).any(|it| it == document);
        assert!(kept, "{} bytes of evidence without them", file.len());
    });
}

#[test]
fn t60_what_is_not_the_exchange_is_not_there() {
    in_realm(async |realm| {
        let badge = Badge::of_member(&realm, "XC-T60");
        let at = realm.exchange_of(VICTIM);
        let mut channel = intruder::dial(at, badge).await.expect("let in");
        let paths = [
            "/allpoints.desk.v1.Desk/Submit",
            "/allpoints.desk.v1.Desk/List",
            "/allpoints.exchange.v1.Exchange/Nothing",
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            "/grpc.health.v1.Health/Check",
            "/",
        ];
        for path in paths {
            let request = http::Request::post(format!("http://node.invalid{path}"))
                .header("content-type", "application/grpc")
                .header("te", "trailers")
                .body(body(Bytes::from_static(&[0; 5])))
                .expect("a request");
            let channel = channel.ready().await.expect("connected");
            let answer = channel.call(request).await.expect("an answer");
            let status = Status::from_header_map(answer.headers()).expect("a status");
            refused_by_service(
                Err::<(), _>(status),
                Code::Unimplemented,
                Reason::NotOffered,
            );
        }
        let mut scene = Scene::of(&realm, "XC-T60").await;
        let plain = scene.alert();
        scene.sign_and_send(&plain).await.is_held();
        let mut entries = vec!["refused-input NOT_OFFERED"; paths.len()];
        entries.push("received");
        scene.victim_wrote(&entries, 1).await;
    });
}
