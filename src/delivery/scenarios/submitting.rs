//! What the own desk hands in, and how long it is carried.

use std::time::Duration;

use super::{
    net::{Net, id, officer, until},
    roads::{Fate, Seen},
};
use crate::{
    delivery::{SubmitError, workers::Job},
    domain::{
        lives::DeliveryLife,
        reason::Reason,
        routing::{Lane, Priority},
    },
    proto::directory::v1::MemberStatus,
    store::entry::Act,
};

fn reason(error: &SubmitError) -> Reason {
    match error {
        SubmitError::Refused { reason, .. } => *reason,
        SubmitError::Store(error) => panic!("{error}"),
    }
}

/// Verifies that a rehearsal expands and refuses as the real thing does, and keeps nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_keeps_nothing() {
    let net = Net::new();
    let broker = &net.node("XA").broker;
    let mut all = net.draft(Priority::Flash, &["XB"]);
    all.to = vec!["all".into()];
    let rehearsed = broker.dry_run(officer(), &[all.clone()]).await.unwrap();
    let to: Vec<_> = rehearsed[0]
        .recipients
        .iter()
        .map(|r| r.authority)
        .collect();
    assert_eq!(to, [id("XB"), id("XC")]);
    assert_eq!(net.record("XA", rehearsed[0].statement).await, None);
    assert_eq!(net.entries("XA", Act::Accepted, None), 0);

    let mut faulty = all.clone();
    (faulty.id, faulty.to) = (None, vec!["XZ-POL".into()]);
    let refused = broker.dry_run(officer(), &[all.clone(), faulty]).await;
    assert_eq!(reason(&refused.unwrap_err()), Reason::PeerUnknown);

    let accepted = net.submit("XA", all).await.unwrap();
    assert_eq!(accepted.recipients, rehearsed[0].recipients);
    assert_eq!(net.entries("XA", Act::Accepted, None), 1);
}

/// Verifies that a repeat gets its first answer though the directory would not let it be sent now, while other
/// readers under the same id, and the same reader in a new draft, are refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_is_known_when_its_recipient_is_suspended_since() {
    let net = Net::new();
    let draft = net.draft(Priority::Routine, &["XB"]);
    let first = net.submit("XA", draft.clone()).await.unwrap();
    let suspended = net.directory(2, |draft| {
        draft.membership.members[1].status = MemberStatus::Suspended.into();
    });
    // In force already, and the journal does not say so yet.
    net.node("XA")
        .directory
        .store(std::sync::Arc::clone(&suspended));
    let at_once = net.submit("XA", draft.clone()).await.unwrap();
    assert!(at_once.repeated);
    net.adopt("XA", &suspended).await;
    let again = net.submit("XA", draft.clone()).await.unwrap();
    assert!(again.repeated);
    assert_eq!(again.accepted_at, first.accepted_at);

    let mut elsewhere = draft;
    elsewhere.to = vec![id("XC").to_string()];
    let conflict = net.submit("XA", elsewhere).await.unwrap_err();
    assert_eq!(reason(&conflict), Reason::IdConflict);
    let new = net.draft(Priority::Routine, &["XB"]);
    let refused = net.submit("XA", new).await.unwrap_err();
    assert_eq!(reason(&refused), Reason::PeerUnknown);
}

/// Verifies that of many each stands for itself, in order; and that those handed in together stand together.
#[tokio::test(flavor = "multi_thread")]
async fn many_stand_each_for_itself_and_together_all_or_none() {
    let net = Net::new();
    let broker = &net.node("XA").broker;
    let mut drafts: Vec<_> = (0..5)
        .map(|_| net.draft(Priority::Routine, &["XB"]))
        .collect();
    drafts[2].to = vec!["XZ-POL".into()];
    let refused = broker.submit(officer(), drafts.clone()).await;
    assert_eq!(reason(&refused.unwrap_err()), Reason::PeerUnknown);
    assert_eq!(net.entries("XA", Act::Accepted, None), 0);

    let answers = broker.submit_many(officer(), drafts.clone()).await;
    for (draft, answer) in drafts.iter().zip(&answers) {
        match answer {
            Ok(accepted) => assert_eq!(Some(accepted.statement.id), draft.id),
            Err(error) => assert_eq!(reason(error), Reason::PeerUnknown),
        }
    }
    let refused: Vec<_> = answers.iter().map(Result::is_err).collect();
    assert_eq!(refused, [false, false, true, false, false]);
    assert_eq!(net.entries("XA", Act::Accepted, None), 4);

    let again = broker.submit_many(officer(), drafts.clone()).await;
    assert!(again[0].as_ref().unwrap().repeated);
    let mut other = net.draft(Priority::Routine, &["XB"]);
    other.id = drafts[0].id;
    let conflict = net.submit("XA", other).await.unwrap_err();
    assert_eq!(reason(&conflict), Reason::IdConflict);
    assert_eq!(net.entries("XA", Act::Accepted, None), 4);
}

