//! A node's life: open, listen, serve, drain, close.
//!
//! When its store fails, the node ends at once and acknowledges nothing more (invariant I1).

use std::{
    io::Write as _,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::{Notify, watch},
    task::JoinSet,
    time::timeout,
};

use super::{
    config::{self, Config},
    error::NodeError,
    metrics,
    ops::{self, Ops},
    parts::{self, Parts},
    serving::Serving,
    system::SystemClock,
    telemetry,
};
use crate::{
    delivery::Broker,
    domain::{limits::DRAIN_TIMEOUT, time::Clock},
    store::{Store, StoreFailed},
    trust::tls::Connections,
};

/// Runs a node until SIGTERM or SIGINT, or until it fails; SIGHUP has it look at its files at once. Prints one line, `ready exchange=ADDR desk=ADDR
/// ops=ADDR`, when it serves. Has threads of its own: may be called from anywhere.
///
/// # Errors
/// Why it did not start, or stopped: [`NodeError::exit`] names the exit code.
pub fn serve(config: &Path) -> Result<(), NodeError> {
    let config = config::check(config)?;
    telemetry::start(&config.log)?;
    let whole_life = move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| NodeError::Runtime(error.to_string()))?;
        let ended = runtime.block_on(live(config));
        // After a failed store nothing is waited for.
        runtime.shutdown_background();
        ended
    };
    thread::Builder::new()
        .name("node".to_owned())
        .spawn(whole_life)
        .map_err(|error| NodeError::Runtime(error.to_string()))?
        .join()
        .unwrap_or_else(|_| Err(NodeError::Runtime("a fault of the program".to_owned())))
}

async fn live(config: Config) -> Result<(), NodeError> {
    let signal_error = |error: std::io::Error| NodeError::Runtime(error.to_string());
    let mut terminate = signal(SignalKind::terminate()).map_err(signal_error)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(signal_error)?;
    let mut hang_up = signal(SignalKind::hangup()).map_err(signal_error)?;
    let mut node = Node::start(config).await?;
    let at = node.addresses();
    let ready = format!(
        "ready exchange={} desk={} ops={}\n",
        at.exchange, at.desk, at.ops
    );
    let mut out = std::io::stdout();
    if out
        .write_all(ready.as_bytes())
        .and_then(|()| out.flush())
        .is_err()
    {
        tracing::warn!("nobody reads standard output");
    }
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            Some(()) = hang_up.recv() => node.look_at_files(),
            error = node.failed() => return Err(error),
        }
    }
    tracing::info!("stopping");
    node.stop().await
}

/// Where a node listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// For other authorities.
    pub exchange: SocketAddr,
    /// For the own staff.
    pub desk: SocketAddr,
    /// For monitoring.
    pub ops: SocketAddr,
}

/// A node that serves.
pub struct Node {
    addresses: Addresses,
    broker: Broker,
    store: Store,
    ready: Arc<AtomicBool>,
    stop: watch::Sender<bool>,
    listeners: JoinSet<NodeError>,
    helpers: JoinSet<()>,
    /// Of the exchange and of the desk.
    connections: [Connections; 2],
    wake: Arc<Notify>,
}

impl Node {
    /// Opens everything, then serves. Wants a tokio runtime.
    ///
    /// # Errors
    /// Names what is wrong and the fix; then nothing was served.
    pub async fn start(config: Config) -> Result<Self, NodeError> {
        let config = Arc::new(config);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        // Ports first: a second node on this machine is told before it touches the store.
        let sockets = Sockets::bind(&config).await?;
        let opening = {
            let (config, clock) = (Arc::clone(&config), Arc::clone(&clock));
            tokio::task::spawn_blocking(move || parts::open(&config, &clock))
        };
        let parts = opening
            .await
            .map_err(|error| NodeError::Runtime(error.to_string()))??;
        Self::serve(config, clock, parts, sockets).await
    }

