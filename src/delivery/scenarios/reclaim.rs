//! What was lost comes back from those who hold it, and from nobody else.
//!
//! ```text
//!   XA-POL ===\        /=== XC-POL      while XB is down, bytes of its journal are changed;
//!              > roads <                 `store repair` mends it, and XB asks XA and XC when it starts
//!   XB-POL ===/        \
//! ```

use std::path::PathBuf;

use super::net::{Net, id, until};
use crate::{
    delivery::{Given, ReclaimAsk, SubmitError},
    domain::{
        id::{MessageId, StatementRef},
        reason::Reason,
        routing::Priority,
        time::Timestamp,
    },
    proto::directory::v1::MemberStatus,
    store::{
        entry::{Act, EntryHeader},
        record::Direction,
        testing::TestDisk,
    },
    trust::testing::NOW,
};

const GROUP_HEADER_BYTES: u64 = 96;

/// Offsets of the groups with entries in the first segment.
fn groups(disk: &TestDisk) -> (PathBuf, Vec<u64>) {
    let file = PathBuf::from("/store/journal/0000000000.segment");
    let bytes = disk.files().snapshot()[&file].clone();
    let sectors = bytes.chunks(512).enumerate();
    let groups = sectors.filter(|(_, sector)| sector.starts_with(b"APGR\x01\0\0\0"));
    let offsets = groups.map(|(at, _)| at as u64 * 512).collect();
    (file, offsets)
}

/// Flips a bit in the first header of every group but the first ones: all their entries are lost, headers and all.
pub(super) fn lose_all_but(first: usize) -> impl FnOnce(&TestDisk) {
    move |disk| {
        let (file, offsets) = groups(disk);
        assert!(offsets.len() > first + 2, "there is something to lose");
        for offset in offsets.iter().skip(first).rev().skip(1) {
            let place = offset + GROUP_HEADER_BYTES + 20;
            disk.files().corrupt(&file, place, |bytes| bytes[0] ^= 1);
        }
        let report = disk.repair(std::sync::Arc::new(Still));
        assert!(!report.missing.is_empty());
    }
}

/// For what a repair writes: when, nobody asks here.
#[derive(Debug)]
struct Still;
impl crate::domain::time::Clock for Still {
    fn now(&self) -> Timestamp {
        crate::trust::testing::NOW
    }
    fn monotonic(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }
}

pub(super) async fn asked(net: &Net, name: &str) {
    until("all were asked", async || {
        let node = net.node(name);
        node.store.loss().ask_since.is_none() && node.broker.reclaiming().waiting.is_empty()
    })
    .await;
}

fn count(net: &Net, name: &str, act: Act, subject: StatementRef) -> usize {
    let journal = net.journal(name);
    let fits = |entry: &&EntryHeader| entry.act == act && entry.subject == Some(subject);
    journal.iter().filter(fits).count()
}

