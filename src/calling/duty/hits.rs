//! Hits that wait for our instruction: called for at once, and of a flash again and again until our word is given.

use std::time::Duration;

use super::{Duty, is_called_for, of};
use crate::{
    calling::call::Due,
    delivery::clocks::instruction_due,
    domain::{call::CallKind, limits::FLASH_AGAIN_AFTER, routing::Priority, time::Timestamp},
    store::{
        ledger::Ledger,
        record::{Direction, MessageRecord},
    },
};

/// A hit that waits for our word.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hit {
    /// Until when it is owed.
    pub(super) due: Timestamp,
    /// Of a flash, monotonic; `None`: looked at from now on.
    called_at: Option<Duration>,
    count: u32,
}

impl Hit {
    /// People have just been called, or were before this process began.
    pub(super) const fn called(due: Timestamp) -> Self {
        Self {
            due,
            called_at: None,
            count: 1,
        }
    }

    /// Nobody was called yet.
    const fn waiting(due: Timestamp) -> Self {
        Self {
            count: 0,
            ..Self::called(due)
        }
    }
}

impl Duty {
    /// Who met the person of a flash of ours, and waits for our word.
    pub(super) fn note_hits(&mut self, record: &MessageRecord, ledger: &Ledger, now: Timestamp) {
        if !is_flash_of_ours(record) || !is_called_for(record.status) {
            return;
        }
        let hit = match record.called.contains(CallKind::HitWaiting) {
            true => Hit::called,
            // The process before ended between the hit and the call.
            false => Hit::waiting,
        };
        let thread = ledger.thread(&record.thread);
        for delivery in &record.deliveries {
            let by = delivery.recipient;
            if let Some(due) = instruction_due(record, &by, &thread, now) {
                let known = self.hits.entry((record.statement, by));
                known.or_insert_with(|| hit(due));
            }
        }
    }

    /// Hits on flashes of ours for which people are called again, and those that wait no longer.
    pub(super) fn flash_hits(
        &mut self,
        ledger: &Ledger,
        now: Timestamp,
        monotonic: Duration,
    ) -> (Vec<Due>, Vec<Due>) {
        let (mut dues, mut ended) = (Vec::new(), Vec::new());
        self.hits.retain(|(alert, by), hit| {
            let Some(record) = ledger.message(alert).filter(is_flash_of_ours) else {
                // Called once; it is remembered so that its sighting is no second matter.
                return true;
            };
            let due = instruction_due(&record, by, &ledger.thread(alert), now);
            let since = record.recorded_at;
            let mut told = Due {
                peer: Some(*by),
                due,
                count: hit.count,
                ..of(CallKind::HitWaiting, record, since)
            };
            if due.is_none() {
                ended.extend((hit.count > 1).then_some(told));
                return false;
            }
            let called_at = *hit.called_at.get_or_insert(monotonic);
            let again = monotonic.saturating_sub(called_at) >= FLASH_AGAIN_AFTER;
            if hit.count == 0 || again {
                hit.called_at = Some(monotonic);
                hit.count = hit.count.saturating_add(1);
                told.count = hit.count;
                dues.push(told);
            }
            true
        });
        (dues, ended)
    }
}

fn is_flash_of_ours(record: &MessageRecord) -> bool {
    record.priority == Priority::Flash && record.direction == Direction::Own && record.is_alert()
}
