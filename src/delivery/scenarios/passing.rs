//! A holder passes a thread on, with the originator's permission where its markings demand one.
//!
//! ```text
//!   XA-POL === alert, H1 H2; correction ============> XB-POL, XC-POL
//!          --- grants: to XD-POL ------------------> XB-POL
//!                    XB-POL --- passes on: each of them as XA signed it, with the grant ---> XD-POL
//!          <-- passed on to XD-POL ---------------- XB-POL
//!          <-- answers ------------------------------------------------------------------- XD-POL
//!
//!                    XB-POL ===x the same without the grant, or with another ===x XD-POL     NOT_PERMITTED, ...
//! ```

use std::time::Duration;

use bytes::Bytes;

use super::{
    carried::forged,
    extending::{correction, hit, holders, thread, until_alert_is, until_held},
    net::{Net, id, until, update},
    permission::{asking, granting, permitted, reason, restricted},
    roads::Fate,
};
use crate::{
    delivery::Submission,
    domain::{
        id::{MessageId, StatementRef},
        lives::{AlertLife, DeliveryLife},
        permission::{Passed, Permission},
        reason::Reason,
        routing::{
            AnswerCode, Effect, Handling, HandlingSet, Kind, Lane, Recipient, Routing,
            TransferGround,
        },
        time::{Clock as _, Timestamp},
    },
    proto::alert::v1 as pb,
    store::{entry::Act, record::Direction},
    wire::alert::{Inside, inspect_payload, passing},
};

/// When newcomers received the thread, as whoever passed it on says.
async fn arrivals(net: &Net, at: &str, alert: StatementRef) -> Vec<Timestamp> {
    let records = thread(net, at, alert).await;
    let said = records
        .iter()
        .filter_map(|it| it.terms.permission.as_deref());
    said.flat_map(Permission::passed)
        .filter_map(|it| it.received_at)
        .collect()
}

