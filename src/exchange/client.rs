//! We call others: dials a partner's node, greets, and gives the broker the stream of one lane.
//!
//! The way in is [`GrpcConnector`]. The partner is who its verified certificate names, or there is no link.

use std::sync::Arc;

use tokio::{sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::{Sighting, Sightings, convert, directory, reclaim, status};
use crate::{
    delivery::{Connector, Greeting, Incoming, Link, LinkError, Outgoing, ReclaimAsk, ReclaimPage},
    domain::{
        id::AuthorityId,
        limits::{DIRECTORY_STREAM_TIMEOUT, EXCHANGE_MESSAGE_MAX_BYTES, GREETING_TIMEOUT},
        reason::Reason,
        routing::Lane,
    },
    proto::{
        directory::v1::Bundle,
        exchange::v1::{
            DeliverRequest, DeliverResponse, DirectoryRequest, deliver_request::Message as Request,
            deliver_response::Message as Response, exchange_client::ExchangeClient,
        },
    },
    trust::{
        directory::DirectoryHandle,
        tls::{self, ClockDoubts, Dialled, PeerIdentity, TlsIdentity},
    },
};

/// Frames that wait for the transport before `send` waits.
const OUTGOING_QUEUE_FRAMES: usize = 4;

/// What dialling takes.
pub struct GrpcConnectorParts {
    /// Who we are.
    pub own: AuthorityId,
    /// Our node certificate, which is swapped when it is renewed.
    pub identity: Arc<arc_swap::ArcSwap<TlsIdentity>>,
    /// The directory in force: where partners are, and under which authority's CA.
    pub directory: DirectoryHandle,
}

/// Dials partners over mutual TLS.
pub struct GrpcConnector {
    parts: GrpcConnectorParts,
    dialled: Dialled,
    doubts: ClockDoubts,
    sightings: Arc<Sightings>,
}

impl GrpcConnector {
    /// A connector for one node.
    #[must_use]
    pub fn new(parts: GrpcConnectorParts) -> Self {
        Self {
            parts,
            dialled: Dialled::default(),
            doubts: ClockDoubts::default(),
            sightings: Arc::default(),
        }
    }

    /// The same; certificates that are refused for their dates are counted in `doubts`.
    #[must_use]
    pub fn watched(self, doubts: ClockDoubts) -> Self {
        Self { doubts, ..self }
    }

    /// The connections that it holds open: to be closed when their peers are not believed any more.
    #[must_use]
    pub fn dialled(&self) -> &Dialled {
        &self.dialled
    }

    /// Which directory each partner names, as greetings and heartbeats tell it.
    #[must_use]
    pub fn sightings(&self) -> &Arc<Sightings> {
        &self.sightings
    }

    /// Asks a partner for a directory above version `above`, without the first `roots` of its chain; `None` when it has
    /// none. What comes is not verified.
    ///
    /// # Errors
    /// The named reason for which it gave none that can be read.
    pub async fn directory(
        &self,
        peer: AuthorityId,
        above: u64,
        roots: usize,
    ) -> Result<Option<Bundle>, LinkError> {
        let request = DirectoryRequest {
            held_version: above,
            held_roots: u32::try_from(roots).unwrap_or(u32::MAX),
        };
        let mut last = failed(Reason::NoEndpoint, "no endpoint in its entry");
        for endpoint in self.endpoints(&peer)? {
            let asking = async {
                let (mut client, _) = self.dial(peer, &endpoint).await?;
                let pieces = client.directory(request).await;
                directory::take(pieces.map_err(|status| ended(&status))?.into_inner()).await
            };
            let asked = timeout(DIRECTORY_STREAM_TIMEOUT, asking).await;
            match asked.unwrap_or_else(|_| Err(failed(Reason::ResultTimeout, "too slow"))) {
                Err(error) => last = error,
                given => return given,
            }
        }
        Err(last)
    }

    /// Where the directory says that a partner is.
    fn endpoints(&self, peer: &AuthorityId) -> Result<Vec<String>, LinkError> {
        let directory = self.parts.directory.load();
        let member = directory
            .member(peer)
            .ok_or_else(|| failed(Reason::PeerUnknown, "not in the directory"))?;
        if member.suspended {
            return Err(failed(Reason::PeerSuspended, "suspended in the directory"));
        }
        if member.endpoints.is_empty() {
            return Err(failed(Reason::NoEndpoint, "no endpoint in its entry"));
        }
        Ok(member.endpoints.clone())
    }

    async fn dial(
        &self,
        peer: AuthorityId,
        endpoint: &str,
    ) -> Result<(ExchangeClient<tonic::transport::Channel>, PeerIdentity), LinkError> {
        let config = tls::exchange_client_watched(
            self.parts.own,
            peer,
            &self.parts.identity.load(),
            Arc::new(Arc::clone(&self.parts.directory)),
            self.doubts.clone(),
        )
        .map_err(|error| failed(Reason::TlsRefused, &error))?;
        let (channel, identity) = tls::dial_into(endpoint, config, &self.dialled)
            .await
            .map_err(|error| failed(error.reason, &error.detail))?;
        if identity.authority() != peer {
            return Err(failed(Reason::WrongPeer, identity.uri()));
        }
        let client = ExchangeClient::new(channel)
            .max_decoding_message_size(EXCHANGE_MESSAGE_MAX_BYTES)
            .max_encoding_message_size(EXCHANGE_MESSAGE_MAX_BYTES);
        Ok((client, identity))
    }

    /// Opens the stream and exchanges greetings. Only then is the link up.
    async fn greet(
        &self,
        mut client: ExchangeClient<tonic::transport::Channel>,
        identity: PeerIdentity,
        lane: Lane,
        ours: &Greeting,
    ) -> Result<GrpcLink, LinkError> {
        let (outgoing, requests) = mpsc::channel(OUTGOING_QUEUE_FRAMES);
        let first = request(Request::Greeting(convert::greeting_into(ours)));
        outgoing
            .send(first)
            .await
            .map_err(|_| failed(Reason::StreamEnded, "closed before the greeting"))?;
        let opening = async {
            let mut incoming = client
                .deliver(ReceiverStream::new(requests))
                .await
                .map_err(|status| ended(&status))?
                .into_inner();
            let message = next(&mut incoming).await?;
            Ok::<_, LinkError>((incoming, message))
        };
        let (incoming, message) = timeout(GREETING_TIMEOUT, opening)
            .await
            .map_err(|_| failed(Reason::GreetingTimeout, "no greeting in time"))??;
        let Response::Greeting(theirs) = message else {
            return Err(failed(
                Reason::FrameBroken,
                "the first message is no greeting",
            ));
        };
        let theirs = convert::greeting_from(&theirs).map_err(|error| broken(&error))?;
        convert::agree(ours, &theirs).map_err(|reason| failed(reason, "greetings do not agree"))?;
        if theirs.lane != lane {
            return Err(failed(Reason::FrameBroken, "greeted on another lane"));
        }
        Ok(GrpcLink {
            greeting: theirs,
            identity,
            directory: Arc::clone(&self.parts.directory),
            sightings: Arc::clone(&self.sightings),
            outgoing,
            incoming,
        })
    }
}

#[tonic::async_trait]
impl Connector for GrpcConnector {
    async fn connect(
        &self,
        peer: AuthorityId,
        lane: Lane,
        greeting: Greeting,
    ) -> Result<Box<dyn Link>, LinkError> {
        let mut last = failed(Reason::NoEndpoint, "no endpoint in its entry");
        for endpoint in self.endpoints(&peer)? {
            let attempt = async {
                let (client, identity) = self.dial(peer, &endpoint).await?;
                self.greet(client, identity, lane, &greeting).await
            };
            match attempt.await {
                Ok(link) => {
                    self.sightings.note(Sighting {
                        peer,
                        version: link.greeting.directory_version,
                        hash: link.greeting.directory_hash,
                    });
                    return Ok(Box::new(link));
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn reclaim(&self, peer: AuthorityId, ask: ReclaimAsk) -> Result<ReclaimPage, LinkError> {
        let request = reclaim::ask_into(ask);
        let mut last = failed(Reason::NoEndpoint, "no endpoint in its entry");
        for endpoint in self.endpoints(&peer)? {
            let attempt = async {
                let (mut client, _) = self.dial(peer, &endpoint).await?;
                let answer = client.reclaim(request.clone()).await;
                let mut pages = answer.map_err(|status| ended(&status))?.into_inner();
                let page = pages.message().await.map_err(|status| ended(&status))?;
                let page =
                    page.ok_or_else(|| failed(Reason::StreamEnded, "an answer without a page"))?;
                reclaim::page_from(page).map_err(|error| broken(&error))
            };
            match attempt.await {
                Ok(page) => return Ok(page),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// One lane's stream, greeted.
struct GrpcLink {
    greeting: Greeting,
    identity: PeerIdentity,
    directory: DirectoryHandle,
    sightings: Arc<Sightings>,
    outgoing: mpsc::Sender<DeliverRequest>,
    incoming: Streaming<DeliverResponse>,
}

#[tonic::async_trait]
impl Link for GrpcLink {
    fn greeting(&self) -> &Greeting {
        &self.greeting
    }

    fn peer_uri(&self) -> &str {
        self.identity.uri()
    }

    fn key_exchange(&self) -> &str {
        self.identity.key_exchange()
    }

    async fn send(&mut self, outgoing: Outgoing) -> Result<(), LinkError> {
        let message = match outgoing {
            Outgoing::Frame { number, batches } => {
                Request::Frame(convert::frame_into(number, batches))
            }
            Outgoing::Heartbeat(number) => {
                Request::Heartbeat(convert::heartbeat_into(number, &self.directory.load()))
            }
        };
        self.outgoing
            .send(request(message))
            .await
            .map_err(|_| failed(Reason::StreamEnded, "the stream is closed"))
    }

    async fn receive(&mut self) -> Result<Incoming, LinkError> {
        match next(&mut self.incoming).await? {
            Response::Greeting(_) => Err(failed(Reason::FrameBroken, "a second greeting")),
            Response::Heartbeat(heartbeat) => {
                let peer = self.identity.authority();
                if let Some(sighting) = convert::sighting_from(peer, &heartbeat) {
                    self.sightings.note(sighting);
                }
                Ok(Incoming::Heartbeat(heartbeat.number))
            }
            Response::Result(result) => Ok(Incoming::Result {
                number: result.number,
                results: convert::results_from(&result.results).map_err(|error| broken(&error))?,
                receipts: result
                    .receipts
                    .into_iter()
                    .map(convert::batch_from)
                    .collect::<Result<_, _>>()
                    .map_err(|error| broken(&error))?,
            }),
        }
    }
}

/// The next message. Cancel-safe: a message is taken whole or stays in the stream.
async fn next(incoming: &mut Streaming<DeliverResponse>) -> Result<Response, LinkError> {
    incoming
        .message()
        .await
        .map_err(|status| ended(&status))?
        .ok_or_else(|| failed(Reason::StreamEnded, "the partner ended the stream"))?
        .message
        .ok_or_else(|| failed(Reason::FrameBroken, "an empty message"))
}

fn request(message: Request) -> DeliverRequest {
    DeliverRequest {
        message: Some(message),
    }
}

/// The partner's own text is not repeated: it may say anything.
fn ended(status: &Status) -> LinkError {
    failed(
        status::from_peer(status),
        &format!("the call ended: {:?}", status.code()),
    )
}

fn broken(error: &convert::ConvertError) -> LinkError {
    failed(Reason::FrameBroken, error)
}

fn failed(reason: Reason, detail: &(impl ToString + ?Sized)) -> LinkError {
    LinkError {
        reason,
        detail: detail.to_string(),
    }
}
