//! The desk listener: one method per call, each of them identity, right, work.
//!
//! The way in is [`serve`]. Work that has begun is carried to its end even when the caller hangs up: what the
//! broker has decided must become durable.

use std::{future::Future, io, sync::Arc};

use futures_util::Stream;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{Mutex, OwnedMutexGuard},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Request, Response, Status, Streaming,
    transport::server::{Connected, Server},
};

use super::{
    DeskParts,
    actor::{ActorFault, Actors},
    audit, calls, carry, drafts, exercise, export, handover, inbox, offers, overview, resume,
    rights::{self, Call, may},
    statistics, stream, submit, thread, units, watch,
};
use crate::{
    delivery::SubmitError,
    domain::{limits, reason::Reason},
    proto::{
        DESCRIPTORS,
        desk::v1::{
            self as pb,
            desk_server::{Desk, DeskServer},
        },
    },
    store::{ReadError, StoreFailed, entry::Actor, ledger::Found},
    trust::tls::{DeskIdentity, DeskName, Role},
    wire::status::refusal,
};

/// Responses that follow one call.
type Responses<T> = ReceiverStream<Result<T, Status>>;

/// Serves accepted connections until `stop` resolves, then lets open calls end.
///
/// # Errors
/// When the listener itself fails, or the descriptors for reflection are not legal.
pub async fn serve<C, I>(
    service: DeskService,
    connections: C,
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError>
where
    C: Stream<Item = io::Result<I>>,
    I: AsyncRead + AsyncWrite + Connected<ConnectInfo = DeskIdentity> + Unpin + Send + 'static,
{
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_serving::<DeskServer<DeskService>>().await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .build_v1()
        .map_err(|error| ServeError::Reflection(error.to_string()))?;
    let desk = DeskServer::new(service)
        .max_decoding_message_size(limits::DESK_MESSAGE_MAX_BYTES)
        .max_encoding_message_size(limits::DESK_MESSAGE_MAX_BYTES);
    Server::builder()
        .max_concurrent_streams(limits::HTTP2_STREAMS_MAX)
        .http2_max_header_list_size(limits::HTTP2_HEADER_LIST_MAX_BYTES)
        .http2_max_pending_accept_reset_streams(Some(limits::HTTP2_RESETS_PENDING_MAX))
        .http2_max_local_error_reset_streams(Some(limits::HTTP2_RESETS_LOCAL_MAX))
        .http2_keepalive_interval(Some(limits::KEEP_ALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(limits::KEEP_ALIVE_TIMEOUT))
        .initial_stream_window_size(limits::HTTP2_STREAM_WINDOW_BYTES)
        .initial_connection_window_size(limits::HTTP2_CONNECTION_WINDOW_BYTES)
        .add_service(desk)
        .add_service(health)
        .add_service(reflection)
        .serve_with_incoming_shutdown(connections, stop)
        .await?;
    Ok(())
}

/// Why the desk does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The transport failed.
    #[error(transparent)]
    Transport(#[from] tonic::transport::Error),
    /// A fault of this build.
    #[error("the protocol's own descriptors cannot be served: {0}")]
    Reflection(String),
}

/// The desk of one node. Cheap to clone.
#[derive(Clone)]
pub struct DeskService {
    inner: Arc<Inner>,
}

struct Inner {
    parts: DeskParts,
    actors: Actors,
    /// Held from the judging of a return until it is recorded: the next one is judged against it.
    returning: Arc<Mutex<()>>,
}

/// A caller whose right to this call was checked. Only [`DeskService::permit`] makes it.
#[derive(Debug, Clone)]
pub(super) struct Permit {
    pub(super) actor: Actor,
    pub(super) role: Role,
    /// `None`: the whole authority.
    pub(super) unit: Option<DeskName>,
    pub(super) uri: Arc<str>,
}

impl DeskService {
    /// The desk over a node's parts.
    #[must_use]
    pub fn new(parts: DeskParts) -> Self {
        let actors = Actors::new(&parts.pseudonym_key);
        Self {
            inner: Arc::new(Inner {
                parts,
                actors,
                returning: Arc::default(),
            }),
        }
    }

    pub(super) fn parts(&self) -> &DeskParts {
        &self.inner.parts
    }

    /// One return after another.
    pub(super) async fn returning(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.inner.returning).lock_owned().await
    }

    async fn permit<T>(&self, request: &Request<T>, call: Call) -> Result<Permit, Status> {
        let identity = request
            .extensions()
            .get::<DeskIdentity>()
            .cloned()
            .ok_or_else(|| refusal(Reason::TlsRefused, "no verified desk certificate"))?;
        if !may(identity.role(), call) {
            return Err(refusal(
                Reason::NotYours,
                rights::refusal(call, identity.role()),
            ));
        }
        self.known(identity).await
    }

    /// A caller whose right was not asked yet: for journaling what it was refused, and nothing else.
    pub(super) async fn caller<T>(&self, request: &Request<T>) -> Option<Actor> {
        let identity = request.extensions().get::<DeskIdentity>().cloned()?;
        let known = self.known(identity).await.ok()?;
        Some(known.actor)
    }

    async fn known(&self, identity: DeskIdentity) -> Result<Permit, Status> {
        let service = self.clone();
        carried_out(async move {
            let parts = service.parts();
            let actor = service
                .inner
                .actors
                .of(&identity, &parts.store, &*parts.clock)
                .await
                .map_err(actor_failed)?;
            Ok(Permit {
                actor,
                role: identity.role(),
                unit: identity.unit().cloned(),
                uri: identity.uri().into(),
            })
        })
        .await
    }

    /// The one statement that an id, a prefix or a reference names.
    pub(super) async fn find(&self, text: &str) -> Result<crate::domain::id::StatementRef, Status> {
        let found = self
            .parts()
            .store
            .read(|ledger| ledger.find(text))
            .await
            .map_err(|error| store_failed(&error))?;
        match found {
            Found::One(statement) => Ok(statement),
            Found::None => Err(refusal(Reason::NotFound, Reason::NotFound.meaning())),
            Found::Ambiguous => Err(refusal(Reason::AmbiguousId, Reason::AmbiguousId.meaning())),
        }
    }
}

#[tonic::async_trait]
impl Desk for DeskService {
    type SubmitStreamStream = Responses<pb::SubmitStreamResponse>;
    type WatchStream = Responses<pb::WatchResponse>;
    type AuditExportStream = Responses<pb::AuditExportResponse>;
    type CarryStream = Responses<pb::CarryResponse>;

    async fn submit(
        &self,
        request: Request<pb::SubmitRequest>,
    ) -> Result<Response<pb::SubmitResponse>, Status> {
        let permit = self.permit(&request, Call::Submit).await?;
        let desk = self.clone();
        let work = async move { submit::submit(&desk, &permit, request.into_inner()).await };
        carried_out(work).await.map(Response::new)
    }

    async fn submit_stream(
        &self,
        request: Request<Streaming<pb::SubmitStreamRequest>>,
    ) -> Result<Response<Self::SubmitStreamStream>, Status> {
        let permit = self.permit(&request, Call::Submit).await?;
        let responses = stream::start(self.clone(), permit, request.into_inner());
        Ok(Response::new(responses))
    }

    async fn list(
        &self,
        request: Request<pb::ListRequest>,
    ) -> Result<Response<pb::ListResponse>, Status> {
        let permit = self.permit(&request, Call::List).await?;
        inbox::list(self, &permit, &request.into_inner())
            .await
            .map(Response::new)
    }

    async fn show(
        &self,
        request: Request<pb::ShowRequest>,
    ) -> Result<Response<pb::ShowResponse>, Status> {
        let call = if request.get_ref().peek {
            Call::Peek
        } else {
            Call::Show
        };
        let permit = self.permit(&request, call).await?;
        let desk = self.clone();
        let work = async move { thread::show(&desk, &permit, request.into_inner()).await };
        carried_out(work).await.map(Response::new)
    }

    async fn track(
        &self,
        request: Request<pb::TrackRequest>,
    ) -> Result<Response<pb::TrackResponse>, Status> {
        let permit = self.permit(&request, Call::Track).await?;
        thread::track(self, &permit, &request.into_inner())
            .await
            .map(Response::new)
    }

    async fn resume(
        &self,
        request: Request<pb::ResumeRequest>,
    ) -> Result<Response<pb::ResumeResponse>, Status> {
        let permit = self.permit(&request, Call::Resume).await?;
        let desk = self.clone();
        let work = async move { resume::resume(&desk, &permit, request.into_inner()).await };
        carried_out(work).await.map(Response::new)
    }

    async fn watch(
        &self,
        request: Request<pb::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        self.permit(&request, Call::Watch).await?;
        watch::start(self.clone(), &request.into_inner()).map(Response::new)
    }

    async fn links(
        &self,
        request: Request<pb::LinksRequest>,
    ) -> Result<Response<pb::LinksResponse>, Status> {
        self.permit(&request, Call::Links).await?;
        Ok(Response::new(
            overview::links(self, &request.into_inner()).await,
        ))
    }

    async fn status(
        &self,
        request: Request<pb::StatusRequest>,
    ) -> Result<Response<pb::StatusResponse>, Status> {
        let permit = self.permit(&request, Call::Status).await?;
        overview::status(self, &permit).await.map(Response::new)
    }

    async fn audit_list(
        &self,
        request: Request<pb::AuditListRequest>,
    ) -> Result<Response<pb::AuditListResponse>, Status> {
        let permit = self.permit(&request, Call::AuditList).await?;
        let desk = self.clone();
        let work = async move { audit::list(&desk, &permit, &request.into_inner()).await };
        carried_out(work).await.map(Response::new)
    }

    async fn keep_drafts(
        &self,
        request: Request<pb::KeepDraftsRequest>,
    ) -> Result<Response<pb::KeepDraftsResponse>, Status> {
        let permit = self.permit(&request, Call::KeepDrafts).await?;
        let desk = self.clone();
        let work = async move { submit::keep(&desk, &permit, &request.into_inner()).await };
        carried_out(work).await.map(Response::new)
    }

    async fn list_drafts(
        &self,
        request: Request<pb::ListDraftsRequest>,
    ) -> Result<Response<pb::ListDraftsResponse>, Status> {
        let permit = self.permit(&request, Call::ListDrafts).await?;
        drafts::list(self, &permit, &request.into_inner())
            .await
            .map(Response::new)
    }

    async fn show_draft(
        &self,
        request: Request<pb::ShowDraftRequest>,
    ) -> Result<Response<pb::ShowDraftResponse>, Status> {
        let permit = self.permit(&request, Call::ShowDraft).await?;
        let desk = self.clone();
        let work = async move { drafts::show(&desk, &permit, &request.into_inner()).await };
        carried_out(work).await.map(Response::new)
    }

    async fn release_draft(
        &self,
        request: Request<pb::ReleaseDraftRequest>,
    ) -> Result<Response<pb::ReleaseDraftResponse>, Status> {
        let permit = match self.permit(&request, Call::ReleaseDraft).await {
            Ok(permit) => permit,
            Err(refused) => return Err(drafts::unseen(self, &request, refused).await),
        };
        let desk = self.clone();
        let work = async move { drafts::release(&desk, &permit, &request.into_inner()).await };
        carried_out(work).await.map(Response::new)
    }

    async fn return_draft(
        &self,
        request: Request<pb::ReturnDraftRequest>,
    ) -> Result<Response<pb::ReturnDraftResponse>, Status> {
        let permit = self.permit(&request, Call::ReturnDraft).await?;
        let desk = self.clone();
        let work = async move { drafts::give_back(&desk, &permit, &request.into_inner()).await };
        carried_out(work).await.map(Response::new)
    }

    async fn discard_draft(
        &self,
        request: Request<pb::DiscardDraftRequest>,
    ) -> Result<Response<pb::DiscardDraftResponse>, Status> {
        let permit = self.permit(&request, Call::DiscardDraft).await?;
        let desk = self.clone();
        let work = async move { drafts::discard(&desk, &permit, &request.into_inner()).await };
        carried_out(work).await.map(Response::new)
    }

    async fn offers(
        &self,
        request: Request<pb::OffersRequest>,
    ) -> Result<Response<pb::OffersResponse>, Status> {
        self.permit(&request, Call::Offers).await?;
        offers::list(self, &request.into_inner())
            .await
            .map(Response::new)
    }

    async fn decline_offer(
        &self,
        request: Request<pb::DeclineOfferRequest>,
    ) -> Result<Response<pb::DeclineOfferResponse>, Status> {
        let permit = self.permit(&request, Call::DeclineOffer).await?;
        let desk = self.clone();
        let work = async move { offers::decline(&desk, &permit, &request.into_inner()).await };
        carried_out(work).await.map(Response::new)
    }

    async fn restrict(
        &self,
        request: Request<pb::RestrictRequest>,
    ) -> Result<Response<pb::RestrictResponse>, Status> {
        let permit = self.permit(&request, Call::Restrict).await?;
        let desk = self.clone();
        let work = async move { units::restrict(&desk, &permit, &request.into_inner()).await };
        carried_out(work).await.map(Response::new)
    }

    async fn open_work(
        &self,
        request: Request<pb::OpenWorkRequest>,
    ) -> Result<Response<pb::OpenWorkResponse>, Status> {
        let permit = self.permit(&request, Call::OpenWork).await?;
        handover::open_work(self, &permit).await.map(Response::new)
    }

    async fn hand_over(
        &self,
        request: Request<pb::HandOverRequest>,
    ) -> Result<Response<pb::HandOverResponse>, Status> {
        let permit = self.permit(&request, Call::HandOver).await?;
        let desk = self.clone();
        let work = async move { handover::give(&desk, &permit, request.into_inner()).await };
        carried_out(work).await.map(Response::new)
    }

    async fn show_handover(
        &self,
        request: Request<pb::ShowHandoverRequest>,
    ) -> Result<Response<pb::ShowHandoverResponse>, Status> {
        let permit = self.permit(&request, Call::ShowHandover).await?;
        handover::show(self, &permit, &request.into_inner())
            .await
            .map(Response::new)
    }

    async fn take_over(
        &self,
        request: Request<pb::TakeOverRequest>,
    ) -> Result<Response<pb::TakeOverResponse>, Status> {
        let permit = self.permit(&request, Call::TakeOver).await?;
        let desk = self.clone();
        let work = async move { handover::take(&desk, &permit, &request.into_inner()).await };
        carried_out(work).await.map(Response::new)
    }

    async fn exercise_report(
        &self,
        request: Request<pb::ExerciseReportRequest>,
    ) -> Result<Response<pb::ExerciseReportResponse>, Status> {
        self.permit(&request, Call::ExerciseReport).await?;
        exercise::report(self, &request.into_inner())
            .await
            .map(Response::new)
    }

    async fn audit_export(
        &self,
        request: Request<pb::AuditExportRequest>,
    ) -> Result<Response<Self::AuditExportStream>, Status> {
        let permit = self.permit(&request, Call::AuditExport).await?;
        let desk = self.clone();
        let work = async move { export::start(&desk, &permit, &request.into_inner()).await };
        carried_out(work).await.map(Response::new)
    }

    async fn carry(
        &self,
        request: Request<pb::CarryRequest>,
    ) -> Result<Response<Self::CarryStream>, Status> {
        let permit = self.permit(&request, Call::Carry).await?;
        let desk = self.clone();
        let work = async move { carry::bundle(&desk, &permit, &request.into_inner()).await };
        carried_out(work).await.map(Response::new)
    }

    async fn report_carried(
        &self,
        request: Request<pb::ReportCarriedRequest>,
    ) -> Result<Response<pb::ReportCarriedResponse>, Status> {
        let permit = self.permit(&request, Call::ReportCarried).await?;
        let desk = self.clone();
        let work = async move { carry::report(&desk, &permit, request.into_inner()).await };
        carried_out(work).await.map(Response::new)
    }

    async fn statistics(
        &self,
        request: Request<pb::StatisticsRequest>,
    ) -> Result<Response<pb::StatisticsResponse>, Status> {
        self.permit(&request, Call::Statistics).await?;
        statistics::answer(self, &request.into_inner())
            .await
            .map(Response::new)
    }

    async fn count_at_home(
        &self,
        request: Request<pb::CountAtHomeRequest>,
    ) -> Result<Response<pb::CountAtHomeResponse>, Status> {
        let permit = self.permit(&request, Call::CountAtHome).await?;
        let desk = self.clone();
        let work = async move { statistics::at_home(&desk, &permit, &request.into_inner()).await };
        carried_out(work).await.map(Response::new)
    }

    async fn prepare_return(
        &self,
        request: Request<pb::PrepareReturnRequest>,
    ) -> Result<Response<pb::PrepareReturnResponse>, Status> {
        self.permit(&request, Call::PrepareReturn).await?;
        statistics::prepare(self, request.into_inner())
            .await
            .map(Response::new)
    }

    async fn call_test(
        &self,
        request: Request<pb::CallTestRequest>,
    ) -> Result<Response<pb::CallTestResponse>, Status> {
        self.permit(&request, Call::CallTest).await?;
        let desk = self.clone();
        let work = async move { calls::test(&desk).await };
        carried_out(work).await.map(Response::new)
    }
}

/// Runs work to its end, whether or not the caller waits for it.
pub(super) async fn carried_out<T: Send + 'static>(
    work: impl Future<Output = Result<T, Status>> + Send + 'static,
) -> Result<T, Status> {
    tokio::spawn(work).await.unwrap_or_else(|error| {
        tracing::error!(%error, "a desk call ended in a fault of the program");
        Err(Status::internal("a fault of the node: see its log"))
    })
}

/// A broker's word, for the own staff.
pub(super) fn submit_failed(error: &SubmitError) -> Status {
    match error {
        SubmitError::Refused { reason, detail } => refusal(*reason, detail.clone()),
        SubmitError::Store(error) => store_failed(error),
    }
}

/// The node is about to exit: nothing of this call is acknowledged.
pub(super) fn store_failed(error: &StoreFailed) -> Status {
    tracing::error!(%error, "a desk call met a failed store");
    refusal(
        Reason::Stopping,
        "the node's store has failed and the node stops; nothing was accepted",
    )
}

/// A kept body that cannot be read.
pub(super) fn read_failed(error: &ReadError) -> Status {
    tracing::error!(%error, "a kept entry cannot be read");
    refusal(Reason::DamagedBody, Reason::DamagedBody.meaning())
}

fn actor_failed(error: ActorFault) -> Status {
    match error {
        ActorFault::Store(error) => store_failed(&error),
        ActorFault::Pseudonym(error) => {
            tracing::error!(%error, "a caller has no pseudonym");
            Status::internal("a fault of the node: see its log")
        }
    }
}