/// Verifies that a permitted newcomer holds all that stands, byte by byte, as a live alert; that the originator knows who gave
/// it to whom on which grant and when it was received, and gets the newcomer's answers; that others in the thread are not told; and that a restart
/// changes nothing of that.
#[tokio::test(flavor = "multi_thread")]
async fn a_holder_passes_on_all_that_stands_and_the_originator_knows() {
    let mut net = Net::of_four();
    net.well().await;
    let alert = restricted(&net).await;
    let corrected = net.submit("XA", net.about(alert, correction())).await;
    let corrected = corrected.unwrap().statement;
    net.until_delivered("XA", corrected, "XB").await;
    let grant = permitted(&net, alert, &["XD"], 30).await;

    let told = net.submit("XB", net.passing(alert, &["XD"])).await.unwrap();
    let to: Vec<_> = told.recipients.iter().map(|it| it.authority).collect();
    assert_eq!(to, [id("XA")], "the originator is told, and nobody else");
    for statement in [alert, corrected] {
        net.until_delivered("XB", statement, "XD").await;
        let (ours, theirs) = (
            net.record("XA", statement).await.unwrap(),
            net.record("XD", statement).await.unwrap(),
        );
        assert_eq!(ours.leaf, theirs.leaf);
        assert_eq!(theirs.direction, Direction::Foreign);
        assert_eq!(theirs.life, AlertLife::Live, "{}", theirs.kind);
        let kept = net.node("XD").store.entry(theirs.index).unwrap();
        let sent = net.node("XA").store.entry(ours.index).unwrap();
        assert_eq!((kept.body, kept.proof), (sent.body, sent.proof));
    }
    assert_eq!(net.record("XD", grant).await, None, "inside its carriers");
    let unopened = net.node("XD").store.read(|ledger| ledger.unopened_count());
    assert_eq!(unopened.await.unwrap(), 1, "a live alert of its inbox");

    net.until_delivered("XB", told.statement, "XA").await;
    let at_origin = net.record("XA", alert).await.unwrap();
    let theirs = at_origin.delivery(&id("XD")).unwrap();
    assert_eq!(theirs.life, DeliveryLife::PassedOn);
    assert_eq!(theirs.extended.unwrap().by, told.statement);
    let word = net.record("XA", told.statement).await.unwrap();
    let expected = Passed {
        to: id("XD"),
        under: Some(grant),
        received_at: None,
    };
    let said = word.terms.permission.unwrap();
    assert_eq!(said.passed(), [expected]);
    assert_eq!(holders(&net, "XC", alert).await, ["XB-POL", "XC-POL"]);

    until("XA is told of XD's receipt", async || {
        let received = arrivals(&net, "XA", alert).await;
        let at_holder = net.record("XB", alert).await.unwrap();
        received == [at_holder.delivery(&id("XD")).unwrap().since]
    })
    .await;
    let answer = net.submit("XD", net.about(alert, hit())).await.unwrap();
    net.until_delivered("XD", answer.statement, "XA").await;
    let record = net.record("XA", alert).await.unwrap();
    let theirs = record.delivery(&id("XD")).unwrap();
    assert_eq!(theirs.handling.gravest, Some(AnswerCode::Hit));
    for at in ["XA", "XB", "XC", "XD"] {
        let before = thread(&net, at, alert).await;
        net.restart(at).await;
        assert_eq!(thread(&net, at, alert).await, before, "{at}");
    }
    let again = net.submit("XB", net.passing(alert, &["XD"])).await;
    assert_eq!(reason(again.unwrap_err()), Reason::FaultyDraft, "it has it");
    // What the originator says itself to the newcomer has its own numbers, also after the restart.
    let instruction = pb::payload::Kind::Instruction(pb::Instruction {
        code: pb::InstructionCode::Contact.into(),
        ..<_>::default()
    });
    let instruction = net.about(answer.statement, instruction);
    let instruction = net.submit("XA", instruction).await.unwrap();
    assert_eq!(instruction.recipients[0].thread_seq, 0);
    until_alert_is(&net, "XD", instruction.statement, AlertLife::Live).await;
}

/// Verifies that what no marking restricts is passed on without permission.
#[tokio::test(flavor = "multi_thread")]
async fn what_no_marking_restricts_is_passed_on_freely() {
    let net = Net::of_four();
    net.well().await;
    let draft = Submission {
        handling: HandlingSet::new([Handling::H1]).unwrap(),
        handling_text: String::new(),
        ..net.draft(crate::domain::routing::Priority::Routine, &["XB"])
    };
    let alert = net.submit("XA", draft).await.unwrap().statement;
    net.until_delivered("XA", alert, "XB").await;
    net.submit("XB", net.passing(alert, &["XC", "XD"]))
        .await
        .unwrap();
    for to in ["XC", "XD"] {
        net.until_delivered("XB", alert, to).await;
        until_held(&net, to, alert).await;
    }
    until("XA knows both", async || {
        holders(&net, "XA", alert).await == ["XB-POL", "XC-POL", "XD-POL"]
    })
    .await;
}

