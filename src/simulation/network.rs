//! The ways between nodes: a connector whose streams lose, double, delay, reorder and break, as the dice say.
//!
//! ```text
//!   XA =====\            /===== XC       a way may be cut, a process may be gone, a machine may be dark:
//!            > network <                 what is under way then is lost, and nobody is told
//!   XB =====/            \===== XD
//! ```
//!
//! TLS is replaced by injected identities: whoever dials is who it says, and is heard when both ends believe each other's
//! certificate by the directory that each has in force. What passes is told to the [`Model`].

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use super::{certificates::Certificate, dice::Dice, model::Model, trace::Trace};
use crate::{
    delivery::{
        Broker, Connector, FrameOutcome, Greeting, Incoming, Link, LinkError, Outgoing, ReclaimAsk,
        ReclaimPage, StatementOutcome,
    },
    domain::{id::AuthorityId, reason::Reason, receipt::LeafHash, routing::Lane},
    store::Machine,
    trust::{
        batch::Unverified,
        directory::Directory,
        pae::{self, DocumentType},
    },
};

/// Until a dial into the dark is given up.
const DARK_DIAL: Duration = Duration::from_secs(5);

/// A process that can be reached.
pub(super) struct Process {
    pub(super) broker: Broker,
    pub(super) machine: Arc<Machine>,
}

/// How bad the ways are, in thousandths.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Weather {
    pub(super) lost: u64,
    pub(super) doubled: u64,
    pub(super) late: u64,
    pub(super) breaks: u64,
    pub(super) spoiled: u64,
}

/// What became of messages.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) lost: u64,
    /// Frames.
    pub(super) doubled: u64,
    /// Dials that ended because a certificate was not believed.
    pub(super) disbelieved: u64,
}

/// All ways.
pub(super) struct Network {
    pub(super) trace: Arc<Trace>,
    pub(super) model: Arc<Model>,
    dice: Dice,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    processes: BTreeMap<AuthorityId, Arc<Process>>,
    cut: BTreeSet<(AuthorityId, AuthorityId)>,
    weather: Weather,
    counts: Counts,
    streams: Vec<Standing>,
    /// What each node shows.
    certificates: BTreeMap<AuthorityId, Certificate>,
    /// By what each node judges what it is shown.
    directories: BTreeMap<AuthorityId, Arc<Directory>>,
    /// The next frame arrives twice, whatever the weather.
    doubles: bool,
}

/// A stream that stands, and what its ends have shown each other.
struct Standing {
    from: (AuthorityId, Option<Certificate>),
    to: (AuthorityId, Option<Certificate>),
    broken: CancellationToken,
}

impl Network {
    pub(super) fn new(trace: Arc<Trace>, model: Arc<Model>, dice: Dice) -> Self {
        Self {
            trace,
            model,
            dice,
            state: Mutex::default(),
        }
    }

    /// From now on this process is reached under its name.
    pub(super) fn serve(&self, id: AuthorityId, process: Arc<Process>) {
        self.lock().processes.insert(id, process);
    }

    /// The process is gone. Killed: the system ends its streams. Dark: nobody is told.
    pub(super) fn gone(&self, id: AuthorityId, end: End) {
        self.lock().processes.remove(&id);
        if end != End::Dark {
            self.end_streams(|from, to| from == id || to == id);
        }
    }

    /// Cuts the way between two, both ways.
    pub(super) fn cut(&self, one: AuthorityId, other: AuthorityId) {
        self.lock().cut.insert(way(one, other));
    }

    /// Heals it.
    pub(super) fn heal(&self, one: AuthorityId, other: AuthorityId) {
        self.lock().cut.remove(&way(one, other));
    }

    /// Heals every way.
    pub(super) fn heal_all(&self) {
        self.lock().cut.clear();
    }

    /// From now on.
    pub(super) fn set_weather(&self, weather: Weather) {
        self.lock().weather = weather;
    }

    /// Ends all streams between such two.
    pub(super) fn end_streams(&self, which: impl Fn(AuthorityId, AuthorityId) -> bool) {
        self.lock().end_streams(|it| which(it.from.0, it.to.0));
    }

    /// From now on a node shows this certificate; gives the one that it showed.
    pub(super) fn shows(&self, id: AuthorityId, certificate: Certificate) -> Option<Certificate> {
        self.lock().certificates.insert(id, certificate)
    }