    async fn serve(
        config: Arc<Config>,
        clock: Arc<dyn Clock>,
        parts: Parts,
        mut sockets: Sockets,
    ) -> Result<Self, NodeError> {
        // Listened to before anything can happen, so that nothing is missed.
        let events = parts.store.subscribe();
        let called_for = parts.store.subscribe();
        let serving = Serving::begin(config, clock, parts, &sockets.ops, &sockets.stop);
        // The broker journals start and stop; the directory in force must stand there before anything is served.
        serving.broker.adopt_directory().await?;
        let listeners = &mut sockets.listeners;
        listeners.spawn(serving.exchange(sockets.exchange));
        listeners.spawn(serving.desk(sockets.desk));
        let mut helpers = JoinSet::new();
        helpers.spawn(metrics::follow(sockets.ops.metrics.clone(), events));
        let wake = Arc::new(Notify::new());
        helpers.spawn(serving.reload(&wake).run());
        helpers.spawn(serving.catch_up().run());
        helpers.spawn(serving.calling.clone().run(called_for));
        sockets.ops.ready.store(true, Ordering::SeqCst);
        Ok(Self {
            addresses: sockets.addresses,
            broker: serving.broker,
            store: serving.store,
            ready: sockets.ops.ready,
            stop: sockets.stop,
            listeners: sockets.listeners,
            helpers,
            connections: [serving.connections, serving.desk_connections],
            wake,
        })
    }

    /// Where it listens; with port 0 configured, the ports taken.
    #[must_use]
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Has it look at all its files now, changed or not.
    pub fn look_at_files(&self) {
        self.wake.notify_one();
    }

    /// Resolves when the node must end by itself: its store has failed, or a listener has.
    pub async fn failed(&mut self) -> NodeError {
        tokio::select! {
            error = self.store.failed() => NodeError::Store(error),
            Some(ended) = self.listeners.join_next() => ended
                .unwrap_or_else(|error| NodeError::Runtime(error.to_string())),
        }
    }

    /// Drains and closes in order: nothing new, what is under way, listeners, and last the store.
    ///
    /// # Errors
    /// When the store fails while it closes.
    pub async fn stop(mut self) -> Result<(), NodeError> {
        self.ready.store(false, Ordering::SeqCst);
        self.broker.stop().await;
        // Listeners end only after a change: a failed send means that they have ended.
        let _ = self.stop.send(true);
        let drained = async { while self.listeners.join_next().await.is_some() {} };
        if timeout(DRAIN_TIMEOUT / 5, drained).await.is_err() {
            tracing::info!("open streams are cut");
        }
        self.listeners.shutdown().await;
        // A partner must see at once that nobody is there: its stream would stand, and its heartbeats come back.
        let cut: usize = self.connections.iter().map(Connections::close_all).sum();
        tracing::debug!(cut, "connections were closed");
        self.helpers.shutdown().await;
        drop(self.broker);
        self.store.close().await.map_err(StoreFailed::into)
    }
}

/// The listening sockets. Ops is served from the first moment on.
struct Sockets {
    exchange: TcpListener,
    desk: TcpListener,
    addresses: Addresses,
    ops: Ops,
    listeners: JoinSet<NodeError>,
    stop: watch::Sender<bool>,
}

impl Sockets {
    async fn bind(config: &Config) -> Result<Self, NodeError> {
        let (exchange, exchange_at) = bound("exchange", config.exchange.listen).await?;
        let (desk, desk_at) = bound("desk", config.desk.listen).await?;
        let (ops_socket, ops_at) = bound("ops", config.ops.listen).await?;
        let (stop, stopping) = watch::channel(false);
        let ops = Ops::default();
        let mut listeners = JoinSet::new();
        let (shown, end) = (ops.clone(), ended(stopping));
        listeners.spawn(async move { told("ops", ops::serve(shown, ops_socket, end).await) });
        Ok(Self {
            exchange,
            desk,
            addresses: Addresses {
                exchange: exchange_at,
                desk: desk_at,
                ops: ops_at,
            },
            ops,
            listeners,
            stop,
        })
    }
}

async fn bound(
    listener: &'static str,
    address: SocketAddr,
) -> Result<(TcpListener, SocketAddr), NodeError> {
    let refused = |source| NodeError::Listen {
        listener,
        address,
        source,
    };
    let socket = TcpListener::bind(address).await.map_err(refused)?;
    let address = socket.local_addr().map_err(refused)?;
    Ok((socket, address))
}

pub(super) async fn ended(mut stopping: watch::Receiver<bool>) {
    // An error means that the node itself is gone: that is an end too.
    let _ = stopping.wait_for(|stop| *stop).await;
}

pub(super) fn told<E: std::fmt::Display>(
    listener: &'static str,
    ended: Result<(), E>,
) -> NodeError {
    let why = ended.map_or_else(|error| error.to_string(), |()| "it was stopped".to_owned());
    NodeError::Listener(listener, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_in_use_is_named_with_its_listener() {
        let (_socket, taken) = bound("desk", SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .expect("a free port");
        let error = bound("ops", taken).await.expect_err("in use").to_string();
        assert!(error.contains("ops.listen") && error.contains(&taken.to_string()));
    }
}