/// Verifies that a holder's own node refuses what its markings forbid, names whom to ask, and keeps nothing: without a grant,
/// with one for another, with one that is over or taken back, and what is its own.
#[tokio::test(flavor = "multi_thread")]
async fn without_permission_the_senders_node_passes_nothing_on() {
    let net = Net::of_four();
    net.well().await;
    let alert = restricted(&net).await;
    let kept = async || thread(&net, "XB", alert).await.len();
    let before = kept().await;
    let pass = async |at: &str, to: &[&str]| net.submit(at, net.passing(alert, to)).await;
    let refused = pass("XB", &["XD"]).await.unwrap_err();
    let text = refused.to_string();
    assert!(
        text.contains("XA-POL") && text.contains("permission ask") && text.contains("XD-POL"),
        "{text}"
    );
    assert_eq!(reason(refused), Reason::NotPermitted);
    assert_eq!(kept().await, before);

    permitted(&net, alert, &["XC"], 30).await;
    assert_eq!(
        reason(pass("XB", &["XD"]).await.unwrap_err()),
        Reason::NotPermitted
    );
    // XC holds the thread too, and the grant is not its own.
    let grant = permitted(&net, alert, &["XD"], 2).await;
    assert_eq!(
        reason(pass("XC", &["XD"]).await.unwrap_err()),
        Reason::NotPermitted
    );
    assert_eq!(
        reason(pass("XA", &["XD"]).await.unwrap_err()),
        Reason::FaultyDraft
    );
    let taken_back = net
        .submit("XA", net.about(grant, super::net::recall()))
        .await;
    net.until_delivered("XA", taken_back.unwrap().statement, "XB")
        .await;
    until_alert_is(&net, "XB", grant, AlertLife::Recalled).await;
    assert_eq!(
        reason(pass("XB", &["XD"]).await.unwrap_err()),
        Reason::NotPermitted
    );
    permitted(&net, alert, &["XD"], 2).await;
    net.pass(Duration::from_secs(4 * 24 * 3600));
    let before = kept().await;
    assert_eq!(
        reason(pass("XB", &["XD"]).await.unwrap_err()),
        Reason::PermissionOver
    );
    assert_eq!(kept().await, before);
    assert_eq!(net.record("XD", alert).await, None);
}

/// Verifies that a TLP that keeps an alert to its recipients is passed on by nobody, whatever was granted.
#[tokio::test(flavor = "multi_thread")]
async fn what_its_tlp_keeps_to_its_recipients_is_never_passed_on() {
    let net = Net::of_four();
    net.well().await;
    let mut red = net.draft(crate::domain::routing::Priority::Routine, &["XB"]);
    let mut payload = crate::wire::alert::decode_payload(&red.payload).unwrap();
    payload.tlp = pb::Tlp::Red.into();
    red.payload = prost::Message::encode_to_vec(&payload).into();
    red.terms = inspect_payload(red.kind, &red.payload).unwrap().terms;
    let alert = net.submit("XA", red).await.unwrap().statement;
    net.until_delivered("XA", alert, "XB").await;
    permitted(&net, alert, &["XD"], 30).await;
    let refused = net.submit("XB", net.passing(alert, &["XD"])).await;
    assert_eq!(reason(refused.unwrap_err()), Reason::NeverPassedOn);
}

/// What a turned holder puts together by hand.
struct Hostile<'a> {
    net: &'a Net,
    why: Bytes,
    number: u8,
}

impl Hostile<'_> {
    async fn inside(&self, at: &str, statement: StatementRef) -> Inside {
        let record = self.net.record(at, statement).await.unwrap();
        let entry = self.net.node(at).store.entry(record.index).unwrap();
        Inside {
            document: entry.body,
            proof: entry.proof.unwrap(),
        }
    }

    /// XB's carrier of `target` to XD, with this grant inside, said to be under that one: what XD says to it.
    async fn passes(
        &mut self,
        target: StatementRef,
        under: Option<StatementRef>,
        grant: Option<Inside>,
    ) -> Option<Reason> {
        let (net, record) = (self.net, self.net.record("XB", target).await.unwrap());
        let passed = [Passed {
            to: id("XD"),
            under,
            received_at: None,
        }];
        let inside = self.inside("XB", target).await;
        let payload = passing(&self.why, &target, &passed, Some(inside), grant).unwrap();
        let now = net.node("XB").clock.now();
        self.number += 1;
        let routing = Routing {
            statement: StatementRef {
                origin: id("XB"),
                id: MessageId::from_parts(1_795_507_200_500, [self.number; 10]),
            },
            thread: record.thread,
            recipients: vec![Recipient {
                authority: id("XD"),
                thread_seq: 0,
                ground: TransferGround::Safeguards,
                ground_reason: String::new(),
            }],
            kind: Kind::Extend,
            status: record.status,
            priority: record.priority,
            handling: record.handling,
            handling_text: String::new(),
            issued_at: now,
            carried_until: now.plus(Duration::from_secs(3600)),
            in_reply_to: Some(target),
            supersedes: None,
            release: None,
            effect: Effect::PassesOn,
            terms: inspect_payload(Kind::Extend, &payload).unwrap().terms,
        };
        let frame = vec![forged(net, &routing, &payload)];
        let outcome = net.node("XD").broker.receive(id("XB"), Lane::Bulk, frame);
        let outcome = outcome.await.unwrap();
        assert_eq!(outcome.receipts.len(), 1, "signed, whatever it says");
        let refused = outcome.results[0].refused;
        assert_eq!(net.record("XD", target).await.is_some(), refused.is_none());
        refused
    }
}

