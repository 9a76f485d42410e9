//! All nodes of a run, and what may be done to them.
//!
//! The way in is [`World`]. Nothing here waits while it holds the nodes.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::FutureExt as _;
use tokio::time::{Instant, sleep};

use super::{
    audit,
    desk::{Desk, Thread},
    dice::Dice,
    federation::Federation,
    model::Model,
    network::{End, Network, Process},
    node::Node,
    trace::Trace,
};
use crate::{
    delivery::{Accepted, Submission, SubmitError},
    domain::{
        id::{AuthorityId, MessageId, StatementRef},
        reason::{Class, Reason},
        time::Timestamp,
    },
    store::entry::Actor,
    trust::{directory::Directory, testing::NOW},
};

/// Everything.
pub(super) struct World {
    pub(super) trace: Arc<Trace>,
    pub(super) model: Arc<Model>,
    pub(super) network: Arc<Network>,
    pub(super) dice: Dice,
    pub(super) desk: Desk,
    pub(super) members: Vec<AuthorityId>,
    key_file: PathBuf,
    state: Mutex<State>,
    /// No trouble any more, and no new drafts.
    calm: AtomicBool,
}

/// What changes.
pub(super) struct State {
    pub(super) nodes: BTreeMap<AuthorityId, Node>,
    pub(super) federation: Federation,
    pub(super) directory: Arc<Directory>,
    pub(super) threads: Vec<Thread>,
    /// Drafts whose officers wait for an answer.
    pub(super) asking: u64,
    pub(super) tally: Tally,
}

/// A draft under its id.
type Handed = (StatementRef, Submission);

/// What happened so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Drafts that were accepted.
    pub accepted: u64,
    /// Drafts that the rules refused.
    pub refused: u64,
    /// Machines that lost their power.
    pub cuts: u64,
    /// Processes that were killed, or ended themselves.
    pub kills: u64,
    /// Bytes that were written and are lost by power cuts.
    pub lost_bytes: u64,
    /// Disks that failed a write or a sync.
    pub failed_disks: u64,
    /// Disks that were full for a while.
    pub full_disks: u64,
    /// Ways that were cut.
    pub partitions: u64,
    /// Bodies that rotted under a running node.
    pub rotten: u64,
    /// Journals that were repaired after that.
    pub repairs: u64,
    /// Clocks that jumped.
    pub clock_jumps: u64,
    /// Nodes that stopped in order.
    pub stops: u64,
    /// Keys that gave way to others.
    pub keys: u64,
    /// Certificates that did, and were revoked.
    pub certificates: u64,
    /// CAs that did.
    pub cas: u64,
    /// Times that several drafts were accepted together.
    pub together: u64,
    /// Directory versions after the first.
    pub directories: u64,
    /// Days that passed in leaps, with a node cut off.
    pub days: u64,
}

