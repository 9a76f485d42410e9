//! A turned partner's exchange server: its real certificate, and receipts as the test wants them.
//!
//! The way in is [`Impostor::at`]. It greets correctly; what it answers to frames is a script that can be changed.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up fails"
)]

use std::sync::{Arc, Mutex, PoisonError};

use allpoints::{
    domain::{
        reason::Reason,
        receipt::{LeafHash, Receipt, Verdict},
    },
    proto::{
        envelope::v1::SignedBatch,
        exchange::v1::{
            DeliverRequest, DeliverResponse, DirectoryRequest, DirectoryResponse, FrameResult,
            Greeting, ReclaimRequest, ReclaimResponse, StatementResult,
            deliver_request::Message as Request,
            deliver_response::Message as Response,
            exchange_server::{Exchange, ExchangeServer},
        },
    },
    trust::{
        pae::{DocumentType, leaf_hash},
        tls::{self, HandshakeObserver, PeerIdentity, TlsIdentity},
    },
};
use arc_swap::ArcSwap;
use bytes::Bytes;
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request as Call, Response as Reply, Status, Streaming};

use super::{forge::Partner, intruder, realm::Realm};

/// What it does with one statement.
pub(crate) enum Answer {
    /// A result and a receipt that say the same.
    Verdict(Verdict),
    /// The result alone.
    Bare(Option<Reason>),
    /// A result with anything as its receipt.
    With(Option<Reason>, Vec<SignedBatch>),
    /// Ends the stream.
    HangUp,
    /// Says nothing, and stays.
    Silence,
}

type Script = Arc<dyn Fn(&Bytes) -> Answer + Send + Sync>;

/// A partner's node that is not its node.
pub(crate) struct Impostor {
    me: Partner,
    script: Arc<Mutex<Script>>,
    heard: Arc<Mutex<Vec<LeafHash>>>,
    serving: JoinHandle<()>,
}

impl Impostor {
    /// Listens where the directory says that the partner is.
    pub(crate) async fn at(realm: &Arc<Realm>, id: &str) -> Self {
        let me = Partner::of(realm, id);
        let script: Script = Arc::new(|_| Answer::Verdict(Verdict::Held));
        let script = Arc::new(Mutex::new(script));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let socket = TcpListener::bind(realm.exchange_of(id)).await;
        let folder = realm.folder_of(id).join("node");
        let (certificate, key) = (folder.join("exchange.pem"), folder.join("exchange.key"));
        let identity = TlsIdentity::load(&certificate, &key, realm.clock()).expect("loaded");
        let directory = Arc::new(ArcSwap::from_pointee(realm.directory_of(id)));
        let config = tls::exchange_server(me.authority(), &identity, directory);
        let config = Arc::new(ArcSwap::from(config.expect("a configuration")));
        let incoming =
            tls::accept::<PeerIdentity>(socket.expect("its port"), config, Arc::new(SaysNothing));
        let service = Scripted {
            me: me.clone(),
            greeting: intruder::greeting(realm, id),
            script: Arc::clone(&script),
            heard: Arc::clone(&heard),
        };
        let serving = tokio::spawn(async move {
            let served = tonic::transport::Server::builder()
                .add_service(ExchangeServer::new(service))
                .serve_with_incoming(incoming)
                .await;
            served.expect("served");
        });
        Self {
            me,
            script,
            heard,
            serving,
        }
    }

    /// From now on it answers so.
    pub(crate) fn answers(&self, script: impl Fn(&Bytes) -> Answer + Send + Sync + 'static) {
        *lock(&self.script) = Arc::new(script);
    }

    /// From now on its receipts are as this makes them from the true one.
    pub(crate) fn receipts(
        &self,
        forge: impl Fn(&Partner, Receipt) -> Vec<SignedBatch> + Send + Sync + 'static,
    ) {
        let me = self.me.clone();
        self.answers(move |document| {
            let true_one = me.receipt_for(document, Verdict::Held);
            Answer::With(None, forge(&me, true_one))
        });
    }

    /// From now on it holds everything and says so under its signature.
    pub(crate) fn is_honest(&self) {
        self.answers(|_| Answer::Verdict(Verdict::Held));
    }

