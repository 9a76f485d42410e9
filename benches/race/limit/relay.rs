//! One bidirectional stream, by hand: the bench compiles no protocol of its own.

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
};

use http::uri::PathAndQuery;
use tokio::sync::mpsc;
use tokio_stream::{StreamExt as _, wrappers::UnboundedReceiverStream};
use tonic::{
    Request, Response, Status, Streaming, body::Body, codegen::BoxFuture, server::StreamingService,
};
use tonic_prost::ProstCodec;

use super::{Bodies, Reply};

const PATH: &str = "/limit.Relay/Flow";

/// Where a reply goes: the stream that its message came on.
pub type ReplySender = mpsc::UnboundedSender<Result<Reply, Status>>;
type ReplyStream = UnboundedReceiverStream<Result<Reply, Status>>;

/// Takes what comes on a stream.
pub trait Taker: Send + Sync + 'static {
    fn take(&self, bodies: Bodies, reply: ReplySender);
}

/// The service in front of a taker.
pub struct Relay<T>(pub Arc<T>);

impl<T> Clone for Relay<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> tonic::server::NamedService for Relay<T> {
    const NAME: &'static str = "limit.Relay";
}

impl<T: Taker> tower::Service<http::Request<Body>> for Relay<T> {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let flow = Flow(Arc::clone(&self.0));
        Box::pin(async move {
            let codec = ProstCodec::default();
            let mut grpc = tonic::server::Grpc::new(codec).max_decoding_message_size(16 << 20);
            Ok(grpc.streaming(flow, request).await)
        })
    }
}

struct Flow<T>(Arc<T>);

impl<T: Taker> StreamingService<Bodies> for Flow<T> {
    type Response = Reply;
    type ResponseStream = ReplyStream;
    type Future = BoxFuture<Response<ReplyStream>, Status>;

    fn call(&mut self, request: Request<Streaming<Bodies>>) -> Self::Future {
        let taker = Arc::clone(&self.0);
        Box::pin(async move {
            let (sender, receiver) = mpsc::unbounded_channel();
            let mut incoming = request.into_inner();
            tokio::spawn(async move {
                while let Some(Ok(bodies)) = incoming.next().await {
                    if !bodies.bodies.is_empty() {
                        taker.take(bodies, sender.clone());
                    }
                }
            });
            Ok(Response::new(UnboundedReceiverStream::new(receiver)))
        })
    }
}

/// Opens the stream to a node.
pub async fn open(
    channel: tonic::transport::Channel,
    outgoing: mpsc::UnboundedReceiver<Bodies>,
    max_bytes: usize,
) -> Result<Streaming<Reply>, Status> {
    let mut grpc = tonic::client::Grpc::new(channel).max_decoding_message_size(max_bytes);
    grpc.ready()
        .await
        .map_err(|error| Status::unavailable(error.to_string()))?;
    let request = Request::new(UnboundedReceiverStream::new(outgoing));
    let path = PathAndQuery::from_static(PATH);
    Ok(grpc
        .streaming(request, path, ProstCodec::<Bodies, Reply>::default())
        .await?
        .into_inner())
}
