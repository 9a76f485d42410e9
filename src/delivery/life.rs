//! Start, housekeeping, change of directory, stop.
//!
//! The way in is [`start`] and [`stop`]. Must never end before what waits has had its bounded time.

use std::sync::{Arc, Mutex, PoisonError, atomic::Ordering};

use prost::Message as _;
use tokio::runtime::Handle;

use super::{
    Broker, BrokerParts,
    core::Core,
    dispatch::Dispatch,
    expire::{Sweep, lapse},
    links::Waiting,
    onward::Following,
    workers,
};
use crate::{
    domain::{
        id::AuthorityId,
        limits::{DRAIN_TIMEOUT, HOUSEKEEPING_INTERVAL},
        reason::Reason,
        routing::{Lane, Queue},
    },
    store::{Runs, StoreFailed, event::Event, ledger::Ledger},
};

/// Starts workers, dispatchers and housekeeping, and journals that the node serves.
pub(super) fn start(parts: BrokerParts, runs: Runs) -> Broker {
    let count = parts.workers;
    let core = Arc::new(Core {
        authority: parts.authority,
        store: parts.store,
        directory: parts.directory,
        statement_signer: parts.statement_signer,
        receipt_signer: parts.receipt_signer,
        verifier: parts.verifier,
        clock: parts.clock,
        random: parts.random,
        connector: parts.links,
        runtime: Handle::current(),
        runs,
        queue: workers::WorkQueue::default(),
        links: super::links::LinkTable::default(),
        under_way: super::under_way::UnderWay::default(),
        refusals: Mutex::default(),
        quotas: super::quota::Quotas::default(),
        stopping: false.into(),
        alarms: Mutex::default(),
        given: super::reclaim::Shares::default(),
        asking: super::reclaim::Asking::default(),
    });
    // Decided before anything else can be: it stands first in the journal of this run.
    let started = core.record(vec![Event::Started]);
    workers::start(&core, count);
    super::reclaim::ask::begin(&core);
    let dispatch = Arc::new(Dispatch::start(&core));
    core.spawn(super::dispatch::follow(
        Arc::clone(&core),
        Arc::clone(&dispatch),
    ));
    let keeper = Arc::clone(&core);
    let lanes = Arc::clone(&dispatch);
    core.spawn(async move {
        let ended = match started.await {
            Ok(()) => keep_house(&keeper, &lanes).await,
            Err(failed) => Err(failed),
        };
        if let Err(error) = ended {
            tracing::error!(%error, "housekeeping ended");
        }
    });
    Broker { core, dispatch }
}

/// Once a tick: ends what is over, sends on what follows where we passed a thread on, refreshes the counts, journals counted refusals.
async fn keep_house(core: &Arc<Core>, dispatch: &Arc<Dispatch>) -> Result<(), StoreFailed> {
    let mut sweep = Sweep::default();
    let mut following = Following::default();
    while !core.is_stopping() {
        // Also of those to whom no lanes are kept: what waits for a suspended member ends in its time, too.
        for recipient in core.read(Ledger::queued_recipients).await? {
            for lane in [Lane::Fast, Lane::Bulk] {
                sweep.step(core, recipient, lane).await?;
            }
        }
        for peer in dispatch.partners() {
            count_queued(core, peer).await?;
        }
        lapse(core).await?;
        following.step(core).await?;
        let counted = core
            .refusals
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take_counted(core.now());
        core.record(counted.into_iter().map(counted_event).collect())
            .await?;
        tokio::time::sleep(HOUSEKEEPING_INTERVAL).await;
    }
    Ok(())
}

async fn count_queued(core: &Arc<Core>, peer: AuthorityId) -> Result<(), StoreFailed> {
    let waiting = core
        .read(|ledger| {
            let oldest = [Lane::Fast, Lane::Bulk]
                .into_iter()
                .flat_map(|lane| ledger.queued(&peer, lane, Queue::Live, None, 1))
                .filter_map(|ordinal| ledger.message_at(ordinal))
                .map(|record| record.recorded_at)
                .min();
            Waiting {
                queued: ledger.queued_count(&peer, Queue::Live),
                oldest,
                drills: ledger.queued_count(&peer, Queue::Drill),
            }
        })
        .await?;
    core.links.waits(&peer, waiting);
    Ok(())
}

fn counted_event((peer, reason, count): (AuthorityId, Reason, u32)) -> Event {
    Event::RefusalsCounted {
        peer,
        reason,
        count,
    }
}

/// Puts the handle's directory in force here.
pub(super) async fn adopt_directory(
    core: &Arc<Core>,
    dispatch: &Arc<Dispatch>,
) -> Result<(), StoreFailed> {
    let directory = core.directory.load_full();
    let version = directory.version();
    let journaled = core
        .read(|ledger| ledger.directory_entry(version).is_some())
        .await?;
    if !journaled {
        let bundle = directory.bundle().encode_to_vec().into();
        core.record(vec![Event::DirectoryAdopted { version, bundle }])
            .await?;
    }
    core.verifier.replace_directory(directory);
    dispatch.reconcile(core);
    Ok(())
}

/// Takes nothing new, gives what is under way its time, and ends.
pub(super) async fn stop(core: &Arc<Core>, dispatch: &Arc<Dispatch>) {
    if core.stopping.swap(true, Ordering::AcqRel) {
        return;
    }
    dispatch.drain(DRAIN_TIMEOUT).await;
    // What was queued before this point is done before this piece of work.
    let lanes = [Lane::Fast, Lane::Bulk].map(|lane| core.run(lane, |_| ()));
    let behind = futures_util::future::try_join_all(lanes);
    if !matches!(tokio::time::timeout(DRAIN_TIMEOUT, behind).await, Ok(Ok(_))) {
        tracing::warn!("work was still waiting when the time for draining ended");
    }
    core.queue.close();
    let counted = core
        .refusals
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take_all();
    let mut last: Vec<Event> = counted.into_iter().map(counted_event).collect();
    last.push(Event::Stopped);
    let recording = tokio::time::timeout(DRAIN_TIMEOUT, core.record(last)).await;
    match recording {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "the stop could not be journaled"),
        Err(_) => tracing::error!("the stop could not be journaled in time"),
    }
}