    /// How often it heard each statement, in order of the first time.
    pub(crate) fn heard(&self) -> Vec<(LeafHash, usize)> {
        let mut counts: Vec<(LeafHash, usize)> = Vec::new();
        for leaf in lock(&self.heard).iter() {
            match counts.iter_mut().find(|(known, _)| known == leaf) {
                Some((_, count)) => *count += 1,
                None => counts.push((*leaf, 1)),
            }
        }
        counts
    }

    /// How many statements it heard, repeats counted.
    pub(crate) fn times_heard(&self) -> usize {
        lock(&self.heard).len()
    }
}

impl Drop for Impostor {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

struct Scripted {
    me: Partner,
    greeting: Greeting,
    script: Arc<Mutex<Script>>,
    heard: Arc<Mutex<Vec<LeafHash>>>,
}

#[tonic::async_trait]
impl Exchange for Scripted {
    type DeliverStream = ReceiverStream<Result<DeliverResponse, Status>>;
    type ReclaimStream = tokio_stream::Empty<Result<ReclaimResponse, Status>>;
    type DirectoryStream = tokio_stream::Empty<Result<DirectoryResponse, Status>>;

    async fn deliver(
        &self,
        call: Call<Streaming<DeliverRequest>>,
    ) -> Result<Reply<Self::DeliverStream>, Status> {
        let (say, answers) = mpsc::channel(64);
        let mut requests = call.into_inner();
        let (me, greeting) = (self.me.clone(), self.greeting.clone());
        let (script, heard) = (Arc::clone(&self.script), Arc::clone(&self.heard));
        tokio::spawn(async move {
            while let Ok(Some(request)) = requests.message().await {
                let answer = match request.message {
                    Some(Request::Greeting(theirs)) => {
                        let lane = theirs.lane;
                        Response::Greeting(Greeting {
                            lane,
                            ..greeting.clone()
                        })
                    }
                    Some(Request::Heartbeat(beat)) => Response::Heartbeat(beat),
                    Some(Request::Frame(frame)) => {
                        let script = Arc::clone(&lock(&script));
                        let documents: Vec<_> = documents(&frame.batches).collect();
                        lock(&heard).extend(documents.iter().map(leaf));
                        match result(&me, frame.number, &documents, &*script) {
                            Said::Result(result) => Response::Result(result),
                            Said::Nothing => continue,
                            Said::Farewell => return,
                        }
                    }
                    None => return,
                };
                let message = Some(answer);
                if say.send(Ok(DeliverResponse { message })).await.is_err() {
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

fn result(
    me: &Partner,
    number: u64,
    documents: &[Bytes],
    script: &(dyn Fn(&Bytes) -> Answer + Send + Sync),
) -> Said {
    let mut result = FrameResult {
        number,
        ..<_>::default()
    };
    for document in documents {
        let (refused, receipts) = match script(document) {
            Answer::Verdict(verdict) => {
                let receipt = me.signs_receipt(&me.receipt_for(document, verdict));
                let refused = match verdict {
                    Verdict::Held => None,
                    Verdict::Refused(reason) => Some(reason),
                };
                (refused, vec![receipt])
            }
            Answer::Bare(refused) => (refused, vec![]),
            Answer::With(refused, receipts) => (refused, receipts),
            Answer::HangUp => return Said::Farewell,
            Answer::Silence => return Said::Nothing,
        };
        result.receipts.extend(receipts);
        result.results.push(StatementResult {
            leaf: leaf(document).0.to_vec(),
            code: refused.map_or(0, |reason| reason.code() as i32),
            reason: refused.map_or(String::new(), |reason| reason.name().to_owned()),
        });
    }
    Said::Result(result)
}

/// What becomes of a frame.
enum Said {
    Result(FrameResult),
    Nothing,
    Farewell,
}

fn documents(batches: &[SignedBatch]) -> impl Iterator<Item = Bytes> {
    let items = batches.iter().flat_map(|batch| &batch.items);
    items.map(|item| item.document.clone())
}

fn leaf(document: &Bytes) -> LeafHash {
    leaf_hash(DocumentType::Statement, document)
}

struct SaysNothing;

impl HandshakeObserver for SaysNothing {
    fn refused(&self, _: std::net::SocketAddr, _: &str) {}
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
