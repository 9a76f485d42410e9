//! I3 signed bytes, I4 identity, I5 addressed, I6 one effect, I7 reasons, I10 exercise: a real node, met by
//! hands that hold true keys.

use std::{sync::Arc, time::Duration};

use allpoints::{
    domain::{id::AuthorityId, reason::Reason, receipt::Verdict, routing::Status, time::Clock},
    node::Node,
    proto::{
        alert::v1::Draft,
        desk::v1::{
            AuditExportRequest, AuditListRequest, Box as ListBox, ListRequest, StatusRequest,
            SubmitRequest, TrackRequest,
        },
        evidence::v1::Export,
    },
    trust::{batch::Unverified, tls::Role},
    wire::{
        decode_receipt,
        generate::{Recipe, drafts},
    },
};
use bytes::Bytes;
use prost::Message as _;

use super::{
    fleet::{Desk, Fleet},
    peer::{Answer, Peer},
};

/// XB-POL serves; XA-POL and XC-POL are hands.
struct Scene {
    fleet: Fleet,
    _node: Node,
    xa: Peer,
    xc: Peer,
}

impl Scene {
    async fn set() -> Self {
        let program = env!("CARGO_BIN_EXE_allpoints");
        let fleet = Fleet::found(program.as_ref(), &["XA-POL", "XB-POL", "XC-POL"]).unwrap();
        let node = Node::start(fleet.members()[1].config.clone())
            .await
            .unwrap();
        let clock = Arc::clone(fleet.clock()) as Arc<dyn Clock>;
        let peer = |at: usize| Peer::of(&fleet.members()[at], Arc::clone(&clock)).unwrap();
        let (xa, xc) = (peer(0), peer(2));
        Self {
            fleet,
            _node: node,
            xa,
            xc,
        }
    }

    fn xb(&self) -> AuthorityId {
        self.fleet.members()[1].id
    }

    async fn officer(&self) -> Desk {
        self.fleet.members()[1].door.open().await.unwrap()
    }

    /// One document of XA-POL's, and what XB-POL says of it.
    async fn tell(&self, document: &Bytes) -> Answer {
        let batch = self.xa.sign(std::slice::from_ref(document));
        self.xa.deliver(self.xb(), batch).await.unwrap()
    }

    /// How many statements stand in XB-POL's inbox.
    async fn held(&self) -> usize {
        let request = ListRequest {
            r#box: ListBox::In.into(),
            ..<_>::default()
        };
        let listed = self.officer().await.list(request).await.unwrap();
        listed.into_inner().items.len()
    }
}

/// Why the only statement of a frame is not held.
fn refused(answer: &Answer) -> Option<Reason> {
    assert_eq!(answer.0.len(), 1);
    answer.0[0].refused
}

fn receipts(answer: &Answer) -> Vec<Bytes> {
    let items = answer.1.iter().flat_map(|batch| &batch.items);
    items.map(|item| item.document.clone()).collect()
}

/// A field that this version does not know, as a later one may send it: number 1000, varint 5.
fn with_unknown_field(document: &Bytes) -> Bytes {
    [document.as_ref(), &[0xc0, 0x3e, 0x05]].concat().into()
}

#[tokio::test(flavor = "multi_thread")]
async fn i03_an_unknown_field_survives_verifying_keeping_and_export_byte_for_byte() {
    let scene = Scene::set().await;
    let alert = scene.xa.alert(&[scene.xb()]).unwrap();
    let document = with_unknown_field(&scene.xa.document(&alert));
    assert_eq!(refused(&scene.tell(&document).await), None);
    let member = &scene.fleet.members()[1];
    let door = member.door_for(Role::Auditor, scene.fleet.clock()).unwrap();
    let request = AuditExportRequest {
        id: alert.0.statement.to_string(),
        reason: "a test".to_owned(),
    };
    let mut auditor = door.open().await.unwrap();
    let mut chunks = auditor.audit_export(request).await.unwrap().into_inner();
    let mut file = Vec::new();
    while let Some(chunk) = chunks.message().await.unwrap() {
        file.extend_from_slice(&chunk.chunk);
    }
    let export = Export::decode(file.as_slice()).unwrap();
    let batch = export.statements[0].batch.as_ref().unwrap();
    assert_eq!(batch.items[0].document, document);
}

