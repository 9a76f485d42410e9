//! What a receiver refuses before and after its workers saw it, and what it remembers of that.

use std::time::Duration;

use super::net::{Net, id, until};
use crate::{
    domain::{
        limits::{FRAME_MAX_STATEMENTS, REFUSALS_PER_MINUTE},
        lives::DeliveryLife,
        reason::Reason,
        routing::Lane,
    },
    proto::directory::v1::MemberStatus,
    store::{entry::Act, event::Event},
    trust::{batch::Unverified, testing::DAY},
};

/// A frame that arrived, to be sent again by whoever.
async fn frame(net: &Net) -> Vec<Unverified> {
    let sent = net.send("XA", &["XB"]).await;
    net.until_delivered("XA", sent, "XB").await;
    net.roads.seen().pop().unwrap().batches
}

async fn refusal(net: &Net, from: &str, batches: Vec<Unverified>) -> Reason {
    let broker = &net.node("XB").broker;
    broker
        .receive(id(from), Lane::Bulk, batches)
        .await
        .unwrap_err()
}

/// Verifies that each frame that no worker sees is refused with its reason and leaves its entry.
#[tokio::test(flavor = "multi_thread")]
async fn a_frame_refused_at_the_door_leaves_its_entry() {
    let net = Net::new();
    let good = frame(&net).await;
    let noted = |reason| net.entries("XB", Act::RefusedInput, Some(reason));

    assert_eq!(refusal(&net, "XZ", good.clone()).await, Reason::PeerUnknown);
    assert_eq!(noted(Reason::PeerUnknown), 1);

    let mut long = good.clone();
    let item = long[0].items[0].clone();
    long[0].items = vec![item; FRAME_MAX_STATEMENTS + 1];
    assert_eq!(refusal(&net, "XA", long).await, Reason::FrameBroken);
    assert_eq!(noted(Reason::FrameBroken), 1);

    let suspending = net.directory(2, |draft| {
        draft.membership.members[0].status = MemberStatus::Suspended.into();
    });
    net.adopt("XB", &suspending).await;
    assert_eq!(
        refusal(&net, "XA", good.clone()).await,
        Reason::PeerSuspended
    );
    assert_eq!(noted(Reason::PeerSuspended), 1);

    net.node("XB").clock.pass(DAY * 60);
    assert_eq!(refusal(&net, "XC", good).await, Reason::DirectoryClosed);
    assert_eq!(noted(Reason::DirectoryClosed), 1);
    assert_eq!(net.entries("XB", Act::Received, None), 1);
}

/// Verifies that a peer that is refused without end fills no journal, and that no count is lost.
#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_counted_when_they_are_many() {
    let net = Net::new();
    let good = frame(&net).await;
    for _ in 0..REFUSALS_PER_MINUTE + 50 {
        assert_eq!(refusal(&net, "XZ", good.clone()).await, Reason::PeerUnknown);
    }
    let singles = net.entries("XB", Act::RefusedInput, Some(Reason::PeerUnknown));
    assert_eq!(singles, REFUSALS_PER_MINUTE as usize);
    net.node("XB").clock.pass(Duration::from_secs(61));
    until("the count", async || {
        let journal = net.journal("XB");
        journal.iter().any(|entry| {
            entry.act == Act::RefusalsCounted
                && entry.reason == Some(Reason::PeerUnknown)
                && entry.count == 50
        })
    })
    .await;
}

/// Verifies that what was refused only until a person acts is judged anew under the same id, and what was refused
/// for good is not.
#[tokio::test(flavor = "multi_thread")]
async fn a_held_refusal_gives_way_when_the_statement_comes_again() {
    for (reason, is_held) in [
        (Reason::UnsupportedVersion, true),
        (Reason::Malformed, false),
    ] {
        let net = Net::new();
        net.roads.cut(id("XB"));
        let sent = net.send("XA", &["XB"]).await;
        let refused = Event::RefusedStatement {
            statement: sent,
            peer: id("XA"),
            leaf: net.record("XA", sent).await.unwrap().leaf,
            reason,
        };
        let node = net.node("XB");
        node.broker.core.record(vec![refused]).await.unwrap();
        net.roads.mend(id("XB"));
        if is_held {
            net.until_delivered("XA", sent, "XB").await;
        } else {
            // The refusal that the test wrote has no receipt: an unsigned final word holds, and ends nothing.
            let held = DeliveryLife::Held(reason);
            net.until_life("XA", sent, "XB", held).await;
        }
        assert_eq!(net.record("XB", sent).await.is_some(), is_held);
    }
}

/// Verifies that a statement sent by another than its origin is refused and nothing is remembered under its id
/// (threats 21, 72).
#[tokio::test(flavor = "multi_thread")]
async fn a_relayed_statement_has_no_effect() {
    let net = Net::new();
    let good = frame(&net).await;
    let broker = &net.node("XC").broker;
    let outcome = broker.receive(id("XB"), Lane::Bulk, good).await.unwrap();
    assert!(outcome.receipts.is_empty());
    assert!(
        outcome
            .results
            .iter()
            .all(|result| result.refused.is_some())
    );
    assert_eq!(
        net.entries("XC", Act::RefusedInput, outcome.results[0].refused),
        1
    );
}
