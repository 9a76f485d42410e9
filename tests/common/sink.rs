//! A partner's exchange that takes whatever comes, receipts it, and remembers in which order it came.
//!
//! The way in is [`Sink::at`], with the partner's true certificate and keys. It verifies nothing: it stands for a node
//! that is as quick as it can be.

#![allow(dead_code, reason = "each user takes a part of it")]

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use allpoints::{
    delivery::{Greeting, StatementOutcome},
    domain::{
        id::{AuthorityId, MessageId},
        receipt::{Receipt, Verdict},
        routing::Lane,
        time::Clock,
    },
    exchange::{PROTOCOL_VERSIONS, convert},
    node::system::SystemClock,
    proto::{
        envelope::v1::{Priority, Statement},
        exchange::v1::{
            DeliverRequest, DeliverResponse, DirectoryRequest, DirectoryResponse, Frame,
            FrameResult, ReclaimRequest, ReclaimResponse,
            deliver_request::Message as Request,
            deliver_response::Message as Response,
            exchange_server::{Exchange, ExchangeServer},
        },
    },
    trust::{
        batch::{BatchSigner, Purpose, Unverified, UnverifiedItem},
        directory::{Directory, DirectoryHandle},
        keys::{KeyUse, SigningKey},
        pae::{DocumentType, leaf_hash},
        tls::{self, HandshakeObserver, PeerIdentity, TlsIdentity},
    },
    wire,
};
use arc_swap::ArcSwap;
use bytes::Bytes;
use prost::Message as _;
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request as Call, Response as Reply, Status, Streaming};

use super::fleet::{Member, Outcome};

/// Between two frames of bulk, as long as nothing urgent has come: gives what is urgent its chance to be first.
const BULK_PAUSE: Duration = Duration::from_millis(250);

/// What a sink has taken so far.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// Statements, the urgent ones too.
    pub(crate) statements: usize,
    /// How many had come before each urgent one.
    pub(crate) before_urgent: Vec<usize>,
    /// What came out of its order, twice, or after a gap.
    pub(crate) faults: Vec<String>,
    /// What must come next of each thread.
    next: BTreeMap<Vec<u8>, u32>,
}

/// One partner's exchange, until it is dropped.
pub(crate) struct Sink {
    state: Arc<State>,
    serving: JoinHandle<()>,
}

struct State {
    own: AuthorityId,
    federation: String,
    directory: DirectoryHandle,
    clock: Arc<SystemClock>,
    signer: BatchSigner,
    taken: Mutex<Taken>,
}

impl Sink {
    /// Listens where the directory says that this member is.
    pub(crate) async fn at(member: &Member, clock: &Arc<SystemClock>) -> Outcome<Self> {
        let config = &member.config;
        let (folder, anchor) = (&config.directory.folder, config.directory.anchor);
        let directory = Directory::load(folder, anchor, clock.now())?;
        let federation = directory.federation().to_owned();
        let directory: DirectoryHandle = Arc::new(ArcSwap::from_pointee(directory));
        let key = SigningKey::load(&config.keys.receipt, KeyUse::Receipt)?;
        let (certificate, key_file) = (&config.exchange.certificate, &config.exchange.key);
        let identity = TlsIdentity::load(certificate, key_file, &**clock)?;
        let server = tls::exchange_server(member.id, &identity, Arc::clone(&directory))?;
        let socket = TcpListener::bind(config.exchange.listen).await?;
        let incoming = tls::accept::<PeerIdentity>(
            socket,
            Arc::new(ArcSwap::from(server)),
            Arc::new(SaysNothing),
        );
        let state = Arc::new(State {
            own: member.id,
            signer: BatchSigner::new(&federation, member.id, Purpose::Receipt, key),
            federation,
            directory,
            clock: Arc::clone(clock),
            taken: Mutex::default(),
        });
        let service = ExchangeServer::new(Service(Arc::clone(&state)))
            .max_decoding_message_size(4 << 20)
            .max_encoding_message_size(4 << 20);
        let serving = tokio::spawn(async move {
            let server = tonic::transport::Server::builder().add_service(service);
            // Whoever waits for what it takes sees that it has ended.
            drop(server.serve_with_incoming(incoming).await);
        });
        Ok(Self { state, serving })
    }