#[tokio::test(flavor = "multi_thread")]
async fn i03_a_byte_changed_after_signing_is_refused() {
    let scene = Scene::set().await;
    let alert = scene.xa.alert(&[scene.xb()]).unwrap();
    let document = scene.xa.document(&alert);
    let mut batch = scene.xa.sign(std::slice::from_ref(&document));
    batch.items[0].document = with_unknown_field(&document);
    let answer = scene.xa.deliver(scene.xb(), batch).await.unwrap();
    assert_eq!(refused(&answer), Some(Reason::BadBatch));
    assert_eq!(scene.held().await, 0);
    assert_eq!(refused(&scene.tell(&document).await), None, "its twin");
}

#[tokio::test(flavor = "multi_thread")]
async fn i04_the_statement_of_another_authority_is_refused_though_its_signature_holds() {
    let scene = Scene::set().await;
    let alert = scene.xa.alert(&[scene.xb()]).unwrap();
    let document = scene.xa.document(&alert);
    let signed = || scene.xa.sign(std::slice::from_ref(&document));
    let answer = scene.xc.deliver(scene.xb(), signed()).await.unwrap();
    assert!(refused(&answer).is_some(), "{answer:?}");
    assert_eq!(scene.held().await, 0);
    let answer = scene.xa.deliver(scene.xb(), signed()).await.unwrap();
    assert_eq!(refused(&answer), None, "its own connection");
}

