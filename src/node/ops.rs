//! The ops listener: `/metrics`, `/healthz`, `/readyz` over plain HTTP/1. Shows counts and authorities only.
//!
//! It listens while the node still opens its store, so that monitoring sees a start that takes long as what it is.

use std::{
    future::Future,
    io,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use futures_util::FutureExt as _;
use tokio::net::TcpListener;

use super::{
    expiry::Expiries,
    metrics::{Metrics, Present},
    reload::Book,
};
use crate::{
    calling::Calling,
    delivery::{Broker, LinkState},
    domain::{
        id::AuthorityId,
        routing::{Lane, Queue},
    },
    store::{Store, StoreFailed},
};

/// What the listener shows.
#[derive(Clone, Default)]
pub(super) struct Ops {
    pub(super) metrics: Metrics,
    /// Set once the node has opened everything.
    pub(super) opened: Arc<OnceLock<Opened>>,
    /// True between the end of the start and the beginning of the stop.
    pub(super) ready: Arc<AtomicBool>,
}

/// What there is to look at in a node that has opened.
pub(super) struct Opened {
    pub(super) broker: Broker,
    pub(super) store: Store,
    pub(super) expiries: Expiries,
    pub(super) book: Book,
    pub(super) calling: Calling,
}

/// Serves until `stop` resolves.
pub(super) async fn serve(
    ops: Ops,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state(ops);
    axum::serve(listener, router)
        .with_graceful_shutdown(stop)
        .await
}

async fn metrics(State(ops): State<Ops>) -> Response {
    let Some(opened) = ops.opened.get() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "starting\n").into_response();
    };
    let links = opened.broker.links();
    let Ok(queued) = queued(&opened.store, &links).await else {
        return (StatusCode::SERVICE_UNAVAILABLE, STORE_FAILED).into_response();
    };
    let present = Present {
        figures: opened.store.figures(),
        links: &links,
        queued: &queued,
        expiries: &opened.expiries.all(),
        loaded: &opened.book.list(),
        ways: &opened.calling.ways(),
        directory_version: opened.expiries.directory.load().version(),
    };
    match ops.metrics.text(&present) {
        Ok(text) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// What waits for each partner to whom lanes are kept.
async fn queued(
    store: &Store,
    links: &[LinkState],
) -> Result<Vec<(AuthorityId, Lane, Queue, u64)>, StoreFailed> {
    let reading = store.read(|ledger| {
        let of = |link: &LinkState| {
            let peer = link.authority;
            let places = Lane::ALL
                .iter()
                .flat_map(|lane| Queue::ALL.iter().map(|queue| (*lane, *queue)));
            places
                .map(move |(lane, queue)| (peer, lane, queue, ledger.queued_in(&peer, lane, queue)))
        };
        links.iter().flat_map(of).collect()
    });
    reading.await
}

const STORE_FAILED: &str = "the store has failed\n";

async fn ready(State(ops): State<Ops>) -> Response {
    let (code, said) = readiness(&ops);
    (code, said).into_response()
}

fn readiness(ops: &Ops) -> (StatusCode, String) {
    let unavailable = |why: &str| (StatusCode::SERVICE_UNAVAILABLE, why.to_owned());
    let store = ops.opened.get().map(|opened| &opened.store);
    let Some(store) = store.filter(|_| ops.ready.load(Ordering::SeqCst)) else {
        return unavailable("not serving\n");
    };
    if store.failed().now_or_never().is_some() {
        return unavailable(STORE_FAILED);
    }
    if !store.has_room() {
        return unavailable("STORE_FULL\n");
    }
    // It serves all the same: what is lost comes back while it does, or not at all.
    match store.loss().missing.len() {
        0 => (StatusCode::OK, "ready\n".to_owned()),
        missing => (StatusCode::OK, format!("ready\nENTRY_MISSING {missing}\n")),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn before_anything_is_open_the_node_is_healthy_and_not_ready() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let at = listener.local_addr().expect("bound");
        tokio::spawn(serve(Ops::default(), listener, std::future::pending()));
        for (path, code) in [("/healthz", "200"), ("/readyz", "503"), ("/metrics", "503")] {
            let mut socket = tokio::net::TcpStream::connect(at)
                .await
                .expect("it listens");
            let request = format!("GET {path} HTTP/1.1\r\nHost: ops\r\nConnection: close\r\n\r\n");
            socket.write_all(request.as_bytes()).await.expect("sent");
            let mut answer = String::new();
            socket.read_to_string(&mut answer).await.expect("answered");
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {code}")),
                "{path}: {answer}"
            );
        }
    }
}