/// Verifies that a recipient gets back everything that it had receipted, under the receipts that it had given, once;
/// that it is journaled on both sides; and that a later repeat is answered with those same receipts.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_recipient_lost_comes_back_under_its_own_receipts() {
    let mut net = Net::new();
    net.well().await;
    let mut sent = Vec::new();
    for _ in 0..12 {
        let statement = net.send("XA", &["XB", "XC"]).await;
        net.until_delivered("XA", statement, "XB").await;
        sent.push(statement);
    }
    let mut before = Vec::new();
    for statement in &sent {
        before.push(net.record("XB", *statement).await.unwrap().leaf);
    }
    net.restart_after("XB", lose_all_but(3)).await;
    let lost = net.node("XB").store.loss().missing.len();
    assert!(lost > 5, "{lost} entries were lost");
    asked(&net, "XB").await;
    for (statement, leaf) in sent.iter().zip(before) {
        let record = net.record("XB", *statement).await.expect("back");
        assert_eq!((record.leaf, record.direction), (leaf, Direction::Foreign));
        assert_eq!(count(&net, "XB", Act::Received, *statement), 1);
        let kept = net.node("XB").store.entry(record.index).unwrap();
        let (receipt, _) = kept.receipt.expect("a receipt");
        let receipt = crate::wire::decode_receipt(&receipt).unwrap();
        assert_eq!(receipt.leaf, leaf);
        let given = count(&net, "XB", Act::Reclaimed, *statement);
        assert_eq!(count(&net, "XA", Act::GivenBack, *statement), given);
        if given == 1 {
            assert!(
                receipt.journal_index < record.index,
                "the receipt that was given first"
            );
        }
    }
    assert_eq!(net.entries("XB", Act::ReclaimEnded, None), 1);
    assert_eq!(
        net.entries("XB", Act::EpochBegun, Some(Reason::EntryMissing)),
        1
    );
    assert_eq!(net.node("XB").store.loss().epoch, 2);
    // Nothing is asked for a second time, and nothing comes twice.
    net.restart("XB").await;
    assert_eq!(net.node("XB").store.loss().ask_since, None);
    assert_eq!(net.node("XB").store.loss().epoch, 2);
    for statement in sent {
        assert_eq!(count(&net, "XB", Act::Received, statement), 1);
    }
}

/// Verifies that threads that we began come back from their recipients, with the receipts that make them delivered;
/// that no recipient holds anything twice; and that nothing new is accepted before partners were tried.
#[tokio::test(flavor = "multi_thread")]
async fn threads_that_we_began_come_back_from_their_recipients() {
    let mut net = Net::new();
    net.well().await;
    let mut sent = Vec::new();
    for _ in 0..8 {
        let statement = net.send("XA", &["XB", "XC"]).await;
        net.until_delivered("XA", statement, "XB").await;
        net.until_delivered("XA", statement, "XC").await;
        sent.push(statement);
    }
    net.restart_after("XA", lose_all_but(3)).await;
    asked(&net, "XA").await;
    for statement in &sent {
        for to in ["XB", "XC"] {
            net.until_delivered("XA", *statement, to).await;
            assert_eq!(count(&net, to, Act::Received, *statement), 1);
        }
        assert_eq!(count(&net, "XA", Act::Accepted, *statement), 1);
    }
    let again = net.send("XA", &["XB"]).await;
    net.until_delivered("XA", again, "XB").await;
}

/// Verifies that what we began comes back though the directory that is in force here suspends ourselves, and our
/// partners have a newer one already: what was good when it was kept stays good. Found by the simulation.
#[tokio::test(flavor = "multi_thread")]
async fn threads_that_we_began_come_back_though_we_are_suspended() {
    let mut net = Net::new();
    net.well().await;
    let mut sent = Vec::new();
    for _ in 0..4 {
        let statement = net.send("XA", &["XB"]).await;
        net.until_delivered("XA", statement, "XB").await;
        sent.push(statement);
    }
    let suspended = net.directory(2, |draft| {
        draft.membership.members[0].status = MemberStatus::Suspended.into();
    });
    net.adopt("XA", &suspended).await;
    net.restart_after("XA", lose_all_but(3)).await;
    asked(&net, "XA").await;
    let came_back = |statement: &&StatementRef| count(&net, "XA", Act::Reclaimed, **statement) > 0;
    assert!(sent.iter().any(|it| came_back(&it)), "some were lost");
    for statement in sent {
        assert_eq!(count(&net, "XA", Act::Accepted, statement), 1);
    }
}