#[tokio::test(flavor = "multi_thread")]
async fn i04_who_answers_must_be_whom_we_dialled() {
    let scene = Scene::set().await;
    // XC-POL's node answers where the directory says that XA-POL is.
    let mut config = scene.fleet.members()[2].config.clone();
    config.exchange.listen = scene.fleet.members()[0].config.exchange.listen;
    let impostor = Node::start(config).await.unwrap();
    let xb = Peer::of(
        &scene.fleet.members()[1],
        Arc::clone(scene.fleet.clock()) as Arc<dyn Clock>,
    )
    .unwrap();
    let (xa, xc) = (scene.xa.id, scene.xc.id);
    let document = xb.document(&xb.alert(&[xa]).unwrap());
    let batch = xb.sign(&[document]);
    let error = xb.deliver(xa, batch).await.unwrap_err();
    let named = [Reason::WrongPeer, Reason::TlsRefused];
    assert!(named.contains(&error.reason), "{error}");
    impostor.stop().await.unwrap();
    // Its twin: the same node where it belongs.
    let node = Node::start(scene.fleet.members()[2].config.clone())
        .await
        .unwrap();
    let document = xb.document(&xb.alert(&[xc]).unwrap());
    let answer = xb.deliver(xc, xb.sign(&[document])).await.unwrap();
    assert_eq!(refused(&answer), None);
    node.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn i05_a_statement_for_others_is_refused_under_a_receipt() {
    let scene = Scene::set().await;
    let foreign = scene.xa.alert(&[scene.xc.id]).unwrap();
    let answer = scene.tell(&scene.xa.document(&foreign)).await;
    assert_eq!(refused(&answer), Some(Reason::NotAddressed));
    let receipt = decode_receipt(&receipts(&answer)[0]).unwrap();
    assert_eq!(receipt.verdict, Verdict::Refused(Reason::NotAddressed));
    assert_eq!(scene.held().await, 0);
    let ours = scene.xa.alert(&[scene.xc.id, scene.xb()]).unwrap();
    let answer = scene.tell(&scene.xa.document(&ours)).await;
    assert_eq!(refused(&answer), None);
    assert_eq!(scene.held().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn i06_a_repeat_gets_the_same_receipt_and_no_second_effect() {
    let scene = Scene::set().await;
    let document = scene.xa.document(&scene.xa.alert(&[scene.xb()]).unwrap());
    let first = scene.tell(&document).await;
    let again = scene.tell(&document).await;
    assert_eq!((refused(&first), refused(&again)), (None, None));
    assert_eq!(receipts(&first), receipts(&again));
    assert_eq!(receipts(&first).len(), 1);
    assert_eq!(scene.held().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn i06_other_bytes_under_a_known_id_are_refused_and_an_incident() {
    let scene = Scene::set().await;
    let alert = scene.xa.alert(&[scene.xb()]).unwrap();
    let document = scene.xa.document(&alert);
    assert_eq!(refused(&scene.tell(&document).await), None);
    let other = with_unknown_field(&document);
    let answer = scene.tell(&other).await;
    assert_eq!(refused(&answer), Some(Reason::IdConflict));
    assert_eq!(scene.held().await, 1);
    let member = &scene.fleet.members()[1];
    let door = member.door_for(Role::Auditor, scene.fleet.clock()).unwrap();
    let mut auditor = door.open().await.unwrap();
    let listed = auditor
        .audit_list(AuditListRequest::default())
        .await
        .unwrap();
    let entries = listed.into_inner().entries;
    let incident = entries.iter().find(|entry| entry.reason == "ID_CONFLICT");
    assert!(incident.is_some(), "{entries:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn i07_what_is_not_delivered_says_why_to_its_sender() {
    let scene = Scene::set().await;
    let mut desk = scene.officer().await;
    let recipe = Recipe {
        seed: 3,
        to: vec!["XA-POL".to_owned()],
        status: Status::Exercise,
        priority: None,
        now: scene.fleet.clock().now(),
        payload_bytes: None,
    };
    let drafts: Vec<Draft> = drafts(recipe).take(1).collect();
    let request = SubmitRequest {
        drafts,
        dry_run: false,
        ..<_>::default()
    };
    let sent = desk.submit(request).await.unwrap().into_inner();
    let id = sent.submitted[0].reference.clone();
    let mut reason = String::new();
    for _ in 0..200 {
        let tracked = desk.track(TrackRequest { id: id.clone() }).await.unwrap();
        reason = tracked.into_inner().deliveries[0].reason.clone();
        if !reason.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let known = Reason::ALL.iter().any(|it| it.name() == reason);
    assert!(known, "nobody is there, and the reason told is `{reason}`");
}

#[tokio::test(flavor = "multi_thread")]
async fn i10_an_exercise_in_a_live_thread_is_refused() {
    let scene = Scene::set().await;
    let alert = scene.xa.alert(&[scene.xb()]).unwrap();
    assert_eq!(refused(&scene.tell(&scene.xa.document(&alert)).await), None);
    let mut update = scene.xa.update(&alert.0, 1).unwrap();
    update.0.status = Status::Exercise;
    let answer = scene.tell(&scene.xa.document(&update)).await;
    assert_eq!(refused(&answer), Some(Reason::ExerciseMixed));
    let update = scene.xa.update(&alert.0, 1).unwrap();
    let answer = scene.tell(&scene.xa.document(&update)).await;
    assert_eq!(refused(&answer), None, "its twin");
}

#[tokio::test(flavor = "multi_thread")]
async fn i10_an_exercise_is_never_counted_as_real() {
    let scene = Scene::set().await;
    let unopened = || async {
        let status = scene.officer().await.status(StatusRequest {}).await;
        status.unwrap().into_inner().inbox_unopened
    };
    let mut drill = scene.xa.alert(&[scene.xb()]).unwrap();
    drill.0.status = Status::Exercise;
    assert_eq!(refused(&scene.tell(&scene.xa.document(&drill)).await), None);
    assert_eq!((unopened().await, scene.held().await), (0, 1));
    let real = scene.xa.alert(&[scene.xb()]).unwrap();
    assert_eq!(refused(&scene.tell(&scene.xa.document(&real)).await), None);
    assert_eq!((unopened().await, scene.held().await), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn i03_what_was_never_signed_is_refused() {
    let scene = Scene::set().await;
    let alert = scene.xa.alert(&[scene.xb()]).unwrap();
    let document = scene.xa.document(&alert);
    let signed = scene.xa.sign(std::slice::from_ref(&document));
    let mut signature = signed.signed.signature.to_vec();
    signature[0] ^= 1;
    let forged = Unverified {
        signed: allpoints::trust::batch::SignedHeader {
            signature: signature.into(),
            ..signed.signed
        },
        items: signed.items,
    };
    let answer = scene.xa.deliver(scene.xb(), forged).await.unwrap();
    assert_eq!(refused(&answer), Some(Reason::BadSignature));
    assert_eq!(scene.held().await, 0);
}