/// Verifies that the receiver's node checks the permission for itself, and refuses under a receipt, journals and holds nothing,
/// when a holder's node does not: without a grant, with one for another recipient, another sender, another act or another
/// thread, with one that was changed, and with one that is over.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_turned_holder_passes_on_is_refused_by_the_receiver() {
    let net = Net::of_four();
    net.well().await;
    let alert = restricted(&net).await;
    let other = restricted(&net).await;
    let for_xc = permitted(&net, alert, &["XC"], 30).await;
    let of_other = permitted(&net, other, &["XD"], 30).await;
    let good = permitted(&net, alert, &["XD"], 30).await;
    let to_disclose = permitted(&net, alert, &[], 30).await;
    // XC asked for itself.
    let asked = net
        .submit("XC", asking(&net, alert, &["XD"]))
        .await
        .unwrap();
    net.until_delivered("XC", asked.statement, "XA").await;
    let of_xc = granting(&net, asked.statement, &["XD"], 30);
    let of_xc = net.submit("XA", of_xc).await.unwrap().statement;
    net.until_delivered("XA", of_xc, "XC").await;

    let mut hostile = Hostile {
        net: &net,
        why: net.extension(alert, &["XD"]).payload,
        number: 0,
    };
    let inside = async |at: &str, grant| Some(hostile.inside(at, grant).await);
    let (for_xc_inside, of_other_inside, of_xc_inside, disclose_inside, good_inside) = (
        inside("XB", for_xc).await,
        inside("XB", of_other).await,
        inside("XC", of_xc).await,
        inside("XB", to_disclose).await,
        inside("XB", good).await,
    );
    let mut changed = good_inside.clone().unwrap();
    let mut bytes = changed.document.to_vec();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    changed.document = bytes.into();
    let not_permitted = Some(Reason::NotPermitted);
    let faulty = Some(Reason::GrantFaulty);
    let table = [
        ("no grant", None, None, not_permitted),
        ("named alone", Some(good), None, not_permitted),
        ("for XC", Some(for_xc), for_xc_inside, not_permitted),
        ("of XC", Some(of_xc), of_xc_inside, not_permitted),
        (
            "to disclose",
            Some(to_disclose),
            disclose_inside,
            not_permitted,
        ),
        ("another thread's", Some(of_other), of_other_inside, faulty),
        (
            "another is named",
            Some(for_xc),
            good_inside.clone(),
            faulty,
        ),
        ("changed", Some(good), Some(changed), faulty),
        ("as it was signed", Some(good), good_inside.clone(), None),
    ];
    let mut refused = 0;
    for (name, under, grant, expected) in table {
        assert_eq!(
            hostile.passes(alert, under, grant).await,
            expected,
            "{name}"
        );
        refused += usize::from(expected.is_some());
        let entries: usize = [Reason::NotPermitted, Reason::GrantFaulty]
            .iter()
            .map(|reason| net.entries("XD", Act::RefusedStatement, Some(*reason)))
            .sum();
        assert_eq!(entries, refused, "{name}: journaled");
    }
    // To a newcomer a grant that is over is none; the same holder's follow-ups to who has the thread are in time.
    let late = restricted(&net).await;
    let short = permitted(&net, late, &["XD"], 1).await;
    let short_inside = Some(hostile.inside("XB", short).await);
    net.pass(Duration::from_secs(3 * 24 * 3600));
    let over = hostile.passes(late, Some(short), short_inside).await;
    assert_eq!(over, Some(Reason::PermissionOver));
    let later = net.submit("XA", net.about(alert, update("seen"))).await;
    let later = later.unwrap().statement;
    net.until_delivered("XA", later, "XB").await;
}