/// Verifies that an own statement whose carriage is over is not called expired when its recipients hold it.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_delivered_is_not_expired_when_it_comes_back_late() {
    let mut net = Net::new();
    net.well().await;
    let mut sent = Vec::new();
    for _ in 0..4 {
        let mut draft = net.draft(Priority::Routine, &["XB", "XC"]);
        draft.carried_hours = Some(1);
        let statement = net.submit("XA", draft).await.unwrap().statement;
        net.until_delivered("XA", statement, "XB").await;
        net.until_delivered("XA", statement, "XC").await;
        sent.push(statement);
    }
    net.pass(std::time::Duration::from_secs(2 * 3600));
    net.restart_after("XA", lose_all_but(3)).await;
    asked(&net, "XA").await;
    for statement in sent {
        net.until_delivered("XA", statement, "XB").await;
        net.until_delivered("XA", statement, "XC").await;
    }
}

/// Verifies that while a partner cannot be reached it stays on the list, that the node works meanwhile, and that it
/// is asked when it is back.
#[tokio::test(flavor = "multi_thread")]
async fn a_partner_that_is_away_is_asked_when_it_comes_back() {
    let mut net = Net::new();
    net.well().await;
    let statement = net.send("XA", &["XB"]).await;
    net.until_delivered("XA", statement, "XB").await;
    for _ in 0..3 {
        let later = net.send("XC", &["XB"]).await;
        net.until_delivered("XC", later, "XB").await;
    }
    net.roads.cut(id("XA"));
    net.restart_after("XB", lose_all_but(1)).await;
    until("XC was asked", async || {
        net.node("XB").broker.reclaiming().waiting == [id("XA")].into()
    })
    .await;
    assert!(net.record("XB", statement).await.is_none());
    let mut draft = net.draft(Priority::Routine, &["XC"]);
    // An id from before: it may have been accepted, and lost, and XA may hold it.
    let refused = net.submit("XB", draft.clone()).await.unwrap_err();
    let is_told = matches!(
        &refused,
        SubmitError::Refused { reason: Reason::Reclaiming, detail } if detail.contains("may have been accepted before")
    );
    assert!(is_told, "{refused:?}");
    draft.id = None;
    net.submit("XB", draft.clone()).await.unwrap();
    net.roads.mend(id("XA"));
    asked(&net, "XB").await;
    assert!(net.record("XB", statement).await.is_some());
    // Nobody has it: it was never accepted.
    let early = net.draft(Priority::Routine, &["XC"]);
    net.submit("XB", early).await.unwrap();
}

/// Verifies that a statement of ours that is known to be lost is not signed a second time with other bytes while who
/// holds it is away, though by our clock its id is of later; that another id is taken meanwhile; and that the repeat gets
/// its answer when the statement is back.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_known_to_be_lost_is_not_accepted_anew_whatever_the_clock_says() {
    let mut net = Net::new();
    net.well().await;
    let mut draft = net.draft(Priority::Routine, &["XB"]);
    let an_hour_on = NOW.plus(std::time::Duration::from_secs(3600)).as_micros() / 1000;
    let made_at = |tail| MessageId::from_parts(u64::try_from(an_hour_on).unwrap(), [tail; 10]);
    draft.id = Some(made_at(1));
    let first = net.submit("XA", draft.clone()).await.unwrap().statement;
    net.until_delivered("XA", first, "XB").await;
    let leaf = net.record("XB", first).await.unwrap().leaf;
    for _ in 0..3 {
        let later = net.send("XA", &["XC"]).await;
        net.until_delivered("XA", later, "XC").await;
    }
    net.roads.cut(id("XB"));
    net.restart_after("XA", |disk| {
        disk.rot(Act::Accepted, first, std::sync::Arc::new(Still));
        let report = disk.repair(std::sync::Arc::new(Still));
        assert_eq!(report.bodies_lost.len(), 1);
    })
    .await;
    until("XC was asked", async || {
        net.node("XA").broker.reclaiming().waiting == [id("XB")].into()
    })
    .await;
    let refused = net.submit("XA", draft.clone()).await.unwrap_err();
    let waits = matches!(
        &refused,
        SubmitError::Refused { reason: Reason::Reclaiming, detail } if detail.contains("may have been accepted before")
    );
    assert!(waits, "{refused:?}");
    let mut other = net.draft(Priority::Routine, &["XC"]);
    other.id = Some(made_at(2));
    net.submit("XA", other).await.unwrap();

    net.roads.mend(id("XB"));
    asked(&net, "XA").await;
    let again = net.submit("XA", draft).await.unwrap();
    assert!(again.repeated);
    assert_eq!(net.record("XA", first).await.unwrap().leaf, leaf);
    net.until_delivered("XA", first, "XB").await;
}

