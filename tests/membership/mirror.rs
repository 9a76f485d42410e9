//! A turned partner's node: its real certificate, a correct greeting that names any directory, and any directory.
//!
//! The way in is [`Mirror::at`]. It answers heartbeats, so that its lanes are well: it is believed to be there.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use allpoints::{
    proto::{
        directory::v1::Bundle,
        exchange::v1::{
            DeliverRequest, DeliverResponse, DirectoryRequest, DirectoryResponse, ReclaimRequest,
            ReclaimResponse,
            deliver_request::Message as Said,
            deliver_response::Message as Answer,
            exchange_server::{Exchange, ExchangeServer},
        },
    },
    trust::tls::{self, HandshakeObserver, PeerIdentity, TlsIdentity},
};
use arc_swap::ArcSwap;
use prost::Message as _;
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::{intruder, realm::Realm};

/// What it gives to who asks for its directory.
#[derive(Clone)]
pub(crate) enum Gives {
    /// This, without the roots that the asker says it holds.
    Bundle(Box<Bundle>),
    /// These bytes.
    Bytes(Vec<u8>),
    /// The same megabyte, again and again.
    NoEnd,
    /// Nothing at all.
    Nothing,
}

/// A partner's node that is not its node.
pub(crate) struct Mirror {
    state: Arc<State>,
    serving: JoinHandle<()>,
}

struct State {
    gives: Mutex<Gives>,
    asked: AtomicUsize,
    /// Streams that stand.
    streams: AtomicUsize,
    names: (u64, [u8; 32]),
    greeting: allpoints::proto::exchange::v1::Greeting,
}

impl Mirror {
    /// Listens where the directory says that the partner is, and names this directory in its greetings.
    pub(crate) async fn at(realm: &Realm, id: &str, names: (u64, [u8; 32]), gives: Gives) -> Self {
        let folder = realm.folder_of(id).join("node");
        let (certificate, key) = (folder.join("exchange.pem"), folder.join("exchange.key"));
        let identity = TlsIdentity::load(&certificate, &key, realm.clock()).expect("loaded");
        let directory = Arc::new(ArcSwap::from_pointee(realm.directory_of(id)));
        let own = id.parse().expect("legal id");
        let config = tls::exchange_server(own, &identity, directory).expect("a configuration");
        let socket = TcpListener::bind(realm.exchange_of(id)).await;
        let incoming = tls::accept::<PeerIdentity>(
            socket.expect("its port"),
            Arc::new(ArcSwap::from(config)),
            Arc::new(SaysNothing),
        );
        let state = Arc::new(State {
            gives: Mutex::new(gives),
            asked: AtomicUsize::new(0),
            streams: AtomicUsize::new(0),
            names,
            greeting: intruder::greeting(realm, id),
        });
        let service = Service(Arc::clone(&state));
        let serving = tokio::spawn(async move {
            let served = tonic::transport::Server::builder()
                .add_service(ExchangeServer::new(service))
                .serve_with_incoming(incoming)
                .await;
            served.expect("served");
        });
        Self { state, serving }
    }

    /// How often it was asked for its directory.
    pub(crate) fn asked(&self) -> usize {
        self.state.asked.load(Ordering::SeqCst)
    }

    /// Streams of others that stand.
    pub(crate) fn streams(&self) -> usize {
        self.state.streams.load(Ordering::SeqCst)
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

struct Service(Arc<State>);

#[tonic::async_trait]
impl Exchange for Service {
    type DeliverStream = ReceiverStream<Result<DeliverResponse, Status>>;
    type ReclaimStream = tokio_stream::Empty<Result<ReclaimResponse, Status>>;
    type DirectoryStream = ReceiverStream<Result<DirectoryResponse, Status>>;

    async fn deliver(
        &self,
        call: Request<Streaming<DeliverRequest>>,
    ) -> Result<Response<Self::DeliverStream>, Status> {
        let (say, answers) = mpsc::channel(16);
        let (mut requests, state) = (call.into_inner(), Arc::clone(&self.0));
        tokio::spawn(async move {
            state.streams.fetch_add(1, Ordering::SeqCst);
            while let Ok(Some(request)) = requests.message().await {
                let (version, hash) = state.names;
                let answer = match request.message {
                    Some(Said::Greeting(theirs)) => {
                        let mut greeting = state.greeting.clone();
                        greeting.lane = theirs.lane;
                        greeting.directory_version = version;
                        greeting.directory_hash = hash.to_vec();
                        Answer::Greeting(greeting)
                    }
                    Some(Said::Heartbeat(mut beat)) => {
                        beat.directory_version = version;
                        beat.directory_hash = hash.to_vec();
                        Answer::Heartbeat(beat)
                    }
                    Some(Said::Frame(_)) | None => break,
                };
                let message = Some(answer);
                if say.send(Ok(DeliverResponse { message })).await.is_err() {
                    break;
                }
            }
            state.streams.fetch_sub(1, Ordering::SeqCst);
        });
        Ok(Response::new(ReceiverStream::new(answers)))
    }

    async fn reclaim(
        &self,
        _: Request<ReclaimRequest>,
    ) -> Result<Response<Self::ReclaimStream>, Status> {
        Err(Status::unimplemented("UNIMPLEMENTED"))
    }

    async fn directory(
        &self,
        call: Request<DirectoryRequest>,
    ) -> Result<Response<Self::DirectoryStream>, Status> {
        self.0.asked.fetch_add(1, Ordering::SeqCst);
        let gives = self.0.gives.lock().unwrap_or_else(PoisonError::into_inner);
        let gives = gives.clone();
        let held = usize::try_from(call.get_ref().held_roots).expect("fits");
        let (say, pieces) = mpsc::channel(1);
        tokio::spawn(async move {
            let bytes = match gives {
                Gives::Bundle(mut bundle) => {
                    bundle.roots.drain(..held.min(bundle.roots.len()));
                    bundle.encode_to_vec()
                }
                Gives::Bytes(bytes) => bytes,
                Gives::NoEnd => {
                    let chunk = vec![0x0a; 1 << 20].into();
                    let piece = DirectoryResponse { chunk };
                    while say.send(Ok(piece.clone())).await.is_ok() {}
                    return;
                }
                Gives::Nothing => return,
            };
            for chunk in bytes.chunks(64 << 10) {
                let chunk = chunk.to_vec().into();
                if say.send(Ok(DirectoryResponse { chunk })).await.is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(pieces)))
    }
}

struct SaysNothing;

impl HandshakeObserver for SaysNothing {
    fn refused(&self, _: std::net::SocketAddr, _: &str) {}
}
