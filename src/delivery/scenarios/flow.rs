//! Many statements, several partners, two lanes: what is urgent, slow, away or refused, and who notices.

use std::time::Duration;

use bytes::Bytes;

use super::{
    net::{Net, id, officer},
    roads::Fate,
};
use crate::{
    domain::{
        id::StatementRef,
        lives::DeliveryLife,
        reason::Reason,
        routing::{Lane, Priority},
    },
    store::entry::Act,
    trust::testing::DAY,
};

async fn accepted(net: &Net, to: &[&str], count: usize) -> Vec<StatementRef> {
    let drafts = (0..count)
        .map(|_| net.draft(Priority::Routine, to))
        .collect();
    let answers = net.node("XA").broker.submit_many(officer(), drafts).await;
    answers
        .into_iter()
        .map(|answer| answer.unwrap().statement)
        .collect()
}

/// Verifies that many statements over many frames arrive once each, with several workers on both sides.
#[tokio::test(flavor = "multi_thread")]
async fn hundreds_arrive_once_each() {
    let net = Net::with_workers(2);
    net.roads.cut(id("XB"));
    let sent = accepted(&net, &["XB"], 400).await;
    net.roads.mend(id("XB"));
    for statement in &sent {
        net.until_delivered("XA", *statement, "XB").await;
    }
    assert_eq!(net.entries("XB", Act::Received, None), 400);
    assert_eq!(net.entries("XA", Act::ReceiptStored, None), 400);
    assert!(net.roads.seen().len() >= 2, "over more than one frame");
    let link = net.node("XA").broker.links();
    let link = link.iter().find(|link| link.authority == id("XB")).unwrap();
    assert!(link.last_receipt.is_some());
}

/// Verifies that a flash alert passes a bulk lane in which nothing moves.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_urgent_overtakes_bulk() {
    let net = Net::new();
    net.roads.fate(|seen| match seen.lane {
        Lane::Fast => Fate::Passes,
        Lane::Bulk => Fate::Lost,
    });
    let bulk = accepted(&net, &["XB"], 20).await;
    let draft = net.draft(Priority::Flash, &["XB"]);
    let flash = net.submit("XA", draft).await.unwrap().statement;
    net.until_delivered("XA", flash, "XB").await;
    for statement in bulk {
        assert_eq!(net.life("XA", statement, "XB").await, DeliveryLife::Queued);
    }
}

/// Verifies that what waited for a partner for a week goes out in order (threat 34).
#[tokio::test(flavor = "multi_thread")]
async fn a_partner_that_was_away_gets_all_in_order() {
    let net = Net::new();
    net.roads.cut(id("XB"));
    let mut sent = Vec::new();
    for _ in 0..20 {
        sent.push(net.send("XA", &["XB"]).await);
    }
    net.pass(DAY * 7);
    tokio::time::sleep(Duration::from_millis(1200)).await;
    for statement in &sent {
        assert_eq!(net.life("XA", *statement, "XB").await, DeliveryLife::Queued);
    }
    net.roads.mend(id("XB"));
    net.hears("XA", id("XB"));
    for statement in &sent {
        net.until_delivered("XA", *statement, "XB").await;
    }
    let mut leaves = Vec::new();
    for statement in &sent {
        leaves.push(net.record("XA", *statement).await.unwrap().leaf);
    }
    let seen = net.roads.seen();
    let order: Vec<_> = seen.iter().flat_map(|seen| seen.leaves()).collect();
    assert_eq!(order, leaves);
}

/// Verifies that a partner from whom nothing comes back slows nobody else (threat 41).
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_partner_slows_nobody_else() {
    let net = Net::new();
    net.roads.fate(|seen| match seen.to == id("XC") {
        true => Fate::Late(Duration::from_secs(600)),
        false => Fate::Passes,
    });
    let sent = accepted(&net, &["XB", "XC"], 50).await;
    for statement in &sent {
        net.until_delivered("XA", *statement, "XB").await;
        assert_eq!(net.life("XA", *statement, "XC").await, DeliveryLife::Queued);
    }
}

/// Verifies that one statement that is always refused shows why and blocks nothing, and that the refusal is signed
/// and the same each time (threats 26, 33).
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_statement_blocks_nothing() {
    let net = Net::new();
    net.well().await;
    net.node("XB").clock.pass(Duration::from_secs(2 * 3600));
    let mut short = net.draft(Priority::Routine, &["XB"]);
    short.carried_hours = Some(1);
    let refused = net.submit("XA", short).await.unwrap().statement;
    let later = accepted(&net, &["XB"], 3).await;
    let dead = DeliveryLife::Refused(Reason::Expired);
    net.until_life("XA", refused, "XB", dead).await;
    for statement in later {
        net.until_delivered("XA", statement, "XB").await;
    }
    let (reasons, documents) = sent_again(&net, refused).await;
    assert!(reasons.contains(&Some(Reason::Expired)));
    assert_eq!(documents.len(), reasons.len());
    assert_eq!(sent_again(&net, refused).await, (reasons, documents));
    assert_eq!(
        net.entries("XB", Act::RefusedStatement, Some(Reason::Expired)),
        1
    );
}

/// The frame in which XA's statement came to XB arrives once more: what is said of each, and the receipts.
async fn sent_again(net: &Net, statement: StatementRef) -> (Vec<Option<Reason>>, Vec<Bytes>) {
    let leaf = net.record("XA", statement).await.unwrap().leaf;
    let mut seen = net.roads.seen().into_iter();
    let frame = seen.find(|seen| seen.leaves().contains(&leaf)).unwrap();
    let broker = &net.node("XB").broker;
    let answer = broker.receive(frame.from, frame.lane, frame.batches);
    let outcome = answer.await.unwrap();
    let items = outcome.receipts.into_iter().flat_map(|batch| batch.items);
    let mut documents: Vec<_> = items.map(|item| item.document).collect();
    documents.sort();
    let results = outcome.results.iter();
    (results.map(|result| result.refused).collect(), documents)
}

/// Verifies that a repeat gets the receipt that was given first, though what was held has rotted since.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_gets_its_receipt_though_the_body_has_rotted() {
    let net = Net::new();
    net.well().await;
    let statement = accepted(&net, &["XB"], 1).await[0];
    net.until_delivered("XA", statement, "XB").await;
    let first = sent_again(&net, statement).await;
    assert_eq!((&first.0[..], first.1.len()), (&[None][..], 1));
    net.rot("XB", Act::Received, statement);
    let index = net.record("XB", statement).await.unwrap().index;
    assert!(net.node("XB").store.entry(index).is_err());
    assert_eq!(sent_again(&net, statement).await, first);
}

/// Verifies that the queue is taken from the journal after a restart, and sent once.
#[tokio::test(flavor = "multi_thread")]
async fn the_queue_outlives_a_restart() {
    let mut net = Net::new();
    net.roads.cut(id("XB"));
    let sent = accepted(&net, &["XB"], 30).await;
    net.restart("XA").await;
    for statement in &sent {
        assert_eq!(net.life("XA", *statement, "XB").await, DeliveryLife::Queued);
    }
    net.roads.mend(id("XB"));
    for statement in &sent {
        net.until_delivered("XA", *statement, "XB").await;
    }
    assert_eq!(net.entries("XB", Act::Received, None), 30);
    net.restart("XB").await;
    net.restart("XA").await;
    let another = net.send("XB", &["XA"]).await;
    net.until_delivered("XB", another, "XA").await;
    assert_eq!(net.entries("XB", Act::Received, None), 30);
}
