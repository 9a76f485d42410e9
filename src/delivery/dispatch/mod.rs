//! Per partner two lanes, each a task that connects, sends what is queued, and takes results.
//!
//! The way in is [`Dispatch::start`]; [`Dispatch::reconcile`] follows the directory. Must never keep a lane to an
//! authority that is suspended or gone.

mod feed;
mod frames;
mod lane;
mod load;
mod pump;
mod results;
mod retry;
mod window;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::{broadcast::error::RecvError, watch};
use tokio_util::sync::CancellationToken;

use self::lane::LaneHandle;
use super::{
    core::Core,
    link::{Greeting, LinkLimits},
};
use crate::{
    domain::{
        id::{AuthorityId, StatementRef},
        limits::{
            FRAME_MAX_BYTES, FRAME_MAX_STATEMENTS, GREETING_TIMEOUT, STATEMENT_MAX_BYTES,
            WINDOW_MAX_BYTES, WINDOW_MAX_STATEMENTS,
        },
        routing::Lane,
    },
    store::{Told, event::Event},
};

/// Protocol versions that we speak.
pub(super) const VERSIONS: &[u32] = &[1];

/// All lanes to all partners.
pub(super) struct Dispatch {
    partners: Mutex<BTreeMap<AuthorityId, Partner>>,
    ending: CancellationToken,
}

struct Partner {
    lanes: [Arc<LaneHandle>; 2],
    ending: CancellationToken,
}

impl Dispatch {
    /// Starts the lanes of every active member but ourselves.
    pub(super) fn start(core: &Arc<Core>) -> Self {
        let dispatch = Self {
            partners: Mutex::default(),
            ending: CancellationToken::new(),
        };
        dispatch.reconcile(core);
        dispatch
    }

    /// Starts the lanes of new members, ends those of suspended and gone ones.
    pub(super) fn reconcile(&self, core: &Arc<Core>) {
        let directory = core.directory.load_full();
        let active: Vec<AuthorityId> = directory
            .active()
            .filter(|member| member.id != core.authority)
            .map(|member| member.id)
            .collect();
        let mut partners = self.lock();
        partners.retain(|peer, partner| {
            let stays = active.contains(peer);
            if !stays {
                partner.ending.cancel();
                core.links.remove(peer);
            }
            stays
        });
        for peer in active {
            partners.entry(peer).or_insert_with(|| {
                core.links.add(peer, core.now());
                start_partner(core, peer, self.ending.child_token())
            });
        }
    }

    /// Everyone to whom lanes are kept.
    pub(super) fn partners(&self) -> Vec<AuthorityId> {
        self.lock().keys().copied().collect()
    }

    /// Sends a heartbeat on every lane and waits for it, for a bounded time.
    pub(super) async fn check(&self) {
        let waits: Vec<_> = self.lanes().iter().map(|lane| lane.check()).collect();
        let all = futures_util::future::join_all(waits);
        // A lane that does not answer in time shows as quiet or down.
        drop(tokio::time::timeout(GREETING_TIMEOUT, all).await);
    }

    /// A partner's greeting arrived: lanes to it that wait to dial do so now.
    pub(super) fn heard_from(&self, peer: &AuthorityId) {
        if let Some(partner) = self.lock().get(peer) {
            partner.lanes.iter().for_each(|lane| lane.heard());
        }
    }

    /// Lets what is under way settle, for a bounded time, and ends all lanes.
    pub(super) async fn drain(&self, at_most: Duration) {
        let lanes = self.lanes();
        let quiet = futures_util::future::join_all(lanes.iter().map(|lane| lane.stop()));
        drop(tokio::time::timeout(at_most, quiet).await);
        self.ending.cancel();
    }

    /// Wakes the lanes that a decision concerns, each once.
    fn tell(&self, told: &Told) {
        let accepted = told.iter().filter_map(|event| match &**event {
            Event::Accepted { routing, .. } => Some(routing),
            _ => None,
        });
        let concerned: BTreeSet<(AuthorityId, Lane)> = accepted
            .flat_map(|routing| {
                let lane = routing.lane();
                routing
                    .recipients
                    .iter()
                    .map(move |to| (to.authority, lane))
            })
            .collect();
        let partners = self.lock();
        for (authority, lane) in concerned {
            if let Some(partner) = partners.get(&authority) {
                partner.lane(lane).wake.notify_one();
            }
        }
    }

    /// A person let a held delivery go on. Told at once and not by its event, which a slow follower could miss.
    pub(super) fn resume(&self, statement: StatementRef, recipient: &AuthorityId) {
        if let Some(partner) = self.lock().get(recipient) {
            partner.lanes.iter().for_each(|lane| lane.resume(statement));
        }
    }

    fn wake_all(&self) {
        self.lanes().iter().for_each(|lane| lane.wake.notify_one());
    }

    fn lanes(&self) -> Vec<Arc<LaneHandle>> {
        self.lock()
            .values()
            .flat_map(|partner| partner.lanes.iter().map(Arc::clone))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<AuthorityId, Partner>> {
        self.partners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Partner {
    fn lane(&self, lane: Lane) -> &Arc<LaneHandle> {
        match lane {
            Lane::Fast => &self.lanes[0],
            Lane::Bulk => &self.lanes[1],
        }
    }
}

fn start_partner(core: &Arc<Core>, peer: AuthorityId, ending: CancellationToken) -> Partner {
    let lanes = [Lane::Fast, Lane::Bulk].map(|lane| Arc::new(LaneHandle::new(peer, lane)));
    for (lane, other) in lanes.iter().zip(lanes.iter().rev()) {
        let (core, ending) = (Arc::clone(core), ending.clone());
        let (lane, other) = (Arc::clone(lane), Arc::clone(other));
        let broker = Arc::clone(&core);
        broker.spawn(async move {
            let work = lane::keep_up(core, Arc::clone(&lane), other);
            tokio::select! {
                biased;
                () = ending.cancelled() => {}
                () = work => {}
            }
            lane.ended();
        });
    }
    Partner { lanes, ending }
}

/// Follows the store's events and wakes lanes, until the broker ends.
pub(super) async fn follow(core: Arc<Core>, dispatch: Arc<Dispatch>) {
    let mut events = core.store.subscribe();
    dispatch.wake_all();
    loop {
        let told = tokio::select! {
            biased;
            () = dispatch.ending.cancelled() => return,
            told = events.recv() => told,
        };
        match told {
            Ok(told) => dispatch.tell(&told),
            Err(RecvError::Lagged(_)) => dispatch.wake_all(),
            Err(RecvError::Closed) => return,
        }
    }
}

/// What we say first on a stream.
pub(super) fn greeting(core: &Core, lane: Lane) -> Greeting {
    let directory = core.directory.load();
    let number = |cap: usize| u32::try_from(cap).unwrap_or(u32::MAX);
    Greeting {
        versions: VERSIONS.to_vec(),
        federation: directory.federation().to_owned(),
        directory_version: directory.version(),
        directory_hash: directory.hash(),
        clock: core.now(),
        lane,
        limits: LinkLimits {
            statements_per_frame: number(FRAME_MAX_STATEMENTS),
            bytes_per_frame: number(FRAME_MAX_BYTES),
            bytes_per_statement: number(STATEMENT_MAX_BYTES),
            window_statements: number(WINDOW_MAX_STATEMENTS),
            window_bytes: number(WINDOW_MAX_BYTES),
        },
    }
}

/// Heartbeats that came back on a lane, counted.
type Beats = watch::Sender<u64>;
