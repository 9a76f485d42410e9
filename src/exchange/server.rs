//! The exchange listener: others deliver to us.
//!
//! The way in is [`serve`], over connections that TLS has accepted. Offers `allpoints.exchange.v1.Exchange`
//! and nothing else: any other method answers UNIMPLEMENTED with `NOT_OFFERED`, and is journaled.

use std::{
    future::Future,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use futures_util::Stream;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Request, Response, Status, Streaming,
    transport::server::{Connected, Server},
};

use super::{
    PROTOCOL_VERSIONS,
    convert::{self, own_limits},
    directory::{Giving, Pieces},
    offered::Offered,
    reclaim,
    session::{Deadlines, Host, Session},
    sightings::{Sighting, Sightings},
    status,
};
use crate::{
    delivery::{Broker, FrameOutcome, Greeting},
    domain::{
        id::AuthorityId,
        limits,
        reason::Reason,
        routing::Lane,
        tally::{Place, Tally},
        time::{Clock, Timestamp},
    },
    proto::exchange::v1::{
        DeliverRequest, DeliverResponse, DirectoryRequest, Heartbeat, ReclaimRequest,
        ReclaimResponse,
        exchange_server::{Exchange, ExchangeServer},
    },
    trust::{
        batch::Unverified,
        directory::{DirectoryHandle, Standing},
        tls::PeerIdentity,
    },
};

/// What the exchange listener is made of.
pub struct ExchangeParts {
    /// Takes what arrives.
    pub broker: Broker,
    /// The directory in force.
    pub directory: DirectoryHandle,
    /// Our clock, told in greetings.
    pub clock: Arc<dyn Clock>,
    /// Told of what people must look at.
    pub observer: Arc<dyn ExchangeObserver>,
    /// Told which directory each partner names.
    pub sightings: Arc<Sightings>,
    /// Calls that each peer may have open; may change while it serves.
    pub streams_each: Arc<AtomicU64>,
}

/// Where people's attention is asked for: journal and counters. Called every time; it bounds what it writes.
pub trait ExchangeObserver: Send + Sync + 'static {
    /// `CLOCK_SKEW` or `DIRECTORY_FORK`, as a peer's greeting showed it.
    fn alarming_greeting(&self, peer: AuthorityId, reason: Reason);
}