/// Verifies that nobody is given what is neither theirs nor addressed to them, that the refusal does not say whether
/// it is there, and that names are told of such statements no more than their content.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_given_what_is_not_theirs() {
    let net = Net::new();
    net.well().await;
    let secret = net.send("XA", &["XB"]).await;
    net.until_delivered("XA", secret, "XB").await;
    let nothing = net.send("XC", &["XB"]).await;
    net.until_delivered("XC", nothing, "XB").await;
    for giver in ["XA", "XB"] {
        let broker = &net.node(giver).broker;
        let ask = ReclaimAsk::Statements(vec![secret]);
        let page = broker.give_back(id("XC"), ask).await.unwrap();
        let refused = page.items[0].outcome.as_ref().err();
        assert_eq!(refused, Some(&Reason::NotFound), "{giver}");
        let look = ReclaimAsk::Since {
            at: Timestamp::from_micros(0),
            after: None,
        };
        let page = broker.give_back(id("XC"), look).await.unwrap();
        assert!(!page.held.contains(&secret), "{giver}");
        assert_eq!(count(&net, giver, Act::GivenBack, secret), 0);
    }
    // Whose it is gets it.
    for (giver, asker) in [("XB", "XA"), ("XA", "XB")] {
        let ask = ReclaimAsk::Statements(vec![secret]);
        let broker = &net.node(giver).broker;
        let page = broker.give_back(id(asker), ask).await.unwrap();
        let given: &Given = page.items[0].outcome.as_ref().unwrap();
        assert!(given.receipt.is_some());
        assert_eq!(count(&net, giver, Act::GivenBack, secret), 1);
    }
    let ask = ReclaimAsk::Statements(Vec::new());
    let none = net.node("XA").broker.give_back(id("XB"), ask).await;
    assert_eq!(none.unwrap_err(), Reason::FrameBroken);
}

/// Verifies that a torn last group makes the node ask, though no entry is known to be missing (row 73).
#[tokio::test(flavor = "multi_thread")]
async fn t73_after_a_cut_tail_partners_are_asked() {
    let mut net = Net::new();
    net.well().await;
    let statement = net.send("XA", &["XB"]).await;
    net.until_delivered("XA", statement, "XB").await;
    net.restart_after("XB", |disk| {
        // Whatever follows the group that holds the statement is gone, as if no sync of it had been true.
        let (file, offsets) = groups(disk);
        let last = received(disk, &offsets);
        disk.files().corrupt(&file, last, |bytes| bytes.fill(0xA5));
    })
    .await;
    asked(&net, "XB").await;
    assert!(net.record("XB", statement).await.is_some(), "asked for");
    assert_eq!(count(&net, "XB", Act::Received, statement), 1);
    assert_eq!(count(&net, "XA", Act::GivenBack, statement), 1);
    assert_eq!(net.entries("XB", Act::TailCut, Some(Reason::TailCut)), 1);
}

/// Offset of the group in which the statement is: the one with the largest body.
fn received(disk: &TestDisk, offsets: &[u64]) -> u64 {
    let file = PathBuf::from("/store/journal/0000000000.segment");
    let bytes = disk.files().snapshot()[&file].clone();
    let length = |offset: &u64| {
        let at = usize::try_from(*offset).unwrap() + 8;
        u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
    };
    let later = offsets.iter().skip(1).copied();
    // The first group holds the directory.
    later.max_by_key(|offset| length(offset)).unwrap()
}
