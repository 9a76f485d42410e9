//! The end of carriage, which only the sender sees, and the end of alerts, which each node sees for itself; both only
//! while the own clock can be relied on.
//!
//! The ways in are [`is_over`], [`Sweep`], which walks the queues bit by bit, and [`lapse`]. Must never end a delivery by
//! counting tries.

use std::{collections::BTreeMap, sync::Arc};

use super::{core::Core, verdict::Clocks};
use crate::{
    domain::{
        alert::value::Day,
        id::AuthorityId,
        limits::EXPIRY_SWEEP_STATEMENTS,
        reason::Reason,
        routing::{Lane, Queue},
        time::Timestamp,
    },
    store::{
        Durable, StoreFailed,
        event::Event,
        record::{MessageRecord, Ordinal},
    },
};

/// True when carriage ended, by a clock of ours that is not doubtful.
pub(super) fn is_over(carried_until: Timestamp, now: Timestamp, own_clock: Clocks) -> bool {
    own_clock == Clocks::Agree && carried_until < now
}

/// The event that ends a delivery.
pub(super) fn ended(record: &MessageRecord, recipient: AuthorityId) -> Event {
    Event::DeliveryEnded {
        statement: record.statement,
        recipient,
        reason: Reason::CarriageEnded,
    }
}

/// How far each queue of each lane was looked through; begins anew at its end.
#[derive(Default)]
pub(super) struct Sweep {
    places: BTreeMap<Place, Ordinal>,
}

type Place = (AuthorityId, Lane, Queue);

impl Sweep {
    /// Looks at the next part of one lane's queues and ends what is over.
    ///
    /// # Errors
    /// When the store has failed.
    pub(super) async fn step(
        &mut self,
        core: &Arc<Core>,
        peer: AuthorityId,
        lane: Lane,
    ) -> Result<(), StoreFailed> {
        for queue in Queue::ALL {
            self.step_queue(core, (peer, lane, *queue)).await?;
        }
        Ok(())
    }

    async fn step_queue(&mut self, core: &Arc<Core>, place: Place) -> Result<(), StoreFailed> {
        let (peer, lane, queue) = place;
        let now = core.now();
        let own_clock = core.links.own_clock(now, core.clock.monotonic());
        let after = self.places.get(&place).copied();
        let (last, over) = core
            .read(|ledger| {
                let ordinals = ledger.queued(&peer, lane, queue, after, EXPIRY_SWEEP_STATEMENTS);
                let over: Vec<Event> = ordinals
                    .iter()
                    .filter_map(|ordinal| ledger.message_at(*ordinal))
                    .filter(|record| is_over(record.carried_until, now, own_clock))
                    .map(|record| ended(&record, peer))
                    .collect();
                let whole = ordinals.len() == EXPIRY_SWEEP_STATEMENTS;
                (ordinals.last().copied().filter(|_| whole), over)
            })
            .await?;
        match last {
            Some(last) => self.places.insert(place, last),
            None => self.places.remove(&place),
        };
        core.record(over).await
    }
}

/// Ends alerts whose last day has passed and that were not extended, own and foreign, by a clock of ours that is not
/// doubtful. Decided under the lock: an update that extends one in the meantime is not passed over.
///
/// # Errors
/// When the store has failed.
pub(super) async fn lapse(core: &Arc<Core>) -> Result<(), StoreFailed> {
    let now = core.now();
    let own_clock = core.links.own_clock(now, core.clock.monotonic());
    let Some(today) = Day::of(now).filter(|_| own_clock == Clocks::Agree) else {
        return Ok(());
    };
    if core
        .read(|ledger| ledger.lapsed(today, 1))
        .await?
        .is_empty()
    {
        return Ok(());
    }
    let plan = core.store.decide(|ledger| {
        for statement in ledger.lapsed(today, EXPIRY_SWEEP_STATEMENTS) {
            ledger.record(now, Event::AlertExpired { statement });
        }
    });
    plan.commit().await.map(Durable::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carriage_ends_after_its_time_and_never_by_a_doubtful_clock() {
        let until = Timestamp::from_micros(1_000);
        let after = Timestamp::from_micros(1_001);
        assert!(is_over(until, after, Clocks::Agree));
        assert!(!is_over(until, until, Clocks::Agree));
        assert!(!is_over(until, after, Clocks::Differ));
    }
}