/// Verifies that carriage ends by the sweep, is named, and ends nothing that still has time (threat 26).
#[tokio::test(flavor = "multi_thread")]
async fn what_is_past_its_carriage_ends() {
    let net = Net::new();
    net.roads.cut(id("XB"));
    let mut short = net.draft(Priority::Routine, &["XB", "XC"]);
    short.carried_hours = Some(1);
    let short = net.submit("XA", short).await.unwrap().statement;
    let long = net.send("XA", &["XB"]).await;
    net.until_delivered("XA", short, "XC").await;
    net.pass(Duration::from_secs(3601));
    net.until_life("XA", short, "XB", DeliveryLife::Expired)
        .await;
    let ended = net.entries("XA", Act::DeliveryEnded, Some(Reason::CarriageEnded));
    assert_eq!(ended, 1);
    assert_eq!(net.life("XA", short, "XC").await, DeliveryLife::Delivered);
    assert_eq!(net.life("XA", long, "XB").await, DeliveryLife::Queued);
    net.roads.mend(id("XB"));
    net.until_delivered("XA", long, "XB").await;
    assert_eq!(net.record("XB", short).await, None);
}

/// Verifies that what waits for a suspended member ends in its time, too.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_suspended_member_ends_as_well() {
    let net = Net::new();
    net.roads.cut(id("XC"));
    let mut short = net.draft(Priority::Routine, &["XC"]);
    short.carried_hours = Some(1);
    let short = net.submit("XA", short).await.unwrap().statement;
    let suspending = net.directory(2, |draft| {
        draft.membership.members[2].status = MemberStatus::Suspended.into();
    });
    net.adopt("XA", &suspending).await;
    assert_eq!(net.life("XA", short, "XC").await, DeliveryLife::Queued);
    net.pass(Duration::from_secs(3601));
    net.until_life("XA", short, "XC", DeliveryLife::Expired)
        .await;
}

/// Verifies that a clock that most partners contradict ends nothing, until it can be relied on again (threat 42).
#[tokio::test(flavor = "multi_thread")]
async fn row_42_a_doubtful_clock_ends_nothing() {
    let net = Net::new();
    let mut short = net.draft(Priority::Routine, &["XB"]);
    short.carried_hours = Some(1);
    net.roads.cut(id("XB"));
    let sent = net.submit("XA", short).await.unwrap().statement;
    // Ours alone leaps ahead, and the partners' next greetings show it.
    let leap = Duration::from_secs(2 * 3600);
    let offset = |peer| {
        let links = net.node("XA").broker.links();
        let link = links
            .iter()
            .find(|link| link.authority == id(peer))
            .unwrap();
        link.clock_offset_ms
    };
    net.roads.cut(id("XC"));
    net.roads
        .regreet(move |greeting| greeting.clock = greeting.clock.minus(leap));
    net.roads.mend(id("XC"));
    until("a doubt", async || offset("XC") < -7_000_000).await;
    net.node("XA").clock.pass(leap);
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(net.life("XA", sent, "XB").await, DeliveryLife::Queued);

    net.node("XB").clock.pass(leap);
    net.node("XC").clock.pass(leap);
    net.roads.calm();
    net.roads.end_streams(id("XC"));
    until("agreement", async || offset("XC").abs() < 60_000).await;
    net.roads.mend(id("XB"));
    net.until_life("XA", sent, "XB", DeliveryLife::Expired)
        .await;
}

/// Verifies that a wall clock that leaps an hour, forward or back, holds up no retry, ends nothing and refuses nothing for
/// good; that both sides are told; and that what is submitted meanwhile arrives when it is right again (threat 42).
#[tokio::test(flavor = "multi_thread")]
async fn row_42_a_clock_that_leaps_an_hour_holds_up_no_retry_and_alarms() {
    for leap in [3600, -3600] {
        let net = Net::new();
        net.well().await;
        net.roads.cut(id("XB"));
        let waits = net.send("XA", &["XB"]).await;
        net.node("XA").clock.jump(leap);
        // They are dialled anew, and the greetings show the clocks.
        net.roads.end_streams(id("XC"));
        net.roads.mend(id("XB"));
        net.until_delivered("XA", waits, "XB").await;
        for told in ["XA", "XB", "XC"] {
            until(&format!("{told} is told of {leap} s"), async || {
                net.entries(told, Act::Incident, Some(Reason::ClockSkew)) > 0
            })
            .await;
        }
        let meanwhile = net.send("XA", &["XB"]).await;
        net.node("XA").clock.jump(0);
        // What claims to come from the future is put off until then.
        net.pass(Duration::from_secs(3600));
        net.until_delivered("XA", meanwhile, "XB").await;
        for reason in [Reason::CarriageEnded, Reason::Expired] {
            assert_eq!(net.entries("XA", Act::DeliveryEnded, Some(reason)), 0);
        }
    }
}

