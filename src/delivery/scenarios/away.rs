//! A partner is away for a simulated week; then everything that waited drains, and what is urgent overtakes it.
//!
//! ```text
//!   XA-POL --routine, routine, routine, ...--|cut for 7 days|--> XB-POL
//!          --flash------------------------------------------>    overtakes while the rest drains
//! ```

use std::{collections::HashMap, time::Duration};

use super::net::{Net, id, officer, until};
use crate::{
    domain::{id::StatementRef, lives::DeliveryLife, routing::Priority},
    store::{entry::Act, record::Ordinal},
};

const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
const TOGETHER: usize = 256;
const FLASHES: usize = 20;

async fn queued(net: &Net) -> u64 {
    let reading = net
        .node("XA")
        .store
        .read(|ledger| ledger.queued_count(&id("XB")));
    reading.await.unwrap()
}

/// Submits while XB is away; after a week it is back. Gives what was submitted, in order.
async fn a_week_of(net: &Net, messages: usize) -> Vec<StatementRef> {
    net.well().await;
    net.roads.cut(id("XB"));
    let mut sent = Vec::with_capacity(messages);
    while sent.len() < messages {
        let count = TOGETHER.min(messages - sent.len());
        let drafts = (0..count).map(|_| net.draft(Priority::Routine, &["XB"]));
        let accepted = net.node("XA").broker.submit(officer(), drafts.collect());
        sent.extend(accepted.await.unwrap().iter().map(|it| it.statement));
    }
    net.pass(WEEK);
    assert_eq!(queued(net).await, messages as u64, "all kept");
    net.roads.mend(id("XB"));
    sent
}

async fn drains_in_order_and_urgent_overtakes(messages: usize) {
    let net = Net::with_workers(1);
    let sent = a_week_of(&net, messages).await;
    let total = messages as u64;
    until("some of it is there", async || queued(&net).await < total).await;
    let mut flashes = Vec::new();
    for _ in 0..FLASHES {
        let draft = net.draft(Priority::Flash, &["XB"]);
        flashes.push(net.submit("XA", draft).await.unwrap().statement);
    }
    for flash in &flashes {
        net.until_delivered("XA", *flash, "XB").await;
    }
    let behind = queued(&net).await;
    assert!(behind > 0, "what is urgent overtakes what waited");
    let mut left = behind;
    while left > 0 {
        until("it goes on draining", async || queued(&net).await < left).await;
        left = queued(&net).await;
    }
    let place: HashMap<StatementRef, Ordinal> = sent.iter().copied().zip(0..).collect();
    let received = net.journal("XB").into_iter();
    let received = received.filter(|entry| entry.act == Act::Received);
    let order: Vec<Ordinal> = received
        .filter_map(|entry| place.get(&entry.subject?).copied())
        .collect();
    assert_eq!(order.len(), messages, "each once");
    assert!(order.is_sorted(), "in order");
    for statement in [sent[0], sent[messages - 1]] {
        let life = net.life("XA", statement, "XB").await;
        assert_eq!(life, DeliveryLife::Delivered);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t34_after_a_week_away_what_waited_drains_in_order() {
    drains_in_order_and_urgent_overtakes(3_000).await;
}

/// `cargo test --release --lib a_hundred_thousand -- --ignored`
#[tokio::test(flavor = "multi_thread")]
#[ignore = "some minutes; run it in a release build"]
async fn t34_after_a_week_away_a_hundred_thousand_drain_in_order() {
    drains_in_order_and_urgent_overtakes(100_000).await;
}
