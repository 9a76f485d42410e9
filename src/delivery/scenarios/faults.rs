//! Streams that break, results that stay out, partners that are full, receipts that do not fit.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::{
    net::{Net, id, recall, until, update},
    roads::Fate,
};
use crate::{
    domain::{
        id::StatementRef,
        limits::RESULT_TIMEOUT,
        lives::{AlertLife, DeliveryLife},
        reason::Reason,
    },
    store::entry::Act,
};

/// Routine alerts from `XA` to `XB` that wait for the road.
async fn waiting(net: &Net, count: usize) -> Vec<StatementRef> {
    net.roads.cut(id("XB"));
    let mut sent = Vec::new();
    for _ in 0..count {
        sent.push(net.send("XA", &["XB"]).await);
    }
    sent
}

async fn all_delivered(net: &Net, sent: &[StatementRef]) {
    for statement in sent {
        net.until_delivered("XA", *statement, "XB").await;
    }
}

/// Verifies that the statements of a broken frame are sent one by one.
#[tokio::test(flavor = "multi_thread")]
async fn a_broken_frame_is_sent_one_by_one() {
    let net = Net::new();
    let sent = waiting(&net, 5).await;
    net.roads.fate(|seen| match seen.leaves().len() {
        1 => Fate::Passes,
        _ => Fate::Breaks(Reason::FrameBroken),
    });
    net.roads.mend(id("XB"));
    all_delivered(&net, &sent).await;
    assert_eq!(net.entries("XB", Act::Received, None), 5);
}

/// Verifies that one statement that breaks every frame stays in its queue, and holds up nobody.
#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_breaks_every_frame_holds_up_nobody() {
    let net = Net::new();
    let mut sent = waiting(&net, 5).await;
    let bad = sent.remove(2);
    let leaf = net.record("XA", bad).await.unwrap().leaf;
    net.roads
        .fate(move |seen| match seen.leaves().contains(&leaf) {
            true => Fate::Breaks(Reason::FrameBroken),
            false => Fate::Passes,
        });
    net.roads.mend(id("XB"));
    all_delivered(&net, &sent).await;
    let later = net.send("XA", &["XB"]).await;
    net.until_delivered("XA", later, "XB").await;
    assert_eq!(net.life("XA", bad, "XB").await, DeliveryLife::Queued);
    net.roads.calm();
    net.until_delivered("XA", bad, "XB").await;
}

/// Verifies that a frame without a result is sent again on a new stream, and has one effect (threats 17, 35).
#[tokio::test(flavor = "multi_thread")]
async fn what_got_no_result_is_sent_again() {
    for lost in [Fate::Lost, Fate::ResultLost, Fate::BreaksAfter] {
        let net = Net::new();
        let count = Arc::new(AtomicUsize::new(0));
        let frames = Arc::clone(&count);
        net.roads
            .fate(move |_| match frames.fetch_add(1, Ordering::SeqCst) {
                0 => lost,
                _ => Fate::Passes,
            });
        let sent = net.send("XA", &["XB"]).await;
        until("a frame", async || count.load(Ordering::SeqCst) > 0).await;
        if lost != Fate::BreaksAfter {
            assert_eq!(net.life("XA", sent, "XB").await, DeliveryLife::Queued);
            net.pass(RESULT_TIMEOUT + Duration::from_secs(1));
            net.node("XA").broker.check_links().await;
        }
        net.until_delivered("XA", sent, "XB").await;
        assert_eq!(net.entries("XB", Act::Received, None), 1, "{lost:?}");
        assert_eq!(net.entries("XA", Act::ReceiptStored, None), 1, "{lost:?}");
        assert!(count.load(Ordering::SeqCst) >= 2);
    }
}