    /// A node has this directory in force: what stands to whom it does not believe any more is cut.
    pub(super) fn judges_by(&self, id: AuthorityId, directory: Arc<Directory>) {
        let mut state = self.lock();
        let disbelieved = |shown: &Option<Certificate>| !is_believed(&directory, shown.as_ref());
        state.end_streams(|it| {
            (it.from.0 == id && disbelieved(&it.to.1)) || (it.to.0 == id && disbelieved(&it.from.1))
        });
        state.directories.insert(id, directory);
    }

    /// The next frame arrives twice.
    pub(super) fn double_next(&self) {
        self.lock().doubles = true;
    }

    /// What became of frames so far.
    pub(super) fn counts(&self) -> Counts {
        self.lock().counts
    }

    /// The connector of one authority.
    pub(super) fn of(self: &Arc<Self>, from: AuthorityId) -> Arc<dyn Connector> {
        Arc::new(Gate {
            from,
            network: Arc::clone(self),
        })
    }

    fn is_cut(&self, one: AuthorityId, other: AuthorityId) -> bool {
        self.lock().cut.contains(&way(one, other))
    }

    fn process(&self, id: &AuthorityId) -> Option<Arc<Process>> {
        self.lock().processes.get(id).cloned()
    }

    /// How long a message is on its way.
    fn way_time(&self) -> Duration {
        let late = self.lock().weather.late;
        let longest = match self.dice.happens(late) {
            true => Duration::from_secs(20),
            false => Duration::from_millis(40),
        };
        self.dice.between(Duration::from_millis(1), longest)
    }

    /// Whether a message is lost.
    fn loses(&self) -> bool {
        let mut state = self.lock();
        let lost = self.dice.happens(state.weather.lost);
        state.counts.lost += u64::from(lost);
        lost
    }

    /// Of a frame.
    fn fate(&self) -> Fate {
        if self.loses() {
            return Fate::Lost;
        }
        let mut state = self.lock();
        let by_chance = self.dice.happens(state.weather.doubled);
        if std::mem::take(&mut state.doubles) || by_chance {
            return Fate::Doubled;
        }
        if self.dice.happens(state.weather.breaks) {
            return Fate::Breaks;
        }
        Fate::Passes
    }

