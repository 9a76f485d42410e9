//! What a carrier holds inside is believed by its own signature, under a key that proves something, and by nothing else.
//!
//! ```text
//!   XA-POL === extend [ alert, changed ] ===x XD-POL     CARRIED_FAULTY, and nothing is held
//!   XA-POL === extend [ alert ] ============> XD-POL     though its key has retired since
//! ```

use std::time::Duration;

use super::{
    extending::Story,
    net::{self, Net, id, recall},
};
use crate::{
    domain::{
        id::{MessageId, StatementRef},
        reason::Reason,
        routing::{Effect, Kind, Lane, Recipient, Routing},
        terms::Terms,
        time::Clock as _,
    },
    trust::{
        batch::{BatchSigner, Purpose, Unverified, UnverifiedItem},
        pae::{self, DocumentType},
    },
    wire::{
        self,
        alert::{Inside, carrying},
    },
};

/// A statement of its origin's own node that its desk would never make.
pub(super) fn forged(net: &Net, routing: &Routing, payload: &[u8]) -> Unverified {
    let origin = routing.statement.origin;
    let member = net.federation.member(origin.as_str());
    let key = net::copy(&member.statement);
    let signer = BatchSigner::new(&net.federation.name, origin, Purpose::Statement, key);
    let document = wire::encode_statement(routing, [9; 16], payload);
    let leaf = pae::leaf_hash(DocumentType::Statement, &document);
    let batch = signer.sign(vec![leaf]);
    Unverified {
        signed: batch.signed.as_ref().clone(),
        items: vec![UnverifiedItem {
            document,
            index: 0,
            path: Vec::new(),
        }],
    }
}

/// Verifies that what a carrier holds inside is believed by its own signature alone: changed, of another thread, another
/// statement than the header names, or of a kind that is given to nobody, it is refused for good, and nothing is held.
#[tokio::test(flavor = "multi_thread")]
async fn a_carrier_with_a_false_inside_is_refused_and_leaves_nothing() {
    let net = Net::of_four();
    let story = Story::of(&net).await;
    let other = net.send("XA", &["XB"]).await;
    let recalled = net.about(other, recall());
    let recalled = net.submit("XA", recalled).await.unwrap().statement;
    let why = net.extension(story.alert, &["XD"]).payload;
    let inside = async |statement: StatementRef| {
        let record = net.record("XA", statement).await.unwrap();
        let entry = net.node("XA").store.entry(record.index).unwrap();
        (entry.body, entry.proof.unwrap(), record)
    };
    let (body, proof, record) = inside(story.alert).await;
    let (other_body, other_proof, _) = inside(other).await;
    let (recall_body, recall_proof, _) = inside(recalled).await;
    let mut changed = body.to_vec();
    let last = changed.len() - 1;
    changed[last] ^= 1;
    let carrier = |number: u8, thread, target| Routing {
        statement: StatementRef {
            origin: id("XA"),
            id: MessageId::from_parts(1_795_507_200_500, [number; 10]),
        },
        thread,
        recipients: vec![Recipient {
            authority: id("XD"),
            thread_seq: 0,
            ground: crate::domain::routing::TransferGround::Safeguards,
            ground_reason: String::new(),
        }],
        kind: Kind::Extend,
        status: record.status,
        priority: record.priority,
        handling: record.handling,
        handling_text: String::new(),
        issued_at: net.node("XA").clock.now(),
        carried_until: net.node("XA").clock.now().plus(Duration::from_secs(3600)),
        in_reply_to: Some(target),
        supersedes: None,
        release: None,
        effect: Effect::Extends,
        terms: Terms::default(),
    };
    let table = [
        (
            "changed",
            story.alert,
            story.alert,
            bytes::Bytes::from(changed),
            &proof,
            Some(Reason::CarriedFaulty),
        ),
        (
            "another statement",
            story.alert,
            story.alert,
            other_body.clone(),
            &other_proof,
            Some(Reason::CarriedFaulty),
        ),
        (
            "another thread",
            story.alert,
            other,
            other_body,
            &other_proof,
            Some(Reason::CarriedFaulty),
        ),
        (
            "a recall",
            other,
            recalled,
            recall_body,
            &recall_proof,
            Some(Reason::CarriedFaulty),
        ),
        (
            "as it was signed",
            story.alert,
            story.alert,
            body,
            &proof,
            None,
        ),
    ];
    for (number, (name, thread, target, document, proof, refused)) in table.into_iter().enumerate()
    {
        let inside = Inside {
            document,
            proof: proof.clone(),
        };
        let payload = carrying(&why, &target, inside).unwrap();
        let routing = carrier(u8::try_from(number).unwrap(), thread, target);
        let frame = vec![forged(&net, &routing, &payload)];
        let outcome = net.node("XD").broker.receive(id("XA"), Lane::Bulk, frame);
        let outcome = outcome.await.unwrap();
        assert_eq!(outcome.results[0].refused, refused, "{name}");
        assert_eq!(outcome.receipts.len(), 1, "signed, whatever it says");
        let held = net.record("XD", routing.statement).await.is_some();
        assert_eq!(held, refused.is_none(), "{name}");
        assert_eq!(
            net.record("XD", target).await.is_some(),
            refused.is_none(),
            "{name}"
        );
    }
}

/// Verifies that a statement is given under a key that has retired since, and is signed again when its key is revoked.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_signed_with_an_old_key_is_given_all_the_same() {
    for revoked in [
        None,
        Some(crate::trust::testing::NOW.plus(Duration::from_secs(60))),
    ] {
        let mut net = Net::of_four();
        let story = Story::of(&net).await;
        let old = net.rotate("XA");
        let listed = |draft: &mut crate::trust::testing::Draft| {
            let mut key = draft.entries[0].keys[0].clone();
            key.public_key = old.to_vec();
            key.valid_until_us = crate::trust::testing::NOW
                .plus(Duration::from_secs(120))
                .as_micros();
            key.revoked_at_us = revoked.map_or(0, crate::domain::time::Timestamp::as_micros);
            draft.entries[0].keys.push(key);
        };
        let directory = net.directory(2, listed);
        for name in ["XA", "XB", "XC", "XD"] {
            net.adopt(name, &directory).await;
        }
        net.restart("XA").await;
        net.pass(Duration::from_secs(25 * 3600));
        net.extend("XA", story.alert, &["XD"]).await.unwrap();
        for statement in story.all() {
            net.until_delivered("XA", statement, "XD").await;
            let (ours, theirs) = (
                net.record("XA", statement).await.unwrap(),
                net.record("XD", statement).await.unwrap(),
            );
            assert_eq!(ours.leaf, theirs.leaf);
        }
    }
}
