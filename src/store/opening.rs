//! From a journal and a view to a store: loads what the view has, replays the rest.

use std::sync::Arc;

use super::{
    OpenError, Recovery, Store,
    entry::EntryIndex,
    event::{Event, Reader},
    journal::Loss,
    ledger::Ledger,
    log::Log,
    runs::Runs,
    shared::Shared,
    ticker::Ticker,
    view::{View, ViewError, rows},
};
use crate::domain::{id::AuthorityId, time::Clock};

/// Entries that are replayed between two writings of the view.
pub(crate) const REPLAY_TICK_ENTRIES: u64 = 16 * 1024;

pub(super) struct Opening {
    pub(super) authority: AuthorityId,
    pub(super) torn_bytes: u64,
    pub(super) loss: Loss,
    pub(super) view: Arc<dyn View>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) reader: Reader,
    pub(super) runs: Runs,
}

impl Opening {
    pub(super) fn store(mut self, log: Box<dyn Log>) -> Result<(Store, Recovery), OpenError> {
        let mut recovery = Recovery {
            entries: log.head().0,
            tail_cut_bytes: self.torn_bytes,
            torn_groups: u64::from(self.torn_bytes > 0),
            ..Recovery::default()
        };
        let mut ledger = match self.load_view(&*log) {
            Ok(ledger) => ledger,
            Err(fault) => {
                tracing::warn!(%fault, "the view is rebuilt from the journal");
                recovery.view_rebuilt = Some(fault.0);
                self.view.clear()?;
                self.empty()
            }
        };
        let in_view = self.replay(&mut ledger, &*log)?;
        recovery.replayed = in_view.replayed;
        ledger.forget_incidents();
        let shared = Arc::new(Shared::new(
            ledger,
            in_view.next,
            log,
            Arc::clone(&self.view),
        ));
        let store = Store { shared };
        self.record_epoch(&store);
        self.record_cut_tail(&store);
        recovery.loss = self.loss.clone();
        *store.shared.loss() = self.loss;
        Ticker::start(&store.shared, &self.runs);
        Ok((store, recovery))
    }

    fn empty(&self) -> Ledger {
        Ledger::new(self.authority, Arc::clone(&self.view))
    }

    /// The state that the view holds, if it belongs to this journal.
    fn load_view(&self, log: &dyn Log) -> Result<Ledger, ViewError> {
        let mut ledger = self.empty();
        let Some(position) = rows::position(&*self.view)? else {
            // Rows without a position were not written by us.
            return match self.view.scan(&[]).next() {
                None => Ok(ledger),
                Some(_) => Err(ViewError("it has rows and no position".into())),
            };
        };
        let before = position.next.saturating_sub(1);
        match log.headers(before).next() {
            Some(Ok((index, header))) if index == before && header == position.header => {}
            _ => return Err(ViewError("it belongs to another journal".into())),
        }
        rows::load(&*self.view, &mut ledger, &position)?;
        Ok(ledger)
    }

    fn replay(&self, ledger: &mut Ledger, log: &dyn Log) -> Result<Replayed, OpenError> {
        let from = ledger.next_index();
        let mut in_view = from;
        for entry in log.entries(from) {
            let entry = entry?;
            let event = match entry.is_lost {
                true => Event::Missing,
                false => self.reader.event(&entry.header, &entry.body)?,
            };
            ledger.apply(entry.header.index, entry.header.time, &event);
            if let Some(fault) = ledger.view_fault() {
                return Err(fault.into());
            }
            // All that is replayed is durable: it may be written at once.
            if ledger.next_index() - in_view >= REPLAY_TICK_ENTRIES {
                let snapshot = ledger.snapshot();
                self.view
                    .apply(rows::encode(&snapshot, &entry.header_bytes))?;
                ledger.written();
                in_view = snapshot.next;
            }
        }
        Ok(Replayed {
            replayed: ledger.next_index() - from,
            next: in_view,
        })
    }

    /// Where headers were lost, the log goes on as another one, which names the last head of the old.
    fn record_epoch(&mut self, store: &Store) {
        if let Some((size, root)) = self.loss.broken_at.take() {
            let epoch = self.loss.epoch.saturating_add(1);
            self.loss.epoch = epoch;
            let now = self.clock.now();
            let begun = Event::EpochBegun { epoch, size, root };
            drop(store.decide(|ledger| ledger.record(now, begun)).commit());
        }
    }

    /// A cut tail is an act of its own, so that partners can be asked for what they hold.
    fn record_cut_tail(&self, store: &Store) {
        if self.torn_bytes > 0 {
            let bytes = u32::try_from(self.torn_bytes).unwrap_or(u32::MAX);
            let now = self.clock.now();
            let plan = store.decide(|ledger| ledger.record(now, Event::TailCut { bytes }));
            // Handed over at once; what is decided later waits for it.
            drop(plan.commit());
        }
    }
}

struct Replayed {
    replayed: u64,
    /// Where the view stands.
    next: EntryIndex,
}
