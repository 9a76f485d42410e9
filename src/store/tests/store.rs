//! The store as a whole: durable before said, order, failure, and a view that may be lost.

use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use super::{log::MemoryLog, statements::*};
use crate::{
    domain::{
        routing::{Lane, Queue},
        time::{Clock, Timestamp},
    },
    store::{
        Recovery, Store,
        event::Event,
        opening::Opening,
        ticker,
        view::{View, memory::MemoryView, sled::SledView},
    },
};

#[derive(Debug)]
pub(super) struct StillClock;
impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        at(0)
    }
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

pub(super) fn open(log: &MemoryLog, view: Arc<dyn View>) -> (Store, Recovery) {
    let opening = Opening {
        authority: authority(OWN),
        torn_bytes: 0,
        loss: Default::default(),
        view,
        clock: Arc::new(StillClock),
        reader: READER,
        runs: crate::store::Runs::OnThreads,
    };
    opening.store(Box::new(log.clone())).unwrap()
}

fn in_memory() -> (MemoryLog, Store) {
    let log = MemoryLog::new();
    let (store, _) = open(&log, Arc::new(MemoryView::default()));
    (log, store)
}

/// One look at a future.
fn now<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

pub(super) fn record(store: &Store, seconds: i64, event: Event) {
    let plan = store.decide(|ledger| ledger.record(at(seconds), event));
    drop(plan.commit());
}

#[test]
fn nothing_is_said_before_it_is_durable() {
    let (log, store) = in_memory();
    log.hold();
    let alert = alert(OWN, 1, &["XB-POL"]);
    let plan = store.decide(|ledger| ledger.record(at(1), accepted(&alert)));
    assert_eq!(plan.indexes(), [0]);
    let mut commit = pin!(plan.commit());
    let read = store.read(|ledger| ledger.message_count());
    let mut read = pin!(read);
    let empty = store.decide(|ledger| ledger.known(&alert.statement));
    let mut empty = pin!(empty.commit());
    let mut heard = store.subscribe();
    assert!(now(commit.as_mut()).is_none());
    assert!(now(read.as_mut()).is_none());
    assert!(now(empty.as_mut()).is_none());
    assert!(heard.try_recv().is_err());
    log.release();
    assert_eq!(now(commit).unwrap().unwrap().into_inner(), 0);
    assert_eq!(now(read).unwrap().unwrap(), 1);
    assert!(now(empty).unwrap().unwrap().into_inner().is_some());
    let told = heard.try_recv().unwrap();
    assert!(matches!(*told[0], Event::Accepted { .. }));
}

#[test]
fn a_plan_that_is_dropped_stops_the_store() {
    let (log, store) = in_memory();
    drop(store.decide(|ledger| ledger.message_count()));
    assert!(now(store.failed()).is_none());
    drop(store.decide(|ledger| ledger.record(at(1), Event::Started)));
    assert!(now(store.failed()).is_some());
    let later = store.decide(|ledger| ledger.record(at(2), Event::Stopped));
    assert!(now(later.commit()).unwrap().is_err());
    assert_eq!(log.entry_count(), 0);
}

#[test]
fn a_failed_journal_fails_what_waits() {
    let (log, store) = in_memory();
    log.hold();
    let plan = store.decide(|ledger| ledger.record(at(1), Event::Started));
    let mut commit = pin!(plan.commit());
    assert!(now(commit.as_mut()).is_none());
    log.fail();
    let failed = now(commit).unwrap().unwrap_err();
    assert!(failed.to_string().contains("sync failed"), "{failed}");
    assert!(now(store.read(|_| ())).unwrap().is_err());
}

#[test]
fn plans_are_written_in_the_order_of_their_decisions() {
    let (log, store) = in_memory();
    let first = store.decide(|ledger| ledger.record(at(1), Event::Started));
    let second = store.decide(|ledger| ledger.record(at(2), Event::Stopped));
    let mut second = pin!(second.commit());
    assert!(now(second.as_mut()).is_none());
    assert!(now(first.commit()).unwrap().is_ok());
    assert!(now(second).unwrap().is_ok());
    assert_eq!(log.entry_count(), 2);
}

#[test]
fn a_panicking_decision_stops_the_store() {
    let (_, store) = in_memory();
    let decision = std::panic::AssertUnwindSafe(|| {
        store.decide(|ledger| {
            ledger.record(at(1), Event::Started);
            assert_eq!(ledger.message_count(), 99, "on purpose");
        })
    });
    assert!(std::panic::catch_unwind(decision).is_err());
    let after = store.decide(|ledger| ledger.record(at(2), Event::Stopped));
    assert!(now(after.commit()).unwrap().is_err());
}

