//! One run from its seed: trouble, healing, draining, and the last look.

use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};

use tokio::time::sleep;

use super::{
    audit::{self, Final, Found},
    trace::{Lines, Trace},
    trouble,
    world::{State, Tally, World, officer},
};
use crate::{
    domain::{
        id::{AuthorityId, StatementRef},
        lives::DeliveryLife,
    },
    planted::{self, Bug},
    store::keyring::KeyEncryptionKey,
};

/// How long everything may take to be delivered after all is healed.
const DRAIN_WITHIN: Duration = Duration::from_secs(20 * 60);

/// What to run.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Says everything that happens.
    pub seed: u64,
    /// Whether the trace is kept.
    pub lines: Lines,
    /// A bug that the run is to find.
    pub planted: Option<Bug>,
}

/// A run in which every promise was kept.
#[derive(Debug, Clone)]
pub struct Report {
    /// Of this seed.
    pub seed: u64,
    /// Nodes in the federation.
    pub nodes: usize,
    /// Hash over all events, in their order.
    pub hash: [u8; 32],
    /// Events in the trace.
    pub events: u64,
    /// Virtual time that passed.
    pub lasted: Duration,
    /// What was done to the nodes.
    pub tally: Tally,
    /// Deliveries that are proved by both ends.
    pub delivered: u64,
    /// Deliveries whose carriage ended.
    pub expired: u64,
    /// Deliveries that wait for the time at which a wrong clock has dated them.
    pub stuck: u64,
    /// Entries in all journals.
    pub entries: u64,
    /// Frames that arrived twice.
    pub doubled: u64,
    /// Messages that were lost on their way.
    pub lost: u64,
    /// Dials that ended because a certificate was not believed.
    pub disbelieved: u64,
    /// Drafts that were handed in again after they had been accepted.
    pub repeats: u64,
    /// The trace, when it was kept.
    pub lines: Vec<String>,
}

/// A promise that was not kept, or a run in which too little happened to say so.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Of this seed.
    pub seed: u64,
    /// What was found.
    pub what: String,
    /// When, in virtual time.
    pub after: Duration,
    /// The trace, when it was kept.
    pub lines: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seed, what, after) = (self.seed, &self.what, self.after.as_secs_f64());
        write!(f, "seed {seed}: {what} (after {after:.3} s of its time)")
    }
}

/// Runs one seed.
///
/// # Errors
/// The first promise that was not kept, or that the run was vacuous.
pub fn run(options: Options) -> Result<Report, Box<Failure>> {
    let fault = |what: String| {
        Box::new(Failure {
            seed: options.seed,
            what,
            after: Duration::ZERO,
            lines: Vec::new(),
        })
    };
    let folder = tempfile::tempdir().map_err(|error| fault(error.to_string()))?;
    let key_file = folder.path().join("kek");
    KeyEncryptionKey::generate(&key_file).map_err(|error| fault(error.to_string()))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .map_err(|error| fault(error.to_string()))?;
    let run = async {
        let trace = Arc::new(Trace::new(options.lines));
        let outcome = match World::new(options.seed, Arc::clone(&trace), key_file) {
            Some(world) => play(&world, options.seed).await,
            None => Err("the federation cannot be made".to_owned()),
        };
        let after = trace.elapsed();
        let lines = trace.take_lines();
        match outcome {
            Ok(report) => Ok(Report { lines, ..report }),
            Err(what) => Err(Box::new(Failure {
                seed: options.seed,
                what,
                after,
                lines,
            })),
        }
    };
    planted::with(options.planted, || runtime.block_on(run))
}

async fn play(world: &Arc<World>, seed: u64) -> Result<Report, String> {
    for member in world.members.clone() {
        world.start(member);
        tokio::spawn(write(Arc::clone(world), member));
    }
    let minutes = world
        .dice
        .between(Duration::from_secs(90), Duration::from_secs(300));
    trouble::trouble(world, minutes).await;
    trouble::heal(world);
    let stuck = drain(world).await?;
    // Seals are written, the views are up to date.
    sleep(Duration::from_secs(1)).await;
    world.look();
    let found = last_look(world, stuck)?;
    if let Some(what) = world.model.violation() {
        return Err(what);
    }
    let report = report(world, seed, found);
    report.check_floors()?;
    Ok(report)
}

/// The officers of one node, until all is calm.
async fn write(world: Arc<World>, member: AuthorityId) {
    while !world.is_calm() {
        sleep(
            world
                .dice
                .between(Duration::from_millis(50), Duration::from_secs(12)),
        )
        .await;
        // Healed while they slept: who wrote now might be heard only after all is drained.
        if world.is_calm() {
            return;
        }
        match world.dice.below(5) {
            0 => world.consult(member),
            _ => world.compose(member),
        }
    }
}