/// Serves accepted connections until `stop` resolves, then lets open calls end.
///
/// # Errors
/// When the listener itself fails.
pub async fn serve<C, I>(
    parts: ExchangeParts,
    connections: C,
    stop: impl Future<Output = ()>,
) -> Result<(), tonic::transport::Error>
where
    C: Stream<Item = io::Result<I>>,
    I: AsyncRead + AsyncWrite + Connected<ConnectInfo = PeerIdentity> + Unpin + Send + 'static,
{
    let offered = Offered {
        broker: parts.broker.clone(),
    };
    let service = ExchangeService {
        open: Tally::default(),
        streams_each: Arc::clone(&parts.streams_each),
        host: Arc::new(NodeHost { parts }),
        giving: Giving::default(),
    };
    Server::builder()
        .max_concurrent_streams(limits::EXCHANGE_STREAMS_PER_CONNECTION_MAX)
        .http2_max_header_list_size(limits::HTTP2_HEADER_LIST_MAX_BYTES)
        .http2_max_pending_accept_reset_streams(Some(limits::HTTP2_RESETS_PENDING_MAX))
        .http2_max_local_error_reset_streams(Some(limits::HTTP2_RESETS_LOCAL_MAX))
        .http2_keepalive_interval(Some(limits::KEEP_ALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(limits::KEEP_ALIVE_TIMEOUT))
        .initial_stream_window_size(limits::HTTP2_STREAM_WINDOW_BYTES)
        .initial_connection_window_size(limits::HTTP2_CONNECTION_WINDOW_BYTES)
        .layer(offered)
        .add_service(
            ExchangeServer::new(service)
                .max_decoding_message_size(limits::EXCHANGE_MESSAGE_MAX_BYTES)
                .max_encoding_message_size(limits::EXCHANGE_MESSAGE_MAX_BYTES),
        )
        .serve_with_incoming_shutdown(connections, stop)
        .await
}

struct ExchangeService {
    host: Arc<NodeHost>,
    giving: Giving,
    /// Streams, by peer.
    open: Tally<AuthorityId>,
    streams_each: Arc<AtomicU64>,
}

#[tonic::async_trait]
impl Exchange for ExchangeService {
    type DeliverStream = ReceiverStream<Result<DeliverResponse, Status>>;
    type ReclaimStream = tokio_stream::Once<Result<ReclaimResponse, Status>>;
    type DirectoryStream = Pieces;

    async fn deliver(
        &self,
        request: Request<Streaming<DeliverRequest>>,
    ) -> Result<Response<Self::DeliverStream>, Status> {
        let peer = self.admitted(&request).await?;
        let open = self.counted(peer).await?;
        let (responses, stream) = mpsc::channel(limits::RESPONSE_QUEUE_MESSAGES);
        let session = Session::new(
            peer,
            Arc::clone(&self.host),
            responses,
            Deadlines::default(),
        );
        tokio::spawn(async move {
            session.run(request.into_inner()).await;
            drop(open);
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }

    async fn reclaim(
        &self,
        request: Request<ReclaimRequest>,
    ) -> Result<Response<Self::ReclaimStream>, Status> {
        let peer = self.admitted(&request).await?;
        let _open = self.counted(peer).await?;
        let ask = match reclaim::ask_from(request.get_ref()) {
            Ok(ask) => ask,
            Err(error) => {
                tracing::info!(%peer, %error, "a peer asks for what nobody can give");
                self.host.refused(peer, Reason::FrameBroken).await;
                return Err(status::to_peer(Reason::FrameBroken));
            }
        };
        let given = self.host.parts.broker.give_back(peer, ask).await;
        let page = given.map_err(status::to_peer)?;
        let answer = Ok(reclaim::page_into(page));
        Ok(Response::new(tokio_stream::once(answer)))
    }

    async fn directory(
        &self,
        request: Request<DirectoryRequest>,
    ) -> Result<Response<Self::DirectoryStream>, Status> {
        let peer = self.admitted(&request).await?;
        let directory = self.host.parts.directory.load_full();
        match self.giving.give(peer, &directory, request.get_ref()) {
            Ok(pieces) => Ok(Response::new(pieces)),
            Err(reason) => {
                self.host.refused(peer, reason).await;
                Err(status::to_peer(reason))
            }
        }
    }
}

impl ExchangeService {
    /// One more stream of this peer, while there is room for it.
    async fn counted(&self, peer: AuthorityId) -> Result<Place<AuthorityId>, Status> {
        match self
            .open
            .enter(peer, 1, self.streams_each.load(Ordering::Relaxed))
        {
            Some(place) => Ok(place),
            None => {
                self.host.refused(peer, Reason::Quota).await;
                Err(status::to_peer(Reason::Quota))
            }
        }
    }

    /// Who calls, if the directory admits it. Without a verified certificate nobody does.
    async fn admitted<T>(&self, request: &Request<T>) -> Result<AuthorityId, Status> {
        let identity = request.extensions().get::<PeerIdentity>();
        let peer = identity
            .map(PeerIdentity::authority)
            .ok_or_else(|| status::to_peer(Reason::TlsRefused))?;
        if let Err(reason) = self.host.admit(&peer) {
            self.host.refused(peer, reason).await;
            return Err(status::to_peer(reason));
        }
        Ok(peer)
    }
}

/// The node, as its sessions see it.
struct NodeHost {
    parts: ExchangeParts,
}

#[tonic::async_trait]
impl Host for NodeHost {
    fn admit(&self, peer: &AuthorityId) -> Result<(), Reason> {
        let directory = self.parts.directory.load();
        if directory.standing(self.parts.clock.now()) == Standing::Closed {
            return Err(Reason::DirectoryClosed);
        }
        match directory.member(peer) {
            None => Err(Reason::PeerUnknown),
            Some(member) if member.suspended => Err(Reason::PeerSuspended),
            Some(_) => Ok(()),
        }
    }

    fn greeting(&self, lane: Lane) -> Greeting {
        let directory = self.parts.directory.load();
        Greeting {
            versions: PROTOCOL_VERSIONS.to_vec(),
            federation: directory.federation().to_owned(),
            directory_version: directory.version(),
            directory_hash: directory.hash(),
            clock: self.parts.clock.now(),
            lane,
            limits: own_limits(),
        }
    }

    fn greeted(&self, peer: &AuthorityId, theirs: &Greeting) {
        self.parts.broker.heard_from(*peer, theirs.clock);
        self.parts.sightings.note(Sighting {
            peer: *peer,
            version: theirs.directory_version,
            hash: theirs.directory_hash,
        });
        let ours = self.greeting(theirs.lane);
        for reason in alarms(&ours, theirs, ours.clock) {
            self.parts.observer.alarming_greeting(*peer, reason);
        }
    }

    fn heartbeat(&self, peer: &AuthorityId, theirs: &Heartbeat) -> Heartbeat {
        if let Some(sighting) = convert::sighting_from(*peer, theirs) {
            self.parts.sightings.note(sighting);
        }
        convert::heartbeat_into(theirs.number, &self.parts.directory.load())
    }

    async fn receive(
        &self,
        peer: AuthorityId,
        lane: Lane,
        batches: Vec<Unverified>,
    ) -> Result<FrameOutcome, Reason> {
        self.parts.broker.receive(peer, lane, batches).await
    }

    async fn refused(&self, peer: AuthorityId, reason: Reason) {
        self.parts.broker.refused(peer, reason).await;
    }
}

/// What in a greeting people must look at. Neither stops the exchange.
fn alarms(ours: &Greeting, theirs: &Greeting, now: Timestamp) -> Vec<Reason> {
    let skew = theirs.clock.distance(now) > limits::CLOCK_TOLERANCE;
    let fork = theirs.directory_version == ours.directory_version
        && theirs.directory_hash != ours.directory_hash;
    [(skew, Reason::ClockSkew), (fork, Reason::DirectoryFork)]
        .into_iter()
        .filter_map(|(is_so, reason)| is_so.then_some(reason))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn only_a_doubtful_clock_and_a_forked_directory_alarm() {
        let now = Timestamp::from_micros(1_800_000_000_000_000);
        let greeting = |clock, version, hash| Greeting {
            versions: vec![1],
            federation: "f".to_owned(),
            directory_version: version,
            directory_hash: [hash; 32],
            clock,
            lane: Lane::Fast,
            limits: own_limits(),
        };
        let ours = greeting(now, 5, 1);
        let late = now.plus(limits::CLOCK_TOLERANCE + Duration::from_secs(1));
        for (theirs, expected) in [
            (greeting(now, 5, 1), vec![]),
            (greeting(now.plus(limits::CLOCK_TOLERANCE), 5, 1), vec![]),
            (greeting(now, 4, 2), vec![]),
            (greeting(late, 5, 1), vec![Reason::ClockSkew]),
            (greeting(now, 5, 2), vec![Reason::DirectoryFork]),
        ] {
            assert_eq!(alarms(&ours, &theirs, now), expected);
        }
    }
}
