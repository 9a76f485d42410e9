//! A partner is away for a simulated week; then everything that waited drains, and what is urgent overtakes it.
//!
//! ```text
//!   XA-POL --routine, routine, routine, ...--|cut for 7 days|--> XB-POL
//!          --flash------------------------------------------>    overtakes while the rest drains
//! ```

use std::time::Duration;

use super::net::{Net, id, officer, until, update};
use crate::{
    delivery::Submission,
    domain::{
        id::StatementRef,
        lives::{AlertLife, DeliveryLife},
        routing::{Priority, Queue, Status},
    },
    store::{entry::Act, ledger::Ledger},
};

const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
const THREADS: usize = 25;
const FLASHES: usize = 20;

async fn queued(net: &Net) -> u64 {
    waiting(net).await.iter().sum()
}

/// What waits for XB: what is real, and drills.
async fn waiting(net: &Net) -> Vec<u64> {
    let count = |queue: &Queue, ledger: &Ledger| ledger.queued_count(&id("XB"), *queue);
    let store = &net.node("XA").store;
    let reading = store.read(|ledger| Queue::ALL.iter().map(|it| count(it, ledger)).collect());
    reading.await.unwrap()
}

/// Threads with their statements, in the order of their acceptance.
type Threads = Vec<Vec<StatementRef>>;

async fn submit(net: &Net, drafts: Vec<Submission>) -> Vec<StatementRef> {
    let accepted = net.node("XA").broker.submit(officer(), drafts).await;
    accepted.unwrap().iter().map(|it| it.statement).collect()
}

/// Submits alerts and updates of them while XB is away; after a week it is back.
async fn a_week_of(net: &Net, messages: usize) -> Threads {
    net.well().await;
    net.roads.cut(id("XB"));
    let alerts = (0..THREADS).map(|_| net.draft(Priority::Routine, &["XB"]));
    let firsts = submit(net, alerts.collect()).await;
    let mut threads: Threads = firsts.into_iter().map(|first| vec![first]).collect();
    for _ in 1..messages / THREADS {
        let updates = threads
            .iter()
            .map(|thread| net.about(thread[0], update("more is known")));
        let sent = submit(net, updates.collect()).await;
        for (thread, statement) in threads.iter_mut().zip(sent) {
            thread.push(statement);
        }
    }
    net.pass(WEEK);
    assert_eq!(queued(net).await, messages as u64, "all kept");
    net.roads.mend(id("XB"));
    threads
}

/// Verifies it for so many messages. Order is promised within a thread: what XB shows of each is what XA accepted,
/// one after the other, all of it applied.
async fn drains_in_order_and_urgent_overtakes(messages: usize) {
    let net = Net::with_workers(1);
    let threads = a_week_of(&net, messages).await;
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
    let mut left = queued(&net).await;
    assert!(left > 0, "what is urgent overtakes what waited");
    while left > 0 {
        until("it goes on draining", async || queued(&net).await < left).await;
        left = queued(&net).await;
    }
    let received = net.entries("XB", Act::Received, None);
    assert_eq!(received, messages + FLASHES, "each once");
    for thread in threads {
        let first = thread[0];
        let reading = net
            .node("XB")
            .store
            .read(|ledger| ledger.thread_in_order(&first));
        let shown = reading.await.unwrap();
        let order: Vec<StatementRef> = shown.iter().map(|it| it.statement).collect();
        assert!(order == thread, "in order");
        assert!(shown.iter().all(|it| it.life == AlertLife::Live), "applied");
        let last = thread[thread.len() - 1];
        let life = net.life("XA", last, "XB").await;
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

/// Verifies that a drill never holds up what is real (invariant I10): of what waits for a partner that was away, in the
/// same lane, all that is real arrives before any of the drills that were handed in first.
#[tokio::test(flavor = "multi_thread")]
async fn i10_what_is_real_arrives_before_any_drill_that_waited_longer() {
    let net = Net::with_workers(1);
    net.well().await;
    net.roads.cut(id("XB"));
    let drill = || Submission {
        status: Status::Exercise,
        ..net.draft(Priority::Flash, &["XB"])
    };
    let drills = submit(&net, (0..200).map(|_| drill()).collect()).await;
    let real = (0..10).map(|_| net.draft(Priority::Flash, &["XB"]));
    let real = submit(&net, real.collect()).await;
    assert_eq!(waiting(&net).await, [10, 200], "counted apart");
    net.roads.mend(id("XB"));
    net.until_delivered("XA", drills[drills.len() - 1], "XB")
        .await;
    let reading = net.node("XB").store.read(|ledger| {
        let ordinal = |it: &StatementRef| ledger.message(it).map(|record| record.ordinal);
        let of =
            |statements: &[StatementRef]| -> Vec<_> { statements.iter().map(ordinal).collect() };
        (of(&real), of(&drills))
    });
    let (real, drills) = reading.await.unwrap();
    assert!(real.iter().chain(&drills).all(Option::is_some));
    assert!(
        real.iter().max() < drills.iter().min(),
        "{real:?} {drills:?}"
    );
}