/// Keeps the only worker of a node busy until the given end is dropped.
fn busy(net: &Net, at: &str) -> std::sync::mpsc::Sender<()> {
    let (release, released) = std::sync::mpsc::channel::<()>();
    let core = &net.node(at).broker.core;
    let work = Box::new(move |_: &_| assert!(released.recv().is_err()));
    core.queue.push(None, Lane::Fast, Job::Task(work)).unwrap();
    release
}

/// Does the first and the second in this order while the worker is busy, and lets go of it.
async fn in_the_queue<A, B>(
    busy: std::sync::mpsc::Sender<()>,
    first: impl Future<Output = A>,
    second: impl Future<Output = B>,
) -> (A, B) {
    let release = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        drop(busy);
    };
    let (first, second, ()) = tokio::join!(biased; first, second, release);
    (first, second)
}

/// Verifies that a flash alert is accepted before bulk that was handed in earlier and still waits for a worker.
#[tokio::test(flavor = "multi_thread")]
async fn a_flash_alert_does_not_wait_behind_bulk_at_the_sender() {
    let net = Net::with_workers(1);
    let bulk: Vec<_> = (0..300)
        .map(|_| net.draft(Priority::Routine, &["XB"]))
        .collect();
    let flash = net.draft(Priority::Flash, &["XB"]);
    let busy = busy(&net, "XA");
    let broker = &net.node("XA").broker;
    let (bulk, flash) = in_the_queue(
        busy,
        broker.submit_many(officer(), bulk),
        net.submit("XA", flash),
    )
    .await;
    let index = async |statement| net.record("XA", statement).await.unwrap().index;
    let flash = index(flash.unwrap().statement).await;
    for accepted in bulk {
        assert!(flash < index(accepted.unwrap().statement).await);
    }
}

/// Verifies the same of frames at the receiver.
#[tokio::test(flavor = "multi_thread")]
async fn a_fast_frame_does_not_wait_behind_bulk_at_the_receiver() {
    let net = Net::with_workers(1);
    net.roads.fate(|_| Fate::Lost);
    let bulk = net.send("XA", &["XB"]).await;
    let draft = net.draft(Priority::Flash, &["XB"]);
    let flash = net.submit("XA", draft).await.unwrap().statement;
    until("both on their way", async || net.roads.seen().len() == 2).await;
    let mut frames = net.roads.seen();
    frames.sort_by_key(|seen| seen.lane == Lane::Fast);
    let receive = async |seen: &Seen| {
        let broker = &net.node("XB").broker;
        broker
            .receive(seen.from, seen.lane, seen.batches.clone())
            .await
            .unwrap();
    };
    let busy = busy(&net, "XB");
    in_the_queue(busy, receive(&frames[0]), receive(&frames[1])).await;
    let index = async |statement| net.record("XB", statement).await.unwrap().index;
    assert!(index(flash).await < index(bulk).await);
}

/// Verifies that a full queue pushes back: one call is told so, class retry, and a stream is made to wait until there is
/// room, and then goes on.
#[tokio::test(flavor = "multi_thread")]
async fn row_59_a_full_queue_tells_a_call_and_holds_up_a_stream() {
    let net = Net::with_workers(1);
    let busy = busy(&net, "XA");
    let core = &net.node("XA").broker.core;
    let nothing = || Job::Task(Box::new(|_: &_| ()));
    // The worker has taken what keeps it busy; from then on nothing leaves the queue.
    tokio::time::sleep(Duration::from_millis(50)).await;
    while core.queue.push(None, Lane::Bulk, nothing()).is_ok() {}
    let draft = || net.draft(Priority::Routine, &["XB"]);
    let refused = net.submit("XA", draft()).await.expect_err("refused");
    assert_eq!(reason(&refused), Reason::Overloaded);
    let broker = &net.node("XA").broker;
    let mut streaming = std::pin::pin!(broker.submit_many(officer(), vec![draft(), draft()]));
    let early = tokio::time::timeout(Duration::from_millis(200), streaming.as_mut()).await;
    assert!(early.is_err(), "it waits");
    drop(busy);
    for accepted in streaming.await {
        accepted.expect("accepted as soon as there was room");
    }
}