/// Waits until everybody has an answer and every delivery is over, but in threads that are stuck: these it gives. What
/// waits for a person is let go on.
async fn drain(world: &Arc<World>) -> Result<BTreeSet<StatementRef>, String> {
    let began = world.trace.elapsed();
    loop {
        sleep(Duration::from_secs(1)).await;
        world.look();
        if let Some(what) = world.model.violation() {
            return Err(what);
        }
        let state = world.lock();
        let all_up = state.nodes.values().all(|node| node.is_up());
        let stuck = world.stuck_threads(&state);
        let open = unsettled(&state, &stuck);
        let reclaiming = audit::reclaiming(&state.nodes);
        if all_up && state.asking == 0 && open == 0 && reclaiming == 0 {
            world.trace.note(format_args!("all is drained"));
            return Ok(stuck);
        }
        if world.trace.elapsed() > began + DRAIN_WITHIN {
            return Err(not_drained(&state, &stuck));
        }
    }
}

/// Deliveries that are not over and could be; those that are held are resumed.
fn unsettled(state: &State, stuck: &BTreeSet<StatementRef>) -> usize {
    let mut count = 0;
    for node in state.nodes.values() {
        for open in audit::unsettled(node) {
            let (statement, recipient) = (open.statement, open.recipient);
            count += usize::from(!stuck.contains(&open.thread));
            if matches!(open.life, DeliveryLife::Held(_)) {
                drop(node.ask(|broker| async move {
                    broker.resume(officer(), statement, recipient).await
                }));
            }
        }
    }
    count
}

fn not_drained(state: &State, stuck: &BTreeSet<StatementRef>) -> String {
    let open: Vec<String> = state
        .nodes
        .values()
        .flat_map(audit::unsettled)
        .filter(|open| !stuck.contains(&open.thread))
        .map(|open| format!("{} to {}: {:?}", open.statement, open.recipient, open.life))
        .collect();
    format!(
        "not all is drained: {} officers wait, {} nodes reclaim, {} deliveries are open: {:?}",
        state.asking,
        audit::reclaiming(&state.nodes),
        open.len(),
        &open[..open.len().min(3)]
    )
}

fn last_look(world: &Arc<World>, stuck: BTreeSet<StatementRef>) -> Result<Found, String> {
    let mut state = world.lock();
    let panicked = state.nodes.values().find(|node| {
        node.up
            .as_ref()
            .is_some_and(|up| up.process.machine.has_panicked())
    });
    if let Some(node) = panicked {
        return Err(format!("a task of {} panicked", node.id));
    }
    let last = Final {
        model: &world.model,
        network: &world.network,
        key_file: world.key_file(),
        directory: Arc::clone(&state.directory),
        now: world.now(),
        stuck,
        dice: &world.dice,
    };
    planted::with(None, || last.check(&mut state.nodes))
}

fn report(world: &World, seed: u64, found: Found) -> Report {
    let state = world.lock();
    for (node, heads) in &world.model.said().heads {
        if let Some((size, root)) = heads.last_key_value() {
            world
                .trace
                .note(format_args!("{node} ends with {size} entries: {root:02x?}"));
        }
    }
    let (hash, events) = world.trace.sum();
    let counts = world.network.counts();
    Report {
        seed,
        nodes: state.nodes.len(),
        hash,
        events,
        lasted: world.trace.elapsed(),
        tally: state.tally,
        delivered: found.delivered,
        expired: found.expired,
        stuck: found.stuck,
        entries: found.entries,
        doubled: counts.doubled,
        lost: counts.lost,
        disbelieved: counts.disbelieved,
        repeats: world.model.said().repeats,
        lines: Vec::new(),
    }
}

impl Report {
    /// A run in which too little happened says nothing.
    fn check_floors(&self) -> Result<(), String> {
        let floors = [
            ("accepted drafts", self.tally.accepted, 20),
            ("deliveries", self.delivered, 20),
            ("doubled frames", self.doubled, 1),
            ("lost messages", self.lost, 1),
            ("power cuts", self.tally.cuts, 1),
            ("bytes lost by power cuts", self.tally.lost_bytes, 1),
            ("orderly stops", self.tally.stops, 1),
            ("keys that gave way", self.tally.keys, 1),
        ];
        for (what, found, least) in floors {
            if found < least {
                return Err(format!(
                    "vacuous: {found} {what}, expected at least {least}"
                ));
            }
        }
        Ok(())
    }
}
