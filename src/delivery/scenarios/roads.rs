//! The ways between brokers: a connector whose streams do to each frame what a test says.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    delivery::{
        Broker, Connector, FrameOutcome, Greeting, Incoming, Link, LinkError, Outgoing, ReclaimAsk,
        ReclaimPage, StatementOutcome,
    },
    domain::{id::AuthorityId, reason::Reason, receipt::LeafHash, routing::Lane},
    trust::{
        batch::Unverified,
        pae::{self, DocumentType},
    },
};

/// What becomes of a frame on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Passes,
    /// Never arrives.
    Lost,
    /// Arrives; its result does not come back.
    ResultLost,
    /// Arrives twice; one result comes back.
    Twice,
    /// Arrives, and the stream breaks before the result.
    BreaksAfter,
    /// Does not arrive: the partner ends the stream with this word.
    Breaks(Reason),
    /// Does not arrive: the partner says this of each statement.
    Answered(Reason),
    /// Arrives later.
    Late(Duration),
}

/// A frame as it was seen on its way.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) from: AuthorityId,
    pub(super) to: AuthorityId,
    pub(super) lane: Lane,
    pub(super) batches: Vec<Unverified>,
}

impl Seen {
    pub(super) fn leaves(&self) -> Vec<LeafHash> {
        leaves(&self.batches)
    }
}

pub(super) fn leaves(batches: &[Unverified]) -> Vec<LeafHash> {
    let items = batches.iter().flat_map(|batch| &batch.items);
    items
        .map(|item| pae::leaf_hash(DocumentType::Statement, &item.document))
        .collect()
}

type Decide = Box<dyn FnMut(&Seen) -> Fate + Send>;
type Regreet = Box<dyn Fn(&mut Greeting) + Send>;
type Spoil = Box<dyn Fn(&mut Vec<Unverified>) + Send>;

/// All ways. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Roads(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    brokers: BTreeMap<AuthorityId, Broker>,
    cut: BTreeSet<AuthorityId>,
    streams: Vec<(AuthorityId, AuthorityId, CancellationToken)>,
    decide: Option<Decide>,
    regreet: Option<Regreet>,
    spoil: Option<Spoil>,
    seen: Vec<Seen>,
    dials: usize,
}

impl Roads {
    /// From now on this broker is reached.
    pub(super) fn serve(&self, id: AuthorityId, broker: Broker) {
        self.lock().brokers.insert(id, broker);
    }

    /// Nobody reaches this authority, nor it anybody.
    pub(super) fn cut(&self, id: AuthorityId) {
        self.lock().cut.insert(id);
        self.end_streams(id);
    }

    /// Its streams break, and it may be dialled again at once.
    pub(super) fn end_streams(&self, id: AuthorityId) {
        self.lock().streams.retain(|(from, to, stream)| {
            let stays = *from != id && *to != id;
            if !stays {
                stream.cancel();
            }
            stays
        });
    }

    /// The way is free again.
    pub(super) fn mend(&self, id: AuthorityId) {
        self.lock().cut.remove(&id);
    }

    /// Each frame has the fate that this says.
    pub(super) fn fate(&self, decide: impl FnMut(&Seen) -> Fate + Send + 'static) {
        self.lock().decide = Some(Box::new(decide));
    }

    /// What answers a greeting is changed on its way.
    pub(super) fn regreet(&self, change: impl Fn(&mut Greeting) + Send + 'static) {
        self.lock().regreet = Some(Box::new(change));
    }

    /// Receipts are changed on their way.
    pub(super) fn spoil(&self, change: impl Fn(&mut Vec<Unverified>) + Send + 'static) {
        self.lock().spoil = Some(Box::new(change));
    }

    /// Nothing happens to frames, greetings and receipts any more.
    pub(super) fn calm(&self) {
        let mut state = self.lock();
        (state.decide, state.regreet, state.spoil) = (None, None, None);
    }