/// Verifies that the originator holds the word of a holder who passed its thread on without permission, so that it knows who
/// has it, and that this leaves an incident; and that a permitted one leaves none.
#[tokio::test(flavor = "multi_thread")]
async fn a_breach_is_held_and_alarms_its_originator() {
    let net = Net::of_four();
    net.well().await;
    let alert = restricted(&net).await;
    let good = permitted(&net, alert, &["XD"], 30).await;
    let record = net.record("XB", alert).await.unwrap();
    let why = net.extension(alert, &["XD"]).payload;
    for (number, under) in [(1, Some(good)), (2, None)] {
        let passed = [Passed {
            to: id("XD"),
            under,
            received_at: None,
        }];
        let payload = passing(&why, &alert, &passed, None, None).unwrap();
        let now = net.node("XB").clock.now();
        let seq = net
            .node("XB")
            .store
            .read(|ledger| ledger.next_thread_seq(&alert, &id("XA")));
        let routing = Routing {
            statement: StatementRef {
                origin: id("XB"),
                id: MessageId::from_parts(1_795_507_200_700, [number; 10]),
            },
            thread: alert,
            recipients: vec![Recipient {
                authority: id("XA"),
                thread_seq: seq.await.unwrap() + u32::from(number) - 1,
                ground: TransferGround::Safeguards,
                ground_reason: String::new(),
            }],
            kind: Kind::Extend,
            status: record.status,
            priority: record.priority,
            handling: record.handling,
            handling_text: String::new(),
            issued_at: now,
            carried_until: now.plus(Duration::from_secs(3600)),
            in_reply_to: Some(alert),
            supersedes: None,
            release: None,
            effect: Effect::PassesOn,
            terms: inspect_payload(Kind::Extend, &payload).unwrap().terms,
        };
        let frame = vec![forged(&net, &routing, &payload)];
        let outcome = net.node("XA").broker.receive(id("XB"), Lane::Bulk, frame);
        assert_eq!(outcome.await.unwrap().results[0].refused, None);
        let alarms = net.entries("XA", Act::Incident, Some(Reason::NotPermitted));
        assert_eq!(alarms, usize::from(under.is_none()));
    }
    assert_eq!(holders(&net, "XA", alert).await.len(), 3, "it is known");
}

/// Verifies that a newcomer's word that is quicker than that of who passed the thread on waits for it, and is not refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_may_be_quicker_than_who_passed_it_on() {
    let net = Net::of_four();
    net.well().await;
    let alert = restricted(&net).await;
    permitted(&net, alert, &["XD"], 30).await;
    net.roads
        .fate(|seen| match seen.to == id("XA") && seen.from == id("XB") {
            true => Fate::Answered(Reason::Overloaded),
            false => Fate::Passes,
        });
    let told = net.submit("XB", net.passing(alert, &["XD"])).await.unwrap();
    until_held(&net, "XD", alert).await;
    let answer = net.submit("XD", net.about(alert, hit())).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(
        net.life("XD", answer.statement, "XA").await,
        DeliveryLife::Queued
    );
    net.roads.calm();
    net.until_delivered("XB", told.statement, "XA").await;
    net.until_delivered("XD", answer.statement, "XA").await;
    let record = net.record("XA", alert).await.unwrap();
    let theirs = record.delivery(&id("XD")).unwrap();
    assert_eq!(theirs.handling.gravest, Some(AnswerCode::Hit));
}