/// Verifies that a partner that is full makes the lane wait on its stream, and loses nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_partner_is_left_in_peace_for_a_while() {
    for reason in [Reason::Overloaded, Reason::StoreFull, Reason::Quota] {
        let net = Net::new();
        net.well().await;
        let dials = net.roads.dials();
        let count = Arc::new(AtomicUsize::new(0));
        let frames = Arc::clone(&count);
        net.roads
            .fate(move |_| match frames.fetch_add(1, Ordering::SeqCst) {
                0..3 => Fate::Answered(reason),
                _ => Fate::Passes,
            });
        let sent = net.send("XA", &["XB"]).await;
        net.until_delivered("XA", sent, "XB").await;
        assert_eq!(count.load(Ordering::SeqCst), 4);
        assert_eq!(net.roads.dials(), dials, "the stream stays");
    }
}

/// Verifies that a receipt that was tampered with is ignored and told, and that the delivery waits for a good one
/// (threat 24).
#[tokio::test(flavor = "multi_thread")]
async fn a_forged_receipt_delivers_nothing() {
    let net = Net::new();
    net.roads.spoil(|receipts| {
        for item in receipts.iter_mut().flat_map(|batch| &mut batch.items) {
            let mut bytes = item.document.to_vec();
            if let Some(last) = bytes.last_mut() {
                *last ^= 1;
            }
            item.document = bytes.into();
        }
    });
    let sent = net.send("XA", &["XB"]).await;
    until("an incident", async || {
        net.entries("XA", Act::Incident, Some(Reason::ForgedReceipt)) == 1
    })
    .await;
    assert_eq!(net.life("XA", sent, "XB").await, DeliveryLife::Queued);
    net.roads.calm();
    net.until_delivered("XA", sent, "XB").await;
    assert_eq!(net.entries("XB", Act::Received, None), 1);
}

/// Verifies that a thread is applied in order whatever the road does to its frames (threat 70).
#[tokio::test(flavor = "multi_thread")]
async fn a_thread_keeps_its_order_through_retries() {
    let net = Net::new();
    let mut frames = 0;
    net.roads.fate(move |_| {
        frames += 1;
        match frames % 3 {
            0 => Fate::BreaksAfter,
            1 => Fate::Answered(Reason::ThreadNotYet),
            _ => Fate::Twice,
        }
    });
    let alert = net.send("XA", &["XB"]).await;
    let mut all = vec![alert];
    for number in 0..5 {
        let draft = net.about(alert, update(&format!("Seen at place {number}.")));
        all.push(net.submit("XA", draft).await.unwrap().statement);
    }
    let draft = net.about(alert, recall());
    all.push(net.submit("XA", draft).await.unwrap().statement);
    all_delivered(&net, &all).await;
    let life = async |statement| net.record("XB", statement).await.unwrap().life;
    assert_eq!(life(alert).await, AlertLife::Recalled);
    let thread = net.node("XB").store.read(|ledger| ledger.thread(&alert));
    let thread = thread.await.unwrap();
    assert_eq!(thread.len(), all.len());
    assert!(
        thread
            .iter()
            .all(|record| record.life != AlertLife::Waiting)
    );
    for (place, statement) in (0..).zip(&all) {
        let record = net.record("XB", *statement).await.unwrap();
        assert_eq!(record.delivery(&id("XB")).unwrap().thread_seq, place);
    }
}

/// Verifies that a recall goes out after its alert though both waited, and that neither is dropped (decision on
/// recalls in ARCHITECTURE.md).
#[tokio::test(flavor = "multi_thread")]
async fn an_alert_recalled_in_the_queue_goes_out_with_its_recall() {
    let net = Net::new();
    let alert = waiting(&net, 1).await.remove(0);
    let draft = net.about(alert, recall());
    let recall = net.submit("XA", draft).await.unwrap().statement;
    net.roads.mend(id("XB"));
    all_delivered(&net, &[alert, recall]).await;
    let there = net.record("XB", alert).await.unwrap();
    assert_eq!(there.life, AlertLife::Recalled);
}