#[test]
fn the_view_knows_only_what_is_durable() {
    let log = MemoryLog::new();
    let view: Arc<dyn View> = Arc::new(MemoryView::default());
    let (store, _) = open(&log, Arc::clone(&view));
    record(&store, 1, received(&alert("XB-POL", 1, &[OWN])));
    ticker::tick(&store.shared).unwrap();
    log.hold();
    record(&store, 2, received(&alert("XB-POL", 2, &[OWN])));
    std::thread::sleep(crate::domain::limits::VIEW_TICK * 2);
    assert_eq!(store.figures().view_lag_entries, 1);
    // A crash: the second never reached the disk.
    let (after, recovery) = open(&log.reopened(), view);
    assert_eq!(recovery.view_rebuilt, None);
    assert_eq!(recovery.replayed, 0);
    assert_eq!(now(after.read(|l| l.message_count())).unwrap().unwrap(), 1);
}

#[test]
fn a_view_of_another_journal_is_rebuilt() {
    let view: Arc<dyn View> = Arc::new(MemoryView::default());
    let (store, _) = open(&MemoryLog::new(), Arc::clone(&view));
    record(&store, 1, received(&alert("XB-POL", 1, &[OWN])));
    ticker::tick(&store.shared).unwrap();
    let other = MemoryLog::new();
    let (store, _) = open(&other, Arc::new(MemoryView::default()));
    record(&store, 5, received(&alert("XC-POL", 2, &[OWN])));
    let (store, recovery) = open(&other.reopened(), view);
    assert!(recovery.view_rebuilt.is_some());
    assert_eq!(recovery.replayed, 1);
    let known = now(store.read(|l| l.known(&name("XB-POL", 1)))).unwrap();
    assert_eq!(known.unwrap(), None);
}

type Damage = (&'static str, fn(&std::path::Path));

/// What a damaged disk can do to the folder of the view.
fn damages() -> Vec<Damage> {
    fn each(folder: &std::path::Path, spoil: impl Fn(&std::path::Path)) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                spoil(&path);
            }
        }
    }
    vec![
        ("untouched", |_| ()),
        ("deleted", |folder| {
            std::fs::remove_dir_all(folder).unwrap();
        }),
        ("truncated", |folder| {
            each(folder, |path| {
                let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
                file.set_len(file.metadata().unwrap().len() / 3).unwrap();
            });
        }),
        ("bytes flipped", |folder| {
            each(folder, |path| {
                let mut bytes = std::fs::read(path).unwrap();
                bytes.iter_mut().step_by(97).for_each(|byte| *byte ^= 0x5a);
                std::fs::write(path, bytes).unwrap();
            });
        }),
        ("no folder but a file", |folder| {
            std::fs::remove_dir_all(folder).unwrap();
            std::fs::write(folder, b"not a folder").unwrap();
        }),
    ]
}

#[tokio::test]
async fn a_damaged_view_on_disk_comes_back() {
    for (damage, spoil) in damages() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("view");
        let log = MemoryLog::new();
        let (store, _) = open(&log, Arc::new(SledView::open(&path).unwrap().0));
        for number in 0..100 {
            record(
                &store,
                1,
                accepted(&alert(OWN, number, &["XB-POL", "XC-POL"])),
            );
        }
        store.close().await.unwrap();
        // The ticker's thread, and sled's, let go a moment later.
        tokio::time::sleep(Duration::from_millis(100)).await;
        spoil(&path);
        let (view, _) = SledView::open(&path).unwrap();
        let (store, recovery) = open(&log.reopened(), Arc::new(view));
        let found = store.read(|ledger| {
            let queue = ledger.queued(&authority("XC-POL"), Lane::Fast, Queue::Live, None, 1000);
            let record = ledger.message(&name(OWN, 77)).map(|record| record.ordinal);
            (queue.len(), record)
        });
        assert_eq!(found.await.unwrap(), (100, Some(77)), "{damage}");
        if damage == "untouched" {
            assert_eq!(recovery.replayed, 0);
        } else {
            assert_eq!(recovery.replayed, 100, "{damage}");
        }
        store.close().await.unwrap();
    }
}

#[test]
fn a_row_that_goes_bad_under_way_stops_the_store() {
    let log = MemoryLog::new();
    let view = Arc::new(MemoryView::default());
    let (store, _) = open(&log, Arc::clone(&view) as Arc<dyn View>);
    record(&store, 1, received(&alert("XB-POL", 1, &[OWN])));
    ticker::tick(&store.shared).unwrap();
    drop(store);
    let (store, recovery) = open(&log.reopened(), Arc::clone(&view) as Arc<dyn View>);
    assert_eq!(recovery.replayed, 0);
    let rows: Vec<_> = view.scan(b"r").map(Result::unwrap).collect();
    let spoilt = rows.into_iter().map(|(key, mut value)| {
        *value.last_mut().unwrap() ^= 1;
        (key, value)
    });
    view.apply(spoilt.collect()).unwrap();
    let read = store.read(|ledger| ledger.message_at(0));
    assert!(now(read).unwrap().is_err());
    let (store, recovery) = open(&log.reopened(), view);
    assert!(recovery.view_rebuilt.is_some());
    let read = store.read(|ledger| ledger.message_at(0).is_some());
    assert!(now(read).unwrap().unwrap());
}
