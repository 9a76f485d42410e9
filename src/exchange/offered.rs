//! What this port does not offer: another service or method, or a compressed message (threats, rows 28 and 60).
//!
//! The way in is [`Offered`], a layer around the service. The library answers such calls by itself and tells nobody; here
//! they get a named reason and their entry in the journal, like everything that is refused after TLS.

use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use http::{Request, Response};
use tonic::{Code, Status, body::Body};
use tower::{Layer, Service};

use super::status;
use crate::{delivery::Broker, domain::reason::Reason, trust::tls::PeerIdentity};

/// Watches what the service answers.
#[derive(Clone)]
pub(super) struct Offered {
    /// Journals what is refused.
    pub(super) broker: Broker,
}

impl<S> Layer<S> for Offered {
    type Service = Watched<S>;

    fn layer(&self, inner: S) -> Watched<S> {
        let broker = self.broker.clone();
        Watched { inner, broker }
    }
}

/// A service that is watched.
#[derive(Clone)]
pub(super) struct Watched<S> {
    inner: S,
    broker: Broker,
}

impl<S> Service<Request<Body>> for Watched<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let identity = request.extensions().get::<PeerIdentity>();
        let peer = identity.map(PeerIdentity::authority);
        let answering = self.inner.call(request);
        let broker = self.broker.clone();
        Box::pin(async move {
            let answer = answering.await?;
            if !is_the_librarys(&answer) {
                return Ok(answer);
            }
            if let Some(peer) = peer {
                broker.refused(peer, Reason::NotOffered).await;
            }
            Ok(status::to_peer(Reason::NotOffered).into_http())
        })
    }
}

/// UNIMPLEMENTED as the library says it: without a reason of ours.
fn is_the_librarys(answer: &Response<Body>) -> bool {
    let status = Status::from_header_map(answer.headers());
    status.is_some_and(|it| it.code() == Code::Unimplemented && it.details().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_library_does_not_know_is_given_our_name() {
        let library: Response<Body> = Status::unimplemented("").into_http();
        assert!(is_the_librarys(&library));
        for answer in [
            status::to_peer(Reason::NotOffered).into_http(),
            status::to_peer(Reason::PeerSuspended).into_http(),
            Status::internal("").into_http(),
            Response::new(Body::empty()),
        ] {
            assert!(!is_the_librarys(&answer));
        }
    }
}
