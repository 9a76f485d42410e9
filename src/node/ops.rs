//! The ops listener: `/metrics`, `/healthz`, `/readyz` over plain HTTP/1. Shows counts and authorities only.

use std::{
    future::Future,
    io,
    sync::{
        Arc,
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
use tokio::net::TcpListener;

use super::metrics::Metrics;
use crate::{delivery::Broker, store::Store};

/// What the listener shows.
#[derive(Clone)]
pub(super) struct Ops {
    pub(super) metrics: Metrics,
    pub(super) broker: Broker,
    pub(super) store: Store,
    /// True between the end of the start and the beginning of the stop.
    pub(super) ready: Arc<AtomicBool>,
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
    let figures = ops.store.figures();
    match ops.metrics.text(figures, &ops.broker.links()) {
        Ok(text) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn ready(State(ops): State<Ops>) -> (StatusCode, &'static str) {
    if !ops.ready.load(Ordering::SeqCst) {
        (StatusCode::SERVICE_UNAVAILABLE, "not serving\n")
    } else if ops.store.has_room() {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "STORE_FULL\n")
    }
}