    /// Both ends of a stream that is being made show their certificates and judge the other's.
    fn handshake(&self, from: AuthorityId, to: AuthorityId) -> Result<(), LinkError> {
        let mut state = self.lock();
        let judges = |by: &AuthorityId, of: &AuthorityId| match (
            state.directories.get(by),
            state.certificates.get(of),
        ) {
            (Some(directory), Some(shown)) => shown.is_believed(directory),
            _ => Err(Reason::TlsRefused),
        };
        // Whoever is refused by the other is told no more than that.
        let outcome = judges(&from, &to).and(judges(&to, &from).map_err(|_| Reason::TlsRefused));
        outcome.map_err(|reason| {
            state.counts.disbelieved += 1;
            ended(reason)
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn end_streams(&mut self, which: impl Fn(&Standing) -> bool) {
        self.streams.retain(|stream| {
            if which(stream) {
                stream.broken.cancel();
            }
            !stream.broken.is_cancelled()
        });
    }
}

fn is_believed(directory: &Directory, shown: Option<&Certificate>) -> bool {
    shown.is_some_and(|shown| shown.is_believed(directory).is_ok())
}

/// How a process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The machine lives on, and so does its page cache.
    Killed,
    /// The machine lost its power.
    Dark,
    /// It stopped in order, and its store is closed.
    Stopped,
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Passes,
    Lost,
    Doubled,
    /// Arrives, and the stream breaks before its result.
    Breaks,
}

fn way(one: AuthorityId, other: AuthorityId) -> (AuthorityId, AuthorityId) {
    (one.min(other), one.max(other))
}

struct Gate {
    from: AuthorityId,
    network: Arc<Network>,
}

#[tonic::async_trait]
impl Connector for Gate {
    async fn connect(
        &self,
        peer: AuthorityId,
        lane: Lane,
        greeting: Greeting,
    ) -> Result<Box<dyn Link>, LinkError> {
        let network = &self.network;
        let process = self.reach(peer).await?;
        process.broker.heard_from(self.from, greeting.clock);
        let theirs = process.broker.greeting(lane);
        sleep(network.way_time()).await;
        let broken = CancellationToken::new();
        let mut state = network.lock();
        let end = |id: AuthorityId| (id, state.certificates.get(&id).cloned());
        let standing = Standing {
            from: end(self.from),
            to: end(peer),
            broken: broken.clone(),
        };
        state.streams.push(standing);
        drop(state);
        let (said, hears) = mpsc::unbounded_channel();
        Ok(Box::new(Stream {
            way: Way {
                from: self.from,
                to: peer,
                lane,
                network: Arc::clone(network),
                process,
                broken,
                said,
            },
            theirs,
            hears,
        }))
    }

    async fn reclaim(&self, peer: AuthorityId, ask: ReclaimAsk) -> Result<ReclaimPage, LinkError> {
        let process = self.reach(peer).await?;
        let (answer, answered) = oneshot::channel();
        let (broker, from) = (process.broker.clone(), self.from);
        process.machine.spawn(async move {
            drop(answer.send(broker.give_back(from, ask).await));
        });
        let page = answered.await.map_err(|_| ended(Reason::StreamEnded))?;
        let page = page.map_err(ended)?;
        self.network.trace.note(format_args!(
            "{from} reclaims from {peer}: {} named, {} given, refused {:?}",
            page.held.len(),
            page.items.len(),
            page.items
                .iter()
                .filter_map(|item| item.outcome.as_ref().err())
                .collect::<Vec<_>>()
        ));
        sleep(self.network.way_time()).await;
        if self.network.is_cut(from, peer) {
            return Err(ended(Reason::StreamEnded));
        }
        Ok(page)
    }
}

impl Gate {
    /// The process at the other end, after the way there.
    async fn reach(&self, peer: AuthorityId) -> Result<Arc<Process>, LinkError> {
        let network = &self.network;
        sleep(network.way_time()).await;
        if network.is_cut(self.from, peer) {
            sleep(DARK_DIAL).await;
            return Err(ended(Reason::Unreachable));
        }
        let process = network
            .process(&peer)
            .filter(|process| !process.machine.is_dead())
            .ok_or_else(|| ended(Reason::Unreachable))?;
        network.handshake(self.from, peer)?;
        Ok(process)
    }
}

struct Stream {
    way: Way,
    theirs: Greeting,
    hears: mpsc::UnboundedReceiver<Incoming>,
}

/// What a message needs on its way and back.
#[derive(Clone)]
struct Way {
    from: AuthorityId,
    to: AuthorityId,
    lane: Lane,
    network: Arc<Network>,
    process: Arc<Process>,
    broken: CancellationToken,
    said: mpsc::UnboundedSender<Incoming>,
}

#[tonic::async_trait]
impl Link for Stream {
    fn greeting(&self) -> &Greeting {
        &self.theirs
    }
    fn peer_uri(&self) -> &'static str {
        "allpoints://simulated/node/1"
    }
    fn key_exchange(&self) -> &'static str {
        "none"
    }
    async fn send(&mut self, outgoing: Outgoing) -> Result<(), LinkError> {
        if self.way.is_reset() {
            return Err(ended(Reason::StreamEnded));
        }
        let way = self.way.clone();
        match outgoing {
            Outgoing::Heartbeat(number) => tokio::spawn(way.beat(number)),
            Outgoing::Frame { number, batches } => tokio::spawn(way.carry(number, batches)),
        };
        Ok(())
    }
    async fn receive(&mut self) -> Result<Incoming, LinkError> {
        tokio::select! {
            biased;
            () = self.way.broken.cancelled() => Err(ended(Reason::StreamEnded)),
            // Never `None`: we hold a sender ourselves.
            Some(incoming) = self.hears.recv() => Ok(incoming),
        }
    }
}

impl Way {
    /// True when the stream broke, or another process answers there now.
    fn is_reset(&self) -> bool {
        let other = |now: Arc<Process>| !Arc::ptr_eq(&now, &self.process);
        let replaced = !self.network.is_cut(self.from, self.to)
            && self.network.process(&self.to).is_some_and(other);
        self.broken.is_cancelled() || replaced
    }