    /// Looks at what it has taken.
    pub(crate) fn taken<T>(&self, look: impl FnOnce(&Taken) -> T) -> T {
        look(&self.state.taken())
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl State {
    fn taken(&self) -> std::sync::MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn greeting(&self, lane: Lane) -> Greeting {
        let directory = self.directory.load();
        Greeting {
            versions: PROTOCOL_VERSIONS.to_vec(),
            federation: self.federation.clone(),
            directory_version: directory.version(),
            directory_hash: directory.hash(),
            clock: self.clock.now(),
            lane,
            limits: convert::own_limits(),
        }
    }

    /// Every statement of a frame is held, under one receipt batch.
    fn take(&self, frame: &Frame) -> Result<FrameResult, Status> {
        let number = frame.number;
        let items = frame.batches.iter().flat_map(|batch| &batch.items);
        let documents: Vec<Bytes> = items.map(|item| item.document.clone()).collect();
        let mut receipts = Vec::with_capacity(documents.len());
        let mut results = Vec::with_capacity(documents.len());
        for document in &documents {
            let broken = |_| Status::invalid_argument("not a statement");
            let statement = Statement::decode(document.clone()).map_err(broken)?;
            self.taken().note(&statement, self.own);
            let message = MessageId::from_bytes(&statement.id);
            let message = message.map_err(|_| Status::invalid_argument("no id"))?;
            let sender = statement.origin.parse();
            let leaf = leaf_hash(DocumentType::Statement, document);
            results.push(StatementOutcome {
                leaf,
                refused: None,
            });
            receipts.push(wire::encode_receipt(&Receipt {
                federation: self.federation.clone(),
                recipient: self.own,
                sender: sender.map_err(|_| Status::invalid_argument("no origin"))?,
                message,
                leaf,
                verdict: Verdict::Held,
                time: self.clock.now(),
                directory_version: self.directory.load().version(),
                journal_index: 1,
            }));
        }
        Ok(FrameResult {
            number,
            results: convert::results_into(&results),
            receipts: vec![convert::batch_into(self.sign(receipts))],
        })
    }

    fn sign(&self, receipts: Vec<Bytes>) -> Unverified {
        let leaf = |bytes: &Bytes| leaf_hash(DocumentType::Receipt, bytes);
        let batch = self.signer.sign(receipts.iter().map(leaf).collect());
        let items = (0..).zip(receipts).map(|(index, document)| UnverifiedItem {
            document,
            index,
            path: Vec::new(),
        });
        Unverified {
            signed: (*batch.signed).clone(),
            items: items.collect(),
        }
    }
}

impl Taken {
    fn note(&mut self, statement: &Statement, own: AuthorityId) {
        if matches!(statement.priority(), Priority::Urgent | Priority::Flash) {
            self.before_urgent.push(self.statements);
        }
        self.statements += 1;
        let mut lines = statement.recipients.iter();
        let seq = lines
            .find(|line| line.authority == own.as_str())
            .map(|line| line.thread_seq);
        let thread = statement.thread.as_ref().map(|thread| thread.id.clone());
        let thread = thread.unwrap_or_else(|| statement.id.clone());
        let next = self.next.entry(thread).or_default();
        if seq == Some(*next) {
            *next += 1;
        } else {
            self.faults.push(format!("expected {next}, came {seq:?}"));
        }
    }
}

struct Service(Arc<State>);

#[tonic::async_trait]
impl Exchange for Service {
    type DeliverStream = ReceiverStream<Result<DeliverResponse, Status>>;
    type ReclaimStream = tokio_stream::Empty<Result<ReclaimResponse, Status>>;
    type DirectoryStream = tokio_stream::Empty<Result<DirectoryResponse, Status>>;

    async fn deliver(
        &self,
        call: Call<Streaming<DeliverRequest>>,
    ) -> Result<Reply<Self::DeliverStream>, Status> {
        let (say, answers) = mpsc::channel(64);
        let (mut requests, state) = (call.into_inner(), Arc::clone(&self.0));
        tokio::spawn(async move {
            let mut lane = Lane::Bulk;
            while let Ok(Some(request)) = requests.message().await {
                let answer = match request.message {
                    Some(Request::Greeting(theirs)) => {
                        let theirs = convert::greeting_from(&theirs);
                        lane = theirs.map_or(lane, |theirs| theirs.lane);
                        let ours = convert::greeting_into(&state.greeting(lane));
                        Ok(Response::Greeting(ours))
                    }
                    Some(Request::Heartbeat(beat)) => Ok(Response::Heartbeat(beat)),
                    Some(Request::Frame(frame)) => {
                        let result = state.take(&frame).map(Response::Result);
                        if lane == Lane::Bulk && state.taken().before_urgent.is_empty() {
                            tokio::time::sleep(BULK_PAUSE).await;
                        }
                        result
                    }
                    None => return,
                };
                let answer = answer.map(|message| DeliverResponse {
                    message: Some(message),
                });
                if say.send(answer).await.is_err() {
                    return;
                }
            }
        });
        Ok(Reply::new(ReceiverStream::new(answers)))
    }

    async fn directory(
        &self,
        _: Call<DirectoryRequest>,
    ) -> Result<Reply<Self::DirectoryStream>, Status> {
        Ok(Reply::new(tokio_stream::empty()))
    }

    async fn reclaim(&self, _: Call<ReclaimRequest>) -> Result<Reply<Self::ReclaimStream>, Status> {
        Err(Status::unimplemented("UNIMPLEMENTED"))
    }
}

struct SaysNothing;

impl HandshakeObserver for SaysNothing {
    fn refused(&self, _: SocketAddr, _: &str) {}
}