    /// Every frame so far, the lost ones too.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.lock().seen.clone()
    }

    /// How often anybody dialled.
    pub(super) fn dials(&self) -> usize {
        self.lock().dials
    }

    /// The connector of one authority.
    pub(super) fn of(&self, from: AuthorityId) -> Arc<dyn Connector> {
        Arc::new(Gate {
            from,
            roads: self.clone(),
        })
    }

    fn see(&self, seen: Seen) -> Fate {
        let mut state = self.lock();
        let fate = state
            .decide
            .as_mut()
            .map_or(Fate::Passes, |decide| decide(&seen));
        state.seen.push(seen);
        fate
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Gate {
    from: AuthorityId,
    roads: Roads,
}

#[tonic::async_trait]
impl Connector for Gate {
    async fn reclaim(&self, peer: AuthorityId, ask: ReclaimAsk) -> Result<ReclaimPage, LinkError> {
        let broker = {
            let state = self.roads.lock();
            let is_cut = state.cut.contains(&peer) || state.cut.contains(&self.from);
            state.brokers.get(&peer).filter(|_| !is_cut).cloned()
        };
        let broker = broker.ok_or_else(|| ended(Reason::Unreachable))?;
        broker.give_back(self.from, ask).await.map_err(ended)
    }

    async fn connect(
        &self,
        peer: AuthorityId,
        lane: Lane,
        greeting: Greeting,
    ) -> Result<Box<dyn Link>, LinkError> {
        let broken = CancellationToken::new();
        let mut state = self.roads.lock();
        state.dials += 1;
        let is_cut = state.cut.contains(&peer) || state.cut.contains(&self.from);
        let broker = state.brokers.get(&peer).cloned();
        let Some(broker) = broker.filter(|_| !is_cut) else {
            return Err(ended(Reason::Unreachable));
        };
        let mut theirs = broker.greeting(lane);
        if let Some(regreet) = &state.regreet {
            regreet(&mut theirs);
        }
        state.streams.push((self.from, peer, broken.clone()));
        let (said, hears) = mpsc::unbounded_channel();
        Ok(Box::new(Stream {
            from: self.from,
            to: peer,
            lane: greeting.lane,
            roads: self.roads.clone(),
            theirs,
            broker,
            broken,
            said,
            hears,
        }))
    }
}

struct Stream {
    from: AuthorityId,
    to: AuthorityId,
    lane: Lane,
    roads: Roads,
    theirs: Greeting,
    broker: Broker,
    broken: CancellationToken,
    said: mpsc::UnboundedSender<Result<Incoming, Reason>>,
    hears: mpsc::UnboundedReceiver<Result<Incoming, Reason>>,
}

#[tonic::async_trait]
impl Link for Stream {
    fn greeting(&self) -> &Greeting {
        &self.theirs
    }
    fn peer_uri(&self) -> &'static str {
        "allpoints://test/node/1"
    }
    fn key_exchange(&self) -> &'static str {
        "none"
    }
    async fn send(&mut self, outgoing: Outgoing) -> Result<(), LinkError> {
        if self.broken.is_cancelled() {
            return Err(ended(Reason::StreamEnded));
        }
        match outgoing {
            Outgoing::Heartbeat(number) => {
                drop(self.said.send(Ok(Incoming::Heartbeat(number))));
            }
            Outgoing::Frame { number, batches } => {
                let fate = self.roads.see(Seen {
                    from: self.from,
                    to: self.to,
                    lane: self.lane,
                    batches: batches.clone(),
                });
                let (roads, broker) = (self.roads.clone(), self.broker.clone());
                let (from, lane, said) = (self.from, self.lane, self.said.clone());
                tokio::spawn(async move {
                    if let Some(told) =
                        carry(&roads, &broker, from, lane, number, batches, fate).await
                    {
                        drop(said.send(told));
                    }
                });
            }
        }
        Ok(())
    }
    async fn receive(&mut self) -> Result<Incoming, LinkError> {
        tokio::select! {
            biased;
            () = self.broken.cancelled() => Err(ended(Reason::StreamEnded)),
            told = self.hears.recv() => match told {
                Some(Ok(incoming)) => Ok(incoming),
                Some(Err(reason)) => Err(ended(reason)),
                None => Err(ended(Reason::StreamEnded)),
            },
        }
    }
}

/// Does to a frame what is decided, and gives what the sender hears of it.
async fn carry(
    roads: &Roads,
    broker: &Broker,
    from: AuthorityId,
    lane: Lane,
    number: u64,
    batches: Vec<Unverified>,
    fate: Fate,
) -> Option<Result<Incoming, Reason>> {
    let result = |results, receipts| {
        Some(Ok(Incoming::Result {
            number,
            results,
            receipts,
        }))
    };
    let leaves = leaves(&batches);
    let all = |reason| {
        let refused = |leaf: &LeafHash| StatementOutcome {
            leaf: *leaf,
            refused: Some(reason),
        };
        leaves.iter().map(refused).collect()
    };
    match fate {
        Fate::Lost => return None,
        Fate::Breaks(reason) => return Some(Err(reason)),
        Fate::Answered(reason) => return result(all(reason), Vec::new()),
        Fate::Late(wait) => tokio::time::sleep(wait).await,
        Fate::Twice => drop(broker.receive(from, lane, batches.clone()).await),
        Fate::Passes | Fate::ResultLost | Fate::BreaksAfter => {}
    }
    // As an exchange session has it: a broken frame ends the stream, any other refusal is said of each statement.
    let outcome = match broker.receive(from, lane, batches).await {
        Ok(outcome) => outcome,
        Err(Reason::FrameBroken) => return Some(Err(Reason::FrameBroken)),
        Err(reason) => FrameOutcome {
            results: all(reason),
            receipts: Vec::new(),
        },
    };
    match fate {
        Fate::ResultLost => None,
        Fate::BreaksAfter => Some(Err(Reason::StreamEnded)),
        _ => {
            let mut receipts = outcome.receipts;
            if let Some(spoil) = &roads.lock().spoil {
                spoil(&mut receipts);
            }
            result(outcome.results, receipts)
        }
    }
}

fn ended(reason: Reason) -> LinkError {
    LinkError {
        reason,
        detail: "as the test has it".into(),
    }
}