    /// One way; false: it did not arrive.
    async fn passes(&self) -> bool {
        if !self.network.is_cut(self.from, self.to) {
            sleep(self.network.way_time()).await;
        }
        let arrives = !self.broken.is_cancelled() && !self.network.is_cut(self.from, self.to);
        self.network.lock().counts.lost += u64::from(!arrives);
        arrives
    }

    async fn beat(self, number: u64) {
        if !self.network.loses()
            && self.passes().await
            && !self.process.machine.is_dead()
            && self.passes().await
        {
            drop(self.said.send(Incoming::Heartbeat(number)));
        }
    }

    async fn carry(self, number: u64, batches: Vec<Unverified>) {
        let fate = self.network.fate();
        let count: usize = batches.iter().map(|batch| batch.items.len()).sum();
        let (from, to, lane) = (self.from, self.to, self.lane);
        self.network.trace.note(format_args!(
            "{from} > {to} {lane:?} frame {number} of {count}: {fate:?}"
        ));
        if fate == Fate::Lost {
            return;
        }
        if fate == Fate::Doubled {
            self.network.lock().counts.doubled += 1;
            let (again, batches) = (self.clone(), batches.clone());
            tokio::spawn(async move { again.deliver(number, batches).await });
        }
        let Some(result) = self.deliver(number, batches).await else {
            return;
        };
        if fate == Fate::Breaks {
            self.broken.cancel();
        } else if !self.network.loses() && self.passes().await {
            drop(self.said.send(result));
        }
    }

    /// Brings a frame to the process and gives its answer, if it answers.
    async fn deliver(&self, number: u64, batches: Vec<Unverified>) -> Option<Incoming> {
        if !self.passes().await {
            return None;
        }
        let leaves = leaves(&batches);
        let (answer, answered) = oneshot::channel();
        let (broker, from, lane) = (self.process.broker.clone(), self.from, self.lane);
        self.process.machine.spawn(async move {
            drop(answer.send(broker.receive(from, lane, batches).await));
        });
        // An error: it died meanwhile.
        let outcome = match answered.await.ok()? {
            Ok(outcome) => outcome,
            // As an exchange session has it: a broken frame ends the stream, any other refusal is said of each.
            Err(Reason::FrameBroken) => {
                self.broken.cancel();
                return None;
            }
            Err(reason) => FrameOutcome {
                results: leaves.iter().map(|leaf| refused(*leaf, reason)).collect(),
                receipts: Vec::new(),
            },
        };
        let FrameOutcome {
            results,
            mut receipts,
        } = outcome;
        self.network
            .model
            .answered(self.to, self.from, &results, &receipts);
        self.trace_results(number, &results);
        self.spoil(&mut receipts);
        Some(Incoming::Result {
            number,
            results,
            receipts,
        })
    }

    fn trace_results(&self, number: u64, results: &[StatementOutcome]) {
        let refused: Vec<Reason> = results.iter().filter_map(|result| result.refused).collect();
        self.network.trace.note(format_args!(
            "{} < {} {:?} result {number} of {}, refused {refused:?}",
            self.from,
            self.to,
            self.lane,
            results.len(),
        ));
    }

    /// Sometimes a receipt is changed on its way, as a hostile or broken partner would.
    fn spoil(&self, receipts: &mut [Unverified]) {
        let weather = self.network.lock().weather;
        let dice = &self.network.dice;
        if !dice.happens(weather.spoiled) {
            return;
        }
        let items = receipts.iter_mut().flat_map(|batch| &mut batch.items);
        for item in items {
            // The recipient's clock stands near the end: still a legal document, and not what was signed.
            let mut document = item.document.to_vec();
            if let Some(byte) = document.last_mut() {
                *byte ^= 1;
            }
            item.document = document.into();
        }
        self.network
            .trace
            .note(format_args!("{} < {} receipts spoiled", self.from, self.to));
    }
}

fn refused(leaf: LeafHash, reason: Reason) -> StatementOutcome {
    StatementOutcome {
        leaf,
        refused: Some(reason),
    }
}

fn leaves(batches: &[Unverified]) -> Vec<LeafHash> {
    let items = batches.iter().flat_map(|batch| &batch.items);
    items
        .map(|item| pae::leaf_hash(DocumentType::Statement, &item.document))
        .collect()
}

fn ended(reason: Reason) -> LinkError {
    LinkError {
        reason,
        detail: "as the simulation has it".into(),
    }
}