impl World {
    pub(super) fn new(seed: u64, trace: Arc<Trace>, key_file: PathBuf) -> Option<Arc<Self>> {
        let dice = Dice::new(seed);
        let began = Instant::now();
        let size = 3 + usize::try_from(dice.below(5)).unwrap_or(0);
        let mut federation = Federation::new(size, seed, NOW);
        let directory = federation.publish(NOW)?;
        let members = federation.members();
        let nodes = members.iter().map(|id| {
            let keys = federation.keys(*id);
            let node = Node::new(*id, began, Arc::clone(&directory), keys, dice.apart());
            (*id, node)
        });
        let nodes = nodes.collect();
        let model = Arc::new(Model::default());
        let network = Network::new(Arc::clone(&trace), Arc::clone(&model), dice.apart());
        for id in &members {
            if let Some(offices) = federation.offices(*id) {
                network.shows(*id, offices.issue());
            }
        }
        Some(Arc::new(Self {
            network: Arc::new(network),
            desk: Desk::new(dice.apart()),
            trace,
            model,
            dice,
            members,
            key_file,
            state: Mutex::new(State {
                nodes,
                federation,
                directory,
                threads: Vec::new(),
                asking: 0,
                tally: Tally::default(),
            }),
            calm: AtomicBool::new(false),
        }))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn key_file(&self) -> &std::path::Path {
        &self.key_file
    }

    /// The true time.
    pub(super) fn now(&self) -> Timestamp {
        NOW.plus(self.trace.elapsed())
    }

    pub(super) fn is_calm(&self) -> bool {
        self.calm.load(Ordering::Relaxed)
    }

    pub(super) fn calm_down(&self) {
        self.calm.store(true, Ordering::Relaxed);
    }

    /// Starts a node that is down, and watches over it.
    pub(super) fn start(self: &Arc<Self>, id: AuthorityId) {
        let mut state = self.lock();
        let Some(node) = state.nodes.get_mut(&id).filter(|node| node.up.is_none()) else {
            return;
        };
        let started = node.start(&self.network, &self.key_file);
        match started {
            Ok(recovery) => {
                self.trace
                    .note(format_args!("{id} starts: {}", recovery_line(&recovery)));
                if let Some(what) = node.shows_less(&recovery) {
                    self.model.violate(what);
                }
                tokio::spawn(Arc::clone(self).watch(id));
            }
            // It waits for room, as its operator would.
            Err(error) if node.disk_is_full => {
                self.trace
                    .note(format_args!("{id} has no room to start: {error}"));
                tokio::spawn(Arc::clone(self).start_after(id, Duration::from_secs(5)));
            }
            Err(error) if node.faults_planted > 0 => {
                node.after_failed_start();
                self.trace
                    .note(format_args!("{id} fails to start: {error}"));
                tokio::spawn(Arc::clone(self).start_after(id, Duration::from_secs(1)));
            }
            Err(error) if self.model.said().is_rotten(id) => {
                let wait = match node.repair(&self.key_file) {
                    Ok(report) => {
                        state.tally.repairs += 1;
                        self.trace.note(format_args!(
                            "{id} is repaired after {error}: {:?} lost",
                            report.bodies_lost
                        ));
                        Duration::from_secs(1)
                    }
                    Err(error) => {
                        node.after_failed_start();
                        self.trace
                            .note(format_args!("{id} cannot be repaired: {error}"));
                        Duration::from_secs(5)
                    }
                };
                tokio::spawn(Arc::clone(self).start_after(id, wait));
            }
            Err(error) => self.model.violate(format!("{id} does not start: {error}")),
        }
    }

    /// Threads in which something cannot arrive: signed by a clock that was wrong, or past its carriage.
    pub(super) fn stuck_threads(&self, state: &State) -> BTreeSet<StatementRef> {
        let nodes = state.nodes.values();
        nodes
            .filter_map(|node| node.up.as_ref())
            .flat_map(|up| audit::stuck_threads(&up.store, self.now()))
            .collect()
    }

    /// Starts it after a while.
    pub(super) async fn start_after(self: Arc<Self>, id: AuthorityId, wait: Duration) {
        sleep(wait).await;
        self.start(id);
    }

    /// Waits until the process of a node ends by itself, and then for its restart.
    async fn watch(self: Arc<Self>, id: AuthorityId) {
        let process = {
            let state = self.lock();
            let up = state.nodes.get(&id).and_then(|node| node.up.as_ref());
            up.map(|up| Arc::clone(&up.process))
        };
        let Some(process) = process else { return };
        process.machine.dead().await;
        let mut state = self.lock();
        let Some(node) = state.nodes.get_mut(&id) else {
            return;
        };
        let by_itself = node
            .up
            .as_ref()
            .is_some_and(|up| Arc::ptr_eq(&up.process, &process));
        if !by_itself {
            return;
        }
        // A store that is closed on a full disk leaves what finds no room, and says so.
        let no_room = node.disk_is_full && node.up.as_ref().is_some_and(|up| up.stopping);
        if node.faults_planted == 0 && !no_room {
            let failed = node
                .up
                .as_ref()
                .and_then(|up| up.store.failed().now_or_never());
            let why = failed.map(|failed| failed.0).unwrap_or_default();
            self.model
                .violate(format!("{id} ended itself on a sound disk: {why}"));
        }
        let end = match node.disk.is_dark() || self.dice.happens(300) {
            true => End::Dark,
            false => End::Killed,
        };
        drop(state);
        self.end(id, end);
    }

    /// Stops a node in order, and starts it again after a while.
    pub(super) fn stop(self: &Arc<Self>, id: AuthorityId) {
        let mut state = self.lock();
        let running = state.nodes.get_mut(&id).filter(|node| node.is_up());
        let Some(node) = running else { return };
        let Some(process) = node
            .up
            .as_ref()
            .filter(|up| !up.stopping)
            .map(|up| Arc::clone(&up.process))
        else {
            return;
        };
        let stopped = node.stop();
        self.trace.note(format_args!("{id} is told to stop"));
        let world = Arc::clone(self);
        tokio::spawn(async move {
            // An error: it died before; or its store failed, and the process ends by that.
            if let Ok(Ok(())) = stopped.await {
                world.stopped(id, &process);
            }
        });
    }

    /// A node stopped in order: nothing that it wrote can be lost any more.
    fn stopped(self: &Arc<Self>, id: AuthorityId, process: &Arc<Process>) {
        let mut state = self.lock();
        let State { nodes, tally, .. } = &mut *state;
        let still = |node: &&mut Node| {
            let up = node.up.as_ref();
            up.is_some_and(|up| Arc::ptr_eq(&up.process, process))
        };
        let Some(node) = nodes.get_mut(&id).filter(still) else {
            return;
        };
        tally.stops += 1;
        let unsynced = node.disk.unsynced_bytes();
        if unsynced > 0 {
            self.model.violate(format!(
                "{id} stopped in order and left {unsynced} bytes that no sync covers"
            ));
        }
        drop(state);
        self.end(id, End::Stopped);
    }

    /// Ends a process, and starts it again after a while.
    pub(super) fn end(self: &Arc<Self>, id: AuthorityId, end: End) {
        let mut state = self.lock();
        let State { nodes, tally, .. } = &mut *state;
        let Some(node) = nodes.get_mut(&id).filter(|node| node.up.is_some()) else {
            return;
        };
        if node
            .up
            .as_ref()
            .is_some_and(|up| up.process.machine.has_panicked())
        {
            self.model.violate(format!("a task of {id} panicked"));
        }
        let (writes, syncs) = node.disk.counts();
        let lost = node.end(end, &self.network);
        match end {
            End::Dark => {
                tally.cuts += 1;
                tally.lost_bytes += lost;
            }
            End::Killed => tally.kills += 1,
            End::Stopped => {}
        }
        self.trace.note(format_args!(
            "{id} ends: {end:?} after {writes} writes and {syncs} syncs, {lost} bytes lost"
        ));
        if end == End::Dark && !self.is_calm() && self.dice.happens(300) {
            let operations = node.fail_power_soon(16);
            self.trace.note(format_args!(
                "{id} will lose its power again, after {operations} operations"
            ));
        }
        let wait = self
            .dice
            .between(Duration::from_millis(50), Duration::from_secs(20));
        tokio::spawn(Arc::clone(self).start_after(id, wait));
    }

    /// An officer of this node says something, or several things together.
    pub(super) fn compose(self: &Arc<Self>, id: AuthorityId) {
        let mut state = self.lock();
        let count = match self.dice.happens(150) {
            true => 2 + self.dice.below(3),
            false => 1,
        };
        let mut drafts = Vec::new();
        for _ in 0..count {
            let composed = self
                .desk
                .compose(id, &self.members, &state.threads, self.now());
            let Some(mut submission) = composed else {
                self.model.violate("the desk writes illegal drafts".into());
                return;
            };
            let unix_ms = u64::try_from(self.now().as_micros() / 1000).unwrap_or(0);
            let mut random = [0; 10];
            crate::delivery::Random::fill(&self.dice, &mut random);
            let message = MessageId::from_parts(unix_ms, random);
            submission.id = Some(message);
            let statement = StatementRef {
                origin: id,
                id: message,
            };
            self.model.attempted(statement);
            drafts.push((statement, submission));
        }
        state.asking += 1;
        tokio::spawn(Arc::clone(self).hand_in(id, drafts));
    }

    /// Hands in until there is an answer; sometimes once more after that.
    async fn hand_in(self: Arc<Self>, origin: AuthorityId, drafts: Vec<Handed>) {
        let answer = self.insist(origin, &drafts).await;
        for ((statement, submission), place) in drafts.iter().zip(0..) {
            let told = match &answer {
                Ok(accepted) => self.accepted(submission, accepted.get(place)),
                Err(reason) => {
                    self.lock().tally.refused += 1;
                    self.model.refused(*statement, *reason);
                    reason.to_string()
                }
            };
            self.trace
                .note(format_args!("{statement} {:?}: {told}", submission.kind));
        }
        if answer.is_ok() {
            self.lock().tally.together += u64::from(drafts.len() > 1);
        }
        if answer.is_ok() && self.dice.happens(200) {
            sleep(self.dice.between(Duration::ZERO, Duration::from_secs(60))).await;
            match self.insist(origin, &drafts).await {
                Ok(again) => again
                    .iter()
                    .for_each(|again| self.model.acknowledged(again)),
                Err(reason) => {
                    let first = drafts.first().map(|(statement, _)| statement);
                    self.model.violate(format!(
                        "{first:?} was accepted, and is refused as {reason} when it is repeated"
                    ));
                }
            }
        }
        self.lock().asking -= 1;
    }

    /// Notes that one draft was accepted, and tells for whom.
    fn accepted(&self, submission: &Submission, accepted: Option<&Accepted>) -> String {
        let Some(accepted) = accepted else {
            self.model.violate("an answer is missing".into());
            return "no answer".to_owned();
        };
        self.model.acknowledged(accepted);
        let mut state = self.lock();
        state.tally.accepted += 1;
        if submission.in_reply_to.is_none() {
            state.threads.push(Thread {
                first: accepted.statement,
                recipients: accepted.recipients.iter().map(|to| to.authority).collect(),
            });
        }
        format!("accepted for {}", accepted.recipients.len())
    }

    async fn insist(
        self: &Arc<Self>,
        origin: AuthorityId,
        drafts: &[Handed],
    ) -> Result<Vec<Accepted>, Reason> {
        loop {
            let asked = {
                let state = self.lock();
                let node = state.nodes.get(&origin).filter(|node| node.is_up());
                node.map(|node| {
                    let drafts = drafts.iter().map(|(_, draft)| draft.clone()).collect();
                    node.ask(|broker| async move { broker.submit(officer(), drafts).await })
                })
            };
            if let Some(asked) = asked
                && let Ok(answer) = asked.await
            {
                match answer {
                    Ok(accepted) => return Ok(accepted),
                    // Its operator sees that, too: a restart shows what is damaged.
                    Err(SubmitError::Refused {
                        reason: Reason::DamagedBody,
                        ..
                    }) if self.model.said().is_rotten(origin) => {
                        self.end(origin, End::Killed);
                    }
                    Err(SubmitError::Refused { reason, .. }) if !comes_right(reason) => {
                        return Err(reason);
                    }
                    Err(_) => {}
                }
            }
            sleep(
                self.dice
                    .between(Duration::from_millis(200), Duration::from_secs(5)),
            )
            .await;
        }
    }

    /// An officer of this node reads a thread.
    pub(super) fn consult(&self, id: AuthorityId) {
        let state = self.lock();
        let theirs = |thread: &&Thread| thread.recipients.contains(&id);
        let theirs: Vec<&Thread> = state.threads.iter().filter(theirs).collect();
        let thread = self.dice.one_of(&theirs).map(|thread| thread.first);
        if let (Some(thread), Some(node)) = (thread, state.nodes.get(&id)) {
            drop(node.ask(|broker| async move {
                let opens = crate::store::event::Peek::Opens;
                broker.consult(officer(), thread, opens, None).await
            }));
        }
    }

    /// Puts a directory in force at every node, at once or one after the other.
    pub(super) fn publish(self: &Arc<Self>, spread: Duration) {
        let mut state = self.lock();
        let now = self.now();
        let Some(directory) = state.federation.publish(now) else {
            self.model
                .violate("the federation published nothing".into());
            return;
        };
        state.tally.directories += 1;
        state.directory = Arc::clone(&directory);
        self.trace.note(format_args!(
            "directory {} is published",
            directory.version()
        ));
        drop(state);
        for id in &self.members {
            let wait = self.dice.between(Duration::ZERO, spread);
            tokio::spawn(Arc::clone(self).adopt_after(*id, Arc::clone(&directory), wait));
        }
    }

    async fn adopt_after(
        self: Arc<Self>,
        id: AuthorityId,
        directory: Arc<Directory>,
        wait: Duration,
    ) {
        sleep(wait).await;
        let mut state = self.lock();
        if let Some(node) = state.nodes.get_mut(&id)
            && node.directory.version() < directory.version()
        {
            self.trace
                .note(format_args!("{id} takes directory {}", directory.version()));
            node.adopt(directory, &self.network);
        }
    }

    /// Looks at every node, as anybody might at any moment.
    pub(super) fn look(&self) {
        let state = self.lock();
        for node in state.nodes.values() {
            audit::passing(node, &self.model);
        }
    }
}

fn recovery_line(recovery: &crate::store::Recovery) -> String {
    format!(
        "{} entries, {} replayed, {} torn bytes, view {}",
        recovery.entries,
        recovery.replayed,
        recovery.tail_cut_bytes,
        recovery.view_rebuilt.as_deref().unwrap_or("kept"),
    )
}

/// Refusals that pass by themselves.
fn comes_right(reason: Reason) -> bool {
    reason.class() == Class::Retry || reason == Reason::DirectoryClosed
}

pub(super) fn officer() -> Actor {
    Actor::new("officer-3fa9c1d2").unwrap_or(Actor::NODE)
}
